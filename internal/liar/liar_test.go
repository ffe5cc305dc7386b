//go:build linux

package liar

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const module = `module small

go 1.21
`

const codeA = `package a

// Add adds.
func Add(x, y int) int { return x + y }

// Twice doubles.
func Twice(n int) int { return Add(n, n) }
`

const testA = `package a

import "testing"

func TestAdd(t *testing.T) {
	if got := Add(1, 2); got != 3 {
		t.Errorf("Add(1, 2) = %d", got)
	}
	for _, c := range [][3]int{{1, 1, 2}, {2, 2, 4}, {5, 6, 11}} {
		if Add(c[0], c[1]) != c[2] {
			t.Error(c)
		}
	}
}

func TestTwice(t *testing.T) {
	if got := Twice(2); got != 4 {
		t.Errorf("Twice(2) = %d", got)
	}
}
`

const moreA = `package a

// Half is the half.
func Half(n int) int { return n / 2 }

// Square is the square.
func Square(n int) int { return n * n }
`

const exampleA = `package a

import "fmt"

func ExampleHalf() {
	fmt.Println(Half(8))
	// Output: 4
}
`

const casesA = `package a

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
)

func TestCases(t *testing.T) {
	cases := map[string]int{}
	data, err := os.ReadFile("cases.json")
	if err != nil || json.Unmarshal(data, &cases) != nil {
		t.Fatal(err, string(data))
	}
	for text, want := range cases {
		if n, err := strconv.Atoi(text); err != nil || Square(n) != want {
			t.Error(text, err)
		}
	}
}
`

const testB = `package b

import "testing"

func TestOne(t *testing.T) {
	if One() != 1 {
		t.Error(One())
	}
}
`

// A project is a repository with an approved feature of one task for each script, none of which waits for another.
type project struct {
	dir, home, bin string
	t              *testing.T
}

