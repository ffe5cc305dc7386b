package spec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unsafe"
)

// A taskRow is one task line or task heading as the scanner of tasks.md sees it.
type taskRow struct {
	number   string
	text     string
	line     int32 // index
	indent   int32
	box      int32 // offset of the state character in the file, or -1
	parent   int32 // index of the row, or -1
	children int32
	level    int8 // of a heading
	mark     byte // what stands in the box
	letter   byte // one Latin letter glued to the number, or 0
	optional bool
	heading  bool
}

func (row *taskRow) state() TaskState {
	switch row.mark {
	case 'x', 'X':
		return Done
	case '-':
		return Doing
	case '~':
		return Queued
	}
	return Todo
}

func (row *taskRow) id() string {
	if row.letter == 0 {
		return row.number
	}
	return row.number + string(rune(row.letter))
}

// scanTasks reads the task lines, and for Kiro and cc-sdd the task headings, with their parents.
func scanTasks(p *page, dialect Dialect) []taskRow {
	rows := make([]taskRow, 0, bytes.Count(p.data, []byte("] ")))
	withHeadings := dialect == Kiro || dialect == CCSDD
	withNumbers := dialect != SpecKit
	byNumber := numberedRows{}
	var stack, sections []int32
	for i := range p.lines {
		l := &p.lines[i]
		if l.hidden {
			continue
		}
		var row taskRow
		if l.level > 0 {
			stack = stack[:0]
			for len(sections) > 0 && rows[sections[len(sections)-1]].level >= l.level {
				sections = sections[:len(sections)-1]
			}
			r, ok := taskHeading(l)
			if !ok || !withHeadings {
				continue
			}
			row = r
			row.parent = -1
			if len(sections) > 0 {
				row.parent = sections[len(sections)-1]
			} else {
				row.parent = byNumber.parent(rows, row.number)
			}
		} else {
			r, ok := taskLine(l)
			if !ok {
				continue
			}
			row = r
			row.parent = -1
			for j := len(stack) - 1; j >= 0; j-- {
				if rows[stack[j]].indent <= row.indent-2 {
					row.parent = stack[j]
					break
				}
			}
			if row.parent < 0 && withNumbers {
				row.parent = byNumber.parent(rows, row.number)
			}
			if row.parent < 0 && len(sections) > 0 {
				row.parent = sections[len(sections)-1]
			}
			for len(stack) > 0 && rows[stack[len(stack)-1]].indent >= row.indent {
				stack = stack[:len(stack)-1]
			}
			stack = append(stack, int32(len(rows)))
		}
		row.line = int32(i)
		if row.heading {
			sections = append(sections, int32(len(rows)))
		}
		if row.parent >= 0 {
			rows[row.parent].children++
		}
		rows = append(rows, row)
	}
	return rows
}

// numberedRows finds rows by their numbers. It is filled when a number with a dot first asks.
type numberedRows struct {
	rows map[string]int32
	upTo int
}

// parent finds the latest row whose number is this one without its last part, then without the last two, and so on.
func (n *numberedRows) parent(rows []taskRow, num string) int32 {
	if strings.IndexByte(num, '.') < 0 {
		return -1
	}
	if n.rows == nil {
		n.rows = make(map[string]int32, len(rows))
	}
	for ; n.upTo < len(rows); n.upTo++ {
		if number := rows[n.upTo].number; number != "" {
			n.rows[number] = int32(n.upTo)
		}
	}
	for {
		i := strings.LastIndexByte(num, '.')
		if i < 0 {
			return -1
		}
		num = num[:i]
		if row, ok := n.rows[num]; ok {
			return row
		}
	}
}

// taskLine reads a bullet with a box.
func taskLine(l *line) (taskRow, bool) {
	s := l.text[l.start:]
	if len(s) < 6 || s[0] != '-' && s[0] != '*' && s[0] != '+' {
		return taskRow{}, false
	}
	i := 1
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	if i == 1 || i+3 >= len(s) || s[i] != '[' || s[i+2] != ']' {
		return taskRow{}, false
	}
	row := taskRow{indent: l.indent, box: l.off + l.start + int32(i) + 1, mark: s[i+1]}
	switch row.mark {
	case ' ', 'x', 'X', '-', '~':
	default:
		return taskRow{}, false
	}
	rest := s[i+3:]
	switch {
	case strings.HasPrefix(rest, "*"):
		row.optional, rest = true, rest[1:]
	case strings.HasPrefix(rest, `\*`):
		row.optional, rest = true, rest[2:]
	}
	if rest == "" || rest[0] != ' ' && rest[0] != '\t' {
		return taskRow{}, false
	}
	text := strings.TrimSpace(rest)
	if text == "" {
		return taskRow{}, false
	}
	row.numbered(text)
	return row, true
}

