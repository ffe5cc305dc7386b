package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

type verifyOptions struct {
	frozen    bool
	commit    bool
	criterion []string
	since     string
	tagged    bool
	stale     bool
	results   string
}

func (a *app) verifyVerb() *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use:   "verify [FEATURE]",
		Short: "Run the tests that prove criteria, and record what was seen to pass",
		Long: "Verify builds and tests the checkout as it is (uncommitted changes included) in a directory of its own, inside the\n" +
			"sandbox, and writes a fact for each criterion whose tagged tests all passed. With --frozen it writes nothing, and ends\nwith 1 where a recorded fact is no longer true.\n\n" +
			"Without --criterion, --changed-since, --stale or --tagged every test is run, and coverage is measured; with one of them one go\ntest runs the tests of those criteria alone. A test that failed is run once more: one that passes then is flaky, which\nis no pass.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.prompt(c.Context())
			defer cancel()
			return a.verify(ctx, slices.Concat(args, []string{""})[0], o)
		},
	}
	c.Flags().BoolVar(&o.frozen, "frozen", false, "compare with the recorded facts and write nothing (for CI)")
	c.Flags().BoolVar(&o.commit, "commit", false, "commit spec.lock where it changed")
	c.Flags().StringSliceVar(&o.criterion, "criterion", nil, "only the tests of criteria `IDS`")
	c.Flags().StringVar(&o.since, "changed-since", "", "only the tests of criteria whose words, tests or code are not those of the commit `REV`")
	c.Flags().StringVar(&o.results, "results", "", "run nothing: read `FILE`, what go test -json wrote of this very tree (for a CI that runs the tests itself); - is standard input")
	c.Flags().BoolVar(&o.tagged, "tagged", false, "only tests that are tagged for criteria")
	c.Flags().BoolVar(&o.stale, "stale", false, "only the tests of criteria whose facts in spec.lock are absent, or of other words or tests")
	return c
}

// A proof is what verify found for one criterion.
type proof struct {
	Criterion string   `json:"criterion"`
	Text      string   `json:"text"`
	Tests     []string `json:"tests"` // file and name
	names     []string
	Result    string `json:"result"` // passed, failed, flaky, timed out, skipped, not run, no test
	Breaks    string `json:"breaks"` // noticed by the tests, of those that spec prove made; "" for none
	Problem   string `json:"problem,omitempty"`
}

type verification struct {
	Version        int     `json:"version"`
	Feature        string  `json:"feature"`
	OK             bool    `json:"ok"`
	Summary        string  `json:"summary"`
	Coverage       float64 `json:"coverage"` // per cent of statements; -1 where it was not measured
	CoverageTarget int     `json:"coverageTarget"`
	Criteria       []proof `json:"criteria"`
	Written        bool    `json:"written"`
}

