package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/git"
	"spec.example/spec/internal/trace"
	"spec.example/spec/tasks"
)

// gate shows a verified result at the terminal and takes the person's decision. An interrupt is a quit: the result is kept.
func (a *app) gate(ctx context.Context, g tasks.Gate) (tasks.Decision, error) {
	tty, err := a.terminal()
	if err != nil {
		return tasks.Decision{}, tasks.ErrNoPerson
	}
	defer tty.close()
	v := a.gateView(tty, g)
	tty.printf("\n%s", v.summary())
	var d tasks.Decision
	if g.Policy == tasks.ApproveFile && len(g.Files) > 0 {
		d, err = a.fileGate(ctx, tty, v)
	} else {
		d, err = a.taskGate(ctx, tty, v)
	}
	switch {
	case errors.Is(err, errInterrupted):
		return tasks.Decision{Act: tasks.Quit}, nil
	case errors.Is(err, errNoTerminal):
		return tasks.Decision{}, tasks.ErrNoPerson
	case err == nil:
		err = ctx.Err()
	}
	return d, err
}

func (a *app) taskGate(ctx context.Context, tty *terminal, v *gateView) (tasks.Decision, error) {
	choices := []choice{{"a", "approve"}, {"d", "diff"}, {"m", "more"}, {"r", "request changes"}, {"e", "edit in a shell"}, {"s", "skip"}, {"q", "quit"}}
	for {
		key, err := tty.choose(choices)
		if err != nil {
			return tasks.Decision{}, err
		}
		if key == "a" {
			return tasks.Decision{Act: tasks.Approve, By: "tty"}, nil
		}
		if d, done, err := a.common(ctx, tty, v, key); done || err != nil {
			return d, err
		}
	}
}

// common does what can be done at both gates.
func (a *app) common(ctx context.Context, tty *terminal, v *gateView, key string) (d tasks.Decision, done bool, err error) {
	switch key {
	case "d":
		a.page(ctx, tty, v.diff(v.files))
	case "m":
		a.page(ctx, tty, v.everything())
	case "r":
		return a.request(ctx, tty, v.g)
	case "e":
		if err := a.shell(ctx, tty, v.g.SlotDir); err != nil {
			tty.printf("the shell ended with: %v\n", err)
		}
		return tasks.Decision{Act: tasks.Again}, true, nil
	case "s":
		return leave(tty)
	case "q":
		return tasks.Decision{Act: tasks.Quit}, true, nil
	}
	return d, false, nil
}

// leave skips a task: in this run alone, or for good where a reason is given.
func leave(tty *terminal) (d tasks.Decision, done bool, err error) {
	tty.printf("With a reason the skip is recorded in spec.lock, and what depends on the task\ngoes on; without one it is skipped in this run only.\n")
	why, err := tty.line("Why is it not needed? ")
	if err != nil {
		return d, false, err
	}
	return tasks.Decision{Act: tasks.Leave, By: "tty", Words: why, Record: why != ""}, true, nil
}

// fileGate takes a decision for each file, those with a risk first.
func (a *app) fileGate(ctx context.Context, tty *terminal, v *gateView) (tasks.Decision, error) {
	choices := []choice{{"a", "accept"}, {"x", "x reject"}, {"d", "diff of it all"}, {"m", "more"}, {"r", "request changes"}, {"e", "edit"}, {"s", "skip task"}, {"q", "quit"}}
	d := tasks.Decision{Act: tasks.Approve, By: "tty"}
	for i, f := range v.order {
		tty.printf("\n%s", v.file(i, f))
		for decided := false; !decided; {
			key, err := tty.choose(choices)
			if err != nil {
				return d, err
			}
			switch key {
			case "a":
				decided = true
			case "x":
				why, err := tty.line("Why? ")
				if err != nil {
					return d, err
				}
				d.Reject = append(d.Reject, f.Path)
				if why != "" {
					d.Words += f.Path + ": " + why + "\n"
				}
				decided = true
			default:
				if other, done, err := a.common(ctx, tty, v, key); done || err != nil {
					other.Words += d.Words // what was said of files before goes along with a request
					return other, err
				}
			}
		}
	}
	return d, nil
}

// request takes the changes that a person wants. An agent that cannot adjust says so and offers the shell instead.
func (a *app) request(ctx context.Context, tty *terminal, g tasks.Gate) (tasks.Decision, bool, error) {
	if !g.Adjusts {
		yes, err := tty.yes("The agent " + g.Agent + " cannot adjust its work. Edit it by hand in a shell and go on?")
		if err != nil || !yes {
			return tasks.Decision{}, false, err
		}
		return a.common(ctx, tty, &gateView{g: g}, "e")
	}
	words, err := tty.line("What should change? (or e for your editor) ")
	if err != nil {
		return tasks.Decision{}, false, err
	}
	if words == "e" {
		if words, err = a.compose(ctx, tty, g); err != nil {
			tty.printf("the editor ended with: %v\n", err)
		}
	}
	if words == "" {
		tty.printf("Nothing was asked for.\n")
		return tasks.Decision{}, false, nil
	}
	return tasks.Decision{Act: tasks.Request, Words: words}, true, nil
}

