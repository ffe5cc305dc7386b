package check

import "spec.example/spec/spec"

// documentRules are about one document; package spec finds them.
func documentRules() []Rule {
	return []Rule{
		{Code: "SPEC001", Name: "unclosed-fence", Severity: spec.Error,
			Text:  "A code fence is opened and never closed where it was meant to be, so that what follows is read as code.",
			Wrong: "```sql\nCREATE TABLE a ();\n\n## Task Plan",
			Right: "```sql\nCREATE TABLE a ();\n```\n\n## Task Plan"},
		{Code: "SPEC002", Name: "malformed-checkbox", Severity: spec.Error,
			Text:  "A box holds none of the states: blank, x, -, ~.",
			Wrong: "- [*] 1. Build it",
			Right: "- [ ] 1. Build it"},
		{Code: "SPEC003", Name: "duplicate-id", Severity: spec.Error,
			Text:  "The same number stands before two tasks.",
			Wrong: "- [ ] 2. One\n- [ ] 2. Two",
			Right: "- [ ] 2. One\n- [ ] 3. Two"},
		{Code: "SPEC004", Name: "missing-section", Severity: spec.Warning,
			Text:  "A requirements document holds nothing that reads as a requirement.",
			Wrong: "# Requirements\n\nIt should be fast.",
			Right: "### Requirement 1: Speed\n\n#### Acceptance Criteria\n\n1. WHEN asked THE System SHALL answer within 300 ms"},
		{Code: "SPEC005", Name: "unreadable-heading", Severity: spec.Warning,
			Text:  "Tasks are headings, as in Kiro's first versions. They are read, but have no box that could be ticked.",
			Wrong: "## Task 3: Store",
			Right: "- [ ] 3. Store"},
		{Code: "SPEC007", Name: "bad-graph-shape", Severity: spec.Error,
			Text:  "A wave of the dependency graph has a form that runs nowhere.",
			Wrong: `{"waves": [["1"]]}`,
			Right: `{"waves": [{"id": 0, "tasks": ["1"]}]}`},
	}
}
