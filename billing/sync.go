package billing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/subscription"
	"github.com/stripe/stripe-go/v76/subscriptionschedule"
)

// A Syncer writes what Stripe says of a subscription into the store. Events and answers are hints that something may have
// changed; what has changed is fetched, under the customer's lock, so that the last to fetch is the last to write.
type Syncer struct {
	store  *Store
	stripe *Stripe
	alarm  func(*quarantined) // rings when a subscription that we have is set aside
}

// newSyncer makes one.
func newSyncer(store *Store, s *Stripe) *Syncer {
	return &Syncer{store: store, stripe: s, alarm: func(*quarantined) {}}
}

func (s *Stripe) now() time.Time {
	if s.config.Now != nil {
		return s.config.Now()
	}
	return time.Now()
}

// fetch asks Stripe for a subscription.
func (s *Stripe) fetch(ctx context.Context, id string) (*stripe.Subscription, error) {
	params := &stripe.SubscriptionParams{}
	params.Context = ctx
	return (subscription.Client{B: s.backend, Key: s.config.SecretKey}).Get(id, params)
}

// end cancels a subscription at once: nothing more is charged, and nothing credited. Where the answer was lost, and Stripe is asked again, it
// does not find what has ended.
func (s *Stripe) end(ctx context.Context, id string) error {
	params := &stripe.SubscriptionCancelParams{InvoiceNow: stripe.Bool(false), Prorate: stripe.Bool(false)}
	params.Context = ctx
	_, err := (subscription.Client{B: s.backend, Key: s.config.SecretKey}).Cancel(id, params)
	if missingAtStripe(err) {
		if current, fetchErr := s.fetch(ctx, id); fetchErr == nil && Status(current.Status).Terminal() {
			return nil
		}
	}
	return err
}

// Sync fetches a subscription and writes it, with an audit row when something changed.
func (s *Syncer) Sync(ctx context.Context, subscriptionID, source string) error {
	customer := ""
	if known, err := s.store.ByStripeID(ctx, subscriptionID); err == nil {
		customer = known.CustomerID
	} else if !errors.Is(err, ErrNotFound) {
		return err
	} else if customer, err = s.stripe.customerOf(ctx, subscriptionID); err != nil {
		return err
	}
	return s.store.slowTx(ctx, func(tx pgx.Tx) error { return s.SyncTx(ctx, tx, customer, subscriptionID, source) })
}

// customerOf asks Stripe whose a subscription is.
func (s *Stripe) customerOf(ctx context.Context, subscriptionID string) (string, error) {
	hint, err := s.fetch(ctx, subscriptionID)
	if err != nil {
		return "", fmt.Errorf("fetching subscription %s: %w", subscriptionID, err)
	}
	if hint.Customer == nil || hint.Customer.ID == "" {
		return "", fmt.Errorf("subscription %s: %w: it has no customer", subscriptionID, errForeign)
	}
	return hint.Customer.ID, nil
}

// errForeign means that an object is none of ours: another application's, a customer who is unknown or was erased.
var errForeign = errors.New("not one of ours")

// A quarantined is the error for a subscription of one of our customers that must not give access.
type quarantined struct{ SubscriptionID, CustomerID, UserID, Reason string }

func (q *quarantined) Error() string {
	return fmt.Sprintf("subscription %s is quarantined: %s", q.SubscriptionID, q.Reason)
}

// SyncTx does it in the caller's transaction. The lock is taken before the fetch: taken after it, an older answer could
// overwrite a newer one.
//
// spec:subscription-billing/2.5 spec:subscription-billing/3.5 spec:subscription-billing/9.3
func (s *Syncer) SyncTx(ctx context.Context, tx pgx.Tx, customerID, subscriptionID, source string) error {
	if err := lockCustomer(ctx, tx, customerID); err != nil {
		return err
	}
	asked := s.stripe.now().UTC().Truncate(time.Microsecond)
	remote, err := s.stripe.fetch(ctx, subscriptionID)
	if err != nil {
		return fmt.Errorf("fetching subscription %s: %w", subscriptionID, err)
	}
	sub, reason, err := s.read(ctx, tx, remote, asked)
	if err != nil {
		return err
	}
	if reason != "" {
		return s.odd(ctx, tx, sub, reason, source)
	}
	_, err = s.store.Save(ctx, tx, sub, source)
	return err
}

