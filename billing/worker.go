package billing

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/invoice"
	"github.com/stripe/stripe-go/v76/refund"
)

// A Worker drains the inbox. Several may run at once, also in several processes: each event is taken by one.
type Worker struct {
	store  *Store
	stripe *Stripe
	sync   *Syncer
	log    *slog.Logger
	wake   chan struct{}

	mu       sync.Mutex
	inFlight map[string]bool // customers for whom something is being done here
}

// NewWorker makes one. Events whose processing fails are tried again after 1, 2, 4 … seconds.
func NewWorker(store *Store, s *Stripe, log *slog.Logger) *Worker {
	w := &Worker{store: store, stripe: s, sync: newSyncer(store, s), log: log, wake: make(chan struct{}, 1), inFlight: map[string]bool{}}
	w.sync.alarm = func(q *quarantined) { quarantineAlarm(log, q) }
	return w
}

// Run drains the inbox until ctx is done: when it is told that an event came, and every interval, for those that other
// processes took in and those that wait for another attempt.
func (w *Worker) Run(ctx context.Context, interval time.Duration) error {
	for {
		if _, err := w.Drain(ctx); err != nil && ctx.Err() == nil {
			w.log.Error("the inbox could not be drained", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.wake:
		case <-time.After(interval):
		}
	}
}

// Wake has Run look at the inbox now.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // it is going to look
	}
}

// busyPause is how long an event waits whose customer somebody else is working on.
const busyPause = 50 * time.Millisecond

// Drain processes what is due now and returns how many events it processed. Those of one customer are done one after the
// other, the oldest first; those of several at once.
func (w *Worker) Drain(ctx context.Context) (int, error) {
	done := 0
	for {
		var due time.Time // by the database's clock: an event that fails now waits for the next time
		if err := w.store.pool.QueryRow(ctx, "SELECT now()").Scan(&due); err != nil {
			return done, err
		}
		n, skipped, err := w.round(ctx, due)
		if done += n; err != nil || !skipped {
			return done, err
		}
		select {
		case <-ctx.Done():
			return done, ctx.Err()
		case <-time.After(busyPause):
		}
	}
}

// round processes what was due at a time, until nothing is left. skipped tells that another process was in the way.
func (w *Worker) round(ctx context.Context, due time.Time) (done int, skipped bool, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var work func(first bool)
	work = func(first bool) {
		for {
			what, oneErr := nothing, ctx.Err()
			if oneErr == nil {
				what, oneErr = w.one(ctx, due)
			}
			mu.Lock()
			switch what {
			case worked:
				done++
			case busy:
				skipped = true
			}
			err = errors.Join(err, oneErr)
			mu.Unlock()
			if oneErr != nil || what == nothing {
				return
			}
			if first { // where one event was, there may be more
				first = false
				for range w.workers() - 1 {
					wg.Go(func() { work(false) })
				}
			}
		}
	}
	work(true)
	wg.Wait()
	return done, skipped, err
}

func (w *Worker) workers() int {
	return cmp.Or(w.stripe.config.Workers, 4)
}

// take notes that something is done for a customer; false when it is already.
func (w *Worker) take(customer string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if customer == "" {
		return true
	}
	if w.inFlight[customer] {
		return false
	}
	w.inFlight[customer] = true
	return true
}

func (w *Worker) leave(customer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.inFlight, customer)
}

// taken lists the customers for whom something is being done.
func (w *Worker) taken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.AppendSeq(make([]string, 0, len(w.inFlight)), maps.Keys(w.inFlight))
}

type outcome int

const (
	nothing outcome = iota // nothing was due
	busy                   // another process works for this customer
	passed                 // we do, by now: look again
	worked
)

// An inboxEvent is one row of the inbox.
type inboxEvent struct {
	id, kind, customer string
	payload            []byte
	attempts           int
}

