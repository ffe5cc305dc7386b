package billing

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
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
	return &Webhook{store: store, config: c, now: now, log: log, stored: func() {}}, nil
}

// Register adds the endpoint to a mux.
func (h *Webhook) Register(mux *http.ServeMux) { mux.Handle("POST /api/billing/webhook", h) }

// ServeHTTP answers 200 for an event that is stored now or was before, 400 for a delivery that Stripe did not sign, 413
// for one that is too large, and 503 when it could not be stored: then Stripe delivers it again.
//
// spec:subscription-billing/3.4 spec:subscription-billing/3.7 spec:subscription-billing/13.3
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
	if _, known := h.versions.LoadOrStore(event.APIVersion, true); !known && event.APIVersion != stripe.APIVersion {
		h.log.Error("the endpoint at Stripe speaks another version of the interface; its events are processed all the same", "version", event.APIVersion, "want", stripe.APIVersion)
	}
	ctx, cancel := context.WithTimeout(r.Context(), receiveTimeout)
	defer cancel()
	if err := h.store.Receive(ctx, event, payload); err != nil {
		h.log.Error("an event could not be stored", "event", event.ID, "error", err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	h.stored()
	w.WriteHeader(http.StatusOK)
}

// Receive stores an event in the inbox. The same event again changes nothing. What the database cannot keep of a payload
// (a NUL in a text, nesting without end) is left out, since delivering it again would not help: the worker fetches what it
// needs.
//
// spec:subscription-billing/3.3 spec:subscription-billing/3.4 spec:subscription-billing/14.3
func (s *Store) Receive(ctx context.Context, e stripe.Event, payload []byte) error {
	const insert = `INSERT INTO stripe_events (id, type, api_version, livemode, created, customer, payload) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`
	customer, created := "", orNull(at(e.Created))
	if e.Data != nil {
		customer = storable(customerOf(e.Data.Raw))
	}
	_, err := s.pool.Exec(ctx, insert, e.ID, e.Type, e.APIVersion, e.Livemode, created, customer, payload)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (strings.HasPrefix(refused.Code, "22") || strings.HasPrefix(refused.Code, "54")) {
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
		_, err = s.pool.Exec(ctx, insert, e.ID, e.Type, e.APIVersion, e.Livemode, created, customer, payload)
	}
	return err
}

// A reference is a field of an event's object that is an id, or an object with one.
type reference string

func (r *reference) UnmarshalJSON(data []byte) error {
	var id string
	if json.Unmarshal(data, &id) == nil {
		*r = reference(id)
		return nil
	}
	var object struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(data, &object) == nil {
		*r = reference(object.ID)
	}
	return nil // what is neither says nothing, in an event that may be another application's
}

// An eventObject is what is read of an event's object; everything else is fetched.
type eventObject struct {
	ID           string    `json:"id"`
	Object       string    `json:"object"`
	Customer     reference `json:"customer"`
	Subscription reference `json:"subscription"`
}

func customerOf(raw []byte) string {
	var o eventObject
	if json.Unmarshal(raw, &o) != nil {
		return ""
	}
	if o.Object == "customer" {
		return o.ID
	}
	return string(o.Customer)
}
