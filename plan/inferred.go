package plan

import (
	"fmt"
	"sort"

	"spec.example/spec/spec"
)

// inferred adds the edges of waves, or of document order where there are none. An outline says everything itself.
func (b *builder) inferred() {
	switch {
	case len(b.f.Waves) > 0:
		b.waves()
	case b.f.Dialect != spec.Outline:
		b.groups()
	}
}

// A link is what the next tasks in an order wait for: required ones never for a skipped one.
type link struct{ required, any int32 }

func (b *builder) link(before link, members []int32) link {
	var required, any []edge
	for _, i := range members {
		if !b.skipped(i) {
			required = append(required, edge{on: i})
		}
	}
	if len(required) > 0 {
		before.required = b.g.joint(required)
	}
	switch {
	case len(required) == len(members) && len(members) > 0:
		before.any = before.required
	case len(members) > 0:
		for _, i := range members {
			any = append(any, edge{on: i})
		}
		before.any = b.g.joint(any)
	}
	return before
}

func (b *builder) follow(i int32, before link, why Why, line int) {
	on := before.required
	if b.skipped(i) {
		on = before.any
	}
	if !b.free[i] {
		b.g.add(i, edge{on: on, why: why, line: int32(line)})
	}
}

// groups makes each leaf follow the one before it. Neighbouring parallel leaves of one section are a group: it waits as a
// whole, and is waited for as a whole.
func (b *builder) groups() {
	before := link{-1, -1}
	var now []int32
	section, parallel := int32(-1), false
	for i, t := range b.leaf {
		if !(t.Parallel && parallel && t.SectionLine == section) {
			before = b.link(before, now)
			now = now[:0]
		}
		section, parallel = t.SectionLine, t.Parallel
		b.follow(int32(i), before, Order, 0)
		now = append(now, int32(i))
	}
}

// waves makes every leaf of a wave wait for the wave before it. The first mention of a leaf wins; a parent means those of
// its leaves that no wave names.
func (b *builder) waves() {
	b.wave = make([]int32, len(b.leaf))
	for i := range b.wave {
		b.wave[i] = -1
	}
	type mention struct {
		wave int
		task *spec.Task
	}
	var parents []mention
	for n, w := range b.f.Waves {
		for _, m := range w.Tasks {
			t := b.meant(m.ID)
			switch {
			case t == nil:
				b.diags = append(b.diags, spec.Diagnostic{Code: "SPEC101", Severity: spec.Error, File: b.tasksFile(), Line: m.Line, Column: 1, Subject: "wave " + m.ID,
					Message: fmt.Sprintf("wave %d names task %s, which is not defined", n, m.ID), Hint: "name a task of this document"})
			case !t.Leaf():
				parents = append(parents, mention{n, t})
			default:
				b.inWave(b.place(t), n)
			}
		}
	}
	for _, p := range parents {
		for _, i := range b.leavesOf(p.task) {
			b.inWave(i, p.wave)
		}
	}
	members := make([][]int32, len(b.f.Waves))
	for i, n := range b.wave {
		if n >= 0 {
			members[n] = append(members[n], int32(i))
			b.plan.Tasks[i].Reasons = append(b.plan.Tasks[i].Reasons, fmt.Sprintf("wave %d of the file", n))
		}
	}
	before := link{-1, -1}
	for n, ids := range members {
		for _, i := range ids {
			b.follow(i, before, Wave, b.f.Waves[n].Line)
		}
		before = b.link(before, ids)
	}
	for i, t := range b.leaf {
		if b.wave[i] < 0 && !t.Checkpoint && !t.Heading {
			b.report(spec.Warning, "SPEC107", t, t.Line, fmt.Sprintf("task %s is in no wave; it is treated as a barrier at its place", t.ID), "add it to a wave")
		}
	}
}

func (b *builder) inWave(leaf int32, n int) {
	if leaf >= 0 && b.wave[leaf] < 0 {
		b.wave[leaf] = int32(n)
	}
}

func (b *builder) tasksFile() string {
	if d := b.f.Document(spec.Tasks); d != nil {
		return d.Path
	}
	return b.f.Dir
}

// A barrier waits for what stands above it, and holds back what stands below and is in no earlier wave than all above.
// Checkpoints are barriers; so are, where there are waves, leaves in none of them.
type barrier struct {
	at         int32
	checkpoint bool
	waits      bool // for all above; an explicit line of a leaf that is no checkpoint says what it waits for instead
	highest    int32
}

func (b *builder) barriers() []barrier {
	var out []barrier
	highest := int32(-1)
	for i, t := range b.leaf {
		n := int32(-1)
		if b.wave != nil {
			n = b.wave[i]
		}
		if t.Checkpoint || b.wave != nil && n < 0 && !t.Heading {
			out = append(out, barrier{int32(i), t.Checkpoint, t.Checkpoint || !b.free[i], highest})
		}
		highest = max(highest, n)
	}
	return out
}

