package cmd

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

func (a *app) showVerb() *cobra.Command {
	var brief string
	c := &cobra.Command{
		Use:   "show FEATURE",
		Short: "Show what a specification says, as it was understood",
		Args:  exactly("FEATURE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if brief != "" {
				return a.showBrief(args[0], brief)
			}
			return a.show(args[0])
		},
	}
	c.Flags().StringVar(&brief, "brief", "", "print exactly what an agent would be told of `TASK`")
	return c
}

func (a *app) show(name string) error {
	t, err := a.open(name)
	if err != nil {
		return err
	}
	_, diags := t.plan(false)
	result, more := spec.Applied(t.fsys, t.feature)
	diags = append(diags, more...)
	a.relocate(t, diags)
	if a.json {
		view := spec.View(t.feature, diags)
		view.Result = result
		return a.print(view)
	}
	var b bytes.Buffer
	f := t.feature
	fmt.Fprintf(&b, "%s (%s, %s)\n\nRequirements\n", f.Title, f.Name, f.Dialect)
	for _, r := range f.Requirements {
		indent := "  "
		if r.Parent != "" {
			indent = "    "
		}
		fmt.Fprintf(&b, "%s%s  %s\n", indent, r.ID, oneLine(first(r.Title, r.Text)))
	}
	if len(f.Properties) > 0 {
		b.WriteString("\nProperties\n")
		for _, p := range f.Properties {
			fmt.Fprintf(&b, "  %s  %s (validates %s)\n", p.ID, oneLine(p.Title), strings.Join(p.Validates, ", "))
		}
	}
	if len(result) > 0 {
		b.WriteString("\nAfter the change\n")
		marks := map[spec.Delta]string{spec.Added: "+", spec.Modified: "~", spec.Removed: "-", spec.Renamed: ">"}
		for _, m := range result {
			was := ""
			if m.Was != "" {
				was = " (was " + oneLine(m.Was) + ")"
			}
			fmt.Fprintf(&b, "  %1s %s: %s%s\n", marks[m.Delta], m.Capability, oneLine(m.Name), was)
		}
	}
	b.WriteString("\nTasks\n")
	marks := map[spec.TaskState]string{spec.Todo: " ", spec.Queued: "~", spec.Doing: "-", spec.Done: "x"}
	for _, task := range f.Tasks {
		indent := "  "
		if task.Parent != "" {
			indent = "    "
		}
		fmt.Fprintf(&b, "%s[%s] %s  %s\n", indent, marks[task.State], task.ID, oneLine(task.Title))
	}
	a.w.Stdout.Write([]byte(clean(b.String())))
	a.findings(diags)
	return nil
}

// findings prints diagnostics to standard error, one line each with its hint.
//
// spec:workflow/1.2
func (a *app) findings(diags spec.Diagnostics) {
	for _, d := range diags {
		fmt.Fprintln(a.w.Stderr, cleanLine(place(d)+string(d.Severity)+" "+d.Code+": "+d.Message))
		if d.Hint != "" {
			fmt.Fprintln(a.w.Stderr, cleanLine("  hint: "+d.Hint))
		}
	}
}

func place(d spec.Diagnostic) string {
	switch {
	case d.File == "":
		return ""
	case d.Line == 0:
		return d.File + ": "
	case d.Column == 0:
		return fmt.Sprintf("%s:%d: ", d.File, d.Line)
	}
	return fmt.Sprintf("%s:%d:%d: ", d.File, d.Line, d.Column)
}

func (a *app) showBrief(name, id string) error {
	t, err := a.open(name)
	if err != nil {
		return err
	}
	if t.feature.Task(id) == nil {
		return undecided("spec show "+name, "no task %s in %s", id, t.feature.Name)
	}
	steering, _ := spec.Steering(t.fsys, ".")
	in := tasks.BriefInput{File: func(name string) ([]byte, error) { return fs.ReadFile(t.fsys, name) }}
	in.Steering, in.Manifest = tasks.Steer(slices.Concat(steering, spec.Powers(t.fsys, "."), a.globalSteering()), tasks.TaskText(t.feature, t.feature.Task(id)))
	if data, err := fs.ReadFile(t.fsys, path.Join(t.feature.Dir, tasks.DecisionsFile)); err == nil {
		in.Decisions = string(data)
	} else if !os.IsNotExist(err) {
		return err
	}
	brief, err := tasks.Brief(t.feature, id, in)
	if err != nil {
		return err
	}
	for _, m := range in.Manifest {
		a.progress("steering: %s", m)
	}
	_, err = a.w.Stdout.Write(brief)
	return err
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
