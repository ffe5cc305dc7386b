package cmd

import (
	"slices"
	"testing"
	"time"

	"spec.example/spec/tasks"
)

// TestPresentOfARun holds what a person sees of a run against its events, as they are and as they come back from a log.
func TestPresentOfARun(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	events := []tasks.Event{
		{Event: "run.started", Run: "r1", Time: at},
		{Event: "baseline.started", Time: at},
		{Event: "baseline.finished", Time: at},
		{Event: "task.started", Task: "1", Time: at},
		{Event: "task.started", Task: "2", Time: at.Add(time.Second)},
		{Event: "run.progress", Time: at.Add(time.Second), Data: map[string]any{"landed": 3, "total": 6, "left": 3, "next": []any{"5", "6"}, "seconds": 90.0}},
		{Event: "verify.test", Task: "2", Message: "日本語のコマンド日本語のコマンド", Time: at.Add(2 * time.Second)},
		{Event: "task.question", Task: "1", Message: "Which?", Time: at.Add(3 * time.Second)},
		{Event: "task.failed", Task: "4", Time: at.Add(3 * time.Second)},
	}
	var n runNow
	for _, e := range events {
		n.hear(e)
	}
	want := []string{
		"    1s  task 2: test: 日本語のコマンド…",
		"        [##########..........] 3 of 6 l…",
		"        waiting for a person: 1; ready …",
	}
	if got := n.lines(at.Add(2*time.Second), 40, 6); !slices.Equal(got, want) {
		t.Errorf("lines:\n%q\nwant\n%q", got, want)
	}
	if got := n.lines(at.Add(31*time.Second), 100, 6)[1]; got != "        [##########..........] 3 of 6 landed, 1 failed, about 1m00s left" {
		t.Errorf("progress: %q", got)
	}
	n.hear(tasks.Event{Event: "run.finished"})
	if got := n.lines(at, 80, 6); got != nil || !n.ended {
		t.Errorf("after the end: %q", got)
	}
}

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{900 * time.Millisecond: "1s", 59 * time.Second: "59s", 60 * time.Second: "1m00s", 125 * time.Second: "2m05s", 3*time.Hour + 5*time.Minute: "3h05m"} {
		if got := elapsed(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
