package cmd

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/spec"
)

// An app is one call of the program: its world and the global flags.
type app struct {
	w       World
	dir     string // -C, absolute
	json    bool
	noInput bool
	color   string
	quiet   bool
	plain   bool
	verbose bool
	showing *atomic.Pointer[live]                                                          // the live view of a run, where there is one
	drain   chan struct{}                                                                  // closed by the first interrupt
	answers func(ctx context.Context, task string, q agent.Question) (agent.Answer, error) // of demo; nil to ask the person
}

// Main runs the program and returns its exit status.
func Main(w World) int {
	if code, ok := hidden(w); ok {
		return code
	}
	if len(w.Args) == 1 && w.Args[0] == "--version" { // asked by every tool that looks what is installed
		fmt.Fprintf(w.Stdout, "spec version %s\n", version())
		return 0
	}
	// A command ends in a moment: collecting garbage less often halves the time of reading many files. The limit keeps a
	// large one small. GOGC says otherwise where it is set.
	if w.env("GOGC") == "" {
		debug.SetGCPercent(300)
		debug.SetMemoryLimit(512 << 20)
	}
	a := &app{w: w, drain: make(chan struct{}), showing: new(atomic.Pointer[live])}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := a.interrupts(cancel)
	defer stop()
	root := a.root()
	root.SetArgs(w.Args)
	root.SetIn(w.Stdin)
	root.SetOut(w.Stdout)
	root.SetErr(w.Stderr)
	return a.exit(root.ExecuteContext(ctx))
}

// hidden are the verbs that this program starts itself with. They come before cobra: a sandboxed child must not read
// configuration, and its arguments are not ours.
func hidden(w World) (int, bool) {
	if len(w.Args) == 0 {
		return 0, false
	}
	var err error
	switch w.Args[0] {
	case sandbox.VerbRun:
		return sandbox.Supervise(w.Self), true
	case sandbox.VerbExec:
		err = sandbox.Enter(w.Args[2:])
	case sandbox.VerbTest:
		err = sandbox.EnterTest(w.Args[1:])
	default:
		return 0, false
	}
	fmt.Fprintln(w.Stderr, "spec:", err)
	return 126, true
}

// interrupts closes drain on the first interrupt and cancels on the second. A verb that does not drain is cancelled
// by the first.
func (a *app) interrupts(cancel context.CancelFunc) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-signals:
				if n == 0 {
					close(a.drain)
				} else {
					cancel()
				}
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(signals); close(done) }
}

// prompt makes a context that ends at the first interrupt, for verbs that have nothing to finish.
func (a *app) prompt(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-a.drain:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "(development build)"
	}
	return info.Main.Version
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "spec",
		Short:         "From a sentence to software that is proven to do what was agreed",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noVerb,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(c *cobra.Command, args []string) error {
			if words := strings.Fields(c.Use); len(words) > 1 && len(args) > 0 && strings.Trim(words[1], "[]") == "FEATURE" {
				args[0] = spec.Typed(args[0]) // what hints say can be typed as it stands
			}
			return a.globals()
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.dir, "directory", "C", "", "work in `DIR`")
	flags.BoolVar(&a.json, "json", false, "answer in JSON")
	flags.BoolVar(&a.noInput, "no-input", false, "never ask; stop with exit status 3 where a person has to answer")
	flags.StringVar(&a.color, "color", "auto", "`WHEN` to use colour: auto, always or never")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress")
	flags.BoolVar(&a.plain, "plain", false, "for screen readers: numbered choices, nothing drawn over")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "more about what is done")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &failure{exitUndecided, err, c.CommandPath() + " --help"}
	})
	for _, g := range []struct {
		id, title string
		verbs     []*cobra.Command
	}{
		{"start", "Start:", []*cobra.Command{a.initVerb(), a.demoVerb(), a.newVerb(), a.adoptVerb(), a.importVerb(), a.doctorVerb()}},
		{"spec", "Spec:", []*cobra.Command{a.refineVerb(), a.approveVerb(), a.checkVerb(), a.fixVerb(), a.explainVerb()}},
		{"plan", "Plan:", []*cobra.Command{a.planVerb(), a.statusVerb(), a.listVerb(), a.showVerb()}},
		{"apply", "Apply:", []*cobra.Command{a.applyVerb(), a.landVerb(), a.undoVerb(), a.answerVerb(), a.vibeVerb(), a.tickVerb(), a.runsVerb()}},
		{"prove", "Prove:", []*cobra.Command{a.verifyVerb(), a.proveVerb(), a.summaryVerb()}},
		{"agents", "Agents:", []*cobra.Command{a.agentsVerb(), a.trustVerb(), a.mcpVerb(), a.askVerb(), a.reportVerb()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, v := range g.verbs {
			v.GroupID = g.id
			root.AddCommand(v)
		}
	}
	cobra.EnableCommandSorting = false // verbs stand in the order in which they are used
	root.SetHelpCommand(&cobra.Command{Use: "help [VERB]", Short: "Explain a verb", Hidden: true, GroupID: "start", RunE: func(_ *cobra.Command, args []string) error {
		verb, rest, err := root.Find(args)
		if err != nil || verb == root && len(rest) > 0 {
			return noVerb(root, args)
		}
		return verb.Help()
	}})
	return root
}

// noVerb refuses a word that is no verb, and names the nearest one.
func noVerb(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, verb := range c.Commands() {
		names = append(names, verb.Name())
	}
	if near := nearest(args[0], names); near != "" {
		return undecided("spec "+near, "no verb is called %q; did you mean %s?", args[0], near)
	}
	return undecided("spec --help", "no verb is called %q", args[0])
}

// globals checks the global flags.
func (a *app) globals() error {
	switch a.color {
	case "auto", "always", "never":
	default:
		return undecided("spec --help", "--color is auto, always or never, not %q", a.color)
	}
	dir := a.w.Dir
	if a.dir != "" {
		dir = a.dir
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(a.w.Dir, dir)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return undecided("", "-C %s: no such directory", a.dir)
	}
	a.dir = filepath.Clean(dir)
	return nil
}

// exactly demands a number of arguments and says which.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return undecided(c.CommandPath()+" --help", "%s: missing %s", c.CommandPath(), strings.Join(names[len(args):], " "))
		case len(args) > len(names):
			return undecided(c.CommandPath()+" --help", "%s: unexpected %q", c.CommandPath(), args[len(names)])
		}
		return nil
	}
}
