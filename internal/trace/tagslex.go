package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// What a byte of a source file is part of.
const (
	inCode = iota
	inComment
	inString
)

// A source is a file of a language other than Go, taken apart into code, comments and strings. No grammar is followed:
// an unclosed quotation ends with its line, so that what is misread stays small.
type source struct {
	lang   *language
	text   string
	kinds  []byte // one a byte
	starts []int  // offset of each line
	tests  []found
	groups []found
}

// Found is a test or a group of tests: head is where its attributes begin, from its name's line, to its end.
type found struct {
	head, from, to int
	nameAt         int
	name           string // as it is written
	table          bool   // it is called with each row of a table
	joined         bool   // something is added to the name
}

func newSource(lang *language, text string) *source {
	s := &source{lang: lang, text: text, kinds: make([]byte, len(text)), starts: make([]int, 0, len(text)/24+1)}
	for at := 0; at < len(text); {
		s.starts = append(s.starts, at)
		n := strings.IndexByte(text[at:], '\n')
		if n < 0 {
			break
		}
		at += n + 1
	}
	s.lex()
	return s
}

func (s *source) mark(from, to int, kind byte) int {
	part := s.kinds[from:to]
	for i := range part {
		part[i] = kind
	}
	return to
}

// until is the offset after the next end, or the length.
func (s *source) until(from int, end string) int {
	if n := strings.Index(s.text[from:], end); n >= 0 {
		return from + n + len(end)
	}
	return len(s.text)
}

func (s *source) lex() {
	begins := s.lang.begins()
	for i := 0; i < len(s.text); {
		c := s.text[i]
		if !begins[c] {
			i++
			continue
		}
		if n := s.comment(i); n > i {
			i = s.mark(i, n, inComment)
			continue
		}
		if strings.IndexByte(s.lang.quotes, c) < 0 {
			i++
			continue
		}
		if q := strings.Repeat(string(c), 3); s.lang.triple && c != '`' && strings.HasPrefix(s.text[i:], q) {
			kind := byte(inString)
			if s.begins(i) {
				kind = inComment
			}
			i = s.mark(i, s.until(i+3, q), kind)
			continue
		}
		i = s.mark(i, s.closing(i), inString)
	}
}

// begins tells whether only blanks stand before an offset in its line: a string that is a statement is documentation.
func (s *source) begins(at int) bool {
	line := s.text[s.starts[s.lineOf(at)]:at]
	return strings.TrimLeft(strings.TrimSpace(line), "rRuUbB") == ""
}

// comment is the end of the comment that begins at an offset, or the offset.
func (s *source) comment(i int) int {
	for _, b := range s.lang.block {
		if strings.HasPrefix(s.text[i:], b[0]) {
			return s.until(i+len(b[0]), b[1])
		}
	}
	for _, m := range s.lang.line {
		if !strings.HasPrefix(s.text[i:], m) || s.lang.blank && i > 0 && !strings.ContainsRune(" \t\n;", rune(s.text[i-1])) {
			continue
		}
		if m == "#" && strings.HasPrefix(s.text[i:], "#[") && strings.Contains(s.lang.exts, ".php") {
			continue // an attribute
		}
		if n := strings.IndexByte(s.text[i:], '\n'); n >= 0 {
			return i + n
		}
		return len(s.text)
	}
	return i
}

// closing is the offset after the string that begins at i.
func (s *source) closing(i int) int {
	q := s.text[i]
	for n := i + 1; n < len(s.text); n++ {
		switch s.text[n] {
		case '\\':
			n++
		case '\n':
			if q != '`' {
				return n
			}
		case q:
			return n + 1
		}
	}
	return len(s.text)
}

// lineOf is the index of the line of an offset.
func (s *source) lineOf(at int) int {
	n, ok := slices.BinarySearch(s.starts, at)
	if !ok {
		n--
	}
	return max(n, 0)
}

