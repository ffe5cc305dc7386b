package billing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"spec.example/spec/billing"
	"spec.example/spec/billing/internal/stripetest"
)

func config(s *stripetest.Server) billing.Config {
	return billing.Config{SecretKey: "sk_test_key", WebhookSecrets: []string{s.Secret}, APIBase: s.URL, BaseURL: "https://saaskit.test",
		Prices: map[billing.Plan]string{billing.Monthly: "price_monthly", billing.Annual: "price_annual"}}
}

// spec:subscription-billing/3.2
func TestH12_StartRefusesMissingSecrets(t *testing.T) {
	good := map[string]string{"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef", "PRICE_MONTHLY": "price_a", "PRICE_ANNUAL": "price_b", "BASE_URL": "https://host.test"}
	read := func(change map[string]string) error {
		_, err := billing.ConfigFromEnv(func(name string) string {
			if v, ok := change[name]; ok {
				return v
			}
			return good[name]
		})
		return err
	}
	if err := read(nil); err != nil {
		t.Fatalf("a good configuration is refused: %v", err)
	}
	if err := read(map[string]string{"STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef,whsec_fedcba9876543210"}); err != nil {
		t.Errorf("two secrets, while one is rotated, are refused: %v", err)
	}
	for name, change := range map[string]map[string]string{
		"empty webhook secret":     {"STRIPE_WEBHOOK_SECRET": ""},
		"malformed webhook secret": {"STRIPE_WEBHOOK_SECRET": "secret_0123456789abcdef"},
		"short webhook secret":     {"STRIPE_WEBHOOK_SECRET": "whsec_1"},
		"empty second secret":      {"STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef,"},
		"no key":                   {"STRIPE_SECRET_KEY": ""},
		"publishable key":          {"STRIPE_SECRET_KEY": "pk_test_1"},
		"no price":                 {"PRICE_ANNUAL": ""},
		"one price for both":       {"PRICE_ANNUAL": "price_a"},
		"a key with a line's end":  {"STRIPE_SECRET_KEY": "sk_test_secret_0123\n"},
		"a key with a blank":       {"STRIPE_SECRET_KEY": "sk_test_ secret_0123"},
		"a key with an umlaut":     {"STRIPE_SECRET_KEY": "sk_test_secret_0123ü"},
		"no address of the host":   {"BASE_URL": ""},
		"a host without a scheme":  {"BASE_URL": "host.test"},
		"no address of Stripe":     {"STRIPE_API_BASE": "localhost:12111"},
	} {
		err := read(change)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "secret_0123") {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		} else if name == "empty second secret" && !strings.Contains(err.Error(), "secret 2") || strings.HasSuffix(name, "webhook secret") && !strings.Contains(err.Error(), "secret 1") {
			t.Errorf("%s: the error does not say which of them: %v", name, err)
		}
	}
}

// spec:subscription-billing/1.4
func TestStartRefusesPricesThatAreNotThePlans(t *testing.T) {
	s := stripetest.New(t)
	s.AddPrice("price_other", 3900, "usd", "day", 30)
	s.AddPrice("price_eur", 29000, "eur", "day", 365)
	s.AddPrice("price_calendar", 2900, "usd", "month", 1)
	check := func(monthly, annual string) error {
		c := config(s)
		c.Prices = map[billing.Plan]string{billing.Monthly: monthly, billing.Annual: annual}
		client, err := billing.NewStripe(c)
		if err != nil {
			t.Fatal(err)
		}
		return client.CheckPrices(context.Background())
	}
	if err := check("price_monthly", "price_annual"); err != nil {
		t.Errorf("the right prices are refused: %v", err)
	}
	if err := check("price_calendar", "price_annual"); err == nil || !strings.Contains(err.Error(), "is 2900 usd every month, not 2900 usd every 30 days") {
		t.Errorf("a price by the month: %v", err)
	}
	for _, c := range [][2]string{{"price_other", "price_annual"}, {"price_monthly", "price_eur"}, {"price_calendar", "price_annual"}, {"price_gone", "price_annual"}, {"price_annual", "price_monthly"}} {
		err := check(c[0], c[1])
		if err == nil {
			t.Errorf("prices %v: accepted", c)
		} else if !strings.Contains(err.Error(), "price_") {
			t.Errorf("prices %v: the error names no price: %v", c, err)
		}
	}
}

