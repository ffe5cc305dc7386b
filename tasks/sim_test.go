package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/git"
	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// The simulation runs this package as it is, with git, agents, verification, people and the clock replaced by seeded fakes
// (see world). A story is a specification with a few tasks, what the agents do with them, and what happens meanwhile:
// power cuts at any step, interrupts, a user at work in the checkout. It ends when everything that can land has landed.
// Then it is looked at what must hold after every story.

var (
	simSeeds = flag.Int("sim.seeds", 250, "stories that TestSimulation runs")
	simTwice = flag.Int("sim.twice", 20, "stories that TestSimulationIsDeterministic tells twice")
	simSeed  = flag.Uint64("sim.seed", 0, "first seed of TestSimulation; with -sim.seeds 1 the one story to run again")
)

const (
	simFeature = ".kiro/specs/f"
	simTasks   = simFeature + "/tasks.md"
	simLock    = simFeature + "/" + LockFile
)

// A simTask is one task, and how it goes.
type simTask struct {
	id       string
	depends  []string
	shared   bool   // writes a line of shared.txt too, beside those of others
	asks     bool   // has a question
	badFirst bool   // its first attempt does not pass
	failing  int    // attempts at which its agent fails, from the first
	hangs    bool   // its first attempt never ends by itself
	partner  string // together with this task's file as first written, its own does not pass
	never    string // "": it can be done; else how it cannot: "declines", "fails", "fails alike", "red", "nothing"
	deletes  bool   // takes a file away
	meddles  bool   // the agent ticks its task itself
	leftOut  bool   // at its gate the user skips it for good
}

// A story is what the seed says.
type story struct {
	seed       uint64
	tasks      []*simTask
	jobs       int
	policy     Policy
	branch     string
	crashes    int
	interrupts int
	disturbed  int  // runs in which the user is at work
	gaps       int  // runs after which the user is at work
	edits      bool // the user edits the specification too
	nobody     bool // questions and gates find nobody, now and then
	undos      int  // tasks that the user takes back after they landed
	inPlace    bool // agents work in the user's checkout
	hands      int  // tasks that the user does by hand
}

// newStory draws each thing from a source of its own: one that is added later leaves the stories of kept seeds as they are.
func newStory(seed uint64) *story {
	roll := func(n int, what string, task ...string) int {
		return chance(seed, what+strings.Join(task, ""), 0).IntN(n)
	}
	s := &story{seed: seed, jobs: 1 + roll(4, "jobs"), policy: ApproveAuto}
	for i := range 2 + roll(6, "tasks") {
		id := strconv.Itoa(i + 1)
		t := &simTask{id: id, shared: roll(3, "shared", id) == 0, asks: roll(4, "asks", id) == 0, badFirst: roll(5, "bad", id) == 0, hangs: roll(20, "hangs", id) == 0,
			deletes: roll(4, "deletes", id) == 0, meddles: roll(8, "meddles", id) == 0, leftOut: roll(12, "left out", id) == 0}
		for _, earlier := range s.tasks {
			if roll(3, "depends", id, " ", earlier.id) == 0 {
				t.depends = append(t.depends, earlier.id)
			}
		}
		if roll(5, "fails", id) == 0 {
			t.failing = 1 + roll(2, "failing", id)
		}
		if i > 0 && roll(5, "has a partner", id) == 0 {
			t.partner = s.tasks[roll(i, "partner", id)].id
		}
		if roll(12, "never lands", id) == 0 {
			t.never = []string{"declines", "fails", "fails alike", "red"}[roll(4, "never", id)]
		} else if roll(15, "nothing", id) == 0 {
			t.never = "nothing" // an agent that says so the first time is not believed
		}
		s.tasks = append(s.tasks, t)
	}
	if roll(4, "policy") == 0 {
		s.policy = ApproveTask
	}
	if roll(3, "power is lost") != 0 {
		s.crashes = 1 + roll(4, "crashes")
	}
	if roll(4, "is interrupted") == 0 {
		s.interrupts = 1 + roll(2, "interrupts")
	}
	if roll(2, "user is there") == 0 {
		s.disturbed, s.gaps, s.edits = 1+roll(3, "disturbed"), max(0, roll(10, "gaps")-4), roll(3, "edits") == 0
	}
	if !s.edits && roll(8, "branch") == 0 {
		s.branch = "landings"
	}
	s.nobody = roll(3, "nobody") == 0
	if s.branch == "" && !s.edits && roll(4, "takes back") == 0 {
		s.undos = 1 + roll(2, "undos")
	}
	if roll(8, "in place") == 0 {
		s.inPlace, s.jobs, s.disturbed, s.gaps, s.edits, s.branch = true, 1, 0, 0, false, ""
	}
	if s.branch == "" && roll(5, "by hand") == 0 {
		s.hands = 1 + roll(3, "hands")
	}
	return s
}

// chance is a source for one purpose.
func chance(seed uint64, what string, n int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, what, n)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// calm is the same work with nothing that disturbs it, one task at a time.
func (s *story) calm() *story {
	return &story{seed: s.seed, tasks: s.tasks, jobs: 1, policy: ApproveAuto}
}

func (s *story) task(id string) *simTask {
	for _, t := range s.tasks {
		if t.id == id {
			return t
		}
	}
	return nil
}

// can lists the tasks that can land: all but those that never can, and what depends on them.
func (s *story) can() (can, fail, block []string) {
	lost := map[string]bool{}
	for _, t := range s.tasks {
		switch {
		case slices.ContainsFunc(t.depends, func(id string) bool { return lost[id] }):
			lost[t.id] = true
			block = append(block, t.id)
		case t.never != "":
			lost[t.id] = true
			fail = append(fail, t.id)
		default:
			can = append(can, t.id)
		}
	}
	return can, fail, block
}

