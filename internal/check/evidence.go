package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
)

// evidenceRules are about ticks, tests and proofs.
func evidenceRules() []Rule {
	return []Rule{
		{Code: "SPEC301", Name: "ticked-without-evidence", Severity: spec.Error,
			Text:  "A task is ticked, and no fact says that it landed, was done or was adopted.",
			Wrong: "- [x] 2.4 ticked by hand",
			Right: "spec apply F"},
		{Code: "SPEC302", Name: "evidence-stale", Severity: spec.Error,
			Text:  "The criterion's words or the test's body changed after the test was seen to pass.",
			Wrong: "the test expects 2900, the criterion now says 3900",
			Right: "spec verify F"},
		{Code: "SPEC303", Name: "criterion-without-test", Severity: spec.Error,
			Text:  "Every task that cites the criterion is done, and no test is tagged for it.",
			Wrong: "func TestCharge(t *testing.T)",
			Right: "// spec:F/1.3\nfunc TestCharge(t *testing.T)"},
		{Code: "SPEC304", Name: "test-tag-unknown", Severity: spec.Error,
			Text:  "A tag names a criterion that is not defined.",
			Wrong: "// spec:F/9.9",
			Right: "// spec:F/1.9"},
		{Code: "SPEC305", Name: "test-missing-or-skipped", Severity: spec.Error,
			Text:  "A test that proved a criterion is gone, or begins with a skip.",
			Wrong: `t.Skip("flaky")`,
			Right: "restore the test"},
		{Code: "SPEC306", Name: "hollow-test", Severity: spec.Error,
			Text:  "No deliberate break of the code was noticed by the criterion's tests.",
			Wrong: "_ = charge()",
			Right: "if got := charge(); got != 2900 { t.Errorf(…) }"},
		{Code: "SPEC307", Name: "test-weakened", Severity: spec.Error,
			Text:  "A test has fewer assertions than when it proved its criterion.",
			Wrong: "5 assertions, then 3",
			Right: "restore them"},
		{Code: "SPEC308", Name: "never-verified", Severity: spec.Error,
			Text:  "A test is tagged for a criterion that is due, and was never seen to pass.",
			Wrong: "no `test` line in spec.lock",
			Right: "spec verify F"},
	}
}

// evidence checks ticks and proofs (SPEC301 to SPEC308, SPEC502).
func (s *subject) evidence() {
	s.ticks()
	for _, r := range s.feature.Criteria() {
		s.criterion(r)
	}
	known := map[string]bool{}
	var ids []string
	for _, r := range s.feature.Requirements {
		known[r.ID] = true
		ids = append(ids, r.ID)
	}
	for _, tag := range s.index.Tags {
		if tag.Feature != s.feature.Name || known[tag.ID] {
			continue
		}
		hint := "tag one of " + s.feature.Documents[0].Path
		if near := nearest(tag.ID, ids); near != "" {
			hint = "did you mean " + near + "?"
		}
		s.found = append(s.found, spec.Diagnostic{Code: "SPEC304", Severity: severityOf("SPEC304"), File: tag.File, Line: tag.Line, Column: tag.Column, Length: len("spec:/") + len(tag.Feature) + len(tag.ID), Feature: s.feature.Name, Subject: tag.ID,
			Message: fmt.Sprintf("the tag names criterion %s, which is not defined", tag.ID), Hint: hint})
	}
}

// strayTags finds the tags of test code that name no feature but nearly one: a tag that nobody reads proves nothing. What
// is not near any feature may be no tag at all.
func strayTags(index *trace.Index, features []string) (found spec.Diagnostics) {
	for _, tag := range index.Tags {
		if tag.Test == nil || slices.Contains(features, tag.Feature) {
			continue
		}
		best, most := "", min(2, len(tag.Feature)/3)
		for _, f := range features {
			if d := spec.Distance(tag.Feature, f); d <= most {
				best, most = f, d-1
			}
		}
		if best != "" {
			found = append(found, spec.Diagnostic{Code: "SPEC304", Severity: severityOf("SPEC304"), File: tag.File, Line: tag.Line, Column: tag.Column, Length: len("spec:/") + len(tag.Feature) + len(tag.ID), Subject: tag.Feature + "/" + tag.ID,
				Message: fmt.Sprintf("the tag names the feature %s, which is not there", tag.Feature), Hint: "did you mean spec:" + best + "/" + tag.ID + "?"})
		}
	}
	return found
}

func nearest(id string, ids []string) string {
	best, most := "", 1
	for _, x := range ids {
		if d := spec.Distance(id, x); d <= most {
			best, most = x, d-1
		}
	}
	return best
}

// ticks compares boxes with facts, for the leaves that have a box.
func (s *subject) ticks() {
	name := spec.Typed(s.feature.Name)
	for _, leaf := range s.feature.Leaves() {
		if leaf.BoxOffset < 0 {
			continue
		}
		t := s.lock.Task(leaf.ID)
		settled := t != nil && (t.Landed != nil || t.Done != "" || t.Adopted != "")
		switch {
		case leaf.State == spec.Done && !settled:
			s.report("SPEC301", leaf.File, leaf.Line, leaf.ID, fmt.Sprintf("task %s is ticked, and nothing says that it was done", leaf.ID), fmt.Sprintf("spec tick %s %s --state todo, then spec apply %s", name, leaf.ID, name))
		case leaf.State != spec.Done && t != nil && t.Landed != nil:
			s.report("SPEC502", leaf.File, leaf.Line, leaf.ID, fmt.Sprintf("task %s landed, but its box is not ticked", leaf.ID), fmt.Sprintf("spec tick %s %s", name, leaf.ID))
			if edits, err := spec.Tick(s.feature, leaf.ID, spec.Done); err == nil {
				s.found[len(s.found)-1].Edits = edits
			}
		case leaf.State == spec.Doing || leaf.State == spec.Queued:
			s.report("SPEC503", leaf.File, leaf.Line, leaf.ID, fmt.Sprintf("task %s is marked as in progress by another tool", leaf.ID), fmt.Sprintf("spec tick %s %s --state todo", name, leaf.ID))
		}
		if t != nil && t.Policy == "file" && t.Landed != nil && !slices.ContainsFunc(t.Gates, func(g trace.Gate) bool { return g.Policy == "file" }) {
			s.report("SPEC205", s.lockFile(), t.Line, leaf.ID, fmt.Sprintf("task %s landed under the policy file without a decision for its files", leaf.ID), fmt.Sprintf("spec tick %s %s --state todo, then: spec apply %s --approve file", name, leaf.ID, name))
		}
	}
}

