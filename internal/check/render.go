package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"unicode"

	"spec.example/spec/spec"
)

// Render writes a report as text, json, github (workflow annotations), sarif or markdown. fsys is where the lines of the
// text form are read.
func (r *Report) Render(format string, fsys fs.FS, color bool) ([]byte, error) {
	switch format {
	case "text":
		return r.text(fsys, color), nil
	case "json":
		return marshal(map[string]any{"version": 1, "findings": append(spec.Diagnostics{}, r.Findings...), "counts": r.counts()})
	case "github":
		return r.github(), nil
	case "sarif":
		return r.sarif()
	case "markdown":
		return r.markdown(), nil
	}
	return nil, fmt.Errorf("--format is text, json, github, sarif or markdown, not %q", format)
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

func (r *Report) counts() map[string]int {
	c := map[string]int{"error": 0, "warning": 0, "note": 0}
	for _, d := range r.Findings {
		c[string(d.Severity)]++
	}
	return c
}

// clean takes control characters out of text that came from a repository.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return '�'
		}
		return r
	}, s)
}

func (r *Report) text(fsys fs.FS, color bool) []byte {
	var b bytes.Buffer
	paint := func(code, s string) string {
		if !color {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	codes := map[spec.Severity]string{spec.Error: "31", spec.Warning: "33", spec.Note: "36"}
	sources := map[string][]string{}
	for _, d := range r.Findings {
		fmt.Fprintf(&b, "%s: %s %s: %s\n", clean(where(d)), paint(codes[d.Severity], string(d.Severity)), d.Code, clean(d.Message))
		lines, ok := sources[d.File]
		if !ok {
			if data, err := fs.ReadFile(fsys, d.File); err == nil {
				lines = strings.Split(string(data), "\n")
			}
			sources[d.File] = lines
		}
		if d.Line > 0 && d.Line <= len(lines) {
			text := []rune(clean(strings.TrimRight(lines[d.Line-1], "\r")))
			if len(text) > 110 {
				text = append(text[:109], '…')
			}
			fmt.Fprintf(&b, "  %5d | %s\n", d.Line, string(text))
			if d.Column > 1 {
				fmt.Fprintf(&b, "        | %s^\n", strings.Repeat(" ", d.Column-1))
			}
		}
		if d.Hint != "" {
			fmt.Fprintf(&b, "  hint: %s\n", clean(d.Hint))
		}
	}
	c := r.counts()
	if len(r.Findings) == 0 {
		fmt.Fprintf(&b, "%d features, nothing to report\n", r.Features)
	} else {
		fmt.Fprintf(&b, "%d features: %d errors, %d warnings, %d notes\n", r.Features, c["error"], c["warning"], c["note"])
	}
	return b.Bytes()
}

func where(d spec.Diagnostic) string {
	switch {
	case d.Line == 0:
		return d.File
	case d.Column == 0:
		return fmt.Sprintf("%s:%d", d.File, d.Line)
	}
	return fmt.Sprintf("%s:%d:%d", d.File, d.Line, d.Column)
}

// github writes workflow commands; their values are escaped as the runner documents it.
func (r *Report) github() []byte {
	var b bytes.Buffer
	value := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	kinds := map[spec.Severity]string{spec.Error: "error", spec.Warning: "warning", spec.Note: "notice"}
	for _, d := range r.Findings {
		fmt.Fprintf(&b, "::%s file=%s,line=%d,col=%d,title=%s::%s (%s)\n", kinds[d.Severity], property.Replace(d.File), max(d.Line, 1), max(d.Column, 1), d.Code, value.Replace(clean(d.Message)), value.Replace(clean(d.Hint)))
	}
	return b.Bytes()
}

func (r *Report) markdown() []byte {
	var b bytes.Buffer
	c := r.counts()
	fmt.Fprintf(&b, "### spec check: %d errors, %d warnings\n\n", c["error"], c["warning"])
	for _, d := range r.Findings {
		fmt.Fprintf(&b, "- **%s** `%s` %s — %s\n", d.Code, clean(where(d)), clean(d.Message), clean(d.Hint))
	}
	return b.Bytes()
}

// sarif writes SARIF 2.1.0.
func (r *Report) sarif() ([]byte, error) {
	type m = map[string]any
	levels := map[spec.Severity]string{spec.Error: "error", spec.Warning: "warning", spec.Note: "note"}
	rules, results := []m{}, []m{}
	for _, rule := range Rules() {
		rules = append(rules, m{"id": rule.Code, "name": rule.Name, "shortDescription": m{"text": rule.Name}, "fullDescription": m{"text": rule.Text},
			"help": m{"text": "Wrong: " + rule.Wrong + "\nRight: " + rule.Right}, "defaultConfiguration": m{"level": levels[rule.Severity]}})
	}
	for _, d := range r.Findings {
		results = append(results, m{"ruleId": d.Code, "level": levels[d.Severity], "message": m{"text": clean(d.Message) + " (" + clean(d.Hint) + ")"},
			"partialFingerprints": m{"spec/v1": Fingerprint(d)},
			"locations":           []m{{"physicalLocation": m{"artifactLocation": m{"uri": d.File}, "region": m{"startLine": max(d.Line, 1), "startColumn": max(d.Column, 1)}}}}})
	}
	return marshal(m{"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []m{{"tool": m{"driver": m{"name": "spec", "rules": rules}}, "results": results}}})
}
