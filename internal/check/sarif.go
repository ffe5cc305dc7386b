package check

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"spec.example/spec/spec"
)

// sarif writes SARIF 2.1.0 as GitHub's code scanning reads it: rules with help, results with a fingerprint that does not
// depend on the line, suppressed results marked as such.
func (r *Report) sarif(fsys fs.FS) ([]byte, error) {
	type m = map[string]any
	levels := map[spec.Severity]string{spec.Error: "error", spec.Warning: "warning", spec.Note: "note"}
	rules, results := []m{}, []m{}
	index := map[string]int{}
	for i, rule := range Rules() {
		index[rule.Code] = i
		rules = append(rules, m{"id": rule.Code, "name": pascal(rule.Name),
			"shortDescription":     m{"text": strings.ReplaceAll(rule.Name, "-", " ")},
			"fullDescription":      m{"text": rule.Text},
			"help":                 m{"text": rule.Text + "\n\nWrong:\n" + rule.Wrong + "\n\nRight:\n" + rule.Right, "markdown": rule.Text + "\n\nWrong:\n\n" + indent(rule.Wrong) + "\nRight:\n\n" + indent(rule.Right)},
			"defaultConfiguration": m{"level": levels[rule.Severity]},
			"properties":           m{"tags": []string{"specification"}}})
	}
	src := newSources(fsys)
	seen := map[string]int{}
	result := func(d spec.Diagnostic) m {
		f := Fingerprint(d)
		seen[f]++ // of two that are alike the second is another result
		sum := sha256.Sum256(fmt.Appendf(nil, "%s#%d", f, seen[f]))
		region := m{"startLine": max(d.Line, 1), "startColumn": src.column(d)}
		if text, ok := src.line(d.File, d.Line); ok && d.Length > 0 && d.Column > 0 && d.Column-1+d.Length <= len(text) {
			region["endColumn"] = src.column(d) + utf8.RuneCountInString(text[d.Column-1:d.Column-1+d.Length])
		}
		message := clean(d.Message)
		if d.Hint != "" {
			message += " (" + clean(d.Hint) + ")"
		}
		x := m{"ruleId": d.Code, "level": levels[d.Severity], "message": m{"text": message},
			"partialFingerprints": m{"spec/v2": hex.EncodeToString(sum[:])},
			"locations":           []m{{"physicalLocation": m{"artifactLocation": m{"uri": uri(d.File), "uriBaseId": "%SRCROOT%"}, "region": region}}}}
		if i, ok := index[d.Code]; ok {
			x["ruleIndex"] = i
		}
		return x
	}
	for _, d := range r.Findings {
		results = append(results, result(d))
	}
	for _, s := range r.Suppressed {
		x := result(s.Diagnostic)
		kind := "inSource"
		if s.Until == "" {
			kind = "external"
		}
		x["suppressions"] = []m{{"kind": kind, "justification": clean(s.Reason)}}
		results = append(results, x)
	}
	return marshal(m{"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []m{{"tool": m{"driver": m{"name": "spec", "rules": rules}}, "columnKind": "unicodeCodePoints", "results": results}}})
}

// uri is a path as a relative URI reference.
func uri(file string) string {
	return (&url.URL{Path: path.Clean(file)}).EscapedPath()
}

func pascal(name string) string {
	var b strings.Builder
	for _, w := range strings.Split(name, "-") {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
	Skipped *junitSkipped `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// junit writes a suite a feature and a case a finding: what fails the check is a failure, a suppression is skipped, and
// anything less is a case that passed with its words as output. A check without findings has one case, since readers take
// a report without cases for a run that broke.
func (r *Report) junit() ([]byte, error) {
	all := junitSuites{Name: "spec check"}
	at := map[string]int{}
	suite := func(name string) *junitSuite {
		if name == "" {
			name = "workspace"
		}
		if _, ok := at[name]; !ok {
			at[name] = len(all.Suites)
			all.Suites = append(all.Suites, junitSuite{Name: name})
		}
		return &all.Suites[at[name]]
	}
	for _, d := range r.Findings {
		s := suite(d.Feature)
		c := junitCase{Name: xmlText(d.Code + " " + where(d)), Class: "spec." + s.Name, File: d.File, Line: d.Line}
		words := xmlText(fmt.Sprintf("%s: %s\n%s", where(d), d.Message, d.Hint))
		if d.Severity == spec.Error || r.Strict && d.Severity == spec.Warning {
			c.Failure = &junitFailure{Message: xmlText(d.Message), Type: string(d.Severity), Text: words}
			s.Failures++
			all.Failures++
		} else {
			c.Out = string(d.Severity) + " " + words
		}
		s.Cases = append(s.Cases, c)
	}
	for _, d := range r.Suppressed {
		s := suite(d.Feature)
		s.Cases = append(s.Cases, junitCase{Name: xmlText(d.Code + " " + where(d.Diagnostic)), Class: "spec." + s.Name, File: d.File, Line: d.Line, Skipped: &junitSkipped{Message: xmlText(d.Reason)}})
		s.Skipped++
	}
	if len(all.Suites) == 0 {
		s := suite("")
		s.Cases = append(s.Cases, junitCase{Name: counted(r.Features, "feature"), Class: "spec." + s.Name})
	}
	for i := range all.Suites {
		all.Suites[i].Tests = len(all.Suites[i].Cases)
		all.Tests += all.Suites[i].Tests
	}
	out, err := xml.MarshalIndent(all, "", "  ")
	return append([]byte(xml.Header), append(out, '\n')...), err
}

// xmlText is text without control characters, which XML 1.0 cannot hold; line ends stay.
func xmlText(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}
