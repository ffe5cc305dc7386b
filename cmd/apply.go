package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/check"
	"spec.example/spec/internal/git"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

type applyOptions struct {
	agent       string
	approve     string
	acceptRisk  []string
	jobs        int
	attempts    int
	timeout     time.Duration
	failFast    bool
	keepGoing   bool
	assumeDone  bool
	only, skip  []string
	record      bool
	reason      string
	until       string
	optional    bool
	redBaseline bool
	branch      string
	here        bool
	saved       string
	sandbox     string
	noVerify    bool
	inPlace     bool
}

func (a *app) applyVerb() *cobra.Command {
	var o applyOptions
	c := &cobra.Command{
		Use:   "apply FEATURE",
		Short: "Carry out a plan: each task by an agent, verified, approved and landed",
		Long: "Apply gives each task to an agent in a directory of its own, builds and tests the result in another one, asks at the\n" +
			"gate that the policy wants, and lands it as one commit. It can be stopped or killed at any time; the next apply goes on.",
		Args: exactly("FEATURE"),
		RunE: func(c *cobra.Command, args []string) error { return a.apply(c.Context(), args[0], o) },
	}
	f := c.Flags()
	f.StringVar(&o.agent, "agent", "", "`NAME` of the agent (default: the configured one, else blueprint)")
	f.StringVar(&o.approve, "approve", "", "gate `POLICY`: auto, task or file")
	f.StringSliceVar(&o.acceptRisk, "accept-risk", nil, "under auto, do not stop at risks of `CLASS`")
	f.IntVar(&o.jobs, "jobs", 0, "tasks at a time")
	f.IntVar(&o.attempts, "attempts", 0, "tries a task (default 3)")
	f.DurationVar(&o.timeout, "timeout", 0, "time limit of one attempt")
	f.BoolVar(&o.failFast, "fail-fast", false, "start nothing after the first failed task")
	f.BoolVar(&o.keepGoing, "keep-going", true, "go on with what does not depend on a failed task")
	f.BoolVar(&o.assumeDone, "assume-done", false, "go on with the dependents of skipped tasks")
	f.StringSliceVar(&o.only, "only", nil, "only `TASKS`")
	f.StringVar(&o.until, "until", "", "only `TASK` and what it depends on")
	f.StringSliceVar(&o.skip, "skip", nil, "leave out `TASKS`")
	f.BoolVar(&o.record, "record", false, "record in spec.lock that the tasks of --skip are left out for good; what depends on them goes on")
	f.StringVar(&o.reason, "reason", "", "why, for --record, in `WORDS`")
	f.BoolVar(&o.optional, "optional", false, "optional tasks too")
	f.BoolVar(&o.redBaseline, "red-baseline", false, "go on though the head fails its own tests; nothing else may fail")
	f.StringVar(&o.branch, "branch", "", "land on branch `NAME`")
	f.BoolVar(&o.here, "here", false, "land on the branch that is checked out, even the default one")
	f.StringVar(&o.saved, "plan", "", "carry out the plan saved in `FILE`; refused once the specification has changed")
	f.StringVar(&o.sandbox, "sandbox", "", "auto, require to refuse where processes cannot be restricted, or strict for bubblewrap as well")
	f.BoolVar(&o.inPlace, "in-place", false, "let agents work in this checkout, one task at a time; it has to be clean")
	f.BoolVar(&o.noVerify, "no-verify", false, "leave out the repository's commit hooks")
	return c
}

