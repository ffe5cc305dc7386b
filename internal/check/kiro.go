package check

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"spec.example/spec/spec"
)

// kiroFormatRules is the profile of those who open the same documents in Kiro. Kiro's extension checks their form ("Kiro
// Spec Format" among an editor's problems) and its scheduler drops what has another one without a word. The rules are those
// of its version 1.1.28, with its names in brackets; a form that Kiro only recommends is a warning. Kiro knows no fences, so
// lines count as they stand.
func kiroFormatRules() []Rule {
	return []Rule{
		{Code: "SPEC006", Name: "not-kiro-format", Severity: spec.Error,
			Text:  "With --kiro: Kiro's own tools refuse this form, or do not see what is written in it.",
			Wrong: "#### Acceptance criteria\n\n- [X] 1 Build it\n\n{\"waves\": [{\"tasks\": [1]}]}",
			Right: "#### Acceptance Criteria\n\n- [x] 1. Build it\n\n{\"waves\": [{\"id\": 0, \"tasks\": [\"1\"]}]}"},
	}
}

// A kiroForm looks at one document.
type kiroForm struct {
	s     *subject
	file  string
	data  string
	lines []string // without what stands behind the last character, as Kiro compares them
	off   []int    // where each begins
}

// kiro looks at the form of the documents of a Kiro feature.
func (s *subject) kiro() {
	if s.feature.Dialect != spec.Kiro && s.feature.Dialect != spec.CCSDD {
		return
	}
	for i := range s.feature.Documents {
		doc := &s.feature.Documents[i]
		k := newKiroForm(s, doc)
		switch path.Base(doc.Path) {
		case "requirements.md":
			k.requirements()
		case "bugfix.md":
			k.bugfix()
		case "design.md":
			k.design()
		case "tasks.md":
			k.tasks()
		}
	}
}

func newKiroForm(s *subject, doc *spec.Document) *kiroForm {
	k := &kiroForm{s: s, file: doc.Path, data: string(doc.Data)}
	at := 0
	for line := range strings.Lines(k.data) {
		k.off = append(k.off, at)
		k.lines = append(k.lines, strings.TrimRight(strings.TrimPrefix(line, "\ufeff"), " \t\r\n"))
		if at == 0 {
			k.off[0] = len(line) - len(strings.TrimPrefix(line, "\ufeff"))
		}
		at += len(line)
	}
	return k
}

// refuse reports one line, by the name that Kiro's rule has. A line of -1 is about the whole document.
func (k *kiroForm) refuse(rule string, severity spec.Severity, i int, message, hint string, edits ...spec.Edit) {
	d := spec.Diagnostic{Code: "SPEC006", Severity: severity, File: k.file, Line: max(i, 0) + 1, Column: 1, Feature: k.s.feature.Name, Subject: rule, Message: message + " [" + rule + "]", Hint: hint, Edits: edits}
	if i >= 0 {
		d.Length = len(k.lines[i])
		d.Subject += " " + k.lines[i]
	}
	k.s.found = append(k.s.found, d)
}

// replace is the edit that writes another text for a line.
func (k *kiroForm) replace(i int, text string) spec.Edit {
	return spec.Edit{Path: k.file, Offset: k.off[i], Old: k.lines[i], New: text}
}

// A heading that Kiro wants.
type wanted struct {
	text     string
	rule     string
	severity spec.Severity
}

// headings demands each heading. One that differs by case, blanks or emphasis only is mended.
func (k *kiroForm) headings(same func(line, heading string) bool, list []wanted) {
	for _, w := range list {
		if slices.ContainsFunc(k.lines, func(l string) bool { return same(l, w.text) }) {
			continue
		}
		word := "needs"
		if w.severity == spec.Warning {
			word = "recommends"
		}
		near := slices.IndexFunc(k.lines, func(l string) bool { return plainHeading(l) == plainHeading(w.text) })
		if near < 0 {
			k.refuse(w.rule, w.severity, -1, fmt.Sprintf("Kiro %s the heading %q, which is not here", word, w.text), fmt.Sprintf("write %q, in English whatever the language of the text", w.text))
			continue
		}
		k.refuse(w.rule, w.severity, near, fmt.Sprintf("Kiro %s the heading %q letter by letter", word, w.text), "spec fix --kiro writes it", k.replace(near, w.text))
	}
}

