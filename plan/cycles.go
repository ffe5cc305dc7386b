package plan

import (
	"fmt"
	"slices"
	"strings"

	"spec.example/spec/spec"
)

// passOn lets required tasks wait for what skipped ones wait for, and never for these themselves.
func (b *builder) passOn() {
	if !slices.ContainsFunc(b.plan.Tasks, func(t Task) bool { return t.Optional }) || b.state.Optional {
		return
	}
	v := &view{b: b, of: map[int32]int32{}}
	for i := range int32(b.g.leaves) {
		if b.skipped(i) {
			continue
		}
		edges := b.g.of(i)
		for k := range edges {
			edges[k].on = v.node(edges[k].on)
		}
		if slices.ContainsFunc(edges, func(e edge) bool { return e.on < 0 || e.on == i }) {
			b.replace(i, slices.DeleteFunc(slices.Clone(edges), func(e edge) bool { return e.on < 0 || e.on == i }))
		}
	}
}

func (b *builder) replace(leaf int32, edges []edge) {
	if b.g.other == nil {
		b.g.other = map[int32][]edge{}
	}
	b.g.other[leaf] = edges
}

// A view shows nodes without what is skipped.
type view struct {
	b    *builder
	of   map[int32]int32 // -1 for nothing, and for what is not ready
	work []int32
}

// node is what a required task waits for where an edge leads to a node; -1 for nothing.
func (v *view) node(n int32) int32 {
	if v.plain(n) {
		return n
	}
	done := map[int32]bool{}
	v.work = append(v.work[:0], n)
	for len(v.work) > 0 {
		n := v.work[len(v.work)-1]
		if _, entered := v.of[n]; !entered { // what it waits for comes first; a circle of skipped tasks leads nowhere
			v.of[n] = -1
			for _, e := range v.b.g.of(n) {
				if _, entered := v.of[e.on]; !entered && !v.plain(e.on) {
					v.work = append(v.work, e.on)
				}
			}
			continue
		}
		v.work = v.work[:len(v.work)-1]
		if !done[n] && v.of[n] < 0 {
			done[n] = true
			v.of[n] = v.seen(n)
		}
	}
	return v.of[n]
}

// plain tells whether a node is a task that is not skipped.
func (v *view) plain(n int32) bool { return int(n) < v.b.g.leaves && !v.b.skipped(n) }

// seen makes what is seen of a node, once all that it waits for is known.
func (v *view) seen(n int32) int32 {
	var edges []edge
	same := int(n) >= v.b.g.leaves
	for _, e := range v.b.g.of(n) {
		on := e.on
		if !v.plain(on) {
			on = v.of[on]
		}
		same = same && on == e.on
		if e.on = on; on >= 0 {
			edges = append(edges, e)
		}
	}
	if same {
		return n
	}
	return v.b.g.joint(edges)
}

// mostSplit bounds the edges that are made when joints are taken apart, so that a hostile document takes no memory.
const mostSplit = 1 << 21

// cycles drops inferred edges that close a cycle, with a warning, and reports cycles of explicit ones with their path.
func (b *builder) cycles() {
	const white, grey, black = 0, 1, 2
	color := make([]uint8, b.g.nodes())
	type frame struct {
		node int32
		edge int
	}
	var stack []frame
	for start := range int32(b.g.leaves) {
		if color[start] != white {
			continue
		}
		color[start] = grey
		stack = append(stack[:0], frame{start, 0})
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			edges := b.g.of(top.node)
			if top.edge >= len(edges) {
				color[top.node] = black
				stack = stack[:len(stack)-1]
				continue
			}
			next := edges[top.edge].on
			switch color[next] {
			case white:
				color[next] = grey
				stack = append(stack, frame{next, 0})
				continue
			case black:
				top.edge++
				continue
			}
			from := len(stack) - 1
			for stack[from].node != next {
				from--
			}
			circle := make([]hop, 0, len(stack)-from)
			for _, f := range stack[from:] {
				circle = append(circle, hop{f.node, b.g.of(f.node)[f.edge]})
			}
			for n := len(circle); int(circle[0].node) >= b.g.leaves && n > 0; n-- { // begin at a task
				circle = append(circle[1:], circle[0])
			}
			changed := b.breakCircle(circle)
			for len(stack) > 0 { // back to the task whose edges are others now
				f := &stack[len(stack)-1]
				if f.node == changed {
					f.edge = 0
					break
				}
				color[f.node] = white
				stack = stack[:len(stack)-1]
			}
			if len(stack) == 0 && color[start] == white {
				color[start] = grey
				stack = append(stack, frame{start, 0})
			}
		}
	}
}

// A hop is one step of a circle: a node and the edge to the next.
type hop struct {
	node int32
	edge edge
}

// breakCircle takes one edge out of a circle and returns the task that it was taken from. A circle with an inferred edge is
// the order's fault, one of explicit edges the document's.
//
// spec:workflow/1.2
func (b *builder) breakCircle(circle []hop) int32 {
	var text []string
	weak, weakOn := int32(-1), int32(-1) // the last task that waits for another for a reason that is inferred
	task, inferred := int32(-1), false
	settle := func(on int32) {
		if inferred && task >= 0 {
			weak, weakOn = task, on
		}
	}
	for _, h := range circle {
		if int(h.node) < b.g.leaves {
			settle(h.node)
			task, inferred = h.node, false
			line := int(h.edge.line)
			if line == 0 {
				line = b.plan.Tasks[task].Line
			}
			text = append(text, fmt.Sprintf("%s (line %d)", b.plan.Tasks[task].ID, line))
		}
		inferred = inferred || h.edge.why != Explicit
	}
	settle(circle[0].node)
	if weak >= 0 {
		t := b.leaf[weak]
		b.split(weak, weakOn, circle)
		b.report(spec.Warning, "SPEC103", t, t.Line, fmt.Sprintf("task %s stands after %s, but the other way round is written explicitly", t.ID, b.plan.Tasks[weakOn].ID), "move the task")
		return weak
	}
	closing := circle[len(circle)-1] // of the last task, whose edge was found to close the circle
	for k := len(circle) - 1; int(closing.node) >= b.g.leaves; k-- {
		closing = circle[k]
	}
	b.report(spec.Error, "SPEC102", b.leaf[closing.node], max(int(closing.edge.line), 1), "tasks wait for each other: "+strings.Join(text, " -> ")+" -> "+b.plan.Tasks[circle[0].node].ID, "drop one of these dependencies")
	b.split(closing.node, circle[0].node, circle)
	return closing.node
}

// split takes one leaf out of what a task waits for: the edge of the circle goes, and where it led to a joint the task waits
// for each of the others behind it.
func (b *builder) split(task, on int32, circle []hop) {
	var way edge
	for _, h := range circle {
		if h.node == task {
			way = h.edge
		}
	}
	var edges []edge
	for _, e := range b.g.of(task) {
		if e.on != way.on {
			edges = append(edges, e)
		}
	}
	if int(way.on) >= b.g.leaves && b.splits < mostSplit {
		b.g.reader().leaves([]edge{way}, func(e edge) {
			if e.on != on && e.on != task {
				edges = append(edges, e)
			}
		})
		b.splits += len(edges)
	}
	b.replace(task, edges)
}
