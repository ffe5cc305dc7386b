package billing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// What the store says instead of an answer.
var (
	ErrNotFound           = errors.New("not found")                              // there is no such row, or it is another user's
	ErrBusy               = errors.New("another change is in progress")          // of the same subscription
	ErrSecondSubscription = errors.New("the user has another live subscription") // this one must not become live too
)

// A Store keeps billing's tables. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	slow chan struct{} // taken by each transaction that asks Stripe something
}

// NewStore uses a pool of connections to a database that Migrate has prepared. Half of them at most are held while Stripe
// is asked, so that deliveries are stored and pages are shown while Stripe hangs.
//
// spec:subscription-billing/14.3
func NewStore(pool *pgxpool.Pool) *Store {
	return &Store{pool: pool, slow: make(chan struct{}, max(1, pool.Config().MaxConns/2))}
}

const columns = `user_id::text, stripe_subscription_id, stripe_customer_id, stripe_item_id, stripe_schedule_id, price_id, plan, status::text, unit_amount, currency, interval_days,
	coalesce(pending_plan, ''), current_period_start, current_period_end, cancel_at_period_end, coalesce(cancel_at, 'epoch'), coalesce(trial_end, 'epoch'), coalesce(canceled_at, 'epoch'), coalesce(ended_at, 'epoch'), synced_at,
	EXISTS (SELECT FROM quarantine q WHERE q.stripe_subscription_id = subscriptions.stripe_subscription_id AND q.released_at IS NULL)`

func scan(row pgx.Row) (*Subscription, error) {
	var s Subscription
	err := row.Scan(&s.UserID, &s.StripeID, &s.CustomerID, &s.ItemID, &s.ScheduleID, &s.PriceID, &s.Plan, &s.Status, &s.UnitAmount, &s.Currency, &s.IntervalDays,
		&s.PendingPlan, &s.CurrentPeriodStart, &s.CurrentPeriodEnd, &s.CancelAtPeriodEnd, &s.CancelAt, &s.TrialEnd, &s.CanceledAt, &s.EndedAt, &s.SyncedAt, &s.Quarantined)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	for _, t := range []*time.Time{&s.CurrentPeriodStart, &s.CurrentPeriodEnd, &s.CancelAt, &s.TrialEnd, &s.CanceledAt, &s.EndedAt, &s.SyncedAt} {
		if *t = t.UTC(); t.Unix() == 0 {
			*t = time.Time{}
		}
	}
	return &s, nil
}

// Current returns the user's live subscription, else the newest one, else ErrNotFound.
//
// spec:subscription-billing/8.2
func (s *Store) Current(ctx context.Context, userID string) (*Subscription, error) {
	return scan(s.pool.QueryRow(ctx, `SELECT `+columns+` FROM subscriptions WHERE user_id = $1
		ORDER BY status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused') DESC, created_at DESC, id LIMIT 1`, userID))
}

// Live returns the user's live subscription, or ErrNotFound.
func (s *Store) Live(ctx context.Context, userID string) (*Subscription, error) {
	sub, err := s.Current(ctx, userID)
	if err == nil && !sub.Status.Live() {
		return nil, ErrNotFound
	}
	return sub, err
}

// ByStripeID returns a subscription by Stripe's id.
func (s *Store) ByStripeID(ctx context.Context, id string) (*Subscription, error) {
	return scan(s.pool.QueryRow(ctx, `SELECT `+columns+` FROM subscriptions WHERE stripe_subscription_id = $1`, id))
}

// UserOf returns the user of a Stripe customer, or ErrNotFound.
func (s *Store) UserOf(ctx context.Context, customerID string) (string, error) {
	var id string
	err := s.pool.QueryRow(ctx, `SELECT user_id::text FROM stripe_customers WHERE stripe_customer_id = $1`, customerID).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrNotFound
	}
	return id, err
}

