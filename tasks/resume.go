package tasks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"spec.example/spec/internal/git"
	"spec.example/spec/plan"
)

// resume takes up what earlier runs of this feature left in refs/spec: a landing that was cut short is finished, an
// approved or waiting result whose task still has the same inputs is kept for its turn, everything else is dropped
// and said.
func (r *run) resume(ctx context.Context) error {
	refs, err := r.git.Refs(ctx, "refs/spec/")
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if kind(ref.Name) == "landing" {
			if err := r.finishLanding(ctx, ref); err != nil {
				return err
			}
		}
	}
	h, err := r.head(ctx)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if kind(ref.Name) == "landing" {
			continue
		}
		a, ours, err := r.load(ctx, ref)
		if err != nil {
			return err
		}
		if !ours {
			continue
		}
		if err := r.takeUp(ctx, h, a, kind(ref.Name)); err != nil {
			return err
		}
	}
	for id, a := range r.gates { // approved just before the run was killed: its gate is passed
		if _, ok := r.kept[id]; ok {
			if err := r.git.DeleteRef(ctx, a.ref); err != nil {
				return err
			}
			delete(r.gates, id)
		}
	}
	return nil
}

// kind is what a ref below refs/spec marks: "landing", "gate", or "" for an approved result.
func kind(name string) string {
	parts := strings.Split(name, "/")
	if len(parts) == 5 {
		return parts[3]
	}
	return ""
}

func (r *run) takeUp(ctx context.Context, h *head, a approved, kind string) error {
	t := h.plan.Task(a.task)
	switch {
	case t == nil || t.Inputs() != a.inputs:
		r.event("result.dropped", a.task, "its task or what it cites has changed since", nil)
		return r.git.DeleteRef(ctx, a.ref)
	case t.Action == plan.Done:
		return r.git.DeleteRef(ctx, a.ref) // landed just before the run was killed
	case kind == "gate":
		return r.keep(ctx, r.gates, a)
	default:
		return r.keep(ctx, r.kept, a)
	}
}

// keep holds a result for its task's turn, instead of one that an earlier run left of the same task.
func (r *run) keep(ctx context.Context, results map[string]approved, a approved) error {
	old, ok := results[a.task]
	results[a.task] = a
	if !ok {
		return nil
	}
	return r.git.DeleteRef(ctx, old.ref)
}

// finishLanding completes a landing whose commit exists: the branch is there already, or still at the commit's parent.
// A branch that went elsewhere makes the commit worthless; the approved result lands again on the new head.
func (r *run) finishLanding(ctx context.Context, ref git.Ref) error {
	message, err := r.git.Message(ctx, ref.Commit)
	if err != nil {
		return err
	}
	if name := path.Base(r.o.FeatureDir) + "/"; !strings.Contains(message, "\nSpec-Task: "+name) && !strings.Contains(message, "\nSpec-Vibe: "+name) {
		return nil
	}
	h, err := r.head(ctx)
	if err != nil {
		return err
	}
	parent, err := r.git.Parent(ctx, ref.Commit)
	if err != nil {
		return err
	}
	if parent == h.commit {
		if err := r.align(ctx, parent, ref.Commit); err != nil {
			return err
		}
		err := r.advance(ctx, parent, ref.Commit, nil)
		if err != nil && !errors.Is(err, errHeadMoved) {
			return err
		}
		if err == nil {
			r.event("landing.resumed", "", "a landing that was cut short is complete", nil)
		}
	}
	return r.git.DeleteRef(ctx, ref.Name)
}

// align stages the paths of the checkout that hold what commit "to" says already: a fast-forward that was cut short,
// or a person's own work that is being landed. Then git sees no local change in them.
func (r *run) align(ctx context.Context, from, to string) error {
	branch, _, err := r.git.Head(ctx)
	if err != nil || branch != r.branch {
		return err
	}
	changes, err := r.git.Changes(ctx, from, to)
	if err != nil {
		return err
	}
	var same []string
	for _, c := range changes {
		local, err := os.ReadFile(filepath.Join(r.o.Repo.Dir, filepath.FromSlash(c.Path)))
		if c.Status == "D" {
			if os.IsNotExist(err) {
				same = append(same, c.Path)
			}
			continue
		}
		if err != nil {
			continue
		}
		want, err := r.git.ReadFile(ctx, to, c.Path)
		if err == nil && bytes.Equal(normal(local), normal(want)) {
			same = append(same, c.Path)
		}
	}
	return r.git.Add(ctx, same...)
}

// normal takes the line ends out of a comparison: a checkout may have others than the repository.
func normal(data []byte) []byte { return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) }

// Landings lists the landing commits of a feature in the history of the head, oldest first; Name is the task.
func Landings(ctx context.Context, repo *git.Repo, feature string) ([]git.Ref, error) {
	all, err := repo.Log(ctx, "Spec-Task", "HEAD")
	if err != nil {
		return nil, fmt.Errorf("looking for landings: %v", err)
	}
	var found []git.Ref
	for _, l := range all {
		if task, ok := strings.CutPrefix(l.Name, feature+"/"); ok {
			found = append(found, git.Ref{Name: task, Commit: l.Commit})
		}
	}
	return found, nil
}

// CodeTree names the code of a commit or tree: its tree without what spec itself writes.
func CodeTree(ctx context.Context, repo *git.Repo, treeish string) (string, error) {
	entries, err := repo.List(ctx, treeish)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, e := range entries {
		if !strings.Contains("/"+e.Path, "/.kiro/specs/") {
			fmt.Fprintf(h, "%s %s %s\n", e.Mode, e.ID, e.Path)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