// plainHeading is a heading without what people vary: case, blanks, emphasis, closing marks.
func plainHeading(line string) string {
	line = strings.TrimLeft(line, " \t")
	text := strings.TrimLeft(line, "#")
	if len(text) == len(line) {
		return ""
	}
	return line[:len(line)-len(text)] + " " + strings.ToLower(strings.Join(strings.Fields(strings.Trim(text, " \t#*_:")), " "))
}

func sameLine(line, heading string) bool { return line == heading }

var (
	kiroRequirement   = lazy(`^### Requirement \d+:`)
	kiroNumbered      = lazy(`^\s*#{1,6}\s+\**Requirement\s+(\d+)\**\s*[-–—.:：)]*\s*(.*?)\**$`)
	kiroBehavior      = lazy(`(?i)^#{2,4}\s+(?:Current|Expected|Unchanged) Behavior\b`)
	kiroValidates     = lazy(`\*\*Validates:\s*Requirements\s+[\d.,\s]+\*\*`)
	kiroProperty      = lazy(`^(?:### )?Property \d+:`)
	kiroPropertyLike  = lazy(`^(?:### )?Property\b`)
	kiroBugMarks      = lazy(`(?i)^(?:##\s+(?:Bug Details|Hypothesized Root Cause|Fix Implementation)|###\s+(?:Bug|Fault) Condition)$`)
	kiroTaskHeading   = lazy(`^#{2,3} Task \d+`)
	kiroBox           = lazy(`^\s*- \[[ x~-]\]`)
	kiroOddBox        = lazy(`^(\s*- \[)([^\] ])\]`)
	kiroTopTask       = lazy(`^- \[[ x~-]\]\\?\*? \d+\.`)
	kiroSubTask       = lazy(`^\s*- \[[ x~-]\]\\?\*? \d+\.\d+`)
	kiroMissingDot    = lazy(`^(- \[[ x~-]\]\\?\*? \d+)([ :)]+)(\D.*)$`)
	kiroDesignInBug   = lazy(`(?i)^#{2,3}\s+.*(?:technical context|implementation details|architecture|components and interfaces|data models)`)
	kiroGraphBlock    = lazy("(?s)```json(.*?)```")
	kiroOtherBullet   = lazy(`^\s*[*+]\s+\[`)
	kiroDesignHeading = lazy(`^##\s+(.+)$`)
)

func (k *kiroForm) requirements() {
	if i := slices.IndexFunc(k.lines, kiroBehavior.get().MatchString); i >= 0 {
		k.refuse("bugfix/wrong-file", spec.Error, i, "Kiro reads what a bug does, and what it ought to do, in bugfix.md only", "rename requirements.md to bugfix.md")
		return
	}
	k.headings(sameLine, []wanted{
		{"# Requirements Document", "requirements/missing-title", spec.Error},
		{"## Introduction", "requirements/missing-introduction", spec.Error},
		{"## Glossary", "requirements/missing-glossary", spec.Warning},
		{"## Requirements", "requirements/missing-requirements-section", spec.Error},
	})
	told := map[int]bool{}
	malformed := func(i int) {
		if told[i] {
			return
		}
		told[i] = true
		var edits []spec.Edit
		if m := kiroNumbered.get().FindStringSubmatch(k.lines[i]); m != nil {
			edits = append(edits, k.replace(i, strings.TrimRight("### Requirement "+m[1]+": "+m[2], " ")))
		}
		k.refuse("requirements/malformed-requirement-heading", spec.Error, i, "Kiro does not see this requirement", "write ### Requirement N: Title", edits...)
	}
	for i, line := range k.lines {
		switch {
		case kiroRequirement.get().MatchString(line):
			k.requirement(i)
		case strings.HasPrefix(line, "### Requirement") && !strings.HasPrefix(line, "### Requirements"):
			malformed(i)
		}
	}
	for _, r := range k.s.feature.Requirements {
		if r.Kind != spec.KindCriterion && r.File == k.file && r.Line >= 1 && r.Line <= len(k.lines) && !kiroRequirement.get().MatchString(k.lines[r.Line-1]) {
			malformed(r.Line - 1)
		}
	}
}

