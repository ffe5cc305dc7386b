package billing

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/stripe-go/v76"
	portal "github.com/stripe/stripe-go/v76/billingportal/session"
	"github.com/stripe/stripe-go/v76/checkout/session"
	"github.com/stripe/stripe-go/v76/customer"
	"github.com/stripe/stripe-go/v76/form"
)

// checkout opens Stripe's hosted page for a plan: POST {"plan": "monthly"} → {"url": …}. Access comes later, from the
// webhook; the page that Stripe sends the user back to only shows what is known.
//
// spec:subscription-billing/1.5 spec:subscription-billing/2.1 spec:subscription-billing/2.3
func (a *API) checkout(w http.ResponseWriter, r *http.Request, userID string) error {
	var in struct {
		Plan Plan `json:"plan"`
	}
	if err := decode(r, &in); err != nil {
		return err
	}
	if _, ok := in.Plan.Terms(); !ok {
		return &problem{status: http.StatusBadRequest, text: fmt.Sprintf("plan is monthly or annual, not %q", in.Plan)}
	}
	ctx := r.Context()
	url, err := a.openSession(ctx, userID, in.Plan)
	if errors.Is(err, errSubscribed) {
		p := *errSubscribed
		if url, err := a.portalURL(ctx, userID); err == nil {
			p.extra = map[string]any{"portal": url}
		}
		return &p
	}
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]any{"url": url})
	return nil
}

// openSession returns the page of the user's one open checkout session. A customer who was deleted at Stripe, unheard by us, is
// made anew.
func (a *API) openSession(ctx context.Context, userID string, plan Plan) (url string, err error) {
	url, err = a.trySession(ctx, userID, plan)
	if missingAtStripe(err) {
		if gone, goneErr := a.customerGone(ctx, userID); goneErr != nil || !gone {
			return "", errors.Join(err, goneErr)
		}
		url, err = a.trySession(ctx, userID, plan)
	}
	if serverError(err) {
		// Stripe keeps its answer that it failed for a day, under the key of the customer or the session: the next try needs another.
		_, keyErr := a.store.pool.Exec(context.WithoutCancel(ctx), `INSERT INTO stripe_customers (user_id, generation) VALUES ($1, 1) ON CONFLICT (user_id) DO UPDATE SET generation = stripe_customers.generation + 1`, userID)
		err = errors.Join(err, keyErr)
	}
	return url, err
}

// customerGone tells whether the user's customer was deleted at Stripe, and notes it.
func (a *API) customerGone(ctx context.Context, userID string) (bool, error) {
	var id *string
	if err := a.store.pool.QueryRow(ctx, `SELECT stripe_customer_id FROM stripe_customers WHERE user_id = $1`, userID).Scan(&id); err != nil || id == nil {
		return false, err
	}
	params := &stripe.CustomerParams{}
	params.Context = ctx
	c, err := (customer.Client{B: a.stripe.backend, Key: a.stripe.config.SecretKey}).Get(*id, params)
	if err != nil && !missingAtStripe(err) || err == nil && !c.Deleted {
		return false, err
	}
	_, err = a.store.pool.Exec(ctx, `UPDATE stripe_customers SET deleted_at = now() WHERE user_id = $1 AND stripe_customer_id = $2 AND deleted_at IS NULL`, userID, *id)
	return true, err
}

