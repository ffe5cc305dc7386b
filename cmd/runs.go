package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/git"
	"spec.example/spec/tasks"
)

func (a *app) runsVerb() *cobra.Command {
	var o runsOptions
	c := &cobra.Command{
		Use:   "runs [RUN [TASK]]",
		Short: "List past runs, the events of one, or what became of a task in it",
		Long:  "Runs lists past runs. With RUN (or latest) it shows the events of one; with TASK its output (--log), what it changed (--diff)\nor what the agent was told (--brief), each for the last attempt.",
		Args:  cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			args = slices.Concat(args, []string{"", ""})
			return a.runs(c.Context(), args[0], args[1], o)
		},
	}
	c.Flags().BoolVar(&o.log, "log", false, "what the agent and the verification wrote")
	c.Flags().BoolVar(&o.diff, "diff", false, "what the task changed")
	c.Flags().BoolVar(&o.brief, "brief", false, "what the agent was told")
	c.Flags().BoolVar(&o.prune, "prune", false, "remove the run logs and this repository's slots and caches")
	return c
}

type runsOptions struct{ log, diff, brief, prune bool }

type runLine struct {
	Run      string        `json:"run"`
	Feature  string        `json:"feature"`
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"duration"`
	Landed   int           `json:"landed"`
	Failed   int           `json:"failed"`
	Attempts int           `json:"attempts"`
	Costs    []string      `json:"costs"`
	Ended    bool          `json:"ended"`
}

func (a *app) runs(ctx context.Context, id, task string, o runsOptions) error {
	root, err := a.workspaceRoot()
	if err != nil {
		return err
	}
	repo, err := a.repository(ctx, root)
	if err != nil {
		return err
	}
	dir := filepath.Join(repo.Dir, tasks.StateDir, "runs")
	switch {
	case o.prune:
		return a.prune(repo)
	case id == "latest":
		if id = latestRun(dir); id == "" {
			return undecided("spec apply FEATURE", "there is no run here")
		}
	}
	switch {
	case task != "":
		return a.taskOfRun(ctx, repo, filepath.Join(dir, filepath.Base(id)), task, o)
	case id != "" && (o.log || o.diff || o.brief):
		return undecided("spec runs "+id, "name a task too: spec runs %s TASK --log", id)
	case id != "":
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
	fmt.Fprintln(w, "RUN\tFEATURE\tSTARTED\tDURATION\tLANDED\tFAILED\tATTEMPTS\tCOST\tSTATE")
	going := tasks.Running(repo.Dir)
	for _, l := range lines {
		state := "ended"
		switch {
		case l.Ended:
		case l.Run == going:
			state = "running"
		default:
			state = "cut short"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", l.Run, clean(l.Feature), l.Started.Local().Format("2 Jan 15:04"), elapsed(l.Duration), l.Landed, l.Failed, l.Attempts,
			clean(first(strings.Join(l.Costs, " + "), "-")), state)
	}
	return w.Flush()
}

func sumUp(name string, events []tasks.Event) runLine {
	line := runLine{Run: name, Costs: []string{}, Started: events[0].Time, Duration: events[len(events)-1].Time.Sub(events[0].Time)}
	costs := costs{}
	for _, e := range events {
		if f, ok := e.Data["feature"].(string); ok && line.Feature == "" {
			line.Feature = f
		}
		switch e.Event {
		case "task.started":
			line.Attempts++
		case "task.landed":
			line.Landed++
			if cost, ok := e.Data["cost"].(string); ok {
				costs.add(cost)
			}
		case "task.failed":
			line.Failed++
		case "run.finished":
			line.Ended = true
		}
	}
	line.Costs = costs.words()
	return line
}

// costs are sums of what agents say that their work has cost, by unit (USD, tokens).
type costs map[string]float64

func (c costs) add(said string) {
	amount, unit, ok := strings.Cut(said, " ")
	if n, err := strconv.ParseFloat(amount, 64); ok && err == nil {
		c[unit] += n
	}
}

func (c costs) words() []string {
	words := []string{}
	for _, unit := range slices.Sorted(maps.Keys(c)) {
		words = append(words, strconv.FormatFloat(c[unit], 'g', 6, 64)+" "+unit)
	}
	return words
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
		if e.Event == "run.progress" {
			continue // for those who watch
		}
		task := ""
		if e.Task != "" {
			task = " task " + e.Task
		}
		fmt.Fprintf(a.w.Stdout, "%s %s%s %s\n", e.Time.Format("15:04:05"), e.Event, clean(task), clean(shorten(e.Message, 120)))
	}
	return nil
}

// latestRun is the run that began last; several may begin in one second, which their names hold.
func latestRun(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	name, began := "", time.Time{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name(), "events.jsonl"))
		if err != nil {
			continue
		}
		if events := tasks.ReadEvents(data); len(events) > 0 && events[0].Time.After(began) {
			name, began = e.Name(), events[0].Time
		}
	}
	return name
}

// taskOfRun shows what a run kept of one task.
func (a *app) taskOfRun(ctx context.Context, repo *git.Repo, dir, task string, o runsOptions) error {
	if _, err := os.Stat(dir); err != nil {
		return undecided("spec runs", "no run %q here", filepath.Base(dir))
	}
	if o.diff {
		return a.diffOfTask(ctx, repo, dir, task)
	}
	names := tasks.Outputs(dir, task)
	shown := 0
	for _, name := range names {
		brief := strings.HasSuffix(name, "-brief.md")
		if brief != o.brief {
			continue
		}
		data, err := readTail(filepath.Join(dir, name), 1<<20)
		if err != nil {
			return err
		}
		if !o.brief {
			fmt.Fprintf(a.w.Stdout, "== %s\n", name)
		}
		a.w.Stdout.Write([]byte(clean(data)))
		shown++
	}
	if shown == 0 {
		return undecided("spec runs "+filepath.Base(dir), "the run kept nothing of task %s", task)
	}
	return nil
}

// readTail reads the last part of a file.
func readTail(file string, most int64) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	skipped := info.Size() - most
	if skipped > 0 {
		if _, err := f.Seek(skipped, io.SeekStart); err != nil {
			return "", err
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, most))
	if skipped > 0 {
		return fmt.Sprintf("(the first %d bytes are left out)\n%s", skipped, data), err
	}
	return string(data), err
}

// diffOfTask shows the commit that landed a task in a run, or what waits at its gate.
func (a *app) diffOfTask(ctx context.Context, repo *git.Repo, dir, task string) error {
	data, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		return undecided("spec runs", "no run %q here", filepath.Base(dir))
	}
	feature := sumUp("", tasks.ReadEvents(data)).Feature
	commit := ""
	refs, err := repo.Refs(ctx, "refs/spec/"+filepath.Base(dir)+"/")
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if strings.HasSuffix(ref.Name, "/"+task) {
			commit = ref.Commit
		}
	}
	landings, err := tasks.Landings(ctx, repo, feature)
	if err != nil {
		return err
	}
	for _, l := range landings {
		if l.Name == task && commit == "" {
			commit = l.Commit
		}
	}
	if commit == "" {
		return undecided("spec runs "+filepath.Base(dir), "task %s left no result in this run", task)
	}
	parent, err := repo.Parent(ctx, commit)
	if err != nil {
		return err
	}
	diff, err := repo.Diff(ctx, parent, commit)
	if err != nil {
		return err
	}
	_, err = a.w.Stdout.Write([]byte(clean(string(diff))))
	return err
}

// prune removes what runs left for people to read, and the slots and caches that the next run would make again. What
// resume needs lies in git and stays.
func (a *app) prune(repo *git.Repo) error {
	cache, err := a.w.cacheDir()
	if err != nil {
		return err
	}
	freed, err := tasks.Prune(repo, cache)
	if errors.Is(err, tasks.ErrBusy) {
		return undecided("wait for it", "%v", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.w.Stdout, "Removed %.1f MB. Answers, results that wait, and everything that landed stay.\n", float64(freed)/1e6)
	return nil
}
