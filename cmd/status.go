package cmd

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

func (a *app) statusVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show where every feature stands: approvals, progress, what is next",
		Args:  exactly(),
		RunE:  func(*cobra.Command, []string) error { return a.status() },
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

func (a *app) status() error {
	fsys := rooted(a.dir)
	workspaces, _ := spec.Workspaces(fsys, ".")
	all := struct {
		Version  int        `json:"version"`
		Features []standing `json:"features"`
	}{1, []standing{}}
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
	return w.Flush()
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
