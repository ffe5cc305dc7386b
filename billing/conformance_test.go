package billing_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/server"

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
	s := newShop(t)
	s.stripe.Validate = validate(t)
	ok := func(user, path, body string) {
		t.Helper()
		if code, out := s.call(user, "POST", "/api/billing/"+path, body); code != 200 {
			t.Errorf("%s: %d %v", path, code, out)
		}
	}
	monthly, _ := s.subscribed("monthly")
	ok(monthly, "portal", "")
	s.stripe.Advance(15 * stripetest.Day)
	ok(monthly, "upgrade", "")
	ok(monthly, "downgrade", "")
	ok(monthly, "cancel", "")
	ok(monthly, "resume", "")
	user := newUser(t, s.pool)
	ok(user, "checkout", `{"plan":"monthly"}`)
	ok(user, "checkout", `{"plan":"annual"}`) // ends the first session
	asked := map[string]bool{}
	for _, c := range s.stripe.Calls() {
		asked[fmt.Sprintf("%s %s", c.Method, strings.Split(strings.TrimPrefix(c.Path, "/v1/"), "/")[0])] = true
	}
	for _, want := range []string{"POST customers", "POST checkout", "POST billing_portal", "GET subscriptions", "POST subscriptions", "POST subscription_schedules", "GET subscription_schedules"} {
		if !asked[want] {
			t.Errorf("%s was never asked, so it was not checked", want)
		}
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