func (a *app) verify(ctx context.Context, name string, o verifyOptions) error {
	targets, err := a.managed(name)
	if err != nil {
		return err
	}
	repo, err := a.repository(ctx, targets[0].root)
	if err != nil {
		return err
	}
	if o.commit {
		if _, err := a.identity(ctx, repo); err != nil {
			return err
		}
	}
	chosen, err := a.selectTests(ctx, targets, o)
	if err != nil {
		return err
	}
	if !chosen.whole && len(chosen.tests) == 0 {
		for _, t := range targets {
			v := verification{Version: 1, Feature: t.feature.Name, OK: true, Summary: "no test to run", Coverage: -1, Criteria: []proof{}}
			for _, c := range chosen.criteria[t.feature.Name] {
				v.Criteria = append(v.Criteria, proof{Criterion: c.ID, Text: c.Text, Tests: []string{}, Result: "no test"})
			}
			if err := a.showVerification(v, &tasks.VerifiedTree{Verified: tasks.Verified{OK: true}}); err != nil {
				return err
			}
		}
		return nil
	}
	if o.results != "" {
		run, err := a.readResults(targets[0].root, o.results)
		if err != nil {
			return err
		}
		return a.verifyFeatures(ctx, repo, targets, run, chosen, nil, o)
	}
	var part tasks.Part
	if !chosen.whole {
		part = partOf(targets[0].root, chosen.tests)
	}
	run, err := a.verifyTree(ctx, repo, targets[0], part)
	if err != nil {
		return err
	}
	if run.Part && slices.ContainsFunc(part.Tests, func(t *trace.Test) bool { return run.Results.Of(t) == trace.NotRun }) {
		if run, err = a.verifyTree(ctx, repo, targets[0], tasks.Part{}); err != nil { // its file alone is not where it is run
			return err
		}
	}
	if part.GoArgs != nil || run.Part {
		run.Coverage = -1 // of a part of the tests it would say nothing
	} else if err := a.keepVerify(ctx, repo, run); err != nil {
		return err
	}
	unsteady, err := a.flaky(ctx, repo, targets[0], run, chosen.tests)
	if err != nil {
		return err
	}
	return a.verifyFeatures(ctx, repo, targets, run, chosen, unsteady, o)
}

// verifyFeatures compares what was seen with the lock of each feature.
func (a *app) verifyFeatures(ctx context.Context, repo *git.Repo, targets []*target, run *tasks.VerifiedTree, chosen selection, unsteady map[string]bool, o verifyOptions) error {
	failed := false
	for _, t := range targets {
		v, err := a.verifyFeature(ctx, repo, t, run, chosen.criteria[t.feature.Name], unsteady, o)
		if err != nil {
			return err
		}
		failed = failed || !v.OK
		if err := a.showVerification(v, run); err != nil {
			return err
		}
	}
	if failed {
		return errSaid
	}
	return nil
}

// readResults takes the results of a run that somebody else made of the checkout as it is, with what no package reported
// left out: a criterion whose tests are not among them gets no fact.
func (a *app) readResults(root, file string) (*tasks.VerifiedTree, error) {
	in, err := a.results(file)
	if err != nil {
		return nil, undecided("go test -json ./... > "+file, "reading the results: %v", err)
	}
	defer in.Close()
	run := &tasks.VerifiedTree{Coverage: -1}
	if run.Results, err = trace.ReadGoTest(in); err != nil {
		return nil, undecided("go test -json ./... > "+file, "reading the results: %v", err)
	}
	if run.Index, err = trace.Scan(rooted(root), "."); err != nil {
		return nil, err
	}
	counts := run.Results.Counts()
	if counts == (trace.Counts{}) {
		return nil, undecided("go test -json ./... > "+file, "%s holds no result of a test", file)
	}
	run.OK, run.Summary = len(run.Results.Failed()) == 0, counts.String()
	run.Failure = run.Results.Failures(40)
	return run, nil
}

// results opens the results of a run: of a file, or of a run that goes on, whose output is shown meanwhile.
func (a *app) results(file string) (io.ReadCloser, error) {
	if file != "-" {
		return os.Open(a.path(file))
	}
	if a.quiet {
		return io.NopCloser(a.w.Stdin), nil
	}
	return io.NopCloser(trace.Follow(a.w.Stdin, a.w.Stderr)), nil
}

// managed lists the features to verify: the one that is named, or every one of the workspace that has a lock.
func (a *app) managed(name string) ([]*target, error) {
	if name != "" {
		t, err := a.open(name)
		if err != nil {
			return nil, err
		}
		if !t.managed {
			return nil, undecided("spec approve "+name+", or for finished work: spec adopt "+name, "%s has no spec.lock", t.feature.Name)
		}
		return []*target{t}, nil
	}
	all, err := a.allManaged()
	if err == nil && len(all) == 0 {
		return nil, undecided("spec list", "no feature here has a spec.lock")
	}
	return all, err
}

