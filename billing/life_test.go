package billing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/stripetest"
)

// spec:subscription-billing/7.1
func TestH30_UpgradeAtTheEdgesAndByDoubleClickIsOneInvoice(t *testing.T) {
	for name, c := range map[string]struct {
		after int64
		want  int64 // cents, with the first 2900
	}{"a second after the start": {1, 2900 + 26100}, "a second before the end": {2_592_000 - 1, 2900 + 29000}} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			user := s.user()
			id := s.buyWith(user, "monthly", stripetest.CardOK)
			s.stripe.Advance(c.after)
			// The first click is held at Stripe until the second was answered, or came as far itself.
			var mu sync.Mutex
			keys := map[string]bool{}
			came, gate := make(chan struct{}, 2), make(chan struct{})
			s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
				if c.Method != "POST" || c.Path != "/v1/subscriptions/"+id {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				if !keys[c.IdempotencyKey] { // trying again is the same click
					keys[c.IdempotencyKey] = true
					came <- struct{}{}
				}
				return &stripetest.Fault{Hang: gate}
			})
			codes := make(chan int, 2)
			click := func() {
				code, _ := s.do(user, "POST", "/api/billing/upgrade", "")
				codes <- code
			}
			go click()
			<-came
			go click()
			select {
			case code := <-codes:
				codes <- code
			case <-came:
				t.Error("both clicks reached Stripe")
			}
			close(gate)
			if a, b := <-codes, <-codes; a+b != 200+409 {
				t.Errorf("status %d and %d, want 200 and 409", a, b)
			}
			s.settle()
			if got := s.stripe.Charged(s.stripe.Object(id)["customer"].(string)); got != c.want || len(s.amounts(user)) != 2 {
				t.Errorf("charged %d by %d invoices, want %d by 2", got, len(s.amounts(user)), c.want)
			}
		})
	}
}

// spec:subscription-billing/6.3
func Test36_AccessEndsWithThePeriodEvenWhenTheEventIsLate(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.buy(user, "monthly")
	if code, _ := s.do(user, "POST", "/api/billing/cancel", ""); code != 200 {
		t.Fatal(code)
	}
	s.settle()
	access := func() bool {
		ok, err := s.module.Access(context.Background(), user)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	s.stripe.Advance(2_592_000 - 1)
	if !access() || s.status(user)["access"] != true {
		t.Error("no access a second before the end of the period that was paid for")
	}
	s.stripe.Advance(2)
	if access() || s.status(user)["access"] != false || s.status(user)["status"] != "active" {
		t.Errorf("access a second after the end: %v", s.status(user))
	}
}

// spec:subscription-billing/6.2
func TestH37_ResumeWorksBeforeTheEndAndIsRefusedAfterIt(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.buy(user, "monthly")
	s.do(user, "POST", "/api/billing/cancel", "")
	s.stripe.Advance(2_592_000 - 1)
	asked := 0
	for i := range 2 { // asking twice is asking once
		if code, out := s.do(user, "POST", "/api/billing/resume", ""); code != 200 || out["cancel_at_period_end"] != false || out["access"] != true {
			t.Errorf("resume before the end: %d %v", code, out)
		}
		if n := s.changesAsked(); i == 1 && n != asked {
			t.Errorf("the second time Stripe was asked for %d changes more", n-asked)
		} else {
			asked = n
		}
	}
	s.stripe.Advance(1)
	s.settle()
	if got := s.amounts(user); len(got) != 2 {
		t.Errorf("charged %v, want two months", got)
	}
	s.do(user, "POST", "/api/billing/cancel", "")
	s.stripe.Advance(2_592_000) // and the event that says so is not delivered yet
	if code, out := s.do(user, "POST", "/api/billing/resume", ""); code != 409 {
		t.Errorf("resume after the end: %d %v, want 409", code, out)
	}
	s.settle()
	s.buy(user, "monthly")
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM subscriptions WHERE user_id = $1", user); n != 2 || len(s.amounts(user)) != 3 {
		t.Errorf("%d rows and %d invoices, want 2 and 3: history is kept", n, len(s.amounts(user)))
	}
}

func trial(c *billing.Config) { c.TrialDays = 14 }

// spec:subscription-billing/9.2
func Test38_TrialThatIsCancelledIsNeverCharged(t *testing.T) {
	s := newService(t, trial)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	if out := s.status(user); out["status"] != "trialing" || out["access"] != true {
		t.Fatalf("%v", out)
	}
	s.stripe.Advance(5 * stripetest.Day)
	asked := 0
	for i := range 2 { // asking twice is asking once
		if code, out := s.do(user, "POST", "/api/billing/cancel", ""); code != 200 || out["status"] != "trialing" || out["access"] != true {
			t.Errorf("cancelled in the trial: %d %v", code, out)
		}
		if n := s.changesAsked(); i == 1 && n != asked {
			t.Errorf("the second time Stripe was asked for %d changes more", n-asked)
		} else {
			asked = n
		}
	}
	s.stripe.Advance(9*stripetest.Day + 1)
	s.settle()
	if out := s.status(user); out["status"] != "canceled" || out["access"] != false {
		t.Errorf("after the trial: %v", out)
	}
	if got := s.stripe.Charged(s.stripe.Object(id)["customer"].(string)); got != 0 {
		t.Errorf("charged %d cents, want 0", got)
	}
	if got := s.mails.kinds(); len(got) != 0 {
		t.Errorf("mails %v, want none", got)
	}
}

