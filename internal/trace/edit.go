package trace

import (
	"bytes"
	"fmt"
	"slices"

	"spec.example/spec/spec"
)

// Approve records the approval of a stage. Approving the requirements makes the blocks of criteria, approving the tasks
// those of tasks; facts of what is no longer there go, and are returned as text.
func (l *Lock) Approve(f *spec.Feature, stage spec.Stage, a Approval) (dropped []string) {
	l.Approvals = slices.DeleteFunc(l.Approvals, func(b Approval) bool { return b.Stage == stage })
	l.Approvals = append(l.Approvals, a)
	switch stage {
	case spec.Requirements:
		return l.settleCriteria(f)
	case spec.Tasks:
		return l.settleTasks(f)
	}
	return nil
}

func (l *Lock) settleCriteria(f *spec.Feature) (dropped []string) {
	var kept []*CriterionFacts
	stays := map[*CriterionFacts]bool{}
	for _, r := range f.Criteria() {
		c := l.Criterion(r.ID)
		if c == nil {
			c = &CriterionFacts{ID: r.ID}
		}
		c.Approved = r.Hash()
		kept = append(kept, c)
		stays[c] = true
	}
	for _, c := range l.Criteria {
		if !stays[c] && len(c.Tests) > 0 {
			dropped = append(dropped, fmt.Sprintf("criterion %s and its %d proofs", c.ID, len(c.Tests)))
		}
	}
	l.Criteria, l.criterionAt = kept, nil
	return dropped
}

func (l *Lock) settleTasks(f *spec.Feature) (dropped []string) {
	var kept []*TaskFacts
	stays := map[*TaskFacts]bool{}
	for _, leaf := range f.Leaves() {
		t := l.Task(leaf.ID)
		if t == nil {
			t = &TaskFacts{ID: leaf.ID}
		}
		t.Approved = leaf.Hash()
		kept = append(kept, t)
		stays[t] = true
	}
	for _, t := range l.Tasks {
		if !stays[t] && (t.Landed != nil || t.Done != "" || t.Adopted != "") {
			dropped = append(dropped, "task "+t.ID)
		}
	}
	l.Tasks, l.taskAt = kept, nil
	return dropped
}

// Adopt records a feature as it is: documents that nobody approved as adopted, ticked tasks as adopted. Facts that are
// there stay.
func (l *Lock) Adopt(f *spec.Feature, inputs func(task string) string) {
	for _, stage := range spec.Stages() {
		hash := spec.ApprovedHash(f, stage)
		if a := l.Approval(stage); hash != "" && (a == nil || a.Channel == "adopted") {
			l.Approvals = slices.DeleteFunc(l.Approvals, func(b Approval) bool { return b.Stage == stage })
			l.Approvals = append(l.Approvals, Approval{Stage: stage, Channel: "adopted", Hash: hash})
		}
	}
	l.settleCriteria(f)
	l.settleTasks(f)
	for _, leaf := range f.Leaves() {
		if t := l.Task(leaf.ID); leaf.State == spec.Done && t.Landed == nil && t.Done == "" {
			t.Adopted = inputs(leaf.ID)
		}
	}
}

// Land records that a task's verified code is in the branch.
func (l *Lock) Land(id string, fact Landed, policy string, gates []Gate) {
	t := l.task(id)
	t.Landed, t.Policy, t.Gates = &fact, policy, slices.Clone(gates)
	t.Adopted, t.Done, t.Skipped, t.Again = "", "", "", ""
}

// Skip records that a person, by the channel tty or flag, leaves a task out.
func (l *Lock) Skip(id, channel, who, reason string) {
	l.task(id).Skipped = join([]string{"by", channel, who, reason})
}

// Clear takes the facts of tasks back.
func (l *Lock) Clear(ids ...string) {
	for _, id := range ids {
		if t := l.Task(id); t != nil {
			*t = TaskFacts{ID: t.ID, Approved: t.Approved}
		}
	}
}

// Unprove takes the proofs of criteria back.
func (l *Lock) Unprove(ids ...string) {
	for _, id := range ids {
		if c := l.Criterion(id); c != nil {
			*c = CriterionFacts{ID: c.ID, Approved: c.Approved}
		}
	}
}

// SetRan records tests that were seen to pass. Criteria that are not among seen keep their facts.
func (l *Lock) SetRan(f *spec.Feature, seen map[string][]Ran) {
	for _, r := range f.Criteria() {
		facts, ok := seen[r.ID]
		if !ok || len(facts) == 0 {
			continue
		}
		c := l.criterion(r.ID)
		if !sameTests(c.Tests, facts) {
			c.Bites = "" // it was other tests, or other words, that bit
		}
		c.Tests = nil
		for _, fact := range facts {
			fact.Line = 0
			c.Tests = append(c.Tests, fact)
		}
	}
}

// sameTests tells whether two lists of facts are of the same tests, with the same bodies, for the same words.
func sameTests(a, b []Ran) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x Ran) bool {
		return !slices.ContainsFunc(b, func(y Ran) bool { return x.Name == y.Name && x.Body == y.Body && x.Text == y.Text })
	})
}

// SameButRuns tells whether two locks differ at most in what `spec verify` and `spec prove` write.
func (l *Lock) SameButRuns(other *Lock) bool {
	return bytes.Equal(l.withoutRuns().Bytes(), other.withoutRuns().Bytes())
}

func (l *Lock) withoutRuns() *Lock {
	out := &Lock{Approvals: l.Approvals, Tasks: l.Tasks}
	for _, c := range l.Criteria {
		out.Criteria = append(out.Criteria, &CriterionFacts{ID: c.ID, Approved: c.Approved})
	}
	return out
}