// Save writes what Stripe says of a subscription, and an audit row when that changes something; source names what brought
// the news. A change out of a terminal status is old news and changes nothing. It runs in the transaction of tx, whose
// caller holds the customer's lock.
//
// spec:subscription-billing/3.3 spec:subscription-billing/3.6 spec:subscription-billing/4.3
func (s *Store) Save(ctx context.Context, tx pgx.Tx, sub Subscription, source string) (changed bool, err error) {
	old, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM subscriptions WHERE stripe_subscription_id = $1 FOR UPDATE`, sub.StripeID))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, fmt.Errorf("reading subscription %s: %v", sub.StripeID, err)
	}
	if old != nil {
		if CheckTransition(old.Status, sub.Status) != nil {
			return false, nil
		}
		same := *old
		if sub.UserID, same.SyncedAt = old.UserID, sub.SyncedAt; same == sub {
			_, err := tx.Exec(ctx, `UPDATE subscriptions SET synced_at = greatest(synced_at, $2) WHERE stripe_subscription_id = $1`, sub.StripeID, sub.SyncedAt)
			return false, err
		}
	} else if err := CheckTransition("", sub.Status); err != nil {
		return false, err
	}
	// One statement: it releases a subscription with which nothing is wrong any more, and writes nothing beside another live one.
	written, err := tx.Exec(ctx, `WITH released AS (UPDATE quarantine SET released_at = now() WHERE stripe_subscription_id = $2 AND released_at IS NULL AND NOT $21)
		INSERT INTO subscriptions (user_id, stripe_subscription_id, stripe_customer_id, stripe_item_id, stripe_schedule_id, price_id, plan, status, unit_amount, currency,
			interval_days, pending_plan, current_period_start, current_period_end, cancel_at_period_end, cancel_at, trial_end, canceled_at, ended_at, synced_at)
		SELECT $1::uuid, $2, $3, $4, $5, $6, $7, $8::text::subscription_status, $9, $10, $11, nullif($12, ''), $13, $14, $15, $16, $17, $18, $19, $20
		WHERE NOT ($22 AND EXISTS (SELECT FROM subscriptions WHERE user_id = $1 AND stripe_subscription_id <> $2 AND status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused')))
		ON CONFLICT (stripe_subscription_id) DO UPDATE SET stripe_item_id = excluded.stripe_item_id, stripe_schedule_id = excluded.stripe_schedule_id, price_id = excluded.price_id,
			plan = excluded.plan, status = excluded.status, unit_amount = excluded.unit_amount, interval_days = excluded.interval_days, pending_plan = excluded.pending_plan,
			current_period_start = excluded.current_period_start, current_period_end = excluded.current_period_end, cancel_at_period_end = excluded.cancel_at_period_end,
			cancel_at = excluded.cancel_at, trial_end = excluded.trial_end, canceled_at = excluded.canceled_at, ended_at = excluded.ended_at, synced_at = greatest(subscriptions.synced_at, excluded.synced_at)`,
		sub.UserID, sub.StripeID, sub.CustomerID, sub.ItemID, sub.ScheduleID, sub.PriceID, sub.Plan, string(sub.Status), sub.UnitAmount, sub.Currency, sub.IntervalDays, sub.PendingPlan,
		sub.CurrentPeriodStart, sub.CurrentPeriodEnd, sub.CancelAtPeriodEnd, orNull(sub.CancelAt), orNull(sub.TrialEnd), orNull(sub.CanceledAt), orNull(sub.EndedAt), sub.SyncedAt, sub.Quarantined, sub.Status.Live())
	if violates(err, "subscriptions_one_live") || err == nil && written.RowsAffected() == 0 {
		return false, ErrSecondSubscription
	}
	if err != nil {
		return false, fmt.Errorf("writing subscription %s: %v", sub.StripeID, err)
	}
	return true, audit(ctx, tx, old, &sub, source)
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func violates(err error, constraint string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "23505" && e.ConstraintName == constraint
}

// audit appends one row for a change. It holds neither secrets nor card data: a Subscription has none. A change of Stripe's
// ids alone is none that anybody would ask about.
func audit(ctx context.Context, tx pgx.Tx, before, after *Subscription, source string) error {
	if before == nil {
		return record(ctx, tx, after.UserID, after.StripeID, source, nil, after)
	}
	from, err := json.Marshal(before)
	if err != nil {
		return err
	}
	to, err := json.Marshal(after)
	if err != nil || bytes.Equal(from, to) && before.PriceID == after.PriceID {
		return err
	}
	return record(ctx, tx, after.UserID, after.StripeID, source, before, after)
}

// record appends one row to the audit log. A source "event:ID" names the event that brought the news.
//
// spec:subscription-billing/4.3
func record(ctx context.Context, tx pgx.Tx, userID, subscriptionID, source string, before, after any) error {
	var old []byte
	if before != nil {
		var err error
		if old, err = json.Marshal(before); err != nil {
			return err
		}
	}
	now, err := json.Marshal(after)
	if err != nil {
		return err
	}
	actor, _, _ := strings.Cut(source, ":")
	var eventID *string
	if event, ok := strings.CutPrefix(source, "event:"); ok {
		actor, source, eventID = "stripe", "event", &event
	}
	if _, err := tx.Exec(ctx, `INSERT INTO audit_logs (user_id, subscription_id, stripe_subscription_id, actor, source, event_id, "from", "to")
		SELECT $1, (SELECT id FROM subscriptions WHERE stripe_subscription_id = $2), $2, $3, CASE WHEN again THEN 'replay' ELSE $4 END, CASE WHEN again THEN NULL ELSE $5 END, $6, $7
		FROM (SELECT EXISTS (SELECT FROM audit_logs WHERE event_id = $5 AND stripe_subscription_id = $2) AS again) AS seen`, userID, subscriptionID, actor, source, eventID, old, now); err != nil {
		return fmt.Errorf("writing the audit log: %v", err)
	}
	return nil
}

// An Invoice is one line of a user's billing history.
type Invoice struct {
	ID          string    `json:"id"`
	Number      string    `json:"number"`
	AmountDue   int64     `json:"amount_due"`  // cents
	AmountPaid  int64     `json:"amount_paid"` // cents
	Currency    string    `json:"currency"`
	Status      string    `json:"status"`
	Reason      string    `json:"billing_reason"`
	Attempts    int       `json:"attempt_count"`
	URL         string    `json:"hosted_invoice_url"`
	PeriodStart time.Time `json:"period_start,omitzero"`
	PeriodEnd   time.Time `json:"period_end,omitzero"`
	CreatedAt   time.Time `json:"created_at"`
}

// SaveInvoice writes an invoice of a user; the same one again changes it.
func (s *Store) SaveInvoice(ctx context.Context, tx pgx.Tx, userID, subscriptionID string, in Invoice) error {
	_, err := tx.Exec(ctx, `INSERT INTO invoices (id, user_id, stripe_subscription_id, number, amount_due, amount_paid, currency, status, billing_reason, attempt_count, hosted_invoice_url, period_start, period_end, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (id) DO UPDATE SET number = excluded.number, amount_due = excluded.amount_due, amount_paid = excluded.amount_paid, status = excluded.status,
			attempt_count = excluded.attempt_count, hosted_invoice_url = excluded.hosted_invoice_url`,
		in.ID, userID, subscriptionID, in.Number, in.AmountDue, in.AmountPaid, in.Currency, in.Status, in.Reason, in.Attempts, in.URL, orNull(in.PeriodStart), orNull(in.PeriodEnd), in.CreatedAt)
	return err
}

// Invoices lists a user's invoices, newest first, at most limit; after is the id of the last one of the page before, ""
// for the first page.
//
// spec:subscription-billing/5.2
func (s *Store) Invoices(ctx context.Context, userID, after string, limit int) ([]Invoice, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, number, amount_due, amount_paid, currency, status, billing_reason, attempt_count, hosted_invoice_url,
			coalesce(period_start, 'epoch'), coalesce(period_end, 'epoch'), created_at FROM invoices
		WHERE user_id = $1 AND ($2 = '' OR (created_at, id) < (SELECT created_at, id FROM invoices WHERE id = $2 AND user_id = $1))
		ORDER BY created_at DESC, id DESC LIMIT $3`, userID, after, limit)
	if err != nil {
		return nil, err
	}
	invoices, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Invoice])
	for i := range invoices {
		for _, t := range []*time.Time{&invoices[i].PeriodStart, &invoices[i].PeriodEnd, &invoices[i].CreatedAt} {
			if *t = t.UTC(); t.Unix() == 0 {
				*t = time.Time{}
			}
		}
	}
	return invoices, err
}

// ownInvoice returns ErrNotFound for an invoice that is not there, or is another user's.
//
// spec:subscription-billing/8.2
func (s *Store) ownInvoice(ctx context.Context, userID, id string) error {
	var own bool
	err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM invoices WHERE id = $1 AND user_id = $2)`, id, userID).Scan(&own)
	if err == nil && !own {
		err = ErrNotFound
	}
	return err
}

// hasOpenSession tells whether a checkout session of the user's is open, as far as we have heard.
func (s *Store) hasOpenSession(ctx context.Context, userID string) (open bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM checkout_sessions WHERE user_id = $1 AND state = 'open')`, userID).Scan(&open)
	return open, err
}

// lockCustomer waits for the lock that orders everything that is done for one customer, until the transaction ends.
func lockCustomer(ctx context.Context, tx pgx.Tx, customerID string) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "billing:"+customerID)
	return err
}

// InTx runs f in a transaction, which is kept when f returns nil.
func (s *Store) InTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, f)
}

// slowTx is InTx for a transaction in which Stripe is asked.
//
// spec:subscription-billing/14.3
func (s *Store) slowTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	select {
	case s.slow <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.slow }()
	return s.InTx(ctx, f)
}