// due tells whether every leaf that cites a criterion is landed, done or skipped; adopted leaves make nothing due. weak is
// true where an optional leaf was skipped. With --proven everything is due.
func (s *subject) due(id string) (due, weak bool) {
	if s.proven {
		return true, false
	}
	cited := false
	for _, leaf := range s.feature.Leaves() {
		if !slices.Contains(s.feature.Covers(leaf), id) {
			continue
		}
		t := s.lock.Task(leaf.ID)
		switch {
		case t != nil && (t.Landed != nil || t.Done != ""):
			cited = true
		case t != nil && t.Skipped != "":
			cited = true
		case leaf.Optional && (t == nil || t.Adopted == ""):
			weak = true
		case t != nil && t.Adopted != "":
		default:
			return false, false
		}
	}
	return cited, weak
}

// criterion checks the proofs of one criterion.
//
// spec:workflow/4.1
func (s *subject) criterion(r *spec.Requirement) {
	name := spec.Typed(s.feature.Name)
	tests := s.index.Tests(s.feature.Name, r.ID)
	facts := s.lock.Criterion(r.ID)
	verify := fmt.Sprintf("spec verify %s", name)
	due, weak := s.due(r.ID)
	recorded := facts != nil && len(facts.Tests) > 0
	switch {
	case len(tests) == 0 && s.feature.Defect(r):
	case len(tests) == 0 && due && !recorded:
		s.report("SPEC303", r.File, r.Line, r.ID, fmt.Sprintf("criterion %s is %s, and no test is tagged for it", r.ID, map[bool]string{false: "done", true: "not proven"}[s.proven]), fmt.Sprintf("write a test with the comment // spec:%s/%s", s.feature.Name, r.ID))
		if weak {
			s.severity(spec.Warning)
		}
	case len(tests) > 0 && !recorded && due:
		s.report("SPEC308", r.File, r.Line, r.ID, fmt.Sprintf("criterion %s: %s was never seen to pass here", r.ID, tests[0].Name), verify)
	}
	if !recorded {
		return
	}
	for _, fact := range facts.Tests {
		s.proof(r, fact, verify)
	}
	if strings.HasPrefix(facts.Bites, "0/") {
		s.report("SPEC306", s.lockFile(), facts.Line, r.ID, fmt.Sprintf("criterion %s: no break of the code was noticed by its tests", r.ID), "assert what the criterion says")
	}
	for _, t := range tests {
		if !slices.ContainsFunc(facts.Tests, func(f trace.Ran) bool { return f.Name == t.Name }) {
			s.report("SPEC302", t.File, t.Line, r.ID, fmt.Sprintf("criterion %s: %s is tagged for it and was not yet seen to pass", r.ID, t.Name), verify)
		}
	}
}

// recorded is the path of a file that a lock names: from the root of its workspace, where it lies there.
func (s *subject) recorded(file string) string {
	if here := path.Join(s.root, file); s.tree.known[here] || !s.tree.known[file] {
		return here
	}
	return file
}

// proof checks one recorded test against the tree.
func (s *subject) proof(r *spec.Requirement, fact trace.Ran, verify string) {
	test := s.index.Test(s.feature.Name, r.ID, fact.Name, fact.Body)
	if test == nil {
		test = s.index.Test(s.feature.Name, r.ID, fact.Name, "")
	}
	switch {
	case test == nil:
		s.report("SPEC305", s.recorded(fact.File), 1, r.ID, fmt.Sprintf("%s, which proved criterion %s, is gone or no longer tagged for it", fact.Name, r.ID), "restore it, or: "+verify)
	case test.Skips:
		s.report("SPEC305", test.File, test.Line, r.ID, fmt.Sprintf("%s, which proved criterion %s, begins with a skip", fact.Name, r.ID), "take the skip away, or: "+verify)
	case fact.Text != r.Hash():
		s.report("SPEC302", r.File, r.Line, r.ID, fmt.Sprintf("criterion %s was proved by %s with other words", r.ID, fact.Name), verify)
	case test.Body != fact.Body && test.Asserts < fact.Asserts:
		s.report("SPEC307", test.File, test.Line, r.ID, fmt.Sprintf("%s has %d assertions, %d when it proved criterion %s", fact.Name, test.Asserts, fact.Asserts, r.ID), "restore them, or: "+verify)
	case test.Body == fact.Body && test.Asserts != fact.Asserts:
		s.report("SPEC302", test.File, test.Line, r.ID, fmt.Sprintf("the lock says that %s has %d assertions, and it has %d", fact.Name, fact.Asserts, test.Asserts), verify)
	case test.Body != fact.Body:
		s.report("SPEC302", test.File, test.Line, r.ID, fmt.Sprintf("%s changed since it proved criterion %s", fact.Name, r.ID), verify)
	}
}
