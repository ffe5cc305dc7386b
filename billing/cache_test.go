package billing

import (
	"context"
	"errors"
	"testing"
	"time"
)

// spec:subscription-billing/14.1 spec:subscription-billing/14.2
func Test47_CacheIsTrueForAMinuteAndServesOldNewsForFive(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	status, down, loads := Active, false, 0
	c := newCache(func(context.Context, string) (*Subscription, error) {
		loads++
		if down {
			return nil, errors.New("the database does not answer")
		}
		return &Subscription{Status: status}, nil
	}, func() time.Time { return now })
	get := func() (Status, time.Time, error) {
		sub, asOf, err := c.get(context.Background(), "u")
		if err != nil {
			return "", asOf, err
		}
		return sub.Status, asOf, nil
	}
	if s, _, err := get(); s != Active || err != nil {
		t.Fatal(s, err)
	}
	if get(); loads != 2 {
		t.Errorf("%d reads while nobody listens, want 2: what is kept may be untrue", loads)
	}
	c.setListening(true)
	get()
	get()
	if loads != 3 {
		t.Errorf("%d reads, want 3", loads)
	}
	status = Canceled
	now = now.Add(time.Minute) // a note that was lost
	if s, _, _ := get(); s != Canceled {
		t.Errorf("%s a minute later", s)
	}
	status = Active
	c.forget("u")
	if s, _, _ := get(); s != Active {
		t.Errorf("%s after the note of a change", s)
	}
	read := now
	down = true
	now = now.Add(300 * time.Second)
	if s, asOf, err := get(); s != Active || err != nil || !asOf.Equal(read) {
		t.Errorf("%s as of %v (%v), want active as of %v", s, asOf, err, read)
	}
	now = now.Add(time.Second)
	if _, _, err := get(); err == nil {
		t.Error("news that are 301 seconds old are served")
	}
	down = false
	if _, asOf, err := get(); err != nil || !asOf.IsZero() {
		t.Errorf("an error was kept: %v", err)
	}
}

// A change that is told while a read is under way must not be hidden by what the read brings.
func TestCacheDoesNotKeepWhatChangedWhileItWasRead(t *testing.T) {
	var c *cache
	status := Active
	c = newCache(func(context.Context, string) (*Subscription, error) {
		old := status
		if status == Active {
			status = Canceled
			c.forget("u") // the other instance's note comes before the read returns
		}
		return &Subscription{Status: old}, nil
	}, time.Now)
	c.setListening(true)
	c.get(context.Background(), "u")
	if sub, _, _ := c.get(context.Background(), "u"); sub.Status != Canceled {
		t.Errorf("%s is kept although it changed", sub.Status)
	}
}