// compose has the person write in an editor. Lines that begin with # are left out.
func (a *app) compose(ctx context.Context, tty *terminal, g tasks.Gate) (string, error) {
	dir, err := os.MkdirTemp("", "spec-words-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "changes.md")
	var b strings.Builder
	fmt.Fprintf(&b, "\n# What should change in task %s: %s\n# Lines that begin with # are left out; an empty text asks for nothing.\n", g.Task, oneLine(clean(g.Title)))
	for _, f := range g.Files {
		fmt.Fprintf(&b, "# %s %s\n", f.Status, oneLine(clean(f.Path)))
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return "", err
	}
	editor := first(a.w.env("VISUAL"), a.w.env("EDITOR"), "vi")
	cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, editor, file) // as git does: the variable may hold arguments
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = tty.file, tty.file, tty.file, a.w.Env
	if err := cmd.Run(); err != nil {
		return "", err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var kept []string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "#") {
			kept = append(kept, line)
		}
	}
	return strings.TrimSpace(strings.Join(kept, "")), nil
}

// A gateView is what a person sees of a gate. It holds no terminal: the same gate gives the same text.
type gateView struct {
	g     tasks.Gate
	look  look
	rows  int
	files []patchFile
	order []git.Change // those with a risk first
}

func (a *app) gateView(tty *terminal, g tasks.Gate) *gateView {
	columns, rows := tty.size()
	color := a.color == "always" || a.color == "auto" && a.w.env("NO_COLOR") == "" && !tty.plain
	if tty.plain {
		columns = min(columns, wide-1) // two columns read aloud are nonsense
	}
	return newGateView(g, look{columns: columns, color: color}, rows)
}

func newGateView(g tasks.Gate, l look, rows int) *gateView {
	v := &gateView{g: g, look: l, rows: rows, files: splitPatch(g.Diff), order: slices.Clone(g.Files)}
	slices.SortStableFunc(v.order, func(x, y git.Change) int { return v.weight(y.Path) - v.weight(x.Path) })
	return v
}

// weight is 2 for a file with a risk that was not announced, 1 for one with an announced one.
func (v *gateView) weight(path string) int {
	most := 0
	for _, r := range v.g.Risks {
		switch {
		case r.Path != path:
		case !r.Announced:
			return 2
		default:
			most = 1
		}
	}
	return most
}

// few is how many of a kind the summary shows; `more` shows all.
const few = 5

// summary is the gate at a glance: it fits a small terminal.
func (v *gateView) summary() string {
	return v.text(func(n int) int { return min(n, few) }, v.look.columns)
}

// everything is the gate in full.
func (v *gateView) everything() string {
	var b strings.Builder
	b.WriteString(v.text(func(n int) int { return n }, 1<<20))
	for _, s := range v.g.Verified.Steps {
		fmt.Fprintf(&b, "  %s: %s (%s, %v)\n", s.Name, clean(s.Command), map[bool]string{true: "passed", false: "failed"}[s.OK], s.Took.Round(1e7))
	}
	if v.g.Said != "" {
		fmt.Fprintf(&b, "\nThe agent says:\n%s\n", clean(indent(v.g.Said)))
	}
	return b.String()
}

// text writes the gate, most(n) of n entries of a kind, lines cut to columns.
func (v *gateView) text(most func(int) int, columns int) string {
	var b strings.Builder
	line := func(code, format string, args ...any) {
		b.WriteString(v.look.paint(code, fit(fmt.Sprintf(format, args...), columns)) + "\n")
	}
	list := func(n int, what string, entry func(i int)) {
		for i := range most(n) {
			entry(i)
		}
		if left := n - most(n); left > 0 {
			line("", "  … and %d more %s (m shows all)", left, what)
		}
	}
	g := v.g
	line(bold, "── Task %s: %s", g.Task, g.Title)
	if g.Before != nil {
		line(red, "  You accepted another form of it before; a merge changed the patch.")
	}
	list(len(g.Risks), "risks", func(i int) {
		r := g.Risks[i]
		if r.Announced {
			line("", "  announced: %s, %s %s", r.Class, r.Path, r.What)
			return
		}
		line(red, "  RISK: %s, %s %s", r.Class, r.Path, r.What)
	})
	added, removed := 0, 0
	for _, f := range g.Files {
		added, removed = added+max(f.Added, 0), removed+max(f.Removed, 0)
	}
	line("", "  %s, +%d −%d lines, verified: %s", count(len(g.Files), "file"), added, removed, g.Verified.Summary)
	if g.Verified.ByTask {
		line(red, "  verified by a command that this task brought")
	}
	list(len(v.order), "files", func(i int) {
		f := v.order[i]
		line("", "    %s %s (+%d −%d)", f.Status, f.Path, max(f.Added, 0), max(f.Removed, 0))
	})
	list(len(g.Criteria), "criteria", func(i int) {
		c := g.Criteria[i]
		line("", "  criterion %s (%s): %s", c.ID, v.proof(c.ID), c.Text)
	})
	left := slices.Clone(g.Dropped)
	for _, name := range g.Ignored {
		left = append(left, name+": ignored by git, so not part of it (copy: or setup: brings such files)")
	}
	list(len(left), "left out", func(i int) { line("", "  left out: %s", left[i]) })
	for _, d := range g.Findings {
		line("", "  %s: %s", d.Code, d.Message)
	}
	if g.Said != "" && columns < 1<<20 {
		line("", "  the agent says: %s", g.Said)
	}
	if g.Cost != "" {
		line("", "  cost, as the agent says: %s", g.Cost)
	}
	if g.Waiting > 0 {
		line("", "  %s behind this one", count(g.Waiting, "gate waits", "gates wait"))
	}
	return b.String()
}

