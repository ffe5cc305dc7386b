package billing

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/price"
)

// A Config is what the host has to set. Make it by ConfigFromEnv, or check your own with Validate.
type Config struct {
	SecretKey      string           // of the Stripe account
	WebhookSecrets []string         // the current one first; a second one while it is being rotated
	Prices         map[Plan]string  // Stripe's price id of each plan
	Amounts        map[Plan]int64   // cents, where a plan's price is not the one of Plan.Terms any more
	BaseURL        string           // of the host, for the addresses that Stripe sends users back to
	APIBase        string           // of Stripe; empty for the real one
	Timeout        time.Duration    // of one request to Stripe; 5 s when 0
	TrialDays      int              // 0 for no trial
	Workers        int              // how many events an instance processes at once; 4 when 0
	Now            func() time.Time // Stripe's clock, which only a test moves; nil for the real one
	// Recent tells whether the sender of a request has proven lately who they are; without it the export is for every
	// signed-in user. nil asks for nothing.
	Recent func(*http.Request) bool
}

// ConfigFromEnv reads STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET (comma-separated while rotating), PRICE_MONTHLY,
// PRICE_ANNUAL, AMOUNT_MONTHLY and AMOUNT_ANNUAL (cents, after a change of price), STRIPE_API_BASE, BASE_URL and TRIAL_DAYS
// through getenv, and validates them.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	c := Config{SecretKey: getenv("STRIPE_SECRET_KEY"), APIBase: getenv("STRIPE_API_BASE"), BaseURL: getenv("BASE_URL"),
		Prices: map[Plan]string{Monthly: getenv("PRICE_MONTHLY"), Annual: getenv("PRICE_ANNUAL")}}
	for secret := range strings.SplitSeq(getenv("STRIPE_WEBHOOK_SECRET"), ",") {
		c.WebhookSecrets = append(c.WebhookSecrets, strings.TrimSpace(secret))
	}
	var errs []error
	for plan, name := range map[Plan]string{Monthly: "AMOUNT_MONTHLY", Annual: "AMOUNT_ANNUAL"} {
		if text := getenv(name); text != "" {
			cents, err := strconv.ParseInt(text, 10, 64)
			if err != nil || cents <= 0 {
				errs = append(errs, fmt.Errorf("%s is no number of cents", name))
				continue
			}
			if c.Amounts == nil {
				c.Amounts = map[Plan]int64{}
			}
			c.Amounts[plan] = cents
		}
	}
	if text := getenv("TRIAL_DAYS"); text != "" {
		var err error
		if c.TrialDays, err = strconv.Atoi(text); err != nil || c.TrialDays < 0 || c.TrialDays > 730 {
			errs = append(errs, errors.New("TRIAL_DAYS is a number from 0 to 730"))
		}
	}
	return c, errors.Join(append(errs, c.Validate())...)
}

// Terms are what a plan costs for who subscribes now.
func (c Config) Terms(plan Plan) Terms {
	t, _ := plan.Terms()
	t.Amount = cmp.Or(c.Amounts[plan], t.Amount)
	return t
}

// Validate refuses a configuration that would be an open door: with an empty webhook secret, Stripe's library accepts
// events that anybody signed with the empty key. The error names every mistake, and no secret.
//
// spec:subscription-billing/3.2
func (c Config) Validate() error {
	var errs []error
	if !strings.HasPrefix(c.SecretKey, "sk_") && !strings.HasPrefix(c.SecretKey, "rk_") {
		errs = append(errs, errors.New("STRIPE_SECRET_KEY is no Stripe key (sk_… or rk_…)"))
	} else if strings.ContainsFunc(c.SecretKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, errors.New("STRIPE_SECRET_KEY holds a blank, or what is no letter of a key"))
	}
	errs = append(errs, address("BASE_URL", c.BaseURL))
	if c.APIBase != "" {
		errs = append(errs, address("STRIPE_API_BASE", c.APIBase))
	}
	if len(c.WebhookSecrets) == 0 {
		errs = append(errs, errors.New("STRIPE_WEBHOOK_SECRET is not set"))
	}
	for i, s := range c.WebhookSecrets {
		if rest, ok := strings.CutPrefix(s, "whsec_"); !ok || len(rest) < 16 {
			errs = append(errs, fmt.Errorf("STRIPE_WEBHOOK_SECRET: secret %d is none of Stripe's (whsec_…)", i+1))
		}
	}
	for _, plan := range []Plan{Monthly, Annual} {
		if !strings.HasPrefix(c.Prices[plan], "price_") {
			errs = append(errs, fmt.Errorf("PRICE_%s is no price id (price_…)", strings.ToUpper(string(plan))))
		}
	}
	if c.Prices[Monthly] == c.Prices[Annual] && c.Prices[Monthly] != "" {
		errs = append(errs, errors.New("PRICE_MONTHLY and PRICE_ANNUAL are the same"))
	}
	if c.Workers < 0 {
		errs = append(errs, errors.New("the number of workers is negative"))
	}
	return errors.Join(errs...)
}

// address refuses what is no http or https address: the answer to the first user would be the first to say so.
func address(name, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%s is no address (https://HOST)", name) // the text may hold a password
	}
	return nil
}

// PlanOf returns the plan that a price id stands for.
func (c Config) PlanOf(priceID string) (Plan, bool) {
	for plan, id := range c.Prices {
		if id == priceID && id != "" {
			return plan, true
		}
	}
	return "", false
}