// spec:subscription-billing/9.1
func TestTrialIsGivenOnceAndThenCharged(t *testing.T) {
	s := newService(t, trial)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	customer := s.stripe.Object(id)["customer"].(string)
	s.stripe.Advance(14*stripetest.Day - 1)
	s.settle()
	if got := s.stripe.Charged(customer); got != 0 {
		t.Errorf("charged %d cents in the trial", got)
	}
	if got := s.mails.kinds(); !slices.Equal(got, []string{"trial_ending"}) {
		t.Errorf("mails %v, want trial_ending", got)
	}
	s.stripe.Advance(1)
	s.settle()
	if got := s.stripe.Charged(customer); got != 2900 || s.status(user)["status"] != "active" {
		t.Errorf("charged %d cents, %v", got, s.status(user))
	}
	s.stripe.CancelNow(id)
	s.settle()
	s.buy(user, "monthly")
	if out := s.status(user); out["status"] != "active" {
		t.Errorf("subscribed again: %v, want active without another trial", out)
	}
	if got := s.stripe.Charged(customer); got != 2*2900 {
		t.Errorf("charged %d cents, want a month of each subscription", got)
	}
	// Another user has a trial too, and one who cannot pay at its end is to lose the subscription: that is asked of Stripe.
	s.do(s.user(), "POST", "/api/billing/checkout", `{"plan":"annual"}`)
	calls := s.stripe.Calls()
	if form := calls[len(calls)-1].Form; form.Get("subscription_data[trial_period_days]") != "14" || form.Get("subscription_data[trial_settings][end_behavior][missing_payment_method]") != "cancel" {
		t.Errorf("the session of another user was asked for with %v", form)
	}
}

// spec:subscription-billing/9.1
func TestTrialIsAsLongAsConfigured(t *testing.T) {
	for _, days := range []int{0, 1} {
		s := newService(t, func(c *billing.Config) { c.TrialDays = days })
		user := s.user()
		id := s.buyWith(user, "monthly", stripetest.CardOK)
		want := map[int]string{0: "active", 1: "trialing"}[days]
		if out := s.status(user); out["status"] != want || out["access"] != true || s.stripe.All("checkout.session")[0]["trial"] != map[int]string{0: "", 1: "1"}[days] {
			t.Errorf("%d days: %v, want %s", days, out, want)
		}
		s.stripe.Advance(stripetest.Day)
		s.settle()
		if got := s.stripe.Charged(s.stripe.Object(id)["customer"].(string)); got != 2900 || s.status(user)["status"] != "active" {
			t.Errorf("%d days: charged %d cents after a day, %v", days, got, s.status(user))
		}
	}
}

// spec:subscription-billing/9.2
func TestH39_ImmediateCancellationOfATrialEndsAccessAtOnce(t *testing.T) {
	s := newService(t, trial)
	byUser := func(user, _ string) {
		if code, out := s.do(user, "POST", "/api/billing/cancel", `{"immediately":true}`); code != 200 || out["access"] != false {
			t.Errorf("%d %v", code, out)
		}
	}
	ends := func(f stripetest.Fault) {
		s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
			if c.Method == "DELETE" {
				return &f
			}
			return nil
		})
	}
	for name, cancel := range map[string]func(user, id string){
		"by the user": byUser,
		"by the user, who asks again since the answer was lost": func(user, id string) {
			ends(stripetest.Fault{Drop: true})
			if code, out := s.do(user, "POST", "/api/billing/cancel", `{"immediately":true}`); code != 502 {
				t.Errorf("the answer is lost: %d %v, want 502", code, out)
			}
			s.stripe.Inject(nil)
			byUser(user, id)
		},
		"by the user, when its first answer is lost": func(user, id string) {
			lost := false
			s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
				f := &stripetest.Fault{Drop: c.Method == "DELETE" && !lost}
				lost = lost || f.Drop
				return f
			})
			byUser(user, id)
			s.stripe.Inject(nil)
		},
		"by the user, when Stripe had refused it before": func(user, id string) {
			ends(stripetest.Fault{Status: 401})
			if code, out := s.do(user, "POST", "/api/billing/cancel", `{"immediately":true}`); code != 502 || s.status(user)["access"] != true {
				t.Errorf("Stripe refuses to end the trial: %d %v, want 502; then %v", code, out, s.status(user))
			}
			s.stripe.Inject(nil)
			byUser(user, id)
		},
		"by a form": func(user, _ string) {
			if code := s.form(user, "/api/billing/cancel", "application/x-www-form-urlencoded", "immediately=yes"); code != 200 {
				t.Errorf("by a form: status %d", code)
			}
		},
		"at Stripe": func(_, id string) { s.stripe.CancelNow(id); s.settle() },
	} {
		user := s.user()
		id := s.buyWith(user, "monthly", stripetest.CardOK)
		cancel(user, id)
		ok, err := s.module.Access(context.Background(), user)
		if out := s.status(user); err != nil || ok || out["access"] != false || out["status"] != "canceled" || out["trial_end"] == nil {
			t.Errorf("%s: access %v, %v", name, ok, out)
		}
	}
}

