package billing_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/stripetest"
)

// connections is how many work at once, here and in pgbench.
const connections = 16

// pgbench runs a script with as many connections and returns its transactions a second.
func pgbench(b *testing.B, s *service, script string, seconds int, first int) float64 {
	b.Helper()
	path, err := exec.LookPath("pgbench")
	if err != nil {
		b.Skip("pgbench is not installed: apt-get install postgresql-contrib")
	}
	file := filepath.Join(b.TempDir(), "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		b.Fatal(err)
	}
	out, err := exec.Command(path, "-n", "-M", "prepared", "-c", strconv.Itoa(connections), "-j", "2", "-T", strconv.Itoa(seconds), "-D", fmt.Sprintf("i=%d", first), "-f", file, s.pool.Config().ConnString()).CombinedOutput()
	m := regexp.MustCompile(`(?m)^tps = ([0-9.]+)`).FindSubmatch(out)
	if err != nil || m == nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	tps, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return tps
}

// widely gives a service a pool of as many connections as pgbench has, and as many workers.
func widely(b *testing.B) *service {
	b.Helper()
	s := newService(b, func(c *billing.Config) { c.Workers = connections })
	c := s.pool.Config().Copy()
	c.MaxConns = 2 * connections
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	s.pool = pool
	s.module, s.url = s.instance(s.config)
	return s
}

// crowd makes users with a subscription each at the double, and returns the events that tell of them.
func (s *service) crowd(n int) (events []stripetest.M) {
	s.t.Helper()
	s.exec("INSERT INTO users (id) SELECT lpad(to_hex(i), 32, '0')::uuid FROM generate_series((SELECT count(*) FROM users) + 1, (SELECT count(*) FROM users) + $1) AS i", n)
	total := scalar[int](s.t, s.pool, "SELECT count(*) FROM users")
	rows := make([][]any, 0, n)
	for i := total - n + 1; i <= total; i++ {
		user := fmt.Sprintf("00000000-0000-0000-0000-%012x", i)
		customer, _ := s.stripe.Subscribe(user, "price_monthly")
		rows = append(rows, []any{user, customer})
	}
	if _, err := s.pool.CopyFrom(context.Background(), pgx.Identifier{"stripe_customers"}, []string{"user_id", "stripe_customer_id"}, pgx.CopyFromRows(rows)); err != nil {
		s.t.Fatal(err)
	}
	for _, e := range s.stripe.Events() {
		if e["type"] == "customer.subscription.created" {
			events = append(events, e)
		}
	}
	return events
}

// An envelope is a delivery that is ready to be posted.
type envelope struct {
	payload []byte
	header  string
}

func (s *service) seal(events []stripetest.M) []envelope {
	sealed := make([]envelope, len(events))
	for i, e := range events {
		sealed[i].payload, sealed[i].header = s.stripe.Sign(e, time.Now())
	}
	return sealed
}

// deliver posts envelopes by all connections at once and returns how long each took to be acknowledged.
func (s *service) deliver(client *http.Client, all []envelope) []time.Duration {
	took := make([]time.Duration, len(all))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(all) {
					return
				}
				r, err := http.NewRequest("POST", s.url+"/api/billing/webhook", bytes.NewReader(all[i].payload))
				if err != nil {
					s.t.Error(err)
					return
				}
				r.Header.Set("Stripe-Signature", all[i].header)
				start := time.Now()
				res, err := client.Do(r)
				took[i] = time.Since(start)
				if err != nil {
					s.t.Error(err)
					return
				}
				res.Body.Close()
				if res.StatusCode != 200 {
					s.t.Errorf("status %d", res.StatusCode)
				}
			}
		})
	}
	wg.Wait()
	return took
}

func client() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: time.Minute}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func percentile(took []time.Duration, p float64) time.Duration {
	slices.Sort(took)
	return took[min(len(took)-1, int(float64(len(took))*p))]
}