// requirement looks at one requirement, up to the next heading of its level.
func (k *kiroForm) requirement(at int) {
	end := at + 1
	for end < len(k.lines) && !strings.HasPrefix(k.lines[end], "### ") {
		end++
	}
	block := k.lines[at+1 : end]
	if !slices.ContainsFunc(block, func(l string) bool { return strings.Contains(l, "**User Story:**") }) {
		k.refuse("requirements/missing-user-story", spec.Warning, at, "Kiro recommends a **User Story:** in each requirement", "write **User Story:** As a …, I want …, so that …")
	}
	const criteria = "#### Acceptance Criteria"
	if slices.Contains(block, criteria) {
		return
	}
	near := slices.IndexFunc(block, func(l string) bool {
		return strings.TrimLeft(plainHeading(l), "# ") == "acceptance criteria" || strings.EqualFold(strings.Trim(l, " *:_"), "acceptance criteria")
	})
	if near < 0 {
		k.refuse("requirements/missing-acceptance-criteria", spec.Error, at, fmt.Sprintf("Kiro needs the heading %q in each requirement", criteria), "write it above the numbered criteria")
		return
	}
	near += at + 1
	k.refuse("requirements/missing-acceptance-criteria", spec.Error, near, fmt.Sprintf("Kiro needs the heading %q letter by letter", criteria), "spec fix --kiro writes it", k.replace(near, criteria))
}

func (k *kiroForm) bugfix() {
	k.headings(sameLine, []wanted{
		{"## Introduction", "bugfix/missing-introduction", spec.Error},
		{"## Bug Analysis", "bugfix/missing-bug-analysis", spec.Error},
		{"### Current Behavior (Defect)", "bugfix/missing-current-behavior", spec.Error},
		{"### Expected Behavior (Correct)", "bugfix/missing-expected-behavior", spec.Error},
		{"### Unchanged Behavior (Regression Prevention)", "bugfix/missing-unchanged-behavior", spec.Error},
	})
	if i := slices.IndexFunc(k.lines, kiroDesignInBug.get().MatchString); i >= 0 {
		k.refuse("bugfix/unexpected-section", spec.Warning, i, "Kiro wants this section in design.md", "move it there")
	}
}

// isBugfix tells whether Kiro takes a feature for a bug report: by its configuration; without one, ok is false.
func (k *kiroForm) isBugfix() (is, ok bool) {
	if c := k.s.feature.Config; c != nil && (c.SpecType == "bugfix" || c.SpecType == "feature") {
		return c.SpecType == "bugfix", true
	}
	return false, false
}