// spec:subscription-billing/9.3 spec:subscription-billing/10.3
func TestH40_TrialWhoseFirstPaymentIsDeclinedIsPastDue(t *testing.T) {
	s := newService(t, trial)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardFails)
	if got := s.mails.kinds(); len(got) != 0 {
		t.Errorf("mails %v for the invoice of $0, want none", got)
	}
	s.stripe.Advance(12 * stripetest.Day)
	s.settle()
	s.stripe.Advance(2 * stripetest.Day)
	s.settle()
	if out := s.status(user); out["status"] != "past_due" {
		t.Errorf("%v, want past_due", out)
	}
	if got := s.stripe.Charged(s.stripe.Object(id)["customer"].(string)); got != 0 {
		t.Errorf("charged %d cents", got)
	}
	for _, status := range scalar[[]string](t, s.pool, "SELECT array_agg(status ORDER BY created_at) FROM invoices WHERE amount_paid > 0 OR status = 'paid' AND amount_due > 0") {
		t.Errorf("an invoice of a trial that was never paid is %s", status)
	}
	if got := s.mails.kinds(); !slices.Equal(got, []string{"trial_ending", "payment_failed"}) {
		t.Errorf("mails %v", got)
	}
}

// spec:subscription-billing/10.1
func Test41_EveryFailedAttemptIsOneMail(t *testing.T) {
	for _, final := range []string{"canceled", "unpaid"} {
		t.Run(final, func(t *testing.T) {
			s := newService(t)
			s.stripe.Final = final
			user := s.user()
			s.buyWith(user, "monthly", stripetest.CardFails)
			s.stripe.Advance(30 * stripetest.Day)
			events := s.stripe.Events()
			invoice := pick(t, events, "invoice.payment_failed")["data"].(stripetest.M)["object"].(stripetest.M)["id"].(string)
			attempts := s.stripe.Object(invoice)["attempt_count"]
			// Before the first attempt there is nothing to tell.
			s.stripe.Change(invoice, "invoice.finalized", func(o stripetest.M) { o["attempt_count"] = 0 })
			s.settle()
			if got := s.mails.kinds(); len(got) != 0 {
				t.Errorf("mails %v before the first attempt, want none", got)
			}
			// Another event than that of the failure may be the first to tell of it.
			s.stripe.Change(invoice, "invoice.updated", func(o stripetest.M) { o["attempt_count"] = attempts })
			s.settle()
			if got := s.mails.kinds(); !slices.Equal(got, []string{"payment_failed"}) {
				t.Errorf("mails %v when the failure is known, want one", got)
			}
			for range 2 { // each is delivered twice
				for _, e := range events {
					s.post(e)
				}
				s.drain()
			}
			s.post(again(pick(t, events, "invoice.payment_failed"), "evt_same_attempt"))
			s.settle()
			s.module.Postman.Send(context.Background())
			if got := s.mails.kinds(); !slices.Equal(got, []string{"payment_failed"}) || s.status(user)["status"] != "past_due" {
				t.Fatalf("mails %v, %v", got, s.status(user))
			}
			if text := s.mails.mails[0].Text; !strings.Contains(text, "$29.00") || !strings.Contains(text, "3 February 2026") || !strings.Contains(text, "https://host.test/billing") {
				t.Errorf("the mail says %q", text)
			}
			for range 7 {
				s.stripe.Advance(stripetest.Day)
				s.settle()
			}
			if got, want := s.mails.kinds(), []string{"payment_failed", "payment_failed", "payment_failed", "payment_failed_final"}; !slices.Equal(got, want) {
				t.Errorf("mails %v, want %v", got, want)
			}
			if out := s.status(user); out["status"] != final || out["access"] != false {
				t.Errorf("%v, want %s", out, final)
			}
			keys := map[string]bool{}
			for i, m := range s.mails.mails {
				keys[m.Key] = true
				again, last := strings.Contains(m.Text, "try again on "+[]string{"3 February", "5 February", "7 February", "-"}[i]), strings.Contains(m.Text, "do not try again")
				if again != (i < 3) || last != (i == 3) || !strings.Contains(m.Text, "$29.00") || !strings.Contains(m.Text, "https://invoice.stripe.test/"+invoice) || !strings.Contains(m.Subject, "failed") || strings.Contains(m.Subject, "last time") != (i == 3) {
					t.Errorf("mail %d says %q: %q", i, m.Subject, m.Text)
				}
			}
			if len(keys) != 4 {
				t.Errorf("keys %v", keys)
			}
		})
	}
}

