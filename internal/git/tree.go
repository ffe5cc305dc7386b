package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spec.example/spec/internal/guard"
)

// A Tree is a directory outside the repository that holds files of one of its trees, with an index of its own.
// A Tree is used by one goroutine at a time.
type Tree struct {
	Dir   string // absolute
	index string
	repo  *Repo
}

// At makes a Tree of dir; index is the file that keeps what git knows of it, outside dir.
func (r *Repo) At(dir, index string) (*Tree, error) {
	for _, d := range []string{dir, filepath.Dir(index)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	// A lock that a killed git left on a private index has no owner: the caller holds the run's lock.
	if err := os.Remove(index + ".lock"); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	return &Tree{Dir: dir, index: index, repo: r}, nil
}

// Path is the directory.
func (t *Tree) Path() string { return t.Dir }

// CopyIndex writes what git knows of the directory into another index file.
func (t *Tree) CopyIndex(to string) error {
	data, err := os.ReadFile(t.index)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

func (t *Tree) exec(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	full := append([]string{"-C", t.Dir, "--git-dir=" + t.repo.GitDir, "--work-tree=" + t.Dir}, args...)
	if !guard.On(guard.GitPlace) {
		full = append([]string{"-C", t.Dir}, args...)
	}
	return t.repo.exec(ctx, command{args: full, stdin: stdin, env: []string{"GIT_INDEX_FILE=" + t.index}})
}

// Reset makes the directory hold exactly the files of treeish. Files that git does not know are removed, ignored
// ones too, except those below the paths of keep.
func (t *Tree) Reset(ctx context.Context, treeish string, keep ...string) error {
	// One pass over the files: index and directory, and what an agent changed in files that the index calls up to date. Looking
	// at them all beforehand (preloadIndex) would be a second one.
	if _, err := t.exec(ctx, nil, "-c", "core.preloadIndex=false", "restore", "--no-recurse-submodules", "--staged", "--worktree", "--source="+treeish, "--", ":(top)"); err != nil {
		if err := t.remake(ctx, treeish); err != nil {
			return err
		}
	}
	args := []string{"clean", "-ffdxq"}
	for _, k := range keep {
		args = append(args, "-e", "/"+k)
	}
	_, err := t.exec(ctx, nil, args...)
	if err == nil {
		return nil
	}
	// What git cannot remove (paths that are too long, directories that may not be entered) goes with all the rest.
	if err := t.empty(); err != nil {
		return fmt.Errorf("emptying %s: %v", t.Dir, err)
	}
	_, err = t.exec(ctx, nil, "checkout-index", "-f", "-u", "-a")
	return err
}

// Move makes the directory hold exactly the files of a tree, where it holds those of another, but for the paths over, which anybody
// may have written. It looks at no file that is the same in both.
func (t *Tree) Move(ctx context.Context, from, to string, over ...string) error {
	paths := slices.Clone(over)
	if from != to {
		out, err := t.exec(ctx, nil, "diff-tree", "-r", "-z", "--no-renames", "--name-only", from, to)
		if err != nil {
			return err
		}
		for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
			if name != "" {
				paths = append(paths, name)
			}
		}
	}
	if len(paths) == 0 {
		return nil
	}
	_, err := t.exec(ctx, []byte(strings.Join(literal(paths), "\x00")), "restore", "--no-recurse-submodules", "--staged", "--worktree", "--source="+to, "--pathspec-from-file=-", "--pathspec-file-nul")
	return err
}

// empty removes everything in the directory.
func (t *Tree) empty() error {
	all, err := os.ReadDir(t.Dir)
	if err != nil {
		return err
	}
	for _, e := range all {
		name := filepath.Join(t.Dir, e.Name())
		if os.RemoveAll(name) == nil {
			continue
		}
		// Whoever made a directory may have closed it, to us as well.
		filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			if d != nil && d.IsDir() && os.Chmod(path, 0o700) != nil {
				return fs.SkipDir
			}
			return nil
		})
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// remake makes index and directory anew where restore cannot: the index was cut short by a crash, or the tree holds no file.
// Everything in the index can be read from the directory.
func (t *Tree) remake(ctx context.Context, treeish string) error {
	if err := os.Remove(t.index); err != nil && !os.IsNotExist(err) {
		return err
	}
	if _, err := t.exec(ctx, nil, "read-tree", "--reset", "-u", treeish); err != nil {
		return err
	}
	_, err := t.exec(ctx, nil, "checkout-index", "-f", "-u", "-a")
	return err
}

// What a result may hold: more is no work of a task but a flood, and would stay in the repository for ever.
const (
	maxNewFiles = 50_000
	maxNewFile  = 100 << 20 // bytes
	maxNewBytes = 1 << 30
)

// Unfit is the error of a directory that cannot be taken as a result.
type Unfit struct{ Why string }

func (e *Unfit) Error() string { return "the result cannot be taken: " + e.Why }

// Freeze writes what the directory holds, ignored files left out, as a tree object. nested names repositories that
// somebody made inside the directory; they are not part of the tree. The error is an *Unfit where the directory holds
// what no result may.
func (t *Tree) Freeze(ctx context.Context, base string) (tree string, nested []string, err error) {
	changed, nested, err := t.unfit(ctx)
	if err != nil {
		return "", nil, err
	}
	if err := t.add(ctx, changed, nested); err != nil {
		return "", nil, err
	}
	tree, err = t.writeTree(ctx)
	return tree, nested, err
}

// add stages the changed files. It looks at these alone; where one of them is behind a link now, which git refuses, at all.
func (t *Tree) add(ctx context.Context, changed, nested []string) error {
	if len(changed) == 0 {
		return nil
	}
	if _, err := t.exec(ctx, []byte(strings.Join(changed, "\x00")), "update-index", "--add", "--remove", "--replace", "-z", "--stdin"); err == nil {
		return nil
	}
	paths := []string{":(top)"}
	for _, name := range nested {
		paths = append(paths, ":(top,exclude,literal)"+name)
	}
	_, err := t.exec(ctx, []byte(strings.Join(paths, "\x00")), "add", "-A", "--pathspec-from-file=-", "--pathspec-file-nul")
	return err
}

// unfit looks at what is new or changed before git reads it, and lists the repositories inside. A submodule of the base is one
// only where somebody filled it in a slot: git would run in it with that repository's configuration.
func (t *Tree) unfit(ctx context.Context) (changed, nested []string, err error) {
	if t.Dir != t.repo.Dir {
		links, err := t.links(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range links {
			if _, err := os.Lstat(filepath.Join(t.Dir, filepath.FromSlash(name), ".git")); err == nil {
				nested = append(nested, name)
			}
		}
	}
	out, err := t.exec(ctx, nil, "ls-files", "-z", "--others", "--modified", "--exclude-standard")
	if err != nil {
		var failed *Error
		if errors.As(err, &failed) {
			return nil, nil, &Unfit{Why: strings.TrimSpace(failed.Stderr)}
		}
		return nil, nil, err
	}
	files, bytes := 0, int64(0)
	for name := range strings.SplitSeq(string(out), "\x00") {
		if name == "" {
			continue
		}
		if repo, ok := strings.CutSuffix(name, "/"); ok {
			nested = append(nested, repo)
			continue
		}
		if slices.Contains(nested, name) {
			continue
		}
		changed = append(changed, name)
		info, err := os.Lstat(filepath.Join(t.Dir, filepath.FromSlash(name)))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		files++
		bytes += info.Size()
		switch {
		case t.Dir == t.repo.Dir: // what the user has is the user's
		case info.Size() > maxNewFile:
			return nil, nil, &Unfit{Why: fmt.Sprintf("%s holds %d MiB, and a file may hold %d", name, info.Size()>>20, maxNewFile>>20)}
		case files > maxNewFiles:
			return nil, nil, &Unfit{Why: fmt.Sprintf("more than %d files are new or changed", maxNewFiles)}
		case bytes > maxNewBytes:
			return nil, nil, &Unfit{Why: fmt.Sprintf("more than %d MiB are new or changed", maxNewBytes>>20)}
		}
	}
	return changed, nested, nil
}

// links lists the submodules that the index names.
func (t *Tree) links(ctx context.Context) (names []string, err error) {
	const mode = 0o160000
	if scanIndex(t.index, t.repo.digits(ctx), func(e indexEntry) {
		if e.mode == mode {
			names = append(names, string(e.name))
		}
	}) == nil {
		return names, nil
	}
	names = nil
	out, err := t.exec(ctx, nil, "ls-files", "-z", "--stage")
	for line := range strings.SplitSeq(string(out), "\x00") {
		if meta, name, ok := strings.Cut(line, "\t"); ok && strings.HasPrefix(meta, "160000 ") {
			names = append(names, name)
		}
	}
	return names, err
}

// Restore puts paths of the frozen index back to what base holds (or takes them out) and returns the new tree. The
// directory itself is not touched.
func (t *Tree) Restore(ctx context.Context, base string, paths ...string) (string, error) {
	if len(paths) > 0 {
		args := []string{"restore", "--staged", "--source=" + base, "--pathspec-from-file=-", "--pathspec-file-nul"}
		if _, err := t.exec(ctx, []byte(strings.Join(literal(paths), "\x00")), args...); err != nil {
			return "", err
		}
	}
	return t.writeTree(ctx)
}

// PutBack makes paths of the directory what base holds; those that base lacks are removed. Nothing else is touched.
func (t *Tree) PutBack(ctx context.Context, base string, paths ...string) error {
	if len(paths) == 0 {
		return nil
	}
	_, err := t.exec(ctx, []byte(strings.Join(literal(paths), "\x00")), "restore", "--staged", "--worktree", "--source="+base, "--pathspec-from-file=-", "--pathspec-file-nul")
	return err
}

func (t *Tree) writeTree(ctx context.Context) (string, error) {
	// What the index names was written just now or is in the base: git need not look for each object, nor a partial clone fetch it.
	out, err := t.exec(ctx, nil, "write-tree", "--missing-ok")
	return string(bytes.TrimSpace(out)), err
}

// Ignored lists files and directories that the ignore rules keep out of Freeze, at most limit.
func (t *Tree) Ignored(ctx context.Context, limit int) ([]string, error) {
	out, err := t.exec(ctx, nil, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		if name != "" && len(names) < limit {
			names = append(names, name)
		}
	}
	return names, nil
}

// HookCommand is the command line, with its extra environment, that runs one of the repository's hooks over this tree's
// index as `git commit` would. Hooks are the repository's code: the caller runs it in the sandbox. A hook that is not
// there succeeds.
func (t *Tree) HookCommand(hooksDir, name string, args ...string) (argv, env []string) {
	argv = append([]string{"git", "-c", "core.hooksPath=" + hooksDir, "-c", "core.fsmonitor=false", "--git-dir=" + t.repo.GitDir, "--work-tree=" + t.Dir,
		"hook", "run", "--ignore-missing", name, "--"}, args...)
	return argv, append(t.apart(), "GIT_INDEX_FILE="+t.index)
}

// apart has git write objects beside the index rather than into the repository, which a hook cannot write.
func (t *Tree) apart() []string {
	return []string{"GIT_OBJECT_DIRECTORY=" + t.index + ".objects", "GIT_ALTERNATE_OBJECT_DIRECTORIES=" + filepath.Join(t.repo.CommonDir, "objects")}
}

// Stage makes the index hold a tree without touching the directory, and makes room for the objects of hooks.
func (t *Tree) Stage(ctx context.Context, treeish string) error {
	if err := os.RemoveAll(t.index + ".objects"); err != nil {
		return err
	}
	if err := os.Mkdir(t.index+".objects", 0o755); err != nil {
		return err
	}
	_, err := t.exec(ctx, nil, "read-tree", treeish)
	return err
}

// Staged returns the tree that the index holds after hooks ran over was. Objects that hooks made are taken over from where
// they were kept apart: git names each by its content anew, and refuses trees with names that lead elsewhere.
func (t *Tree) Staged(ctx context.Context, was string) (string, error) {
	defer os.RemoveAll(t.index + ".objects")
	run := func(stdin string, args ...string) ([]byte, error) {
		at := []string{"-C", t.Dir, "--git-dir=" + t.repo.GitDir, "--work-tree=" + t.Dir}
		return t.repo.exec(ctx, command{args: append(at, args...), stdin: []byte(stdin), env: append(t.apart(), "GIT_INDEX_FILE="+t.index)})
	}
	out, err := run("", "write-tree")
	if err != nil {
		return "", err
	}
	tree := string(bytes.TrimSpace(out))
	if tree == was {
		return tree, nil
	}
	pack, err := run(tree+"\n^"+was+"\n", "pack-objects", "--revs", "--stdout", "-q")
	if err != nil {
		return "", fmt.Errorf("taking over what a commit hook staged: %w", err)
	}
	if _, err := t.exec(ctx, pack, "unpack-objects", "-q", "--strict"); err != nil {
		return "", fmt.Errorf("taking over what a commit hook staged: %w", err)
	}
	return tree, nil
}

// IndexDir is the directory that holds the private index.
func (t *Tree) IndexDir() string { return filepath.Dir(t.index) }
