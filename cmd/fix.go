package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/check"
	"spec.example/spec/spec"
)

func (a *app) fixVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "fix",
		Short: "Show the mechanical edits that clear findings, and make them on yes",
		Args:  exactly(),
		RunE:  func(*cobra.Command, []string) error { return a.fix() },
	}
}

func (a *app) fix() error {
	root, err := a.workspaceRoot()
	if err != nil {
		return err
	}
	report, err := check.Run(rooted(root), ".", check.Options{Now: a.w.Now()})
	if err != nil {
		return undecided("spec list", "%v", err)
	}
	var edits []spec.Edit
	for _, d := range report.Findings {
		for _, e := range d.Edits {
			fmt.Fprintf(a.w.Stdout, "%s%s: %s\n", clean(place(d)), d.Code, clean(d.Message))
			fmt.Fprintf(a.w.Stdout, "  - %s\n  + %s\n", clean(fmt.Sprintf("%q", e.Old)), clean(fmt.Sprintf("%q", e.New)))
			edits = append(edits, e)
		}
	}
	if len(edits) == 0 {
		fmt.Fprintln(a.w.Stdout, "Nothing that can be mended mechanically.")
		return nil
	}
	tty, err := a.terminal()
	if err != nil {
		return waits("spec fix at a terminal", "the edits are made on a person's yes")
	}
	defer tty.close()
	yes, err := tty.yes(fmt.Sprintf("Make these %d edits?", len(edits)))
	if err != nil {
		return waits("spec fix at a terminal", "the edits are made on a person's yes")
	}
	if !yes {
		return no("", "nothing was changed")
	}
	return a.applyEdits(root, edits)
}
