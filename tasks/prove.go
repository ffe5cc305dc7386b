package tasks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/internal/trace"
)

// A Proof is what ProveCheckout finds out about one criterion whose tests are not go's.
type Proof struct {
	Feature  string
	ID       string
	Tests    []*trace.Test
	Patches  []string // slash paths from the workspace root; tried before what the command makes
	Why      string   // its tests prove nothing as the code is; "" for none
	Breaks   []Break
	Unsteady bool // its tests passed, and after the breaks, on the same files, did not
	Took     time.Duration
}

// A Break is one change of the code, and what the tests said to it.
type Break struct {
	Name  string   // of the patch, or its number
	Files []string // that it changes, from the workspace root
	Line  int      // of its first change
	Diff  string
	End   trace.Ending
	Said  string
	Unfit string // why it is no break: it does not apply, or changes what is no code; "" for a break
	Built bool   // the tests ran
}

// maxPatchTime bounds how long a break may be in the making.
const maxPatchTime = 5 * time.Minute

// A breaker breaks the code of a checkout for criteria, one change at a time.
type breaker struct {
	run     *run
	slot    *slot
	place   checkout // where breaks are made; no test ever runs there
	tree    string   // the user's checkout as it is
	command string
	budget  int
	base    *asIs         // what a break is held against
	only    []*trace.Test // whose files are run alone; nil for all
	tell    func(format string, args ...any)
}

// ProveCheckout breaks the code of the user's checkout, uncommitted files included, and runs the configured tests on each
// break. A patch, or command, changes files in a directory that is thrown away; what it changed, and nothing else of that
// directory, comes to the checkout in which tests run. Of a criterion at most budget breaks are made.
//
// The command makes break number SPEC_BREAK, from 1 on: it changes files and ends with 0. Where it changes none there are
// no more; another status says that this one cannot be made.
func ProveCheckout(ctx context.Context, o Options, command string, budget int, proofs []*Proof, tell func(format string, args ...any)) error {
	r := &run{o: o, git: gitOf(o), now: o.Repo.Now(o.Now()), place: place(o.Cache, o.Repo.CommonDir), report: &Report{}, trees: map[string]Verified{}}
	var err error
	if r.lock, err = lockRun(o.Repo.Dir, 15*time.Second); err != nil {
		return err
	}
	defer r.lock.release()
	if r.journal, err = openJournal(o.Repo.Dir, o.Now()); err != nil {
		return err
	}
	defer r.journal.close()
	if err := os.MkdirAll(r.place, 0o755); err != nil {
		return err
	}
	if used := occupy(r.place); used != nil {
		defer used.Close()
	}
	b := &breaker{run: r, command: command, budget: budget, tell: tell}
	if b.tree, err = r.freezeCheckout(ctx); err != nil {
		return err
	}
	if b.slot, err = r.openSlot(0); err != nil {
		return err
	}
	dir, index := filepath.Join(r.place, "prove"), filepath.Join(r.place, "index", "prove")
	defer os.Remove(index)
	defer os.RemoveAll(dir)
	if b.place, err = r.git.At(filepath.Join(dir, "tree"), index); err != nil {
		return err
	}
	return b.all(ctx, proofs)
}

// An asIs is how tests ended without a break: all of them, or those of some files alone.
type asIs struct {
	Verified
	key   string        // the files; "" for all
	limit time.Duration // of a run with a break
}

// all runs the tests of each criterion as they are, with each break, and once more as they are. Where the command of a preset can
// run their files alone, and they pass there, the whole run is spared.
func (b *breaker) all(ctx context.Context, proofs []*Proof) error {
	if why, err := b.blind(); err != nil || why != "" {
		for _, p := range proofs {
			p.Why = why
		}
		return err
	}
	firsts, broken := map[string]*asIs{}, map[*Proof]*asIs{}
	for _, p := range proofs {
		base, err := b.before(ctx, p, firsts)
		if err != nil {
			return err
		}
		if p.Why = notHeld(p, base.Verified); p.Why == "" {
			begun := time.Now()
			if b.base = base; b.base.key == "" {
				b.only = nil
			} else {
				b.only = p.Tests
			}
			if err := b.criterion(ctx, p); err != nil {
				return err
			}
			p.Took = time.Since(begun)
			if len(p.Breaks) > 0 {
				broken[p] = base
			}
		}
	}
	return b.after(ctx, proofs, broken)
}

