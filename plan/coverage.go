package plan

import (
	"fmt"
	"strings"

	"spec.example/spec/spec"
)

// coverage checks the references of tasks and lists which criterion is covered by which task.
func (b *builder) coverage() {
	covered := map[string][]string{}
	covers := make([]bool, len(b.leaf))
	for i, t := range b.leaf {
		for _, id := range b.f.Covers(t) {
			covered[id] = append(covered[id], t.ID)
			covers[i] = true
		}
	}
	b.references()
	anyRefs := len(covered) > 0
	for _, c := range b.f.Criteria() {
		tasks := covered[c.ID]
		if tasks == nil {
			tasks = []string{}
			if anyRefs && len(b.leaf) > 0 {
				b.diags = append(b.diags, spec.Diagnostic{Code: "SPEC105", Severity: spec.Warning, File: c.File, Line: c.Line, Column: 1, Subject: c.ID,
					Message: fmt.Sprintf("criterion %s is covered by no task", c.ID), Hint: "cite it in a task of " + b.tasksFile()})
			}
		}
		b.plan.Coverage = append(b.plan.Coverage, Coverage{Criterion: c.ID, Tasks: tasks})
	}
	for i, t := range b.leaf {
		if anyRefs && !t.Checkpoint && !t.Manual && !covers[i] && b.f.Dialect != spec.Outline {
			b.report(spec.Warning, "SPEC106", t, t.Line, fmt.Sprintf("task %s covers no criterion", t.ID), "cite one with _Requirements: …_")
		}
	}
}

// references reports what tasks cite and the requirements don't have.
func (b *builder) references() {
	if b.f.Document(spec.Requirements) == nil || len(b.f.Requirements) == 0 || b.f.Dialect == spec.SpecKit || b.f.Dialect == spec.OpenSpecChange {
		return
	}
	known := map[string]bool{}
	for _, r := range b.f.Requirements {
		base, _, _ := strings.Cut(r.ID, "#")
		known[r.ID], known[base] = true, true
	}
	for i := range b.f.Tasks {
		t := &b.f.Tasks[i]
		for _, ref := range t.Requirements {
			if ref != "All" && !known[ref] {
				b.report(spec.Error, "SPEC104", t, t.Line, fmt.Sprintf("task %s cites requirement %s, which is not defined", t.ID, ref), "cite one of "+b.near(ref))
				b.point(t, t.Line, ref)
			}
		}
		for _, words := range t.CitesNotes {
			b.report(spec.Warning, "SPEC104", t, t.Line, fmt.Sprintf("task %s cites %q, which names no requirement", t.ID, words), "cite requirements by their numbers, or All")
			b.point(t, t.Line, words)
		}
	}
}

// near names the criteria of the requirement that a reference belongs to.
func (b *builder) near(ref string) string {
	parent, _, _ := strings.Cut(ref, ".")
	first, last := "", ""
	for _, r := range b.f.Requirements {
		if r.Parent == parent && parent != "" {
			if first == "" {
				first = r.ID
			}
			last = r.ID
		}
	}
	if first == "" {
		for _, r := range b.f.Requirements {
			if r.Parent == "" {
				if first == "" {
					first = r.ID
				}
				last = r.ID
			}
		}
	}
	if first == last {
		return first
	}
	return first + " to " + last
}
