package tasks

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"spec.example/spec/spec"
)

// A BriefInput is what a brief is made of besides the feature.
type BriefInput struct {
	Steering  []spec.SteeringFile
	Manifest  []Steered                         // every document of steering, and why it is in or not
	Decisions string                            // the feature's decisions.md
	Answers   []string                          // given in this run
	Failure   string                            // of the last attempt
	Requests  []string                          // changes that a person asked for
	Conflict  string                            // the patch that did not merge
	File      func(name string) ([]byte, error) // reads a file of the workspace that steering refers to; nil to leave references as they are
}

// Brief writes what an agent is told of a task: the task, everything that it or its parents cite, the design that
// belongs to it, the steering that applies, decisions, and what went wrong before. The same input gives the same
// bytes.
func Brief(f *spec.Feature, id string, in BriefInput) ([]byte, error) {
	t := f.Task(id)
	if t == nil {
		return nil, fmt.Errorf("no task %s in %s", id, f.Name)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Task %s of %s: %s\n\n", t.ID, f.Name, t.Title)
	b.WriteString("Carry out this one task in the current directory. Other tasks are done by others.\n\n")
	for _, p := range f.ParentChain(t) {
		fmt.Fprintf(&b, "Part of task %s:\n\n%s\n\n", p.ID, strings.TrimSpace(p.Text))
	}
	fmt.Fprintf(&b, "```markdown\n%s\n```\n\n", strings.TrimRight(t.Text, "\n"))
	briefRequirements(&b, f, t)
	briefDesign(&b, f, t)
	writeSteering(&b, in)
	writeHistory(&b, in)
	b.WriteString(rules)
	return b.Bytes(), nil
}

// writeHistory writes what was decided, asked for and seen to fail so far.
func writeHistory(b *bytes.Buffer, in BriefInput) {
	section(b, "Decisions so far", in.Decisions)
	section(b, "Answers to your questions", strings.Join(in.Answers, "\n"))
	section(b, "Changes that a person asks for", strings.Join(in.Requests, "\n\n"))
	section(b, "Your earlier work that no longer merges", in.Conflict)
	section(b, "What failed last time", in.Failure)
}

const rules = `## How your work is taken

- Leave your result as files in the current directory. Do not commit: the repository is read-only, and spec commits.
- It is then built and tested in another checkout. Files that git ignores are not there.
- Changes to specifications (.kiro/specs), spec.lock and .kiro/spec.yaml are left out.
- A criterion counts as met when a test that carries the comment spec:FEATURE/ID (for example spec:checkout/1.2) passes.
- If the specification leaves a choice open, ask: spec ask "Which one?" --choice A --choice B, or the tool ask_person of the server spec
- If nothing has to change, say why: spec report --unchanged "reason"
`

func section(b *bytes.Buffer, title, text string) {
	if text = strings.TrimSpace(text); text != "" {
		fmt.Fprintf(b, "## %s\n\n%s\n\n", title, text)
	}
}

// briefRequirements writes each cited criterion below its requirement. A task that cites nothing gets the titles of
// all requirements.
func briefRequirements(b *bytes.Buffer, f *spec.Feature, t *spec.Task) {
	cited := f.Covers(t)
	b.WriteString("## Requirements\n\n")
	if len(cited) == 0 {
		b.WriteString("The task cites none. The feature's requirements are:\n\n")
		for _, r := range f.Requirements {
			if r.Kind != spec.KindCriterion {
				fmt.Fprintf(b, "- %s %s\n", r.ID, firstNonEmpty(r.Title, r.Text))
			}
		}
		b.WriteString("\n")
		return
	}
	parent := ""
	for _, r := range f.Requirements {
		if !slices.Contains(cited, r.ID) {
			continue
		}
		if owner := f.Owner(&r); owner != nil && owner.ID != parent {
			parent = owner.ID
			fmt.Fprintf(b, "%s %s\n\n", owner.ID, firstNonEmpty(owner.Text, owner.Title))
		}
		fmt.Fprintf(b, "- %s %s\n", r.ID, r.Text)
	}
	b.WriteString("\n")
}

func firstNonEmpty(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// briefDesign writes the cited properties, and the sections of the design that speak of what the task names between
// backticks.
func briefDesign(b *bytes.Buffer, f *spec.Feature, t *spec.Task) {
	cited := f.CitedProperties(t)
	for _, p := range f.Properties {
		if slices.Contains(cited, p.ID) {
			fmt.Fprintf(b, "## Property %s: %s\n\n%s\n\n", p.ID, p.Title, strings.TrimSpace(p.Text))
		}
	}
	names := ticked(t.Text)
	if len(names) == 0 {
		return
	}
	for _, s := range f.Sections {
		for _, name := range names {
			if strings.Contains(s.Text, name) {
				fmt.Fprintf(b, "%s\n\n", strings.TrimSpace(s.Text))
				break
			}
		}
	}
}

// ticked lists the code spans of a text that are long enough to be names.
func ticked(text string) []string {
	var names []string
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 && len(part) > 3 && !strings.Contains(part, "\n") {
			names = append(names, part)
		}
	}
	return names
}

// TaskText is the text by which steering is chosen for a task: its own and its parents'.
func TaskText(f *spec.Feature, t *spec.Task) string {
	text := t.Title + "\n" + t.Text
	for _, p := range f.ParentChain(t) {
		text += "\n" + p.Title + "\n" + p.Text
	}
	return text
}
