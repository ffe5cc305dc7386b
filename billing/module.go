package billing

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// A Module is all of billing, ready to be mounted.
type Module struct {
	API       *API
	Dashboard *Dashboard
	Webhook   *Webhook
	Worker    *Worker
	Postman   *Postman
	store     *Store
	stripe    *Stripe
	cache     *cache
	log       *slog.Logger
}

// New ties billing together. It opens nothing and starts nothing: check the prices with Check, mount the routes with
// Mount, and have Run work beside the server.
func New(store *Store, c Config, authenticate Authenticate, mailer Mailer, log *slog.Logger) (*Module, error) {
	if authenticate == nil || mailer == nil || log == nil {
		return nil, errors.New("billing needs an Authenticate, a Mailer and a logger")
	}
	s, err := NewStripe(c)
	if err != nil {
		return nil, err
	}
	m := &Module{API: NewAPI(store, s, authenticate, log), Worker: NewWorker(store, s, log), Postman: newPostman(store, mailer, s.config.BaseURL, log), store: store, stripe: s, log: log}
	m.cache = newCache(store.Current, time.Now)
	m.API.current, m.API.changed = m.cache.get, m.cache.forget
	if m.Dashboard, err = NewDashboard(m.API); err != nil {
		return nil, err
	}
	// Signatures are made by the real clock, also of a Stripe whose subscriptions live by a test clock.
	if m.Webhook, err = NewWebhook(store, c, nil, log); err != nil {
		return nil, err
	}
	m.Webhook.stored = m.Worker.Wake
	return m, nil
}

// Check refuses prices at Stripe that are not what the plans say, and remembers the right ones. Call it at start.
func (m *Module) Check(ctx context.Context) error {
	if err := m.stripe.CheckPrices(ctx); err != nil {
		return err
	}
	return m.store.RememberPrices(ctx, m.stripe.config)
}

// Mount adds every route of billing to a mux.
func (m *Module) Mount(mux *http.ServeMux) {
	m.API.Register(mux)
	mux.Handle("GET /api/billing/export", m.API.signedIn(m.API.export))
	m.Dashboard.Register(mux)
	m.Webhook.Register(mux)
}

// Run drains the inbox, sends mails, and keeps the cache true, until ctx is done. Every instance of a host runs it.
func (m *Module) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { m.Worker.Run(ctx, time.Second) })
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := m.cache.listen(ctx, m.store.pool.Config().ConnConfig); err != nil && ctx.Err() == nil {
				m.log.Warn("changes of other instances are not heard; the cache is not used", "error", err)
			}
			pause(ctx, time.Second)
		}
	})
	wg.Go(func() {
		for ctx.Err() == nil {
			if _, err := m.Postman.Send(ctx); err != nil && ctx.Err() == nil {
				m.log.Error("the outbox could not be sent", "error", err)
			}
			pause(ctx, time.Second)
		}
	})
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Access tells whether a user may use what is paid for, now. The host asks it on its own pages; the answer comes from
// the cache where that is true.
func (m *Module) Access(ctx context.Context, userID string) (bool, error) {
	sub, _, err := m.cache.get(ctx, userID)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return sub.Entitled(m.API.now()), nil
}

// Health is what to watch.
type Health struct {
	Pending     int           // events that wait
	Oldest      time.Duration // the age of the oldest of them
	DeadLetters int           // events that were given up
	Mails       int           // mails that wait
	Quarantined int           // subscriptions that were set aside
	StuckChange int           // changes that are open for more than ten minutes
}

// Health reads it from the database.
func (m *Module) Health(ctx context.Context) (h Health, err error) {
	var seconds float64
	err = m.store.pool.QueryRow(ctx, `SELECT
		(SELECT count(*) FROM stripe_events WHERE processed_at IS NULL AND attempts < $1),
		(SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 FROM stripe_events WHERE processed_at IS NULL AND attempts < $1),
		(SELECT count(*) FROM stripe_events WHERE processed_at IS NULL AND attempts >= $1),
		(SELECT count(*) FROM outbox WHERE sent_at IS NULL),
		(SELECT count(*) FROM quarantine WHERE released_at IS NULL),
		(SELECT count(*) FROM change_requests WHERE state = 'open' AND created_at < now() - interval '10 minutes')`, maxAttempts).
		Scan(&h.Pending, &seconds, &h.DeadLetters, &h.Mails, &h.Quarantined, &h.StuckChange)
	h.Oldest = time.Duration(seconds * float64(time.Second))
	return h, err
}