// before runs the tests of a criterion as they are, in as few runs for all criteria as can be.
func (b *breaker) before(ctx context.Context, p *Proof, firsts map[string]*asIs) (*asIs, error) {
	for _, key := range []string{b.files(p), ""} {
		base := firsts[key]
		if base == nil {
			b.only = nil
			if key != "" {
				b.only = p.Tests
			}
			b.tell("running the tests as they are%s", alone(key))
			v, err := b.verify(ctx, b.tree, nil, "first "+key)
			if err != nil {
				return nil, err
			}
			base = &asIs{Verified: v, key: key, limit: b.limit(v)}
			firsts[key], b.run.installed = base, true
		}
		if key == "" || notHeld(p, base.Verified) == "" {
			return base, nil
		}
	}
	return nil, nil
}

// files are those of a criterion's tests where they can be run alone; "" where they cannot.
func (b *breaker) files(p *Proof) string {
	by := b.run.o.Verify
	by.Part.Tests = p.Tests
	runner, err := Detect(os.DirFS(b.run.o.Repo.Dir), b.run.o.Root, by)
	if err != nil || !runner.Part {
		return ""
	}
	return strings.Join(runner.Test[0].Args, " ")
}

func alone(key string) string {
	if key == "" {
		return ""
	}
	return ", of " + key
}

// limit is how long a run with a break may take.
func (b *breaker) limit(v Verified) time.Duration {
	var took time.Duration // of the slowest step that runs again: what is installed is not
	for _, s := range v.Steps {
		if s.Name != "fetch" {
			took = max(took, s.Took)
		}
	}
	limit := 4*took + 4*time.Second
	if b.run.o.Verify.Timeout > 0 {
		limit = min(limit, b.run.o.Verify.Timeout)
	}
	return limit
}

// after runs the tests as they are once more. A command of the user's own may run less where it is told which tests are wanted:
// what noticed a break has to pass there too.
func (b *breaker) after(ctx context.Context, proofs []*Proof, first map[*Proof]*asIs) error {
	lasts := map[string]Verified{}
	for _, p := range proofs {
		base := first[p]
		if base == nil {
			continue
		}
		key, asked := base.key, (*Proof)(nil)
		if b.only = nil; key != "" {
			b.only = p.Tests
		} else if own := b.run.o.Verify.Test; own != "" && !presetLine(own) && slices.ContainsFunc(p.Breaks, func(br Break) bool { return br.Unfit == "" && br.End == trace.Asserted }) {
			asked, key = p, strings.Join(b.env(p), "\n")
		}
		v, again := lasts[key]
		if !again {
			b.tell("running the tests as they are once more%s", alone(base.key))
			var err error
			if v, err = b.verify(ctx, b.tree, asked, "last "+key); err != nil {
				return err
			}
			lasts[key] = v
		}
		p.Unsteady = notHeld(p, v) != ""
	}
	return nil
}

// blind says why the configured command cannot tell how single tests end; "" where it can.
func (b *breaker) blind() (string, error) {
	runner, err := Detect(os.DirFS(b.run.o.Repo.Dir), b.run.o.Root, b.run.o.Verify)
	switch {
	case err != nil:
		return "", err
	case runner.GoTests:
		return "go test does not run it: verify.test and verify.junit of .kiro/spec.yaml name another runner", nil
	case len(runner.Test) == 0:
		return "nothing says how tests are run: verify.preset, or verify.test and verify.junit, in .kiro/spec.yaml", nil
	case runner.JUnit == "":
		return fmt.Sprintf("%s gives no result of single tests: verify.preset, or verify.junit, in .kiro/spec.yaml", runner.Test[0]), nil
	}
	return "", nil
}

// notHeld says which test of a criterion did not pass; "" where all did.
func notHeld(p *Proof, v Verified) string {
	for _, t := range p.Tests {
		end, said := v.Results.Ending(t)
		if end != trace.Held {
			return strings.TrimRight(fmt.Sprintf("%s %s: %s", t.Name, v.Results.Of(t), firstNonEmpty(said, v.Summary)), ": ")
		}
	}
	return ""
}

