package mutate

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/tools/go/packages"

	"spec.example/spec/internal/sandbox"
)

// A Prover holds a module with all its mutants, and the test binaries that were built of it. One goroutine at a time.
type Prover struct {
	Dir    string // of the module, absolute
	Self   string // this program, for the sandbox
	Env    []string
	Policy sandbox.Policy
	Temp   string // private directory; the caller removes it
	Budget int    // mutants a criterion
	Alone  bool   // a process for each mutant

	pkgs     []*packages.Package
	sources  map[string][]byte
	mutants  []*Mutant
	overlay  string
	binaries map[string]string          // built, by package directory and kind
	module   string                     // path of the module
	modCache string                     // where the modules lie that tests may build with
	driven   map[string]map[string]bool // tests that can be run several times in a process, by package directory
	Builds   int                        // compilations of single mutants
}

// A Test is one test function of a package, or one of its scripts.
type Test struct {
	Dir    string // of the package, absolute
	Name   string
	Script bool // TestScript/NAME: what it tests runs in processes that it starts
}

// A group is tests of one package that run in one process.
type group struct {
	dir    string
	names  []string
	script bool
	own    time.Duration // of the tests as they are
}

// slow is how long a test takes that is run apart from the others of its package, and behind them: breaks that a faster one
// notices are not shown to it.
const slow = 5 * time.Second

// groups puts the tests of each package together, and every script by itself.
func groups(tests []Test) (out []*group) {
	at := map[string]*group{}
	for _, t := range tests {
		key := t.Dir
		if t.Script || strings.Contains(t.Name, "/") {
			key += "\x00" + t.Name
		}
		if at[key] == nil {
			at[key] = &group{dir: t.Dir, script: t.Script}
			out = append(out, at[key])
		}
		at[key].names = append(at[key].names, t.Name)
	}
	slices.SortStableFunc(out, func(a, b *group) int { return strings.Compare(a.dir, b.dir) })
	return out
}

// apart takes the tests out of a group that are slow.
func (g *group) apart(took map[string]time.Duration) []*group {
	fast := &group{dir: g.dir, script: g.script, own: g.own}
	var out []*group
	for _, n := range g.names {
		if d := took[n]; d > slow && len(g.names) > 1 {
			fast.own -= d
			out = append(out, &group{dir: g.dir, names: []string{n}, own: d})
			continue
		}
		fast.names = append(fast.names, n)
	}
	if fast.own = max(fast.own, 50*time.Millisecond); len(fast.names) > 0 {
		out = append(out, fast)
	}
	return out
}

// Outcome says what became of a run of tests.
type Outcome string

// The outcomes. Only Killed is a failing assertion.
const (
	Passed   Outcome = "survived"
	Killed   Outcome = "killed"
	Panicked Outcome = "panicked"
	TimedOut Outcome = "timed out"
	Skipped  Outcome = "skipped"
	Broken   Outcome = "does not compile"
	Errored  Outcome = "ended by an error" // of other languages, beside which Go's is a panic
	Unfit    Outcome = "no break"          // it does not apply, or changes a test
)

// A Verdict is what became of one mutant.
type Verdict struct {
	*Mutant
	Outcome  Outcome `json:"outcome"`
	Boundary bool    `json:"boundary,omitempty"` // it changes a number or word that the criterion names
	Said     string  `json:"said,omitempty"`     // the first line that a failing test printed, or why it is no break
}

// A Level says how well a criterion is proven.
type Level string

// The levels, lowest first.
const (
	None   Level = "none"
	Ran    Level = "ran"
	Covers Level = "covers"
	Bites  Level = "bites"
)

// A Result is the proof of one criterion.
type Result struct {
	Level    Level
	Reason   string // why it is none
	Verdicts []Verdict
	Took     time.Duration
	Flaky    bool
}

// Killed counts the kills.
func (r *Result) Killed() int {
	n := 0
	for _, v := range r.Verdicts {
		if v.Outcome == Killed {
			n++
		}
	}
	return n
}

