package mutate_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spec.example/spec/internal/mutate"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/internal/trace"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == sandbox.VerbRun {
		os.Exit(sandbox.Supervise(os.Args[0]))
	}
	if len(os.Args) > 1 && os.Args[1] == sandbox.VerbExec {
		sandbox.Enter(os.Args[3:])
		os.Exit(126)
	}
	os.Exit(m.Run())
}

// proverOf loads a copy of a module of testdata.
func proverOf(t *testing.T, name string) (*mutate.Prover, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	policy := sandbox.Base(os.Environ()).With(nil, []string{dir})
	p := &mutate.Prover{Dir: dir, Self: self, Env: os.Environ(), Policy: policy, Temp: t.TempDir(), Budget: 40}
	if err := p.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, dir
}

// What many mutants in one process give is what each gives in a process of its own: with a test that leaves something
// behind, with what is computed once, with tests that run in parallel, with mutants that never end, and with tests of
// another package, and with a lock that is not given back.
func TestTogetherIsAlone(t *testing.T) {
	p, dir := proverOf(t, "state")
	for test, kills := range map[string]int{"TestDirty": 3, "TestOnce": 1, "TestParallel": 2, "TestOutside": 2, "TestHeld": 1} {
		tests := []mutate.Test{{Dir: dir, Name: test}}
		p.Alone = false
		together, err := p.Prove(t.Context(), tests, mutate.Criterion{Name: "f/1.1"})
		if err != nil {
			t.Fatalf("%s: %v", test, err)
		}
		p.Alone = true
		alone, err := p.Prove(t.Context(), tests, mutate.Criterion{Name: "f/1.1"})
		if err != nil {
			t.Fatalf("%s: %v", test, err)
		}
		if len(together.Verdicts) != len(alone.Verdicts) {
			t.Fatalf("%s: %d and %d verdicts", test, len(together.Verdicts), len(alone.Verdicts))
		}
		for i, v := range together.Verdicts {
			if v.Outcome != alone.Verdicts[i].Outcome {
				t.Errorf("%s: line %d, %s -> %s: %s with others, %s alone", test, v.Line, v.From, v.To, v.Outcome, alone.Verdicts[i].Outcome)
			}
		}
		if together.Killed() < kills {
			t.Errorf("%s: %d of %d noticed", test, together.Killed(), len(together.Verdicts))
		}
	}
}

// A survivor's diff is one that git can apply, and the tests then pass.
func TestDiffApplies(t *testing.T) {
	p, dir := proverOf(t, "levels")
	r, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: "TestHonest"}}, mutate.Criterion{Name: "f/1.1", Named: []mutate.Named{{Text: "30"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Verdicts {
		rel, err := filepath.Rel(dir, v.File)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("git", "apply", "--unidiff-zero", "--check", "-")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader("--- a/"+rel+"\n+++ b/"+rel+"\n"+v.Diff)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s%s", err, out, v.Diff)
		}
	}
}

// TestLevels gives tests of every kind of honesty their true level.
func TestLevels(t *testing.T) {
	p, dir := proverOf(t, "levels")
	for _, tt := range []struct {
		test  string
		level mutate.Level
		kills bool
		all   bool // nothing may survive
	}{
		{"TestHonest", mutate.Bites, true, true},
		{"TestHollow", mutate.Covers, false, false},
		{"TestPanicking", mutate.Covers, false, false},
		{"TestSleeping", mutate.Covers, false, false},
		{"TestSkipped", mutate.None, false, false},
		{"TestFlaky", mutate.None, false, false},
		{"TestTautological", mutate.Covers, false, false},
		{"TestSnapshotOfItself", mutate.Covers, false, false},
		{"TestOnlyNoError", mutate.Bites, true, false},
		{"TestFailing", mutate.None, false, false},
		{"TestNotThere", mutate.None, false, false},
	} {
		r, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: tt.test}}, mutate.Criterion{Name: "f/1.1", Named: []mutate.Named{{Text: "2900"}, {Text: "30"}}})
		if err != nil {
			t.Fatalf("%s: %v", tt.test, err)
		}
		if r.Level != tt.level || (r.Killed() > 0) != tt.kills {
			t.Errorf("%s: level %s (%s), %d of %d noticed; want %s, kills %v", tt.test, r.Level, r.Reason, r.Killed(), len(r.Verdicts), tt.level, tt.kills)
		}
		if got := r.Unnoticed(); tt.level != mutate.None && (tt.test == "TestHonest") != (len(got) == 0) && tt.test != "TestPanicking" && tt.test != "TestTautological" && tt.test != "TestSleeping" {
			t.Errorf("%s: of the criterion's numbers %v are not noticed", tt.test, got)
		}
		if tt.test == "TestFlaky" && !r.Flaky {
			t.Errorf("%s: not seen to be flaky: %s", tt.test, r.Reason)
		}
		for _, v := range r.Verdicts {
			t.Logf("%s %s:%d %s: %s -> %s: %s %s", tt.test, filepath.Base(v.File), v.Line, v.Kind, v.From, v.To, v.Outcome, v.Said)
			// Two breaks of the honest test's code change nothing that anybody could see: 31 days are refused before the
			// number of line 13 is asked, and nobody looks at an amount beside an error.
			// A division by 0 panics, which is no assertion.
			if tt.all && v.Outcome != mutate.Killed && v.Line != 13 && v.Line != 11 && !(v.Line == 16 && v.Outcome == mutate.Panicked && (v.To == "0" || v.To == "monthly / days")) {
				t.Errorf("%s: line %d, %s -> %s: %s", tt.test, v.Line, v.From, v.To, v.Outcome)
			}
		}
	}
	// The same again: the choice and the outcome do not change.
	a, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: "TestHonest"}}, mutate.Criterion{Name: "f/1.1"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: "TestHonest"}}, mutate.Criterion{Name: "f/1.1"})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Verdicts) != len(b.Verdicts) {
		t.Fatalf("two proofs differ: %v, %v", a, b)
	}
	for i := range a.Verdicts {
		if a.Verdicts[i].ID != b.Verdicts[i].ID || a.Verdicts[i].Outcome != b.Verdicts[i].Outcome {
			t.Errorf("two proofs differ at %d: %v, %v", i, a.Verdicts[i], b.Verdicts[i])
		}
	}
}

