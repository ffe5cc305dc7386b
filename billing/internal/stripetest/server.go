// Package stripetest is a Stripe to test against: an HTTP server that keeps customers, prices, checkout sessions,
// subscriptions, schedules and invoices, has a clock that only tests move, prorates by the second, replays answers by
// idempotency key, and signs events. It knows nothing of the package that is tested.
package stripetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Day is the length of a day of the virtual clock, in seconds.
const Day = 86400

// M is a JSON object.
type M = map[string]any

// A Call is one request that the server took.
type Call struct {
	Method, Path, IdempotencyKey string
	Form                         url.Values
}

// A Fault is what goes wrong with one request.
type Fault struct {
	Hang   <-chan struct{} // the request waits until this is closed, and then goes on
	Late   <-chan struct{} // the request is answered as things are now, and the answer arrives when this is closed
	Made   chan<- struct{} // closed when a late answer is made
	Status int             // the answer instead; the request has no effect
	Kept   bool            // that answer is kept under the request's key, as Stripe does for a day with its own failures
	Drop   bool            // the request has its effect, and the connection breaks before the answer
	Later  <-chan struct{} // the request has its effect when this is closed, also when nobody waits for the answer any more
	Done   chan<- struct{} // closed when a request has had its effect later
}

// A TB is what is needed of a test.
type TB interface {
	Helper()
	Cleanup(func())
}

// A Server is the double. Its fields may be set before it is used; its methods are safe for concurrent use.
type Server struct {
	URL      string
	Secret   string                    // that events are signed with
	Validate func(*http.Request) error // asked first, with a body that can be read; nil for none
	Name     string                    // part of every id, so that several doubles can share a database; "test" by default
	Final    string                    // status of a subscription after its last failed attempt: canceled (the default) or unpaid

	mu      sync.Mutex
	fault   func(Call) *Fault
	now     int64
	next    int
	objects map[string]M // by id
	order   []string     // ids in the order of creation
	calls   []Call
	replays map[string]*replay
	events  []M // that wait for their delivery
	log     []M // all events, oldest first
	taken   map[string]bool
}

// A replay is the answer that a key got; nil body while the first request is still under way.
type replay struct {
	form   string
	status int
	body   M
}

// New starts a server with the two prices price_monthly and price_annual. It ends with the test.
func New(t TB) *Server {
	t.Helper()
	s := Make(time.Unix(1_767_225_600, 0))
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s.URL = server.URL
	return s
}

// Make makes a double whose clock stands at a time. The caller serves it, and sets URL to where.
func Make(now time.Time) *Server {
	s := &Server{Secret: "whsec_0123456789abcdef0123456789abcdef", now: now.Unix(), objects: map[string]M{}, replays: map[string]*replay{}, taken: map[string]bool{}}
	s.AddPrice("price_monthly", 2900, "usd", "day", 30)
	s.AddPrice("price_annual", 29000, "usd", "day", 365)
	return s
}

// Inject has f say for each request what goes wrong with it; nil for nothing.
func (s *Server) Inject(f func(Call) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// FailWith answers every request with a status; 0 ends that.
func (s *Server) FailWith(status int) {
	if status == 0 {
		s.Inject(nil)
		return
	}
	s.Inject(func(Call) *Fault { return &Fault{Status: status} })
}

// AddPrice adds a price.
func (s *Server) AddPrice(id string, amount int64, currency, interval string, count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(M{"id": id, "object": "price", "unit_amount": amount, "currency": currency, "active": true, "recurring": M{"interval": interval, "interval_count": count}})
}

// Now is the virtual time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Unix(s.now, 0).UTC()
}

// Calls lists the requests so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Object returns a copy of an object, or nil.
func (s *Server) Object(id string) M {
	s.mu.Lock()
	defer s.mu.Unlock()
	return clone(s.objects[id])
}

// All lists copies of the objects of a kind, oldest first.
func (s *Server) All(kind string) []M {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all(kind)
}

func (s *Server) all(kind string) []M {
	var found []M
	for _, id := range s.order {
		if o := s.objects[id]; o != nil && o["object"] == kind {
			found = append(found, clone(o))
		}
	}
	return found
}

func clone(o M) M {
	if o == nil {
		return nil
	}
	data, err := json.Marshal(o)
	if err != nil {
		return nil
	}
	var c M
	if json.Unmarshal(data, &c) != nil {
		return nil
	}
	return c
}

func (s *Server) put(o M) M {
	id := o["id"].(string)
	if s.objects[id] == nil {
		s.order = append(s.order, id)
	}
	s.objects[id] = o
	return o
}

func (s *Server) id(prefix string) string {
	s.next++
	name := s.Name
	if name == "" {
		name = "test"
	}
	return fmt.Sprintf("%s_%s%04d", prefix, name, s.next)
}

// An apiError is an answer of Stripe's that says no.
type apiError struct {
	status              int
	kind, code, message string
}

