package plan_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"testing"
	"testing/fstest"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// FuzzPlan plans any tasks. Each task comes after what it waits for, required ones wait for no skipped one, and every form
// of the plan is well made.
func FuzzPlan(f *testing.F) {
	for _, s := range []string{"- [ ] 1. a\n- [ ] 2. b\n  - _Depends: 1_\n", "- [ ] 1 a\n  - Depends: 3\n- [ ]* 2 b\n- [ ] 3 Checkpoint\n  - [ ] 3.1 c\n- [ ] 4 d\n  - Depends: 3, 2\n```\n{\"waves\":[{\"tasks\":[\"4\",1]},[\"2\"],{\"tasks\":[\"3\"]}]}\n```\n",
		"- [ ] T001 [P] a (depends on T002, T003)\n- [ ] T002 [P] b\n- [x] T003 c\n", "## Task 1: a\nDependencies: Task 1\n## Task 2: b\nDependencies: Tasks 1-3\n- [ ] x\n", "- [ ]* 1 a\n  - Depends: 2\n- [ ]* 2 b\n  - Depends: 1\n- [ ] 3 c\n  - Depends: 1\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{".kiro/specs/f", "specs/001-f", "openspec/changes/c"} {
			feature, _ := spec.Parse(fstest.MapFS{name + "/tasks.md": {Data: data}, name + "/requirements.md": {Data: []byte("## Requirement 1\n#### Acceptance Criteria\n1. a\n")}}, name)
			for _, optional := range []bool{false, true} {
				p, diags := plan.New(feature, plan.State{Optional: optional})
				sound(t, p)
				if err := plan.JSON(io.Discard, p, diags); err != nil {
					t.Error(err)
				}
				var b bytes.Buffer
				plan.JSON(&b, p, diags)
				if !json.Valid(b.Bytes()) {
					t.Error("the plan is no JSON")
				}
				plan.Text(io.Discard, p, plan.TextOptions{})
				for i := range p.Tasks {
					plan.Text(io.Discard, p, plan.TextOptions{Why: p.Tasks[i].ID})
					p.Tasks[i].Inputs()
					if i > 20 {
						break
					}
				}
				plan.Mermaid(p)
				plan.DOT(p)
				for dec := xml.NewDecoder(bytes.NewReader(plan.SVG(p))); ; {
					if _, err := dec.Token(); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						t.Fatalf("the drawing is no XML: %v", err)
					}
				}
				spec.Convert(feature, func(id string) []string {
					if task := p.Task(id); task != nil {
						return task.Depends
					}
					return nil
				})
			}
		}
	})
}

func sound(t *testing.T, p *plan.Plan) {
	t.Helper()
	for i := range p.Tasks {
		task := &p.Tasks[i]
		if task.Wave < 1 {
			t.Errorf("task %s has no wave", task.ID)
		}
		for _, id := range task.Depends {
			on := p.Task(id)
			if on == nil || on.Wave >= task.Wave {
				t.Fatalf("task %s in wave %d waits for %s: %+v", task.ID, task.Wave, id, on)
			}
			if on.Action == plan.Skip && task.Action != plan.Skip && !task.Optional {
				t.Errorf("task %s waits for %s, which is skipped", task.ID, id)
			}
		}
	}
}
