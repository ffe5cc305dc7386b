package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"spec.example/spec/internal/git"
	"spec.example/spec/spec"
)

// Undone is what Undo took back: task ids, latest first, and the paths that changed.
type Undone struct {
	Tasks  []string
	Paths  []string
	Commit string
}

// Undo takes a landed task back, and everything landed that depends on it, as one commit: its code by a three-way merge
// that keeps later work, its tick, and its facts in the lock. Where that would lose other work, or what is left does not
// pass its own tests, nothing is changed.
func Undo(ctx context.Context, o Options, id string) (*Undone, error) {
	o.Jobs = 1
	r := newRun(o)
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	defer r.close()
	if _, err := r.start(ctx); err != nil {
		return nil, err
	}
	for {
		out, err := r.undo(ctx, id)
		if !errors.Is(err, errHeadMoved) {
			return out, err
		}
	}
}

// undo takes a task back from the branch as it is now.
func (r *run) undo(ctx context.Context, id string) (*Undone, error) {
	if why, hint, err := r.obstacle(ctx); err != nil || why != "" {
		return nil, errors.Join(err, stop(why, hint))
	}
	h, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	ids := dependents(h, id)
	if len(ids) == 0 {
		return nil, &stopped{why: fmt.Sprintf("task %s of %s has not landed", id, h.feature.Name), hint: "spec status"}
	}
	code, landings, err := r.revert(ctx, h, ids)
	if err != nil {
		return nil, err
	}
	if err := r.stillGreen(ctx, h, code); err != nil {
		return nil, err
	}
	files, err := r.takenBack(h, ids)
	if err != nil {
		return nil, err
	}
	tree, err := r.git.Replace(ctx, code, files)
	if err != nil {
		return nil, fmt.Errorf("writing the tree: %v", err)
	}
	fault("undo-tree")
	commit, err := r.git.CommitTree(ctx, git.Commit{Tree: tree, Parents: []string{h.commit}, Message: undoMessage(h, landings), Sign: r.git.Signs(ctx)})
	if err != nil {
		return nil, err
	}
	fault("undo-commit")
	if err := r.advanceMarked(ctx, "undo-"+id, h.commit, commit, files); err != nil {
		return nil, err
	}
	fault("undone")
	out := &Undone{Commit: commit}
	for _, l := range landings {
		out.Tasks = append(out.Tasks, l.Name)
		r.event("task.undone", l.Name, "", nil)
	}
	changes, err := r.git.Changes(ctx, h.commit, commit)
	for _, c := range changes {
		out.Paths = append(out.Paths, c.Path)
	}
	return out, err
}

func stop(why, hint string) error {
	if why == "" {
		return nil
	}
	return &stopped{why: why, hint: hint}
}

