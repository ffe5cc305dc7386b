package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing/fstest"

	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// A Prompt is work without a specification: one sentence, one task, one commit. It passes the same slot, fence,
// verification and gate as a task of a specification; nothing is ticked and no fact is written.
type Prompt struct {
	Text string
	Log  string // what the user handed over besides, such as the output of a failed build
}

// vibeTask is the id of the one task that a prompt is.
const vibeTask = "1"

// VibeDir is the directory that stands for a prompt where a feature's would. It is never made.
func VibeDir(root, text string) string {
	return path.Join(root, ".kiro/specs", "vibe-"+shortHash(text))
}

// Vibe carries out a prompt. The head need not pass its verification: what fails there is told to the agent, and has to
// pass afterwards.
func Vibe(ctx context.Context, o Options) (*Report, error) {
	if o.Prompt == nil || strings.TrimSpace(o.Prompt.Text) == "" {
		return nil, errors.New("there is no prompt")
	}
	o.FeatureDir, o.Check, o.Jobs = VibeDir(o.Root, o.Prompt.Text), nil, 1
	h, err := promptHead("", nil, o)
	if err != nil {
		return nil, err
	}
	return Run(ctx, h.plan, o)
}

// promptHead is the head as a prompt sees it: a feature with one task that is in no file.
func promptHead(commit string, fsys fs.FS, o Options) (*head, error) {
	title := oneLineOf(o.Prompt.Text, 100)
	text := fmt.Sprintf("# Implementation Plan\n\n- [ ] %s. %s\n  - prompt %s\n", vibeTask, title, shortHash(o.Prompt.Text))
	f, diags := spec.Parse(fstest.MapFS{path.Join(o.FeatureDir, "tasks.md"): {Data: []byte(text)}}, o.FeatureDir)
	lock, _ := trace.ParseLock(nil)
	p, more := plan.New(f, plan.State{})
	if p.Task(vibeTask) == nil {
		return nil, fmt.Errorf("the prompt cannot be made a task: %v", append(diags, more...))
	}
	return &head{commit: commit, feature: f, lock: lock, plan: p, fsys: fsys}, nil
}

func oneLineOf(text string, most int) string {
	words := []rune(strings.Join(strings.Fields(text), " "))
	if len(words) > most {
		return string(words[:most-1]) + "…"
	}
	return string(words)
}

// promptBrief writes what an agent is told of a prompt.
func promptBrief(p *Prompt, red string, in BriefInput) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Task\n\n%s\n\n", strings.TrimSpace(p.Text))
	section(&b, "What the user hands over", fenced(p.Log))
	section(&b, "What fails at the start", fenced(red))
	writeSteering(&b, in)
	in.Failure = fenced(in.Failure)
	writeHistory(&b, in)
	b.WriteString(promptRules)
	return b.Bytes()
}

// fenced shows output as it is: a fence that no line of it can close.
func fenced(text string) string {
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "\n" + text + "\n" + fence
}

const promptRules = `## How your work is taken

- Leave your result as files in the current directory. Do not commit: the repository is read-only, and spec commits.
- It is then built and tested in another checkout. Files that git ignores are not there.
- Changes to specifications (.kiro/specs), spec.lock and .kiro/spec.yaml are left out.
- Do only what is asked for. Tests are not weakened, skipped or deleted to make them pass.
- If something has to be decided, ask: spec ask "Which one?" --choice A --choice B, or the tool ask_person of the server spec
- If nothing has to change, say why: spec report --unchanged "reason"
`

// promptMessage is the commit message of a prompt's result.
func (r *run) promptMessage(a approved) string {
	subject := oneLineOf(r.o.Prompt.Text, 72)
	var b strings.Builder
	b.WriteString(subject + "\n\n")
	if text := strings.TrimSpace(r.o.Prompt.Text); text != subject {
		b.WriteString(text + "\n\n")
	}
	for _, d := range r.answersFor(vibeTask) {
		fmt.Fprintf(&b, "%s\n%s (%s)\n\n", oneLineOf(d.Question.Text, 200), d.Answer.Text, d.Answer.By)
	}
	fmt.Fprintf(&b, "Spec-Vibe: %s/%s\nSpec-Agent: %s\n", path.Base(r.o.FeatureDir), vibeTask, a.by)
	for _, g := range a.gates {
		fmt.Fprintf(&b, "Spec-Gate: %s\n", g.String())
	}
	return b.String()
}
