package plan

import (
	"fmt"
	"slices"

	"spec.example/spec/spec"
)

// depths computes waves and the critical path.
func (b *builder) depths() {
	p, g := b.plan, b.g
	nodes := g.nodes()
	left, first := make([]int32, nodes), make([]int32, nodes+2)
	total := 0
	for n := range int32(nodes) {
		edges := g.of(n)
		left[n] = int32(len(edges))
		total += len(edges)
		for _, e := range edges {
			first[e.on+2]++
		}
	}
	for n := range nodes {
		first[n+2] += first[n+1]
	}
	// What waits for node n stands in dependents[first[n]:first[n+1]].
	dependents := make([]int32, total)
	ready := make([]int32, 0, nodes)
	for n := range int32(nodes) {
		for _, e := range g.of(n) {
			dependents[first[e.on+1]] = n
			first[e.on+1]++
		}
		if left[n] == 0 {
			ready = append(ready, n)
		}
	}
	deep, last := make([]int32, nodes), make([]int32, nodes) // the deepest wave below a node, and the leaf that is there
	for n := range last {
		last[n] = -1
	}
	for k := 0; k < len(ready); k++ {
		n := ready[k]
		depth, leaf := deep[n], last[n]
		if int(n) < g.leaves {
			depth++
			p.Tasks[n].Wave = int(depth)
			leaf = n
		}
		for _, d := range dependents[first[n]:first[n+1]] {
			if depth > deep[d] || depth == deep[d] && leaf >= 0 && (last[d] < 0 || leaf < last[d]) {
				deep[d], last[d] = depth, leaf
			}
			if left[d]--; left[d] == 0 {
				ready = append(ready, d)
			}
		}
	}
	b.inWaves()
	deepest := -1
	for i := range p.Tasks {
		if t := &p.Tasks[i]; t.Wave > 0 && !b.skipped(int32(i)) && (deepest < 0 || t.Wave > p.Tasks[deepest].Wave) {
			deepest = i
		}
	}
	for i := deepest; i >= 0; i = int(last[i]) {
		p.Tasks[i].Critical = true
		p.CriticalPath = append(p.CriticalPath, p.Tasks[i].ID)
	}
	slices.Reverse(p.CriticalPath)
}

// inWaves lists the ids of each depth.
func (b *builder) inWaves() {
	p := b.plan
	var sizes []int
	for i := range p.Tasks {
		for len(sizes) < p.Tasks[i].Wave {
			sizes = append(sizes, 0)
		}
		if n := p.Tasks[i].Wave; n > 0 {
			sizes[n-1]++
		}
	}
	all := make([]string, len(p.Tasks))
	p.Waves = make([][]string, len(sizes))
	for n, size := range sizes {
		p.Waves[n], all = all[:0:size], all[size:]
	}
	for i := range p.Tasks {
		if n := p.Tasks[i].Wave; n > 0 {
			p.Waves[n-1] = append(p.Waves[n-1], p.Tasks[i].ID)
		}
	}
}

// Bounds of what Depends lists over all tasks. Above the first a barrier is listed without what stands above an earlier one,
// which follows; above the second nothing that is inferred is listed, and the plan must not be carried out.
const (
	mostListed  = 1 << 22
	mostReduced = 1 << 25
)

// depends lists for each leaf the ids that it waits for.
func (b *builder) depends() {
	g, p := b.g, b.plan
	r := g.reader()
	if b.listed(r, mostListed) > mostListed {
		r.reduced = true
		if b.listed(r, mostReduced) > mostReduced {
			b.diags = append(b.diags, spec.Diagnostic{Code: "SPEC007", Severity: spec.Error, File: b.tasksFile(), Line: 1, Column: 1,
				Message: fmt.Sprintf("the tasks wait for more than %d others in all: this is too much for a plan", mostReduced), Hint: "split the feature, or its waves"})
			return
		}
	}
	shared := map[sharing][]string{}
	var places []int32
	arena := make([]string, 0, len(g.edges))
	for i := range p.Tasks {
		edges := g.of(int32(i))
		key, many := g.shares(edges)
		if ids, ok := shared[key]; many && ok {
			p.Tasks[i].Depends = ids
			continue
		}
		places = places[:0]
		r.leaves(edges, func(e edge) { places = append(places, e.on) })
		if len(places) == 0 {
			continue
		}
		slices.Sort(places)
		from := len(arena)
		for _, j := range places {
			arena = append(arena, p.Tasks[j].ID)
		}
		p.Tasks[i].Depends = arena[from:len(arena):len(arena)]
		if many {
			shared[key] = p.Tasks[i].Depends
		}
	}
}

// sharing names the edges that several leaves have alike, such as all of a wave.
type sharing [4]int32

// shares tells whether edges lead to a joint and are few enough to be compared.
func (g *graph) shares(edges []edge) (key sharing, many bool) {
	if len(edges) > len(key) {
		return key, false
	}
	for i := range key {
		key[i] = -1
	}
	for i, e := range edges {
		key[i] = e.on
		many = many || int(e.on) >= g.leaves
	}
	return key, many
}

// listed counts what Depends would hold, up to a bound.
func (b *builder) listed(r *reader, most int) int {
	n := 0
	seen := map[sharing]bool{}
	for i := range b.plan.Tasks {
		edges := b.g.of(int32(i))
		if key, many := b.g.shares(edges); many {
			if seen[key] {
				continue
			}
			seen[key] = true
		}
		for _, e := range edges {
			if r.reduced {
				n += b.g.least(e.on, most)
			} else {
				n += b.g.size(e.on)
			}
			if n > most {
				return n
			}
		}
	}
	return n
}

// least is the number of leaves that a node stands for where joints leave out what follows from the rest.
func (g *graph) least(node int32, most int) int {
	n := 0
	for queue := []int32{node}; len(queue) > 0 && n <= most; {
		node, queue = queue[len(queue)-1], queue[:len(queue)-1]
		if int(node) < g.leaves {
			n++
			continue
		}
		j := &g.joints[int(node)-g.leaves]
		edges := j.edges
		if j.repeat {
			edges = edges[1:]
		}
		n += len(edges) - 1 // a joint costs at least what it holds
		for _, e := range edges {
			if int(e.on) >= g.leaves {
				queue = append(queue, e.on)
			}
		}
		n++
	}
	return n
}
