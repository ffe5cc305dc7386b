package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

func (a *app) refineVerb() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   `refine FEATURE "what to change"`,
		Short: "Have an agent change a specification, and see what that invalidates",
		Long: "Refine gives an agent the documents of a feature and your words, checks what it makes of them, and shows the change with\n" +
			"what it invalidates: approvals, tests that prove changed criteria, tasks that have to run again. Nothing is approved by it.",
		Args: exactly("FEATURE", "CHANGE"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.prompt(c.Context())
			defer cancel()
			return a.refine(ctx, args[0], args[1], name)
		},
	}
	c.Flags().StringVar(&name, "agent", "", "`NAME` of the agent (default: the configured one)")
	return c
}

func (a *app) refine(ctx context.Context, feature, words, name string) error {
	if strings.TrimSpace(words) == "" {
		return undecided(`spec refine `+feature+` "what to change"`, "nothing was said of what to change")
	}
	t, err := a.open(feature)
	if err != nil {
		return err
	}
	if t.feature.Dialect != spec.Kiro {
		return undecided("edit "+t.dir, "%s is no specification in Kiro's form", t.dir)
	}
	w, err := a.draftsman(t.root, t.feature.Name, name)
	if err != nil {
		return err
	}
	defer w.close()
	var names []string
	for _, doc := range t.feature.Documents {
		base := path.Base(doc.Path)
		names = append(names, base)
		if err := os.WriteFile(filepath.Join(w.work, base), doc.Data, 0o644); err != nil {
			return err
		}
	}
	brief := func(problems string) []byte { return refineBrief(t, words, names, problems) }
	var after *spec.Feature
	wrong := func() string {
		var problems string
		after, problems = refined(t.feature, w.work, names)
		return problems
	}
	if err := w.write(ctx, strings.Join(names, ", "), brief, wrong); err != nil {
		return err
	}
	return a.takeRefined(ctx, t, after, feature)
}

func refineBrief(t *target, words string, names []string, problems string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Change a specification\n\nThe user wants this changed in the specification %s: %s\n\n", t.feature.Name, strings.TrimSpace(words))
	fmt.Fprintf(&b, "Its documents lie in the current directory: %s. Change what that needs in them, and nothing else. The project lies in %s; read what you need of it, and change nothing there.\n\n", strings.Join(names, ", "), t.root)
	b.WriteString("- Keep the numbers of what stays; add at the end of its list. Tests and tasks refer to numbers.\n- Keep form, headings and every box as they are; a new task has an empty box.\n- Criteria are EARS statements with one outcome each that can be observed. Every criterion is cited by a task.\n- Say what you changed in a few sentences: spec report \"text\", or the tool report of the server spec.\n")
	if problems != "" {
		fmt.Fprintf(&b, "\n## What is wrong with what lies there now\n\n%s\n", problems)
	}
	return b.Bytes()
}

// refined reads the documents as the agent left them, and says what is wrong with them.
func refined(before *spec.Feature, work string, names []string) (*spec.Feature, string) {
	var problems []string
	for _, name := range names {
		if data, err := readRegular(filepath.Join(work, name)); err != nil {
			problems = append(problems, name+": "+err.Error())
		} else if len(bytes.TrimSpace(data)) == 0 {
			problems = append(problems, name+" is empty")
		}
	}
	after, diags := spec.Parse(os.DirFS(filepath.Dir(work)), filepath.Base(work))
	_, more := plan.New(after, plan.State{})
	old := map[string]bool{}
	_, oldMore := plan.New(before, plan.State{})
	for _, d := range oldMore {
		old[d.Code+" "+d.Message] = true
	}
	for _, d := range append(diags, more...) {
		if d.Severity == spec.Error && !old[d.Code+" "+d.Message] {
			problems = append(problems, fmt.Sprintf("%s:%d: %s %s; %s", path.Base(d.File), d.Line, d.Code, d.Message, d.Hint))
		}
	}
	for _, t := range after.Tasks {
		was := before.Task(t.ID)
		switch {
		case was == nil && t.State != spec.Todo:
			problems = append(problems, "task "+t.ID+" is new and ticked; nothing was done yet")
		case was != nil && was.State != t.State:
			problems = append(problems, "the box of task "+t.ID+" was changed; boxes are not yours to set")
		}
	}
	if len(problems) == 0 && !slices.ContainsFunc(before.Documents, func(d spec.Document) bool { return !bytes.Equal(d.Data, document(after, d.Path)) }) {
		problems = append(problems, "nothing was changed")
	}
	return after, strings.Join(problems, "\n")
}

