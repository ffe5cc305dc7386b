package mutate

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// One process tries many mutants. Each of a criterion's tests is run as it is, while is noted which mutants it comes by; then
// each mutant is switched on for the tests that come by it, the quickest first, until one notices.
//
// A test that fails with a mutant has noticed it only beside runs of the same process, as the code is, that pass: one after
// it, and one before since any other mutant was reached. Where there was none before, it has to fail again behind the one
// after it. Where it does not pass after it, something was left behind, and a new process decides. Servers that tests start
// once a process are shared.
//
// What was computed once before the mutant was switched on hides it. So the mutated code notes when a mutant was
// reached, and one that was not is tried again in a process of its own, where it is on from the start.

// A proof is the work on one criterion.
type proof struct {
	*Prover
	workers map[Test]*worker
	units   []*unit
}

// A unit is one test, as breaks are shown to it.
type unit struct {
	Test
	direct  bool          // a process for each run: scripts, and what the driver of a package cannot call
	own     time.Duration // of it as it is, the shortest
	cpu     time.Duration // its processor time; 0 where that cannot be told
	first   time.Duration // of it as it is as the first in a process
	reached map[int]bool  // mutants that it comes by, as the first in a process
	files   map[string]bool
	dirs    map[string]bool
	funcs   map[string]bool // by file and name
	doubted bool            // it noticed a mutant in a process of its own: it has to pass as it is once more
	repeats bool            // it was seen to pass a second time in a process
	once    bool            // and this one does not: it counts, registers or starts what it finds the second time
}

// reaches tells whether a mutant can be noticed by a test. A constant of a function is looked up in those that the test comes
// by, a package-level number in the files, and among the bare declarations of the packages, of these.
func (u *unit) reaches(p *Prover, m *Mutant) bool {
	if m.global && m.Func != "" {
		return u.funcs[m.File+" "+m.Func]
	}
	if m.global {
		return u.files[m.File] || p.bare[m.File] && u.dirs[filepath.Dir(m.File)]
	}
	return u.reached[m.ID]
}

// unsteady is why tests prove nothing.
type unsteady struct{ reason string }

func (e *unsteady) Error() string { return e.reason }

// Prove breaks what tests cover and sees whether they notice.
func (p *Prover) Prove(ctx context.Context, tests []Test, criterion Criterion) (*Result, error) {
	start := time.Now()
	r := &Result{Level: None}
	defer func() { r.Took = time.Since(start) }()
	x := &proof{Prover: p, workers: map[Test]*worker{}}
	defer x.close()
	err := x.asTheyAre(ctx, tests, r)
	if err != nil || r.Reason != "" {
		return r, err
	}
	r.Level = Ran
	for _, u := range x.units {
		r.AsItIs = append(r.AsItIs, Run{u.Name, u.first})
	}
	candidates := x.candidates()
	if len(candidates) == 0 {
		return r, nil
	}
	r.Level = Covers
	candidates = within(candidates, criterion)
	chosen := choose(candidates, criterion.Named, criterion.Name, p.Budget)
	if criterion.Breaks > 0 && len(chosen) != criterion.Breaks { // another budget
		chosen = choose(candidates, criterion.Named, criterion.Name, criterion.Breaks)
	}
	verdicts := make([]Verdict, len(chosen))
	defer x.ahead(ctx, chosen)()
	for _, built := range []bool{false, true} { // those that are built one by one come last
		for i, m := range chosen {
			if m.overlay != built {
				continue
			}
			if verdicts[i], err = x.try(ctx, m); err != nil {
				return r.unsteady(err)
			}
			verdicts[i].Boundary = names(criterion.Named, m)
		}
	}
	if err := x.stillPass(ctx); err != nil {
		return r.unsteady(err)
	}
	r.Verdicts = verdicts
	if r.Killed() > 0 {
		r.Level = Bites
	}
	return r, nil
}

