package check

import (
	"strings"
	"unicode/utf8"

	"spec.example/spec/spec"
)

// A place is where a phrase stands: line and column from 1, the column and the length in bytes.
type place struct{ line, column, length int }

// find looks for a phrase in the lines [from, to) of a file, without regard to case. A phrase that is broken over two
// lines is found by its first word; one that is not there at all stands at the first character of the first line.
func (s *subject) find(file string, from, to int, phrase string) place {
	lines := s.lines(file)
	for _, p := range []string{phrase, firstWord(phrase)} {
		if p == "" {
			continue
		}
		for n := from; n < to && n >= 1 && n <= len(lines); n++ {
			if i := indexFold(lines[n-1], p); i >= 0 {
				return place{n, i + 1, len(p)}
			}
		}
	}
	if from < 1 || from > len(lines) {
		return place{from, 1, 0}
	}
	line := lines[from-1]
	return place{from, 1 + len(line) - len(strings.TrimLeft(line, " \t")), 0}
}

// indexFold is where a phrase stands in a line as a word of its own, or -1. Folding is that of ASCII, which keeps the
// columns.
func indexFold(line, phrase string) int {
	low, p := lowerASCII(line), lowerASCII(phrase)
	for off := 0; ; {
		i := strings.Index(low[off:], p)
		if i < 0 {
			return -1
		}
		i += off
		before, _ := utf8.DecodeLastRuneInString(low[:i])
		after, _ := utf8.DecodeRuneInString(low[i+len(p):])
		if !(wordRune(before) && wordStart(p)) && !(wordRune(after) && wordEnd(p)) {
			return i
		}
		off = i + 1
	}
}

func wordStart(p string) bool { r, _ := utf8.DecodeRuneInString(p); return wordRune(r) }
func wordEnd(p string) bool   { r, _ := utf8.DecodeLastRuneInString(p); return wordRune(r) }

func wordRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

func firstWord(s string) string {
	if f := strings.Fields(s); len(f) > 1 {
		return f[0]
	}
	return ""
}

// lines are the lines of a file of the tree, read once.
func (s *subject) lines(file string) []string {
	for i := range s.feature.Documents {
		if s.feature.Documents[i].Path == file {
			if s.text == nil {
				s.text = map[string][]string{}
			}
			if s.text[file] == nil {
				s.text[file] = strings.Split(string(s.feature.Documents[i].Data), "\n")
			}
			return s.text[file]
		}
	}
	return nil
}

// reportAt adds a finding at an exact place.
func (s *subject) reportAt(code, file string, at place, id, message, hint string) {
	s.found = append(s.found, spec.Diagnostic{Code: code, Severity: severityOf(code), File: file, Line: at.line, Column: at.column, Length: at.length, Feature: s.feature.Name, Subject: id, Message: message, Hint: hint})
}

// about adds a finding about a phrase of a criterion.
func (s *subject) about(code string, r *spec.Requirement, phrase, message, hint string) {
	s.reportAt(code, r.File, s.find(r.File, r.Line, max(r.EndLine, r.Line+1), phrase), r.ID, message, hint)
}