// quoted writes a payload as a literal of SQL that pgbench leaves alone.
func quoted(payload []byte) string {
	return "'" + strings.NewReplacer("'", "''", `":`, `": `).Replace(string(payload)) + "'" // a colon before a word is pgbench's variable
}

const rounds = 3

// BenchmarkAcknowledgement: deliveries that are only stored, beside pgbench with the same INSERT. Budget: 0.35.
func BenchmarkAcknowledgement(b *testing.B) {
	s := widely(b)
	c := client()
	sample, _ := s.stripe.Sign(s.crowd(1)[0], time.Now())
	script := "\\set i :i + 1\n" + `INSERT INTO stripe_events (id, type, api_version, livemode, created, customer, payload) VALUES ('evt_bench_' || (:client_id::bigint * 100000000 + :i::bigint), 'customer.subscription.created', '2023-10-16', false, now(), 'cus_1', ` + quoted(sample) + `) ON CONFLICT (id) DO NOTHING;` + "\n"
	event := s.stripe.All("subscription")[0]
	made := 0
	deliveries := func(n int) []envelope {
		events := make([]stripetest.M, n)
		for i := range events {
			made++
			events[i] = stripetest.M{"id": fmt.Sprintf("evt_ours_%d", made), "object": "event", "type": "customer.subscription.created", "created": s.stripe.Now().Unix(), "livemode": false,
				"api_version": stripetest.APIVersion, "pending_webhooks": 1, "data": stripetest.M{"object": event}}
		}
		return s.seal(events)
	}
	s.deliver(c, deliveries(1000)) // connections are made, statements prepared
	var ours, theirs []float64
	for b.Loop() {
		for i := range rounds {
			s.exec("TRUNCATE stripe_events")
			theirs = append(theirs, pgbench(b, s, script, 4, i*10_000_000))
			s.exec("TRUNCATE stripe_events")
			envelopes := deliveries(20_000)
			start := time.Now()
			s.deliver(c, envelopes)
			ours = append(ours, float64(len(envelopes))/time.Since(start).Seconds())
			if n := scalar[int](b, s.pool, "SELECT count(*) FROM stripe_events"); n != len(envelopes) {
				b.Errorf("%d of %d deliveries were stored", n, len(envelopes))
			}
		}
	}
	b.ReportMetric(median(ours)/median(theirs), "ratio")
	b.ReportMetric(median(ours), "ours/s")
	b.ReportMetric(median(theirs), "pgbench/s")
}

