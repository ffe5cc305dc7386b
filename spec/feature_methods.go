package spec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Requirement returns the entry with an id, or nil.
func (f *Feature) Requirement(id string) *Requirement {
	if f.reqAt != nil {
		if i, ok := f.reqAt[id]; ok && i < len(f.Requirements) {
			return &f.Requirements[i]
		}
		return nil
	}
	for i := range f.Requirements {
		if f.Requirements[i].ID == id {
			return &f.Requirements[i]
		}
	}
	return nil
}

// Owner is the requirement that a criterion belongs to, or nil. A criterion may have the same id as a requirement.
func (f *Feature) Owner(c *Requirement) *Requirement {
	for i := range f.Requirements {
		if r := &f.Requirements[i]; c.Parent != "" && r.ID == c.Parent && !f.proved(r) {
			return r
		}
	}
	return nil
}

// Task returns the task with an id, or nil.
func (f *Feature) Task(id string) *Task {
	if f.taskAt != nil {
		if i := f.taskAt.find(f.Tasks, id); i >= 0 {
			return &f.Tasks[i]
		}
		return nil
	}
	for i := range f.Tasks {
		if f.Tasks[i].ID == id {
			return &f.Tasks[i]
		}
	}
	return nil
}

// TaskIndex is the place of the task with an id, -1 for none.
func (f *Feature) TaskIndex(id string) int {
	return f.taskAt.find(f.Tasks, id)
}

// index makes the look-up by id quick. The first of two equal ids counts.
func (f *Feature) index() {
	for i := range f.Tasks {
		if f.Tasks[i].Fields == nil {
			f.Tasks[i].Fields = &noFields
		}
	}
	if f.taskAt == nil {
		f.taskAt = newIDs(len(f.Tasks))
		for i := range f.Tasks {
			f.taskAt.add(f.Tasks, i)
		}
	}
	f.reqAt = make(map[string]int, len(f.Requirements))
	for _, criteria := range []bool{false, true} { // of a requirement and a criterion with one id the criterion is meant
		for i := len(f.Requirements) - 1; i >= 0; i-- {
			if r := &f.Requirements[i]; f.proved(r) == criteria {
				f.reqAt[r.ID] = i
			}
		}
	}
	f.indexCriteria()
}

// Document returns the document of a stage, or nil.
func (f *Feature) Document(s Stage) *Document {
	for i := range f.Documents {
		if f.Documents[i].Stage == s {
			return &f.Documents[i]
		}
	}
	return nil
}

// Leaves lists the tasks that are nobody's parent, in document order.
func (f *Feature) Leaves() []*Task {
	var leaves []*Task
	for i := range f.Tasks {
		if f.Tasks[i].Leaf() {
			leaves = append(leaves, &f.Tasks[i])
		}
	}
	return leaves
}

// Criteria lists what a test has to prove: criteria, edge cases, non-functional requirements, and a requirement that has
// no criterion of its own in the dialects whose requirements are single statements.
func (f *Feature) Criteria() []*Requirement {
	var out []*Requirement
	for i := range f.Requirements {
		if r := &f.Requirements[i]; f.proved(r) {
			out = append(out, r)
		}
	}
	return out
}

// proved tells whether an entry is a statement that a test has to prove.
func (f *Feature) proved(r *Requirement) bool {
	switch r.Kind {
	case KindCriterion, KindEdgeCase, KindNonFunctional:
		return true
	case KindRequirement:
		return f.Dialect == Outline || f.Dialect == SpecKit
	}
	return false
}

// Bugfix tells whether the feature is a bug report (bugfix.md).
func (f *Feature) Bugfix() bool {
	doc := f.Document(Requirements)
	return doc != nil && path.Base(doc.Path) == "bugfix.md"
}

// Defect tells whether a criterion says what a bug report wants to be rid of (its section 1, the current behavior): once
// that is fixed, no test can show it.
func (f *Feature) Defect(r *Requirement) bool { return f.Bugfix() && r.Parent == "1" }

// ParentChain lists the tasks that a task is part of, outermost first.
func (f *Feature) ParentChain(t *Task) []*Task {
	var chain []*Task
	for id := t.Parent; id != "" && len(chain) < 32; {
		p := f.Task(id)
		if p == nil {
			break
		}
		chain = append(chain, p)
		id = p.Parent
	}
	slices.Reverse(chain)
	return chain
}