// read turns Stripe's subscription, as it was asked for at a time, into ours. The reason says why it is not charged as one of our plans is, "" when it is.
func (s *Syncer) read(ctx context.Context, tx pgx.Tx, r *stripe.Subscription, asked time.Time) (sub Subscription, reason string, err error) {
	if r.Customer == nil {
		return sub, "", fmt.Errorf("subscription %s: %w: it has no customer", r.ID, errForeign)
	}
	userID, err := userOf(ctx, tx, r.Customer.ID, r.ID)
	if errors.Is(err, ErrNotFound) {
		return sub, "", fmt.Errorf("subscription %s: %w: customer %s is unknown", r.ID, errForeign, r.Customer.ID)
	}
	if err != nil {
		return sub, "", err
	}
	sub = Subscription{UserID: userID, StripeID: r.ID, CustomerID: r.Customer.ID, Status: Status(r.Status), CurrentPeriodStart: at(r.CurrentPeriodStart), CurrentPeriodEnd: at(r.CurrentPeriodEnd),
		CancelAtPeriodEnd: r.CancelAtPeriodEnd, CancelAt: at(r.CancelAt), TrialEnd: at(r.TrialEnd), CanceledAt: at(r.CanceledAt), EndedAt: at(r.EndedAt), SyncedAt: asked}
	if r.Items == nil || len(r.Items.Data) != 1 || r.Items.Data[0].Price == nil {
		return sub, "it has not exactly one item", nil
	}
	item := r.Items.Data[0]
	plan, known, err := s.planOf(ctx, tx, item.Price.ID)
	if err != nil {
		return sub, "", err
	}
	terms := termsOf(item.Price).or(known)
	switch {
	case plan == "":
		return sub, "price " + item.Price.ID + " stands for no plan", nil
	case r.Currency != "" && !strings.EqualFold(string(r.Currency), "usd"):
		return sub, "its currency is " + strings.ToLower(string(r.Currency)), nil
	case terms.Currency != "usd":
		return sub, "its currency is " + terms.Currency, nil
	case terms.IntervalDays <= 0:
		return sub, "price " + item.Price.ID + " is not charged by days", nil
	}
	sub.ItemID, sub.PriceID, sub.Plan, sub.UnitAmount, sub.Currency, sub.IntervalDays = item.ID, item.Price.ID, plan, terms.Amount, terms.Currency, terms.IntervalDays
	if r.Schedule != nil && r.Schedule.ID != "" {
		sub.ScheduleID = r.Schedule.ID
		sub.PendingPlan, err = s.pending(ctx, tx, r.ID, r.Schedule.ID, plan)
	}
	return sub, "", err
}