func (s *source) lineText(n int) string {
	if n+1 < len(s.starts) {
		return s.text[s.starts[n] : s.starts[n+1]-1]
	}
	return s.text[s.starts[n]:]
}

// outline finds the tests and groups of a file.
func (s *source) outline() {
	for n := range s.starts {
		line := s.lineText(n)
		for _, p := range s.lang.tests {
			if f, ok := s.match(p, n, line); ok && (s.lang.marks == nil || s.marked(f)) {
				s.tests = append(s.tests, f)
				break
			}
		}
		if s.lang.groups != nil {
			if f, ok := s.match(s.lang.groups, n, line); ok {
				s.groups = append(s.groups, f)
			}
		}
	}
}

// match matches one line of code.
func (s *source) match(p *pattern, n int, line string) (found, bool) {
	m := p.find(line)
	if m == nil {
		return found{}, false
	}
	first := m[0] + len(line[m[0]:]) - len(strings.TrimLeft(line[m[0]:], " \t"))
	from := s.starts[n]
	if first >= len(line) || s.kinds[from+first] != inCode {
		return found{}, false
	}
	f := found{head: from, from: from}
	if s.lang.titled {
		return s.titled(f, n, from+m[1])
	}
	for g := 2; g < len(m); g += 2 {
		if m[g] >= 0 && m[g+1] > m[g] {
			f.name, f.nameAt = strings.TrimSpace(line[m[g]:m[g+1]]), from+m[g]
			break
		}
	}
	f.head, f.to = s.head(n), s.end(n, from+m[0])
	if s.lang.body == clauses && strings.HasSuffix(f.name, "(") { // an assertion: its description is its name
		f.name = s.lastString(f.from, f.to, strings.TrimRight(f.name, "( "))
	}
	return f, f.name != ""
}

// titled completes a test or group that is a call, from behind its callee: `test("name", …)`, `test.each(rows)("name", …)`,
// a table in a template; the name may stand in a later line.
func (s *source) titled(f found, n, at int) (found, bool) {
	for at < len(s.text) {
		switch c := s.text[at]; {
		case s.kinds[at] == inString:
			if at = s.closing(at); !f.table {
				return f, false
			}
		case c == '.':
			word := at + 1
			for at++; at < len(s.text) && nameByte(s.text[at]) && s.text[at] != '-'; at++ {
			}
			f.table = f.table || s.text[word:at] == "each" || s.text[word:at] == "for"
		case c == '<' && f.table: // types of the rows
			if at = s.until(at, ">"); at < len(s.text) && s.text[at] == '>' {
				at++
			}
		case c == '(':
			title := s.codeAfter(at + 1)
			if title < len(s.text) && s.kinds[title] == inString {
				end := s.closing(title)
				f.nameAt, f.name = title+1, strings.TrimSpace(s.text[title+1:max(title+1, end-1)])
				f.head, f.to = s.head(n), s.matching(at)
				if next := s.codeAfter(end); next < len(s.text) && s.text[next] == '+' {
					f.joined = true
				}
				return f, f.name != ""
			}
			at = s.matching(at)
		case c == ' ' || c == '\t':
			at++
		default:
			return f, false
		}
	}
	return f, false
}

// matching is the offset behind the bracket that closes the one at an offset.
func (s *source) matching(at int) int {
	depth := 0
	for i := at; i < len(s.text); i++ {
		if s.kinds[i] != inCode {
			continue
		}
		switch s.text[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth <= 0 {
				return i + 1
			}
		}
	}
	return len(s.text)
}

// lastString is the last string of a range that has no line end in it.
func (s *source) lastString(from, to int, other string) string {
	for i := to - 1; i > from; i-- {
		if s.kinds[i] != inString {
			continue
		}
		start := i
		for start > from && s.kinds[start-1] == inString {
			start--
		}
		if name := strings.Trim(s.text[start:i+1], "'"); name != "" && !strings.Contains(name, "\n") {
			return name
		}
		return other
	}
	return other
}

