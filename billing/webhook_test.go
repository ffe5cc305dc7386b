package billing_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stripe/stripe-go/v76/webhook"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/pgtest"
	"spec.example/spec/billing/internal/stripetest"
)

// An inbox is the webhook and the worker on a database and a Stripe of their own.
type inbox struct {
	t       *testing.T
	pool    *pgxpool.Pool
	stripe  *stripetest.Server
	webhook *billing.Webhook
	worker  *billing.Worker
	log     *bytes.Buffer
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	pool, _ := pgtest.New(t)
	migrate(t, pool, -1)
	in := &inbox{t: t, pool: pool, stripe: stripetest.New(t), log: new(bytes.Buffer)}
	store := billing.NewStore(pool)
	log := slog.New(slog.NewTextHandler(in.log, nil))
	client, err := billing.NewStripe(config(in.stripe))
	if err != nil {
		t.Fatal(err)
	}
	if in.webhook, err = billing.NewWebhook(store, config(in.stripe), in.stripe.Now, log); err != nil {
		t.Fatal(err)
	}
	in.worker = billing.NewWorker(store, client, log)
	return in
}

// subscribe makes a user whose customer has paid for a plan at Stripe; nothing of it is delivered yet.
func (in *inbox) subscribe(plan string) (user, customer, subscription string) {
	in.t.Helper()
	user = newUser(in.t, in.pool)
	post := func(path, form string) stripetest.M {
		req, err := http.NewRequest("POST", in.stripe.URL+path, bytes.NewBufferString(form))
		if err != nil {
			in.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer sk_test_key")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			in.t.Fatal(err)
		}
		res.Body.Close()
		all := in.stripe.All(map[string]string{"/v1/customers": "customer", "/v1/checkout/sessions": "checkout.session"}[path])
		return all[len(all)-1]
	}
	customer = post("/v1/customers", "metadata[user_id]="+user)["id"].(string)
	if _, err := in.pool.Exec(context.Background(), "INSERT INTO stripe_customers (user_id, stripe_customer_id) VALUES ($1, $2)", user, customer); err != nil {
		in.t.Fatal(err)
	}
	session := post("/v1/checkout/sessions", "mode=subscription&customer="+customer+"&line_items[0][price]=price_"+plan)["id"].(string)
	return user, customer, in.stripe.Pay(session)
}

func (in *inbox) deliver(payload []byte, header string) int {
	r := httptest.NewRequest("POST", "/api/billing/webhook", bytes.NewReader(payload))
	r.Header.Set("Stripe-Signature", header)
	w := httptest.NewRecorder()
	in.webhook.ServeHTTP(w, r)
	return w.Code
}

func (in *inbox) send(event stripetest.M) int {
	return in.deliver(in.stripe.Sign(event, in.stripe.Now()))
}

func (in *inbox) drain() int {
	in.t.Helper()
	n, err := in.worker.Drain(context.Background())
	if err != nil {
		in.t.Fatal(err)
	}
	return n
}

func (in *inbox) count(query string, args ...any) (n int) {
	in.t.Helper()
	if err := in.pool.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		in.t.Fatal(err)
	}
	return n
}

func (in *inbox) status(id string) (status string) {
	in.t.Helper()
	if err := in.pool.QueryRow(context.Background(), "SELECT status FROM subscriptions WHERE stripe_subscription_id = $1", id).Scan(&status); err != nil {
		in.t.Fatal(err)
	}
	return status
}

