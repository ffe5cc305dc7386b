package spec

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A heading of a requirements document that counts as a requirement.
type owner struct {
	line   int    // index
	id     string // number, or letters and number
	title  string
	number string // bare number that its statements start with; "" for none
	prefix string // letters of an id such as FR
	marked bool   // a requirement word or an id says so
}

// requirementHeading reads rules 2.1 and 2.2: a requirement word with a number, or an id.
func requirementHeading(text string) (owner, bool) {
	if o, ok := wordHeading(text); ok {
		return o, true
	}
	return idHeading(text)
}

// wordHeading reads "Requirement 3: Title", with up to two other words before.
func wordHeading(text string) (owner, bool) {
	rest := text
	for range 3 {
		if n, ok := requirementSet.prefix(rest); ok {
			after := strings.TrimLeft(rest[n:], " \t")
			if k := number(after); k > 0 && ended(after[k:]) {
				return owner{id: after[:k], number: after[:k], title: titleAfter(after[k:])}, true
			}
		}
		n := 0
		for n < len(rest) {
			r, size := utf8.DecodeRuneInString(rest[n:])
			if !unicode.IsLetter(r) && r != '-' && !unicode.IsMark(r) {
				break
			}
			n += size
		}
		if n == 0 || n == len(rest) || rest[n] != ' ' && rest[n] != '\t' {
			return owner{}, false
		}
		rest = strings.TrimLeft(rest[n:], " \t")
	}
	return owner{}, false
}

func titleAfter(s string) string {
	return strings.TrimSpace(strings.Trim(strings.TrimLeft(s, " \t:.,-：．。，—–"), "*_"))
}

// idHeading reads "FR-12: Title".
func idHeading(text string) (owner, bool) {
	prefix, n, ok := idPrefix(text)
	if !ok {
		return owner{}, false
	}
	k := number(text[n:])
	if k == 0 || !ended(text[n+k:]) {
		return owner{}, false
	}
	return owner{id: text[:n+k], prefix: prefix, number: text[n : n+k], title: titleAfter(text[n+k:])}, true
}

// idPrefix reads the letters of an id and an optional hyphen.
func idPrefix(s string) (letters string, n int, ok bool) {
	for n < len(s) && s[n] >= 'A' && s[n] <= 'Z' {
		n++
	}
	switch letters = s[:n]; letters {
	case "R", "REQ", "FR", "NFR", "DR", "US", "BR", "UR", "TR", "SR":
	default:
		return "", 0, false
	}
	if n < len(s) && s[n] == '-' {
		n++
	}
	return letters, n, n < len(s) && s[n] >= '0' && s[n] <= '9'
}

func holdsAcceptance(text string) bool {
	lower := strings.ToLower(text)
	for _, w := range acceptanceWords() {
		if strings.Contains(lower, w) {
			return true
		}
	}
	return false
}

// An item is a line that counts as a criterion.
type item struct {
	line   int    // index
	number string // as written, or ""
	text   string
}

// A reading collects what a requirements document holds.
type reading struct {
	p       *page
	owners  map[int]*owner // by line
	items   map[int]item   // criteria by line
	byOwner map[int]int    // criterion line → owner line, -1 for none
	inBlock []bool
}

// parseRequirements reads a requirements.md of Kiro or cc-sdd. bug says that it is a bug report (bugfix.md, or one with
// all three headings of such a report).
func parseRequirements(p *page, isBugfix bool) (owners []owner, items map[int]item, ownerOf map[int]int) {
	r := &reading{p: p, owners: map[int]*owner{}, items: map[int]item{}, byOwner: map[int]int{}, inBlock: make([]bool, len(p.lines))}
	if isBugfix {
		r.blocks(true) // only headings of behaviors are requirements there; acceptance blocks count as anywhere
	} else {
		r.headings()
		r.blocks(false)
		r.bareNumbers()
		r.statements()
	}
	found := len(r.owners) > 0 || len(r.items) > 0
	if isBugfix || r.bugReport() {
		found = r.behaviors() || found
	}
	if !isBugfix && !found {
		r.plainList()
	}
	for i := range p.lines {
		if o := r.owners[i]; o != nil {
			owners = append(owners, *o)
		}
	}
	return owners, r.items, r.byOwner
}

