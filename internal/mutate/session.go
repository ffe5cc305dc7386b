package mutate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"spec.example/spec/internal/sandbox"
)

// One process tries many mutants: the tests are run as they are, then with a mutant switched on, and another, and so on.
// What is said of a mutant counts only beside a run that passed in the same process: the one before, of the tests as they
// are or with a mutant that nobody noticed; and where a mutant is noticed right after one that was not, which may have left
// something behind, the tests as they are have to pass after it. Where they do not pass any more, a new process goes on.
// Servers that tests start once a process are shared. The quickest test runs first, and none after one that noticed.
//
// What was computed once before the mutant was switched on hides it. So the mutated code notes when a mutant was
// reached, and one that was not is tried again in a process of its own, where it is on from the start.

// driverFile is the test file that a package gets, external the one of its external tests.
const (
	helperPackage = "zz_spec_mutant"
	driverFile    = "zz_spec_driver_test.go"
	externalFile  = "zz_spec_external_test.go"
)

// helperSource is the package that all mutated packages of a module share.
const helperSource = `package zz_spec_mutant

import "os"

// State is a file that holds the number of the mutant that is on: for processes that are started without our variables.
// Beside it lies one where any process has reached the mutant.
var State string

// Mutant is the one that is on; hit tells whether this process reached it.
var (
	Mutant = start()
	hit    bool
	Tests  = map[string]any{}
)

func start() int {
	if n, ok := os.LookupEnv("SPEC_MUTANT"); ok {
		return number(n)
	}
	data, _ := os.ReadFile(State)
	return number(string(data))
}

func Note() bool {
	if !hit && State != "" {
		hit = true
		os.WriteFile(State+".hit", nil, 0o666)
	}
	return true
}

func On(n string) {
	os.Remove(State + ".hit")
	os.WriteFile(State, []byte(n), 0o666)
	Mutant, hit = number(n), false
	os.Setenv("SPEC_MUTANT", n)
}

func Hit() bool {
	_, err := os.Stat(State + ".hit")
	return hit || err == nil
}

func number(s string) (n int) {
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}
`

// driverSource runs the tests of the environment variable SPEC_TESTS with each mutant of SPEC_MUTANTS.
const driverSource = `
func TestSpecMutants(t *testing.T) {
	names := strings.Fields(os.Getenv("SPEC_TESTS"))
	took := map[string]time.Duration{}
	specRun := func(n string) (word string) {
		zz_spec_mutant.On(n)
		fmt.Printf("\nspec-mutant: begins %s\n", n)
		var ran, skipped, failed, panicked atomic.Int32
		ok := t.Run("m"+n, func(t *testing.T) {
			for _, name := range names {
				f, _ := zz_spec_mutant.Tests[name].(func(*testing.T))
				began, panics := time.Now(), panicked.Load()
				ok := t.Run(name, func(t *testing.T) {
					defer func() {
						ran.Add(1)
						if v := recover(); v != nil {
							panicked.Add(1)
							t.Errorf("panic: %v", v)
						} else if t.Skipped() {
							skipped.Add(1)
						}
					}()
					f(t)
				})
				took[name] = time.Since(began)
				if !ok && panicked.Load() == panics {
					if failed.Add(1); n != "0" {
						break
					}
				}
			}
		})
		switch {
		case ok && ran.Load() == skipped.Load():
			word = "skip"
		case ok:
			word = "pass"
		case failed.Load() == 0 && panicked.Load() > 0:
			word = "panic"
		default:
			word = "fail"
		}
		fmt.Printf("\nspec-mutant: ends %s %s %v\n", n, word, zz_spec_mutant.Hit())
		return word
	}
	fmt.Printf("\nspec-mutant: process %d\n", os.Getpid())
	if specRun("0") != "pass" {
		return
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(took[a], took[b]) })
	const asTheyAre, unnoticed, due = 0, 1, 2 // what the last run was; due is a run of the tests as they are
	last := asTheyAre
	for _, n := range strings.Fields(os.Getenv("SPEC_MUTANTS")) {
		if last == due && specRun("0") != "pass" {
			return
		}
		if last == due {
			last = asTheyAre
		}
		switch word := specRun(n); {
		case word == "pass" && zz_spec_mutant.Hit():
			last = unnoticed
		case word == "pass":
		case last == asTheyAre:
			last = due
		case specRun("0") != "pass":
			return
		default:
			last = asTheyAre
		}
	}
}
`