// A simulation is a story that is being run.
type simulation struct {
	*story
	w         *world
	o         Options
	calmly    bool // nothing disturbs any more
	answered  map[string]bool
	asked     map[string]bool // open questions
	request   map[string]bool // tasks for which a change was requested
	notes     map[string]string
	words     []string          // messages of the user's commits, which have to stay in the history
	mess      map[string][]byte // files that the user left uncommitted
	retitled  map[string]bool
	left      map[string]bool // tasks that the user skipped for good
	takenBack bool
	wrong     []string
}

func (p *simulation) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(p.wrong, text) {
		p.wrong = append(p.wrong, text)
	}
	p.w.say("!", "WRONG: %s", text)
}

func (s *story) documents() map[string][]byte {
	var b strings.Builder
	b.WriteString("# Implementation Plan\n\n")
	for _, t := range s.tasks {
		depends := "none"
		if len(t.depends) > 0 {
			depends = strings.Join(t.depends, ", ")
		}
		fmt.Fprintf(&b, "- [ ] %s. Work %s as planned\n  - _Depends: %s_\n", t.id, t.id, depends)
	}
	files := map[string][]byte{
		simTasks:                        []byte(b.String()),
		simFeature + "/design.md":       []byte("# Design Document\n"),
		simFeature + "/requirements.md": []byte("# Requirements Document\n\n### Requirement 1: Files\n\n#### Acceptance Criteria\n\n1. THE System SHALL hold files\n"),
		"shared.txt":                    []byte("lines of many\n"),
		"base.txt":                      []byte("base\n"),
		"check.sh":                      []byte("exit 0\n"),
	}
	for _, t := range s.tasks {
		if t.deletes {
			files["old"+t.id+".txt"] = []byte("of no use any more\n")
		}
	}
	files[simLock] = approveAll(files, nil)
	return files
}

// approveAll is the lock with every stage approved as the files have it.
func approveAll(files map[string][]byte, old []byte) []byte {
	fsys := fstest.MapFS{}
	for name, data := range files {
		fsys[name] = &fstest.MapFile{Data: data}
	}
	feature, _ := spec.Parse(fsys, simFeature)
	lock, _ := trace.ParseLock(old)
	for _, stage := range spec.Stages() {
		lock.Approve(feature, stage, trace.Approval{Stage: stage, Hash: spec.ApprovedHash(feature, stage), Blob: "0000", Channel: "demo", Who: "Ada", Date: "2026-01-01"})
	}
	return lock.Bytes()
}

func newSimulation(s *story, dir string) (*simulation, error) {
	w := newWorld(filepath.Join(dir, "repo"), s.seed)
	p := &simulation{story: s, w: w, answered: map[string]bool{}, asked: map[string]bool{}, request: map[string]bool{}, notes: map[string]string{}, mess: map[string][]byte{}, retitled: map[string]bool{}, left: map[string]bool{}}
	files := map[string]string{}
	for name, data := range s.documents() {
		files[name] = w.blob(data)
		if err := w.put(name, data); err != nil {
			return nil, err
		}
	}
	w.index = maps.Clone(files)
	w.refs[w.head] = w.commit(simCommit{tree: w.tree(files), message: "start\n"})
	p.o = Options{Repo: &git.Repo{Dir: w.dir, GitDir: filepath.Join(w.dir, ".git"), CommonDir: filepath.Join(w.dir, ".git")}, Root: ".", FeatureDir: simFeature, Policy: s.policy, Jobs: s.jobs, Attempts: 12,
		Timeout: 20 * time.Minute, Wait: 5 * time.Minute, Branch: s.branch, Verify: Verification{Test: "sh check.sh"}, Cache: filepath.Join(dir, "cache"), Env: []string{"PATH=/usr/bin", "HOME=" + dir}, Who: "Ada",
		InPlace: s.inPlace, Now: time.Now, Agent: simAgent{p}, Ask: p.ask, Gate: p.gate, Event: p.event, git: simGit{w}, judged: p.judge}
	return p, nil
}

func (p *simulation) event(e Event) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if !slices.Contains(p.w.runs, e.Run) {
		p.w.runs = append(p.w.runs, e.Run)
	}
	who := e.Task
	if who == "" {
		who = "run"
	}
	if p.w.dead {
		return
	}
	p.w.say(who, "event %s: %s", e.Event, firstLine(e.Message))
	if e.Event == "task.failed" && p.task(e.Task).never == "" {
		p.fault("task %s failed: %s", e.Task, e.Message)
	}
}

// judge looks at the files of a tree as a test would.
func (p *simulation) judge(tree string) Verified {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	files := p.w.trees[tree]
	text := func(id string) string { return string(p.w.blobs[files["t"+id+".txt"]]) }
	for _, t := range p.tasks {
		mine := text(t.id)
		if strings.Contains(mine, "bad") {
			return Verified{Summary: "red", Failure: fmt.Sprintf("task %s is red alone", t.id)}
		}
		if t.partner == "" || mine == "" || text(t.partner) == "" {
			continue
		}
		if !strings.Contains(mine+text(t.partner), "adapted") {
			return Verified{Summary: "red", Failure: fmt.Sprintf("tasks %s and %s are red together", t.id, t.partner)}
		}
	}
	return Verified{OK: true, Summary: "green"}
}

// simAgent does the tasks.
type simAgent struct{ p *simulation }

func (a simAgent) Name() string  { return "sim" }
func (a simAgent) Adjusts() bool { return true }