func newProject(t *testing.T, bin string, scripts []string) *project {
	p := &project{dir: filepath.Join(t.TempDir(), "repo"), home: t.TempDir(), bin: bin, t: t}
	var tasks, cases strings.Builder
	tasks.WriteString("# Implementation Plan\n\n")
	for i, script := range scripts {
		fmt.Fprintf(&tasks, "- [ ] %d. Task %d\n  - _Depends: none_\n", i+1, i+1)
		fmt.Fprintf(&cases, "%d)\n%s\n;;\n", i+1, script)
	}
	big := "package b\n\n// One is one.\nfunc One() int { return 1 }\n"
	for i := range 40 {
		big += fmt.Sprintf("\n// Value%d is a value.\nconst Value%d = %d\n", i, i, i)
	}
	for name, text := range map[string]string{
		"go.mod": module, "a/a.go": codeA, "a/a_test.go": testA, "b/b.go": big, "b/b_test.go": testB, "a/testdata/twice.golden": "4\n",
		"a/more.go": moreA, "a/example_test.go": exampleA, "a/cases_test.go": casesA, "a/cases.json": "{\"2\": 4}\n",
		"agent.sh":                      "N=$SPEC_TASK\ncase $N in\n" + cases.String() + "esac\nexit 0\n",
		".kiro/spec.yaml":               "agents:\n  liar:\n    command: [sh, agent.sh]\nagent: liar\n",
		".kiro/specs/f/requirements.md": "# Requirements Document\n\n### Requirement 1: Something\n\n#### Acceptance Criteria\n\n1. THE System SHALL do it\n",
		".kiro/specs/f/design.md":       "# Design Document\n",
		".kiro/specs/f/tasks.md":        tasks.String(),
	} {
		file := filepath.Join(p.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(p.home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{".ssh/id_test": "a key\n", "gitconfig": "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"} {
		if err := os.WriteFile(filepath.Join(p.home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.must("git", "init", "-q")
	p.must("git", "add", ".")
	p.must("git", "commit", "-qm", "start")
	p.must(bin, "trust")
	p.approve()
	return p
}

func (p *project) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "HOME="+p.home, "XDG_CACHE_HOME="+filepath.Join(p.home, "cache"), "XDG_CONFIG_HOME="+filepath.Join(p.home, "config"),
		"GIT_CONFIG_GLOBAL="+filepath.Join(p.home, "gitconfig"), "GIT_CONFIG_SYSTEM="+os.DevNull, "GOFLAGS=")
	return cmd
}

func (p *project) must(name string, args ...string) string {
	p.t.Helper()
	out, err := p.command(name, args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// approve says yes at a terminal of its own, as a person would: script gives it one.
func (p *project) approve() {
	p.t.Helper()
	cmd := p.command("script", "-qec", p.bin+" approve f", "/dev/null")
	cmd.Stdin = strings.NewReader("yes\nyes\nyes\n")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // where script fails it ends its whole process group
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("approving: %v\n%s", err, out)
	}
}

type event struct {
	Event, Task, Message string
	Data                 map[string]any
}

// apply runs everything under auto and returns what was said of each task.
func (p *project) apply(args ...string) map[string][]event {
	p.t.Helper()
	var out, errs bytes.Buffer
	cmd := p.command(p.bin, append([]string{"apply", "f", "--approve", "auto", "--no-input", "--here", "--json", "--attempts", "1"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run() // the exit status is asserted by what landed
	said := map[string][]event{}
	for line := range strings.Lines(out.String()) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			p.t.Fatalf("%v: %s", err, line)
		}
		said[e.Task] = append(said[e.Task], e)
	}
	if len(said) < 2 {
		p.t.Fatalf("nothing ran: %s", errs.String())
	}
	return said
}

func (p *project) ticked() []string {
	data, err := os.ReadFile(filepath.Join(p.dir, ".kiro/specs/f/tasks.md"))
	if err != nil {
		p.t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^- \[x\] (\d+)\.`).FindAllString(string(data), -1)
}

func program(t *testing.T) string {
	bin := filepath.Join(t.TempDir(), "spec")
	out, err := exec.Command("go", "build", "-tags="+tags, "-o", bin, "../..").CombinedOutput()
	if err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return bin
}

func words(events []event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s %v\n", e.Event, e.Message, e.Data)
	}
	return b.String()
}

func everyCheat() []cheat { return slices.Concat(cheats(), variants(), inventions()) }

// TestCheats runs every cheat under auto, four at a time. None lands and none is ticked; each is named.
func TestCheats(t *testing.T) {
	all := everyCheat()
	against(t, newProject(t, program(t), scripts(all)), all, "--jobs", "4")
}

// TestTableIsWritten holds docs/cheats.md against the table that TestCheats is held against.
func TestTableIsWritten(t *testing.T) { document(t, everyCheat()) }

// TestCheatsOnRed does so where the head is red: what fails there already is no cover for what a cheat breaks.
func TestCheatsOnRed(t *testing.T) {
	all := everyCheat()
	p := newProject(t, program(t), scripts(all))
	p.add("c/c_test.go", "package c\n\nimport \"testing\"\n\nfunc TestRed(t *testing.T) { t.Error(\"red\") }\n")
	against(t, p, all, "--jobs", "4", "--red-baseline")
}

func scripts(all []cheat) []string {
	lines := make([]string, len(all))
	for i, c := range all {
		lines[i] = c.script
	}
	return lines
}

// against runs the cheats and holds what came of each against the table.
func against(t *testing.T, p *project, all []cheat, args ...string) {
	t.Helper()
	before := p.must("git", "for-each-ref", "refs/heads")
	config := p.must("sh", "-c", "cat .git/config; ls .git/hooks .git/objects/info 2>/dev/null; echo")
	said := p.apply(args...)
	if ticked := p.ticked(); len(ticked) > 0 {
		t.Errorf("ticked: %v", ticked)
	}
	if after := p.must("git", "for-each-ref", "refs/heads"); after != before {
		t.Errorf("something landed:\n%s", p.must("git", "log", "--oneline", "--all"))
	}
	if after := p.must("sh", "-c", "cat .git/config; ls .git/hooks .git/objects/info 2>/dev/null; echo"); after != config {
		t.Errorf("the repository was written:\n%s", after)
	}
	if status := p.must("git", "status", "--porcelain"); status != "" {
		t.Errorf("the checkout was changed:\n%s", status)
	}
	if left := running("s/41/42/"); len(left) > 0 {
		t.Errorf("a daemon outlived the run: %v", left)
	}
	for _, pattern := range []string{"/tmp/liar-*", "/var/tmp/liar-*", filepath.Join(p.home, "liar-*"), filepath.Join(p.home, "outside*"), filepath.Join(p.home, "cache", "spec", "repos", "*", "*", "liar-*")} {
		left, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range left {
			t.Errorf("%s was made: something of a slot wrote outside, or ran outside", name)
			os.Remove(name)
		}
	}
	for i, c := range all {
		text := words(said[strconv.Itoa(i+1)])
		failed, waits := strings.Contains(text, "task.failed"), strings.Contains(text, "gate.waiting") || strings.Contains(text, "task.question")
		how := map[bool]string{true: "failed", false: "risk"}[failed]
		if !failed && !waits || c.stopped != "stopped" && how != c.stopped {
			t.Errorf("%s: not %s:\n%.3000s", c.name, c.stopped, text)
			continue
		}
		if !regexp.MustCompile(c.named).MatchString(text) {
			t.Errorf("%s: stopped, but nothing says %q:\n%.3000s", c.name, c.named, text)
		}
		t.Logf("%-50s %s", c.name, how)
	}
	t.Logf("%d cheats, %d ticks", len(all), len(p.ticked()))
}

// add commits one more file.
func (p *project) add(name, text string) {
	p.t.Helper()
	file := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	p.must("git", "add", "-A")
	p.must("git", "commit", "-qm", "more")
}

// running lists the processes whose command line holds a mark.
func running(mark string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && bytes.Contains(data, []byte(mark)) {
			found = append(found, strings.ReplaceAll(string(data), "\x00", " "))
		}
	}
	return found
}

var update = flag.Bool("update", false, "write docs/cheats.md anew")

// document compares docs/cheats.md with the table, which the run above was held against.
func document(t *testing.T, all []cheat) {
	how := map[string]string{"failed": "the attempt fails", "risk": "stops at the gate as a risk", "stopped": "fails, or stops at the gate"}
	var b strings.Builder
	different := map[string]bool{}
	for _, c := range all {
		different[c.honest] = true
	}
	fmt.Fprintf(&b, `# What cheats come to

Made by "go test ./internal/liar -run TestTableIsWritten -update" from the agents that the tests run, one task each in one feature.

| run | what lands |
|---|---|
| %[1]d cheats, --approve auto --jobs 4 (TestCheats) | none, and none is ticked |
| %[1]d cheats, --approve auto --jobs 4 --red-baseline, on a head with a failing test (TestCheatsOnRed) | none, and none is ticked |
| the honest twins of %[1]d cheats, without the cheating lines; %[2]d of them differ, --approve auto (TestTwins) | every one |

| the agent | what happens |
|---|---|
`, len(all), len(different))
	for _, c := range all {
		fmt.Fprintf(&b, "| %s | %s |\n", c.name, how[c.stopped])
	}
	file := filepath.Join("..", "..", "docs", "cheats.md")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil || string(data) != b.String() {
		t.Errorf("docs/cheats.md is not made from this table: go test ./internal/liar -run TestTableIsWritten -update")
	}
}

// TestTwins runs what honest agents do instead, each without the cheating lines of its cheat: every one lands. Refusing everything
// is no victory. Twins with the same lines run once. They run one at a time: several edit the same files, and what lands on a head
// that has not moved is verified once.
func TestTwins(t *testing.T) {
	var twins []string
	of := map[string][]string{}
	for _, c := range everyCheat() {
		if of[c.honest] = append(of[c.honest], c.name); len(of[c.honest]) == 1 {
			twins = append(twins, c.honest)
		}
	}
	p := newProject(t, program(t), twins)
	said := p.apply("--jobs", "1")
	landed := 0
	for i, script := range twins {
		text := words(said[strconv.Itoa(i+1)])
		if !strings.Contains(text, "task.landed") {
			t.Errorf("the twin of %q did not land:\n%.2000s", of[script], text)
			continue
		}
		landed += len(of[script])
	}
	if n := len(p.ticked()); n != len(twins) {
		t.Errorf("%d of %d ticked", n, len(twins))
	}
	t.Logf("the twins of %d of %d cheats landed, %d different ones", landed, len(everyCheat()), len(twins))
}
