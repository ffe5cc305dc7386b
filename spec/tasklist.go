package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// A taskRow is one task line or task heading as the scanner of tasks.md sees it.
type taskRow struct {
	line     int // index
	number   string
	letter   string // one Latin letter glued to the number
	state    TaskState
	optional bool
	heading  bool
	level    int // of a heading
	indent   int
	box      int // offset of the state character in the file, or -1
	text     string
	parent   int // index of the row, or -1
	children int
}

// scanTasks reads the task lines, and for Kiro and cc-sdd the task headings, with their parents.
func scanTasks(p *page, dialect Dialect) []taskRow {
	var rows []taskRow
	withHeadings := dialect == Kiro || dialect == CCSDD
	withNumbers := dialect != SpecKit
	byNumber := map[string]int{}
	var stack, sections []int
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
				row.parent = parentByNumber(byNumber, row.number)
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
				row.parent = parentByNumber(byNumber, row.number)
			}
			if row.parent < 0 && len(sections) > 0 {
				row.parent = sections[len(sections)-1]
			}
			for len(stack) > 0 && rows[stack[len(stack)-1]].indent >= row.indent {
				stack = stack[:len(stack)-1]
			}
			stack = append(stack, len(rows))
		}
		row.line = i
		if row.heading {
			sections = append(sections, len(rows))
		}
		if row.number != "" {
			byNumber[row.number] = len(rows)
		}
		if row.parent >= 0 {
			rows[row.parent].children++
		}
		rows = append(rows, row)
	}
	return rows
}

