package spec

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// outlineIn finds the one Markdown or text file of a directory that holds an outline, or "".
func outlineIn(fsys fs.FS, dir string) string {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if ext := path.Ext(e.Name()); e.IsDir() || ext != ".md" && ext != ".txt" {
			continue
		}
		name := path.Join(dir, e.Name())
		data, err := readBounded(fsys, name)
		if err == nil && (bytes.Contains(data, []byte("## Feature:")) || bytes.Contains(data, []byte("## Task Plan:"))) {
			return name
		}
	}
	return ""
}

// parseOutline reads one document with stories, criteria and a task plan. It is read in parts: where a fence was
// meant to end and does not, a new part begins.
func (f *Feature) parseOutline(fsys fs.FS, name string) Diagnostics {
	f.Dialect, f.Dir = Outline, path.Dir(name)
	data, err := readBounded(fsys, name)
	if err != nil {
		return Diagnostics{{Code: "SPEC501", Severity: Error, File: name, Feature: f.Name, Message: "cannot be read: " + err.Error()}}
	}
	r := &reader{fsys: fsys, f: f}
	o := &outline{f: f, file: name}
	for base, firstLine, parts := 0, 0, 0; base < len(data) && parts < 1000; parts++ {
		p := scan(name, data[base:])
		cut, found := len(p.lines), false
		for _, fence := range p.fences {
			if at, ok := repairPoint(p, fence); ok && at < len(p.lines) {
				r.lostFence(p, fence, at, base, firstLine)
				cut, found = at, true
				break
			} else if ok {
				r.lostFence(p, fence, at, base, firstLine)
			}
		}
		end := len(data)
		if found {
			end = base + int(p.lines[cut].off)
		}
		o.blocks = append(o.blocks, blocksOf(p, cut, firstLine)...)
		base, firstLine = end, firstLine+cut
	}
	o.read()
	o.documents(data)
	r.diags.feature(f.Name)
	if f.Title == "" {
		f.Title = f.Name
	}
	r.duplicates()
	r.diags.feature(f.Name)
	r.diags.Sort()
	return r.diags
}

// lostFence reports a fence whose end is lost.
//
// spec:workflow/1.3
func (r *reader) lostFence(p *page, f fence, at, base, firstLine int) {
	l := &p.lines[f.from]
	r.diags = append(r.diags, Diagnostic{Code: "SPEC001", Severity: Error, File: p.path, Line: firstLine + f.from + 1, Column: int(l.start) + 1, Length: len(l.text) - int(l.start),
		Message: "a code fence opened here is never closed where it was meant to be; what follows would be read as code", Hint: fmt.Sprintf("close it before line %d", firstLine+at+1),
		Edits: []Edit{{Path: p.path, Offset: base + offsetOf(p, at), New: strings.Repeat(string(f.mark), f.length) + "\n"}}})
}

// An outline is the reading of one.
type outline struct {
	f      *Feature
	file   string
	blocks []block
	first  map[string]int // line of the first section of a kind
}

// sectionKind says what the items of a section are.
func sectionKind(heading string) (RequirementKind, string) {
	h := strings.ToLower(strings.TrimSpace(strings.TrimRight(heading, "#: ")))
	switch {
	case strings.HasPrefix(h, "user stor"):
		return KindStory, "US-"
	case strings.HasPrefix(h, "functional req"):
		return KindRequirement, "FR-"
	case strings.HasPrefix(h, "acceptance crit"):
		return KindCriterion, "AC-"
	case strings.HasPrefix(h, "edge case"):
		return KindEdgeCase, "EC-"
	case strings.HasPrefix(h, "non-functional req"), strings.HasPrefix(h, "nonfunctional req"), strings.HasPrefix(h, "non functional req"):
		return KindNonFunctional, "NFR-"
	}
	return "", ""
}

