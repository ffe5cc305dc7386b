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

// A live view shows a run: one plain line an event, and at a terminal below them what is going on now.
type live struct {
	a     *app
	mu    sync.Mutex
	tty   bool
	now   runNow
	drawn int // lines of the panel that stand on the screen
	timer *time.Timer
	shown time.Time // when the last activity was drawn
}

func newLive(a *app) *live {
	l := &live{a: a}
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
	l.now.hear(e)
	switch e.Event {
	case "gate.asking", "task.question", "run.finished": // the screen belongs to the question, or to the answer
		l.stop()
	default:
		l.draw()
	}
}

// activity shows what an agent is doing now. It is no event: nothing depends on it.
func (l *live) activity(task, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.now.find(task)
	if s == nil {
		return
	}
	s.what = oneLine(text)
	if now := time.Now(); now.Sub(l.shown) > 100*time.Millisecond { // a flood of output is no flood of the screen
		l.shown = now
		l.erase()
		l.draw()
	}
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
	case "run.finished", "run.progress", "agent.started", "gate.asking":
		return ""
	case "task.dropped":
		return task + "left out: " + e.Message
	case "task.skipped":
		return task + "skipped: " + e.Message
	case "task.resumed", "task.verifying":
		return task + e.Message
	case "gate.waiting":
		return task + "waits: " + e.Message
	case "landing.waiting":
		return fmt.Sprintf("a landing waits: %s (%v)", e.Message, e.Data["hint"])
	case "landing.resumed", "run.stopping":
		return e.Message
	case "result.dropped":
		return task + "an earlier result is dropped: " + e.Message
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
	if s, ok := e.Data["seconds"].(float64); ok {
		return " after " + time.Duration(s*float64(time.Second)).Round(time.Second/10).String()
	}
	return ""
}

// draw writes the panel; a timer keeps its times right until the next event.
func (l *live) draw() {
	if !l.tty {
		return
	}
	lines := l.now.lines(time.Now(), l.a.width()-1, 6)
	if len(lines) == 0 {
		return
	}
	for _, line := range lines {
		fmt.Fprintln(l.a.w.Stderr, line)
	}
	l.drawn = len(lines)
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = time.AfterFunc(time.Second, l.tick)
}

func (l *live) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drawn > 0 {
		l.erase()
		l.draw()
	}
}

func (l *live) stop() {
	if l.timer != nil {
		l.timer.Stop()
	}
}

// erase takes the panel off the screen, so that what follows stands in its place.
func (l *live) erase() {
	if l.drawn > 0 {
		fmt.Fprintf(l.a.w.Stderr, "\x1b[%dA\r\x1b[J", l.drawn)
		l.drawn = 0
	}
}
