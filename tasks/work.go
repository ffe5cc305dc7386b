package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/git"
	"spec.example/spec/internal/guard"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// An effort is what is known of one task while it is worked on: what the attempts so far taught.
type effort struct {
	task     string
	attempt  int
	failure  string
	conflict string
	requests []string
	again    bool // the person edited in the slot: no agent this time
	accepted []byte
	powers   []string // active ones
	began    time.Time
}

// work carries out one task to its end: landed, failed, parked or skipped.
func (r *run) work(ctx context.Context, s *slot, id string) outcome {
	h, err := r.head(ctx)
	if err != nil {
		return outcome{task: id, err: err}
	}
	t := h.plan.Task(id)
	if t == nil {
		return outcome{task: id, status: failed, reason: "the task is no longer in the plan"}
	}
	e := &effort{task: id, attempt: r.attempts(id, t.Inputs()), began: r.o.Now()}
	if r.o.Hand {
		e.attempt = 0
	}
	var instead []approved // an agent's results, for which the user's own work stands if it lands
	if a, ok := r.take(r.kept, id); ok && r.others(a) {
		instead = append(instead, a)
	} else if ok {
		if out, done := r.landKept(ctx, s, e, a); done {
			return out
		}
	}
	if a, ok := r.take(r.gates, id); ok && r.others(a) {
		instead = append(instead, a)
	} else if ok {
		if out, done := r.gateKept(ctx, s, e, a); done {
			return out
		}
	}
	for e.attempt < r.o.Attempts {
		out, done := r.try(ctx, s, e)
		for _, a := range instead {
			if out.status == landed && out.err == nil {
				out.err = r.forget(ctx, a)
			}
		}
		if done {
			if r.o.InPlace && out.status != landed {
				if err := r.clear(context.WithoutCancel(ctx), s); err != nil && out.err == nil {
					out.err = err
				}
			}
			return out
		}
	}
	if r.o.InPlace {
		if err := r.clear(ctx, s); err != nil {
			return outcome{task: id, err: err}
		}
	}
	return outcome{task: id, status: failed, reason: firstNonEmpty(e.failure, e.conflict,
		fmt.Sprintf("all %d attempts at it as it stands are used up (--attempts %d tries again): %s", r.o.Attempts, e.attempt+1, r.lastFailure(id, t.Inputs())))}
}

// others tells whether a kept result is an agent's while the user lands work of their own: that is what the user means.
func (r *run) others(a approved) bool { return r.o.Hand && a.by != "hand" }

// take removes and returns what an earlier run left for a task.
func (r *run) take(from map[string]approved, id string) (approved, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := from[id]
	delete(from, id)
	return a, ok
}

func (r *run) lastFailure(id, inputs string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history.failures[id+" "+inputs]
}

func (r *run) attempts(id, inputs string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history.attempts[id+" "+inputs]
}

// try makes one attempt. done is false when another one should follow.
func (r *run) try(ctx context.Context, s *slot, e *effort) (out outcome, done bool) {
	h, err := r.head(ctx)
	if err != nil {
		return outcome{task: e.task, err: err}, true
	}
	t := h.plan.Task(e.task)
	if t == nil {
		return outcome{task: e.task, status: failed, reason: "the task is no longer in the plan"}, true
	}
	r.event("task.started", e.task, t.Title, map[string]any{"attempt": e.attempt + 1})
	result, unchanged, failure, err := r.attempt(ctx, s, h, t, e)
	var declined *agent.Declined
	switch {
	case errors.Is(err, agent.ErrParked):
		return r.parkQuestion(e.task), true
	case errors.As(err, &declined):
		return outcome{task: e.task, status: failed, reason: declined.Reason}, true
	case err != nil:
		return outcome{task: e.task, err: err}, true
	}
	if failure == "" && len(result.changes) == 0 && (unchanged == "" || t.Action != plan.Rerun) && !byItself(h, t) && !t.Manual {
		failure = "the result is empty: nothing was changed"
		if said := r.lastWords(e.task).Said; said != "" {
			failure += "; the agent said: " + oneLineOf(said, 200)
		}
	}
	if failure == "" && !byItself(h, t) && !t.Manual {
		if failure, err = r.hollow(ctx, h.commit, result); err != nil {
			return outcome{task: e.task, err: err}, true
		}
	}
	var v Verified
	if failure == "" {
		if v, err = r.verifyTask(ctx, s, h, t, result); err != nil {
			return outcome{task: e.task, err: err}, true
		}
		r.event("task.verified", e.task, v.Summary, map[string]any{"ok": v.OK})
		if failure, err = r.verdict(s, h, t, v, result.diff); err != nil {
			return outcome{task: e.task, err: err}, true
		}
	}
	if failure != "" {
		return r.count(e, t.Inputs(), failure)
	}
	if r.o.NoLanding {
		return outcome{task: e.task, status: landed}, true
	}
	a := approved{task: e.task, base: h.commit, tree: result.tree, patch: result.patch, inputs: t.Inputs(), attempt: e.attempt + 1, policy: r.policyOf(result), by: r.by(h, t), unchanged: unchanged, diff: result.diff}
	return r.gate(ctx, s, h, t, e, a, result, v)
}