func (r *reading) headings() {
	for i := range r.p.lines {
		l := &r.p.lines[i]
		if l.level < 2 || l.level > 5 {
			continue
		}
		if o, ok := requirementHeading(l.heading()); ok {
			o.line, o.marked = i, true
			r.owners[i] = &o
		}
	}
}

// blocks finds the acceptance blocks and counts what is in them (rules 3.1 to 3.3, and 2.3 for their owners).
func (r *reading) blocks(isBugfix bool) {
	lines := r.p.lines
	for i := range lines {
		l := &lines[i]
		if l.hidden {
			continue
		}
		isHeading := l.level > 0 && holdsAcceptance(l.heading())
		isLabel := false
		if !isHeading && l.level == 0 {
			text, bold := boldLine(l.text)
			isLabel = bold && holdsAcceptance(text)
		}
		if !isHeading && !isLabel {
			continue
		}
		end := r.blockEnd(i+1, isLabel)
		for j := i; j < end; j++ {
			r.inBlock[j] = true
		}
		own := -1
		if !isBugfix {
			own = r.blockOwner(i, isHeading)
		}
		r.count(i+1, end, own)
	}
}

func (r *reading) blockEnd(i int, label bool) int {
	for ; i < len(r.p.lines); i++ {
		l := &r.p.lines[i]
		if l.hidden {
			continue
		}
		if l.level > 0 {
			return i
		}
		if label {
			if _, bold := boldLine(l.text); bold && !isDigit(l.body()[0]) { // `1. **Fast**` is a statement of the block
				return i
			}
		}
	}
	return i
}

// blockOwner finds the heading that an acceptance heading or label belongs to, and makes it a requirement where rule 2.3
// says so. It returns the line of the owner, or -1.
func (r *reading) blockOwner(at int, isHeading bool) int {
	for i := at - 1; i >= 0; i-- {
		l := &r.p.lines[i]
		if l.level == 0 {
			continue
		}
		if o := r.owners[i]; o != nil && (o.marked || !isHeading || l.level < r.p.lines[at].level) {
			return i
		}
		if isHeading && l.level >= r.p.lines[at].level {
			continue
		}
		if l.level < 2 || l.level > 5 || holdsAcceptance(l.heading()) {
			return r.above(i)
		}
		r.owners[i] = r.named(i)
		return i
	}
	return -1
}

// above is the nearest requirement above a line, or -1: what owns a criterion whose own heading is none.
func (r *reading) above(i int) int {
	for ; i >= 0; i-- {
		if r.owners[i] != nil {
			return i
		}
	}
	return -1
}

// named makes an owner of a heading that has neither a requirement word nor an id: its number is the one it starts with,
// or the first one in its first word (故事1).
func (r *reading) named(i int) *owner {
	text := r.p.lines[i].heading()
	o := &owner{line: i, title: text}
	if k := number(text); k > 0 && ended(text[k:]) {
		o.id, o.number, o.title = text[:k], text[:k], titleAfter(text[k:])
		return o
	}
	word, _, _ := strings.Cut(text, " ")
	for j := range len(word) {
		if word[j] >= '0' && word[j] <= '9' {
			k := number(word[j:])
			o.id, o.number, o.title = word[j:j+k], word[j:j+k], titleAfter(text[j+k:])
			return o
		}
	}
	return o
}

// count adds the items of a block: the numbered ones, else the bullets.
func (r *reading) count(from, to, own int) {
	found := false
	for _, numbered := range []bool{true, false} {
		for i := from; i < to; i++ {
			l := &r.p.lines[i]
			if l.hidden {
				continue
			}
			it, ok := bulletItem(l)
			if numbered {
				it, ok = numberedItem(l)
			}
			if ok {
				it.line = i
				r.items[i], r.byOwner[i], found = it, own, true
			}
		}
		if found {
			return
		}
	}
}

