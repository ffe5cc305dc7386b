package billing_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spec.example/spec/billing/internal/stripetest"
)

// What a plan costs, in cents, and how long its period is, in seconds: from the contract, not from the code.
var (
	costs = map[string]int64{"monthly": 2900, "annual": 29000}
	lasts = map[string]int64{"monthly": 2_592_000, "annual": 31_536_000}
)

// A life is one user's, with what a reader of the contract expects of it so far.
type life struct {
	*service
	t        *rapid.T
	user     string
	customer string
	waiting  []stripetest.M // events that were made and not delivered

	live, cancel, pending bool
	plan                  string
	start, end            int64
	charged               int64
	ours                  bool // it was bought by the session that the service knows
	second                bool // another subscription was paid for and is to be returned
	paid                  int  // subscriptions so far
}

func (l *life) now() int64 { return l.stripe.Now().Unix() }

// known tells whether the service has heard of a subscription.
func (l *life) known() bool {
	return scalar[int](l.service.t, l.pool, "SELECT count(*) FROM subscriptions WHERE user_id = $1", l.user) > 0
}

// newest tells whether the service has heard of the subscription that was bought last.
func (l *life) newest() bool {
	all := l.stripe.All("subscription")
	return scalar[int](l.service.t, l.pool, "SELECT count(*) FROM subscriptions WHERE stripe_subscription_id = $1", all[len(all)-1]["id"]) > 0
}

// ask makes a request, perhaps with an accident at Stripe on the way, and asks again after one until it is settled.
func (l *life) ask(path, body string, want int) {
	accident := rapid.SampledFrom([]string{"none", "none", "lost answer", "error"}).Draw(l.t, "accident")
	nth := rapid.IntRange(0, 2).Draw(l.t, "at which request")
	if accident != "none" {
		n := 0
		l.stripe.Inject(func(c stripetest.Call) *stripetest.Fault {
			if c.Method != "POST" {
				return nil
			}
			if n++; n-1 != nth {
				return nil
			}
			return map[string]*stripetest.Fault{"lost answer": {Drop: true}, "error": {Status: 500}}[accident]
		})
	}
	code, out := l.do(l.user, "POST", "/api/billing/"+path, body)
	l.stripe.Inject(nil)
	for range 3 {
		if code < 500 {
			break
		}
		code, out = l.do(l.user, "POST", "/api/billing/"+path, body)
	}
	if code != want {
		l.t.Fatalf("%s %s: %d %v, want %d of %+v", path, body, code, out, want, l.view())
	}
}

func (l *life) view() string {
	return fmt.Sprintf("live %v plan %s cancel %v pending %v until %d, now %d", l.live, l.plan, l.cancel, l.pending, l.end, l.now())
}

func (l *life) checkout() {
	plan := rapid.SampledFrom([]string{"monthly", "annual"}).Draw(l.t, "plan")
	if l.live && !l.ours {
		l.quiesce() // what was bought elsewhere is only known once it was heard of
	}
	if l.live {
		l.ask("checkout", `{"plan":"`+plan+`"}`, 409)
		return
	}
	l.ask("checkout", `{"plan":"`+plan+`"}`, 200)
}

// pay pays one of the open sessions, wherever it was opened.
func (l *life) pay() {
	var open []string
	plans := map[string]string{"price_monthly": "monthly", "price_annual": "annual"}
	for _, o := range l.stripe.All("checkout.session") {
		if o["status"] == "open" {
			open = append(open, o["id"].(string))
		}
	}
	if len(open) == 0 {
		return
	}
	l.advance(1) // no two are paid in the same second
	id := rapid.SampledFrom(open).Draw(l.t, "session")
	plan := plans[l.stripe.Object(id)["price"].(string)]
	if l.stripe.Pay(id) == "" {
		return
	}
	l.paid++
	if l.live {
		l.second = true
		return
	}
	l.ours = scalar[int](l.service.t, l.pool, "SELECT count(*) FROM checkout_sessions WHERE id = $1 AND state = 'open'", id) == 1
	l.live, l.cancel, l.pending, l.plan, l.start, l.end = true, false, false, plan, l.now(), l.now()+lasts[plan]
	l.charged += costs[plan]
}

// another opens a session as another tab or program would, past the service.
func (l *life) another() {
	if l.customer == "" || l.second {
		return
	}
	plan := rapid.SampledFrom([]string{"price_monthly", "price_annual"}).Draw(l.t, "price")
	l.service.ask("/v1/checkout/sessions", "mode=subscription&customer="+l.customer+"&line_items[0][price]="+plan)
}