// spec:subscription-billing/10.3
func TestH41_NoMailWhileTheFirstPaymentIsOpen(t *testing.T) {
	s := newService(t)
	user := s.user()
	if code, _ := s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`); code != 200 {
		t.Fatal(code)
	}
	s.stripe.PayLater(s.stripe.All("checkout.session")[0]["id"].(string))
	s.settle()
	if out := s.status(user); out["status"] != "incomplete" || out["access"] != false {
		t.Errorf("%v: checkout.session.completed alone gives no access", out)
	}
	if got := s.mails.kinds(); len(got) != 0 {
		t.Errorf("mails %v, want none", got)
	}
}

// spec:subscription-billing/10.1 spec:subscription-billing/10.3
func TestNoMailAboutAnInvoiceOfNothing(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.bought(user, "monthly")
	s.settle()
	invoice := scalar[string](t, s.pool, "SELECT id FROM invoices WHERE user_id = $1", user)
	fail := func(cents, attempts int) []string {
		s.stripe.Change(invoice, "invoice.payment_failed", func(o stripetest.M) { o["status"], o["amount_due"], o["attempt_count"] = "open", cents, attempts })
		s.settle()
		return s.mails.kinds()
	}
	if got := fail(0, 1); len(got) != 0 {
		t.Errorf("mails %v about an invoice of $0, want none", got)
	}
	s.stripe.Change(invoice, "invoice.paid", func(o stripetest.M) { o["status"] = "paid" })
	s.settle()
	if got := s.mails.kinds(); len(got) != 0 {
		t.Errorf("mails %v when it is paid, want none", got)
	}
	for attempts := range 2 { // it failed, also while that is not counted yet
		if got := fail(1, attempts); len(got) != 1 {
			t.Errorf("mails %v about an invoice of a cent after %d attempts that are counted, want one", got, attempts)
		}
	}
}

// spec:subscription-billing/10.1 spec:subscription-billing/10.2 spec:subscription-billing/10.4
func TestPaymentThatGoesThroughAfterAllIsTold(t *testing.T) {
	s := newService(t)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.Card3DS)
	s.mails.down = true
	s.stripe.Advance(30 * stripetest.Day)
	s.settle()
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND attempts = 1"); n != 1 {
		t.Errorf("%d mails wait for a mailbox that is down, want 1", n)
	}
	if got := s.mails.kinds(); len(got) != 0 {
		t.Fatalf("mails %v from a mailbox that is down", got)
	}
	s.mails.down = false
	s.exec("UPDATE outbox SET next_attempt_at = now()")
	for i, want := range []int{1, 0} {
		if n, err := s.module.Postman.Send(context.Background()); err != nil || n != want || len(s.mails.kinds()) != 1 {
			t.Fatalf("%d: %d mails were sent (%v), want %d; in all %v", i, n, err, want, s.mails.kinds())
		}
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM outbox WHERE sent_at IS NULL"); n != 0 {
		t.Errorf("%d mails wait that were sent", n)
	}
	s.stripe.SetCard(s.stripe.Object(id)["customer"].(string), stripetest.CardOK)
	s.stripe.Advance(3 * stripetest.Day)
	s.settle()
	if got := s.mails.kinds(); !slices.Equal(got, []string{"payment_action_required", "payment_fixed"}) || s.status(user)["status"] != "active" {
		t.Fatalf("mails %v, %v", got, s.status(user))
	}
	if !strings.Contains(s.mails.mails[0].Text, "https://invoice.stripe.test/") || !strings.Contains(s.mails.mails[1].Text, "We charged $29.00") || s.mails.mails[1].Subject != "Your payment went through" {
		t.Errorf("the mails do not say where to confirm, or what was charged: %q", s.mails.mails)
	}
	s.stripe.Advance(30 * stripetest.Day)
	s.settle()
	if got := s.mails.kinds(); len(got) != 2 || len(s.amounts(user)) != 3 {
		t.Errorf("mails %v after a payment that went through at once", got)
	}
}

// spec:subscription-billing/2.2
func Test42_ExpiredSessionGivesNothingAndMakesRoomForANewOne(t *testing.T) {
	s := newService(t)
	user := s.user()
	_, first := s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`)
	s.stripe.Advance(stripetest.Day)
	s.settle()
	if state := scalar[string](t, s.pool, "SELECT state FROM checkout_sessions"); state != "expired" || s.status(user)["status"] != "none" {
		t.Errorf("state %s, %v", state, s.status(user))
	}
	_, second := s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`)
	if second["url"] == nil || second["url"] == first["url"] {
		t.Fatalf("the new session is %v, the old one %v", second, first)
	}
	sessions := s.stripe.All("checkout.session")
	if s.stripe.Pay(sessions[0]["id"].(string)) != "" || s.stripe.Pay(sessions[1]["id"].(string)) == "" {
		t.Error("the old session can be paid, or the new one cannot")
	}
	s.settle()
	if s.status(user)["status"] != "active" {
		t.Errorf("%v", s.status(user))
	}
}

// spec:subscription-billing/12.2
func TestH43_ForeignCurrencyIsQuarantined(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`)
	customer := s.stripe.All("customer")[0]["id"].(string)
	for name, price := range map[string]func(){
		"price_eur":     func() { s.stripe.AddPrice("price_eur", 2900, "eur", "day", 30) },
		"price_unknown": func() { s.stripe.AddPrice("price_unknown", 100, "usd", "day", 30) },
	} {
		price()
		s.ask("/v1/checkout/sessions", "mode=subscription&customer="+customer+"&line_items[0][price]="+name)
		sessions := s.stripe.All("checkout.session")
		id := s.stripe.Pay(sessions[len(sessions)-1]["id"].(string))
		s.settle()
		if out := s.status(user); out["access"] != false || out["status"] != "none" {
			t.Errorf("%s: %v", name, out)
		}
		if n := scalar[int](t, s.pool, "SELECT count(*) FROM quarantine WHERE stripe_subscription_id = $1", id); n != 1 {
			t.Errorf("%s: %d rows in quarantine, want 1", name, n)
		}
		if n := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs WHERE stripe_subscription_id = $1 AND \"to\" ? 'quarantined'", id); n != 1 {
			t.Errorf("%s: %d audit rows, want 1", name, n)
		}
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"); n != 0 {
		t.Errorf("%d events would be tried for ever", n)
	}
	if !strings.Contains(s.logs.String(), "level=ERROR") {
		t.Error("nobody was told")
	}
}