// criterion makes the breaks of one criterion, patches first, and lets its tests see each.
func (b *breaker) criterion(ctx context.Context, p *Proof) error {
	seen := map[string]string{b.tree: "nothing"}
	for n := 1; len(p.Breaks) < b.budget; n++ {
		br := Break{Name: strconv.Itoa(n)}
		var argv []string
		dir := filepath.FromSlash(b.run.o.Root)
		switch {
		case n <= len(p.Patches): // git diff names files from the top, wherever it is typed
			br.Name, dir = path.Base(p.Patches[n-1]), "."
			argv = []string{"git", "apply", "--whitespace=nowarn", "--unidiff-zero", "--recount", "--", path.Join(b.run.o.Root, p.Patches[n-1])}
		case b.command != "":
			argv = []string{"sh", "-c", b.command}
		default:
			return nil
		}
		b.tell("criterion %s: break %s", p.ID, br.Name)
		tree, err := b.make(ctx, &br, dir, argv, append(b.env(p), "SPEC_BREAK="+strconv.Itoa(n-len(p.Patches))))
		if err != nil {
			return err
		}
		if before := seen[tree]; br.Unfit == "" && before != "" {
			if before == "nothing" && n > len(p.Patches) {
				return nil // the command has no more
			}
			br.Unfit = "changes " + map[bool]string{true: "nothing", false: "the same as " + before}[before == "nothing"]
		}
		if br.Unfit == "" {
			seen[tree] = br.Name
			if err := b.judge(ctx, p, &br, tree); err != nil {
				return err
			}
		}
		p.Breaks = append(p.Breaks, br)
	}
	return nil
}

// env is what a criterion's breaks and tests are told.
func (b *breaker) env(p *Proof) []string {
	return append(TestsEnv(p.Feature, p.Tests), "SPEC_CRITERION="+p.ID)
}

// TestsEnv tells a test command which tests are wanted; it may run more.
func TestsEnv(feature string, tests []*trace.Test) []string {
	var names, files []string
	for _, t := range tests {
		names = append(names, t.Name)
		if !slices.Contains(files, t.File) {
			files = append(files, t.File)
		}
	}
	return []string{"SPEC_FEATURE=" + feature, "SPEC_TESTS=" + strings.Join(names, "\n"), "SPEC_TEST_FILES=" + strings.Join(files, "\n")}
}

// make lets a command change the files of the throw-away directory, and gives what they are then as a tree.
func (b *breaker) make(ctx context.Context, br *Break, dir string, argv, env []string) (tree string, err error) {
	r := b.run
	if err := b.place.Reset(ctx, b.tree); err != nil {
		return "", fmt.Errorf("preparing a directory to break the code in: %v", err)
	}
	temp, err := r.temp()
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	if err := os.Mkdir(filepath.Join(temp, "home"), 0o711); err != nil {
		return "", err
	}
	limit := maxPatchTime
	if r.o.Verify.Timeout > 0 {
		limit = min(limit, r.o.Verify.Timeout)
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out boundedBuffer
	c := sandbox.Command{Self: r.o.Self, Argv: argv, Dir: filepath.Join(b.place.Path(), dir), Stdout: &out, Stderr: &out, Hold: r.lock.file(),
		Env:    append(r.childEnv(temp, env...), "GIT_CEILING_DIRECTORIES="+filepath.Dir(b.place.Path())),
		Policy: r.policy().With([]string{b.place.Path()}, []string{b.place.Path(), temp})}
	exit, err := c.Run(limited)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		br.Unfit = fmt.Sprintf("was not made within %v", limit)
		return "", nil
	case err != nil:
		return "", fmt.Errorf("breaking the code: %w", err)
	case exit.Code != 0:
		br.Unfit = strings.Join(strings.Fields("does not apply: "+firstNonEmpty(strings.TrimSpace(cutTail(out.String(), 3)), ending(exit))), " ")
		return "", nil
	}
	tree, nested, err := b.place.Freeze(ctx, b.tree)
	var unfit *git.Unfit
	switch {
	case errors.As(err, &unfit):
		br.Unfit = unfit.Why
		return "", nil
	case err != nil:
		return "", fmt.Errorf("taking a break: %w", err)
	case len(nested) > 0:
		br.Unfit = "makes a repository, " + nested[0]
		return "", nil
	}
	return tree, b.describe(ctx, br, tree)
}

// describe says what a break changes, and why it may not count as one.
func (b *breaker) describe(ctx context.Context, br *Break, tree string) error {
	changes, err := b.run.git.Changes(ctx, b.tree, tree)
	if err != nil {
		return err
	}
	diff, err := b.run.git.Diff(ctx, b.tree, tree)
	if err != nil {
		return err
	}
	br.Diff, br.Line = hunks(string(diff))
	for _, c := range changes {
		name, ok := c.Path, true
		if b.run.o.Root != "." {
			name, ok = strings.CutPrefix(c.Path, b.run.o.Root+"/")
		}
		br.Files = append(br.Files, name)
		if why := b.noCode(c, name, ok); why != "" && br.Unfit == "" {
			br.Unfit = name + " " + why
		}
	}
	return nil
}