func (a *app) apply(ctx context.Context, name string, o applyOptions) error {
	if (o.record || o.reason != "") && len(o.skip) == 0 || o.reason != "" && !o.record {
		return undecided("spec apply "+name+" --skip TASKS --record --reason WORDS", "--record records the tasks of --skip, and --reason says why")
	}
	if err := knownRisks(o.acceptRisk); err != nil {
		return err
	}
	t, err := a.open(name)
	if err != nil {
		return err
	}
	p, diags := t.plan(o.optional)
	if diags.HasErrors() {
		a.relocate(t, diags)
		a.findings(slices.DeleteFunc(diags, func(d spec.Diagnostic) bool { return d.Severity != spec.Error }))
		return no("mend what is named above, then: spec plan "+name, "%s has mistakes; nothing was applied", t.feature.Name)
	}
	for _, id := range slices.Concat(o.only, o.skip, []string{o.until}) {
		if id != "" && p.Task(id) == nil {
			return undecided("spec plan "+name, "no task %s in the plan of %s", id, t.feature.Name)
		}
	}
	if o.saved != "" {
		if err := a.checkPlan(p, o.saved); err != nil {
			return err
		}
	}
	repo, err := a.repository(ctx, t.root)
	if err != nil {
		return err
	}
	opts, err := a.runOptions(ctx, repo, t, o)
	if err != nil {
		return err
	}
	if !o.record && !tasks.Pending(p, opts) {
		if a.json {
			return nil
		}
		fmt.Fprintf(a.w.Stdout, "Nothing to do: every task of %s is done.\n", t.feature.Name)
		return nil
	}
	if err := a.mayApply(ctx, repo, t, name); err != nil {
		return err
	}
	if opts.Branch, err = a.landingBranch(ctx, repo, o, opts.Branch); err != nil {
		return err
	}
	if o.record {
		if p, err = a.recordSkips(ctx, name, opts, o); err != nil {
			return a.explainRun(err, t, name)
		}
		if opts.Skip = nil; !tasks.Pending(p, opts) {
			return nil
		}
	}
	report, err := tasks.Run(ctx, p, opts)
	if err != nil {
		return a.explainRun(err, t, name)
	}
	return a.reportRun(report, t)
}

// mayApply demands that the committed specification is the one in the checkout, and approved by a person.
func (a *app) mayApply(ctx context.Context, repo *git.Repo, t *target, name string) error {
	if t.feature.Dialect == spec.Outline {
		return undecided(`spec new --blueprint none "…", and move its tasks there`, "%s is an outline, which can be planned but not applied", t.dir)
	}
	_, dir, err := t.inRepo(repo)
	if err != nil {
		return err
	}
	dirty, err := repo.Dirty(ctx, dir)
	if err != nil {
		return err
	}
	dirty = slices.DeleteFunc(dirty, func(p string) bool { return p == path.Join(dir, tasks.LockFile) && a.onlyRuns(ctx, repo, t, p) })
	if len(dirty) > 0 {
		return undecided(fmt.Sprintf("git add %[1]s && git commit %[1]s", spec.Typed(dir)), "the specification in the checkout is not the committed one: %s", strings.Join(dirty, ", "))
	}
	for _, u := range tasks.Approved(t.feature, t.lock) {
		err := fmt.Errorf("%s: %s %s", t.feature.Name, u.Stage, u.Why)
		return &failure{exitWaiting, err, fmt.Sprintf("spec approve %s %s", name, u.Stage)}
	}
	return nil
}

// onlyRuns tells whether the checkout's lock differs from HEAD's in facts of `spec verify` alone.
func (a *app) onlyRuns(ctx context.Context, repo *git.Repo, t *target, file string) bool {
	data, err := repo.ReadFile(ctx, "HEAD", file)
	if err != nil {
		return false
	}
	head, problems := trace.ParseLock(data)
	return len(problems) == 0 && t.lock.SameButRuns(head)
}

