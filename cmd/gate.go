package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"spec.example/spec/internal/agent"
	"spec.example/spec/tasks"
)

// gate shows a verified result at the terminal and takes the person's decision.
func (a *app) gate(ctx context.Context, g tasks.Gate) (tasks.Decision, error) {
	tty, err := a.terminal()
	if err != nil {
		return tasks.Decision{}, tasks.ErrNoPerson
	}
	defer tty.close()
	a.showGate(tty, g)
	if g.Policy == tasks.ApproveFile && len(g.Files) > 0 {
		return a.fileGate(ctx, tty, g)
	}
	for range 1000 {
		answer, err := tty.line("[a]pprove  [d]iff  [r]equest changes  [e]dit in a shell  [s]kip  [q]uit > ")
		if err != nil {
			return tasks.Decision{}, tasks.ErrNoPerson
		}
		if ctx.Err() != nil {
			return tasks.Decision{}, ctx.Err()
		}
		d, done, err := a.gateKey(ctx, tty, g, answer)
		if done || err != nil {
			return d, err
		}
	}
	return tasks.Decision{Act: tasks.Quit}, nil
}

func (a *app) gateKey(ctx context.Context, tty *terminal, g tasks.Gate, answer string) (tasks.Decision, bool, error) {
	switch strings.ToLower(answer) {
	case "a", "approve", "y", "yes":
		return tasks.Decision{Act: tasks.Approve, By: "tty"}, true, nil
	case "d", "diff":
		a.page(ctx, tty, a.paint(g.Diff))
	case "r", "request":
		return a.request(ctx, tty, g)
	case "e", "edit", "shell":
		if err := a.shell(ctx, tty, g.SlotDir); err != nil {
			tty.printf("the shell ended with: %v\n", err)
		}
		return tasks.Decision{Act: tasks.Again}, true, nil
	case "s", "skip":
		return tasks.Decision{Act: tasks.Leave, By: "tty"}, true, nil
	case "q", "quit":
		return tasks.Decision{Act: tasks.Quit}, true, nil
	default:
		tty.printf("Type one of a, d, r, e, s or q.\n")
	}
	return tasks.Decision{}, false, nil
}

// request takes the changes that a person wants. An agent that cannot adjust says so and offers the shell instead.
func (a *app) request(ctx context.Context, tty *terminal, g tasks.Gate) (tasks.Decision, bool, error) {
	if !g.Adjusts {
		yes, err := tty.yes("The agent " + g.Agent + " cannot adjust its work. Edit it by hand in a shell and go on?")
		if err != nil || !yes {
			return tasks.Decision{}, false, err
		}
		if err := a.shell(ctx, tty, g.SlotDir); err != nil {
			tty.printf("the shell ended with: %v\n", err)
		}
		return tasks.Decision{Act: tasks.Again}, true, nil
	}
	words, err := tty.line("What should change? ")
	if err != nil {
		return tasks.Decision{}, false, tasks.ErrNoPerson
	}
	if words == "" {
		return tasks.Decision{}, false, nil
	}
	return tasks.Decision{Act: tasks.Request, Words: words}, true, nil
}

