package billing

import (
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"
)

// tolerance is how far a signature's time may lie from now, in either direction. Stripe's library checks the past alone.
const tolerance = 300 * time.Second

// What is in the error of VerifyEvent.
var (
	ErrSignature = errors.New("the signature does not fit") // Stripe did not sign the delivery
	ErrPayload   = errors.New("the body is no event")       // though it is signed
)

// An Event is what a delivery says of itself; what it is about is fetched.
type Event struct {
	ID         string
	Type       string
	APIVersion string
	Livemode   bool
	Created    int64  // seconds; 0 where it says none that can be
	Customer   string // whom it is about; empty for nobody
}

// VerifyEvent checks the signature of a delivery on its raw bytes and only then parses it. Each secret is tried, so that
// one can be rotated. An event of another API version is accepted: the worker fetches what it needs itself, and so
// nothing is read here but what says which event it is.
//
// spec:subscription-billing/3.1
func VerifyEvent(payload []byte, header string, secrets []string, now time.Time) (Event, error) {
	at, signatures, err := parseSignature(header)
	if err != nil {
		return Event{}, err
	}
	if d := now.Sub(at); d > tolerance || d < -tolerance {
		return Event{}, fmt.Errorf("%w: it was made at %s", ErrSignature, at.UTC().Format(time.RFC3339))
	}
	fits := false
	for _, secret := range secrets {
		if secret == "" {
			continue // anybody can sign with the empty key
		}
		want := webhook.ComputeSignature(at, payload, secret)
		for _, s := range signatures {
			fits = hmac.Equal(s, want) || fits
		}
	}
	if !fits {
		return Event{}, ErrSignature
	}
	return parseEvent(payload)
}

// parseSignature reads a Stripe-Signature header. One with two times is refused: each of two readers could take another.
func parseSignature(header string) (at time.Time, signatures [][]byte, err error) {
	times := 0
	for part := range strings.SplitSeq(header, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "t":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return time.Time{}, nil, fmt.Errorf("%w: its time cannot be read", ErrSignature)
			}
			at = time.Unix(n, 0)
			times++
		case "v1":
			if s, err := hex.DecodeString(value); err == nil {
				signatures = append(signatures, s)
			}
		}
	}
	if times != 1 || len(signatures) == 0 {
		return time.Time{}, nil, fmt.Errorf("%w: the header has not one time and a signature", ErrSignature)
	}
	return at, signatures, nil
}

var eventID = regexp.MustCompile(`^[!-~]{1,255}$`)

// parseEvent reads what says which event a payload is, and whom it is about. What the object of another application's event
// looks like is not ours to judge.
func parseEvent(payload []byte) (Event, error) {
	var e struct {
		ID         string          `json:"id"`
		Type       string          `json:"type"`
		APIVersion string          `json:"api_version"`
		Livemode   bool            `json:"livemode"`
		Created    json.RawMessage `json:"created"`
		Data       struct {
			Object struct {
				ID       string    `json:"id"`
				Object   string    `json:"object"`
				Customer reference `json:"customer"`
			} `json:"object"`
		} `json:"data"`
	}
	var odd *json.UnmarshalTypeError // the rest is read all the same
	if err := json.Unmarshal(payload, &e); err != nil && !(errors.As(err, &odd) && strings.HasPrefix(odd.Field, "data")) {
		return Event{}, fmt.Errorf("%w: %v", ErrPayload, err)
	}
	if !eventID.MatchString(e.ID) {
		return Event{}, fmt.Errorf("%w: it has no id", ErrPayload)
	}
	created, err := strconv.ParseInt(string(e.Created), 10, 64)
	if err != nil || created < 0 || created > maxSeconds {
		created = 0 // when an event was made decides nothing
	}
	customer := string(e.Data.Object.Customer)
	if e.Data.Object.Object == "customer" {
		customer = e.Data.Object.ID
	}
	return Event{ID: e.ID, Type: storable(e.Type), APIVersion: storable(e.APIVersion), Livemode: e.Livemode, Created: created, Customer: storable(customer)}, nil
}

// A reference is a field of an event's object that is an id, or an object with one.
type reference string

func (r *reference) UnmarshalJSON(data []byte) error {
	var id string
	if json.Unmarshal(data, &id) == nil {
		*r = reference(id)
		return nil
	}
	var object struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(data, &object) == nil {
		*r = reference(object.ID)
	}
	return nil // what is neither says nothing, in an event that may be another application's
}

// maxSeconds is the end of the year 9999: what is later is no time of Stripe's.
const maxSeconds = 253402300799

// storable is a text without what a database cannot keep.
func storable(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
}