// trySession does it. Parallel requests wait for each other on the user's row, so that there is one customer and at most one open
// session.
//
// spec:subscription-billing/2.2 spec:subscription-billing/2.3
func (a *API) trySession(ctx context.Context, userID string, plan Plan) (url string, err error) {
	if err := a.catchUp(ctx, userID, "user:checkout"); err != nil {
		return "", err
	}
	switch _, err := a.store.Live(ctx, userID); {
	case err == nil:
		return "", errSubscribed
	case !errors.Is(err, ErrNotFound):
		return "", err
	}
	// The customer is kept whatever becomes of the session.
	if err := a.store.slowTx(ctx, func(tx pgx.Tx) error { _, err := a.customer(ctx, tx, userID); return err }); err != nil {
		return "", err
	}
	session, paid := "", ""
	err = a.store.slowTx(ctx, func(tx pgx.Tx) error {
		customerID, err := a.customer(ctx, tx, userID)
		if err != nil {
			return err
		}
		var id, openPlan, openURL string
		var expires time.Time
		err = tx.QueryRow(ctx, `SELECT id, plan, url, expires_at FROM checkout_sessions WHERE user_id = $1 AND state = 'open'`, userID).Scan(&id, &openPlan, &openURL, &expires)
		switch {
		case err == nil:
			open, subscriptionID, err := a.stillOpen(ctx, id, expires)
			switch {
			case err != nil:
				return err
			case subscriptionID != "": // it was paid, and the webhook is not there yet
				session, paid = id, subscriptionID
				return nil
			case open && openPlan == string(plan):
				url = openURL
				return nil
			case open:
				if err := a.expire(ctx, id); err != nil {
					return err
				}
			}
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE checkout_sessions SET state = 'expired' WHERE user_id = $1 AND state = 'open'`, userID); err != nil {
			return err
		}
		s, err := a.newSession(ctx, tx, userID, customerID, plan)
		if err != nil {
			return err
		}
		url = s.URL
		if expires = at(s.ExpiresAt); expires.IsZero() {
			expires = a.now().Add(24 * time.Hour) // what Stripe does unless it is told
		}
		_, err = tx.Exec(ctx, `INSERT INTO checkout_sessions (id, user_id, plan, url, expires_at) VALUES ($1, $2, $3, $4, $5)`, s.ID, userID, plan, s.URL, expires)
		return err
	})
	if err != nil || paid == "" {
		return url, err
	}
	if ended, err := a.endedUnheard(ctx, session, paid); err != nil || !ended {
		return "", cmp.Or(err, error(errSubscribed))
	}
	return a.trySession(ctx, userID, plan)
}

// endedUnheard writes the subscription that an open session of ours was paid for, and tells whether it has come to its end already: then the
// session makes room for another.
func (a *API) endedUnheard(ctx context.Context, session, subscriptionID string) (bool, error) {
	if err := a.Sync(ctx, subscriptionID, "user:checkout"); err != nil {
		return false, err
	}
	sub, err := a.store.ByStripeID(ctx, subscriptionID)
	if err != nil || !sub.Status.Terminal() {
		return false, err
	}
	_, err = a.store.pool.Exec(ctx, `UPDATE checkout_sessions SET state = 'complete' WHERE id = $1 AND state = 'open'`, session)
	return err == nil, err
}

// catchUp asks Stripe about a live subscription whose period is over: it may have ended or switched, and the event that
// says so be late.
func (a *API) catchUp(ctx context.Context, userID, source string) error {
	sub, err := a.store.Live(ctx, userID)
	if errors.Is(err, ErrNotFound) || err == nil && a.now().Before(sub.CurrentPeriodEnd) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.Sync(ctx, sub.StripeID, source)
}

// errSubscribed is the answer to who has a live subscription and asks for another.
var errSubscribed = conflict("there is a subscription already")

// stillOpen asks Stripe whether a session can still be paid, and for the subscription of one that was. Where Stripe has no
// answer to that, what it said when the session was made counts.
func (a *API) stillOpen(ctx context.Context, id string, expires time.Time) (open bool, subscriptionID string, err error) {
	params := &stripe.CheckoutSessionParams{}
	params.Context = ctx
	s, err := a.sessions().Get(id, params)
	if missingAtStripe(err) {
		return false, "", nil
	}
	if noAnswer(err) {
		return a.now().Before(expires), "", nil
	}
	if err != nil {
		return false, "", fmt.Errorf("fetching the open checkout session: %w", err)
	}
	if s.Status == stripe.CheckoutSessionStatusComplete && s.Subscription != nil {
		return false, s.Subscription.ID, nil
	}
	return s.Status == stripe.CheckoutSessionStatusOpen, "", nil
}

// customer returns the user's Stripe customer, which is made once. The row is locked until the transaction ends.
//
// spec:subscription-billing/2.2
func (a *API) customer(ctx context.Context, tx pgx.Tx, userID string) (string, error) {
	if _, err := tx.Exec(ctx, `INSERT INTO stripe_customers (user_id) VALUES ($1) ON CONFLICT DO NOTHING`, userID); err != nil {
		return "", err
	}
	var id *string
	var generation int
	var deleted, erased bool
	if err := tx.QueryRow(ctx, `SELECT stripe_customer_id, generation, deleted_at IS NOT NULL, erased_at IS NOT NULL FROM stripe_customers WHERE user_id = $1 FOR UPDATE`, userID).Scan(&id, &generation, &deleted, &erased); err != nil {
		return "", err
	}
	if erased {
		return "", &problem{status: http.StatusGone, text: "this account's data was erased"}
	}
	if id != nil && !deleted {
		return *id, nil
	}
	params := &stripe.CustomerParams{}
	params.Context = ctx
	params.AddMetadata("user_id", userID)
	if deleted {
		generation++
	}
	params.SetIdempotencyKey(fmt.Sprintf("customer:%s:%d", userID, generation))
	c, err := (customer.Client{B: a.stripe.backend, Key: a.stripe.config.SecretKey}).New(params)
	if err != nil {
		return "", fmt.Errorf("making the Stripe customer: %w", err)
	}
	_, err = tx.Exec(ctx, `UPDATE stripe_customers SET stripe_customer_id = $2, generation = $3, deleted_at = NULL WHERE user_id = $1`, userID, c.ID, generation)
	return c.ID, err
}

func (a *API) sessions() session.Client {
	return session.Client{B: a.stripe.backend, Key: a.stripe.config.SecretKey}
}

// spec:subscription-billing/1.2 spec:subscription-billing/1.3 spec:subscription-billing/2.1
func (a *API) newSession(ctx context.Context, tx pgx.Tx, userID, customerID string, plan Plan) (*stripe.CheckoutSession, error) {
	var n, generation int // a key for each session that this user ever had: one that was completed must not be replayed
	if err := tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM checkout_sessions WHERE user_id = $1), generation FROM stripe_customers WHERE user_id = $1`, userID).Scan(&n, &generation); err != nil {
		return nil, err
	}
	params := &stripe.CheckoutSessionParams{
		Mode: stripe.String("subscription"), Customer: stripe.String(customerID), ClientReferenceID: stripe.String(userID),
		LineItems:               []*stripe.CheckoutSessionLineItemParams{{Price: stripe.String(a.stripe.config.Prices[plan]), Quantity: stripe.Int64(1)}},
		SuccessURL:              stripe.String(a.stripe.config.BaseURL + "/billing?session_id={CHECKOUT_SESSION_ID}"),
		CancelURL:               stripe.String(a.stripe.config.BaseURL + "/billing"),
		PaymentMethodCollection: stripe.String("always"),
		SubscriptionData:        &stripe.CheckoutSessionSubscriptionDataParams{Metadata: map[string]string{"user_id": userID}},
	}
	if err := a.trial(ctx, tx, userID, params.SubscriptionData); err != nil {
		return nil, err
	}
	params.Context = ctx
	params.SetIdempotencyKey(fmt.Sprintf("checkout:%s:%d:%d:%x", customerID, generation, n, digest(params)))
	s, err := a.sessions().New(params)
	if err != nil {
		return nil, fmt.Errorf("making the checkout session: %w", err)
	}
	return s, nil
}

// trial has a user's first subscription begin with the trial, where there is one. A second trial would never end.
//
// spec:subscription-billing/9.1
func (a *API) trial(ctx context.Context, tx pgx.Tx, userID string, data *stripe.CheckoutSessionSubscriptionDataParams) error {
	days := a.stripe.config.TrialDays
	if days <= 0 {
		return nil
	}
	var first bool
	if err := tx.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM subscriptions WHERE user_id = $1)`, userID).Scan(&first); err != nil || !first {
		return err
	}
	data.TrialPeriodDays = stripe.Int64(int64(days))
	data.TrialSettings = &stripe.CheckoutSessionSubscriptionDataTrialSettingsParams{
		EndBehavior: &stripe.CheckoutSessionSubscriptionDataTrialSettingsEndBehaviorParams{MissingPaymentMethod: stripe.String("cancel")}}
	return nil
}

// digest tells parameters apart: the same key with others would be refused for a day, after a change of configuration.
func digest(params *stripe.CheckoutSessionParams) []byte {
	body := &form.Values{}
	form.AppendTo(body, params)
	sum := sha256.Sum256([]byte(body.Encode()))
	return sum[:8]
}

// expire ends an open session. One that is not open any more needs no ending, so that each try may have a key of its own: under
// the same one, a failure of Stripe's would be kept for a day.
func (a *API) expire(ctx context.Context, id string) error {
	params := &stripe.CheckoutSessionExpireParams{}
	params.Context = ctx
	params.SetIdempotencyKey(stripe.NewIdempotencyKey())
	if _, err := a.sessions().Expire(id, params); err != nil && !isStripeError(err, http.StatusBadRequest) {
		return fmt.Errorf("ending the open checkout session: %w", err)
	}
	return nil
}

// portal opens Stripe's page for the payment method: POST → {"url": …}.
func (a *API) portal(w http.ResponseWriter, r *http.Request, userID string) error {
	url, err := a.portalURL(r.Context(), userID)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]any{"url": url})
	return nil
}

// portalURL asks for a page on which the payment method can be changed, and nothing else: a plan that was changed there
// would not follow our rules.
//
// spec:subscription-billing/2.4
func (a *API) portalURL(ctx context.Context, userID string) (string, error) {
	var customerID *string
	err := a.store.pool.QueryRow(ctx, `SELECT stripe_customer_id FROM stripe_customers WHERE user_id = $1 AND deleted_at IS NULL AND erased_at IS NULL`, userID).Scan(&customerID)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && customerID == nil {
		return "", ErrNotFound
	}
	if err != nil {
		return "", err
	}
	params := &stripe.BillingPortalSessionParams{Customer: customerID, ReturnURL: stripe.String(a.stripe.config.BaseURL + "/billing"),
		FlowData: &stripe.BillingPortalSessionFlowDataParams{Type: stripe.String("payment_method_update")}}
	params.Context = ctx
	s, err := (portal.Client{B: a.stripe.backend, Key: a.stripe.config.SecretKey}).New(params)
	if missingAtStripe(err) {
		if gone, goneErr := a.customerGone(ctx, userID); goneErr == nil && gone {
			return "", ErrNotFound
		}
	}
	if err != nil {
		return "", fmt.Errorf("opening the portal: %w", err)
	}
	return s.URL, nil
}

// A statusView is a subscription as the API shows it.
type statusView struct {
	*Subscription
	Access      bool       `json:"access"`
	NextBilling *time.Time `json:"next_billing_date,omitempty"` // when the next charge is due; none for one that ends or is paused
	AsOf        *time.Time `json:"as_of,omitempty"`             // set when the database does not answer and this is older
}

func (a *API) view(sub *Subscription, asOf time.Time) statusView {
	v := statusView{Subscription: sub, Access: sub.Entitled(a.now())}
	if sub.Status.Live() && sub.Status != Paused && !sub.CancelAtPeriodEnd && sub.CancelAt.IsZero() {
		v.NextBilling = &sub.CurrentPeriodEnd
	}
	if !asOf.IsZero() {
		v.AsOf = &asOf
	}
	return v
}

// status shows the user's subscription: GET → the subscription, or {"status": "none"}.
func (a *API) status(w http.ResponseWriter, r *http.Request, userID string) error {
	sub, asOf, err := a.current(r.Context(), userID)
	if errors.Is(err, ErrNotFound) {
		answer(w, http.StatusOK, map[string]any{"status": "none", "access": false})
		return nil
	}
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, a.view(sub, asOf))
	return nil
}

// pageSize is how many invoices one answer holds.
const pageSize = 100

// history lists the user's own invoices, newest first: GET → {"invoices": […], "next": "…"}; next is what the parameter
// after asks the following page with.
//
// spec:subscription-billing/5.2
func (a *API) history(w http.ResponseWriter, r *http.Request, userID string) error {
	limit := pageSize
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > pageSize {
			return &problem{status: http.StatusBadRequest, text: fmt.Sprintf("limit is a number from 1 to %d", pageSize)}
		}
		limit = n
	}
	after := r.URL.Query().Get("after")
	invoices, err := a.store.Invoices(r.Context(), userID, after, limit+1)
	if err != nil {
		return err
	}
	if after != "" && len(invoices) == 0 {
		if err := a.store.ownInvoice(r.Context(), userID, after); err != nil {
			return err
		}
	}
	body := map[string]any{"invoices": append([]Invoice{}, invoices[:min(limit, len(invoices))]...)}
	if len(invoices) > limit {
		body["next"] = invoices[limit-1].ID
	}
	answer(w, http.StatusOK, body)
	return nil
}