// noCode says why a change is no break of the code; "" where it is one.
func (b *breaker) noCode(c git.Change, name string, inside bool) string {
	v := b.run.o.Verify
	switch {
	case !inside:
		return "lies outside of the project"
	case isTest(c.Path), isExpectation(c.Path):
		return "is a test, or what tests compare with: the code is to be broken, not they"
	case b.run.protected(c.Path), steersVerify(c) != "", isManifest(path.Base(c.Path)), isCI(c.Path),
		mentions(v.Fetch+" "+v.Build+" "+v.Test+" "+b.command, name):
		return "decides what is run: the code is to be broken, not that"
	case c.Status != "M" && c.Status != "D":
		return "is new, or no longer a file: a break changes the code that is there"
	}
	return ""
}

// judge runs the tests of a criterion on a broken tree.
func (b *breaker) judge(ctx context.Context, p *Proof, br *Break, tree string) error {
	v, err := b.verify(ctx, tree, p, "break "+br.Name)
	if err != nil {
		return err
	}
	if index, err := trace.Scan(os.DirFS(b.slot.check.Path()), b.run.o.Root); err != nil {
		return err
	} else if slices.ContainsFunc(p.Tests, func(t *trace.Test) bool { return index.Test(p.Feature, p.ID, t.Name, t.Body) == nil }) {
		br.Unfit = "changes a test of the criterion: the code is to be broken"
		return nil
	}
	br.Built = v.Results != nil && !slices.ContainsFunc(p.Tests, func(t *trace.Test) bool { return v.Results.Of(t) == trace.NotRun })
	br.End, br.Said = trace.Held, ""
	overtime := slices.ContainsFunc(v.Steps, func(s Step) bool { return s.Overtime })
	for _, t := range p.Tests {
		switch end, said := v.Results.Ending(t); {
		case end == trace.Asserted:
			br.End, br.Said = end, said
			return nil
		case end != trace.Held && br.End == trace.Held:
			br.End, br.Said = end, said
		}
	}
	switch ended, why := last(v.Steps), telling(v.Failure); {
	case overtime:
		br.End, br.Said = trace.Overtime, ""
	case !br.Built:
		br.End, br.Said = trace.Stopped, firstNonEmpty(why, "the report names not every test of the criterion")
		// What cannot be read or imported ends with another status, and no report speaks of its tests.
		br.Built = ended.OK || ended.Killed || v.Results.Named(p.Tests)
	case br.End != trace.Held || v.Results.Counts().Failed > 0:
	case !ended.OK && last(b.base.Steps).OK:
		br.End, br.Said = trace.Stopped, why // not by a test: a process that died, an error that nobody waited for
	case v.Results.Beside(p.Tests) < b.base.Results.Beside(p.Tests):
		br.End, br.Said = trace.Stopped, "fewer tests of its file were run than without the break"
	}
	return nil
}

// telling is how a run ended, and the first line of its output that names an error.
func telling(failure string) string {
	head, output, _ := strings.Cut(strings.TrimSpace(failure), "\n")
	if i := strings.LastIndex(head, " ended with "); i >= 0 {
		head = "the run" + head[i:]
	}
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); namesError().MatchString(line) {
			return head + ": " + line
		}
	}
	return head
}

var namesError = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\w(?:Error|Exception)\b|(?i:\b(?:fatal|syntax|parse)? ?error\b[:\[])`)
})

// last is the last of the steps that ran.
func last(steps []Step) Step {
	if len(steps) == 0 {
		return Step{}
	}
	return steps[len(steps)-1]
}

// verify runs the tests on a tree; of the criterion's where the configured command asks for them.
func (b *breaker) verify(ctx context.Context, tree string, p *Proof, why string) (Verified, error) {
	by := b.run.o.Verify
	by.NoFetch, by.Part.Tests = b.run.installed, b.only
	if p != nil {
		by.Env, by.Timeout = b.env(p), b.base.limit
		why += " of " + p.Feature + "/" + p.ID
	}
	return b.run.verifyBy(ctx, b.slot, tree, "", by, why+" "+tree)
}

// hunks is a diff from its first hunk on, and the line of the first change.
func hunks(diff string) (text string, line int) {
	at := strings.Index(diff, "\n@@ ")
	if at < 0 {
		return "", 0
	}
	text = diff[at+1:]
	fmt.Sscanf(text, "@@ -%d", &line)
	for _, l := range strings.Split(text, "\n")[1:] {
		if !strings.HasPrefix(l, " ") {
			break
		}
		line++
	}
	return text, line
}