// Unnoticed lists the numbers and words that the criterion names and the code holds, none of whose changes was noticed.
func (r *Result) Unnoticed() (out []string) {
	noticed := map[string]bool{}
	for _, v := range r.Verdicts {
		if v.Boundary {
			noticed[v.Number] = noticed[v.Number] || v.Outcome == Killed
		}
	}
	for n, ok := range noticed {
		if !ok {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// Load reads the module and makes its mutants.
func (p *Prover) Load(ctx context.Context) error {
	p.binaries, p.sources, p.driven = map[string]string{}, map[string][]byte{}, map[string]map[string]bool{}
	gomod, err := os.ReadFile(filepath.Join(p.Dir, "go.mod"))
	if err != nil {
		return fmt.Errorf("reading go.mod: %v", err)
	}
	p.module = modfile.ModulePath(gomod)
	if text, err := p.goTool(ctx, "env", "GOMODCACHE"); err == nil {
		p.modCache = strings.TrimSpace(text)
	}
	conf := &packages.Config{Context: ctx, Dir: p.Dir, Env: append(slices.Clone(p.Env), "GOTOOLCHAIN=local"),
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports}
	pkgs, err := packages.Load(conf, "./...")
	if err != nil {
		return fmt.Errorf("reading the packages: %v", err)
	}
	imported := map[string]bool{}
	for _, pkg := range pkgs {
		for path := range pkg.Imports {
			imported[path] = true
		}
	}
	next := 0
	for _, pkg := range pkgs {
		if len(pkg.Errors) > 0 {
			return fmt.Errorf("reading %s: %v", pkg.PkgPath, pkg.Errors[0])
		}
		if !imported[pkg.PkgPath] && pkg.Name != "main" && !hasTests(pkg) {
			continue // only tests use it: it is no code that a criterion speaks of
		}
		sources, mutants, err := mutantsOf(pkg, os.ReadFile, &next)
		if err != nil {
			return err
		}
		if len(mutants) == 0 {
			continue
		}
		p.pkgs = append(p.pkgs, pkg)
		for name, src := range sources {
			p.sources[name] = src
		}
		p.mutants = append(p.mutants, mutants...)
	}
	return p.writeOverlay()
}

// state is the file that says to processes of the tests which mutant is on.
func (p *Prover) state() string { return filepath.Join(p.Temp, "state") }

func hasTests(pkg *packages.Package) bool {
	if len(pkg.CompiledGoFiles) == 0 {
		return false
	}
	found, err := filepath.Glob(filepath.Join(filepath.Dir(pkg.CompiledGoFiles[0]), "*_test.go"))
	return err == nil && len(found) > 0
}

// writeOverlay writes the sources with every mutant in them that can be chosen at run time.
func (p *Prover) writeOverlay() error {
	replace := map[string]string{}
	byFile := map[string][]edit{}
	for _, m := range p.mutants {
		if !m.overlay && m.compiles {
			byFile[m.File] = append(byFile[m.File], m.edits...)
		}
	}
	put := func(name string, data []byte) error {
		file := filepath.Join(p.Temp, fmt.Sprintf("o%d.go", len(replace)))
		replace[name] = file
		return os.WriteFile(file, data, 0o644)
	}
	for _, pkg := range p.pkgs {
		dir := ""
		for _, name := range pkg.CompiledGoFiles {
			if p.sources[name] == nil {
				continue
			}
			dir = filepath.Dir(name)
			if err := put(name, rewrite(p.sources[name], byFile[name])); err != nil {
				return err
			}
		}
		if dir != "" {
			if err := put(filepath.Join(dir, "zz_spec_mutants.go"), helpers(pkg.Name, p.module)); err != nil {
				return err
			}
		}
	}
	if err := put(filepath.Join(p.Dir, helperPackage, "mutant.go"), []byte(helperSource)); err != nil {
		return err
	}
	for _, pkg := range p.pkgs {
		dir := filepath.Dir(pkg.CompiledGoFiles[0])
		for name, data := range p.drivers(dir) {
			if err := put(filepath.Join(dir, name), data); err != nil {
				return err
			}
		}
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	p.overlay = filepath.Join(p.Temp, "overlay.json")
	return os.WriteFile(p.overlay, data, 0o644)
}

var compileError = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^(?:vet: )?(\S+\.go):(\d+):(\d+)`) })

// binary builds the tests of a package: plain with coverage, or with all mutants. What a mutant breaks for the compiler is
// taken out and built again.
func (p *Prover) binary(ctx context.Context, dir, kind string) (string, error) {
	key := kind + " " + dir
	if file, ok := p.binaries[key]; ok {
		return file, nil
	}
	out := filepath.Join(p.Temp, fmt.Sprintf("%s%d.test", kind, len(p.binaries)))
	for range 12 {
		args := []string{"test", "-c", "-vet=off", "-o", out}
		if kind == "cover" {
			args = append(args, "-cover", "-covermode=set", "-coverpkg=./...")
		} else { // where the state lies is said to the linker alone, so that what was compiled once is not compiled again
			args = append(args, "-overlay", p.overlay, "-ldflags=-X '"+p.module+"/"+helperPackage+".State="+p.state()+"'")
		}
		rel, err := filepath.Rel(p.Dir, dir)
		if err != nil {
			return "", err
		}
		text, err := p.goTool(ctx, append(args, "./"+filepath.ToSlash(rel))...)
		if err == nil {
			if _, err := os.Stat(out); err != nil {
				out = "" // the package has no tests
			}
			p.binaries[key] = out
			return out, nil
		}
		if kind == "cover" || !p.drop(text) {
			return "", fmt.Errorf("building the tests of %s: %s", rel, firstLines(text, 5))
		}
		if err := p.writeOverlay(); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("the tests of %s do not compile with mutants", dir)
}

// drop takes the mutants out that stand on the lines of compile errors; false where there are none.
func (p *Prover) drop(text string) bool {
	dropped := false
	for _, found := range compileError().FindAllStringSubmatch(text, -1) {
		line, _ := strconv.Atoi(found[2])
		for _, m := range p.mutants {
			if m.compiles && !m.overlay && m.Line <= line && line <= m.EndLine && (filepath.Base(m.File) == filepath.Base(found[1]) || p.replaced(found[1], m.File)) && m.EndLine-m.Line < 20 {
				m.compiles, dropped = false, true
			}
		}
	}
	return dropped
}

// replaced tells whether a compile error's file is the one that replaces another.
func (p *Prover) replaced(name, original string) bool {
	data, err := os.ReadFile(p.overlay)
	var o struct{ Replace map[string]string }
	if err != nil || json.Unmarshal(data, &o) != nil {
		return false
	}
	return filepath.Base(o.Replace[original]) == filepath.Base(name)
}

func firstLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

func (p *Prover) goTool(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = p.Dir, append(slices.Clone(p.Env), "GOTOOLCHAIN=local")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run runs tests of a binary, with one mutant or none.
func (p *Prover) run(ctx context.Context, bin string, dir string, names []string, mutant int, limit time.Duration, profile string) (Outcome, string, time.Duration, error) {
	outcome, out, took, err := p.output(ctx, bin, dir, names, mutant, limit, profile)
	return outcome, saying(out), took, err
}

// output is run with all that was printed.
func (p *Prover) output(ctx context.Context, bin string, dir string, names []string, mutant int, limit time.Duration, profile string) (Outcome, string, time.Duration, error) {
	temp, err := os.MkdirTemp("", "spec-")
	if err != nil {
		return "", "", 0, err
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o711); err != nil { // a server that gives up root has to enter it
		return "", "", 0, err
	}
	argv := []string{bin, "-test.v", "-test.count=1", "-test.timeout=0", "-test.run", pattern(names)}
	env := []string{"SPEC_MUTANT=" + strconv.Itoa(mutant)}
	if profile != "" {
		argv, env = append(argv, "-test.coverprofile="+profile), append(env, "GOCOVERDIR="+childCover(profile))
	}
	os.Remove(p.state() + ".hit")
	if err := os.WriteFile(p.state(), []byte(strconv.Itoa(mutant)), 0o644); err != nil {
		return "", "", 0, err
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out tail
	start := time.Now()
	c := sandbox.Command{Self: p.Self, Argv: argv, Dir: dir, Stdout: &out, Stderr: &out, Grace: 50 * time.Millisecond,
		Env: p.env(temp, env...), Policy: p.policy(temp)}
	exit, err := c.Run(limited)
	took := time.Since(start)
	switch {
	case ctx.Err() != nil:
		return "", "", took, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut, "", took, nil
	case err != nil:
		return "", "", took, err
	}
	return outcomeOf(exit.Code, out.String()), out.String(), took, nil
}

// env is the environment of tests. Those that build something do so with the modules that lie there, and with what was
// compiled for the run before.
func (p *Prover) env(temp string, more ...string) []string {
	env := []string{"HOME=" + temp, "TMPDIR=" + temp, "CI=1", "GOCACHE=" + filepath.Join(p.Temp, "go-build"), "GOFLAGS=-buildvcs=false", "GOTOOLCHAIN=local", "GOENV=off"}
	if p.modCache != "" {
		env = append(env, "GOMODCACHE="+p.modCache)
	}
	return sandbox.Environment(p.Env, nil, append(env, more...))
}

// policy lets tests write a directory of their own and that of this proof.
func (p *Prover) policy(temp string) sandbox.Policy {
	reads := []string{p.Dir}
	if p.modCache != "" {
		reads = append(reads, p.modCache)
	}
	return p.Policy.With(reads, []string{temp, p.Temp})
}

// childCover is the directory in which processes that the tests start leave what they executed, beside a profile.
func childCover(profile string) string { return profile + ".d" }

// times are what each test took, by its name, as it says.
func times(out string) map[string]time.Duration {
	took := map[string]time.Duration{}
	for _, m := range passed().FindAllStringSubmatch(out, -1) {
		if d, err := time.ParseDuration(m[2] + "s"); err == nil {
			took[m[1]] = d
		}
	}
	return took
}

var passed = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^--- PASS: (\S+) \((\d+\.\d+)s\)$`) })

// pattern is the -test.run of tests, subtests by their parts.
func pattern(names []string) string {
	if len(names) == 1 && strings.Contains(names[0], "/") {
		parts := strings.Split(names[0], "/")
		for i := range parts {
			parts[i] = "^" + regexp.QuoteMeta(parts[i]) + "$"
		}
		return strings.Join(parts, "/")
	}
	tops := make([]string, len(names))
	for i, n := range names {
		top, _, _ := strings.Cut(n, "/")
		tops[i] = regexp.QuoteMeta(top)
	}
	return "^(" + strings.Join(tops, "|") + ")$"
}

// outcomeOf reads what a test binary printed.
func outcomeOf(code int, out string) Outcome {
	switch {
	case strings.HasPrefix(out, "panic:") || strings.Contains(out, "\npanic:") || strings.Contains(out, "\nfatal error:") || strings.HasPrefix(out, "fatal error:"):
		return Panicked
	case strings.Contains(out, "--- FAIL") && code == 1:
		var c crash
		for line := range strings.Lines(out) {
			c.line(strings.TrimRight(line, "\r\n"))
		}
		if c.seen() {
			return Panicked
		}
		return Killed
	case code != 0:
		return Panicked // it ended in another way than by an assertion
	case strings.Contains(out, "--- SKIP") && !strings.Contains(out, "--- PASS"), strings.Contains(out, "testing: warning: no tests to run"), !strings.Contains(out, "--- PASS"):
		return Skipped
	}
	return Passed
}

var said = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^\s+\S+\.go:\d+: .*$`) })

// scriptSaid is the line of a script that failed, which stands behind all that was printed before.
var scriptSaid = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^\s+FAIL: (\S+\.txtar:\d+: .*)$`) })

