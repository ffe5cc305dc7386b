package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/subscription"
	"github.com/stripe/stripe-go/v76/subscriptionschedule"
)

// A change is one thing that a user asks of a subscription. It is a row before Stripe hears of it: the row's id is the
// idempotency key, and what a retry sends is what the row says.
type change struct {
	id     string
	kind   string
	params changeParams
	sub    *Subscription
}

type changeParams struct {
	ProrationDate int64  `json:"proration_date,omitempty"` // seconds
	Price         string `json:"price,omitempty"`
}

func (a *API) subscriptions() subscription.Client {
	return subscription.Client{B: a.stripe.backend, Key: a.stripe.config.SecretKey}
}

func (a *API) schedules() subscriptionschedule.Client {
	return subscriptionschedule.Client{B: a.stripe.backend, Key: a.stripe.config.SecretKey}
}

// change carries out a change of the user's live subscription: it takes up the one that is open when a retry asks for the
// same, and refuses while another is open.
func (a *API) change(w http.ResponseWriter, r *http.Request, userID, kind string, check func(*Subscription) error, do func(context.Context, *change) error) error {
	ctx := r.Context()
	sub, err := a.store.Live(ctx, userID)
	if err != nil {
		return err
	}
	if err := check(sub); err != nil {
		return err
	}
	c, err := a.openChange(ctx, sub, kind)
	if err != nil {
		return err
	}
	// Between the first look and the row, another request may have made the change: look again, now that the row keeps
	// others out.
	if err := a.Sync(ctx, sub.StripeID, "user:"+kind); err != nil {
		return err // the row stays open: a retry takes it up
	}
	if c.sub, err = a.store.Live(ctx, userID); err == nil {
		err = check(c.sub)
	}
	if err != nil {
		return errors.Join(err, a.closeChange(ctx, c, "failed", "no longer possible"))
	}
	err = do(ctx, c)
	switch {
	case isStripeError(err, http.StatusPaymentRequired):
		// Nothing was changed at Stripe. The next try is a new row, and so a new key: an old one would replay the refusal.
		if closeErr := a.closeChange(ctx, c, "failed", "declined"); closeErr != nil {
			return closeErr
		}
		return &problem{status: http.StatusPaymentRequired, text: "the payment was declined; nothing was changed"}
	case isStripeError(err, http.StatusBadRequest, http.StatusNotFound):
		if closeErr := a.closeChange(ctx, c, "failed", "refused"); closeErr != nil {
			return closeErr
		}
		return fmt.Errorf("%s of %s: %v", kind, sub.StripeID, err)
	case err != nil:
		return fmt.Errorf("%s of %s: %v", kind, sub.StripeID, err) // it stays open: a retry sends the same again
	}
	// The state is written before the row is closed: whoever comes next sees it.
	if err := a.Sync(ctx, sub.StripeID, "user:"+kind); err != nil {
		a.log.Warn("the change is made at Stripe; its state follows with the webhook", "subscription", sub.StripeID, "error", err)
	}
	if err := a.closeChange(ctx, c, "done", ""); err != nil {
		return err
	}
	current, err := a.store.Current(ctx, userID)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, current)
	return nil
}

// openChange inserts the row of a change, or returns the open one of the same kind.
func (a *API) openChange(ctx context.Context, sub *Subscription, kind string) (*change, error) {
	c := &change{kind: kind, sub: sub}
	switch kind {
	case "upgrade":
		c.params = changeParams{ProrationDate: a.now().Unix(), Price: a.stripe.config.Prices[Annual]}
	case "downgrade":
		c.params = changeParams{Price: a.stripe.config.Prices[Monthly]}
	}
	params, err := json.Marshal(c.params)
	if err != nil {
		return nil, err
	}
	err = a.store.pool.QueryRow(ctx, `INSERT INTO change_requests (user_id, stripe_subscription_id, kind, params) VALUES ($1, $2, $3, $4) RETURNING id::text`, sub.UserID, sub.StripeID, kind, params).Scan(&c.id)
	if err == nil {
		return c, nil
	}
	if !violates(err, "change_requests_one_open") {
		return nil, err
	}
	var age float64 // seconds
	err = a.store.pool.QueryRow(ctx, `SELECT id::text, kind, params, extract(epoch FROM now() - created_at)::float8 FROM change_requests WHERE stripe_subscription_id = $1 AND state = 'open'`, sub.StripeID).
		Scan(&c.id, &c.kind, &params, &age)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && (c.kind != kind || age < retryAfter.Seconds()) {
		return nil, ErrBusy
	}
	if err != nil {
		return nil, err
	}
	return c, json.Unmarshal(params, &c.params)
}

// retryAfter is how long an open change belongs to the request that opened it; later, one that asks for the same takes it
// up.
const retryAfter = 10 * time.Second

func (a *API) closeChange(ctx context.Context, c *change, state, why string) error {
	_, err := a.store.pool.Exec(context.WithoutCancel(ctx), `UPDATE change_requests SET state = $2, error = $3, finished_at = now() WHERE id = $1`, c.id, state, why)
	return err
}

