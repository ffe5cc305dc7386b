package billing

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
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

// A notifier is a database that only knows how to tell of changes. It does what a test says, one thing after the other.
type notifier struct {
	t    *testing.T
	conn net.Conn
	*pgproto3.Backend
}

// listening has a cache listen to a database of its own, and returns that when the cache has asked it to tell of changes. What
// listen returns comes through ended.
func listening(t *testing.T, c *cache) (n *notifier, ended <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	config, err := pgx.ParseConfig("postgres://u@" + l.Addr().String() + "/d?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	over := make(chan struct{})
	go func() { defer close(over); done <- c.listen(ctx, config) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-over; conn.Close() }() // whoever still waits for a word of it hears that there comes none
	t.Cleanup(func() { stop(); conn.Close(); <-over })
	n = &notifier{t: t, conn: conn, Backend: pgproto3.NewBackend(conn, conn)}
	if _, err := n.ReceiveStartupMessage(); err != nil {
		t.Fatal(err)
	}
	n.say(&pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	if q := n.asked(); q != "LISTEN billing_subscriptions" {
		t.Fatalf("the cache asks the database %q", q)
	}
	n.say(&pgproto3.CommandComplete{CommandTag: []byte("LISTEN")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	return n, done
}

func (n *notifier) say(all ...pgproto3.BackendMessage) {
	n.t.Helper()
	for _, m := range all {
		n.Send(m)
	}
	if err := n.Flush(); err != nil {
		n.t.Fatalf("the cache has hung up: %v", err)
	}
}

// asked is the next statement that the cache sends.
func (n *notifier) asked() string {
	n.t.Helper()
	m, err := n.Receive()
	if err != nil {
		n.t.Fatalf("the cache has hung up: %v", err)
	}
	q, ok := m.(*pgproto3.Query)
	if !ok {
		n.t.Fatalf("the cache sends %T", m)
	}
	return q.String
}

// spec:subscription-billing/14.1
func TestCacheForgetsWhatTheDatabaseTellsOf(t *testing.T) {
	reads := map[string]int{}
	c := newCache(func(_ context.Context, user string) (*Subscription, error) {
		reads[user]++
		return &Subscription{Status: Active}, nil
	}, time.Now)
	read := func(users ...string) {
		for _, u := range users {
			if _, _, err := c.get(context.Background(), u); err != nil {
				t.Fatal(err)
			}
		}
	}
	read("u", "v") // before anybody listens: may have changed since
	db, ended := listening(t, c)
	for heard := false; !heard; {
		c.mu.Lock()
		heard = c.listening
		c.mu.Unlock()
		select {
		case err := <-ended:
			t.Fatalf("the cache stopped listening: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	read("u", "v", "u", "v")
	if reads["u"] != 2 || reads["v"] != 2 {
		t.Fatalf("%v reads, want one of each user before the cache listened, and one since", reads)
	}
	db.say(&pgproto3.NotificationResponse{PID: 1, Channel: "billing_subscriptions", Payload: "u"})
	db.conn.Close() // what was told before is heard before
	if err := <-ended; err == nil {
		t.Error("a connection that broke is no error")
	}
	if _, kept := c.entries["u"]; kept {
		t.Error("what changed is kept, and would be shown while the database does not answer")
	}
	if _, kept := c.entries["v"]; !kept {
		t.Error("what did not change is gone")
	}
	if read("v"); reads["v"] != 3 {
		t.Error("while nobody listens, what is kept is taken for true")
	}
}

// A connection may be gone without a word: after a while of silence the database is asked, and where it answers, the cache goes on
// listening.
//
// spec:subscription-billing/14.1
func TestCacheAsksADatabaseThatIsSilent(t *testing.T) {
	c := newCache(func(context.Context, string) (*Subscription, error) { return &Subscription{Status: Active}, nil }, time.Now)
	c.hush = time.Millisecond
	db, ended := listening(t, c)
	for range 3 {
		db.asked()
		db.say(&pgproto3.EmptyQueryResponse{}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
	db.asked()
	db.conn.Close()
	if err := <-ended; err == nil {
		t.Error("a database that does not answer is no error")
	}
}