// policyOf is the strictest policy of the files that a result changes.
func (r *run) policyOf(result frozen) Policy {
	if r.o.PolicyOf == nil || len(result.changes) == 0 {
		return r.o.Policy
	}
	strictest := ApproveAuto
	for _, c := range result.changes {
		if p := r.o.PolicyOf(c.Path); p.stricter(strictest) {
			strictest = p
		}
	}
	return strictest
}

// stricter tells whether a policy asks more often than another.
func (p Policy) stricter(than Policy) bool { return p.rank() > than.rank() }

func (p Policy) rank() int { return slices.Index([]Policy{ApproveAuto, ApproveTask, ApproveFile}, p) }

// by names who did the work, as the lock says it.
func (r *run) by(h *head, t *plan.Task) string {
	if byItself(h, t) || t.Manual || r.o.Hand {
		return "hand"
	}
	return "agent:" + r.o.Agent.Name()
}

// count notes a failed attempt. The same failure twice in a row is no progress, and ends the task.
func (r *run) count(e *effort, inputs, failure string) (outcome, bool) {
	e.attempt++
	r.event("task.attempt", e.task, firstLine(failure), map[string]any{"inputs": inputs, "attempt": e.attempt, "failure": failure})
	same := e.failure == failure
	e.failure = failure
	if r.o.Hand {
		return outcome{task: e.task, status: failed, reason: failure}, true
	}
	if same {
		return outcome{task: e.task, status: failed, reason: "no progress: the same failure twice\n" + failure}, true
	}
	return outcome{}, false
}

func firstLine(s string) string { line, _, _ := strings.Cut(s, "\n"); return line }

// verdict says why what was verified may not go on; see judge.
func (r *run) verdict(s *slot, h *head, t *plan.Task, v Verified, diff []byte) (string, error) {
	if why := r.judge(h, t, v, diff); why != "" || v.OK {
		return why, nil
	}
	index, err := trace.Scan(os.DirFS(s.check.Path()), r.o.Root)
	if err != nil {
		return "", fmt.Errorf("looking for tagged tests: %v", err)
	}
	if explores(h.feature, t.ID) {
		return "", nil
	}
	return citedPass(h, t, v, index), nil
}

