package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/invoice"
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

// A step is how one kind of change is made.
type step struct {
	check func(*Subscription) error            // refuses what makes no sense for the subscription
	done  func(*Subscription) bool             // tells whether there is nothing to do any more
	do    func(context.Context, *change) error // asks Stripe
	once  bool                                 // asking again is a mistake, not the same wish: money moves
}

// change carries out a change of the user's live subscription: it takes up the one that is open when a retry asks for the
// same, and refuses while another is open.
//
// spec:subscription-billing/7.2 spec:subscription-billing/11.3
func (a *API) change(w http.ResponseWriter, r *http.Request, userID, kind string, s step) error {
	ctx := r.Context()
	if err := a.catchUp(ctx, userID, "user:"+kind); err != nil {
		return err
	}
	sub, err := a.live(ctx, userID)
	if err != nil {
		return err
	}
	c, err := a.resumeChange(ctx, sub, kind)
	if err != nil {
		return err
	}
	resumed := c != nil
	if !resumed {
		if !s.once && s.done(sub) {
			return a.answerCurrent(ctx, w, userID)
		}
		if err := s.check(sub); err != nil {
			return err
		}
		if c, err = a.openChange(ctx, sub, kind); err != nil {
			return err
		}
	}
	// Between the first look and the row, another request may have made the change, or the lost answer of this one: look
	// again, now that the row keeps others out.
	if err := a.Sync(ctx, sub.StripeID, "user:"+kind); err != nil {
		return errors.Join(err, a.letGo(ctx, c))
	}
	switch c.sub, err = a.live(ctx, userID); {
	case err == nil && s.done(c.sub) && (resumed || !s.once), resumed && kind == "cancel" && errors.Is(err, errEnded):
		return errors.Join(a.closeChange(ctx, c, "done", ""), a.answerCurrent(ctx, w, userID))
	case err == nil:
		err = s.check(c.sub)
	}
	if err != nil {
		return errors.Join(err, a.closeChange(ctx, c, "failed", "no longer possible"))
	}
	err = s.do(ctx, c)
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
		return fmt.Errorf("%s of %s: %w", kind, sub.StripeID, err)
	case isStripeError(err, http.StatusConflict):
		return ErrBusy // the same request is under way
	case serverError(err) && a.unchanged(ctx, c, s):
		// Stripe answered that it failed, and keeps that answer for a day: the next try needs a new row, and so a new key.
		return errors.Join(fmt.Errorf("%s of %s: %w", kind, sub.StripeID, err), a.closeChange(ctx, c, "failed", "failed at Stripe"))
	case err != nil:
		// Nobody knows whether Stripe made it: the row stays open, and a retry sends the same again.
		return errors.Join(fmt.Errorf("%s of %s: %w", kind, sub.StripeID, err), a.letGo(ctx, c))
	}
	// The state is written before the row is closed: whoever comes next sees it.
	if err := a.Sync(ctx, sub.StripeID, "user:"+kind); err != nil {
		a.log.Warn("the change is made at Stripe; its state follows with the webhook", "subscription", sub.StripeID, "error", err)
	}
	if err := a.closeChange(ctx, c, "done", ""); err != nil {
		return err
	}
	return a.answerCurrent(ctx, w, userID)
}

// serverError tells whether Stripe answered, and that it failed.
func serverError(err error) bool {
	var e *stripe.Error
	return errors.As(err, &e) && e.HTTPStatusCode >= 500
}

// unchanged tells whether Stripe surely did not make a change whose answer was that it failed.
func (a *API) unchanged(ctx context.Context, c *change, s step) bool {
	if a.Sync(ctx, c.sub.StripeID, "user:"+c.kind) != nil {
		return false
	}
	sub, err := a.live(ctx, c.sub.UserID)
	return err == nil && !s.done(sub)
}

// errEnded is the answer to who asks for a change of what has ended.
var errEnded = conflict("the subscription has ended; subscribe again")