// parentByNumber finds the row whose number is this one without its last part, then without the last two, and so on.
func parentByNumber(byNumber map[string]int, num string) int {
	for {
		i := strings.LastIndexByte(num, '.')
		if i < 0 {
			return -1
		}
		num = num[:i]
		if row, ok := byNumber[num]; ok {
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
	row := taskRow{indent: l.indent, box: l.off + l.start + i + 1}
	switch s[i+1] {
	case ' ':
		row.state = Todo
	case 'x', 'X':
		row.state = Done
	case '-':
		row.state = Doing
	case '~':
		row.state = Queued
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
	letter := ""
	if rest != "" && (rest[0] >= 'a' && rest[0] <= 'z' || rest[0] >= 'A' && rest[0] <= 'Z') {
		letter, rest = rest[:1], rest[1:]
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
	if rest != "" && !strings.ContainsRune(".:()[] \t", rune(rest[0])) {
		return
	}
	row.number, row.letter = num, letter
	row.optional = row.optional || star
	rest = strings.TrimLeft(rest, ".: \t")
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
	n, ok := taskSet.prefix(l.heading)
	if !ok {
		return taskRow{}, false
	}
	rest := strings.TrimLeft(l.heading[n:], " \t")
	k := number(rest)
	if k == 0 || !ended(rest[k:]) {
		return taskRow{}, false
	}
	return taskRow{number: rest[:k], heading: true, level: l.level, state: Todo, box: -1, text: titleAfter(rest[k:])}, true
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
		switch r.state {
		case Done:
			c.Done++
		case Doing:
			c.InProgress++
		case Queued:
			c.Queued++
		}
	}
}

// buildTasks turns rows into tasks with ids, details, references and dependencies.
func buildTasks(p *page, rows []taskRow, dialect Dialect) []Task {
	tasks := make([]Task, len(rows))
	used := map[string]int{}
	section, at := "", 0
	for i := range rows {
		r := &rows[i]
		t := &tasks[i]
		*t = Task{State: r.state, Optional: r.optional, Heading: r.heading, File: p.path, Line: r.line + 1, EndLine: r.line + 2, BoxOffset: r.box}
		for ; at <= r.line; at++ {
			if p.lines[at].level > 0 {
				section = p.lines[at].heading
			}
		}
		t.Section = section
		text := r.text
		t.ID = r.number + r.letter
		if t.ID == "" {
			t.ID, text = labelOf(text)
		}
		text, t.Parallel = withoutMarks(text)
		t.Title = plainTitle(text)
		if t.ID == "" {
			sum := sha256.Sum256([]byte(r.text))
			t.ID = "@" + hex.EncodeToString(sum[:4])
		}
		used[t.ID]++
		if n := used[t.ID]; n > 1 {
			t.ID = fmt.Sprintf("%s#%d", t.ID, n)
		}
		t.Text = p.lines[r.line].text
		if r.parent >= 0 {
			t.Parent = tasks[r.parent].ID
			tasks[r.parent].Children = append(tasks[r.parent].Children, t.ID)
		}
	}
	attach(p, rows, tasks)
	for i := range tasks {
		tasks[i].interpret(dialect)
		tasks[i].Checkpoint = tasks[i].Leaf() && len(tasks[i].Requirements) == 0 && isCheckpoint(tasks[i].Title)
	}
	return tasks
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
// heading of its section.
func attach(p *page, rows []taskRow, tasks []Task) {
	var stack []int
	heading, next := -1, 0
	texts := make([][]string, len(tasks))
	for i := range p.lines {
		l := &p.lines[i]
		if next < len(rows) && rows[next].line == i {
			r := &rows[next]
			if r.heading {
				stack, heading = stack[:0], next
			} else {
				for len(stack) > 0 && rows[stack[len(stack)-1]].indent >= r.indent {
					stack = stack[:len(stack)-1]
				}
				stack = append(stack, next)
			}
			next++
			continue
		}
		if l.level > 0 {
			stack = stack[:0]
			if heading >= 0 && l.level <= rows[heading].level {
				heading = -1
			}
			continue
		}
		if l.body() == "" {
			continue
		}
		to := -1
		for j := len(stack) - 1; j >= 0; j-- {
			if rows[stack[j]].indent < l.indent {
				to = stack[j]
				break
			}
		}
		if to < 0 {
			to = heading
		}
		if to < 0 {
			continue
		}
		t := &tasks[to]
		texts[to] = append(texts[to], l.text)
		if !l.hidden {
			t.Details = append(t.Details, strings.TrimSpace(withoutBullet(l.body())))
		}
		if to == next-1 {
			t.EndLine = i + 2
		}
	}
	for i, lines := range texts {
		if len(lines) > 0 {
			tasks[i].Text += "\n" + strings.Join(lines, "\n")
		}
	}
}

func withoutBullet(s string) string {
	if rest, ok := afterMark(s); ok && (s[0] == '-' || s[0] == '*' || s[0] == '+') {
		return rest
	}
	return s
}

// interpret reads the fields among a task's details.
func (t *Task) interpret(dialect Dialect) {
	lines := append([]string{t.Title}, t.Details...)
	if first, _, _ := strings.Cut(t.Text, "\n"); first != "" {
		lines[0] = first
	}
	kept := t.Details[:0:0]
	for i, text := range lines {
		refs, cites := taskRefs(text, dialect)
		t.Requirements = appendNew(t.Requirements, refs)
		t.Properties = appendNew(t.Properties, propertyRefs(text))
		key, value, ok := field(text)
		switch {
		case i == 0:
			t.inlineDepends(text)
			continue
		case ok && isDependsWord(key):
			t.depends(value, t.Line+i)
		case ok && (key == "touches"):
			t.Touches = splitList(value)
		case ok && key == "verify":
			t.Verify = strings.Trim(strings.TrimSpace(value), "`")
		case ok && key == "manual":
			t.Manual = strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "y")
		case ok && (key == "acceptance" || key == "acceptance criteria"):
			t.Acceptance = append(t.Acceptance, strings.TrimSpace(value))
		case cites && strings.HasPrefix(text, "_"):
		default:
			kept = append(kept, text)
		}
	}
	t.Details = kept
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

func isDependsWord(key string) bool {
	switch key {
	case "dependencies", "depends", "depends on", "depends_on", "dependency", "依赖", "依賴", "相依", "前置", "依存", "의존성", "dependencias", "abhängigkeiten", "dépendances", "dipendenze", "зависимости":
		return true
	}
	return false
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

// inlineDepends reads "(depends on T013, T020)" on the task's own line.
func (t *Task) inlineDepends(text string) {
	i := strings.Index(strings.ToLower(text), "(depends on ")
	if i < 0 {
		return
	}
	value, _, ok := strings.Cut(text[i+len("(depends on "):], ")")
	if ok {
		t.depends(value, t.Line)
	}
}

// depends reads the value of a dependency line: ids, `Task N`, ranges; brackets hold reasons.
func (t *Task) depends(value string, line int) {
	t.DependsLine = line
	value = dropBrackets(value)
	lower := strings.ToLower(strings.TrimSpace(value))
	for _, none := range []string{"none", "n/a", "nothing", "-", "–", "—", "无", "無", "なし", "없음"} {
		if strings.HasPrefix(lower, none) {
			t.DependsNone = true
			return
		}
	}
	value = strings.NewReplacer(" and ", ",", "、", ",", "，", ",", "+", ",", "&", ",", ";", ",").Replace(value)
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(strings.Trim(strings.TrimSpace(part), "`._*"))
		if n, ok := tasksSet.prefix(part); ok && n < len(part) && (part[n] == ' ' || part[n] == '\t') {
			part = strings.TrimSpace(part[n:])
		}
		if part == "" {
			continue
		}
		if strings.Contains(part, "/") && !strings.ContainsAny(part, " \t") {
			t.DependsOut = append(t.DependsOut, part)
			continue
		}
		t.Depends = append(t.Depends, expandRange(part)...)
	}
}

func dropBrackets(s string) string {
	var b strings.Builder
	depth := 0
	for _, r := range s {
		switch r {
		case '(', '（':
			depth++
		case ')', '）':
			depth = max(depth-1, 0)
		default:
			if depth == 0 {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}
