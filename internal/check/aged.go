package check

import (
	"fmt"
	"strings"

	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
)

// agingRules are about proofs that were good and say less now.
func agingRules() []Rule {
	return []Rule{
		{Code: "SPEC309", Name: "proof-aged", Severity: spec.Warning,
			Text:  "The code that a criterion's tests reach changed since deliberate breaks of it were noticed. Comments and formatting are no change.",
			Wrong: "bites 7/7 for code that charged 2900, and the code charges 3900 now",
			Right: "spec prove F --criterion 3.2"},
	}
}

// aging compares the code of each `bites` fact with the code that the tests reach now.
func (s *subject) aging() {
	for _, r := range s.feature.Criteria() {
		facts := s.lock.Criterion(r.ID)
		if facts == nil || facts.Bites == "" {
			continue
		}
		kills, _, ok := strings.Cut(facts.Bites, " code:")
		if !ok || strings.HasPrefix(kills, "0/") {
			continue
		}
		now := s.index.CodeOf(s.feature.Name, r.ID, facts.Bites, s.root)
		if now == "" || now == trace.BittenCode(facts.Bites) {
			continue
		}
		s.report("SPEC309", r.File, r.Line, r.ID, fmt.Sprintf("criterion %s: the code changed since its tests noticed %s breaks", r.ID, kills), fmt.Sprintf("spec prove %s --criterion %s", spec.Typed(s.feature.Name), r.ID))
	}
}