// odd is what becomes of a subscription that is not charged as one of our plans is. One that is unknown so far is kept
// out; one that we have keeps its plan and follows its status, so that an end is not missed. Neither gives access.
//
// spec:subscription-billing/12.2
func (s *Syncer) odd(ctx context.Context, tx pgx.Tx, sub Subscription, reason, source string) error {
	q := &quarantined{sub.StripeID, sub.CustomerID, sub.UserID, reason}
	known, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM subscriptions WHERE stripe_subscription_id = $1`, sub.StripeID))
	if errors.Is(err, ErrNotFound) {
		return q
	}
	if err != nil {
		return err
	}
	sub.ItemID, sub.PriceID, sub.Plan, sub.UnitAmount, sub.Currency, sub.IntervalDays = known.ItemID, known.PriceID, known.Plan, known.UnitAmount, known.Currency, known.IntervalDays
	sub.Quarantined = known.Quarantined || !sub.Status.Terminal()
	if _, err := s.store.Save(ctx, tx, sub, source); err != nil || known.Quarantined || !sub.Quarantined {
		return err
	}
	s.alarm(q)
	_, err = setAside(ctx, tx, q, source)
	return err
}

func quarantineAlarm(log *slog.Logger, q *quarantined) {
	log.Error("a subscription is quarantined", "subscription", q.SubscriptionID, "reason", q.Reason)
}

// setAside notes a subscription that must not give access, and tells whether that is new.
func setAside(ctx context.Context, tx pgx.Tx, q *quarantined, source string) (bool, error) {
	tag, err := tx.Exec(ctx, `INSERT INTO quarantine (stripe_subscription_id, stripe_customer_id, user_id, reason, event_id) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (stripe_subscription_id) DO UPDATE SET released_at = NULL, reason = excluded.reason, event_id = excluded.event_id WHERE quarantine.released_at IS NOT NULL`,
		q.SubscriptionID, q.CustomerID, q.UserID, q.Reason, strings.TrimPrefix(source, "event:"))
	return tag.RowsAffected() > 0, err
}

// quarantine keeps out a subscription that was unknown so far, and notes it once, in the audit log too.
func quarantine(ctx context.Context, tx pgx.Tx, q *quarantined, source string) error {
	isNew, err := setAside(ctx, tx, q, source)
	if err != nil || !isNew {
		return err
	}
	return record(ctx, tx, q.UserID, q.SubscriptionID, source, nil, map[string]string{"quarantined": q.Reason})
}

// userOf finds the user of a customer; one that was replaced is known by its subscription. An erased user has none.
//
// spec:subscription-billing/3.7 spec:subscription-billing/13.2
func userOf(ctx context.Context, tx pgx.Tx, customerID, subscriptionID string) (userID string, err error) {
	// Two look-ups by index: either condition in one WHERE would read every customer.
	err = tx.QueryRow(ctx, `SELECT c.user_id::text FROM stripe_customers c JOIN (SELECT user_id FROM stripe_customers WHERE stripe_customer_id = $1
			UNION SELECT user_id FROM subscriptions WHERE stripe_customer_id = $1 AND stripe_subscription_id = $2) AS found USING (user_id)
		WHERE c.erased_at IS NULL`, customerID, subscriptionID).Scan(&userID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrNotFound
	}
	return userID, err
}

// planOf is the plan that a price stands for, or stood for once, and its terms; "" for none.
//
// spec:subscription-billing/12.1
func (s *Syncer) planOf(ctx context.Context, tx pgx.Tx, priceID string) (plan Plan, t Terms, err error) {
	if plan, ok := s.stripe.config.PlanOf(priceID); ok {
		return plan, s.stripe.config.Terms(plan), nil
	}
	err = tx.QueryRow(ctx, `SELECT plan, amount, currency, interval_days FROM prices WHERE price_id = $1`, priceID).Scan(&plan, &t.Amount, &t.Currency, &t.IntervalDays)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", Terms{}, nil
	}
	return plan, t, err
}

// pending is the plan that a schedule changes to, "" for none. Where it cannot be asked for, it is what the user asked for last.
func (s *Syncer) pending(ctx context.Context, tx pgx.Tx, subscriptionID, scheduleID string, now Plan) (Plan, error) {
	params := &stripe.SubscriptionScheduleParams{}
	params.Context = ctx
	schedule, err := (subscriptionschedule.Client{B: s.stripe.backend, Key: s.stripe.config.SecretKey}).Get(scheduleID, params)
	price := ""
	switch {
	case noAnswer(err):
		err = tx.QueryRow(ctx, `SELECT params ->> 'price' FROM change_requests WHERE stripe_subscription_id = $1 AND kind = 'downgrade' AND state <> 'failed' ORDER BY created_at DESC LIMIT 1`, subscriptionID).Scan(&price)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return "", err
		}
	case err != nil:
		return "", fmt.Errorf("fetching schedule %s: %w", scheduleID, err)
	default:
		if n := len(schedule.Phases); n > 1 && len(schedule.Phases[n-1].Items) == 1 && schedule.Phases[n-1].Items[0].Price != nil {
			price = schedule.Phases[n-1].Items[0].Price.ID
		}
	}
	if price == "" {
		return "", nil
	}
	plan, _, err := s.planOf(ctx, tx, price)
	if plan == now {
		plan = ""
	}
	return plan, err
}

func at(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// isForeign tells whether an error means that an object is none of ours, also one that Stripe does not know.
func isForeign(err error) bool {
	var e *stripe.Error
	return errors.Is(err, errForeign) || errors.As(err, &e) && e.HTTPStatusCode == 404 && e.Code != notStripes
}

// RememberPrices keeps what the configured prices stand for. Those of before stay known, and are not active any more.
//
// spec:subscription-billing/12.1
func (s *Store) RememberPrices(ctx context.Context, c Config) error {
	return s.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE prices SET active = false WHERE active AND NOT price_id = ANY ($1)`, []string{c.Prices[Monthly], c.Prices[Annual]}); err != nil {
			return err
		}
		for _, plan := range []Plan{Monthly, Annual} {
			t := c.Terms(plan)
			if _, err := tx.Exec(ctx, `INSERT INTO prices (price_id, plan, amount, currency, interval_days, active) VALUES ($1, $2, $3, $4, $5, true)
				ON CONFLICT (price_id) DO UPDATE SET active = true`, c.Prices[plan], plan, t.Amount, t.Currency, t.IntervalDays); err != nil {
				return err
			}
		}
		return nil
	})
}