// numberedItem reads `1. text`, `1) text`, `1.2 text`, `1.2. text`, `- 1.2 text` with an indentation of 0 to 3.
func numberedItem(l *line) (item, bool) {
	if l.indent > 3 {
		return item{}, false
	}
	s := l.text[l.start:]
	bullet := false
	if len(s) > 1 && (s[0] == '-' || s[0] == '*' || s[0] == '+') && (s[1] == ' ' || s[1] == '\t') {
		s, bullet = strings.TrimLeft(s[1:], " \t"), true
	}
	k := digits(s)
	if k == 0 {
		return item{}, false
	}
	num, rest := s[:k], s[k:]
	dotted := false
	if m := digitsAfterDot(rest); m > 0 {
		num, rest, dotted = s[:k+m], rest[m:], true
		if digitsAfterDot(rest) > 0 {
			return item{}, false
		}
	}
	switch {
	case bullet && !dotted:
		return item{}, false
	case dotted:
		rest = strings.TrimPrefix(rest, ".")
	case strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, ")"):
		rest = rest[1:]
	default:
		return item{}, false
	}
	if rest == "" || rest[0] != ' ' && rest[0] != '\t' || strings.TrimSpace(rest) == "" {
		return item{}, false
	}
	return item{number: num, text: strings.TrimSpace(rest)}, true
}

func digitsAfterDot(s string) int {
	if len(s) < 2 || s[0] != '.' {
		return 0
	}
	if n := digits(s[1:]); n > 0 {
		return n + 1
	}
	return 0
}

// bulletItem reads a bullet with an indentation of 0 or 1, with or without a checkbox.
func bulletItem(l *line) (item, bool) {
	s := l.text[l.start:]
	if l.indent > 1 || len(s) < 3 || s[0] != '-' && s[0] != '*' && s[0] != '+' || s[1] != ' ' && s[1] != '\t' {
		return item{}, false
	}
	text := strings.TrimSpace(s[1:])
	if len(text) > 3 && text[0] == '[' && text[2] == ']' {
		text = strings.TrimSpace(text[3:])
	}
	return item{text: text}, text != ""
}

// bareNumbers finds headings `## 3. Title` that have a statement 3.M of their own (rule 2.4).
func (r *reading) bareNumbers() {
	for i := range r.p.lines {
		l := &r.p.lines[i]
		if l.level < 2 || l.level > 5 || r.owners[i] != nil {
			continue
		}
		k := number(l.heading())
		if k == 0 || !ended(l.heading()[k:]) {
			continue
		}
		o := &owner{line: i, id: l.heading()[:k], number: l.heading()[:k], title: titleAfter(l.heading()[k:])}
		for j := i + 1; j < len(r.p.lines) && r.p.lines[j].level == 0; j++ {
			if _, ok := statement(&r.p.lines[j], o); ok && !r.inBlock[j] {
				r.owners[i] = o
				break
			}
		}
	}
}

// statements counts the numbered statements below a heading that carries a number (rule 3.5).
func (r *reading) statements() {
	for i := range r.p.lines {
		o := r.owners[i]
		if o == nil || o.number == "" || !r.carries(i) {
			continue
		}
		for j := i + 1; j < len(r.p.lines) && r.p.lines[j].level == 0; j++ {
			if it, ok := statement(&r.p.lines[j], o); ok && !r.inBlock[j] {
				it.line = j
				r.items[j], r.byOwner[j] = it, i
			}
		}
	}
}

// carries tells whether a heading carries a number by rule 2.1, 2.2 or a bare one.
func (r *reading) carries(i int) bool {
	text := r.p.lines[i].heading()
	if _, ok := requirementHeading(text); ok {
		return true
	}
	k := number(text)
	return k > 0 && ended(text[k:])
}

