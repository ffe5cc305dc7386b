package check

import "spec.example/spec/spec"

// lockRules are about spec.lock and about suppressions.
func lockRules() []Rule {
	return []Rule{
		{Code: "SPEC501", Name: "lock-conflict", Severity: spec.Error,
			Text:  "spec.lock, or a document, cannot be read as it is, or holds two facts where one is due.",
			Wrong: "<<<<<<< HEAD",
			Right: "spec verify F"},
		{Code: "SPEC502", Name: "state-disagrees", Severity: spec.Error,
			Text:  "The lock says that a task landed, and its box is not ticked.",
			Wrong: "- [ ] 2.1 with a landed fact",
			Right: "spec fix"},
		{Code: "SPEC503", Name: "stale-in-progress", Severity: spec.Note,
			Text:  "A box was left in progress by another tool.",
			Wrong: "- [-] 1.3",
			Right: "spec tick F 1.3 --state todo"},
		{Code: "SPEC504", Name: "expired-waiver", Severity: spec.Error,
			Text:  "A suppression has no date, or is past it.",
			Wrong: `<!-- spec:ignore SPEC105 until=2020-01-31 reason="…" -->`,
			Right: "mend the finding"},
	}
}
