package spec

import (
	"bytes"
	"fmt"
	"index/suffixarray"
	"path"
	"slices"
	"strings"
	"unicode"
)

// keep carries over the documents of a feature that lies where Kiro's do. Headings of requirements and of acceptance criteria
// that have another form are written as Kiro does today; tasks.md is kept where its tasks have boxes.
func (c *converter) keep() {
	for i := range c.f.Documents {
		d := &c.f.Documents[i]
		name := path.Base(d.Path)
		switch {
		case d.Stage == Requirements && name == "requirements.md":
			c.out.Files[name] = c.headings(d)
			c.kept[d.Path] = true
		case d.Stage == Tasks && slices.ContainsFunc(c.f.Tasks, func(t Task) bool { return t.Heading && !strings.Contains(t.ID, "#") }):
			continue
		default:
			c.out.Files[name] = d.Data
			c.kept[d.Path] = true
		}
	}
	for i := range c.f.Requirements {
		c.out.IDs[c.f.Requirements[i].ID] = c.f.Requirements[i].ID
	}
	if c.out.Files["tasks.md"] != nil {
		for i := range c.f.Tasks {
			c.out.IDs[taskKey(c.f.Tasks[i].ID)] = c.f.Tasks[i].ID
		}
	}
}

// headings writes the headings of a requirements document anew.
func (c *converter) headings(d *Document) []byte {
	p := scan(d.Path, d.Data)
	changed := map[int]string{}
	other := ""
	for i := range c.f.Requirements {
		r := &c.f.Requirements[i]
		if r.File != d.Path || r.Kind != KindRequirement || r.Line < 1 || r.Line > len(p.lines) || behavior(p.lines[r.Line-1].heading()) > 0 {
			continue
		}
		if o, ok := wordHeading(p.lines[r.Line-1].heading()); !ok || o.id != r.ID || !plainNumber().MatchString(r.ID) {
			other = r.ID
			continue
		}
		changed[r.Line-1] = strings.TrimRight(fmt.Sprintf("### Requirement %s: %s", r.ID, r.Title), " ")
	}
	if other != "" {
		c.note("headings such as that of %s stay as they are; spec check --kiro lists what Kiro does not see", other)
		return d.Data
	}
	for i := range p.lines {
		l := &p.lines[i]
		if l.level > 1 && changed[i] == "" && holdsAcceptance(l.heading()) || l.level == 0 && !l.hidden && lastLabel(p, i) {
			changed[i] = "#### Acceptance Criteria"
		}
	}
	var edits []Edit
	for i, text := range changed {
		if old := p.lines[i].text; old != text {
			edits = append(edits, Edit{Path: d.Path, Offset: int(p.lines[i].off), Old: old, New: text})
		}
	}
	data, err := ApplyEdits(d.Path, d.Data, edits)
	if err != nil || !sameRequirements(d.Data, data) {
		c.note("the headings of %s stay as they are: others would mean something else; spec check --kiro lists what Kiro does not see", path.Base(d.Path))
		return d.Data
	}
	return data
}

// sameRequirements tells whether two documents hold the same requirements and criteria.
func sameRequirements(a, b []byte) bool {
	read := func(data []byte) []Requirement {
		p := scan("requirements.md", data)
		owners, items, ownerOf := parseRequirements(p, false)
		return entries(p, owners, items, ownerOf, map[string]int{})
	}
	return slices.EqualFunc(read(a), read(b), func(x, y Requirement) bool {
		return x.ID == y.ID && x.Kind == y.Kind && x.Parent == y.Parent && bare(x.Text) == bare(y.Text)
	})
}

// lastLabel tells whether a line is a label of acceptance criteria with no other label before the next heading, so that a
// heading in its place owns the same statements.
func lastLabel(p *page, i int) bool {
	text, bold := boldLine(p.lines[i].text)
	if !bold || !holdsAcceptance(text) {
		return false
	}
	for j := i + 1; j < len(p.lines) && p.lines[j].level == 0; j++ {
		if _, bold := boldLine(p.lines[j].text); bold {
			return false
		}
	}
	return true
}