func (a simAgent) Run(ctx context.Context, job agent.Job) (agent.Result, error) {
	t, w := a.p.task(job.Task), a.p.w
	var files map[string][]byte
	if err := w.look(ctx, "agent reads", func() error { files = maps.Clone(w.slots[job.Dir].held()); return nil }); err != nil {
		return agent.Result{}, err
	}
	w.wait(t.id, 2*time.Second)
	switch {
	case t.hangs && job.Attempt == 1:
		<-ctx.Done()
		return agent.Result{}, ctx.Err()
	case t.never == "declines":
		return agent.Result{}, &agent.Declined{Reason: "this cannot be done"}
	case t.never == "fails alike":
		return agent.Result{}, errors.New("this cannot be done")
	case t.never == "fails", job.Attempt <= t.failing:
		return agent.Result{}, fmt.Errorf("it did not work at attempt %d", job.Attempt)
	}
	text := "did: " + titleOf(files[simTasks], t.id) + "\n"
	if t.asks {
		answer, err := job.Ask(ctx, question(t.id))
		if err != nil {
			return agent.Result{}, err
		}
		text += "answer: " + answer.Text + "\n"
	}
	if t.never == "red" || t.badFirst && job.Attempt == 1 {
		text += "bad\n"
	}
	if t.partner != "" || slices.ContainsFunc(a.p.tasks, func(o *simTask) bool { return o.partner == t.id }) {
		if bytes.Contains(job.Brief, []byte("red together")) || strings.Contains(string(files["t"+t.id+".txt"]), "adapted") {
			text += "adapted\n"
		}
	}
	return a.write(ctx, job, t, text)
}

func (a simAgent) write(ctx context.Context, job agent.Job, t *simTask, text string) (agent.Result, error) {
	w, said := a.p.w, agent.Result{Said: "done"}
	err := w.step(ctx, "agent writes", func(cut func(int) bool) error {
		slot := w.slots[job.Dir]
		work := slot.held()
		defer func() { slot.hold(work) }()
		if t.never == "nothing" {
			said.Unchanged = "there is nothing to do"
			return nil
		}
		same := bytes.Equal(work["t"+t.id+".txt"], []byte(text))
		work["t"+t.id+".txt"] = []byte(text)
		if t.shared && !cut(1) {
			lines := strings.SplitAfter(strings.TrimSpace(string(work["shared.txt"]))+"\n", "\n")
			lines = lines[:len(lines)-1]
			if line := "task " + t.id + "\n"; !slices.Contains(lines, line) {
				lines, same = append(lines, line), false
			}
			slices.Sort(lines[1:])
			work["shared.txt"] = []byte(strings.Join(lines, ""))
		}
		if name := "old" + t.id + ".txt"; t.deletes && work[name] != nil {
			delete(work, name)
			same = false
		}
		if t.meddles {
			work[simTasks] = bytes.ReplaceAll(work[simTasks], []byte("[ ] "+t.id+"."), []byte("[x] "+t.id+"."))
		}
		if same {
			said.Unchanged = "it is so already"
		}
		return nil
	})
	return said, err
}

func titleOf(doc []byte, id string) string {
	m := regexp.MustCompile(`(?m)^- \[.\] ` + id + `\. (.*)$`).FindSubmatch(doc)
	if m == nil {
		return ""
	}
	return string(m[1])
}

func question(id string) agent.Question {
	return agent.Question{Text: "Which one for " + id + "?", Choices: []string{"left", "right"}}
}

func answerTo(id string) agent.Answer {
	n, _ := strconv.Atoi(id)
	return agent.Answer{Text: []string{"left", "right"}[n%2], By: "tty Ada"}
}

// ask is the person at the terminal, for questions.
func (p *simulation) ask(ctx context.Context, task string, q agent.Question) (answer agent.Answer, err error) {
	p.w.wait(task, 10*time.Second)
	err = p.w.look(ctx, "person is asked: "+q.Text, func() error {
		if p.answered[q.Text] {
			p.fault("%q was asked again after its answer was kept", q.Text)
		}
		if p.nobody && !p.calmly && p.w.draw(task).IntN(2) == 0 {
			return ErrNoPerson
		}
		answer = answerTo(task)
		return nil
	})
	if err == nil {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		p.answered[q.Text] = true // it is on disk before anything else can happen
	}
	return answer, err
}

// gate is the person at the terminal, for results.
func (p *simulation) gate(ctx context.Context, g Gate) (d Decision, err error) {
	p.w.wait(g.Task, 10*time.Second)
	err = p.w.look(ctx, "person sees the gate", func() error {
		d = Decision{Act: Approve, By: "tty"}
		if p.calmly {
			return nil
		}
		switch n := p.w.draw(g.Task).IntN(12); {
		case p.task(g.Task).leftOut:
			p.left[g.Task] = true // power may be lost before it is recorded: then the gate is there again
			d = Decision{Act: Leave, Record: true, Words: "not needed", By: "tty"}
		case n == 0 && p.nobody:
			return ErrNoPerson
		case n == 1 && !p.request[g.Task]:
			p.request[g.Task] = true
			d = Decision{Act: Request, Words: "please"}
		case n == 2:
			d = Decision{Act: Leave}
		case n == 3:
			d = Decision{Act: Quit}
		}
		return nil
	})
	return d, err
}

// perform runs the story to its end.
func (p *simulation) perform(ctx context.Context) {
	const most = 40
	for n := range most {
		crashAt, crashIn := 0, ""
		if p.crashes > 0 {
			p.crashes--
			crashAt, crashIn = p.power(chance(p.seed, "crash", n))
		}
		p.calmly = crashAt == 0 && p.interrupts == 0 && p.disturbed == 0 && n > 6
		if p.inPlace {
			p.stash()
		}
		done := p.once(ctx, crashAt, crashIn)
		if p.hands > 0 && (done || chance(p.seed, "by hand now", n).IntN(3) == 0) {
			p.hands--
			p.byHand(ctx, n)
			done = false
		}
		if p.undos > 0 && (done || chance(p.seed, "takes back now", n).IntN(3) == 0) {
			p.undos--
			p.takeBack(ctx, n)
			done = false
		}
		if done && p.crashes == 0 && p.interrupts == 0 && p.disturbed == 0 {
			p.settled()
			return
		}
		p.between(n)
		time.Sleep(3 * time.Second) // no two runs begin in the same second
	}
	p.fault("after %d runs it has not come to an end", most)
}

