package spec_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/spec"
)

// seed adds inputs of our own and, where the corpus lies beside the project, real files with the given names.
func seed(f *testing.F, own []string, names ...string) {
	for _, s := range own {
		f.Add([]byte(s))
	}
	dir := filepath.Join("..", "..", "shared", "corpus")
	if _, err := os.Stat(dir); err != nil {
		return
	}
	n := 0
	fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains(names, d.Name()) && !slices.Contains(names, path.Ext(name)) || n >= 25 {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Size() < 12<<10 {
			if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				f.Add(data)
				n++
			}
		}
		return nil
	})
}

// readAs parses data as one file and demands what holds of every reading: places lie in the file, fixes fit it, ids are
// unique, parents exist and stand before their children, and reading twice says the same.
func readAs(t *testing.T, name string, data []byte) *spec.Feature {
	t.Helper()
	fsys := fstest.MapFS{name: {Data: data}}
	dir := path.Dir(name)
	if strings.Contains(name, "/changes/") {
		dir = "openspec/changes/c"
	}
	if path.Base(name) == "outline.md" {
		dir = name
	}
	f, diags := spec.Parse(fsys, dir)
	lines := bytes.Count(data, []byte{'\n'}) + 1
	inside := func(what string, line, end int) {
		if line < 1 || line > lines || end != 0 && (end <= line || end > lines+2) {
			t.Errorf("%s: %s in lines %d to %d of %d", name, what, line, end, lines)
		}
	}
	for _, d := range diags {
		if d.Line < 0 || d.Line > lines+1 || d.Code == "" || d.Message == "" {
			t.Errorf("%s: finding %+v in a file of %d lines", name, d, lines)
		}
		if fixed, err := spec.ApplyEdits(d.File, data, d.Edits); err != nil || len(d.Edits) > 0 && bytes.Equal(fixed, data) {
			t.Errorf("%s: a fix that does not fit or changes nothing: %+v (%v)", name, d, err)
		}
	}
	for i := range f.Requirements {
		inside("requirement "+f.Requirements[i].ID, f.Requirements[i].Line, f.Requirements[i].EndLine)
	}
	for i := range f.Properties {
		inside("property", f.Properties[i].Line, 0)
	}
	seen := map[string]bool{}
	for i := range f.Tasks {
		task := &f.Tasks[i]
		inside("task "+task.ID, task.Line, task.EndLine)
		if task.ID == "" || seen[task.ID] {
			t.Errorf("%s: two tasks %q", name, task.ID)
		}
		if task.Parent != "" && !seen[task.Parent] {
			t.Errorf("%s: task %s is part of %q, which does not stand above", name, task.ID, task.Parent)
		}
		seen[task.ID] = true
		if task.BoxOffset >= 0 && (task.BoxOffset >= len(data) || !strings.ContainsRune(" xX-~", rune(data[task.BoxOffset]))) {
			t.Errorf("%s: task %s has no box at %d", name, task.ID, task.BoxOffset)
		}
		task.Hash()
		f.Covers(task)
	}
	again, _ := spec.Parse(fsys, dir)
	for _, stage := range spec.Stages() {
		if spec.ApprovedHash(f, stage) != spec.ApprovedHash(again, stage) {
			t.Errorf("%s: read twice, %s differ", name, stage)
		}
	}
	if f.Counts != again.Counts {
		t.Errorf("%s: read twice, %+v and %+v", name, f.Counts, again.Counts)
	}
	return f
}

func FuzzRequirements(f *testing.F) {
	seed(f, []string{"### Requirement 1: x\n\n#### Acceptance Criteria\n\n1. THE S SHALL\n", "## 3. t\n3.1 a\n- **3.2**: b\n", "# Requirements\n1. a\n2) b\n", "## FR-1: x\n- **FR-1.1**: y\n**Acceptance Criteria:**\n- [ ] z\n"}, "requirements.md")
	f.Fuzz(func(t *testing.T, data []byte) { readAs(t, ".kiro/specs/f/requirements.md", data) })
}