// numbered reads the number at the start of a task's text (rule 4.2) and keeps what follows as the text.
func (row *taskRow) numbered(text string) {
	row.text = text
	s := text
	bold := strings.HasPrefix(s, "**")
	s = strings.TrimPrefix(s, "**")
	if n, ok := foldPrefix(s, "task"); ok && n < len(s) && (s[n] == ' ' || s[n] == '\t') {
		s = strings.TrimLeft(s[n:], " \t")
	}
	k := number(s)
	if k == 0 {
		return
	}
	num, rest := s[:k], s[k:]
	letter := byte(0)
	if rest != "" && (rest[0] >= 'a' && rest[0] <= 'z' || rest[0] >= 'A' && rest[0] <= 'Z') {
		letter, rest = rest[0], rest[1:]
	}
	star := false
	switch {
	case strings.HasPrefix(rest, `\*`):
		star, rest = true, rest[2:]
	case strings.HasPrefix(rest, "*") && !strings.HasPrefix(rest, "**"), strings.HasPrefix(rest, "***"):
		star, rest = true, rest[1:]
	}
	closed := strings.HasPrefix(rest, "**")
	rest = strings.TrimPrefix(rest, "**")
	if rest != "" && !strings.ContainsAny(firstRune(rest), ".:()[] \t：（）［］【】") {
		return
	}
	row.number, row.letter = num, letter
	row.optional = row.optional || star
	rest = strings.TrimLeft(rest, ".:： \t")
	if bold && !closed {
		rest = strings.Replace(rest, "**", "", 1)
	}
	row.text = strings.TrimSpace(rest)
}

// taskHeading reads `## Task 3: …`.
func taskHeading(l *line) (taskRow, bool) {
	if l.level < 2 || l.level > 4 {
		return taskRow{}, false
	}
	title := l.heading()
	n, ok := taskSet.prefix(title)
	if !ok {
		return taskRow{}, false
	}
	rest := strings.TrimLeft(title[n:], " \t")
	k := number(rest)
	if k == 0 || !ended(rest[k:]) {
		return taskRow{}, false
	}
	return taskRow{number: rest[:k], heading: true, level: l.level, box: -1, text: titleAfter(rest[k:])}, true
}

// countTasks fills in the counts of rows.
func countTasks(rows []taskRow, c *Counts) {
	c.Tasks = len(rows)
	for i := range rows {
		r := &rows[i]
		if r.children == 0 {
			c.Leaves++
		}
		if r.optional {
			c.Optional++
		}
		if r.heading {
			continue
		}
		switch r.state() {
		case Done:
			c.Done++
		case Doing:
			c.InProgress++
		case Queued:
			c.Queued++
		}
	}
}

// buildTasks turns rows into tasks with ids, details, references and dependencies. The index holds the first task of
// each id.
func buildTasks(p *page, rows []taskRow, dialect Dialect) ([]Task, *ids) {
	tasks := make([]Task, len(rows))
	index := newIDs(len(rows))
	repeats := map[string]int{}
	section, sectionLine, at := "", int32(0), 0
	for i := range rows {
		r := &rows[i]
		t := &tasks[i]
		*t = Task{State: r.state(), Optional: r.optional, Heading: r.heading, File: p.path, Line: int(r.line) + 1, EndLine: int(r.line) + 2, BoxOffset: int(r.box), Fields: &noFields}
		for ; at <= int(r.line); at++ {
			if p.lines[at].level > 0 {
				section, sectionLine = p.lines[at].heading(), int32(at)+1
			}
		}
		t.Section, t.SectionLine = section, sectionLine
		text := r.text
		t.ID = r.id()
		if t.ID == "" {
			t.ID, text = labelOf(text)
		}
		text, t.Parallel = withoutMarks(text)
		t.Title = plainTitle(text)
		if t.ID == "" {
			sum := sha256.Sum256([]byte(r.text))
			t.ID = "@" + hex.EncodeToString(sum[:4])
		}
		if index.find(tasks, t.ID) >= 0 {
			base := t.ID
			repeats[base]++
			t.ID = fmt.Sprintf("%s#%d", base, repeats[base]+1)
		}
		index.add(tasks, i)
		t.Text = p.lines[r.line].text
		if r.parent >= 0 {
			t.Parent = tasks[r.parent].ID
			tasks[r.parent].Children = append(tasks[r.parent].Children, t.ID)
		}
	}
	lines := attach(p, rows, tasks)
	for i := range tasks {
		n := len(tasks[i].Details)
		tasks[i].interpret(p, p.lines[rows[i].line].text, lines[:n], dialect)
		lines = lines[n:]
		tasks[i].describes(tasks, index)
	}
	for i := range tasks {
		tasks[i].Checkpoint = tasks[i].Leaf() && len(tasks[i].Requirements) == 0 && isCheckpoint(tasks[i].Title)
	}
	manual(rows, tasks)
	return tasks, index
}

