package billing_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/stripetest"
)

// A subscription that ended while nobody listened must neither keep its user from subscribing again nor make the new one a
// second one that is cancelled and returned.
//
// spec:subscription-billing/6.2
func TestASubscriptionThatEndedUnheardGivesWay(t *testing.T) {
	for _, first := range []string{"customer.subscription.created", "customer.subscription.deleted"} {
		s := newService(t)
		user := s.user()
		old := s.buyWith(user, "monthly", stripetest.CardOK)
		customer := s.stripe.Object(old)["customer"].(string)
		s.stripe.CancelNow(old)
		s.ask("/v1/checkout/sessions", "mode=subscription&customer="+customer+"&line_items[0][price]=price_annual")
		sessions := s.stripe.All("checkout.session")
		s.stripe.Advance(10)
		id := s.stripe.Pay(sessions[len(sessions)-1]["id"].(string))
		events := s.stripe.Events()
		s.post(pick(t, events, first))
		s.drain()
		for _, e := range events {
			s.post(e)
		}
		s.drain()
		s.settle()
		if out := s.status(user); out["plan"] != "annual" || out["access"] != true || s.stripe.Object(id)["status"] != "active" {
			t.Errorf("%s first: %v, at Stripe %v", first, out, s.stripe.Object(id)["status"])
		}
		if got := s.stripe.Charged(customer); got != 2900+29000 {
			t.Errorf("%s first: %d cents are kept, want 31900", first, got)
		}
	}
}

// spec:subscription-billing/6.2
func TestCheckoutAsksStripeAboutAPeriodThatIsOver(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.buy(user, "monthly")
	s.do(user, "POST", "/api/billing/cancel", "")
	s.settle()
	s.stripe.Advance(2_592_000)
	s.stripe.Lose() // the event that says that it ended
	if code, out := s.do(user, "POST", "/api/billing/checkout", `{"plan":"annual"}`); code != 200 || s.status(user)["status"] != "canceled" {
		t.Errorf("%d %v, the old one is %v", code, out, s.status(user)["status"])
	}
}