func (o *outline) read() {
	o.first = map[string]int{}
	var kind RequirementKind
	prefix, part := "", ""
	counts := map[string]int{}
	var task *Task
	for _, b := range o.blocks {
		if b.level > 0 {
			task, kind = nil, ""
			switch {
			case heading(b.text, "feature:", &o.f.Title):
				part = "feature"
				o.mark("feature", b.line)
			case heading(b.text, "task plan:", nil):
				part = "tasks"
				o.mark("tasks", b.line)
			case b.level <= 2:
				if part == "tasks" {
					o.mark("after", b.line)
				}
				part = ""
			}
			if part != "tasks" {
				if kind, prefix = sectionKind(b.text); kind == "" && part == "feature" && b.level > 2 {
					o.mark("design", b.line)
				}
			} else if id, title, ok := taskTitle(b.text); ok {
				o.f.Tasks = append(o.f.Tasks, Task{ID: id, Title: title, State: Todo, Heading: true, BoxOffset: -1, File: o.file, Line: b.line, EndLine: b.line + 1, Text: b.text, Section: "Task Plan"})
				task = &o.f.Tasks[len(o.f.Tasks)-1]
			}
			continue
		}
		switch {
		case part == "feature" && kind != "" && b.depth == 1:
			counts[prefix]++
			text, checked := unboxed(b.text)
			o.f.Requirements = append(o.f.Requirements, Requirement{ID: prefix + strconv.Itoa(counts[prefix]), Kind: kind, Text: text, File: o.file, Line: b.line, EndLine: b.line + 1, Checked: checked})
		case task != nil:
			task.Text += "\n" + b.text
			task.EndLine = b.line + 1
			o.detail(task, b)
		}
	}
	o.count()
}

func (o *outline) mark(what string, line int) {
	if o.first[what] == 0 {
		o.first[what] = line
	}
}

// heading tells whether a heading starts with a word, and gives what follows.
func heading(text, word string, rest *string) bool {
	n, ok := foldPrefix(text, word)
	if ok && rest != nil && *rest == "" {
		*rest = strings.TrimSpace(text[n:])
	}
	return ok
}

// taskTitle reads "Task 3: Title".
func taskTitle(text string) (id, title string, ok bool) {
	n, ok := taskSet.prefix(text)
	if !ok {
		return "", "", false
	}
	rest := strings.TrimLeft(text[n:], " \t")
	k := number(rest)
	if k == 0 || !ended(rest[k:]) {
		return "", "", false
	}
	return rest[:k], titleAfter(rest[k:]), true
}

func unboxed(text string) (string, bool) {
	if len(text) > 3 && text[0] == '[' && text[2] == ']' {
		return strings.TrimSpace(text[3:]), text[1] == 'x' || text[1] == 'X'
	}
	return text, false
}

func (o *outline) detail(t *Task, b block) {
	key, value, ok := field(b.text)
	switch {
	case ok && isDependsWord(key):
		t.depends(value, b.line)
	case ok && key == "acceptance":
		f := t.fields()
		f.Acceptance = append(f.Acceptance, value)
	default:
		t.Details = append(t.Details, b.text)
		refs, _, _ := taskRefs(b.text, Outline)
		t.Requirements = appendNew(t.Requirements, refs)
	}
}

func (o *outline) count() {
	c := &o.f.Counts
	seen := map[string]int{}
	for i := range o.f.Tasks {
		t := &o.f.Tasks[i]
		if seen[t.ID]++; seen[t.ID] > 1 {
			t.ID = fmt.Sprintf("%s#%d", t.ID, seen[t.ID])
		}
	}
	c.Tasks, c.Leaves = len(o.f.Tasks), len(o.f.Tasks)
	for _, r := range o.f.Requirements {
		if r.Kind == KindStory || r.Kind == KindRequirement {
			c.Requirements++
		} else {
			c.Criteria++
		}
	}
}

// documents cuts the file into the line ranges of its stages.
func (o *outline) documents(data []byte) {
	total := bytes.Count(data, []byte{'\n'}) + 2
	tasks, after, design := o.first["tasks"], o.first["after"], o.first["design"]
	if tasks == 0 {
		tasks = total
	}
	if after == 0 {
		after = total
	}
	if design == 0 || design > tasks {
		design = tasks
	}
	add := func(s Stage, from, to int) {
		if from < to {
			o.f.Documents = append(o.f.Documents, Document{Stage: s, Path: o.file, Data: data, From: from, To: to})
		}
	}
	add(Requirements, 1, design)
	add(Design, design, tasks)
	add(Tasks, tasks, after)
}
