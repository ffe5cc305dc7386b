package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"spec.example/spec/spec"
)

// TextOptions say how Text renders.
type TextOptions struct {
	Width int    // columns; 80 when 0
	Why   string // a task whose reasons are wanted instead of the plan
}

func mark(a Action) string {
	switch a {
	case Run:
		return "+"
	case Rerun:
		return "~"
	case Done:
		return "="
	case Blocked:
		return "!"
	}
	return "-"
}

// Text writes a plan for a terminal: the waves with their tasks, the critical path, the coverage of criteria. Each call
// of w gets whole characters.
func Text(w io.Writer, p *Plan, o TextOptions) {
	if o.Width == 0 {
		o.Width = 80
	}
	if t := p.Task(o.Why); t != nil {
		why(w, p, t)
		return
	}
	size := fmt.Sprintf(": %d tasks", len(p.Tasks))
	fmt.Fprintf(w, "%s%s\n", Cut(p.Feature.Title, o.Width-len(size)), size)
	counts := map[Action]int{}
	var line []byte
	for n, wave := range p.Waves {
		fmt.Fprintf(w, "\nWave %d\n", n+1)
		for _, id := range wave {
			t := p.Task(id)
			counts[t.Action]++
			line = row(line[:0], t, o.Width)
			w.Write(line)
			for _, r := range t.Reasons {
				if t.Action == Rerun || t.Action == Blocked || t.Action == Skip {
					fmt.Fprintf(w, "      %s\n", fold(r, o.Width-6, "      "))
				}
			}
		}
	}
	if len(p.CriticalPath) > 0 {
		fmt.Fprintf(w, "\nCritical path: %s\n", fold(path(p.CriticalPath), o.Width-15, "               "))
	}
	coverageTable(w, p, o.Width)
	fmt.Fprintf(w, "\nPlan: + %d to run, ~ %d to run again, = %d done, ! %d blocked, - %d skipped.\n", counts[Run], counts[Rerun], counts[Done], counts[Blocked], counts[Skip])
}

// A covering is one row of the coverage table: a requirement with its criteria, and the tasks that cite them.
type covering struct {
	id, title     string
	criteria      int
	tasks, missed []string
}

// coverings gathers the coverage of criteria by requirement, in document order. A criterion without an owner has a row of
// its own.
func coverings(p *Plan) []covering {
	owner := map[string]*spec.Requirement{}
	byID := map[string]*spec.Requirement{}
	for i := range p.Feature.Requirements {
		r := &p.Feature.Requirements[i]
		byID[r.ID] = r
	}
	for i := range p.Feature.Requirements {
		r := &p.Feature.Requirements[i]
		if owner[r.ID] = r; r.Parent != "" && byID[r.Parent] != nil {
			owner[r.ID] = byID[r.Parent]
		}
	}
	var out []covering
	at := map[string]int{}
	seen := map[[2]string]bool{}
	for _, c := range p.Coverage {
		row := covering{id: c.Criterion}
		if r := owner[c.Criterion]; r != nil {
			row.id, row.title = r.ID, r.Title
			if row.title == "" {
				row.title = r.Text
			}
		}
		n, again := at[row.id]
		if !again {
			n = len(out)
			at[row.id] = n
			out = append(out, row)
		}
		o := &out[n]
		o.criteria++
		if len(c.Tasks) == 0 {
			o.missed = append(o.missed, c.Criterion)
		}
		for _, t := range c.Tasks {
			if key := [2]string{o.id, t}; !seen[key] {
				seen[key] = true
				o.tasks = append(o.tasks, t)
			}
		}
	}
	return out
}

// coverageTable writes which tasks cite which requirement, and the criteria that none does.
func coverageTable(w io.Writer, p *Plan, columns int) {
	covered := 0
	for _, c := range p.Coverage {
		if len(c.Tasks) > 0 {
			covered++
		}
	}
	if len(p.Coverage) == 0 || len(p.Tasks) == 0 {
		return
	}
	fmt.Fprintf(w, "\nCoverage: %d of %d criteria are cited by tasks\n", covered, len(p.Coverage))
	if covered == 0 {
		return
	}
	rows := coverings(p)
	wide := 3
	for _, r := range rows {
		wide = min(max(wide, Cells(r.id)), 14)
	}
	title := min(30, max(columns-wide-40, 10))
	for _, r := range rows {
		head := fmt.Sprintf("  %s  %s  %7s  ", Pad(r.id, wide), Pad(strings.Join(strings.Fields(r.title), " "), title), fmt.Sprintf("%d/%d", r.criteria-len(r.missed), r.criteria))
		indent := strings.Repeat(" ", Cells(head))
		text := strings.Join(r.tasks, ", ")
		if text == "" {
			text = "no task"
		}
		fmt.Fprintf(w, "%s%s\n", head, fold(text, columns-Cells(head), indent))
		if len(r.missed) > 0 && len(r.missed) < r.criteria {
			fmt.Fprintf(w, "%snot %s\n", indent, fold(strings.Join(r.missed, ", "), columns-Cells(head)-4, indent+"    "))
		}
	}
}