func saying(out string) string {
	if m := scriptSaid().FindStringSubmatch(out); m != nil {
		return short(m[1])
	}
	return short(said().FindString(out))
}

// A crash is what a process prints that panics: where a script shows that of one that it started, no assertion is what
// failed.
type crash struct{ panics, trace bool }

func (c *crash) line(text string) {
	text = strings.TrimLeft(text, " \t")
	if strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ") {
		c.panics = true
	}
	if c.panics && strings.HasPrefix(text, "goroutine ") && strings.HasSuffix(text, ":") {
		c.trace = true
	}
}

func (c *crash) seen() bool { return c.trace }

// A tail keeps the beginning and the end of an output.
type tail struct {
	mu   sync.Mutex
	head bytes.Buffer
	end  []byte
}

const keep = 256 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if room := keep - t.head.Len(); room > 0 {
		take := min(room, len(p))
		t.head.Write(p[:take])
		p = p[take:]
	}
	if t.end = append(t.end, p...); len(t.end) > 2*keep {
		t.end = append([]byte{}, t.end[len(t.end)-keep:]...)
	}
	return n, nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.head.String() + string(t.end)
}

// A block is a range of lines that was executed.
type block struct {
	file     string // base path as the profile has it
	from, to int
}

// A Range is lines of a file, both included.
type Range struct {
	File     string // absolute
	From, To int
}