// one processes the oldest event that was due at a time and that nobody else works on. The effect, the audit row, the
// mails and the mark that it is processed are one transaction: a worker that dies in between leaves the event as it was.
//
// spec:subscription-billing/3.4 spec:subscription-billing/11.3
func (w *Worker) one(ctx context.Context, due time.Time) (what outcome, err error) {
	var e inboxEvent
	var failure error
	var set *quarantined
	mine := false
	defer func() {
		if mine { // after the commit: whoever takes the customer up next sees what was done
			w.leave(e.customer)
		}
	}()
	err = w.store.slowTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT id, type, customer, payload, attempts FROM stripe_events WHERE processed_at IS NULL AND next_attempt_at <= $2 AND attempts < $1 AND customer <> ALL ($3)
			ORDER BY received_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`, maxAttempts, due, w.taken()).Scan(&e.id, &e.kind, &e.customer, &e.payload, &e.attempts)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if !w.take(e.customer) {
			what = passed
			return nil
		}
		mine = true
		if e.customer != "" {
			var free bool
			if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))`, "billing:"+e.customer).Scan(&free); err != nil {
				return err
			}
			if !free {
				what = busy
				_, err := tx.Exec(ctx, `UPDATE stripe_events SET next_attempt_at = clock_timestamp() + make_interval(secs => $2) WHERE id = $1`, e.id, busyPause.Seconds()/2)
				return err
			}
		}
		what = worked
		// What the effect wrote before it failed must go, and the note of the failure must stay.
		failure = pgx.BeginFunc(ctx, tx, func(effect pgx.Tx) error { return w.effect(ctx, effect, e) })
		note := ""
		switch {
		case failure == nil:
		case errors.As(failure, &set):
			note = trim(failure)
			if err := quarantine(ctx, tx, set, "event:"+e.id); err != nil {
				return err
			}
		case isForeign(failure):
			note = trim(failure)
		default:
			_, err = tx.Exec(ctx, `UPDATE stripe_events SET attempts = attempts + 1, last_error = $2, next_attempt_at = now() + make_interval(secs => least(3600, power(2, attempts))) WHERE id = $1`, e.id, trim(failure))
			return err
		}
		// What came for a customer who was erased is not kept.
		_, err = tx.Exec(ctx, `UPDATE stripe_events SET processed_at = now(), last_error = $2,
			payload = CASE WHEN EXISTS (SELECT FROM stripe_customers WHERE stripe_customer_id = $3 AND erased_at IS NOT NULL) THEN `+scrubbed+` ELSE payload END WHERE id = $1`, e.id, note, e.customer)
		return err
	})
	switch {
	case err != nil:
		return nothing, err
	case failure == nil:
	case set != nil:
		quarantineAlarm(w.log, set)
	case isForeign(failure):
		w.log.Warn("an event was set aside", "event", e.id, "type", e.kind, "error", failure)
	case e.attempts+1 >= maxAttempts:
		w.log.Error("an event is a dead letter", "event", e.id, "type", e.kind, "error", failure)
	default:
		w.log.Warn("an event will be tried again", "event", e.id, "type", e.kind, "attempt", e.attempts+1, "error", failure)
	}
	return what, nil
}

// scrubbed is what remains of an event's payload after an erasure.
const scrubbed = `jsonb_build_object('id', id, 'type', type, 'erased', true)`

// effect does what an event hints at. Types that are not known have none.
//
// spec:subscription-billing/3.7
func (w *Worker) effect(ctx context.Context, tx pgx.Tx, e inboxEvent) error {
	var event struct {
		Data struct {
			Object eventObject `json:"object"`
		} `json:"data"`
	}
	if err := json.Unmarshal(e.payload, &event); err != nil {
		return fmt.Errorf("%w: the payload cannot be read: %v", errForeign, err)
	}
	o, source := event.Data.Object, "event:"+e.id
	switch {
	case strings.HasPrefix(e.kind, "customer.subscription."):
		if err := w.subscription(ctx, tx, string(o.Customer), o.ID, source); err != nil || e.kind != "customer.subscription.trial_will_end" {
			return err
		}
		return w.trialEnds(ctx, tx, o.ID)
	case strings.HasPrefix(e.kind, "subscription_schedule."):
		return w.subscription(ctx, tx, string(o.Customer), string(o.Subscription), source)
	case strings.HasPrefix(e.kind, "checkout.session."):
		state := "complete"
		if e.kind == "checkout.session.expired" {
			state = "expired"
		}
		if _, err := tx.Exec(ctx, `UPDATE checkout_sessions SET state = $2 WHERE id = $1 AND state = 'open'`, o.ID, state); err != nil {
			return err
		}
		return w.subscription(ctx, tx, string(o.Customer), string(o.Subscription), source)
	case strings.HasPrefix(e.kind, "invoice.") && o.ID != "":
		if err := w.subscription(ctx, tx, string(o.Customer), string(o.Subscription), source); err != nil {
			return err
		}
		return w.invoice(ctx, tx, o, e.kind, source)
	case e.kind == "customer.deleted":
		return w.customerDeleted(ctx, tx, o.ID, source)
	}
	return nil
}