func (k *kiroForm) design() {
	bug, known := k.isBugfix()
	if !known {
		bug = slices.ContainsFunc(k.lines, kiroBugMarks.get().MatchString)
	}
	list := []wanted{
		{"## Overview", "design/missing-overview", spec.Error},
		{"## Architecture", "design/missing-architecture", spec.Error},
		{"## Components and Interfaces", "design/missing-components", spec.Error},
		{"## Data Models", "design/missing-data-models", spec.Error},
		{"## Correctness Properties", "design/missing-correctness-properties", spec.Warning},
		{"## Error Handling", "design/missing-error-handling", spec.Warning},
		{"## Testing Strategy", "design/missing-testing-strategy", spec.Warning},
	}
	if bug {
		list = []wanted{
			{"## Overview", "design/missing-overview", spec.Error},
			{"## Glossary", "design/missing-glossary", spec.Warning},
			{"## Bug Details", "design/missing-bug-details", spec.Error},
			{"## Expected Behavior", "design/missing-expected-behavior", spec.Error},
			{"## Hypothesized Root Cause", "design/missing-hypothesized-root-cause", spec.Error},
			{"## Correctness Properties", "design/missing-correctness-properties", spec.Warning},
			{"## Fix Implementation", "design/missing-fix-implementation", spec.Error},
			{"## Testing Strategy", "design/missing-testing-strategy", spec.Warning},
		}
	}
	k.headings(func(line, heading string) bool {
		m := kiroDesignHeading.get().FindStringSubmatch(line)
		return m != nil && strings.EqualFold("## "+m[1], heading)
	}, list)
	k.properties()
}

// section is the range of lines below a heading, up to the next one of level 2; from is -1 where it is not there.
func (k *kiroForm) section(heading string) (from, to int) {
	from = slices.Index(k.lines, heading)
	if from < 0 {
		return -1, -1
	}
	to = from + 1
	for to < len(k.lines) && !strings.HasPrefix(k.lines[to], "## ") {
		to++
	}
	return from, to
}

func (k *kiroForm) properties() {
	from, to := k.section("## Correctness Properties")
	if from < 0 {
		return
	}
	last, validated := -1, true
	close := func() {
		if last >= 0 && !validated {
			k.refuse("design/missing-property-validates", spec.Warning, last, "Kiro recommends what a property validates", "write **Validates: Requirements 1.1** below it")
		}
	}
	some := false
	for i := from + 1; i < to; i++ {
		line := k.lines[i]
		switch {
		case kiroProperty.get().MatchString(line):
			close()
			last, validated, some = i, false, true
		case kiroPropertyLike.get().MatchString(line):
			k.refuse("design/malformed-property-heading", spec.Error, i, "Kiro takes this for a property, and finds no number", "write ### Property N: Title")
		}
		validated = validated || kiroValidates.get().MatchString(line)
	}
	close()
	if !some {
		k.refuse("design/empty-correctness-properties", spec.Warning, from, "Kiro sees no property in this section", "write ### Property N: Title")
	}
}

func (k *kiroForm) tasks() {
	if !slices.ContainsFunc(k.lines, func(l string) bool { return strings.HasPrefix(l, "# Implementation Plan") }) {
		near := slices.IndexFunc(k.lines, func(l string) bool { return strings.HasPrefix(plainHeading(l), "# implementation plan") })
		if near >= 0 {
			text := strings.TrimSpace(strings.TrimLeft(k.lines[near], "# \t"))[len("implementation plan"):]
			k.refuse("tasks/missing-implementation-plan", spec.Error, near, `Kiro needs the heading "# Implementation Plan" letter by letter`, "spec fix --kiro writes it", k.replace(near, "# Implementation Plan"+text))
		} else {
			k.refuse("tasks/missing-implementation-plan", spec.Error, -1, `Kiro needs a heading that begins with "# Implementation Plan"`, "write # Implementation Plan: Title")
		}
	}
	k.headings(sameLine, []wanted{
		{"## Overview", "tasks/missing-overview", spec.Warning},
		{"## Tasks", "tasks/missing-tasks-section", spec.Warning},
		{"## Notes", "tasks/missing-notes", spec.Warning},
	})
	headings := map[int]bool{}
	for i, line := range k.lines {
		headings[i] = kiroTaskHeading.get().MatchString(line)
	}
	for i := range k.s.feature.Tasks { // in other languages too
		if t := &k.s.feature.Tasks[i]; t.Heading && t.File == k.file {
			headings[t.Line-1] = true
		}
	}
	for i := range k.lines {
		if headings[i] {
			k.refuse("tasks/invalid-task-heading", spec.Error, i, "Kiro runs no task that is a heading", "write - [ ] N. Title; spec import kiro "+k.s.feature.Dir+" writes all anew")
		}
	}
	k.taskLines()
	k.graph()
}

