package plan_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// TestSVG draws plans of three sizes: each is XML, no box lies over another or outside, and many tasks share boxes.
func TestSVG(t *testing.T) {
	for _, n := range []int{8, 80, 800} {
		var b strings.Builder
		for i := 1; i <= n/4; i++ {
			fmt.Fprintf(&b, "- [ ] %d. Part <%d> & 日本語の課題 \x01\n", i, i)
			for j := 1; j <= 4; j++ {
				depends := "none"
				if i > 3 {
					depends = fmt.Sprintf("%d.%d, %d.%d", i-3, j, i-2, j)
				}
				fmt.Fprintf(&b, "  - [ ] %d.%d Piece %d of a long title that has to be cut somewhere\n    - _Depends: %s_\n", i, j, j, depends)
			}
		}
		f, _ := spec.Parse(fstest.MapFS{"big/tasks.md": {Data: []byte(b.String())}}, "big")
		p, diags := plan.New(f, plan.State{})
		if diags.HasErrors() || len(p.Tasks) != n {
			t.Fatalf("%d tasks: %d in the plan, %v", n, len(p.Tasks), diags)
		}
		type rect struct{ x, y, w, h int }
		var page rect
		var boxes []rect
		var lines []string
		for dec := xml.NewDecoder(bytes.NewReader(plan.SVG(p))); ; {
			tok, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%d tasks: %v", n, err)
			}
			e, ok := tok.(xml.StartElement)
			if ok && e.Name.Local == "path" {
				for _, a := range e.Attr {
					if a.Name.Local == "d" {
						lines = append(lines, a.Value)
					}
				}
			}
			if !ok || e.Name.Local != "rect" {
				continue
			}
			var r rect
			box := false
			for _, a := range e.Attr {
				switch a.Name.Local {
				case "x":
					fmt.Sscan(a.Value, &r.x)
				case "y":
					fmt.Sscan(a.Value, &r.y)
				case "width":
					fmt.Sscan(a.Value, &r.w)
				case "height":
					fmt.Sscan(a.Value, &r.h)
				case "class":
					box = strings.HasPrefix(a.Value, "box")
				}
			}
			if !box {
				page = r
				continue
			}
			boxes = append(boxes, r)
		}
		want := n
		if n > 160 {
			want = n / 4
		}
		if len(boxes) != want {
			t.Errorf("%d tasks: %d boxes, want %d", n, len(boxes), want)
		}
		for i, r := range boxes {
			if r.x < 0 || r.y < 0 || r.x+r.w > page.w || r.y+r.h > page.h {
				t.Fatalf("%d tasks: box %d %v lies outside of %v", n, i, r, page)
			}
			for _, o := range boxes[:i] {
				if r.x < o.x+o.w && o.x < r.x+r.w && r.y < o.y+o.h && o.y < r.y+r.h {
					t.Fatalf("%d tasks: boxes %v and %v overlap", n, r, o)
				}
			}
		}
		for _, line := range lines { // from the right side of a box, between the rows, to the left side of another
			var x1, y1, skip, lane, x2, y2 int
			if n, _ := fmt.Sscanf(line, "M%d %dC%d %d %d %d %d %dH%dC%d %d %d %d %d %d", &x1, &y1, &skip, &skip, &skip, &skip, &skip, &lane, &skip, &skip, &skip, &skip, &skip, &x2, &y2); n != 15 {
				lane = -1
				if n, _ := fmt.Sscanf(line, "M%d %dC%d %d %d %d %d %d", &x1, &y1, &skip, &skip, &skip, &skip, &x2, &y2); n != 8 {
					t.Fatalf("%d tasks: a line that is not understood: %s", n, line)
				}
			}
			from, to := false, false
			for _, r := range boxes {
				from = from || r.x+r.w == x1 && r.y+r.h/2 == y1
				to = to || r.x == x2 && r.y+r.h/2 == y2
				if lane >= r.y && lane <= r.y+r.h {
					t.Errorf("%d tasks: a line at %d goes through box %v", n, lane, r)
				}
			}
			if !from || !to {
				t.Errorf("%d tasks: line %s joins no two boxes", n, line)
			}
		}
		if n > 8 && len(lines) < len(boxes)/2 {
			t.Errorf("%d tasks: %d lines between %d boxes", n, len(lines), len(boxes))
		}
		if page.w > 6*300 {
			t.Errorf("%d tasks: the drawing is %d wide", n, page.w)
		}
	}
}