// document is the content of the document with the same name.
func document(f *spec.Feature, name string) []byte {
	for _, d := range f.Documents {
		if path.Base(d.Path) == path.Base(name) {
			return d.Data
		}
	}
	return nil
}

// takeRefined shows the change and what it invalidates, and writes it where the person says yes. Without a terminal it is
// written: it lies uncommitted in the checkout, and nothing of it is approved.
func (a *app) takeRefined(ctx context.Context, t *target, after *spec.Feature, name string) error {
	var b strings.Builder
	for _, doc := range t.feature.Documents {
		if data := document(after, doc.Path); !bytes.Equal(doc.Data, data) {
			b.Write(diff.Diff("a/"+doc.Path, doc.Data, "b/"+doc.Path, data))
		}
	}
	b.WriteString("\n")
	for _, line := range invalidated(t, after) {
		b.WriteString(line + "\n")
	}
	if tty, err := a.terminal(); err == nil {
		defer tty.close()
		columns, _ := tty.size()
		tty.printf("%s", look{columns: min(columns, wide-1), color: a.color == "always" || a.color == "auto" && a.w.env("NO_COLOR") == "" && !tty.plain}.plainPatch(b.String()))
		yes, err := tty.yes("Write this?")
		switch {
		case errors.Is(err, errInterrupted) || ctx.Err() != nil:
			return &failure{exitInterrupted, errors.New("interrupted; nothing was written"), ""}
		case err != nil || !yes:
			return no("", "nothing was written")
		}
	} else {
		fmt.Fprint(a.w.Stdout, clean(b.String()))
	}
	for _, doc := range t.feature.Documents {
		data := document(after, doc.Path)
		if bytes.Equal(doc.Data, data) {
			continue
		}
		file := filepath.Join(t.root, filepath.FromSlash(doc.Path))
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, doc.Data) {
			return undecided("spec refine again", "%s was changed meanwhile; it is left as it is", doc.Path)
		}
		if err := writeFile(file, data); err != nil {
			return err
		}
		fmt.Fprintf(a.w.Stdout, "wrote %s\n", doc.Path)
	}
	fmt.Fprintf(a.w.Stdout, "Next: spec approve %s\n", name)
	return nil
}

// invalidated says what a change of a specification takes away.
func invalidated(t *target, after *spec.Feature) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, clean(fmt.Sprintf(format, args...))) }
	before := map[string]string{}
	for _, c := range t.feature.Criteria() {
		before[c.ID] = c.Text
	}
	for _, c := range after.Criteria() {
		old, had := before[c.ID]
		switch {
		case !had:
			say("+ criterion %s is new", c.ID)
		case old != c.Text && t.lock.Criterion(c.ID) != nil && len(t.lock.Criterion(c.ID).Tests) > 0:
			say("~ criterion %s changed: what its tests proved no longer counts", c.ID)
		case old != c.Text:
			say("~ criterion %s changed", c.ID)
		}
		delete(before, c.ID)
	}
	for _, id := range sortedKeys(before) {
		say("- criterion %s is gone", id)
	}
	held := map[spec.Stage]bool{}
	for _, stage := range spec.Stages() {
		held[stage] = t.lock.Approval(stage) != nil
	}
	for _, u := range tasks.Approved(t.feature, t.lock) {
		held[u.Stage] = false
	}
	for _, u := range tasks.Approved(after, t.lock) {
		if held[u.Stage] {
			say("! the approval of the %s no longer holds", u.Stage)
		}
	}
	was, _ := plan.New(t.feature, plan.State{Outcomes: t.lock.Outcomes()})
	is, _ := plan.New(after, plan.State{Outcomes: t.lock.Outcomes()})
	for _, task := range is.Tasks {
		old := was.Task(task.ID)
		switch {
		case old == nil:
			say("+ task %s is new: %s", task.ID, task.Title)
		case old.Action == plan.Done && task.Action != plan.Done:
			say("~ task %s has to run again: %s", task.ID, task.Title)
		}
	}
	for _, task := range was.Tasks {
		if is.Task(task.ID) == nil {
			say("- task %s is gone: %s", task.ID, task.Title)
		}
	}
	return out
}