// A Criterion is what the breaks are chosen for.
type Criterion struct {
	Name    string   // makes the choice, always the same one
	Numbers []string // that it names: changes of them are tried first, wherever they are covered
	Code    []Range  // that is tagged for it; where the tests run any of it, other breaks are made there alone
}

// Prove breaks what tests cover and sees whether they notice.
func (p *Prover) Prove(ctx context.Context, tests []Test, criterion Criterion) (*Result, error) {
	start := time.Now()
	r := &Result{Level: None}
	defer func() { r.Took = time.Since(start) }()
	var blocks []block
	var all []*group
	for _, g := range groups(tests) {
		found, parts, err := p.asIs(ctx, g, r)
		if err != nil || r.Reason != "" {
			return r, err
		}
		blocks, all = append(blocks, found...), append(all, parts...)
	}
	slices.SortStableFunc(all, func(a, b *group) int {
		return cmp.Compare(a.own/slow, b.own/slow) // those that are fast stay in their order
	})
	r.Level = Ran
	candidates := p.covered(blocks)
	if len(candidates) == 0 {
		return r, nil
	}
	r.Level = Covers
	chosen := choose(within(candidates, criterion), criterion.Numbers, criterion.Name, p.Budget)
	verdicts, err := p.try(ctx, chosen, all)
	if err != nil {
		return nil, err
	}
	if again, err := p.stillPasses(ctx, all, verdicts); err != nil || again != "" {
		r.Level, r.Flaky, r.Reason = None, true, again
		return r, err
	}
	for i, m := range chosen {
		verdicts[i].Boundary = names(criterion.Numbers, m)
	}
	r.Verdicts = verdicts
	if r.Killed() > 0 {
		r.Level = Bites
	}
	return r, nil
}

