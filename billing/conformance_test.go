package billing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/server"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/stripetest"
)

// mock is Stripe's own description of its interface, as stripe-mock checks requests against it. It is loaded once: that
// takes longer than a test.
var mock = sync.OnceValues(func() (*server.StubServer, error) {
	fixtures, err := server.LoadFixtures(embedded.OpenAPIFixtures, "")
	if err != nil {
		return nil, err
	}
	description, err := server.LoadSpec(embedded.OpenAPISpec, "")
	if err != nil {
		return nil, err
	}
	return server.NewStubServer(fixtures, description, true, false)
})

// validate asks stripe-mock whether Stripe would take a request: unknown parameters, wrong types and values that are not
// among the allowed ones are refused.
func validate(t *testing.T) func(*http.Request) error {
	t.Helper()
	stub, err := mock()
	if err != nil {
		t.Fatal(err)
	}
	return func(r *http.Request) error {
		copied := r.Clone(r.Context())
		copied.Header = r.Header.Clone()
		copied.Header.Set("Stripe-Version", "2023-10-16")
		if r.Method != http.MethodGet {
			body := r.PostForm.Encode()
			if r.Method == http.MethodDelete {
				body = url.Values(r.Form).Encode()
			}
			copied.Body = io.NopCloser(strings.NewReader(body))
			copied.ContentLength = int64(len(body))
		}
		w := httptest.NewRecorder()
		stub.HandleRequest(w, copied)
		if w.Code >= 400 && w.Code != http.StatusNotFound {
			return errors.New(strings.TrimSpace(w.Body.String()))
		}
		return nil
	}
}

// TestEveryRequestIsOneThatStripeTakes goes through everything that this package asks of Stripe, and has each request
// checked against Stripe's own description.
func TestEveryRequestIsOneThatStripeTakes(t *testing.T) {
	s := newService(t, func(c *billing.Config) { c.TrialDays = 7 })
	s.stripe.Validate = validate(t)
	ok := func(user, path, body string) {
		t.Helper()
		if code, out := s.do(user, "POST", "/api/billing/"+path, body); code != 200 {
			t.Errorf("%s: %d %v", path, code, out)
		}
	}
	if err := s.module.Check(context.Background()); err != nil {
		t.Error(err)
	}
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	customer := s.stripe.Object(id)["customer"].(string)
	ok(user, "upgrade", "") // in the trial
	ok(user, "cancel", `{"immediately":true}`)
	s.settle()
	s.buy(user, "monthly")
	ok(user, "portal", "")
	s.stripe.Advance(15 * stripetest.Day)
	ok(user, "upgrade", "")
	ok(user, "downgrade", "")
	ok(user, "cancel", "")
	ok(user, "resume", "")
	s.settle()
	s.stripe.SetCard(customer, stripetest.CardFails)
	s.stripe.Advance(365 * stripetest.Day)
	s.settle()
	ok(user, "cancel", "") // past due: the open invoice is voided
	second := s.user()
	ok(second, "checkout", `{"plan":"monthly"}`)
	ok(second, "checkout", `{"plan":"annual"}`) // ends the first session
	sessions := s.stripe.All("checkout.session")
	last := sessions[len(sessions)-1]
	s.stripe.Change(last["id"].(string), "", func(o stripetest.M) { o["trial"] = "" })
	s.stripe.Pay(last["id"].(string))
	s.settle()
	s.ask("/v1/checkout/sessions", "mode=subscription&success_url=https://host.test&customer="+last["customer"].(string)+"&line_items[0][price]=price_annual&line_items[0][quantity]=1")
	sessions = s.stripe.All("checkout.session")
	s.stripe.Advance(10)
	s.stripe.Pay(sessions[len(sessions)-1]["id"].(string)) // a second subscription: cancelled and refunded
	s.settle()
	if _, err := s.module.Worker.Reconcile(context.Background()); err != nil {
		t.Error(err)
	}
	if err := s.module.Erase(context.Background(), second); err != nil {
		t.Error(err)
	}
	asked := map[string]bool{}
	for _, c := range s.stripe.Calls() {
		parts := strings.Split(strings.TrimPrefix(c.Path, "/v1/"), "/")
		asked[fmt.Sprintf("%s %s %s", c.Method, parts[0], parts[len(parts)-1])] = true
		asked[fmt.Sprintf("%s %s", c.Method, parts[0])] = true
	}
	for _, want := range []string{"GET prices", "POST customers", "DELETE customers", "POST checkout", "POST checkout expire", "GET checkout", "POST billing_portal", "GET subscriptions", "GET subscriptions subscriptions", "POST subscriptions", "DELETE subscriptions",
		"POST subscription_schedules", "POST subscription_schedules release", "GET subscription_schedules", "GET invoices", "GET invoices upcoming", "POST invoices void", "POST refunds", "GET events"} {
		if !asked[want] {
			t.Errorf("%s was never asked, so it was not checked", want)
		}
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"); n != 0 {
		t.Errorf("%d events could not be processed: %s", n, s.logs)
	}
}

