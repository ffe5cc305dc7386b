package billing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/pgtest"
	"spec.example/spec/billing/internal/stripetest"
)

// A service is all of billing mounted on a host's mux, served over HTTP.
type service struct {
	t      testing.TB
	pool   *pgxpool.Pool
	stripe *stripetest.Server
	config billing.Config
	module *billing.Module
	mux    *http.ServeMux
	url    string
	logs   *logBuffer
	mails  *mailbox
}

// A logBuffer keeps what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A mailbox takes mails, each once. While it is down it takes none.
type mailbox struct {
	mu    sync.Mutex
	mails []billing.Mail
	down  bool
}

func (m *mailbox) Send(_ context.Context, mail billing.Mail) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return errors.New("the mailbox is down\x00: " + strings.Repeat("ü", 300)) // what a server of mails says may be anything
	}
	again := slices.ContainsFunc(m.mails, func(had billing.Mail) bool { return had.Key == mail.Key })
	if m.mails = append(m.mails, mail); again {
		return errors.New("this mail was taken already")
	}
	return nil
}

// kinds lists what was sent, oldest first.
func (m *mailbox) kinds() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	kinds := []string{}
	for _, mail := range m.mails {
		kinds = append(kinds, mail.Kind)
	}
	return kinds
}

func newService(t testing.TB, options ...func(*billing.Config)) *service {
	t.Helper()
	pool, _ := pgtest.New(t)
	conn, err := pool.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	err = billing.Migrate(context.Background(), conn.Conn(), -1)
	conn.Release()
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, pool: pool, stripe: stripetest.New(t), logs: new(logBuffer), mails: new(mailbox)}
	s.config = billing.Config{SecretKey: "sk_test_integration", WebhookSecrets: []string{s.stripe.Secret}, APIBase: s.stripe.URL, BaseURL: "https://host.test", Now: s.stripe.Now,
		Prices: map[billing.Plan]string{billing.Monthly: "price_monthly", billing.Annual: "price_annual"}}
	for _, o := range options {
		o(&s.config)
	}
	s.module, s.url = s.instance(s.config)
	return s
}