// attempt lets the agent work and freezes what it leaves. failure is why the attempt failed; an error is ErrParked, a
// *agent.Declined, or means that the run cannot go on.
func (r *run) attempt(ctx context.Context, s *slot, h *head, t *plan.Task, e *effort) (result frozen, unchanged, failure string, err error) {
	if err := r.prepare(ctx, s, t.ID, h.commit); err != nil {
		return frozen{}, "", "", err
	}
	fault("prepare")
	from := s.work
	var left []string
	if r.o.Hand {
		if from, err = r.git.At(r.o.Repo.Dir, filepath.Join(r.place, "index", "checkout")); err != nil {
			return frozen{}, "", "", err
		}
		if err := from.Stage(ctx, h.commit); err != nil {
			return frozen{}, "", "", err
		}
	} else if !byItself(h, t) && !t.Manual && !e.again {
		if failure, err := r.taskHooks(ctx, s, t.ID, false); failure != "" || err != nil {
			return frozen{}, "", failure, err
		}
		before := r.watched()
		said, workErr := r.agentWork(ctx, s, h, t, e)
		if changed := r.meddled(before); changed != "" {
			return frozen{}, "", "", &stopped{why: "the agent changed the repository itself: " + changed, hint: "git reflog; git fsck"}
		}
		switch {
		case ctx.Err() != nil:
			return frozen{}, "", "", ctx.Err()
		case errors.Is(workErr, agent.ErrParked), isDeclined(workErr):
			return frozen{}, "", "", workErr
		case workErr != nil:
			return frozen{}, "", workErr.Error(), nil
		}
		unchanged, left = said.Unchanged, said.Leftover
		r.said(t.ID, said)
		if failure, err := r.taskHooks(ctx, s, t.ID, true); failure != "" || err != nil {
			return frozen{}, "", failure, err
		}
	}
	fault("agent.end")
	e.again = false
	result, err = r.fence(ctx, from, h.commit)
	if r.o.InPlace && err == nil {
		err = from.PutBack(ctx, h.commit, result.fenced...)
	}
	var unfit *git.Unfit
	if errors.As(err, &unfit) {
		s.task = "" // whatever lies in the slot is no base for another attempt
		return frozen{}, "", unfit.Error(), nil
	}
	if len(left) > 0 {
		result.dropped = append(result.dropped, "programs that were left running were ended: "+strings.Join(left, ", "))
	}
	if err == nil && len(result.dropped) > 0 {
		r.event("task.dropped", t.ID, strings.Join(result.dropped, "; "), nil)
	}
	return result, unchanged, "", err
}

func isDeclined(err error) bool {
	var d *agent.Declined
	return errors.As(err, &d)
}

func (r *run) said(task string, said agent.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.words == nil {
		r.words = map[string]agent.Result{}
	}
	r.words[strings.Clone(task)] = said // else the key would keep the whole document that it was cut from
}

func (r *run) lastWords(task string) agent.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.words[task]
}

// agentWork starts the agent on a brief.
func (r *run) agentWork(ctx context.Context, s *slot, h *head, t *plan.Task, e *effort) (agent.Result, error) {
	brief, err := r.brief(ctx, h, t.ID, e)
	if err != nil {
		return agent.Result{}, err
	}
	temp, err := r.temp()
	if err != nil {
		return agent.Result{}, err
	}
	defer os.RemoveAll(temp)
	name := encodeRef(t.ID) + "-" + strconv.Itoa(e.attempt+1)
	if n := len(e.requests); n > 0 {
		name += "-request-" + strconv.Itoa(n) // the same attempt, asked to change
	}
	if err := os.WriteFile(r.journal.output(name+"-brief.md"), brief, 0o644); err != nil {
		return agent.Result{}, fmt.Errorf("keeping the brief: %w", err)
	}
	var log io.Writer = io.Discard
	if file, err := os.Create(r.journal.output(name + "-agent.log")); err == nil {
		defer file.Close()
		log = &capped{w: file, left: 64 << 20}
	}
	if r.o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.o.Timeout)
		defer cancel()
	}
	r.event("agent.started", t.ID, r.o.Agent.Name(), nil)
	fault("agent.start")
	caches := filepath.Join(r.place, "slot", strconv.Itoa(s.number), "cache")
	if err := os.MkdirAll(caches, 0o755); err != nil {
		return agent.Result{}, err
	}
	policy := r.policy().With([]string{s.gitDir, r.o.Repo.CommonDir + "/objects"}, []string{s.work.Path(), temp, caches})
	build, modules := filepath.Join(caches, "go-build"), filepath.Join(caches, "go-mod")
	if !guard.On(guard.Caches) {
		build, policy = r.goBuildCache(), policy.With(nil, []string{r.goBuildCache()})
	}
	var seen boundedBuffer
	log = io.MultiWriter(log, &seen)
	result, err := r.o.Agent.Run(ctx, agent.Job{
		Feature: h.feature.Name, Task: t.ID, Slot: s.number, Attempt: e.attempt + 1, Dir: filepath.Join(s.work.Path(), filepath.FromSlash(r.o.Root)),
		Brief: brief, Powers: e.powers, Temp: temp, Hold: r.lock.file(), Log: log,
		Env: sandbox.Environment(r.o.Env, r.o.Sandbox.Env, []string{"HOME=" + lookup(r.o.Env, "HOME"), "GOCACHE=" + build,
			"GOMODCACHE=" + modules, "GOFLAGS=-modcacherw", "XDG_CACHE_HOME=" + caches}),
		Policy: policy,
		Ask:    func(ctx context.Context, q agent.Question) (agent.Answer, error) { return r.ask(ctx, t.ID, q) },
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return result, fmt.Errorf("the agent took longer than %v and was ended", r.o.Timeout)
	}
	return result, r.explain(t.ID, policy, err, seen.String())
}

