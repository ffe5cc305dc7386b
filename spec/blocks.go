package spec

import (
	"strings"
)

// A block is a heading or a list item of an outline, in document order.
type block struct {
	line    int // from 1
	level   int // of a heading; 0 for an item
	text    string
	ordered bool
	depth   int // of an item: 1 for the outermost list
}

// blocksOf lists the headings and list items that CommonMark sees in the first lines of a page. It is a scanner of its own,
// because a Markdown parser costs more at the start of every command than an outline is worth; a test holds it against one
// over the corpus.
func blocksOf(p *page, upTo, firstLine int) []block {
	s := &blockScanner{p: p, first: firstLine + 1}
	for i := range upTo {
		s.line(i)
	}
	return s.out
}

// A paragraph is a text that may go on in the next line.
type paragraph struct {
	open  bool
	item  int // index of the block of a list item, -1 for a text of no item
	depth int // of the list item that it is in
	line  int
	text  string
}

type blockScanner struct {
	p     *page
	first int // number of the page's first line
	out   []block
	lists []int32 // where the contents of the open list items begin
	para  paragraph
	html  bool // inside a block of HTML, which ends at a blank line
}

func (s *blockScanner) line(i int) {
	l := &s.p.lines[i]
	body := l.body()
	switch {
	case l.hidden:
		s.para.open = false
	case body == "":
		s.para.open, s.html = false, false
	case s.html:
	case s.para.open && s.para.item < 0 && underline(body) > 0 && s.inside(l) == s.para.depth:
		s.out = append(s.out, block{line: s.para.line, level: underline(body), text: s.para.text})
		s.para.open = false
	case s.heading(i, l):
	case thematic(body) && s.indentIn(l) < 4:
		s.para.open = false
		s.lists = s.lists[:s.inside(l)]
	case s.item(i, l):
	case s.para.open:
		s.goOn(body)
	case s.indentIn(l) >= 4:
		s.lists = s.lists[:s.inside(l)] // indented code
	case htmlBlock(body):
		s.html = true
	default:
		s.lists = s.lists[:s.inside(l)]
		s.para = paragraph{open: true, item: -1, depth: len(s.lists), line: s.first + i, text: body}
	}
}

// inside is the number of open list items that a line lies in by its indentation.
func (s *blockScanner) inside(l *line) int {
	n := len(s.lists)
	for n > 0 && l.indent < s.lists[n-1] {
		n--
	}
	return n
}

// indentIn is the indentation of a line within the innermost list item that it lies in.
func (s *blockScanner) indentIn(l *line) int32 {
	if n := s.inside(l); n > 0 {
		return l.indent - s.lists[n-1]
	}
	return l.indent
}

// heading reads a heading, also one inside of a list item.
func (s *blockScanner) heading(i int, l *line) bool {
	if s.indentIn(l) > 3 {
		return false
	}
	inner := line{text: strings.TrimLeft(l.text, " \t")}
	level, _ := headingOf(&inner)
	if level == 0 {
		return false
	}
	text := strings.TrimSpace(inner.text[level:])
	if k := len(strings.TrimRight(text, "#")); k > 0 && k < len(text) && (text[k-1] == ' ' || text[k-1] == '\t') {
		text = strings.TrimSpace(text[:k])
	}
	s.lists = s.lists[:s.inside(l)]
	s.out = append(s.out, block{line: s.first + i, level: level, text: text})
	s.para.open = false
	return true
}

// item reads a list item. One that interrupts a paragraph has a text, and a numbered one begins with 1.
func (s *blockScanner) item(i int, l *line) bool {
	if s.indentIn(l) > 3 {
		return false
	}
	body := l.text[l.start:]
	width, ordered, one := 1, false, true
	if body[0] != '-' && body[0] != '*' && body[0] != '+' {
		k := digits(body)
		if k == 0 || k > 9 || k == len(body) || body[k] != '.' && body[k] != ')' {
			return false
		}
		width, ordered, one = k+1, true, body[:k] == "1"
	}
	rest := body[width:]
	text := strings.TrimSpace(rest)
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return false
	}
	depth := s.inside(l)
	if s.para.open && s.para.depth == depth && (text == "" || !one) {
		return false
	}
	blanks := len(rest) - len(strings.TrimLeft(rest, " \t"))
	if text == "" || blanks > 4 {
		blanks = 1
	}
	s.lists = append(s.lists[:depth], l.indent+int32(width+blanks))
	s.para.open = false
	if text == "" {
		return true
	}
	inner := line{text: text, indent: s.lists[depth]}
	if depth < 16 && !thematic(text) && s.item(i, &inner) { // `- - a` is an item in an item
		return true
	}
	if level, _ := headingOf(&line{text: text}); level > 0 {
		s.out = append(s.out, block{line: s.first + i, level: level, text: strings.TrimSpace(text[level:])})
		return true
	}
	s.out = append(s.out, block{line: s.first + i, text: text, ordered: ordered, depth: depth + 1})
	s.para = paragraph{open: true, item: len(s.out) - 1, depth: depth + 1}
	return true
}

// goOn adds a line to the paragraph that is open.
func (s *blockScanner) goOn(text string) {
	if s.para.item >= 0 {
		s.out[s.para.item].text += " " + text
		return
	}
	s.para.text += " " + text
}

// underline is the level of the heading that a line of = or - below a text makes, 0 for any other line.
func underline(body string) int {
	switch {
	case strings.Trim(body, "=") == "":
		return 1
	case strings.Trim(body, "-") == "":
		return 2
	}
	return 0
}

// thematic tells whether a line is a break: three or more of the same of - * _, with blanks or without.
func thematic(body string) bool {
	mark := body[0]
	if mark != '-' && mark != '*' && mark != '_' {
		return false
	}
	n := 0
	for i := range len(body) {
		switch body[i] {
		case mark:
			n++
		case ' ', '\t':
		default:
			return false
		}
	}
	return n >= 3
}

// htmlBlock tells whether a line begins a block of HTML.
func htmlBlock(body string) bool {
	if len(body) < 3 || body[0] != '<' {
		return false
	}
	name := strings.ToLower(strings.TrimPrefix(body[1:], "/"))
	n := 0
	for n < len(name) && (name[n] >= 'a' && name[n] <= 'z' || n > 0 && name[n] >= '0' && name[n] <= '9') {
		n++
	}
	if n < len(name) && !strings.ContainsRune(" \t>/", rune(name[n])) {
		return false
	}
	switch name[:n] {
	case "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
		"header", "hr", "html", "li", "link", "main", "menu", "nav", "ol", "option", "p", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "title", "tr", "ul":
		return true
	}
	return false
}
