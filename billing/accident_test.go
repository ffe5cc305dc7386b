package billing_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/stripetest"
)

// scalar reads one value.
func scalar[T any](t testing.TB, pool *pgxpool.Pool, query string, args ...any) (v T) {
	t.Helper()
	if err := pool.QueryRow(context.Background(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func (s *service) exec(query string, args ...any) {
	s.t.Helper()
	if _, err := s.pool.Exec(context.Background(), query, args...); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
}

// post delivers an event to the webhook and returns the status.
func (s *service) post(event stripetest.M) int {
	s.t.Helper()
	payload, header := s.stripe.Sign(event, time.Now())
	return s.postRaw(payload, header)
}

func (s *service) postRaw(payload []byte, header string) int {
	s.t.Helper()
	r, err := http.NewRequest("POST", s.url+"/api/billing/webhook", bytes.NewReader(payload))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Stripe-Signature", header)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

func (s *service) drain() {
	s.t.Helper()
	if _, err := s.module.Worker.Drain(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

// again copies an event under another id: Stripe may make two of one change.
func again(event stripetest.M, id string) stripetest.M {
	copied := stripetest.M{}
	for k, v := range event {
		copied[k] = v
	}
	copied["id"] = id
	return copied
}

// pick takes the event of a type out of a list.
func pick(t *testing.T, events []stripetest.M, kind string) stripetest.M {
	t.Helper()
	for _, e := range events {
		if e["type"] == kind {
			return e
		}
	}
	t.Fatalf("no event %s", kind)
	return nil
}

// bought makes a user's customer pay for a plan at Stripe; what Stripe has to say of it waits.
func (s *service) bought(user, plan string) (subscription string) {
	s.t.Helper()
	customer, subscription := s.stripe.Subscribe(user, "price_"+plan)
	s.exec("INSERT INTO stripe_customers (user_id, stripe_customer_id) VALUES ($1, $2)", user, customer)
	return subscription
}

// paid is bought, with the events that are to be delivered.
func (s *service) paid(user, plan string) (subscription string, events []stripetest.M) {
	s.t.Helper()
	return s.bought(user, plan), s.stripe.Events()
}

func (s *service) status(user string) map[string]any {
	s.t.Helper()
	code, out := s.do(user, "GET", "/api/billing/status", "")
	if code != 200 {
		s.t.Fatalf("the status of a user is answered with %d %v", code, out)
	}
	return out
}

// ask sends a form to the double as if another program had, with the same key of Stripe's.
func (s *service) ask(path, form string) {
	s.t.Helper()
	r, err := http.NewRequest("POST", s.stripe.URL+path, strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer sk_test_key")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		s.t.Fatalf("%s: status %d", path, res.StatusCode)
	}
}

// spec:subscription-billing/3.5 spec:subscription-billing/4.4 spec:subscription-billing/11.1
func TestH08_TwoPaidSessionsLeaveTheOlderAndReturnTheMoney(t *testing.T) {
	for _, order := range []string{"older first", "newer first"} {
		t.Run(order, func(t *testing.T) {
			s := newService(t)
			user := s.user()
			if code, _ := s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`); code != 200 {
				t.Fatal(code)
			}
			first := s.stripe.All("checkout.session")[0]
			customer := first["customer"].(string)
			s.ask("/v1/checkout/sessions", "mode=subscription&customer="+customer+"&line_items[0][price]=price_annual") // another tab
			second := s.stripe.All("checkout.session")[1]
			older := s.stripe.Pay(first["id"].(string))
			one := s.stripe.Events()
			s.stripe.Advance(5)
			newer := s.stripe.Pay(second["id"].(string))
			two := s.stripe.Events()
			if order == "newer first" {
				one, two = two, one
			}
			for _, e := range append(one, two...) {
				if code := s.post(e); code != 200 {
					t.Errorf("%v: status %d", e["type"], code)
				}
				s.drain()
			}
			s.settle()
			if a, b := s.stripe.Object(older)["status"], s.stripe.Object(newer)["status"]; a != "active" || b != "canceled" {
				t.Errorf("at Stripe the older is %v and the newer %v, want active and canceled", a, b)
			}
			if n := scalar[int](t, s.pool, "SELECT count(*) FROM subscriptions WHERE user_id = $1 AND status = 'active' AND stripe_subscription_id = $2", user, older); n != 1 {
				t.Errorf("%d active rows of the older one, want 1", n)
			}
			if got := s.stripe.Charged(customer); got != 2900 {
				t.Errorf("the user has paid %d cents in the end, want 2900", got)
			}
			if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"); n != 0 {
				t.Errorf("%d events are not processed", n)
			}
			if got := s.mails.kinds(); !slices.Equal(got, []string{"second_subscription_cancelled"}) {
				t.Errorf("mails %v, want one that says that the second is cancelled", got)
			} else if text := s.mails.mails[0].Text; !strings.Contains(text, "returned $290.00") {
				t.Errorf("the mail says %q", text)
			}
		})
	}
}

// Of a second subscription for which nothing was paid yet nothing is returned, and no mail says so.
//
// spec:subscription-billing/11.1
func TestSecondSubscriptionThatIsATrialIsCancelled(t *testing.T) {
	s := newService(t)
	user := s.user()
	older := s.bought(user, "monthly")
	customer := s.stripe.Object(older)["customer"].(string)
	s.settle()
	s.stripe.Advance(5)
	s.ask("/v1/checkout/sessions", "mode=subscription&customer="+customer+"&line_items[0][price]=price_annual&subscription_data[trial_period_days]=14") // another tab
	newer := s.stripe.Pay(s.lastSession())
	s.settle()
	if a, b := s.stripe.Object(older)["status"], s.stripe.Object(newer)["status"]; a != "active" || b != "canceled" {
		t.Errorf("at Stripe the older is %v and the newer %v, want active and canceled", a, b)
	}
	if got, mails := s.stripe.Charged(customer), s.mails.kinds(); got != 2900 || len(mails) != 0 {
		t.Errorf("the user has paid %d cents in the end, want 2900; mails %v", got, mails)
	}
}

// spec:subscription-billing/3.1
func TestH13_BothSecretsWorkWhileOneIsRotated(t *testing.T) {
	const previous, current = "whsec_previousprevious00", "whsec_currentcurrent0000"
	s := newService(t, func(c *billing.Config) { c.WebhookSecrets = []string{current, previous} })
	s.stripe.Subscribe("somebody", "price_monthly")
	events := s.stripe.Events()
	payload, _ := s.stripe.Sign(events[0], time.Now())
	for secret, want := range map[string]int{previous: 200, current: 200, "whsec_anotheranother000": 400, "": 400} {
		if got := s.postRaw(payload, stripetest.SignWith(payload, secret, time.Now())); got != want {
			t.Errorf("secret %q: status %d, want %d", secret, got, want)
		}
	}
}

// spec:subscription-billing/3.1
func TestH14_OneByteMoreOrTooManyAreRefused(t *testing.T) {
	s := newService(t)
	s.stripe.Subscribe("somebody", "price_monthly")
	events := s.stripe.Events()
	payload, header := s.stripe.Sign(events[0], time.Now())
	changed := bytes.Replace(payload, []byte(`"livemode":false`), []byte(`"livemode": false`), 1) // the same JSON
	if got := s.postRaw(changed, header); got != 400 || bytes.Equal(changed, payload) {
		t.Errorf("one space more: status %d, want 400", got)
	}
	large := bytes.Repeat([]byte(" "), 300<<10)
	r := httptest.NewRequest("POST", "/api/billing/webhook", bytes.NewReader(large))
	r.Header.Set("Stripe-Signature", stripetest.SignWith(large, s.stripe.Secret, time.Now()))
	if got, _ := s.large(r); got != 413 && got != 400 {
		t.Errorf("300 KiB: status %d, want 413 or 400", got)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events"); n != 0 {
		t.Errorf("%d events were stored", n)
	}
}

// spec:subscription-billing/3.3
func TestH16_TheSignatureIsNoKey(t *testing.T) {
	s := newService(t)
	_, events := s.paid(s.user(), "monthly")
	created := pick(t, events, "customer.subscription.created")
	for i := range 3 {
		payload, header := s.stripe.Sign(created, time.Now().Add(time.Duration(i)*time.Second))
		if got := s.postRaw(payload, header); got != 200 {
			t.Errorf("status %d", got)
		}
		s.drain()
	}
	if events, rows := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events"), scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs"); events != 1 || rows != 1 {
		t.Errorf("%d events and %d audit rows, want one of each", events, rows)
	}
}

// spec:subscription-billing/3.3
func TestH17_TwoEventsOfOneChangeAreOneChange(t *testing.T) {
	s := newService(t)
	id, events := s.paid(s.user(), "monthly")
	created := pick(t, events, "customer.subscription.created")
	for i := range 3 {
		if got := s.post(again(created, fmt.Sprint("evt_other", i))); got != 200 {
			t.Errorf("status %d", got)
		}
	}
	s.drain()
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs"); n != 1 {
		t.Errorf("%d audit rows, want 1", n)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NOT NULL"); n != 3 {
		t.Errorf("%d events are processed, want 3", n)
	}
	// One more that tells of another change is one change more.
	s.stripe.Change(id, "customer.subscription.updated", func(o stripetest.M) { o["cancel_at_period_end"] = true })
	s.post(s.stripe.Events()[0])
	s.drain()
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs"); n != 2 {
		t.Errorf("%d audit rows after another change, want 2", n)
	}
}

// spec:subscription-billing/3.5
func TestH18_EveryOrderOfALifeEndsTheSame(t *testing.T) {
	s := newService(t)
	for _, order := range permutations([]int{0, 1, 2, 3}) {
		user := s.user()
		id, events := s.paid(user, "monthly")
		life := []stripetest.M{pick(t, events, "customer.subscription.created"), pick(t, events, "invoice.paid")}
		s.stripe.Change(id, "customer.subscription.updated", func(o stripetest.M) { o["cancel_at_period_end"] = true })
		s.stripe.CancelNow(id)
		life = append(life, s.stripe.Events()...)
		if len(life) != 4 {
			t.Fatalf("%d events", len(life))
		}
		for i, n := range order {
			if i == 2 { // half of them together, half apart
				s.drain()
			}
			if got := s.post(life[n]); got != 200 {
				t.Fatalf("status %d", got)
			}
		}
		s.drain()
		if out := s.status(user); out["status"] != "canceled" || out["access"] != false {
			t.Errorf("order %v: %v", order, out)
		}
	}
}

// An answer that was made before a change and arrives after it must not be written over what was read in between.
//
// spec:subscription-billing/3.5
func TestH18_AnswerThatIsLateIsNotTheLastWord(t *testing.T) {
	s := newService(t)
	id := s.buyWith(s.user(), "monthly", stripetest.CardOK)
	made, gate := make(chan struct{}), make(chan struct{})
	var first sync.Once
	s.stripe.Inject(func(c stripetest.Call) (f *stripetest.Fault) {
		if c.Method == "GET" && c.Path == "/v1/subscriptions/"+id {
			first.Do(func() { f = &stripetest.Fault{Late: gate, Made: made} })
		}
		return f
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.module.API.Sync(context.Background(), id, "user:look"); err != nil {
			t.Error(err)
		}
	})
	<-made // Stripe has answered, and the answer is on its way
	s.stripe.Change(id, "customer.subscription.updated", func(o stripetest.M) { o["cancel_at_period_end"] = true })
	s.post(s.stripe.Events()[0])
	wg.Go(func() {
		if _, err := s.module.Worker.Drain(context.Background()); err != nil {
			t.Error(err)
		}
	})
	// The worker has either read what is new already, or found that somebody is at it.
	for !scalar[bool](t, s.pool, "SELECT processed_at IS NOT NULL OR next_attempt_at > received_at FROM stripe_events WHERE type = 'customer.subscription.updated'") {
		time.Sleep(5 * time.Millisecond)
	}
	close(gate)
	wg.Wait()
	if !scalar[bool](t, s.pool, "SELECT cancel_at_period_end FROM subscriptions WHERE stripe_subscription_id = $1", id) {
		t.Error("the older answer was written over the newer one")
	}
}

// A period that is over gives no access, unless Stripe has said since that the subscription goes on.
//
// spec:subscription-billing/3.5
func TestStripesWordAfterThePeriodCounts(t *testing.T) {
	s := newService(t)
	user := s.user()
	id, events := s.paid(user, "monthly")
	s.post(pick(t, events, "customer.subscription.created"))
	s.drain()
	for _, goesOn := range []bool{true, false} {
		over := s.stripe.Now().Add(-100 * time.Hour).Unix()
		s.stripe.Change(id, "customer.subscription.updated", func(o stripetest.M) { o["current_period_end"], o["cancel_at_period_end"] = over, !goesOn })
		s.post(s.stripe.Events()[0])
		s.drain()
		if out := s.status(user); out["access"] != goesOn {
			t.Errorf("the period is over, and Stripe says that it goes on (%v): %v", goesOn, out)
		}
	}
}

// spec:subscription-billing/3.5
func TestH19_EventsOfOneSecondEndWithTheNewestState(t *testing.T) {
	s := newService(t, func(c *billing.Config) { c.TrialDays = 14 })
	user := s.user()
	id, events := s.paid(user, "monthly")
	s.post(pick(t, events, "customer.subscription.created"))
	s.drain()
	// One event is processed before the next change is made, within the same second: it must not make the next old news.
	s.stripe.Change(id, "customer.subscription.trial_will_end", func(stripetest.M) {})
	warning := s.stripe.Events()[0]
	s.post(warning)
	s.drain()
	s.stripe.Change(id, "customer.subscription.updated", func(o stripetest.M) { o["status"] = "active" })
	turned := s.stripe.Events()[0]
	if events[0]["created"] != warning["created"] || warning["created"] != turned["created"] {
		t.Fatal("the events are not of one second")
	}
	s.post(turned)
	s.drain()
	if out := s.status(user); out["status"] != "active" {
		t.Errorf("%v, want active", out)
	}
	// Two changes of one second whose events arrive the other way round.
	s.stripe.Change(id, "customer.subscription.updated", func(o stripetest.M) { o["cancel_at_period_end"] = true })
	s.stripe.Change(id, "customer.subscription.updated", func(o stripetest.M) { o["status"] = "past_due" })
	both := s.stripe.Events()
	for _, e := range []stripetest.M{both[1], both[0], again(both[0], "evt_again")} {
		s.post(e)
		s.drain()
		if out := s.status(user); out["status"] != "past_due" || out["cancel_at_period_end"] != true {
			t.Errorf("%v, want past_due and cancelled", out)
		}
	}
}

// spec:subscription-billing/3.7
func TestH20_EventsOfAnotherApplicationAreStoredAndLeftAlone(t *testing.T) {
	s := newService(t)
	s.ask("/v1/customers", "metadata[user_id]=someone")
	customer := s.stripe.All("customer")[0]["id"].(string)
	s.ask("/v1/checkout/sessions", "mode=subscription&customer="+customer+"&line_items[0][price]=price_monthly")
	s.stripe.Pay(s.stripe.All("checkout.session")[0]["id"].(string))
	for _, e := range s.stripe.Events() {
		if got := s.post(e); got != 200 {
			t.Errorf("%v: status %d", e["type"], got)
		}
	}
	s.drain()
	if stored, waiting := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events"), scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"); stored != 3 || waiting != 0 {
		t.Errorf("%d stored and %d waiting, want 3 and none", stored, waiting)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM subscriptions") + scalar[int](t, s.pool, "SELECT count(*) FROM invoices"); n != 0 {
		t.Errorf("%d rows came of somebody else's events", n)
	}
}

// spec:subscription-billing/3.7
func TestH21_AnotherVersionOfTheInterfaceIsProcessed(t *testing.T) {
	s := newService(t)
	for i, kind := range []string{"customer.subscription.created", "checkout.session.completed"} {
		user := s.user()
		_, events := s.paid(user, "monthly")
		event := again(pick(t, events, kind), fmt.Sprint("evt_basil", i))
		event["api_version"] = "2025-03-31.basil"
		// That version has the period in the items alone: what is in the payload must not matter.
		object := event["data"].(stripetest.M)["object"].(stripetest.M)
		delete(object, "current_period_end")
		delete(object, "current_period_start")
		if got := s.post(event); got != 200 {
			t.Errorf("%s: status %d, want 200", kind, got)
		}
		s.drain()
		if out := s.status(user); out["status"] != "active" || out["current_period_end"] != "2026-01-31T00:00:00Z" {
			t.Errorf("%s: %v, want an active period until 2026-01-31", kind, out)
		}
	}
}

// spec:subscription-billing/3.7
func TestH22_UnknownTypesAreAcknowledged(t *testing.T) {
	s := newService(t)
	if got := s.post(stripetest.M{"id": "evt_new", "object": "event", "type": "entirely.new", "livemode": false, "api_version": "2023-10-16", "data": stripetest.M{"object": stripetest.M{"id": "x"}}}); got != 200 {
		t.Errorf("status %d, want 200", got)
	}
	// One about our own customer, of whom nothing is to be concluded.
	user := s.user()
	id := s.bought(user, "monthly")
	s.stripe.Change(id, "customer.subscription.unheard_of", func(o stripetest.M) { o["status"], o["trial_end"] = "trialing", o["current_period_end"] })
	s.settle()
	if got := s.mails.kinds(); len(got) != 0 {
		t.Errorf("mails %v after an event of an unknown type", got)
	}
	customer := s.stripe.All("customer")[0]["id"].(string)
	if got := s.post(stripetest.M{"id": "evt_newer", "object": "event", "type": "customer.unheard_of", "livemode": false, "api_version": "2023-10-16", "data": stripetest.M{"object": stripetest.M{"id": customer, "object": "customer"}}}); got != 200 {
		t.Errorf("status %d, want 200", got)
	}
	s.drain()
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NOT NULL AND id LIKE 'evt_new%'"); n != 2 {
		t.Errorf("%d are processed, want 2", n)
	}
	if kept := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_customers WHERE deleted_at IS NULL"); kept != 1 || s.status(user)["access"] != true || scalar[int](t, s.pool, "SELECT count(*) FROM subscriptions") != 1 {
		t.Errorf("after an event of an unknown type there are %d customers, the status is %v", kept, s.status(user))
	}
}

// hold has the double keep the requests that match until release is called; reached is closed when the first one came.
func (s *service) hold(match func(stripetest.Call) bool) (reached <-chan struct{}, release func()) {
	came, gate := make(chan struct{}), make(chan struct{})
	var first, last sync.Once
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
		if !match(c) {
			return nil
		}
		first.Do(func() { close(came) })
		return &stripetest.Fault{Hang: gate}
	})
	release = func() { last.Do(func() { s.stripe.Inject(nil); close(gate) }) }
	s.t.Cleanup(release)
	return came, release
}

// spec:subscription-billing/11.3
func TestH23_KilledWorkerLeavesTheEventForTheNext(t *testing.T) {
	if dsn := os.Getenv("BILLING_TEST_WORKER_DATABASE"); dsn != "" { // the worker that is going to be killed
		pool, err := pgxpool.New(context.Background(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		client, err := billing.NewStripe(billing.Config{SecretKey: "sk_test_integration", WebhookSecrets: []string{"whsec_0123456789abcdef"}, APIBase: os.Getenv("BILLING_TEST_WORKER_STRIPE"), Timeout: time.Minute, BaseURL: "https://host.test",
			Prices: map[billing.Plan]string{billing.Monthly: "price_monthly", billing.Annual: "price_annual"}})
		if err != nil {
			t.Fatal(err)
		}
		billing.NewWorker(billing.NewStore(pool), client, slog.Default()).Drain(context.Background())
		t.Fatal("the worker was not killed")
	}
	s := newService(t)
	user := s.user()
	_, events := s.paid(user, "monthly")
	if got := s.post(pick(t, events, "invoice.paid")); got != 200 {
		t.Fatal(got)
	}
	// The subscription is fetched and written, and the invoice is being fetched: nothing is committed yet.
	reached, release := s.hold(func(c stripetest.Call) bool { return strings.HasPrefix(c.Path, "/v1/invoices/") })
	worker := exec.Command(os.Args[0], "-test.run=^TestH23_")
	worker.Env = append(os.Environ(), "BILLING_TEST_WORKER_DATABASE="+s.pool.Config().ConnString(), "BILLING_TEST_WORKER_STRIPE="+s.stripe.URL)
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { worker.Wait(); close(ended) }()
	select {
	case <-reached:
	case <-ended:
		t.Error("the worker ended before it got as far as the invoice")
	case <-time.After(60 * time.Second):
		t.Error("the worker did not get as far as the invoice")
	}
	worker.Process.Kill()
	<-ended
	release()
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM subscriptions"); n != 0 {
		t.Errorf("%d subscriptions were written by half", n)
	}
	deadline := time.Now().Add(20 * time.Second) // until the database has noticed
	for scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NOT NULL") == 0 && time.Now().Before(deadline) {
		s.drain()
		time.Sleep(10 * time.Millisecond)
	}
	if rows, invoices := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs"), scalar[int](t, s.pool, "SELECT count(*) FROM invoices WHERE amount_paid = 2900"); rows != 1 || invoices != 1 || s.status(user)["status"] != "active" {
		t.Errorf("%d audit rows, %d invoices, %v", rows, invoices, s.status(user))
	}
}

// spec:subscription-billing/3.4
func TestH24_DatabaseThatIsDownMakesStripeDeliverAgain(t *testing.T) {
	s := newService(t)
	user := s.user()
	_, events := s.paid(user, "monthly")
	created := pick(t, events, "customer.subscription.created")
	config := s.pool.Config().ConnConfig.Copy()
	name := config.Database
	config.Database = "postgres"
	admin, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	set := func(allowed bool) {
		t.Helper()
		if _, err := admin.Exec(context.Background(), fmt.Sprintf("ALTER DATABASE %s WITH ALLOW_CONNECTIONS %v", name, allowed)); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.Exec(context.Background(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name); err != nil {
			t.Fatal(err)
		}
	}
	set(false)
	if got := s.post(created); got != 503 {
		t.Errorf("while the database is down: status %d, want 503", got)
	}
	set(true)
	if got := s.post(created); got != 200 {
		t.Errorf("delivered again: status %d", got)
	}
	s.drain()
	if s.status(user)["status"] != "active" {
		t.Errorf("%v", s.status(user))
	}
}

// spec:subscription-billing/3.4
func TestH25_FailedAttemptIsNotForgottenByDeduplication(t *testing.T) {
	s := newService(t)
	user := s.user()
	_, events := s.paid(user, "monthly")
	created := pick(t, events, "customer.subscription.created")
	s.post(created)
	s.stripe.FailWith(401)
	s.drain()
	s.stripe.FailWith(0)
	if n := scalar[int](t, s.pool, "SELECT attempts FROM stripe_events"); n != 1 {
		t.Fatalf("%d attempts, want 1", n)
	}
	if !strings.Contains(s.logs.String(), "will be tried again") {
		t.Error("nobody was told that it is tried again")
	}
	if got := s.post(created); got != 200 {
		t.Errorf("delivered again: status %d", got)
	}
	s.exec("UPDATE stripe_events SET next_attempt_at = now()")
	s.drain()
	if out := s.status(user); out["status"] != "active" {
		t.Errorf("the event was lost: %v", out)
	}
}

// spec:subscription-billing/14.3
func TestH26_DeliveriesAreAcknowledgedWhileStripeHangs(t *testing.T) {
	s := newService(t)
	var created []stripetest.M // of several customers: one alone could be left to who is at it already
	for range 5 {
		_, events := s.paid(s.user(), "monthly")
		created = append(created, pick(t, events, "customer.subscription.created"))
	}
	reached, release := s.hold(func(stripetest.Call) bool { return true })
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.module.Worker.Run(ctx, 10*time.Millisecond) })
	defer func() { release(); stop(); wg.Wait() }()
	if got := s.post(created[0]); got != 200 || scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events") != 1 {
		t.Fatalf("the first delivery is answered with %d, or is not stored", got)
	}
	<-reached                                         // the worker hangs
	limited := http.Client{Timeout: 30 * time.Second} // ends what waits for Stripe; nothing else takes as long
	for i := range 100 {
		payload, header := s.stripe.Sign(again(created[i%5], fmt.Sprint("evt_more", i)), time.Now())
		r, err := http.NewRequest("POST", s.url+"/api/billing/webhook", bytes.NewReader(payload))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Stripe-Signature", header)
		res, err := limited.Do(r)
		if err != nil {
			t.Errorf("delivery %d is not acknowledged while Stripe hangs: %v", i, err)
			break
		}
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Fatalf("delivery %d is answered with %d while Stripe hangs", i, res.StatusCode)
		}
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events"); n != 101 {
		t.Errorf("%d events are stored while Stripe hangs, want 101", n)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NOT NULL"); n != 0 {
		t.Errorf("%d events were processed without Stripe", n)
	}
}

// spec:subscription-billing/11.3
func TestH32_LostAnswerIsOneCharge(t *testing.T) {
	s := newService(t)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	customer := s.stripe.Object(id)["customer"].(string)
	s.stripe.Advance(15 * stripetest.Day)
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
		if c.Method == "POST" && c.Path == "/v1/subscriptions/"+id {
			return &stripetest.Fault{Drop: true}
		}
		return nil
	})
	if code, _ := s.do(user, "POST", "/api/billing/upgrade", ""); code == 200 {
		t.Error("the answer was lost, and 200 was answered")
	}
	s.stripe.Inject(nil)
	s.stripe.Advance(60) // a retry that made its parameters anew would be refused, or charge another sum
	if code, out := s.do(user, "POST", "/api/billing/upgrade", ""); code != 200 || out["plan"] != "annual" {
		t.Errorf("asked again: %d %v", code, out)
	}
	s.settle()
	if got := s.stripe.Charged(customer); got != 2900+27550 {
		t.Errorf("charged %d cents, want 30450", got)
	}
}

// spec:subscription-billing/7.3 spec:subscription-billing/11.3
func TestH34_CrashBetweenTheTwoCallsOfADowngradeIsRepaired(t *testing.T) {
	s := newService(t)
	user := s.user()
	id := s.buyWith(user, "annual", stripetest.CardOK)
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
		if c.Method == "POST" && strings.HasPrefix(c.Path, "/v1/subscription_schedules/") {
			return &stripetest.Fault{Status: 500}
		}
		return nil
	})
	if code, _ := s.do(user, "POST", "/api/billing/downgrade", ""); code == 200 {
		t.Error("half a downgrade was answered with 200")
	}
	if s.stripe.Object(id)["schedule"] == nil {
		t.Fatal("there is no schedule")
	}
	if out := s.status(user); out["pending_plan"] != nil {
		t.Errorf("half a downgrade is shown as pending: %v", out)
	}
	s.stripe.Inject(nil)
	if code, out := s.do(user, "POST", "/api/billing/downgrade", ""); code != 200 || out["pending_plan"] != "monthly" {
		t.Errorf("asked again: %d %v", code, out)
	}
	if n := len(s.stripe.All("subscription_schedule")); n != 1 {
		t.Errorf("%d schedules, want 1", n)
	}
}

// The one that comes in between may have got as far as Stripe, which refuses what it is at already.
//
// spec:subscription-billing/11.4
func TestChangeThatStripeIsAtAlreadyIsAnsweredAsSuch(t *testing.T) {
	s := newService(t)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
		if c.Method == "POST" && c.Path == "/v1/subscriptions/"+id {
			return &stripetest.Fault{Status: 409}
		}
		return nil
	})
	if code, out := s.do(user, "POST", "/api/billing/cancel", ""); code != 409 || s.status(user)["cancel_at_period_end"] != false {
		t.Errorf("%d %v, want 409", code, out)
	}
}

// spec:subscription-billing/11.4
func TestH45_ChangesAtOnceAreMadeOneAtATime(t *testing.T) {
	s := newService(t)
	deadlocks := func() int64 {
		return scalar[int64](t, s.pool, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
	}
	before := deadlocks()
	for round := range 10 {
		user := s.user()
		plan := []string{"monthly", "annual"}[round%2]
		id := s.buyWith(user, plan, stripetest.CardOK)
		// The first one to reach Stripe waits until all have been tried: they do overlap.
		gate := make(chan struct{})
		s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
			if c.Method == "GET" && c.Path == "/v1/subscriptions/"+id {
				return &stripetest.Fault{Hang: gate}
			}
			return nil
		})
		codes := make(chan int, 9)
		for i := range 9 {
			go func() {
				r, err := http.NewRequest("POST", s.url+"/api/billing/"+[]string{"upgrade", "cancel", "downgrade"}[i%3], nil)
				if err != nil {
					panic(err)
				}
				r.Header.Set("X-User", user)
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					codes <- 0 // no answer at all
					return
				}
				res.Body.Close()
				codes <- res.StatusCode
			}()
		}
		var once sync.Once
		release := func() { once.Do(func() { s.stripe.Inject(nil); close(gate) }) }
		timer := time.AfterFunc(20*time.Second, release)
		won := 0
		for n := range 9 {
			if n == 8 { // the losers have answered, without Stripe; the winner needs it
				release()
			}
			switch code := <-codes; code {
			case 200:
				won++
			case 409:
			default:
				t.Errorf("round %d: status %d, want 200 or 409", round, code)
			}
		}
		timer.Stop()
		if won != 1 {
			t.Fatalf("round %d: %d winners, want 1", round, won)
		}
		s.settle()
		remote := s.stripe.Object(id)
		out := s.status(user)
		price := remote["items"].(map[string]any)["data"].([]any)[0].(map[string]any)["price"].(map[string]any)["id"]
		if out["status"] != remote["status"] || out["cancel_at_period_end"] != remote["cancel_at_period_end"] || "price_"+out["plan"].(string) != price {
			t.Errorf("round %d: we have %v, Stripe %v", round, out, remote)
		}
	}
	if n := deadlocks() - before; n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

// The user changes the plan here and cancels in the portal at the same time: what was read before the cancellation must not be
// written after it.
//
// spec:subscription-billing/3.5
func TestH45_ChangeBesideThePortalEndsWithWhatStripeSays(t *testing.T) {
	s := newService(t)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	made, gate := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	changed, late := false, false
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case c.Path != "/v1/subscriptions/"+id:
		case c.Method == "POST":
			changed = true
		case changed && !late: // the look after the change
			late = true
			return &stripetest.Fault{Late: gate, Made: made}
		}
		return nil
	})
	answered := make(chan int, 1)
	go func() {
		code, _ := s.do(user, "POST", "/api/billing/upgrade", "")
		answered <- code
	}()
	<-made
	s.stripe.Events() // those of the upgrade are late
	s.stripe.Change(id, "customer.subscription.updated", func(o stripetest.M) { o["cancel_at_period_end"] = true })
	s.post(s.stripe.Events()[0])
	drained := make(chan error, 1)
	go func() {
		_, err := s.module.Worker.Drain(context.Background())
		drained <- err
	}()
	for !scalar[bool](t, s.pool, "SELECT processed_at IS NOT NULL OR next_attempt_at > received_at FROM stripe_events ORDER BY received_at DESC LIMIT 1") {
		time.Sleep(5 * time.Millisecond)
	}
	close(gate)
	if code := <-answered; code != 200 {
		t.Errorf("the upgrade: status %d", code)
	}
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	if out := s.status(user); out["plan"] != "annual" || out["cancel_at_period_end"] != true {
		t.Errorf("we have %v; at Stripe the plan is annual, and cancelled", out)
	}
}

// spec:subscription-billing/3.6
func TestH46_CanceledStaysCanceled(t *testing.T) {
	s := newService(t)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	s.stripe.CancelNow(id)
	s.settle()
	for i, status := range []string{"active", "trialing", "past_due"} {
		// Even a Stripe that says otherwise is not believed.
		s.stripe.Change(id, "customer.subscription.updated", func(o stripetest.M) { o["status"] = status })
		s.settle()
		if out := s.status(user); out["status"] != "canceled" || out["access"] != false {
			t.Errorf("%d: it became %v", i, out)
		}
	}
	if got := scalar[[]string](t, s.pool, "SELECT array_agg(\"to\"->>'status' ORDER BY id) FROM audit_logs"); !slices.Equal(got, []string{"active", "canceled"}) {
		t.Errorf("according to the audit log it became %v, want active and canceled", got)
	}
}

// spec:subscription-billing/11.2
func TestReconcileHealsWhatWasNeverDelivered(t *testing.T) {
	s := newService(t)
	user, other := s.user(), s.user()
	s.buy(other, "annual")
	if code, _ := s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`); code != 200 {
		t.Fatal(code)
	}
	sessions := s.stripe.All("checkout.session")
	s.stripe.Pay(sessions[len(sessions)-1]["id"].(string))
	s.stripe.Lose()
	sub := s.stripe.All("subscription")[0]["id"].(string)
	s.stripe.Change(sub, "", func(o stripetest.M) { o["cancel_at_period_end"] = true }) // without any event
	n, err := s.module.Worker.Reconcile(context.Background())
	if err != nil || n != 3 {
		t.Errorf("%d events (%v), want 3", n, err)
	}
	if out := s.status(user); out["status"] != "active" || len(s.amounts(user)) != 1 {
		t.Errorf("%v, charged %v", out, s.amounts(user))
	}
	if out := s.status(other); out["cancel_at_period_end"] != true {
		t.Errorf("the other user: %v", out)
	}
	rows := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs")
	if _, err := s.module.Worker.Reconcile(context.Background()); err != nil {
		t.Error(err)
	}
	if again := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs"); again != rows {
		t.Errorf("reconciling again wrote %d audit rows", again-rows)
	}
}

// spec:subscription-billing/3.4 spec:subscription-billing/11.2
func TestDeadLettersCanBeReplayed(t *testing.T) {
	s := newService(t)
	user := s.user()
	_, events := s.paid(user, "monthly")
	s.post(pick(t, events, "customer.subscription.created"))
	s.stripe.FailWith(401)
	for range 13 {
		s.exec("UPDATE stripe_events SET next_attempt_at = now()")
		s.drain()
	}
	s.stripe.FailWith(0)
	h, err := s.module.Health(context.Background())
	if err != nil || h.DeadLetters != 1 || h.Pending != 0 {
		t.Errorf("%+v (%v), want one dead letter", h, err)
	}
	if !strings.Contains(s.logs.String(), "dead letter") {
		t.Error("nobody was told of the dead letter")
	}
	if n, err := s.module.Worker.Replay(context.Background()); err != nil || n != 1 {
		t.Errorf("%d replayed (%v), want 1", n, err)
	}
	s.drain()
	if out := s.status(user); out["status"] != "active" {
		t.Errorf("%v", out)
	}
}

// spec:subscription-billing/3.3
func Test52_SoakLosesAndDoublesNothing(t *testing.T) {
	s := newService(t)
	random := rand.New(rand.NewPCG(1, 2))
	want := map[string]int64{}
	var users []string
	for i := range 20 {
		user := s.user()
		users = append(users, user)
		plan := []string{"monthly", "annual"}[i%2]
		s.bought(user, plan)
		want[user] = map[string]int64{"monthly": 4 * 2900, "annual": 29000}[plan]
	}
	s.stripe.Advance(90 * stripetest.Day) // three renewals of each monthly one
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 { // two workers that are killed again and again
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(context.Background(), 15*time.Millisecond)
				s.module.Worker.Run(ctx, time.Hour)
				cancel()
			}
		})
	}
	delivered := s.stripe.Deliver(http.DefaultClient, s.url+"/api/billing/webhook", stripetest.Delivery{Times: 3, Shuffle: random})
	close(done)
	wg.Wait()
	s.exec("UPDATE stripe_events SET next_attempt_at = now()")
	s.drain()
	if n, kept := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"), scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events"); n != 0 || delivered == 0 || kept != delivered {
		t.Errorf("%d events are left; %d are kept of %d that were acknowledged", n, kept, delivered)
	}
	for _, user := range users {
		var sum int64
		for _, cents := range s.amounts(user) {
			sum += int64(cents)
		}
		customer := scalar[string](t, s.pool, "SELECT stripe_customer_id FROM stripe_customers WHERE user_id = $1", user)
		if charged := s.stripe.Charged(customer); sum != want[user] || charged != want[user] {
			t.Errorf("we have %d cents, the ledger %d, want %d", sum, charged, want[user])
		}
		if n := scalar[int](t, s.pool, "SELECT count(*) FROM subscriptions WHERE user_id = $1 AND status = 'active'", user); n != 1 {
			t.Errorf("%d active subscriptions, want 1", n)
		}
	}
	if twice := scalar[int](t, s.pool, "SELECT count(*) FROM (SELECT \"from\", \"to\" FROM audit_logs GROUP BY \"from\", \"to\", stripe_subscription_id HAVING count(*) > 1) AS d"); twice != 0 {
		t.Errorf("%d changes are in the audit log twice", twice)
	}
}
