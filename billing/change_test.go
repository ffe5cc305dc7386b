package billing_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"spec.example/spec/billing/internal/stripetest"
)

// charged lists the amounts of a subscription's invoices, in cents, oldest first.
func (s *shop) charged(id string) []float64 {
	var amounts []float64
	for _, in := range s.stripe.All("invoice") {
		if in["subscription"] == id {
			amounts = append(amounts, in["amount_paid"].(float64))
		}
	}
	return amounts
}

// asked counts the changes that Stripe was asked for, of what is below a path.
func (s *shop) asked(path string) (n int) {
	for _, c := range s.stripe.Calls() {
		if c.Method == "POST" && strings.HasPrefix(c.Path, path) {
			n++
		}
	}
	return n
}

// spec:subscription-billing/7.1
func TestUpgradeChargesTheYearLessTheRestOfTheMonth(t *testing.T) {
	const day = stripetest.Day
	for name, c := range map[string]struct {
		after int64 // seconds into the month
		want  float64
	}{
		"day 15":               {15 * day, 27550},
		"a second after start": {1, 26100},
		"a second before end":  {30*day - 1, 29000},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			user, id := s.subscribed("monthly")
			s.stripe.Advance(c.after)
			code, out := s.call(user, "POST", "/api/billing/upgrade", "")
			if code != 200 || out["plan"] != "annual" {
				t.Fatalf("%d %v", code, out)
			}
			if got := s.charged(id); len(got) != 2 || got[1] != c.want {
				t.Errorf("charged %v, want 2900 and %v", got, c.want)
			}
			end, err := time.Parse(time.RFC3339, out["current_period_end"].(string))
			if err != nil || end.Sub(s.stripe.Now()) != 365*24*time.Hour {
				t.Errorf("the year ends %v after now (%v), want 365 days", end.Sub(s.stripe.Now()), err)
			}
		})
	}
}

// An upgrade whose answer nobody waited for is asked for again: it is charged once, as of when it was asked for first, also when
// Stripe comes to the first request after the second.
//
// spec:subscription-billing/7.1 spec:subscription-billing/11.3
func TestUpgradeThatStripeIsSlowToMakeIsOneCharge(t *testing.T) {
	s := newShop(t)
	user, id := s.subscribed("monthly")
	s.stripe.Advance(15 * stripetest.Day)
	for _, asked := range []string{"GET /v1/invoices/upcoming", "POST /v1/subscriptions/" + id} {
		if n := s.gone(user, "/api/billing/upgrade", "", asked); n != 1 {
			t.Fatalf("for a user who has gone away, %s was asked %d times, want once", asked, n)
		}
	}
	itIsMade := s.late(user, "/api/billing/upgrade", "", "POST /v1/subscriptions/"+id)
	s.stripe.Advance(60)
	if code, out := s.call(user, "POST", "/api/billing/upgrade", ""); code != 200 || out["plan"] != "annual" {
		t.Errorf("asked again: %d %v", code, out)
	}
	itIsMade()
	if got := s.charged(id); len(got) != 2 || got[1] != 27550 {
		t.Errorf("charged %v, want 2900 and 27550", got)
	}
}

func TestUpgradeTwiceAtOnceIsOneCharge(t *testing.T) {
	s := newShop(t)
	user, id := s.subscribed("monthly")
	s.stripe.Advance(15 * stripetest.Day)
	codes := make([]int, 8)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Go(func() { codes[i], _ = s.call(user, "POST", "/api/billing/upgrade", "") })
	}
	wg.Wait()
	won := 0
	for _, c := range codes {
		if c == http.StatusOK {
			won++
		} else if c != http.StatusConflict {
			t.Errorf("status %d, want 200 or 409", c)
		}
	}
	if got := s.charged(id); won != 1 || len(got) != 2 {
		t.Errorf("%d winners, charged %v", won, got)
	}
}