// asIs runs a group of tests as they are: what they execute, and the groups that they are tried in. Where they do not pass
// it says why in the result.
func (p *Prover) asIs(ctx context.Context, g *group, r *Result) ([]block, []*group, error) {
	bin, err := p.binary(ctx, g.dir, "cover")
	if err != nil {
		return nil, nil, err
	}
	if bin == "" {
		r.Reason = "its package has no test that go runs here"
		return nil, nil, nil
	}
	profile := filepath.Join(p.Temp, "cover.out")
	os.Remove(profile)
	if err := errors.Join(os.RemoveAll(childCover(profile)), os.MkdirAll(childCover(profile), 0o777), os.Chmod(childCover(profile), 0o777)); err != nil {
		return nil, nil, err
	}
	outcome, out, took, err := p.output(ctx, bin, g.dir, g.names, 0, 10*time.Minute, profile)
	if err != nil {
		return nil, nil, err
	}
	words := saying(out)
	if outcome == Killed || outcome == Panicked { // once more: a test that passes now and then is no proof
		again, _, _, err := p.run(ctx, bin, g.dir, g.names, 0, 10*time.Minute, profile)
		if err != nil {
			return nil, nil, err
		}
		r.Flaky = again == Passed
	}
	if outcome != Passed {
		r.Reason = map[Outcome]string{Killed: "its test fails", Panicked: "its test panics", TimedOut: "its test does not end", Skipped: "its test is skipped or not run"}[outcome] + ": " + words
		if r.Flaky {
			r.Reason = "its test fails now and then: " + words
		}
		for _, hint := range p.policy(p.Temp).Refused(out) {
			r.Reason += "\n" + hint
		}
		return nil, nil, nil
	}
	g.own = took
	found, err := readProfile(profile)
	if err != nil {
		return nil, nil, err
	}
	children, err := p.readChildren(ctx, profile)
	return append(found, children...), g.apart(times(out)), err
}

// readChildren lists what processes that the tests started executed, where they are the test binary itself, started once
// more, or were built with coverage too.
func (p *Prover) readChildren(ctx context.Context, profile string) ([]block, error) {
	left, err := os.ReadDir(childCover(profile))
	if err != nil || len(left) == 0 {
		return nil, err
	}
	text := profile + ".txt"
	if out, err := p.goTool(ctx, "tool", "covdata", "textfmt", "-i="+childCover(profile), "-o="+text); err != nil {
		return nil, fmt.Errorf("reading coverage: go tool covdata: %s", firstLines(out, 3))
	}
	return readProfile(text)
}