// path joins the ids of a chain; the middle of one that nobody would read to its end is counted.
func path(ids []string) string {
	const most = 40
	if len(ids) > most {
		head, tail := ids[:most-5], ids[len(ids)-4:]
		return fmt.Sprintf("%s → … %d more … → %s", strings.Join(head, " → "), len(ids)-len(head)-len(tail), strings.Join(tail, " → "))
	}
	return strings.Join(ids, " → ")
}

// row appends one task to a line: mark, id, title cut to the width, what it waits for.
func row(b []byte, t *Task, columns int) []byte {
	star := " "
	if t.Critical {
		star = "*"
	}
	b = fmt.Appendf(b, "  %s%s %-5s ", mark(t.Action), star, t.ID)
	shown, after := t.Depends, 0
	if len(shown) > 6 {
		shown = shown[:5]
	}
	for i, id := range shown {
		if after += 2 + Cells(id); after > columns/2 && i > 0 {
			shown, after = shown[:i], after-2-Cells(id)
			break
		}
	}
	more := ""
	if n := len(t.Depends) - len(shown); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	if after > 0 {
		after += len("  after ") - 2 + len(more)
	}
	title := Cut(t.Title, max(columns-len("  +* ")-max(Cells(t.ID), 5)-1-after, 16))
	b = append(b, title...)
	for i, id := range shown {
		if i == 0 {
			b = append(b, "  after "...)
		} else {
			b = append(b, ", "...)
		}
		b = append(b, id...)
	}
	b = append(b, more...)
	return append(b, '\n')
}

// Cells is the number of columns that a text takes: wide characters take two.
func Cells(s string) int {
	n := 0
	for _, r := range s {
		n += cell(r)
	}
	return n
}

func cell(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf): // drawn over the character before it
		return 0
	case r < 0x1100:
		return 1
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	if r >= 0x1F300 && r <= 0x1FAFF {
		return 2
	}
	return 1
}

// Cut shortens a text to a number of columns, wide characters counted as two.
func Cut(s string, columns int) string {
	if Cells(s) <= columns {
		return s
	}
	n := 0
	for i, r := range s {
		if n += cell(r); n > columns-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// Pad cuts or fills a text to a number of columns.
func Pad(s string, columns int) string {
	s = Cut(s, columns)
	return s + strings.Repeat(" ", max(columns-Cells(s), 0))
}

// fold breaks a list at blanks so that no line is wider than columns.
func fold(s string, columns int, indent string) string {
	var b strings.Builder
	n := 0
	for i, word := range strings.Split(s, " ") {
		w := Cells(word)
		switch {
		case i == 0:
		case n+1+w > columns:
			b.WriteString("\n" + indent)
			n = 0
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += w
	}
	return b.String()
}

// why tells where a task stands and for which reasons.
func why(w io.Writer, p *Plan, t *Task) {
	fmt.Fprintf(w, "%s %s  %s\n  wave %d", mark(t.Action), t.ID, t.Title, t.Wave)
	if t.Critical {
		io.WriteString(w, ", on the critical path")
	}
	io.WriteString(w, "\n")
	for _, r := range t.Reasons {
		fmt.Fprintf(w, "  %s\n", r)
	}
	for _, e := range p.Edges(t.ID) {
		line := ""
		if e.Line > 0 {
			line = fmt.Sprintf(", line %d", e.Line)
		}
		fmt.Fprintf(w, "  waits for %s (%s%s)\n", e.On, e.Why, line)
	}
	for _, u := range p.Tasks {
		if !slices.Contains(u.Depends, t.ID) {
			continue
		}
		for _, e := range p.Edges(u.ID) {
			if e.On == t.ID {
				fmt.Fprintf(w, "  %s waits for it (%s)\n", u.ID, e.Why)
			}
		}
	}
}
