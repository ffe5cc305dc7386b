package tasks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/git"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// A run is one call of Run.
type run struct {
	o       Options
	git     repository
	now     time.Time // the one clock value of this run's committed files
	place   string    // this repository's directory in the user's cache
	used    *os.File  // marks place as in use
	branch  string    // full name of the branch that is landed on; "" for a detached HEAD
	lock    *runLock
	journal *journal
	history *history
	runner  Runner
	sched   *scheduler
	report  *Report
	slots   chan *slot
	red     map[string]bool // names of tests that fail at head, under RedBaseline
	redHead string          // what fails at head, for a prompt's brief
	known   map[string]bool // errors that head has already, by code and subject
	kept    map[string]approved
	gates   map[string]approved

	do      func(ctx context.Context, s *slot, id string) outcome // carries out one task
	landing turn                                                  // landings, one at a time
	planned string                                                // commit that sched was made from, or that this run itself landed upon it
	asking  turn                                                  // gates and questions, one at a time
	mu      sync.Mutex                                            // what follows
	reading turn                                                  // heads, one at a time
	last    *head                                                 // the head that was read last
	next    *head                                                 // one that a landing is about to move the branch to
	trees   map[string]Verified
	latest  []string                  // of trees, the oldest first
	seen    map[string]*trace.Results // by commit: what ran there
	words   map[string]agent.Result   // what the agent last said, by task
	queue   int                       // gates that wait for asking
	events  sync.Mutex

	cover       bool // measure coverage
	installed   bool // what the verify checkout was given to depend on stays in it
	coverage    float64
	goOnce      sync.Once
	goEnv       []string
	modDownload string
}

// stopped is an error that a person has to clear; nothing is lost meanwhile.
type stopped struct{ why, hint string }

func (e *stopped) Error() string { return e.why }

// Hint is the command to type next.
func (e *stopped) Hint() string { return e.hint }

// Pending tells whether a plan holds anything to do under the options.
func Pending(p *plan.Plan, o Options) bool {
	s := newScheduler(p)
	restrict(s, p, o)
	return len(s.with(waiting)) > 0
}

// Run carries out the plan. It returns a report of what happened, and an error when it could not go on at all: another
// run is busy, the repository is in the middle of something, the head does not pass its own tests. It is safe to kill
// at any moment: the next Run goes on from what git holds.
func Run(ctx context.Context, p *plan.Plan, o Options) (*Report, error) {
	if o.Jobs < 1 || o.InPlace {
		o.Jobs = 1
	}
	if o.Attempts < 1 {
		o.Attempts = 3
	}
	r := newRun(o)
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.carryOut(ctx); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err() // what failed, failed for that
		}
		return nil, err
	}
	return r.report, nil
}

func newRun(o Options) *run {
	return &run{o: o, git: gitOf(o), now: o.Repo.Now(o.Now()), place: place(o.Cache, o.Repo.CommonDir), report: &Report{},
		trees: map[string]Verified{}, kept: map[string]approved{}, gates: map[string]approved{}, known: map[string]bool{}}
}

func (r *run) carryOut(ctx context.Context) error {
	h, err := r.start(ctx)
	if err != nil {
		return err
	}
	r.do = r.one
	r.sched, r.planned = newScheduler(h.plan), h.commit
	restrict(r.sched, h.plan, r.o)
	if len(r.sched.with(waiting)) > 0 {
		if err := r.baseline(ctx, h); err != nil {
			return err
		}
		if err := r.loop(ctx); err != nil {
			return err
		}
	}
	r.finish(ctx)
	r.trim()
	return nil
}

