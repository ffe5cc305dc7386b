package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"spec.example/spec/spec"
)

// Render writes a report as text, json, github (workflow annotations), sarif, junit, markdown or baseline. fsys is where
// the lines of sources are read.
func (r *Report) Render(format string, fsys fs.FS, color bool) ([]byte, error) {
	switch format {
	case "text":
		return r.text(fsys, color), nil
	case "json":
		return marshal(map[string]any{"version": 1, "findings": append(spec.Diagnostics{}, r.Findings...), "counts": r.counts(), "suppressed": append([]Suppressed{}, r.Suppressed...)})
	case "github":
		return r.github(fsys), nil
	case "sarif":
		return r.sarif(fsys)
	case "junit":
		return r.junit()
	case "markdown":
		return r.markdown(), nil
	case "baseline":
		return r.fingerprints(), nil
	}
	return nil, fmt.Errorf("--format is text, json, sarif, junit, github, markdown or baseline, not %q", format)
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
	src := newSources(fsys)
	for _, d := range r.Findings {
		fmt.Fprintf(&b, "%s: %s %s: %s\n", clean(where(d)), paint(codes[d.Severity], string(d.Severity)), d.Code, clean(d.Message))
		if text, ok := src.line(d.File, d.Line); ok {
			shown, caret := excerpt(text, d.Column, d.Length)
			fmt.Fprintf(&b, "  %5d | %s\n", d.Line, shown)
			if caret != "" {
				fmt.Fprintf(&b, "        | %s\n", caret)
			}
		}
		if d.Hint != "" {
			fmt.Fprintf(&b, "  hint: %s\n", clean(d.Hint))
		}
	}
	c := r.counts()
	if len(r.Findings) == 0 {
		fmt.Fprintf(&b, "%s, nothing to report\n", counted(r.Features, "feature"))
	} else {
		fmt.Fprintf(&b, "%s: %s, %s, %s\n", counted(r.Features, "feature"), counted(c["error"], "error"), counted(c["warning"], "warning"), counted(c["note"], "note"))
	}
	return b.Bytes()
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
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
func (r *Report) github(fsys fs.FS) []byte {
	var b bytes.Buffer
	src := newSources(fsys)
	value := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	kinds := map[spec.Severity]string{spec.Error: "error", spec.Warning: "warning", spec.Note: "notice"}
	for _, d := range r.Findings {
		fmt.Fprintf(&b, "::%s file=%s,line=%d,col=%d,title=%s::%s (%s)\n", kinds[d.Severity], property.Replace(d.File), max(d.Line, 1), src.column(d), d.Code, value.Replace(clean(d.Message)), value.Replace(clean(d.Hint)))
	}
	return b.Bytes()
}

// maxComment bounds a Markdown comment: GitHub takes 65,536 characters.
const maxComment = 60000

// markdown writes a comment for a pull request, by severity.
func (r *Report) markdown() []byte {
	var b bytes.Buffer
	c := r.counts()
	fmt.Fprintf(&b, "### spec check: %d errors, %d warnings, %d notes\n", c["error"], c["warning"], c["note"])
	left := 0
	for _, sev := range []spec.Severity{spec.Error, spec.Warning, spec.Note} {
		if c[string(sev)] == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n**%ss**\n\n", sev)
		for _, d := range r.Findings {
			if d.Severity != sev {
				continue
			}
			if b.Len() > maxComment {
				left++
				continue
			}
			fmt.Fprintf(&b, "- **%s** `%s` %s", d.Code, strings.ReplaceAll(clean(where(d)), "`", "'"), plain(d.Message))
			if d.Hint != "" {
				fmt.Fprintf(&b, " — %s", plain(d.Hint))
			}
			b.WriteByte('\n')
		}
	}
	if left > 0 {
		fmt.Fprintf(&b, "\n%d more; `spec check` shows all.\n", left)
	}
	return b.Bytes()
}

// plain makes text that came from a repository harmless in a comment: no mention, no markup, no HTML.
func plain(s string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;", "@", "@\u200b", "[", "\\[", "*", "\\*", "\n", " ").Replace(clean(s))
}

// fingerprints is a baseline of what is found now.
func (r *Report) fingerprints() []byte {
	var list []string
	for _, d := range r.Findings {
		list = append(list, Fingerprint(d))
	}
	slices.Sort(list)
	var b bytes.Buffer
	b.WriteString("# Findings that are known, one a line: spec check --baseline FILE. Lines may only leave.\n")
	for _, f := range list {
		fmt.Fprintln(&b, f)
	}
	return b.Bytes()
}

// SuppressedText lists what is left out, with where and why.
func (r *Report) SuppressedText() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d suppressed\n", len(r.Suppressed))
	for _, s := range r.Suppressed {
		fmt.Fprintf(&b, "%s: %s: %s\n  by %s", clean(where(s.Diagnostic)), s.Code, clean(s.Message), clean(s.By))
		if s.Until != "" {
			fmt.Fprintf(&b, " until %s", s.Until)
		}
		fmt.Fprintf(&b, ": %s\n", clean(s.Reason))
	}
	return b.Bytes()
}