// spec:subscription-billing/12.1
func TestH44_OldPricesGoOnWhenThePriceChanges(t *testing.T) {
	s := newService(t)
	if err := s.module.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	old := s.user()
	id := s.buyWith(old, "monthly", stripetest.CardOK)
	yearly := s.user()
	s.buy(yearly, "annual")
	s.stripe.AddPrice("price_monthly_2", 3500, "usd", "day", 30)
	s.stripe.AddPrice("price_annual_2", 35000, "usd", "day", 365)
	s.stripe.Change("price_monthly", "", func(p stripetest.M) { p["active"] = false })
	c := s.config
	c.Prices = map[billing.Plan]string{billing.Monthly: "price_monthly_2", billing.Annual: "price_annual_2"}
	s.module, s.url = s.instance(c)
	if err := s.module.Check(context.Background()); err == nil {
		t.Fatal("a price of 3500 was taken for one of 2900")
	}
	c.Amounts = map[billing.Plan]int64{billing.Monthly: 3500, billing.Annual: 35000}
	s.module, s.url = s.instance(c)
	if err := s.module.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.stripe.Advance(30 * stripetest.Day)
	s.settle()
	fresh := s.user()
	s.buy(fresh, "monthly")
	if got := s.amounts(old); !slices.Equal(got, []float64{2900, 2900}) {
		t.Errorf("who was there before is charged %v, want 2900 twice", got)
	}
	if got := s.amounts(fresh); !slices.Equal(got, []float64{3500}) {
		t.Errorf("who is new is charged %v, want 3500", got)
	}
	if out := s.status(old); out["plan"] != "monthly" || out["unit_amount"] != 2900.0 || out["access"] != true {
		t.Errorf("%v", out)
	}
	s.stripe.Advance(335 * stripetest.Day)
	s.settle()
	if out, got := s.status(yearly), s.amounts(yearly); out["plan"] != "annual" || out["access"] != true || !slices.Equal(got, []float64{29000, 29000}) {
		t.Errorf("who has paid yearly since before is charged %v: %v", got, out)
	}
	s.stripe.CancelNow(id)
	s.settle()
	if out := s.status(old); out["status"] != "canceled" {
		t.Errorf("the end of a subscription with the old price was missed: %v", out)
	}
}

