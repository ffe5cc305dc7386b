package trace_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
)

const whole = `approval requirements
  sha256:aa blob:bb by tty "Ada <ada@example.org>" 2026-11-23

approval design
  adopted sha256:cc

criterion 1.1
  approved text:sha256:dd
  test billing/upgrade_test.go TestUpgrade ran text:sha256:dd body:sha256:ee asserts 5
  bites 7/7 code:sha256:ff

criterion "Pay once/twice is refused"
  approved text:sha256:dd
  test web/pay.test.ts "pay › once" ran text:sha256:dd body:sha256:ee lines 2

task 1
  approved text:sha256:11
  landed patch:sha256:22 inputs:sha256:33 attempt 2 by agent:blueprint
  policy file
  gate file "a b.go" accepted diff:sha256:44 risks ci,dependencies by tty "Ada \"the boss\"" 2026-11-23

task 2
  skipped by flag Ada "not needed"

end
`

func TestLockReadsWhatItWrites(t *testing.T) {
	lock, problems := trace.ParseLock([]byte(whole))
	if len(problems) > 0 {
		t.Fatalf("problems %v", problems)
	}
	if got := string(lock.Bytes()); got != whole {
		t.Errorf("written:\n%s\nread:\n%s", got, whole)
	}
	if got := lock.Outcomes()["1"]; got != (spec.Outcome{Kind: spec.Landed, Inputs: "sha256:33"}) {
		t.Errorf("outcome %+v", got)
	}
	if got := lock.Task("1").Gates[0]; got.Path != "a b.go" || got.Who != `Ada "the boss"` || len(got.Risks) != 2 {
		t.Errorf("gate %+v", got)
	}
}

func TestLockCutAnywhereIsNoticed(t *testing.T) {
	for n := 1; n < len(whole)-1; n++ {
		if _, problems := trace.ParseLock([]byte(whole[:n])); len(problems) == 0 {
			t.Fatalf("cut at byte %d of %d: no problem is reported", n, len(whole))
		}
	}
}

func TestLockKeepsBothSidesOfAConflict(t *testing.T) {
	text := strings.Replace(whole, "  bites 7/7 code:sha256:ff\n", "<<<<<<< ours\n  test a_test.go TestA ran text:sha256:dd body:sha256:01 asserts 1\n=======\n  test b_test.go TestB ran text:sha256:dd body:sha256:02 asserts 1\n>>>>>>> theirs\n", 1)
	lock, problems := trace.ParseLock([]byte(text))
	if len(problems) == 0 || problems[0].Line == 0 {
		t.Errorf("problems %v", problems)
	}
	if got := len(lock.Criterion("1.1").Tests); got != 3 {
		t.Errorf("%d facts, want the one before and both sides", got)
	}
}

// TestNeighbouringFactsMerge lets git merge two branches that prove neighbouring criteria and land neighbouring tasks.
func TestNeighbouringFactsMerge(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=A", "-c", "user.email=a@b", "-C", dir}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	base := "criterion 1.1\n  approved text:sha256:aa\n\ncriterion 1.2\n  approved text:sha256:bb\n\ntask 1\n  approved text:sha256:cc\n\ntask 2\n  approved text:sha256:dd\n\nend\n"
	write := func(change func(l *trace.Lock)) {
		t.Helper()
		lock, problems := trace.ParseLock([]byte(base))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		change(lock)
		if err := os.WriteFile(filepath.Join(dir, "spec.lock"), lock.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		git("add", ".")
		git("commit", "-qm", "x")
	}
	git("init", "-q", "-b", "main")
	write(func(*trace.Lock) {})
	side := func(name, criterion, task string) {
		git("checkout", "-q", "-b", name, "main")
		write(func(l *trace.Lock) {
			l.Criterion(criterion).Tests = []trace.Ran{{File: "x_test.go", Name: "Test" + name, Text: "sha256:1", Body: "sha256:2", Asserts: 1}}
			l.Land(task, trace.Landed{Patch: "sha256:3", Inputs: "sha256:4", Attempt: 1, By: "hand"}, "auto", nil)
		})
	}
	side("a", "1.1", "1")
	side("b", "1.2", "2")
	git("merge", "-q", "a")
	data, err := os.ReadFile(filepath.Join(dir, "spec.lock"))
	if err != nil {
		t.Fatal(err)
	}
	lock, problems := trace.ParseLock(data)
	if len(problems) > 0 || len(lock.Criterion("1.1").Tests) != 1 || len(lock.Criterion("1.2").Tests) != 1 || len(lock.Outcomes()) != 2 {
		t.Errorf("problems %v in\n%s", problems, data)
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("task\n  landed\n"))
	f.Add([]byte("criterion \"\\xff\n end"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lock, problems := trace.ParseLock(data)
		again, more := trace.ParseLock(lock.Bytes())
		if len(problems) == 0 && (len(more) > 0 || string(again.Bytes()) != string(lock.Bytes())) {
			t.Errorf("written and read again: %v\n%s", more, lock.Bytes())
		}
	})
}