// Where code is tagged for a criterion and its tests run it, that code alone is broken, and what the criterion names wherever
// it stands. Tagged code that the tests do not run narrows nothing.
func TestOnlyTaggedCodeIsBroken(t *testing.T) {
	p, dir := proverOf(t, "tagged")
	index, err := trace.Scan(os.DirFS(dir), ".")
	if err != nil {
		t.Fatal(err)
	}
	code := func(id string) (out []mutate.Range) {
		for _, r := range index.Lines("f", id) {
			out = append(out, mutate.Range{File: filepath.Join(dir, r.File), From: r.From, To: r.To})
		}
		if len(out) != 1 {
			t.Fatalf("code that is tagged for %s: %v", id, out)
		}
		return out
	}
	for _, tt := range []struct {
		test    string
		code    []mutate.Range
		numbers []mutate.Named
		want    map[string]bool // functions that are broken; "" for what stands in none
	}{
		{"TestFee", nil, nil, map[string]bool{"Fee": true, "round": true, "Log": true}},
		{"TestFee", code("1.1"), nil, map[string]bool{"Fee": true}},
		{"TestFee", code("1.2"), nil, map[string]bool{"round": true}},
		{"TestFee", code("1.1"), plain("30"), map[string]bool{"Fee": true, "Log": true}},
		{"TestFee", code("1.1"), plain("2500"), map[string]bool{"Fee": true, "": true}},
		{"TestFee", code("1.1"), plain("402"), map[string]bool{"Fee": true, "": true}},
		{"TestLog", code("1.1"), nil, map[string]bool{"Log": true}},
		{"TestStand", nil, nil, map[string]bool{"Double": true}},
	} {
		r, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: tt.test}}, mutate.Criterion{Name: "f/1.1", Named: tt.numbers, Code: tt.code})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, v := range r.Verdicts {
			got[v.Func] = true
			if (v.Func == "Log" || v.Func == "") && len(tt.code) > 0 && tt.test == "TestFee" && !v.Boundary {
				t.Errorf("%v, %v: %s in %q, line %d, is broken, of %s", tt.code, tt.numbers, v.Kind, v.Func, v.Line, v.From)
			}
		}
		if !maps.Equal(got, tt.want) || r.Killed() == 0 {
			t.Errorf("%s, %v, %v: %v is broken, want %v; %d of %d noticed", tt.test, tt.code, tt.numbers, got, tt.want, r.Killed(), len(r.Verdicts))
		}
	}
}