func FuzzBugfix(f *testing.F) {
	seed(f, []string{"## Current Behavior\n1.1 x\n## Expected Behavior\n- **2.1** y\n## Unchanged Behavior\n3.1 z\n"}, "bugfix.md")
	f.Fuzz(func(t *testing.T, data []byte) {
		readAs(t, ".kiro/specs/f/bugfix.md", data)
		readAs(t, ".kiro/specs/f/requirements.md", data)
	})
}

func FuzzTasks(f *testing.F) {
	seed(f, []string{"- [ ] 1. a\n  - [x] 1.1 b\n", "```json\n{\"waves\":[[\"1\"],{\"tasks\":[1,\"x\",2.5]},3]}\n```\n- [ ] 1 a\n", "\ufeff- [~]\\* **1.2a** x _Requirements: 1.1-1.200, FR-1, All_\r\n",
		"<!--\n- [ ] 1. hidden\n-->\n~~~\n# x\n", "## Task 1: a\nDependencies: Task 2 – x, f/3\n### Task 1\n- [ ] T001 [P] b (depends on T1-T9)\n## Risks\n- [ ] c\n"}, "tasks.md")
	f.Fuzz(func(t *testing.T, data []byte) {
		kiro := readAs(t, ".kiro/specs/f/tasks.md", data)
		if kiro.Counts.Tasks != len(kiro.Tasks) || kiro.Counts.Leaves != len(kiro.Leaves()) {
			t.Errorf("%d tasks and %d leaves are counted, %d and %d are read", kiro.Counts.Tasks, kiro.Counts.Leaves, len(kiro.Tasks), len(kiro.Leaves()))
		}
		readAs(t, "specs/001-f/tasks.md", data)
		readAs(t, "openspec/changes/c/tasks.md", data)
	})
}

func FuzzDesign(f *testing.F) {
	seed(f, []string{"### Property 1: x\n\n**Validates: Requirements 1.1, 1.2**\n\n**Property 2:** y\n", "# Design: x\n~~~\nProperty 3.\n"}, "design.md")
	f.Fuzz(func(t *testing.T, data []byte) { readAs(t, ".kiro/specs/f/design.md", data) })
}

func FuzzSpecKit(f *testing.F) {
	seed(f, []string{"# Feature Specification: x\n### User Story 1 - t (Priority: P1)\n1. **Given** a, **When** b\n- **FR-001**: c\n- **SC-001**: d\n"}, "spec.md")
	f.Fuzz(func(t *testing.T, data []byte) { readAs(t, "specs/001-f/spec.md", data) })
}

func FuzzOpenSpec(f *testing.F) {
	seed(f, []string{"## Requirements\n### Requirement: a\nx\n#### Scenario: b\n- **WHEN** c\n", "## MODIFIED Requirements\n### Requirement: a\n## RENAMED Requirements\n- FROM: `### Requirement: b`\n- TO: `### Requirement: c`\n"}, "spec.md")
	f.Fuzz(func(t *testing.T, data []byte) {
		readAs(t, "openspec/specs/f/spec.md", data)
		readAs(t, "openspec/changes/c/specs/f/spec.md", data)
		fsys := fstest.MapFS{"openspec/specs/f/spec.md": {Data: data}, "openspec/changes/c/specs/f/spec.md": {Data: data}, "openspec/changes/c/proposal.md": {Data: data}}
		change, _ := spec.Parse(fsys, "openspec/changes/c")
		spec.Applied(fsys, change)
	})
}

func FuzzOutline(f *testing.F) {
	seed(f, []string{"## Feature: x\n### User Stories\n1. a\n```sql\n## Task Plan: y\n### Task 1: z\n- Dependencies: Tasks 1-9\n- Acceptance: w\n"}, "proposal.md")
	f.Fuzz(func(t *testing.T, data []byte) { readAs(t, "f/outline.md", data) })
}

