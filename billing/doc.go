// Package billing is subscription billing on Stripe and PostgreSQL.
package billing
