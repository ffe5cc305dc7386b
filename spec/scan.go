package spec

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// maxFile bounds what is read of one document, in bytes.
const maxFile = 64 << 20

// A line is one line of a document, as the counting rules see it: whether it is inside a fence or a comment is decided
// in one pass from the top.
type line struct {
	text   string // without its line end
	off    int32  // byte offset of its first character in the file; files end at maxFile
	indent int32  // a space is 1, a tab goes to the next multiple of 4
	start  int32  // index of the first character that is no blank
	level  int8   // of a heading; 0 for none
	hidden bool   // inside a fence or a comment, their borders included
}

// heading is the text of a heading, "" for any other line.
func (l *line) heading() string {
	if l.level == 0 {
		return ""
	}
	_, text := headingOf(l)
	return text
}

// body is the line without blanks at both ends.
func (l *line) body() string { return strings.TrimSpace(l.text) }

// A fence is one fenced block: the lines between are those of lines[from+1:to].
type fence struct {
	from, to int // indices of the opening and closing lines; to is len(lines) where it is never closed
	closed   bool
	info     string
	mark     byte
	length   int
}

// A page is a scanned document.
type page struct {
	path   string
	data   []byte
	lines  []line
	fences []fence
}

// scan reads a document into lines. A byte order mark is skipped.
func scan(path string, data []byte) *page {
	p := &page{path: path, data: data, lines: make([]line, 0, bytes.Count(data, []byte{'\n'})+1)}
	off := 0
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		off = 3
	}
	text := unsafe.String(unsafe.SliceData(data), len(data)) // nobody writes to a document that was read
	open, comment := -1, false
	for off < len(text) {
		end := strings.IndexByte(text[off:], '\n')
		next := off + end + 1
		if end < 0 {
			end, next = len(text)-off, len(text)
		}
		l := line{text: strings.TrimSuffix(text[off:off+end], "\r"), off: int32(off)}
		width, start := indentation(l.text)
		l.indent, l.start = int32(width), int32(start)
		off = next
		switch {
		case comment:
			l.hidden = true
			comment = !strings.Contains(l.text, "-->")
		case open >= 0:
			l.hidden = true
			if f := &p.fences[open]; closes(&l, f) {
				f.to, f.closed = len(p.lines), true
				open = -1
			}
		case strings.HasPrefix(l.text[l.start:], "<!--"):
			l.hidden = true
			comment = !strings.Contains(l.text, "-->")
		default:
			if f, ok := opens(&l); ok {
				l.hidden = true
				f.from = len(p.lines)
				open = len(p.fences)
				p.fences = append(p.fences, f)
			} else {
				level, _ := headingOf(&l)
				l.level = int8(level)
			}
		}
		p.lines = append(p.lines, l)
	}
	if open >= 0 {
		p.fences[open].to = len(p.lines)
	}
	return p
}

func indentation(s string) (width, start int) {
	for start < len(s) {
		switch s[start] {
		case ' ':
			width++
		case '\t':
			width += 4 - width%4
		default:
			return width, start
		}
		start++
	}
	return width, start
}

// opens tells whether a line opens a fence: three or more backticks or tildes at any indentation, also right after a
// list mark.
func opens(l *line) (fence, bool) {
	s := l.text[l.start:]
	if rest, ok := afterMark(s); ok {
		s = rest
	}
	if len(s) < 3 || s[0] != '`' && s[0] != '~' {
		return fence{}, false
	}
	n := 0
	for n < len(s) && s[n] == s[0] {
		n++
	}
	info := strings.TrimSpace(s[n:])
	if n < 3 || s[0] == '`' && strings.IndexByte(info, '`') >= 0 {
		return fence{}, false
	}
	return fence{mark: s[0], length: n, info: info}, true
}

// afterMark returns what follows a list mark and its blanks.
func afterMark(s string) (string, bool) {
	if s == "" {
		return s, false
	}
	n := 0
	switch {
	case s[0] == '-' || s[0] == '*' || s[0] == '+':
		n = 1
	default:
		for n < len(s) && n < 9 && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		if n == 0 || n == len(s) || s[n] != '.' && s[n] != ')' {
			return s, false
		}
		n++
	}
	rest := strings.TrimLeft(s[n:], " \t")
	return rest, len(rest) < len(s[n:])
}

func closes(l *line, f *fence) bool {
	s := l.body()
	if len(s) < f.length {
		return false
	}
	for i := range len(s) {
		if s[i] != f.mark {
			return false
		}
	}
	return true
}

// headingOf reads a heading: one to six # with at most three spaces before, a blank, text. Bold marks around the whole
// text are ignored.
func headingOf(l *line) (int, string) {
	s := l.text[l.start:]
	if l.indent > 3 || l.start > 3 || s == "" || s[0] != '#' {
		return 0, ""
	}
	n := 0
	for n < len(s) && s[n] == '#' {
		n++
	}
	if n > 6 || n == len(s) || s[n] != ' ' && s[n] != '\t' {
		return 0, ""
	}
	text := strings.TrimSpace(s[n:])
	if i := len(strings.TrimRight(text, "#")); i > 0 && i < len(text) && (text[i-1] == ' ' || text[i-1] == '\t') {
		text = strings.TrimSpace(text[:i])
	}
	if text == "" {
		return 0, ""
	}
	return n, unbold(text)
}

// unbold takes bold marks away that stand around a whole text.
func unbold(s string) string {
	for _, m := range []string{"**", "__"} {
		if len(s) > 2*len(m) && strings.HasPrefix(s, m) && strings.HasSuffix(s, m) && !strings.Contains(s[len(m):len(s)-len(m)], m) {
			return strings.TrimSpace(s[len(m) : len(s)-len(m)])
		}
	}
	return s
}

// boldLine returns the text of a line that is only one bold text, with or without a colon, also after a list mark.
func boldLine(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if strings.IndexByte(s, '*') < 0 && strings.IndexByte(s, '_') < 0 {
		return "", false
	}
	if rest, ok := afterMark(s); ok {
		s = rest
	}
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(s, ":"), "："))
	for _, mark := range []string{"**", "__"} {
		if len(s) < 5 || !strings.HasPrefix(s, mark) || !strings.HasSuffix(s, mark) {
			continue
		}
		if text := s[2 : len(s)-2]; !strings.Contains(text, mark) {
			return strings.TrimSpace(text), true
		}
	}
	return "", false
}

// number reads digits with dotted parts at the start of s and returns the length; 0 for none.
func number(s string) int {
	i := digits(s)
	if i == 0 {
		return 0
	}
	for i < len(s) && s[i] == '.' {
		n := digits(s[i+1:])
		if n == 0 {
			break
		}
		i += 1 + n
	}
	return i
}

func digits(s string) int {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}

// foldPrefix tells whether s starts with the lower-case prefix in any case, and how many bytes of s that is.
func foldPrefix(s, prefix string) (int, bool) {
	if len(prefix) >= 3 && strings.HasPrefix(s, prefix) {
		return len(prefix), true
	}
	i := 0
	for _, want := range prefix {
		if i >= len(s) {
			return 0, false
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r != want && (r < utf8.RuneSelf && r|0x20 != want || unicode.ToLower(r) != want) {
			return 0, false
		}
		i += n
	}
	return i, true
}

// ended tells whether a number that ends before s is at its end: the end of the line, a blank, or one of : . , ( ) - or
// their wide forms.
func ended(s string) bool {
	if s == "" {
		return true
	}
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsSpace(r) || strings.ContainsRune(":.,()-：．。，、（）－—–", r)
}
