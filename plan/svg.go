package plan

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// Sizes of the drawing, in pixels at scale 1.
const (
	boxWide, boxHigh = 228, 46
	gapWide, gapHigh = 52, 14
	bandColumns      = 6 // waves beside each other; what follows starts a new band below, so that a long plan stays readable
	bandTop          = 34
	margin           = 24
	legendWide       = 640
	most             = 160 // boxes; above it the tasks of one parent in one wave share a box
)

// A box is a task, or the tasks of one parent in one wave.
type box struct {
	title    string
	label    string
	count    int
	done     int
	action   Action
	critical bool
	wave     int
	row      int // in its wave, from 0
	x, y     int

	above         []string // what it waits for in a band above
	aboveCritical bool
}

func (g *box) band() int { return (g.wave - 1) / bandColumns }

// name is what another box calls this one.
func (g *box) name() string {
	first, _, many := strings.Cut(g.label, "…")
	if many {
		first += "…"
	}
	return first
}

const legend = "+ to run · ~ again · = done · ! blocked · - skipped · blue: critical path · ← waits for, in a row above"

// SVG draws the graph: a column a wave, edges without those that follow from others. It needs no program beside a
// browser, and follows the reader's light or dark setting.
func SVG(p *Plan) []byte {
	boxes, of := boxesOf(p)
	width, height := place(boxes)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title id=\"t\">%s: %d tasks in %d waves</title>\n", escaped(p.Feature.Title), len(p.Tasks), len(p.Waves))
	b.WriteString(style)
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d"/>`+"\n", width, height)
	for _, h := range headings(boxes) {
		fmt.Fprintf(&b, `<text class="wave" x="%d" y="%d">Wave %d</text>`+"\n", h.x, h.y, h.wave)
	}
	for _, e := range reduced(p, boxes, of) {
		from, to := &boxes[e[0]], &boxes[e[1]]
		critical := from.critical && to.critical && to.wave == from.wave+1
		if from.band() != to.band() { // a line would cross everything between: it is said in words
			to.above = append(to.above, from.name())
			to.aboveCritical = to.aboveCritical || critical
			continue
		}
		class := "edge"
		if critical {
			class = "edge critical"
		}
		fmt.Fprintf(&b, `<path class="%s" d="%s"/>`+"\n", class, curve(from, to))
	}
	for i := range boxes {
		boxes[i].draw(&b)
	}
	fmt.Fprintf(&b, `<text class="small" x="%d" y="%d">%s</text>`+"\n", margin, height-margin/2, legend)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

const style = `<style>
.page{fill:#fff}.box{fill:#f6f8fa;stroke:#8c959f}.done{fill:#dafbe1;stroke:#2da44e}.rerun{fill:#fff8c5;stroke:#bf8700}.blocked{fill:#ffebe9;stroke:#cf222e}.skip{fill:none;stroke:#8c959f;stroke-dasharray:4 3}
text{font:13px system-ui,sans-serif;fill:#1f2328}.wave{font-weight:600;fill:#59636e}.small{font-size:12px;fill:#59636e}
.edge{fill:none;stroke:#8c959f;opacity:.75}.critical{stroke:#0969da;stroke-width:2;opacity:1}.end{text-anchor:end}.lead{fill:#0969da;font-weight:600}
@media (prefers-color-scheme:dark){.page{fill:#0d1117}.box{fill:#161b22;stroke:#6e7681}.done{fill:#0f2d1a;stroke:#3fb950}.rerun{fill:#2e2a11;stroke:#d29922}.blocked{fill:#2d1416;stroke:#f85149}
.skip{fill:none}text{fill:#e6edf3}.wave,.small{fill:#9198a1}.edge{stroke:#6e7681}.critical{stroke:#4493f8}.lead{fill:#4493f8}}
</style>
`

// boxesOf makes the boxes and says for each task which one it is in.
func boxesOf(p *Plan) (boxes []box, of []int) {
	of = make([]int, len(p.Tasks))
	group := map[string]int{}
	for i := range p.Tasks {
		t := &p.Tasks[i]
		key := fmt.Sprintf("%d\x00%s", t.Wave, t.ID)
		parent := p.Feature.Task(t.ID)
		for parent != nil && parent.Parent != "" {
			parent = p.Feature.Task(parent.Parent)
		}
		if len(p.Tasks) > most {
			key = fmt.Sprintf("%d\x00", t.Wave)
			if parent != nil && parent.ID != t.ID {
				key += parent.ID
			}
		}
		n, again := group[key]
		if !again {
			n = len(boxes)
			group[key] = n
			boxes = append(boxes, box{label: t.ID, title: t.Title, action: t.Action, wave: max(t.Wave, 1)})
			if len(p.Tasks) > most && parent != nil && parent.ID != t.ID {
				boxes[n].title = parent.Title
			}
		}
		of[i] = n
		g := &boxes[n]
		g.count++
		g.critical = g.critical || t.Critical
		if t.Action == Done {
			g.done++
		}
		if g.count > 1 {
			g.label = fmt.Sprintf("%s…%s", strings.SplitN(g.label, "…", 2)[0], t.ID)
			if t.Action != g.action {
				g.action = Run
			}
		}
	}
	return boxes, of
}