// explain adds to a failure what in the sandbox stood in the way, and tells of it where the agent went on all the same.
func (r *run) explain(task string, policy sandbox.Policy, err error, said string) error {
	hints := policy.Refused(said)
	for i, hint := range hints {
		if strings.Contains(hint, r.place) || strings.Contains(hint, r.o.Repo.CommonDir) {
			what, _, _ := strings.Cut(hint, "; ")
			hints[i] = what + "; it is the run's own, and nothing opens it"
		}
	}
	if len(hints) == 0 {
		return err
	}
	r.event("sandbox.refused", task, strings.Join(hints, "; "), nil)
	if err == nil || errors.Is(err, agent.ErrParked) || isDeclined(err) {
		return err
	}
	return fmt.Errorf("%w\n%s", err, strings.Join(hints, "\n"))
}

// A capped writer drops what goes beyond its limit, without an error: a flood must not stop its writer half-way.
type capped struct {
	w    io.Writer
	left int
}

func (c *capped) Write(p []byte) (int, error) {
	if take := min(c.left, len(p)); take > 0 {
		c.left -= take
		c.w.Write(p[:take])
	}
	return len(p), nil
}

func (r *run) brief(ctx context.Context, h *head, id string, e *effort) ([]byte, error) {
	files, _ := spec.Steering(h.fsys, r.o.Root)
	files = slices.Concat(files, spec.Powers(h.fsys, r.o.Root), r.o.Steering)
	in := BriefInput{Failure: e.failure, Requests: e.requests, Conflict: e.conflict}
	in.File = func(name string) ([]byte, error) { return r.git.ReadFile(ctx, h.commit, r.inRoot(name)) }
	text := TaskText(h.feature, h.feature.Task(id))
	if r.o.Prompt != nil {
		text = r.o.Prompt.Text + "\n" + r.o.Prompt.Log
	}
	in.Steering, in.Manifest = Steer(files, text)
	e.powers = activePowers(in.Steering)
	if data, err := fs.ReadFile(h.fsys, path.Join(r.o.FeatureDir, DecisionsFile)); err == nil {
		in.Decisions = string(data)
	}
	for _, d := range r.answersFor(id) {
		in.Answers = append(in.Answers, fmt.Sprintf("- %s: %s", d.Question.Text, d.Answer.Text))
	}
	var brief []byte
	var err error
	if r.o.Prompt != nil {
		brief = promptBrief(r.o.Prompt, r.redHead, in)
	} else if brief, err = Brief(h.feature, id, in); err != nil {
		return nil, err
	}
	var lines []string
	for _, m := range in.Manifest {
		lines = append(lines, m.String())
	}
	r.event("task.brief", id, fmt.Sprintf("brief of %d bytes; steering: %s", len(brief), firstNonEmpty(strings.Join(lines, "; "), "none")), map[string]any{"bytes": len(brief), "steering": in.Manifest})
	return brief, nil
}

func (r *run) parkQuestion(task string) outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	open, err := readHistory(r.o.Repo.Dir, path.Base(r.o.FeatureDir))
	w := Wait{Task: task, Reason: "a question waits for an answer"}
	if err == nil {
		for id, d := range open.open {
			if d.Task == task {
				w.ID, w.Question, w.Reason = id, &d.Question, d.Question.Text
			}
		}
	}
	return outcome{task: task, status: parked, reason: w.Reason, wait: &w}
}

