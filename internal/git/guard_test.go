package git_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spec.example/spec/internal/git"
)

// A hostile repository names programs in its own configuration; each leaves a mark when it runs.
type hostile struct {
	t    *testing.T
	dir  string
	mark string
	env  []string
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{t: t, dir: filepath.Join(t.TempDir(), "repo"), mark: filepath.Join(t.TempDir(), "ran")}
	h.env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h.git(h.dir, "init", "-q", "-b", "main")
	h.write(h.dir, ".gitattributes", "*.txt filter=evil diff=evil\n")
	h.write(h.dir, "a.txt", "one\n")
	h.git(h.dir, "add", "-A")
	h.git(h.dir, "commit", "-qm", "start")
	return h
}

func (h *hostile) git(dir string, args ...string) {
	h.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, h.env
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (h *hostile) write(dir, name, text string) {
	h.t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// evil is a command that leaves the mark and does what is expected of it.
func (h *hostile) evil() string { return "touch " + h.mark + "; cat" }

func (h *hostile) ran() bool {
	_, err := os.Stat(h.mark)
	os.Remove(h.mark)
	return err == nil
}

// everything does what a run does with a repository: a slot is filled and frozen, the checkout is looked at and committed.
func (h *hostile) everything() {
	h.t.Helper()
	ctx := context.Background()
	r, err := git.Open(ctx, h.dir, h.env)
	if err != nil {
		h.t.Fatal(err)
	}
	place := h.t.TempDir()
	slot, err := r.At(filepath.Join(place, "tree"), filepath.Join(place, "index", "slot"))
	if err != nil {
		h.t.Fatal(err)
	}
	must := func(err error) {
		h.t.Helper()
		if err != nil {
			h.t.Fatal(err)
		}
	}
	must(slot.Reset(ctx, "HEAD"))
	h.write(slot.Dir, "a.txt", "two\n")
	h.write(slot.Dir, "b.txt", "new\n")
	tree, _, err := slot.Freeze(ctx, "HEAD")
	must(err)
	_, err = r.Diff(ctx, "HEAD", tree)
	must(err)
	h.write(h.dir, "a.txt", "three\n")
	_, err = r.Dirty(ctx, "a.txt")
	must(err)
	must(r.Add(ctx, "a.txt"))
	head, err := r.Resolve(ctx, "HEAD")
	must(err)
	h.git(h.dir, "reset", "-q", "--hard")
	h.ran() // what git did for the test itself does not count
	next, err := r.CommitTree(ctx, git.Commit{Tree: tree, Parents: []string{head}, Message: "next"})
	must(err)
	must(r.FastForward(ctx, head, next))
}

func TestGuardGitFilters(t *testing.T) {
	for _, setting := range [][2]string{{"filter.evil.clean", ""}, {"filter.evil.smudge", ""}, {"diff.evil.textconv", ""}, {"diff.external", ""}, {"diff.evil.command", ""}} {
		h := newHostile(t)
		h.git(h.dir, "config", setting[0], h.evil())
		h.everything()
		if h.ran() {
			t.Errorf("%s was run", setting[0])
		}
	}
	// The user's own are: git-lfs is one.
	h := newHostile(t)
	global := filepath.Join(t.TempDir(), "config")
	h.write(filepath.Dir(global), "config", "[filter \"evil\"]\n\tsmudge = "+"\"touch "+h.mark+"; cat\"\n")
	h.env = append(h.env, "GIT_CONFIG_GLOBAL="+global)
	ctx := context.Background()
	r, err := git.Open(ctx, h.dir, h.env)
	if err != nil {
		t.Fatal(err)
	}
	slot, err := r.At(filepath.Join(t.TempDir(), "tree"), filepath.Join(t.TempDir(), "index"))
	if err != nil {
		t.Fatal(err)
	}
	if err := slot.Reset(ctx, "HEAD"); err != nil || !h.ran() {
		t.Errorf("the user's own filter was not run (%v)", err)
	}
}

func TestGuardGitMonitor(t *testing.T) {
	h := newHostile(t)
	h.git(h.dir, "config", "core.fsmonitor", "touch "+h.mark+"; false")
	h.everything()
	if h.ran() {
		t.Error("core.fsmonitor was run")
	}
}

func TestGuardGitHooks(t *testing.T) {
	h := newHostile(t)
	for _, name := range []string{"post-checkout", "post-merge", "post-index-change", "reference-transaction", "pre-merge-commit"} {
		h.write(h.dir, ".git/hooks/"+name, "#!/bin/sh\ntouch "+h.mark+"\n")
	}
	h.everything()
	if h.ran() {
		t.Error("a hook was run")
	}
}

// TestGuardGitPlace: an agent replaces the .git of its slot by a repository of its own, whose configuration would run.
func TestGuardGitPlace(t *testing.T) {
	h := newHostile(t)
	ctx := context.Background()
	r, err := git.Open(ctx, h.dir, h.env)
	if err != nil {
		t.Fatal(err)
	}
	place := t.TempDir()
	slot, err := r.At(filepath.Join(place, "tree"), filepath.Join(place, "index", "slot"))
	if err != nil {
		t.Fatal(err)
	}
	fill := exec.Command("git", "--git-dir="+r.GitDir, "--work-tree="+slot.Dir, "read-tree", "--reset", "-u", "HEAD")
	fill.Dir, fill.Env = slot.Dir, append(h.env, "GIT_INDEX_FILE="+filepath.Join(place, "index", "slot"))
	if out, err := fill.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h.git(slot.Dir, "init", "-q")
	h.git(slot.Dir, "config", "filter.evil.clean", h.evil())
	h.write(slot.Dir, "a.txt", "two\n")
	tree, nested, err := slot.Freeze(ctx, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if h.ran() {
		t.Error("the configuration of the slot's own repository was obeyed")
	}
	if text, err := r.ReadFile(ctx, tree, "a.txt"); err != nil || string(text) != "two\n" {
		t.Errorf("the result is not in the user's repository: %q %v", text, err)
	}
	if len(nested) > 0 {
		t.Errorf("nested: %v", nested)
	}
}

// TestRepositoriesInsideAreLeftOut, whether they have a commit or not, and also where a submodule was.
func TestRepositoriesInsideAreLeftOut(t *testing.T) {
	h := newHostile(t)
	sub := filepath.Join(t.TempDir(), "sub")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	h.git(sub, "init", "-q", "-b", "main")
	h.git(sub, "commit", "-q", "--allow-empty", "-m", "x")
	h.git(h.dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub, "sub")
	h.git(h.dir, "commit", "-qm", "submodule")
	ctx := context.Background()
	r, err := git.Open(ctx, h.dir, h.env)
	if err != nil {
		t.Fatal(err)
	}
	place := t.TempDir()
	slot, err := r.At(filepath.Join(place, "tree"), filepath.Join(place, "index", "slot"))
	if err != nil {
		t.Fatal(err)
	}
	if err := slot.Reset(ctx, "HEAD"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sub", "bare", "full"} {
		dir := filepath.Join(slot.Dir, name)
		h.write(dir, "f.txt", "x\n")
		h.git(dir, "init", "-q", "-b", "main")
		h.git(dir, "config", "filter.evil.clean", h.evil())
		h.git(dir, "config", "core.fsmonitor", "touch "+h.mark+"; false")
		h.write(dir, ".gitattributes", "* filter=evil\n")
		if name != "bare" {
			h.git(dir, "add", "-A")
			h.git(dir, "commit", "-qm", "x")
			h.write(dir, "f.txt", "y\n")
		}
	}
	h.ran()
	tree, nested, err := slot.Freeze(ctx, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if h.ran() {
		t.Error("a repository inside was asked, and its configuration obeyed")
	}
	if strings.Join(nested, " ") != "sub bare full" && strings.Join(nested, " ") != "sub full bare" {
		t.Errorf("nested are %v", nested)
	}
	if changes, err := r.Changes(ctx, "HEAD", tree); err != nil || len(changes) > 0 {
		t.Errorf("changes %v %v", changes, err)
	}
	if err := slot.Reset(ctx, "HEAD"); err != nil {
		t.Errorf("the slot cannot be used again: %v", err)
	}
}

// TestFloodsDoNotFit, and a directory that held one can be used again.
func TestFloodsDoNotFit(t *testing.T) {
	h := newHostile(t)
	ctx := context.Background()
	r, err := git.Open(ctx, h.dir, h.env)
	if err != nil {
		t.Fatal(err)
	}
	place := t.TempDir()
	slot, err := r.At(filepath.Join(place, "tree"), filepath.Join(place, "index", "slot"))
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{"a gigabyte": "truncate -s 1G big", "paths without end": "i=0; while [ $i -lt 250 ]; do mkdir dddddddddddddddddddd && cd -P dddddddddddddddddddd || exit 0; i=$((i+1)); done; echo x > f",
		"a closed directory": "mkdir -p c/d; echo x > c/d/f; chmod 0 c/d c"} {
		if err := slot.Reset(ctx, "HEAD"); err != nil {
			t.Fatalf("before %s: %v", name, err)
		}
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir = slot.Dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", name, err, out)
		}
		_, _, err := slot.Freeze(ctx, "HEAD")
		t.Logf("%s: %v", name, err)
		if name == "a gigabyte" && (err == nil || !strings.Contains(err.Error(), "1024 MiB")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := slot.Reset(ctx, "HEAD"); err != nil {
		t.Fatal(err)
	}
	if all, err := os.ReadDir(slot.Dir); err != nil || len(all) != 2 {
		t.Errorf("after all that the directory holds %v %v", all, err)
	}
}

// TestGuardGitElsewhere: a directory that merely says that its repository is another one does not have that one written to; a
// linked worktree, a submodule and a checkout that its repository names are opened.
func TestGuardGitElsewhere(t *testing.T) {
	h := newHostile(t)
	beside := func(name string) string { return filepath.Join(filepath.Dir(h.dir), name) }
	h.git(h.dir, "worktree", "add", "-q", beside("linked"))
	h.git(h.dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", h.dir, "sub")
	h.git(filepath.Dir(h.dir), "init", "-q", "--separate-git-dir", beside("apart.git"), beside("apart"))
	for _, name := range []string{"file", "below", "link"} {
		if err := os.MkdirAll(beside(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.write(beside("file"), ".git", "gitdir: "+filepath.Join(h.dir, ".git")+"\n")
	h.write(beside("below"), ".git", "gitdir: ../repo/.git/worktrees/linked\n")
	if err := os.Symlink(filepath.Join(h.dir, ".git"), filepath.Join(beside("link"), ".git")); err != nil {
		t.Fatal(err)
	}
	h.git(filepath.Dir(h.dir), "init", "-q", beside("files"))
	h.git(beside("files"), "config", "core.worktree", h.dir)
	open := func(dir string) error {
		_, err := git.Open(context.Background(), dir, h.env)
		return err
	}
	for _, dir := range []string{h.dir, beside("linked"), filepath.Join(h.dir, "sub")} {
		if err := open(dir); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
	for _, name := range []string{"file", "below", "link", "files", "apart"} {
		var foreign *git.ForeignError
		if err := open(beside(name)); !errors.As(err, &foreign) {
			t.Errorf("%s: %v, want that the repository does not know of it", name, err)
		}
	}
	h.git(beside("apart"), "config", "core.worktree", beside("apart"))
	if err := open(beside("apart")); err != nil {
		t.Errorf("a checkout that its repository names: %v", err)
	}
}
