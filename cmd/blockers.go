package cmd

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"spec.example/spec/internal/git"
	"spec.example/spec/tasks"
)

// A blocker is what a task waits for besides the tasks of its own feature.
type blocker struct {
	Task string `json:"task"`
	By   string `json:"by"`
	Hint string `json:"hint"`
}

// waiting reads from the logs of all runs, by feature, which tasks wait for a person, or failed, and what clears it. What
// became of a task later counts.
func (a *app) waiting(ctx context.Context) map[string][]blocker {
	repo, err := git.Open(ctx, a.dir, a.w.Env)
	if err != nil {
		return nil // without a repository there are no runs
	}
	logs, _ := filepath.Glob(filepath.Join(repo.Dir, tasks.StateDir, "runs", "*", "events.jsonl")) // the pattern is well made
	slices.Sort(logs)
	out := map[string][]blocker{}
	for _, log := range logs {
		data, err := os.ReadFile(log)
		if err != nil {
			continue
		}
		for _, e := range tasks.ReadEvents(data) {
			if feature, _ := e.Data["feature"].(string); feature != "" && e.Task != "" {
				out[feature] = heard(out[feature], feature, e)
			}
		}
	}
	return out
}

// heard takes one event about a task in.
func heard(list []blocker, feature string, e tasks.Event) []blocker {
	var b blocker
	switch e.Event {
	case "gate.waiting":
		b = blocker{e.Task, "a person at its gate", "spec apply " + feature}
	case "task.question":
		id, _ := e.Data["id"].(string)
		b = blocker{e.Task, "an answer: " + oneLine(e.Message), "spec answer " + e.Run + " " + id + ` "…"`}
	case "task.failed":
		b = blocker{e.Task, "somebody: it failed: " + oneLine(e.Message), "spec runs " + e.Run + " " + e.Task + " --log"}
	case "task.started", "task.landed", "task.answer", "task.skipped", "task.undone":
	default:
		return list
	}
	list = slices.DeleteFunc(list, func(old blocker) bool { return old.Task == e.Task })
	if b.Task != "" {
		list = append(list, b)
	}
	return list
}