// power says when it is lost: at any step, or at one of those that change what the next run finds.
func (p *simulation) power(r *rand.Rand) (at int, in string) {
	if r.IntN(2) == 0 {
		return 1 + r.IntN(40*len(p.tasks)), ""
	}
	return 1 + r.IntN(len(p.tasks)), []string{"fast-forward", "fast-forward", "add", "update-ref", "delete-ref", "commit-tree", "person", "agent"}[r.IntN(8)]
}

// between is what the user does while no run is on, with whatever the last one left. A git that finds an index.lock says
// so, and the user removes it.
func (p *simulation) between(n int) {
	if p.gaps == 0 {
		return
	}
	p.gaps--
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	r := chance(p.seed, "between", n)
	for i := range r.IntN(3) {
		if p.w.locked && r.IntN(2) == 0 {
			p.w.locked = false
			p.w.say("user", "removes index.lock")
		}
		p.act(r, 100+i)
	}
}

// once is one process: it runs until it is done, or dead. done tells that there is nothing left to do.
func (p *simulation) once(ctx context.Context, crashAt int, crashIn string) (done bool) {
	size, log := 0, ""
	p.w.boot(crashAt, crashIn, func() { log, size = p.log() })
	ctx, cancel := context.WithCancel(ctx)
	drain := make(chan struct{})
	p.o.Drain = drain
	over := make(chan struct{})
	var user chan struct{}
	if p.disturbed > 0 || p.interrupts > 0 {
		user = make(chan struct{})
		works, interrupt := p.disturbed > 0, p.interrupts > 0
		go func() {
			defer close(user)
			p.user(over, works, interrupt, drain, cancel)
		}()
		p.disturbed, p.interrupts = max(0, p.disturbed-1), max(0, p.interrupts-1)
	}
	report, err := Run(ctx, nil, p.o)
	stopped := ctx.Err() != nil
	close(over)
	if user != nil {
		<-user
	}
	cancel()
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	told, _ := json.Marshal(report)
	p.w.say("run", "ended: %v %s", err, told)
	if p.inPlace && !p.w.dead && !p.w.locked {
		if names := p.unclean(); len(names) > 0 {
			p.fault("after a run in place the checkout is not clean: %v", names)
		}
	}
	if p.w.dead {
		p.cutLog(log, size)
		for _, dir := range slices.Sorted(maps.Keys(p.w.slots)) {
			if dir != p.w.dir {
				p.w.slots[dir].work["left-over.txt"] = []byte("half")
			}
		}
		return false
	}
	return p.heard(report, err, stopped) && user == nil // what a user did last is for the next run
}

// stash is git stash -u, which a run in place asks for where a power cut left anything in the checkout.
func (p *simulation) stash() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	w := p.w
	if w.locked {
		w.locked = false
		w.say("user", "removes index.lock")
	}
	w.index = maps.Clone(w.trees[w.commits[w.refs[w.head]].tree])
	for _, name := range p.onDisk() {
		if w.clean(name) {
			continue
		}
		var data []byte
		if id := w.index[name]; id != "" {
			data = w.blobs[id]
		}
		w.put(name, data)
		w.say("user", "stashes %s", name)
	}
}

// unclean are the files of the checkout that are not as the head has them, but for what the user left about.
func (p *simulation) unclean() (names []string) {
	head := p.w.trees[p.w.commits[p.w.refs[p.w.head]].tree]
	for _, name := range p.onDisk() {
		if p.mess[name] == nil && (p.w.index[name] != head[name] || !p.w.clean(name)) {
			names = append(names, name)
		}
	}
	return names
}

// byHand is the user who does a task in the checkout and lands it: again, where power is lost meanwhile.
func (p *simulation) byHand(ctx context.Context, n int) {
	r := chance(p.seed, "what is done by hand", n)
	if p.inPlace {
		p.stash()
	}
	p.w.mu.Lock()
	t := p.doable(r)
	p.w.mu.Unlock()
	if t == nil {
		return
	}
	for tries := range 3 {
		time.Sleep(3 * time.Second)
		p.w.mu.Lock()
		head := p.w.refs[p.w.head]
		data, _ := p.w.read(head, simLock)
		lock, _ := trace.ParseLock(data)
		landed := lock.Outcome(t.id).Kind == spec.Landed
		if !landed {
			p.work(head, t)
		}
		p.w.mu.Unlock()
		if landed {
			return
		}
		crashAt, crashIn := 0, ""
		if tries == 0 && r.IntN(2) == 0 {
			if crashAt, crashIn = p.power(r); crashIn == "" {
				crashAt = 1 + r.IntN(60)
			}
		}
		if p.land(ctx, t, crashAt, crashIn) {
			return
		}
	}
	p.fault("what was done by hand did not land")
}

