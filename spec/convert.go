package spec

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A Conversion is a feature in Kiro's format, with what did not carry over.
type Conversion struct {
	Files map[string][]byte // by name in the feature's directory
	IDs   map[string]string // new ids by old ones: of requirements, criteria and tasks
	Notes []string          // one line each
}

// Convert writes a feature in Kiro's format of today. depends are the ids that a leaf waits for, resolved; with them the
// new tasks wait for exactly what the old ones did.
//
// What is no requirement and no task is carried over as a quotation at the end of requirements.md or tasks.md. A feature that is
// Kiro's already keeps its documents; only headings of older forms are written anew.
func Convert(f *Feature, depends func(task string) []string) Conversion {
	c := &converter{f: f, out: Conversion{Files: map[string][]byte{}, IDs: map[string]string{}}, depends: depends, kept: map[string]bool{}}
	kind := "feature"
	if f.Dialect == Kiro || f.Dialect == CCSDD {
		if c.keep(); c.out.Files["bugfix.md"] != nil {
			kind = "bugfix"
		}
	}
	if len(c.out.Files) == 0 {
		c.requirements()
		c.design()
	}
	if c.out.Files["tasks.md"] == nil {
		c.tasks()
	}
	c.rest()
	c.out.Files[".config.kiro"] = []byte("{\"specId\": \"" + NewID(f.Name+f.Title) + "\", \"workflowType\": \"requirements-first\", \"specType\": \"" + kind + "\"}\n")
	return c.out
}

type converter struct {
	f       *Feature
	out     Conversion
	depends func(string) []string
	next    int             // number of the latest requirement
	kept    map[string]bool // documents that are carried over as they are, but for headings
}

func (c *converter) note(format string, args ...any) {
	c.out.Notes = append(c.out.Notes, fmt.Sprintf(format, args...))
}

// requirements writes requirements.md: each requirement with its criteria; statements without an owner are gathered by
// their kind.
func (c *converter) requirements() {
	if len(c.f.Requirements) == 0 {
		c.note("no requirement was found")
		if c.f.Document(Requirements) == nil {
			return
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Requirements Document\n\n## Introduction\n\n%s\n\n## Requirements\n", c.f.Title)
	children := map[string][]*Requirement{}
	for i := range c.f.Requirements {
		if r := &c.f.Requirements[i]; r.Parent != "" {
			children[r.Parent] = append(children[r.Parent], r)
		}
	}
	loose := map[RequirementKind][]*Requirement{}
	var stories []*Requirement
	for i := range c.f.Requirements {
		r := &c.f.Requirements[i]
		switch {
		case c.removed(r):
			if r.Kind == KindRequirement {
				c.note("requirement %q is removed by the change: it stands quoted, and nothing demands its end", r.ID)
			}
		case r.Parent != "":
		case len(children[r.ID]) > 0:
			c.requirement(&b, r, children[r.ID])
		case r.Kind == KindStory:
			stories = append(stories, r)
		default:
			loose[r.Kind] = append(loose[r.Kind], r)
		}
	}
	if len(stories) > 0 {
		fmt.Fprintf(&b, "\n### Requirement %d: User stories\n", c.number("user stories"))
		for _, s := range stories {
			fmt.Fprintf(&b, "\n**User Story:** %s\n", sentence(s.Text))
			c.out.IDs[s.ID] = strconv.Itoa(c.next)
		}
	}
	for _, kind := range []RequirementKind{KindRequirement, KindCriterion, KindEdgeCase, KindNonFunctional} {
		if len(loose[kind]) > 0 {
			title := map[RequirementKind]string{KindRequirement: "Functional requirements", KindCriterion: "Acceptance", KindEdgeCase: "Edge cases", KindNonFunctional: "Non-functional requirements"}[kind]
			fmt.Fprintf(&b, "\n### Requirement %d: %s\n", c.number(title), title)
			c.criteria(&b, loose[kind])
		}
	}
	c.out.Files["requirements.md"] = b.Bytes()
}

// removed tells whether a change of OpenSpec takes a requirement away.
func (c *converter) removed(r *Requirement) bool { return r.Delta == Removed }

func (c *converter) number(string) int {
	c.next++
	return c.next
}

func (c *converter) requirement(b *bytes.Buffer, r *Requirement, criteria []*Requirement) {
	n := c.number(r.ID)
	c.out.IDs[r.ID] = strconv.Itoa(n)
	if r.Delta == Modified {
		c.note("requirement %q changes one of the base specification, which is no part of what is written", r.ID)
	}
	fmt.Fprintf(b, "\n### Requirement %d: %s\n", n, sentence(r.Title))
	story := strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(r.Text, r.Title), ":"))
	if story != "" && story != r.Title {
		if isStory().MatchString(story) && !strings.Contains(story, "User Story") {
			story = "**User Story:** " + story
		}
		fmt.Fprintf(b, "\n%s\n", sentence(story))
	}
	c.criteria(b, criteria)
}