func (l *life) change(kind string) {
	if l.second || l.live && l.known() && !l.newest() {
		l.quiesce() // the service knows an old subscription alone, and the request would be about that one
	}
	want := 200
	switch {
	case !l.known():
		want = 404
	case !l.live:
		want = 409
	case kind == "upgrade" && (l.cancel || l.plan == "annual" && !l.pending), kind == "downgrade" && (l.plan == "monthly" || l.cancel):
		want = 409
	}
	if want == 200 && kind == "upgrade" && l.plan == "monthly" && rapid.Bool().Draw(l.t, "declined first") {
		l.stripe.SetCard(l.customer, stripetest.CardFails)
		l.ask("upgrade", "", 402)
		l.stripe.SetCard(l.customer, stripetest.CardOK)
	}
	at := l.now()
	l.ask(kind, "", want)
	if want != 200 {
		return
	}
	switch kind {
	case "upgrade":
		if l.plan == "monthly" {
			// 29000 less what is left of the 2900 to the second, rounded half up
			left := (2*2900*(l.end-at) + 2_592_000) / (2 * 2_592_000)
			l.charged += 29000 - left
			l.plan, l.start, l.end = "annual", at, at+31_536_000
		}
		l.pending = false
	case "downgrade":
		l.pending = true
	case "cancel":
		l.cancel, l.pending = true, false
	case "resume":
		l.cancel = false
	}
}

// advance lets time pass, at Stripe and in the expectation.
func (l *life) advance(seconds int64) {
	if l.second {
		l.quiesce()
	}
	l.stripe.Advance(seconds)
	for l.live && l.end <= l.now() {
		if l.cancel {
			l.live, l.cancel = false, false
			return
		}
		if l.pending {
			l.plan, l.pending = "monthly", false
		}
		l.charged += costs[l.plan]
		l.start, l.end = l.end, l.end+lasts[l.plan]
	}
}

// deliver delivers some of the events that wait, in any order, some of them twice.
func (l *life) deliver() {
	l.waiting = append(l.waiting, l.stripe.Events()...)
	if len(l.waiting) == 0 {
		return
	}
	mixed := rapid.Permutation(l.waiting).Draw(l.t, "order")
	n := rapid.IntRange(1, len(mixed)).Draw(l.t, "how many")
	for i, e := range mixed[:n] {
		for range 1 + i%2 {
			if got := l.post(e); got != 200 {
				l.t.Fatalf("a delivery is answered with %d", got)
			}
		}
	}
	l.waiting = mixed[n:]
}

// crash has a worker die while it waits for Stripe.
func (l *life) crash() {
	reached, release := l.hold(func(c stripetest.Call) bool { return c.Method == "GET" })
	ctx, kill := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		l.module.Worker.Drain(ctx)
		close(ended)
	}()
	select {
	case <-reached:
	case <-ended: // there was nothing to do
	}
	kill()
	<-ended
	release()
}

// quiesce delivers everything and has it processed.
func (l *life) quiesce() {
	for first := true; ; first = false {
		l.waiting = append(l.waiting, l.stripe.Events()...)
		if len(l.waiting) == 0 && !first {
			break
		}
		for _, e := range l.waiting {
			if got := l.post(e); got != 200 {
				l.t.Fatalf("a delivery is answered with %d", got)
			}
		}
		l.waiting = nil
		l.exec("UPDATE stripe_events SET next_attempt_at = now()")
		l.drain()
	}
	l.second = false
}

// check compares the service, the double and the expectation after everything was heard.
func (l *life) check() {
	l.quiesce()
	if n := scalar[int](l.service.t, l.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NULL"); n != 0 {
		l.t.Fatalf("%d events could not be processed:\n%s", n, l.logs)
	}
	if l.customer != "" {
		if got := l.stripe.Charged(l.customer); got != l.charged {
			l.t.Fatalf("charged %d cents, want %d: %s", got, l.charged, l.view())
		}
	}
	live := 0
	for _, o := range l.stripe.All("subscription") {
		id := o["id"].(string)
		if o["status"] != "canceled" {
			live++
		}
		var status, plan, pending string
		var end time.Time
		var cancel bool
		if err := l.pool.QueryRow(context.Background(), "SELECT status::text, price_id, coalesce(pending_plan, ''), current_period_end, cancel_at_period_end FROM subscriptions WHERE stripe_subscription_id = $1", id).Scan(&status, &plan, &pending, &end, &cancel); err != nil {
			l.t.Fatalf("subscription %s of Stripe is not stored: %v", id, err)
		}
		item := o["items"].(map[string]any)["data"].([]any)[0].(map[string]any)
		if status != o["status"] || plan != item["price"].(map[string]any)["id"] || float64(end.Unix()) != o["current_period_end"] || cancel != o["cancel_at_period_end"] || (pending != "") != (o["schedule"] != nil) {
			l.t.Fatalf("stored: %s %s %q %d %v; at Stripe: %v", status, plan, pending, end.Unix(), cancel, o)
		}
		l.audited(id)
	}
	if want := map[bool]int{true: 1}[l.live]; live != want || scalar[int](l.service.t, l.pool, "SELECT count(*) FROM subscriptions WHERE user_id = $1", l.user) != l.paid {
		l.t.Fatalf("%d live subscriptions, want %d; %d were paid", live, want, l.paid)
	}
	out := l.status(l.user)
	if l.live && (out["plan"] != l.plan || out["cancel_at_period_end"] != l.cancel || (out["pending_plan"] == "monthly") != l.pending) || out["access"] != l.live {
		l.t.Fatalf("the user sees %v, want %s", out, l.view())
	}
}

