package billing_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/pgtest"
)

func sample(user, id string, status billing.Status) billing.Subscription {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return billing.Subscription{UserID: user, StripeID: id, CustomerID: "cus_" + user, ItemID: "si_1", PriceID: "price_monthly", Plan: billing.Monthly, Status: status, UnitAmount: 2900,
		Currency: "usd", IntervalDays: 30, CurrentPeriodStart: start, CurrentPeriodEnd: start.AddDate(0, 0, 30)}
}

func save(t *testing.T, store *billing.Store, sub billing.Subscription) (changed bool, err error) {
	t.Helper()
	err = store.InTx(context.Background(), func(tx pgx.Tx) error {
		changed, err = store.Save(context.Background(), tx, sub, "test")
		return err
	})
	return changed, err
}

// spec:subscription-billing/3.6
func TestTerminalStatesAreNeverLeft(t *testing.T) {
	pool, _ := pgtest.New(t)
	migrate(t, pool, -1)
	store := billing.NewStore(pool)
	for _, end := range []billing.Status{billing.Canceled, billing.IncompleteExpired} {
		user := newUser(t, pool)
		id := "sub_" + string(end)
		if _, err := save(t, store, sample(user, id, billing.Incomplete)); err != nil {
			t.Fatal(err)
		}
		if _, err := save(t, store, sample(user, id, end)); err != nil {
			t.Fatal(err)
		}
		for _, later := range []billing.Status{billing.Active, billing.Trialing, billing.PastDue, billing.Incomplete} {
			if changed, err := save(t, store, sample(user, id, later)); err != nil || changed {
				t.Errorf("%s became %s (changed %v, error %v)", end, later, changed, err)
			}
		}
		got, err := store.ByStripeID(context.Background(), id)
		if err != nil || got.Status != end {
			t.Errorf("status %v (%v), want %s", got, err, end)
		}
	}
}

// spec:subscription-billing/4.3
func TestAuditLogHoldsEveryChangeAndCannotBeChanged(t *testing.T) {
	pool, _ := pgtest.New(t)
	migrate(t, pool, -1)
	store, ctx := billing.NewStore(pool), context.Background()
	sub := sample(newUser(t, pool), "sub_1", billing.Active)
	for i := range 3 { // the same news three times is one change
		if changed, err := save(t, store, sub); err != nil || changed != (i == 0) {
			t.Fatalf("save %d: changed %v, error %v", i, changed, err)
		}
	}
	sub.CancelAtPeriodEnd = true
	if _, err := save(t, store, sub); err != nil {
		t.Fatal(err)
	}
	var rows int
	var source, before, after string
	if err := pool.QueryRow(ctx, "SELECT count(*) FROM audit_logs").Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d audit rows (%v), want 2", rows, err)
	}
	if err := pool.QueryRow(ctx, "SELECT source, \"from\"->>'cancel_at_period_end', \"to\"->>'cancel_at_period_end' FROM audit_logs ORDER BY id DESC LIMIT 1").Scan(&source, &before, &after); err != nil || source != "test" || before != "false" || after != "true" {
		t.Errorf("last row: %q %q %q (%v)", source, before, after, err)
	}
	for _, statement := range []string{"UPDATE audit_logs SET source = 'x'", "DELETE FROM audit_logs", "TRUNCATE audit_logs"} {
		if _, err := pool.Exec(ctx, statement); err == nil {
			t.Errorf("%s succeeded", statement)
		}
	}
}

// spec:subscription-billing/4.4
func TestOneLiveSubscriptionAUser(t *testing.T) {
	pool, _ := pgtest.New(t)
	migrate(t, pool, -1)
	store := billing.NewStore(pool)
	user := newUser(t, pool)
	if _, err := save(t, store, sample(user, "sub_1", billing.Active)); err != nil {
		t.Fatal(err)
	}
	for _, status := range []billing.Status{billing.Trialing, billing.Active, billing.PastDue, billing.Unpaid, billing.Paused} {
		if _, err := save(t, store, sample(user, "sub_2", status)); !errors.Is(err, billing.ErrSecondSubscription) {
			t.Errorf("a second subscription that is %s: error %v", status, err)
		}
	}
	if _, err := save(t, store, sample(user, "sub_1", billing.Canceled)); err != nil {
		t.Fatal(err)
	}
	if _, err := save(t, store, sample(user, "sub_2", billing.Active)); err != nil {
		t.Errorf("a new subscription after the old one ended: %v", err)
	}
	got, err := store.Live(context.Background(), user)
	if err != nil || got.StripeID != "sub_2" {
		t.Errorf("live subscription %v (%v), want sub_2", got, err)
	}
	if _, err := store.Live(context.Background(), newUser(t, pool)); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("another user's: error %v, want ErrNotFound", err)
	}
}