var isStory = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^as (?:an?|the) |, I want `) })

func (c *converter) criteria(b *bytes.Buffer, criteria []*Requirement) {
	b.WriteString("\n#### Acceptance Criteria\n\n")
	for i, r := range criteria {
		id := fmt.Sprintf("%d.%d", c.next, i+1)
		c.out.IDs[r.ID] = id
		fmt.Fprintf(b, "%d. %s\n", i+1, sentence(r.Text))
		if r.Checked {
			c.note("criterion %s (%s) was ticked: a criterion is met when a test proves it", id, r.ID)
		}
	}
}

// sentence puts a text on one line.
func sentence(s string) string { return oneLine(s) }

// design carries the design document over as it is.
func (c *converter) design() {
	var parts [][]byte
	for i := range c.f.Documents {
		d := &c.f.Documents[i]
		if d.Stage != Design {
			continue
		}
		data := bytes.TrimPrefix(d.Data, []byte("\xef\xbb\xbf"))
		if c.f.Dialect == Outline {
			p := scan(d.Path, d.Data)
			data = d.Data[offsetOf(p, d.From-1):offsetOf(p, d.To-1)]
			data = append([]byte("# Design Document\n\n"), data...)
		} else {
			c.note("design.md is %s as it stands", path.Base(d.Path))
		}
		parts = append(parts, bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
	}
	if len(parts) == 0 {
		c.note("there is no design document; write design.md before its approval")
		parts = [][]byte{[]byte("# Design Document\n\n[NEEDS CLARIFICATION: how it is built]\n")}
	}
	c.out.Files["design.md"] = bytes.Join(parts, []byte("\n"))
}

// dependsInTitle is what a title says of dependencies; the converted task says it in a line of its own.
var dependsInTitle = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)\s*\(depends on [^)]*\)`) })

