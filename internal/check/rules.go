package check

import (
	"fmt"
	"slices"
	"strings"
	"sync"

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
	Guesses  bool // by tables of words or names, so that its precision is measured
	Measured Measure
}

// A Measure is how often a rule that guesses was right about real specifications: findings were drawn by a seed and read,
// and the verdicts lie in testdata/precision.tsv. The zero value belongs to a rule that does not guess.
type Measure struct{ Right, Read int }

// Bounds of the precision of a rule that guesses: a warning from the first, a note from the second, below it no rule.
const (
	warningFrom = 0.9
	noteFrom    = 0.5
)

// Precision is the share of findings that were right.
func (m Measure) Precision() float64 {
	if m.Read == 0 {
		return 0
	}
	return float64(m.Right) / float64(m.Read)
}

// Earns is the severity that the measured precision allows; "" where the rule ought to be dropped.
func (m Measure) Earns() spec.Severity {
	switch p := m.Precision(); {
	case p >= warningFrom:
		return spec.Warning
	case p >= noteFrom:
		return spec.Note
	}
	return ""
}

// ErrorsRead is how many errors about specifications of public projects were read against their files, and how many were
// right: those that check finds by itself, and those of --kiro. The verdicts lie in testdata/errors.tsv.
func ErrorsRead() (own, kiro Measure) { return Measure{18, 18}, Measure{82, 82} }

// Rules lists every rule by code. A code is never used again for something else.
func Rules() []Rule {
	rules := slices.Concat(documentRules(), kiroFormatRules(), qualityRules(), edgeRules(), planRules(), overlapRules(), designRules(),
		approvalRules(), evidenceRules(), agingRules(), steeringRules(), stackRules(), lockRules())
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.Code, b.Code) })
	return rules
}

// severities holds the severity of each rule by its code.
var severities = sync.OnceValue(func() map[string]spec.Severity {
	m := map[string]spec.Severity{}
	for _, r := range Rules() {
		m[r.Code] = r.Severity
	}
	return m
})

func severityOf(code string) spec.Severity {
	if s, ok := severities()[code]; ok {
		return s
	}
	return spec.Error
}

// Explain words a rule for a person.
func Explain(code string) (string, bool) {
	for _, r := range Rules() {
		if strings.EqualFold(r.Code, code) || r.Name == code {
			measured := ""
			if r.Measured.Read > 0 {
				measured = fmt.Sprintf("\nRight in %d of %d findings that were read in specifications of public projects.\n", r.Measured.Right, r.Measured.Read)
			}
			return fmt.Sprintf("%s %s (%s)\n\n%s\n%s\nWrong:\n%s\nRight:\n%s", r.Code, r.Name, r.Severity, r.Text, measured, indent(r.Wrong), indent(r.Right)), true
		}
	}
	return "", false
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(s, "\n", "\n    ") + "\n"
}

func errorsOnPage() string {
	own, kiro := ErrorsRead()
	return fmt.Sprintf("A hundred errors were read against their files too (`testdata/errors.tsv`). In seventeen public projects with 226 specifications\n"+
		"`spec check` finds %d: %d are right, four of them about files that may only be missing where the projects are kept without their\n"+
		"sources. Of those that `--kiro` adds, %d were drawn: %d agree with what Kiro's own check demands.\n\n", own.Read, own.Right, kiro.Read, kiro.Right)
}

// Document is docs/findings.md, made from the rules.
func Document() string {
	var b strings.Builder
	b.WriteString("# Findings\n\nWhat `spec check` looks for. This page is made from the rules in `internal/check`; `spec explain CODE` shows one.\n\n" +
		"Rules that guess have a measured precision: findings in specifications of public projects, drawn by a seed, were read, and the verdicts are in\n" +
		"`internal/check/testdata/precision.tsv`. Such a rule is a warning from nine right in ten, a note from one in two, and dropped below. What was not\n" +
		"found there at all could not be measured, and gets the lower severity.\n\n" +
		errorsOnPage() +
		"| code | name | severity | meaning | precision |\n|---|---|---|---|---|\n")
	for _, r := range Rules() {
		measured := ""
		switch {
		case r.Measured.Read > 0:
			measured = fmt.Sprintf("%d of %d", r.Measured.Right, r.Measured.Read)
		case r.Guesses:
			measured = "none found to read"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.Code, r.Name, r.Severity, r.Text, measured)
	}
	for _, r := range Rules() {
		fmt.Fprintf(&b, "\n## %s %s\n\n%s\n\nWrong:\n\n%s\nRight:\n\n%s", r.Code, r.Name, r.Text, indent(r.Wrong), indent(r.Right))
	}
	return b.String()
}