// restrict leaves out what --only, --until and --skip say.
func restrict(s *scheduler, p *plan.Plan, o Options) {
	for _, id := range o.Skip {
		if s.is(id) == waiting {
			s.skip(id, "left out by --skip", o.AssumeDone)
		}
	}
	if len(o.Only) == 0 && o.Until == "" {
		return
	}
	want := map[string]bool{}
	for _, id := range o.Only {
		want[id] = true
	}
	for queue := []string{o.Until}; len(queue) > 0 && o.Until != ""; queue = queue[1:] {
		if t := p.Task(queue[0]); t != nil && !want[t.ID] {
			want[t.ID] = true
			queue = append(queue, t.Depends...)
		}
	}
	var left []*node
	for _, t := range p.Tasks {
		if n := s.nodes[t.ID]; !want[t.ID] && n.status == waiting {
			n.status, n.cause = skipped, "not asked for"
			left = append(left, n)
		}
	}
	for _, n := range left {
		s.block(n) // what is wanted and needs one of them cannot be done
	}
}

func (r *run) open(ctx context.Context) error {
	if name := r.git.InProgress(); name != "" {
		return &stopped{why: "the repository is in the middle of a " + name, hint: "git status"}
	}
	var err error
	if r.lock, err = lockRun(r.o.Repo.Dir, 15*time.Second); err != nil {
		return err
	}
	if err := r.indexFree(ctx); err != nil {
		r.lock.release()
		return err
	}
	if r.journal, err = openJournal(r.o.Repo.Dir, r.o.Now()); err != nil {
		r.lock.release()
		return err
	}
	r.report.Run = r.journal.run
	if r.history, err = readHistory(r.o.Repo.Dir, path.Base(r.o.FeatureDir)); err != nil {
		r.close()
		return err
	}
	if err := os.MkdirAll(r.place, 0o755); err != nil {
		r.close()
		return err
	}
	r.used = occupy(r.place)
	r.slots = make(chan *slot, r.o.Jobs)
	for i := range r.o.Jobs {
		s, err := r.openSlot(i)
		if err != nil {
			r.close()
			return err
		}
		r.slots <- s
	}
	return nil
}

