package mutate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"spec.example/spec/internal/sandbox"
)

// A worker is a process that runs a test as often as it is told, with a mutant switched on or with none. What the test starts
// once a process is there for all runs.
type worker struct {
	prover *Prover
	in     *os.File // what it is told
	end    context.CancelFunc
	over   chan struct{} // closed when the process has ended
	exit   int           // how, then
	err    error         // why it could not run

	mu      sync.Mutex
	changed chan struct{}
	rest    []byte // of a line
	process int    // its number, as it says itself; 0 where that is not the one that is seen here
	bin     string
	early   map[int]bool // mutants that were reached before any test
	shares  []string     // variables of the environment for the processes after this one
	now     ran
	crash   crash
	speech  speech
	out     *tail
	begun   bool
	ended   bool
	since   time.Time
	spent   time.Duration // processor time when the run began

	runs    int // counted
	passed  int // the last that passed
	clean   int // the last that passed as it is
	failed  int // the last that failed, or ended in another way
	touched int // the last that a mutant had a part in
}

// A ran is what became of one run of a test.
type ran struct {
	outcome Outcome
	said    string
	out     string
	hit     bool // the mutant was reached
	reached map[int]bool
	took    time.Duration
	cpu     time.Duration // processor time, where it can be told
	gone    bool          // with it the process ended
}

// start begins a process for a test, with a state on from its beginning.
func (p *Prover) start(ctx context.Context, t Test, state string) (*worker, error) {
	bin, err := p.binary(ctx, t.Dir)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(p.hosts, (*worker).dead) {
		p.Close()
	}
	temp, err := p.private()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.RemoveAll(p.state()+".reached"), os.WriteFile(p.state(), []byte(state), 0o644)); err != nil {
		return nil, err
	}
	in, told, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithCancel(ctx)
	w := &worker{prover: p, in: told, end: cancel, over: make(chan struct{}), changed: make(chan struct{}, 1), bin: bin, early: map[int]bool{}, out: new(tail)}
	c := sandbox.Command{Self: p.Self, Argv: []string{bin, "-test.v", "-test.count=1", "-test.timeout=0", "-test.run", "^TestSpecMutants$"}, Dir: t.Dir, Stdin: in, Stdout: w, Stderr: w, Grace: 50 * time.Millisecond,
		Env: p.env(temp, append(slices.Clone(p.shared), "SPEC_MUTANT="+state)...), Policy: p.policy(temp)}
	go func() {
		exit, err := c.Run(limited)
		in.Close()
		os.RemoveAll(temp)
		if limited.Err() == nil {
			w.err = err
		}
		w.exit = exit.Code
		close(w.over)
	}()
	return w, nil
}

// stop ends the process.
func (w *worker) stop() {
	w.end()
	w.in.Close()
	<-w.over
}

// dead tells whether the process has ended.
func (w *worker) dead() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

// Write reads what the process prints.
func (w *worker) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out.Write(b)
	w.rest = append(w.rest, b...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			break
		}
		w.line(strings.TrimSuffix(string(w.rest[:i]), "\r"))
		w.rest = w.rest[i+1:]
	}
	if len(w.rest) > keep {
		w.rest = nil
	}
	return len(b), nil
}

