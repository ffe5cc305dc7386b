package agent

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync"

	"spec.example/spec/internal/sandbox"
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

// A Mask is a list of values that must not be read in any log: keys and tokens that an agent was given by name. What looks
// like a key of a known issuer is masked too.
type Mask []string

// Secrets picks the values out of name=value pairs whose name says that they are secret. Short values are left: masking
// every "1" would hide the log.
func Secrets(env []string) []string {
	var out []string
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if len(value) >= 8 && slices.ContainsFunc([]string{"KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"}, func(word string) bool { return strings.Contains(strings.ToUpper(name), word) }) {
			out = append(out, value)
		}
	}
	return out
}

// Text returns the text without secrets.
func (m Mask) Text(text string) string { return sandbox.Hide(text, m...) }

// asking hides secrets in questions: they are shown to a person, logged, and offered to later tasks with their answers.
func (m Mask) asking(ask func(context.Context, Question) (Answer, error)) func(context.Context, Question) (Answer, error) {
	return func(ctx context.Context, q Question) (Answer, error) {
		q.Text = m.Text(q.Text)
		for i := range q.Choices {
			q.Choices[i] = m.Text(q.Choices[i])
		}
		return ask(ctx, q)
	}
}

// Writer masks what is written through it, a line at a time: a secret that is written in two pieces is one all the same.
// Close writes what is left.
func (m Mask) Writer(w io.Writer) *MaskWriter {
	if w == nil {
		w = io.Discard
	}
	return &MaskWriter{mask: m, w: w}
}

// A MaskWriter is safe for use by several goroutines.
type MaskWriter struct {
	mask Mask
	w    io.Writer
	mu   sync.Mutex
	line []byte
}

// maxMaskedLine bounds what is held back of a line without an end.
const maxMaskedLine = 64 << 10

func (m *MaskWriter) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.line = append(m.line, p...)
	end := bytes.LastIndexByte(m.line, '\n') + 1
	if end == 0 && len(m.line) > maxMaskedLine {
		end = len(m.line)
	}
	if end > 0 {
		io.WriteString(m.w, m.mask.Text(string(m.line[:end]))) // a full disk must not stop the agent
		m.line = append(m.line[:0], m.line[end:]...)
	}
	return len(p), nil
}

// Close writes the last line.
func (m *MaskWriter) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := io.WriteString(m.w, m.mask.Text(string(m.line)))
	m.line = nil
	return err
}
