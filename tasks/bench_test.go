//go:build unix

package tasks

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/git"
	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// width gives the graph of the benchmarks: each task waits for two of the fifty before it.
func width(i int) []int {
	var on []int
	for _, step := range []int{1 + i*7%50, 1 + i*13%50} {
		if i-step >= 1 && (len(on) == 0 || on[0] != i-step) {
			on = append(on, i-step)
		}
	}
	return on
}

// BenchmarkScheduler runs n tasks, each a shell that touches one file, two at a time and with landing off, beside ninja with
// the same graph and the same commands.
func BenchmarkScheduler(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		p := &plan.Plan{}
		var ninja strings.Builder
		ninja.WriteString("rule t\n  command = touch $out\n")
		for i := 1; i <= n; i++ {
			t := plan.Task{ID: fmt.Sprint(i), Action: plan.Run}
			fmt.Fprintf(&ninja, "build out/%d: t", i)
			for _, on := range width(i) {
				t.Depends = append(t.Depends, fmt.Sprint(on))
				fmt.Fprintf(&ninja, " out/%d", on)
			}
			ninja.WriteString("\n")
			p.Tasks = append(p.Tasks, t)
		}
		dir := b.TempDir()
		fresh := func(b *testing.B) {
			b.Helper()
			b.StopTimer()
			for _, name := range []string{"out", ".ninja_log", ".ninja_deps"} {
				if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
					b.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "build.ninja"), []byte(ninja.String()), 0o644); err != nil {
				b.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(dir, "out"), 0o755); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		b.Run(fmt.Sprintf("spec-%d", n), func(b *testing.B) {
			for b.Loop() {
				fresh(b)
				r := &run{o: Options{Jobs: 2, NoLanding: true}, report: &Report{}, sched: newScheduler(p)}
				r.do = func(ctx context.Context, _ *slot, id string) outcome {
					cmd := exec.CommandContext(ctx, "sh", "-c", "touch out/"+id)
					cmd.Dir = dir
					if out, err := cmd.CombinedOutput(); err != nil {
						return outcome{task: id, err: fmt.Errorf("%v: %s", err, out)}
					}
					return outcome{task: id, status: landed}
				}
				if err := r.loop(context.Background()); err != nil || len(r.report.Landed) != n {
					b.Fatal(err, len(r.report.Landed))
				}
			}
		})
		b.Run(fmt.Sprintf("ninja-%d", n), func(b *testing.B) {
			if _, err := exec.LookPath("ninja"); err != nil {
				b.Skip("ninja is not installed: no ratio")
			}
			for b.Loop() {
				fresh(b)
				cmd := exec.Command("ninja", "-j2", "--quiet")
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
		})
	}
}

// writer is an agent that writes one file, in this process; with nap it sleeps first.
type writer struct{ nap time.Duration }

func (w writer) Name() string  { return "writer" }
func (w writer) Adjusts() bool { return false }
func (w writer) Run(ctx context.Context, job agent.Job) (agent.Result, error) {
	if err := sleep(ctx, w.nap); err != nil {
		return agent.Result{}, err
	}
	if err := os.MkdirAll(filepath.Join(job.Dir, "out"), 0o755); err != nil {
		return agent.Result{}, err
	}
	return agent.Result{}, os.WriteFile(filepath.Join(job.Dir, "out", job.Task), []byte(job.Task+"\n"), 0o644)
}

// bench is a repository with an approved feature of n tasks and some files beside it.
type bench struct {
	dir string
	env []string
}