// live is the user's live subscription. One that has ended is not found, but refused: it cannot be changed any more.
func (a *API) live(ctx context.Context, userID string) (*Subscription, error) {
	sub, err := a.store.Current(ctx, userID)
	if err == nil && !sub.Status.Live() {
		return nil, errEnded
	}
	return sub, err
}

func (a *API) answerCurrent(ctx context.Context, w http.ResponseWriter, userID string) error {
	a.changed(userID)
	sub, err := a.store.Current(ctx, userID)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, a.view(sub, time.Time{}))
	return nil
}

// How long an open change belongs to the request that works on it, and how long it may be taken up by one that asks for
// the same. What is older is given up: what the user wanted then may not be what they want now.
const (
	holdChange    = time.Minute / 2 // a few attempts at Stripe
	abandonChange = 10 * time.Minute
)

// resumeChange takes up the open change of a subscription when it is of the same kind and nobody works on it; nil for
// none. An open one of another kind that nobody takes up is given up after a while.
//
// spec:subscription-billing/11.3
func (a *API) resumeChange(ctx context.Context, sub *Subscription, kind string) (*change, error) {
	if _, err := a.store.pool.Exec(ctx, `UPDATE change_requests SET state = 'failed', error = 'abandoned', finished_at = now()
		WHERE stripe_subscription_id = $1 AND state = 'open' AND (held_until < now() AND created_at < now() - make_interval(secs => $2) OR kind <> $3 AND held_until < now() - make_interval(secs => $4))`, sub.StripeID, abandonChange.Seconds(), kind, holdChange.Seconds()); err != nil {
		return nil, err
	}
	c := &change{kind: kind, sub: sub}
	var params []byte
	err := a.store.pool.QueryRow(ctx, `UPDATE change_requests SET held_until = now() + make_interval(secs => $3)
		WHERE stripe_subscription_id = $1 AND kind = $2 AND state = 'open' AND held_until < now() RETURNING id::text, params`, sub.StripeID, kind, holdChange.Seconds()).Scan(&c.id, &params)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return c, json.Unmarshal(params, &c.params)
}

// openChange inserts the row of a change.
//
// spec:subscription-billing/11.4
func (a *API) openChange(ctx context.Context, sub *Subscription, kind string) (*change, error) {
	c := &change{kind: kind, sub: sub}
	switch kind {
	case "upgrade":
		c.params = changeParams{Price: a.stripe.config.Prices[Annual]}
		c.params.ProrationDate, _ = a.quote(ctx, sub)
	case "downgrade":
		c.params = changeParams{Price: a.stripe.config.Prices[Monthly]}
	}
	params, err := json.Marshal(c.params)
	if err != nil {
		return nil, err
	}
	err = a.store.pool.QueryRow(ctx, `INSERT INTO change_requests (user_id, subscription_id, stripe_subscription_id, kind, params, held_until)
		SELECT $1, id, $2, $3, $4, now() + make_interval(secs => $5) FROM subscriptions WHERE stripe_subscription_id = $2 RETURNING id::text`,
		sub.UserID, sub.StripeID, kind, params, holdChange.Seconds()).Scan(&c.id)
	if violates(err, "change_requests_one_open") {
		return nil, ErrBusy
	}
	return c, err
}

