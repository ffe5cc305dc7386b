package cmd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/sandbox"
)

// agentNamed finds an agent: one of the configuration, the built-in blueprint, or a preset.
func (a *app) agentNamed(s settings, name string) (agent.Agent, error) {
	c, ok := s.user.Agents[name]
	if !ok {
		c, ok = s.repo.Agents[name]
	}
	if ok {
		return a.configured(s, name, c)
	}
	if name == "blueprint" {
		return a.blueprint()
	}
	presets, err := agent.Presets()
	if err != nil {
		return nil, err
	}
	names := []string{"blueprint"}
	for _, p := range presets {
		if p.Name == name {
			return a.preset(s, p)
		}
		names = append(names, p.Name)
	}
	for n := range s.user.Agents {
		names = append(names, n)
	}
	for n := range s.repo.Agents {
		names = append(names, n)
	}
	slices.Sort(names)
	return nil, undecided("spec agents", "no agent is called %q; there are %s", name, strings.Join(slices.Compact(names), ", "))
}

// configured makes an agent of the configuration. Reads and state are the user's to open: in a repository's file they
// stand behind spec trust, as the command does.
func (a *app) configured(s settings, name string, c agentConfig) (agent.Agent, error) {
	if len(c.Command) == 0 {
		return nil, undecided("", "agents.%s: no command", name)
	}
	return a.build(s, agent.Preset{Name: name, Protocol: first(c.Protocol, "command"), Command: c.Command, Env: c.Env, Reads: c.Reads, State: c.State, Set: c.Set})
}

func (a *app) preset(s settings, p agent.Preset) (agent.Agent, error) {
	if _, err := exec.LookPath(p.Command[0]); err != nil {
		return nil, undecided(p.Install, "%s is not installed: no %s in PATH", p.Title, p.Command[0])
	}
	return a.build(s, p)
}