// A subscription that was paid for and came to its end while nothing of it was delivered, or not even its session was.
//
// spec:subscription-billing/2.3
func TestWhatWasBoughtAndEndedUnheardCanBeBoughtAgain(t *testing.T) {
	s := newService(t)
	user := s.user()
	buy := func() (int, map[string]any) { return s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`) }
	buy()
	old := s.stripe.Pay(s.lastSession())
	s.stripe.CancelNow(old)
	s.stripe.Lose()
	code, out := buy()
	if again := s.stripe.Pay(s.lastSession()); code != 200 || again == old || again == "" {
		t.Errorf("%d %v, and %q was bought after %s", code, out, again, old)
	}
	s.settle()
	if s.status(user)["access"] != true {
		t.Errorf("%v", s.status(user))
	}
}

// told listens to the database as another instance does, and returns of which users it has told since.
func (s *service) told() func() []string {
	s.t.Helper()
	conn, err := pgx.Connect(context.Background(), s.pool.Config().ConnString())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close(context.Background()) })
	if _, err := conn.Exec(context.Background(), "LISTEN billing_subscriptions"); err != nil {
		s.t.Fatal(err)
	}
	return func() (users []string) {
		s.t.Helper()
		s.exec("NOTIFY billing_subscriptions, 'the last'") // notes come in the order of the commits
		for {
			note, err := conn.WaitForNotification(context.Background())
			if err != nil {
				s.t.Fatal(err)
			}
			if note.Payload == "the last" {
				return users
			}
			users = append(users, note.Payload)
		}
	}
}

// spec:subscription-billing/14.1
func TestEveryChangeIsToldToOtherInstances(t *testing.T) {
	s := newService(t)
	user, other := s.user(), s.user()
	told := s.told()
	for _, step := range []struct {
		name string
		do   func()
		told bool
	}{
		{"bought", func() { s.buy(user, "monthly") }, true},
		{"nothing", func() { s.settle(); s.do(user, "GET", "/api/billing/status", "") }, false},
		{"upgraded", func() { s.do(user, "POST", "/api/billing/upgrade", "") }, true},
		{"cancelled", func() { s.do(user, "POST", "/api/billing/cancel", "") }, true},
		{"resumed", func() { s.do(user, "POST", "/api/billing/resume", "") }, true},
		{"another user", func() { s.buy(other, "annual") }, false},
		{"in another way", func() { s.exec("UPDATE subscriptions SET cancel_at_period_end = true WHERE user_id = $1", user) }, true},
	} {
		step.do()
		if got := told(); slices.Contains(got, user) != step.told {
			t.Errorf("%s: others were told of %v; of the user: %v wanted", step.name, got, step.told)
		}
	}
}

// spec:subscription-billing/12.2 spec:subscription-billing/14.1
func TestASubscriptionThatTurnsForeignLosesAccessUntilItTurnsBack(t *testing.T) {
	s := newService(t)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	turn := func(currency string) {
		s.stripe.Change(id, "customer.subscription.updated", func(o stripetest.M) { o["currency"] = currency })
		s.settle()
	}
	told := s.told()
	for range 2 {
		turn("EUR")
		if out := s.status(user); out["access"] != false || out["quarantined"] != true {
			t.Errorf("in another currency: %v", out)
		}
		if h, err := s.module.Health(context.Background()); err != nil || h.Quarantined != 1 {
			t.Errorf("health %+v (%v)", h, err)
		}
		turn("usd")
		if out := s.status(user); out["access"] != true {
			t.Errorf("back in dollars: %v", out)
		}
	}
	if got := told(); len(got) != 4 || got[0] != user {
		t.Errorf("other instances were told %v, want each of four turns", got)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs WHERE subscription_id = (SELECT id FROM subscriptions)"); n != 5 {
		t.Errorf("%d audit rows, want 5", n)
	}
	if n := strings.Count(s.logs.String(), "is quarantined"); n != 2 {
		t.Errorf("the alarm rang %d times, want 2", n)
	}
}

// An answer may leave out what is known; a price that is known never changes.
//
// spec:subscription-billing/3.5
func TestAnswersThatLeaveThingsOut(t *testing.T) {
	s := newService(t)
	user := s.user()
	id, events := s.paid(user, "monthly")
	s.stripe.Change(id, "", func(o stripetest.M) {
		p := o["items"].(stripetest.M)["data"].([]any)[0].(stripetest.M)["price"].(stripetest.M)
		for key := range p {
			if key != "id" {
				delete(p, key)
			}
		}
		delete(o, "currency")
	})
	created := pick(t, events, "customer.subscription.created")
	created["data"] = stripetest.M{"object": stripetest.M{"id": id, "object": "subscription"}} // no customer
	delete(created, "livemode")
	delete(created, "api_version")
	s.post(created)
	s.drain()
	if out := s.status(user); out["status"] != "active" || out["unit_amount"] != 2900.0 || out["interval_days"] != 30.0 || out["access"] != true {
		t.Errorf("%v: %s", out, s.logs)
	}
}

// Later versions of the interface name the subscription of an invoice elsewhere; both are read from Stripe.
//
// spec:subscription-billing/3.7
func TestInvoiceOfALaterVersionBringsItsSubscription(t *testing.T) {
	s := newService(t)
	user := s.user()
	_, events := s.paid(user, "monthly")
	paid := pick(t, events, "invoice.paid")
	paid["api_version"] = "2025-03-31.basil"
	o := paid["data"].(stripetest.M)["object"].(stripetest.M)
	o["parent"] = stripetest.M{"subscription_details": stripetest.M{"subscription": o["subscription"]}}
	delete(o, "subscription")
	for i := range 2 {
		if got := s.post(again(paid, fmt.Sprint("evt_basil", i))); got != 200 {
			t.Errorf("status %d", got)
		}
	}
	s.drain()
	if out, invoices := s.status(user), scalar[int](t, s.pool, "SELECT count(*) FROM invoices WHERE user_id = $1", user); out["access"] != true || invoices != 1 {
		t.Errorf("%v, %d invoices", out, invoices)
	}
	if n := strings.Count(s.logs.String(), "another version of the interface"); n != 1 {
		t.Errorf("the alarm about the version rang %d times, want once", n)
	}
}

// Stripe keeps the answer that it failed under the key of a change, for a day.
//
// spec:subscription-billing/11.3
func TestFailureThatStripeKeepsIsNotAskedForAgain(t *testing.T) {
	s := newService(t)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	s.stripe.Advance(15 * stripetest.Day)
	var mu sync.Mutex
	bad := ""
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if c.Method != "POST" || c.Path != "/v1/subscriptions/"+id {
			return nil
		}
		if bad == "" {
			bad = c.IdempotencyKey
		}
		if c.IdempotencyKey == bad {
			return &stripetest.Fault{Status: 500}
		}
		return nil
	})
	if code, _ := s.do(user, "POST", "/api/billing/upgrade", ""); code != 502 {
		t.Errorf("status %d, want 502", code)
	}
	if code, out := s.do(user, "POST", "/api/billing/upgrade", ""); code != 200 || out["plan"] != "annual" {
		t.Errorf("asked again: %d %v", code, out)
	}
	if got := s.stripe.Charged(s.stripe.Object(id)["customer"].(string)); got != 2900+27550 {
		t.Errorf("charged %d cents, want 30450", got)
	}
}

// A failure of Stripe's that it keeps under the key of a customer, a session or an ending of one must not keep a user from
// subscribing for a day.
//
// spec:subscription-billing/2.2
func TestFailureThatStripeKeepsDelaysNoCheckout(t *testing.T) {
	s := newService(t)
	other := s.user() // whose customer is made, and the answer is lost
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault { return &stripetest.Fault{Drop: c.Path == "/v1/customers"} })
	if code, out := s.do(other, "POST", "/api/billing/checkout", `{"plan":"monthly"}`); code != 502 {
		t.Errorf("while answers are lost: %d %v, want 502", code, out)
	}
	s.stripe.Inject(nil)
	if code, out := s.do(other, "POST", "/api/billing/checkout", `{"plan":"monthly"}`); code != 200 || len(s.stripe.All("customer")) != 1 {
		t.Errorf("after an answer was lost: %d %v, customers %v", code, out, s.stripe.All("customer"))
	}
	user := s.user()
	for _, tt := range []struct{ path, plan string }{{"/v1/customers", "monthly"}, {"/v1/checkout/sessions", "monthly"}, {"/expire", "annual"}} {
		s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
			if c.Method == "POST" && strings.HasSuffix(c.Path, tt.path) {
				return &stripetest.Fault{Status: 500, Kept: true}
			}
			return nil
		})
		if code, out := s.do(user, "POST", "/api/billing/checkout", `{"plan":"`+tt.plan+`"}`); code != 502 {
			t.Errorf("while %s fails: %d %v, want 502", tt.path, code, out)
		}
		s.stripe.Inject(nil)
		if tt.path == "/v1/customers" {
			continue // the next one fails before there is a session
		}
		if code, out := s.do(user, "POST", "/api/billing/checkout", `{"plan":"`+tt.plan+`"}`); code != 200 || out["url"] == nil {
			t.Errorf("after %s failed: %d %v", tt.path, code, out)
		}
	}
	if n, open := len(s.stripe.All("customer")), s.stripe.All("checkout.session"); n != 2 || len(open) != 3 || open[1]["status"] != "expired" || open[2]["status"] != "open" {
		t.Errorf("%d customers of two users, sessions %v", n, open)
	}
}

// spec:subscription-billing/11.1
func TestRefundThatFailedIsMadeByTheNextAttempt(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`)
	first := s.stripe.All("checkout.session")[0]
	customer := first["customer"].(string)
	s.ask("/v1/checkout/sessions", "mode=subscription&customer="+customer+"&line_items[0][price]=price_annual")
	s.stripe.Pay(first["id"].(string))
	s.settle()
	s.stripe.Advance(5)
	s.stripe.Pay(s.stripe.All("checkout.session")[1]["id"].(string))
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
		if c.Path == "/v1/refunds" {
			return &stripetest.Fault{Status: 500, Kept: true}
		}
		return nil
	})
	s.settle()
	s.stripe.Inject(nil)
	s.exec("UPDATE stripe_events SET next_attempt_at = now()")
	s.drain()
	s.settle()
	if got := s.stripe.Charged(customer); got != 2900 {
		t.Errorf("the user has paid %d cents in the end, want 2900", got)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"); n != 0 {
		t.Errorf("%d events are not processed: %s", n, s.logs)
	}
}

