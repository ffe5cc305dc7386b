package tasks

import "sync"

// A turn is a lock that is held for long: while git works, or while a person thinks. Who waits for it waits on a channel,
// so that a simulated clock goes on meanwhile; it does not for those who wait on a mutex.
type turn struct {
	once sync.Once
	free chan struct{} // holds one value while nobody has the turn
}

func (t *turn) init() {
	t.free = make(chan struct{}, 1)
	t.free <- struct{}{}
}

// Lock waits until nobody else has the turn, and takes it.
func (t *turn) Lock() { t.once.Do(t.init); <-t.free }

// Unlock lets the next one have it.
func (t *turn) Unlock() { t.free <- struct{}{} }
