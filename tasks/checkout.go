package tasks

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"spec.example/spec/internal/trace"
)

// A VerifiedTree is the outcome of verifying the user's checkout as it is.
type VerifiedTree struct {
	Verified
	Tree     string
	Index    *trace.Index
	Coverage float64 // per cent of statements; -1 where it was not measured
}

// VerifyCheckout builds and tests the user's checkout, uncommitted and untracked files included, in a verify checkout
// and inside the sandbox. It changes nothing in the repository but for objects that nothing refers to.
func VerifyCheckout(ctx context.Context, o Options) (*VerifiedTree, error) {
	r := &run{o: o, git: gitOf(o), now: o.Repo.Now(o.Now()), place: place(o.Cache, o.Repo.CommonDir), report: &Report{}, trees: map[string]Verified{}, cover: true, coverage: -1}
	var err error
	if r.lock, err = lockRun(o.Repo.Dir, 15*time.Second); err != nil {
		return nil, err
	}
	defer r.lock.release()
	if r.journal, err = openJournal(o.Repo.Dir, o.Now()); err != nil {
		return nil, err
	}
	defer r.journal.close()
	if err := os.MkdirAll(r.place, 0o755); err != nil {
		return nil, err
	}
	if used := occupy(r.place); used != nil {
		defer used.Close()
	}
	tree, err := r.freezeCheckout(ctx)
	if err != nil {
		return nil, err
	}
	s, err := r.openSlot(0)
	if err != nil {
		return nil, err
	}
	v, err := r.verify(ctx, s, tree, "")
	if err != nil {
		return nil, err
	}
	if data, err := fs.ReadFile(os.DirFS(s.check.Path()), path.Join(o.FeatureDir, LockFile)); err == nil && o.FeatureDir != "" {
		lock, _ := trace.ParseLock(data)
		if expected := expectations(lock, ""); onlyExpected(v, expected) {
			v.OK = true
			v.Summary += " as it has to be until task " + slices.Sorted(maps.Values(expected))[0] + " lands"
		}
	}
	out := &VerifiedTree{Verified: v, Tree: tree, Coverage: r.coverage}
	if out.Results == nil {
		out.Results = &trace.Results{}
	}
	if out.Index, err = trace.Scan(os.DirFS(s.check.Path()), r.o.Root); err != nil {
		return nil, fmt.Errorf("looking for tagged tests: %v", err)
	}
	return out, nil
}

// freezeCheckout writes the user's checkout as a tree, through a private index: the user's own is not touched.
func (r *run) freezeCheckout(ctx context.Context) (string, error) {
	user, err := r.git.At(r.o.Repo.Dir, filepath.Join(r.place, "index", "checkout"))
	if err != nil {
		return "", err
	}
	_, head, err := r.git.Head(ctx)
	if err != nil {
		return "", err
	}
	if head == "" {
		return "", &stopped{why: "the repository has no commit yet", hint: "git commit"}
	}
	tree, _, err := user.Freeze(ctx, head)
	return tree, err
}

// readCoverage sums up Go cover profiles: the share of statements that ran, in per cent, or -1 for none.
func readCoverage(files []string) float64 {
	var all []byte
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return -1
		}
		if mode, lines, ok := bytes.Cut(data, []byte("\n")); ok && i > 0 && bytes.HasPrefix(mode, []byte("mode:")) {
			data = lines
		}
		all = append(all, data...)
	}
	if len(all) == 0 {
		return -1
	}
	c, err := trace.ReadCoverage(all)
	if err != nil {
		return -1
	}
	return c.Percent()
}