// indexFree waits for a git that is just at work; a lock file that nobody holds any more is not ours to delete.
func (r *run) indexFree(ctx context.Context) error {
	for range 100 {
		if !r.git.IndexLocked() {
			return nil
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return &stopped{why: "index.lock stands in the way and no git seems to be at work", hint: "make sure that no git is running, then remove " + path.Join(r.o.Repo.GitDir, "index.lock")}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (r *run) close() {
	if r.journal != nil {
		r.journal.close()
	}
	if r.used != nil {
		r.used.Close()
	}
	r.lock.release()
}

// start finds the branch and takes up what earlier runs left.
func (r *run) start(ctx context.Context) (*head, error) {
	branch, commit, err := r.git.Head(ctx)
	if err != nil {
		return nil, err
	}
	r.branch = branch
	if commit == "" {
		return nil, &stopped{why: "the repository has no commit yet", hint: "git commit"}
	}
	if r.o.Branch != "" {
		r.branch = "refs/heads/" + r.o.Branch
		if _, err := r.git.Resolve(ctx, r.branch); err != nil {
			if err := r.git.UpdateRef(ctx, r.branch, commit, git.Zero, "spec: branch for landings"); err != nil {
				return nil, err
			}
		}
	}
	r.event("run.started", "", r.branch, map[string]any{"agent": r.agentName(), "policy": string(r.o.Policy), "jobs": r.o.Jobs})
	if err := r.resume(ctx); err != nil {
		return nil, err
	}
	return r.head(ctx)
}

func (r *run) agentName() string {
	if r.o.Agent == nil {
		return "hand"
	}
	return r.o.Agent.Name()
}

// rev names what is landed on.
func (r *run) rev() string {
	if r.branch == "" {
		return "HEAD"
	}
	return r.branch
}

// head reads the branch as it is now.
func (r *run) head(ctx context.Context) (*head, error) {
	commit, err := r.git.Resolve(ctx, r.rev()+"^{commit}")
	if err != nil {
		return nil, err
	}
	return r.readHead(ctx, commit)
}

// waitForHead reads the branch once nothing stands in the way of a landing: no operation of git in progress, no
// uncommitted edit to a file that a landing writes.
func (r *run) waitForHead(ctx context.Context) (*head, error) {
	for tries := 0; ; tries++ {
		why, hint, err := r.obstacle(ctx)
		if err != nil {
			return nil, err
		}
		if why == "" {
			return r.head(ctx)
		}
		if r.o.Wait == 0 || time.Duration(tries)*time.Second > r.o.Wait {
			return nil, &stopped{why: why, hint: hint}
		}
		if tries == 0 {
			r.event("landing.waiting", "", why, map[string]any{"hint": hint})
		}
		if err := sleep(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

func (r *run) obstacle(ctx context.Context) (why, hint string, err error) {
	if name := r.git.InProgress(); name != "" {
		return "the repository is in the middle of a " + name, "git status", nil
	}
	if err := r.indexFree(ctx); err != nil {
		var s *stopped
		if errors.As(err, &s) {
			return s.why, s.hint, nil
		}
		return "", "", err
	}
	branch, _, err := r.git.Head(ctx)
	if err != nil || branch != r.branch {
		return "", "", err // landings go to a branch that is not checked out: the checkout is not touched
	}
	names := []string{path.Join(r.o.FeatureDir, "tasks.md"), path.Join(r.o.FeatureDir, DecisionsFile)}
	dirty, err := r.git.Dirty(ctx, names...)
	if err != nil || len(dirty) == 0 {
		return "", "", err
	}
	typed := make([]string, len(dirty))
	for i, name := range dirty {
		typed[i] = spec.Typed(name)
	}
	return "uncommitted edits to " + strings.Join(dirty, ", "), "git commit " + strings.Join(typed, " "), nil
}

// baseline verifies the head once: what is red already cannot be told from what a task breaks.
func (r *run) baseline(ctx context.Context, h *head) error {
	if r.o.Baseline == NoBaseline {
		return nil
	}
	s := <-r.slots
	defer func() { r.slots <- s }()
	tree, err := r.git.Tree(ctx, h.commit)
	if err != nil {
		return err
	}
	if err := r.checkout(ctx, s, tree); err != nil {
		return err
	}
	if err := r.knownErrors(h, s); err != nil {
		return err
	}
	if r.runner, err = Detect(os.DirFS(s.check.Path()), r.o.Root, r.o.Verify); err != nil {
		return err
	}
	r.event("baseline.started", "", r.runner.From, nil)
	v, err := r.verify(ctx, s, tree, "")
	if err != nil {
		return err
	}
	r.event("baseline.finished", "", v.Summary, map[string]any{"ok": v.OK})
	r.ran(h.commit, v)
	if r.o.Prompt != nil {
		r.redHead = v.Failure // what fails is what may have to be mended
		return nil
	}
	if v.OK || onlyExpected(v, expectations(h.lock, "")) {
		return nil
	}
	if r.o.Baseline != RedBaseline {
		return &Red{Failure: v.Failure}
	}
	if v.Results == nil {
		return &Red{Failure: v.Failure, NoNames: true}
	}
	r.red = map[string]bool{}
	for _, name := range v.Results.Failed() {
		r.red[name] = true
	}
	return nil
}

// knownErrors notes what the drift rules say of the head already: no landing is stopped for it.
func (r *run) knownErrors(h *head, s *slot) error {
	if r.o.Check == nil {
		return nil
	}
	found, err := r.o.Check(os.DirFS(s.check.Path()))
	if err != nil {
		return fmt.Errorf("checking the head: %v", err)
	}
	for _, d := range found {
		if d.Severity == spec.Error && d.Feature == h.feature.Name {
			r.known[d.Code+" "+d.Subject] = true
		}
	}
	return nil
}

// Red is the error of a head that does not pass its own verification.
type Red struct {
	Failure string
	NoNames bool // the runner gives no result for single tests, so a red head cannot be a measure
}

func (e *Red) Error() string { return "the head does not pass its own verification:\n" + e.Failure }

// loop starts what can start, up to the number of jobs, and hears what became of it.
func (r *run) loop(ctx context.Context) error {
	results := make(chan outcome)
	busy, stopping := 0, false
	drain := r.o.Drain
	for {
		if !stopping && ctx.Err() == nil {
			for _, id := range r.sched.ready(r.o.Jobs - busy) {
				r.sched.start(id)
				busy++
				s := r.takeSlot() // here, so that tasks that start together always get the same ones
				go func() { results <- r.do(ctx, s, id) }()
			}
			if r.journal != nil {
				r.progress(busy)
			}
		}
		if busy == 0 {
			return ctx.Err()
		}
		select {
		case <-drain:
			stopping, drain = true, nil
			r.report.Interrupted = true
			r.event("run.stopping", "", "no new tasks; running ones are kept", nil)
		case out := <-results:
			busy--
			halt, err := r.hear(ctx, out)
			if err != nil {
				r.report.Interrupted = r.report.Interrupted || ctx.Err() != nil
				for ; busy > 0; busy-- {
					<-results
				}
				return err
			}
			stopping = stopping || halt
		}
	}
}

// takeSlot takes a free slot; there are as many as jobs.
func (r *run) takeSlot() *slot {
	if r.slots == nil {
		return nil // nothing is carried out in one
	}
	return <-r.slots
}

// one carries out a task in a slot. Its goroutine bears the task's name, in dumps, profiles and its context.
func (r *run) one(ctx context.Context, s *slot, id string) (out outcome) {
	defer func() { r.slots <- s }()
	pprof.Do(ctx, pprof.Labels("task", id), func(ctx context.Context) { out = r.work(ctx, s, id) })
	return out
}

// An outcome is what became of one task.
type outcome struct {
	task     string
	status   status
	reason   string
	wait     *Wait
	halt     bool  // start nothing else
	recorded bool  // a skip that the lock holds
	err      error // the run cannot go on
}

// hear tells the scheduler what became of a task. halt means that nothing new may start.
func (r *run) hear(ctx context.Context, out outcome) (halt bool, err error) {
	if out.err != nil {
		if ctx.Err() != nil {
			r.report.Interrupted = true
			r.sched.retry(out.task)
			return true, nil
		}
		return true, out.err
	}
	switch out.status {
	case landed:
		r.report.Landed = append(r.report.Landed, out.task)
		r.sched.land(out.task)
		return r.replan(ctx)
	case failed:
		r.sched.fail(out.task, out.reason)
		r.event("task.failed", out.task, out.reason, nil)
		return r.o.FailFast, nil
	case parked:
		r.sched.park(out.task, out.reason)
		r.report.Waiting = append(r.report.Waiting, *out.wait)
	case skipped:
		r.sched.skip(out.task, out.reason, r.o.AssumeDone || out.recorded)
		r.event("task.skipped", out.task, out.reason, nil)
	case waiting:
		r.sched.retry(out.task)
	}
	if out.halt {
		r.report.Quit = true
	}
	return out.halt, nil
}

// replan makes the plan again from the head: the specification may have been edited, and an edit counts once it is
// committed. Where a commit made an approval stale, no new task starts.
func (r *run) replan(ctx context.Context) (halt bool, err error) {
	if r.o.NoLanding || r.o.Prompt != nil {
		return false, nil
	}
	commit, err := r.git.Resolve(ctx, r.rev()+"^{commit}")
	if err != nil {
		return true, err
	}
	r.landing.Lock()
	known := commit == r.planned
	r.landing.Unlock()
	if known {
		return false, nil // nobody but this run has moved the branch: the plan is what it was
	}
	h, err := r.readHead(ctx, commit)
	if err != nil {
		return true, err
	}
	next := newScheduler(h.plan)
	restrict(next, h.plan, r.o)
	next.adopt(r.sched)
	r.sched = next
	r.landing.Lock()
	r.planned = commit
	r.landing.Unlock()
	for _, u := range Approved(h.feature, h.lock) {
		r.report.Stale = append(r.report.Stale, u.Stage)
	}
	return len(r.report.Stale) > 0, nil
}

// finish fills in the report from the scheduler.
func (r *run) finish(ctx context.Context) {
	for _, id := range r.sched.with(failed) {
		r.report.Failed = append(r.report.Failed, Failure{id, r.sched.nodes[id].cause})
	}
	for _, id := range r.sched.with(blocked) {
		r.report.Blocked = append(r.report.Blocked, Failure{id, r.sched.nodes[id].cause})
	}
	r.report.Skipped = r.sched.with(skipped)
	r.report.Left = r.sched.with(waiting)
	data := map[string]any{"landed": len(r.report.Landed), "failed": len(r.report.Failed), "blocked": len(r.report.Blocked), "waiting": len(r.report.Waiting)}
	r.event("run.finished", "", "", data)
}

// event tells of one thing that happened, and writes it into the run log.
func (r *run) event(name, task, message string, data map[string]any) {
	r.events.Lock()
	defer r.events.Unlock()
	message, data = r.masked(message), maskedData(data, r.masked)
	e := Event{Version: 1, Event: name, Time: r.o.Now().UTC(), Run: r.journal.run, Task: task, Message: message, Data: data}
	logged := e
	logged.Data = map[string]any{"feature": path.Base(r.o.FeatureDir)}
	maps.Copy(logged.Data, data)
	r.journal.write(logged, false) // a full disk must not stop what git can still hold
	if r.o.Event != nil {
		r.o.Event(e)
	}
}

func (r *run) saveOutput(task, name, text string) {
	if task == "" {
		task = "baseline"
	}
	os.WriteFile(r.journal.output(encodeRef(task)+"-"+name+".log"), []byte(r.masked(text)), 0o644)
}

// masked hides the values of variables that the user passed by name, and what looks like a secret.
func (r *run) masked(text string) string {
	return sandbox.Hide(text, sandbox.Values(r.o.Env, r.o.Sandbox.Env)...)
}

// maskedData hides secrets in the strings of an event.
func maskedData(data map[string]any, hide func(string) string) map[string]any {
	out := make(map[string]any, len(data))
	for name, value := range data {
		switch v := value.(type) {
		case string:
			value = hide(v)
		case []string:
			list := make([]string, len(v))
			for i := range v {
				list[i] = hide(v[i])
			}
			value = list
		}
		out[name] = value
	}
	return out
}

// answersFor lists the answers that were given for a task, in any run, oldest first.
func (r *run) answersFor(task string) []Decided {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []Decided
	for _, d := range r.history.answers {
		if d.Task == task {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b Decided) int { return a.Time.Compare(b.Time) })
	return found
}

// ask puts an agent's question to a person, once: the same question of the same task is never asked again, in this run
// or a later one.
func (r *run) ask(ctx context.Context, task string, q agent.Question) (agent.Answer, error) {
	id := questionID(task, q)
	r.asking.Lock()
	defer r.asking.Unlock()
	r.mu.Lock()
	known, ok := r.history.answers[id]
	r.mu.Unlock()
	if ok {
		return known.Answer, nil
	}
	r.event("task.question", task, q.Text, map[string]any{"question": q.Text, "choices": q.Choices, "id": id})
	answer, err := r.o.Ask(ctx, task, q)
	if errors.Is(err, ErrNoPerson) {
		return agent.Answer{}, agent.ErrParked
	}
	if err != nil {
		return agent.Answer{}, err
	}
	feature := path.Base(r.o.FeatureDir)
	if err := r.journal.write(answerEvent(feature, r.journal.run, task, q, answer, r.now), true); err != nil {
		return agent.Answer{}, fmt.Errorf("keeping the answer: %w", err)
	}
	fault("answer")
	r.mu.Lock()
	r.history.answers[id] = Decided{Task: task, Question: q, Answer: answer, Time: r.now, Run: r.journal.run}
	r.mu.Unlock()
	return answer, nil
}
