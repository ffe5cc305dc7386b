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
	"slices"
	"strings"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// resume takes up what earlier runs of this feature left in refs/spec: a landing that was cut short is finished, an
// approved or waiting result whose task still has the same inputs is kept for its turn, everything else is dropped
// and said.
//
// spec:workflow/3.2
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

// spec:workflow/3.2
func (r *run) takeUp(ctx context.Context, h *head, a approved, kind string) error {
	t := h.plan.Task(a.task)
	switch {
	case t == nil || t.Inputs() != a.inputs:
		r.event("result.dropped", a.task, "its task or what it cites has changed since", nil)
		return r.git.DeleteRef(ctx, a.ref)
	case t.Action == plan.Done, h.lock.Outcome(a.task).Kind == spec.SkippedTask:
		return r.git.DeleteRef(ctx, a.ref) // landed, or skipped for good, just before the run was killed
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

// finishLanding completes a landing, an undo or a skip whose commit exists: the branch is there already, or still at the commit's parent.
// Where it went elsewhere, or the checkout refuses the commit now, what the landing wrote into the checkout is taken back;
// the approved result lands again on the head as it is.
//
// spec:workflow/3.2
func (r *run) finishLanding(ctx context.Context, ref git.Ref) error {
	message, err := r.git.Message(ctx, ref.Commit)
	if err != nil {
		return err
	}
	name := path.Base(r.o.FeatureDir) + "/"
	task, ours := "", false
	for _, kind := range []string{"Spec-Task", "Spec-Vibe", "Spec-Undo", "Spec-Skip"} {
		if _, rest, ok := strings.Cut(message, "\n"+kind+": "+name); ok && !ours {
			task, ours = rest, true
		}
	}
	if !ours {
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
	switch done, err := r.completes(ctx, h, parent, ref.Commit); {
	case err != nil:
		return err
	case done:
		r.event("landing.resumed", "", "a landing that was cut short is complete", nil)
	case h.commit != ref.Commit:
		if err := r.takeBack(ctx, parent, ref.Commit, firstLine(task)); err != nil {
			return err
		}
	}
	return r.git.DeleteRef(ctx, ref.Name)
}

// completes does what is left of a landing, if it still can be done.
func (r *run) completes(ctx context.Context, h *head, parent, commit string) (bool, error) {
	if parent != h.commit {
		return false, nil
	}
	if err := r.align(ctx, parent, commit); err != nil {
		return false, err
	}
	err := r.advance(ctx, parent, commit, nil)
	var refused *stopped
	if errors.Is(err, errHeadMoved) || errors.As(err, &refused) {
		return false, nil
	}
	return err == nil, err
}

// takeBack makes those files of the checkout the head's again that hold what a landing wrote which did not come to its end.
// A file that reads otherwise is the user's, and so is code that was to land by hand, or is to now: who does a task anew may well
// write some of the same.
func (r *run) takeBack(ctx context.Context, parent, commit, task string) error {
	branch, _, err := r.git.Head(ctx)
	if err != nil || branch != r.branch {
		return err
	}
	names, err := r.written(ctx, parent, commit)
	if err != nil {
		return err
	}
	head, err := r.git.Resolve(ctx, r.rev()+"^{commit}")
	if err != nil {
		return err
	}
	byHand := r.o.Hand && slices.Contains(r.o.Only, task)
	if data, err := r.git.ReadFile(ctx, commit, path.Join(r.o.FeatureDir, LockFile)); err == nil {
		lock, _ := trace.ParseLock(data)
		facts := lock.Task(task)
		byHand = byHand || facts != nil && facts.Landed != nil && facts.Landed.By == "hand"
	}
	if byHand {
		names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, r.o.FeatureDir+"/") })
	}
	changed, err := r.git.Changes(ctx, head, commit)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !slices.ContainsFunc(changed, func(c git.Change) bool { return c.Path == name }) // the head has it by now
	})
	if len(names) > 0 {
		if err := r.putBack(ctx, commit, head, names); err != nil {
			return fmt.Errorf("taking back a landing that was cut short: %v", err)
		}
		r.event("landing.taken-back", task, "a landing was cut short, and the branch or the checkout is another by now: "+strings.Join(names, ", "), nil)
	}
	return r.align(ctx, commit, head) // the index may hold more than the files do
}

// putBack makes files of the user's checkout, which are commit's now, what the head holds.
func (r *run) putBack(ctx context.Context, commit, head string, names []string) error {
	user, err := r.git.At(r.o.Repo.Dir, filepath.Join(r.place, "index", "checkout"))
	if err != nil {
		return err
	}
	if err := user.Stage(ctx, commit); err != nil {
		return err
	}
	return user.PutBack(ctx, head, names...)
}

// align stages the paths of the checkout that hold what commit "to" says already: a fast-forward that was cut short,
// or a person's own work that is being landed. Then git sees no local change in them.
func (r *run) align(ctx context.Context, from, to string) error {
	same, err := r.written(ctx, from, to)
	if err != nil {
		return err
	}
	return r.git.Add(ctx, same...)
}

// written lists the paths of the checkout, among those that differ between two commits, that hold what the second says.
func (r *run) written(ctx context.Context, from, to string) ([]string, error) {
	branch, _, err := r.git.Head(ctx)
	if err != nil || branch != r.branch {
		return nil, err
	}
	changes, err := r.git.Changes(ctx, from, to)
	if err != nil {
		return nil, err
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
	return same, nil
}

// normal takes the line ends out of a comparison: a checkout may have others than the repository.
func normal(data []byte) []byte { return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) }

// Landings lists the landing commits of a feature in the history of the head, oldest first; Name is the task.
func Landings(ctx context.Context, repo *git.Repo, feature string) ([]git.Ref, error) {
	return landingsOf(ctx, realGit{repo}, feature)
}

func landingsOf(ctx context.Context, repo repository, feature string) ([]git.Ref, error) {
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