// A customer who was deleted in Stripe's dashboard, while nobody listened, is made anew when the user subscribes.
//
// spec:subscription-billing/2.2
func TestCustomerDeletedUnheardIsMadeAnew(t *testing.T) {
	s := newService(t)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	old := s.stripe.Object(id)["customer"].(string)
	r, err := http.NewRequest("DELETE", s.stripe.URL+"/v1/customers/"+old, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer sk_test_key")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for _, e := range s.stripe.Events() {
		if e["type"] == "customer.subscription.deleted" {
			s.post(e) // the one about the customer is lost
		}
	}
	s.drain()
	if code, out := s.do(user, "POST", "/api/billing/portal", ""); code != 404 {
		t.Errorf("portal: %d %v, want 404", code, out)
	}
	if code, out := s.do(user, "POST", "/api/billing/checkout", `{"plan":"annual"}`); code != 200 {
		t.Fatalf("checkout: %d %v", code, out)
	}
	sessions := s.stripe.All("checkout.session")
	session := sessions[len(sessions)-1]
	s.stripe.Pay(session["id"].(string))
	s.settle()
	if out := s.status(user); session["customer"] == old || out["plan"] != "annual" || out["access"] != true {
		t.Errorf("%v, the customer was %s and is %v", out, old, session["customer"])
	}
}

