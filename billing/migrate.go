package billing

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schemaVersionTable is where the version of billing's schema is kept, apart from the host's own migrations.
const schemaVersionTable = "billing_schema_version"

// Migrate brings billing's schema to a version: 0 takes everything away, a negative one is the newest. The host's table
// users(id uuid) has to exist. It must not run twice at once on one database; tern holds a lock for that.
//
// spec:subscription-billing/4.1 spec:subscription-billing/4.2
func Migrate(ctx context.Context, conn *pgx.Conn, version int32) error {
	m, err := migrate.NewMigrator(ctx, conn, schemaVersionTable)
	if err != nil {
		return fmt.Errorf("preparing the migration of billing: %v", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := m.LoadMigrations(files); err != nil {
		return fmt.Errorf("reading the migrations of billing: %v", err)
	}
	if version < 0 {
		version = int32(len(m.Migrations))
	}
	if err := m.MigrateTo(ctx, version); err != nil {
		return fmt.Errorf("migrating billing to version %d: %v", version, err)
	}
	return nil
}

// Grants are the statements that give a role what billing needs at run time and no more: no table can be altered, no row
// of the audit log changed, nothing deleted. The role that migrates owns the tables, and is another one.
func Grants(role string) []string {
	name := pgx.Identifier{role}.Sanitize()
	return []string{
		"GRANT USAGE ON SCHEMA public TO " + name,
		"GRANT SELECT ON users TO " + name,
		"GRANT SELECT, INSERT, UPDATE ON stripe_customers, prices, checkout_sessions, subscriptions, quarantine, invoices, change_requests, stripe_events, outbox TO " + name,
		"GRANT SELECT, INSERT ON audit_logs TO " + name,
	}
}
