package tasks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"spec.example/spec/internal/guard"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
)

// verify builds and tests exactly one tree, in the slot's verify checkout and inside the sandbox. The error is not
// nil when it could not be done; a tree that does not build or pass is Verified.OK false.
func (r *run) verify(ctx context.Context, s *slot, tree, task string) (Verified, error) {
	return r.verifyBy(ctx, s, tree, task, r.o.Verify, tree)
}

// verifyTask verifies the result of a task: first by the smaller step that the task names with `_Verify:_`, where it may be
// run, so that what fails there is back with the agent soon; then whole, for only that tells which tests no longer run.
func (r *run) verifyTask(ctx context.Context, s *slot, h *head, t *plan.Task, result frozen) (Verified, error) {
	step := ""
	if task := h.feature.Task(t.ID); task != nil && task.Fields != nil {
		step = task.Verify
	}
	switch {
	case step == "" || r.o.judged != nil:
	case !smallerStep(step) || !r.runner.GoTests && !r.runner.Empty():
		r.event("task.verifying", t.ID, "its own "+strconv.Quote(step)+" is not a go test of packages below the workspace: everything is verified at once", nil)
	default:
		by := r.o.Verify
		by.Test, by.NoBuild = step, true
		v, err := r.verifyBy(ctx, s, result.tree, t.ID, by, "step "+step+" "+result.tree)
		if err != nil || r.judge(h, t, v, result.diff) != "" {
			return v, err
		}
	}
	return r.verify(ctx, s, result.tree, t.ID)
}

// verifyMerged verifies what is about to land: by the command for landings, where there is one, which always runs whole.
func (r *run) verifyMerged(ctx context.Context, s *slot, tree, task string) (Verified, error) {
	v := r.o.Verify
	if v.Landing == "" {
		return r.verify(ctx, s, tree, task)
	}
	v.Test = v.Landing
	return r.verifyBy(ctx, s, tree, task, v, "landing "+tree)
}

func (r *run) verifyBy(ctx context.Context, s *slot, tree, task string, by Verification, known string) (Verified, error) {
	if v, ok := r.verified(known); ok {
		return v, r.checkout(ctx, s, tree)
	}
	if err := r.checkout(ctx, s, tree); err != nil {
		return Verified{}, err
	}
	fault("verify.checkout")
	if r.o.judged != nil {
		v := r.o.judged(tree)
		r.remember(known, v)
		return v, nil
	}
	runner, byTask := r.runner, false
	if runner.Empty() || by.Test != r.o.Verify.Test {
		found, err := Detect(os.DirFS(s.check.Path()), r.o.Root, by)
		if err != nil {
			return Verified{}, err
		}
		runner, byTask = found, r.runner.Empty() && !found.Empty() && task != "" && by.Test == ""
	}
	if runner.Empty() {
		return Verified{OK: true, Nothing: true, Summary: "nothing to verify yet"}, nil
	}
	if !runner.GoTests {
		s.holds = "" // what runs may write into the tree that it tests
	}
	s.open = s.open || !r.sealed()
	if !guard.On(guard.Checkout) && task != "" {
		s = &slot{number: s.number, check: s.work}
	}
	e, err := r.newExecution(s, task, runner)
	if err != nil {
		return Verified{}, err
	}
	defer os.RemoveAll(e.temp)
	v, err := e.steps(ctx)
	if err != nil {
		return Verified{}, err
	}
	v.ByTask, v.Part = byTask, runner.Part
	r.remember(known, v)
	fault("verify.end")
	return v, nil
}

func (r *run) verified(tree string) (Verified, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.trees[tree]
	return v, ok && v.OK
}

// remember keeps the latest verifications: as many as tasks can be between their own and their landing, and no more, since
// each holds a result for every test.
func (r *run) remember(tree string, v Verified) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, again := r.trees[tree]; !again {
		r.latest = append(r.latest, tree)
	}
	r.trees[tree] = v
	if keep := 4*r.o.Jobs + 8; len(r.latest) > keep {
		delete(r.trees, r.latest[0])
		r.latest = r.latest[1:]
	}
}

