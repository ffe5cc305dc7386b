package plan

import (
	"fmt"
	"slices"
	"strings"

	"spec.example/spec/spec"
)

// explicit adds the edges that the document names, a parent's for each of its leaves.
func (b *builder) explicit() {
	parents := map[string]int32{} // joints of what parents wait for
	n := len(b.leaf)
	for _, t := range b.leaf {
		n += len(t.Depends)
	}
	b.g.added = make([]addedEdge, 0, n)
	for i, t := range b.leaf {
		for p := b.f.Task(t.Parent); p != nil; p = b.f.Task(p.Parent) {
			if p.DependsLine == 0 {
				continue
			}
			node, again := parents[p.ID]
			if !again {
				edges, _, own := b.named(p)
				if own { // on a task of its own: each leaf waits for what it is not itself
					node = -2
				} else {
					node = b.g.joint(slices.Clone(edges))
				}
				parents[p.ID] = node
			}
			if node != -2 {
				b.g.add(int32(i), edge{on: node, why: Explicit, line: int32(p.DependsLine)})
				continue
			}
			edges, _, _ := b.named(p)
			for _, e := range edges {
				b.without(int32(i), e)
			}
		}
		if t.DependsLine == 0 {
			continue
		}
		edges, understood, _ := b.named(t)
		b.free[i] = understood
		for _, e := range edges {
			b.g.add(int32(i), e)
		}
	}
}

// without adds an edge of a leaf to what a node stands for, the leaf itself left out.
func (b *builder) without(leaf int32, e edge) {
	if int(e.on) < b.g.leaves {
		b.g.add(leaf, e)
		return
	}
	for _, inner := range b.g.of(e.on) {
		if inner.line == 0 {
			inner.line = e.line
		}
		b.without(leaf, inner)
	}
}

// named lists the edges that a task's own line names, whether anything of it was understood, and whether it names a task
// that is part of it. Mistakes are reported the first time.
//
// spec:workflow/1.2
func (b *builder) named(source *spec.Task) (edges []edge, understood, own bool) {
	understood = source.DependsNone || len(source.DependsOut) > 0
	line := int32(source.DependsLine)
	edges = b.buf[:0] // good until the next call
	for _, id := range source.Depends {
		on := b.meant(id)
		if on == nil {
			b.unknown(source, id)
			continue
		}
		understood = true
		if on == source || b.within(source, on) {
			if !b.told(source.ID, id) {
				b.report(spec.Error, "SPEC102", source, source.DependsLine, fmt.Sprintf("task %s depends on itself", source.ID), "drop it from the line")
			}
			continue
		}
		own = own || b.within(on, source)
		if node := b.node(on); node >= 0 {
			edges = append(edges, edge{on: node, line: line, why: Explicit})
		}
	}
	b.buf = edges
	for _, words := range source.DependsNotes {
		if !b.told(source.ID, words) {
			b.report(spec.Warning, "SPEC101", source, source.DependsLine, fmt.Sprintf("task %s: %q in its dependencies is no task", source.ID, words), "name tasks by their numbers; reasons stand in brackets")
			b.point(source, source.DependsLine, words)
		}
	}
	return edges, understood, own
}

// told tells whether a mistake of a task was reported already, and notes it.
func (b *builder) told(task, what string) bool {
	key := task + "\x00" + what
	if b.reported == nil {
		b.reported = map[string]bool{}
	}
	was := b.reported[key]
	b.reported[key] = true
	return was
}

// within tells whether a task is part of another, directly or not.
func (b *builder) within(t, of *spec.Task) bool {
	if of.Leaf() {
		return false
	}
	for n := 0; t != nil && n < 1000; n++ {
		if t = b.f.Task(t.Parent); t == of {
			return t != nil
		}
	}
	return false
}

// meant finds the task that an id means: of several with the same number the first that is not done, else the first.
func (b *builder) meant(id string) *spec.Task {
	t := b.f.Task(id)
	if t != nil && t.State != spec.Done {
		return t
	}
	if b.repeats == nil {
		b.repeats = map[string][]*spec.Task{}
		for i := range b.f.Tasks {
			if base, _, again := strings.Cut(b.f.Tasks[i].ID, "#"); again && !b.details[b.f.Tasks[i].ID] {
				b.repeats[base] = append(b.repeats[base], &b.f.Tasks[i])
			}
		}
	}
	for _, r := range b.repeats[id] {
		if t == nil || r.State != spec.Done {
			return r
		}
	}
	return t
}

// node is what stands for a task in the graph: its own place, or for a parent all its required leaves. Where it has none
// they are the optional ones, which pass on to what they wait for. It is -1 where there is no leaf.
func (b *builder) node(t *spec.Task) int32 {
	if t.Leaf() {
		return b.place(t)
	}
	if node, ok := b.parents[t.ID]; ok {
		return node
	}
	var required, optional []edge
	for _, i := range b.leavesOf(t) {
		if b.skipped(i) {
			optional = append(optional, edge{on: i, why: Explicit})
		} else {
			required = append(required, edge{on: i, why: Explicit})
		}
	}
	if required == nil {
		required = optional
	}
	if b.parents == nil {
		b.parents = map[string]int32{}
	}
	node := b.g.joint(required)
	b.parents[t.ID] = node
	return node
}

func (b *builder) place(t *spec.Task) int32 {
	if i := b.f.TaskIndex(t.ID); i >= 0 {
		return b.plan.index[i]
	}
	return -1
}

// leavesOf lists the places of the leaves below a task.
func (b *builder) leavesOf(t *spec.Task) []int32 {
	var out []int32
	queue := slices.Clone(t.Children)
	for n := 0; n < len(queue); n++ {
		c := b.f.Task(queue[n])
		switch {
		case c == nil:
		case !c.Leaf():
			queue = append(queue, c.Children...)
		default:
			if i := b.place(c); i >= 0 {
				out = append(out, i)
			}
		}
	}
	slices.Sort(out)
	return out
}

// spec:workflow/1.2
func (b *builder) unknown(t *spec.Task, id string) {
	if b.told(t.ID, id) {
		return
	}
	hint := "name a task of this document"
	if b.guesses++; b.guesses <= 100 { // each looks at every task
		best, most := "", min(2, len(id)-1)
		for i := range b.f.Tasks {
			other := b.f.Tasks[i].ID
			if len(other)-len(id) > most || len(id)-len(other) > most {
				continue
			}
			if d := spec.Distance(id, other); d <= most {
				best, most = other, d-1
			}
		}
		if best != "" {
			hint = "did you mean " + best + "?"
		}
	}
	b.report(spec.Error, "SPEC101", t, t.DependsLine, fmt.Sprintf("task %s depends on %s, which is not defined", t.ID, id), hint)
	b.point(t, t.DependsLine, id)
}
