package cmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/git"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

func (a *app) statusVerb() *cobra.Command {
	var watch bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show where every feature stands: approvals, progress, what is next; and the run that is going on",
		Args:  exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if watch {
				return a.watchRun(c.Context())
			}
			return a.status(c.Context())
		},
	}
	c.Flags().BoolVar(&watch, "watch", false, "show the run that is going on until it ends")
	return c
}

// present reads what the run that is going on, in any terminal, is doing; nil where there is none.
func (a *app) present(ctx context.Context) *runNow {
	repo, err := git.Open(ctx, a.dir, a.w.Env)
	if err != nil {
		return nil
	}
	run := tasks.Running(repo.Dir)
	if run == "" {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(repo.Dir, tasks.StateDir, "runs", run, "events.jsonl"))
	if err != nil {
		return nil
	}
	now := &runNow{run: run}
	for _, e := range tasks.ReadEvents(data) {
		now.hear(e)
	}
	return now
}

// watchRun shows a run of another terminal until it ends.
func (a *app) watchRun(ctx context.Context) error {
	l := newLive(a)
	last := ""
	for {
		now := a.present(ctx)
		if now == nil || now.ended {
			l.erase()
			if last == "" {
				a.progress("no run is going on here")
			}
			return nil
		}
		l.mu.Lock()
		l.erase()
		l.now = *now
		l.draw()
		l.stop()
		text := strings.Join(now.lines(time.Now(), a.width()-1, 6), "\n")
		l.mu.Unlock()
		if !l.tty && text != last {
			fmt.Fprintln(a.w.Stdout, text)
		}
		last = text
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// A standing is where one feature stands.
type standing struct {
	Path     string            `json:"path"`
	Managed  bool              `json:"managed"`
	Approved map[string]string `json:"approved"` // stage → yes, no, stale, adopted
	Done     int               `json:"done"`
	Leaves   int               `json:"leaves"`
	Next     []string          `json:"next"`
	Errors   int               `json:"errors"`
}

func (a *app) status(ctx context.Context) error {
	fsys := rooted(a.dir)
	workspaces, _ := spec.Workspaces(fsys, ".")
	all := struct {
		Version  int        `json:"version"`
		Features []standing `json:"features"`
		Run      *running   `json:"run"`
	}{1, []standing{}, nil}
	for _, w := range workspaces {
		for _, loc := range w.Features {
			if loc.Archived {
				continue
			}
			t, err := a.read(a.dir, loc.Dir)
			if err != nil {
				continue // a directory without a document that can be read; spec check names it
			}
			all.Features = append(all.Features, stand(t, loc.Dir))
		}
	}
	now := a.present(ctx)
	if now != nil {
		all.Run = now.data()
	}
	if a.json {
		return a.print(all)
	}
	if len(all.Features) == 0 {
		a.progress("no specifications below %s\nspec: hint: spec new \"what you want\"", a.dir)
		return nil
	}
	w := tabwriter.NewWriter(a.w.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FEATURE\tREQUIREMENTS\tDESIGN\tTASKS\tDONE\tNEXT\tERRORS")
	for _, s := range all.Features {
		next := strings.Join(s.Next, " ")
		if len(s.Next) > 3 {
			next = strings.Join(s.Next[:3], " ") + " …"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d/%d\t%s\t%d\n", clean(s.Path), s.Approved["requirements"], s.Approved["design"], s.Approved["tasks"], s.Done, s.Leaves, next, s.Errors)
	}
	if err := w.Flush(); err != nil || now == nil {
		return err
	}
	fmt.Fprintf(a.w.Stdout, "\nRun %s of %s is going on:\n", now.run, clean(now.feature))
	for _, line := range now.lines(time.Now(), a.width(), 20) {
		fmt.Fprintln(a.w.Stdout, line)
	}
	return nil
}

func stand(t *target, dir string) standing {
	p, diags := t.plan(false)
	s := standing{Path: dir, Managed: t.managed, Approved: map[string]string{}, Next: []string{}, Leaves: len(p.Tasks)}
	for _, stage := range spec.Stages() {
		if t.feature.Document(stage) != nil {
			s.Approved[string(stage)] = "approved"
		} else {
			s.Approved[string(stage)] = "-"
		}
	}
	for _, u := range tasks.Approved(t.feature, t.lock) {
		switch {
		case u.Stale:
			s.Approved[string(u.Stage)] = "stale"
		case t.lock.Approval(u.Stage) != nil:
			s.Approved[string(u.Stage)] = "adopted"
		default:
			s.Approved[string(u.Stage)] = "no"
		}
	}
	done := map[string]bool{}
	for _, task := range p.Tasks {
		if task.Action == plan.Done {
			s.Done++
			done[task.ID] = true
		}
	}
	for _, task := range p.Tasks {
		if (task.Action == plan.Run || task.Action == plan.Rerun) && all(task.Depends, func(id string) bool { return done[id] || p.Task(id) == nil || p.Task(id).Action == plan.Skip }) {
			s.Next = append(s.Next, task.ID)
		}
	}
	for _, d := range diags {
		if d.Severity == spec.Error {
			s.Errors++
		}
	}
	return s
}

func all[T any](items []T, ok func(T) bool) bool {
	for _, x := range items {
		if !ok(x) {
			return false
		}
	}
	return true
}