// stillPasses runs the scripts that noticed a break once more as they are: a script has no run before each break that would
// tell a failure from one that comes now and then. It says which does not pass, or "".
func (p *Prover) stillPasses(ctx context.Context, all []*group, verdicts []Verdict) (string, error) {
	if !slices.ContainsFunc(verdicts, func(v Verdict) bool { return v.Outcome == Killed }) {
		return "", nil
	}
	for _, g := range all {
		if !g.script {
			continue
		}
		bin, err := p.binary(ctx, g.dir, "mutants")
		if err != nil {
			return "", err
		}
		outcome, words, _, err := p.run(ctx, bin, g.dir, g.names, 0, 10*time.Minute, "")
		if err != nil {
			return "", err
		}
		if outcome != Passed {
			return "its script " + g.names[0] + " fails now and then: " + words, nil
		}
	}
	return "", nil
}

// try runs tests with each of several mutants, group by group until an assertion fails.
func (p *Prover) try(ctx context.Context, mutants []*Mutant, all []*group) ([]Verdict, error) {
	verdicts := make([]Verdict, len(mutants))
	for i, m := range mutants {
		verdicts[i] = Verdict{Mutant: m, Outcome: Passed}
	}
	for _, g := range all {
		var seen map[int]Verdict
		var chosen []*Mutant
		for i, m := range mutants {
			if !m.overlay && verdicts[i].Outcome != Killed {
				chosen = append(chosen, m)
			}
		}
		if len(chosen) > 0 {
			bin, err := p.binary(ctx, g.dir, "mutants")
			if err != nil {
				return nil, err
			}
			chosen = slices.DeleteFunc(chosen, func(m *Mutant) bool { return !m.compiles })
			if bin != "" && !p.Alone && !g.script && p.inOneProcess(g.dir, g.names) {
				if seen, err = p.together(ctx, bin, g.dir, g.names, chosen); err != nil {
					return nil, err
				}
			}
		}
		for i, m := range mutants {
			if verdicts[i].Outcome == Killed {
				continue
			}
			v, ok := seen[m.ID]
			if !ok {
				var err error
				if v, err = p.alone(ctx, m, g); err != nil {
					return nil, err
				}
			}
			if v.Outcome != Passed {
				verdicts[i].Outcome, verdicts[i].Said = v.Outcome, v.Said
			}
		}
	}
	return verdicts, nil
}

// alone runs the tests of a package with one mutant in a process of its own.
func (p *Prover) alone(ctx context.Context, m *Mutant, g *group) (Verdict, error) {
	bin, err := p.mutated(ctx, m, g.dir)
	if err != nil {
		return Verdict{}, err
	}
	if bin == "" {
		return Verdict{Outcome: Broken}, nil
	}
	outcome, words, _, err := p.run(ctx, bin, g.dir, g.names, m.ID, limit(g.own), "")
	return Verdict{Outcome: outcome, Said: words}, err
}

// mutated is the binary in which a mutant can be chosen, or its own build; "" where it does not compile.
func (p *Prover) mutated(ctx context.Context, m *Mutant, dir string) (string, error) {
	if !m.overlay {
		bin, err := p.binary(ctx, dir, "mutants")
		if err == nil && m.compiles {
			return bin, nil
		}
		if err != nil {
			return "", err
		}
		return "", nil
	}
	key := fmt.Sprintf("single%d %s", m.ID, dir)
	if out, ok := p.binaries[key]; ok { // another criterion names the number too
		return out, nil
	}
	p.Builds++
	file := filepath.Join(p.Temp, "single.go")
	if err := os.WriteFile(file, rewrite(p.sources[m.File], slices.Clone(m.edits)), 0o644); err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]any{"Replace": map[string]string{m.File: file}})
	if err != nil {
		return "", err
	}
	overlay, out := filepath.Join(p.Temp, "single.json"), filepath.Join(p.Temp, fmt.Sprintf("single%d-%d.test", m.ID, len(p.binaries)))
	if err := os.WriteFile(overlay, data, 0o644); err != nil {
		return "", err
	}
	rel, err := filepath.Rel(p.Dir, dir)
	if err != nil {
		return "", err
	}
	if _, err := p.goTool(ctx, "test", "-c", "-vet=off", "-o", out, "-overlay", overlay, "./"+filepath.ToSlash(rel)); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		out = "" // it does not compile
	}
	p.binaries[key] = out
	return out, nil
}

