package billing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/pgtest"
	"spec.example/spec/billing/internal/stripetest"
)

// A shop is the API on a database and a Stripe of their own. The user is the one in the header X-User.
type shop struct {
	t      *testing.T
	pool   *pgxpool.Pool
	stripe *stripetest.Server
	store  *billing.Store
	api    *billing.API
	mux    *http.ServeMux
}

func byHeader(r *http.Request) (string, error) {
	id := r.Header.Get("X-User")
	if id == "" || r.Header.Get("X-Expired") != "" {
		return id, errors.New("signed out")
	}
	return id, nil
}

func newShop(t *testing.T) *shop {
	t.Helper()
	pool, _ := pgtest.New(t)
	migrate(t, pool, -1)
	s := &shop{t: t, pool: pool, stripe: stripetest.New(t), store: billing.NewStore(pool), mux: http.NewServeMux()}
	c := config(s.stripe)
	c.Now = s.stripe.Now
	client, err := billing.NewStripe(c)
	if err != nil {
		t.Fatal(err)
	}
	s.api = billing.NewAPI(s.store, client, byHeader, slog.New(slog.NewTextHandler(new(bytes.Buffer), nil)))
	s.api.Register(s.mux)
	return s
}

func (s *shop) call(user, method, path, body string) (int, map[string]any) {
	return s.callUntil(context.Background(), user, method, path, body)
}

// callUntil is call by somebody who waits until ctx is done.
func (s *shop) callUntil(ctx context.Context, user, method, path, body string) (int, map[string]any) {
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	if user != "" {
		r.Header.Set("X-User", user)
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	var out map[string]any
	json.Unmarshal(w.Body.Bytes(), &out)
	return w.Code, out
}

// subscribed makes a user who has paid for a plan, as far as the webhook's work is done too.
func (s *shop) subscribed(plan string) (user, subscription string) {
	s.t.Helper()
	user = newUser(s.t, s.pool)
	subscription = s.stripe.Pay(s.opened(user, plan))
	if _, err := s.pool.Exec(context.Background(), "UPDATE checkout_sessions SET state = 'complete' WHERE user_id = $1", user); err != nil {
		s.t.Fatal(err)
	}
	if err := s.api.Sync(context.Background(), subscription, "test"); err != nil {
		s.t.Fatal(err)
	}
	return user, subscription
}

// opened opens the payment page for a plan, and returns the session's id.
func (s *shop) opened(user, plan string) (session string) {
	s.t.Helper()
	code, out := s.call(user, "POST", "/api/billing/checkout", `{"plan":"`+plan+`"}`)
	sessions := s.stripe.All("checkout.session")
	if code != 200 || len(sessions) == 0 || out["url"] != sessions[len(sessions)-1]["url"] {
		s.t.Fatalf("checkout: %d %v, sessions %v", code, out, sessions)
	}
	return sessions[len(sessions)-1]["id"].(string)
}

// asks tells whether a request is what a method and a path say; one that ends with a slash stands for what is below it.
func asks(c stripetest.Call, what string) bool {
	method, path, _ := strings.Cut(what, " ")
	return c.Method == method && (c.Path == path || strings.HasSuffix(path, "/") && strings.HasPrefix(c.Path, path))
}

// gone sends a request for which Stripe is asked for something, and fails to do it just when the user goes away. It returns how often
// Stripe was asked.
func (s *shop) gone(user, path, body, asked string) int {
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	var n atomic.Int32
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
		if !asks(c, asked) {
			return nil
		}
		n.Add(1)
		leave()
		return &stripetest.Fault{Status: http.StatusServiceUnavailable}
	})
	defer s.stripe.Inject(nil)
	s.callUntil(ctx, user, "POST", path, body)
	return int(n.Load())
}