// dependents lists a landed task and everything landed or recorded that waits for it, in document order.
func dependents(h *head, id string) []string {
	known := h.lock.Outcomes()
	if _, ok := known[id]; !ok {
		return nil
	}
	taken := map[string]bool{id: true}
	for again := true; again; {
		again = false
		for _, t := range h.plan.Tasks {
			_, done := known[t.ID]
			if done && !taken[t.ID] && slices.ContainsFunc(t.Depends, func(d string) bool { return taken[d] }) {
				taken[t.ID], again = true, true
			}
		}
	}
	var ids []string
	for _, t := range h.plan.Tasks {
		if taken[t.ID] {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// revert takes the code of landings out of the head's tree, latest first. Each is a merge whose base is the landing, so
// that what came later stays.
func (r *run) revert(ctx context.Context, h *head, ids []string) (tree string, landings []git.Ref, err error) {
	all, err := landingsOf(ctx, r.git, h.feature.Name)
	if err != nil {
		return "", nil, err
	}
	latest := map[string]int{}
	for i, l := range all {
		latest[l.Name] = i
	}
	for _, id := range ids {
		i, ok := latest[id]
		if !ok && h.lock.Outcome(id).Kind == spec.Landed {
			return "", nil, &stopped{why: fmt.Sprintf("the landing commit of task %s is not in the history that is here", id), hint: "git fetch --unshallow"}
		}
		if ok {
			landings = append(landings, all[i])
		} else {
			landings = append(landings, git.Ref{Name: id}) // done by hand or adopted: there is no code to take back
		}
	}
	slices.SortStableFunc(landings, func(a, b git.Ref) int { return latest[b.Name] - latest[a.Name] })
	now := h.commit
	if tree, err = r.git.Tree(ctx, now); err != nil {
		return "", nil, err
	}
	for _, l := range landings {
		if l.Commit == "" {
			continue
		}
		if tree, err = r.without(ctx, now, l); err != nil {
			return "", nil, err
		}
		if now, err = r.git.CommitTree(ctx, git.Commit{Tree: tree, Parents: []string{now}, Message: "spec: without task " + l.Name}); err != nil {
			return "", nil, err
		}
	}
	return tree, landings, nil
}

// without is the tree of a commit without what a landing brought, spec's own files left as they are.
func (r *run) without(ctx context.Context, now string, landing git.Ref) (string, error) {
	before, err := r.git.Parent(ctx, landing.Commit)
	if err != nil {
		return "", err
	}
	files := map[string][]byte{}
	for _, name := range []string{"tasks.md", LockFile, DecisionsFile} {
		name = path.Join(r.o.FeatureDir, name)
		data, err := r.git.ReadFile(ctx, landing.Commit, name)
		if err == nil {
			files[name] = data
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	old, err := r.git.Tree(ctx, before)
	if err != nil {
		return "", err
	}
	if old, err = r.git.Replace(ctx, old, files); err != nil {
		return "", err
	}
	back, err := r.git.CommitTree(ctx, git.Commit{Tree: old, Parents: []string{landing.Commit}, Message: "spec: before task " + landing.Name})
	if err != nil {
		return "", err
	}
	tree, conflicts, err := r.git.Merge(ctx, now, back)
	if err != nil {
		return "", fmt.Errorf("taking task %s back: %v", landing.Name, err)
	}
	if len(conflicts) > 0 {
		return "", &stopped{why: fmt.Sprintf("taking task %s back would lose later work in %s", landing.Name, strings.Join(conflicts, ", ")),
			hint: "git revert " + landing.Commit[:min(12, len(landing.Commit))] + ", and settle it by hand"}
	}
	return tree, nil
}

// stillGreen verifies what is left.
func (r *run) stillGreen(ctx context.Context, h *head, tree string) error {
	s := <-r.slots
	defer func() { r.slots <- s }()
	if err := r.checkout(ctx, s, tree); err != nil {
		return err
	}
	v, err := r.verify(ctx, s, tree, "")
	if err != nil {
		return err
	}
	if !v.OK && r.o.Baseline != RedBaseline && !onlyExpected(v, expectations(h.lock, "")) {
		return &Red{Failure: v.Failure}
	}
	return nil
}

// takenBack are the files of spec without the ticks and facts of tasks.
func (r *run) takenBack(h *head, ids []string) (map[string][]byte, error) {
	files := map[string][]byte{}
	var edits []spec.Edit
	for _, id := range ids {
		t := h.feature.Task(id)
		if t == nil || t.Heading || t.State != spec.Done {
			continue
		}
		more, err := spec.Tick(h.feature, id, spec.Todo)
		if err != nil {
			return nil, fmt.Errorf("unticking task %s: %v", id, err)
		}
		for _, e := range more {
			if !slices.Contains(edits, e) {
				edits = append(edits, e)
			}
		}
	}
	if doc := h.feature.Document(spec.Tasks); doc != nil && len(edits) > 0 {
		data, err := spec.ApplyEdits(doc.Path, doc.Data, edits)
		if err != nil {
			return nil, fmt.Errorf("unticking: %v", err)
		}
		files[doc.Path] = data
	}
	lock := h.lock.Clone()
	lock.Clear(ids...)
	for _, id := range ids {
		if t := h.feature.Task(id); t != nil {
			lock.Unprove(h.feature.Covers(t)...)
		}
	}
	files[path.Join(r.o.FeatureDir, LockFile)] = lock.Bytes()
	return files, nil
}

func undoMessage(h *head, landings []git.Ref) string {
	var names []string
	for _, l := range landings {
		names = append(names, l.Name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: undo %s\n\n", h.feature.Name, strings.Join(names, ", "))
	for _, name := range names {
		fmt.Fprintf(&b, "Spec-Undo: %s/%s\n", h.feature.Name, name)
	}
	return b.String()
}
