package cmd

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

func (a *app) adoptVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "adopt FEATURE",
		Short: "Take an existing specification under control as it is",
		Long:  "Adopt writes spec.lock for a feature that was made without spec: its documents and ticked tasks are recorded as adopted,\nwhich claims no approval and no proof. From then on spec check tells what changes. It may be run again.",
		Args:  exactly("FEATURE"),
		RunE:  func(_ *cobra.Command, args []string) error { return a.adopt(args[0]) },
	}
}

func (a *app) adopt(name string) error {
	t, err := a.open(name)
	if err != nil {
		return err
	}
	t.lock.Adopt(t.feature, func(task string) string { return plan.InputHash(t.feature, task) })
	file := path.Join(t.feature.Dir, tasks.LockFile)
	if err := writeFile(filepath.Join(t.root, filepath.FromSlash(file)), t.lock.Bytes()); err != nil {
		return undecided("", "%v", err)
	}
	done := 0
	for _, leaf := range t.feature.Leaves() {
		if leaf.State == spec.Done {
			done++
		}
	}
	fmt.Fprintf(a.w.Stdout, "Adopted %s: %d of %d tasks are ticked. Commit %s, then: spec check\n", t.feature.Name, done, len(t.feature.Leaves()), file)
	return nil
}

func (a *app) allManaged() ([]*target, error) {
	root, err := a.workspaceRoot()
	if err != nil {
		return nil, err
	}
	workspaces, _ := spec.Workspaces(rooted(root), ".")
	var found []*target
	for _, w := range workspaces {
		for _, loc := range w.Features {
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(loc.Dir), tasks.LockFile)); errors.Is(err, os.ErrNotExist) {
				continue
			}
			t, err := a.read(root, loc.Dir)
			if err != nil {
				return nil, err
			}
			found = append(found, t)
		}
	}
	return found, nil
}
