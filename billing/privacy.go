package billing

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/customer"
)

// exported are the parts of an export, each with its query; all are about one user alone.
var exported = []struct{ name, query string }{
	{"customers", `SELECT stripe_customer_id, created_at, deleted_at, erased_at FROM stripe_customers WHERE user_id = $1`},
	{"checkout_sessions", `SELECT id, plan, state, expires_at, created_at FROM checkout_sessions WHERE user_id = $1 ORDER BY created_at`},
	{"subscriptions", `SELECT * FROM subscriptions WHERE user_id = $1 ORDER BY created_at`},
	{"invoices", `SELECT * FROM invoices WHERE user_id = $1 ORDER BY created_at`},
	{"change_requests", `SELECT * FROM change_requests WHERE user_id = $1 ORDER BY created_at`},
	{"quarantine", `SELECT * FROM quarantine WHERE user_id = $1 ORDER BY created_at`},
	{"mails", `SELECT kind, payload, created_at, sent_at FROM outbox WHERE user_id = $1 ORDER BY id`},
	{"audit_logs", `SELECT * FROM audit_logs WHERE user_id = $1 ORDER BY id`},
}

// export writes everything that is kept of the user: GET → JSON, row by row. The export itself is in the audit log.
//
// spec:subscription-billing/13.1
func (a *API) export(w http.ResponseWriter, r *http.Request, userID string) error {
	if recent := a.stripe.config.Recent; recent != nil && !recent(r) {
		return &problem{status: http.StatusForbidden, text: "sign in again first"}
	}
	ctx := r.Context()
	if err := a.store.InTx(ctx, func(tx pgx.Tx) error {
		return record(ctx, tx, userID, "", "user:export", nil, map[string]bool{"exported": true})
	}); err != nil {
		return err
	}
	began := false
	err := pgx.BeginTxFunc(ctx, a.store.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Disposition", `attachment; filename="billing.json"`)
		began = true
		user, err := json.Marshal(userID)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "{\"user_id\":%s", user)
		for _, part := range exported {
			if err := exportPart(ctx, tx, w, part.name, part.query, userID); err != nil {
				return fmt.Errorf("exporting %s: %v", part.name, err)
			}
		}
		_, err = io.WriteString(w, "}\n")
		return err
	})
	if err != nil && began {
		a.log.Error("an export broke off", "user", userID, "error", err)
		panic(http.ErrAbortHandler) // half an export must not look like a whole one
	}
	return err
}

func exportPart(ctx context.Context, tx pgx.Tx, w io.Writer, name, query, userID string) error {
	rows, err := tx.Query(ctx, `SELECT row_to_json(part)::text FROM (`+query+`) AS part`, userID)
	if err != nil {
		return err
	}
	defer rows.Close()
	fmt.Fprintf(w, ",%q:[", name)
	for n := 0; rows.Next(); n++ {
		var row string
		if err := rows.Scan(&row); err != nil {
			return err
		}
		if n > 0 {
			row = "," + row
		}
		if _, err := io.WriteString(w, row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_, err = io.WriteString(w, "]")
	return err
}

// Erase erases a user: subscriptions end now, the customer is deleted at Stripe, and what events and mails hold of the
// user is taken away. Invoices and the audit log stay, which the law asks for; they name the user by id alone. Later
// events recreate nothing. An erasure that failed half way is finished by another call. ErrNotFound means that billing
// knows nothing of the user.
//
// spec:subscription-billing/13.2
func (m *Module) Erase(ctx context.Context, userID string) error {
	rows, err := m.store.pool.Query(ctx, `SELECT stripe_customer_id FROM stripe_customers WHERE user_id = $1 AND stripe_customer_id IS NOT NULL
		UNION SELECT stripe_customer_id FROM subscriptions WHERE user_id = $1 ORDER BY 1`, userID)
	if err != nil {
		return err
	}
	customers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if len(customers) == 0 {
		return ErrNotFound
	}
	rows, err = m.store.pool.Query(ctx, `SELECT id FROM checkout_sessions WHERE user_id = $1 AND state = 'open'`, userID)
	if err != nil {
		return err
	}
	open, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, id := range open { // nobody may pay while we are at it
		if err := m.API.expire(ctx, id); err != nil {
			return err
		}
	}
	rows, err = m.store.pool.Query(ctx, `SELECT stripe_subscription_id FROM subscriptions WHERE user_id = $1 AND status NOT IN ('canceled', 'incomplete_expired')`, userID)
	if err != nil {
		return err
	}
	subscriptions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, id := range subscriptions {
		if err := m.stripe.end(ctx, id); err != nil && !missingAtStripe(err) {
			return fmt.Errorf("cancelling subscription %s: %w", id, err)
		}
		if err := m.API.Sync(ctx, id, "job:erase"); err != nil && !isForeign(err) {
			return err
		}
	}
	for _, id := range customers {
		params := &stripe.CustomerParams{}
		params.Context = ctx
		if _, err := (customer.Client{B: m.stripe.backend, Key: m.stripe.config.SecretKey}).Del(id, params); err != nil && !missingAtStripe(err) {
			return fmt.Errorf("deleting customer %s: %w", id, err)
		}
	}
	err = m.store.InTx(ctx, func(tx pgx.Tx) error {
		for _, statement := range []struct {
			sql  string
			args []any
		}{
			{`UPDATE stripe_events SET payload = ` + scrubbed + `, processed_at = coalesce(processed_at, now()) WHERE customer = ANY ($1)`, []any{customers}},
			{`UPDATE checkout_sessions SET url = '', state = CASE state WHEN 'open' THEN 'expired' ELSE state END WHERE user_id = $1`, []any{userID}},
			{`UPDATE outbox SET payload = '{}', sent_at = coalesce(sent_at, now()), last_error = CASE WHEN sent_at IS NULL THEN 'erased before it was sent' ELSE last_error END WHERE user_id = $1`, []any{userID}},
			{`UPDATE invoices SET hosted_invoice_url = '' WHERE user_id = $1`, []any{userID}},
			{`UPDATE stripe_customers SET deleted_at = coalesce(deleted_at, now()), erased_at = now() WHERE user_id = $1`, []any{userID}},
		} {
			if _, err := tx.Exec(ctx, statement.sql, statement.args...); err != nil {
				return err
			}
		}
		return record(ctx, tx, userID, "", "job:erase", nil, map[string]bool{"erased": true})
	})
	m.API.changed(userID)
	return err
}
