package check

import (
	"fmt"
	"strings"

	"spec.example/spec/spec"
)

// A Rule is one kind of finding: what it means and how it is mended.
type Rule struct {
	Code     string
	Name     string
	Severity spec.Severity
	Text     string
	Wrong    string
	Right    string
}

// Rules lists every rule by code. A code is never used again for something else.
func Rules() []Rule {
	const e, w, n = spec.Error, spec.Warning, spec.Note
	return []Rule{
		{"SPEC001", "unclosed-fence", e, "A code fence is opened and never closed where it was meant to be, so that what follows is read as code.", "```sql\nCREATE TABLE a ();\n\n## Task Plan", "```sql\nCREATE TABLE a ();\n```\n\n## Task Plan"},
		{"SPEC002", "malformed-checkbox", e, "A box holds none of the states: blank, x, -, ~.", "- [*] 1. Build it", "- [ ] 1. Build it"},
		{"SPEC003", "duplicate-id", e, "The same number stands before two tasks.", "- [ ] 2. One\n- [ ] 2. Two", "- [ ] 2. One\n- [ ] 3. Two"},
		{"SPEC007", "bad-graph-shape", e, "A wave of the dependency graph has a form that runs nowhere.", `{"waves": [["1"]]}`, `{"waves": [{"id": 0, "tasks": ["1"]}]}`},
		{"SPEC101", "unknown-dependency", e, "A task depends on one that is not defined.", "_Depends: 29_", "_Depends: 2.9_"},
		{"SPEC102", "dependency-cycle", e, "Tasks wait for each other.", "1 depends on 2, 2 depends on 1", "drop one of the two"},
		{"SPEC103", "order-against-dependency", w, "A task stands, or is waved, before one that it needs.", "wave 0 holds 1, which depends on 2 in wave 1", "move 1 to wave 2"},
		{"SPEC104", "unknown-requirement-ref", e, "A task cites a criterion that is not defined.", "_Requirements: 4.7_", "_Requirements: 4.5_"},
		{"SPEC105", "uncovered-criterion", w, "No task cites the criterion.", "criterion 3.2, and no task with 3.2", "_Requirements: 3.1, 3.2_"},
		{"SPEC106", "task-without-criterion", w, "A task cites no criterion, so nothing says what it is for.", "- [ ] 5. Clean up", "- [ ] 5. Clean up\n  - _Requirements: 2.1_"},
		{"SPEC107", "not-in-graph", w, "A task is in no wave and so is a barrier at its place.", `{"waves": [{"id": 0, "tasks": ["1"]}]} with tasks 1 and 2`, `{"waves": [{"id": 0, "tasks": ["1"]}, {"id": 1, "tasks": ["2"]}]}`},
		{"SPEC201", "not-approved", e, "A stage is not approved, but a later one is.", "tasks approved, requirements not", "spec approve F requirements"},
		{"SPEC202", "approval-stale", e, "Words changed after they were approved.", "$29.00 becomes $39.00 in requirements.md", "spec approve F requirements"},
		{"SPEC203", "approval-channel", e, "An approval was given by something other than a person at a terminal, demo, or adoption.", "by agent:x", "spec approve F at a terminal"},
		{"SPEC204", "gate-skipped", e, "A task landed, and a stage has no approval at all.", "task 1 landed, design not approved", "spec approve F design"},
		{"SPEC205", "unapproved-file", e, "A task landed under the policy file without a decision for each file.", "policy file, no gate facts", "decide on its files"},
		{"SPEC206", "approved-by-demo", w, "An approval was made by spec demo.", "by demo", "spec approve F"},
		{"SPEC207", "adopted", n, "Tasks are adopted, not proven.", "7 of 12 tasks adopted", "nothing to do"},
		{"SPEC301", "ticked-without-evidence", e, "A task is ticked, and no fact says that it landed, was done or was adopted.", "- [x] 2.4 ticked by hand", "spec apply F"},
		{"SPEC302", "evidence-stale", e, "The criterion's words or the test's body changed after the test was seen to pass.", "the test expects 2900, the criterion now says 3900", "spec verify F"},
		{"SPEC303", "criterion-without-test", e, "Every task that cites the criterion is done, and no test is tagged for it.", "func TestCharge(t *testing.T)", "// spec:F/1.3\nfunc TestCharge(t *testing.T)"},
		{"SPEC304", "test-tag-unknown", e, "A tag names a criterion that is not defined.", "// spec:F/9.9", "// spec:F/1.9"},
		{"SPEC305", "test-missing-or-skipped", e, "A test that proved a criterion is gone, or begins with a skip.", `t.Skip("flaky")`, "restore the test"},
		{"SPEC306", "hollow-test", e, "No deliberate break of the code was noticed by the criterion's tests.", "_ = charge()", "if got := charge(); got != 2900 { t.Errorf(…) }"},
		{"SPEC307", "test-weakened", e, "A test has fewer assertions than when it proved its criterion.", "5 assertions, then 3", "restore them"},
		{"SPEC308", "never-verified", e, "A test is tagged for a criterion that is due, and was never seen to pass.", "no `test` line in spec.lock", "spec verify F"},
		{"SPEC403", "steering-file-missing", e, "Steering refers to a file that is not there, or lies outside the repository.", "#[[file:../../etc/passwd]]", "#[[file:docs/api.yaml]]"},
		{"SPEC404", "steering-never-matches", w, "Steering is included by a pattern that is missing, or in a way that is unknown.", "inclusion: sometimes", "inclusion: always"},
		{"SPEC501", "lock-conflict", e, "spec.lock, or a document, cannot be read as it is, or holds two facts where one is due.", "<<<<<<< HEAD", "spec verify F"},
		{"SPEC502", "state-disagrees", e, "The lock says that a task landed, and its box is not ticked.", "- [ ] 2.1 with a landed fact", "spec fix"},
		{"SPEC503", "stale-in-progress", n, "A box was left in progress by another tool.", "- [-] 1.3", "spec tick F 1.3 --state todo"},
		{"SPEC504", "expired-waiver", e, "A suppression has no date, or is past it.", `<!-- spec:ignore SPEC105 until=2020-01-31 reason="…" -->`, "mend the finding"},
	}
}

func severityOf(code string) spec.Severity {
	for _, r := range Rules() {
		if r.Code == code {
			return r.Severity
		}
	}
	return spec.Error
}

// Explain words a rule for a person.
func Explain(code string) (string, bool) {
	for _, r := range Rules() {
		if strings.EqualFold(r.Code, code) || r.Name == code {
			return fmt.Sprintf("%s %s (%s)\n\n%s\n\nWrong:\n%s\nRight:\n%s", r.Code, r.Name, r.Severity, r.Text, indent(r.Wrong), indent(r.Right)), true
		}
	}
	return "", false
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(s, "\n", "\n    ") + "\n"
}

// Document is docs/findings.md, made from the rules.
func Document() string {
	var b strings.Builder
	b.WriteString("# Findings\n\nWhat `spec check` looks for. This page is made from the rules in `internal/check`; `spec explain CODE` shows one.\n\n| code | name | severity | meaning |\n|---|---|---|---|\n")
	for _, r := range Rules() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.Code, r.Name, r.Severity, r.Text)
	}
	return b.String()
}