// late sends a request for which Stripe is asked for something, and is so slow to do it that the user goes away. What it
// returns has Stripe do it, as late as that.
func (s *shop) late(user, path, body, asked string) (now func()) {
	s.t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	gate, done := make(chan struct{}), make(chan struct{})
	var first, open sync.Once
	s.stripe.Inject(func(c stripetest.Call) (f *stripetest.Fault) {
		if asks(c, asked) {
			first.Do(func() { f = &stripetest.Fault{Later: gate, Done: done}; leave() })
		}
		return f
	})
	s.t.Cleanup(func() { open.Do(func() { close(gate) }) })
	code, out := s.callUntil(ctx, user, "POST", path, body)
	s.stripe.Inject(nil)
	if ctx.Err() == nil || code < 500 {
		s.t.Fatalf("%s, whose user went away while Stripe was asked for %s, is answered with %d %v", path, asked, code, out)
	}
	return func() { open.Do(func() { close(gate); <-done }) }
}

// A sealed body tells when it is read.
type sealed struct{ read bool }

func (b *sealed) Read([]byte) (int, error) {
	b.read = true
	return 0, io.EOF
}

// spec:subscription-billing/8.1
func Test03_EveryUserEndpointNeedsASignIn(t *testing.T) {
	s := newShop(t)
	for _, route := range []string{"POST /api/billing/checkout", "POST /api/billing/portal", "POST /api/billing/upgrade", "POST /api/billing/downgrade", "POST /api/billing/cancel", "POST /api/billing/resume", "GET /api/billing/status", "GET /api/billing/history"} {
		method, path, _ := strings.Cut(route, " ")
		code, out := s.call("", method, path, `{"plan":"monthly"}`)
		if code != 401 || out["error"] == nil {
			t.Errorf("%s: %d %v, want 401 in JSON", route, code, out)
		}
	}
	for _, method := range []string{"HEAD", "OPTIONS"} {
		for _, path := range []string{"status", "history", "checkout", "cancel"} {
			if code, out := s.call("", method, "/api/billing/"+path, ""); code != 401 && code != 405 || out["plan"] != nil || out["invoices"] != nil {
				t.Errorf("%s %s: %d %v", method, path, code, out)
			}
		}
	}
	body := new(sealed)
	r := httptest.NewRequest("POST", "/api/billing/checkout", body)
	r.Header.Set("X-User", newUser(t, s.pool))
	r.Header.Set("X-Expired", "yes") // who it was is known, and that it is too long ago
	w := httptest.NewRecorder()
	if s.mux.ServeHTTP(w, r); w.Code != 401 || body.read {
		t.Errorf("with a sign-in that does not count: %d, the body was read: %v", w.Code, body.read)
	}
	if n := len(s.stripe.Calls()); n != 0 {
		t.Errorf("Stripe heard of it %d times", n)
	}
	if code, out := s.call(newUser(t, s.pool), "GET", "/api/billing/status", ""); code != 200 || out["status"] != "none" {
		t.Errorf("who is signed in is answered with %d %v", code, out)
	}
}

// spec:subscription-billing/1.5
func TestH06_ClientCannotNameAPrice(t *testing.T) {
	s := newShop(t)
	user := newUser(t, s.pool)
	for _, body := range []string{`{"plan":"monthly","price":"price_x"}`, `{"plan":"monthly","amount":1}`, `{"plan":"monthly","currency":"eur"}`, `{"plan":"weekly"}`, `{"plan":"monthly"} {"price":"price_x"}`, `{}`, `{"plan"`, ``} {
		if code, out := s.call(user, "POST", "/api/billing/checkout", body); code != 400 {
			t.Errorf("body %s: %d %v, want 400", body, code, out)
		}
	}
	if n := len(s.stripe.Calls()); n != 0 {
		t.Errorf("Stripe heard of it %d times", n)
	}
}