func TestSignature(t *testing.T) {
	now := time.Unix(1_767_225_600, 0)
	payload := []byte(`{"id":"evt_1","object":"event","type":"invoice.paid","api_version":"2025-03-31.basil","data":{"object":{}}}`)
	old, current := "whsec_oldoldoldoldoldold", "whsec_newnewnewnewnewnew"
	for name, c := range map[string]struct {
		header  string
		body    []byte
		secrets []string
		ok      bool
	}{
		"current secret":              {stripetest.SignWith(payload, current, now), payload, []string{current, old}, true},
		"previous secret":             {stripetest.SignWith(payload, old, now), payload, []string{current, old}, true},
		"299 seconds old":             {stripetest.SignWith(payload, current, now.Add(-299*time.Second)), payload, []string{current}, true},
		"301 seconds old":             {stripetest.SignWith(payload, current, now.Add(-301*time.Second)), payload, []string{current}, false},
		"a day ahead":                 {stripetest.SignWith(payload, current, now.Add(24*time.Hour)), payload, []string{current}, false},
		"another secret":              {stripetest.SignWith(payload, "whsec_x", now), payload, []string{current}, false},
		"the empty secret":            {stripetest.SignWith(payload, "", now), payload, []string{""}, false},
		"no header":                   {"", payload, []string{current}, false},
		"an old one with a new time":  {fmt.Sprintf("t=%d,%s", now.Unix(), stripetest.SignWith(payload, current, now.Add(-time.Hour))), payload, []string{current}, false},
		"a new time after an old one": {fmt.Sprintf("%s,t=%d", stripetest.SignWith(payload, current, now.Add(-time.Hour)), now.Unix()), payload, []string{current}, false},
		"another scheme beside it":    {stripetest.SignWith(payload, current, now) + ",v0=00,v1=zz", payload, []string{current}, true},
		"no signature":                {fmt.Sprintf("t=%d", now.Unix()), payload, []string{current}, false},
		"one byte of body differs":    {stripetest.SignWith(payload, current, now), append([]byte(" "), payload...), []string{current}, false},
	} {
		e, err := billing.VerifyEvent(c.body, c.header, c.secrets, now)
		if (err == nil) != c.ok {
			t.Errorf("%s: error %v", name, err)
		}
		if c.ok && e.ID != "evt_1" {
			t.Errorf("%s: event %q", name, e.ID)
		}
	}
}

// TestSignedBodies: what Stripe signed and is no event is refused, and an event with odd fields is none the less one.
//
// spec:subscription-billing/3.7
func TestSignedBodies(t *testing.T) {
	now, secret := time.Unix(1_767_225_600, 0), "whsec_newnewnewnewnewnew"
	for body, ok := range map[string]bool{
		``: false, `null`: false, `[]`: false, `"evt_1"`: false, `{}`: false, `{"id":""}`: false, `{"id":7}`: false, `{"id":"a b"}`: false, `{"id":"evt\u0000"}`: false,
		`{"id":"evt_1"} x`: false, `{"id":"evt_1"`: false, strings.Repeat("[", 20_000): false,
		`{"id":"evt_1"}`: true, `{"id":"evt_1","type":"a\u0000b","created":"today","request":"req_1","data":{"object":[1]}}`: true, `{"id":"evt_1","created":1e99,"data":{}}`: true,
		" \n{\"id\":\"evt_1\",\"data\":{\"object\":null}}\n": true,
	} {
		e, err := billing.VerifyEvent([]byte(body), stripetest.SignWith([]byte(body), secret, now), []string{secret}, now)
		if (err == nil) != ok || !ok && !errors.Is(err, billing.ErrPayload) || strings.Contains(string(e.Type), "\x00") {
			t.Errorf("%.60s: %+v, error %v", body, e, err)
		}
	}
}
