package cmd

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/module"
	"golang.org/x/tools/txtar"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/git"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

// demoHost is the small project that the demo adds billing to.
//
//go:embed demo.txtar
var demoHost []byte

type demoOptions struct {
	dir string
	yes bool
}

const demoPrompt = "Add subscription billing so users can pay monthly"

func (a *app) demoVerb() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Make a small project and add billing to it: every stage, from the sentence to the proof",
		Long:  "Demo makes a new directory with a small Go service in a git repository, and runs the whole workflow on it through the\nsame code as the other verbs. At a terminal it stops at the real gates; with --yes, or without a terminal, it approves by\nitself, which is recorded as done by demo.",
		Args:  exactly(),
		RunE:  func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), o) },
	}
	c.Flags().StringVar(&o.dir, "dir", "", "make the project in `DIR`, which must not exist or be empty")
	c.Flags().BoolVar(&o.yes, "yes", false, "approve everything by itself, as demo")
	return c
}

// A demo is one run of the demo verb.
type demo struct {
	*app
	dir  string
	auto bool
	repo *git.Repo
}

func (a *app) demo(ctx context.Context, o demoOptions) error {
	dir, err := a.demoDir(o.dir)
	if err != nil {
		return err
	}
	d := &demo{app: a, dir: dir, auto: o.yes}
	if tty, err := a.terminal(); err != nil {
		d.auto = true
	} else {
		tty.close()
	}
	fmt.Fprintf(a.w.Stdout, "The demo project is in %s\n", dir)
	for _, step := range []func(context.Context) error{d.host, d.specify, d.approveAll, d.plan, d.modules, d.postgres, d.applyAll, d.verify, d.summary, d.check} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.w.Stdout, "\nEverything is in %[1]s. Try, there:\n  cd %[1]s\n  git log --oneline\n  %[2]s summary %[3]s\n  go test ./...\n  %[2]s check\nThen change an amount in .kiro/specs/%[3]s/requirements.md, and type %[2]s check again.\n", dir, d.self(), billingSlug)
	return nil
}

// self is how a person can call this program again: by name where it is on the PATH, else by its file.
func (d *demo) self() string {
	if found, err := exec.LookPath("spec"); err == nil {
		if same, err := filepath.EvalSymlinks(found); err == nil && same == d.w.Self {
			return "spec"
		}
	}
	if strings.Contains(d.w.Self, "go-build") { // `go run` deletes its binary at the end
		kept := filepath.Join(d.dir, ".spec", "bin", "spec")
		if _, err := os.Stat(kept); err == nil {
			return kept
		}
		if data, err := os.ReadFile(d.w.Self); err == nil && os.MkdirAll(filepath.Dir(kept), 0o755) == nil && os.WriteFile(kept, data, 0o755) == nil {
			return kept
		}
	}
	return d.w.Self
}

func (a *app) demoDir(name string) (string, error) {
	if name == "" {
		dir, err := os.MkdirTemp("", "spec-demo-")
		if err != nil {
			return "", undecided("spec demo --dir DIR", "making a directory: %v", err)
		}
		return filepath.EvalSymlinks(dir)
	}
	dir := a.path(name)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", undecided("spec demo --dir ANOTHER", "%v", err)
	}
	if len(entries) > 0 {
		return "", undecided("spec demo --dir ANOTHER", "%s is not empty", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", undecided("spec demo --dir ANOTHER", "%v", err)
	}
	return filepath.EvalSymlinks(dir)
}

// say shows a command as a person would type it.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.w.Stdout, "\n$ "+format+"\n", args...)
}

// in is the app as if it had been started in the project.
func (d *demo) in() *app {
	inner := *d.app
	inner.dir = d.dir
	inner.w.Dir = d.dir
	inner.noInput = inner.noInput || d.auto
	return &inner
}

// host writes the small service and commits it.
func (d *demo) host(ctx context.Context) error {
	for _, f := range txtar.Parse(demoHost).Files {
		file := filepath.Join(d.dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, f.Data, 0o644); err != nil {
			return err
		}
	}
	d.say("git init && git add . && git commit")
	repo, err := git.Init(ctx, d.dir, d.w.Env)
	if err != nil {
		return err
	}
	settings := [][2]string{}
	if _, err := repo.Identity(ctx); err != nil {
		settings = append(settings, [2]string{"user.name", "spec demo"}, [2]string{"user.email", "demo@spec.invalid"})
	}
	if d.auto {
		settings = append(settings, [2]string{"commit.gpgsign", "false"}) // nobody is there to unlock a key
	}
	for _, s := range settings {
		if err := repo.SetConfig(ctx, s[0], s[1]); err != nil {
			return err
		}
	}
	d.repo = repo
	return repo.Commit(ctx, "A small service with a sign-in\n", ".")
}

func (d *demo) specify(ctx context.Context) error {
	d.say("spec new %q", demoPrompt)
	_, err := d.in().create(ctx, demoPrompt, newOptions{})
	return err
}