// BenchmarkFullEffect: deliveries with everything that they bring about, beside pgbench with the same SQL. Budget: 0.5.
func BenchmarkFullEffect(b *testing.B) {
	s := widely(b)
	c := client()
	sample, _ := s.stripe.Sign(s.crowd(1)[0], time.Now())
	s.exec("INSERT INTO users (id) SELECT ('10000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid FROM generate_series(0, 400000) AS i")
	s.exec("INSERT INTO stripe_customers (user_id, stripe_customer_id) SELECT ('10000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, 'cus_bench' || i FROM generate_series(0, 400000) AS i")
	s.exec("VACUUM ANALYZE")
	const audit = `'{"plan": "monthly", "status": "active", "unit_amount": 2900, "currency": "usd", "interval_days": 30, "current_period_start": "2026-01-01T00-00-00Z", "current_period_end": "2026-01-31T00-00-00Z", "cancel_at_period_end": false}'`
	// Each takes the oldest event that waits, which may be another's, and does what the worker does with it.
	script := strings.NewReplacer("$N", ":n::bigint", "$U", "('10000000-0000-0000-0000-' || lpad((:n::bigint)::text, 12, '0'))::uuid").Replace(`\set i :i + 1
\set n :client_id * 25000 + :i
INSERT INTO stripe_events (id, type, api_version, livemode, created, customer, payload) VALUES ('evt_bench' || $N, 'customer.subscription.created', '2023-10-16', false, now(), 'cus_bench' || $N, ` + quoted(sample) + `) ON CONFLICT (id) DO NOTHING;
BEGIN;
SELECT coalesce(max(substr(id, 10)::bigint), -1) AS n FROM (SELECT id, type, customer, payload, attempts FROM stripe_events WHERE processed_at IS NULL AND next_attempt_at <= now() AND attempts < 12 ORDER BY received_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) AS taken \gset
\if :n >= 0
SELECT pg_try_advisory_xact_lock(hashtextextended('billing:' || 'cus_bench' || $N, 0));
SAVEPOINT a;
SELECT pg_advisory_xact_lock(hashtextextended('billing:' || 'cus_bench' || $N, 0));
SELECT c.user_id::text FROM stripe_customers c JOIN (SELECT user_id FROM stripe_customers WHERE stripe_customer_id = 'cus_bench' || $N UNION SELECT user_id FROM subscriptions WHERE stripe_customer_id = 'cus_bench' || $N AND stripe_subscription_id = 'sub_bench' || $N) AS found USING (user_id) WHERE c.erased_at IS NULL;
SELECT * FROM subscriptions WHERE stripe_subscription_id = 'sub_bench' || $N FOR UPDATE;
WITH released AS (UPDATE quarantine SET released_at = now() WHERE stripe_subscription_id = 'sub_bench' || $N AND released_at IS NULL AND NOT false)
	INSERT INTO subscriptions (user_id, stripe_subscription_id, stripe_customer_id, stripe_item_id, price_id, plan, status, unit_amount, currency, interval_days, current_period_start, current_period_end, synced_at)
	SELECT $U, 'sub_bench' || $N, 'cus_bench' || $N, 'si_1', 'price_monthly', 'monthly', 'active', 2900, 'usd', 30, now(), now() + interval '30 days', now()
	WHERE NOT (true AND EXISTS (SELECT FROM subscriptions WHERE user_id = $U AND stripe_subscription_id <> 'sub_bench' || $N AND status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused')))
	ON CONFLICT (stripe_subscription_id) DO UPDATE SET status = excluded.status;
INSERT INTO audit_logs (user_id, subscription_id, stripe_subscription_id, actor, source, event_id, "to") SELECT $U, (SELECT id FROM subscriptions WHERE stripe_subscription_id = 'sub_bench' || $N), 'sub_bench' || $N, 'stripe', CASE WHEN again THEN 'replay' ELSE 'event' END, CASE WHEN again THEN NULL ELSE 'evt_bench' || $N END, ` + audit + `
	FROM (SELECT EXISTS (SELECT FROM audit_logs WHERE event_id = 'evt_bench' || $N AND stripe_subscription_id = 'sub_bench' || $N) AS again) AS seen;
RELEASE a;
UPDATE stripe_events SET processed_at = now(), last_error = '', payload = CASE WHEN EXISTS (SELECT FROM stripe_customers WHERE stripe_customer_id = 'cus_bench' || $N AND erased_at IS NOT NULL) THEN '{}' ELSE payload END WHERE id = 'evt_bench' || $N;
\endif
COMMIT;
`)
	var ours, theirs []float64
	for b.Loop() {
		for i := range rounds {
			theirs = append(theirs, pgbench(b, s, script, 4, i*5_000))
			s.exec("UPDATE stripe_events SET processed_at = now() WHERE processed_at IS NULL")
			events := s.crowd(2000)
			envelopes := s.seal(events)
			ctx, stop := context.WithCancel(context.Background())
			var wg sync.WaitGroup
			start := time.Now()
			wg.Go(func() { s.module.Worker.Run(ctx, 20*time.Millisecond) })
			s.deliver(c, envelopes)
			s.processed(len(events))
			ours = append(ours, float64(len(events))/time.Since(start).Seconds())
			stop()
			wg.Wait()
		}
	}
	b.ReportMetric(median(ours)/median(theirs), "ratio")
	b.ReportMetric(median(ours), "ours/s")
	b.ReportMetric(median(theirs), "pgbench/s")
}

