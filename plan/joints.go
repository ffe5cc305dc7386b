package plan

import (
	"slices"
)

// An edge says that a node waits for another. Nodes are leaves by their place, and from graph.leaves on joints.
type edge struct {
	on   int32
	line int32
	why  Why
}

// A joint gathers edges that many leaves share, such as "all of the wave before": with it a barrier between m and n tasks
// takes m+n edges instead of m·n.
type joint struct {
	edges  []edge
	size   int  // leaves behind it
	repeat bool // the first edge says nothing that the others don't say together with what they wait for
}

// A graph holds what each leaf waits for.
type graph struct {
	leaves int
	joints []joint
	added  []addedEdge
	start  []int32 // the edges of leaf i stand in edges[start[i]:start[i+1]], once they are settled
	edges  []edge
	other  map[int32][]edge // of leaves whose edges were changed afterwards
}

type addedEdge struct {
	from int32
	edge
}

func (g *graph) add(from int32, e edge) {
	if e.on >= 0 && e.on != from {
		g.added = append(g.added, addedEdge{from, e})
	}
}

// joint makes a node of edges; that of a single one is the node it leads to, that of none is -1.
func (g *graph) joint(edges []edge) int32 {
	switch len(edges) {
	case 0:
		return -1
	case 1:
		return edges[0].on
	}
	return g.keep(joint{edges: edges})
}

func (g *graph) keep(j joint) int32 {
	for _, e := range j.edges {
		j.size += g.size(e.on)
	}
	g.joints = append(g.joints, j)
	return int32(g.leaves + len(g.joints) - 1)
}

// size is the number of leaves that a node stands for.
func (g *graph) size(node int32) int {
	if int(node) < g.leaves {
		return 1
	}
	return g.joints[int(node)-g.leaves].size
}

func (g *graph) nodes() int { return g.leaves + len(g.joints) }

// of lists the edges of a node.
func (g *graph) of(node int32) []edge {
	if int(node) >= g.leaves {
		return g.joints[int(node)-g.leaves].edges
	}
	if own, ok := g.other[node]; ok {
		return own
	}
	return g.edges[g.start[node]:g.start[node+1]]
}

// settle sorts what was added by leaf, the first added first, each target once.
func (g *graph) settle() {
	g.start = make([]int32, g.leaves+2)
	for i := range g.added {
		g.start[g.added[i].from+2]++
	}
	for i := range g.leaves {
		g.start[i+2] += g.start[i+1]
	}
	g.edges = make([]edge, len(g.added))
	for i := range g.added {
		a := &g.added[i]
		g.edges[g.start[a.from+1]] = a.edge
		g.start[a.from+1]++
	}
	seen := make([]int32, g.nodes())
	kept, from := int32(0), int32(0)
	for i := range int32(g.leaves) {
		to := g.start[i+1]
		g.start[i] = kept
		for _, e := range g.edges[from:to] {
			if seen[e.on] != i+1 {
				seen[e.on] = i + 1
				g.edges[kept] = e
				kept++
			}
		}
		from = to
	}
	g.start[g.leaves] = kept
	g.start, g.edges = g.start[:g.leaves+1], g.edges[:kept]
}

// A reader walks from nodes to the leaves that they stand for.
type reader struct {
	g       *graph
	seen    []uint32 // by node: the walk that met it last
	walk    uint32
	reduced bool // joints leave out what follows from the rest
	stack   []edge
}

func (g *graph) reader() *reader { return &reader{g: g, seen: make([]uint32, g.nodes())} }

// leaves calls fn for each leaf behind the edges of a node, with the edge that leads to it. A line that an inner edge does
// not have is that of the outer one.
func (r *reader) leaves(edges []edge, fn func(e edge)) {
	r.walk++
	r.stack = append(r.stack[:0], edges...)
	slices.Reverse(r.stack)
	for len(r.stack) > 0 {
		e := r.stack[len(r.stack)-1]
		r.stack = r.stack[:len(r.stack)-1]
		if r.seen[e.on] == r.walk {
			continue
		}
		r.seen[e.on] = r.walk
		if int(e.on) < r.g.leaves {
			fn(e)
			continue
		}
		j := &r.g.joints[int(e.on)-r.g.leaves]
		inner := j.edges
		if r.reduced && j.repeat {
			inner = inner[1:]
		}
		for k := len(inner) - 1; k >= 0; k-- {
			next := inner[k]
			if next.line == 0 {
				next.line = e.line
			}
			if next.why == Order {
				next.why = e.why
			}
			r.stack = append(r.stack, next)
		}
	}
}
