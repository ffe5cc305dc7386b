package plan

import (
	"strings"

	"spec.example/spec/spec"
)

// report adds a finding at a line of a task, with the column of its text.
func (b *builder) report(s spec.Severity, code string, t *spec.Task, line int, message, hint string) {
	b.diags = append(b.diags, spec.Diagnostic{Code: code, Severity: s, File: t.File, Line: line, Column: 1, Subject: t.ID, Message: message, Hint: hint})
}

// point moves the last finding to the text that it is about, where that stands in the lines of the task from one on: a
// reference stands in the last line that holds it. One that came of a range stays where it is.
func (b *builder) point(t *spec.Task, from int, text string) {
	d := &b.diags[len(b.diags)-1]
	lines := b.linesOf(t.File)
	for n := min(max(t.EndLine, from+1), len(lines)+1) - 1; n >= max(from, 1); n-- {
		if at := wordAt(lines[n-1], text); at >= 0 {
			d.Line, d.Column, d.Length = n, at+1, len(text)
			return
		}
	}
}

// linesOf splits the document of the tasks once, for all findings.
func (b *builder) linesOf(file string) []string {
	if b.lines == nil {
		for _, doc := range b.f.Documents {
			if doc.Path == file {
				b.lines = strings.Split(string(doc.Data), "\n")
			}
		}
	}
	return b.lines
}

// wordAt is the last place in a line where an id stands by itself, not as the part of another; -1 for none.
func wordAt(line, id string) int {
	part := func(i int) bool {
		return i >= 0 && i < len(line) && (line[i] >= '0' && line[i] <= '9' || line[i] >= 'a' && line[i] <= 'z' || line[i] >= 'A' && line[i] <= 'Z')
	}
	for end := len(line); ; {
		i := strings.LastIndex(line[:end], id)
		if i < 0 {
			return -1
		}
		after := i + len(id)
		inner := part(after) || after < len(line) && line[after] == '.' && part(after+1)
		if !part(i-1) && !(i > 0 && line[i-1] == '.' && part(i-2)) && !inner {
			return i
		}
		end = i + len(id) - 1
	}
}
