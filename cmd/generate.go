package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

// drafts is how often an agent may write a document before its findings are the user's to mend.
const drafts = 3

// generate has an agent write requirements, design and tasks, one after the other. Each is read as it will be read later;
// what is wrong with it goes back to the agent. Nothing is written into the project before all three are there, and
// nothing of it is approved.
func (a *app) generate(ctx context.Context, root, prompt string, o newOptions) (string, error) {
	slug := first(o.name, slugify(prompt))
	if slug == "" || slug != slugify(slug) {
		return "", undecided("spec new --name my-feature PROMPT", "a feature's name is lower-case letters, digits and hyphens")
	}
	dir := path.Join(".kiro/specs", slug)
	if _, err := os.Lstat(filepath.Join(root, filepath.FromSlash(dir))); err == nil {
		return "", undecided("spec new --name another-name PROMPT", "%s exists already", dir)
	}
	w, err := a.draftsman(root, slug, o.agent)
	if err != nil {
		return "", err
	}
	defer w.close()
	first := "requirements.md"
	if o.bug {
		first = "bugfix.md"
	}
	for n, name := range []string{first, "design.md", "tasks.md"} {
		brief := func(problems string) []byte { return generationBrief(root, prompt, name, problems) }
		if err := w.write(ctx, name, brief, func() string { return draftProblems(w.work, name) }); err != nil {
			return "", err
		}
		if n < 2 && !o.quick {
			if err := a.looksGood(ctx, w.work, name); err != nil {
				return "", err
			}
		}
	}
	files := map[string][]byte{".config.kiro": []byte("{\"specId\": \"" + spec.NewID(prompt) + "\", \"workflowType\": \"requirements-first\", \"specType\": \"" + map[bool]string{true: "bugfix", false: "feature"}[o.bug] + "\"}\n")}
	for _, name := range []string{first, "design.md", "tasks.md"} {
		if files[name], err = readRegular(filepath.Join(w.work, name)); err != nil {
			return "", err
		}
	}
	if err := a.writeAll(root, dir, files); err != nil {
		return "", err
	}
	fmt.Fprintf(a.w.Stdout, "\nWritten by %s; nobody has approved it.\nNext: read it, then: spec approve %s\n", o.agent, slug)
	return slug, nil
}

// A draftsman is an agent that writes documents in a directory of its own; it can read the project, and change nothing there.
type draftsman struct {
	a       *app
	name    string
	feature string
	worker  agent.Agent
	work    string
	temp    string
	policy  sandbox.Policy
	env     []string
}

func (a *app) draftsman(root, feature, name string) (*draftsman, error) {
	s, err := a.settings(root)
	if err != nil {
		return nil, err
	}
	if err := a.trusted(root, s); err != nil {
		return nil, err
	}
	if name = first(name, s.user.Agent, s.repo.Agent, "blueprint"); name == "blueprint" {
		return nil, undecided("spec agents", "the blueprint writes billing only; name another agent with --agent")
	}
	worker, err := a.agentNamed(s, name)
	if err != nil {
		return nil, err
	}
	box, err := s.sandbox()
	if err != nil {
		return nil, err
	}
	w := &draftsman{a: a, name: name, feature: feature, worker: worker}
	if w.work, err = os.MkdirTemp("", "spec-new-"); err != nil {
		return nil, err
	}
	if w.temp, err = os.MkdirTemp("", "spec-"); err != nil {
		w.close()
		return nil, err
	}
	w.policy = sandbox.Base(a.w.Env).With(append(box.Reads, root), append(box.Writes, w.work, w.temp))
	w.policy.Mode = first(box.Mode, w.policy.Mode)
	w.env = sandbox.Environment(a.w.Env, box.Env, []string{"HOME=" + a.w.env("HOME")})
	return w, nil
}

func (w *draftsman) close() {
	os.RemoveAll(w.work)
	if w.temp != "" {
		os.RemoveAll(w.temp)
	}
}

// write has the agent write until nothing is wrong with its draft, three times at most.
func (w *draftsman) write(ctx context.Context, what string, brief func(problems string) []byte, wrong func() string) error {
	problems := ""
	for try := 1; ; try++ {
		w.a.progress("%s writes %s (draft %d)", w.name, what, try)
		var log io.Writer = io.Discard
		if w.a.verbose {
			log = w.a.w.Stderr
		}
		private, err := os.MkdirTemp(w.temp, "")
		if err != nil {
			return err
		}
		result, err := w.worker.Run(ctx, agent.Job{Feature: w.feature, Task: what, Attempt: try, Dir: w.work, Temp: private, Log: log, Policy: w.policy, Brief: brief(problems), Env: w.env,
			Ask: func(ctx context.Context, q agent.Question) (agent.Answer, error) {
				answer, err := w.a.question(ctx, what, q)
				if errors.Is(err, tasks.ErrNoPerson) {
					err = agent.ErrParked
				}
				return answer, err
			}})
		switch {
		case ctx.Err() != nil:
			return &failure{exitInterrupted, errors.New("interrupted; nothing was written"), ""}
		case errors.Is(err, agent.ErrParked):
			return waits("the same at a terminal", "the agent has a question, and nobody can be asked here")
		case err != nil:
			return no("spec agents "+w.name+" --try", "%s: %v", what, err)
		}
		if problems = wrong(); problems == "" {
			return nil
		}
		if try == drafts {
			return no("write it by hand: spec new --blueprint none", "%s is not usable after %d drafts:\n%s\n%s", what, drafts, problems, shorten(oneLine(result.Said), 200))
		}
	}
}