// count words a number of things.
func count(n int, one string, many ...string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + first(append(many, one+"s")...)
}

// proof says whether the change brings a tag that ties something to a criterion.
func (v *gateView) proof(id string) string {
	for _, tag := range trace.Mentioned(string(addedLines(v.files))) {
		if tag.ID == id {
			return "tagged here"
		}
	}
	return "no tag here"
}

// file is one file of the file gate: its risks and what changed, as far as the screen goes.
func (v *gateView) file(i int, f git.Change) string {
	var b strings.Builder
	b.WriteString(v.look.paint(bold, fit(fmt.Sprintf("%d of %d: %s", i+1, len(v.order), f.Path), v.look.columns)) + "\n")
	for _, r := range v.g.Risks {
		if r.Path == f.Path && !r.Announced {
			b.WriteString(v.look.paint(red, fit("  RISK: "+r.Class+", "+r.What, v.look.columns)) + "\n")
		}
	}
	var part []patchFile
	for _, p := range v.files {
		if p.path == f.Path {
			part = append(part, p)
		}
	}
	lines := strings.SplitAfter(v.diff(part), "\n")
	if most := max(v.rows-6, 10); len(lines) > most {
		left := len(lines) - most
		lines = append(lines[:most:most], fmt.Sprintf("… %d more lines (d shows all)\n", left))
	}
	b.WriteString(strings.Join(lines, ""))
	return b.String()
}

func (v *gateView) diff(files []patchFile) string { return v.look.patch(files) }

// page shows a long text through the user's pager, a short one as it is.
func (a *app) page(ctx context.Context, tty *terminal, text string) {
	_, rows := tty.size()
	pager := a.w.env("PAGER")
	if pager == "" && (tty.plain || strings.Count(text, "\n") < rows-1) {
		tty.printf("%s\n", text)
		return
	}
	env := a.w.Env
	if a.w.env("LESS") == "" {
		env = append(slices.Clone(env), "LESS=FRX")
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", first(pager, "less"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = strings.NewReader(text), tty.file, tty.file, env
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() == 127) {
		tty.printf("%s\n", text)
	}
}

// shell lets the person work in the slot.
func (a *app) shell(ctx context.Context, tty *terminal, dir string) error {
	tty.printf("A shell in %s. Leave it with exit; what you change is verified again.\n", dir)
	cmd := exec.CommandContext(ctx, first(a.w.env("SHELL"), "/bin/sh"))
	cmd.Dir, cmd.Env = dir, a.w.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty.file, tty.file, tty.file
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGHUP) }
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil // the status of the last command typed there
	}
	return err
}

// question puts an agent's question to the person at the terminal.
func (a *app) question(ctx context.Context, task string, q agent.Question) (agent.Answer, error) {
	if a.answers != nil {
		return a.answers(ctx, task, q)
	}
	tty, err := a.terminal()
	if err != nil {
		return agent.Answer{}, tasks.ErrNoPerson
	}
	defer tty.close()
	tty.printf("\nTask %s asks: %s\n", task, clean(q.Text))
	for i, c := range q.Choices {
		tty.printf("  %d) %s\n", i+1, clean(c))
	}
	prompt := "Your answer: "
	if len(q.Choices) > 0 {
		prompt = "A number, or your own words: "
	}
	for range 10 {
		text, err := tty.line(prompt)
		if err != nil {
			return agent.Answer{}, tasks.ErrNoPerson
		}
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(q.Choices) {
			text = q.Choices[n-1]
		}
		if text != "" {
			return agent.Answer{Text: text, By: "tty"}, ctx.Err()
		}
	}
	return agent.Answer{}, tasks.ErrNoPerson
}
