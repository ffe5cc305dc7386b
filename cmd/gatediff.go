package cmd

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/text/width"
)

// A patchFile is the part of a patch that concerns one file.
type patchFile struct {
	path  string
	lines []string // with the header, without line ends
}

// splitPatch cuts a patch into the parts of its files. No line of a file's content can look like a header: each begins with
// a blank, a sign or a backslash.
func splitPatch(diff []byte) []patchFile {
	var files []patchFile
	for line := range strings.Lines(string(diff)) {
		line = strings.TrimSuffix(line, "\n")
		if header, ok := strings.CutPrefix(line, "diff --git "); ok {
			files = append(files, patchFile{path: headerPath(header)})
		}
		if len(files) == 0 {
			continue
		}
		f := &files[len(files)-1]
		if name, ok := strings.CutPrefix(line, "rename to "); ok {
			f.path = unquoted(name)
		}
		f.lines = append(f.lines, line)
	}
	return files
}

// headerPath reads the path of "a/P b/P": both halves are the same but for their first letter, whatever P holds.
func headerPath(header string) string {
	if half := len(header) / 2; len(header)%2 == 1 && header[half] == ' ' {
		return strings.TrimPrefix(unquoted(header[half+1:]), "b/")
	}
	_, name, _ := strings.Cut(header, " b/")
	return name
}

// unquoted undoes git's quoting of unusual names.
func unquoted(name string) string {
	if text, err := strconv.Unquote(name); err == nil && strings.HasPrefix(name, `"`) {
		return text
	}
	return name
}

// A look is how text is shown: to a screen so wide, with colour or without.
type look struct {
	columns int
	color   bool
}

// wide is from how many columns on old and new stand side by side.
const wide = 130

func (l look) paint(code, text string) string {
	if !l.color || text == "" || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Colours: nothing is said by colour alone, the signs stay.
const (
	bold  = "1"
	red   = "31"
	green = "32"
	cyan  = "36"
)

// patch shows the parts of a patch.
func (l look) patch(files []patchFile) string {
	var b strings.Builder
	for _, f := range files {
		if l.columns >= wide {
			l.beside(&b, f)
			continue
		}
		hunk := false
		b.WriteString(l.paint(bold, f.header()) + "\n")
		for _, line := range f.lines {
			if hunk = hunk || strings.HasPrefix(line, "@@"); hunk {
				b.WriteString(l.paint(codeOf(line), clean(line)) + "\n")
			}
		}
	}
	return b.String()
}

// plainPatch colours a text that is a patch and more.
func (l look) plainPatch(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		b.WriteString(l.paint(codeOf(line), clean(line)) + "\n")
	}
	return b.String()
}

// header says which file it is, and what happened to it beside its lines.
func (f patchFile) header() string {
	var notes []string
	for _, line := range f.lines {
		if strings.HasPrefix(line, "@@") {
			break
		}
		for _, word := range []string{"new file mode", "deleted file mode", "old mode", "new mode", "rename from", "similarity index", "Binary files", "GIT binary patch"} {
			if strings.HasPrefix(line, word) {
				notes = append(notes, oneLine(clean(line)))
			}
		}
	}
	text := "── " + oneLine(clean(f.path))
	if len(notes) > 0 {
		text += " (" + strings.Join(notes, ", ") + ")"
	}
	return text
}

func codeOf(line string) string {
	switch {
	case strings.HasPrefix(line, "@@"):
		return cyan
	case strings.HasPrefix(line, "+"):
		return green
	case strings.HasPrefix(line, "-"):
		return red
	}
	return ""
}

// beside shows a file's old lines to the left of its new ones. Long lines are wrapped, not cut: what is approved is seen.
func (l look) beside(b *strings.Builder, f patchFile) {
	half := (l.columns - 3) / 2
	var old, young []string
	oldAt, newAt := 0, 0
	flush := func() {
		for i := range max(len(old), len(young)) {
			left, right := "", ""
			leftAt, rightAt := 0, 0
			if i < len(old) {
				left, leftAt = old[i], oldAt+i
			}
			if i < len(young) {
				right, rightAt = young[i], newAt+i
			}
			l.pair(b, half, side{leftAt, "-", left, red}, side{rightAt, "+", right, green})
		}
		oldAt, newAt = oldAt+len(old), newAt+len(young)
		old, young = nil, nil
	}
	hunk := false
	b.WriteString(l.paint(bold, f.header()) + "\n")
	for _, line := range f.lines {
		switch {
		case strings.HasPrefix(line, "@@"):
			flush()
			hunk = true
			fmt.Sscanf(line, "@@ -%d", &oldAt)
			if _, after, ok := strings.Cut(line, " +"); ok {
				fmt.Sscanf(after, "%d", &newAt)
			}
			b.WriteString(l.paint(cyan, clean(line)) + "\n")
		case !hunk:
		case strings.HasPrefix(line, "-"):
			if len(young) > 0 {
				flush()
			}
			old = append(old, line[1:])
		case strings.HasPrefix(line, "+"):
			young = append(young, line[1:])
		case strings.HasPrefix(line, `\`):
			flush()
			b.WriteString(clean(line) + "\n")
		default:
			flush()
			text := strings.TrimPrefix(line, " ")
			l.pair(b, half, side{oldAt, " ", text, ""}, side{newAt, " ", text, ""})
			oldAt, newAt = oldAt+1, newAt+1
		}
	}
	flush()
}

// A side is one line of one version; its number is 0 where there is no such line.
type side struct {
	number     int
	sign, text string
	code       string
}

func (l look) pair(b *strings.Builder, half int, left, right side) {
	lefts, rights := left.cells(half), right.cells(half)
	for i := range max(len(lefts), len(rights)) {
		x, y := strings.Repeat(" ", half), ""
		if i < len(lefts) {
			x = l.paint(left.code, lefts[i]+strings.Repeat(" ", max(half-columns(lefts[i]), 0)))
		}
		if i < len(rights) {
			y = l.paint(right.code, rights[i])
		}
		b.WriteString(strings.TrimRight(x+" | "+y, " ") + "\n")
	}
}

// cells wraps a line into a column so wide.
func (s side) cells(half int) []string {
	if s.number == 0 {
		return nil
	}
	head := fmt.Sprintf("%5d %s ", s.number, s.sign)
	var out []string
	for _, part := range wrap(strings.ReplaceAll(clean(s.text), "\t", "    "), half-len(head)) {
		out = append(out, head+part)
		head = strings.Repeat(" ", len(head))
	}
	return out
}

// wrap cuts a line into pieces of at most so many columns; "" is one empty piece.
func wrap(text string, most int) []string {
	var out []string
	start, used := 0, 0
	for i, r := range text {
		n := columnsOf(r)
		if used+n > max(most, 2) {
			out = append(out, text[start:i])
			start, used = i, 0
		}
		used += n
	}
	return append(out, text[start:])
}

// columns is how wide a text is on a terminal.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// fit shortens a line to so many columns.
func fit(text string, most int) string {
	text = oneLine(clean(text))
	if columns(text) <= most {
		return text
	}
	return wrap(text, most-1)[0] + "…"
}

// addedLines are the lines that a patch adds, without their signs.
func addedLines(files []patchFile) []byte {
	var b bytes.Buffer
	for _, f := range files {
		hunk := false
		for _, line := range f.lines {
			hunk = hunk || strings.HasPrefix(line, "@@")
			if hunk && strings.HasPrefix(line, "+") {
				b.WriteString(line[1:] + "\n")
			}
		}
	}
	return b.Bytes()
}