// checkout makes the verify checkout hold the tree, with the user's copied files, after setup where one of its inputs
// changed.
func (r *run) checkout(ctx context.Context, s *slot, tree string) error {
	from, over := s.holds, s.over
	if from == tree && len(over) == 0 {
		return nil
	}
	s.holds, s.over = "", nil
	var keep []string
	inputs := r.setupInputs(ctx, tree)
	if r.installed || r.o.Setup != "" && s.setup == inputs {
		for _, name := range []string{"node_modules", ".venv", "vendor/bundle"} {
			keep = append(keep, path.Join(r.o.Root, name))
		}
	}
	moves := from != "" && !s.open && r.o.Setup == "" && len(r.o.Copy) == 0 && len(keep) == 0
	if !moves || s.check.Move(ctx, from, tree, over...) != nil {
		if err := s.check.Reset(ctx, tree, keep...); err != nil {
			return fmt.Errorf("preparing the verify checkout: %v", err)
		}
		s.open = false
	}
	if err := r.copyIn(s.check.Path()); err != nil {
		return err
	}
	if r.o.Setup != "" && s.setup != inputs {
		if err := r.runSetup(ctx, s, s.check.Path()); err != nil {
			return err
		}
		s.setup = inputs
	}
	s.holds = tree
	return nil
}

// sealed tells whether nothing that is built or tested with go can write into the verify checkout.
func (r *run) sealed() bool {
	_, ok := sandbox.Available()
	return ok && r.policy().Mode != sandbox.Off && len(r.o.Sandbox.Writes) == 0
}