// doable is a task that the user can do by hand as things are: the checkout is clean, and what it needs has landed.
func (p *simulation) doable(r *rand.Rand) *simTask {
	if len(p.mess)+len(p.unclean()) > 0 || p.w.locked {
		return nil
	}
	data, _ := p.w.read(p.w.refs[p.w.head], simLock)
	lock, _ := trace.ParseLock(data)
	can, _, _ := p.can()
	var found []*simTask
	for _, t := range p.tasks {
		open := func(id string) bool { return lock.Outcome(id).Kind != spec.Landed }
		together := t.partner != "" || slices.ContainsFunc(p.tasks, func(o *simTask) bool { return o.partner == t.id })
		if slices.Contains(can, t.id) && !t.asks && !t.leftOut && !together && lock.Outcome(t.id).Kind == "" && !slices.ContainsFunc(t.depends, open) {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[r.IntN(len(found))]
}

// work writes what a task asks for into the checkout, in words that no agent uses.
func (p *simulation) work(head string, t *simTask) {
	doc, _ := p.w.read(head, simTasks)
	shared, _ := p.w.read(head, "shared.txt")
	p.w.put("t"+t.id+".txt", []byte("did: "+titleOf(doc, t.id)+"\nadapted\n"))
	if t.shared {
		lines := strings.SplitAfter(strings.TrimSpace(string(shared))+"\n", "\n")
		lines = append(lines[:len(lines)-1], "task "+t.id+"\n")
		slices.Sort(lines[1:])
		p.w.put("shared.txt", []byte(strings.Join(lines, "")))
	}
	if t.deletes {
		p.w.put("old"+t.id+".txt", nil)
	}
	p.w.say("user", "does task %s", t.id)
}

// land is a process that lands the user's own work on a task.
func (p *simulation) land(ctx context.Context, t *simTask, crashAt int, crashIn string) (landed bool) {
	size, log := 0, ""
	p.w.boot(crashAt, crashIn, func() { log, size = p.log() })
	o := p.o
	o.Hand, o.InPlace, o.Only, o.Optional, o.Jobs, o.Agent, o.Drain = true, false, []string{t.id}, true, 1, nil, nil
	was := p.calmly
	p.calmly = true // the person means it
	report, err := Run(ctx, nil, o)
	p.calmly = was
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	told, _ := json.Marshal(report)
	p.w.say("land", "of %s ended: %v %s", t.id, err, told)
	if p.w.dead {
		p.cutLog(log, size)
		p.w.locked = false
		return false
	}
	data, _ := p.w.read(p.w.refs[p.w.head], simLock)
	lock, _ := trace.ParseLock(data) // it may have been all but landed when power was lost
	if err != nil || lock.Outcome(t.id).Kind != spec.Landed {
		p.fault("what was done by hand of task %s did not land: %v", t.id, err)
		return true
	}
	if id := p.w.trees[p.w.commits[p.w.refs[p.w.head]].tree]["t"+t.id+".txt"]; !strings.Contains(string(p.w.blobs[id]), "adapted") {
		p.fault("landed by hand, task %s is not as the user did it", t.id)
	}
	if names := p.unclean(); len(names) > 0 {
		p.fault("after a landing by hand the checkout is not clean: %v", names)
	}
	return true
}

// takeBack is a process that undoes a task which has landed or was skipped for good: it ends, is refused, or loses power.
func (p *simulation) takeBack(ctx context.Context, n int) {
	time.Sleep(3 * time.Second)
	if p.inPlace {
		p.stash()
	}
	r := chance(p.seed, "undo", n)
	data, _ := p.w.read(p.w.refs[p.w.head], simLock)
	lock, _ := trace.ParseLock(data)
	ids := slices.Sorted(maps.Keys(lock.Outcomes()))
	if len(ids) == 0 {
		return
	}
	id := ids[r.IntN(len(ids))]
	crashAt, crashIn := 0, ""
	if r.IntN(2) == 0 {
		if crashAt, crashIn = p.power(r); crashIn == "" {
			crashAt = 1 + r.IntN(30)
		}
	}
	size, log := 0, ""
	p.w.boot(crashAt, crashIn, func() { log, size = p.log() })
	p.takenBack = true
	out, err := Undo(ctx, p.o, id)
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.say("undo", "of %s ended: %v", id, err)
	var stop *stopped
	var red *Red
	switch {
	case p.w.dead:
		p.cutLog(log, size)
	case errors.As(err, &red), errors.As(err, &stop) && (strings.Contains(stop.why, "would lose later work") || strings.Contains(stop.why, "has not landed")):
	case stop != nil:
		p.mend(stop.why)
	case err != nil:
		p.fault("undo ended with %v", err)
	default:
		head := p.w.trees[p.w.commits[p.w.refs[p.w.head]].tree]
		for _, id := range out.Tasks {
			if head["t"+id+".txt"] != "" {
				p.fault("task %s is taken back, and its file is there", id)
			}
		}
	}
}

// log is the log of the run that began last, with its size.
func (p *simulation) log() (name string, size int) {
	logs, _ := runLogs(p.w.dir)
	if len(logs) == 0 {
		return "", 0
	}
	name = logs[len(logs)-1]
	data, _ := os.ReadFile(name)
	return name, len(data)
}

// cutLog loses what was written into the log and not synced, from some byte on. Answers are synced.
func (p *simulation) cutLog(name string, size int) {
	if name == "" {
		return
	}
	data, err := os.ReadFile(name)
	if err != nil {
		p.fault("reading the log: %v", err)
		return
	}
	data = data[:size]
	synced := 0
	if i := bytes.LastIndex(data, []byte(`"event":"task.answer"`)); i >= 0 {
		synced = i + bytes.IndexByte(data[i:], '\n') + 1
	}
	keep := synced + p.w.draw("disk").IntN(size-synced+1)
	p.w.say("disk", "the log is cut from %d to %d bytes, %d were synced", size, keep, synced)
	if err := os.WriteFile(name, data[:keep], 0o644); err != nil {
		p.fault("cutting the log: %v", err)
	}
}

// heard is the user reading how a run ended, and doing what it asks for.
func (p *simulation) heard(report *Report, err error, interrupted bool) (done bool) {
	if err != nil {
		var stop *stopped
		switch {
		case interrupted && errors.Is(err, context.Canceled):
		case errors.As(err, &stop):
			p.mend(stop.why)
		default:
			p.fault("the run ended with %v", err)
		}
		return false
	}
	for _, wait := range report.Waiting {
		switch {
		case wait.Question != nil:
			p.answer(report.Run, wait)
		case strings.Contains(wait.Reason, "gate"):
		default:
			p.mend(wait.Reason)
		}
	}
	forNow := slices.ContainsFunc(report.Skipped, func(id string) bool { return !p.left[id] })
	if len(report.Waiting) > 0 || len(report.Left) > 0 || forNow || report.Interrupted || report.Quit || len(report.Stale) > 0 {
		return false
	}
	_, fail, block := p.can()
	if got := tasksOf(report.Failed); !slices.Equal(got, fail) {
		p.fault("failed are %v, want %v", got, fail)
	}
	if got := tasksOf(report.Blocked); !slices.Equal(got, block) {
		p.fault("blocked are %v, want %v", got, block)
	}
	return true
}

func tasksOf(all []Failure) (ids []string) {
	for _, f := range all {
		ids = append(ids, f.Task)
	}
	return ids
}

func (p *simulation) answer(run string, wait Wait) {
	if p.answered[wait.Question.Text] {
		p.fault("%q waits after its answer was kept", wait.Question.Text)
		return
	}
	if _, _, err := AnswerOpen(p.w.dir, run, wait.ID, answerTo(wait.Task), time.Now()); err != nil {
		p.fault("answering %s: %v", wait.ID, err)
		return
	}
	p.answered[wait.Question.Text] = true
	p.w.say("user", "answers %q", wait.Question.Text)
}

// mend clears what a run says that stands in its way. What the user has not done, the user is not to clear: that is
// wrong.
func (p *simulation) mend(why string) {
	switch {
	case strings.Contains(why, "index.lock") && p.w.locked:
		p.w.locked = false
		p.w.say("user", "removes index.lock")
	case strings.Contains(why, "stands in the way") && slices.ContainsFunc(slices.Collect(maps.Keys(p.mess)), func(name string) bool { return strings.Contains(why, name) }):
		p.tidy(why)
	default:
		p.fault("it stops without the user's doing: %s", why)
	}
}

// tidy takes the user's own files out of the way, after a look whether they are as they were left.
func (p *simulation) tidy(why string) {
	head := p.w.trees[p.w.commits[p.w.refs[p.w.head]].tree]
	for _, name := range slices.Sorted(maps.Keys(p.mess)) {
		if !strings.Contains(why, name) {
			continue
		}
		if got := p.w.onDisk(name); !bytes.Equal(got, p.mess[name]) {
			p.fault("the user's %s held %q, now %q", name, p.mess[name], got)
		}
		delete(p.mess, name)
		var data []byte
		if id := head[name]; id != "" {
			data = p.w.blobs[id]
		}
		p.w.put(name, data)
		p.w.say("user", "takes back %s", name)
	}
}

// settled checks what has to hold after every story.
func (p *simulation) settled() {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	w := p.w
	branch := w.head
	if p.branch != "" {
		branch = "refs/heads/" + p.branch
	}
	head := w.refs[branch]
	landings := p.landings(head)
	fsys, err := w.snapshot(head)
	if err != nil {
		p.fault("%v", err)
		return
	}
	feature, _ := spec.Parse(fsys, simFeature)
	data, _ := fs.ReadFile(fsys, simLock)
	lock, problems := trace.ParseLock(data)
	if len(problems) > 0 {
		p.fault("the lock has problems: %v", problems)
	}
	made, _ := plan.New(feature, plan.State{Outcomes: lock.Outcomes()})
	can, _, _ := p.can()
	for _, t := range p.tasks {
		lands := slices.Contains(can, t.id)
		if facts := lock.Task(t.id); facts != nil && facts.Skipped != "" {
			if !p.left[t.id] {
				p.fault("task %s is skipped without the user's word", t.id)
			}
			lands = false
		}
		if n := len(landings[t.id]); lands && (n == 0 || n > 1 && !p.edits && !p.takenBack) || !lands && n > 0 {
			p.fault("task %s has landed %d times", t.id, n)
		}
		ticked, fact := feature.Task(t.id).State == spec.Done, lock.Task(t.id) != nil && lock.Task(t.id).Landed != nil
		if ticked != lands || fact != lands {
			p.fault("task %s: can land %v, is ticked %v, has a fact %v", t.id, lands, ticked, fact)
		}
		if planned := made.Task(t.id); lands && planned.Action != plan.Done {
			p.fault("task %s is still planned: %v %v", t.id, planned.Action, planned.Reasons)
		}
		for _, d := range t.depends {
			if lands && len(landings[d]) > 0 && len(landings[t.id]) > 0 && p.decides(landings[d]) > p.decides(landings[t.id]) {
				p.fault("task %s landed before %s, on which it depends", t.id, d)
			}
		}
		p.content(t, lands, feature, head)
	}
	p.nothingLost(head)
}

// landings are the places in the history, oldest first, at which each task landed.
func (p *simulation) landings(head string) map[string][]int {
	found := map[string][]int{}
	line := p.w.ancestors(head)
	slices.Reverse(line)
	for i, id := range line {
		for text := range strings.Lines(p.w.commits[id].message) {
			if task, ok := strings.CutPrefix(strings.TrimSpace(text), "Spec-Task: f/"); ok {
				found[task] = append(found[task], i)
			}
		}
	}
	return found
}

// content checks the files of one task.
func (p *simulation) content(t *simTask, lands bool, feature *spec.Feature, head string) {
	files := p.w.trees[p.w.commits[head].tree]
	text := string(p.w.blobs[files["t"+t.id+".txt"]])
	shared := strings.Contains(string(p.w.blobs[files["shared.txt"]]), "task "+t.id+"\n")
	want := "did: " + feature.Task(t.id).Title + "\n"
	if t.asks {
		want += "answer: " + answerTo(t.id).Text + "\n"
	}
	if got := strings.ReplaceAll(text, "adapted\n", ""); lands && got != want || !lands && got != "" {
		p.fault("t%s.txt holds %q, want %q", t.id, text, want)
	}
	if shared != (lands && t.shared) {
		p.fault("task %s: its line in shared.txt: %v", t.id, shared)
	}
	if gone := files["old"+t.id+".txt"] == ""; t.deletes && gone != lands {
		p.fault("task %s: its old file is gone: %v", t.id, gone)
	}
	decisions := string(p.w.blobs[files[simFeature+"/"+DecisionsFile]])
	if n := strings.Count(decisions, question(t.id).Text); lands && t.asks && n != 1 {
		p.fault("the answer for task %s stands in decisions.md %d times", t.id, n)
	}
}

// nothingLost looks after what is the user's, and for what is left behind.
func (p *simulation) nothingLost(landed string) {
	w := p.w
	head := w.refs[w.head]
	files := w.trees[w.commits[head].tree]
	var history strings.Builder
	for _, id := range w.ancestors(head) {
		history.WriteString(w.commits[id].message)
	}
	for _, word := range p.words {
		if !strings.Contains(history.String(), word) {
			p.fault("the user's commit %q is lost", word)
		}
	}
	for name, text := range p.notes {
		if p.takenBack && text == "amended\n" && files[name] == "" {
			continue // amended into a landing that was undone, which reverts the commit, as git revert has it
		}
		if string(w.blobs[files[name]]) != text {
			p.fault("the user's committed %s is lost", name)
		}
	}
	for name, data := range p.mess {
		if got := w.onDisk(name); !bytes.Equal(got, data) {
			p.fault("the user's uncommitted %s held %q, now %q", name, data, got)
		}
	}
	for name := range w.refs {
		if strings.HasPrefix(name, "refs/spec") {
			p.fault("%s is left", name)
		}
	}
	for _, name := range p.onDisk() {
		id, data := files[name], w.onDisk(name)
		if p.mess[name] == nil && (id == "" || w.index[name] != id || !bytes.Equal(data, w.blobs[id])) {
			p.fault("the checkout is not clean: %s", name)
		}
	}
	if w.locked {
		p.fault("index.lock is left")
	}
}

// onDisk lists the files of the user's checkout and those that should be there.
func (p *simulation) onDisk() []string {
	names := map[string]bool{}
	for name := range p.w.trees[p.w.commits[p.w.refs[p.w.head]].tree] {
		names[name] = true
	}
	filepath.WalkDir(p.w.dir, func(file string, d fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(p.w.dir, file)
		if err != nil || relErr != nil {
			return err
		}
		if d.IsDir() && name == StateDir {
			return fs.SkipDir
		}
		if !d.IsDir() {
			names[filepath.ToSlash(name)] = true
		}
		return nil
	})
	return slices.Sorted(maps.Keys(names))
}

// user is a person at work in the checkout while a run is on.
func (p *simulation) user(over <-chan struct{}, works, interrupts bool, drain chan struct{}, cancel func()) {
	r := chance(p.seed, "user", p.w.lives)
	for n := range 12 {
		p.w.wait("user", time.Duration(1+r.IntN(4000))*time.Millisecond)
		select {
		case <-over:
			return
		default:
		}
		p.w.mu.Lock()
		if interrupts && r.IntN(4) == 0 {
			interrupts = false
			if r.IntN(2) == 0 {
				p.w.say("user", "interrupts once")
				close(drain)
			} else {
				p.w.say("user", "interrupts twice")
				cancel()
			}
		} else if works {
			p.act(r, n)
		}
		p.w.mu.Unlock()
	}
}

// act is one thing that a user does with git or an editor.
func (p *simulation) act(r *rand.Rand, n int) {
	w := p.w
	kind := r.IntN(10)
	name := fmt.Sprintf("note%d-%d.txt", w.lives, n)
	if kind < 6 && w.locked {
		return // git says so
	}
	switch {
	case kind < 3:
		p.commit(map[string][]byte{name: []byte("mine\n")}, "note "+name+" of mine", false)
		p.notes[name] = "mine\n"
	case kind == 3:
		p.commit(map[string][]byte{name: []byte("amended\n")}, "", true)
		p.notes[name] = "amended\n"
	case kind == 4 && p.edits:
		p.editSpec(r)
	case kind == 5:
		p.mess["base.txt"] = fmt.Appendf(nil, "an edit of %s\n", name)
		w.put("base.txt", p.mess["base.txt"])
		w.say("user", "edits base.txt")
	case kind == 6:
		p.mess[name] = []byte("a thought\n")
		w.put(name, p.mess[name])
		w.say("user", "leaves %s about", name)
	case kind == 7:
		if name := "t" + p.tasks[r.IntN(len(p.tasks))].id + ".txt"; w.onDisk(name) == nil {
			p.mess[name] = []byte("the user's own\n")
			w.put(name, p.mess[name])
			w.say("user", "writes %s", name)
		}
	}
}

// commit is git commit with these paths: others that are staged stay so.
func (p *simulation) commit(files map[string][]byte, message string, amend bool) {
	w := p.w
	old := w.commits[w.refs[w.head]]
	tree := maps.Clone(w.trees[old.tree])
	for name, data := range files {
		tree[name] = w.blob(data)
		w.index[name] = tree[name]
		w.put(name, data)
	}
	c := simCommit{tree: w.tree(tree), parents: []string{w.refs[w.head]}, message: message + "\n"}
	if amend {
		c.parents, c.message = old.parents, old.message
	} else {
		p.words = append(p.words, message)
	}
	w.refs[w.head] = w.commit(c)
	w.say("user", "commits %v, amend %v: %.10s", slices.Sorted(maps.Keys(files)), amend, w.refs[w.head])
}

// editSpec words a task anew, approves that, and commits both.
func (p *simulation) editSpec(r *rand.Rand) {
	w := p.w
	files := map[string][]byte{}
	head := w.trees[w.commits[w.refs[w.head]].tree]
	for name, id := range head {
		if strings.HasPrefix(name, simFeature) {
			files[name] = w.blobs[id]
		}
	}
	if len(w.dirty(simTasks, simLock)) > 0 {
		return
	}
	id := p.tasks[r.IntN(len(p.tasks))].id
	old := titleOf(files[simTasks], id)
	files[simTasks] = bytes.ReplaceAll(files[simTasks], []byte(id+". "+old), []byte(id+". "+old+" anew"))
	files[simLock] = approveAll(files, files[simLock])
	p.retitled[id] = true
	p.commit(map[string][]byte{simTasks: files[simTasks], simLock: files[simLock]}, "word task "+id+" anew ("+old+")", false)
}

// tell runs one story and returns what was wrong with it, how it went, and, unless the user left something out, how it ended.
func tell(t *testing.T, s *story) (wrong, trace []string, end map[string]string, runs int) {
	dir, err := os.MkdirTemp(simTemp, "sim-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	synctest.Test(t, func(t *testing.T) {
		p, err := newSimulation(s, dir)
		if err != nil {
			t.Fatal(err)
		}
		p.perform(t.Context())
		branch := p.w.head
		if s.branch != "" {
			branch = "refs/heads/" + s.branch
		}
		wrong, trace, end, runs = p.wrong, p.w.trace, p.ending(branch), p.w.lives
		if len(p.left) > 0 {
			end = nil // other work is done than where nobody disturbs
		}
	})
	return wrong, trace, end, runs
}

// decides is the one of a task's landings that has to come behind those of what it depends on: the first, or where something was
// taken back, and with it what depends on it, the last. What was skipped lets others land, until that is taken back.
func (p *simulation) decides(landings []int) int {
	if p.takenBack {
		return landings[len(landings)-1]
	}
	return landings[0]
}

// ending is the code that stands at the end, without what depends on the order of landings.
func (p *simulation) ending(branch string) map[string]string {
	end := map[string]string{}
	for name, id := range p.w.trees[p.w.commits[p.w.refs[branch]].tree] {
		if name != simLock && name != simFeature+"/"+DecisionsFile {
			end[name] = strings.ReplaceAll(string(p.w.blobs[id]), "adapted\n", "")
		}
	}
	return end
}

// simTemp is where the stories' files are: in memory where there is such a place.
var simTemp = func() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}()

