package billing

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/stripe/stripe-go/v76"
)

// Authenticate returns the id of the user who sent a request, or an error when nobody is signed in.
type Authenticate func(*http.Request) (userID string, err error)

// An API answers requests of signed-in users. It is safe for concurrent use.
type API struct {
	store        *Store
	stripe       *Stripe
	authenticate Authenticate
	log          *slog.Logger
	origin       *http.CrossOriginProtection
	current      func(ctx context.Context, userID string) (sub *Subscription, asOf time.Time, err error) // through a cache, where there is one
	changed      func(userID string)                                                                     // tells it
	wait         time.Duration                                                                           // how long a page waits for what it can be shown without
}

// databaseWait is how long the database may take where something older, or less, can be shown.
const databaseWait = 3 * time.Second

// NewAPI makes the API of the checkout, the portal and plan changes.
func NewAPI(store *Store, s *Stripe, authenticate Authenticate, log *slog.Logger) *API {
	return &API{store: store, stripe: s, authenticate: authenticate, log: log, origin: http.NewCrossOriginProtection(), changed: func(string) {}, wait: databaseWait,
		current: func(ctx context.Context, userID string) (*Subscription, time.Time, error) {
			sub, err := store.Current(ctx, userID)
			return sub, time.Time{}, err
		}}
}

// Register adds the API's routes to a mux.
func (a *API) Register(mux *http.ServeMux) {
	for pattern, h := range map[string]userHandler{
		"POST /api/billing/checkout":  a.checkout,
		"POST /api/billing/portal":    a.portal,
		"POST /api/billing/upgrade":   a.upgrade,
		"POST /api/billing/downgrade": a.downgrade,
		"POST /api/billing/cancel":    a.cancel,
		"POST /api/billing/resume":    a.resume,
		"GET /api/billing/status":     a.status,
		"GET /api/billing/history":    a.history,
	} {
		mux.Handle(pattern, a.signedIn(h))
	}
}

type userHandler func(w http.ResponseWriter, r *http.Request, userID string) error

// A problem is an answer that says no, with a status.
type problem struct {
	status int
	text   string
	extra  map[string]any
}

func (p *problem) Error() string { return p.text }

// conflict is the answer to who asks for what the subscription, as it is, does not allow.
func conflict(text string) *problem { return &problem{status: http.StatusConflict, text: text} }

// maxBody bounds a request's body, in bytes.
const maxBody = 64 << 10

// signedIn lets only signed-in users through: 401 comes before the body is read and before Stripe hears of anything.
//
// spec:subscription-billing/8.1
func (a *API) signedIn(h userHandler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		userID, err := a.authenticate(r)
		if err != nil || userID == "" {
			answer(w, http.StatusUnauthorized, map[string]any{"error": "sign in first"})
			return
		}
		if err := a.origin.Check(r); err != nil {
			answer(w, http.StatusForbidden, map[string]any{"error": "the request comes from another site"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		err = h(w, r, userID)
		var p *problem
		switch {
		case err == nil:
		case errors.As(err, &p):
			body := map[string]any{"error": p.text}
			for k, v := range p.extra {
				body[k] = v
			}
			answer(w, p.status, body)
		case errors.Is(err, ErrNotFound):
			answer(w, http.StatusNotFound, map[string]any{"error": ErrNotFound.Error()})
		case errors.Is(err, ErrBusy):
			answer(w, http.StatusConflict, map[string]any{"error": ErrBusy.Error()})
		default:
			a.log.Error("billing request failed", "path", r.URL.Path, "user", userID, "error", err)
			answer(w, failed(err), map[string]any{"error": "it did not work; try again"})
		}
	})
}

// failed is the status of an answer to who is not to blame: Stripe did not do it, or we could not.
func failed(err error) int {
	var refused *stripe.Error
	var unreachable *url.Error
	if errors.As(err, &refused) || errors.As(err, &unreachable) {
		return http.StatusBadGateway
	}
	return http.StatusServiceUnavailable
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// decode reads a JSON body and refuses fields that are not asked for: a price or an amount is never the client's to say.
//
// spec:subscription-billing/1.5
func decode(r *http.Request, into any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil && dec.Decode(new(any)) != io.EOF {
		err = errors.New("there is more than one value")
	}
	return unreadable(err)
}

// unreadable is the answer to a body that could not be read, nil for one that could, or was empty.
func unreadable(err error) error {
	var large *http.MaxBytesError
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &large):
		return &problem{status: http.StatusRequestEntityTooLarge, text: "the body is too large"}
	}
	return &problem{status: http.StatusBadRequest, text: "the body cannot be read: " + err.Error()}
}