// spec:subscription-billing/2.1
func Test05_CheckoutOpensTheHostedPageForThePlan(t *testing.T) {
	s := newShop(t)
	for plan, want := range map[string]struct {
		amount float64
		days   float64
	}{"monthly": {2900, 30}, "annual": {29000, 365}} {
		user := newUser(t, s.pool)
		code, out := s.call(user, "POST", "/api/billing/checkout", `{"plan":"`+plan+`"}`)
		sessions := s.stripe.All("checkout.session")
		if code != 200 || len(sessions) == 0 {
			t.Fatalf("%s: %d %v, %d sessions", plan, code, out, len(sessions))
		}
		session := sessions[len(sessions)-1]
		if out["url"] != session["url"] || session["trial"] != "" {
			t.Errorf("%s: %v, want the page %v, and no trial: %v", plan, out, session["url"], session["trial"])
		}
		price := s.stripe.Object(session["price"].(string))
		recurring := price["recurring"].(map[string]any)
		if price["unit_amount"] != want.amount || price["currency"] != "usd" || recurring["interval"] != "day" || recurring["interval_count"] != want.days {
			t.Errorf("%s: price %v", plan, price)
		}
		if session["amount_total"] != want.amount { // once, not twice
			t.Errorf("%s: the page asks for %v", plan, session["amount_total"])
		}
		if session["client_reference_id"] != user || session["user"] != user || session["success_url"] != "https://saaskit.test/billing?session_id={CHECKOUT_SESSION_ID}" || session["cancel_url"] != "https://saaskit.test/billing" {
			t.Errorf("%s: session %v", plan, session)
		}
		var n int
		if err := s.pool.QueryRow(context.Background(), "SELECT count(*) FROM subscriptions WHERE user_id = $1", user).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: opening the page granted %d subscriptions (%v)", plan, n, err)
		}
	}
}

// A page that is asked for again, since the user saw nothing of the first, is the same page; also when Stripe comes to the first
// request after the second.
//
// spec:subscription-billing/2.1 spec:subscription-billing/2.2
func TestPageThatIsAskedForAgainIsTheSame(t *testing.T) {
	s := newShop(t)
	user := newUser(t, s.pool)
	const path, monthly = "/api/billing/checkout", `{"plan":"monthly"}`
	for _, asked := range []string{"POST /v1/customers", "POST /v1/checkout/sessions"} {
		if n := s.gone(user, path, monthly, asked); n != 1 {
			t.Fatalf("for a user who has gone away, Stripe was asked for %s %d times, want once", asked, n)
		}
	}
	itIsMade := s.late(user, path, monthly, "POST /v1/checkout/sessions")
	code, out := s.call(user, "POST", path, monthly)
	itIsMade()
	if pages := s.stripe.All("checkout.session"); code != 200 || len(pages) != 1 || out["url"] != pages[0]["url"] {
		t.Errorf("asked again: %d %v, the pages are %v, want one", code, out, pages)
	}
}