// attribute is a line that belongs to the declaration below it.
var attribute = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*(?:@\w|#!?\[|\[\w)`) })

// head is where the attributes, decorators and comments that stand directly on line n begin.
func (s *source) head(n int) int {
	at := s.starts[n]
	for i := n - 1; i >= 0; i-- {
		line := s.lineText(i)
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			break
		}
		off := s.starts[i] + len(line) - len(strings.TrimLeft(line, " \t"))
		switch {
		case s.kinds[off] == inComment:
		case attribute().MatchString(line) && s.declares(line):
			return at // `@Test void adds() { … }` in one line
		case attribute().MatchString(line):
		case strings.HasSuffix(trimmed, ")") || strings.HasSuffix(trimmed, ","): // a decorator over several lines
			if !s.decorated(i) {
				return at
			}
		default:
			return at
		}
		at = s.starts[i]
	}
	return at
}

// declares tells whether a line holds a test itself, beside its attributes.
func (s *source) declares(line string) bool {
	return slices.ContainsFunc(s.lang.tests, func(p *pattern) bool { return p.find(line) != nil })
}

// decorated tells whether a line is the later part of an attribute that began above.
func (s *source) decorated(n int) bool {
	for i := n; i >= 0 && i > n-20; i-- {
		line := s.lineText(i)
		if attribute().MatchString(line) {
			return true
		}
		if t := strings.TrimSpace(line); t == "" || strings.HasSuffix(t, "{") || strings.HasSuffix(t, ";") || strings.HasSuffix(t, ":") {
			return false
		}
	}
	return false
}

// marked tells whether the head of a test, or its line, carries the mark of one. A mark in a comment counts only as
// PHPUnit's @test.
func (s *source) marked(f found) bool {
	end := s.starts[s.lineOf(f.from)] + len(s.lineText(s.lineOf(f.from)))
	for _, m := range s.lang.marks.get().FindAllStringIndex(s.text[f.head:end], -1) {
		if s.kinds[f.head+m[0]] != inComment || strings.HasPrefix(s.text[f.head+m[0]:], "@test") {
			return true
		}
	}
	for n := s.lineOf(f.head); n <= s.lineOf(f.from); n++ {
		line := s.lineText(n)
		if m := s.lang.marks.get().FindStringIndex(line); m != nil && s.kinds[s.starts[n]+m[0]] == inCode {
			return true
		}
	}
	return false
}

// end is where the declaration of line n ends.
func (s *source) end(n, from int) int {
	switch s.lang.body {
	case indents, ends:
		return s.indented(n)
	case clauses:
		for i := from; i < len(s.text); i++ {
			if s.kinds[i] != inCode {
				continue
			}
			if tag := dollarQuote().FindString(s.text[i:min(len(s.text), i+64)]); tag != "" {
				i = s.until(i+len(tag), tag) - 1
			} else if s.text[i] == ';' {
				return i + 1
			}
		}
		return len(s.text)
	}
	return s.bracket(from)
}

