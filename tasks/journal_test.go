package tasks

import (
	"bytes"
	"os"
	"testing"
	"time"

	"spec.example/spec/internal/agent"
)

// TestLogCutAnywhereReadsAsAPrefix cuts a run log at every byte: what is whole of it counts, and nothing else.
func TestLogCutAnywhereReadsAsAPrefix(t *testing.T) {
	top := t.TempDir()
	j, err := openJournal(top, time.Unix(1_780_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	q := agent.Question{Text: "Which? ✓\nreally", Choices: []string{"a", "b"}}
	for _, e := range []Event{
		{Version: 1, Event: "task.question", Run: j.run, Task: "4", Data: map[string]any{"feature": "f", "question": q.Text, "choices": q.Choices, "id": questionID("4", q)}},
		answerEvent("f", j.run, "4", q, agent.Answer{Text: "a", By: "tty"}, time.Unix(1, 0)),
		{Version: 1, Event: "task.attempt", Run: j.run, Task: "4", Data: map[string]any{"feature": "f", "inputs": "sha256:1"}},
	} {
		if err := j.write(e, true); err != nil {
			t.Fatal(err)
		}
	}
	name := j.output("events.jsonl")
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	data := readFile(t, name)
	for n := range len(data) + 1 {
		whole := bytes.Count(data[:n], []byte{'\n'})
		if got := len(ReadEvents(data[:n])); got != whole {
			t.Fatalf("cut at byte %d: %d events, want %d", n, got, whole)
		}
		h := &history{answers: map[string]Decided{}, attempts: map[string]int{}, failures: map[string]string{}, open: map[string]Decided{}}
		h.add(ReadEvents(data[:n]), "f")
		if len(h.open)+len(h.answers) != min(whole, 1) || whole == 1 && len(h.open) != 1 || whole > 1 && h.answers[questionID("4", q)].Answer.Text != "a" {
			t.Fatalf("cut at byte %d: open %v, answers %v", n, h.open, h.answers)
		}
	}
	h, err := readHistory(top, "f")
	if err != nil || h.attempts["4 sha256:1"] != 1 {
		t.Errorf("attempts %v (%v)", h.attempts, err)
	}
	if other, err := readHistory(top, "g"); err != nil || len(other.answers) != 0 {
		t.Errorf("another feature has %v (%v)", other.answers, err)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