// checkpoints adds the edges of barriers. They are chained, so that each leaf takes one edge however many barriers stand
// above it.
func (b *builder) checkpoints() {
	bars := b.barriers()
	if len(bars) == 0 {
		return
	}
	b.g.settle()
	above := b.before(bars)
	b.above(bars)
	var chains [4][]int32
	chain := func(i int32) []int32 {
		which := 0
		if b.free[i] {
			which++
		}
		if !b.skipped(i) {
			which += 2
		}
		if chains[which] == nil {
			chains[which] = b.chain(bars, b.free[i], !b.skipped(i))
		}
		return chains[which]
	}
	missed, missedFree := make([]int, len(bars)+1), make([]int, len(bars)+1)
	passed := 0 // barriers above the leaf
	for i := range b.leaf {
		held := passed
		if b.wave != nil && b.wave[i] >= 0 {
			held = min(held, sort.Search(passed, func(k int) bool { return bars[k].highest > b.wave[i] }))
		}
		held = min(held, int(above[i]))
		waits := passed < len(bars) && bars[passed].at == int32(i) && bars[passed].waits
		if held > 0 && !waits {
			if on := chain(int32(i))[held-1]; on >= 0 {
				b.g.add(int32(i), edge{on: on, why: Checkpoint})
			}
		}
		count := missed
		if b.free[i] {
			count = missedFree
		}
		count[held]++
		count[passed]--
		if passed < len(bars) && bars[passed].at == int32(i) {
			passed++
		}
	}
	all, free := 0, 0
	for k := range bars {
		all, free = all+missed[k], free+missedFree[k]
		n := all
		if bars[k].checkpoint {
			n += free
		}
		if t := b.leaf[bars[k].at]; n > 0 {
			b.report(spec.Warning, "SPEC103", t, t.Line, fmt.Sprintf("task %s cannot hold back %d tasks below it: they stand in earlier waves, or it depends on them", t.ID, n), "move it, or them")
		}
	}
}

// before says for each leaf the first barrier that waits for it, directly or not, whose edges win. A barrier waits for all
// that the one above it waits for, so one walk finds them all.
func (b *builder) before(bars []barrier) []int32 {
	first := make([]int32, b.g.nodes())
	for i := range first {
		first[i] = int32(len(bars))
	}
	next := int32(0)
	var queue []int32
	for k, bar := range bars {
		visit := func(node int32) {
			if first[node] == int32(len(bars)) {
				first[node] = int32(k)
				queue = append(queue, node)
			}
		}
		visit(bar.at)
		if bar.waits {
			for ; next < bar.at; next++ {
				if !b.skipped(next) || b.skipped(bar.at) {
					visit(next)
				}
			}
		}
		for len(queue) > 0 {
			node := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			for _, e := range b.g.of(node) {
				visit(e.on)
			}
		}
	}
	return first
}

// above makes each barrier wait for all leaves above it.
func (b *builder) above(bars []barrier) {
	for _, required := range []bool{true, false} {
		before, from := int32(-1), int32(0)
		for k, bar := range bars {
			edges := make([]edge, 0, bar.at-from+1)
			repeat := k > 0 && bars[k-1].waits && !(required && b.skipped(bars[k-1].at))
			if before >= 0 {
				edges = append(edges, edge{on: before})
			}
			for ; from < bar.at; from++ {
				if !required || !b.skipped(from) {
					edges = append(edges, edge{on: from})
				}
			}
			if len(edges) > 1 {
				before = b.g.keep(joint{edges: edges, repeat: repeat && before >= 0})
			} else {
				before = b.g.joint(edges)
			}
			if bar.waits && required == !b.skipped(bar.at) {
				b.g.add(bar.at, edge{on: before, why: Checkpoint, line: int32(b.leaf[bar.at].Line)})
			}
		}
	}
}

// chain gives for each barrier the node that stands for it and those above it. A leaf with an explicit line waits for
// checkpoints only, a required one for no skipped barrier.
func (b *builder) chain(bars []barrier, free, required bool) []int32 {
	out := make([]int32, len(bars))
	before := int32(-1)
	edges := make([]edge, 0, 2*len(bars))
	for k, bar := range bars {
		if (!free || bar.checkpoint) && !(required && b.skipped(bar.at)) {
			mine := edge{on: bar.at, why: Checkpoint, line: int32(b.leaf[bar.at].Line)}
			if before < 0 {
				before = bar.at
			} else {
				edges = append(edges, edge{on: before, why: Checkpoint}, mine)
				before = b.g.keep(joint{edges: edges[len(edges)-2 : len(edges) : len(edges)], repeat: bar.waits})
			}
		}
		out[k] = before
	}
	return out
}
