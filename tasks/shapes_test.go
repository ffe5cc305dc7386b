//go:build unix

package tasks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func (f *fixture) write(name, text string, mode os.FileMode) {
	f.t.Helper()
	file := filepath.Join(f.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) read(name string) string {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(name)))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(data)
}

// TestShapesOfRepositories runs eight tasks in repositories of every shape that git allows. Each lands everything once,
// and nothing of the shape is lost.
func TestShapesOfRepositories(t *testing.T) {
	shapes := []struct {
		name  string
		shape func(f *fixture)
		after func(f *fixture)
	}{
		{"submodule", func(f *fixture) {
			other := filepath.Join(filepath.Dir(f.dir), "other")
			if out, err := f.command("sh", "-c", "git init -q "+other+" && cd "+other+" && echo x > x && git add . && git commit -qm x").CombinedOutput(); err != nil {
				f.t.Fatalf("%v\n%s", err, out)
			}
			f.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", other, "lib")
			f.git("commit", "-qm", "a submodule")
		}, func(f *fixture) {
			if got := f.git("ls-tree", "HEAD", "lib"); !strings.HasPrefix(got, "160000 commit") {
				f.t.Errorf("the submodule became %q", got)
			}
			if f.read("lib/x") != "x\n" {
				f.t.Error("the submodule's checkout is gone")
			}
		}},
		{"pointers to large files", func(f *fixture) {
			f.git("config", "filter.lfs.clean", "sed s/^large/pointer/")
			f.git("config", "filter.lfs.smudge", "sed s/^pointer/large/")
			f.git("config", "filter.lfs.required", "true")
			f.write(".gitattributes", "*.bin filter=lfs\n", 0o644)
			f.write("a.bin", "large\n", 0o644)
			f.git("add", ".")
			f.git("commit", "-qm", "a large file")
		}, func(f *fixture) {
			if got := f.git("cat-file", "blob", "HEAD:a.bin"); got != "pointer" {
				f.t.Errorf("git holds %q", got)
			}
			if f.read("a.bin") != "large\n" {
				f.t.Errorf("the checkout holds %q", f.read("a.bin"))
			}
		}},
		{"links and modes", func(f *fixture) {
			if err := os.Symlink("check.sh", filepath.Join(f.dir, "link")); err != nil {
				f.t.Fatal(err)
			}
			f.write("run.sh", "echo\n", 0o755)
			f.write("agent.sh", f.read("agent.sh")+"[ $SPEC_TASK = 2 ] && { printf 'echo\\n' > two.sh; chmod +x two.sh; ln -s run.sh two; }\nexit 0\n", 0o644)
			f.write("agent.sh", strings.Replace(f.read("agent.sh"), "exit 0\n", "", 1), 0o644)
			f.git("add", ".")
			f.git("commit", "-qm", "links")
		}, func(f *fixture) {
			for name, mode := range map[string]string{"link": "120000", "run.sh": "100755", "two.sh": "100755", "two": "120000"} {
				if got := f.git("ls-tree", "HEAD", name); !strings.HasPrefix(got, mode) {
					f.t.Errorf("%s: %q, want mode %s", name, got, mode)
				}
			}
		}},
		{"windows line ends", func(f *fixture) {
			f.write("dos.txt", "a\r\nb\r\n", 0o644)
			f.git("add", ".") // stored as it is
			f.git("commit", "-qm", "line ends")
			f.git("config", "core.autocrlf", "true")
			f.git("rm", "-q", "-r", "--cached", ".")
			f.git("reset", "-q", "--hard")
			for _, name := range []string{".kiro/specs/f/tasks.md", ".kiro/specs/f/requirements.md"} {
				if !strings.Contains(f.read(name), "\r\n") {
					f.t.Fatalf("%s was not checked out with CRLF", name)
				}
			}
			f.write("agent.sh", strings.ReplaceAll(f.read("agent.sh"), "\r\n", "\n"), 0o644)
			f.write(".gitattributes", "*.sh text eol=lf\n", 0o644)
			f.git("add", ".")
			f.git("commit", "-qm", "scripts keep LF")
			f.git("rm", "-q", "-r", "--cached", ".")
			f.git("reset", "-q", "--hard")
		}, func(f *fixture) {
			if got := f.git("cat-file", "blob", "HEAD:.kiro/specs/f/tasks.md"); strings.Contains(got, "\r") {
				f.t.Error("line ends reached the repository")
			}
			if got := f.read(".kiro/specs/f/tasks.md"); strings.Count(got, "\r\n") != strings.Count(got, "\n") {
				f.t.Error("the checkout's line ends are mixed")
			}
		}},
		{"subdirectory of a monorepo", func(f *fixture) {
			f.git("config", "core.quotePath", "true")
			for _, name := range []string{".kiro", "agent.sh", "check.sh"} {
				if err := os.MkdirAll(filepath.Join(f.dir, "apps", "é one"), 0o755); err != nil {
					f.t.Fatal(err)
				}
				f.git("mv", name, "apps/é one/"+name)
			}
			f.write("README.md", "top\n", 0o644)
			f.git("add", ".")
			f.git("commit", "-qm", "one of several")
			f.dir = filepath.Join(f.dir, "apps", "é one")
		}, func(f *fixture) {
			if got := f.git("ls-tree", "--name-only", "HEAD", "t8.txt"); got != "t8.txt" {
				f.t.Errorf("the work is not where the workspace is: %q", got)
			}
		}},
		{"checkout that is a worktree", func(f *fixture) {
			side := filepath.Join(filepath.Dir(f.dir), "side")
			f.git("worktree", "add", "-q", "-b", "side", side)
			f.dir = side
		}, func(f *fixture) {
			if got := f.git("rev-list", "--count", "main..side"); got != "8" {
				f.t.Errorf("%s commits on the branch of the worktree", got)
			}
		}},
		{"detached head", func(f *fixture) { f.git("checkout", "-q", "--detach") }, func(f *fixture) {
			if got := f.git("rev-list", "--count", "main..HEAD"); got != "8" {
				f.t.Errorf("%s commits upon the detached head", got)
			}
		}},
		{"empty first commit", func(f *fixture) {
			start := f.git("rev-parse", "HEAD^{tree}")
			f.git("checkout", "-q", "--orphan", "fresh")
			f.git("rm", "-q", "-r", "--cached", ".")
			f.git("commit", "-q", "--allow-empty", "-m", "empty")
			f.git("read-tree", start)
			f.git("commit", "-qm", "all of it")
		}, nil},
		{"another branch to land on", func(f *fixture) {
			f.write("../config/spec/config.yaml", f.read("../config/spec/config.yaml")+"branch: work\n", 0o644)
		}, func(f *fixture) {
			if got := f.git("rev-list", "--count", "main..work"); got != "8" {
				f.t.Errorf("%s commits on the branch", got)
			}
			if got := f.git("rev-list", "--count", "main"); got != "1" {
				f.t.Errorf("main has %s commits", got)
			}
		}},
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			f := newFixture(t)
			s.shape(f)
			if asked := f.finish(); asked > 1 {
				t.Errorf("the question was asked %d times", asked)
			}
			if s.name != "another branch to land on" && s.name != "checkout that is a worktree" {
				f.settled("")
			}
			if status := f.git("status", "--porcelain"); status != "" {
				t.Errorf("the checkout is not clean:\n%s", status)
			}
			if s.after != nil {
				s.after(f)
			}
		})
	}
}

// TestNoCommitYet stops with the step to take.
func TestNoCommitYet(t *testing.T) {
	f := newFixture(t)
	f.git("checkout", "-q", "--orphan", "fresh")
	out, code := f.apply()
	if code != 2 || !strings.Contains(out, "hint: git") {
		t.Errorf("ended with %d:\n%s", code, out)
	}
}
