package billing

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	cacheFresh = 60 * time.Second  // how long an entry is used without looking
	cacheStale = 300 * time.Second // how old an entry may be while the database does not answer
	cacheSize  = 50_000            // entries; beyond, all are forgotten
)

// A cache keeps what users' subscriptions were when they were read last. Every change, on whichever instance, is told by
// the database; while nobody listens to it, nothing is taken from here but in need.
type cache struct {
	load func(ctx context.Context, userID string) (*Subscription, error)
	now  func() time.Time
	wait time.Duration // for the database
	hush time.Duration // after which a database that tells nothing is asked whether it is there

	mu        sync.Mutex
	entries   map[string]cached
	changes   int64 // counts what was forgotten: a read that began before must not be kept
	listening bool
}

type cached struct {
	sub *Subscription // nil for a user without one
	at  time.Time
}

func newCache(load func(context.Context, string) (*Subscription, error), now func() time.Time) *cache {
	return &cache{load: load, now: now, wait: databaseWait, hush: 20 * time.Second, entries: map[string]cached{}}
}

// get returns a user's subscription or ErrNotFound; asOf is set when it is old because the database does not answer.
//
// spec:subscription-billing/14.2
func (c *cache) get(ctx context.Context, userID string) (sub *Subscription, asOf time.Time, err error) {
	c.mu.Lock()
	entry, known := c.entries[userID]
	changes, listening := c.changes, c.listening
	c.mu.Unlock()
	if known && listening && c.now().Sub(entry.at) < cacheFresh {
		return entry.get(time.Time{})
	}
	began := c.now()
	sub, err = c.read(ctx, userID)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		if known && c.now().Sub(entry.at) <= cacheStale {
			return entry.get(entry.at)
		}
		return nil, time.Time{}, err // never kept
	case err != nil:
		sub = nil
	}
	entry = cached{at: began}
	if sub != nil {
		copied := *sub
		entry.sub = &copied
	}
	c.mu.Lock()
	if c.changes == changes {
		if len(c.entries) >= cacheSize {
			clear(c.entries)
		}
		c.entries[userID] = entry
	}
	c.mu.Unlock()
	return entry.get(time.Time{})
}

// read asks the database, which has to answer soon.
func (c *cache) read(ctx context.Context, userID string) (*Subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	return c.load(ctx, userID)
}

func (e cached) get(asOf time.Time) (*Subscription, time.Time, error) {
	if e.sub == nil {
		return nil, asOf, ErrNotFound
	}
	copied := *e.sub
	return &copied, asOf, nil
}

// forget drops what is kept of a user.
func (c *cache) forget(userID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.entries, userID)
}

func (c *cache) setListening(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listening = on
	if on { // what changed while nobody listened is unknown
		c.changes++
		clear(c.entries)
	}
}

// listen follows the database's notes of changes until ctx is done or the connection breaks.
//
// spec:subscription-billing/14.1
func (c *cache) listen(ctx context.Context, config *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN billing_subscriptions"); err != nil {
		return err
	}
	c.setListening(true)
	defer c.setListening(false)
	for {
		wait, cancel := context.WithTimeout(ctx, c.hush)
		note, err := conn.WaitForNotification(wait)
		timedOut := wait.Err() != nil
		cancel()
		switch {
		case err == nil:
			c.forget(note.Payload)
		case ctx.Err() != nil:
			return ctx.Err()
		case timedOut:
			if err := conn.Ping(ctx); err != nil { // a connection that is gone says nothing, for ever
				return err
			}
		default:
			return err
		}
	}
}