func (w *worker) line(text string) {
	words, ok := strings.CutPrefix(text, "spec-mutant: ")
	if !ok {
		w.crash.line(text)
		w.speech.line(text)
		w.now.said = w.speech.said
		return
	}
	word, rest, _ := strings.Cut(words, " ")
	switch word {
	case "process":
		if n, err := strconv.Atoi(rest); err == nil && runs(n, w.bin) {
			w.process = n
		}
	case "early":
		note(w.early, rest)
	case "begins":
		w.begun, w.crash, w.speech, w.now = true, crash{}, speech{}, ran{reached: map[int]bool{}}
		w.since = time.Now()
		w.spent, _ = processorTime(w.process)
	case "reached":
		note(w.now.reached, rest)
	case "shares":
		if v, err := strconv.Unquote(rest); err == nil && !slices.Contains(w.shares, v) {
			w.shares = append(w.shares, v)
		}
	case "ends":
		how, hit, _ := strings.Cut(rest, " ")
		if !w.begun || w.ended {
			return
		}
		w.now.outcome, w.now.hit = map[string]Outcome{"pass": Passed, "fail": Killed, "skip": Skipped, "panic": Panicked}[how], hit == "true"
		if w.now.outcome == Killed && w.crash.seen() {
			w.now.outcome = Panicked
		}
		if i := strings.Index(w.now.said, "panic: "); i >= 0 && w.now.outcome == Panicked {
			w.now.said = w.now.said[i:] // without the line of the driver
		}
		w.ended, w.now.took = true, time.Since(w.since)
		if now, ok := processorTime(w.process); ok {
			w.now.cpu = max(now-w.spent, time.Millisecond)
		}
	}
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// note adds the numbers of a line to a set.
func note(set map[int]bool, line string) {
	for _, f := range strings.Fields(line) {
		if n, err := strconv.Atoi(f); err == nil {
			set[n] = true
		}
	}
}

// noting is the state in which mutants that are reached are noted, and none is on.
const noting = "0 noting"

// lookEvery is how often a run is looked at.
const lookEvery = 20 * time.Millisecond

// run has the process run a test. A run that is over for too is ended, and the process with it.
func (w *worker) run(ctx context.Context, test, state string, over func(wall, cpu time.Duration) bool) (ran, error) {
	w.mu.Lock()
	w.begun, w.ended, w.now, w.crash, w.speech = false, false, ran{}, crash{}, speech{}
	w.out = new(tail)
	w.mu.Unlock()
	asked := time.Now()
	fmt.Fprintf(w.in, "%s %s\n", test, state) // where nobody reads, the process has ended, which is seen below
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			w.stop()
			return ran{}, ctx.Err()
		case <-w.over:
			return w.died(Panicked)
		case <-w.changed:
		case <-ticker.C:
		}
		w.mu.Lock()
		done, now, begun, wall, spent := w.ended, w.now, w.begun, time.Since(w.since), w.spent
		now.out = w.out.String()
		process := w.process
		w.mu.Unlock()
		switch {
		case done:
			w.count(state, now)
			return now, nil
		case !begun:
			if time.Since(asked) > startLimit {
				w.stop()
				return w.died(TimedOut)
			}
			continue
		}
		cpu := time.Duration(0)
		if now, ok := processorTime(process); ok {
			cpu = now - spent
		}
		if over(wall, cpu) {
			w.stop()
			return w.died(TimedOut)
		}
	}
}

// startLimit is how long a process may take until its tests begin.
const startLimit = 10 * time.Minute

// count notes a run, for what is said of later ones.
func (w *worker) count(state string, r ran) {
	w.runs++
	asItIs := state == "0" || state == noting
	if !asItIs && (r.hit || r.outcome != Passed) {
		w.touched = w.runs
	}
	if r.outcome != Passed {
		w.failed = w.runs
		return
	}
	w.passed = w.runs
	if asItIs {
		w.clean = w.runs
	}
}

// sound tells whether the test has passed since it failed.
func (w *worker) sound() bool { return w.passed > w.failed }

// untouched tells whether the test has passed as it is since a mutant had a part in it.
func (w *worker) untouched() bool { return w.clean > w.touched }

// died is the run with which the process ended, for an outcome that is so.
func (w *worker) died(outcome Outcome) (ran, error) {
	<-w.over
	if w.err != nil {
		return ran{}, w.err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.now
	r.gone, r.out = true, w.out.String()
	switch {
	case w.ended:
	case !w.begun && outcome == Panicked && w.exit == 0:
		r.outcome = Skipped // its TestMain ran no test
	default:
		r.outcome, r.hit = outcome, true
	}
	if r.outcome == Panicked && r.said == "" {
		r.said = short(firstLines(strings.TrimSpace(panicked(r.out)), 1))
	}
	return r, nil
}

// panicked is what is printed from where a process panics.
func panicked(out string) string {
	for _, word := range []string{"panic: ", "fatal error: "} {
		if i := strings.Index(out, word); i >= 0 && (i == 0 || out[i-1] == '\n') {
			return out[i:]
		}
	}
	return ""
}