// testFunctions lists the functions of a package that go test calls as tests, its own and those of its external tests.
func testFunctions(dir string) (pkg string, own, external []string) {
	p, err := build.ImportDir(dir, 0)
	if err != nil && p == nil {
		return "", nil, nil
	}
	list := func(files []string) (names []string) {
		for _, name := range files {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				continue
			}
			pkg = strings.TrimSuffix(f.Name.Name, "_test")
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Type.TypeParams == nil && strings.HasPrefix(fn.Name.Name, "Test") && fn.Name.Name != "TestMain" && len(fn.Type.Params.List) == 1 && fn.Type.Results == nil {
					names = append(names, fn.Name.Name)
				}
			}
		}
		return names
	}
	own, external = list(p.TestGoFiles), list(p.XTestGoFiles)
	if p.Name != "" {
		pkg = p.Name
	}
	return pkg, own, external
}

// drivers are the files that the tests of a directory get, by name.
func (p *Prover) drivers(dir string) map[string][]byte {
	pkg, own, external := testFunctions(dir)
	files := map[string][]byte{}
	write := func(name, pkg string, tests []string, driver bool) {
		var b bytes.Buffer
		fmt.Fprintf(&b, "package %s\n\nimport (\n", pkg)
		if driver {
			b.WriteString("\t\"cmp\"\n\t\"fmt\"\n\t\"os\"\n\t\"slices\"\n\t\"strings\"\n\t\"sync/atomic\"\n\t\"testing\"\n\t\"time\"\n\n")
		}
		fmt.Fprintf(&b, "\t%q\n)\n\nfunc init() {\n", p.module+"/"+helperPackage)
		for _, n := range tests {
			fmt.Fprintf(&b, "\tzz_spec_mutant.Tests[%q] = %s\n", n, n)
		}
		b.WriteString("}\n")
		if driver {
			b.WriteString(driverSource)
		}
		files[name] = b.Bytes()
	}
	if len(own) > 0 {
		write(driverFile, pkg, own, true)
	}
	if len(external) > 0 {
		write(externalFile, pkg+"_test", external, len(own) == 0)
	}
	p.driven[dir] = map[string]bool{}
	for _, n := range append(own, external...) {
		p.driven[dir][n] = true
	}
	return files
}

// inOneProcess tells whether tests can be run several times in a process.
func (p *Prover) inOneProcess(dir string, names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool {
		top, _, sub := strings.Cut(n, "/")
		return !p.driven[dir][top] || sub && len(names) > 1
	})
}

// A session follows what a process says of its mutants.
type session struct {
	mu       sync.Mutex
	rest     []byte
	current  string
	began    time.Time
	said     string
	crash    crash
	outcomes map[int]Verdict
	hit      map[int]bool
	shortest time.Duration // of the runs without a mutant
	bin      string        // the program that the process runs
	process  int           // its number, as it says itself; 0 where that is not the one that is seen here
	spent    time.Duration // processor time at the beginning of the current run
	own      time.Duration // the least processor time of a run without a mutant
	control  bool          // the first run as the tests are has passed
	fresh    bool          // the last run was of the tests as they are, and passed
	doubtful int           // the mutant that was noticed after one that was not: the tests as they are have to pass yet
	changed  chan struct{}
}

func (s *session) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, b...)
	for {
		i := bytes.IndexByte(s.rest, '\n')
		if i < 0 {
			break
		}
		s.line(string(s.rest[:i]))
		s.rest = s.rest[i+1:]
	}
	if len(s.rest) > keep {
		s.rest = nil
	}
	return len(b), nil
}

func (s *session) line(text string) {
	words, ok := strings.CutPrefix(text, "spec-mutant: ")
	f := strings.Fields(words)
	switch {
	case ok && len(f) == 2 && f[0] == "process":
		if n, err := strconv.Atoi(f[1]); err == nil && runs(n, s.bin) {
			s.process = n
		}
	case ok && len(f) == 2 && f[0] == "begins":
		s.current, s.began, s.said, s.crash = f[1], time.Now(), "", crash{}
		s.spent, _ = processorTime(s.process)
		s.change()
	case ok && len(f) == 4 && f[0] == "ends" && f[1] == s.current:
		took := time.Since(s.began)
		n, _ := strconv.Atoi(f[1])
		switch {
		case n != 0:
			outcome := map[string]Outcome{"pass": Passed, "fail": Killed, "skip": Skipped, "panic": Panicked}[f[2]]
			if outcome == Killed && s.crash.seen() {
				outcome = Panicked
			}
			s.outcomes[n], s.hit[n] = Verdict{Outcome: outcome, Said: s.said}, f[3] == "true"
			if s.doubtful = 0; outcome != Passed && !s.fresh {
				s.doubtful = n
			}
			s.fresh = s.fresh && outcome == Passed && !s.hit[n]
		case f[2] == "pass":
			s.control, s.fresh, s.doubtful = true, true, 0
			if now, ok := processorTime(s.process); ok && (s.own == 0 || now-s.spent < s.own) {
				s.own = max(now-s.spent, time.Millisecond)
			}
			if s.shortest == 0 || took < s.shortest {
				s.shortest = took
			}
		}
		s.current = ""
		s.change()
	default:
		s.crash.line(text)
		if words := saying(text); words != "" && (s.said == "" || scriptSaid().MatchString(text)) {
			s.said = words
		}
	}
}

