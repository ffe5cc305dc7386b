package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

func (a *app) landVerb() *cobra.Command {
	var o applyOptions
	c := &cobra.Command{
		Use:   "land FEATURE TASK",
		Short: "Land your own edits as a task: fenced, verified, approved, ticked",
		Long: "Land takes what lies uncommitted in the checkout as the work on a task. It passes the same fence, verification and gate as\n" +
			"an agent's, and lands as one commit with its tick and facts. Nothing in the checkout is lost when it is refused.",
		Args: exactly("FEATURE", "TASK"),
		RunE: func(c *cobra.Command, args []string) error { return a.land(c.Context(), args[0], args[1], o) },
	}
	f := c.Flags()
	f.StringVar(&o.approve, "approve", "", "gate `POLICY`: auto, task or file")
	f.StringSliceVar(&o.acceptRisk, "accept-risk", nil, "under auto, do not stop at risks of `CLASS`")
	f.BoolVar(&o.redBaseline, "red-baseline", false, "go on though the head fails its own tests; nothing else may fail")
	f.BoolVar(&o.noVerify, "no-verify", false, "leave out the repository's commit hooks")
	return c
}

func (a *app) land(ctx context.Context, name, id string, o applyOptions) error {
	t, err := a.open(name)
	if err != nil {
		return err
	}
	p, diags := t.plan(true)
	if diags.HasErrors() {
		return no("spec plan "+name, "%s has mistakes; nothing was landed", t.feature.Name)
	}
	task := p.Task(id)
	switch {
	case task == nil:
		return undecided("spec plan "+name, "no task %s in the plan of %s", id, t.feature.Name)
	case t.lock.Outcome(id).Kind == spec.Landed && task.Action == plan.Done:
		return no("spec undo "+name+" "+id, "task %s has landed already", id)
	}
	for _, on := range task.Depends {
		if d := p.Task(on); d.Action == plan.Run {
			return no("spec land "+name+" "+on, "task %s needs task %s, which is not done", id, on)
		}
	}
	repo, err := a.repository(ctx, t.root)
	if err != nil {
		return err
	}
	o.agent = "blueprint" // never started: the work is done
	opts, err := a.runOptions(ctx, repo, t, o)
	if err != nil {
		return err
	}
	opts.Hand, opts.Only, opts.Optional, opts.Jobs, opts.Agent, opts.Branch = true, []string{id}, true, 1, nil, ""
	if err := a.mayApply(ctx, repo, t, name); err != nil {
		return err
	}
	report, err := tasks.Run(ctx, p, opts)
	if err != nil {
		return a.explainRun(err, t, name)
	}
	if len(report.Waiting) > 0 && !report.Interrupted {
		return waits(fmt.Sprintf("spec land %s %s at a terminal", name, id), "%s", report.Waiting[0].Reason)
	}
	err = a.reportRun(report, t)
	if len(report.Failed) > 0 && !report.Interrupted {
		return no(fmt.Sprintf("mend it in the checkout, then: spec land %s %s", name, id), "task %s did not land", id)
	}
	return err
}

func (a *app) undoVerb() *cobra.Command {
	var red bool
	c := &cobra.Command{
		Use:   "undo FEATURE TASK",
		Short: "Take a landed task back, with everything that depends on it",
		Long: "Undo reverts the code of a task and of the landed tasks that depend on it, latest first, keeps what came later, takes back\n" +
			"ticks and facts, and commits that. Where it would lose other work, or what is left fails its tests, nothing is changed.",
		Args: exactly("FEATURE", "TASK"),
		RunE: func(c *cobra.Command, args []string) error { return a.undo(c.Context(), args[0], args[1], red) },
	}
	c.Flags().BoolVar(&red, "red-baseline", false, "though what is left fails its tests")
	return c
}

func (a *app) undo(ctx context.Context, name, id string, red bool) error {
	t, err := a.open(name)
	if err != nil {
		return err
	}
	if t.feature.Task(id) == nil {
		return undecided("spec plan "+name, "no task %s in %s", id, t.feature.Name)
	}
	repo, err := a.repository(ctx, t.root)
	if err != nil {
		return err
	}
	s, err := a.settings(t.root)
	if err != nil {
		return err
	}
	if err := a.trusted(t.root, s); err != nil {
		return err
	}
	opts, err := a.baseOptions(ctx, repo, t, s)
	if err != nil {
		return err
	}
	if opts.Who, err = a.identity(ctx, repo); err != nil {
		return err
	}
	if opts.Sandbox, err = s.sandbox(); err != nil {
		return err
	}
	if red {
		opts.Baseline = tasks.RedBaseline
	}
	done, err := tasks.Undo(ctx, opts, id)
	if err != nil {
		return a.explainRun(err, t, name)
	}
	if a.json {
		return a.print(map[string]any{"version": 1, "tasks": done.Tasks, "paths": done.Paths, "commit": done.Commit})
	}
	fmt.Fprintf(a.w.Stdout, "Undone: %s; %d paths changed, commit %s.\nNext: spec plan %s\n", strings.Join(done.Tasks, ", "), len(done.Paths), done.Commit[:min(12, len(done.Commit))], name)
	return nil
}
