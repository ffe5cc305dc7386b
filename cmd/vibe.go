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
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

type vibeOptions struct {
	applyOptions
	verify  string
	promote bool
}

func (a *app) vibeVerb() *cobra.Command {
	var o vibeOptions
	c := &cobra.Command{
		Use:   `vibe "what to do"`,
		Short: "Have one thing done without a specification: one prompt, verified, approved, one commit",
		Long: "Vibe gives an agent one prompt with the steering of the project, in a directory of its own, verifies the result, asks at the\n" +
			"gate and lands it as one commit. A log on standard input goes along, so that CI can hand over what failed:\n\n" +
			"  go test ./... 2>&1 | spec vibe \"make the tests pass\" --no-input --approve auto\n\n" +
			"With --promote a specification is written from what was done.",
		Args: exactly("PROMPT"),
		RunE: func(c *cobra.Command, args []string) error { return a.vibe(c.Context(), args[0], o) },
	}
	f := c.Flags()
	f.StringVar(&o.verify, "verify", "", "`COMMAND` that has to pass on the result (default: the configured or detected one)")
	f.BoolVar(&o.promote, "promote", false, "write a specification from what was done")
	f.StringVar(&o.agent, "agent", "", "`NAME` of the agent (default: the configured one)")
	f.StringVar(&o.approve, "approve", "", "gate `POLICY`: auto, task or file")
	f.StringSliceVar(&o.acceptRisk, "accept-risk", nil, "under auto, do not stop at risks of `CLASS`")
	f.IntVar(&o.attempts, "attempts", 0, "tries (default 3)")
	f.DurationVar(&o.timeout, "timeout", 0, "time limit of one attempt")
	f.StringVar(&o.branch, "branch", "", "land on branch `NAME`")
	f.BoolVar(&o.here, "here", false, "land on the branch that is checked out, even the default one")
	f.StringVar(&o.sandbox, "sandbox", "", "auto, or require to refuse where processes cannot be restricted")
	f.BoolVar(&o.noVerify, "no-verify", false, "leave out the repository's commit hooks")
	return c
}

func (a *app) vibe(ctx context.Context, prompt string, o vibeOptions) error {
	if strings.TrimSpace(prompt) == "" {
		return undecided(`spec vibe "fix the flaky test" --verify "go test ./..."`, "the prompt is empty")
	}
	if err := knownRisks(o.acceptRisk); err != nil {
		return err
	}
	root, err := a.workspaceRoot()
	if err != nil {
		return err
	}
	repo, err := a.repository(ctx, root)
	if err != nil {
		return err
	}
	s, err := a.settings(root)
	if err != nil {
		return err
	}
	if first(o.agent, s.user.Agent, s.repo.Agent) == "" || first(o.agent, s.user.Agent, s.repo.Agent) == "blueprint" {
		return undecided("spec agents, then: spec vibe --agent NAME", "no agent is configured; the built-in blueprint does billing only")
	}
	log, err := a.handedOver()
	if err != nil {
		return err
	}
	t := &target{root: root, dir: tasks.VibeDir(".", prompt), fsys: rooted(root), lock: &trace.Lock{}}
	t.feature = &spec.Feature{Name: path.Base(t.dir), Dir: t.dir}
	opts, err := a.runOptions(ctx, repo, t, o.applyOptions)
	if err != nil {
		return err
	}
	opts.Prompt = &tasks.Prompt{Text: prompt, Log: log}
	if o.verify != "" {
		opts.Verify.Fetch, opts.Verify.Build, opts.Verify.Test = "", "", o.verify
	}
	if opts.Branch, err = a.landingBranch(ctx, repo, o.applyOptions, opts.Branch); err != nil {
		return err
	}
	report, err := tasks.Vibe(ctx, opts)
	if err != nil {
		return a.explainVibe(err, prompt)
	}
	if err := a.reportVibe(report, prompt); err != nil {
		return err
	}
	return a.vibeLanded(ctx, repo, opts, root, prompt, o.promote)
}