// spec:subscription-billing/7.2
func TestH31_DeclinedUpgradeChangesNothing(t *testing.T) {
	s := newShop(t)
	user, id := s.subscribed("monthly")
	s.stripe.Advance(10 * stripetest.Day)
	customer := s.stripe.Object(id)["customer"].(string)
	s.stripe.Decline(customer, true)
	if code, out := s.call(user, "POST", "/api/billing/upgrade", ""); code != 402 {
		t.Errorf("%d %v, want 402", code, out)
	}
	if _, out := s.call(user, "GET", "/api/billing/status", ""); out["plan"] != "monthly" || out["status"] != "active" {
		t.Errorf("status %v", out)
	}
	if got := s.charged(id); len(got) != 1 {
		t.Errorf("charged %v", got)
	}
	s.stripe.Decline(customer, false)
	if code, out := s.call(user, "POST", "/api/billing/upgrade", ""); code != 200 || out["plan"] != "annual" {
		t.Errorf("with a card that works: %d %v", code, out)
	}
}

// spec:subscription-billing/7.3
func Test33_DowngradeWaitsForTheEndOfThePeriod(t *testing.T) {
	s := newShop(t)
	user, id := s.subscribed("annual")
	s.stripe.Advance(100 * stripetest.Day)
	asked := 0
	for i := range 2 { // asking twice is asking once
		code, out := s.call(user, "POST", "/api/billing/downgrade", "")
		if code != 200 || out["plan"] != "annual" || out["pending_plan"] != "monthly" {
			t.Fatalf("%d %v", code, out)
		}
		if n := s.asked("/v1/subscription_schedules"); i == 1 && n != asked {
			t.Errorf("the second time Stripe was asked for %d changes more", n-asked)
		} else {
			asked = n
		}
	}
	if got := s.charged(id); len(got) != 1 || got[0] != 29000 {
		t.Errorf("charged %v before the boundary, want 29000 alone", got)
	}
	s.stripe.Advance(265*stripetest.Day - 1)
	if got := s.charged(id); len(got) != 1 {
		t.Errorf("charged %v a second before the boundary", got)
	}
	s.stripe.Advance(1)
	if err := s.api.Sync(context.Background(), id, "test"); err != nil {
		t.Fatal(err)
	}
	_, out := s.call(user, "GET", "/api/billing/status", "")
	if got := s.charged(id); len(got) != 2 || got[1] != 2900 || out["plan"] != "monthly" || out["pending_plan"] != nil {
		t.Errorf("charged %v, status %v", got, out)
	}
}

// spec:subscription-billing/7.4
func TestH35_PendingDowngradeGivesWay(t *testing.T) {
	s := newShop(t)
	user, id := s.subscribed("annual")
	if code, out := s.call(user, "POST", "/api/billing/downgrade", ""); code != 200 {
		t.Fatalf("%d %v", code, out)
	}
	code, out := s.call(user, "POST", "/api/billing/cancel", "")
	if code != 200 || out["cancel_at_period_end"] != true || out["pending_plan"] != nil {
		t.Errorf("cancel while a downgrade is pending: %d %v", code, out)
	}
	released := false
	for _, c := range s.stripe.Calls() {
		released = released || strings.HasSuffix(c.Path, "/release")
	}
	if !released || s.stripe.Object(id)["schedule"] != nil {
		t.Error("the schedule was not released")
	}
	user, id = s.subscribed("annual")
	if code, out := s.call(user, "POST", "/api/billing/downgrade", ""); code != 200 || out["pending_plan"] != "monthly" {
		t.Fatalf("%d %v", code, out)
	}
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
		if strings.HasSuffix(c.Path, "/release") {
			return &stripetest.Fault{Status: 401}
		}
		return nil
	})
	if code, out := s.call(user, "POST", "/api/billing/upgrade", ""); code != 502 || s.stripe.Object(id)["schedule"] == nil {
		t.Errorf("Stripe does not drop the downgrade: %d %v, want 502", code, out)
	}
	s.stripe.Inject(nil)
	code, out = s.call(user, "POST", "/api/billing/upgrade", "")
	if code != 200 || out["plan"] != "annual" || out["pending_plan"] != nil || s.stripe.Object(id)["schedule"] != nil {
		t.Errorf("upgrade while a downgrade is pending: %d %v", code, out)
	}
	if code, out := s.call(user, "POST", "/api/billing/upgrade", ""); code != 409 {
		t.Errorf("when the downgrade is dropped, there is nothing to upgrade to: %d %v, want 409", code, out)
	}
	if got := s.charged(id); len(got) != 1 {
		t.Errorf("staying on annual charged %v", got)
	}
}