// taskLines looks at the boxes below "## Tasks", where Kiro looks, and at those that it does not see anywhere.
func (k *kiroForm) taskLines() {
	from, to := k.section("## Tasks")
	for i := max(from, 0); i < to; i++ {
		line := k.lines[i]
		indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		switch {
		case kiroOddBox.get().MatchString(line) && !kiroBox.get().MatchString(line):
			var edits []spec.Edit
			if m := kiroOddBox.get().FindStringSubmatch(line); m[2] == "X" {
				edits = append(edits, spec.Edit{Path: k.file, Offset: k.off[i] + len(m[1]), Old: "X", New: "x"})
			}
			k.refuse("tasks/malformed-checkbox", spec.Error, i, "Kiro does not know this box", "use [ ] or [x], with a small x", edits...)
		case !kiroBox.get().MatchString(line):
		case indented && !kiroSubTask.get().MatchString(line):
			k.refuse("tasks/invalid-subtask-line", spec.Error, i, "Kiro wants a sub-task's number behind its box", "write - [ ] N.M Title; a step that is no task of its own needs no box")
		case !indented && !kiroTopTask.get().MatchString(line) && !kiroSubTask.get().MatchString(line):
			var edits []spec.Edit
			if m := kiroMissingDot.get().FindStringSubmatch(line); m != nil {
				edits = append(edits, k.replace(i, m[1]+". "+m[3]))
			}
			k.refuse("tasks/invalid-task-line", spec.Error, i, "Kiro wants a task's number, with a dot, behind its box", "write - [ ] N. Title", edits...)
		}
	}
	for i := range k.s.feature.Tasks {
		t := &k.s.feature.Tasks[i]
		if t.File == k.file && t.BoxOffset >= 0 && t.Line <= len(k.lines) && kiroOtherBullet.get().MatchString(k.lines[t.Line-1]) {
			at := t.Line - 1
			blanks := len(k.lines[at]) - len(strings.TrimLeft(k.lines[at], " \t"))
			k.refuse("tasks/invalid-task-line", spec.Error, at, "Kiro does not see a task behind this mark", "begin the line with - [",
				spec.Edit{Path: k.file, Offset: k.off[at] + blanks, Old: k.lines[at][blanks : blanks+1], New: "-"})
		}
	}
}

// graph looks at the waves. Kiro's check demands a list; its scheduler then drops waves of another form, and runs one task
// after the other.
func (k *kiroForm) graph() {
	from, to := k.section("## Task Dependency Graph")
	if from < 0 {
		if bug, known := k.isBugfix(); bug || !known && slices.ContainsFunc(k.s.feature.Documents, func(d spec.Document) bool { return path.Base(d.Path) == "bugfix.md" }) {
			return
		}
		k.headings(sameLine, []wanted{{"## Task Dependency Graph", "tasks/missing-dependency-graph", spec.Error}})
		return
	}
	start, end := k.off[from], len(k.data)
	if to < len(k.off) {
		end = k.off[to]
	}
	m := kiroGraphBlock.get().FindStringSubmatchIndex(k.data[start:end])
	const hint = "write a ```json block with {\"waves\": [{\"id\": 0, \"tasks\": [\"1.1\"]}]}"
	if m == nil {
		k.refuse("tasks/missing-dag-json", spec.Error, from, "Kiro finds no ```json block in this section", hint)
		return
	}
	block := k.data[start+m[2] : start+m[3]]
	if strings.TrimSpace(block) == "" {
		k.refuse("tasks/empty-dag-json", spec.Error, from, "Kiro finds an empty ```json block in this section", hint)
		return
	}
	var whole any
	if err := json.Unmarshal([]byte(block), &whole); err != nil {
		k.refuse("tasks/invalid-dag-json", spec.Error, from, "Kiro cannot read the graph: "+err.Error(), hint)
		return
	}
	object, _ := whole.(map[string]any)
	if list, ok := object["waves"].([]any); !ok || len(list) == 0 {
		k.refuse("tasks/invalid-dag-structure", spec.Error, from, `Kiro needs a list "waves" that is not empty in the graph`, hint)
		return
	}
	k.waves(block, start+m[2])
}

