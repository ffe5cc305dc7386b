package git

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A twin is one of two repositories to which the same is done: one is moved forward by us, one by git.
type twin struct {
	t   *testing.T
	dir string
	env []string
}

func (w *twin) at(t *testing.T, dir string) *twin { return &twin{t: t, dir: dir, env: w.env} }

func (w *twin) git(args ...string) string {
	w.t.Helper()
	out, err := w.try(args...)
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

func (w *twin) try(args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *twin) write(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *twin) remove(name string) {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.dir, filepath.FromSlash(name))); err != nil {
		w.t.Fatal(err)
	}
}

// state is everything that a person sees of a checkout.
func (w *twin) state() string {
	var b strings.Builder
	for _, args := range [][]string{{"ls-files", "-s", "-v"}, {"status", "--porcelain=v2", "--branch", "--ignored", "-uall"}} {
		out, _ := w.try(args...)
		b.WriteString(out)
	}
	for _, name := range []string{"HEAD", "refs/heads/main"} {
		data, _ := os.ReadFile(filepath.Join(w.dir, ".git/logs", name))
		b.Write(data)
	}
	filepath.WalkDir(w.dir, func(name string, d os.DirEntry, err error) error {
		if d.IsDir() && d.Name() == ".git" {
			return filepath.SkipDir
		}
		info, _ := d.Info()
		b.WriteString(strings.TrimPrefix(name, w.dir) + " " + info.Mode().String())
		if info.Mode().IsRegular() {
			data, _ := os.ReadFile(name)
			b.WriteString(" " + string(data))
		}
		b.WriteString("\n")
		return nil
	})
	return strings.ReplaceAll(b.String(), w.dir, "DIR")
}