// readProfile lists what a cover profile saw executed.
func readProfile(file string) ([]block, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading coverage: %v", err)
	}
	var out []block
	for line := range strings.Lines(string(data)) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ".go:")
		var b block
		var fc, tc, statements, count int
		if !ok {
			continue
		}
		if n, _ := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.from, &fc, &b.to, &tc, &statements, &count); n == 6 && count > 0 {
			b.file = name + ".go"
			out = append(out, b)
		}
	}
	return out, nil
}

// covered lists the mutants on lines that were executed, and the package-level numbers of files in which any was.
func (p *Prover) covered(blocks []block) []*Mutant {
	byFile := map[string][]block{}
	for _, b := range blocks {
		byFile[b.file] = append(byFile[b.file], b)
	}
	profileName := map[string]string{}
	for _, pkg := range p.pkgs {
		for _, name := range pkg.CompiledGoFiles {
			profileName[name] = pkg.PkgPath + "/" + filepath.Base(name)
		}
	}
	var out []*Mutant
	for _, m := range p.mutants {
		ran := byFile[profileName[m.File]]
		if m.global && len(ran) > 0 || slices.ContainsFunc(ran, func(b block) bool { return b.from <= m.Line && m.EndLine <= b.to || b.from <= m.Line && m.Line <= b.to }) {
			if m.compiles {
				out = append(out, m)
			}
		}
	}
	return out
}

// within leaves out the mutants outside the code that is tagged for a criterion, numbers that it names apart, where there
// is code that is tagged and run.
func within(from []*Mutant, c Criterion) []*Mutant {
	tagged := func(m *Mutant) bool {
		return slices.ContainsFunc(c.Code, func(r Range) bool { return r.File == m.File && r.From <= m.Line && m.EndLine <= r.To })
	}
	if !slices.ContainsFunc(from, tagged) {
		return from
	}
	return slices.DeleteFunc(slices.Clone(from), func(m *Mutant) bool { return !tagged(m) && !names(c.Numbers, m) })
}

// names tells whether a mutant changes a number or word that is wanted.
func names(wanted []string, m *Mutant) bool {
	return m.Number != "" && slices.Contains(wanted, m.Number)
}

// choose takes mutants within a budget, always the same ones: first numbers that the criterion names, then one of each
// function in turn, so that no long function takes all. Package-level numbers that the criterion does not name are left
// out: each costs a build.
func choose(from []*Mutant, wanted []string, seed string, budget int) []*Mutant {
	if budget <= 0 {
		budget = 12
	}
	var first []*Mutant
	groups := map[string][]*Mutant{}
	for _, m := range from {
		switch {
		case names(wanted, m):
			first = append(first, m)
		case !m.overlay && !m.named:
			groups[m.File+" "+m.Func] = append(groups[m.File+" "+m.Func], m)
		}
	}
	rank := func(m *Mutant) string {
		sum := sha256.Sum256([]byte(fmt.Sprintf("%s %s %d %d %s", seed, filepath.Base(m.File), m.Line, m.Column, m.Kind)))
		return hex.EncodeToString(sum[:8])
	}
	// Every place of a number has its first change before any has its second, and a quarter of the budget is left for
	// what is no number.
	slices.SortStableFunc(first, func(a, b *Mutant) int { return cmp.Or(cmp.Compare(a.round, b.round), cmp.Compare(a.ID, b.ID)) })
	most := budget
	if len(groups) > 0 {
		most -= budget / 4
	}
	chosen := first[:min(len(first), most)]
	keys := make([]string, 0, len(groups))
	for k, g := range groups {
		slices.SortFunc(g, func(a, b *Mutant) int { return strings.Compare(rank(a), rank(b)) })
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(rank(groups[a][0]), rank(groups[b][0])) })
	for round := 0; len(chosen) < budget; round++ {
		took := false
		for _, k := range keys {
			if round < len(groups[k]) && len(chosen) < budget {
				chosen, took = append(chosen, groups[k][round]), true
			}
		}
		if !took {
			break
		}
	}
	return chosen[:min(len(chosen), max(budget, 0))]
}
