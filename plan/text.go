package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/width"
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
	fmt.Fprintf(w, "%s: %d tasks\n", p.Feature.Title, len(p.Tasks))
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
					fmt.Fprintf(w, "      %s\n", r)
				}
			}
		}
	}
	if len(p.CriticalPath) > 0 {
		fmt.Fprintf(w, "\nCritical path: %s\n", fold(path(p.CriticalPath), o.Width-15, "               "))
	}
	covered := 0
	var open []string
	for _, c := range p.Coverage {
		if len(c.Tasks) > 0 {
			covered++
		} else {
			open = append(open, c.Criterion)
		}
	}
	if covered > 0 {
		fmt.Fprintf(w, "Coverage: %d of %d criteria are cited by tasks", covered, len(p.Coverage))
		if len(open) > 0 {
			fmt.Fprintf(w, "; not %s", fold(strings.Join(open, ", "), o.Width-4, "    "))
		}
		io.WriteString(w, "\n")
	}
	fmt.Fprintf(w, "\nPlan: + %d to run, ~ %d to run again, = %d done, ! %d blocked, - %d skipped.\n", counts[Run], counts[Rerun], counts[Done], counts[Blocked], counts[Skip])
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
	shown := t.Depends
	if len(shown) > 6 {
		shown = shown[:5]
	}
	after := 0
	for _, id := range shown {
		after += 2 + cells(id)
	}
	more := ""
	if n := len(t.Depends) - len(shown); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	if after > 0 {
		after += len("  after ") - 2 + len(more)
	}
	title := Cut(t.Title, max(columns-len("  +* ")-max(cells(t.ID), 5)-1-after, 16))
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

// cells is the number of columns that a text takes: wide characters take two.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += cell(r)
	}
	return n
}

func cell(r rune) int {
	if r < 0x1100 {
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
	if cells(s) <= columns {
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

// fold breaks a list at blanks so that no line is wider than columns.
func fold(s string, columns int, indent string) string {
	var b strings.Builder
	n := 0
	for i, word := range strings.Split(s, " ") {
		w := cells(word)
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