// check tells the story of a seed, and what is wrong with it; runs counts the processes.
func check(t *testing.T, seed uint64) (runs int, ok bool) {
	t.Helper()
	s := newStory(seed)
	quiet := s.disturbed == 0
	wrong, lines, end, runs := tell(t, s)
	if quiet && len(wrong) == 0 {
		calmWrong, calmLines, want, n := tell(t, newStory(seed).calm())
		runs += n
		if len(calmWrong) > 0 {
			wrong, lines = append(wrong, calmWrong...), calmLines
		}
		if end != nil && !maps.Equal(end, want) {
			wrong = append(wrong, fmt.Sprintf("the tree is %v\nthat of an undisturbed run %v", end, want))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("seed %d:\n%s\nagain: go test ./tasks -run 'TestSimulation$' -sim.seed %d -sim.seeds 1\n%s", seed, strings.Join(wrong, "\n"), seed, strings.Join(lines, "\n"))
	}
	return runs, len(wrong) == 0
}

// TestSimulation tells stories, each another by its seed. -sim.seeds says how many, -sim.seed where to begin.
//
// spec:workflow/3.2
func TestSimulation(t *testing.T) {
	var next, runs, failed atomic.Int64
	began := time.Now()
	t.Run("stories", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for failed.Load() < 3 {
					n := next.Add(1) - 1
					if n >= int64(*simSeeds) {
						return
					}
					count, ok := check(t, *simSeed+uint64(n))
					runs.Add(int64(count))
					if !ok {
						failed.Add(1)
					}
				}
			})
		}
	})
	t.Logf("%d runs of %d stories in %v", runs.Load(), min(next.Load(), int64(*simSeeds)), time.Since(began).Round(time.Millisecond))
}