func (s *session) change() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// limit is how long a run with a mutant may take, from that of the tests themselves.
func limit(own time.Duration) time.Duration {
	return max(4*own, 200*time.Millisecond) + 3*time.Second
}

// lookEvery is how often a run with a mutant is looked at.
const lookEvery = 20 * time.Millisecond

// watch ends the process when a mutant takes too long, until it is done. A loop that has no end is told by the processor
// time that it takes, which a busy machine makes no longer; what waits is told by the clock alone.
func (s *session) watch(end context.CancelFunc, done <-chan struct{}) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	began := time.Now()
	for {
		select {
		case <-done:
			return
		case <-s.changed:
			began = time.Now()
		case <-ticker.C:
			if s.over(began) {
				end()
				return
			}
		}
	}
}

// over tells whether the current run has taken too long, or the time since anything was heard.
func (s *session) over(heard time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current == "0" && s.control: // it may wait for a lock that a mutant did not give back: a new process goes on
		return time.Since(s.began) > 2*limit(s.shortest)
	case s.current == "", s.current == "0":
		return time.Since(heard) > 10*time.Minute
	}
	if now, ok := processorTime(s.process); ok && s.own > 0 && now-s.spent > max(4*s.own, 250*time.Millisecond) {
		return true
	}
	return time.Since(s.began) > limit(s.shortest)
}

// together tries mutants in as few processes as may be. It is nil where the tests do not pass in a process with others.
func (p *Prover) together(ctx context.Context, bin, dir string, names []string, mutants []*Mutant) (map[int]Verdict, error) {
	out := map[int]Verdict{}
	left := slices.Clone(mutants)
	for len(left) > 0 {
		s := &session{bin: bin, outcomes: map[int]Verdict{}, hit: map[int]bool{}, changed: make(chan struct{}, 1)}
		timedOut, err := p.process(ctx, s, bin, dir, names, left)
		if err != nil {
			return nil, err
		}
		if !s.control {
			return nil, nil
		}
		delete(s.outcomes, s.doubtful)
		if n, err := strconv.Atoi(s.current); err == nil && n > 0 && s.fresh { // it ended within a mutant
			outcome := Panicked
			if timedOut {
				outcome = TimedOut
			}
			s.outcomes[n], s.hit[n] = Verdict{Outcome: outcome}, true
		}
		if len(s.outcomes) == 0 {
			return nil, nil
		}
		for n, v := range s.outcomes {
			if out[n] = v; v.Outcome == Passed && !s.hit[n] {
				outcome, words, _, err := p.run(ctx, bin, dir, names, n, limit(s.shortest)+10*time.Second, "")
				if err != nil {
					return nil, err
				}
				out[n] = Verdict{Outcome: outcome, Said: words}
			}
		}
		left = slices.DeleteFunc(left, func(m *Mutant) bool { _, ok := out[m.ID]; return ok })
	}
	return out, nil
}

// process runs one process, to its end or until a mutant takes too long.
func (p *Prover) process(ctx context.Context, s *session, bin, dir string, names []string, mutants []*Mutant) (timedOut bool, err error) {
	temp, err := os.MkdirTemp("", "spec-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o711); err != nil {
		return false, err
	}
	ids := make([]string, len(mutants))
	for i, m := range mutants {
		ids[i] = strconv.Itoa(m.ID)
	}
	tops := make([]string, len(names))
	for i, n := range names {
		tops[i], _, _ = strings.Cut(n, "/")
	}
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go s.watch(cancel, done)
	c := sandbox.Command{Self: p.Self, Argv: []string{bin, "-test.v", "-test.count=1", "-test.timeout=0", "-test.run", "^TestSpecMutants$/^m/" + pattern(names)}, Dir: dir, Stdout: s, Stderr: s, Grace: 50 * time.Millisecond,
		Env:    p.env(temp, "SPEC_MUTANT=0", "SPEC_MUTANTS="+strings.Join(ids, " "), "SPEC_TESTS="+strings.Join(tops, " ")),
		Policy: p.policy(temp)}
	_, err = c.Run(limited)
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, context.Canceled):
		return true, nil
	}
	return false, err
}