var plainNumber = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d+(\.\d+)*$`) })

// tasks writes tasks.md. Numbers are kept where every task has one of its own that fits its place, else all are numbered
// anew.
func (c *converter) tasks() {
	if len(c.f.Tasks) == 0 {
		c.note("no task was found")
		if c.f.Document(Tasks) != nil {
			c.out.Files["tasks.md"] = []byte("# Implementation Plan\n")
		}
		return
	}
	c.numbers()
	var b bytes.Buffer
	b.WriteString("# Implementation Plan\n\n")
	for i := range c.f.Tasks {
		t := &c.f.Tasks[i]
		depth := len(c.f.ParentChain(t))
		indent := strings.Repeat("  ", depth)
		star := ""
		if t.Optional {
			star = "*"
		}
		mark := map[TaskState]string{Todo: " ", Queued: "~", Doing: "-", Done: "x"}[t.State]
		if t.Heading && !t.Leaf() && c.done(t) { // a heading has no box that could say so
			mark = "x"
		}
		id := c.out.IDs[taskKey(t.ID)]
		dot := "."
		if strings.Contains(id, ".") {
			dot = ""
		}
		fmt.Fprintf(&b, "%s- [%s]%s %s%s %s\n", indent, mark, star, id, dot, sentence(dependsInTitle().ReplaceAllString(t.Title, "")))
		for _, d := range t.Details {
			if d = sentence(d); d != "" {
				fmt.Fprintf(&b, "%s  - %s\n", indent, safeDetail(d))
			}
		}
		for _, a := range t.Acceptance {
			fmt.Fprintf(&b, "%s  - Acceptance: %s\n", indent, sentence(a))
		}
		if len(t.Touches) > 0 {
			fmt.Fprintf(&b, "%s  - _Touches: %s_\n", indent, strings.Join(t.Touches, ", "))
		}
		if t.Verify != "" {
			fmt.Fprintf(&b, "%s  - _Verify: %s_\n", indent, t.Verify)
		}
		c.references(&b, indent, t)
		if t.Leaf() {
			c.dependencies(&b, indent, t)
		}
	}
	c.out.Files["tasks.md"] = b.Bytes()
}

// done tells whether all required leaves of a task are done, and there is one.
func (c *converter) done(t *Task) bool {
	any := false
	for _, id := range t.Children {
		child := c.f.Task(id)
		if child == nil || child.Optional {
			continue
		}
		if any = true; child.Leaf() && child.State != Done || !child.Leaf() && !c.done(child) {
			return false
		}
	}
	return any
}

// taskKey keeps the ids of tasks apart from those of requirements, which may be the same numbers.
func taskKey(id string) string { return "task " + id }

func (c *converter) numbers() {
	keep := true
	for i := range c.f.Tasks {
		t := &c.f.Tasks[i]
		keep = keep && plainNumber().MatchString(t.ID) && (t.Parent == "" || strings.HasPrefix(t.ID, t.Parent+"."))
	}
	next := map[string]int{}
	for i := range c.f.Tasks {
		t := &c.f.Tasks[i]
		id := t.ID
		if !keep {
			next[t.Parent]++
			id = strconv.Itoa(next[t.Parent])
			if t.Parent != "" {
				id = c.out.IDs[taskKey(t.Parent)] + "." + id
			}
		}
		c.out.IDs[taskKey(t.ID)] = id
	}
	if !keep {
		c.note("tasks are numbered anew: %s is now 1", c.f.Tasks[0].ID)
	}
}

// safeDetail keeps a detail from being read as a task or a fence.
func safeDetail(s string) string {
	if strings.HasPrefix(s, "[") || strings.HasPrefix(s, "```") || strings.HasPrefix(s, "~~~") {
		return "“" + s + "”"
	}
	return s
}

func (c *converter) references(b *bytes.Buffer, indent string, t *Task) {
	var refs []string
	for _, ref := range t.Requirements {
		if id, ok := c.out.IDs[ref]; ok {
			refs = append(refs, id)
			continue
		}
		if ref == "All" {
			refs = append(refs, ref)
			continue
		}
		c.note("task %s cites %s, which is not defined", t.ID, ref)
	}
	if len(refs) > 0 {
		fmt.Fprintf(b, "%s  - _Requirements: %s_\n", indent, strings.Join(refs, ", "))
	}
}

func (c *converter) dependencies(b *bytes.Buffer, indent string, t *Task) {
	if c.depends == nil {
		return
	}
	var on []string
	for _, id := range c.depends(t.ID) {
		if id := c.out.IDs[taskKey(id)]; id != "" && !slices.Contains(on, id) {
			on = append(on, id)
		}
	}
	on = append(on, t.DependsOut...)
	text := "none"
	if len(on) > 0 {
		text = strings.Join(on, ", ")
	}
	fmt.Fprintf(b, "%s  - _Depends: %s_\n", indent, text)
}
