package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spec.example/spec/spec"
)

func (a *app) tickVerb() *cobra.Command {
	state := "done"
	c := &cobra.Command{
		Use:   "tick FEATURE TASK",
		Short: "Set the box of a task by hand",
		Long:  "Tick changes one character for each box that changes: the task's, and its parents' where they follow from it.\nIt is no proof: spec check reports a ticked task of a managed feature that nothing landed for.",
		Args:  exactly("FEATURE", "TASK"),
		RunE:  func(_ *cobra.Command, args []string) error { return a.tick(args[0], args[1], spec.TaskState(state)) },
	}
	c.Flags().StringVar(&state, "state", state, "`STATE`: todo, doing or done")
	return c
}

func (a *app) tick(name, id string, state spec.TaskState) error {
	switch state {
	case spec.Todo, spec.Doing, spec.Done:
	default:
		return undecided("spec tick --help", "--state is todo, doing or done, not %q", state)
	}
	t, err := a.open(name)
	if err != nil {
		return err
	}
	if t.feature.Task(id) == nil {
		return undecided("spec show "+name, "no task %s in %s", id, t.feature.Name)
	}
	edits, err := spec.Tick(t.feature, id, state)
	if err != nil {
		return no("spec show "+name, "%v", err)
	}
	if len(edits) == 0 {
		fmt.Fprintf(a.w.Stdout, "Task %s is %s already.\n", id, state)
		return nil
	}
	if err := a.applyEdits(t.root, edits); err != nil {
		return err
	}
	fmt.Fprintf(a.w.Stdout, "Task %s is %s (%d boxes changed).\n", id, state, len(edits))
	return nil
}

// applyEdits writes edits by compare and swap: a file that no longer holds what was read is refused, unchanged.
func (a *app) applyEdits(root string, edits []spec.Edit) error {
	byFile := map[string][]spec.Edit{}
	for _, e := range edits {
		byFile[e.Path] = append(byFile[e.Path], e)
	}
	for _, name := range sortedKeys(byFile) {
		file := filepath.Join(root, filepath.FromSlash(name))
		data, err := os.ReadFile(file)
		if err != nil {
			return undecided("", "%v", err)
		}
		changed, err := spec.ApplyEdits(name, data, byFile[name])
		if err != nil {
			return undecided("look at what changed, then type it again", "%s changed meanwhile: %v", name, err)
		}
		again, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(data, again) {
			return undecided("look at what changed, then type it again", "%s changed meanwhile", name)
		}
		if err := writeFile(file, changed); err != nil {
			if errors.Is(err, os.ErrPermission) {
				return undecided("", "%s cannot be written: %v", name, err)
			}
			return err
		}
	}
	return nil
}