// quote asks Stripe what an upgrade costs at this moment, and which moment that is: Stripe's clock is the one that
// prorates. Where Stripe gives no answer our own clock is good enough, and the amount is unknown (-1).
//
// spec:subscription-billing/7.1
func (a *API) quote(ctx context.Context, sub *Subscription) (date, cents int64) {
	params := &stripe.InvoiceUpcomingParams{Subscription: stripe.String(sub.StripeID), SubscriptionProrationBehavior: stripe.String("always_invoice"), SubscriptionBillingCycleAnchorNow: stripe.Bool(true),
		SubscriptionItems: []*stripe.SubscriptionItemsParams{{ID: stripe.String(sub.ItemID), Price: stripe.String(a.stripe.config.Prices[Annual])}}}
	params.Context = ctx
	start, end := sub.CurrentPeriodStart.Unix(), sub.CurrentPeriodEnd.Unix()
	in, err := (invoice.Client{B: a.stripe.backend, Key: a.stripe.config.SecretKey}).Upcoming(params)
	if err == nil && in.SubscriptionProrationDate >= start && in.SubscriptionProrationDate <= end {
		return in.SubscriptionProrationDate, in.AmountDue
	}
	return min(max(a.now().Unix(), start), end), -1
}

func (a *API) closeChange(ctx context.Context, c *change, state, why string) error {
	_, err := a.store.pool.Exec(context.WithoutCancel(ctx), `UPDATE change_requests SET state = $2, error = $3, finished_at = now() WHERE id = $1`, c.id, state, why)
	return err
}

// letGo lets the next request take up an open change at once.
func (a *API) letGo(ctx context.Context, c *change) error {
	_, err := a.store.pool.Exec(context.WithoutCancel(ctx), `UPDATE change_requests SET held_until = now() - interval '1 second' WHERE id = $1`, c.id)
	return err
}

// release takes a subscription out of its schedule: Stripe refuses other changes while it is in one.
//
// spec:subscription-billing/7.4
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
	_, err = a.schedules().Release(current.Schedule.ID, params)
	return err
}

// errAnnual is the answer to who asks for an upgrade that was made.
var errAnnual = conflict("the plan is annual already")

// upgrade changes from monthly to annual at once: POST → the subscription. The rest of the month is credited to the
// second, the year is charged now and begins now. A declined card changes nothing (402). During a trial the price is
// swapped and the trial goes on; while a downgrade is pending, to upgrade is to drop it.
//
// spec:subscription-billing/7.1 spec:subscription-billing/7.2 spec:subscription-billing/7.4
func (a *API) upgrade(w http.ResponseWriter, r *http.Request, userID string) error {
	return a.change(w, r, userID, "upgrade", step{
		once: true,
		check: func(s *Subscription) error {
			switch {
			case s.Plan == Annual && s.PendingPlan == "":
				return errAnnual
			case s.Status != Active && s.Status != Trialing:
				return conflict("pay the open invoice first")
			case s.CancelAtPeriodEnd:
				return conflict("the subscription is cancelled; resume it first")
			}
			return nil
		},
		done: func(s *Subscription) bool { return s.Plan == Annual && s.PendingPlan == "" },
		do: func(ctx context.Context, c *change) error {
			if err := a.release(ctx, c); err != nil || c.sub.Plan == Annual {
				return err
			}
			params := &stripe.SubscriptionParams{
				Items:             []*stripe.SubscriptionItemsParams{{ID: stripe.String(c.sub.ItemID), Price: stripe.String(c.params.Price)}},
				ProrationBehavior: stripe.String("always_invoice"), ProrationDate: stripe.Int64(c.params.ProrationDate),
				BillingCycleAnchorNow: stripe.Bool(true), PaymentBehavior: stripe.String("error_if_incomplete"),
			}
			if c.sub.Status == Trialing {
				params = &stripe.SubscriptionParams{Items: params.Items, ProrationBehavior: stripe.String("none")}
			}
			params.Context = ctx
			params.SetIdempotencyKey(c.id)
			_, err := a.subscriptions().Update(c.sub.StripeID, params)
			return err
		},
	})
}

