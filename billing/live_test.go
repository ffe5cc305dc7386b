package billing_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/charge"
	"github.com/stripe/stripe-go/v76/customer"
	"github.com/stripe/stripe-go/v76/paymentmethod"
	"github.com/stripe/stripe-go/v76/price"
	"github.com/stripe/stripe-go/v76/product"
	"github.com/stripe/stripe-go/v76/subscription"
	"github.com/stripe/stripe-go/v76/testhelpers/testclock"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/stripetest"
)

// A world is a Stripe to live in: the double, or Stripe's own test mode.
type world interface {
	prices() map[billing.Plan]string
	subscribe(user, price string) (customer string) // with a card that pays
	decline(customer string)                        // its card does not pay any more
	advance(seconds int64)
	now() time.Time
	charged(customer string) int64 // cents, by the ledger
}

// doubled is the double as a world.
type doubled struct{ *stripetest.Server }

func (d doubled) prices() map[billing.Plan]string {
	return map[billing.Plan]string{billing.Monthly: "price_monthly", billing.Annual: "price_annual"}
}
func (d doubled) subscribe(user, price string) string {
	customer, _ := d.Subscribe(user, price)
	return customer
}
func (d doubled) decline(customer string)       { d.Decline(customer, true) }
func (d doubled) advance(seconds int64)         { d.Advance(seconds) }
func (d doubled) now() time.Time                { return d.Now() }
func (d doubled) charged(customer string) int64 { return d.Charged(customer) }

// live is Stripe's test mode: every customer lives by one test clock.
type live struct {
	t       *testing.T
	backend stripe.Backend
	key     string
	clock   *stripe.TestHelpersTestClock
	ids     map[billing.Plan]string
}

func newLive(t *testing.T, backend stripe.Backend, key string) *live {
	t.Helper()
	l := &live{t: t, backend: backend, key: key, ids: map[billing.Plan]string{}}
	clocks := testclock.Client{B: backend, Key: key}
	clock, err := clocks.New(&stripe.TestHelpersTestClockParams{FrozenTime: stripe.Int64(time.Now().Unix()), Name: stripe.String("billing's tests")})
	l.check(err)
	l.clock = clock
	t.Cleanup(func() { // its customers and their subscriptions go with it
		if _, err := clocks.Del(clock.ID, nil); err != nil {
			t.Error(err)
		}
	})
	for plan, terms := range map[billing.Plan]billing.Terms{billing.Monthly: {Amount: 2900, IntervalDays: 30}, billing.Annual: {Amount: 29000, IntervalDays: 365}} {
		p, err := (product.Client{B: backend, Key: key}).New(&stripe.ProductParams{Name: stripe.String("test of billing: " + string(plan))})
		l.check(err)
		made, err := (price.Client{B: backend, Key: key}).New(&stripe.PriceParams{Product: stripe.String(p.ID), Currency: stripe.String("usd"), UnitAmount: stripe.Int64(terms.Amount),
			Recurring: &stripe.PriceRecurringParams{Interval: stripe.String("day"), IntervalCount: stripe.Int64(int64(terms.IntervalDays))}})
		l.check(err)
		l.ids[plan] = made.ID
	}
	return l
}

func (l *live) check(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *live) prices() map[billing.Plan]string { return l.ids }

// card gives a customer one of Stripe's test cards.
func (l *live) card(customerID, method string) {
	l.t.Helper()
	pm, err := (paymentmethod.Client{B: l.backend, Key: l.key}).Attach(method, &stripe.PaymentMethodAttachParams{Customer: stripe.String(customerID)})
	l.check(err)
	_, err = (customer.Client{B: l.backend, Key: l.key}).Update(customerID, &stripe.CustomerParams{InvoiceSettings: &stripe.CustomerInvoiceSettingsParams{DefaultPaymentMethod: stripe.String(pm.ID)}})
	l.check(err)
}

func (l *live) subscribe(user, price string) string {
	l.t.Helper()
	params := &stripe.CustomerParams{TestClock: stripe.String(l.clock.ID)}
	params.AddMetadata("user_id", user)
	c, err := (customer.Client{B: l.backend, Key: l.key}).New(params)
	l.check(err)
	l.card(c.ID, "pm_card_visa")
	_, err = (subscription.Client{B: l.backend, Key: l.key}).New(&stripe.SubscriptionParams{Customer: stripe.String(c.ID), PaymentBehavior: stripe.String("error_if_incomplete"),
		Items: []*stripe.SubscriptionItemsParams{{Price: stripe.String(price)}}, Metadata: map[string]string{"user_id": user}})
	l.check(err)
	return c.ID
}

func (l *live) decline(customerID string) { l.card(customerID, "pm_card_chargeCustomerFail") }

