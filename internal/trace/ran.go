package trace

import (
	"cmp"
	"slices"

	"spec.example/spec/spec"
)

// Proven gives the facts of a run: for every criterion all of whose tagged tests passed there, the tests with what they
// proved. A criterion with a test that failed, skipped, or that no package ran, gets none.
//
// spec:workflow/4.1
func Proven(f *spec.Feature, ix *Index, rs *Results) map[string][]Ran {
	out := map[string][]Ran{}
	for _, c := range f.Criteria() {
		tests := ix.Tests(f.Name, c.ID)
		if len(tests) == 0 || slices.ContainsFunc(tests, func(t *Test) bool { return rs.Of(t) != Passed }) {
			continue
		}
		facts := make([]Ran, 0, len(tests))
		for _, t := range tests {
			facts = append(facts, Ran{File: t.File, Name: t.Name, Text: c.Hash(), Body: t.Body, Asserts: t.Asserts, Lines: t.Lines})
		}
		slices.SortFunc(facts, func(a, b Ran) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Name, b.Name)) })
		out[c.ID] = facts
	}
	return out
}