// spec:subscription-billing/3.1
func Test11_UnsignedDeliveriesChangeNothing(t *testing.T) {
	in := newInbox(t)
	in.subscribe("monthly")
	event := in.stripe.Events()[0]
	payload, good := in.stripe.Sign(event, in.stripe.Now())
	for name, c := range map[string]struct {
		payload []byte
		header  string
		want    int
	}{
		"no signature":        {payload, "", 400},
		"another secret":      {payload, stripetest.SignWith(payload, "whsec_ffffffffffffffffffff", in.stripe.Now()), 400},
		"signed with nothing": {payload, stripetest.SignWith(payload, "", in.stripe.Now()), 400},
		"old":                 {payload, stripetest.SignWith(payload, in.stripe.Secret, in.stripe.Now().Add(-10*time.Minute)), 400},
		"from the future":     {payload, stripetest.SignWith(payload, in.stripe.Secret, in.stripe.Now().Add(10*time.Minute)), 400},
		"301 seconds old":     {payload, stripetest.SignWith(payload, in.stripe.Secret, in.stripe.Now().Add(-301*time.Second)), 400},
		"301 seconds ahead":   {payload, stripetest.SignWith(payload, in.stripe.Secret, in.stripe.Now().Add(301*time.Second)), 400},
		"one byte more":       {append([]byte(" "), payload...), good, 400},
		"too large":           {bytes.Repeat([]byte("x"), 300<<10), good, 413},
		"signed, but no JSON": {[]byte("hello"), stripetest.SignWith([]byte("hello"), in.stripe.Secret, in.stripe.Now()), 400},
	} {
		if got := in.deliver(c.payload, c.header); got != c.want {
			t.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}
	if n := in.count("SELECT count(*) FROM stripe_events"); n != 0 {
		t.Errorf("%d events were stored", n)
	}
	if got := in.deliver(payload, good); got != 200 || in.count("SELECT count(*) FROM stripe_events") != 1 {
		t.Errorf("the good delivery: status %d", got)
	}
}

// spec:subscription-billing/3.3
func Test15_SameEventHasOneEffect(t *testing.T) {
	in := newInbox(t)
	_, _, id := in.subscribe("monthly")
	events := in.stripe.Events()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			// Each delivery is signed anew, as Stripe does: the header is no key.
			if got := in.deliver(in.stripe.Sign(events[1], in.stripe.Now().Add(time.Duration(i)*time.Second))); got != 200 {
				t.Errorf("delivery %d: status %d", i, got)
			}
		})
	}
	wg.Wait()
	if n := in.drain(); n != 1 {
		t.Errorf("%d events were processed, want 1", n)
	}
	again := stripetest.M{}
	for k, v := range events[1] {
		again[k] = v
	}
	again["id"] = "evt_other" // Stripe may make two events of one change
	in.send(again)
	in.drain()
	if n := in.count("SELECT count(*) FROM audit_logs WHERE stripe_subscription_id = $1", id); n != 1 {
		t.Errorf("%d audit rows, want 1", n)
	}
}

// spec:subscription-billing/3.4
func TestDeliveryIsOnlyStoredAndStripeTriesAgainWhenItCannotBe(t *testing.T) {
	in := newInbox(t)
	in.subscribe("monthly")
	events := in.stripe.Events()
	calls := len(in.stripe.Calls())
	if got := in.send(events[0]); got != 200 || len(in.stripe.Calls()) != calls {
		t.Errorf("status %d and %d calls to Stripe, want 200 and none", got, len(in.stripe.Calls())-calls)
	}
	if n := in.count("SELECT count(*) FROM subscriptions"); n != 0 {
		t.Errorf("the delivery had an effect before the worker ran: %d subscriptions", n)
	}
	if _, err := in.pool.Exec(context.Background(), "ALTER TABLE stripe_events RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	if got := in.send(events[1]); got != 503 {
		t.Errorf("the store is down: status %d, want 503", got)
	}
	if _, err := in.pool.Exec(context.Background(), "ALTER TABLE gone RENAME TO stripe_events"); err != nil {
		t.Fatal(err)
	}
	if got := in.send(events[1]); got != 200 {
		t.Errorf("the delivery after that: status %d", got)
	}
	// Processing fails: the event is not lost, and a redelivery is no answer that it was done.
	in.stripe.FailWith(401)
	in.drain()
	if n := in.count("SELECT count(*) FROM stripe_events WHERE processed_at IS NULL AND attempts = 1"); n != 2 {
		t.Errorf("%d events wait for their second attempt, want 2", n)
	}
	in.stripe.FailWith(0)
	if _, err := in.pool.Exec(context.Background(), "UPDATE stripe_events SET next_attempt_at = now()"); err != nil {
		t.Fatal(err)
	}
	in.drain()
	if n := in.count("SELECT count(*) FROM subscriptions"); n != 1 {
		t.Errorf("%d subscriptions after the retry, want 1", n)
	}
}