// statement reads a line that starts with N.M for the owner's N.
func statement(l *line, o *owner) (item, bool) {
	if l.hidden || l.level > 0 {
		return item{}, false
	}
	s := l.text[l.start:]
	if len(s) > 1 && (s[0] == '-' || s[0] == '+' || s[0] == '*' && s[1] != '*') && (s[1] == ' ' || s[1] == '\t') {
		s = strings.TrimLeft(s[1:], " \t")
	}
	s = strings.TrimPrefix(s, "**")
	letters := ""
	if o.prefix != "" {
		if prefix, n, ok := idPrefix(s); ok && prefix == o.prefix {
			letters, s = s[:n], s[n:]
		}
	}
	if !strings.HasPrefix(s, o.number+".") {
		return item{}, false
	}
	k := digits(s[len(o.number)+1:])
	if k == 0 {
		return item{}, false
	}
	num, rest := s[:len(o.number)+1+k], s[len(o.number)+1+k:]
	text := strings.TrimLeft(rest, ".:)*：")
	if text == rest && digitsAfterDot(rest) > 0 || text == "" || text[0] != ' ' && text[0] != '\t' {
		return item{}, false
	}
	if strings.HasPrefix(rest, ".") && digitsAfterDot(rest) > 0 {
		return item{}, false
	}
	return item{number: letters + num, text: strings.TrimSpace(text)}, true
}

// behavior tells whether a heading is one of the three of a bug report, and which.
func behavior(text string) int {
	for i, name := range []string{"current behavior", "expected behavior", "unchanged behavior"} {
		if _, ok := foldPrefix(text, name); ok {
			return i + 1
		}
	}
	return 0
}

func (r *reading) bugReport() bool {
	seen := 0
	for i := range r.p.lines {
		if r.p.lines[i].level > 0 {
			if b := behavior(r.p.lines[i].heading()); b > 0 {
				seen |= 1 << b
			}
		}
	}
	return seen == 0b1110
}

// behaviors reads the sections of a bug report (rules 2.5 and 3.4). It tells whether a statement was found.
func (r *reading) behaviors() (found bool) {
	lines := r.p.lines
	for i := range lines {
		b := 0
		if lines[i].level > 0 {
			b = behavior(lines[i].heading())
		}
		if b == 0 {
			continue
		}
		if r.owners[i] == nil {
			r.owners[i] = &owner{line: i, id: strconv.Itoa(b), title: lines[i].heading()}
		}
		for j := i + 1; j < len(lines) && (lines[j].level == 0 || lines[j].level > lines[i].level); j++ {
			if it, ok := behaviorItem(&lines[j]); ok {
				it.line = j
				r.items[j], r.byOwner[j], found = it, i, true
			}
		}
	}
	return found
}

// behaviorItem reads `1.n`, `2.n` or `3.n` after an optional bullet and bold mark.
func behaviorItem(l *line) (item, bool) {
	if l.hidden || l.level > 0 {
		return item{}, false
	}
	s := l.text[l.start:]
	if len(s) > 1 && (s[0] == '-' || s[0] == '+' || s[0] == '*' && s[1] != '*') && (s[1] == ' ' || s[1] == '\t') {
		s = strings.TrimLeft(s[1:], " \t")
	}
	s = strings.TrimPrefix(s, "**")
	if len(s) < 3 || s[0] < '1' || s[0] > '3' || s[1] != '.' {
		return item{}, false
	}
	k := digits(s[2:])
	if k == 0 {
		return item{}, false
	}
	return item{number: s[:2+k], text: strings.TrimSpace(strings.TrimLeft(s[2+k:], ".:)* "))}, true
}

// plainList reads the last resort, rule 3.6: a numbered list below a heading that is only a requirement word.
func (r *reading) plainList() {
	inside := false
	for i := range r.p.lines {
		l := &r.p.lines[i]
		if l.level > 0 {
			n, ok := anyRequirement.prefix(l.heading())
			inside = ok && n == len(l.heading())
			continue
		}
		if !inside || l.hidden || l.indent > 0 {
			continue
		}
		k := digits(l.text)
		if k == 0 || k+1 >= len(l.text) || l.text[k] != '.' && l.text[k] != ')' || l.text[k+1] != ' ' && l.text[k+1] != '\t' || strings.TrimSpace(l.text[k+1:]) == "" {
			continue
		}
		r.items[i] = item{line: i, number: l.text[:k], text: strings.TrimSpace(l.text[k+1:])}
		r.byOwner[i] = -1
	}
}

