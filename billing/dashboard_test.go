package billing_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/stripetest"
)

func newDashboard(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	d, err := billing.NewDashboard(s.api)
	if err != nil {
		t.Fatal(err)
	}
	d.Register(s.mux)
	return s
}

func (s *shop) page(user, path string) (int, string) {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("X-User", user)
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (s *shop) submit(user, path string, form url.Values) (int, string) {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-User", user)
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w.Code, w.Header().Get("Location")
}

func token(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`name="token" value="([0-9a-f]+)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no form token on the page:\n%s", page)
	}
	return m[1]
}

// spec:subscription-billing/1.1
func TestPageOffersBothPlans(t *testing.T) {
	s := newDashboard(t)
	user := newUser(t, s.pool)
	code, page := s.page(user, "/billing")
	for _, want := range []string{"$29.00 every 30 days", "$290.00 every 365 days", `type="radio" name="plan" value="monthly"`, `type="radio" name="plan" value="annual"`} {
		if code != 200 || !strings.Contains(page, want) {
			t.Errorf("status %d, the page lacks %q", code, want)
		}
	}
	code, to := s.submit(user, "/billing/subscribe", url.Values{"plan": {"annual"}, "token": {token(t, page)}})
	sessions := s.stripe.All("checkout.session")
	if code != http.StatusSeeOther || len(sessions) != 1 || to != sessions[0]["url"] || sessions[0]["price"] != "price_annual" {
		t.Errorf("status %d to %q, sessions %v", code, to, sessions)
	}
}

// spec:subscription-billing/5.1
func TestPageShowsWhereTheSubscriptionStands(t *testing.T) {
	s := newDashboard(t)
	user, id := s.subscribed("annual")
	expect := func(want ...string) {
		t.Helper()
		_, page := s.page(user, "/billing")
		for _, w := range want {
			if !strings.Contains(page, w) {
				t.Errorf("the page lacks %q", w)
			}
		}
	}
	end := s.stripe.Now().Add(365 * 24 * time.Hour).Format("2 January 2006")
	expect("<strong>annual</strong>", "<strong>active</strong>", "Next billing date: "+end)
	s.call(user, "POST", "/api/billing/downgrade", "")
	expect("Switches to monthly on " + end)
	s.call(user, "POST", "/api/billing/cancel", "")
	expect("Ends on "+end, "Resume")
	s.stripe.Advance(365 * stripetest.Day)
	if err := s.api.Sync(context.Background(), id, "test"); err != nil {
		t.Fatal(err)
	}
	expect("<strong>canceled</strong>", "Ended on "+end, "Choose a plan")
}

// spec:subscription-billing/5.2
func TestHistoryListsOwnInvoicesAlone(t *testing.T) {
	s := newDashboard(t)
	user, other := newUser(t, s.pool), newUser(t, s.pool)
	for i, u := range []string{user, user, other} {
		_, err := s.pool.Exec(context.Background(), "INSERT INTO invoices (id, user_id, stripe_subscription_id, number, amount_paid, currency, status, hosted_invoice_url, created_at) VALUES ($1, $2, 'sub', $1, $3, 'usd', 'paid', 'https://invoice.test', now() + make_interval(secs => $4))",
			[]string{"N-1", "N-2", "N-3"}[i], u, 2900+i, float64(i))
		if err != nil {
			t.Fatal(err)
		}
	}
	_, page := s.page(user, "/billing")
	if !strings.Contains(page, "N-1") || !strings.Contains(page, "$29.01") || strings.Contains(page, "N-3") || strings.Index(page, "N-2") > strings.Index(page, "N-1") {
		t.Errorf("the history is not the user's own, newest first:\n%s", page)
	}
	list := func(user, query string) (numbers []any, next any) {
		t.Helper()
		code, out := s.call(user, "GET", "/api/billing/history"+query, "")
		all, ok := out["invoices"].([]any)
		if code != 200 || !ok {
			t.Fatalf("history%s: %d %v", query, code, out)
		}
		for _, one := range all {
			in := one.(map[string]any)
			numbers = append(numbers, in["number"])
			made, err := time.Parse(time.RFC3339, fmt.Sprint(in["created_at"]))
			if err != nil || time.Since(made).Abs() > time.Hour || in["period_start"] != nil {
				t.Errorf("%v was made at %v (%v), and its period, of which nothing is known, begins %v", in["number"], in["created_at"], err, in["period_start"])
			}
		}
		return numbers, out["next"]
	}
	if got, next := list(other, ""); !slices.Equal(got, []any{"N-3"}) || next != nil {
		t.Errorf("the other user's history: %v, then %v", got, next)
	}
	first, next := list(user, "?limit=1")
	if !slices.Equal(first, []any{"N-2"}) || next != "N-2" {
		t.Errorf("the first page: %v, then %v", first, next)
	}
	if second, end := list(user, "?limit=1&after=N-2"); !slices.Equal(second, []any{"N-1"}) || end != nil {
		t.Errorf("the second page: %v, then %v", second, end)
	}
	if none, _ := list(user, "?after=N-1"); len(none) != 0 {
		t.Errorf("after the last one comes %v", none)
	}
	if code, _ := s.call(user, "GET", "/api/billing/history?after=N-3", ""); code != 404 {
		t.Errorf("after another user's invoice: %d, want 404", code)
	}
}

// spec:subscription-billing/5.3
func TestPageEscapesWhatComesFromElsewhere(t *testing.T) {
	s := newDashboard(t)
	user := newUser(t, s.pool)
	if _, err := s.pool.Exec(context.Background(), "INSERT INTO invoices (id, user_id, stripe_subscription_id, number, amount_paid, currency, status, hosted_invoice_url, created_at) VALUES ('in', $1, 'sub', '<script>alert(1)</script>', 1, 'usd', 'paid', 'javascript:alert(1)', now())", user); err != nil {
		t.Fatal(err)
	}
	_, page := s.page(user, "/billing")
	if strings.Contains(page, "<script>") || strings.Contains(page, `href="javascript:`) || !strings.Contains(page, "&lt;script&gt;") {
		t.Errorf("not escaped:\n%s", page)
	}
}

// spec:subscription-billing/6.1
func TestCancellationNeedsAConfirmedForm(t *testing.T) {
	s := newDashboard(t)
	user, id := s.subscribed("monthly")
	other, _ := s.subscribed("monthly")
	cancelled := func() bool { return s.stripe.Object(id)["cancel_at_period_end"] == true }
	_, question := s.page(user, "/billing/cancel")
	if !strings.Contains(question, "Cancel the subscription?") || cancelled() {
		t.Fatal("looking at the question is enough to cancel, or there is none")
	}
	_, others := s.page(other, "/billing/cancel")
	for name, form := range map[string]url.Values{
		"no token":             {"confirm": {"yes"}},
		"another user's token": {"confirm": {"yes"}, "token": {token(t, others)}},
		"no confirmation":      {"token": {token(t, question)}},
	} {
		if code, _ := s.submit(user, "/billing/cancel", form); code < 400 || cancelled() {
			t.Errorf("%s: status %d", name, code)
		}
	}
	code, to := s.submit(user, "/billing/cancel", url.Values{"confirm": {"yes"}, "token": {token(t, question)}})
	if code != http.StatusSeeOther || to != "/billing" || !cancelled() {
		t.Errorf("the confirmed form: status %d to %q, cancelled %v", code, to, cancelled())
	}
}
