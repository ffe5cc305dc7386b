package billing

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"
)

// tolerance is how far a signature's time may lie from now, in either direction. Stripe's library checks the past alone.
const tolerance = 300 * time.Second

// ErrSignature is in the error of VerifyEvent for a delivery that Stripe did not sign.
var ErrSignature = errors.New("the signature does not fit")

// VerifyEvent checks the signature of a delivery on its raw bytes and only then parses it. Each secret is tried, so that
// one can be rotated. An event of another API version is accepted: the worker fetches what it needs itself.
func VerifyEvent(payload []byte, header string, secrets []string, now time.Time) (stripe.Event, error) {
	at, err := signedAt(header)
	if err != nil {
		return stripe.Event{}, err
	}
	if d := now.Sub(at); d > tolerance || d < -tolerance {
		return stripe.Event{}, fmt.Errorf("%w: it was made at %s", ErrSignature, at.UTC().Format(time.RFC3339))
	}
	for _, secret := range secrets {
		if secret == "" {
			continue // the library would accept what anybody signed with the empty key
		}
		e, err := webhook.ConstructEventWithOptions(payload, header, secret, webhook.ConstructEventOptions{IgnoreTolerance: true, IgnoreAPIVersionMismatch: true})
		if err == nil {
			return e, nil
		}
		if !errors.Is(err, webhook.ErrNoValidSignature) {
			return stripe.Event{}, fmt.Errorf("%w: %v", ErrSignature, err)
		}
	}
	return stripe.Event{}, ErrSignature
}

// signedAt reads the time of a Stripe-Signature header.
func signedAt(header string) (time.Time, error) {
	for part := range strings.SplitSeq(header, ",") {
		if t, ok := strings.CutPrefix(strings.TrimSpace(part), "t="); ok {
			n, err := strconv.ParseInt(t, 10, 64)
			if err != nil {
				return time.Time{}, fmt.Errorf("%w: its time cannot be read", ErrSignature)
			}
			return time.Unix(n, 0), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: there is none", ErrSignature)
}

func httpClient(timeout time.Duration) *http.Client { return &http.Client{Timeout: timeout} }