// While Stripe hangs, users who ask for something must not keep deliveries from being stored and pages from being shown.
//
// spec:subscription-billing/14.3
func TestRequestsThatHangLeaveConnectionsForTheRest(t *testing.T) {
	s := newService(t)
	var users []string
	for range 3 * int(s.pool.Config().MaxConns) {
		users = append(users, s.user())
	}
	_, events := s.paid(s.user(), "monthly")
	reached, release := s.hold(func(stripetest.Call) bool { return true })
	var wg sync.WaitGroup
	for _, u := range users {
		wg.Go(func() {
			r, err := http.NewRequest("POST", s.url+"/api/billing/checkout", strings.NewReader(`{"plan":"monthly"}`))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("X-User", u)
			if res, err := http.DefaultClient.Do(r); err == nil {
				res.Body.Close()
			}
		})
	}
	answered := make(chan struct{})
	go func() { wg.Wait(); close(answered) }()
	select {
	case <-reached:
	case <-answered:
		t.Fatal("requests that need Stripe are answered without it")
	}
	for _, e := range events {
		if got := s.post(e); got != 200 {
			t.Fatalf("a delivery is answered with %d while Stripe does not answer", got)
		}
	}
	if out := s.status(users[0]); out["status"] != "none" {
		t.Errorf("%v", out)
	}
	release()
	<-answered
}

// spec:subscription-billing/2.2
func TestASessionThatStripeCannotShowIsUsedWhileItIsOpen(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
		if c.Method == "GET" {
			return &stripetest.Fault{Status: 404}
		}
		return nil
	})
	_, first := s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`)
	if _, second := s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`); first["url"] == nil || second["url"] != first["url"] {
		t.Errorf("two pages: %v and %v", first, second)
	}
}

// spec:subscription-billing/8.2
func TestOddRequests(t *testing.T) {
	s := newService(t)
	user, other := s.user(), s.user()
	s.buy(other, "monthly")
	theirs := scalar[string](t, s.pool, "SELECT id FROM invoices")
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"another user's invoice":    {"GET", "history?after=" + theirs, "", 404},
		"an invoice of nobody":      {"GET", "history?after=in_none", "", 404},
		"two values":                {"POST", "checkout", `{"plan":"monthly"}{"plan":"annual"}`, 400},
		"no value":                  {"POST", "checkout", "", 400},
		"a list":                    {"POST", "checkout", `["monthly"]`, 400},
		"null":                      {"POST", "checkout", `null`, 400},
		"a plan in capitals":        {"POST", "checkout", `{"plan":"MONTHLY"}`, 400},
		"a large body":              {"POST", "checkout", `{"plan":"` + strings.Repeat("m", 70_000) + `"}`, 413},
		"a large cancellation":      {"POST", "cancel", `{"reason":"` + strings.Repeat("m", 70_000) + `"}`, 413},
		"half a cancellation":       {"POST", "cancel", `{"immediately":`, 400},
		"nothing to cancel":         {"POST", "cancel", `{"confirm":true}`, 404},
		"nothing to upgrade":        {"POST", "upgrade", "", 404},
		"no customer, so no portal": {"POST", "portal", "", 404},
	} {
		code, out := 0, map[string]any(nil)
		if len(c.body) < 1000 {
			code, out = s.do(user, c.method, "/api/billing/"+c.path, c.body)
		} else {
			r := httptest.NewRequest(c.method, "/api/billing/"+c.path, strings.NewReader(c.body))
			r.Header.Set("X-User", user)
			code, out = s.large(r)
		}
		if code != c.want || code >= 400 && out["error"] == nil {
			t.Errorf("%s: %d %v, want %d", name, code, out, c.want)
		}
	}
	_, none := s.do(user, "GET", "/api/billing/history?after=in_none", "")
	if _, out := s.do(user, "GET", "/api/billing/history?after="+theirs, ""); out["error"] != none["error"] {
		t.Errorf("another user's invoice is answered with %v, one of nobody with %v", out, none)
	}
	if code, out := s.do(other, "GET", "/api/billing/history?after="+theirs, ""); code != 200 {
		t.Errorf("after the last one of one's own: %d %v", code, out)
	}
	if n := len(s.stripe.All("checkout.session")); n != 1 {
		t.Errorf("%d sessions, want the other user's", n)
	}
}