func (a *app) build(s settings, p agent.Preset) (agent.Agent, error) {
	var env []string
	for _, name := range p.Env {
		if value := a.w.env(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	secrets := append(sandbox.Values(env, p.Env), agent.Secrets(env)...)
	for name, value := range p.Set {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	reads, state := append(a.homePaths(p.Reads), installation(p.Command[0])...), a.homePaths(p.State)
	switch p.Protocol {
	case "acp":
		cache, err := a.w.cacheDir()
		if err != nil {
			return nil, fmt.Errorf("finding the cache directory: %v", err)
		}
		return &agent.ACP{Label: p.Name, Argv: p.Command, Self: a.w.Self, Env: env, Reads: reads, State: state, Sessions: filepath.Join(cache, "sessions"),
			Servers: a.filledServers(s), Secrets: secrets, Notify: a.activity}, nil
	case "command":
		return &agent.Command{Label: p.Name, Argv: p.Command, Self: a.w.Self, Env: env, Reads: reads, State: state, Secrets: secrets, Notify: a.activity}, nil
	}
	return nil, undecided("", "agents.%s: protocol %q is not known; there are acp and command", p.Name, p.Protocol)
}

// installation is where a program lies with what belongs to it: a link in the PATH often leads into a package of npm or a
// virtual environment of Python below the home directory, which is closed to agents but for what is named.
func installation(program string) []string {
	found, err := exec.LookPath(program)
	if err != nil {
		return nil
	}
	real, err := filepath.EvalSymlinks(found)
	if err != nil {
		return nil
	}
	places := []string{found, real}
	if before, _, ok := strings.Cut(real, string(filepath.Separator)+"node_modules"+string(filepath.Separator)); ok {
		places = append(places, filepath.Join(before, "node_modules"))
	}
	if root := filepath.Dir(filepath.Dir(real)); isFile(filepath.Join(root, "pyvenv.cfg")) {
		places = append(places, root)
	}
	return places
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// homePaths makes paths below the home directory absolute.
func (a *app) homePaths(names []string) []string {
	home := a.w.env("HOME")
	var out []string
	for _, n := range names {
		n = strings.TrimPrefix(n, "~/")
		if !filepath.IsAbs(n) && home != "" {
			n = filepath.Join(home, filepath.FromSlash(n))
		}
		out = append(out, n)
	}
	return out
}

func (a *app) agentsVerb() *cobra.Command {
	var try bool
	c := &cobra.Command{
		Use:   "agents [NAME]",
		Short: "List the agents that are known, and whether they are installed",
		Long:  "Agents lists the built-in blueprint, the presets and the agents of the configuration. With NAME and --try it has the agent do\na tiny task in an empty directory, in the sandbox, and says what works.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.prompt(c.Context())
			defer cancel()
			if try {
				if len(args) == 0 {
					return undecided("spec agents NAME --try", "--try needs the name of an agent")
				}
				return a.tryAgent(ctx, args[0])
			}
			return a.listAgents(ctx, slices.Concat(args, []string{""})[0])
		},
	}
	c.Flags().BoolVar(&try, "try", false, "have the agent do a tiny task")
	return c
}

type agentLine struct {
	agent.Preset
	Installed bool   `json:"installed"`
	Version   string `json:"installedVersion"`
	From      string `json:"from"` // built in, preset, user or repository
}

func (a *app) listAgents(ctx context.Context, only string) error {
	root, err := a.workspaceRoot()
	if err != nil {
		return err
	}
	s, err := a.settings(root)
	if err != nil {
		return err
	}
	presets, err := agent.Presets()
	if err != nil {
		return err
	}
	lines := []agentLine{{Preset: agent.Preset{Name: "blueprint", Title: "built-in blueprint", Protocol: "blueprint", Command: []string{}, Tested: true}, Installed: true, From: "built in"}}
	for _, p := range presets {
		lines = append(lines, agentLine{Preset: p, From: "preset"})
	}
	for _, own := range []struct {
		from   string
		agents map[string]agentConfig
	}{{"user", s.user.Agents}, {"repository", s.repo.Agents}} {
		for _, name := range sortedKeys(own.agents) {
			c := own.agents[name]
			lines = append(lines, agentLine{Preset: agent.Preset{Name: name, Title: name, Protocol: first(c.Protocol, "command"), Command: c.Command, Install: c.Install, Version: c.Version}, From: own.from})
		}
	}
	if only != "" {
		lines = slices.DeleteFunc(lines, func(l agentLine) bool { return l.Name != only })
		if len(lines) == 0 {
			return undecided("spec agents", "no agent is called %q", only)
		}
	}
	for i := range lines {
		l := &lines[i]
		if len(l.Command) == 0 {
			continue
		}
		_, err := exec.LookPath(l.Command[0])
		l.Installed = err == nil
		if l.Installed && len(l.Preset.Version) > 0 && (l.From != "repository" || a.trusted(root, s) == nil) {
			l.Version = versionOf(ctx, l.Preset.Version)
		}
	}
	if a.json {
		return a.print(map[string]any{"version": 1, "agents": lines})
	}
	w := tabwriter.NewWriter(a.w.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AGENT\tPROTOCOL\tINSTALLED\tTESTED WITH SPEC\tGET IT")
	for _, l := range lines {
		installed, tested := "no", "no"
		if l.Installed {
			installed = first(l.Version, "yes")
		}
		if l.Tested {
			tested = "yes"
		}
		get := l.Install
		if get == "" {
			get = "(" + l.From + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", clean(l.Name), l.Protocol, clean(installed), tested, clean(get))
	}
	return w.Flush()
}

// versionOf asks a preset's program for its version, for a moment.
func versionOf(ctx context.Context, argv []string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return shorten(line, 40)
}

// tryAgent gives an agent a task that takes no thought, and looks at what it left.
func (a *app) tryAgent(ctx context.Context, name string) error {
	root, err := a.workspaceRoot()
	if err != nil {
		return err
	}
	s, err := a.settings(root)
	if err != nil {
		return err
	}
	if err := a.trusted(root, s); err != nil {
		return err
	}
	if name == "blueprint" {
		return undecided("spec demo", "the blueprint does billing only")
	}
	worker, err := a.agentNamed(s, name)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "spec-try-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	temp, err := os.MkdirTemp("", "spec-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	box, err := s.sandbox()
	if err != nil {
		return err
	}
	policy := sandbox.Base(a.w.Env).With(box.Reads, append(box.Writes, dir, temp))
	var log bytes.Buffer
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	a.progress("%s works on: make hello.txt", name)
	start := time.Now()
	asked := 0
	result, err := worker.Run(ctx, agent.Job{Feature: "try", Task: "1", Attempt: 1, Dir: dir, Temp: temp, Log: &log, Policy: policy,
		Brief: []byte("# Task\n\nCreate a file hello.txt in the current directory. Its only line is: hello\nThen stop. Do nothing else.\n"),
		Env:   sandbox.Environment(a.w.Env, box.Env, []string{"HOME=" + a.w.env("HOME")}),
		Ask: func(context.Context, agent.Question) (agent.Answer, error) {
			asked++
			return agent.Answer{Text: "as you think best", By: "try"}, nil
		}})
	took := time.Since(start).Round(100 * time.Millisecond)
	data, readErr := os.ReadFile(filepath.Join(dir, "hello.txt"))
	made := readErr == nil && strings.TrimSpace(string(data)) == "hello"
	with, boxed := sandbox.Available()
	fmt.Fprintf(a.w.Stdout, "ran to its end: %s\nmade the file: %s\nquestions asked: %d\nsandbox: %s\ntook: %v\n", yesNo(err == nil), yesNo(made), asked, first(map[bool]string{true: with}[boxed], "none here"), took)
	if result.Said != "" {
		fmt.Fprintf(a.w.Stdout, "said: %s\n", clean(shorten(oneLine(result.Said), 200)))
	}
	switch {
	case err != nil:
		return no("log in to "+name+", or look at its output with -v", "%v", err)
	case !made:
		return no("", "%s ended without an error and did not do the task", name)
	}
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
