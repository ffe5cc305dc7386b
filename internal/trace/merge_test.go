package trace_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
)

// Two people prove neighbouring criteria, land neighbouring tasks or do one of each: git merges the locks without a
// driver, and both facts stand in the result. Where both prove the same criterion differently, the conflict is read with
// both sides, is a problem, and what the next run sees mends it.
func TestLocksMerge(t *testing.T) {
	f, lock := merged(t)
	ran := func(name, body string) func(*trace.Lock) {
		return func(l *trace.Lock) {
			for _, id := range strings.Fields(name) {
				c := f.Requirement(id)
				l.SetRan(f, map[string][]trace.Ran{id: {{File: "a_test.go", Name: "Test" + strings.ReplaceAll(id, ".", "_"), Text: c.Hash(), Body: "sha256:" + body, Asserts: 2}}})
				l.Criterion(id).Bites = "3/4 code:sha256:" + body
			}
		}
	}
	land := func(id string) func(*trace.Lock) {
		return func(l *trace.Lock) {
			l.Land(id, trace.Landed{Patch: "sha256:" + id, Inputs: "sha256:0", Attempt: 1, By: "hand"}, "task", []trace.Gate{{Policy: "task", Diff: "sha256:1", Channel: "tty", Who: "Ada", Date: "2026-11-03"}})
		}
	}
	for _, c := range []struct {
		name         string
		mine, theirs func(*trace.Lock)
		want         []string
	}{
		{"neighbouring criteria", ran("1.1", "a"), ran("1.2", "b"), []string{"Test1_1", "Test1_2"}},
		{"the last two criteria", ran("1.2", "a"), ran("1.3", "b"), []string{"Test1_2", "Test1_3"}},
		{"neighbouring tasks", land("1"), land("2"), []string{"patch:sha256:1", "patch:sha256:2"}},
		{"the last two tasks", land("2"), land("3"), []string{"patch:sha256:2", "patch:sha256:3"}},
		{"the last criterion and the first task", ran("1.3", "a"), land("1"), []string{"Test1_3", "patch:sha256:1"}},
	} {
		out, ok := mergeLocks(t, lock, c.mine, c.theirs)
		if !ok {
			t.Errorf("%s: a conflict:\n%s", c.name, out)
		}
		l, problems := trace.ParseLock([]byte(out))
		if len(problems) > 0 || string(l.Bytes()) != out {
			t.Errorf("%s: the merged lock: %v\n%s", c.name, problems, out)
		}
		for _, w := range c.want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: %s is lost:\n%s", c.name, w, out)
			}
		}
	}
	out, ok := mergeLocks(t, lock, ran("1.2", "a"), ran("1.2", "b"))
	if ok {
		t.Fatalf("two proofs of one criterion merge:\n%s", out)
	}
	l, problems := trace.ParseLock([]byte(out))
	if len(problems) == 0 || len(l.Criterion("1.2").Tests) != 2 {
		t.Errorf("of a conflict %d facts are kept, with the problems %v", len(l.Criterion("1.2").Tests), problems)
	}
	ran("1.2", "b")(l) // what spec verify does with what it saw
	if again, problems := trace.ParseLock(l.Bytes()); len(problems) > 0 || len(again.Criterion("1.2").Tests) != 1 {
		t.Errorf("the mended lock: %v\n%s", problems, l.Bytes())
	}
}

// merged is a feature of three criteria and three tasks, and its lock when nothing is proved.
func merged(t *testing.T) (*spec.Feature, []byte) {
	t.Helper()
	f, _ := spec.Parse(fstest.MapFS{
		".kiro/specs/f/requirements.md": {Data: []byte("### Requirement 1: Sums\n\n#### Acceptance Criteria\n\n1. THE System SHALL answer 1\n2. THE System SHALL answer 2\n3. THE System SHALL answer 3\n")},
		".kiro/specs/f/tasks.md":        {Data: []byte("- [ ] 1. A\n- [ ] 2. B\n- [ ] 3. C\n")},
	}, ".kiro/specs/f")
	l, _ := trace.ParseLock(nil)
	for _, s := range []spec.Stage{spec.Requirements, spec.Tasks} {
		l.Approve(f, s, trace.Approval{Stage: s, Hash: spec.ApprovedHash(f, s), Blob: "0", Channel: "tty", Who: "Ada", Date: "2026-11-03"})
	}
	return f, l.Bytes()
}

// mergeLocks changes a lock in two branches and merges them; ok is false for a conflict.
func mergeLocks(t *testing.T, base []byte, mine, theirs func(*trace.Lock)) (out string, ok bool) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "spec.lock")
	git := func(args ...string) error {
		c := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main", "-c", "core.autocrlf=false"}, args...)...)
		c.Dir, c.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Logf("git %v: %s", args, out)
		}
		return err
	}
	commit := func(change func(*trace.Lock)) {
		l, _ := trace.ParseLock(base)
		if change != nil {
			change(l)
		}
		if err := os.WriteFile(file, l.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if git("add", ".") != nil || git("commit", "-q", "-m", "lock") != nil {
			t.Fatal("the lock cannot be committed")
		}
	}
	if git("init", "-q") != nil {
		t.Fatal("no repository")
	}
	commit(nil)
	if git("branch", "theirs") != nil {
		t.Fatal("no branch")
	}
	commit(mine)
	if git("checkout", "-q", "theirs") != nil {
		t.Fatal("no branch")
	}
	commit(theirs)
	ok = git("merge", "-q", "main") == nil
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), ok
}