// rest carries over, as quotations, the lines of the documents that are in none of the files yet.
func (c *converter) rest() {
	if c.f.Dialect == Kiro && len(c.f.Documents) == 1 && path.Ext(c.f.Documents[0].Path) == ".json" {
		return // its fields are details of the tasks
	}
	var text strings.Builder
	w := written{lines: map[string]bool{}}
	for name, data := range c.out.Files {
		if name == ".config.kiro" {
			continue
		}
		for line := range strings.Lines(string(data)) {
			plain := bare(line)
			w.lines[plain] = true
			text.WriteString(plain)
		}
		text.WriteByte('\n')
	}
	w.all = suffixarray.New([]byte(text.String()))
	said := c.said()
	seen := map[string]bool{}
	for i := range c.f.Documents {
		d := &c.f.Documents[i]
		file := "requirements.md"
		switch {
		case d.Stage == Tasks:
			file = "tasks.md"
		case c.kept[d.Path], d.Stage == Design && c.f.Dialect != Outline, seen[d.Path+string(d.Stage)]:
			continue
		}
		seen[d.Path+string(d.Stage)] = true
		if d.Stage == Design {
			continue
		}
		c.quote(d, file, &w, said)
	}
}

// written is what the files of a conversion hold, in letters and digits.
type written struct {
	lines map[string]bool
	all   *suffixarray.Index
}

// has tells whether a line is there: a short one as a line of its own, since it stands in many a word.
func (w *written) has(plain string) bool {
	return w.lines[plain] || len(plain) >= 16 && w.all.Lookup([]byte(plain), 1) != nil
}

// said are the lines that a requirement or task was made of, by file: their words are in the result in another order.
func (c *converter) said() map[string]map[int]bool {
	said := map[string]map[int]bool{}
	add := func(file string, line int) {
		if said[file] == nil {
			said[file] = map[int]bool{}
		}
		said[file][line] = true
	}
	for i := range c.f.Requirements {
		if r := &c.f.Requirements[i]; !c.removed(r) {
			add(r.File, r.Line)
		}
	}
	for i := range c.f.Tasks {
		add(c.f.Tasks[i].File, c.f.Tasks[i].Line)
		add(c.f.Tasks[i].File, c.f.Tasks[i].DependsLine)
	}
	return said
}

// quote appends what a file does not have of a document.
func (c *converter) quote(d *Document, file string, w *written, said map[string]map[int]bool) {
	p := scan(d.Path, d.Data)
	to := d.To
	if c.f.Dialect == Outline && d.Stage == Tasks {
		to = len(p.lines) + 1 // what follows the plan too
	}
	var b bytes.Buffer
	n, last := 0, 0
	for line := max(d.From, 1); line < to && line <= len(p.lines); line++ {
		text := p.lines[line-1].text
		plain := bare(text)
		if plain == "" || said[d.Path][line] || w.has(plain) || d.Stage == Tasks && c.cited(text) {
			continue
		}
		if last > 0 && line > last+1 {
			b.WriteString(">\n")
		}
		fmt.Fprintf(&b, "> %s\n", strings.TrimRight(text, " \t"))
		n, last = n+1, line
	}
	if n == 0 {
		return
	}
	from := strings.TrimPrefix(d.Path, c.f.Dir+"/")
	c.out.Files[file] = append(bytes.TrimRight(c.out.Files[file], "\n"), fmt.Sprintf("\n\n## Carried over from %s\n\n%s", from, b.Bytes())...)
	c.note("%d lines of %s are no requirement and no task: they stand quoted at the end of %s", n, from, file)
}

// cited tells whether a line of a task only cites: its references and dependencies are written anew.
func (c *converter) cited(text string) bool {
	text = strings.TrimSpace(withoutBullet(strings.TrimSpace(text)))
	if _, _, cites := taskRefs(text, c.f.Dialect); cites && strings.HasPrefix(text, "_") {
		return true
	}
	key, _, ok := field(text)
	return ok && isDependsWord(key)
}

// bare are the letters and digits of a text: what is left when marks and line breaks are put another way.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}
