package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Parse reads the feature in dir, which is a directory, or a file that holds an outline. It always gives a Feature;
// what is wrong with it stands in the Diagnostics. A feature without any document that could be read has no Documents.
func Parse(fsys fs.FS, dir string) (*Feature, Diagnostics) { return ParseAs(fsys, dir, "") }

// ParseAs reads a feature in a dialect that is known; "" finds out.
func ParseAs(fsys fs.FS, dir string, dialect Dialect) (*Feature, Diagnostics) {
	dir = path.Clean(dir)
	f := &Feature{Dir: dir, Name: path.Base(dir)}
	defer f.index()
	if info, err := fs.Stat(fsys, dir); err == nil && !info.IsDir() {
		f.Dir, f.Name = path.Dir(dir), strings.TrimSuffix(path.Base(dir), path.Ext(dir))
		return f, f.parseOutline(fsys, dir)
	}
	r := &reader{fsys: fsys, f: f}
	if f.Dialect = dialect; dialect == "" {
		f.Dialect = r.dialect()
	}
	switch f.Dialect {
	case SpecKit:
		r.speckit()
	case OpenSpec, OpenSpecChange:
		r.openspec()
	case Outline:
	default:
		r.kiro()
	}
	if len(f.Documents) == 0 {
		if name := outlineIn(fsys, dir); name != "" {
			return f, f.parseOutline(fsys, name)
		}
	}
	if f.Title == "" {
		f.Title = f.Name
	}
	r.diags.feature(f.Name)
	r.diags.Sort()
	return f, r.diags
}

// feature stamps the findings with the feature that they are about.
func (ds Diagnostics) feature(name string) {
	for i := range ds {
		ds[i].Feature = name
	}
}

// A reader parses the documents of one directory.
type reader struct {
	fsys    fs.FS
	f       *Feature
	entries []fs.DirEntry // of the feature's directory
	diags   Diagnostics
}

func (r *reader) dialect() Dialect {
	files := map[string][]string{}
	entries, err := fs.ReadDir(r.fsys, r.f.Dir)
	if err != nil {
		return Kiro
	}
	r.entries = entries
	for _, e := range entries {
		files[r.f.Dir] = append(files[r.f.Dir], e.Name())
	}
	if d, _, ok := classify(r.fsys, r.f.Dir, files); ok {
		return d
	}
	names := files[r.f.Dir]
	switch {
	case slices.Contains(names, "spec.json") && ccsdd(r.fsys, path.Join(r.f.Dir, "spec.json")):
		return CCSDD
	case slices.Contains(names, "requirements.md"), slices.Contains(names, "bugfix.md"), slices.Contains(names, "design.md"):
		return Kiro
	case strings.Contains("/"+r.f.Dir+"/", "/openspec/changes/"):
		return OpenSpecChange
	case slices.Contains(names, "spec.md") && (slices.Contains(names, "plan.md") || digits(path.Base(r.f.Dir)) >= 3):
		return SpecKit
	}
	return Kiro
}

// open reads one document of the feature; nil where there is none.
func (r *reader) open(name string, stage Stage) *page {
	if r.entries != nil && !strings.Contains(name, "/") && !slices.ContainsFunc(r.entries, func(e fs.DirEntry) bool { return strings.EqualFold(e.Name(), name) }) {
		return nil
	}
	full := path.Join(r.f.Dir, name)
	data, err := readBounded(r.fsys, full)
	if err != nil {
		why, hint := err.Error(), "make it a plain file that can be read"
		if info, err := fs.Stat(r.fsys, full); err == nil && info.Size() > maxFile {
			hint = "split the document, or the feature"
		}
		if _, missing := fs.Stat(r.fsys, full); missing != nil {
			if !r.link(name) {
				return nil
			}
			why = "it is a link that leads out of the workspace, in a circle, or nowhere"
		}
		r.diags = append(r.diags, Diagnostic{Code: "SPEC501", Severity: Error, File: full, Message: "cannot be read: " + why, Hint: hint})
		return nil
	}
	p := scan(full, data)
	r.f.Documents = append(r.f.Documents, Document{Stage: stage, Path: full, Data: data, From: 1, To: len(p.lines) + 1})
	r.fences(p)
	return p
}

