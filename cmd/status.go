package cmd

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/check"
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
	Stage    string            `json:"stage"`
	Managed  bool              `json:"managed"`
	Approved map[string]string `json:"approved"` // stage → approved, no, stale, adopted; - without a document
	Done     int               `json:"done"`
	Leaves   int               `json:"leaves"`
	Next     []string          `json:"next"`
	Blocked  []blocker         `json:"blocked"`
	Errors   int               `json:"errors"`
	Warnings int               `json:"warnings"`
	Notes    int               `json:"notes"`

	name  string
	title string // of the first task that is next
}

// Stages in which a feature stands.
const (
	stageApproval  = "approval"  // written, and a person has to approve it
	stageImplement = "implement" // tasks are open
	stageDone      = "done"
	stageInForce   = "in force" // a capability of OpenSpec: it has no tasks
)

func (a *app) status(ctx context.Context) error {
	root, workspaces, below, _ := a.surroundings()
	all := struct {
		Version  int        `json:"version"`
		Features []standing `json:"features"`
		Run      *running   `json:"run"`
	}{1, []standing{}, nil}
	report, err := check.Run(rooted(root), ".", check.Options{Now: a.w.Now()})
	if err != nil {
		return undecided("spec check", "%v", err)
	}
	waiting := a.waiting(ctx)
	for _, w := range workspaces {
		for _, loc := range w.Features {
			if loc.Archived {
				continue
			}
			s := standing{Path: below(loc.Dir), name: path.Base(loc.Dir), Approved: map[string]string{}, Next: []string{}, Blocked: []blocker{}, Stage: string(spec.Requirements)}
			t, err := a.read(root, loc.Dir)
			if err == nil { // else no document can be read; the findings say why
				s.stand(t, waiting[t.feature.Name])
			}
			s.count(report.Findings, loc.Dir)
			all.Features = append(all.Features, s)
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
	for _, line := range standingLines(all.Features, a.width()) {
		fmt.Fprintln(a.w.Stdout, line)
	}
	if now == nil {
		return nil
	}
	fmt.Fprintf(a.w.Stdout, "\nRun %s of %s is going on:\n", now.run, clean(now.feature))
	for _, line := range now.lines(time.Now(), a.width(), 20) {
		fmt.Fprintln(a.w.Stdout, line)
	}
	return nil
}

// stand fills in what the documents and the lock of a feature say, and what its runs wait for.
func (s *standing) stand(t *target, waiting []blocker) {
	p, _ := t.plan(false)
	s.Managed, s.Leaves = t.managed, len(p.Tasks)
	for _, stage := range spec.Stages() {
		if t.feature.Document(stage) != nil {
			s.Approved[string(stage)] = "approved"
		} else {
			s.Approved[string(stage)] = "-"
		}
	}
	unapproved := tasks.Approved(t.feature, t.lock)
	for _, u := range unapproved {
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
	open := 0
	for _, task := range p.Tasks {
		switch task.Action {
		case plan.Blocked:
			open++
			for _, r := range task.Reasons {
				if by, ok := strings.CutPrefix(r, "waits for "); ok {
					s.Blocked = append(s.Blocked, blocker{Task: task.ID, By: by})
				}
			}
		case plan.Run, plan.Rerun:
			open++
			if i := slices.IndexFunc(waiting, func(b blocker) bool { return b.Task == task.ID }); i >= 0 {
				s.Blocked = append(s.Blocked, waiting[i])
				continue
			}
			if all(task.Depends, func(id string) bool { return done[id] || p.Task(id) == nil || p.Task(id).Action == plan.Skip }) {
				if len(s.Next) == 0 {
					s.title = task.Title
				}
				s.Next = append(s.Next, task.ID)
			}
		}
	}
	s.Stage = stageOf(t, len(unapproved), open, len(p.Tasks))
}

// stageOf is what comes next for a feature: a document that is to be written, an approval, the tasks, or nothing.
func stageOf(t *target, unapproved, open, leaves int) string {
	switch {
	case t.feature.Dialect == spec.OpenSpec && leaves == 0:
		return stageInForce
	case leaves == 0:
		for _, stage := range spec.Stages() {
			if t.feature.Document(stage) == nil {
				return string(stage)
			}
		}
		return string(spec.Tasks)
	case open == 0:
		return stageDone
	case t.managed && unapproved > 0:
		return stageApproval
	}
	return stageImplement
}

// count counts the findings about a feature: those in its directory, and those elsewhere that name it.
func (s *standing) count(found spec.Diagnostics, dir string) {
	for _, d := range found {
		if d.File != dir && !strings.HasPrefix(d.File, dir+"/") && (d.Feature != s.name || strings.Contains("/"+d.File, "/"+s.name+"/")) {
			continue
		}
		switch d.Severity {
		case spec.Error:
			s.Errors++
		case spec.Warning:
			s.Warnings++
		default:
			s.Notes++
		}
	}
}

// Widths of the columns of a standing; what is left of the line goes to the next task.
const (
	mostName  = 28
	leastName = 7
	leastNext = 12
	stageWide = 12
	mostBlock = 2 // lines on what blocks one feature
)

// standingLines words where features stand, none wider than width columns.
func standingLines(list []standing, width int) []string {
	same := map[string]int{}
	for _, s := range list {
		same[s.name]++
	}
	name, progress, found := leastName, len("DONE"), len("FINDINGS")
	for i := range list {
		s := &list[i]
		if same[s.name] > 1 || s.name == "." {
			s.name = s.Path
		}
		s.name = cleanLine(s.name)
		name = max(name, plan.Cells(s.name))
		progress = max(progress, len(s.progress()))
		found = max(found, len(s.findings()))
	}
	taken := stageWide + 3 + progress + found + 10
	name = min(name, mostName, max(width-leastNext-taken, leastName))
	next := max(width-name-taken, leastNext)
	row := func(cells ...string) string {
		line := plan.Pad(cells[0], name) + "  " + plan.Pad(cells[1], stageWide) + "  " + cells[2] + "  " + plan.Pad(cells[3], progress) + "  " + plan.Pad(cells[4], next) + "  " + cells[5]
		return strings.TrimRight(line, " ")
	}
	out := []string{row("FEATURE", "STAGE", "RDT", "DONE", "NEXT", "FINDINGS")}
	for i := range list {
		s := &list[i]
		out = append(out, row(fromEnd(s.name, name), s.Stage, s.marks(), s.progress(), s.nextUp(), s.findings()))
		for n, b := range s.Blocked {
			if n == mostBlock && len(s.Blocked) > n+1 {
				out = append(out, fmt.Sprintf("  ! and %d more; spec plan %s", len(s.Blocked)-n, spec.Typed(s.name)))
				break
			}
			out = append(out, plan.Cut("  ! "+clean(b.Task+" waits for "+b.By), width))
			if b.Hint != "" {
				out = append(out, plan.Cut("    "+clean(b.Hint), width))
			}
		}
	}
	return append(out, "", "RDT: requirements, design, tasks: + approved, ~ changed since, a adopted,", "     - not approved, . no document. FINDINGS: errors, warnings, notes")
}

// fromEnd cuts a path at its beginning: what tells paths apart stands at their end.
func fromEnd(s string, columns int) string {
	if plan.Cells(s) <= columns || !strings.Contains(s, "/") {
		return s
	}
	r := []rune(s)
	for len(r) > 0 && plan.Cells(string(r)) > columns-1 {
		r = r[1:]
	}
	return "…" + string(r)
}

func (s *standing) marks() string {
	var b strings.Builder
	for _, stage := range spec.Stages() {
		b.WriteString(first(map[string]string{"approved": "+", "stale": "~", "adopted": "a", "no": "-"}[s.Approved[string(stage)]], "."))
	}
	return b.String()
}

func (s *standing) progress() string { return fmt.Sprintf("%d/%d", s.Done, s.Leaves) }

func (s *standing) nextUp() string {
	switch len(s.Next) {
	case 0:
		return "-"
	case 1:
		return clean(s.Next[0] + " " + s.title)
	}
	return clean(fmt.Sprintf("%s +%d %s", s.Next[0], len(s.Next)-1, s.title))
}

func (s *standing) findings() string {
	var parts []string
	for _, c := range []struct {
		n    int
		mark string
	}{{s.Errors, "E"}, {s.Warnings, "W"}, {s.Notes, "N"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d%s", c.n, c.mark))
		}
	}
	return first(strings.Join(parts, " "), "-")
}

func all[T any](items []T, ok func(T) bool) bool {
	for _, x := range items {
		if !ok(x) {
			return false
		}
	}
	return true
}