func plain(text string) []mutate.Named { return []mutate.Named{{Text: text}} }

// A number with a unit of time is looked up where code means that time.
func TestNumbersOfTime(t *testing.T) {
	p, dir := proverOf(t, "tagged")
	for _, tt := range []struct {
		named mutate.Named
		want  string // lines of numbers that it names
	}{
		{mutate.Named{Text: "30", Unit: true, Time: 30 * time.Second}, "30 * time.Second"},
		{mutate.Named{Text: "30"}, "30 * time.Second"},
		{mutate.Named{Text: "30", Unit: true, Time: 30 * 24 * time.Hour}, ""},
		{mutate.Named{Text: "30", Unit: true}, ""},
		{mutate.Named{Text: "24", Unit: true, Time: 24 * time.Hour}, "24 * 60 * time.Minute"},
		{mutate.Named{Text: "60", Unit: true, Time: 24 * time.Hour}, "24 * 60 * time.Minute"},
		{mutate.Named{Text: "60", Unit: true, Time: time.Minute}, ""},
	} {
		r, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: "TestPause"}}, mutate.Criterion{Name: "f/1.1", Named: []mutate.Named{tt.named}})
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, v := range r.Verdicts {
			if !v.Boundary {
				continue
			}
			if found++; tt.want == "" || !strings.Contains(v.Diff, tt.want) || v.Outcome != mutate.Killed {
				t.Errorf("%+v: %s %s", tt.named, v.Outcome, v.Diff)
			}
		}
		if found == 0 && tt.want != "" {
			t.Errorf("%+v is not found", tt.named)
		}
	}
}

// A status is one of several: there is no other sign of it, and no unit.
func TestNumbersWithAName(t *testing.T) {
	p, dir := proverOf(t, "tagged")
	r, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: "TestFee"}}, mutate.Criterion{Name: "f/1.1", Named: plain("402")})
	if err != nil {
		t.Fatal(err)
	}
	changes := map[string][]string{}
	for _, v := range r.Verdicts {
		if v.Boundary {
			changes[v.From] = append(changes[v.From], v.To)
		}
	}
	if got, plain := strings.Join(changes["http.StatusPaymentRequired"], " "), len(changes["402"]); got != "403 401" || plain != 5 {
		t.Errorf("the status becomes %q, want 403 and 401; the number is changed in %d ways, want 5", got, plain)
	}
}

// What is logged is broken when nothing else is left.
func TestLogsComeLast(t *testing.T) {
	p, dir := proverOf(t, "tagged")
	r, err := p.Prove(t.Context(), []mutate.Test{{Dir: filepath.Join(dir, "logs"), Name: "TestCap"}}, mutate.Criterion{Name: "f/1.1"})
	if err != nil {
		t.Fatal(err)
	}
	logged, last := 0, false
	for _, v := range r.Verdicts {
		is := strings.Contains(v.Diff, "log.")
		if last && !is {
			t.Errorf("%s is broken after what is logged", v.From)
		}
		if last = is; is {
			logged++
		}
	}
	if logged < 2 || logged == len(r.Verdicts) {
		t.Errorf("%d of %d breaks are of what is logged", logged, len(r.Verdicts))
	}
}

