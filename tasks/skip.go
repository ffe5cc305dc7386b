package tasks

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"spec.example/spec/internal/git"
	"spec.example/spec/spec"
)

// Skip records in spec.lock that a person leaves tasks out, as one commit. What depends on them no longer waits. The
// channel is tty or flag, the reason in the person's words. Undo takes it back.
func Skip(ctx context.Context, o Options, ids []string, channel, reason string) error {
	o.Jobs = 1
	r := newRun(o)
	if err := r.open(ctx); err != nil {
		return err
	}
	defer r.close()
	if _, err := r.start(ctx); err != nil {
		return err
	}
	if why, hint, err := r.obstacle(ctx); err != nil || why != "" {
		return errors.Join(err, stop(why, hint))
	}
	return r.recordSkip(ctx, ids, channel, reason)
}

// recordSkip commits the facts, and does it anew where a person commits meanwhile. The caller holds the landing lock.
func (r *run) recordSkip(ctx context.Context, ids []string, channel, reason string) error {
	for {
		err := r.recordSkipOnce(ctx, ids, channel, reason)
		if !errors.Is(err, errHeadMoved) {
			return err
		}
	}
}

func (r *run) recordSkipOnce(ctx context.Context, ids []string, channel, reason string) error {
	h, err := r.waitForHead(ctx)
	if err != nil {
		return err
	}
	lock := h.lock.Clone()
	for _, id := range ids {
		if old := lock.Task(id); old != nil && old.Landed != nil {
			return &stopped{why: fmt.Sprintf("task %s has landed", id), hint: fmt.Sprintf("spec undo %s %s", spec.Typed(path.Base(r.o.FeatureDir)), id)}
		}
		lock.Skip(id, channel, r.o.Who, reason)
	}
	files := map[string][]byte{path.Join(r.o.FeatureDir, LockFile): lock.Bytes()}
	tree, err := r.git.Replace(ctx, h.commit, files)
	if err != nil {
		return fmt.Errorf("writing the tree: %v", err)
	}
	var message strings.Builder
	fmt.Fprintf(&message, "%s: skip %s\n\n", h.feature.Name, strings.Join(ids, ", "))
	if reason != "" {
		fmt.Fprintf(&message, "%s\n\n", reason)
	}
	for _, id := range ids {
		fmt.Fprintf(&message, "Spec-Skip: %s/%s\n", h.feature.Name, id)
	}
	commit, err := r.git.CommitTree(ctx, git.Commit{Tree: tree, Parents: []string{h.commit}, Message: message.String(), Sign: r.git.Signs(ctx)})
	if err != nil {
		return fmt.Errorf("committing the skip: %v", err)
	}
	fault("skip-commit")
	if err := r.advanceMarked(ctx, "skip-"+ids[0], h.commit, commit, files); err != nil {
		return err
	}
	fault("skipped")
	if h.commit == r.planned {
		r.planned = commit
	}
	return nil
}