// A request of before, to which Stripe comes when the user has changed their mind, changes nothing any more.
//
// spec:subscription-billing/7.3 spec:subscription-billing/7.4
func TestDowngradeThatWasDroppedStaysDropped(t *testing.T) {
	s := newShop(t)
	user, _ := s.subscribed("annual")
	for _, asked := range []string{"POST /v1/subscription_schedules", "POST /v1/subscription_schedules/"} {
		if n := s.gone(user, "/api/billing/downgrade", "", asked); n != 1 {
			t.Fatalf("for a user who has gone away, %s was asked %d times, want once", asked, n)
		}
	}
	user, id := s.subscribed("annual")
	itIsMade := s.late(user, "/api/billing/downgrade", "", "POST /v1/subscription_schedules")
	if code, out := s.call(user, "POST", "/api/billing/downgrade", ""); code != 200 || out["pending_plan"] != "monthly" {
		t.Errorf("asked again: %d %v", code, out)
	}
	if n := s.gone(user, "/api/billing/upgrade", "", "POST /v1/subscription_schedules/"); n != 1 {
		t.Fatalf("for a user who has gone away, Stripe was asked %d times to drop the downgrade, want once", n)
	}
	if code, out := s.call(user, "POST", "/api/billing/upgrade", ""); code != 200 || out["pending_plan"] != nil {
		t.Errorf("the downgrade is dropped: %d %v", code, out)
	}
	itIsMade()
	if o := s.stripe.Object(id); o["schedule"] != nil {
		t.Errorf("the downgrade that was dropped is back: %v", o)
	}
}

// spec:subscription-billing/6.2
func TestCancellationThatWasTakenBackStaysSo(t *testing.T) {
	s := newShop(t)
	user, id := s.subscribed("monthly")
	if n := s.gone(user, "/api/billing/cancel", "", "POST /v1/subscriptions/"+id); n != 1 {
		t.Fatalf("for a user who has gone away, Stripe was asked %d times, want once", n)
	}
	itIsMade := s.late(user, "/api/billing/cancel", "", "POST /v1/subscriptions/"+id)
	for _, path := range []string{"cancel", "resume"} {
		if code, out := s.call(user, "POST", "/api/billing/"+path, ""); code != 200 || out["cancel_at_period_end"] != (path == "cancel") {
			t.Errorf("%s: %d %v", path, code, out)
		}
	}
	itIsMade()
	if o := s.stripe.Object(id); o["cancel_at_period_end"] != false {
		t.Errorf("a request of before has cancelled it again: %v", o)
	}
}

func TestLostAnswerIsNotASecondCharge(t *testing.T) {
	s := newShop(t)
	user, id := s.subscribed("monthly")
	s.stripe.Advance(15 * stripetest.Day)
	code, _ := s.call(user, "POST", "/api/billing/upgrade", "")
	if code != 200 {
		t.Fatal(code)
	}
	keys := map[string]int{}
	for _, c := range s.stripe.Calls() {
		if c.Method == "POST" && c.Path == "/v1/subscriptions/"+id {
			keys[c.IdempotencyKey]++
			if c.Form.Get("proration_behavior") != "always_invoice" || c.Form.Get("billing_cycle_anchor") != "now" || c.Form.Get("proration_date") == "" {
				t.Errorf("the upgrade was asked with %v", c.Form)
			}
		}
	}
	var row string
	if err := s.pool.QueryRow(context.Background(), "SELECT id::text FROM change_requests WHERE kind = 'upgrade'").Scan(&row); err != nil || keys[row] != 1 {
		t.Errorf("the key is not the row's id: %v, row %s (%v)", keys, row, err)
	}
}