// Covers lists the ids of the criteria that a task cites, itself or through its parents: 3 means all of 3.*, All means
// every one.
func (f *Feature) Covers(t *Task) []string {
	var at []int32
	all := false
	cite := func(refs []string) {
		for _, ref := range refs {
			all = all || ref == "All"
			at = append(at, f.criteriaAt[ref]...)
		}
	}
	cite(t.Requirements)
	for _, p := range f.ParentChain(t) {
		cite(p.Requirements)
	}
	if all {
		at = f.criteriaAt["All"]
	}
	if len(at) == 0 {
		return nil
	}
	if !all {
		slices.Sort(at)
		at = slices.Compact(at)
	}
	ids := make([]string, len(at))
	for i, n := range at {
		ids[i] = f.Requirements[n].ID
	}
	return ids
}

// indexCriteria says for each reference that a task can make which criteria it means.
func (f *Feature) indexCriteria() {
	f.criteriaAt = map[string][]int32{}
	for i := range f.Requirements {
		c := &f.Requirements[i]
		if !f.proved(c) {
			continue
		}
		base, _, _ := strings.Cut(c.ID, "#")
		parent, _, _ := strings.Cut(c.Parent, "#")
		for _, ref := range []string{"All", base, parent} {
			if ref != "" {
				f.criteriaAt[ref] = append(f.criteriaAt[ref], int32(i))
			}
		}
	}
}

// CitedProperties lists the properties that a task cites, itself or through its parents.
func (f *Feature) CitedProperties(t *Task) []string {
	cited := slices.Clone(t.Properties)
	for _, p := range f.ParentChain(t) {
		cited = appendNew(cited, p.Properties)
	}
	return cited
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(h[:])
}

// normalText makes a text independent of line ends and of blanks at the ends of lines.
func normalText(s string) []byte {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	return []byte(strings.TrimSpace(strings.Join(lines, "\n")))
}

// Hash names the exact words of a requirement or criterion.
func (r *Requirement) Hash() string { return sum(normalText(r.Text)) }

// Hash names the exact words of a task; the state in its box is not part of it, and neither is whether it is indented by
// tabs or by blanks.
func (t *Task) Hash() string {
	text := untabbed(t.Text)
	if t.BoxOffset >= 0 {
		if i := strings.IndexByte(text, '['); i >= 0 && i+1 < len(text) {
			text = text[:i+1] + " " + text[i+2:]
		}
	}
	return sum(normalText(text))
}

// untabbed writes the indentation of each line in blanks.
func untabbed(text string) string {
	if strings.IndexByte(text, '\t') < 0 {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		width, start := indentation(line)
		b.WriteString(strings.Repeat(" ", width))
		b.WriteString(line[start:])
	}
	return b.String()
}

// ApprovedHash names the exact words of a stage, "" where it has no document: line ends LF, no byte order mark, and
// blank where a tick may be written.
//
// spec:workflow/2.3
func ApprovedHash(f *Feature, s Stage) string {
	h := sha256.New()
	any := false
	for i := range f.Documents {
		d := &f.Documents[i]
		if d.Stage != s {
			continue
		}
		any = true
		data := bytes.Clone(d.Data)
		for j := range f.Tasks {
			if t := &f.Tasks[j]; t.File == d.Path && t.BoxOffset >= 0 && t.BoxOffset < len(data) {
				data[t.BoxOffset] = ' '
			}
		}
		if f.Dialect == Outline {
			blankCriteria(d, data)
			p := scan(d.Path, data)
			data = data[offsetOf(p, d.From-1):offsetOf(p, d.To-1)]
		}
		data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
		fmt.Fprintf(h, "%d\n", len(data))
		h.Write(data)
	}
	if !any {
		return ""
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// blankCriteria empties the boxes of an outline's criteria.
func blankCriteria(d *Document, data []byte) {
	p := scan(d.Path, d.Data)
	for i := range p.lines {
		if row, ok := taskLine(&p.lines[i]); ok && !p.lines[i].hidden {
			data[row.box] = ' '
		}
	}
}

// NewID makes the id of a new feature from a text; the same text gives the same id.
func NewID(text string) string {
	h := sha256.Sum256([]byte(text))
	s := hex.EncodeToString(h[:16])
	return s[:8] + "-" + s[8:12] + "-4" + s[13:16] + "-8" + s[17:20] + "-" + s[20:32]
}
