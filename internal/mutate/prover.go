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
	"go/version"
	"io/fs"
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
	bare     map[string]bool // files that declare and do nothing
	overlay  string
	binaries map[string]string          // built, by package directory, or mutant and directory
	plain    map[string]string          // the same without breaks, where it was asked for
	module   string                     // path of the module
	raises   bool                       // it is of a Go without type parameters, which breaks are written with
	modCache string                     // where the modules lie that tests may build with
	driven   map[string]map[string]bool // tests that can be run several times in a process, by package directory
	hosts    []*worker                  // processes that started what all others share
	shared   []string                   // and the variables that say where it is
	seen     map[shown]ran
	known    map[Test]*unit             // tests that passed as they are
	made     map[string]map[string]bool // directories of the packages that one is made of without tests, by its own
	Builds   int                        // compilations of single mutants, once no proof is made

	*layout

	mu      sync.Mutex
	singles map[string]*singleBuild // by mutant and directory
}

// A Test is one test function of a package, or one of its scripts.
type Test struct {
	Dir    string // of the package, absolute
	Name   string
	Script bool // TestScript/NAME: what it tests runs in processes that it starts
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
	AsItIs   []Run // of each of its tests, before any break
	Took     time.Duration
	Flaky    bool
}

// A Run is a test that passed as it is.
type Run struct {
	Test string
	Took time.Duration
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

// With adds the proof by tests of another module. What proves nothing in one proves nothing.
func (r *Result) With(other *Result) *Result {
	if r == nil {
		return other
	}
	levels := []Level{None, Ran, Covers, Bites}
	all := *r
	all.Verdicts, all.AsItIs = slices.Concat(r.Verdicts, other.Verdicts), slices.Concat(r.AsItIs, other.AsItIs)
	all.Took, all.Flaky = r.Took+other.Took, r.Flaky || other.Flaky
	all.Level = levels[max(slices.Index(levels, r.Level), slices.Index(levels, other.Level))]
	if all.Reason = cmp.Or(r.Reason, other.Reason); all.Reason != "" {
		all.Level = None
	}
	return &all
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

// Close ends the processes whose servers the others shared.
func (p *Prover) Close() {
	for _, w := range p.hosts {
		w.stop()
	}
	p.hosts, p.shared = nil, nil
}

// Load reads what the tests of some of the module's directories are made of, of all without any, and makes its mutants. What the rest
// holds changes nothing then: neither what is built, nor whether it can be.
func (p *Prover) Load(ctx context.Context, dirs ...string) error {
	p.binaries, p.sources, p.driven, p.bare, p.seen = map[string]string{}, map[string][]byte{}, map[string]map[string]bool{}, map[string]bool{}, map[shown]ran{}
	p.singles, p.pkgs, p.mutants = map[string]*singleBuild{}, nil, nil
	p.known, p.made, p.plain = map[Test]*unit{}, map[string]map[string]bool{}, map[string]string{}
	gomod, err := os.ReadFile(filepath.Join(p.Dir, "go.mod"))
	if err != nil {
		return fmt.Errorf("reading go.mod: %v", err)
	}
	p.module, p.raises = modfile.ModulePath(gomod), isOld(gomod)
	if text, err := p.goTool(ctx, "env", "GOMODCACHE"); err == nil {
		p.modCache = strings.TrimSpace(text)
	}
	conf := &packages.Config{Context: ctx, Dir: p.Dir, Env: append(slices.Clone(p.Env), "GOTOOLCHAIN=local", "PWD="+p.Dir),
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports}
	p.layout = layoutOf(p.Dir, p.module, buildTags(p.Env))
	patterns := []string{"./..."}
	if len(dirs) > 0 {
		patterns = nil
		for _, dir := range p.closure(dirs) {
			rel, err := filepath.Rel(p.Dir, dir)
			if err != nil {
				return err
			}
			patterns = append(patterns, "./"+filepath.ToSlash(rel))
		}
	}
	pkgs, err := packages.Load(conf, patterns...)
	if err != nil {
		return fmt.Errorf("reading the packages: %v", err)
	}
	next := 0
	for _, pkg := range pkgs {
		if len(pkg.Errors) > 0 {
			return fmt.Errorf("reading %s: %v", pkg.PkgPath, pkg.Errors[0])
		}
		if !p.imported(p.dirs[pkg.PkgPath]) && pkg.Name != "main" && !p.tested[p.dirs[pkg.PkgPath]] {
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
	for _, m := range p.mutants {
		if bare, ok := p.bare[m.File]; !ok || bare {
			p.bare[m.File] = m.global
		}
	}
	return p.writeOverlay()
}

// parts are the directories of the module's packages that the package of a directory is made of, tests left out.
func (p *Prover) parts(dir string) map[string]bool {
	if have, ok := p.made[dir]; ok {
		return have
	}
	parts := map[string]bool{dir: true}
	for list := []string{dir}; len(list) > 0; list = list[1:] {
		for _, d := range p.imports[list[0]] {
			if !parts[d] {
				parts[d] = true
				list = append(list, d)
			}
		}
	}
	p.made[dir] = parts
	return parts
}

// state is the file that says to processes of the tests which mutant is on.
func (p *Prover) state() string { return filepath.Join(p.Temp, "state") }

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
	if err := put(filepath.Join(p.Dir, helperPackage, "mutant.go"), helper(len(p.mutants))); err != nil {
		return err
	}
	for _, pkg := range p.pkgs {
		dir := cmp.Or(p.dirs[pkg.PkgPath], filepath.Dir(pkg.CompiledGoFiles[0])) // where cgo has a part the compiled files lie elsewhere
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

// binary builds the tests of a package with all mutants; "" where there are none. What a mutant breaks for the compiler is
// taken out and built again.
func (p *Prover) binary(ctx context.Context, dir string) (string, error) {
	if file, ok := p.binaries[dir]; ok {
		return file, nil
	}
	out := filepath.Join(p.Temp, fmt.Sprintf("mutants%d.test", len(p.binaries)))
	for range 12 { // where the state lies is said to the linker alone, so that what was compiled once is not compiled again
		args := []string{"test", "-c", "-vet=off", "-o", out, "-overlay", p.overlay, "-ldflags=-w -X '" + p.module + "/" + helperPackage + ".State=" + p.state() + "'"}
		rel, err := filepath.Rel(p.Dir, dir)
		if err != nil {
			return "", err
		}
		args = append(args, p.language()...)
		text, err := p.goTool(ctx, append(args, "./"+filepath.ToSlash(rel))...)
		if err == nil {
			if _, err := os.Stat(out); err != nil {
				out = "" // the package has no tests
			}
			p.binaries[dir] = out
			return out, nil
		}
		if !p.drop(text) {
			return "", fmt.Errorf("building the tests of %s: %s", rel, firstLines(text, 5))
		}
		if err := p.writeOverlay(); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("the tests of %s do not compile with mutants", dir)
}

// typed is the first version of Go with type parameters.
const typed = "go1.18"

// isOld tells whether a module is written in a Go before that.
func isOld(gomod []byte) bool {
	f, err := modfile.ParseLax("go.mod", gomod, nil)
	return err == nil && (f.Go == nil || version.Compare("go"+f.Go.Version, typed) < 0)
}

// language are the flags with which the packages of an older module may hold breaks. Each is named: a pattern would also take those of
// another module whose path begins like this one's, and may be of a newer Go.
func (p *Prover) language() (flags []string) {
	if !p.raises {
		return nil
	}
	for _, path := range append([]string{p.module + "/" + helperPackage}, paths(p.pkgs)...) {
		flags = append(flags, "-gcflags="+path+"=-lang="+typed)
	}
	return flags
}

func paths(pkgs []*packages.Package) (list []string) {
	for _, pkg := range pkgs {
		list = append(list, pkg.PkgPath)
	}
	return list
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
	cmd.Dir, cmd.Env = p.Dir, append(slices.Clone(p.Env), "GOTOOLCHAIN=local", "PWD="+p.Dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// private makes a directory of one run's own.
func (p *Prover) private() (string, error) {
	temp, err := os.MkdirTemp(p.Temp, "")
	if err != nil {
		return "", err
	}
	return temp, os.Chmod(temp, 0o711) // a server that gives up root has to enter it
}

// direct runs a test in a process of its own.
func (p *Prover) direct(ctx context.Context, bin string, t Test, state string, limit time.Duration) (ran, error) {
	temp, err := p.private()
	if err != nil {
		return ran{}, err
	}
	defer os.RemoveAll(temp)
	os.Remove(p.state() + ".hit")
	os.Remove(p.state() + ".reached")
	if err := os.WriteFile(p.state(), []byte(state), 0o644); err != nil {
		return ran{}, err
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out tail
	start := time.Now()
	c := sandbox.Command{Self: p.Self, Argv: []string{bin, "-test.v", "-test.count=1", "-test.timeout=0", "-test.run", pattern(t.Name)}, Dir: t.Dir, Stdout: &out, Stderr: &out, Grace: 50 * time.Millisecond,
		Env: p.env(temp, append(slices.Clone(p.shared), "SPEC_MUTANT="+state)...), Policy: p.policy(temp)}
	exit, err := c.Run(limited)
	r := ran{took: time.Since(start), out: out.String(), gone: true, reached: map[int]bool{}}
	switch {
	case ctx.Err() != nil:
		return ran{}, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		r.outcome = TimedOut
		return r, nil
	case err != nil:
		return ran{}, err
	}
	r.outcome, r.said = outcomeOf(exit.Code, r.out), saying(r.out)
	reached, err := os.ReadFile(p.state() + ".reached")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ran{}, err
	}
	note(r.reached, string(reached))
	return r, nil
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

// pattern is the -test.run of a test, a subtest by its parts.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = "^" + regexp.QuoteMeta(parts[i]) + "$"
	}
	return strings.Join(parts, "/")
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

// driverLine tells whether a place is one of the driver's, which words what a test panics with.
func driverLine(place string) bool {
	file, _, _ := strings.Cut(place, ":")
	return file == driverFile || file == externalFile
}

// speech finds what a failing test says first. One that begins with an empty line, as those of testify and gomega do, goes on in the
// next ones.
type speech struct {
	said string
	open bool
	spec bool // of ginkgo
}

func (s *speech) line(text string) {
	if at := strings.Index(text, ": panic: "); at >= 0 && driverLine(strings.TrimSpace(text[:at])) {
		text = text[at+2:]
		if s.said == "" {
			s.said = short(text)
		}
		return
	}
	if m := scriptSaid().FindStringSubmatch(text); m != nil {
		s.said, s.open = short(m[1]), false
		return
	}
	text = colours().ReplaceAllString(text, "")
	words := strings.Join(strings.Fields(text), " ")
	if failed, ok := strings.CutPrefix(words, "[FAILED] "); ok && s.said == "" { // as ginkgo says it: the place comes last
		s.said, s.open, s.spec = short(failed), true, true
		return
	}
	switch {
	case s.spec && s.open && strings.HasPrefix(words, "In ["):
		_, at, _ := strings.Cut(words, " at: ")
		at, _, _ = strings.Cut(at, " ")
		s.said, s.open = short(filepath.Base(at)+": "+s.said), false
	case s.said == "":
		if said().MatchString(text) {
			s.said = short(text)
			s.open = strings.HasSuffix(words, ":")
		}
	case !s.open:
	case words == "" || strings.HasPrefix(text, "---") || said().MatchString(text) || strings.HasPrefix(words, "Test: ") || strings.HasPrefix(words, "Diff:"):
		s.open = strings.HasSuffix(s.said, ":") && words == ""
	case !strings.HasPrefix(words, "Error Trace:"):
		s.said = short(s.said + " " + strings.TrimPrefix(words, "Error: "))
	}
}

func saying(out string) string {
	var s speech
	for line := range strings.Lines(out) {
		s.line(strings.TrimRight(line, "\r\n"))
	}
	return s.said
}

// account is what a test as it is said when it failed: its first lines, since the one that counts need not be the first.
func (r ran) account() string {
	var all []string
	s := speech{}
	for line := range strings.Lines(r.out) {
		if said().MatchString(line) && s.said != "" {
			all, s = append(all, s.said), speech{}
		}
		if len(all) == 4 {
			break
		}
		s.line(strings.TrimRight(line, "\r\n"))
	}
	if len(all) < 4 {
		all = append(all, s.said)
	}
	if len(all) < 2 || scriptSaid().MatchString(r.out) {
		return r.said
	}
	return strings.Join(all, "\n")
}

// A crash is what a process prints that panics: where a script shows that of one that it started, no assertion is what
// failed. Nor is it where a framework goes on behind a panic: ginkgo, a suite of testify, and check each have words for that.
type crash struct{ panics, trace bool }

func (c *crash) line(text string) {
	text = strings.TrimLeft(colours().ReplaceAllString(text, ""), " \t")
	if recovered().MatchString(text) {
		c.panics, c.trace = true, true
	}
	if strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ") {
		c.panics = true
	}
	if c.panics && strings.HasPrefix(text, "goroutine ") && strings.HasSuffix(text, ":") {
		c.trace = true
	}
}

var colours = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;]*m") })

var recovered = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:\[PANICKED\]|\S+\.go:\d+: test panicked: |\.\.\. Panic: )`)
})

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

// A Range is lines of a file, both included.
type Range struct {
	File     string // absolute
	From, To int
}

// A Criterion is what the breaks are chosen for.
type Criterion struct {
	Name   string  // makes the choice, always the same one
	Named  []Named // changes of these are tried first, wherever they are covered
	Breaks int     // how many there were of it, to make the same again; 0 for as many as the budget allows
	Code   []Range // that is tagged for it; where the tests run any of it, other breaks are made there alone
}

// A Named is a number or word that a criterion names, as code may write it.
type Named struct {
	Text string
	As   string        // how the criterion writes it
	Unit bool          // the criterion gives it one
	Time time.Duration // what it is, where that is a unit of time
}

// A singleBuild is that of one mutant alone.
type singleBuild struct {
	done chan struct{} // closed when it has ended
	file string        // "" where it does not compile
	err  error
}

// single builds the tests of a directory with one mutant that cannot be chosen at run time, once. It may be called from several
// goroutines, of which the others wait.
func (p *Prover) single(ctx context.Context, m *Mutant, dir string) (string, error) {
	key := fmt.Sprintf("%d %s", m.ID, dir)
	p.mu.Lock()
	b, ok := p.singles[key]
	if !ok {
		b = &singleBuild{done: make(chan struct{}), file: filepath.Join(p.Temp, fmt.Sprintf("single%d.test", p.Builds))}
		p.singles[key] = b
		p.Builds++
	}
	p.mu.Unlock()
	if ok { // another criterion names the number too, or it was begun ahead
		<-b.done
		return b.file, b.err
	}
	defer close(b.done)
	if b.err = p.buildSingle(ctx, m, dir, b); b.err != nil {
		p.mu.Lock()
		delete(p.singles, key) // the next one who asks tries again
		p.mu.Unlock()
	}
	return b.file, b.err
}

// fitsNot tells whether a test that fails with breaks in the code passes in a build that holds none.
func (p *Prover) fitsNot(ctx context.Context, t Test) bool {
	bin, ok := p.plain[t.Dir]
	if !ok {
		bin = filepath.Join(p.Temp, fmt.Sprintf("plain%d.test", len(p.plain)))
		if rel, err := filepath.Rel(p.Dir, t.Dir); err != nil {
			return false
		} else if _, err := p.goTool(ctx, "test", "-c", "-vet=off", "-o", bin, "./"+filepath.ToSlash(rel)); err != nil {
			bin = ""
		}
		p.plain[t.Dir] = bin
	}
	if bin == "" {
		return false
	}
	r, err := p.direct(ctx, bin, t, "0", time.Minute)
	return err == nil && r.outcome == Passed
}

func (p *Prover) buildSingle(ctx context.Context, m *Mutant, dir string, b *singleBuild) error {
	source, overlay := strings.TrimSuffix(b.file, ".test")+".go", strings.TrimSuffix(b.file, ".test")+".json"
	data, err := json.Marshal(map[string]any{"Replace": map[string]string{m.File: source}})
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(source, rewrite(p.sources[m.File], slices.Clone(m.edits)), 0o644), os.WriteFile(overlay, data, 0o644)); err != nil {
		return err
	}
	rel, err := filepath.Rel(p.Dir, dir)
	if err != nil {
		return err
	}
	if _, err := p.goTool(ctx, "test", "-c", "-vet=off", "-ldflags=-w", "-o", b.file, "-overlay", overlay, "./"+filepath.ToSlash(rel)); err != nil {
		b.file = ""
		return ctx.Err()
	}
	return nil
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
	return slices.DeleteFunc(slices.Clone(from), func(m *Mutant) bool { return !tagged(m) && !names(c.Named, m) })
}

// names tells whether a mutant changes a number or word that is wanted: 30 days are no 30*time.Second.
func names(wanted []Named, m *Mutant) bool {
	return m.Number != "" && slices.ContainsFunc(wanted, func(w Named) bool {
		return w.Text == m.Number && (m.whole == 0 || !w.Unit || w.Time == m.whole)
	})
}

// choose takes mutants within a budget, always the same ones: first numbers that the criterion names, then one of each
// function in turn, so that no long function takes all. Package-level numbers that the criterion does not name are left
// out: each costs a build. What is logged comes last: hardly a criterion speaks of it.
func choose(from []*Mutant, wanted []Named, seed string, budget int) []*Mutant {
	if budget <= 0 {
		budget = 10
	}
	var first, logged []*Mutant
	groups := map[string][]*Mutant{}
	for _, m := range from {
		switch {
		case names(wanted, m):
			first = append(first, m)
		case m.logged && !m.overlay && !m.named:
			logged = append(logged, m)
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
	slices.SortFunc(logged, func(a, b *Mutant) int { return strings.Compare(rank(a), rank(b)) })
	chosen = append(chosen, logged...)
	return chosen[:min(len(chosen), max(budget, 0))]
}