// dollarQuote begins and ends the body of a function of PostgreSQL.
var dollarQuote = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\$\w*\$`) })

func indentOf(line string) int {
	n := 0
	for _, c := range line {
		switch c {
		case ' ', '-': // the dash of a list item in YAML
			n++
		case '\t':
			n += 8
		default:
			return n
		}
	}
	return n
}

func (s *source) indented(n int) int {
	own := len(s.lineText(n)) - len(strings.TrimLeft(s.lineText(n), " \t"))
	if s.lang.only != nil { // keys beside the name of a list item belong to it
		own = indentOf(s.lineText(n)) - 1
		if !strings.HasPrefix(strings.TrimSpace(s.lineText(n)), "-") {
			own = indentOf(s.lineText(n)) - 1
		}
	}
	open := false // inside a parameter list that is broken over lines
	for i := n + 1; i < len(s.starts); i++ {
		line := s.lineText(i)
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || s.kinds[s.starts[i]+len(line)-len(strings.TrimLeft(line, " \t"))] == inComment && len(line)-len(strings.TrimLeft(line, " \t")) <= own && s.lang.body == indents {
			if trimmed != "" {
				if next := s.nextCode(i); next <= own {
					return s.starts[i]
				}
			}
			continue
		}
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if indent > own || open {
			continue
		}
		switch {
		case s.lang.body == ends && strings.HasPrefix(trimmed, "end"):
			return s.starts[i] + len(line)
		case s.lang.body == indents && strings.HasPrefix(trimmed, ")"):
			continue
		}
		return s.starts[i]
	}
	return len(s.text)
}

// nextCode is the indentation of the next line that holds code; -1 at the end.
func (s *source) nextCode(n int) int {
	for i := n + 1; i < len(s.starts); i++ {
		line := s.lineText(i)
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if strings.TrimSpace(line) != "" && s.kinds[s.starts[i]+indent] != inComment {
			return indent
		}
	}
	return -1
}

// callOfText is a call whose first argument is a string.
var callOfText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*(?:await\s+)?[\w.]+(?:\([^)]*\))?\s*\(\s*['"` + "`]")
})

// bracket is where a call or a declaration ends: a call with its parenthesis, a declaration with its body in braces, or
// with its line where it has none.
func (s *source) bracket(from int) int {
	depth := 0
	body := false
	call := callOfText().MatchString(s.text[from:min(len(s.text), from+300)])
	for i := from; i < len(s.text); i++ {
		if s.kinds[i] != inCode {
			continue
		}
		switch s.text[i] {
		case '(', '[', '{':
			if depth == 0 && s.text[i] == '{' {
				body = true
			}
			depth++
		case ')', ']', '}':
			depth--
			if depth <= 0 && (body || call && s.text[i] == ')') {
				if next := strings.TrimLeft(s.text[i+1:], " \t"); call && (strings.HasPrefix(next, "(") || strings.HasPrefix(next, "{")) {
					continue // test.each(…)(…), test("x") { … }
				}
				return i + 1
			}
		case ';':
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s.text)
}

// owner lists the tests that a comment at an offset belongs to.
func (s *source) owner(at int) []found {
	var best *found
	for i := range s.tests {
		if t := &s.tests[i]; t.head <= at && at < t.to && (best == nil || t.from >= best.from) {
			best = t
		}
	}
	if best != nil {
		return []found{*best}
	}
	next := s.codeAfter(at)
	for _, t := range s.tests {
		if t.head <= next && next < t.to {
			return []found{t}
		}
	}
	for _, g := range s.groups {
		if g.head <= next && next <= g.from+len(s.lineText(s.lineOf(g.from))) {
			return s.inside(g)
		}
	}
	if to := s.loop(next); to > next {
		return s.inside(found{from: next - 1, to: to})
	}
	return nil
}

// loops begin statements that make a test for each of several values.
var loops = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:for|foreach|while)\b|\.(?:forEach|map|each\w*|times|step|upto)\b`)
})

// loop is the end of the loop that begins at an offset; 0 where none does.
func (s *source) loop(at int) int {
	if at >= len(s.text) || s.kinds[at] != inCode && s.lang.quotes == "" {
		return 0
	}
	n := s.lineOf(at)
	if s.lang.body == ends {
		if line := s.code(n); loops().MatchString(strings.TrimSpace(line)) && (strings.Contains(line, " do") || strings.HasPrefix(strings.TrimSpace(line), "for")) {
			return s.end(n, at)
		}
		return 0
	}
	if s.lang.body != braces {
		return 0
	}
	head, from := strings.Builder{}, at // what stands outside of brackets
	for at < len(s.text) {
		switch c := s.text[at]; {
		case s.kinds[at] != inCode:
			at++
			continue
		case c == '(', c == '[', c == '{':
			head.WriteByte(c)
			to := s.matching(at)
			if loops().MatchString(head.String()) && len(s.inside(found{from: at - 1, to: to})) > 0 {
				return to
			}
			at = to
			continue
		case c == ';', c == ')', c == '}':
			return 0
		case c == '\n' && at-from > 4000:
			return 0
		default:
			head.WriteByte(c)
		}
		at++
	}
	return 0
}

func (s *source) inside(g found) (out []found) {
	for _, t := range s.tests {
		if t.from > g.from && t.to <= g.to {
			out = append(out, t)
		}
	}
	return out
}

// codeAfter is the offset of the next byte that is neither blank nor comment.
func (s *source) codeAfter(at int) int {
	for i := at; i < len(s.text); i++ {
		if s.kinds[i] != inComment && strings.IndexByte(" \t\r\n", s.text[i]) < 0 {
			return i
		}
	}
	return len(s.text)
}

// test describes a test that was found.
func (s *source) test(file string, f found) *Test {
	t := s.identity(file, f)
	t.Line, t.Lines = s.lineOf(f.from)+1, true
	for _, other := range s.tests {
		if other.from == f.from {
			continue
		}
		if r := s.identity(file, other); t.like != nil || r.like != nil || strings.HasSuffix(r.Name, t.Name) || strings.HasSuffix(t.Name, r.Name) {
			t.rivals = append(t.rivals, r)
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(s.lang.renamed(s.tokens(f.from, f.to)), " ")))
	t.Body = "sha256:" + hex.EncodeToString(sum[:])
	t.verdicts = s.verdicts(file, f)
	first := true
	for n := s.lineOf(f.head); n < len(s.starts) && s.starts[n] < f.to; n++ {
		code := s.code(n)
		trimmed := strings.TrimSpace(code)
		if trimmed == "" {
			continue
		}
		body := n > s.lineOf(f.from)
		if s.lang.skips != nil && (!body || first) && s.lang.skips.match(code) {
			t.Skips = true
		}
		if body && strings.Trim(trimmed, "{}()=>") != "" {
			first = false
		}
		if s.lang.asserts != nil && s.starts[n] >= f.from && s.lang.asserts.match(code) && !(n == s.lineOf(f.from) && s.lang.body != clauses && f.to > s.starts[n]+len(code)) {
			t.Asserts++
		}
	}
	return t
}

// code is a line without its comments and without what its strings hold.
func (s *source) code(n int) string {
	b := []byte(s.lineText(n))
	for i := range b {
		if k := s.kinds[s.starts[n]+i]; k == inComment || k == inString && strings.IndexByte(`'"`+"`", b[i]) < 0 {
			b[i] = ' '
		}
	}
	return string(b)
}

