package check

import (
	"io/fs"
	"strings"
	"unicode/utf8"

	"spec.example/spec/spec"
)

// Sources are the lines of files that findings are about, each file read once.
type sources struct {
	fsys  fs.FS
	files map[string][]string
}

func newSources(fsys fs.FS) *sources { return &sources{fsys: fsys, files: map[string][]string{}} }

func (s *sources) line(file string, n int) (string, bool) {
	lines, ok := s.files[file]
	if !ok {
		if info, err := fs.Stat(s.fsys, file); err == nil && info.Size() <= maxRead*16 {
			if data, err := fs.ReadFile(s.fsys, file); err == nil {
				lines = strings.Split(string(data), "\n")
			}
		}
		s.files[file] = lines
	}
	if n < 1 || n > len(lines) {
		return "", false
	}
	return strings.TrimRight(lines[n-1], "\r"), true
}

// column is the column of a finding in characters, as editors and GitHub count; findings count bytes.
func (s *sources) column(d spec.Diagnostic) int {
	text, ok := s.line(d.File, d.Line)
	if !ok || d.Column < 2 {
		return max(d.Column, 1)
	}
	return 1 + utf8.RuneCountInString(text[:min(d.Column-1, len(text))])
}

// maxWidth is how much of a line is shown.
const maxWidth = 110

// excerpt is the part of a line around a column, and the marks to stand below it. Both are counted in characters; a
// finding at the first column is about the line, and has no marks unless it says how long it is.
func excerpt(text string, column, length int) (shown, caret string) {
	at := min(max(column-1, 0), len(text))
	for at > 0 && at < len(text) && !utf8.RuneStart(text[at]) {
		at--
	}
	to := min(at+max(length, 1), len(text))
	runes := []rune(clean(text))
	from, n := utf8.RuneCountInString(text[:at]), utf8.RuneCountInString(text[at:to])
	lead := ""
	if start := from - maxWidth*2/3; len(runes) > maxWidth && from+n > maxWidth {
		start = min(max(start, 1), len(runes))
		runes, from, lead = runes[start:], from-start+1, "…"
	}
	if len(runes) > maxWidth {
		runes = append(runes[:maxWidth-1:maxWidth-1], '…')
	}
	shown = lead + string(runes)
	if column < 2 && length == 0 {
		return shown, ""
	}
	var b strings.Builder
	for i, r := range []rune(shown) {
		switch {
		case i < from && r == '\t':
			b.WriteByte('\t')
		case i < from && wide(r):
			b.WriteString("  ")
		case i < from:
			b.WriteByte(' ')
		}
	}
	return shown, b.String() + "^" + strings.Repeat("~", min(max(n-1, 0), max(maxWidth-from, 0)))
}

// wide tells whether a terminal shows a character in two columns.
func wide(r rune) bool {
	return r >= 0x1100 && r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0x1f300 && r <= 0x1faff
}
