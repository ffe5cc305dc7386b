package cmd

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"spec.example/spec/plan"
	"spec.example/spec/tasks"
)

// runNow is what the events of a run so far say of its present. The live view and `spec status` show it.
type runNow struct {
	run, feature  string
	steps         []step // what is running, oldest first
	waits         []string
	landed, total int
	failed        int
	next          []string
	seconds       int // estimate for the rest; 0 for none
	ended         bool
	asked         time.Time // when the last estimate was made
}

// A step is one thing that is going on.
type step struct {
	task  string // "" for the baseline
	what  string
	since time.Time
}

func (n *runNow) find(task string) *step {
	i := slices.IndexFunc(n.steps, func(s step) bool { return s.task == task })
	if i < 0 {
		return nil
	}
	return &n.steps[i]
}

func (n *runNow) set(task, what string, at time.Time) {
	if s := n.find(task); s != nil {
		s.what = what
		return
	}
	n.steps = append(n.steps, step{task, what, at})
}

func (n *runNow) drop(task string) {
	n.steps = slices.DeleteFunc(n.steps, func(s step) bool { return s.task == task })
}

// hear takes one event in.
func (n *runNow) hear(e tasks.Event) {
	number := func(key string) int {
		switch v := e.Data[key].(type) {
		case int:
			return v
		case float64:
			return int(v)
		}
		return 0
	}
	switch e.Event {
	case "run.started":
		n.run = e.Run
	case "run.progress":
		n.landed, n.total, n.seconds, n.asked, n.next = number("landed"), number("total"), number("seconds"), e.Time, nil
		switch ids := e.Data["next"].(type) {
		case []string:
			n.next = ids
		case []any:
			for _, id := range ids {
				n.next = append(n.next, fmt.Sprint(id))
			}
		}
	case "run.finished":
		n.ended, n.steps = true, nil
	case "baseline.started":
		n.set("", "baseline: verifying the head", e.Time)
	case "baseline.finished":
		n.drop("")
	case "task.started":
		n.drop(e.Task)
		n.set(e.Task, "working", e.Time)
	case "verify.fetch", "verify.build", "verify.test":
		n.set(e.Task, e.Event[len("verify."):]+": "+oneLine(e.Message), e.Time)
	case "task.landed", "task.skipped":
		n.drop(e.Task)
	case "task.failed":
		n.failed++
		n.drop(e.Task)
	case "gate.waiting", "task.question":
		n.drop(e.Task)
		n.waits = append(n.waits, e.Task)
	}
	if f, ok := e.Data["feature"].(string); ok && n.feature == "" {
		n.feature = f
	}
}

// lines words the present in at most most lines of what is running, and two more, none wider than width columns.
func (n *runNow) lines(now time.Time, width, most int) []string {
	if len(n.steps) == 0 {
		return nil
	}
	var out []string
	for i, s := range n.steps {
		if i == most-1 && len(n.steps) > most {
			out = append(out, fmt.Sprintf("  and %d more", len(n.steps)-i))
			break
		}
		what := s.what
		if s.task != "" {
			what = "task " + s.task + ": " + what
		}
		out = append(out, fmt.Sprintf("%6s  %s", elapsed(now.Sub(s.since)), what))
	}
	if n.total > 0 {
		sum := fmt.Sprintf("        %s %d of %d landed", bar(n.landed, n.total, 20), n.landed, n.total)
		if n.failed > 0 {
			sum += fmt.Sprintf(", %d failed", n.failed)
		}
		if rest := time.Duration(n.seconds)*time.Second - now.Sub(n.asked); n.seconds > 0 && rest > 0 {
			sum += ", about " + elapsed(rest) + " left"
		}
		out = append(out, sum)
	}
	var last []string
	if len(n.waits) > 0 {
		last = append(last, "waiting for a person: "+strings.Join(n.waits, ", "))
	}
	if len(n.next) > 0 {
		last = append(last, "ready next: "+strings.Join(n.next, ", "))
	}
	if len(last) > 0 {
		out = append(out, "        "+strings.Join(last, "; "))
	}
	for i, line := range out {
		out[i] = plan.Cut(clean(line), width)
	}
	return out
}

// elapsed words a duration as a person reads it: 7s, 3m20s, 2h05m.
func elapsed(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

func bar(done, all, width int) string {
	full := min(width, done*width/all)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}

// running is a run that is going on, for JSON.
type running struct {
	Run     string        `json:"run"`
	Feature string        `json:"feature"`
	Landed  int           `json:"landed"`
	Total   int           `json:"total"`
	Failed  int           `json:"failed"`
	Tasks   []runningTask `json:"tasks"`
	Waiting []string      `json:"waiting"`
	Next    []string      `json:"next"`
}

type runningTask struct {
	Task  string    `json:"task"`
	What  string    `json:"what"`
	Since time.Time `json:"since"`
}

func (n *runNow) data() *running {
	out := &running{n.run, n.feature, n.landed, n.total, n.failed, []runningTask{}, append([]string{}, n.waits...), append([]string{}, n.next...)}
	for _, s := range n.steps {
		out.Tasks = append(out.Tasks, runningTask{s.task, s.what, s.since})
	}
	return out
}