// instance makes another instance of the host on the same database.
func (s *service) instance(c billing.Config) (*billing.Module, string) {
	s.t.Helper()
	m, err := billing.New(billing.NewStore(s.pool), c, func(r *http.Request) (string, error) { return r.Header.Get("X-User"), nil }, s.mails, slog.New(slog.NewTextHandler(s.logs, nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	m.Hurry()
	mux := http.NewServeMux()
	m.Mount(mux)
	s.mux = mux
	server := httptest.NewServer(mux)
	s.t.Cleanup(server.Close)
	return m, server.URL
}

// large sends a request whose body is too large without a connection, which a server would keep for half a second after it.
func (s *service) large(r *http.Request) (int, map[string]any) {
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	var out map[string]any
	json.Unmarshal(w.Body.Bytes(), &out)
	return w.Code, out
}

func (s *service) user() (id string) {
	s.t.Helper()
	if err := s.pool.QueryRow(context.Background(), "INSERT INTO users DEFAULT VALUES RETURNING id::text").Scan(&id); err != nil {
		s.t.Fatal(err)
	}
	return id
}

func (s *service) do(user, method, path, body string) (int, map[string]any) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("X-User", user)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	json.NewDecoder(res.Body).Decode(&out)
	return res.StatusCode, out
}

// settle delivers what Stripe has to say, and lets the worker do its work, until nothing is left.
func (s *service) settle() {
	s.t.Helper()
	for events := s.stripe.Events(); len(events) > 0; events = s.stripe.Events() {
		for _, e := range events {
			payload, header := s.stripe.Sign(e, time.Now())
			r, err := http.NewRequest("POST", s.url+"/api/billing/webhook", bytes.NewReader(payload))
			if err != nil {
				s.t.Fatal(err)
			}
			r.Header.Set("Stripe-Signature", header)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				s.t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != 200 {
				s.t.Errorf("%v: status %d", e["type"], res.StatusCode)
			}
		}
		if _, err := s.module.Worker.Drain(context.Background()); err != nil {
			s.t.Fatal(err)
		}
		if _, err := s.module.Postman.Send(context.Background()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// starts demands that the host starts: what the prices charge is what the plans say.
func (s *service) starts() {
	s.t.Helper()
	if err := s.module.Check(context.Background()); err != nil {
		s.t.Error(err)
	}
}

func (s *service) buy(user, plan string) { s.buyWith(user, plan, stripetest.CardOK) }

// buyWith subscribes with one of the double's cards, and returns the subscription's id.
func (s *service) buyWith(user, plan, card string) (id string) {
	s.t.Helper()
	if code, out := s.do(user, "POST", "/api/billing/checkout", `{"plan":"`+plan+`"}`); code != 200 {
		s.t.Fatalf("checkout: %d %v", code, out)
	}
	if id = s.stripe.PayWith(s.lastSession(), card); id == "" {
		s.t.Fatal("the session could not be paid")
	}
	s.settle()
	return id
}

// lastSession is the checkout session that was opened last.
func (s *service) lastSession() string {
	s.t.Helper()
	sessions := s.stripe.All("checkout.session")
	if len(sessions) == 0 {
		s.t.Fatal("no session was opened")
	}
	return sessions[len(sessions)-1]["id"].(string)
}

func (s *service) amounts(user string) []float64 {
	s.t.Helper()
	code, out := s.do(user, "GET", "/api/billing/history", "")
	if code != 200 {
		s.t.Fatalf("the history of a user is answered with %d %v", code, out)
	}
	var amounts []float64
	for _, in := range out["invoices"].([]any) {
		amounts = append(amounts, in.(map[string]any)["amount_paid"].(float64))
	}
	return amounts
}

// spec:subscription-billing/1.2
func Test27_MonthlyPlanChargesEvery30Days(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.starts()
	s.buy(user, "monthly")
	for month := 1; month <= 13; month++ { // across February and the changes of clocks
		s.stripe.Advance(2_592_000 - 1)
		s.settle()
		if got := s.amounts(user); len(got) != month {
			t.Fatalf("a second before renewal %d: %d invoices", month, len(got))
		}
		s.stripe.Advance(1)
		s.settle()
	}
	got := s.amounts(user)
	if len(got) != 14 {
		t.Errorf("%d invoices, want 14", len(got))
	}
	for _, cents := range got {
		if cents != 2900 {
			t.Errorf("charged %v cents", cents)
		}
	}
}

// spec:subscription-billing/1.3
func Test28_AnnualPlanChargesEvery365Days(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.starts()
	s.buy(user, "annual")
	for year := 1; year <= 3; year++ { // across a 29 February
		s.stripe.Advance(31_536_000 - 1)
		s.settle()
		if got := s.amounts(user); len(got) != year {
			t.Fatalf("a second before renewal %d: %d invoices", year, len(got))
		}
		s.stripe.Advance(1)
		s.settle()
	}
	if got := s.amounts(user); len(got) != 4 || got[0] != 29000 || got[3] != 29000 {
		t.Errorf("charged %v, want 29000 four times", got)
	}
}

// changesAsked counts the changes that Stripe was asked for.
func (s *service) changesAsked() (n int) {
	for _, c := range s.stripe.Calls() {
		if c.Method != "GET" {
			n++
		}
	}
	return n
}

// form sends a form and returns the status of the answer.
func (s *service) form(user, path, kind, body string) int {
	s.t.Helper()
	r, err := http.NewRequest("POST", s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("X-User", user)
	r.Header.Set("Content-Type", kind)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// What is paid for does not end before its time, however that is asked for.
//
// spec:subscription-billing/6.2
func TestWhatIsPaidForIsNotEndedAtOnce(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.buy(user, "monthly")
	for kind, body := range map[string]string{
		"application/json":                   `{"immediately":true}`,
		"application/x-www-form-urlencoded":  "immediately=yes",
		"multipart/form-data; boundary=part": "--part\r\nContent-Disposition: form-data; name=\"immediately\"\r\n\r\nyes\r\n--part--\r\n",
	} {
		if code := s.form(user, "/api/billing/cancel", kind, body); code != 409 || s.status(user)["access"] != true || s.status(user)["cancel_at_period_end"] != false {
			t.Errorf("%s: status %d, want 409; then %v", kind, code, s.status(user))
		}
	}
}

// spec:subscription-billing/6.2
func TestCancelledSubscriptionRunsToTheEndAndCanBeBoughtAgain(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.buy(user, "monthly")
	code, out := s.do(user, "POST", "/api/billing/cancel", "")
	if code != 200 || out["status"] != "active" || out["cancel_at_period_end"] != true {
		t.Fatalf("cancel: %d %v", code, out)
	}
	s.settle()
	s.stripe.Advance(30*stripetest.Day - 1)
	s.settle()
	if _, out := s.do(user, "GET", "/api/billing/status", ""); out["status"] != "active" {
		t.Errorf("a second before the end: %v", out)
	}
	s.stripe.Advance(1)
	s.settle()
	if _, out := s.do(user, "GET", "/api/billing/status", ""); out["status"] != "canceled" {
		t.Errorf("at the end: %v", out)
	}
	if got := s.amounts(user); len(got) != 1 {
		t.Errorf("charged %v, want the first month alone", got)
	}
	if code, _ := s.do(user, "POST", "/api/billing/resume", ""); code != 409 {
		t.Errorf("resume after the end: %d, want 409", code)
	}
	s.buy(user, "annual")
	if _, out := s.do(user, "GET", "/api/billing/status", ""); out["status"] != "active" || out["plan"] != "annual" {
		t.Errorf("bought again: %v", out)
	}
	var rows int
	if err := s.pool.QueryRow(context.Background(), "SELECT count(*) FROM subscriptions WHERE user_id = $1", user).Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d rows (%v), want the old one kept and a new one", rows, err)
	}
}

// spec:subscription-billing/2.5
func TestH10_AccessComesWithTheWebhookInEitherOrder(t *testing.T) {
	s := newService(t)
	user := s.user()
	if code, out := s.do(user, "POST", "/api/billing/checkout", `{"plan":"monthly"}`); code != 200 {
		t.Fatalf("%d %v", code, out)
	}
	sessions := s.stripe.All("checkout.session")
	s.stripe.Pay(sessions[0]["id"].(string))
	page := func(path string) (text, refresh string) {
		t.Helper()
		r, err := http.NewRequest("GET", s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-User", user)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(res.Body)
		return b.String(), res.Header.Get("Refresh")
	}
	const back = "/billing?session_id=cs_1" // where Stripe's page leads to
	if before, refresh := page(back); !strings.Contains(before, "being processed") || refresh == "" || strings.Contains(before, "<strong>active</strong>") || strings.Contains(before, "Choose a plan") {
		t.Errorf("before the webhook came, the page (asked for again after %q) is\n%s", refresh, before)
	}
	if plain, refresh := page("/billing"); strings.Contains(plain, "being processed") || refresh != "" {
		t.Errorf("who does not come from the payment page is told that it is being processed (again after %q):\n%s", refresh, plain)
	}
	s.settle()
	if after, refresh := page(back); strings.Contains(after, "being processed") || refresh != "" || !strings.Contains(after, "<strong>active</strong>") {
		t.Errorf("after the webhook came, the page (asked for again after %q) is\n%s", refresh, after)
	}
	s.stripe.CancelNow(s.stripe.All("subscription")[0]["id"].(string))
	s.settle()
	if late, _ := page(back); strings.Contains(late, "being processed") || !strings.Contains(late, "Choose a plan") {
		t.Error("the address of then still says that a payment is being processed, when the subscription has ended")
	}
	if strings.Contains(s.logs.String(), "sk_test_integration") || strings.Contains(s.logs.String(), s.stripe.Secret) {
		t.Error("a secret is in the logs")
	}
}

func Test29_UpgradeOnDay15(t *testing.T) {
	s := newService(t)
	user := s.user()
	s.buy(user, "monthly")
	s.stripe.Advance(15 * stripetest.Day)
	if code, out := s.do(user, "POST", "/api/billing/upgrade", ""); code != 200 || out["plan"] != "annual" {
		t.Fatalf("%d %v", code, out)
	}
	upgraded := s.stripe.Now()
	s.settle()
	if got := s.amounts(user); len(got) != 2 || got[0] != 27550 {
		t.Errorf("charged %v, want 27550 and 2900", got)
	}
	// The year begins with the upgrade, not with the month before.
	if got, want := s.status(user)["current_period_end"], upgraded.Add(31_536_000*time.Second).Format(time.RFC3339); got != want {
		t.Errorf("the period ends %v, want %s", got, want)
	}
	s.stripe.Advance(31_536_000 - 1)
	s.settle()
	if got := s.amounts(user); len(got) != 2 {
		t.Errorf("charged %v a second before the year is over", got)
	}
	s.stripe.Advance(1)
	s.settle()
	if got := s.amounts(user); len(got) != 3 || got[0] != 29000 {
		t.Errorf("charged %v when the year is over, want 29000 too", got)
	}
}
