package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// An Outcome is what became of a test.
type Outcome string

// The outcomes. A test that no package ran is NotRun, which is neither passed nor failed.
const (
	Passed   Outcome = "passed"
	Failed   Outcome = "failed"
	Skipped  Outcome = "skipped"
	TimedOut Outcome = "timed out"
	NotRun   Outcome = "not run"
)

// A Result is what a runner reported of one test.
type Result struct {
	Package string
	Name    string // with "/" before the names of sub-tests
	Outcome Outcome
	Output  string     // the end of what it printed
	report  *junitCase // where it comes of a report of another runner
}

// Results are the report of one run.
type Results struct {
	all      []*Result
	byName   map[string]*Result
	broken   []string // packages that did not build or ended without a result, with what they printed
	passed   []string // packages that ended well
	children map[string][]*Result
}

// maxTestOutput bounds what is kept of one test's output, in bytes.
const maxTestOutput = 16 << 10

type testEvent struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// ReadGoTest reads the output of `go test -json`. Lines that are no event are passed over: a build error is text.
func ReadGoTest(r io.Reader) (*Results, error) {
	rs := &Results{byName: map[string]*Result{}, children: map[string][]*Result{}}
	lines := bufio.NewReaderSize(r, 1<<16)
	output := map[string]*strings.Builder{}
	for {
		line, err := readLine(lines)
		if len(line) > 0 && line[0] == '{' {
			var e testEvent
			if json.Unmarshal(line, &e) == nil {
				rs.event(e, output)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	rs.finish()
	return rs, nil
}

// readLine reads a line of at most 4 MiB; the rest of a longer one is dropped.
func readLine(r *bufio.Reader) ([]byte, error) {
	const most = 4 << 20
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line) < most {
			line = append(line, part...)
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

func (rs *Results) event(e testEvent, output map[string]*strings.Builder) {
	key := e.Package + "\x00" + e.Test
	switch e.Action {
	case "run":
		if e.Test != "" {
			rs.add(&Result{Package: e.Package, Name: e.Test, Outcome: NotRun})
		}
	case "output":
		b := output[key]
		if b == nil {
			b = &strings.Builder{}
			output[key] = b
		}
		if b.Len() < maxTestOutput {
			b.WriteString(e.Output)
		}
		if x := rs.byName[key]; x != nil {
			x.Output = b.String()
		}
	case "build-output":
		if len(rs.broken) < 200 {
			rs.broken = append(rs.broken, strings.TrimRight(e.Output, "\n"))
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			if e.Action == "pass" {
				rs.passed = append(rs.passed, e.Package)
			}
			if b := output[key]; e.Action == "fail" && b != nil {
				text := b.String()
				if strings.Contains(text, "panic: test timed out") {
					rs.timeout(e.Package)
				}
				if !rs.failedIn(e.Package) {
					rs.broken = append(rs.broken, e.Package+": "+strings.TrimSpace(text))
				}
			}
			return
		}
		x := rs.byName[key]
		if x == nil {
			x = &Result{Package: e.Package, Name: e.Test}
			rs.add(x)
		}
		x.Outcome = map[string]Outcome{"pass": Passed, "fail": Failed, "skip": Skipped}[e.Action]
		if strings.Contains(x.Output, "panic: test timed out") {
			x.Outcome = TimedOut
		}
	}
}

func (rs *Results) add(x *Result) {
	rs.all = append(rs.all, x)
	rs.byName[x.Package+"\x00"+x.Name] = x
	if i := strings.LastIndexByte(x.Name, '/'); i > 0 {
		parent := x.Package + "\x00" + x.Name[:i]
		rs.children[parent] = append(rs.children[parent], x)
	}
}

func (rs *Results) failedIn(pkg string) bool {
	return slices.ContainsFunc(rs.all, func(x *Result) bool { return x.Package == pkg && (x.Outcome == Failed || x.Outcome == TimedOut) })
}

func (rs *Results) timeout(pkg string) {
	for _, x := range rs.all {
		if x.Package == pkg && x.Outcome == NotRun {
			x.Outcome = TimedOut
		}
	}
}

// finish calls a test whose sub-tests all skipped skipped: nothing of it was tested. A test that started and never
// ended failed.
func (rs *Results) finish() {
	for _, x := range slices.Backward(rs.all) {
		if x.Outcome == NotRun {
			x.Outcome = Failed
		}
		subs := rs.children[x.Package+"\x00"+x.Name]
		if x.Outcome == Passed && len(subs) > 0 && !slices.ContainsFunc(subs, func(s *Result) bool { return s.Outcome != Skipped }) {
			x.Outcome = Skipped
		}
	}
}

// Of gives what became of a test, with all its sub-tests.
func (rs *Results) Of(t *Test) Outcome {
	if rs == nil {
		return NotRun
	}
	if x := rs.byName[t.Package+"\x00"+t.Name]; x != nil {
		return x.Outcome
	}
	return rs.foreignOf(t)
}

// Failed lists the names of tests that failed or timed out, as package and name.
func (rs *Results) Failed() []string {
	var names []string
	for _, x := range rs.all {
		if x.Outcome == Failed || x.Outcome == TimedOut || x.Outcome == Flaky {
			names = append(names, x.Package+" "+x.Name)
		}
	}
	return names
}

// Broken lists what packages printed that did not build, or ended without a failed test to show for it.
func (rs *Results) Broken() []string { return rs.broken }

// With lists the names of tests with an outcome, sub-tests too, as package and name.
func (rs *Results) With(o Outcome) []string {
	var names []string
	for _, x := range rs.all {
		if x.Outcome == o {
			names = append(names, x.Package+" "+x.Name)
		}
	}
	return names
}

// Ended lists the packages that ended well, whether or not they reported a test.
func (rs *Results) Ended() []string { return rs.passed }

// Counts are the numbers of tests by outcome, sub-tests left out.
type Counts struct{ Passed, Failed, Skipped, TimedOut int }

// Counts counts the tests of a run.
func (rs *Results) Counts() Counts { return rs.CountsOf("") }

// Packages lists the packages that reported a test, sorted.
func (rs *Results) Packages() []string {
	var names []string
	for _, x := range rs.all {
		if !slices.Contains(names, x.Package) {
			names = append(names, x.Package)
		}
	}
	slices.Sort(names)
	return names
}

// CountsOf counts the tests of one package ("" for all).
func (rs *Results) CountsOf(pkg string) Counts {
	var c Counts
	if rs == nil { // nothing was run
		return c
	}
	for _, x := range rs.all {
		if x.report == nil && strings.Contains(x.Name, "/") || pkg != "" && x.Package != pkg {
			continue
		}
		switch x.Outcome {
		case Passed:
			c.Passed++
		case Skipped:
			c.Skipped++
		case TimedOut:
			c.TimedOut++
		case NotRun:
		default:
			c.Failed++
		}
	}
	return c
}

// String says the counts in words; what did not run is never called passed.
func (c Counts) String() string {
	if c == (Counts{}) {
		return "builds only; no test ran"
	}
	text := fmt.Sprintf("%d tests passed", c.Passed)
	if c.Passed == 1 {
		text = "1 test passed"
	}
	for _, part := range []struct {
		n    int
		name string
	}{{c.Failed, "failed"}, {c.TimedOut, "timed out"}, {c.Skipped, "skipped"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.name)
		}
	}
	return text
}

// Failures words what failed: the names of the tests, what they printed, and what did not build, in at most n lines for
// each. The names all stand there.
func (rs *Results) Failures(n int) string {
	var b strings.Builder
	for _, x := range rs.all {
		if x.Outcome != Failed && x.Outcome != TimedOut && x.Outcome != Flaky {
			continue
		}
		fmt.Fprintf(&b, "%s: %s %s\n", x.Outcome, x.Package, x.Name)
		if len(rs.children[x.Package+"\x00"+x.Name]) > 0 {
			continue // its sub-tests say why
		}
		shown := 0
		for line := range strings.Lines(x.Output) {
			text := strings.TrimRight(line, "\n")
			if trimmed := strings.TrimSpace(text); trimmed == "" || strings.HasPrefix(trimmed, "=== ") || strings.HasPrefix(trimmed, "--- ") {
				continue
			}
			if shown++; shown > n {
				break
			}
			b.WriteString("  " + text + "\n")
		}
	}
	for i, text := range rs.broken {
		if i >= n {
			break
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}