// knownRisks refuses a class of risk that does not exist.
func knownRisks(classes []string) error {
	for _, class := range classes {
		if !slices.Contains(tasks.RiskClasses(), class) {
			return undecided("", "no class of risk is called %q; there are %s", class, strings.Join(tasks.RiskClasses(), ", "))
		}
	}
	return nil
}

// maxHanded bounds what is read of a log: its beginning and, more telling, its end.
const maxHanded = 64 << 10

// handedOver reads the log on standard input, where that is a file or a pipe.
func (a *app) handedOver() (string, error) {
	file, ok := a.w.Stdin.(*os.File)
	if !ok {
		return "", nil
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice != 0 || !info.Mode().IsRegular() && info.Mode()&os.ModeNamedPipe == 0 {
		return "", nil
	}
	data, err := io.ReadAll(io.LimitReader(file, 64<<20))
	if err != nil {
		return "", undecided("", "reading standard input: %v", err)
	}
	text := strings.ToValidUTF8(string(data), "�")
	if len(text) > maxHanded {
		text = strings.ToValidUTF8(text[:maxHanded/4], "") + fmt.Sprintf("\n… %d bytes left out …\n", len(text)-maxHanded) + strings.ToValidUTF8(text[len(text)-maxHanded*3/4:], "")
	}
	return text, nil
}

func (a *app) explainVibe(err error, prompt string) error {
	switch {
	case errors.Is(err, tasks.ErrBusy):
		return undecided("wait for it, or see what it does: spec status", "%v", err)
	case errors.Is(err, context.Canceled):
		return &failure{exitInterrupted, errors.New("interrupted"), again(prompt)}
	}
	return err
}

// again is the command that goes on with a prompt.
func again(prompt string) string { return fmt.Sprintf("spec vibe %q", prompt) }

func (a *app) reportVibe(r *tasks.Report, prompt string) error {
	switch {
	case r.Interrupted:
		return &failure{exitInterrupted, errors.New("interrupted; what is verified is kept"), again(prompt)}
	case r.Quit:
		return waits(again(prompt), "stopped at the gate; the result is kept")
	case len(r.Waiting) > 0:
		w := r.Waiting[0]
		if w.Question != nil {
			return waits(fmt.Sprintf("spec answer %s %s %q, then: %s", r.Run, w.ID, first(append(w.Question.Choices, "your own words")...), again(prompt)), "a person has to answer: %s", oneLine(w.Question.Text))
		}
		return waits(again(prompt)+" at a terminal", "%s", w.Reason)
	case len(r.Failed) > 0:
		return no("spec runs "+r.Run, "not done: %s", r.Failed[0].Reason)
	case len(r.Skipped) > 0:
		return no("", "left out at its gate; nothing landed")
	case len(r.Landed) == 0:
		return no("spec runs "+r.Run, "nothing landed")
	}
	return nil
}

// vibeLanded says what landed, and writes a specification of it where that is wanted.
func (a *app) vibeLanded(ctx context.Context, repo *git.Repo, opts tasks.Options, root, prompt string, promote bool) error {
	rev := "HEAD"
	if opts.Branch != "" {
		rev = "refs/heads/" + opts.Branch
	}
	commit, err := repo.Resolve(ctx, rev+"^{commit}")
	if err != nil {
		return err
	}
	parent, err := repo.Parent(ctx, commit)
	if err != nil {
		return err
	}
	changes, err := repo.Changes(ctx, parent, commit)
	if err != nil {
		return err
	}
	promoted := ""
	if promote {
		diff, err := repo.Diff(ctx, parent, commit)
		if err != nil {
			return err
		}
		if promoted, err = a.promote(root, prompt, commit, changes, diff); err != nil {
			return err
		}
	}
	if a.json {
		return nil
	}
	fmt.Fprintf(a.w.Stdout, "Landed as %s: %s.\n", commit[:min(12, len(commit))], count(len(changes), "file"))
	for _, c := range changes {
		fmt.Fprintf(a.w.Stdout, "  %s %s (+%d −%d)\n", c.Status, clean(c.Path), max(c.Added, 0), max(c.Removed, 0))
	}
	if promoted != "" {
		fmt.Fprintf(a.w.Stdout, "Next: fill in what is marked %s…] in .kiro/specs/%s/requirements.md, then: spec adopt %s\n", openPoint, promoted, promoted)
	}
	return nil
}

// promote writes a specification from what was done: the prompt is its requirement, each test that came along a criterion
// whose words a person has to find, and its one task is done.
func (a *app) promote(root, prompt, commit string, changes []git.Change, diff []byte) (string, error) {
	slug := slugify(prompt)
	if slug == "" {
		slug = "change-" + commit[:7]
	}
	dir := path.Join(".kiro/specs", slug)
	if _, err := os.Lstat(filepath.Join(root, filepath.FromSlash(dir))); err == nil {
		slug = slug + "-" + commit[:7]
		dir = path.Join(".kiro/specs", slug)
	}
	tests := newTests(splitPatch(diff))
	var req, design, list bytes.Buffer
	fmt.Fprintf(&req, "# Requirements Document\n\n## Introduction\n\nWritten from commit %s, which was asked for as: %s\n\n## Requirements\n\n### Requirement 1: %s\n\n", commit[:12], oneLine(prompt), title(oneLine(prompt)))
	fmt.Fprintf(&req, "**User Story:** As %s: who wants it], I want %s, so that %s: what is it good for].\n\n#### Acceptance Criteria\n\n", openPoint, oneLine(prompt), openPoint)
	var ids []string
	for _, test := range tests {
		ids = append(ids, fmt.Sprintf("1.%d", len(ids)+1))
		fmt.Fprintf(&req, "%d. WHEN %s: what happens] THE System SHALL %s: what %s demands]\n", len(ids), openPoint, openPoint, test)
	}
	if len(ids) == 0 {
		ids = []string{"1.1"}
		fmt.Fprintf(&req, "1. WHEN %s: what happens] THE System SHALL %s: what can be observed since this change]\n", openPoint, openPoint)
	}
	fmt.Fprintf(&design, "# Design Document\n\n## Overview\n\n%s\n\n## Components and Interfaces\n\nThe change touched:\n\n", oneLine(prompt))
	for _, c := range changes {
		fmt.Fprintf(&design, "- `%s` (+%d −%d)\n", c.Path, max(c.Added, 0), max(c.Removed, 0))
	}
	fmt.Fprintf(&list, "# Implementation Plan\n\n- [x] 1. %s\n  - _Requirements: %s_\n", title(oneLine(prompt)), strings.Join(ids, ", "))
	return slug, a.writeAll(root, dir, map[string][]byte{"requirements.md": req.Bytes(), "design.md": design.Bytes(), "tasks.md": list.Bytes(),
		".config.kiro": []byte("{\"specId\": \"" + spec.NewID(prompt) + "\", \"workflowType\": \"requirements-first\", \"specType\": \"feature\"}\n")})
}

// newTests names the tests that a patch adds, as the common languages write them.
func newTests(files []patchFile) []string {
	var names []string
	for _, f := range files {
		for line := range strings.Lines(string(addedLines([]patchFile{f}))) {
			line = strings.TrimSpace(line)
			for _, mark := range []string{"func Test", "def test_", "async def test_", "fn test_", "it(", "test("} {
				rest, ok := strings.CutPrefix(line, mark)
				if !ok {
					continue
				}
				name := strings.TrimLeft(rest, "\"'`")
				if i := strings.IndexAny(name, "(\"'`:"); i >= 0 {
					name = name[:i]
				}
				mark = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(mark, "("), "async "), "func "), "def "), "fn ")
				if mark == "it" || mark == "test" {
					mark = ""
				}
				names = append(names, fmt.Sprintf("`%s` in `%s`", mark+name, f.path))
			}
		}
	}
	return names
}