// Live tells whether the key is one of the live mode.
func (c Config) Live() bool { return strings.Contains(c.SecretKey, "_live_") }

// A Stripe speaks to Stripe with a configuration of its own: nothing in it is global.
type Stripe struct {
	config  Config
	backend stripe.Backend
}

// NewStripe makes a client. It sends nothing.
func NewStripe(c Config) (*Stripe, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	return &Stripe{config: c, backend: stripe.GetBackendWithConfig(stripe.APIBackend, backendConfig(c))}, nil
}

// backendConfig is how Stripe's library is used.
func backendConfig(c Config) *stripe.BackendConfig {
	cfg := &stripe.BackendConfig{HTTPClient: httpClient(cmp.Or(c.Timeout, 5*time.Second)), MaxNetworkRetries: stripe.Int64(2)}
	silence(cfg)
	if c.APIBase != "" {
		cfg.URL = stripe.String(strings.TrimSuffix(c.APIBase, "/"))
	}
	return cfg
}

// silence has Stripe's library write no log of its own: what Stripe says of a request may name the key, or a card.
//
// spec:subscription-billing/13.3
func silence(cfg *stripe.BackendConfig) {
	cfg.LeveledLogger = &stripe.LeveledLogger{Level: stripe.LevelNull}
}

// CheckPrices fetches both prices and refuses to go on when one is not what its plan says: currency, amount and interval
// are what users were promised.
//
// spec:subscription-billing/1.4
func (s *Stripe) CheckPrices(ctx context.Context) error {
	prices := price.Client{B: s.backend, Key: s.config.SecretKey}
	var errs []error
	for _, plan := range []Plan{Monthly, Annual} {
		want := s.config.Terms(plan)
		id := s.config.Prices[plan]
		params := &stripe.PriceParams{}
		params.Context = ctx
		p, err := prices.Get(id, params)
		if err != nil {
			errs = append(errs, fmt.Errorf("price %s of plan %s: %v", id, plan, err))
			continue
		}
		if got := termsOf(p); got != want {
			errs = append(errs, fmt.Errorf("price %s of plan %s is %d %s%s, not %d %s every %d days", id, plan, got.Amount, got.Currency, every(p), want.Amount, want.Currency, want.IntervalDays))
		}
	}
	return errors.Join(errs...)
}

// every writes the interval of a price.
func every(p *stripe.Price) string {
	switch r := p.Recurring; {
	case r == nil:
		return " once"
	case r.IntervalCount == 1:
		return " every " + string(r.Interval)
	default:
		return fmt.Sprintf(" every %d %ss", r.IntervalCount, r.Interval)
	}
}

// termsOf reads the terms of a price. An interval that is not counted in days is none of ours.
func termsOf(p *stripe.Price) Terms {
	t := Terms{Amount: p.UnitAmount, Currency: strings.ToLower(string(p.Currency))}
	if p.Recurring != nil && p.Recurring.Interval == stripe.PriceRecurringIntervalDay {
		t.IntervalDays = int(p.Recurring.IntervalCount)
	} else if p.Recurring != nil {
		t.IntervalDays = notByDays
	}
	return t
}

// notByDays is the interval of a price that is charged by months, say.
const notByDays = -1

// or fills in what an answer left out. A price never changes, so that what is known of it is true.
func (t Terms) or(known Terms) Terms {
	return Terms{Amount: cmp.Or(t.Amount, known.Amount), Currency: cmp.Or(t.Currency, known.Currency), IntervalDays: cmp.Or(t.IntervalDays, known.IntervalDays)}
}

// isStripeError tells whether an error is one of Stripe's with a status among codes.
func isStripeError(err error, codes ...int) bool {
	var e *stripe.Error
	return errors.As(err, &e) && slices.Contains(codes, e.HTTPStatusCode)
}

// missingAtStripe tells whether Stripe says that there is no such object.
func missingAtStripe(err error) bool {
	var e *stripe.Error
	return errors.As(err, &e) && e.Code == stripe.ErrorCodeResourceMissing
}

// httpClient keeps as many connections to Stripe as are used at once; the default is to keep two, and to open the rest anew for
// every request.
func httpClient(timeout time.Duration) *http.Client {
	base := http.DefaultTransport
	if t, ok := base.(*http.Transport); ok {
		t = t.Clone()
		t.MaxIdleConnsPerHost = 64
		base = t
	}
	return &http.Client{Timeout: timeout, Transport: worded{base}}
}

// worded gives a refusal that is not in Stripe's words (a gateway's page, a stand-in that does not know the address) the form of
// one that is: what comes of it depends on its status, which Stripe's library would not tell.
type worded struct{ http.RoundTripper }

// notStripes is the code of a refusal that Stripe did not word.
const notStripes = "not_stripes"

func (t worded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(r)
	if err != nil || res.StatusCode < 400 {
		return res, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	var said struct {
		Error *struct{} `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil || said.Error == nil {
		body = []byte(`{"error":{"type":"api_error","code":"` + notStripes + `","message":"the answer is not in Stripe's words"}}`)
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}

// noAnswer tells whether the other side does not know of such a request, rather than of such an object.
func noAnswer(err error) bool {
	var e *stripe.Error
	return errors.As(err, &e) && !missingAtStripe(err) && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, e.HTTPStatusCode)
}
