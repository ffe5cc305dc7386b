package plan_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// TestConvert converts specifications of every dialect and demands that the result says the same: as many criteria, the
// same states, and each task waits, directly or not, for exactly what it waited for.
func TestConvert(t *testing.T) {
	own := fstest.MapFS{
		"specs/001-notes/spec.md":                {Data: []byte("# Feature Specification: Notes\n\n### User Story 1 - Write (Priority: P1)\n\n1. **Given** a page, **When** I type, **Then** it is kept\n\n- **FR-001**: System MUST keep notes\n- **SC-001**: 95 % of notes are kept within 1 s\n")},
		"specs/001-notes/tasks.md":               {Data: []byte("# Tasks\n\n## Phase 1: Setup\n\n- [x] T001 Make the project\n- [ ] T002 [P] Write the store in src/store.go (FR-001)\n- [ ] T003 [P] Write the page\n\n## Phase 2\n\n- [ ] T004 Join them (depends on T002, T003)\n")},
		"openspec/changes/add-x/proposal.md":     {Data: []byte("# Change: Add x\n")},
		"openspec/changes/add-x/tasks.md":        {Data: []byte("## 1. Code\n- [ ] 1.1 Write it\n- [x] 1.2 Test it\n")},
		"openspec/changes/add-x/specs/x/spec.md": {Data: []byte("## ADDED Requirements\n### Requirement: Keeps x\nThe system SHALL keep x.\n\n#### Scenario: Kept\n- **WHEN** x comes\n- **THEN** it is kept\n")},
		".kiro/specs/old/tasks.md":               {Data: []byte("# Plan\n\n## Task 1: First\n- do it\n\n## Task 2: Second\n- Dependencies: none\n")},
		".kiro/specs/checked/tasks.md":           {Data: []byte("- [ ] 1. A\n  - [ ] 1.1 B\n  - [ ]* 1.2 C\n- [ ] 2. Checkpoint - all green\n- [~] 3. D\n  - _Depends: none_\n")},
		".kiro/specs/checked/requirements.md":    {Data: []byte("### Requirement 1: A\n\n#### Acceptance Criteria\n\n1. WHEN a THE System SHALL b\n")},
		".kiro/specs/outline/article.md":         {Data: []byte("## Feature: Notes\n\n### User Stories\n\n- As a user I want notes\n\n### Acceptance Criteria\n\n- [ ] Notes are kept\n\n## Task Plan: Notes\n\n### Task 1: Store\n\n- Dependencies: none\n\n### Task 2: Page\n\n- Dependencies: Task 1\n")},
	}
	seen := map[spec.Dialect]bool{}
	workspaces, _ := spec.Workspaces(own, ".")
	for _, w := range workspaces {
		for _, l := range w.Features {
			f, _ := spec.Parse(own, l.Dir)
			seen[f.Dialect] = true
			converted(t, f)
		}
	}
	outline, _ := spec.Parse(own, ".kiro/specs/outline/article.md")
	seen[outline.Dialect] = true
	converted(t, outline)
	if len(seen) != 4 {
		t.Errorf("dialects: %v", seen)
	}
	dir := filepath.Join("..", "..", "shared", "corpus")
	if _, err := os.Stat(dir); err != nil {
		t.Log("the corpus is not beside the project; the files above are converted all the same")
		return
	}
	fsys := os.DirFS(dir)
	workspaces, _ = spec.Workspaces(fsys, ".")
	n := 0
	for _, w := range workspaces {
		for _, l := range w.Features {
			f, _ := spec.Parse(fsys, l.Dir)
			converted(t, f)
			n++
		}
	}
	t.Logf("%d specifications of the corpus", n)
}