// spec:subscription-billing/3.5
func TestAnyOrderOfEventsEndsTheSame(t *testing.T) {
	orders := permutations([]int{0, 1, 2, 3})
	in := newInbox(t)
	for _, order := range orders {
		user, _, id := in.subscribe("monthly")
		events := in.stripe.Events() // created, and what belongs to the payment
		in.stripe.Advance(30 * stripetest.Day)
		events = append(events, in.stripe.Events()...)
		for _, i := range order {
			if got := in.send(events[i]); got != 200 {
				t.Fatalf("status %d", got)
			}
			in.drain()
		}
		var end time.Time
		if err := in.pool.QueryRow(context.Background(), "SELECT current_period_end FROM subscriptions WHERE user_id = $1", user).Scan(&end); err != nil {
			t.Fatalf("order %v: %v", order, err)
		}
		want := int64(in.stripe.Object(id)["current_period_end"].(float64))
		if end.Unix() != want {
			t.Errorf("order %v: the period ends at %d, want %d", order, end.Unix(), want)
		}
	}
	if len(orders) != 24 {
		t.Errorf("%d orders were tried, want 24", len(orders))
	}
}

func permutations(items []int) [][]int {
	if len(items) <= 1 {
		return [][]int{items}
	}
	var all [][]int
	for i := range items {
		rest := append(append([]int{}, items[:i]...), items[i+1:]...)
		for _, p := range permutations(rest) {
			all = append(all, append([]int{items[i]}, p...))
		}
	}
	return all
}

// spec:subscription-billing/3.7
func TestUnknownAndForeignEventsAreStoredAndHarmless(t *testing.T) {
	in := newInbox(t)
	events := []stripetest.M{
		{"id": "evt_a", "object": "event", "type": "something.new", "api_version": "2023-10-16", "livemode": false, "data": stripetest.M{"object": stripetest.M{"id": "x", "object": "x"}}},
		{"id": "evt_b", "object": "event", "type": "customer.subscription.updated", "api_version": "2025-03-31.basil", "livemode": false, "data": stripetest.M{"object": stripetest.M{"id": "sub_foreign", "object": "subscription", "customer": "cus_foreign"}}},
	}
	for _, e := range events {
		if got := in.send(e); got != 200 {
			t.Errorf("%v: status %d", e["type"], got)
		}
	}
	if n := in.drain(); n != 2 {
		t.Errorf("%d processed, want 2", n)
	}
	if n := in.count("SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"); n != 0 {
		t.Errorf("%d events would be tried for ever", n)
	}
	if n := in.count("SELECT count(*) FROM subscriptions"); n != 0 {
		t.Errorf("%d subscriptions came of them", n)
	}
}

// spec:subscription-billing/4.4
func TestSecondPaidSessionIsCancelled(t *testing.T) {
	in := newInbox(t)
	user, customer, first := in.subscribe("monthly")
	for _, e := range in.stripe.Events() {
		in.send(e)
	}
	in.drain()
	res, err := http.NewRequest("POST", in.stripe.URL+"/v1/checkout/sessions", bytes.NewBufferString(fmt.Sprintf("mode=subscription&customer=%s&line_items[0][price]=price_annual", customer)))
	if err != nil {
		t.Fatal(err)
	}
	res.Header.Set("Authorization", "Bearer sk_test_key")
	res.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(res)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	sessions := in.stripe.All("checkout.session")
	second := in.stripe.Pay(sessions[len(sessions)-1]["id"].(string))
	for range 3 {
		for _, e := range in.stripe.Events() {
			if got := in.send(e); got != 200 {
				t.Errorf("status %d", got)
			}
		}
		in.drain()
	}
	if got := in.stripe.Object(second)["status"]; got != "canceled" {
		t.Errorf("the second subscription is %v at Stripe, want canceled", got)
	}
	if n := in.count("SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"); n != 0 {
		t.Errorf("%d events are not processed", n)
	}
	if in.status(first) != "active" || in.count("SELECT count(*) FROM subscriptions WHERE user_id = $1 AND status = 'active'", user) != 1 {
		t.Errorf("the first subscription is %s", in.status(first))
	}
}

// TestSignatureTolerance: 300 seconds before or after now are accepted, 301 are not.
//
// spec:subscription-billing/3.1
func TestSignatureTolerance(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		seconds int
		want    bool
	}{{0, true}, {300, true}, {-300, true}, {301, false}, {-301, false}} {
		signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(`{"id":"evt_1","object":"event"}`), Secret: "whsec_tolerance", Timestamp: now.Add(time.Duration(c.seconds) * time.Second)})
		_, err := billing.VerifyEvent(signed.Payload, signed.Header, []string{"whsec_tolerance"}, now)
		if (err == nil) != c.want {
			t.Errorf("%d seconds from now: %v, accepted %v wanted", c.seconds, err, c.want)
		}
	}
}