// spec:subscription-billing/14.1
func TestH47_AnotherInstanceShowsAChangeAtOnce(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.buy(user, "monthly")
	other, otherURL := s.instance(s.config)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { other.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	there := func() map[string]any {
		mine := s.url
		s.url = otherURL
		defer func() { s.url = mine }()
		return s.status(user)
	}
	listening := func() bool {
		return scalar[bool](t, s.pool, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%')")
	}
	for start := time.Now(); !listening() && time.Since(start) < 20*time.Second; {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	// A change that nobody is told of shows that the other instance does keep what it has read.
	if there()["plan"] != "monthly" {
		t.Fatal(there())
	}
	s.exec("ALTER TABLE subscriptions DISABLE TRIGGER subscriptions_changed")
	s.exec("UPDATE subscriptions SET plan = 'annual'")
	s.exec("ALTER TABLE subscriptions ENABLE TRIGGER subscriptions_changed")
	if out := there(); out["plan"] != "monthly" {
		t.Fatalf("the other instance keeps nothing: %v", out)
	}
	s.exec("UPDATE subscriptions SET plan = 'monthly'")
	if code, _ := s.do(user, "POST", "/api/billing/cancel", ""); code != 200 {
		t.Fatal(code)
	}
	start := time.Now()
	for there()["cancel_at_period_end"] != true && time.Since(start) < 20*time.Second {
		time.Sleep(time.Millisecond)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the other instance learned of the change after %v", took)
	}
}

// spec:subscription-billing/13.1
func Test48_ExportHoldsEverythingOfTheUserAndNothingOfOthers(t *testing.T) {
	s := newService(t)
	user, other := s.user(), s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	otherID := s.buyWith(other, "annual", stripetest.CardOK)
	s.stripe.Advance(15 * stripetest.Day)
	s.do(user, "POST", "/api/billing/upgrade", "")
	s.settle()
	code, out := s.do(user, "GET", "/api/billing/export", "")
	if code != 200 {
		t.Fatal(code, out)
	}
	for part, want := range map[string]int{"customers": 1, "checkout_sessions": 1, "subscriptions": 1, "invoices": 2, "change_requests": 1, "mails": 0, "quarantine": 0} {
		if list, ok := out[part].([]any); !ok || len(list) != want {
			t.Errorf("%s: %v, want %d", part, out[part], want)
		}
	}
	text, err := json.Marshal(out)
	if err != nil || !bytes.Contains(text, []byte(id)) || bytes.Contains(text, []byte(other)) || bytes.Contains(text, []byte(otherID)) {
		t.Errorf("the export is not the user's alone (%v)", err)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs WHERE user_id = $1 AND source = 'user:export' AND \"to\" ->> 'exported' = 'true'", user); n != 1 {
		t.Errorf("%d audit rows of the export, want 1", n)
	}
	s.config.Recent = func(r *http.Request) bool { return r.Header.Get("X-Recent") != "" }
	s.module, s.url = s.instance(s.config)
	if code, _ := s.do(user, "GET", "/api/billing/export", ""); code != 403 {
		t.Errorf("without signing in again: %d, want 403", code)
	}
}

// spec:subscription-billing/13.2
func TestH48_NothingComesBackAfterAnErasure(t *testing.T) {
	s := newService(t)
	user, other := s.user(), s.user()
	id := s.buyWith(user, "monthly", stripetest.CardOK)
	s.buy(other, "monthly")
	customer := s.stripe.Object(id)["customer"].(string)
	if err := s.module.Erase(context.Background(), user); err != nil {
		t.Fatal(err)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs WHERE user_id = $1 AND source = 'job:erase' AND \"to\" ->> 'erased' = 'true'", user); n != 1 {
		t.Errorf("%d audit rows of the erasure, want 1", n)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs WHERE user_id = $1 AND source = 'job:erase' AND \"to\" ->> 'status' = 'canceled'", user); n != 1 {
		t.Errorf("%d audit rows say that the erasure has ended the subscription, want 1", n)
	}
	// Nobody can pay any more on a page that was open.
	third := s.user()
	s.do(third, "POST", "/api/billing/checkout", `{"plan":"monthly"}`)
	session := s.lastSession()
	if err := s.module.Erase(context.Background(), third); err != nil || s.stripe.Object(session)["status"] != "expired" || s.stripe.Pay(session) != "" {
		t.Errorf("the open page of an erased user (%v): %v", err, s.stripe.Object(session))
	}
	if s.stripe.Object(id)["status"] != "canceled" || s.stripe.Object(customer)["deleted"] != true {
		t.Error("the subscription or the customer goes on at Stripe")
	}
	count := func() [3]int {
		return [3]int{scalar[int](t, s.pool, "SELECT count(*) FROM subscriptions WHERE user_id = $1 AND status <> 'canceled'", user), scalar[int](t, s.pool, "SELECT count(*) FROM subscriptions WHERE user_id = $1", user), scalar[int](t, s.pool, "SELECT count(*) FROM invoices WHERE user_id = $1", user)}
	}
	if got := count(); got != [3]int{0, 1, 1} {
		t.Errorf("%v, want no live subscription, one that ended and one invoice", got)
	}
	fourth := s.notErasedByAGateway()
	if out := s.status(fourth); out["access"] != true {
		t.Errorf("a user of whom Stripe did not hear has lost access: %v", out)
	}
	// Who asked for an erasure and has gone away does not have Stripe asked again.
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	var asked atomic.Int32
	s.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
		if c.Method != "DELETE" || !strings.HasPrefix(c.Path, "/v1/customers/") {
			return nil
		}
		asked.Add(1)
		leave()
		return &stripetest.Fault{Status: 503}
	})
	if err := s.module.Erase(ctx, fourth); err == nil || asked.Load() != 1 {
		t.Errorf("half an erasure: %v, and Stripe was asked %d times to delete the customer, want once", err, asked.Load())
	}
	s.stripe.Inject(nil)
	s.exec("UPDATE invoices SET number = 'kept' WHERE user_id = $1", user)
	s.stripe.Change(id, "customer.subscription.updated", func(o stripetest.M) {
		o["status"], o["metadata"] = "active", stripetest.M{"user_id": user, "name": "Somebody's Name"}
	})
	invoice := scalar[string](t, s.pool, "SELECT id FROM invoices WHERE user_id = $1", user)
	s.stripe.Change(invoice, "invoice.payment_failed", func(o stripetest.M) { o["status"], o["attempt_count"] = "open", 2 })
	s.settle()
	if got := count(); got != [3]int{0, 1, 1} {
		t.Errorf("%v after later events", got)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM invoices WHERE user_id = $1 AND (number <> 'kept' OR hosted_invoice_url <> '' OR status <> 'paid')", user); n != 0 {
		t.Error("a later event was written into an invoice of the erased user")
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM outbox WHERE user_id = $1", user); n != 0 {
		t.Errorf("%d mails for the erased user", n)
	}
	if n := scalar[int](t, s.pool, "SELECT count(*) FROM stripe_events WHERE customer = $1 AND (payload::text LIKE '%Somebody%' OR payload ? 'data')", customer); n != 0 {
		t.Errorf("%d events still hold what they told of the user", n)
	}
	if code, _ := s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`); code != 410 {
		t.Errorf("checkout after the erasure: %d, want 410", code)
	}
	if err := s.module.Erase(context.Background(), user); err != nil {
		t.Errorf("erasing again: %v", err)
	}
	if out := s.status(other); out["status"] != "active" {
		t.Errorf("the other user: %v", out)
	}
}

// spec:subscription-billing/4.3
func Test49_AuditHasOneRowForEachChangeOfState(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.buy(user, "monthly") // 1: active
	s.stripe.Advance(15 * stripetest.Day)
	s.do(user, "POST", "/api/billing/upgrade", "")   // 2: annual
	s.do(user, "POST", "/api/billing/downgrade", "") // 3: monthly is pending
	s.do(user, "POST", "/api/billing/cancel", "")    // 4: it ends
	s.do(user, "POST", "/api/billing/cancel", "")    // nothing
	s.do(user, "POST", "/api/billing/resume", "")    // 5: it goes on
	s.settle()
	rows, err := s.pool.Query(context.Background(), "SELECT actor || ' ' || source || ' ' || (\"to\"->>'plan') || ' ' || coalesce(\"to\"->>'pending_plan', '-') || ' ' || (\"to\"->>'cancel_at_period_end') FROM audit_logs ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
	}
	want := []string{"stripe event monthly - false", "user user:upgrade annual - false", "user user:downgrade annual monthly false", "user user:cancel annual - true", "user user:resume annual - false"}
	if !slices.Equal(got, want) {
		t.Errorf("audit rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, statement := range []string{"UPDATE audit_logs SET source = 'x'", "DELETE FROM audit_logs", "TRUNCATE audit_logs"} {
		if _, err := s.pool.Exec(context.Background(), statement); err == nil {
			t.Errorf("%s succeeded", statement)
		}
	}
}

// spec:subscription-billing/13.3
func TestH50_NoSecretsInLogs(t *testing.T) {
	others, err := os.Create(filepath.Join(t.TempDir(), "stderr")) // where Stripe's library would write a log of its own
	if err != nil {
		t.Fatal(err)
	}
	defer others.Close()
	defer func(real *os.File) { os.Stderr = real }(os.Stderr)
	os.Stderr = others
	s := newService(t)
	user := s.user()
	id := s.buyWith(user, "monthly", stripetest.CardFails)
	s.stripe.Change(s.stripe.Object(id)["customer"].(string), "customer.updated", func(o stripetest.M) { o["email"], o["name"] = "somebody@example.org", "Somebody" })
	s.stripe.Advance(45 * stripetest.Day)
	s.do(user, "POST", "/api/billing/upgrade", "")
	s.postRaw([]byte(`{"id":"evt_x","card":"4242424242424242"}`), "t=1,v1=00")
	s.stripe.FailWith(401)
	s.do(user, "POST", "/api/billing/portal", "")
	s.do(user, "POST", "/api/billing/resume", "")
	s.settle()
	logs := s.logs.String()
	if len(logs) == 0 {
		t.Fatal("nothing was logged, so nothing was looked at")
	}
	for _, secret := range []string{"sk_test_integration", s.stripe.Secret, "somebody@example.org", "Somebody", "4242424242424242", "postgres://"} {
		if strings.Contains(logs, secret) {
			t.Errorf("%q is in the logs", secret)
		}
	}
	if text, err := os.ReadFile(others.Name()); err != nil || len(text) > 0 {
		t.Errorf("Stripe's library writes what it was answered to a log of its own (%v): %s", err, text)
	}
}

// spec:subscription-billing/8.1
func TestEveryRouteForUsersNeedsASignIn(t *testing.T) {
	s := newService(t)
	s.buy(s.user(), "monthly")
	calls := len(s.stripe.Calls())
	for _, route := range []string{"GET /billing", "GET /billing/cancel", "GET /billing/upgrade", "POST /billing/cancel", "POST /billing/resume", "POST /billing/upgrade", "POST /billing/downgrade", "POST /billing/portal", "POST /billing/subscribe",
		"GET /api/billing/export", "GET /api/billing/status", "GET /api/billing/history", "POST /api/billing/checkout", "POST /api/billing/cancel"} {
		method, path, _ := strings.Cut(route, " ")
		if code, out := s.do("", method, path, ""); code != 401 || out["error"] == nil {
			t.Errorf("%s: %d %v, want 401 in JSON", route, code, out)
		}
	}
	if n := len(s.stripe.Calls()) - calls; n != 0 {
		t.Errorf("Stripe heard of it %d times", n)
	}
}

// spec:subscription-billing/5.3 spec:subscription-billing/6.1
func TestH51_PageEscapesAndFormsNeedTheirToken(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.buy(user, "monthly")
	s.exec("UPDATE invoices SET number = '<script>alert(1)</script>', hosted_invoice_url = 'javascript:alert(1)'")
	getAs := func(who, path string) (int, string) {
		r, err := http.NewRequest("GET", s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-User", who)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(res.Body)
		return res.StatusCode, b.String()
	}
	get := func(path string) (int, string) { return getAs(user, path) }
	if _, page := get("/billing"); strings.Contains(page, "<script>") || strings.Contains(page, `"javascript:`) || !strings.Contains(page, "&lt;script&gt;") {
		t.Error("the page is not escaped")
	}
	cancelled := func() bool { return s.status(user)["cancel_at_period_end"] == true }
	if code, _ := get("/billing/cancel"); code != 200 || cancelled() {
		t.Errorf("GET: %d, cancelled %v", code, cancelled())
	}
	post := func(path, origin string, form url.Values) int {
		r, err := http.NewRequest("POST", s.url+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-User", user)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	_, page := get("/billing/cancel")
	form := url.Values{"confirm": {"yes"}, "token": {token(t, page)}}
	_, theirs := getAs(s.user(), "/billing") // an attacker can have a page of their own
	for name, code := range map[string]int{
		"no token":                 post("/billing/cancel", "", url.Values{"confirm": {"yes"}}),
		"another user's token":     post("/billing/cancel", "", url.Values{"confirm": {"yes"}, "token": {token(t, theirs)}}),
		"not confirmed":            post("/billing/cancel", "", url.Values{"token": form["token"]}),
		"from another site":        post("/billing/cancel", "https://evil.test", form),
		"the API, from that site":  post("/api/billing/cancel", "https://evil.test", form),
		"resume without the token": post("/billing/resume", "", nil),
	} {
		if code < 400 || cancelled() {
			t.Errorf("%s: %d, cancelled %v", name, code, cancelled())
		}
	}
	if code := post("/billing/cancel", s.url, form); code != http.StatusSeeOther || !cancelled() {
		t.Errorf("the form itself: %d, cancelled %v", code, cancelled())
	}
}

// TestLeastPrivilege runs a whole life of a subscription as a role that may do no more than Grants says.
func TestLeastPrivilege(t *testing.T) {
	s := newService(t)
	role := fmt.Sprintf("app_%d", time.Now().UnixNano())
	if !scalar[bool](t, s.pool, "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user") {
		t.Fatal("the tests' role may not create roles: give it CREATEROLE")
	}
	s.exec("CREATE ROLE " + role)
	t.Cleanup(func() { s.exec("DROP OWNED BY " + role); s.exec("DROP ROLE " + role) })
	s.exec("GRANT " + role + " TO CURRENT_USER")
	for _, statement := range billing.Grants(role) {
		s.exec(statement)
	}
	config := s.pool.Config()
	config.ConnConfig.RuntimeParams["role"] = role
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	owner := s.pool
	user := s.user()
	s.pool = pool
	s.module, s.url = s.instance(s.config)
	if err := s.module.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.buyWith(user, "monthly", stripetest.CardOK)
	s.stripe.Advance(15 * stripetest.Day)
	for _, path := range []string{"upgrade", "downgrade", "cancel", "resume", "portal"} {
		if code, out := s.do(user, "POST", "/api/billing/"+path, ""); code != 200 {
			t.Errorf("%s: %d %v", path, code, out)
		}
	}
	s.settle()
	if _, err := s.module.Worker.Reconcile(context.Background()); err != nil {
		t.Error(err)
	}
	if code, _ := s.do(user, "GET", "/api/billing/export", ""); code != 200 {
		t.Errorf("export: %d", code)
	}
	if err := s.module.Erase(context.Background(), user); err != nil {
		t.Error(err)
	}
	for _, statement := range []string{"DELETE FROM invoices", "DELETE FROM stripe_events", "ALTER TABLE audit_logs DISABLE TRIGGER ALL", "DROP TABLE outbox", "INSERT INTO users DEFAULT VALUES"} {
		if _, err := pool.Exec(context.Background(), statement); err == nil {
			t.Errorf("the role may do this: %s", statement)
		}
	}
	s.pool = owner
}

// TestHistoryHasPages goes through the history page by page.
func TestHistoryHasPages(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.buy(user, "monthly")
	s.stripe.Advance(120 * stripetest.Day)
	s.settle()
	seen := map[string]bool{}
	after, sizes := "", []int{}
	for {
		_, out := s.do(user, "GET", "/api/billing/history?limit=2&after="+after, "")
		list := out["invoices"].([]any)
		sizes = append(sizes, len(list))
		for _, in := range list {
			seen[in.(map[string]any)["id"].(string)] = true
		}
		next, ok := out["next"].(string)
		if !ok {
			break
		}
		after = next
	}
	if len(seen) != 5 || !slices.Equal(sizes, []int{2, 2, 1}) {
		t.Errorf("%d invoices in pages of %v, want 5 in 2, 2, 1", len(seen), sizes)
	}
	if code, _ := s.do(user, "GET", "/api/billing/history?limit=1000", ""); code != 400 {
		t.Errorf("limit 1000: %d, want 400", code)
	}
}
