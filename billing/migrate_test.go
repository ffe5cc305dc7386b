package billing_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/pgtest"
)

func migrate(t *testing.T, pool *pgxpool.Pool, version int32) {
	t.Helper()
	conn, err := pool.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if err := billing.Migrate(context.Background(), conn.Conn(), version); err != nil {
		t.Fatal(err)
	}
}

// catalog lists everything that a schema holds: columns, indexes, constraints, triggers, functions, and enum values.
func catalog(t *testing.T, pool *pgxpool.Pool) string {
	t.Helper()
	var all []string
	for _, query := range []string{
		`SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') FROM information_schema.columns WHERE table_schema = 'public'`,
		`SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'`,
		`SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace`,
		`SELECT 'trigger ' || tgrelid::regclass || ' ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal`,
		`SELECT 'function ' || proname || ' ' || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
		`SELECT 'enum ' || enumtypid::regtype || ' ' || enumlabel FROM pg_enum`,
	} {
		rows, err := pool.Query(context.Background(), query+" ORDER BY 1")
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, lines...)
	}
	return strings.Join(all, "\n")
}

// spec:subscription-billing/4.2
func Test01_MigrationCanBeTakenBack(t *testing.T) {
	pool, _ := pgtest.New(t)
	migrate(t, pool, -1)
	first := catalog(t, pool)
	migrate(t, pool, 0)
	if empty := catalog(t, pool); strings.Contains(empty, "subscription") || strings.Contains(empty, "audit") || strings.Contains(empty, "enum") {
		t.Errorf("something is left behind:\n%s", empty)
	}
	migrate(t, pool, -1)
	if again := catalog(t, pool); again != first {
		t.Errorf("the schema differs after down and up:\n%s\n--- first:\n%s", again, first)
	}
	if !strings.Contains(first, "subscriptions_one_live") {
		t.Errorf("the catalogue does not show the index on live subscriptions:\n%s", first)
	}
}

const insertSubscription = `INSERT INTO subscriptions (user_id, plan, status, stripe_customer_id, stripe_subscription_id, price_id, unit_amount, currency, interval_days, current_period_start, current_period_end)
	VALUES ($1, $2, $3::text::subscription_status, 'cus_1', $4, 'price_1', 2900, $5, 30, now(), now())`

func newUser(t *testing.T, pool *pgxpool.Pool) (id string) {
	t.Helper()
	if err := pool.QueryRow(context.Background(), "INSERT INTO users DEFAULT VALUES RETURNING id").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// spec:subscription-billing/4.1
func TestH02_SchemaHoldsEveryStatusAndOnlyKnownPlans(t *testing.T) {
	pool, _ := pgtest.New(t)
	migrate(t, pool, -1)
	ctx := context.Background()
	for i, status := range []string{"incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused"} {
		if _, err := pool.Exec(ctx, insertSubscription, newUser(t, pool), "monthly", status, fmt.Sprint("sub_", i), "usd"); err != nil {
			t.Errorf("status %s: %v", status, err)
		}
	}
	for name, args := range map[string][]any{
		"plan":     {newUser(t, pool), "weekly", "active", "sub_a", "usd"},
		"status":   {newUser(t, pool), "monthly", "sleeping", "sub_b", "usd"},
		"currency": {newUser(t, pool), "monthly", "active", "sub_c", "eur"},
		"user":     {"00000000-0000-0000-0000-000000000000", "monthly", "active", "sub_d", "usd"},
	} {
		if _, err := pool.Exec(ctx, insertSubscription, args...); err == nil {
			t.Errorf("an unknown %s was stored", name)
		}
	}
	var status string
	if _, err := pool.Exec(ctx, `INSERT INTO subscriptions (user_id, plan, stripe_customer_id, stripe_subscription_id, price_id, unit_amount, currency, interval_days, current_period_start, current_period_end) VALUES ($1, 'annual', 'c', 'sub_default', 'p', 1, 'usd', 365, now(), now())`, newUser(t, pool)); err != nil {
		t.Fatal(err)
	}
	if err := pool.QueryRow(ctx, "SELECT status FROM subscriptions WHERE stripe_subscription_id = 'sub_default'").Scan(&status); err != nil || status != "incomplete" {
		t.Errorf("the default status is %q (%v), want incomplete", status, err)
	}
}