// describes gives what a heading of "Task Details" says to the box of the same number above it.
func (t *Task) describes(tasks []Task, index *ids) {
	if !t.Heading {
		return
	}
	base, _, again := strings.Cut(t.ID, "#")
	at := index.find(tasks, base)
	if !again || at < 0 || tasks[at].Heading {
		return
	}
	box := &tasks[at]
	box.Requirements = appendNew(box.Requirements, t.Requirements)
	if len(t.Properties) > 0 {
		box.fields().Properties = appendNew(box.Properties, t.Properties)
	}
	if box.DependsLine == 0 && t.DependsLine > 0 {
		box.Depends, box.DependsNone, box.DependsLine = t.Depends, t.DependsNone, t.DependsLine
		if t.Fields != &noFields {
			f := box.fields()
			f.DependsOut, f.DependsNotes = t.DependsOut, t.DependsNotes
			t.fields().DependsNotes = nil // said once
		}
	}
}

// manual marks a checklist that is no work: boxes below a heading such as "Success Criteria" after the last numbered task.
// A person's word settles them.
func manual(rows []taskRow, tasks []Task) {
	last := len(rows)
	for last > 0 && rows[last-1].number == "" {
		last--
	}
	if last == 0 { // labels are numbers where there are no others: T001
		for last = len(rows); last > 0 && strings.HasPrefix(tasks[last-1].ID, "@"); {
			last--
		}
	}
	if last == 0 {
		return // nothing is numbered: the boxes are all the work there is
	}
	for i := last; i < len(tasks); i++ {
		if tasks[i].Leaf() && isChecklist(tasks[i].Section) {
			tasks[i].Manual = true
		}
	}
}

// isChecklist tells whether a section's heading says that its boxes are looked at rather than worked off.
func isChecklist(heading string) bool {
	words := strings.FieldsFunc(strings.ToLower(heading), func(r rune) bool { return !unicode.IsLetter(r) })
	for _, word := range words {
		switch word {
		case "success", "acceptance", "done", "checklist", "checklists", "risk", "risks":
			return true
		}
	}
	for _, word := range []string{"成功", "验收", "驗收", "检查清单", "檢查清單", "风险", "風險", "完成标准", "完成定义", "受け入れ", "受入", "完了条件", "完了の定義", "チェックリスト", "リスク", "체크리스트", "위험", "éxito", "aceptación", "riesgo", "abnahme", "risiko", "risiken", "checkliste"} {
		if strings.Contains(strings.ToLower(heading), word) {
			return true
		}
	}
	return false
}

// labelOf reads a label at the start of a title: `T0.1`, `FOUNDATION-1`.
func labelOf(text string) (id, rest string) {
	s := strings.TrimPrefix(text, "**")
	i := 0
	for i < len(s) && s[i] >= 'A' && s[i] <= 'Z' {
		i++
	}
	if i == 0 {
		return "", text
	}
	j := i
	if j < len(s) && s[j] == '-' {
		j++
	}
	k := number(s[j:])
	if k == 0 {
		return "", text
	}
	end := j + k
	if end < len(s) && s[end] >= 'a' && s[end] <= 'z' {
		end++
	}
	for end < len(s) && s[end] == '-' { // T055-MIN
		n := end + 1
		for n < len(s) && (s[n] >= 'A' && s[n] <= 'Z' || s[n] >= '0' && s[n] <= '9') {
			n++
		}
		if n == end+1 {
			break
		}
		end = n
	}
	if end < len(s) && !strings.ContainsRune(": \t*])", rune(s[end])) {
		return "", text
	}
	return s[:end], strings.TrimLeft(strings.TrimPrefix(s[end:], "**"), ":] \t")
}