func FuzzTaskMaster(f *testing.F) {
	for _, s := range []string{`{"tasks":[{"id":1,"title":"a","status":"done","dependencies":[],"subtasks":[{"id":1,"title":"b","dependencies":["1"]}]}]}`, `{"master":{"tasks":[{"id":"2","dependencies":[1,"x"]}]},"other":{"tasks":[]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		feature, _, err := spec.ParseTaskMaster(fstest.MapFS{"tasks.json": {Data: data}}, "tasks.json")
		if err == nil {
			spec.Convert(feature, func(string) []string { return nil })
		}
	})
}

func FuzzSteering(f *testing.F) {
	seed(f, []string{"---\ninclusion: fileMatch\nfileMatchPattern: ['a', \"b\"]\n---\n#[[file:x]] #[[file:\n", "\ufeff---\r\ninclusion: odd\r\n---\r\n", `{"when":{"type":"fileEdited","patterns":["a"]},"then":{"type":"askAgent","prompt":"b"}}`}, "tech.md", "product.md", "structure.md", ".hook", ".json")
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := fstest.MapFS{".kiro/steering/a.md": {Data: data}, ".kiro/hooks/a.kiro.hook": {Data: data}, ".kiro/hooks/b.json": {Data: data}, ".kiro/specs/f/.config.kiro": {Data: data}, ".kiro/specs/f/spec.json": {Data: data}, ".kiro/specs/f/tasks.md": {}}
		spec.Steering(fsys, ".")
		spec.Hooks(fsys, ".")
		spec.Parse(fsys, ".kiro/specs/f")
	})
}

// FuzzEdit ticks every task into every state. Exactly one byte differs for each box; the way back gives the same bytes; and
// what is read afterwards is the same but for the states.
func FuzzEdit(f *testing.F) {
	seed(f, []string{"- [ ] 1. a\n  - [x] 1.1 b\n  - [ ]* 1.2 c\r\n", "\ufeff\t- [~] a\n\t\t- [-] b", "- [x] 1 a\n- [X] 1 b\n## Task 2\n- [ ] 2.1 c\n"}, "tasks.md")
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<13 {
			return // each box is ticked and read again: large files only make it slow
		}
		for _, name := range []string{".kiro/specs/f/tasks.md", "specs/001-f/tasks.md"} {
			feature := readAs(t, name, data)
			some := min(len(feature.Tasks), 2) // which ones, the length of the input says
			for n := range some {
				i := (len(data) + n) % len(feature.Tasks)
				for _, to := range []spec.TaskState{spec.Todo, spec.Doing, spec.Done} {
					tickAndBack(t, feature, name, data, feature.Tasks[i].ID, to)
				}
			}
		}
	})
}

func tickAndBack(t *testing.T, f *spec.Feature, name string, data []byte, id string, to spec.TaskState) {
	t.Helper()
	edits, err := spec.Tick(f, id, to)
	if err != nil {
		return // a parent with open sub-tasks, a heading
	}
	changed, err := spec.ApplyEdits(name, data, edits)
	if err != nil || len(changed) != len(data) {
		t.Fatalf("tick %s: %v", id, err)
	}
	differ := 0
	for i := range data {
		if data[i] != changed[i] {
			differ++
		}
	}
	if differ != len(edits) {
		t.Errorf("tick %s: %d bytes differ for %d boxes", id, differ, len(edits))
	}
	back := slices.Clone(edits)
	for i := range back {
		back[i].Old, back[i].New = back[i].New, back[i].Old
	}
	if same, err := spec.ApplyEdits(name, changed, back); err != nil || !bytes.Equal(same, data) {
		t.Errorf("tick %s and back: not the same (%v)", id, err)
	}
	after, _ := spec.Parse(fstest.MapFS{name: {Data: changed}}, path.Dir(name))
	if len(after.Tasks) != len(f.Tasks) {
		t.Fatalf("tick %s: %d tasks became %d", id, len(f.Tasks), len(after.Tasks))
	}
	for i := range after.Tasks {
		if after.Tasks[i].ID != f.Tasks[i].ID || after.Tasks[i].Hash() != f.Tasks[i].Hash() {
			t.Errorf("tick %s: task %s became %s, or its words others", id, f.Tasks[i].ID, after.Tasks[i].ID)
		}
	}
	if got := after.Task(id).State; got != to {
		t.Errorf("tick %s: it is %s, want %s", id, got, to)
	}
}
