package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

type planOptions struct {
	optional bool
	why      string
	format   string
	out      string
}

func (a *app) planVerb() *cobra.Command {
	var o planOptions
	c := &cobra.Command{
		Use:   "plan FEATURE",
		Short: "Show what apply would do, in which order and why",
		Long:  "Plan puts the tasks of a specification in order. Marks: + will run, ~ runs again, = is done, ! is blocked.\nMistakes in the specification are reported all at once, with their places; then the exit status is 1.",
		Args:  exactly("FEATURE"),
		RunE:  func(_ *cobra.Command, args []string) error { return a.plan(args[0], o) },
	}
	c.Flags().BoolVar(&o.optional, "optional", false, "plan optional tasks too")
	c.Flags().StringVar(&o.why, "why", "", "say why `TASK` stands where it does")
	c.Flags().StringVar(&o.format, "format", "text", "`FORM` of the answer: text, json, mermaid, dot or svg")
	c.Flags().StringVar(&o.out, "out", "", "save the plan in `FILE`, for apply --plan")
	return c
}

func (a *app) plan(name string, o planOptions) error {
	t, err := a.open(name)
	if err != nil {
		return err
	}
	p, diags := t.plan(o.optional)
	if o.why != "" && p.Task(o.why) == nil {
		return undecided("spec plan "+name, "no task %s in the plan of %s", o.why, t.feature.Name)
	}
	if o.out != "" {
		if err := a.savePlan(p, o.out); err != nil {
			return err
		}
	}
	a.relocate(t, diags)
	switch {
	case a.json || o.format == "json":
		var out bytes.Buffer
		if err := plan.JSON(&out, p, diags); err != nil {
			return err
		}
		a.w.Stdout.Write(escaped(out.Bytes()))
	case o.format == "text":
		out := bufio.NewWriterSize(a.w.Stdout, 1<<16)
		plan.Text(cleanWriter{out}, p, plan.TextOptions{Width: a.width(), Why: o.why})
		if err := out.Flush(); err != nil {
			return err
		}
		a.findings(diags)
		if len(p.Tasks) == 0 && !diags.HasErrors() {
			a.progress("no tasks yet\nspec: hint: write tasks.md, or spec new")
		}
	case o.format == "mermaid":
		cleanWriter{a.w.Stdout}.Write(plan.Mermaid(p))
	case o.format == "dot":
		cleanWriter{a.w.Stdout}.Write(plan.DOT(p))
	case o.format == "svg":
		cleanWriter{a.w.Stdout}.Write(plan.SVG(p))
	default:
		return undecided("spec plan --help", "--format is text, json, mermaid, dot or svg, not %q", o.format)
	}
	if diags.HasErrors() {
		return errSaid
	}
	return nil
}

// A savedPlan is what `plan --out` keeps: apply refuses it once a task or what it cites has changed.
type savedPlan struct {
	Version int               `json:"version"`
	Feature string            `json:"feature"`
	Inputs  map[string]string `json:"inputs"`
	Actions map[string]string `json:"actions"`
}

func planned(p *plan.Plan) savedPlan {
	s := savedPlan{Version: 1, Feature: p.Feature.Name, Inputs: map[string]string{}, Actions: map[string]string{}}
	for _, t := range p.Tasks {
		s.Inputs[t.ID], s.Actions[t.ID] = t.Inputs(), string(t.Action)
	}
	return s
}

func (a *app) savePlan(p *plan.Plan, file string) error {
	data, err := json.MarshalIndent(planned(p), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(a.path(file), append(data, '\n'), 0o644); err != nil {
		return undecided("", "saving the plan: %v", err)
	}
	return nil
}

// checkPlan refuses a saved plan that is no longer the plan.
func (a *app) checkPlan(p *plan.Plan, file string) error {
	data, err := os.ReadFile(a.path(file))
	if err != nil {
		return undecided("", "reading the saved plan: %v", err)
	}
	var saved savedPlan
	if err := json.Unmarshal(data, &saved); err != nil || saved.Version != 1 {
		return undecided("spec plan --out FILE", "%s is no saved plan", file)
	}
	now := planned(p)
	again := fmt.Sprintf("spec plan %s --out %s", spec.Typed(p.Feature.Name), file)
	if saved.Feature != now.Feature {
		return undecided(again, "the saved plan is for %s", saved.Feature)
	}
	for id, inputs := range now.Inputs {
		if saved.Inputs[id] != inputs || saved.Actions[id] != now.Actions[id] {
			return undecided(again, "the specification has changed since the plan was saved: task %s", id)
		}
	}
	if len(saved.Inputs) != len(now.Inputs) {
		return undecided(again, "the specification has changed since the plan was saved: tasks are gone")
	}
	return nil
}
