package cmd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
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
	if t.feature.Task(id).BoxOffset < 0 {
		return no(fmt.Sprintf("spec land %s %s", name, id), "task %s is a heading without a box: its state is what the lock says", id)
	}
	edits, err := spec.Tick(t.feature, id, state)
	if err != nil {
		return no("spec show "+name, "%v", err)
	}
	if len(edits) == 0 {
		fmt.Fprintf(a.w.Stdout, "Task %s is %s already.\n", id, state)
		return nil
	}
	read := map[string][]byte{}
	for _, doc := range t.feature.Documents {
		read[doc.Path] = doc.Data
	}
	if err := a.applyEdits(t.root, edits, read); err != nil {
		return err
	}
	fmt.Fprintf(a.w.Stdout, "Task %s is %s (%s changed).\n", id, state, counted(len(edits), "box", "boxes"))
	return nil
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// applyEdits writes edits by compare and swap: a file that is not what was read, byte for byte, is refused with the
// difference, and no file is changed. A link inside of the workspace stays a link; what it leads to is written.
func (a *app) applyEdits(root string, edits []spec.Edit, read map[string][]byte) error {
	byFile := map[string][]spec.Edit{}
	for _, e := range edits {
		byFile[e.Path] = append(byFile[e.Path], e)
	}
	type change struct {
		name, file string
		data       []byte
	}
	var changes []change
	for _, name := range sortedKeys(byFile) {
		file, err := inside(root, name)
		if err != nil {
			return undecided("", "%v", err)
		}
		now, err := os.ReadFile(file)
		if err != nil {
			return undecided("", "%v", err)
		}
		if err := unchanged(name, read[name], now); err != nil {
			return err
		}
		data, err := spec.ApplyEdits(name, now, byFile[name])
		if err != nil {
			return undecided("spec check", "%s: %v", name, err)
		}
		changes = append(changes, change{name, file, data})
	}
	for _, c := range changes {
		now, err := os.ReadFile(c.file) // once more, as near to the writing as can be
		if err != nil {
			return undecided("", "%v", err)
		}
		if err := unchanged(c.name, read[c.name], now); err != nil {
			return err
		}
		if err := writeFile(c.file, c.data); err != nil {
			return undecided("", "%s cannot be written: %v", c.name, err)
		}
	}
	return nil
}

// unchanged refuses a file that is no longer what was read.
func unchanged(name string, read, now []byte) error {
	if bytes.Equal(read, now) {
		return nil
	}
	return undecided("look at the difference, then type it again", "%s changed meanwhile:\n%s", name, strings.TrimRight(clean(string(diff.Diff("as it was read", read, "as it is", now))), "\n"))
}

// inside is the file that a name below a root leads to, links resolved. One that leads out is refused.
func inside(root, name string) (string, error) {
	file, err := filepath.EvalSymlinks(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return "", err
	}
	top, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(top, file); err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", fmt.Errorf("%s leads out of %s", name, root)
	}
	return file, nil
}