// processed waits until nothing waits in the inbox, and demands that the last n subscriptions each have their one row and
// their one line in the audit log.
func (s *service) processed(n int) {
	s.t.Helper()
	for scalar[bool](s.t, s.pool, "SELECT EXISTS (SELECT FROM stripe_events WHERE processed_at IS NULL AND attempts < 12)") {
		time.Sleep(5 * time.Millisecond)
	}
	// What pgbench brought is not ours.
	if lost := scalar[int](s.t, s.pool, "SELECT count(*) FROM stripe_events e WHERE id NOT LIKE 'evt_bench%' AND NOT EXISTS (SELECT FROM audit_logs a WHERE a.event_id = e.id)"); lost > 0 {
		s.t.Errorf("%d events of %d left no trace in the audit log", lost, n)
	}
}

// BenchmarkSoak delivers 50,000 events three times, shuffled, while the worker is killed every second, and demands of the
// ledger that nothing was lost and nothing doubled. Its figure is the p99 of the acknowledgement, beside that of the same
// events delivered once and in order to a worker that lives. Budget: 5.
func BenchmarkSoak(b *testing.B) {
	n := 50_000
	if text := os.Getenv("SOAK_EVENTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	run := func(times int, kill bool) time.Duration {
		s := widely(b)
		events := s.crowd(n)
		var all []stripetest.M
		for range times {
			all = append(all, events...)
		}
		if kill {
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			for ctx.Err() == nil {
				life := ctx
				end := context.CancelFunc(func() {})
				if kill {
					life, end = context.WithTimeout(ctx, time.Second)
				}
				s.module.Worker.Run(life, 20*time.Millisecond)
				end()
			}
		})
		start, c := time.Now(), client()
		var took []time.Duration
		for some := range slices.Chunk(all, 3000) { // a signature is good for five minutes
			took = append(took, s.deliver(c, s.seal(some))...)
		}
		acknowledged := time.Since(start)
		s.processed(n)
		p99 := percentile(took, 0.99)
		b.Logf("%d deliveries of %d events: acknowledged after %s (p50 %s, p99 %s, longest %s), processed after %s", len(all), n, acknowledged, percentile(took, 0.5), p99, took[len(took)-1], time.Since(start))
		stop()
		wg.Wait()
		if got := scalar[int](b, s.pool, "SELECT count(*) FROM stripe_events WHERE processed_at IS NOT NULL"); got != n {
			b.Errorf("%d events were processed, want %d", got, n)
		}
		if subs, rows := scalar[int](b, s.pool, "SELECT count(*) FROM subscriptions WHERE status = 'active'"), scalar[int](b, s.pool, "SELECT count(*) FROM audit_logs"); subs != n || rows != n {
			b.Errorf("%d subscriptions and %d audit rows, want %d of each", subs, rows, n)
		}
		live := map[string]bool{}
		for _, o := range s.stripe.All("subscription") {
			if o["status"] == "active" {
				live[o["id"].(string)] = true
			}
		}
		if charges := s.stripe.All("charge"); len(live) != n || len(charges) != n {
			b.Errorf("the ledger has %d subscriptions and %d charges, want %d of each", len(live), len(charges), n)
		}
		return p99
	}
	for b.Loop() {
		calm := run(1, false)
		storm := run(3, true)
		b.ReportMetric(float64(storm)/float64(calm), "ratio")
		b.ReportMetric(float64(calm.Microseconds())/1000, "calm-p99-ms")
		b.ReportMetric(float64(storm.Microseconds())/1000, "storm-p99-ms")
	}
}