// A number that a constant holds is found and changed, whichever way it is written.
func TestNumbersInConstants(t *testing.T) {
	p, dir := proverOf(t, "tagged")
	r, err := p.Prove(t.Context(), []mutate.Test{{Dir: filepath.Join(dir, "month"), Name: "TestMonth"}}, mutate.Criterion{Name: "f/1.1", Named: []mutate.Named{{Text: "30", Unit: true, Time: 30 * 24 * time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]int{}
	for _, v := range r.Verdicts {
		if v.Boundary {
			line := strings.Split(v.Diff, "\n")[1] // as it was
			if places[strings.TrimSpace(line[1:])]++; v.Outcome != mutate.Killed {
				t.Errorf("%s %s", v.Outcome, v.Diff)
			}
		}
	}
	odd, err := p.Prove(t.Context(), []mutate.Test{{Dir: filepath.Join(dir, "month"), Name: "TestOdd"}}, mutate.Criterion{Name: "f/1.2", Named: plain("10")})
	if err != nil || odd.Level == mutate.None {
		t.Errorf("%v %+v", err, odd)
	}
	want := map[string]int{
		"local = 30 * 24 * time.Hour":                 2,
		"return 30 * 24 * time.Hour":                  5,
		"return time.Duration(30) * 24 * time.Hour":   5,
		"return 30*24*time.Hour + 30*time.Nanosecond": 5,
		"const month = (30 * 24) * time.Hour":         2,
	}
	if !maps.Equal(places, want) {
		t.Errorf("broken in %v, want %v", places, want)
	}
}

// A proof is the same whatever was proven before it: also of a test that then finds computed what it would have computed.
func TestProofsDoNotDependOnOthers(t *testing.T) {
	breaks := func(p *mutate.Prover, dir string, names ...string) (list []string) {
		t.Helper()
		var tests []mutate.Test
		for _, n := range names {
			tests = append(tests, mutate.Test{Dir: dir, Name: n})
		}
		r, err := p.Prove(t.Context(), tests, mutate.Criterion{Name: "f/1.1"})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range r.Verdicts {
			list = append(list, fmt.Sprint(v.Line, v.Column, v.Kind, v.To, v.Outcome))
		}
		return list
	}
	p, dir := proverOf(t, "state")
	alone := breaks(p, dir, "TestOnce")
	p, dir = proverOf(t, "state")
	breaks(p, dir, "TestHeld")
	both := breaks(p, dir, "TestOnce2", "TestOnce")
	if after := breaks(p, dir, "TestOnce"); !slices.Equal(after, alone) || len(both) <= len(alone) {
		t.Errorf("alone %v\nafter another proof %v\nwith another test %v", alone, after, both)
	}
}

// What a test starts once a process, and says so, serves the processes after it, also behind one that a break ended; where a
// break leaves something in it that makes every test fail, it is started anew. A test is shown only the breaks that it
// comes by, and what fails once because of the break before has noticed nothing.
func TestSharedServer(t *testing.T) {
	p, dir := proverOf(t, "shared")
	defer p.Close()
	prove := func(code []mutate.Range, names ...string) *mutate.Result {
		t.Helper()
		var tests []mutate.Test
		for _, n := range names {
			tests = append(tests, mutate.Test{Dir: dir, Name: n})
		}
		r, err := p.Prove(t.Context(), tests, mutate.Criterion{Name: "f/1.1", Code: code})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range r.Verdicts {
			t.Logf("%v %s: line %d, %s, %s -> %s: %s %s", names, v.Func, v.Line, v.Kind, v.From, v.To, v.Outcome, v.Said)
		}
		return r
	}
	runs := func(file string) int {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		return len(data)
	}
	counts := map[mutate.Outcome]int{}
	for _, v := range prove(nil, "TestAt").Verdicts {
		counts[v.Outcome]++
		if v.Func != "At" {
			t.Errorf("%s is broken, which the test does not come by", v.Func)
		}
	}
	if counts[mutate.Killed] == 0 || counts[mutate.Panicked] == 0 || counts[mutate.Passed] > 0 || runs("starts") != 1 {
		t.Errorf("%v, and %d servers", counts, runs("starts"))
	}
	for _, v := range prove(nil, "TestPut").Verdicts {
		if (v.Func == "tidy" || v.From == "tidy(file)") && v.Outcome != mutate.Killed {
			t.Errorf("line %d, %s: %s", v.Line, v.Kind, v.Outcome)
		}
	}
	if n := runs("starts"); n < 2 {
		t.Errorf("%d servers: what a break left was not thrown away", n)
	}
	at := runs("at")
	data, err := os.ReadFile(filepath.Join(dir, "store.go"))
	if err != nil {
		t.Fatal(err)
	}
	line := 1 + strings.Count(string(data[:strings.Index(string(data), "func Twice")]), "\n")
	r := prove([]mutate.Range{{File: filepath.Join(dir, "store.go"), From: line, To: line}}, "TestAt", "TestOnceBitten")
	if len(r.Verdicts) < 3 || r.Level != mutate.Covers {
		t.Errorf("what failed because of the break before: %s, %d of %d noticed", r.Level, r.Killed(), len(r.Verdicts))
	}
	if n := runs("at") - at; n != 0 {
		t.Errorf("TestAt ran %d times with breaks that it does not come by", n)
	}
}

// A script proves what it runs in processes that are started without our environment: what they execute is seen, breaks are
// switched on in them, a line that fails is an assertion and a panic of a process is none.
func TestScripts(t *testing.T) {
	p, dir := proverOf(t, "scripts")
	prove := func(name string) *mutate.Result {
		t.Helper()
		r, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: name, Script: strings.HasPrefix(name, "TestScript/")}}, mutate.Criterion{Name: "f/1.1"})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range r.Verdicts {
			t.Logf("%s %s:%d %s: %s -> %s: %s %s", name, filepath.Base(v.File), v.Line, v.Kind, v.From, v.To, v.Outcome, v.Said)
		}
		return r
	}
	honest := prove("TestScript/honest")
	if honest.Level != mutate.Bites || honest.Killed() < 8 {
		t.Errorf("honest: %s (%s), %d of %d noticed", honest.Level, honest.Reason, honest.Killed(), len(honest.Verdicts))
	}
	panics := 0
	for _, v := range honest.Verdicts {
		switch {
		case v.Outcome == mutate.Killed && !strings.HasPrefix(v.Said, "testdata/script/honest.txtar:"):
			t.Errorf("line %d, %s: it is not said which line of the script failed: %q", v.Line, v.Kind, v.Said)
		case v.Outcome == mutate.Panicked:
			panics++
		}
	}
	if panics == 0 {
		t.Error("no break makes a process panic, or it is not seen")
	}
	if hollow := prove("TestScript/hollow"); hollow.Level != mutate.Covers || hollow.Killed() > 0 || len(hollow.Verdicts) < 8 {
		t.Errorf("hollow: %s (%s), %d of %d noticed", hollow.Level, hollow.Reason, hollow.Killed(), len(hollow.Verdicts))
	}
	if nothing := prove("TestScript/nothing"); nothing.Level != mutate.Ran {
		t.Errorf("nothing: %s (%s), %d breaks: what other scripts run is not its code", nothing.Level, nothing.Reason, len(nothing.Verdicts))
	}
	if process := prove("TestProcess"); process.Level != mutate.Bites {
		t.Errorf("a test that starts a process: %s (%s), %d of %d noticed", process.Level, process.Reason, process.Killed(), len(process.Verdicts))
	}
	if _, ok := sandbox.Available(); !ok {
		return
	}
	if elsewhere := prove("TestElsewhere"); elsewhere.Level != mutate.None || !strings.Contains(elsewhere.Reason, "the sandbox closes /var/tmp/of-a-test") {
		t.Errorf("a test that the sandbox keeps from writing: %s (%s)", elsewhere.Level, elsewhere.Reason)
	}
}