// spec:subscription-billing/2.2
func TestH07_ParallelCheckoutsShareOneCustomerAndOneSession(t *testing.T) {
	s := newShop(t)
	user := newUser(t, s.pool)
	urls := make([]any, 20)
	var wg sync.WaitGroup
	for i := range urls {
		wg.Go(func() {
			code, out := s.call(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`)
			if code != 200 {
				t.Errorf("%d %v", code, out)
			}
			urls[i] = out["url"]
		})
	}
	wg.Wait()
	for _, u := range urls {
		if u != urls[0] {
			t.Errorf("pages %v and %v", u, urls[0])
		}
	}
	if _, out := s.call(user, "POST", "/api/billing/checkout", `{"plan":"annual"}`); out["url"] == urls[0] {
		t.Error("another plan got the page of the first")
	}
	open := 0
	for _, session := range s.stripe.All("checkout.session") {
		if session["status"] == "open" {
			open++
		}
	}
	customers := s.stripe.All("customer")
	if n := len(customers); n != 1 || open != 1 {
		t.Fatalf("%d customers and %d open sessions, want one of each", n, open)
	}
	if m, _ := customers[0]["metadata"].(map[string]any); m["user_id"] != user {
		t.Errorf("the customer at Stripe does not say whose it is: %v", m)
	}
}

// spec:subscription-billing/2.3
func Test09_SecondSubscriptionIsRefused(t *testing.T) {
	s := newShop(t)
	user, _ := s.subscribed("monthly")
	code, out := s.call(user, "POST", "/api/billing/checkout", `{"plan":"annual"}`)
	if portal, _ := out["portal"].(string); code != 409 || !strings.HasPrefix(portal, s.stripe.URL+"/portal/") {
		t.Errorf("%d %v, want 409 with the portal", code, out)
	}
	if n := len(s.stripe.All("checkout.session")); n != 1 {
		t.Errorf("%d sessions, want the first alone", n)
	}
	// One that was paid, and that we have not heard of yet, is one too.
	user = newUser(t, s.pool)
	s.stripe.Pay(s.opened(user, "monthly"))
	code, out = s.call(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`)
	if portal, _ := out["portal"].(string); code != 409 || !strings.HasPrefix(portal, s.stripe.URL+"/portal/") {
		t.Errorf("%d %v, want 409 with the portal", code, out)
	}
	if n := len(s.stripe.All("checkout.session")); n != 2 {
		t.Errorf("%d sessions, want one of each user", n)
	}
}

// spec:subscription-billing/2.4
func TestPortalIsForThePaymentMethodAlone(t *testing.T) {
	s := newShop(t)
	user, _ := s.subscribed("monthly")
	code, out := s.call(user, "POST", "/api/billing/portal", "")
	calls := s.stripe.Calls()
	last := calls[len(calls)-1]
	pages := s.stripe.All("billing_portal.session")
	if code != 200 || len(pages) != 1 || out["url"] != pages[0]["url"] || last.Form.Get("flow_data[type]") != "payment_method_update" || last.Form.Get("return_url") != "https://saaskit.test/billing" {
		t.Errorf("%d %v, asked with %v, the pages are %v", code, out, last.Form, pages)
	}
	if n := s.gone(user, "/api/billing/portal", "", "POST /v1/billing_portal/sessions"); n != 1 {
		t.Errorf("for a user who has gone away, a page was asked for %d times, want once", n)
	}
	asked := s.asked("/v1/billing_portal")
	if code, _ := s.call(newUser(t, s.pool), "POST", "/api/billing/portal", ""); code != 404 {
		t.Errorf("a user without a customer: %d, want 404", code)
	}
	failed := newUser(t, s.pool)
	s.stripe.FailWith(401)
	s.call(failed, "POST", "/api/billing/checkout", `{"plan":"monthly"}`)
	s.stripe.FailWith(0)
	if code, out := s.call(failed, "POST", "/api/billing/portal", ""); code != 404 {
		t.Errorf("a user whose customer could not be made: %d %v, want 404", code, out)
	}
	if n := s.asked("/v1/billing_portal"); n != asked {
		t.Errorf("for users without a customer, Stripe was asked for %d pages", n-asked)
	}
	s.stripe.FailWith(401)
	if code, out := s.call(user, "POST", "/api/billing/portal", ""); code != 502 || out["url"] != nil {
		t.Errorf("Stripe opens no page: %d %v, want 502", code, out)
	}
}

// spec:subscription-billing/8.2
func TestH04_UsersReachOnlyTheirOwn(t *testing.T) {
	s := newShop(t)
	_, id := s.subscribed("monthly")
	other := newUser(t, s.pool)
	for _, path := range []string{"upgrade", "downgrade", "cancel", "resume"} {
		if code, out := s.call(other, "POST", "/api/billing/"+path, ""); code != 404 {
			t.Errorf("%s by another user: %d %v, want 404", path, code, out)
		}
	}
	if _, out := s.call(other, "GET", "/api/billing/status", ""); out["status"] != "none" {
		t.Errorf("another user sees %v", out)
	}
	if s.stripe.Object(id)["cancel_at_period_end"] != false {
		t.Error("another user cancelled the subscription")
	}
}