// downgrade changes from annual to monthly at the end of the period: POST → the subscription. Nothing is charged or
// credited now. Asking twice is asking once.
//
// spec:subscription-billing/7.3
func (a *API) downgrade(w http.ResponseWriter, r *http.Request, userID string) error {
	return a.change(w, r, userID, "downgrade", step{
		check: func(s *Subscription) error {
			if s.Plan == Monthly || s.CancelAtPeriodEnd || s.Status != Active && s.Status != Trialing {
				return conflict("only a running annual subscription can be downgraded")
			}
			return nil
		},
		done: func(s *Subscription) bool { return s.Plan == Annual && s.PendingPlan == Monthly },
		do:   a.schedule,
	})
}

// schedule makes a schedule and gives it its second phase. A crash in between leaves a schedule that changes nothing;
// the next try finds it and goes on.
//
// spec:subscription-billing/7.3
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
		params.SetIdempotencyKey(c.id)
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
	_, err = a.schedules().Update(id, params)
	return err
}

// cancel ends the subscription with its period: POST → the subscription, which stays active until then. With
// {"immediately": true} a trial ends now. A subscription whose payment has failed ends now in any case: what was not paid
// for gives no access, and its open invoice is not tried again.
//
// spec:subscription-billing/6.2 spec:subscription-billing/7.4 spec:subscription-billing/9.2
func (a *API) cancel(w http.ResponseWriter, r *http.Request, userID string) error {
	var in struct {
		Immediately bool `json:"immediately"`
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data" {
		in.Immediately = r.PostFormValue("immediately") == "yes"
	} else if err := unreadable(json.NewDecoder(r.Body).Decode(&in)); err != nil {
		return err
	}
	now := func(s *Subscription) bool { return in.Immediately || s.Status == PastDue || s.Status == Unpaid }
	return a.change(w, r, userID, "cancel", step{
		check: func(s *Subscription) error {
			if in.Immediately && s.Status == Active {
				return conflict("the period is paid for; the subscription ends with it")
			}
			return nil
		},
		done: func(s *Subscription) bool { return s.CancelAtPeriodEnd && !now(s) },
		do: func(ctx context.Context, c *change) error {
			if err := a.release(ctx, c); err != nil {
				return err
			}
			if !now(c.sub) {
				return a.setCancel(ctx, c, true)
			}
			if err := a.voidOpen(ctx, c); err != nil {
				return err
			}
			return a.stripe.end(ctx, c.sub.StripeID)
		},
	})
}

// voidOpen gives up the invoice that could not be charged.
func (a *API) voidOpen(ctx context.Context, c *change) error {
	current, err := a.fetch(ctx, c.sub.StripeID)
	if err != nil || current.LatestInvoice == nil || current.LatestInvoice.ID == "" {
		return err
	}
	invoices := invoice.Client{B: a.stripe.backend, Key: a.stripe.config.SecretKey}
	get := &stripe.InvoiceParams{}
	get.Context = ctx
	in, err := invoices.Get(current.LatestInvoice.ID, get)
	if err != nil || in.Status != stripe.InvoiceStatusOpen {
		return err
	}
	params := &stripe.InvoiceVoidInvoiceParams{}
	params.Context = ctx
	_, err = invoices.VoidInvoice(in.ID, params)
	return err
}

// resume takes a cancellation back before it takes effect: POST → the subscription.
//
// spec:subscription-billing/6.2
func (a *API) resume(w http.ResponseWriter, r *http.Request, userID string) error {
	return a.change(w, r, userID, "resume", step{
		check: func(s *Subscription) error { return nil },
		done:  func(s *Subscription) bool { return !s.CancelAtPeriodEnd },
		do:    func(ctx context.Context, c *change) error { return a.setCancel(ctx, c, false) },
	})
}

// setCancel has the subscription end with its period, or go on.
//
// spec:subscription-billing/6.2
func (a *API) setCancel(ctx context.Context, c *change, end bool) error {
	params := &stripe.SubscriptionParams{CancelAtPeriodEnd: stripe.Bool(end)}
	params.Context = ctx
	params.SetIdempotencyKey(c.id)
	_, err := a.subscriptions().Update(c.sub.StripeID, params)
	return err
}