// tokens are the words and signs of a range, without comments, blanks and what a formatter adds before a closing
// bracket; where indentation has a meaning its depth is one of them.
func (s *source) tokens(from, to int) (out []string) {
	var depths []int
	open := 0 // brackets, in which indentation has no meaning
	for i := from; i < to; {
		c := s.text[i]
		if s.kinds[i] == inCode && strings.IndexByte("([{", c) >= 0 {
			open++
		} else if s.kinds[i] == inCode && strings.IndexByte(")]}", c) >= 0 {
			open--
		}
		switch {
		case s.lang.body == indents && open <= 0 && (i == 0 || s.text[i-1] == '\n'):
			line := s.lineText(s.lineOf(i))
			indent := len(line) - len(strings.TrimLeft(line, " \t"))
			if at := i + indent; strings.TrimSpace(line) != "" && at < to && s.kinds[at] != inComment {
				for len(depths) > 0 && depths[len(depths)-1] > indent {
					depths = depths[:len(depths)-1]
				}
				if len(depths) == 0 || depths[len(depths)-1] < indent {
					depths = append(depths, indent)
				}
				out = append(out, "\n"+strings.Repeat(">", len(depths)))
			}
			if i += indent; indent == 0 {
				i = s.token(i, to, &out)
			}
		case s.kinds[i] == inComment || c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		default:
			i = s.token(i, to, &out)
		}
	}
	return out
}