// release takes a subscription out of its schedule: Stripe refuses other changes while it is in one.
func (a *API) release(ctx context.Context, c *change) error {
	current, err := a.fetch(ctx, c.sub.StripeID)
	if err != nil {
		return err
	}
	if current.Schedule == nil || current.Schedule.ID == "" {
		return nil
	}
	params := &stripe.SubscriptionScheduleReleaseParams{}
	params.Context = ctx
	params.SetIdempotencyKey(c.id + ":release")
	_, err = a.schedules().Release(current.Schedule.ID, params)
	return err
}

// upgrade changes from monthly to annual at once: POST → the subscription. The rest of the month is credited to the
// second, the year is charged now and begins now. A declined card changes nothing (402).
func (a *API) upgrade(w http.ResponseWriter, r *http.Request, userID string) error {
	return a.change(w, r, userID, "upgrade", func(s *Subscription) error {
		if s.Plan == Annual || s.Status == Trialing {
			return &problem{status: http.StatusConflict, text: "only a running monthly subscription can be upgraded"}
		}
		return nil
	}, func(ctx context.Context, c *change) error {
		if err := a.release(ctx, c); err != nil {
			return err
		}
		params := &stripe.SubscriptionParams{
			Items:                 []*stripe.SubscriptionItemsParams{{ID: stripe.String(c.sub.ItemID), Price: stripe.String(c.params.Price)}},
			ProrationBehavior:     stripe.String("always_invoice"),
			ProrationDate:         stripe.Int64(c.params.ProrationDate),
			BillingCycleAnchorNow: stripe.Bool(true),
			PaymentBehavior:       stripe.String("error_if_incomplete"),
		}
		params.Context = ctx
		params.SetIdempotencyKey(c.id)
		_, err := a.subscriptions().Update(c.sub.StripeID, params)
		return err
	})
}

// downgrade changes from annual to monthly at the end of the period: POST → the subscription. Nothing is charged or
// credited now. Asking twice is asking once.
func (a *API) downgrade(w http.ResponseWriter, r *http.Request, userID string) error {
	return a.change(w, r, userID, "downgrade", func(s *Subscription) error {
		if s.Plan == Monthly || s.CancelAtPeriodEnd {
			return &problem{status: http.StatusConflict, text: "only a running annual subscription can be downgraded"}
		}
		return nil
	}, a.schedule)
}

// schedule makes a schedule and gives it its second phase. A crash in between leaves a schedule that changes nothing;
// the next try finds it and goes on.
func (a *API) schedule(ctx context.Context, c *change) error {
	current, err := a.fetch(ctx, c.sub.StripeID)
	if err != nil {
		return err
	}
	id := ""
	if current.Schedule != nil {
		id = current.Schedule.ID
	}
	if id == "" {
		params := &stripe.SubscriptionScheduleParams{FromSubscription: stripe.String(c.sub.StripeID)}
		params.Context = ctx
		params.SetIdempotencyKey(c.id + ":create")
		s, err := a.schedules().New(params)
		if err != nil {
			return err
		}
		id = s.ID
	}
	params := &stripe.SubscriptionScheduleParams{
		EndBehavior: stripe.String("release"), ProrationBehavior: stripe.String("none"),
		Phases: []*stripe.SubscriptionSchedulePhaseParams{
			{Items: []*stripe.SubscriptionSchedulePhaseItemParams{{Price: stripe.String(c.sub.PriceID), Quantity: stripe.Int64(1)}},
				StartDate: stripe.Int64(current.CurrentPeriodStart), EndDate: stripe.Int64(current.CurrentPeriodEnd)},
			{Items: []*stripe.SubscriptionSchedulePhaseItemParams{{Price: stripe.String(c.params.Price), Quantity: stripe.Int64(1)}}, Iterations: stripe.Int64(1), ProrationBehavior: stripe.String("none")},
		},
	}
	params.Context = ctx
	params.SetIdempotencyKey(c.id + ":phases")
	_, err = a.schedules().Update(id, params)
	return err
}

// cancel ends the subscription with its period: POST → the subscription, which stays active until then.
func (a *API) cancel(w http.ResponseWriter, r *http.Request, userID string) error {
	return a.atPeriodEnd(w, r, userID, "cancel", true)
}

// resume takes a cancellation back before it takes effect: POST → the subscription.
func (a *API) resume(w http.ResponseWriter, r *http.Request, userID string) error {
	return a.atPeriodEnd(w, r, userID, "resume", false)
}

func (a *API) atPeriodEnd(w http.ResponseWriter, r *http.Request, userID, kind string, end bool) error {
	return a.change(w, r, userID, kind, func(*Subscription) error { return nil }, func(ctx context.Context, c *change) error {
		if err := a.release(ctx, c); err != nil {
			return err
		}
		params := &stripe.SubscriptionParams{CancelAtPeriodEnd: stripe.Bool(end)}
		params.Context = ctx
		params.SetIdempotencyKey(c.id)
		_, err := a.subscriptions().Update(c.sub.StripeID, params)
		return err
	})
}