// subscription writes a subscription as it is at Stripe. When it is a second live one (two sessions were paid), the older
// of the two stays.
func (w *Worker) subscription(ctx context.Context, tx pgx.Tx, customerID, id, source string) error {
	if id == "" {
		return nil
	}
	if customerID == "" {
		var err error
		if customerID, err = w.stripe.customerOf(ctx, id); err != nil {
			return err
		}
	}
	err := w.sync.SyncTx(ctx, tx, customerID, id, source)
	if !errors.Is(err, ErrSecondSubscription) {
		return err
	}
	if err := w.resolveSecond(ctx, tx, id, source); err != nil {
		return err
	}
	return w.sync.SyncTx(ctx, tx, customerID, id, source)
}

// resolveSecond cancels the newer one of a user's two live subscriptions and returns what was paid for it.
//
// spec:subscription-billing/4.4 spec:subscription-billing/11.1
func (w *Worker) resolveSecond(ctx context.Context, tx pgx.Tx, id, source string) error {
	this, err := w.stripe.fetch(ctx, id)
	if err != nil {
		return fmt.Errorf("fetching the second subscription %s: %w", id, err)
	}
	userID, err := userOf(ctx, tx, this.Customer.ID, id)
	if err != nil {
		return err
	}
	var otherID, otherCustomer string
	if err := tx.QueryRow(ctx, `SELECT stripe_subscription_id, stripe_customer_id FROM subscriptions WHERE user_id = $1 AND stripe_subscription_id <> $2 AND status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused')`, userID, id).Scan(&otherID, &otherCustomer); err != nil {
		return err
	}
	other, err := w.stripe.fetch(ctx, otherID)
	if err != nil {
		return fmt.Errorf("fetching the first subscription %s: %w", otherID, err)
	}
	if Status(other.Status).Terminal() { // it ended, and the event that says so is late
		return w.sync.SyncTx(ctx, tx, otherCustomer, otherID, source)
	}
	newer := this
	if other.Created > this.Created {
		newer = other
	}
	w.log.Error("a second subscription was paid for; it is cancelled", "subscription", newer.ID, "user", userID)
	// The money comes first: what fails in between is done again as long as the subscription is live, and never once it has ended.
	if err := w.refund(ctx, tx, userID, newer); err != nil {
		return err
	}
	if newer.Status != stripe.SubscriptionStatusCanceled {
		if err := w.stripe.end(ctx, newer.ID); err != nil {
			return fmt.Errorf("cancelling the second subscription %s: %w", newer.ID, err)
		}
	}
	if newer == other {
		return w.sync.SyncTx(ctx, tx, otherCustomer, otherID, source)
	}
	return nil
}

// refund returns what was paid for a subscription, and tells the user.
//
// spec:subscription-billing/11.1
func (w *Worker) refund(ctx context.Context, tx pgx.Tx, userID string, sub *stripe.Subscription) error {
	paid, err := w.paidInvoices(ctx, sub)
	if err != nil {
		return err
	}
	var sum int64
	for _, id := range paid {
		cents, err := w.refundInvoice(ctx, id)
		if err != nil {
			return err
		}
		sum += cents
	}
	if sum == 0 {
		return nil
	}
	return queueMail(ctx, tx, "second:"+sub.ID, userID, MailSecondCancelled, mailData{InvoiceID: paid[0], Amount: sum})
}

