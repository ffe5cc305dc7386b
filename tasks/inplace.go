package tasks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// clear takes out of the user's checkout what a task that did not land left there. The checkout was clean before; ignored
// files are not touched. What is left is what differs from the head as it is now: since the task began, others may have
// landed, or this one just before an interrupt.
func (r *run) clear(ctx context.Context, s *slot) error {
	_, head, err := r.git.Head(ctx)
	if err != nil {
		return err
	}
	s.task = ""
	if err := s.work.Stage(ctx, head); err != nil {
		return err
	}
	tree, _, err := s.work.Freeze(ctx, head)
	if err != nil {
		return fmt.Errorf("clearing the checkout: %v", err)
	}
	changes, err := r.git.Changes(ctx, head, tree)
	if err != nil {
		return err
	}
	var paths []string
	for _, c := range changes {
		paths = append(paths, c.Path)
	}
	return s.work.PutBack(ctx, head, paths...)
}

// watched is what git keeps of itself, file by file. In the user's checkout nothing can keep an agent from writing there
// (what may be written is a list of allowed places, which cannot leave one out), so it is compared afterwards. Objects are
// left out: those that nothing refers to do nothing.
func (r *run) watched() map[string][sha256.Size]byte {
	if !r.o.InPlace {
		return nil
	}
	found := map[string][sha256.Size]byte{}
	for _, dir := range []string{r.o.Repo.GitDir, r.o.Repo.CommonDir} {
		filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return nil
			case d.IsDir() && name == filepath.Join(dir, "objects"):
				return filepath.SkipDir
			case !d.Type().IsRegular() || d.Name() == "index":
				return nil
			}
			if data, err := os.ReadFile(name); err == nil {
				found[name] = sha256.Sum256(data)
			}
			return nil
		})
	}
	return found
}

// meddled names the files of git that changed since before.
func (r *run) meddled(before map[string][sha256.Size]byte) string {
	after := r.watched()
	var names []string
	for name, sum := range after {
		if old, ok := before[name]; !ok || !bytes.Equal(old[:], sum[:]) {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > 5 {
		names = append(names[:5], "…")
	}
	return strings.Join(names, ", ")
}