// spec:subscription-billing/5.2 spec:subscription-billing/14.2
func TestPageWithoutADatabase(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.bought(user, "monthly")
	if _, err := s.module.Worker.Reconcile(context.Background()); err != nil {
		t.Fatal(err)
	}
	page := func(user string) (int, string) {
		t.Helper()
		r, err := http.NewRequest("GET", s.url+"/billing", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-User", user)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	before := time.Now().Truncate(time.Second)
	if code, body := page(user); code != 200 || !strings.Contains(body, "<strong>active</strong>") || !strings.Contains(body, "$29.00</td>") || strings.Contains(body, "This is as of") {
		t.Errorf("%d\n%s", code, body)
	}
	after := time.Now()
	// A lock on the tables stands for a database that hangs.
	conn, err := pgx.Connect(context.Background(), s.pool.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	other := s.user()
	if _, err := conn.Exec(context.Background(), "BEGIN; LOCK TABLE subscriptions, invoices IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	s.module.WaitForDatabase(50 * time.Millisecond)
	if code, body := page(user); code != 200 || !strings.Contains(body, "<strong>active</strong>") || !strings.Contains(body, "This is as of") || !strings.Contains(body, "It cannot be shown at the moment") {
		t.Errorf("while the database hangs: %d\n%s", code, body)
	} else {
		_, text, _ := strings.Cut(body, "This is as of ")
		text, _, _ = strings.Cut(text, ".</p>")
		if asOf, err := time.Parse("2 January 2006, 15:04:05 UTC", text); err != nil || asOf.Before(before) || asOf.After(after) {
			t.Errorf("what was read between %v and %v is shown as of %q (%v)", before, after, text, err)
		}
	}
	if code, body := page(other); code != 503 || !strings.Contains(body, "<h1>Billing</h1>") || !strings.Contains(body, "your subscription cannot be shown at the moment") || strings.Contains(body, "Choose a plan") {
		t.Errorf("a user of whom nothing was read: %d\n%s", code, body)
	}
}

// A delivery is answered within five seconds, also when the database hangs.
//
// spec:subscription-billing/3.4
func TestDeliveryDoesNotWaitForADatabaseThatHangs(t *testing.T) {
	s := newService(t)
	_, events := s.paid(s.user(), "monthly")
	conn, err := pgx.Connect(context.Background(), s.pool.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), "BEGIN; LOCK TABLE stripe_events IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	if wait := s.module.WaitForDatabase(50 * time.Millisecond); wait >= 5*time.Second {
		t.Errorf("a delivery waits for the database for %v", wait)
	}
	if got := s.post(events[0]); got != 503 {
		t.Errorf("status %d, want 503", got)
	}
	if _, err := conn.Exec(context.Background(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	s.module.WaitForDatabase(time.Minute)
	if got := s.post(events[0]); got != 200 || scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events") != 1 {
		t.Errorf("delivered again: status %d", got)
	}
}

// An event that the database cannot keep as it is would be delivered for three days.
//
// spec:subscription-billing/3.4
func TestEventsThatTheDatabaseCannotKeep(t *testing.T) {
	s := newService(t)
	user := s.user()
	id, _ := s.paid(user, "monthly")
	customer := s.stripe.Object(id)["customer"].(string)
	for i, odd := range []string{`"object":"subscription\u0000"`, `"x":"\u0000"`, `"x":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), `"x":1e999999`, "\"x\":\"\xff\xfe\""} {
		payload := []byte(fmt.Sprintf(`{"id":"evt_odd%d","object":"event","type":"customer.subscription.updated","livemode":false,"data":{"object":{"id":%q,"object":"subscription","customer":%q,%s}}}`, i, id, customer, odd))
		if got := s.postRaw(payload, stripetest.SignWith(payload, s.stripe.Secret, time.Now())); got != 200 {
			t.Errorf("%.30s: status %d: %s", odd, got, s.logs)
		}
	}
	s.drain()
	if out := s.status(user); out["access"] != true {
		t.Errorf("%v", out)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NOT NULL"); n != 5 {
		t.Errorf("%d processed, want 5", n)
	}
}

// less stands before the double and does not know of some requests; it says so in words of its own, as a stand-in or a gateway does.
func less(t testing.TB, unknown func(*http.Request) bool) func(*billing.Config) {
	return func(c *billing.Config) {
		to, err := url.Parse(c.APIBase)
		if err != nil {
			t.Fatal(err)
		}
		forward := httputil.NewSingleHostReverseProxy(to)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if unknown(r) {
				http.NotFound(w, r) // plain text
				return
			}
			forward.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		c.APIBase = server.URL
	}
}

// What is asked for besides the changes themselves may be unknown to the other side: everything goes on without it.
//
// spec:subscription-billing/2.2 spec:subscription-billing/7.3
func TestAStripeThatKnowsLess(t *testing.T) {
	s := newService(t, less(t, func(r *http.Request) bool {
		for _, prefix := range []string{"/v1/checkout/sessions/", "/v1/subscription_schedules/", "/v1/invoices"} {
			if r.Method == "GET" && strings.HasPrefix(r.URL.Path, prefix) {
				return true
			}
		}
		return false
	}))
	user := s.user()
	_, first := s.do(user, "POST", "/api/billing/checkout", `{"plan":"annual"}`)
	if code, out := s.do(user, "POST", "/api/billing/checkout", `{"plan":"annual"}`); code != 200 || out["url"] != first["url"] {
		t.Errorf("the open session: %d %v, want %v", code, out, first)
	}
	sessions := s.stripe.All("checkout.session")
	s.stripe.Pay(sessions[0]["id"].(string))
	s.settle()
	if code, out := s.do(user, "POST", "/api/billing/downgrade", ""); code != 200 || out["pending_plan"] != "monthly" || out["plan"] != "annual" {
		t.Errorf("the downgrade: %d %v", code, out)
	}
	if code, out := s.do(user, "POST", "/api/billing/upgrade", ""); code != 200 || out["pending_plan"] != nil {
		t.Errorf("the downgrade dropped: %d %v", code, out)
	}
	if code, out := s.do(user, "POST", "/api/billing/cancel", ""); code != 200 || out["cancel_at_period_end"] != true {
		t.Errorf("the cancellation: %d %v", code, out)
	}
}

// notErasedByAGateway makes a user whose erasure a gateway answers that does not find Stripe. That is no word of Stripe's: the user is
// not erased, and the erasure can be asked for again.
func (s *service) notErasedByAGateway() (user string) {
	s.t.Helper()
	user = s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	c := s.config
	less(s.t, func(*http.Request) bool { return true })(&c)
	there, _ := s.instance(c)
	if err := there.Erase(context.Background(), user); err == nil || s.stripe.Object(id)["status"] != "active" {
		s.t.Errorf("a gateway that does not find Stripe: %v", err)
	}
	return user
}

// A gateway that does not find Stripe says nothing about the subscription: the event is tried again.
//
// spec:subscription-billing/11.2
func TestAGatewaysRefusalIsNotStripes(t *testing.T) {
	var lost atomic.Bool
	s := newService(t, less(t, func(r *http.Request) bool { return lost.Load() }))
	user := s.user()
	_, events := s.paid(user, "monthly")
	lost.Store(true)
	s.post(pick(t, events, "customer.subscription.created"))
	s.drain()
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NULL AND attempts = 1"); n != 1 {
		t.Error("the event is not tried again")
	}
	lost.Store(false)
	s.exec("UPDATE stripe_events SET next_attempt_at = now()")
	s.drain()
	if out := s.status(user); out["status"] != "active" {
		t.Errorf("%v", out)
	}
}
