package cmd

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/term"

	"spec.example/spec/tasks"
)

func numCPU() int { return runtime.NumCPU() }

// A live view shows a run: one plain line an event, and at a terminal also what is running now and for how long.
type live struct {
	a       *app
	mu      sync.Mutex
	tty     bool
	running map[string]step
	drawn   bool
	timer   *time.Timer
}

type step struct {
	what  string
	since time.Time
}

func newLive(a *app) *live {
	l := &live{a: a, running: map[string]step{}}
	if file, ok := a.w.Stderr.(interface{ Fd() uintptr }); ok && !a.quiet {
		l.tty = term.IsTerminal(int(file.Fd())) && !a.isPlain()
	}
	return l
}

func (l *live) event(e tasks.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	if text := l.text(e); text != "" {
		l.a.progress("%s", text)
	}
	l.track(e)
	l.draw()
}

// activity shows what an agent is doing now. It is no event: nothing depends on it.
func (l *live) activity(task, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.running[task]
	if !ok {
		return
	}
	l.erase()
	l.running[task] = step{"task " + task + ": " + oneLine(text), s.since}
	l.draw()
}

// text is the line for one event; "" for those that only people who asked for more want to see.
func (l *live) text(e tasks.Event) string {
	task := ""
	if e.Task != "" {
		task = "task " + e.Task + ": "
	}
	switch e.Event {
	case "run.started":
		return fmt.Sprintf("run %s, agent %v, approve %v, jobs %v", e.Run, e.Data["agent"], e.Data["policy"], e.Data["jobs"])
	case "baseline.started":
		return "baseline: verifying the head" + from(e.Message)
	case "baseline.finished":
		return "baseline: " + e.Message
	case "task.started":
		return fmt.Sprintf("%sstarted: %s (attempt %v)", task, e.Message, e.Data["attempt"])
	case "task.brief":
		return task + e.Message
	case "task.verified":
		return task + "verified: " + e.Message
	case "task.landed":
		return task + "landed" + l.took(e)
	case "task.attempt":
		return fmt.Sprintf("%sattempt %v failed: %s", task, e.Data["attempt"], e.Message)
	case "task.failed":
		return task + "failed"
	case "task.question":
		return task + "asks: " + e.Message
	case "run.finished", "agent.started", "gate.asking":
		return ""
	case "verify.fetch", "verify.build", "verify.test":
		if !l.tty {
			return fmt.Sprintf("%s%s: %s", task, e.Event[len("verify."):], shorten(e.Message, 100))
		}
		return ""
	}
	return task + e.Event + " " + e.Message
}

func from(s string) string {
	if s == "" {
		return " (nothing to verify yet)"
	}
	return " as " + s + " says"
}

func shorten(s string, n int) string {
	r := []rune(oneLine(s))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-1]) + "…"
}

func (l *live) took(e tasks.Event) string {
	if s, ok := l.running["start "+e.Task]; ok {
		return " after " + e.Time.Sub(s.since).Round(time.Second/10).String()
	}
	return ""
}

// track notes what is going on, for the line that is drawn again and again.
func (l *live) track(e tasks.Event) {
	switch e.Event {
	case "baseline.started":
		l.running["baseline"] = step{"baseline", e.Time}
	case "baseline.finished":
		delete(l.running, "baseline")
	case "task.started":
		l.running["start "+e.Task] = step{"", e.Time}
		l.running[e.Task] = step{"task " + e.Task + " working", e.Time}
	case "verify.fetch", "verify.build", "verify.test":
		key, what := e.Task, "task "+e.Task
		if key == "" {
			key, what = "baseline", "baseline"
		}
		l.running[key] = step{what + " " + e.Event[len("verify."):] + ": " + e.Message, e.Time}
	case "task.landed", "task.failed", "task.skipped", "gate.waiting", "gate.asking", "task.question", "run.finished":
		delete(l.running, e.Task)
	}
}

// draw writes the line of what is running; a ticker keeps its time right until the next event.
func (l *live) draw() {
	if !l.tty {
		return
	}
	var oldest step
	n := 0
	for _, s := range l.running {
		if s.what == "" {
			continue
		}
		if n++; n == 1 || s.since.Before(oldest.since) {
			oldest = s
		}
	}
	if n == 0 {
		return
	}
	more := ""
	if n > 1 {
		more = fmt.Sprintf(" (and %d more)", n-1)
	}
	line := fmt.Sprintf("%s  %s%s", time.Since(oldest.since).Round(time.Second), shorten(clean(oldest.what), l.a.width()-20-len(more)), more)
	fmt.Fprint(l.a.w.Stderr, line)
	l.drawn = true
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = time.AfterFunc(time.Second, l.tick)
}

func (l *live) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drawn {
		l.erase()
		l.draw()
	}
}

func (l *live) erase() {
	if l.drawn {
		fmt.Fprint(l.a.w.Stderr, "\r\x1b[K")
		l.drawn = false
	}
}
