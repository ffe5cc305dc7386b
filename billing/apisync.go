package billing

import (
	"context"
	"time"

	"github.com/stripe/stripe-go/v76"
)

// Sync brings the store up to date with one subscription of the API's own users.
func (a *API) Sync(ctx context.Context, subscriptionID, source string) error {
	s := newSyncer(a.store, a.stripe)
	s.alarm = func(q *quarantined) { quarantineAlarm(a.log, q) }
	return s.Sync(ctx, subscriptionID, source)
}

func (a *API) now() time.Time { return a.stripe.now() }

func (a *API) fetch(ctx context.Context, id string) (*stripe.Subscription, error) {
	return a.stripe.fetch(ctx, id)
}
