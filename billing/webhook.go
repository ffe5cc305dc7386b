package billing

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stripe/stripe-go/v76"
)

// maxEvent bounds a delivery, in bytes.
const maxEvent = 256 << 10

// A Webhook takes Stripe's deliveries into the inbox. It answers as soon as the event is stored: what the event means is
// the worker's business, so that no failure there makes Stripe deliver again and again. It has no user; the signature is
// what lets a delivery in.
type Webhook struct {
	store  *Store
	config Config
	now    func() time.Time
	log    *slog.Logger
	stored func() // told of every event that was stored
	intake *intake
	wait   time.Duration // for the database

	versions sync.Map // of the interface that events came in: the alarm about one rings once
}

// receiveTimeout is how long a delivery waits for the database: Stripe is answered within five seconds.
const receiveTimeout = 4 * time.Second

// NewWebhook makes the endpoint. now is the clock that signatures are checked against; nil for the real one.
func NewWebhook(store *Store, c Config, now func() time.Time, log *slog.Logger) (*Webhook, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &Webhook{store: store, config: c, now: now, log: log, stored: func() {}, intake: &intake{store: store}, wait: receiveTimeout}, nil
}

// Register adds the endpoint to a mux.
func (h *Webhook) Register(mux *http.ServeMux) { mux.Handle("POST /api/billing/webhook", h) }