// landingBranch asks once where to land when the default branch is checked out.
func (a *app) landingBranch(ctx context.Context, repo *git.Repo, o applyOptions, configured string) (string, error) {
	branch := first(o.branch, configured)
	if branch != "" || o.here {
		return branch, nil
	}
	head, _, err := repo.Head(ctx)
	if err != nil || head == "" || head != repo.DefaultBranch(ctx) {
		return "", err
	}
	short := strings.TrimPrefix(head, "refs/heads/")
	tty, err := a.terminal()
	if err != nil {
		a.progress("landing on %s, the default branch (--branch NAME lands elsewhere)", short)
		return "", nil
	}
	defer tty.close()
	answer, err := tty.line(fmt.Sprintf("Land on %s, the default branch? Enter for yes, or the name of another branch: ", short))
	if err != nil || answer == "" || answer == "y" || answer == "yes" {
		return "", nil
	}
	if answer == "n" || answer == "no" {
		return "", no("spec apply --branch NAME", "no branch to land on")
	}
	return answer, nil
}

// recordSkips writes the skips into the lock and plans again.
func (a *app) recordSkips(ctx context.Context, name string, opts tasks.Options, o applyOptions) (*plan.Plan, error) {
	if err := tasks.Skip(ctx, opts, o.skip, "flag", o.reason); err != nil {
		return nil, err
	}
	a.progress("recorded in spec.lock: %s skipped; spec undo %s TASK takes it back", strings.Join(o.skip, ", "), name)
	t, err := a.open(name)
	if err != nil {
		return nil, err
	}
	p, _ := t.plan(o.optional)
	return p, nil
}

func (a *app) runOptions(ctx context.Context, repo *git.Repo, t *target, o applyOptions) (tasks.Options, error) {
	s, err := a.settings(t.root)
	if err != nil {
		return tasks.Options{}, err
	}
	if err := a.trusted(t.root, s); err != nil {
		return tasks.Options{}, err
	}
	policy, policyOf, err := s.policy(o.approve, t.feature.Name)
	if err != nil {
		return tasks.Options{}, err
	}
	worker, err := a.agentNamed(s, first(o.agent, s.user.Agent, s.repo.Agent, "blueprint"))
	if err != nil {
		return tasks.Options{}, err
	}
	box, err := s.sandbox()
	if err != nil {
		return tasks.Options{}, err
	}
	switch o.sandbox {
	case "", "auto", "require", "strict":
	default:
		return tasks.Options{}, undecided("", "--sandbox is auto, require or strict, not %q", o.sandbox)
	}
	if mode := sandbox.Mode(o.sandbox); mode.Stricter(box.Mode) {
		box.Mode = mode
	}
	opts, err := a.baseOptions(ctx, repo, t, s)
	if err != nil {
		return tasks.Options{}, err
	}
	if opts.Who, err = a.identity(ctx, repo); err != nil {
		return tasks.Options{}, err
	}
	opts.Sandbox, opts.Agent, opts.Policy, opts.PolicyOf = box, worker, policy, a.fromTop(opts.Root, policyOf)
	opts.AcceptRisk, opts.Jobs, opts.Attempts = o.acceptRisk, a.jobs(o, s, policy), first(o.attempts, s.user.Attempts, s.repo.Attempts)
	opts.Timeout = first(o.timeout, time.Duration(s.user.Timeout), time.Duration(s.repo.Timeout))
	opts.FailFast, opts.AssumeDone, opts.Only, opts.Until, opts.Skip, opts.Optional = o.failFast || !o.keepGoing, o.assumeDone, o.only, o.until, o.skip, o.optional
	opts.External = t.external
	opts.NoVerifyHooks, opts.Branch = o.noVerify, first(o.branch, s.user.Branch, s.repo.Branch)
	if o.inPlace {
		dirty, err := repo.Dirty(ctx)
		if err != nil {
			return tasks.Options{}, err
		}
		if len(dirty) > 0 {
			return tasks.Options{}, undecided("git stash -u", "--in-place needs a clean checkout, and there are changes in %s", strings.Join(dirty[:min(3, len(dirty))], ", "))
		}
		opts.InPlace = true
		a.progress("in place: agents work in %s; the repository's own files are watched, not protected", repo.Dir)
	}
	if o.redBaseline {
		opts.Baseline = tasks.RedBaseline
	}
	opts.Event = a.notified(opts.Event, first(s.user.Notify, s.repo.Notify), t.feature.Name)
	opts.Hooks, opts.HooksOutside = s.hooks, s.user.Hooks == "outside"
	for _, line := range s.notRun {
		a.progress("hook not run: %s", line)
	}
	opts.Gate, opts.Ask, opts.Drain = a.gate, a.question, a.drain
	if tty, err := a.terminal(); err == nil {
		tty.close()
		opts.Wait = 10 * time.Minute
	}
	return opts, nil
}