// entries turns what was read into requirements and criteria with ids, in document order. used counts the ids.
func entries(p *page, owners []owner, items map[int]item, ownerOf map[int]int, used map[string]int) []Requirement {
	var out []Requirement
	unique := func(id string, kind RequirementKind) string { // requirement 2.5 and the fifth criterion of requirement 2 are two things
		key := string(kind) + " " + id
		used[key]++
		if n := used[key]; n > 1 {
			return fmt.Sprintf("%s#%d", id, n)
		}
		return id
	}
	byLine := map[int]*owner{}
	for i := range owners {
		byLine[owners[i].line] = &owners[i]
	}
	ids := map[int]string{} // of owners, by line
	position := map[int]int{}
	for i := range p.lines {
		if o := byLine[i]; o != nil {
			id := o.id
			if id == "" {
				id = strconv.Itoa(len(ids) + 1)
			}
			id = unique(id, KindRequirement)
			ids[i] = id
			story, end := storyBelow(p, i, items)
			out = append(out, Requirement{ID: id, Kind: KindRequirement, Title: o.title, Text: strings.TrimSpace(o.title + ": " + story), File: p.path, Line: i + 1, EndLine: end + 1})
			if story == "" {
				out[len(out)-1].Text = o.title
			}
		}
		it, ok := items[i]
		if !ok {
			continue
		}
		own := ownerOf[i]
		position[own]++
		c := Requirement{Kind: KindCriterion, Parent: ids[own], File: p.path, Line: i + 1}
		c.Text, c.EndLine = wrapped(p, i, it.text, items, byLine)
		base, _, _ := strings.Cut(ids[own], "#")
		switch {
		case own < 0 && it.number != "" && ownerless(ownerOf):
			c.ID = it.number
		case own < 0:
			c.ID = "AC-" + strconv.Itoa(position[own])
		case strings.Contains(it.number, "."):
			c.ID = it.number
		case it.number != "":
			c.ID = base + "." + it.number
		default:
			c.ID = base + "." + strconv.Itoa(position[own])
		}
		c.ID = unique(c.ID, KindCriterion)
		c.Checked = strings.Contains(p.lines[i].text, "[x]") || strings.Contains(p.lines[i].text, "[X]")
		out = append(out, c)
	}
	return out
}

func ownerless(ownerOf map[int]int) bool {
	for _, o := range ownerOf {
		if o >= 0 {
			return false
		}
	}
	return true
}

// storyBelow is the user story of a requirement: its paragraph up to the next heading, label or criterion.
func storyBelow(p *page, i int, items map[int]item) (story string, end int) {
	var parts []string
	for j := i + 1; j < len(p.lines); j++ {
		l := &p.lines[j]
		if _, ok := items[j]; ok || l.level > 0 || l.hidden {
			break
		}
		if _, bold := boldLine(l.text); bold {
			break
		}
		if text := l.body(); text != "" {
			parts = append(parts, text)
			end = j + 1
		} else if len(parts) > 0 {
			break
		}
	}
	if end == 0 {
		end = i + 1
	}
	return strings.Join(parts, " "), end
}

// wrapped joins the lines that a criterion goes on over: indented or plain lines up to a blank one, an item or a
// heading.
func wrapped(p *page, i int, text string, items map[int]item, owners map[int]*owner) (string, int) {
	parts := []string{text}
	j := i + 1
	for ; j < len(p.lines); j++ {
		l := &p.lines[j]
		body := l.body()
		if _, ok := items[j]; ok || owners[j] != nil || body == "" || l.level > 0 || l.hidden {
			break
		}
		if _, bold := boldLine(l.text); bold {
			break
		}
		if body == "---" || body == "***" {
			break
		}
		parts = append(parts, body)
	}
	return strings.Join(parts, " "), j + 1
}
