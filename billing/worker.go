package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/invoice"
	"github.com/stripe/stripe-go/v76/subscription"
)

// maxAttempts is after how many failures an event is left for a person: a dead letter.
const maxAttempts = 12

// A Worker drains the inbox. Several may run at once, also in several processes: each event is taken by one.
type Worker struct {
	store  *Store
	stripe *Stripe
	sync   *Syncer
	log    *slog.Logger
}

// NewWorker makes one. Events whose processing fails are tried again after 1, 2, 4 … seconds.
func NewWorker(store *Store, s *Stripe, log *slog.Logger) *Worker {
	return &Worker{store: store, stripe: s, sync: NewSyncer(store, s), log: log}
}

// Run drains the inbox until ctx is done, and looks again every interval.
func (w *Worker) Run(ctx context.Context, interval time.Duration) error {
	for {
		if _, err := w.Drain(ctx); err != nil && ctx.Err() == nil {
			w.log.Error("the inbox could not be drained", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
}

// Drain processes what is due now and returns how many events it processed.
func (w *Worker) Drain(ctx context.Context) (int, error) {
	done := 0
	var due time.Time // by the database's clock: an event that fails now waits for the next time
	if err := w.store.pool.QueryRow(ctx, "SELECT now()").Scan(&due); err != nil {
		return 0, err
	}
	for ctx.Err() == nil {
		worked, err := w.one(ctx, due)
		if err != nil {
			return done, err
		}
		if !worked {
			return done, nil
		}
		done++
	}
	return done, ctx.Err()
}

// An inboxEvent is one row of the inbox.
type inboxEvent struct {
	id, kind, customer string
	payload            []byte
	attempts           int
}

// one processes the oldest event that was due at a time and that nobody else works on. The effect, the audit row and the mark that
// it is processed are one transaction: a worker that dies in between leaves the event as it was.
func (w *Worker) one(ctx context.Context, due time.Time) (worked bool, err error) {
	var e inboxEvent
	var failure error
	err = w.store.InTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT id, type, customer, payload, attempts FROM stripe_events WHERE processed_at IS NULL AND next_attempt_at <= $2 AND attempts < $1
			ORDER BY received_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`, maxAttempts, due).Scan(&e.id, &e.kind, &e.customer, &e.payload, &e.attempts)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		worked = true
		// What the effect wrote before it failed must go, and the note of the failure must stay.
		failure = pgx.BeginFunc(ctx, tx, func(effect pgx.Tx) error { return w.effect(ctx, effect, e) })
		if failure != nil && !isForeign(failure) {
			_, err = tx.Exec(ctx, `UPDATE stripe_events SET attempts = attempts + 1, last_error = $2, next_attempt_at = now() + make_interval(secs => least(3600, power(2, attempts))) WHERE id = $1`, e.id, trim(failure))
			return err
		}
		note := ""
		if failure != nil {
			note = trim(failure)
		}
		_, err = tx.Exec(ctx, `UPDATE stripe_events SET processed_at = now(), last_error = $2 WHERE id = $1`, e.id, note)
		return err
	})
	switch {
	case err != nil:
		return false, err
	case failure != nil && isForeign(failure):
		w.log.Warn("an event was set aside", "event", e.id, "type", e.kind, "error", failure)
	case failure != nil && e.attempts+1 >= maxAttempts:
		w.log.Error("an event is a dead letter", "event", e.id, "type", e.kind, "error", failure)
	case failure != nil:
		w.log.Warn("an event will be tried again", "event", e.id, "type", e.kind, "attempt", e.attempts+1, "error", failure)
	}
	return worked, nil
}

func trim(err error) string {
	text := err.Error()
	if len(text) > 500 {
		text = text[:500]
	}
	return text
}

// effect does what an event hints at. Types that are not known have none.
func (w *Worker) effect(ctx context.Context, tx pgx.Tx, e inboxEvent) error {
	var event struct {
		Data struct {
			Object eventObject `json:"object"`
		} `json:"data"`
	}
	if err := json.Unmarshal(e.payload, &event); err != nil {
		return fmt.Errorf("%w: the payload cannot be read: %v", ErrForeign, err)
	}
	o := event.Data.Object
	switch {
	case strings.HasPrefix(e.kind, "customer.subscription."):
		return w.subscription(ctx, tx, string(o.Customer), o.ID, e.id)
	case strings.HasPrefix(e.kind, "subscription_schedule."):
		return w.subscription(ctx, tx, string(o.Customer), string(o.Subscription), e.id)
	case strings.HasPrefix(e.kind, "checkout.session."):
		state := "complete"
		if e.kind == "checkout.session.expired" {
			state = "expired"
		}
		if _, err := tx.Exec(ctx, `UPDATE checkout_sessions SET state = $2 WHERE id = $1`, o.ID, state); err != nil {
			return err
		}
		return w.subscription(ctx, tx, string(o.Customer), string(o.Subscription), e.id)
	case strings.HasPrefix(e.kind, "invoice.") && e.kind != "invoice.upcoming":
		if err := w.subscription(ctx, tx, string(o.Customer), string(o.Subscription), e.id); err != nil {
			return err
		}
		return w.invoice(ctx, tx, string(o.Customer), o.ID)
	}
	return nil
}

// subscription writes a subscription as it is at Stripe. A second live one (two sessions were paid) is cancelled there:
// the first one stays.
func (w *Worker) subscription(ctx context.Context, tx pgx.Tx, customerID, id, eventID string) error {
	if id == "" || customerID == "" {
		return nil
	}
	err := pgx.BeginFunc(ctx, tx, func(try pgx.Tx) error { return w.sync.SyncTx(ctx, try, customerID, id, "event:"+eventID) })
	if !errors.Is(err, ErrSecondSubscription) {
		return err
	}
	w.log.Error("a second subscription was paid for; it is cancelled", "subscription", id, "customer", customerID)
	params := &stripe.SubscriptionCancelParams{InvoiceNow: stripe.Bool(false), Prorate: stripe.Bool(true)}
	params.Context = ctx
	params.SetIdempotencyKey("second:" + id)
	if _, err := (subscription.Client{B: w.stripe.backend, Key: w.stripe.config.SecretKey}).Cancel(id, params); err != nil {
		return fmt.Errorf("cancelling the second subscription %s: %w", id, err)
	}
	return w.sync.SyncTx(ctx, tx, customerID, id, "event:"+eventID)
}

// invoice writes an invoice as it is at Stripe.
func (w *Worker) invoice(ctx context.Context, tx pgx.Tx, customerID, id string) error {
	if err := LockCustomer(ctx, tx, customerID); err != nil {
		return err
	}
	params := &stripe.InvoiceParams{}
	params.Context = ctx
	in, err := (invoice.Client{B: w.stripe.backend, Key: w.stripe.config.SecretKey}).Get(id, params)
	if err != nil {
		return fmt.Errorf("fetching invoice %s: %w", id, err)
	}
	var userID string
	err = tx.QueryRow(ctx, `SELECT user_id::text FROM stripe_customers WHERE stripe_customer_id = $1`, customerID).Scan(&userID)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("invoice %s: %w: customer %s is unknown", id, ErrForeign, customerID)
	}
	if err != nil {
		return err
	}
	subscriptionID := ""
	if in.Subscription != nil {
		subscriptionID = in.Subscription.ID
	}
	return w.store.SaveInvoice(ctx, tx, userID, subscriptionID, Invoice{ID: in.ID, Number: in.Number, AmountPaid: in.AmountPaid, Currency: string(in.Currency), Status: string(in.Status), URL: in.HostedInvoiceURL, CreatedAt: at(in.Created)})
}