// fromTop turns a rule for paths of the workspace into one for paths of the repository.
func (a *app) fromTop(root string, of func(string) tasks.Policy) func(string) tasks.Policy {
	return func(name string) tasks.Policy {
		if rel, ok := strings.CutPrefix(name, root+"/"); ok {
			name = rel
		}
		return of(name)
	}
}

// baseOptions are the options that apply and verify share. Who commits is not among them: a CI that verifies is nobody.
func (a *app) baseOptions(ctx context.Context, repo *git.Repo, t *target, s settings) (tasks.Options, error) {
	root, dir, err := t.inRepo(repo)
	if err != nil {
		return tasks.Options{}, err
	}
	cache, err := a.w.cacheDir()
	if err != nil {
		return tasks.Options{}, fmt.Errorf("finding the cache directory: %v", err)
	}
	disk, err := bytesOf(first(s.user.Disk, "10GiB"))
	if err != nil {
		return tasks.Options{}, err
	}
	feature := t.feature.Name
	return tasks.Options{
		Repo: repo, Root: root, FeatureDir: dir, Verify: s.verification(), Setup: first(s.user.Setup, s.repo.Setup), SetupInputs: slices.Concat(s.user.SetupInputs, s.repo.SetupInputs), Disk: disk, Copy: slices.Concat(s.user.Copy, s.repo.Copy),
		Cache: cache, Self: a.w.Self, Env: a.w.Env, Steering: a.globalSteering(), Now: a.w.Now, Event: a.events(),
		Check: func(fsys fs.FS) (spec.Diagnostics, error) {
			report, err := check.Run(fsys, root, check.Options{Feature: feature, Now: a.w.Now()})
			return report.Findings, err
		},
	}, nil
}

func (a *app) jobs(o applyOptions, s settings, policy tasks.Policy) int {
	if n := first(o.jobs, s.user.Jobs, s.repo.Jobs); n > 0 {
		return n
	}
	if policy == tasks.ApproveAuto {
		return numCPU()
	}
	return 1
}

// explainRun words the errors that keep a run from going on.
func (a *app) explainRun(err error, t *target, name string) error {
	var red *tasks.Red
	switch {
	case errors.As(err, &red) && red.NoNames:
		return no("mend it first", "%v\nthe test command gives no result for single tests, so --red-baseline cannot tell what is new", err)
	case errors.As(err, &red):
		return no("mend it first, or: spec apply "+name+" --red-baseline", "%v", err)
	case errors.Is(err, tasks.ErrBusy):
		return undecided("wait for it, or see what it does: spec status", "%v", err)
	case errors.Is(err, context.Canceled):
		return &failure{exitInterrupted, errors.New("interrupted"), "spec apply " + name}
	}
	return err
}

