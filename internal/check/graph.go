package check

import "spec.example/spec/spec"

// planRules are about the graph of tasks; package plan finds them.
func planRules() []Rule {
	return []Rule{
		{Code: "SPEC101", Name: "unknown-dependency", Severity: spec.Error,
			Text:  "A task depends on one that is not defined.",
			Wrong: "_Depends: 29_",
			Right: "_Depends: 2.9_"},
		{Code: "SPEC102", Name: "dependency-cycle", Severity: spec.Error,
			Text:  "Tasks wait for each other.",
			Wrong: "1 depends on 2, 2 depends on 1",
			Right: "drop one of the two"},
		{Code: "SPEC103", Name: "order-against-dependency", Severity: spec.Warning,
			Text:  "A task stands, or is waved, before one that it needs.",
			Wrong: "wave 0 holds 1, which depends on 2 in wave 1",
			Right: "move 1 to wave 2"},
		{Code: "SPEC104", Name: "unknown-requirement-ref", Severity: spec.Error,
			Text:  "A task cites a criterion that is not defined.",
			Wrong: "_Requirements: 4.7_",
			Right: "_Requirements: 4.5_"},
		{Code: "SPEC105", Name: "uncovered-criterion", Severity: spec.Warning,
			Text:  "No task cites the criterion.",
			Wrong: "criterion 3.2, and no task with 3.2",
			Right: "_Requirements: 3.1, 3.2_"},
		{Code: "SPEC106", Name: "task-without-criterion", Severity: spec.Warning,
			Text:  "A task cites no criterion, so nothing says what it is for.",
			Wrong: "- [ ] 5. Clean up",
			Right: "- [ ] 5. Clean up\n  - _Requirements: 2.1_"},
		{Code: "SPEC107", Name: "not-in-graph", Severity: spec.Warning,
			Text:  "A task is in no wave and so is a barrier at its place.",
			Wrong: `{"waves": [{"id": 0, "tasks": ["1"]}]} with tasks 1 and 2`,
			Right: `{"waves": [{"id": 0, "tasks": ["1"]}, {"id": 1, "tasks": ["2"]}]}`},
	}
}