// TestKeysAreSentWithEveryChange: a POST without a key would be made twice when its answer is lost.
func TestKeysAreSentWithEveryChange(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.buy(user, "annual")
	for _, path := range []string{"downgrade", "cancel", "resume", "portal"} {
		if code, out := s.do(user, "POST", "/api/billing/"+path, ""); code != 200 {
			t.Errorf("%s: %d %v", path, code, out)
		}
	}
	if err := s.module.Erase(context.Background(), user); err != nil {
		t.Error(err)
	}
	for _, c := range s.stripe.Calls() {
		if c.Method == "POST" && c.IdempotencyKey == "" {
			t.Errorf("%s %s went without a key", c.Method, c.Path)
		}
	}
}

// TestAnswersOfTheDoubleAreStripes reads every object of a life into the library's types and compares what matters.
func TestAnswersOfTheDoubleAreStripes(t *testing.T) {
	s := newService(t)
	user := s.user()
	id := s.buyWith(user, "annual", stripetest.CardOK)
	if code, _ := s.do(user, "POST", "/api/billing/downgrade", ""); code != 200 {
		t.Fatal(code)
	}
	decode := func(kind string, into func() any) {
		t.Helper()
		objects := s.stripe.All(kind)
		if len(objects) == 0 {
			t.Errorf("the double has no %s", kind)
		}
		for _, o := range objects {
			data, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, into()); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
	var sub stripe.Subscription
	var schedule stripe.SubscriptionSchedule
	var session stripe.CheckoutSession
	var in stripe.Invoice
	var charge stripe.Charge
	var price stripe.Price
	var customer stripe.Customer
	decode("subscription", func() any { return &sub })
	decode("subscription_schedule", func() any { return &schedule })
	decode("checkout.session", func() any { return &session })
	decode("invoice", func() any { return &in })
	decode("charge", func() any { return &charge })
	decode("price", func() any { return &price })
	decode("customer", func() any { return &customer })
	if sub.ID != id || sub.Status != "active" || sub.Schedule == nil || sub.Schedule.ID != schedule.ID || sub.Items.Data[0].Price.UnitAmount != 29000 || sub.LatestInvoice.ID != in.ID ||
		len(schedule.Phases) != 2 || schedule.Phases[1].Items[0].Price.ID != "price_monthly" || session.Subscription.ID != id || in.AmountPaid != 29000 || charge.Amount != 29000 || in.Charge.ID != charge.ID || in.PaymentIntent.ID != charge.PaymentIntent.ID {
		t.Errorf("subscription %+v, schedule %+v, invoice %+v", sub, schedule, in)
	}
}

// TestTheDescriptionRefusesMistakes makes sure that the check bites.
func TestTheDescriptionRefusesMistakes(t *testing.T) {
	check := validate(t)
	for form, refused := range map[string]bool{"cancel_at_period_end=true": false, "cancel_at_end=true": true, "cancel_at_period_end=perhaps": true, "proration_behavior=sometimes": true} {
		r := httptest.NewRequest("POST", "https://stripe.test/v1/subscriptions/sub_1", bytes.NewBufferString(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer sk_test_key")
		if err := r.ParseForm(); err != nil {
			t.Fatal(err)
		}
		if err := check(r); (err != nil) != refused {
			t.Errorf("%s: error %v, want refused %v", form, err, refused)
		}
	}
}

// mocked is stripe-mock as a Stripe of its own.
func mocked(t *testing.T) stripe.Backend {
	t.Helper()
	stub, err := mock()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(stub.HandleRequest))
	t.Cleanup(server.Close)
	return stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{URL: stripe.String(server.URL), MaxNetworkRetries: stripe.Int64(0), LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull}})
}