// link tells whether the feature's directory holds a link of that name.
func (r *reader) link(name string) bool {
	if r.entries == nil {
		r.entries, _ = fs.ReadDir(r.fsys, r.f.Dir) // one that cannot be read holds nothing
	}
	return slices.ContainsFunc(r.entries, func(e fs.DirEntry) bool { return e.Name() == name && e.Type()&fs.ModeSymlink != 0 })
}

// A fileReader is a file system that reads a plain file at once, without being asked for its size before.
type fileReader interface {
	ReadFile(name string) ([]byte, error)
}

func readBounded(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("it is no plain file")
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	}
	if r, ok := fsys.(fileReader); ok {
		data, err := r.ReadFile(name)
		return data[:min(len(data), maxFile)], err
	}
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var b bytes.Buffer
	b.Grow(int(info.Size()) + 1)
	_, err = b.ReadFrom(io.LimitReader(file, maxFile))
	return b.Bytes(), err
}

// fences reports fences that are never closed, with the point at which they were most likely meant to end.
//
// spec:workflow/1.3
func (r *reader) fences(p *page) {
	for _, f := range p.fences {
		at, found := repairPoint(p, f)
		if f.closed && !found {
			continue
		}
		hidden := 0
		for i := at; i < len(p.lines); i++ {
			if _, ok := taskLine(&p.lines[i]); ok && p.lines[i].hidden {
				hidden++
			}
		}
		text := "a fence opened here is never closed"
		if hidden > 0 {
			text += fmt.Sprintf("; %d tasks below are text", hidden)
		}
		l := &p.lines[f.from]
		r.diags = append(r.diags, Diagnostic{Code: "SPEC001", Severity: Error, File: p.path, Line: f.from + 1, Column: int(l.start) + 1, Length: len(l.text) - int(l.start),
			Message: text, Hint: fmt.Sprintf("close it before line %d", at+1), Edits: []Edit{{Path: p.path, Offset: offsetOf(p, at), New: strings.Repeat(string(f.mark), f.length) + "\n"}}})
	}
}

func offsetOf(p *page, i int) int {
	if i < len(p.lines) {
		return int(p.lines[i].off)
	}
	return len(p.data)
}

// repairPoint finds the line before which an open fence was most likely meant to end: an opening with an info string
// inside it of the same mark, or a heading that reads as Feature, Task or Requirement.
func repairPoint(p *page, f fence) (int, bool) {
	for i := f.from + 1; i < f.to; i++ {
		l := &p.lines[i]
		if g, ok := opens(l); ok && g.mark == f.mark && g.length == f.length && g.info != "" && f.info != "" && strings.TrimSpace(f.info) != "markdown" && f.info != "md" && f.mark == '`' {
			return i, true
		}
		level, text := headingOf(l)
		if level > 1 && f.info != "markdown" && f.info != "md" && (!f.closed || f.info != "") && structural(text) {
			return i, true
		}
	}
	return len(p.lines), !f.closed
}

func structural(text string) bool {
	if _, ok := foldPrefix(text, "feature:"); ok {
		return true
	}
	if _, ok := foldPrefix(text, "task plan:"); ok {
		return true
	}
	for _, word := range []string{"task ", "requirement "} {
		if n, ok := foldPrefix(text, word); ok {
			if k := number(text[n:]); k > 0 && strings.HasPrefix(strings.TrimSpace(text[n+k:]), ":") {
				return true
			}
		}
	}
	return false
}

// kiro reads the documents of Kiro and cc-sdd.
func (r *reader) kiro() {
	f := r.f
	req := r.open("requirements.md", Requirements)
	bug := r.open("bugfix.md", Requirements)
	design := r.open("design.md", Design)
	tasks := r.open("tasks.md", Tasks)
	used := map[string]int{} // ids of both documents
	if req != nil {
		owners, items, ownerOf := parseRequirements(req, false)
		f.Requirements = entries(req, owners, items, ownerOf, used)
		if len(f.Requirements) == 0 && len(req.lines) > 0 {
			r.diags = append(r.diags, Diagnostic{Code: "SPEC004", Severity: Warning, File: req.path, Line: 1, Column: 1,
				Message: "no requirement was found", Hint: "write `### Requirement 1: Title` with `#### Acceptance Criteria` and numbered statements below it"})
		}
	}
	if bug != nil {
		owners, items, ownerOf := parseRequirements(bug, true)
		f.Requirements = append(f.Requirements, entries(bug, owners, items, ownerOf, used)...)
	}
	for i := range f.Requirements {
		if f.Requirements[i].Kind == KindCriterion {
			f.Counts.Criteria++
		} else {
			f.Counts.Requirements++
		}
	}
	r.design(design)
	r.tasks(tasks)
	f.Config = r.config()
	for _, p := range []*page{design, tasks} {
		if f.Title == "" {
			f.Title = documentTitle(p)
		}
	}
}