// gate asks a person where the policy wants it, and lands what is approved.
//
// spec:workflow/3.3, 3.4
func (r *run) gate(ctx context.Context, s *slot, h *head, t *plan.Task, e *effort, a approved, result frozen, v Verified) (outcome, bool) {
	task := h.feature.Task(t.ID)
	found, err := r.found(ctx, a.base, result, v, task.Touches)
	if err != nil {
		return outcome{task: e.task, err: err}, true
	}
	var stop []Risk
	if a.policy == ApproveAuto && !t.Manual {
		if stop = unannounced(found, r.o.AcceptRisk); len(stop) == 0 {
			if classes := acceptedClasses(found, r.o.AcceptRisk); len(classes) > 0 {
				a.gates = append(a.gates, trace.Gate{Policy: string(a.policy), Diff: diffHash(result.diff), Risks: classes, Channel: "flag", Who: r.o.Who, Date: r.date()})
			}
			return r.approve(ctx, s, e, a, result.diff)
		}
	}
	if err := r.save(ctx, &a, "gate"); err != nil {
		return outcome{task: e.task, err: err}, true
	}
	fault("gate")
	g := Gate{Task: t.ID, Title: t.Title, Policy: a.policy, Files: result.changes, Diff: result.diff, Risks: found, Verified: r.honest(v, result, task), Said: r.lastWords(t.ID).Said, Cost: r.lastWords(t.ID).Cost,
		Agent: r.agentName(), Adjusts: r.o.Agent != nil && r.o.Agent.Adjusts(), Dropped: result.dropped, Ignored: result.ignored, SlotDir: s.work.Path(), Before: e.accepted}
	if r.o.Hand {
		g.Agent, g.Adjusts, g.SlotDir = "hand", false, r.o.Repo.Dir
	}
	for _, id := range h.feature.Covers(task) {
		if c := h.feature.Requirement(id); c != nil {
			g.Criteria = append(g.Criteria, *c)
		}
	}
	decision, err := r.decide(ctx, g)
	if errors.Is(err, ErrNoPerson) {
		reason := "its gate waits for a person"
		if len(stop) > 0 {
			reason = "a risk stops it at its gate: " + worded(stop)
		}
		r.event("gate.waiting", e.task, reason, nil)
		return outcome{task: e.task, status: parked, reason: reason, wait: &Wait{Task: e.task, Reason: reason}}, true
	}
	if err != nil {
		return outcome{task: e.task, err: err}, true
	}
	return r.act(ctx, s, e, a, result, found, decision)
}