// withoutMarks takes (P), [P] and story marks ([US1]) from the beginning and the parallel mark from the end of a title.
func withoutMarks(text string) (string, bool) {
	parallel := false
	for {
		trimmed := strings.TrimLeft(text, " \t")
		switch {
		case strings.HasPrefix(trimmed, "(P)"), strings.HasPrefix(trimmed, "[P]"):
			text, parallel = trimmed[3:], true
			continue
		case strings.HasPrefix(trimmed, "[US"):
			if end := strings.IndexByte(trimmed, ']'); end > 0 {
				text = trimmed[end+1:]
				continue
			}
		}
		break
	}
	text = strings.TrimSpace(text)
	for _, mark := range []string{"(P)", "[P]"} {
		if strings.HasSuffix(text, mark) {
			text, parallel = strings.TrimSpace(strings.TrimSuffix(text, mark)), true
		}
	}
	return text, parallel
}

// plainTitle takes emphasis away and cuts a trailing reference.
func plainTitle(text string) string {
	if strings.IndexByte(text, '_') < 0 && strings.IndexByte(text, '*') < 0 {
		return strings.TrimSpace(text)
	}
	for _, mark := range []string{"_Requirements:", "_Validates:", "_Requirement:"} {
		if i := strings.Index(text, mark); i > 0 {
			text = text[:i]
		}
	}
	text = strings.ReplaceAll(text, "**", "")
	return strings.TrimSpace(strings.Trim(strings.TrimSpace(text), "_"))
}

func isCheckpoint(title string) bool {
	if n, ok := foldPrefix(title, "final "); ok {
		title = title[n:]
	}
	_, ok := longest(title, []string{"checkpoint", "检查点", "檢查點", "チェックポイント", "체크포인트"})
	return ok
}

// attach gives each line below a task to the nearest earlier task whose indentation is smaller; at column 0, to the task
// heading of its section. What one task gets is chained through the lines, so that a document of any size is read in
// one pass with three numbers a line. It returns the lines of all details, task after task.
func attach(p *page, rows []taskRow, tasks []Task) (lines []int32) {
	next := make([]int32, len(p.lines)) // the next line of the same task; 0 for none
	first, last := make([]int32, len(tasks)), make([]int32, len(tasks))
	var stack, headings []int32
	row, details := 0, 0
	for i := range p.lines {
		l := &p.lines[i]
		if row < len(rows) && int(rows[row].line) == i {
			r := &rows[row]
			if r.heading {
				stack, headings = stack[:0], append(enclosing(rows, headings, r.level), int32(row))
			} else {
				for len(stack) > 0 && rows[stack[len(stack)-1]].indent >= r.indent {
					stack = stack[:len(stack)-1]
				}
				stack = append(stack, int32(row))
			}
			row++
			continue
		}
		if l.level > 0 {
			stack, headings = stack[:0], enclosing(rows, headings, l.level)
			continue
		}
		if l.body() == "" {
			continue
		}
		to := int32(-1)
		for j := len(stack) - 1; j >= 0; j-- {
			if rows[stack[j]].indent < l.indent {
				to = stack[j]
				break
			}
		}
		if to < 0 && len(headings) > 0 {
			to = headings[len(headings)-1]
		}
		if to < 0 {
			continue
		}
		if last[to] == 0 {
			first[to] = int32(i)
		} else {
			next[last[to]] = int32(i)
		}
		last[to] = int32(i)
		if !l.hidden {
			details++
		}
		if int(to) == row-1 {
			tasks[to].EndLine = i + 2
		}
	}
	arena := make([]string, 0, details)
	lines = make([]int32, 0, details)
	for to := range tasks {
		if last[to] == 0 {
			continue
		}
		from := len(arena)
		for i := first[to]; i != 0; i = next[i] {
			if l := &p.lines[i]; !l.hidden {
				arena = append(arena, strings.TrimSpace(withoutBullet(l.body())))
				lines = append(lines, i+1)
			}
		}
		tasks[to].Details = arena[from:len(arena):len(arena)]
		tasks[to].Text = p.joined(int(rows[to].line), first[to], last[to], next)
	}
	return lines
}

