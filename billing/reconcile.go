package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/event"
	"github.com/stripe/stripe-go/v76/subscription"
)

// Reconcile heals what deliveries missed: it takes in the events of the last 30 days that Stripe could not deliver,
// processes them, and compares every customer's subscriptions with Stripe's. It returns how many events it took in. It
// may run at any time, beside the worker too.
//
// spec:subscription-billing/11.2
func (w *Worker) Reconcile(ctx context.Context) (taken int, err error) {
	params := &stripe.EventListParams{DeliverySuccess: stripe.Bool(false)}
	params.Context = ctx
	params.Limit = stripe.Int64(100)
	missed := (event.Client{B: w.stripe.backend, Key: w.stripe.config.SecretKey}).List(params)
	for missed.Next() {
		e := missed.Event()
		if e.Data == nil || e.Livemode != w.stripe.config.Live() {
			continue
		}
		payload, err := json.Marshal(map[string]any{"id": e.ID, "object": "event", "type": e.Type, "created": e.Created, "livemode": e.Livemode, "api_version": e.APIVersion, "data": map[string]any{"object": e.Data.Raw}})
		if err != nil {
			return taken, err
		}
		received, err := parseEvent(payload)
		if err != nil {
			return taken, err
		}
		if err := w.store.Receive(ctx, received, payload); err != nil {
			return taken, fmt.Errorf("storing event %s: %v", e.ID, err)
		}
		taken++
	}
	var errs []error // what fails must not keep the rest from being healed
	if err := missed.Err(); err != nil {
		errs = append(errs, fmt.Errorf("listing the events that were not delivered: %w", err))
	}
	if _, err := w.Drain(ctx); err != nil {
		return taken, err
	}
	rows, err := w.store.pool.Query(ctx, `SELECT stripe_customer_id FROM stripe_customers WHERE stripe_customer_id IS NOT NULL AND deleted_at IS NULL AND erased_at IS NULL ORDER BY 1`)
	if err != nil {
		return taken, err
	}
	customers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return taken, err
	}
	for _, id := range customers {
		errs = append(errs, w.reconcileCustomer(ctx, id))
	}
	return taken, errors.Join(errs...)
}

// reconcileCustomer writes every subscription of a customer as it is at Stripe.
func (w *Worker) reconcileCustomer(ctx context.Context, customerID string) error {
	params := &stripe.SubscriptionListParams{Customer: stripe.String(customerID), Status: stripe.String("all")}
	params.Context = ctx
	params.Limit = stripe.Int64(100)
	list := (subscription.Client{B: w.stripe.backend, Key: w.stripe.config.SecretKey}).List(params)
	for list.Next() {
		id := list.Subscription().ID
		err := w.store.slowTx(ctx, func(tx pgx.Tx) error { return w.subscription(ctx, tx, customerID, id, "job:reconcile") })
		var set *quarantined
		if errors.As(err, &set) {
			quarantineAlarm(w.log, set)
			err = w.store.InTx(ctx, func(tx pgx.Tx) error { return quarantine(ctx, tx, set, "job:reconcile") })
		}
		if err != nil && !isForeign(err) {
			return fmt.Errorf("comparing subscription %s: %w", id, err)
		}
	}
	if err := list.Err(); err != nil && !isForeign(err) {
		return fmt.Errorf("listing the subscriptions of customer %s: %w", customerID, err)
	}
	return nil
}

// Replay has events processed again: those named, or else all dead letters. It returns how many.
//
// spec:subscription-billing/11.2
func (w *Worker) Replay(ctx context.Context, ids ...string) (int, error) {
	tag, err := w.store.pool.Exec(ctx, `UPDATE stripe_events SET processed_at = NULL, attempts = 0, next_attempt_at = now(), last_error = ''
		WHERE id = ANY ($1) OR cardinality($1::text[]) = 0 AND processed_at IS NULL AND attempts >= $2`, append([]string{}, ids...), maxAttempts)
	if err != nil {
		return 0, err
	}
	w.Wake()
	return int(tag.RowsAffected()), nil
}