func (e *apiError) body() M {
	return M{"error": M{"type": e.kind, "code": e.code, "message": e.message}}
}

func invalid(format string, args ...any) *apiError {
	return &apiError{400, "invalid_request_error", "", fmt.Sprintf(format, args...)}
}

func missing(id string) *apiError {
	return &apiError{404, "invalid_request_error", "resource_missing", "No such object: " + id}
}

// ServeHTTP answers as Stripe's interface does, and serves the pages that Stripe hosts.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		s.page(w, r)
		return
	}
	if err := r.ParseForm(); err != nil {
		write(w, 400, invalid("%v", err).body())
		return
	}
	call := Call{Method: r.Method, Path: r.URL.Path, IdempotencyKey: r.Header.Get("Idempotency-Key"), Form: r.Form}
	if key := r.Header.Get("Authorization"); !strings.HasPrefix(key, "Bearer sk_test_") && !strings.HasPrefix(key, "Bearer rk_test_") {
		write(w, 401, (&apiError{401, "invalid_request_error", "", "no key"}).body())
		return
	}
	if v := r.Header.Get("Stripe-Version"); v != "" && v != APIVersion {
		write(w, 400, invalid("version %s is not spoken here", v).body())
		return
	}
	s.mu.Lock()
	s.calls = append(s.calls, call)
	inject, validate := s.fault, s.Validate
	s.mu.Unlock()
	if validate != nil {
		if err := validate(r); err != nil {
			write(w, 400, invalid("%v", err).body())
			return
		}
	}
	var fault Fault
	if inject != nil {
		if f := inject(call); f != nil {
			fault = *f
		}
	}
	if fault.Hang != nil {
		select {
		case <-fault.Hang:
		case <-r.Context().Done():
			return
		}
	}
	if fault.Status != 0 {
		status, body := s.refused(call, fault)
		write(w, status, body)
		return
	}
	if fault.Later != nil {
		<-fault.Later
	}
	status, body := s.answer(call)
	if fault.Done != nil {
		close(fault.Done)
	}
	if fault.Late != nil {
		if fault.Made != nil {
			close(fault.Made)
		}
		<-fault.Late
	}
	if fault.Drop {
		panic(http.ErrAbortHandler) // breaks the connection
	}
	write(w, status, body)
}

// APIVersion is the version of Stripe's interface that the double speaks.
const APIVersion = "2023-10-16"

func write(w http.ResponseWriter, status int, body M) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// answer does what a request asks, once for each idempotency key: the same key with the same parameters gets the same
// answer again, errors included; with others it is refused.
func (s *Server) answer(c Call) (int, M) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Method != "POST" || c.IdempotencyKey == "" {
		return s.effect(c)
	}
	form := c.Path + "?" + c.Form.Encode()
	if old := s.replays[c.IdempotencyKey]; old != nil {
		if old.form != form {
			return 400, (&apiError{400, "idempotency_error", "", "the key was used with other parameters"}).body()
		}
		return old.status, old.body
	}
	status, body := s.effect(c)
	s.replays[c.IdempotencyKey] = &replay{form: form, status: status, body: body}
	return status, body
}

func (s *Server) effect(c Call) (int, M) {
	o, err := s.route(c)
	if err != nil {
		return err.status, err.body()
	}
	return 200, clone(o)
}

// refused is the answer to a request with which a fault goes wrong.
func (s *Server) refused(c Call, f Fault) (int, M) {
	body := (&apiError{f.Status, "api_error", "", "a fault that the test injected"}).body()
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Kept && c.Method == "POST" && c.IdempotencyKey != "" && s.replays[c.IdempotencyKey] == nil {
		s.replays[c.IdempotencyKey] = &replay{form: c.Path + "?" + c.Form.Encode(), status: f.Status, body: body}
	}
	return f.Status, body
}

// Events takes the events that were not delivered, oldest first. They count as delivered.
func (s *Server) Events() []M {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.events
	s.events = nil
	for _, event := range e {
		s.taken[event["id"].(string)] = true
	}
	return e
}

// Lose gives up the events that were not delivered: Stripe has them in its list, and does not try again.
func (s *Server) Lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = nil
}

// event makes an event about an object as it is now. The lock is held.
func (s *Server) event(kind string, o M) {
	e := M{"id": s.id("evt"), "object": "event", "type": kind, "created": s.now, "livemode": false, "api_version": APIVersion, "pending_webhooks": 1, "data": M{"object": clone(o)}}
	s.events = append(s.events, e)
	s.log = append(s.log, e)
}

// Sign writes an event as a delivery: its bytes, and the header that Stripe would send at a time.
func (s *Server) Sign(event M, at time.Time) (payload []byte, header string) {
	payload, err := json.Marshal(event)
	if err != nil {
		panic(err) // a map of JSON values always marshals
	}
	return payload, SignWith(payload, s.Secret, at)
}

// SignWith makes the header for a payload.
func SignWith(payload []byte, secret string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.", at.Unix())
	mac.Write(payload)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}