// reportRun says what a run came to, and picks the exit status.
func (a *app) reportRun(r *tasks.Report, t *target) error {
	name := t.feature.Name
	if !a.json {
		w := a.w.Stdout
		fmt.Fprintf(w, "\n%d landed, %d failed, %d blocked, %d waiting, %d skipped, %d left.\n", len(r.Landed), len(r.Failed), len(r.Blocked), len(r.Waiting), len(r.Skipped), len(r.Left))
		for _, f := range r.Failed {
			fmt.Fprintf(w, "\nTask %s failed:\n%s\n", f.Task, clean(indent(f.Reason)))
		}
		for _, f := range r.Blocked {
			fmt.Fprintf(w, "Task %s is blocked by task %s.\n", f.Task, f.Reason)
		}
		for _, wait := range r.Waiting {
			fmt.Fprintf(w, "Task %s waits: %s\n", wait.Task, clean(oneLine(wait.Reason)))
		}
	}
	switch {
	case r.Interrupted:
		return &failure{exitInterrupted, errors.New("interrupted; what is approved is kept"), "spec apply " + name}
	case len(r.Stale) > 0:
		return waits(fmt.Sprintf("spec approve %s %s", name, r.Stale[0]), "the approval of %s became stale during the run", r.Stale[0])
	case r.Quit:
		return waits("spec apply "+name, "stopped at a gate; the result is kept")
	case len(r.Waiting) > 0:
		return waits(waitHint(r, name), "a person has to answer")
	case len(r.Failed) > 0 || len(r.Blocked) > 0:
		return no("spec runs "+r.Run+", then: spec apply "+name, "not every task landed")
	case !a.json:
		fmt.Fprintf(a.w.Stdout, "Next: spec summary %s\n", name)
	}
	return nil
}

func waitHint(r *tasks.Report, name string) string {
	for _, w := range r.Waiting {
		if w.Question != nil {
			return fmt.Sprintf("spec answer %s %s %q", r.Run, w.ID, first(append(w.Question.Choices, "your own words")...))
		}
	}
	return "spec apply " + name + " at a terminal"
}

func indent(s string) string { return "  " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ") }

// events returns the view of a run: JSON lines, or one plain line an event.
func (a *app) events() func(tasks.Event) {
	if a.json {
		enc := a.encoder()
		return func(e tasks.Event) { enc.Encode(e) }
	}
	live := newLive(a)
	a.showing.Store(live)
	return live.event
}

// notified runs the configured command when a person has to answer, with what for in its environment. Its outcome does not
// matter to the run.
func (a *app) notified(next func(tasks.Event), command, feature string) func(tasks.Event) {
	if command == "" {
		return next
	}
	return func(e tasks.Event) {
		next(e)
		if e.Event != "gate.asking" && e.Event != "gate.waiting" && e.Event != "task.question" {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		cmd := exec.CommandContext(ctx, "sh", "-c", command)
		cmd.Dir = a.dir
		cmd.Env = append(slices.Clone(a.w.Env), agent.EnvFeature+"="+feature, agent.EnvTask+"="+e.Task, "SPEC_EVENT="+e.Event, "SPEC_MESSAGE="+clean(oneLine(e.Message)))
		if err := cmd.Start(); err != nil {
			cancel()
			a.progress("notify: %v", err)
			return
		}
		go func() {
			defer cancel()
			cmd.Wait() // the person was told, or not
		}()
	}
}

// globalSteering is the user's own steering, for every project: it lies where Kiro looks for it.
func (a *app) globalSteering() []spec.SteeringFile {
	home := a.w.env("HOME")
	if home == "" {
		return nil
	}
	files, _ := spec.Steering(rooted(home), ".")
	files = append(files, spec.Powers(rooted(home), ".")...)
	for i := range files {
		files[i].Path = "~/" + files[i].Path
	}
	return slices.DeleteFunc(files, func(f spec.SteeringFile) bool { return f.Path == "~/AGENTS.md" })
}

// activity passes what an agent does on to the live view, where there is one.
func (a *app) activity(task, text string) {
	if l := a.showing.Load(); l != nil {
		l.activity(task, text)
	}
}

func (a *app) blueprint() (agent.Agent, error) {
	b, err := agent.NewBlueprint(a.w.Blueprint)
	if err != nil {
		return nil, fmt.Errorf("reading the built-in blueprint: %v", err)
	}
	return b, nil
}