// worded names risks in one line, the first few of them.
//
// spec:workflow/3.4
func worded(risks []Risk) string {
	var parts []string
	for i, risk := range risks {
		if i == 6 {
			parts = append(parts, fmt.Sprintf("%d more", len(risks)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s (%s %s)", risk.Class, risk.Path, cutLine(risk.What)))
	}
	return strings.Join(parts, "; ")
}

// cutLine bounds a line that an agent wrote.
func cutLine(s string) string {
	if len(s) > 200 {
		return strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// spec:workflow/3.4
func acceptedClasses(found []Risk, accepted []string) []string {
	var classes []string
	for _, risk := range found {
		if !risk.Announced && slices.Contains(accepted, risk.Class) && !slices.Contains(classes, risk.Class) {
			classes = append(classes, risk.Class)
		}
	}
	return classes
}

// honest words what a verification is worth for this task: tests that stood there before prove nothing of it.
func (r *run) honest(v Verified, result frozen, task *spec.Task) Verified {
	if v.Results == nil || slices.ContainsFunc(result.changes, func(c git.Change) bool { return c.Status != "D" && isTest(c.Path) }) {
		return v
	}
	v.Summary = "builds only; this task brought no test (" + v.Summary + " that stood there before)"
	return v
}

func (r *run) date() string { return r.now.UTC().Format("2006-01-02") }

// decide shows one gate at a time and says how many wait behind it.
func (r *run) decide(ctx context.Context, g Gate) (Decision, error) {
	r.mu.Lock()
	r.queue++
	r.mu.Unlock()
	r.asking.Lock()
	defer r.asking.Unlock()
	r.mu.Lock()
	r.queue--
	g.Waiting = r.queue
	r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Decision{}, err
	}
	r.event("gate.asking", g.Task, "", nil)
	return r.o.Gate(ctx, g)
}

// act does what a person decided.
func (r *run) act(ctx context.Context, s *slot, e *effort, a approved, result frozen, found []Risk, d Decision) (outcome, bool) {
	gateRef := a.ref
	drop := func() error { return r.git.DeleteRef(ctx, gateRef) }
	switch d.Act {
	case Approve:
		if len(d.Reject) > 0 {
			return r.withoutRejected(ctx, s, e, a, d)
		}
		fact := trace.Gate{Policy: string(a.policy), Diff: diffHash(result.diff), Channel: firstNonEmpty(d.By, "tty"), Who: r.o.Who, Date: r.date()}
		for _, risk := range found {
			if !risk.Announced && !slices.Contains(fact.Risks, risk.Class) {
				fact.Risks = append(fact.Risks, risk.Class)
			}
		}
		if a.policy != ApproveFile {
			a.gates = append(a.gates, fact)
		}
		for _, c := range result.changes {
			if a.policy == ApproveFile {
				fact.Path = c.Path
				a.gates = append(a.gates, fact)
			}
		}
		out, done := r.approve(ctx, s, e, a, result.diff)
		if err := drop(); err != nil {
			return outcome{task: e.task, err: err}, true
		}
		return out, done
	case Request:
		e.requests = append(e.requests, d.Words)
		return outcome{}, drop() != nil
	case Again:
		e.again = true
		return outcome{}, drop() != nil
	case Leave:
		if err := drop(); err != nil {
			return outcome{task: e.task, err: err}, true
		}
		out := outcome{task: e.task, status: skipped, recorded: d.Record, reason: firstNonEmpty(d.Words, "skipped at its gate")}
		if d.Record {
			r.landing.Lock()
			defer r.landing.Unlock()
			if err := r.recordSkip(ctx, []string{e.task}, firstNonEmpty(d.By, "tty"), d.Words); err != nil {
				return outcome{task: e.task, err: err}, true
			}
		}
		return out, true
	}
	return outcome{task: e.task, status: waiting, halt: true}, true
}

// approve keeps an approved result and lands it.
func (r *run) approve(ctx context.Context, s *slot, e *effort, a approved, accepted []byte) (outcome, bool) {
	if err := r.save(ctx, &a, ""); err != nil {
		return outcome{task: e.task, err: err}, true
	}
	fault("approved")
	e.accepted = accepted
	return r.landNow(ctx, s, e, a)
}

func (r *run) landNow(ctx context.Context, s *slot, e *effort, a approved) (outcome, bool) {
	r.landing.Lock()
	defer r.landing.Unlock()
	err := r.land(ctx, s, a)
	var back *sentBack
	var stop *stopped
	switch {
	case err == nil:
		took := r.o.Now().Sub(e.began)
		r.tookTask(took)
		data := map[string]any{"patch": a.patch, "attempt": a.attempt, "seconds": took.Seconds()}
		if cost := r.lastWords(a.task).Cost; cost != "" {
			data["cost"] = cost
		}
		r.event("task.landed", a.task, "", data)
		return outcome{task: a.task, status: landed}, true
	case errors.As(err, &back):
		if err := r.forget(ctx, a); err != nil {
			return outcome{task: a.task, err: err}, true
		}
		e.conflict = string(back.patch)
		s.task = ""    // the next attempt starts from the new head
		e.failure = "" // each landing meets another head: twice the same is not for want of progress
		return r.count(e, a.inputs, back.why)
	case errors.As(err, &stop):
		return outcome{task: a.task, status: parked, reason: stop.why, wait: &Wait{Task: a.task, Reason: stop.why + "; " + stop.hint}}, true
	}
	return outcome{task: a.task, err: err}, true
}

// landKept lands a result that an earlier run had approved.
func (r *run) landKept(ctx context.Context, s *slot, e *effort, a approved) (outcome, bool) {
	r.event("task.resumed", a.task, "approved in an earlier run", nil)
	return r.landNow(ctx, s, e, a)
}

// gateKept opens the gate of a result that an earlier run had verified, without running the agent again.
//
// spec:workflow/3.3
func (r *run) gateKept(ctx context.Context, s *slot, e *effort, a approved) (outcome, bool) {
	h, err := r.readHead(ctx, a.base)
	if err != nil {
		return outcome{task: a.task, err: err}, true
	}
	t := h.plan.Task(a.task)
	if t == nil || t.Inputs() != a.inputs {
		return outcome{}, false
	}
	r.event("task.resumed", a.task, "verified in an earlier run, waits at its gate", nil)
	result := frozen{tree: a.tree}
	if err := r.describe(ctx, &result, a.base); err != nil {
		return outcome{task: a.task, err: err}, true
	}
	v, err := r.verifyTask(ctx, s, h, t, result)
	if err != nil {
		return outcome{task: a.task, err: err}, true
	}
	if why, err := r.verdict(s, h, t, v, result.diff); err != nil {
		return outcome{task: a.task, err: err}, true
	} else if why != "" {
		return r.count(e, t.Inputs(), why)
	}
	old := a.ref
	out, done := r.gate(ctx, s, h, t, e, approved{task: a.task, base: a.base, tree: a.tree, patch: a.patch, inputs: a.inputs, attempt: a.attempt, policy: r.policyOf(result), by: a.by}, result, v)
	if old != "" && out.err == nil {
		if err := r.git.DeleteRef(ctx, old); err != nil {
			return outcome{task: a.task, err: err}, true
		}
	}
	return out, done
}

// withoutRejected puts rejected files back, verifies what is left, and asks about that. Where it does not pass, the
// agent hears which files were rejected and why.
func (r *run) withoutRejected(ctx context.Context, s *slot, e *effort, a approved, d Decision) (outcome, bool) {
	files := map[string][]byte{}
	for _, name := range d.Reject {
		data, err := r.git.ReadFile(ctx, a.base, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return outcome{task: e.task, err: err}, true
		}
		if files[name] = data; err == nil && data == nil {
			files[name] = []byte{} // an empty file is not one that is missing
		}
	}
	tree, err := r.git.Replace(ctx, a.tree, files)
	if err != nil {
		return outcome{task: e.task, err: err}, true
	}
	if s.task == e.task { // else a later attempt would find them in the slot, and bring them again
		if err := putBack(s.work.Path(), files); err != nil {
			return outcome{task: e.task, err: fmt.Errorf("putting rejected files back: %v", err)}, true
		}
	}
	if err := r.git.DeleteRef(ctx, a.ref); err != nil {
		return outcome{task: e.task, err: err}, true
	}
	h, err := r.readHead(ctx, a.base)
	if err != nil {
		return outcome{task: e.task, err: err}, true
	}
	t := h.plan.Task(e.task)
	if t == nil {
		return outcome{task: e.task, status: failed, reason: "the task is no longer in the plan"}, true
	}
	e.requests = append(e.requests, "These files were rejected: "+strings.Join(d.Reject, ", ")+"\n"+d.Words)
	result := frozen{tree: tree}
	if err := r.describe(ctx, &result, a.base); err != nil {
		return outcome{task: e.task, err: err}, true
	}
	if len(result.changes) == 0 {
		return r.count(e, t.Inputs(), "every file was rejected")
	}
	v, err := r.verifyTask(ctx, s, h, t, result)
	if err != nil {
		return outcome{task: e.task, err: err}, true
	}
	if why, err := r.verdict(s, h, t, v, result.diff); err != nil {
		return outcome{task: e.task, err: err}, true
	} else if why != "" {
		return r.count(e, t.Inputs(), "without the rejected files: "+why)
	}
	a.tree, a.patch, a.diff = tree, result.patch, result.diff
	if a.policy != ApproveFile { // without what was rejected it may need less, but never less than it was shown under
		a.policy = r.policyOf(result)
	}
	return r.gate(ctx, s, h, t, e, a, result, v)
}

// putBack writes files as they were; nil data takes one away. The agent's links lead nowhere: the directory confines.
func putBack(dir string, files map[string][]byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for name, data := range files {
		name = filepath.FromSlash(name)
		mode := fs.FileMode(0o644)
		if info, err := root.Lstat(name); err == nil && info.Mode().IsRegular() {
			mode = info.Mode().Perm()
		}
		if err := root.RemoveAll(name); err != nil {
			return err
		}
		if data == nil {
			continue
		}
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(name, data, mode); err != nil {
			return err
		}
	}
	return nil
}
