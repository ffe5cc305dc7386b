package agent

import (
	"io"
	"sync"
)

// A tail keeps the last bytes that were written to it.
type tail struct {
	mu    sync.Mutex
	limit int
	data  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - t.limit; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}

// A tee writes to a log, whose errors must not stop the agent, and to a tail.
type tee struct {
	log  io.Writer
	tail *tail
}

func (t tee) Write(p []byte) (int, error) {
	if t.log != nil {
		t.log.Write(p)
	}
	return t.tail.Write(p)
}
