package billing

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
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
}

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
		http.Error(w, "the signature does not fit", http.StatusBadRequest)
		return
	}
	customer := ""
	if event.Data != nil {
		customer = customerOf(event.Data.Raw)
	}
	if event.Livemode != h.config.Live() {
		h.log.Warn("an event of the other mode was left out", "event", event.ID, "livemode", event.Livemode)
		w.WriteHeader(http.StatusOK)
		return
	}
	if err := h.store.Receive(r.Context(), event.ID, string(event.Type), event.APIVersion, event.Livemode, customer, payload); err != nil {
		h.log.Error("an event could not be stored", "event", event.ID, "error", err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	h.stored()
	w.WriteHeader(http.StatusOK)
}

// Receive stores an event in the inbox. The same event again changes nothing. What the database cannot keep of a payload
// (a NUL in a text) is left out, since delivering it again would not help: the worker fetches what it needs.
func (s *Store) Receive(ctx context.Context, id, kind, version string, livemode bool, customer string, payload []byte) error {
	const insert = `INSERT INTO stripe_events (id, type, api_version, livemode, customer, payload) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING`
	_, err := s.pool.Exec(ctx, insert, id, kind, version, livemode, customer, payload)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && strings.HasPrefix(refused.Code, "22") {
		var event struct {
			Data struct {
				Object eventObject `json:"object"`
			} `json:"data"`
		}
		if json.Unmarshal(payload, &event) != nil {
			return err
		}
		if payload, err = json.Marshal(event); err != nil {
			return err
		}
		_, err = s.pool.Exec(ctx, insert, id, kind, version, livemode, customer, payload)
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
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	*r = reference(object.ID)
	return nil
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