func (l *live) advance(seconds int64) {
	l.t.Helper()
	clocks := testclock.Client{B: l.backend, Key: l.key}
	to := l.clock.FrozenTime + seconds
	clock, err := clocks.Advance(l.clock.ID, &stripe.TestHelpersTestClockAdvanceParams{FrozenTime: stripe.Int64(to)})
	for ; err == nil && clock.Status == stripe.TestHelpersTestClockStatusAdvancing; clock, err = clocks.Get(l.clock.ID, nil) {
		time.Sleep(2 * time.Second) // Stripe works on it; there is nothing to wait on but the clock's status
	}
	l.check(err)
	l.clock = clock
}

func (l *live) now() time.Time { return time.Unix(l.clock.FrozenTime, 0) }

func (l *live) charged(customerID string) (cents int64) {
	l.t.Helper()
	list := (charge.Client{B: l.backend, Key: l.key}).List(&stripe.ChargeListParams{Customer: stripe.String(customerID)})
	for list.Next() {
		if c := list.Charge(); c.Paid {
			cents += c.Amount - c.AmountRefunded
		}
	}
	l.check(list.Err())
	return cents
}

// worlds are the double, and Stripe's test mode where STRIPE_LIVE_TEST=1 and STRIPE_SECRET_KEY=sk_test_… ask for it.
func worlds(t *testing.T, live func(*testing.T, world, string, string), double *stripetest.Server) {
	t.Helper()
	t.Run("double", func(t *testing.T) { live(t, doubled{double}, "sk_test_double", double.URL) })
	if os.Getenv("STRIPE_LIVE_TEST") != "1" {
		return
	}
	t.Run("stripe", func(t *testing.T) {
		key := os.Getenv("STRIPE_SECRET_KEY")
		if !strings.HasPrefix(key, "sk_test_") {
			t.Fatal("STRIPE_LIVE_TEST=1 needs a STRIPE_SECRET_KEY of the test mode (sk_test_…)")
		}
		live(t, newLive(t, stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{}), key), key, "")
	})
}

// TestLifeInEveryWorld lives the same life at the double and, when asked to, at Stripe: what the double does is what Stripe
// does. The figures are the contract's.
//
// spec:subscription-billing/7.1 spec:subscription-billing/7.2 spec:subscription-billing/7.3 spec:subscription-billing/11.2
func TestLifeInEveryWorld(t *testing.T) {
	worlds(t, func(t *testing.T, w world, key, base string) {
		s := newService(t, func(c *billing.Config) {
			c.SecretKey, c.APIBase, c.Prices, c.Now, c.Timeout = key, base, w.prices(), w.now, 30*time.Second
		})
		if err := s.module.Check(context.Background()); err != nil {
			t.Fatal(err)
		}
		begin := func(plan billing.Plan) (user, customer string) {
			t.Helper()
			user = s.user()
			customer = w.subscribe(user, w.prices()[plan])
			s.exec("INSERT INTO stripe_customers (user_id, stripe_customer_id) VALUES ($1, $2)", user, customer)
			return user, customer
		}
		catchUp := func() {
			t.Helper()
			if _, err := s.module.Worker.Reconcile(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(user, customer string, want int64, fields ...string) {
			t.Helper()
			catchUp()
			if got := w.charged(customer); got != want {
				t.Errorf("charged %d cents, want %d", got, want)
			}
			out := s.status(user)
			for i := 0; i < len(fields); i += 2 {
				if fmt.Sprint(out[fields[i]]) != fields[i+1] {
					t.Errorf("%s is %v, want %s: %v", fields[i], out[fields[i]], fields[i+1], out)
				}
			}
		}
		ask := func(user, path string, want int) {
			t.Helper()
			if code, out := s.do(user, "POST", "/api/billing/"+path, ""); code != want {
				t.Errorf("%s: %d %v, want %d", path, code, out, want)
			}
		}
		ada, adas := begin(billing.Monthly)
		bob, bobs := begin(billing.Monthly)
		expect(ada, adas, 2900, "status", "active", "plan", "monthly")
		w.advance(15 * 86400)
		ask(ada, "upgrade", 200)
		expect(ada, adas, 2900+27550, "plan", "annual")
		w.decline(bobs)
		ask(bob, "upgrade", 402)
		expect(bob, bobs, 2900, "plan", "monthly", "status", "active")
		ask(bob, "cancel", 200)
		expect(bob, bobs, 2900, "cancel_at_period_end", "true", "status", "active")
		ask(ada, "downgrade", 200)
		expect(ada, adas, 2900+27550, "plan", "annual", "pending_plan", "monthly")
		w.advance(15*86400 + 3600)
		expect(bob, bobs, 2900, "status", "canceled", "access", "false")
		w.advance(350*86400 + 3600)
		expect(ada, adas, 2900+27550+2900, "plan", "monthly", "pending_plan", "<nil>")
	}, stripetest.New(t))
}

// TestRequestsOfTheLiveWorldAreStripes has stripe-mock check what would be asked of Stripe.
func TestRequestsOfTheLiveWorldAreStripes(t *testing.T) {
	l := newLive(t, mocked(t), "sk_test_123")
	c := l.subscribe("user", l.prices()[billing.Monthly])
	l.decline(c)
	l.charged(c)
	l.advance(60)
}