// ServeHTTP answers 200 for an event that is stored now or was before, 400 for a delivery that Stripe did not sign, 413
// for one that is too large, and 503 when it could not be stored: then Stripe delivers it again.
//
// spec:subscription-billing/3.4 spec:subscription-billing/3.7 spec:subscription-billing/14.3
func (h *Webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		http.Error(w, "the event is too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "the event could not be read", http.StatusBadRequest)
		return
	}
	event, err := VerifyEvent(payload, r.Header.Get("Stripe-Signature"), h.config.WebhookSecrets, h.now())
	if err != nil {
		h.log.Warn("a delivery was refused", "error", err)
		text := ErrSignature.Error()
		if errors.Is(err, ErrPayload) {
			text = ErrPayload.Error()
		}
		http.Error(w, text, http.StatusBadRequest)
		return
	}
	if event.Livemode != h.config.Live() {
		h.log.Warn("an event of the other mode was left out", "event", event.ID, "livemode", event.Livemode)
		w.WriteHeader(http.StatusOK)
		return
	}
	h.alarm(event.APIVersion)
	ctx, cancel := context.WithTimeout(r.Context(), h.wait)
	defer cancel()
	if err := h.intake.take(ctx, event, payload); err != nil {
		h.log.Error("an event could not be stored", "event", event.ID, "error", err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	h.stored()
	w.WriteHeader(http.StatusOK)
}

// alarm tells once of events that come in another version of the interface.
func (h *Webhook) alarm(version string) {
	if _, known := h.versions.LoadOrStore(version, true); !known && version != stripe.APIVersion {
		h.log.Error("the endpoint at Stripe speaks another version of the interface; its events are processed all the same", "version", version, "want", stripe.APIVersion)
	}
}

// insertEvents stores what is in seven arrays. They are in the order of the ids: two statements that bring the same events in
// different orders would wait for each other.
const insertEvents = `INSERT INTO stripe_events (id, type, api_version, livemode, created, customer, payload)
	SELECT id, type, api_version, livemode, created, customer, payload::jsonb
	FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::timestamptz[], $6::text[], $7::text[]) AS e (id, type, api_version, livemode, created, customer, payload)
	ON CONFLICT (id) DO NOTHING`

// Receive stores an event in the inbox. The same event again changes nothing. What the database cannot keep of a payload
// (a NUL in a text, nesting without end) is left out, since delivering it again would not help: the worker fetches what it
// needs.
//
// spec:subscription-billing/3.4
func (s *Store) Receive(ctx context.Context, e Event, payload []byte) error {
	err := s.insertEvents(ctx, []*delivery{{event: e, payload: payload}})
	if !refusedData(err) {
		return err
	}
	var event struct {
		Data struct {
			Object eventObject `json:"object"`
		} `json:"data"`
	}
	if json.Unmarshal(payload, &event) != nil {
		return err
	}
	o := &event.Data.Object
	*o = eventObject{ID: storable(o.ID), Object: storable(o.Object), Customer: reference(storable(string(o.Customer))), Subscription: reference(storable(string(o.Subscription)))}
	if payload, err = json.Marshal(event); err != nil {
		return err
	}
	return s.insertEvents(ctx, []*delivery{{event: e, payload: payload}})
}

// refusedData tells whether the database cannot keep a value.
func refusedData(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (strings.HasPrefix(refused.Code, "22") || strings.HasPrefix(refused.Code, "54"))
}

// insertEvents stores deliveries by one statement: all of them, or none.
func (s *Store) insertEvents(ctx context.Context, all []*delivery) error {
	slices.SortFunc(all, func(a, b *delivery) int { return strings.Compare(a.event.ID, b.event.ID) })
	n := len(all)
	ids, types, versions, customers, payloads := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	live, created := make([]bool, n), make([]*time.Time, n)
	for i, d := range all {
		e := d.event
		ids[i], types[i], versions[i], live[i], created[i], customers[i], payloads[i] = e.ID, e.Type, e.APIVersion, e.Livemode, orNull(at(e.Created)), e.Customer, string(d.payload)
	}
	_, err := s.pool.Exec(ctx, insertEvents, ids, types, versions, live, created, customers, payloads)
	return err
}

// A delivery waits to be stored.
type delivery struct {
	event   Event
	payload []byte
	done    chan error // takes one value, when it is known what came of it
}

// An intake stores deliveries. Those that come while the database is at work are stored together by the next statement: a
// burst costs as many commits as the database has time for, and a single delivery waits for nobody.
type intake struct {
	store *Store

	mu      sync.Mutex
	waiting []*delivery
	working int
}

const (
	intakeStatements = 2  // at once; one that hangs does not hold up everything
	intakeTogether   = 64 // deliveries of one statement
)

// take stores a delivery, and returns when it is stored.
func (in *intake) take(ctx context.Context, e Event, payload []byte) error {
	d := &delivery{event: e, payload: payload, done: make(chan error, 1)}
	in.mu.Lock()
	in.waiting = append(in.waiting, d)
	idle := in.working < intakeStatements
	if idle {
		in.working++
	}
	in.mu.Unlock()
	if idle {
		go in.work()
	}
	select {
	case err := <-d.done:
		return err
	case <-ctx.Done():
		return ctx.Err() // it may be stored all the same; delivered again, it changes nothing
	}
}

// work stores what waits, until nothing does.
func (in *intake) work() {
	for {
		in.mu.Lock()
		n := min(len(in.waiting), intakeTogether)
		if n == 0 {
			in.working--
			in.mu.Unlock()
			return
		}
		now := in.waiting[:n:n]
		in.waiting = in.waiting[n:]
		in.mu.Unlock()
		in.storeAll(now)
	}
}

// storeAll stores deliveries together, or each alone where the database refuses one of them.
func (in *intake) storeAll(all []*delivery) {
	ctx, cancel := context.WithTimeout(context.Background(), receiveTimeout)
	defer cancel()
	if len(all) > 1 {
		if err := in.store.insertEvents(ctx, all); !refusedData(err) {
			for _, d := range all {
				d.done <- err
			}
			return
		}
	}
	for _, d := range all {
		d.done <- in.store.Receive(ctx, d.event, d.payload)
	}
}

// An eventObject is what is read of an event's object; everything else is fetched.
type eventObject struct {
	ID           string    `json:"id"`
	Object       string    `json:"object"`
	Customer     reference `json:"customer"`
	Subscription reference `json:"subscription"`
}