// paidInvoices lists the invoices of a subscription that were paid; where there is no list, the last one.
func (w *Worker) paidInvoices(ctx context.Context, sub *stripe.Subscription) (ids []string, err error) {
	params := &stripe.InvoiceListParams{Subscription: stripe.String(sub.ID), Status: stripe.String("paid")}
	params.Context = ctx
	list := (invoice.Client{B: w.stripe.backend, Key: w.stripe.config.SecretKey}).List(params)
	for list.Next() {
		ids = append(ids, list.Invoice().ID)
	}
	if err := list.Err(); err != nil && !isStripeError(err, 404) {
		return nil, fmt.Errorf("listing the invoices of the second subscription %s: %w", sub.ID, err)
	}
	if len(ids) == 0 && sub.LatestInvoice != nil && sub.LatestInvoice.ID != "" {
		ids = []string{sub.LatestInvoice.ID}
	}
	return ids, nil
}

// refundInvoice returns what was paid by an invoice, once, and says how much that is.
func (w *Worker) refundInvoice(ctx context.Context, id string) (int64, error) {
	in, err := w.fetchInvoice(ctx, id)
	if err != nil {
		return 0, err
	}
	params := &stripe.RefundParams{Reason: stripe.String("duplicate")}
	switch {
	case in.AmountPaid == 0:
		return 0, nil
	case in.PaymentIntent != nil:
		params.PaymentIntent = stripe.String(in.PaymentIntent.ID)
	case in.Charge != nil:
		params.Charge = stripe.String(in.Charge.ID)
	default:
		w.log.Error("what was paid for a second subscription could not be returned; return it by hand", "invoice", in.ID)
		return 0, nil
	}
	params.Context = ctx
	// Stripe refunds nothing twice, and under the same key a failure of its own would be kept for a day.
	params.SetIdempotencyKey(stripe.NewIdempotencyKey())
	var refused *stripe.Error
	if _, err := (refund.Client{B: w.stripe.backend, Key: w.stripe.config.SecretKey}).New(params); err != nil && !(errors.As(err, &refused) && refused.Code == stripe.ErrorCodeChargeAlreadyRefunded) {
		return 0, fmt.Errorf("refunding invoice %s: %w", in.ID, err)
	}
	return in.AmountPaid, nil
}