// What real tests do: they count on being the first of a process, look up files by their name, keep the standard output and go
// elsewhere; and the module is of a Go that has no type parameters.
func TestHabits(t *testing.T) {
	p, dir := proverOf(t, "habits")
	for test, want := range map[string]struct{ kills, survive []string }{
		"TestCounts":    {[]string{"ids++", "return ids"}, []string{"n < 0", "n * 2", "return n * 2"}},
		"TestRegisters": {[]string{"n < 0", "n * 2", "return n * 2"}, []string{"names[name] = true"}},
		"TestGolden":    {[]string{"n < 0", "n * 2", "return n * 2"}, nil},
		"TestLooksUp":   {[]string{"ok", "n * n", "return v"}, []string{"squares[n] = v"}},
		"TestCaptures":  {[]string{"n < 0", "n * 2", "return n * 2"}, nil},
	} {
		r, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: test}}, mutate.Criterion{Name: "f/1.1"})
		if err != nil {
			t.Fatalf("%s: %v", test, err)
		}
		killed := map[string]bool{}
		for _, v := range r.Verdicts {
			t.Logf("%s: line %d, %s, %s -> %s: %s %s", test, v.Line, v.Kind, v.From, v.To, v.Outcome, v.Said)
			killed[v.From] = killed[v.From] || v.Outcome == mutate.Killed
		}
		for _, from := range want.kills {
			if !killed[from] {
				t.Errorf("%s: no break of %s is noticed: %s %s", test, from, r.Level, r.Reason)
			}
		}
		for _, from := range want.survive {
			if noticed, made := killed[from]; noticed || !made {
				t.Errorf("%s: a break of %s is noticed: %v; is made: %v", test, from, noticed, made)
			}
		}
	}
	r, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: "TestAllocates"}}, mutate.Criterion{Name: "f/1.1"})
	if err != nil || r.Level != mutate.None || !strings.HasPrefix(r.Reason, "its test passes, but not where breaks are compiled into the code") || !strings.HasSuffix(r.Reason, "1 allocations") {
		t.Errorf("a test that counts allocations: %v %+v", err, r)
	}
}