func (a *app) showGate(tty *terminal, g tasks.Gate) {
	tty.printf("\n── Task %s: %s\n", g.Task, clean(g.Title))
	stops := false
	for _, r := range g.Risks {
		mark := "  announced: "
		if !r.Announced {
			mark, stops = "  RISK: ", true
		}
		tty.printf("%s%s, %s %s\n", mark, r.Class, clean(r.Path), clean(r.What))
	}
	if stops {
		tty.printf("  The approved plan did not announce what is marked RISK.\n")
	}
	added, removed := 0, 0
	for _, f := range g.Files {
		tty.printf("  %s %s (+%d −%d)\n", f.Status, clean(f.Path), max(f.Added, 0), max(f.Removed, 0))
		added, removed = added+max(f.Added, 0), removed+max(f.Removed, 0)
	}
	tty.printf("  %d files, +%d −%d lines\n  verified: %s\n", len(g.Files), added, removed, clean(g.Verified.Summary))
	if g.Verified.ByTask {
		tty.printf("  verified by a command that this task brought\n")
	}
	for _, c := range g.Criteria {
		tty.printf("  criterion %s: %s\n", c.ID, clean(shorten(c.Text, 100)))
	}
	for _, d := range g.Dropped {
		tty.printf("  left out: %s\n", clean(d))
	}
	for _, name := range g.Ignored {
		tty.printf("  ignored by git, so not part of it: %s\n", clean(name))
	}
	if g.Said != "" {
		tty.printf("  the agent says: %s\n", clean(shorten(g.Said, 300)))
	}
	if g.Before != nil {
		tty.printf("  You accepted another form of it before; a merge changed the patch.\n")
	}
	if g.Waiting > 0 {
		tty.printf("  %d more gates wait behind this one\n", g.Waiting)
	}
}

// fileGate takes a decision for each file.
func (a *app) fileGate(ctx context.Context, tty *terminal, g tasks.Gate) (tasks.Decision, error) {
	d := tasks.Decision{Act: tasks.Approve, By: "tty"}
	parts := splitDiff(g.Diff)
	for i, f := range g.Files {
		tty.printf("\n%d of %d: %s\n%s\n", i+1, len(g.Files), clean(f.Path), a.paint(parts[f.Path]))
		answer, err := tty.line("[a]ccept  [x] reject  [s]kip the task  [q]uit > ")
		if err != nil {
			return d, tasks.ErrNoPerson
		}
		switch strings.ToLower(answer) {
		case "a", "y", "yes":
		case "x", "n", "no":
			words, err := tty.line("Why? ")
			if err != nil {
				return d, tasks.ErrNoPerson
			}
			d.Reject = append(d.Reject, f.Path)
			if words != "" {
				d.Words += f.Path + ": " + words + "\n"
			}
		case "s":
			return tasks.Decision{Act: tasks.Leave, By: "tty"}, nil
		default:
			return tasks.Decision{Act: tasks.Quit}, nil
		}
	}
	return d, ctx.Err()
}

// splitDiff cuts a patch into the parts of its files.
func splitDiff(diff []byte) map[string][]byte {
	parts := map[string][]byte{}
	for part := range bytes.SplitSeq(append([]byte("\n"), diff...), []byte("\ndiff --git ")) {
		header, _, _ := bytes.Cut(part, []byte("\n"))
		if _, name, ok := bytes.Cut(header, []byte(" b/")); ok {
			parts[string(name)] = append([]byte("diff --git "), part...)
		}
	}
	return parts
}

// paint colours a patch where the terminal has colour, and takes control characters out of it.
func (a *app) paint(diff []byte) string {
	text := clean(string(diff))
	if a.color == "never" || a.color == "auto" && (a.w.env("NO_COLOR") != "" || a.w.env("TERM") == "dumb") {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		code := ""
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"), strings.HasPrefix(line, "diff "):
			code = "1"
		case strings.HasPrefix(line, "+"):
			code = "32"
		case strings.HasPrefix(line, "-"):
			code = "31"
		case strings.HasPrefix(line, "@@"):
			code = "36"
		}
		if code == "" {
			b.WriteString(line)
			continue
		}
		fmt.Fprintf(&b, "\x1b[%sm%s\x1b[0m\n", code, strings.TrimSuffix(line, "\n"))
	}
	return b.String()
}

// page shows a long text through the user's pager.
func (a *app) page(ctx context.Context, tty *terminal, text string) {
	pager := first(a.w.env("PAGER"), "less -R")
	cmd := exec.CommandContext(ctx, "sh", "-c", pager)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = strings.NewReader(text), tty.file, tty.file, a.w.Env
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
