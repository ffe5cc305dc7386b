package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"spec.example/spec/tasks"
)

func (a *app) runsVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "runs [RUN]",
		Short: "List past runs, or the events of one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.runs(c.Context(), slices.Concat(args, []string{""})[0])
		},
	}
	return c
}

type runLine struct {
	Run      string        `json:"run"`
	Feature  string        `json:"feature"`
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"duration"`
	Landed   int           `json:"landed"`
	Failed   int           `json:"failed"`
	Ended    bool          `json:"ended"`
}

func (a *app) runs(ctx context.Context, id string) error {
	root, err := a.workspaceRoot()
	if err != nil {
		return err
	}
	repo, err := a.repository(ctx, root)
	if err != nil {
		return err
	}
	dir := filepath.Join(repo.Dir, tasks.StateDir, "runs")
	if id != "" {
		return a.oneRun(filepath.Join(dir, filepath.Base(id), "events.jsonl"), id)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	lines := []runLine{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name(), "events.jsonl"))
		if err != nil {
			continue
		}
		if events := tasks.ReadEvents(data); len(events) > 0 {
			lines = append(lines, sumUp(e.Name(), events))
		}
	}
	if a.json {
		return a.print(map[string]any{"version": 1, "runs": lines})
	}
	w := tabwriter.NewWriter(a.w.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tFEATURE\tDURATION\tLANDED\tFAILED\tSTATE")
	for _, l := range lines {
		state := "ended"
		if !l.Ended {
			state = "cut short or running"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\n", l.Run, clean(l.Feature), l.Duration.Round(time.Second/10), l.Landed, l.Failed, state)
	}
	return w.Flush()
}

func sumUp(name string, events []tasks.Event) runLine {
	line := runLine{Run: name, Started: events[0].Time, Duration: events[len(events)-1].Time.Sub(events[0].Time)}
	for _, e := range events {
		if f, ok := e.Data["feature"].(string); ok && line.Feature == "" {
			line.Feature = f
		}
		switch e.Event {
		case "task.landed":
			line.Landed++
		case "task.failed":
			line.Failed++
		case "run.finished":
			line.Ended = true
		}
	}
	return line
}

func (a *app) oneRun(file, id string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return undecided("spec runs", "no run %q here", id)
	}
	if a.json {
		_, err := a.w.Stdout.Write(data)
		return err
	}
	for _, e := range tasks.ReadEvents(data) {
		task := ""
		if e.Task != "" {
			task = " task " + e.Task
		}
		fmt.Fprintf(a.w.Stdout, "%s %s%s %s\n", e.Time.Format("15:04:05"), e.Event, clean(task), clean(shorten(e.Message, 120)))
	}
	return nil
}