// verifyTree runs the tests on the checkout as it is, all or a part, with variables beside the usual.
func (a *app) verifyTree(ctx context.Context, repo *git.Repo, t *target, part tasks.Part, env ...string) (*tasks.VerifiedTree, error) {
	s, err := a.settings(t.root)
	if err != nil {
		return nil, err
	}
	if err := a.trusted(t.root, s); err != nil {
		return nil, err
	}
	opts, err := a.baseOptions(ctx, repo, t, s)
	if err != nil {
		return nil, err
	}
	opts.Verify.Part, opts.Verify.Env = part, env
	if opts.Sandbox, err = s.sandbox(); err != nil {
		return nil, err
	}
	if a.json {
		opts.Event = nil
	}
	run, err := tasks.VerifyCheckout(ctx, opts)
	if errors.Is(err, tasks.ErrBusy) {
		return nil, undecided("wait for it, or see what it does: spec status", "%v", err)
	}
	return run, err
}

// verifyFeature compares what was seen with a feature's lock, and writes it there unless frozen.
func (a *app) verifyFeature(ctx context.Context, repo *git.Repo, t *target, run *tasks.VerifiedTree, criteria []*spec.Requirement, unsteady map[string]bool, o verifyOptions) (verification, error) {
	v := verification{Version: 1, Feature: t.feature.Name, OK: run.OK, Summary: run.Summary, Coverage: run.Coverage, CoverageTarget: a.coverageTarget(t), Criteria: []proof{}}
	seen := trace.Proven(t.feature, run.Index, run.Results)
	for _, c := range criteria {
		p := a.proofOf(t, run, c, unsteady)
		if o.frozen {
			p.Problem = first(frozenProblem(t.lock, c, seen), p.Problem)
		}
		v.OK = v.OK && p.Problem == "" && (p.Result == "passed" || p.Result == "no test")
		v.Criteria = append(v.Criteria, p)
	}
	if o.frozen {
		return v, nil
	}
	before := string(t.lock.Bytes())
	t.lock.SetRan(t.feature, seen)
	if string(t.lock.Bytes()) == before {
		return v, nil
	}
	file := path.Join(t.feature.Dir, tasks.LockFile)
	if err := writeFile(filepath.Join(t.root, filepath.FromSlash(file)), t.lock.Bytes()); err != nil {
		return v, undecided("", "%v", err)
	}
	v.Written = true
	if o.commit {
		root, _, err := t.inRepo(repo)
		if err != nil {
			return v, err
		}
		if err := repo.Commit(ctx, t.feature.Name+": record verified tests\n", path.Join(root, file)); err != nil {
			return v, undecided("git commit "+spec.Typed(file), "%v", err)
		}
	}
	return v, nil
}

// coverageTarget is the share of statements that tests are to run, in per cent.
func (a *app) coverageTarget(t *target) int {
	s, err := a.settings(t.root)
	if err != nil {
		return 80
	}
	return first(s.user.Verify.Coverage.Target, s.repo.Verify.Coverage.Target, 80)
}

// proofOf says how a criterion's tests did.
func (a *app) proofOf(t *target, run *tasks.VerifiedTree, c *spec.Requirement, unsteady map[string]bool) proof {
	p := proof{Criterion: c.ID, Text: c.Text, Tests: []string{}, Result: "passed"}
	for _, test := range run.Index.Tests(t.feature.Name, c.ID) {
		p.Tests, p.names = append(p.Tests, test.File+" "+test.Name), append(p.names, test.Name)
		r := run.Results.Of(test)
		if unsteady[test.File+" "+test.Name] {
			r = trace.Flaky
		}
		if r == trace.Flaky {
			p.Problem = test.Name + " failed, and passed when it was run once more: it is flaky, which is no pass"
		}
		if r != trace.Passed {
			p.Result = string(r)
		}
	}
	if facts := t.lock.Criterion(c.ID); facts != nil && facts.Bites != "" {
		p.Breaks, _, _ = strings.Cut(facts.Bites, " ")
		if !proven(facts, c, run.Index, t.feature.Name) {
			p.Breaks += " (aged)"
		}
	}
	if len(p.Tests) == 0 {
		p.Result = "no test"
	}
	return p
}