// audited demands that the audit log of a subscription is a chain from nothing to what is stored, of true changes alone.
func (l *life) audited(id string) {
	rows, err := l.pool.Query(context.Background(), `SELECT coalesce("from"::text, ''), "to"::text FROM audit_logs WHERE stripe_subscription_id = $1 ORDER BY id`, id)
	if err != nil {
		l.t.Fatal(err)
	}
	defer rows.Close()
	last, n := "", 0
	for rows.Next() {
		var from, to string
		if err := rows.Scan(&from, &to); err != nil {
			l.t.Fatal(err)
		}
		if from != last || from == to {
			l.t.Fatalf("audit row %d of %s goes from %s to %s; the one before ended with %s", n, id, from, to, last)
		}
		last, n = to, n+1
	}
	var state struct {
		Status, Plan string
		Cancel       bool `json:"cancel_at_period_end"`
	}
	if err := json.Unmarshal([]byte(last), &state); err != nil || n == 0 {
		l.t.Fatalf("%d audit rows of %s, the last %s (%v)", n, id, last, err)
	}
	if o := l.stripe.Object(id); state.Status != o["status"] || state.Cancel != o["cancel_at_period_end"] {
		l.t.Fatalf("the audit log of %s ends with %s, at Stripe it is %v", id, last, o)
	}
}

// TestAnyLife: whatever a user does, in whatever order Stripe's events arrive, whatever breaks on the way and however much
// time passes, there is one live subscription at most, what was charged is what the contract says, the audit log is the
// list of the changes, and the database ends as Stripe is.
// It proves no criterion: what a random life finds, the next does not. A fault that it finds gets a test of its own.
func TestAnyLife(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == "100" {
		checks.Value.Set("12") // each is a life of some forty steps on a database
		defer checks.Value.Set("100")
	}
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.shrinktime" })
	if shrink := flag.Lookup("rapid.shrinktime"); !asked { // a life that goes wrong is told soon; -rapid.shrinktime=30s looks for a short one
		defer shrink.Value.Set(shrink.Value.String())
		shrink.Value.Set("2s")
	}
	shared := newService(t)
	lives := 0
	rapid.Check(t, func(rt *rapid.T) {
		s := *shared
		lives++
		s.logs = new(logBuffer)
		s.stripe = stripetest.Make(time.Unix(1_767_225_600, 0))
		s.stripe.Name = strings.Repeat(string(rune('a'+lives%26)), 1+lives/26)
		server := httptest.NewServer(s.stripe)
		defer server.Close()
		defer server.CloseClientConnections()
		s.stripe.URL = server.URL
		c := s.config
		c.APIBase, c.Now = server.URL, s.stripe.Now
		s.module, s.url = s.instance(c)
		l := &life{service: &s, t: rt, user: s.user()}
		rt.Repeat(map[string]func(*rapid.T){
			"checkout": func(*rapid.T) { l.checkout(); l.customerOf() },
			"pay":      func(*rapid.T) { l.pay() },
			"another":  func(*rapid.T) { l.another() },
			"change": func(*rapid.T) {
				l.change(rapid.SampledFrom([]string{"upgrade", "downgrade", "cancel", "resume"}).Draw(rt, "kind"))
			},
			"advance": func(*rapid.T) {
				l.advance(rapid.SampledFrom([]int64{1, 3600, stripetest.Day, 15 * stripetest.Day, 2_592_000 - 1, 2_592_000, 365 * stripetest.Day}).Draw(rt, "seconds"))
			},
			"deliver": func(*rapid.T) { l.deliver() },
			"work":    func(*rapid.T) { l.drain() },
			"crash":   func(*rapid.T) { l.crash() },
			"quiesce": func(*rapid.T) { l.check() },
			"": func(*rapid.T) {
				if n := scalar[int](t, s.pool, "SELECT count(*) FROM subscriptions WHERE user_id = $1 AND status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused')", l.user); n > 1 {
					rt.Fatalf("%d live subscriptions", n)
				}
			},
		})
		l.check()
		before := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs")
		if _, err := s.module.Worker.Reconcile(context.Background()); err != nil {
			rt.Fatal(err)
		}
		if after := scalar[int](t, s.pool, "SELECT count(*) FROM audit_logs"); after != before {
			rt.Fatalf("everything was heard, and reconciling found %d changes", after-before)
		}
	})
}

// customerOf learns the customer that the first checkout made.
func (l *life) customerOf() {
	if all := l.stripe.All("customer"); len(all) == 1 {
		l.customer = all[0]["id"].(string)
	} else if len(all) > 1 {
		l.t.Fatalf("%d customers of one user: %v", len(all), slices.Clone(all))
	}
}