// waves looks at each wave of a block that begins at an offset of the document. What is no object at all is SPEC007.
func (k *kiroForm) waves(block string, offset int) {
	var graph map[string]json.RawMessage
	var list []json.RawMessage
	if json.Unmarshal([]byte(block), &graph) != nil || json.Unmarshal(graph["waves"], &list) != nil {
		return
	}
	w := walker{text: block, at: strings.Index(block, `"waves"`)}
	for n, raw := range list {
		at := w.next(string(raw))
		var wave map[string]json.RawMessage
		if json.Unmarshal(raw, &wave) != nil {
			w.at = at + len(raw)
			continue
		}
		line, _ := slices.BinarySearch(k.off, offset+at+1)
		line--
		const dropped = "Kiro drops the whole graph without a word, and runs one task after the other"
		id := string(wave["id"])
		switch {
		case id == "":
			k.refuse("tasks/dropped-graph", spec.Error, line, fmt.Sprintf("wave %d has no number as its id: %s", n, dropped), fmt.Sprintf(`write {"id": %d, "tasks": […]}`, n),
				spec.Edit{Path: k.file, Offset: offset + at, Old: "{", New: fmt.Sprintf(`{"id": %d, `, n)})
		case id[0] != '-' && (id[0] < '0' || id[0] > '9'):
			k.refuse("tasks/dropped-graph", spec.Error, line, fmt.Sprintf("wave %d has the id %s, which is no number: %s", n, id, dropped), fmt.Sprintf(`write "id": %d`, n), k.number(raw, offset+at, id)...)
		}
		var tasks []json.RawMessage
		json.Unmarshal(wave["tasks"], &tasks) // another form of it is SPEC007
		in := walker{text: block, at: at + max(strings.Index(string(raw), `"tasks"`), 0)}
		var edits []spec.Edit
		for _, t := range tasks {
			here := in.next(string(t))
			in.at = here + len(t)
			if len(t) > 0 && (t[0] == '-' || t[0] >= '0' && t[0] <= '9') {
				edits = append(edits, spec.Edit{Path: k.file, Offset: offset + here, Old: string(t), New: `"` + string(t) + `"`})
			}
		}
		if len(edits) > 0 {
			k.refuse("tasks/dropped-graph", spec.Error, line, fmt.Sprintf("wave %d names tasks as numbers instead of text: %s", n, dropped), "quote their numbers", edits...)
		}
		w.at = at + len(raw)
	}
}

// number is the edit that takes the quotes from an id of digits.
func (k *kiroForm) number(raw json.RawMessage, offset int, id string) []spec.Edit {
	m := regexp.MustCompile(`"id"\s*:\s*` + regexp.QuoteMeta(id)).FindIndex(raw)
	digits := strings.Trim(id, `"`)
	if m == nil || digits == "" || strings.Trim(digits, "0123456789") != "" || len(digits) > 1 && digits[0] == '0' {
		return nil
	}
	return []spec.Edit{{Path: k.file, Offset: offset + m[1] - len(id), Old: id, New: digits}}
}

// A walker finds pieces of a text one after the other.
type walker struct {
	text string
	at   int
}

func (w *walker) next(piece string) int {
	if i := strings.Index(w.text[max(w.at, 0):], piece); i >= 0 {
		return max(w.at, 0) + i
	}
	return max(w.at, 0)
}
