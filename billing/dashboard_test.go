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
	w := s.get(user, path)
	return w.Code, w.Body.String()
}

func (s *shop) get(user, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("X-User", user)
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w
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
	for _, c := range []struct {
		plan          string
		cents, period float64 // what was offered
	}{{"annual", 29000, 365}, {"monthly", 2900, 30}} {
		user := newUser(t, s.pool)
		_, page := s.page(user, "/billing")
		code, to := s.submit(user, "/billing/subscribe", url.Values{"plan": {c.plan}, "token": {token(t, page)}})
		sessions := s.stripe.All("checkout.session")
		if code != http.StatusSeeOther || len(sessions) == 0 || to != sessions[len(sessions)-1]["url"] {
			t.Fatalf("%s is chosen: status %d to %q, sessions %v", c.plan, code, to, sessions)
		}
		price := s.stripe.Object(sessions[len(sessions)-1]["price"].(string))
		if every := price["recurring"].(map[string]any); price["unit_amount"] != c.cents || price["currency"] != "usd" || every["interval"] != "day" || every["interval_count"] != c.period {
			t.Errorf("%s is chosen, and the price is %v", c.plan, price)
		}
	}
	sessions := len(s.stripe.All("checkout.session"))
	if code, _ := s.submit(user, "/billing/subscribe", url.Values{"plan": {"weekly"}, "token": {token(t, page)}}); code != http.StatusBadRequest || len(s.stripe.All("checkout.session")) != sessions {
		t.Errorf("a plan that was not offered is chosen: status %d", code)
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
	if kept := s.get(user, "/billing").Header().Get("Cache-Control"); kept != "no-store" {
		t.Errorf("a browser may keep the page (Cache-Control: %s) and show what was", kept)
	}
}

// spec:subscription-billing/5.1
func TestPageShowsEveryStatus(t *testing.T) {
	s := newDashboard(t)
	user, id := s.subscribed("monthly")
	const end, earlier = "31 January 2026", "15 January 2026"
	failed := "The last payment failed. Change the payment method, or pay the open invoice below"
	for _, c := range []struct {
		set, status, line string
		charged           bool // and so there is a date of the next charge
	}{
		{"status = 'active'", "active", "Next billing date: " + end, true},
		{"status = 'incomplete'", "incomplete", "The first payment has not gone through", false},
		{"status = 'trialing', trial_end = '2026-01-15 12:00Z'", "trialing", "Trial ends on " + earlier, true},
		{"status = 'trialing', trial_end = '2026-01-31 00:00Z', cancel_at_period_end = true", "trialing", "Ends on " + end, false},
		{"status = 'past_due'", "past due", failed, true},
		{"status = 'unpaid'", "unpaid", failed, true},
		{"status = 'past_due', cancel_at_period_end = true", "past due", "Ends on " + end, false},
		{"status = 'active', cancel_at = '2026-01-15 23:59Z'", "active", "Ends on " + earlier, false},
		{"status = 'active', pending_plan = 'annual'", "active", "Switches to annual on " + end, true},
		{"status = 'paused'", "paused", "Nothing is charged until there is a payment method", false},
		{"status = 'canceled', ended_at = '2026-01-15 00:00Z'", "canceled", "Ended on " + earlier, false},
		{"status = 'incomplete_expired', ended_at = '2026-01-15 00:00Z'", "incomplete expired", "Ended on " + earlier, false},
	} {
		for _, set := range []string{"trial_end = NULL, cancel_at_period_end = false, cancel_at = NULL, pending_plan = NULL, ended_at = NULL", c.set} {
			if _, err := s.pool.Exec(context.Background(), "UPDATE subscriptions SET "+set+" WHERE stripe_subscription_id = $1", id); err != nil {
				t.Fatal(err)
			}
		}
		code, page := s.page(user, "/billing")
		status, line := shown(page)
		_, out := s.call(user, "GET", "/api/billing/status", "")
		if next, ok := out["next_billing_date"]; ok != c.charged || ok && next != "2026-01-31T00:00:00Z" {
			t.Errorf("%s: the next billing date is %v", c.set, next)
		}
		if code != 200 || status != c.status || line != c.line || strings.Contains(page, "This is as of") || !strings.Contains(page, "Plan: <strong>monthly</strong>, $29.00 every 30 days") {
			t.Errorf("%s: %d, shown is %q and %q, want %q and %q", c.set, code, status, line, c.status, c.line)
		}
	}
}

// shown reads from the page the status and what happens next.
func shown(page string) (status, line string) {
	if m := regexp.MustCompile(`(?s)Status: <strong>([^<]*)</strong></p>\s*(?:<p>([^<]*)</p>)?`).FindStringSubmatch(page); m != nil {
		return m[1], m[2]
	}
	return "", ""
}

// spec:subscription-billing/7.1
func TestQuestionSaysWhatAnUpgradeCosts(t *testing.T) {
	s := newDashboard(t)
	user, id := s.subscribed("monthly")
	s.stripe.Advance(15 * stripetest.Day)
	if _, page := s.page(user, "/billing/upgrade"); !strings.Contains(page, "$275.50 are charged now: $290.00 for the year that begins today") {
		t.Errorf("on day 15 of 30:\n%s", page)
	}
	if got := s.charged(id); len(got) != 1 {
		t.Errorf("looking at the question charged %v", got)
	}
	for _, path := range []string{"/billing", "/billing/cancel"} {
		if _, page := s.page(user, path); strings.Contains(page, "are charged now") {
			t.Errorf("%s says what an upgrade costs", path)
		}
	}
}

// spec:subscription-billing/5.2
func TestPageListsTheNewestFiftyAndLeadsToTheRest(t *testing.T) {
	s := newDashboard(t)
	user := newUser(t, s.pool)
	for _, c := range []struct {
		first, last, rows int
		more              bool
	}{{1, 50, 50, false}, {51, 51, 50, true}, {52, 53, 50, true}} {
		if _, err := s.pool.Exec(context.Background(), "INSERT INTO invoices (id, user_id, stripe_subscription_id, number, amount_paid, currency, status, created_at) SELECT 'in_' || n, $1, 'sub', 'N-' || n || '-', 2900, 'usd', 'paid', '2026-01-01Z'::timestamptz + make_interval(days => n) FROM generate_series($2::int, $3) AS n", user, c.first, c.last); err != nil {
			t.Fatal(err)
		}
		_, page := s.page(user, "/billing")
		numbers := regexp.MustCompile(`N-(\d+)-`).FindAllStringSubmatch(page, -1)
		if len(numbers) != c.rows || numbers[0][1] != fmt.Sprint(c.last) || strings.Contains(page, `<a href="/api/billing/history">`) != c.more {
			t.Errorf("of %d invoices the page lists %v, want the newest %d; that there are more is said: %v wanted", c.last, numbers, c.rows, c.more)
		}
	}
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
		t.Fatalf("the history is not the user's own, newest first:\n%s", page)
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
	if _, err := s.pool.Exec(context.Background(), "INSERT INTO invoices (id, user_id, stripe_subscription_id, number, amount_paid, currency, status, hosted_invoice_url, created_at) VALUES ('in', $1, 'sub', '<script>alert(1)</script>', 1, 'usd', 'paid\"><img src=x>', 'javascript:alert(1)', now()), ('in2', $1, 'sub', '2', 1, 'usd', 'paid', 'https://invoice.test/\"onclick=\"alert(1)', now())", user); err != nil {
		t.Fatal(err)
	}
	res := s.get(user, "/billing")
	page := res.Body.String()
	if strings.Contains(page, "<script>") || strings.Contains(page, `href="javascript:`) || strings.Contains(page, "<img") || strings.Contains(page, `"onclick`) {
		t.Errorf("not escaped:\n%s", page)
	}
	for _, want := range []string{"&lt;script&gt;alert(1)&lt;/script&gt;", "paid&#34;&gt;&lt;img src=x&gt;", `href="https://invoice.test/%22onclick=%22alert%281%29"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %s:\n%s", want, page)
		}
	}
	// A browser reads it as a page, and runs no script of it, should there be one.
	if kind, policy := res.Header().Get("Content-Type"), res.Header().Get("Content-Security-Policy"); kind != "text/html; charset=utf-8" || !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "script-src") {
		t.Errorf("the page is %q with the policy %q", kind, policy)
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
