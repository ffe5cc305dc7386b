//go:build unix

package tasks_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// meanwhile runs apply, holds it at a point of its first task, lets the user act there, and returns how the run ended.
func (f *fixture) meanwhile(point string, act func(), args ...string) (out string, code int) {
	f.t.Helper()
	file := filepath.Join(filepath.Dir(f.dir), "held")
	cmd := f.command(f.bin, append([]string{"apply", "f", "--approve", "auto", "--here", "--jobs", "1"}, args...)...)
	cmd.Env = append(cmd.Env, "SPEC_PAUSE="+point+":"+file)
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if _, err := os.Stat(file); err == nil {
			break
		}
		select {
		case <-ended:
			f.t.Fatalf("the run never came to %s:\n%s", point, b.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	act()
	if err := os.Remove(file); err != nil {
		f.t.Fatal(err)
	}
	<-ended
	return b.String(), cmd.ProcessState.ExitCode()
}

// TestUserAtWork lets the user do with git what users do while a run is about to land. Each is seen; the run goes on, or
// stops with one step to take; nothing is lost.
//
// spec:workflow/3.3
func TestUserAtWork(t *testing.T) {
	stories := []struct {
		name string
		act  func(f *fixture)
		code int    // of the run that was disturbed
		says string // in its output
		mend func(f *fixture)
		then func(f *fixture)
	}{
		{name: "commits", act: func(f *fixture) {
			f.write("mine.txt", "mine\n", 0o644)
			f.git("add", "mine.txt")
			f.git("commit", "-qm", "mine")
		}, code: 3, says: "Which one", then: func(f *fixture) {
			if f.git("show", "HEAD:mine.txt") != "mine" {
				f.t.Error("the user's commit is lost")
			}
		}},
		{name: "amends the last commit", act: func(f *fixture) {
			f.write("mine.txt", "mine\n", 0o644)
			f.git("add", "mine.txt")
			f.git("commit", "-q", "--amend", "-m", "amended")
		}, code: 3, says: "Which one", then: func(f *fixture) {
			if !strings.Contains(f.git("log", "--format=%s"), "amended") {
				f.t.Error("the amended commit is lost")
			}
		}},
		{name: "switches to another branch", act: func(f *fixture) { f.git("switch", "-q", "-c", "other") }, code: 3, says: "Which one",
			mend: func(f *fixture) { f.git("switch", "-q", "main") }, then: func(f *fixture) {
				if n := f.git("rev-list", "--count", "other"); n != "1" {
					f.t.Errorf("branch other has %s commits: landings went astray", n)
				}
			}},
		{name: "stashes", act: func(f *fixture) {
			f.write("check.sh", f.read("check.sh")+"# a thought\n", 0o644)
			f.git("stash", "-q")
		}, code: 3, says: "Which one", then: func(f *fixture) {
			if f.git("stash", "list") == "" {
				f.t.Error("the stash is lost")
			}
		}},
		{name: "edits a file that nobody else touches", act: func(f *fixture) { f.write("check.sh", f.read("check.sh")+"# a thought\n", 0o644) }, code: 3, says: "Which one",
			mend: func(f *fixture) {
				if !strings.Contains(f.read("check.sh"), "# a thought") {
					f.t.Error("the user's edit is lost")
				}
				f.git("checkout", "check.sh")
			}},
		{name: "writes the same file", act: func(f *fixture) { f.write("t1.txt", "mine\n", 0o644) }, code: 3, says: "t1.txt",
			mend: func(f *fixture) {
				if f.read("t1.txt") != "mine\n" {
					f.t.Errorf("the user's file holds %q", f.read("t1.txt"))
				}
				os.Remove(filepath.Join(f.dir, "t1.txt"))
			}},
		{name: "is in the middle of a rebase", act: func(f *fixture) {
			f.git("switch", "-q", "-c", "topic")
			f.write("check.sh", "# topic\n"+f.read("check.sh"), 0o644)
			f.git("commit", "-qam", "topic")
			f.git("switch", "-q", "main")
			f.write("check.sh", "# main\n"+f.read("check.sh"), 0o644)
			f.git("commit", "-qam", "main")
			if err := f.command("git", "rebase", "topic").Run(); err == nil {
				f.t.Fatal("the rebase did not stop")
			}
		}, code: 3, says: "in the middle of a rebase", mend: func(f *fixture) { f.git("rebase", "--abort") }},
		{name: "is in the middle of a bisect", act: func(f *fixture) { f.git("bisect", "start") }, code: 3, says: "in the middle of a bisect",
			mend: func(f *fixture) { f.git("bisect", "reset") }},
		{name: "has a git at work", act: func(f *fixture) {
			lock := filepath.Join(f.dir, ".git", "index.lock")
			if err := os.WriteFile(lock, nil, 0o644); err != nil {
				f.t.Fatal(err)
			}
			go func() {
				time.Sleep(300 * time.Millisecond)
				os.Remove(lock)
			}()
		}, code: 3, says: "Which one"},
		{name: "had a git that died", act: func(f *fixture) {
			if err := os.WriteFile(filepath.Join(f.dir, ".git", "index.lock"), nil, 0o644); err != nil {
				f.t.Fatal(err)
			}
		}, code: 3, says: "index.lock", mend: func(f *fixture) {
			if err := os.Remove(filepath.Join(f.dir, ".git", "index.lock")); err != nil {
				f.t.Errorf("index.lock is not ours to remove: %v", err)
			}
		}},
		{name: "has an edit of the tasks", act: func(f *fixture) {
			f.write(".kiro/specs/f/tasks.md", f.read(".kiro/specs/f/tasks.md")+"\n<!-- a thought -->\n", 0o644)
		}, code: 3, says: "uncommitted edits to .kiro/specs/f/tasks.md", mend: func(f *fixture) { f.git("checkout", ".kiro/specs/f/tasks.md") }},
		{name: "moves the branch by force", act: func(f *fixture) {
			f.git("commit", "-q", "--allow-empty", "-m", "elsewhere")
			f.git("reset", "-q", "--hard", "HEAD")
		}, code: 3, says: "Which one"},
		{name: "deletes the slots", act: func(f *fixture) {
			if err := os.RemoveAll(filepath.Join(filepath.Dir(f.dir), "cache")); err != nil {
				f.t.Fatal(err)
			}
		}, code: -2},
	}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			f := newFixture(t)
			out, code := f.meanwhile("approved", func() { s.act(f) })
			if code != s.code && s.code != -2 || !strings.Contains(out, s.says) {
				t.Errorf("ended with %d, want %d and %q:\n%s", code, s.code, s.says, out)
			}
			if s.code == 3 && s.mend != nil && !strings.Contains(out, "spec: hint: ") {
				t.Errorf("no step to take:\n%s", out)
			}
			if s.mend != nil {
				s.mend(f)
			}
			f.finish()
			f.settled("")
			if s.then != nil {
				s.then(f)
			}
			for n := 1; n <= 8; n++ {
				if got := f.git("show", fmt.Sprintf("HEAD:t%d.txt", n)); got != "done" {
					t.Errorf("the work of task %d is lost: %q", n, got)
				}
			}
		})
	}
}

