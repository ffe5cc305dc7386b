package stripetest

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"time"
)

// A Delivery is how events reach an endpoint.
type Delivery struct {
	Times   int                // how often each is delivered; once when 0
	Shuffle *rand.Rand         // their order; nil for the order in which they were made
	Drop    func(event M) bool // events that are lost on the way, and stay undelivered in Stripe's list
	Now     func() time.Time   // the time of the signatures; nil for the real one
}

// Deliver posts the events that wait to an endpoint, each signed anew every time. One that is not answered with 200 waits
// for the next call. It returns how many were answered so.
func (s *Server) Deliver(client *http.Client, url string, d Delivery) (delivered int) {
	s.mu.Lock()
	events := s.events
	s.events = nil
	s.mu.Unlock()
	now := d.Now
	if now == nil {
		now = time.Now
	}
	var all []M
	for range max(d.Times, 1) {
		all = append(all, events...)
	}
	if d.Shuffle != nil {
		d.Shuffle.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	ok, lost := map[string]bool{}, map[string]bool{}
	for _, e := range all {
		id := e["id"].(string)
		if lost[id] || d.Drop != nil && d.Drop(e) {
			lost[id] = true
			continue
		}
		payload, header := s.Sign(e, now())
		r, err := http.NewRequest("POST", url, bytes.NewReader(payload))
		if err != nil {
			continue
		}
		r.Header.Set("Stripe-Signature", header)
		res, err := client.Do(r)
		if err != nil {
			continue
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			ok[id] = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var again []M
	for _, e := range events {
		switch id := e["id"].(string); {
		case ok[id]:
			s.taken[id] = true
			delivered++
		case !lost[id]:
			again = append(again, e)
		}
	}
	s.events = append(again, s.events...)
	return delivered
}