// BenchmarkDrainBesideOldEvents drains 2,000 events with none and with a million that were processed before. Budget: 1.3.
func BenchmarkDrainBesideOldEvents(b *testing.B) {
	drain := func(s *service) float64 {
		var times []float64
		for range rounds {
			events := s.crowd(2000)
			s.deliver(client(), s.seal(events))
			start := time.Now()
			s.drain()
			times = append(times, time.Since(start).Seconds())
			s.processed(2000)
			s.exec("UPDATE subscriptions SET status = 'canceled'") // the same work in every round
		}
		return median(times)
	}
	for b.Loop() {
		few := drain(widely(b))
		s := widely(b)
		s.exec("INSERT INTO stripe_events (id, type, livemode, customer, payload, processed_at) SELECT 'evt_old' || i, 'invoice.paid', false, 'cus_' || i % 1000, '{}', now() FROM generate_series(1, 1000000) AS i")
		s.exec("INSERT INTO audit_logs (user_id, actor, source, event_id, \"to\") SELECT gen_random_uuid(), 'stripe', 'event', 'evt_old' || i, '{}' FROM generate_series(1, 1000000) AS i")
		s.exec("VACUUM ANALYZE")
		many := drain(s)
		b.ReportMetric(many/few, "ratio")
		b.ReportMetric(2000/few, "few/s")
		b.ReportMetric(2000/many, "many/s")
	}
}

// TestNothingReadsWholeTables: what a user does, and what comes of it, finds its rows by index, however many others there are.
func TestNothingReadsWholeTables(t *testing.T) {
	const others = 3000
	s := newService(t)
	s.exec("INSERT INTO users (id) SELECT ('20000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid FROM generate_series(1, $1) AS i", others)
	s.exec("INSERT INTO stripe_customers (user_id, stripe_customer_id) SELECT id, 'cus_other' || id FROM users")
	s.exec(`INSERT INTO subscriptions (user_id, stripe_subscription_id, stripe_customer_id, price_id, plan, status, unit_amount, currency, interval_days, current_period_start, current_period_end)
		SELECT id, 'sub_other' || id, 'cus_other' || id, 'price_monthly', 'monthly', 'active', 2900, 'usd', 30, now(), now() FROM users`)
	s.exec("INSERT INTO checkout_sessions (id, user_id, plan, url, state, expires_at) SELECT 'cs_other' || id, id, 'monthly', '', 'complete', now() FROM users")
	s.exec("INSERT INTO invoices (id, user_id, stripe_subscription_id, amount_paid, currency, status, created_at) SELECT 'in_other' || id, id, 'sub_other' || id, 2900, 'usd', 'paid', now() FROM users")
	s.exec("INSERT INTO change_requests (user_id, subscription_id, stripe_subscription_id, kind, state) SELECT user_id, id, stripe_subscription_id, 'cancel', 'done' FROM subscriptions")
	s.exec("INSERT INTO stripe_events (id, type, livemode, customer, payload, processed_at) SELECT 'evt_other' || id, 'invoice.paid', false, 'cus_other' || id, '{}', now() FROM users")
	s.exec("INSERT INTO audit_logs (user_id, actor, source, \"to\") SELECT id, 'job', 'job', '{}' FROM users")
	s.exec("INSERT INTO outbox (dedupe_key, user_id, kind, payload, sent_at) SELECT 'other' || id, id, 'payment_failed', '{}', now() FROM users")
	s.exec("ANALYZE")
	read := func() map[string]int64 {
		s.pool.Reset() // a connection counts what it read when it ends
		for scalar[int](t, s.pool, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()") > 0 {
			time.Sleep(5 * time.Millisecond)
		}
		rows, err := s.pool.Query(context.Background(), "SELECT relname::text, seq_tup_read FROM pg_stat_user_tables")
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int64{}
		var table string
		var n int64
		if _, err := pgx.ForEachRow(rows, []any{&table, &n}, func() error { counts[table] = n; return nil }); err != nil {
			t.Fatal(err)
		}
		return counts
	}
	user := s.user()
	before := read()
	s.buy(user, "monthly")
	s.stripe.Advance(15 * stripetest.Day)
	for _, change := range []string{"upgrade", "downgrade", "cancel", "resume"} {
		if code, out := s.do(user, "POST", "/api/billing/"+change, ""); code != 200 {
			t.Errorf("%s: %d %v", change, code, out)
		}
		s.settle()
	}
	s.stripe.Advance(366 * stripetest.Day)
	s.settle()
	s.amounts(user)
	for table, n := range read() {
		if n -= before[table]; n >= others {
			t.Errorf("%d rows of %s were read one after the other", n, table)
		}
	}
}
