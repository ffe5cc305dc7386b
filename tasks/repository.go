package tasks

import (
	"context"
	"io/fs"

	"spec.example/spec/internal/git"
)

// A repository is the git that a run works on. There are two: git itself, and the simulated one of the tests, which loses
// power at any call.
type repository interface {
	At(dir, index string) (checkout, error)
	Head(ctx context.Context) (branch, commit string, err error)
	Resolve(ctx context.Context, rev string) (string, error)
	Tree(ctx context.Context, commit string) (string, error)
	Parent(ctx context.Context, commit string) (string, error)
	Message(ctx context.Context, commit string) (string, error)
	Log(ctx context.Context, trailer, revs string) ([]git.Ref, error)
	ReadFile(ctx context.Context, treeish, name string) ([]byte, error)
	Snapshot(ctx context.Context, treeish string, paths ...string) (fs.FS, error)
	Changes(ctx context.Context, from, to string) ([]git.Change, error)
	Diff(ctx context.Context, from, to string, paths ...string) ([]byte, error)
	Replace(ctx context.Context, treeish string, files map[string][]byte) (string, error)
	CommitTree(ctx context.Context, c git.Commit) (string, error)
	Signs(ctx context.Context) bool
	Merge(ctx context.Context, ours, theirs string) (tree string, conflicts []string, err error)
	Refs(ctx context.Context, prefix string) ([]git.Ref, error)
	UpdateRef(ctx context.Context, name, commit, old, reason string) error
	DeleteRef(ctx context.Context, name string) error
	InProgress() string
	IndexLocked() bool
	Dirty(ctx context.Context, paths ...string) ([]string, error)
	FastForward(ctx context.Context, from, to string) error
	Add(ctx context.Context, paths ...string) error
	HooksDir(ctx context.Context) string
}

// A checkout is a directory outside the repository that holds the files of one of its trees.
type checkout interface {
	Path() string
	Reset(ctx context.Context, treeish string, keep ...string) error
	Move(ctx context.Context, from, to string, over ...string) error
	Freeze(ctx context.Context, base string) (tree string, nested []string, err error)
	Restore(ctx context.Context, base string, paths ...string) (string, error)
	PutBack(ctx context.Context, base string, paths ...string) error
	Ignored(ctx context.Context, limit int) ([]string, error)
	Stage(ctx context.Context, treeish string) error
	Staged(ctx context.Context, was string) (string, error)
	HookCommand(hooksDir, name string, args ...string) (argv, env []string)
	IndexDir() string
	CopyIndex(to string) error
}

type realGit struct{ *git.Repo }

func (g realGit) At(dir, index string) (checkout, error) { return g.Repo.At(dir, index) }

// gitOf is the git of a run.
func gitOf(o Options) repository {
	if o.git != nil {
		return o.git
	}
	return realGit{o.Repo}
}
