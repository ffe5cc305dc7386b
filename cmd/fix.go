package cmd

import (
	"fmt"
	"os"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"spec.example/spec/internal/check"
	"spec.example/spec/spec"
)

func (a *app) fixVerb() *cobra.Command {
	var kiro bool
	c := &cobra.Command{
		Use:   "fix",
		Short: "Show the mechanical edits that clear findings, and make them on yes",
		Args:  exactly(),
		RunE:  func(*cobra.Command, []string) error { return a.fix(kiro) },
	}
	c.Flags().BoolVar(&kiro, "kiro", false, "mend what Kiro's own tools would refuse too")
	return c
}

func (a *app) fix(kiro bool) error {
	root, err := a.workspaceRoot()
	if err != nil {
		return err
	}
	fixes, err := a.fixes(root, kiro)
	if err != nil {
		return err
	}
	if len(fixes.edits) == 0 {
		fmt.Fprintln(a.w.Stdout, "Nothing that can be mended mechanically.")
		return nil
	}
	for _, line := range fixes.said {
		fmt.Fprintln(a.w.Stdout, clean(line))
	}
	for _, name := range sortedKeys(fixes.read) {
		changed, err := spec.ApplyEdits(name, fixes.read[name], fixes.edits)
		if err != nil {
			return undecided("spec check", "%s: the edits do not fit together: %v", name, err)
		}
		fmt.Fprint(a.w.Stdout, clean(string(diff.Diff(name, fixes.read[name], name, changed))))
	}
	tty, err := a.terminal()
	if err != nil {
		return waits("spec fix at a terminal", "the edits are made on a person's yes")
	}
	defer tty.close()
	yes, err := tty.yes(fmt.Sprintf("Make %s?", counted(len(fixes.edits), "edit", "edits")))
	if err != nil {
		return waits("spec fix at a terminal", "the edits are made on a person's yes")
	}
	if !yes {
		return no("", "nothing was changed")
	}
	return a.applyEdits(root, fixes.edits, fixes.read)
}

// fixes are the edits that clear findings, with the files as they were when the findings were made.
type fixes struct {
	said  []string
	edits []spec.Edit
	read  map[string][]byte
}

// fixes looks for findings twice, with the files read in between: what changes while it looks is not edited.
func (a *app) fixes(root string, kiro bool) (fixes, error) {
	f := fixes{read: map[string][]byte{}}
	first, err := check.Run(rooted(root), ".", check.Options{Kiro: kiro, Now: a.w.Now()})
	if err != nil {
		return f, undecided("spec list", "%v", err)
	}
	for _, d := range first.Findings {
		for _, e := range d.Edits {
			if f.read[e.Path] != nil {
				continue
			}
			file, err := inside(root, e.Path)
			if err != nil {
				continue // it leads out of the workspace: nothing is written there
			}
			if f.read[e.Path], err = os.ReadFile(file); err != nil {
				return f, undecided("", "%v", err)
			}
		}
	}
	if len(f.read) == 0 {
		return f, nil
	}
	second, err := check.Run(rooted(root), ".", check.Options{Kiro: kiro, Now: a.w.Now()})
	if err != nil {
		return f, undecided("spec list", "%v", err)
	}
	seen := map[spec.Edit]bool{}
	for _, d := range second.Findings {
		for _, e := range d.Edits {
			if f.read[e.Path] == nil || seen[e] {
				continue
			}
			seen[e] = true
			f.said = append(f.said, place(d)+d.Code+": "+d.Message)
			f.edits = append(f.edits, e)
		}
	}
	return f, nil
}