// trialEnds queues the mail before the end of a trial that will be charged.
func (w *Worker) trialEnds(ctx context.Context, tx pgx.Tx, id string) error {
	sub, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM subscriptions WHERE stripe_subscription_id = $1`, id))
	if errors.Is(err, ErrNotFound) || err == nil && (sub.Status != Trialing || sub.CancelAtPeriodEnd) {
		return nil
	}
	if err != nil {
		return err
	}
	return queueMail(ctx, tx, fmt.Sprintf("trial:%s:%d", id, sub.TrialEnd.Unix()), sub.UserID, MailTrialEnding, mailData{Next: sub.TrialEnd})
}

// customerDeleted follows the subscriptions that ended with their customer; the user's next checkout makes a new one.
func (w *Worker) customerDeleted(ctx context.Context, tx pgx.Tx, customerID, source string) error {
	rows, err := tx.Query(ctx, `SELECT stripe_subscription_id FROM subscriptions WHERE stripe_customer_id = $1 AND status NOT IN ('canceled', 'incomplete_expired') ORDER BY 1`, customerID)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := w.subscription(ctx, tx, customerID, id, source); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `UPDATE stripe_customers SET deleted_at = now() WHERE stripe_customer_id = $1 AND deleted_at IS NULL`, customerID)
	return err
}

func (w *Worker) fetchInvoice(ctx context.Context, id string) (*stripe.Invoice, error) {
	params := &stripe.InvoiceParams{}
	params.Context = ctx
	params.AddExpand("payment_intent")
	in, err := (invoice.Client{B: w.stripe.backend, Key: w.stripe.config.SecretKey}).Get(id, params)
	if err != nil {
		return nil, fmt.Errorf("fetching invoice %s: %w", id, err)
	}
	return in, nil
}

// invoice writes an invoice as it is at Stripe, and queues the mails about its payment.
func (w *Worker) invoice(ctx context.Context, tx pgx.Tx, o eventObject, kind, source string) error {
	customerID, id := string(o.Customer), o.ID
	if err := lockCustomer(ctx, tx, customerID); err != nil {
		return err
	}
	in, err := w.fetchInvoice(ctx, id)
	if err != nil {
		return err
	}
	if customerID == "" && in.Customer != nil {
		customerID = in.Customer.ID
	}
	subscriptionID := string(o.Subscription)
	if in.Subscription != nil && subscriptionID == "" { // later versions of the interface name it elsewhere
		subscriptionID = in.Subscription.ID
		if err := w.subscription(ctx, tx, customerID, subscriptionID, source); err != nil {
			return err
		}
	}
	userID, err := userOf(ctx, tx, customerID, subscriptionID)
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("invoice %s: %w: customer %s is unknown", id, errForeign, customerID)
	}
	if err != nil {
		return err
	}
	if err := w.store.SaveInvoice(ctx, tx, userID, subscriptionID, Invoice{ID: in.ID, Number: in.Number, AmountDue: in.AmountDue, AmountPaid: in.AmountPaid, Currency: string(in.Currency), Status: string(in.Status),
		Reason: string(in.BillingReason), Attempts: int(in.AttemptCount), URL: in.HostedInvoiceURL, PeriodStart: at(in.PeriodStart), PeriodEnd: at(in.PeriodEnd), CreatedAt: at(in.Created)}); err != nil {
		return err
	}
	return payment(ctx, tx, userID, subscriptionID, in, kind)
}

// payment queues the mails about an invoice's payment.
func payment(ctx context.Context, tx pgx.Tx, userID, subscriptionID string, in *stripe.Invoice, kind string) error {
	switch in.Status {
	case stripe.InvoiceStatusPaid:
		return paidAfterAll(ctx, tx, userID, in)
	case stripe.InvoiceStatusOpen, stripe.InvoiceStatusUncollectible:
		return notPaid(ctx, tx, userID, subscriptionID, in, kind)
	}
	return nil
}

// paidAfterAll queues one mail when a payment went through of which the user was told that it had failed.
//
// spec:subscription-billing/10.2
func paidAfterAll(ctx context.Context, tx pgx.Tx, userID string, in *stripe.Invoice) error {
	var told bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM outbox WHERE user_id = $2 AND starts_with(dedupe_key, $1))`, attemptsAt(in), userID).Scan(&told); err != nil || !told {
		return err
	}
	return queueMail(ctx, tx, "fixed:"+in.ID, userID, MailPaymentFixed, paymentData(in))
}

// notPaid queues a mail for each attempt that failed, none while the first payment is still open.
//
// spec:subscription-billing/10.1 spec:subscription-billing/10.3
func notPaid(ctx context.Context, tx pgx.Tx, userID, subscriptionID string, in *stripe.Invoice, kind string) error {
	if in.AttemptCount == 0 && kind != "invoice.payment_failed" || in.AmountDue == 0 {
		return nil
	}
	var incomplete bool // the page of the payment has told the user already
	if err := tx.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM subscriptions WHERE stripe_subscription_id = $1 AND status NOT IN ('incomplete', 'incomplete_expired'))`, subscriptionID).Scan(&incomplete); err != nil || incomplete {
		return err
	}
	mail := MailPaymentFailed
	switch {
	case in.PaymentIntent != nil && in.PaymentIntent.Status == stripe.PaymentIntentStatusRequiresAction:
		mail = MailPaymentAction
	case in.NextPaymentAttempt == 0:
		mail = MailPaymentFinal
	}
	return queueMail(ctx, tx, fmt.Sprint(attemptsAt(in), max(1, in.AttemptCount)), userID, mail, paymentData(in))
}

// attemptsAt is what the keys of the mails about failed attempts at an invoice begin with.
func attemptsAt(in *stripe.Invoice) string { return "payment:" + in.ID + ":" }

func paymentData(in *stripe.Invoice) mailData {
	return mailData{InvoiceID: in.ID, Amount: in.AmountDue, URL: in.HostedInvoiceURL, Next: at(in.NextPaymentAttempt)}
}