func newBench(tb testing.TB, n, files int, depends func(i int) []int) *bench {
	tb.Helper()
	home := tb.TempDir()
	x := &bench{dir: filepath.Join(home, "repo"), env: append(os.Environ(), "HOME="+home, "GIT_CONFIG_GLOBAL="+filepath.Join(home, "gitconfig"), "GIT_CONFIG_SYSTEM="+os.DevNull)}
	write := func(name, text string) {
		file := filepath.Join(home, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	write("gitconfig", "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n")
	var doc strings.Builder
	doc.WriteString("# Implementation Plan\n\n")
	for i := 1; i <= n; i++ {
		on := strings.Trim(strings.ReplaceAll(fmt.Sprint(depends(i)), " ", ", "), "[]")
		if on == "" {
			on = "none"
		}
		fmt.Fprintf(&doc, "- [ ] %d. Task number %d\n  - _Depends: %s_\n", i, i, on)
	}
	write("repo/.kiro/specs/f/tasks.md", doc.String())
	for i := range files {
		write(fmt.Sprintf("repo/src/d%d/f%d.txt", i/200, i), fmt.Sprintln("file", i))
	}
	x.approve(tb)
	x.git(tb, "init", "-q")
	x.git(tb, "add", ".")
	x.git(tb, "commit", "-qm", "start")
	return x
}

// approve writes a lock in which the tasks are approved as they are.
func (x *bench) approve(tb testing.TB) {
	tb.Helper()
	feature, _ := spec.Parse(os.DirFS(x.dir), ".kiro/specs/f")
	lock := &trace.Lock{}
	lock.Approve(feature, spec.Tasks, trace.Approval{Stage: spec.Tasks, Hash: spec.ApprovedHash(feature, spec.Tasks), Blob: "0000", Channel: "tty", Who: "Ada", Date: "2026-01-01"})
	if err := os.WriteFile(filepath.Join(x.dir, ".kiro/specs/f/spec.lock"), lock.Bytes(), 0o644); err != nil {
		tb.Fatal(err)
	}
}

func (x *bench) git(tb testing.TB, args ...string) string {
	tb.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = x.dir, x.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (x *bench) options(tb testing.TB, a agent.Agent, jobs int) Options {
	tb.Helper()
	repo, err := git.Open(context.Background(), x.dir, x.env)
	if err != nil {
		tb.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return Options{Repo: repo, Root: ".", FeatureDir: ".kiro/specs/f", Agent: a, Policy: ApproveAuto, Jobs: jobs, Cache: filepath.Join(filepath.Dir(x.dir), "cache"), Self: self,
		Env: x.env, Who: "Ada <ada@example.org>", Now: time.Now, Baseline: NoBaseline}
}

func (x *bench) run(tb testing.TB, o Options, want int) {
	tb.Helper()
	feature, _ := spec.Parse(os.DirFS(x.dir), ".kiro/specs/f")
	p, _ := plan.New(feature, plan.State{})
	report, err := Run(context.Background(), p, o)
	if err != nil {
		tb.Fatal(err)
	}
	if len(report.Landed) != want {
		tb.Fatalf("%d landed, %d failed: %v", len(report.Landed), len(report.Failed), report.Failed)
	}
}

// BenchmarkLandings lands n tasks; ten times as many should cost little more than ten times as much.
func BenchmarkLandings(b *testing.B) {
	for _, n := range []int{300, 3000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				x := newBench(b, n, 0, width)
				o := x.options(b, writer{}, 2)
				b.StartTimer()
				x.run(b, o, n)
			}
		})
	}
}

// BenchmarkSlot makes a warm slot ready for another commit of a repository of 20,000 files, beside `git worktree add`;
// BenchmarkSlot/landing lands a file there, beside `git commit` of one.
func BenchmarkSlot(b *testing.B) {
	ctx := context.Background()
	x := newBench(b, 2000, 20000, func(int) []int { return nil })
	o := x.options(b, writer{}, 1)
	r := &run{o: o, git: gitOf(o), now: time.Now(), place: place(o.Cache, o.Repo.CommonDir), report: &Report{}, trees: map[string]Verified{}, known: map[string]bool{}}
	if err := r.open(ctx); err != nil {
		b.Fatal(err)
	}
	defer r.close()
	h, err := r.start(ctx)
	if err != nil {
		b.Fatal(err)
	}
	s := <-r.slots
	n := 0
	commit := func() {
		n++
		if err := os.WriteFile(filepath.Join(x.dir, fmt.Sprintf("note%d.txt", n)), []byte("x\n"), 0o644); err != nil {
			b.Fatal(err)
		}
		x.git(b, "add", fmt.Sprintf("note%d.txt", n))
	}
	if err := r.prepare(ctx, s, "1", h.commit); err != nil {
		b.Fatal(err)
	}
	b.Run("ready-spec", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			commit()
			x.git(b, "commit", "-qm", "note")
			head := x.git(b, "rev-parse", "HEAD")
			b.StartTimer()
			if err := r.prepare(ctx, s, fmt.Sprint("t", n), head); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ready-worktree-add", func(b *testing.B) {
		for b.Loop() {
			n++
			dir := filepath.Join(filepath.Dir(x.dir), fmt.Sprint("tree", n))
			x.git(b, "worktree", "add", "-q", "--detach", dir)
			b.StopTimer()
			x.git(b, "worktree", "remove", "--force", dir)
			b.StartTimer()
		}
	})
	task := 0
	b.Run("landing-spec", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			task++
			id := fmt.Sprint(task)
			h, err := r.head(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if err := r.prepare(ctx, s, id, h.commit); err != nil {
				b.Fatal(err)
			}
			if _, err := (writer{}).Run(ctx, agent.Job{Dir: s.work.Path(), Task: id}); err != nil {
				b.Fatal(err)
			}
			result, err := r.fence(ctx, s.work, h.commit)
			if err != nil {
				b.Fatal(err)
			}
			a := approved{task: id, base: h.commit, tree: result.tree, patch: result.patch, inputs: h.plan.Task(id).Inputs(), attempt: 1, policy: ApproveAuto, by: "agent:writer"}
			if err := r.save(ctx, &a, ""); err != nil {
				b.Fatal(err)
			}
			if _, err := r.verify(ctx, s, result.tree, id); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if err := r.land(ctx, s, a); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("landing-git-commit", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			commit()
			b.StartTimer()
			x.git(b, "commit", "-qm", "note")
		}
	})
}

// BenchmarkEightAtOnce runs tasks that sleep for two seconds, one alone and eight at once, with a real verification each.
func BenchmarkEightAtOnce(b *testing.B) {
	for _, n := range []int{1, 8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				x := newBench(b, n, 0, func(int) []int { return nil })
				o := x.options(b, writer{2 * time.Second}, 8)
				o.NoLanding, o.Verify = true, Verification{Test: "test -f out/$SPEC_TASK"}
				b.StartTimer()
				x.run(b, o, n)
			}
		})
	}
}
