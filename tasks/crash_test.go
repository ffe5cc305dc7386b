//go:build unix

package tasks_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"spec.example/spec/internal/sandbox"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
)

// The real program is killed here, not a stand-in: the same sources, built with the tag that compiles the fault points
// in.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "spec-program-")
	if err != nil {
		return "", err
	}
	built = dir
	file := filepath.Join(dir, "spec")
	cmd := exec.Command("go", "build", "-tags", "faults", "-o", file, "spec.example/spec")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v\n%s", err, out)
	}
	return file, nil
})

var built string // the directory of the program, once a test needed it

func TestMain(m *testing.M) {
	if len(os.Args) > 1 { // the benchmarks run children in the sandbox of this binary
		self, _ := os.Executable()
		switch os.Args[1] {
		case sandbox.VerbRun:
			os.Exit(sandbox.Supervise(self))
		case sandbox.VerbExec:
			fmt.Fprintln(os.Stderr, sandbox.Enter(os.Args[3:]))
			os.Exit(126)
		}
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

const fixtureTasks = `# Implementation Plan

- [ ] 1. One
  - _Depends: none_
- [ ] 2. Two
  - _Depends: 1_
- [ ] 3. Three
  - _Depends: 1_
- [ ] 4. Four
  - _Depends: 2, 3_
- [ ] 5. Five
  - _Depends: 2, 3_
- [ ] 6. Six
  - _Depends: 4, 5_
- [ ] 7. Seven
  - _Depends: 1-5_
- [ ] 8. Eight
  - _Depends: 1-6_
`

// A fixture is a repository with a feature of eight tasks, an agent that asks a question at task 4, and directories of
// its own for everything of the user's.
type fixture struct {
	t   *testing.T
	dir string
	env []string
	bin string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	f := &fixture{t: t, dir: filepath.Join(home, "repo"), bin: bin, env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir(), "XDG_CACHE_HOME=" + filepath.Join(home, "cache"), "XDG_CONFIG_HOME=" + filepath.Join(home, "config"),
		"GIT_CONFIG_GLOBAL=" + filepath.Join(home, "gitconfig"), "GIT_CONFIG_SYSTEM=" + os.DevNull, "SOURCE_DATE_EPOCH=1780000000"}}
	files := map[string]string{
		"gitconfig":                          "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n",
		"config/spec/config.yaml":            "agent: shell\nagents:\n  shell:\n    command: [sh, agent.sh]\nverify:\n  test: sh check.sh\n",
		"repo/agent.sh":                      "echo done > t$SPEC_TASK.txt\nif [ $SPEC_TASK = 4 ]; then \"$SPEC_BIN\" ask 'Which one?' --choice left --choice right > choice.txt || rm choice.txt; fi\nexit 0\n",
		"repo/check.sh":                      "for f in t*.txt; do [ \"$f\" = 't*.txt' ] || grep -q done \"$f\" || exit 1; done\ntest -f agent.sh\n",
		"repo/.kiro/specs/f/tasks.md":        fixtureTasks,
		"repo/.kiro/specs/f/design.md":       "# Design Document\n",
		"repo/.kiro/specs/f/requirements.md": "# Requirements Document\n\n### Requirement 1: Files\n\n#### Acceptance Criteria\n\n1. THE System SHALL hold files\n",
	}
	for name, text := range files {
		file := filepath.Join(home, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	feature, _ := spec.Parse(os.DirFS(f.dir), ".kiro/specs/f")
	lock := &trace.Lock{}
	for _, stage := range spec.Stages() {
		lock.Approve(feature, stage, trace.Approval{Stage: stage, Hash: spec.ApprovedHash(feature, stage), Blob: "0000", Channel: "demo", Who: "Ada", Date: "2026-01-01"})
	}
	if err := os.WriteFile(filepath.Join(f.dir, ".kiro/specs/f/spec.lock"), lock.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	f.git("init", "-q")
	f.git("add", ".")
	f.git("commit", "-qm", "start")
	return f
}

func (f *fixture) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = f.dir, f.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a session of its own: no terminal to ask at
	return cmd
}

func (f *fixture) git(args ...string) string {
	f.t.Helper()
	out, err := f.command("git", args...).CombinedOutput()
	if err != nil {
		f.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// apply runs spec apply to its end and returns what it printed and its exit status, -1 for a signal.
func (f *fixture) apply(extra ...string) (string, int) {
	f.t.Helper()
	cmd := f.command(f.bin, "apply", "f", "--approve", "auto", "--here")
	cmd.Env = append(cmd.Env, extra...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

var hint = regexp.MustCompile(`spec answer (\S+) (\S+) `)

// finish applies until there is nothing left to do, and answers the question where it is asked. It returns how often that
// was.
func (f *fixture) finish() (asked int) {
	f.t.Helper()
	for range 6 {
		out, code := f.apply()
		switch code {
		case 0:
			return asked
		case 3:
			m := hint.FindStringSubmatch(out)
			if m == nil {
				f.t.Fatalf("stopped without a question:\n%s", out)
			}
			asked++
			if out, err := f.command(f.bin, "answer", m[1], m[2], "left").CombinedOutput(); err != nil {
				f.t.Fatalf("answer: %v\n%s", err, out)
			}
		default:
			f.t.Fatalf("apply ended with %d:\n%s", code, out)
		}
	}
	f.t.Fatal("apply does not come to an end")
	return asked
}

// settled checks what has to hold after every story: each task landed once, nothing is left but what a person committed.
func (f *fixture) settled(want string) {
	f.t.Helper()
	if got := f.git("rev-parse", "HEAD^{tree}"); want != "" && got != want {
		f.t.Errorf("the tree is %s, want %s\n%s", got, want, f.git("diff", want, got))
	}
	landings := strings.Fields(f.git("log", "--format=%(trailers:key=Spec-Task,valueonly)"))
	if len(landings) != 8 {
		f.t.Errorf("landings %v, want each of eight tasks once", landings)
	}
	if s := f.git("status", "--porcelain"); s != "" {
		f.t.Errorf("the checkout is not clean:\n%s", s)
	}
	if refs := f.git("for-each-ref", "refs/spec"); refs != "" {
		f.t.Errorf("refs are left:\n%s", refs)
	}
	if w := f.git("worktree", "list"); strings.Count(w, "\n") != 0 {
		f.t.Errorf("worktrees are left:\n%s", w)
	}
	filepath.WalkDir(filepath.Join(f.dir, ".git"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".lock") {
			f.t.Errorf("a lock file is left: %s", name)
		}
		return nil
	})
	for range 100 { // children of a killed run notice within moments
		if f.processes() == "" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	f.t.Errorf("processes are left:\n%s", f.processes())
}

// processes lists what runs in this fixture's directories.
func (f *fixture) processes() string {
	out, err := exec.Command("ps", "-eo", "pid,args").Output()
	if err != nil {
		f.t.Fatal(err)
	}
	var mine []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, filepath.Dir(f.dir)) {
			mine = append(mine, line)
		}
	}
	return strings.Join(mine, "")
}

// straight gives the tree of a run that nobody disturbs.
func straight(t *testing.T) string {
	t.Helper()
	f := newFixture(t)
	if asked := f.finish(); asked != 1 {
		t.Errorf("the question was asked %d times", asked)
	}
	f.settled("")
	return f.git("rev-parse", "HEAD^{tree}")
}

// spec:workflow/3.2
func TestKilledAtEveryStep(t *testing.T) {
	want := straight(t)
	points := []string{"prepare", "agent.start", "agent.end", "write-tree", "verify.checkout", "verify.end", "approved", "merge", "landing-tree", "commit", "landing-ref", "ff", "advanced", "landing-ref-deleted", "ref-deleted", "answer"}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			f := newFixture(t)
			killed := 0
			for n := 1; n <= 8; n += 3 { // the first task, the fourth and the seventh
				out, code := f.apply(fmt.Sprintf("SPEC_FAULT=%s:%d", point, 1+n%3))
				if code == -1 {
					killed++
				} else if code != 0 && code != 3 {
					t.Fatalf("ended with %d:\n%s", code, out)
				}
			}
			if killed == 0 && point != "answer" {
				t.Errorf("the program was never killed at %s", point)
			}
			if asked := f.finish(); asked > 1 {
				t.Errorf("the question was asked %d times", asked)
			}
			f.settled(want)
		})
	}
}

// TestKilledWhileTakenBack kills undo, and the record of a skip, at every step. Done again, it ends as if nobody had killed it.
//
// spec:workflow/3.2
func TestKilledWhileTakenBack(t *testing.T) {
	f := newFixture(t)
	f.finish()
	landed := f.git("rev-parse", "HEAD^{tree}")
	act := func(fault string, args ...string) int {
		t.Helper()
		cmd := f.command(f.bin, args...)
		cmd.Env = append(cmd.Env, "SPEC_FAULT="+fault)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != 0 && code != -1 && !strings.Contains(string(out), "has not landed") {
			t.Fatalf("%v ended with %d:\n%s", args, code, out)
		}
		return cmd.ProcessState.ExitCode()
	}
	undo, skip := []string{"undo", "f", "8"}, []string{"apply", "f", "--approve", "auto", "--here", "--skip", "8", "--record", "--reason", "later"}
	act("", undo...)
	undone := f.git("rev-parse", "HEAD^{tree}")
	act("", skip...)
	skipped := f.git("rev-parse", "HEAD^{tree}")
	if undone == landed || skipped == undone {
		t.Fatalf("the trees are %s, %s and %s", landed, undone, skipped)
	}
	act("", undo...)
	for _, point := range []string{"skip-commit", "ff", "skipped"} {
		if code := act(point, skip...); code != -1 {
			t.Errorf("%s: the program was not killed, it ended with %d", point, code)
		}
		act("", skip...)
		if got := f.git("rev-parse", "HEAD^{tree}"); got != skipped {
			t.Errorf("%s: after a skip that was killed the tree is not that of one that was not:\n%s", point, f.git("diff", skipped, got))
		}
		act("", undo...)
	}
	for _, point := range []string{"verify.checkout", "verify.end", "undo-tree", "undo-commit", "ff", "undone"} {
		f.finish()
		if got := f.git("rev-parse", "HEAD^{tree}"); got != landed {
			t.Fatalf("%s: landed again, the tree is another:\n%s", point, f.git("diff", landed, got))
		}
		if code := act(point, undo...); code != -1 {
			t.Errorf("%s: the program was not killed, it ended with %d", point, code)
		}
		act("", undo...)
		if got := f.git("rev-parse", "HEAD^{tree}"); got != undone {
			t.Errorf("%s: after an undo that was killed the tree is not that of one that was not:\n%s", point, f.git("diff", undone, got))
		}
		if s := f.git("status", "--porcelain"); s != "" {
			t.Errorf("%s: the checkout is not clean:\n%s", point, s)
		}
	}
}

// spec:workflow/3.2
func TestKilledAtRandomMoments(t *testing.T) {
	straight(t)
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			seed := rand.New(rand.NewPCG(uint64(i), 7))
			f := newFixture(t)
			commits := 0
			for range 4 {
				cmd := f.command(f.bin, "apply", "f", "--approve", "auto", "--here")
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(seed.IntN(900)) * time.Millisecond)
				if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Fatal(err)
				}
				cmd.Wait() // its status is that of the kill
				if seed.IntN(2) == 0 && f.commitNote(commits) {
					commits++
				}
			}
			if asked := f.finish(); asked > 1 {
				t.Errorf("the question was asked %d times", asked)
			}
			f.settled("")
			for n := range commits {
				if got := f.git("show", fmt.Sprintf("HEAD:note%d.txt", n)); got != "mine" {
					t.Errorf("the user's commit %d is lost: %q", n, got)
				}
			}
			for n := 1; n <= 8; n++ {
				if got := f.git("show", fmt.Sprintf("HEAD:t%d.txt", n)); got != "done" {
					t.Errorf("the work of task %d is lost: %q", n, got)
				}
			}
			if got := f.git("show", "HEAD:.kiro/specs/f/decisions.md"); strings.Count(got, "left") != 1 {
				t.Errorf("decisions.md:\n%s", got)
			}
		})
	}
}

// commitNote commits a file that no task touches, as the user would; false where a git of the killed run is still at work.
func (f *fixture) commitNote(n int) bool {
	name := fmt.Sprintf("note%d.txt", n)
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte("mine\n"), 0o644); err != nil {
		f.t.Fatal(err)
	}
	for range 50 {
		if add := f.command("git", "add", name); add.Run() == nil {
			if commit := f.command("git", "commit", "-qm", "a note", "--", name); commit.Run() == nil {
				return true
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	f.t.Error("the user could not commit")
	return false
}