// copyTree copies a checkout with its repository, as old as it is.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestFastForward moves one of two like checkouts forward as git does, and compares everything. ours says whether it is to be done
// without git merge, which notes where the branch was in ORIG_HEAD.
func TestFastForward(t *testing.T) {
	next := func(w *twin) {
		w.write("a/one", "1 anew\n")
		w.write("a/fresh/deep", "new\n")
		w.remove("gone/alone")
		w.write("run", "#!/bin/sh -e\n")
	}
	none := func(*twin) {}
	start := (&twin{env: append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org", "GIT_AUTHOR_DATE=@1000 +0000", "GIT_COMMITTER_DATE=@1000 +0000")}).at(t, t.TempDir())
	start.git("init", "-q", "-b", "main")
	for name, text := range map[string]string{"a/one": "1\n", "a/two": "2\n", "b": "b\n", "gone/alone": "x\n", "run": "#!/bin/sh\n"} {
		start.write(name, text)
	}
	os.Chmod(filepath.Join(start.dir, "run"), 0o755)
	start.git("add", "-A")
	start.git("commit", "-qm", "start")
	from := strings.TrimSpace(start.git("rev-parse", "HEAD"))
	for _, c := range []struct {
		name    string
		ours    bool
		next    func(w *twin) // what the commit changes
		arrange func(w *twin) // what the user did meanwhile
	}{
		{"nothing stands in the way", true, next, none},
		{"elsewhere the user works", true, next, func(w *twin) {
			w.write("a/two", "mine\n")
			w.write("b", "staged\n")
			w.git("add", "b")
			w.write("untracked", "x\n")
		}},
		{"detached", true, next, func(w *twin) { w.git("checkout", "-q", "--detach") }},
		{"names that are patterns", true, func(w *twin) {
			w.write("*", "star\n")
			w.write(":(top)x", "magic\n")
			w.write("a/[t]wo", "brackets\n")
			w.write("with space é", "x\n")
		}, func(w *twin) { w.write("a/two", "mine\n") }},
		{"a bit only", true, func(w *twin) { os.Chmod(filepath.Join(w.dir, "a/one"), 0o755) }, none},
		{"an index of version 4", true, next, func(w *twin) { w.git("update-index", "--index-version", "4") }},
		{"an index of version 3", false, next, func(w *twin) {
			w.write("later", "x\n")
			w.git("add", "-N", "later")
		}},
		{"a split index", false, next, func(w *twin) { w.git("update-index", "--split-index") }},
		{"no index", false, next, func(w *twin) { w.remove(".git/index") }},
		{"edited", false, next, func(w *twin) { w.write("a/one", "mine\n") }},
		{"edited, and the last to be written", false, next, func(w *twin) { w.write("run", "mine\n") }},
		{"touched only", true, next, func(w *twin) { w.write("a/one", "1\n") }},
		{"staged", false, next, func(w *twin) {
			w.write("a/one", "mine\n")
			w.git("add", "a/one")
			w.write("a/one", "1\n")
		}},
		{"staged as it is to be", false, next, func(w *twin) {
			w.write("a/one", "1 anew\n")
			w.git("add", "a/one")
		}},
		{"deleted by the user", false, next, func(w *twin) { w.remove("a/one") }},
		{"deleted in the index", false, next, func(w *twin) { w.git("rm", "-q", "--cached", "a/one") }},
		{"an untracked file in the way", false, next, func(w *twin) { w.write("a/fresh/deep", "mine\n") }},
		{"an ignored file in the way", false, next, func(w *twin) {
			w.write(".git/info/exclude", "deep\n")
			w.write("a/fresh/deep", "mine\n")
		}},
		{"an untracked file where a directory is to be", false, next, func(w *twin) { w.write("a/fresh", "mine\n") }},
		{"a staged file where a directory is to be", false, next, func(w *twin) {
			w.write("a/fresh", "mine\n")
			w.git("add", "a/fresh")
			w.remove("a/fresh")
		}},
		{"a directory where a file is to be", false, next, func(w *twin) { w.write("a/fresh/deep/er", "mine\n") }},
		{"a staged directory where a file is to be", false, next, func(w *twin) {
			w.write("a/fresh/deep/er", "mine\n")
			w.git("add", "a/fresh")
			w.remove("a/fresh")
		}},
		{"a link on the way", false, next, func(w *twin) {
			os.Rename(filepath.Join(w.dir, "a"), filepath.Join(w.dir, "elsewhere"))
			os.Symlink("elsewhere", filepath.Join(w.dir, "a"))
		}},
		{"the bit is the user's", false, next, func(w *twin) { os.Chmod(filepath.Join(w.dir, "a/one"), 0o755) }},
		{"the work of another merge", false, next, func(w *twin) {
			blob := strings.TrimSpace(w.git("hash-object", "-w", "b"))
			w.git("update-index", "--force-remove", "b")
			cmd := exec.Command("git", "update-index", "--index-info")
			cmd.Dir, cmd.Env, cmd.Stdin = w.dir, w.env, strings.NewReader("100644 "+blob+" 1\tb\n100644 "+blob+" 2\tb\n")
			if out, err := cmd.CombinedOutput(); err != nil {
				w.t.Fatalf("%v\n%s", err, out)
			}
		}},
		{"left out of the checkout", false, next, func(w *twin) {
			w.git("update-index", "--skip-worktree", "b")
			w.remove("b")
		}},
		{"not looked at", false, next, func(w *twin) {
			w.git("update-index", "--assume-unchanged", "a/one")
			w.write("a/one", "mine\n")
		}},
		{"index.lock", false, next, func(w *twin) { w.write(".git/index.lock", "") }},
		{"a link is new", false, func(w *twin) {
			next(w)
			os.Symlink("a", filepath.Join(w.dir, "link"))
		}, none},
		{"a directory becomes a file", false, func(w *twin) {
			w.remove("gone")
			w.write("gone", "a file\n")
		}, none},
		{"a file becomes a directory", false, func(w *twin) {
			w.remove("b")
			w.write("b/c", "below\n")
		}, none},
		{"how files are written changes", false, func(w *twin) {
			w.write(".gitattributes", "* eol=crlf\n")
			w.write("z", "z\n")
		}, none},
		{"other line ends", false, next, func(w *twin) {
			w.git("config", "core.autocrlf", "true")
			w.remove("a/one")
			w.git("checkout", "a/one")
		}},
		{"the branch has moved", false, next, func(w *twin) {
			w.write("mine", "x\n")
			w.git("add", "mine")
			w.git("commit", "-qm", "mine")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := t.TempDir()
			w := start.at(t, filepath.Join(home, "ours"))
			copyTree(t, start.dir, w.dir)
			c.next(w)
			w.git("add", "-A")
			w.git("commit", "-qm", "next")
			to := strings.TrimSpace(w.git("rev-parse", "HEAD"))
			w.git("reset", "-q", "--hard", from)
			for _, name := range []string{"ORIG_HEAD", "logs/HEAD", "logs/refs/heads/main"} {
				w.remove(".git/" + name)
			}
			twins := [2]*twin{w, w.at(t, filepath.Join(home, "git's"))}
			copyTree(t, w.dir, twins[1].dir)
			for _, w := range twins {
				c.arrange(w)
			}
			repo, err := Open(context.Background(), twins[0].dir, twins[0].env)
			if err != nil {
				t.Fatal(err)
			}
			err = repo.FastForward(context.Background(), from, to)
			out, want := twins[1].try("merge", "--ff-only", "-q", "--no-stat", to)
			if (err == nil) != (want == nil) {
				t.Fatalf("%v; git: %v %s", err, want, out)
			}
			if got, want := twins[0].state(), twins[1].state(); got != want {
				t.Errorf("it is\n%s\nafter git\n%s", got, want)
			}
			if _, statErr := os.Lstat(filepath.Join(twins[0].dir, ".git/ORIG_HEAD")); err == nil && (statErr != nil) != c.ours {
				t.Errorf("done without git merge: %v", statErr != nil)
			}
		})
	}
}