// ahead builds, beside what else is done, the mutants that are built one by one, each for the first test that it is shown to. What it
// returns ends that.
func (x *proof) ahead(ctx context.Context, chosen []*Mutant) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, m := range chosen {
			i := slices.IndexFunc(x.units, func(u *unit) bool { return m.overlay && u.reaches(x.Prover, m) })
			if i >= 0 && ctx.Err() == nil {
				x.single(ctx, m, x.units[i].Dir) // its error is told to who asks for it
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// candidates are the mutants that the tests come by: of what their packages are made of without tests, where they come by any
// of that. What tests alone import is help for them, and no code that a criterion speaks of.
func (x *proof) candidates() []*Mutant {
	var all, own []*Mutant
	for _, m := range x.mutants {
		reaches, made := false, false
		for _, u := range x.units {
			if m.compiles && u.reaches(x.Prover, m) {
				reaches, made = true, made || x.parts(u.Dir)[filepath.Dir(m.File)]
			}
		}
		if reaches {
			all = append(all, m)
		}
		if made {
			own = append(own, m)
		}
	}
	if len(own) > 0 {
		return own
	}
	return all
}

// unsteady is the result where a test passes now and then.
func (r *Result) unsteady(err error) (*Result, error) {
	var u *unsteady
	if !errors.As(err, &u) {
		return nil, err
	}
	r.Level, r.Flaky, r.Reason = None, true, u.reason
	return r, nil
}

func (x *proof) close() {
	for _, w := range x.workers {
		w.stop()
	}
}

// worker is the process that runs a unit, a new one where the last has ended. Each has its own, in which nothing else was left behind.
func (x *proof) worker(ctx context.Context, u *unit, state string) (*worker, error) {
	if w := x.workers[u.Test]; w != nil && !w.dead() {
		return w, nil
	}
	w, err := x.start(ctx, u.Test, state)
	if err != nil {
		return nil, err
	}
	x.workers[u.Test] = w
	return w, nil
}

// forget lets a process run no more units.
func (x *proof) forget(w *worker) {
	maps.DeleteFunc(x.workers, func(_ Test, have *worker) bool { return have == w })
}

// leave ends a process.
func (x *proof) leave(w *worker) {
	x.forget(w)
	w.stop()
}

// top is the name of the function that a test is, or is a part of.
func top(name string) string {
	name, _, _ = strings.Cut(name, "/")
	return name
}

// asTheyAre runs the tests as they are. Where they do not pass it says why in the result.
func (x *proof) asTheyAre(ctx context.Context, tests []Test, result *Result) error {
	tests = slices.Clone(tests)
	slices.SortStableFunc(tests, func(a, b Test) int { return strings.Compare(a.Dir, b.Dir) })
	skipped := ""
	for _, t := range tests {
		bin, err := x.binary(ctx, t.Dir)
		if err != nil {
			return err
		}
		if bin == "" {
			result.Reason = "its package has no test that go runs here"
			return nil
		}
		if u := x.known[t]; u != nil { // another criterion's test too
			u.doubted = false
			x.units = append(x.units, u)
			continue
		}
		u := &unit{Test: t, direct: t.Script || !x.driven[t.Dir][top(t.Name)]}
		r, err := x.first(ctx, u)
		if err != nil {
			return err
		}
		if r.outcome == Killed || r.outcome == Panicked { // once more: a test that passes now and then is no proof
			again, err := x.first(ctx, u)
			if err != nil {
				return err
			}
			result.Flaky = again.outcome == Passed
		}
		switch r.outcome {
		case Passed:
			u.comesBy(x.Prover, r.reached)
			u.first = r.took
			x.known[t] = u
			x.units = append(x.units, u)
			continue
		case Skipped: // the others may do
			skipped = "its test is skipped or not run: " + r.said
			continue
		}
		result.Reason = map[Outcome]string{Killed: "its test fails", Panicked: "its test panics", TimedOut: "its test does not end"}[r.outcome] + ": " + r.account()
		switch {
		case result.Flaky:
			result.Reason = "its test fails now and then: " + r.account()
		case x.fitsNot(ctx, t):
			result.Reason = "its test passes, but not where breaks are compiled into the code, as one that counts allocations or calls: " + r.account()
		}
		for _, hint := range x.policy(x.Temp).Refused(r.out) {
			result.Reason += "\n" + hint
		}
		return nil
	}
	if len(x.units) == 0 {
		result.Reason = skipped
	}
	slices.SortStableFunc(x.units, func(a, b *unit) int { return cmp.Compare(a.own, b.own) })
	return nil
}

// first runs a test as it is as the first of a process, so that what it comes by is the same whatever was proven before.
func (x *proof) first(ctx context.Context, u *unit) (ran, error) {
	if !u.direct {
		w, err := x.worker(ctx, u, noting)
		if err != nil {
			return ran{}, err
		}
		if w.runs > 0 {
			x.leave(w)
		}
	}
	hosts := len(x.hosts)
	r, err := x.asItIs(ctx, u, noting)
	if err == nil && len(x.hosts) > hosts { // what started a server comes by other code than those who find it
		return x.asItIs(ctx, u, noting)
	}
	return r, err
}

// comesBy notes the mutants that a test reaches.
func (u *unit) comesBy(p *Prover, reached map[int]bool) {
	u.reached, u.files, u.dirs, u.funcs = reached, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, m := range p.mutants {
		if !m.global && reached[m.ID] {
			u.files[m.File], u.dirs[filepath.Dir(m.File)], u.funcs[m.File+" "+m.Func] = true, true, true
		}
	}
}

// asItIs runs a test with no mutant. A process that started what others can share is left alone from then on.
func (x *proof) asItIs(ctx context.Context, u *unit, state string) (ran, error) {
	if u.direct {
		bin, err := x.binary(ctx, u.Dir)
		if err != nil {
			return ran{}, err
		}
		r, err := x.Prover.direct(ctx, bin, u.Test, state, asItIsLimit)
		u.took(r)
		return r, err
	}
	w, err := x.worker(ctx, u, state)
	if err != nil {
		return ran{}, err
	}
	longest := asItIsLimit
	if u.own > 0 { // it may wait for a lock that a mutant did not give back
		longest = 2 * limit(u.own)
	}
	r, err := w.run(ctx, u.Name, state, func(wall, _ time.Duration) bool { return wall > longest })
	if err != nil {
		return r, err
	}
	u.took(r)
	for n := range w.early {
		if r.reached != nil {
			r.reached[n] = true
		}
	}
	if len(w.shares) > 0 && state == noting && r.outcome == Passed {
		x.forget(w)
		x.shared, x.hosts = append(x.shared, w.shares...), append(x.hosts, w)
	}
	return r, nil
}

// asItIsLimit is how long a test may take that nothing is known of.
const asItIsLimit = 10 * time.Minute

// took notes how long a test takes as it is.
func (u *unit) took(r ran) {
	if r.outcome != Passed {
		return
	}
	if u.own == 0 || r.took < u.own {
		u.own = r.took
	}
	if r.cpu > 0 && (u.cpu == 0 || r.cpu < u.cpu) {
		u.cpu = r.cpu
	}
}

// limit is how long a run with a mutant may take, from that of the test itself.
func limit(own time.Duration) time.Duration {
	return max(4*own, 200*time.Millisecond) + 3*time.Second
}

// over tells whether a run with a mutant takes too long. A loop that has no end is told by the processor time that it
// takes, which a busy machine makes no longer; what waits is told by the clock alone.
func (u *unit) over(wall, cpu time.Duration) bool {
	return wall > limit(u.own) || u.cpu > 0 && cpu > max(4*u.cpu, 250*time.Millisecond)
}

// try shows a mutant to the tests that come by it until one notices. After one that took too long it ends: another would
// too.
func (x *proof) try(ctx context.Context, m *Mutant) (Verdict, error) {
	v := Verdict{Mutant: m, Outcome: Passed}
	likely := true // most are noticed by the first test that comes by them
	for _, u := range x.units {
		if !u.reaches(x.Prover, m) {
			continue
		}
		r, err := x.show(ctx, m, u, likely)
		likely = false
		if err != nil {
			return v, err
		}
		if r.outcome != Passed && v.Outcome == Passed || r.outcome == Killed {
			v.Outcome, v.Said = r.outcome, r.said
		}
		if r.outcome == Killed || r.outcome == TimedOut || r.outcome == Broken {
			break
		}
	}
	return v, nil
}

// A shown is a mutant that a test was run with.
type shown struct {
	mutant int
	test   Test
	alone  bool
}

// show runs a test with a mutant, once for all criteria.
func (x *proof) show(ctx context.Context, m *Mutant, u *unit, likely bool) (ran, error) {
	key := shown{m.ID, u.Test, x.Alone}
	if r, ok := x.seen[key]; ok {
		return r, nil
	}
	r, err := x.together(ctx, m, u, likely)
	if err == nil {
		x.seen[key] = r
	}
	return r, err
}

// together runs a test with a mutant in the process that runs the others, where that can be. Where it is likely to be noticed the
// test is run as it is before, unless it was since the last one: that spares a second failure.
func (x *proof) together(ctx context.Context, m *Mutant, u *unit, likely bool) (ran, error) {
	if m.overlay || u.direct || u.once || x.Alone || u.own > slow {
		return x.alone(ctx, m, u)
	}
	w, err := x.worker(ctx, u, "0")
	if err != nil {
		return ran{}, err
	}
	if w.clean == 0 || likely && !w.untouched() {
		if r, err := x.asItIs(ctx, u, "0"); err != nil {
			return r, err
		} else if r.outcome != Passed {
			if w, err = x.fresh(ctx, u); err != nil {
				return r, err
			}
		}
	}
	sound, untouched := w.sound(), w.untouched()
	r, err := w.run(ctx, u.Name, strconv.Itoa(m.ID), u.over)
	switch {
	case err != nil:
		return r, err
	case r.outcome == Passed && (!r.hit || m.keeps):
		return x.alone(ctx, m, u)
	case r.outcome == Passed:
		u.repeats = true
		return r, nil
	case r.outcome != Killed && sound && u.repeats:
		return r, nil
	}
	passes := false
	if !r.gone {
		after, err := x.asItIs(ctx, u, "0")
		passes = after.outcome == Passed
		u.repeats = u.repeats || passes
		if err != nil || passes && untouched {
			return r, err
		}
	}
	if !u.repeats {
		if err := x.repeat(ctx, u); err != nil {
			return r, err
		}
	}
	switch {
	case u.once:
		return x.alone(ctx, m, u)
	case r.outcome != Killed && sound:
		return r, nil
	}
	if !passes {
		if w, err = x.fresh(ctx, u); err != nil {
			return r, err
		}
	}
	if r, err = w.run(ctx, u.Name, strconv.Itoa(m.ID), u.over); err == nil && r.outcome == Killed { // so that the next finds it untouched
		_, err = x.asItIs(ctx, u, "0")
	}
	return r, err
}

// repeat finds out whether a test passes a second time in a process, as it is. Where it does not, its second run says nothing of a mutant
// either.
func (x *proof) repeat(ctx context.Context, u *unit) error {
	if _, err := x.fresh(ctx, u); err != nil {
		return err
	}
	again, err := x.asItIs(ctx, u, "0")
	u.repeats = again.outcome == Passed
	u.once = err == nil && !u.repeats
	return err
}

// fresh is a new process in which a test has passed as it is: the last one keeps something that a mutant left. Where that lies
// in what the processes share, they share it no more.
func (x *proof) fresh(ctx context.Context, u *unit) (*worker, error) {
	for {
		w, err := x.worker(ctx, u, "0")
		if err != nil {
			return nil, err
		}
		if w.runs > 0 {
			x.leave(w)
			continue
		}
		r, err := x.asItIs(ctx, u, "0")
		switch {
		case err != nil:
			return nil, err
		case r.outcome == Passed:
			return w, nil
		case len(x.hosts) == 0:
			return nil, &unsteady{"its test fails now and then: " + r.account()}
		}
		x.leave(w)
		x.Prover.Close()
	}
}

// slow is how long a test takes for which a process of its own costs less than a run as it is after each mutant.
const slow = time.Second

// alone runs a test with a mutant in a process of its own, in which it is on from the start.
func (x *proof) alone(ctx context.Context, m *Mutant, u *unit) (r ran, err error) {
	state := strconv.Itoa(m.ID)
	switch {
	case m.overlay:
		bin, err := x.single(ctx, m, u.Dir)
		if err != nil {
			return r, err
		}
		if bin == "" {
			return ran{outcome: Broken}, nil
		}
		r, err = x.Prover.direct(ctx, bin, u.Test, "0", limit(u.first)+startOf)
		if err != nil {
			return r, err
		}
	case u.direct:
		bin, err := x.binary(ctx, u.Dir)
		if err != nil {
			return r, err
		}
		if r, err = x.Prover.direct(ctx, bin, u.Test, state, limit(u.own)); err != nil {
			return r, err
		}
	default:
		w, err := x.start(ctx, u.Test, state)
		if err != nil {
			return r, err
		}
		r, err = w.run(ctx, u.Name, state, func(wall, cpu time.Duration) bool { return wall > limit(u.first) || u.over(0, cpu) })
		w.stop()
		if err != nil {
			return r, err
		}
	}
	u.doubted = u.doubted || r.outcome == Killed
	return r, nil
}

// startOf is what a process of another binary may take to start.
const startOf = 10 * time.Second

// stillPass runs the tests that noticed a mutant in a process of its own once more as they are: there was no run beside it
// that would tell a failure from one that comes now and then.
func (x *proof) stillPass(ctx context.Context) error {
	for _, u := range x.units {
		if !u.doubted {
			continue
		}
		r, err := x.asItIs(ctx, u, "0")
		if err != nil {
			return err
		}
		if r.outcome != Passed {
			if u.direct {
				return &unsteady{"its test " + u.Name + " fails now and then: " + r.account()}
			}
			if _, err := x.fresh(ctx, u); err != nil {
				return err
			}
		}
	}
	return nil
}