// What a diff shows is a program that compiles: made by hand, it is the break that was tried.
func TestDiffsCompile(t *testing.T) {
	p, dir := proverOf(t, "habits")
	p.Budget = 200
	r, err := p.Prove(t.Context(), []mutate.Test{{Dir: filepath.Join(dir, "unused"), Name: "TestHollow"}}, mutate.Criterion{Name: "f/1.1", Named: plain("7")})
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	conf := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	kinds, zero := map[string]int{}, false
	for _, v := range r.Verdicts {
		data, err := os.ReadFile(v.File)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(fset, v.File, applied(t, string(data), v.Diff), 0)
		if err == nil {
			_, err = conf.Check("unused", fset, []*ast.File{f}, nil)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, v.Diff)
		}
		kinds[v.Kind]++
		zero = zero || v.To == "return limits{}, nil, false, nil"
	}
	if kinds["drop a statement"] < 3 || kinds["empty a string"] < 3 || kinds["return zero values"] < 3 || kinds["change a number"] < 6 || !zero {
		t.Errorf("%v; zero values as they are written: %v", kinds, zero)
	}
}

// applied is a source with a hunk of whole lines.
func applied(t *testing.T, src, hunk string) string {
	t.Helper()
	var line, gone int
	head, body, _ := strings.Cut(hunk, "\n")
	if _, err := fmt.Sscanf(head, "@@ -%d,%d", &line, &gone); err != nil {
		t.Fatalf("%v: %s", err, head)
	}
	lines := strings.SplitAfter(src, "\n")
	var is []string
	for l := range strings.Lines(body) {
		if text, ok := strings.CutPrefix(l, "+"); ok {
			is = append(is, text)
		}
	}
	return strings.Join(slices.Concat(lines[:line-1], is, lines[line-1+gone:]), "")
}

// A prover reads what the tests are made of alone: code that does not compile elsewhere is no obstacle, and tests that lie beside the code
// that a program imports find it all the same.
func TestLoadReadsWhatTestsAreMadeOf(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":             "module example.org/m\n\ngo 1.24\n",
		"main.go":            "package main\n\nimport \"example.org/m/shop\"\n\nfunc main() { println(shop.Fee(1)) }\n",
		"shop/shop.go":       "package shop\n\nimport \"example.org/m/rate\"\n\nfunc Fee(n int) int {\n\tif n > 10 {\n\t\treturn 0\n\t}\n\treturn rate.Of(n)\n}\n",
		"rate/rate.go":       "package rate\n\nfunc Of(n int) int { return n * 3 }\n",
		"tests/shop_test.go": "package tests\n\nimport (\n\t\"testing\"\n\n\t\"example.org/m/shop\"\n)\n\nfunc TestFee(t *testing.T) {\n\tif a, b := shop.Fee(11), shop.Fee(2); a != 0 || b != 6 {\n\t\tt.Errorf(\"%d %d\", a, b)\n\t}\n}\n",
		"broken/broken.go":   "package broken\n\nvar x int = \"no number\"\n",
		"sub/go.mod":         "module example.org/m/sub\n",
		"sub/sub.go":         "package sub\n\nnothing\n",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err == nil { // the module may lie behind a link
		dir = link
	}
	p := &mutate.Prover{Dir: dir, Self: self, Env: os.Environ(), Policy: sandbox.Base(os.Environ()).With(nil, []string{dir}), Temp: t.TempDir(), Budget: 40}
	if err := p.Load(t.Context()); err == nil {
		t.Error("the whole module is read without an error")
	}
	tests := filepath.Join(dir, "tests")
	if err := p.Load(t.Context(), tests); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r, err := p.Prove(t.Context(), []mutate.Test{{Dir: tests, Name: "TestFee"}}, mutate.Criterion{Name: "f/1.1"})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]int{}
	for _, v := range r.Verdicts {
		if v.Outcome == mutate.Killed {
			files[filepath.Base(v.File)]++
		}
	}
	if r.Level != mutate.Bites || files["shop.go"] == 0 || files["rate.go"] == 0 {
		t.Errorf("%s %s: noticed in %v", r.Level, r.Reason, files)
	}
}