// enclosing drops the task headings whose sections end at a heading of a level.
func enclosing(rows []taskRow, headings []int32, level int8) []int32 {
	for len(headings) > 0 && rows[headings[len(headings)-1]].level >= level {
		headings = headings[:len(headings)-1]
	}
	return headings
}

// joined is a line and a chain of lines below it, with line ends LF: a part of the document where they stand together, a
// copy where they don't.
func (p *page) joined(head int, first, last int32, next []int32) string {
	whole := int(first) == head+1
	for i := first; i != 0 && whole; i = next[i] {
		whole = i == last || next[i] == i+1
	}
	from, to := int(p.lines[head].off), int(p.lines[last].off)+len(p.lines[last].text)
	if whole && bytes.IndexByte(p.data[from:to], '\r') < 0 {
		return unsafe.String(&p.data[from], to-from)
	}
	var b strings.Builder
	b.WriteString(p.lines[head].text)
	for i := first; i != 0; i = next[i] {
		b.WriteByte('\n')
		b.WriteString(p.lines[i].text)
	}
	return b.String()
}

func withoutBullet(s string) string {
	if rest, ok := afterMark(s); ok && (s[0] == '-' || s[0] == '*' || s[0] == '+') {
		return rest
	}
	return s
}

// interpret reads the fields among a task's details; the others stay details. head is the task's own line, lines are the
// numbers of those of the details.
func (t *Task) interpret(p *page, head string, lines []int32, dialect Dialect) {
	t.cite(head, dialect)
	t.inlineDepends(head)
	kept := t.Details[:0]
	listed := int32(-1) // indentation of a line that says "Dependencies:" and leaves them to a list below
	for i, text := range t.Details {
		cites := t.cite(text, dialect)
		if indent := p.lines[lines[i]-1].indent; listed >= 0 && indent > listed {
			t.depends(text, int(lines[i]))
			continue
		}
		listed = -1
		key, value, ok := field(text)
		switch {
		case ok && isDependsWord(key):
			if value == "" {
				listed = p.lines[lines[i]-1].indent
			}
			t.depends(value, int(lines[i]))
		case ok && (key == "touches"):
			t.fields().Touches = splitList(value)
		case ok && key == "verify":
			t.fields().Verify = strings.Trim(strings.TrimSpace(value), "`")
		case ok && key == "manual":
			t.Manual = strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "y")
		case ok && (key == "acceptance" || key == "acceptance criteria"):
			t.fields().Acceptance = append(t.Acceptance, strings.TrimSpace(value))
		case cites && strings.HasPrefix(text, "_"):
		default:
			kept = append(kept, text)
		}
	}
	t.Details = kept
}

// cite adds what a line cites, and tells whether the line is a citation.
func (t *Task) cite(text string, dialect Dialect) bool {
	refs, notes, cites := taskRefs(text, dialect)
	if len(notes) > 0 {
		t.fields().CitesNotes = append(t.CitesNotes, notes...)
	}
	t.Requirements = appendNew(t.Requirements, refs)
	if properties := propertyRefs(text); len(properties) > 0 {
		t.fields().Properties = appendNew(t.Properties, properties)
	}
	return cites
}

func appendNew(list, more []string) []string {
	for _, m := range more {
		seen := false
		for _, x := range list {
			if x == m {
				seen = true
				break
			}
		}
		if !seen {
			list = append(list, m)
		}
	}
	return list
}

// field splits `_Depends: 1, 2_` or `Dependencies: Task 1` into a lower-case key and the value.
func field(text string) (key, value string, ok bool) {
	s := strings.TrimSpace(strings.Trim(strings.TrimSpace(text), "_*"))
	i := strings.IndexByte(s, ':')
	if wide := strings.Index(s, "："); wide >= 0 && (i < 0 || wide < i) {
		i = wide
	}
	if i <= 0 || i > 40 {
		return "", "", false
	}
	value = strings.TrimPrefix(strings.TrimPrefix(s[i:], ":"), "：")
	return strings.ToLower(strings.TrimSpace(strings.Trim(s[:i], "*_ "))), strings.TrimSpace(strings.Trim(strings.TrimSpace(value), "_*")), true
}

func splitList(s string) []string {
	var out []string
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == '、' || r == ';' }) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