// approveAll approves the three stages: at the terminal as a person, else as demo, which the lock then says.
func (d *demo) approveAll(ctx context.Context) error {
	d.say("spec approve %s", billingSlug)
	inner := d.in()
	if !d.auto {
		return inner.approve(ctx, billingSlug, spec.Stages(), approveOptions{})
	}
	t, err := inner.open(billingSlug)
	if err != nil {
		return err
	}
	if err := t.approvable(t.unapproved(spec.Stages())); err != nil {
		return err
	}
	who, err := inner.identity(ctx, d.repo)
	if err != nil {
		return err
	}
	for _, stage := range t.unapproved(spec.Stages()) {
		if err := inner.recordApproval(ctx, d.repo, t, stage, "demo", who, false); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) plan(context.Context) error {
	d.say("spec plan %s", billingSlug)
	return d.in().plan(billingSlug, planOptions{format: "text"})
}

// modules fetches what billing needs, and says how much of it is missing.
func (d *demo) modules(ctx context.Context) error {
	b, err := agent.NewBlueprint(d.w.Blueprint)
	if err != nil {
		return fmt.Errorf("reading the built-in blueprint: %v", err)
	}
	wanted := b.Modules()
	cache, err := d.output(ctx, "", "go", "env", "GOMODCACHE")
	if err != nil {
		return undecided("install Go from https://go.dev/dl", "the demo needs Go: %v", err)
	}
	var missing []string
	for _, m := range wanted {
		if !cached(strings.TrimSpace(cache), m) {
			missing = append(missing, m)
		}
	}
	fmt.Fprintf(d.w.Stdout, "\nbilling needs %d modules; %d of them are missing in the module cache\n", len(wanted), len(missing))
	if len(missing) == 0 {
		return nil
	}
	defer d.clock(fmt.Sprintf("fetching %d modules", len(missing)))()
	temp, err := os.MkdirTemp("", "spec-fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.WriteFile(filepath.Join(temp, "go.mod"), []byte("module fetch\n"), 0o644); err != nil {
		return err
	}
	if out, err := d.output(ctx, temp, "go", append([]string{"mod", "download"}, missing...)...); err != nil {
		return undecided("check the network, then: spec demo", "fetching billing's modules: %v\n%s", err, out)
	}
	return nil
}

// cached tells whether a module, written as path@version, is in the module cache.
func cached(dir, mod string) bool {
	name, version, _ := strings.Cut(mod, "@")
	escaped, err := module.EscapePath(name)
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(dir, "cache", "download", filepath.FromSlash(escaped), "@v", version+".zip"))
	return err == nil
}

func (d *demo) output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, d.w.Env
	if dir == "" {
		cmd.Dir = os.TempDir()
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// clock shows a long step and how long it has been going on; the returned func ends it.
func (d *demo) clock(what string) (done func()) {
	l := newLive(d.app)
	start := time.Now()
	l.mu.Lock()
	l.now.steps = []step{{what: what, since: start}}
	if !l.tty {
		d.progress("%s …", what)
	}
	l.draw()
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.erase()
		l.stop()
		d.progress("%s: done after %s", what, time.Since(start).Round(time.Second/10))
	}
}

// postgres makes sure that billing's tests will find a server: it downloads one into the user's cache where none is
// installed.
func (d *demo) postgres(ctx context.Context) error {
	if found, ok := d.app.postgres(ctx); ok {
		fmt.Fprintf(d.w.Stdout, "billing's tests use PostgreSQL: %s\n", found)
		return nil
	}
	defer d.clock("downloading PostgreSQL, once")()
	if err := fetchPostgres(); err != nil {
		return undecided("install PostgreSQL, or set SPEC_TEST_DATABASE_URL", "billing's tests need PostgreSQL: none is named by SPEC_TEST_DATABASE_URL, none is installed, and downloading one failed: %v", err)
	}
	return nil
}

// blueprintRisks are the classes of risk that billing's tasks bring and cannot announce: its tests look for a server in the
// environment, through a package of their own, and its stand-in for Stripe has a key that is one by its shape.
func blueprintRisks() []string { return []string{"verify-changed", "secrets"} }

func (d *demo) applyAll(ctx context.Context) error {
	o := applyOptions{here: true, keepGoing: true}
	inner := d.in()
	if d.auto {
		o.approve = "auto"
		o.acceptRisk = blueprintRisks()
		o.jobs = 1
		inner.answers = d.answer
		d.say("spec apply %s --approve auto --accept-risk %s", billingSlug, strings.Join(o.acceptRisk, ","))
	} else {
		d.say("spec apply %s", billingSlug)
	}
	return inner.apply(ctx, billingSlug, o)
}

// answer takes the first choice of an agent's question, shows it, and records that demo gave it.
func (d *demo) answer(_ context.Context, task string, q agent.Question) (agent.Answer, error) {
	if len(q.Choices) == 0 {
		return agent.Answer{}, tasks.ErrNoPerson
	}
	fmt.Fprintf(d.w.Stdout, "\nTask %s asks: %s\n  answered by demo: %s\n", task, clean(q.Text), clean(q.Choices[0]))
	return agent.Answer{Text: q.Choices[0], By: "demo"}, nil
}

func (d *demo) verify(ctx context.Context) error {
	d.say("spec verify %s --commit", billingSlug)
	return d.in().verify(ctx, billingSlug, verifyOptions{commit: true})
}

func (d *demo) summary(ctx context.Context) error {
	d.say("spec summary %s", billingSlug)
	return d.in().summary(ctx, billingSlug, summaryOptions{})
}

func (d *demo) check(context.Context) error {
	d.say("spec check")
	return d.in().check(checkOptions{format: "text"})
}