// place gives each box its position, wave by wave, and returns the size of the whole.
func place(boxes []box) (width, height int) {
	rows := map[int]int{}
	deepest := 0
	for i := range boxes {
		rows[boxes[i].wave]++
		deepest = max(deepest, boxes[i].wave)
	}
	top := map[int]int{} // of a band
	y := margin
	for band := 0; band*bandColumns < deepest; band++ {
		top[band] = y
		high := 1
		for w := band*bandColumns + 1; w <= (band+1)*bandColumns; w++ {
			high = max(high, rows[w])
		}
		y += bandTop + high*(boxHigh+gapHigh) + gapHigh
	}
	next := map[int]int{}
	for i := range boxes {
		b := &boxes[i]
		band, column := (b.wave-1)/bandColumns, (b.wave-1)%bandColumns
		b.x = margin + column*(boxWide+gapWide)
		b.row = next[b.wave]
		b.y = top[band] + bandTop + b.row*(boxHigh+gapHigh)
		next[b.wave]++
		width = max(width, b.x+boxWide+margin)
	}
	return max(width, legendWide), max(y, 2*margin+bandTop+boxHigh) + gapHigh
}

// headings are the places of the words above the columns.
func headings(boxes []box) []box {
	seen := map[int]bool{}
	var out []box
	for i := range boxes {
		if b := boxes[i]; !seen[b.wave] {
			seen[b.wave] = true
			out = append(out, box{wave: b.wave, x: b.x, y: b.y - 12})
		}
	}
	return out
}

// reduced lists the edges between boxes, without those that a longer way says too.
func reduced(p *Plan, boxes []box, of []int) [][2]int {
	next := make([][]int, len(boxes))
	for i := range p.Tasks {
		for _, on := range p.Tasks[i].Depends {
			from, to := of[p.at(on)], of[i]
			if from != to && !slices.Contains(next[from], to) {
				next[from] = append(next[from], to)
			}
		}
	}
	// Boxes of a wave only lead to later waves, so that a way through another box is seen from the latest back.
	order := make([]int, len(boxes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return boxes[b].wave - boxes[a].wave })
	reach := make([]map[int]bool, len(boxes))
	var out [][2]int
	for _, i := range order {
		reach[i] = map[int]bool{}
		slices.SortStableFunc(next[i], func(a, b int) int { return boxes[a].wave - boxes[b].wave })
		for _, to := range next[i] {
			if !reach[i][to] {
				out = append(out, [2]int{i, to})
				reach[i][to] = true
				for far := range reach[to] {
					reach[i][far] = true
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b [2]int) int { return (a[0]-b[0])*len(boxes) + a[1] - b[1] })
	return out
}

// curve leads from the right side of a box to the left side of another in its band. Where waves lie between, it takes the
// gap between two rows of boxes.
func curve(from, to *box) string {
	x1, y1, x2, y2 := from.x+boxWide, from.y+boxHigh/2, to.x, to.y+boxHigh/2
	if to.wave == from.wave+1 {
		return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+gapWide/2, y1, x2-gapWide/2, y2, x2, y2)
	}
	lane := from.y - gapHigh/2              // above the source's row, or below it where the target lies lower
	if to.row > from.row || from.row == 0 { // above the first row stand the headings
		lane += boxHigh + gapHigh
	}
	lane += (from.row*3+to.row)%5*2 - 4 // lines that take the same gap stay apart
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %dH%dC%d %d %d %d %d %d", x1, y1, x1+gapWide/2, y1, x1+gapWide/2, lane, x1+gapWide, lane,
		x2-gapWide, x2-gapWide/2, lane, x2-gapWide/2, y2, x2, y2)
}

func (g *box) draw(b *bytes.Buffer) {
	class := "box"
	switch g.action {
	case Done, Rerun, Blocked, Skip:
		class += " " + string(g.action)
	}
	if g.critical {
		class += " critical"
	}
	head := mark(g.action) + " " + g.label
	if g.count > 1 {
		head = fmt.Sprintf("%s · %d/%d", g.label, g.done, g.count)
	}
	fmt.Fprintf(b, `<g><title>%s</title><rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, escaped(g.label+" "+g.title+g.after()), class, g.x, g.y, boxWide, boxHigh)
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`, g.x+10, g.y+19, escaped(Cut(head, headCells)))
	if room := headCells - Cells(head) - 2; len(g.above) > 0 && room >= 4 {
		class := "small end"
		if g.aboveCritical {
			class += " lead"
		}
		fmt.Fprintf(b, `<text class="%s" x="%d" y="%d">%s</text>`, class, g.x+boxWide-8, g.y+19, escaped(Cut("← "+strings.Join(g.above, " "), room)))
	}
	fmt.Fprintf(b, `<text class="small" x="%d" y="%d">%s</text></g>`+"\n", g.x+10, g.y+36, escaped(Cut(g.title, titleCells)))
}

// What fits into a box, in columns of an ordinary letter.
const (
	headCells  = 28
	titleCells = 29
)

func (g *box) after() string {
	if len(g.above) == 0 {
		return ""
	}
	return ", after " + strings.Join(g.above, ", ")
}

// escaped makes any text fit for XML: what XML has no place for becomes the replacement character.
func escaped(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // a bytes.Buffer takes everything
	return b.String()
}