func converted(t *testing.T, f *spec.Feature) {
	t.Helper()
	before, problems := plan.New(f, plan.State{})
	c := spec.Convert(f, func(id string) []string {
		if task := before.Task(id); task != nil {
			return task.Depends
		}
		return nil
	})
	carried(t, f, c)
	if len(f.Tasks) == 0 || len(before.Tasks) == 0 {
		return
	}
	for i := range f.Tasks { // headings that repeat a list of boxes are no tasks, and not what is tested here
		if f.Tasks[i].Leaf() && before.Task(f.Tasks[i].ID) == nil {
			return
		}
	}
	fsys := fstest.MapFS{}
	for name, data := range c.Files {
		fsys["f/"+name] = &fstest.MapFile{Data: data}
	}
	g, diags := spec.Parse(fsys, "f")
	after, more := plan.New(g, plan.State{})
	was := map[string]bool{"SPEC001": true} // an open fence of a design goes over as it is
	for _, d := range problems {
		was[d.Code+d.Message] = true // and so do mistakes of documents that are kept
	}
	for _, d := range append(diags, more...) {
		if d.Severity == spec.Error && !was[d.Code] && !was[d.Code+d.Message] {
			t.Errorf("%s: %s line %d: %s", f.Dir, d.Code, d.Line, d.Message)
		}
	}
	if len(g.Criteria()) != criteria(f) {
		t.Errorf("%s: %d criteria, %d after", f.Dir, criteria(f), len(g.Criteria()))
	}
	if len(after.Tasks) != len(before.Tasks) || len(g.Tasks) != len(f.Tasks) {
		t.Errorf("%s: %d tasks of %d, %d of %d after", f.Dir, len(before.Tasks), len(f.Tasks), len(after.Tasks), len(g.Tasks))
		return
	}
	old, now := closure(before), closure(after)
	for i := range before.Tasks {
		o, n := &before.Tasks[i], &after.Tasks[i]
		if want := c.IDs["task "+o.ID]; n.ID != want || f.Task(o.ID).State != g.Task(n.ID).State || o.Optional != n.Optional {
			t.Errorf("%s: task %s (%s, optional %v) became %s (%s, optional %v), want %s", f.Dir, o.ID, f.Task(o.ID).State, o.Optional, n.ID, g.Task(n.ID).State, n.Optional, want)
			return
		}
		if !slices.Equal(old[i], now[i]) {
			t.Errorf("%s: task %s waited for %v, now for %v", f.Dir, o.ID, old[i], now[i])
			return
		}
	}
}

// carried demands that every word of the documents is in a file of the conversion or in its notes, but for what is said in
// another way: marks of tasks, numbers, dependencies and references.
func carried(t *testing.T, f *spec.Feature, c spec.Conversion) {
	t.Helper()
	have := map[string]bool{}
	words := func(text string) []string {
		return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) })
	}
	for _, data := range c.Files {
		for _, w := range words(string(data)) {
			have[w] = true
		}
	}
	for _, n := range c.Notes {
		for _, w := range words(n) {
			have[w] = true
		}
	}
	for _, doc := range f.Documents {
		for n, line := range strings.Split(string(doc.Data), "\n") {
			if reference.MatchString(line) || doc.Stage == spec.Requirements && (f.Dialect == spec.Kiro || f.Dialect == spec.CCSDD) && (strings.HasPrefix(line, "#") || strings.HasPrefix(line, "**")) {
				continue // of a document that is kept only headings are written anew
			}
			for _, w := range words(line) {
				if !have[w] && utf8.RuneCountInString(w) > 2 {
					t.Errorf("%s:%d: %q is lost", doc.Path, n+1, w)
				}
			}
		}
	}
}

// reference are lines that cite or name dependencies, and headings of what is a requirement afterwards.
var reference = regexp.MustCompile(`(?i)^\s*[-*]?\s*\**_?(?:requirements|depends|dependencies|validates|acceptance)|\(depends on|^#+ \S+ ?\d+|^#+ (?:requirement|scenario|user story|task|feature)\b`)

// criteria counts the statements that a conversion has to carry over.
func criteria(f *spec.Feature) int {
	if f.Dialect == spec.Kiro || f.Dialect == spec.CCSDD {
		return len(f.Criteria())
	}
	n := 0
	for _, r := range f.Requirements {
		owns := slices.ContainsFunc(f.Requirements, func(c spec.Requirement) bool { return c.Parent == r.ID && r.Parent == "" })
		if !owns && r.Kind != spec.KindStory && r.Delta != spec.Removed {
			n++
		}
	}
	return n
}

// closure lists for each task the places of all that it waits for, directly or not.
func closure(p *plan.Plan) [][]int {
	place := map[string]int{}
	for i := range p.Tasks {
		place[p.Tasks[i].ID] = i
	}
	out := make([][]int, len(p.Tasks))
	for i := range p.Tasks {
		seen := map[int]bool{}
		for queue := []int{i}; len(queue) > 0; queue = queue[1:] {
			for _, id := range p.Tasks[queue[0]].Depends {
				if at := place[id]; !seen[at] {
					seen[at] = true
					queue = append(queue, at)
				}
			}
		}
		for at := range seen {
			out[i] = append(out[i], at)
		}
		slices.Sort(out[i])
	}
	return out
}