// TestKeptSeeds runs the stories that once went wrong.
//
// spec:workflow/3.2
func TestKeptSeeds(t *testing.T) {
	files, err := filepath.Glob("testdata/sim/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no kept seeds: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if number, ok := strings.CutPrefix(strings.TrimSpace(line), "seed "); ok {
				seed, err := strconv.ParseUint(number, 10, 64)
				if err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				check(t, seed)
			}
		}
	}
}

// TestSimulationIsDeterministic holds that a seed always tells the same story.
func TestSimulationIsDeterministic(t *testing.T) {
	for seed := range uint64(*simTwice) {
		_, first, _, _ := tell(t, newStory(seed))
		_, second, _, _ := tell(t, newStory(seed))
		if gone, come := notIn(first, second), notIn(second, first); len(gone)+len(come) > 0 { // what happens at the very same moment has no order
			t.Fatalf("seed %d: first\n%s\nthen\n%s", seed, strings.Join(gone[:min(5, len(gone))], "\n"), strings.Join(come[:min(5, len(come))], "\n"))
		}
		if len(first) != len(second) || len(first) < 20 {
			t.Fatalf("seed %d: %d events, then %d", seed, len(first), len(second))
		}
	}
}

// notIn lists the events of one trace that another does not hold.
func notIn(from, in []string) (lines []string) {
	held := map[string]int{}
	for _, line := range in {
		held[line]++
	}
	for _, line := range from {
		if held[line]--; held[line] < 0 {
			lines = append(lines, line)
		}
	}
	return lines
}
