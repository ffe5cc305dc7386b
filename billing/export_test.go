package billing

import (
	"time"

	"github.com/stripe/stripe-go/v76"
)

// Hurry has Stripe's library ask again at once where it would wait before.
func (m *Module) Hurry() {
	m.stripe.backend.(*stripe.BackendImplementation).SetNetworkRetriesSleep(false)
}

// WaitForDatabase has pages and deliveries wait for a database that hangs as long as a test likes, and returns how long deliveries
// waited before. Whether it hangs does not depend on that: the test holds a lock.
func (m *Module) WaitForDatabase(d time.Duration) (before time.Duration) {
	before = m.Webhook.wait
	m.cache.wait, m.API.wait, m.Webhook.wait = d, d, d
	return before
}