// token appends the token at an offset and is the offset after it.
func (s *source) token(i, to int, out *[]string) int {
	if i >= to || s.kinds[i] == inComment || strings.IndexByte(" \t\r\n", s.text[i]) >= 0 {
		return i + 1
	}
	n := i + 1
	switch {
	case s.kinds[i] == inString:
		q := s.text[i]
		for n < to && s.kinds[n] == inString && !(s.text[n] == q && s.text[n-1] != '\\') {
			n++
		}
		n = min(n+1, to)
	case nameByte(s.text[i]) && s.text[i] != '-' || s.text[i] >= 0x80:
		for n < to && s.kinds[n] == inCode && (nameByte(s.text[n]) && s.text[n] != '-' || s.text[n] >= 0x80) {
			n++
		}
	}
	word := s.text[i:n]
	if s.kinds[i] == inString {
		word = oneQuotation(word)
	}
	if word == ")" || word == "]" || word == "}" {
		for k := len(*out); k > 0 && ((*out)[k-1] == "," || (*out)[k-1] == ";"); k-- {
			*out = (*out)[:k-1]
		}
	}
	*out = append(*out, word)
	return n
}

// oneQuotation writes a string as a formatter may: with the other quotation mark, where nothing in it depends on which.
func oneQuotation(word string) string {
	if len(word) < 2 || word[0] != '\'' || word[len(word)-1] != '\'' || strings.ContainsAny(word[1:len(word)-1], "'\"\\#${}`\n") {
		return word
	}
	return `"` + word[1:len(word)-1] + `"`
}

// renamed numbers the local variables of a test in the order of their declaration. A name after a full stop, before the
// colon of a field or, in a call, before the sign of an assignment is no variable.
func (l *language) renamed(words []string) []string {
	if l.locals == nil {
		return words
	}
	near := func(i int) string {
		if i < 0 || i >= len(words) {
			return ""
		}
		return words[i]
	}
	declares := func(i int) bool {
		return l.locals.match(near(i-1) + " " + near(i) + " " + near(i+1) + " " + near(i+2))
	}
	names := map[string]string{}
	for i, w := range words {
		if w != "" && w[0] > '9' && nameByte(w[0]) && w != "this" && names[w] == "" && declares(i) {
			names[w] = "v" + itoa(len(names))
		}
	}
	out := slices.Clone(words)
	layout := l.body == indents || l.body == ends
	open := 0
	for i, w := range words {
		switch w {
		case "(", "[":
			open++
		case ")", "]":
			open--
		}
		if names[w] == "" || near(i-1) == "." || near(i-1) == ">" && near(i-2) == "-" {
			continue
		}
		field := near(i+1) == ":" && !layout
		argument := layout && open > 0 && near(i+1) == "=" && near(i+2) != "="
		if declares(i) || !field && !argument {
			out[i] = names[w]
		}
	}
	return out
}

// verdict is a macro of Rust with which a test says that something is wrong.
var verdict = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:\w+::)*\b(?:(?:debug_|prop_)?assert\w*|panic)!`)
})

// verdicts are the places, in the modules that a test of Rust stands in, at which an assertion begins. A file of a directory of
// tests holds nothing else.
func (s *source) verdicts(file string, f found) map[[2]int]bool {
	if !strings.Contains(s.lang.exts, " .rs ") {
		return nil
	}
	from, to := f.from, f.to
	for _, g := range s.groups {
		if g.from < f.from && f.from < g.to {
			from, to = min(from, g.from), max(to, g.to)
		}
	}
	if binary, _ := crate(file); binary != "" {
		from, to = 0, len(s.text)
	}
	places := map[[2]int]bool{}
	for n := s.lineOf(from); n < len(s.starts) && s.starts[n] < to; n++ {
		code := s.code(n)
		for _, m := range verdict().FindAllStringIndex(code, -1) {
			places[[2]int{n + 1, utf8.RuneCountInString(s.lineText(n)[:m[0]]) + 1}] = true
		}
	}
	return places
}
