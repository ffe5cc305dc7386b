package billing

import (
	"context"
	"errors"
	"fmt"
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
}

// NewSyncer makes one.
func NewSyncer(store *Store, s *Stripe) *Syncer { return &Syncer{store: store, stripe: s} }

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

// Sync fetches a subscription and writes it, with an audit row when something changed.
func (s *Syncer) Sync(ctx context.Context, subscriptionID, source string) error {
	hint, err := s.stripe.fetch(ctx, subscriptionID)
	if err != nil {
		return fmt.Errorf("fetching subscription %s: %w", subscriptionID, err)
	}
	return s.store.InTx(ctx, func(tx pgx.Tx) error { return s.SyncTx(ctx, tx, hint.Customer.ID, subscriptionID, source) })
}

// ErrForeign means that a subscription is none of ours: another application's, another currency, an unknown price.
var ErrForeign = errors.New("not one of ours")

// SyncTx does it in the caller's transaction. The lock is taken before the fetch: taken after it, an older answer could
// overwrite a newer one.
func (s *Syncer) SyncTx(ctx context.Context, tx pgx.Tx, customerID, subscriptionID, source string) error {
	if err := LockCustomer(ctx, tx, customerID); err != nil {
		return err
	}
	remote, err := s.stripe.fetch(ctx, subscriptionID)
	if err != nil {
		return fmt.Errorf("fetching subscription %s: %w", subscriptionID, err)
	}
	sub, err := s.read(ctx, tx, remote)
	if err != nil {
		return err
	}
	_, err = s.store.Save(ctx, tx, sub, source)
	return err
}

// read turns Stripe's subscription into ours.
func (s *Syncer) read(ctx context.Context, tx pgx.Tx, r *stripe.Subscription) (Subscription, error) {
	if r.Customer == nil || r.Items == nil || len(r.Items.Data) != 1 || r.Items.Data[0].Price == nil {
		return Subscription{}, fmt.Errorf("subscription %s: %w: it has not exactly one item", r.ID, ErrForeign)
	}
	item := r.Items.Data[0]
	terms := termsOf(item.Price)
	plan, ok := s.stripe.config.PlanOf(item.Price.ID)
	if !ok || terms.Currency != "usd" || terms.IntervalDays == 0 {
		return Subscription{}, fmt.Errorf("subscription %s: %w: price %s in %s", r.ID, ErrForeign, item.Price.ID, terms.Currency)
	}
	var userID string
	err := tx.QueryRow(ctx, `SELECT user_id::text FROM stripe_customers WHERE stripe_customer_id = $1`, r.Customer.ID).Scan(&userID)
	if errors.Is(err, pgx.ErrNoRows) {
		return Subscription{}, fmt.Errorf("subscription %s: %w: customer %s is unknown", r.ID, ErrForeign, r.Customer.ID)
	}
	if err != nil {
		return Subscription{}, err
	}
	sub := Subscription{UserID: userID, StripeID: r.ID, CustomerID: r.Customer.ID, ItemID: item.ID, PriceID: item.Price.ID, Plan: plan, Status: Status(r.Status), UnitAmount: terms.Amount,
		Currency: terms.Currency, IntervalDays: terms.IntervalDays, CurrentPeriodStart: at(r.CurrentPeriodStart), CurrentPeriodEnd: at(r.CurrentPeriodEnd),
		CancelAtPeriodEnd: r.CancelAtPeriodEnd, TrialEnd: at(r.TrialEnd), CanceledAt: at(r.CanceledAt), EndedAt: at(r.EndedAt)}
	if r.Schedule != nil && r.Schedule.ID != "" {
		sub.ScheduleID = r.Schedule.ID
		if sub.PendingPlan, err = s.pending(ctx, r.Schedule.ID, plan); err != nil {
			return Subscription{}, err
		}
	}
	return sub, nil
}

// pending is the plan that a schedule changes to, "" for none.
func (s *Syncer) pending(ctx context.Context, scheduleID string, now Plan) (Plan, error) {
	params := &stripe.SubscriptionScheduleParams{}
	params.Context = ctx
	schedule, err := (subscriptionschedule.Client{B: s.stripe.backend, Key: s.stripe.config.SecretKey}).Get(scheduleID, params)
	if err != nil {
		return "", fmt.Errorf("fetching schedule %s: %w", scheduleID, err)
	}
	if n := len(schedule.Phases); n > 1 && len(schedule.Phases[n-1].Items) == 1 && schedule.Phases[n-1].Items[0].Price != nil {
		if plan, ok := s.stripe.config.PlanOf(schedule.Phases[n-1].Items[0].Price.ID); ok && plan != now {
			return plan, nil
		}
	}
	return "", nil
}

func at(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// isForeign tells whether an error means that an object is none of ours, also one that Stripe does not know.
func isForeign(err error) bool {
	return errors.Is(err, ErrForeign) || isStripeError(err, 404)
}