// documentTitle is the text of the first heading of level 1, without a prefix that only names the kind of document.
func documentTitle(p *page) string {
	if p == nil {
		return ""
	}
	for i := range p.lines {
		if p.lines[i].level != 1 {
			continue
		}
		text := p.lines[i].heading()
		if isKind(text) {
			return ""
		}
		for _, mark := range []string{":", "：", " - ", " – ", " — "} {
			if head, rest, ok := strings.Cut(text, mark); ok && isKind(head) {
				return strings.TrimSpace(rest)
			}
		}
		return text
	}
	return ""
}

// isKind tells whether a text only says what kind of document it heads.
func isKind(text string) bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' || r == '\t' || r == '-' || r == '`' })
	for _, word := range words {
		switch word {
		case "technical", "design", "document", "doc", "implementation", "plan", "task", "tasks", "list", "requirement", "requirements", "specification", "spec", "feature", "bug", "bugfix", "fix", "change", "proposal",
			"技術設計書", "技術設計", "設計書", "設計文書", "設計", "要件定義書", "要件定義", "実装計画", "実装計画書", "タスク", "タスクリスト",
			"技术设计文档", "技术设计", "设计文档", "设计", "需求文档", "需求", "实施计划", "实现计划", "任务", "任务列表", "설계", "설계서", "문서", "구현", "계획", "작업", "요구사항",
			"diseño", "técnico", "documento", "implementación", "tareas", "requisitos", "de", "dokument", "designdokument", "anforderungen", "implementierungsplan", "umsetzungsplan", "aufgaben", "entwurf":
		default:
			return false
		}
	}
	return len(words) > 0
}

func (r *reader) design(p *page) {
	if p == nil {
		return
	}
	r.f.Sections = sections(p)
	r.f.Properties = properties(p)
	seen := map[string]bool{}
	for _, prop := range r.f.Properties {
		seen[prop.ID] = true
	}
	r.f.Counts.Properties = len(seen)
}

func sections(p *page) []Section {
	var out []Section
	for i := range p.lines {
		if l := &p.lines[i]; l.level > 0 {
			if n := len(out); n > 0 {
				out[n-1].finish(p, i)
			}
			out = append(out, Section{Level: int(l.level), Title: l.heading(), File: p.path, Line: i + 1})
		}
	}
	if n := len(out); n > 0 {
		out[n-1].finish(p, len(p.lines))
	}
	return out
}

func (s *Section) finish(p *page, end int) {
	s.EndLine = end + 1
	s.Text = textOf(p, s.Line-1, end)
}

func textOf(p *page, from, to int) string {
	return strings.ReplaceAll(string(p.data[offsetOf(p, from):offsetOf(p, to)]), "\r\n", "\n")
}

// properties reads the lines `Property N` of a design (counting rules, section 7).
func properties(p *page) []Property {
	var out []Property
	for i := range p.lines {
		l := &p.lines[i]
		if l.hidden {
			continue
		}
		text, heading := l.heading(), l.level > 0
		if heading && (l.level < 2 || l.level > 5) {
			continue
		}
		if !heading {
			if l.indent > 0 {
				continue
			}
			text = l.text
		}
		id, title, ok := propertyLine(text, heading)
		if !ok {
			if n := len(out); n > 0 && l.level > 0 && out[n-1].Text == "" {
				out[n-1].Text = textOf(p, out[n-1].Line-1, i)
			}
			continue
		}
		if n := len(out); n > 0 && out[n-1].Text == "" {
			out[n-1].Text = textOf(p, out[n-1].Line-1, i)
		}
		out = append(out, Property{ID: id, Title: title, File: p.path, Line: i + 1})
	}
	for i := range out {
		if out[i].Text == "" {
			out[i].Text = textOf(p, out[i].Line-1, len(p.lines))
		}
		var found refSet
		for text := range strings.Lines(out[i].Text) {
			if strings.Contains(strings.ToLower(text), "validates") {
				found.read(strings.TrimSpace(text))
			}
		}
		for ref := range found {
			out[i].Validates = append(out[i].Validates, ref)
		}
		slices.SortFunc(out[i].Validates, compareNumbers)
	}
	return out
}

func propertyLine(text string, heading bool) (id, title string, ok bool) {
	s := strings.TrimPrefix(text, "**")
	if n, ok := foldPrefix(s, "correctness "); ok {
		s = strings.TrimLeft(s[n:], " \t")
	}
	n, found := propertySet.prefix(s)
	if !found {
		return "", "", false
	}
	rest := strings.TrimLeft(s[n:], " \t")
	k := digits(rest)
	if k == 0 {
		return "", "", false
	}
	id, rest = rest[:k], strings.TrimPrefix(rest[k:], "**")
	marked := strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "：") || strings.HasPrefix(rest, ".")
	blank := rest != "" && (rest[0] == ' ' || rest[0] == '\t')
	dashed := blank && strings.ContainsAny(firstRune(strings.TrimLeft(rest, " \t")), "-–—")
	if !marked && !dashed && !(heading && (rest == "" || blank)) {
		return "", "", false
	}
	if marked && strings.HasPrefix(rest, ".") && len(rest) > 1 && isDigit(rest[1]) {
		return "", "", false
	}
	return id, strings.TrimSpace(strings.Trim(strings.TrimLeft(rest, " \t:：.-–—"), "*")), true
}

func firstRune(s string) string {
	for i := range s {
		if i > 0 {
			return s[:i]
		}
	}
	return s
}

func (r *reader) tasks(p *page) {
	if p == nil {
		return
	}
	rows := scanTasks(p, r.f.Dialect)
	countTasks(rows, &r.f.Counts)
	r.f.Tasks, r.f.taskAt = buildTasks(p, rows, r.f.Dialect)
	r.duplicates()
	r.malformed(p)
	r.oldHeadings(p, rows)
	r.waves(p)
	if r.f.Dialect == Kiro || r.f.Dialect == CCSDD {
		var found refSet
		for i := range p.lines {
			if !p.lines[i].hidden {
				found.read(p.lines[i].text)
			}
		}
		r.f.Counts.Refs = len(found)
	}
}

// oldHeadings reports tasks that are written as headings, as Kiro's first versions did: they have no box to tick.
func (r *reader) oldHeadings(p *page, rows []taskRow) {
	first, n := -1, 0
	for i := range rows {
		if !rows[i].heading {
			return // a list of boxes stands beside: the headings are its details
		}
		if first < 0 {
			first = i
		}
		n++
	}
	if first < 0 {
		return
	}
	l := &p.lines[rows[first].line]
	r.diags = append(r.diags, Diagnostic{Code: "SPEC005", Severity: Warning, File: p.path, Line: int(rows[first].line) + 1, Column: int(l.start) + 1, Length: len(l.text) - int(l.start),
		Message: fmt.Sprintf("%d tasks are headings, the form of Kiro's first versions: they are read, and have no box to tick", n), Hint: "spec import kiro " + r.f.Dir})
}

// duplicates reports numbers that stand twice.
//
// spec:workflow/1.2
func (r *reader) duplicates() {
	for i := range r.f.Tasks {
		t := &r.f.Tasks[i]
		id, _, again := strings.Cut(t.ID, "#")
		if !again || strings.HasPrefix(id, "@") || t.Heading {
			continue
		}
		first := t
		if at := r.f.taskAt.find(r.f.Tasks, id); at >= 0 {
			first = &r.f.Tasks[at]
		}
		r.diags = append(r.diags, Diagnostic{Code: "SPEC003", Severity: Error, File: t.File, Line: t.Line, Column: 1, Subject: t.ID,
			Message: fmt.Sprintf("task %s is already defined at line %d", id, first.Line), Hint: "give the later one another number"})
	}
}

// malformed reports boxes that are none of the states.
func (r *reader) malformed(p *page) {
	for i := range p.lines {
		l := &p.lines[i]
		s := l.text[l.start:]
		if l.hidden || len(s) < 4 || s[0] != '-' && s[0] != '*' && s[0] != '+' {
			continue
		}
		rest := strings.TrimLeft(s[1:], " \t")
		if !strings.HasPrefix(rest, "[") || len(rest) == len(s)-1 {
			continue
		}
		end := strings.IndexByte(rest, ']')
		if end < 0 || end > 2 || len(rest) > end+1 && rest[end+1] != ' ' && rest[end+1] != '*' {
			continue
		}
		box := rest[1:end]
		if box == " " || box == "x" || box == "X" || box == "-" || box == "~" || box == "P" {
			continue
		}
		column := int(l.start) + len(s) - len(rest) + 1
		r.diags = append(r.diags, Diagnostic{Code: "SPEC002", Severity: Error, File: p.path, Line: i + 1, Column: column, Length: end + 1,
			Message: fmt.Sprintf("[%s] is not a state", box), Hint: "use [ ] for open, [x] for done",
			Edits: []Edit{{Path: p.path, Offset: int(l.off) + column - 1, Old: rest[:end+1], New: "[ ]"}}})
	}
}

// waves reads the first fenced block that parses as an object with an array "waves".
func (r *reader) waves(p *page) {
	for _, f := range p.fences {
		from, to := offsetOf(p, min(f.from+1, len(p.lines))), offsetOf(p, f.to)
		if from > to {
			continue
		}
		var graph map[string]json.RawMessage // a struct would take "Waves" for "waves"
		var waves []json.RawMessage
		if block := p.data[from:to]; bytes.IndexByte(block, '{') < 0 || json.Unmarshal(block, &graph) != nil {
			continue
		}
		if raw := graph["waves"]; len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &waves) != nil {
			continue
		}
		r.f.Counts.Waves = len(waves)
		r.graph(p, waves, from, to)
		return
	}
}

// graph reads the members of the array "waves", which lies between two offsets of the document.
func (r *reader) graph(p *page, waves []json.RawMessage, from, to int) {
	at := position{data: p.data, off: from, line: 1 + bytes.Count(p.data[:from], []byte{'\n'}), end: to}
	last, lastID := -1, 0
	for i, raw := range waves {
		at.find(raw)
		subject := "wave " + strconv.Itoa(i)
		w, id, ok := readWave(raw, at)
		if !ok {
			r.diags = append(r.diags, Diagnostic{Code: "SPEC007", Severity: Error, File: p.path, Line: w.Line, Column: 1, Subject: subject,
				Message: fmt.Sprintf("wave %d runs nowhere: it is no object with an array of tasks", i), Hint: fmt.Sprintf(`write {"id": %d, "tasks": ["1.1"]}`, i),
				Edits: mendWave(p.path, raw, i, at.off)})
		}
		if id != nil {
			if last >= 0 && *id <= lastID {
				r.diags = append(r.diags, Diagnostic{Code: "SPEC007", Severity: Warning, File: p.path, Line: w.Line, Column: 1, Subject: subject,
					Message: fmt.Sprintf("wave %d has the id %d, which does not rise after %d: waves run in the order in which they stand", i, *id, lastID), Hint: "number the waves in their order"})
			}
			last, lastID = i, *id
		}
		for _, m := range w.Tasks {
			if m.Fraction {
				r.diags = append(r.diags, Diagnostic{Code: "SPEC007", Severity: Warning, File: p.path, Line: m.Line, Column: 1, Subject: subject + " " + m.ID,
					Message: fmt.Sprintf("wave %d names task %s as a number, in which 1.1 and 1.10 are the same", i, m.ID), Hint: fmt.Sprintf("write %q", m.ID)})
			}
			r.waits(m)
		}
		at.skip(raw)
		r.f.Waves = append(r.f.Waves, w)
	}
}

// mendWave gives the edit that makes a wave of a plain array, or of an object with another key for its tasks.
func mendWave(file string, raw json.RawMessage, n, offset int) []Edit {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && list != nil {
		var ids []string
		for _, m := range list {
			if len(m) == 0 || m[0] != '"' && m[0] != '-' && (m[0] < '0' || m[0] > '9') {
				return nil
			}
			id := string(m)
			if m[0] != '"' {
				id = `"` + id + `"`
			}
			ids = append(ids, id)
		}
		return []Edit{{Path: file, Offset: offset, Old: string(raw), New: fmt.Sprintf(`{"id": %d, "tasks": [%s]}`, n, strings.Join(ids, ", "))}}
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || object["tasks"] != nil {
		return nil
	}
	for _, key := range taskKeys() {
		old := strconv.Quote(key)
		if at := bytes.Index(raw, []byte(old)); at >= 0 && len(object[key]) > 0 && object[key][0] == '[' {
			return []Edit{{Path: file, Offset: offset + at, Old: old, New: `"tasks"`}}
		}
	}
	return nil
}

// taskKeys are the keys under which waves hold their tasks; Kiro knows the first one only.
func taskKeys() []string { return []string{"tasks", "taskIds", "task_ids", "items"} }

// waits takes the dependencies that the graph names for a task whose own lines name none.
func (r *reader) waits(m WaveTask) {
	i := r.f.taskAt.find(r.f.Tasks, m.ID)
	if i < 0 || m.depends == nil || r.f.Tasks[i].DependsLine > 0 {
		return
	}
	t := &r.f.Tasks[i]
	t.DependsLine, t.DependsNone = m.Line, len(m.depends) == 0
	for _, on := range m.depends {
		t.dependency(on)
	}
}

// A position walks forward through a document.
type position struct {
	data      []byte
	off, line int
	end       int
}

// find goes to the next place of a piece that was cut from the document.
func (at *position) find(piece []byte) {
	i := bytes.Index(at.data[at.off:at.end], piece)
	if i < 0 {
		return
	}
	at.line += bytes.Count(at.data[at.off:at.off+i], []byte{'\n'})
	at.off += i
}

// skip goes behind a piece that stands here.
func (at *position) skip(piece []byte) {
	end := min(at.off+len(piece), at.end)
	at.line += bytes.Count(at.data[at.off:end], []byte{'\n'})
	at.off = end
}

// readWave reads {"id": 0, "tasks": ["1", 2]}, also under "taskIds" or "items", or a plain array. ok is false where it is
// none of the forms that Kiro runs.
func readWave(raw json.RawMessage, at position) (w Wave, id *int, ok bool) {
	w.Line = at.line
	var object map[string]json.RawMessage
	var list []json.RawMessage
	switch {
	case json.Unmarshal(raw, &object) == nil && object != nil:
		for _, key := range taskKeys() {
			if object[key] != nil && json.Unmarshal(object[key], &list) == nil {
				break
			}
		}
		ok = len(object["tasks"]) > 0 && object["tasks"][0] == '['
		for _, key := range []string{"id", "wave"} {
			var n int
			if id == nil && object[key] != nil && json.Unmarshal(object[key], &n) == nil {
				id = &n
			}
		}
	case json.Unmarshal(raw, &list) == nil:
	default:
		return w, nil, false
	}
	for _, m := range list {
		at.find(m)
		w.Tasks = append(w.Tasks, waveTask(m, at.line))
		at.skip(m)
	}
	return w, id, ok
}

// waveTask reads a member of a wave: a string, a number by its decimal text, or an object with an id.
func waveTask(raw json.RawMessage, line int) WaveTask {
	m := WaveTask{Line: line}
	value := raw
	var object struct {
		ID      json.RawMessage   `json:"id"`
		Depends []json.RawMessage `json:"depends_on"`
		Other   []json.RawMessage `json:"dependsOn"`
	}
	if json.Unmarshal(raw, &object) == nil && object.ID != nil {
		value = object.ID
		if object.Depends == nil {
			object.Depends = object.Other
		}
		if object.Depends != nil {
			m.depends = []string{}
		}
		for _, on := range object.Depends {
			m.depends = append(m.depends, plainID(on))
		}
	}
	m.ID = plainID(value)
	m.Fraction = len(value) > 0 && value[0] != '"' && strings.ContainsAny(m.ID, ".eE")
	return m
}