// frozenProblem says why a criterion's recorded facts are not what was just seen; "" when they are.
func frozenProblem(lock *trace.Lock, c *spec.Requirement, seen map[string][]trace.Ran) string {
	recorded := lock.Criterion(c.ID)
	if recorded == nil || len(recorded.Tests) == 0 {
		return ""
	}
	for _, fact := range recorded.Tests {
		i := slices.IndexFunc(seen[c.ID], func(r trace.Ran) bool { return r.Name == fact.Name && r.Body == fact.Body })
		switch {
		case i < 0:
			return "the lock says that " + fact.Name + " passed as it was; here it did not"
		case seen[c.ID][i].Text != fact.Text:
			return "the criterion's words are not those that " + fact.Name + " proved"
		}
	}
	return ""
}

func (a *app) showVerification(v verification, run *tasks.VerifiedTree) error {
	if a.json {
		return a.print(v)
	}
	w := tabwriter.NewWriter(a.w.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "CRITERION\tRESULT\tBREAKS\tTESTS\n")
	proven := 0
	for _, p := range v.Criteria {
		if p.Result == "passed" {
			proven++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Criterion, p.Result, first(p.Breaks, "-"), clean(strings.ReplaceAll(strings.Join(p.names, ", "), "\n", " ")))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range v.Criteria {
		if p.Problem != "" {
			fmt.Fprintf(a.w.Stdout, "criterion %s: %s\n", p.Criterion, clean(p.Problem))
		}
	}
	fmt.Fprintf(a.w.Stdout, "%s: %d of %d criteria have tests that passed; %s\n", v.Feature, proven, len(v.Criteria), v.Summary)
	if v.Coverage >= 0 {
		word := "met"
		if v.Coverage < float64(v.CoverageTarget) {
			word = "missed"
		}
		fmt.Fprintf(a.w.Stdout, "coverage: %.1f %% of statements (target %d %%, %s)\n", v.Coverage, v.CoverageTarget, word)
	}
	if v.Written {
		fmt.Fprintf(a.w.Stdout, "spec.lock now holds what was seen; commit it, or use --commit\n")
	}
	switch {
	case !run.OK:
		fmt.Fprintf(a.w.Stdout, "\n%s\n", clean(run.Failure))
		if strings.HasPrefix(run.Failure, "build failed: go vet ") {
			a.progress("spec: hint: %s", "verify: {build: go build ./...} in .kiro/spec.yaml, then spec trust, where what vet says is no mistake")
		}
	case run.Results.Counts() == (trace.Counts{}) && len(run.Steps) > 0 && proven < len(v.Criteria):
		a.progress("spec: hint: %s", "verify: {preset: NAME} in .kiro/spec.yaml, where the runner is one of "+strings.Join(tasks.Presets(), ", ")+", or verify.junit for another: a status alone tells nothing of single tests")
	}
	return nil
}

// keepVerify keeps what the summary shows of this run, with the code that it saw.
func (a *app) keepVerify(ctx context.Context, repo *git.Repo, run *tasks.VerifiedTree) error {
	code, err := tasks.CodeTree(ctx, repo, run.Tree)
	if err != nil {
		return err
	}
	last := lastVerify{Code: code, Suites: []suite{}, Coverage: run.Coverage}
	for _, pkg := range run.Results.Packages() {
		c := run.Results.CountsOf(pkg)
		last.Suites = append(last.Suites, suite{Name: pkg, Passed: c.Passed, Failed: c.Failed + c.TimedOut, Skipped: c.Skipped})
	}
	data, err := json.Marshal(last)
	if err != nil {
		return err
	}
	return writeFile(lastVerifyFile(repo), data)
}