// readRegular reads a file that an agent made: a link could lead anywhere.
func readRegular(file string) ([]byte, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > 4<<20 {
		return nil, fmt.Errorf("%s is no plain file of a usual size", filepath.Base(file))
	}
	return os.ReadFile(file)
}

// looksGood shows a draft at a terminal and asks whether to go on from it. Without a terminal it goes on: approval comes
// later, and only from a person.
func (a *app) looksGood(ctx context.Context, work, name string) error {
	tty, err := a.terminal()
	if err != nil {
		return nil
	}
	defer tty.close()
	data, err := readRegular(filepath.Join(work, name))
	if err != nil {
		return err
	}
	tty.printf("--- %s\n%s\n", name, clean(string(data)))
	yes, err := tty.yes("Go on from this?")
	if err != nil || ctx.Err() != nil || !yes {
		return no("", "nothing was written")
	}
	return nil
}

// draftProblems reads what was drafted so far and says what is wrong with the latest document; "" for nothing.
func draftProblems(work, name string) string {
	data, err := readRegular(filepath.Join(work, name))
	if err != nil {
		return name + " was not written into the current directory"
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return name + " is empty"
	}
	f, diags := spec.Parse(os.DirFS(filepath.Dir(work)), filepath.Base(work))
	var out []string
	switch name {
	case "requirements.md", "bugfix.md":
		if len(f.Criteria()) == 0 {
			out = append(out, "no acceptance criterion was found: write `### Requirement 1: Title`, `#### Acceptance Criteria`, and numbered statements below it")
		}
	case "tasks.md":
		p, more := plan.New(f, plan.State{})
		diags = append(diags, more...)
		if len(p.Tasks) == 0 {
			out = append(out, "no task was found: write `- [ ] 1. Title` with `  - _Requirements: 1.1_` below it")
		}
		for _, c := range p.Coverage {
			if len(c.Tasks) == 0 {
				out = append(out, "no task cites criterion "+c.Criterion)
			}
		}
		for _, t := range f.Tasks {
			if t.State != spec.Todo {
				out = append(out, "task "+t.ID+" is ticked; nothing was done yet")
			}
		}
	}
	for _, d := range diags {
		if d.Severity == spec.Error && path.Base(d.File) == name {
			out = append(out, fmt.Sprintf("line %d: %s %s; %s", d.Line, d.Code, d.Message, d.Hint))
		}
	}
	return strings.Join(out, "\n")
}

func generationBrief(root, prompt, name, problems string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Write %s\n\nThe user wants: %s\n\nThe project lies in %s; read what you need of it, and change nothing there. Write the file %s into the current directory, and nothing else.\n\n", name, oneLine(prompt), root, name)
	b.WriteString(map[string]string{
		"requirements.md": "Format: `# Requirements Document`, `## Introduction`, `## Requirements`, then for each requirement `### Requirement N: Title`, `**User Story:** As a …, I want …, so that …`, `#### Acceptance Criteria`, and numbered statements in EARS: `WHEN event THE System SHALL outcome`, `IF trouble THEN THE System SHALL outcome`. Each has one outcome that can be observed, with numbers. Say what happens when a third party is down, when something takes too long, when a request comes twice, and what is never logged. Mark what only the user can know as `[NEEDS CLARIFICATION: question]`.\n",
		"bugfix.md":       "Format: `# Bugfix Requirements Document`, `## Introduction`, `## Bug Analysis`, `### Current Behavior (Defect)` with statements `1.1 WHEN … THEN the system …`, `### Expected Behavior (Correct)` with `2.1 …`, `### Unchanged Behavior (Regression Prevention)` with `3.1 …`.\n",
		"design.md":       "The requirements stand beside it in the current directory. Format: `# Design Document`, `## Overview`, `## Architecture`, `## Components and Interfaces`, `## Data Models`, `## Correctness Properties` with `### Property N: Title` and `**Validates: Requirements 1.1, 1.2**`, `## Error Handling`, `## Testing Strategy`.\n",
		"tasks.md":        "Requirements and design stand beside it in the current directory. Format: `# Implementation Plan`, then tasks `- [ ] 1. Title`, sub-tasks `  - [ ] 1.1 Title` where needed, details as `  - text`, `  - _Requirements: 1.1, 1.2_` for what it carries out, `  - _Depends: 1_` or `  - _Depends: none_`. Each task brings its own tests and leaves a project that builds and passes. Every criterion is cited. Work only; no deployment, no meetings.\n",
	}[name])
	if problems != "" {
		fmt.Fprintf(&b, "\n## What is wrong with the draft that lies there\n\n%s\n", problems)
	}
	return b.Bytes()
}