// setupInputs hashes the manifests and lock files that a setup command reads.
func (r *run) setupInputs(ctx context.Context, tree string) string {
	if r.o.Setup == "" {
		return ""
	}
	h := sha256.New()
	names := r.o.SetupInputs
	if len(names) == 0 {
		names = []string{"package.json", "package-lock.json", "go.mod", "go.sum", "Cargo.toml", "Cargo.lock", "pyproject.toml", "requirements.txt", "Gemfile.lock"}
	}
	for _, name := range names {
		if data, err := r.git.ReadFile(ctx, tree, path.Join(r.o.Root, name)); err == nil {
			fmt.Fprintf(h, "%s %d\n", name, len(data))
			h.Write(data)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// An execution is the running of one verification.
type execution struct {
	r      *run
	s      *slot
	task   string
	runner Runner
	temp   string
	dir    string // the workspace root in the verify checkout
	env    []string
}

func (r *run) newExecution(s *slot, task string, runner Runner) (*execution, error) {
	temp, err := r.temp()
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{"home", "w", "t"} {
		if err := os.Mkdir(filepath.Join(temp, dir), 0o711); err != nil {
			return nil, err
		}
	}
	dirs := []string{r.goBuildCache(), r.goModCache(), filepath.Join(r.place, "packages")}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	e := &execution{r: r, s: s, task: task, runner: runner, temp: temp, dir: filepath.Join(s.check.Path(), filepath.FromSlash(r.o.Root))}
	e.env = r.childEnv(temp, "SPEC_FEATURE="+path.Base(r.o.FeatureDir), "SPEC_TASK="+task, "SPEC_SLOT="+strconv.Itoa(s.number),
		"GOTMPDIR="+filepath.Join(temp, "w"), "GOCACHE="+r.goBuildCache(), "GOMODCACHE="+r.goModCache(), "GOPATH="+filepath.Join(temp, "home", "go"),
		"GOFLAGS=-buildvcs=false", "GOTOOLCHAIN=local", "GOENV=off", "GOTELEMETRY=off", "GOWORK="+e.goWork())
	e.env = append(e.env, "SPEC_POSTGRES_CACHE="+e.postgres())
	e.env = append(append(e.env, r.goSettings()...), runner.Env...)
	return e, nil
}

func (r *run) goBuildCache() string { return filepath.Join(r.place, "go-build") }
func (r *run) goModCache() string   { return filepath.Join(r.place, "go-mod") }

func (e *execution) goWork() string {
	for dir := e.dir; ; dir = filepath.Dir(dir) {
		if file := filepath.Join(dir, "go.work"); exists(file) {
			return file
		}
		if dir == e.s.check.Path() || dir == filepath.Dir(dir) {
			return "off"
		}
	}
}

func exists(file string) bool { _, err := os.Lstat(file); return err == nil }

// goSettings are the user's own settings of proxies, checksums and cgo, read outside the sandbox. The local module
// cache stands before the proxies, so that what was once downloaded needs no network.
func (r *run) goSettings() []string {
	r.goOnce.Do(func() {
		cmd := exec.Command("go", "env", "-json", "GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOMODCACHE",
			"CGO_ENABLED", "CC", "CXX", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_LDFLAGS", "PKG_CONFIG")
		cmd.Env, cmd.Dir = r.o.Env, os.TempDir()
		out, err := cmd.Output()
		values := map[string]string{}
		if err != nil || json.Unmarshal(out, &values) != nil {
			return
		}
		cache := values["GOMODCACHE"]
		delete(values, "GOMODCACHE")
		if download := filepath.Join(cache, "cache", "download"); cache != "" && exists(download) {
			r.modDownload = download
			values["GOPROXY"] = "file://" + filepath.ToSlash(download) + "," + values["GOPROXY"]
		}
		for name, value := range values {
			r.goEnv = append(r.goEnv, name+"="+value)
		}
		slices.Sort(r.goEnv)
	})
	return r.goEnv
}

// steps runs fetch, build and test until one fails.
func (e *execution) steps(ctx context.Context) (Verified, error) {
	v := Verified{OK: true}
	place := e.r.place
	base := e.r.policy().With([]string{e.s.check.Path(), e.r.goBuildCache(), e.r.goModCache(), filepath.Join(place, "packages"), e.postgres()}, []string{e.temp})
	var tree []string
	if !e.runner.GoTests {
		tree = []string{e.dir} // runners that cannot be split write into the tree that they test
	}
	fetch := base.With(append(e.r.packageConfig(), e.r.modDownload), append(tree, e.r.goModCache(), filepath.Join(place, "packages")))
	build := base.With(nil, append(tree, e.r.goBuildCache(), filepath.Join(place, "packages")))
	if err := e.noReports(&v); err != nil || !v.OK {
		return v, err
	}
	if err := e.adapt(); err != nil {
		return v, err
	}
	for _, stage := range []struct {
		name   string
		lines  []Line
		policy sandbox.Policy
	}{{"fetch", e.runner.Fetch, fetch}, {"build", e.runner.Build, build}, {"test", e.runner.Test, build}} {
		for _, line := range stage.lines {
			var err error
			if stage.name == "test" && e.runner.GoTests {
				err = e.goTest(ctx, stage.policy, base, &v)
			} else {
				err = e.line(ctx, stage.name, line, stage.policy, &v)
			}
			if err == nil && stage.name == "test" {
				if err = e.readReports(&v); err == nil && v.OK {
					err = e.readCoverageFile(&v)
				}
			}
			if err != nil || !v.OK {
				return v, err
			}
		}
	}
	if v.Summary == "" {
		v.Summary = "builds only"
		if len(e.runner.Test) > 0 {
			v.Summary = fmt.Sprintf("%s ended with status 0 (no result for single tests)", e.runner.Test[0])
		}
	}
	return v, nil
}

// postgres is where the embedded-postgres library keeps the server that it downloaded once.
func (e *execution) postgres() string {
	if home := lookup(e.r.o.Env, "HOME"); home != "" {
		return filepath.Join(home, ".embedded-postgres-go")
	}
	return os.DevNull
}

func (e *execution) run(ctx context.Context, name, shown string, argv []string, p sandbox.Policy, env []string, stdout, stderr *boundedBuffer) (sandbox.Exit, time.Duration, error) {
	limit := e.runner.Timeout
	if limit == 0 {
		limit = 30 * time.Minute
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	e.r.event("verify."+name, e.task, shown, nil)
	start := time.Now()
	c := sandbox.Command{Self: e.r.o.Self, Argv: argv, Dir: e.dir, Env: append(slices.Clone(e.env), env...), Policy: p, Stdout: stdout, Stderr: stderr, Hold: e.r.lock.file()}
	exit, err := c.Run(limited)
	took := time.Since(start)
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		fmt.Fprintf(stderr, "\n%s took longer than %v and was ended\n", shown, limit)
		return sandbox.Exit{Code: -1}, took, nil
	}
	return exit, took, err
}

func (e *execution) line(ctx context.Context, name string, line Line, p sandbox.Policy, v *Verified) error {
	var out boundedBuffer
	exit, took, err := e.run(ctx, name, line.String(), line.argv(), p, nil, &out, &out)
	if err != nil {
		return fmt.Errorf("verify (%s): %w", name, err)
	}
	v.Steps = append(v.Steps, Step{Name: name, Command: line.String(), OK: exit.Code == 0, Took: took, Overtime: exit.Code == -1 && exit.Signal == "",
		Killed: exit.Signal != "" || exit.Code > 128})
	e.r.saveOutput(e.task, name, out.String())
	if exit.Code != 0 {
		v.OK = false
		v.Failure = fmt.Sprintf("%s failed: %s ended with %s\n%s", name, line, ending(exit), cutFailure(uncoloured(out.String())))
		v.Failure += refusals(p, out.String())
		v.Summary = fmt.Sprintf("%s failed: %s", name, line)
	}
	return nil
}

// refusals names the configuration that would allow what a command was refused.
func refusals(p sandbox.Policy, output string) string {
	if hints := p.Refused(output); len(hints) > 0 {
		return "\n" + strings.Join(hints, "\n")
	}
	return ""
}

func ending(exit sandbox.Exit) string {
	if exit.Signal != "" {
		return exit.Signal
	}
	return "status " + strconv.Itoa(exit.Code)
}

// goTest runs the tests with each test binary in a sandbox of its own. -count=1: a result from a cache proves
// nothing of this tree.
func (e *execution) goTest(ctx context.Context, p, base sandbox.Policy, v *Verified) error {
	inner, err := sandbox.TestEnv(base, filepath.Join(e.temp, "t"))
	if err != nil {
		return err
	}
	var out, errOut boundedBuffer
	var took time.Duration
	var profiles []string
	failed := false
	runs := e.runner.goRuns()
	if len(runs) == 0 {
		v.OK, v.Summary = false, "test failed: "+e.runner.Test[0].String()
		v.Failure = fmt.Sprintf("%s: %s names no package of the modules %s", v.Summary, strings.Join(e.runner.GoArgs, " "), strings.Join(e.runner.GoDirs, ", "))
		return nil
	}
	for i, run := range runs {
		argv, shown := []string{"go"}, e.runner.Test[0].String()
		if run.dir != "" {
			argv, shown = append(argv, "-C", run.dir), "go -C "+quoted(run.dir)+" test "+strings.Join(run.args, " ")
		}
		argv = append(argv, "test", "-json", "-count=1", "-exec", quoteField(e.r.o.Self)+" "+sandbox.VerbTest)
		if e.runner.GoTags != "" {
			argv = append(argv, "-tags="+e.runner.GoTags)
		}
		if e.r.cover {
			profiles = append(profiles, filepath.Join(e.temp, fmt.Sprintf("cover%d.out", i)))
			argv = append(argv, "-coverprofile="+profiles[i], "-coverpkg=./...")
		}
		exit, lasted, err := e.run(ctx, "test", shown, append(argv, run.args...), p, []string{inner}, &out, &errOut)
		if err != nil {
			return fmt.Errorf("verify (test): %w", err)
		}
		took += lasted
		failed = failed || exit.Code != 0
	}
	e.r.coverage = readCoverage(profiles)
	text := out.String()
	e.r.saveOutput(e.task, "test", text+errOut.String())
	results, err := trace.ReadGoTest(bytes.NewReader([]byte(text)))
	if err != nil {
		return fmt.Errorf("verify (test): reading the results: %v", err)
	}
	v.Results = results
	v.Steps = append(v.Steps, Step{Name: "test", Command: e.runner.Test[0].String(), OK: !failed, Took: took})
	counts := results.Counts()
	v.Summary = counts.String()
	if failed || counts.Failed > 0 || counts.TimedOut > 0 {
		v.OK = false
		v.Failure = fmt.Sprintf("test failed: %s (%s)\n%s", e.runner.Test[0], counts.String(), results.Failures(40))
		if counts.Failed == 0 {
			v.Failure += "\n" + cutFailure(errOut.String())
		}
		v.Failure += refusals(base, results.Failures(40))
	}
	return nil
}

// quoteField quotes a word for the space-separated value of -exec.
func quoteField(s string) string {
	if strings.ContainsAny(s, " \t'\"") {
		return "'" + s + "'"
	}
	return s
}

// cutFailure keeps what matters of a command's output: the lines that name a place or say what failed, else the end.
func cutFailure(out string) string {
	const most = 60
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	if len(lines) <= most {
		return strings.Join(lines, "\n")
	}
	var kept []string
	for _, line := range lines {
		if len(kept) < most/2 && matters(line) {
			kept = append(kept, line)
		}
	}
	return strings.Join(append(kept, cutTail(out, most-len(kept))), "\n")
}

func matters(line string) bool {
	for _, word := range []string{"error", "Error", "FAIL", "fail:", "panic:", "--- FAIL", "AssertionError", "not ok", "✗", "✖"} {
		if strings.Contains(line, word) {
			return true
		}
	}
	file, rest, ok := strings.Cut(line, ":")
	if !ok || file == "" || strings.ContainsAny(file, " \t") {
		return false
	}
	number, _, _ := strings.Cut(rest, ":")
	_, err := strconv.Atoi(number)
	return err == nil
}