// TestResultIsNotMadeTwice holds that work which was approved before a landing was refused lands without its agent being
// asked again.
func TestResultIsNotMadeTwice(t *testing.T) {
	f := newFixture(t)
	_, code := f.meanwhile("approved", func() { f.write("t1.txt", "mine\n", 0o644) }, "--only", "1")
	if code != 3 {
		t.Fatalf("ended with %d", code)
	}
	if refs := f.git("for-each-ref", "--format=%(refname)", "refs/spec"); !strings.HasSuffix(refs, "/1") {
		t.Fatalf("the approved result is not kept: %q", refs)
	}
	os.Remove(filepath.Join(f.dir, "t1.txt"))
	out, _ := f.apply()
	if strings.Contains(out, "task 1: started") || f.git("log", "--format=%s", "--grep=Spec-Task: f/1$") != "f: One" {
		t.Errorf("the agent was asked again, or the result did not land:\n%s", out)
	}
}

// TestSignedLandings uses a real key: with commit.gpgsign each landing is signed, which commit-tree alone would not do.
func TestSignedLandings(t *testing.T) {
	f := newFixture(t)
	key := filepath.Join(filepath.Dir(f.dir), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("this test needs ssh-keygen (openssh-client): %v\n%s", err, out)
	}
	for name, value := range map[string]string{"commit.gpgsign": "true", "gpg.format": "ssh", "user.signingKey": key + ".pub"} {
		f.git("config", name, value)
	}
	if out, code := f.apply("SPEC_X=1"); code != 3 {
		t.Fatalf("ended with %d:\n%s", code, out)
	}
	landings := strings.Fields(f.git("log", "--grep=Spec-Task", "--format=%H"))
	if len(landings) == 0 {
		t.Fatal("nothing landed")
	}
	for _, commit := range landings {
		if !strings.Contains(f.git("cat-file", "commit", commit), "gpgsig -----BEGIN SSH SIGNATURE") {
			t.Errorf("%s is not signed", commit)
		}
	}
}

// TestNoRoom runs where nothing can be written: a clear error, and nothing is lost once there is room again.
func TestNoRoom(t *testing.T) {
	for _, blocks := range []string{"0", "1", "8"} {
		t.Run(blocks, func(t *testing.T) {
			f := newFixture(t)
			cmd := f.command("sh", "-c", "ulimit -f "+blocks+"; exec \"$0\" apply f --approve auto --here", f.bin)
			out, err := cmd.CombinedOutput()
			if err == nil || strings.Contains(string(out), "panic") || strings.Contains(string(out), "goroutine ") {
				t.Errorf("ended with %v:\n%s", err, out)
			}
			if !strings.Contains(string(out), "spec: ") {
				t.Errorf("no clear error:\n%s", out)
			}
			f.finish()
			f.settled("")
		})
	}
}

// TestStateDirectoryInTheWay has a file where run logs belong.
func TestStateDirectoryInTheWay(t *testing.T) {
	f := newFixture(t)
	f.write(".spec", "mine\n", 0o644)
	f.git("add", "-f", ".spec")
	f.git("commit", "-qm", "a file of this name")
	out, code := f.apply()
	if code != 2 || !strings.Contains(out, ".spec") {
		t.Errorf("ended with %d:\n%s", code, out)
	}
	if f.read(".spec") != "mine\n" {
		t.Error("the user's file is lost")
	}
}
