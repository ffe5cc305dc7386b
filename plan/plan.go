package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"spec.example/spec/spec"
)

// An Action is what apply would do with a task.
type Action string

// The actions.
const (
	Run     Action = "run"
	Rerun   Action = "rerun" // landed, but it or what it cites has changed since
	Done    Action = "done"
	Blocked Action = "blocked" // waits for something outside that is not done
	Skip    Action = "skip"
)

// State is what is known besides the documents.
type State struct {
	Outcomes map[string]spec.Outcome         // what the lock says, by task id
	Optional bool                            // optional tasks are run too
	External func(feature, task string) bool // tells whether a task of another feature is done; nil for no
}

// A Plan is the graph of a feature's leaves.
type Plan struct {
	Feature      *spec.Feature
	Tasks        []Task // in document order
	Waves        [][]string
	CriticalPath []string
	Coverage     []Coverage
	index        []int32 // of a feature's task among the leaves, by place in the document; -1 for none
}

// A Task is a leaf with what it waits for.
type Task struct {
	ID         string
	Title      string
	Action     Action
	Depends    []string // ids, barriers and parents resolved
	Edges      []Edge
	Wave       int // depth from 1
	Reasons    []string
	Line       int
	Critical   bool
	Checkpoint bool
	Manual     bool
	Optional   bool

	feature *spec.Feature
	waits   map[string]bool // ids in Edges, where there are many
}

// Inputs is the hash of the task's text and of what it cites.
func (t *Task) Inputs() string { return InputHash(t.feature, t.ID) }

// An Edge is one reason why a task waits for another.
type Edge struct {
	On   string
	Line int32
	Why  Why
}

// Why says where an edge comes from.
type Why uint8

// The sources of edges. Only what a document says explicitly is stronger than what is inferred.
const (
	Order Why = iota
	Explicit
	Wave
	Checkpoint
)

// String tells it to a person.
func (w Why) String() string {
	return [...]string{"order in the document", "written in the document", "it stands in a later wave", "a checkpoint stands between"}[w]
}

// Coverage says which tasks cite a criterion.
type Coverage struct {
	Criterion string   `json:"criterion"`
	Tasks     []string `json:"tasks"`
}

// Task returns the task with an id, or nil.
func (p *Plan) Task(id string) *Task {
	if i := p.at(id); i >= 0 {
		return &p.Tasks[i]
	}
	return nil
}

// at is the place of a task among the leaves, -1 for none.
func (p *Plan) at(id string) int {
	if i := p.Feature.TaskIndex(id); i >= 0 && i < len(p.index) {
		return int(p.index[i])
	}
	return -1
}

// New makes the plan of a feature. It always gives a plan; with an error among the findings it must not be carried out.
func New(f *spec.Feature, done State) (*Plan, spec.Diagnostics) {
	b := &builder{f: f, state: done, plan: &Plan{Feature: f}}
	b.leaves()
	b.explicit()
	b.inferred()
	b.checkpoints()
	b.cycles()
	b.depths()
	b.actions()
	b.coverage()
	b.diags.Sort()
	for i := range b.diags {
		b.diags[i].Feature = f.Name
	}
	return b.plan, b.diags
}

type builder struct {
	f     *spec.Feature
	state State
	plan  *Plan
	leaf  []*spec.Task
	wave  map[string]int // of the file, by place
	diags spec.Diagnostics
	free  []bool // leaves with an explicit line, by place
}

func (b *builder) leaves() {
	details := b.headingsOfBoxes()
	n := 0
	for i := range b.f.Tasks {
		if b.f.Tasks[i].Leaf() {
			n++
		}
	}
	b.plan.index = make([]int32, len(b.f.Tasks))
	b.plan.Tasks = make([]Task, 0, n)
	b.leaf = make([]*spec.Task, 0, n)
	b.free = make([]bool, n)
	for i := range b.f.Tasks {
		t := &b.f.Tasks[i]
		b.plan.index[i] = -1
		if !t.Leaf() || details[t.ID] {
			continue
		}
		b.plan.index[i] = int32(len(b.plan.Tasks))
		b.plan.Tasks = append(b.plan.Tasks, Task{ID: t.ID, Title: t.Title, Checkpoint: t.Checkpoint, Manual: t.Manual, Optional: b.optional(t), Line: t.Line, feature: b.f})
		b.leaf = append(b.leaf, t)
	}
}

// headingsOfBoxes finds headings that repeat the numbers of a list of boxes above them: they are its details.
func (b *builder) headingsOfBoxes() map[string]bool {
	details := map[string]bool{}
	for i := range b.f.Tasks {
		t := &b.f.Tasks[i]
		if !t.Heading {
			continue
		}
		if base, _, again := strings.Cut(t.ID, "#"); again {
			if first := b.f.TaskIndex(base); first >= 0 && first < i && !b.f.Tasks[first].Heading {
				details[t.ID] = true
			}
		}
	}
	return details
}

func (b *builder) optional(t *spec.Task) bool {
	if t.Optional {
		return true
	}
	for p := b.f.Task(t.Parent); p != nil; p = b.f.Task(p.Parent) {
		if p.Optional {
			return true
		}
	}
	return false
}

// resolve turns an id that a document names into leaves. ok is false where no such task exists.
func (b *builder) resolve(id string) (ids []string, ok bool) {
	t := b.f.Task(id)
	if t == nil {
		for i := range b.f.Tasks { // 3 stands for the first of 3 and 3#2 that is not done
			if base, _, again := strings.Cut(b.f.Tasks[i].ID, "#"); again && base == id {
				t = &b.f.Tasks[i]
				break
			}
		}
	}
	if t == nil {
		return nil, false
	}
	if t.Leaf() {
		if t.State == spec.Done {
			for i := range b.f.Tasks {
				if base, _, again := strings.Cut(b.f.Tasks[i].ID, "#"); again && base == id && b.f.Tasks[i].State != spec.Done && b.plan.Task(b.f.Tasks[i].ID) != nil {
					return []string{b.f.Tasks[i].ID}, true
				}
			}
		}
		return []string{t.ID}, true
	}
	queue := slices.Clone(t.Children)
	for n := 0; n < len(queue) && n < 1<<20; n++ {
		c := b.f.Task(queue[n])
		if c == nil {
			continue
		}
		if !c.Leaf() {
			queue = append(queue, c.Children...)
		} else if !b.optional(c) {
			ids = append(ids, c.ID)
		}
	}
	return ids, true
}

func (b *builder) edge(task *Task, e Edge) {
	if e.On == task.ID || b.plan.Task(e.On) == nil {
		return
	}
	if task.waits == nil && len(task.Edges) > 16 {
		task.waits = make(map[string]bool, 2*len(task.Edges))
		for _, x := range task.Edges {
			task.waits[x.On] = true
		}
	}
	if task.waits[e.On] || task.waits == nil && slices.ContainsFunc(task.Edges, func(x Edge) bool { return x.On == e.On }) {
		return
	}
	if task.waits != nil {
		task.waits[e.On] = true
	}
	task.Edges = append(task.Edges, e)
}

// explicit adds the edges that the document names, a parent's for each of its leaves.
func (b *builder) explicit() {
	for i, t := range b.leaf {
		for p := b.f.Task(t.Parent); p != nil; p = b.f.Task(p.Parent) {
			b.named(i, p)
		}
		b.free[i] = b.named(i, t)
	}
}

// named adds the edges of a leaf that its own line, or that of a parent, names. It tells whether anything was understood.
func (b *builder) named(leaf int, source *spec.Task) bool {
	if source.DependsLine == 0 {
		return false
	}
	t, task := b.leaf[leaf], &b.plan.Tasks[leaf]
	understood := source.DependsNone || len(source.DependsOut) > 0
	if task.Edges == nil && len(source.Depends) > 0 {
		task.Edges = make([]Edge, 0, len(source.Depends))
	}
	for _, id := range source.Depends {
		if on := b.leafNamed(id); on != "" && on != t.ID {
			understood = true
			b.edge(task, Edge{On: on, Why: Explicit, Line: int32(source.DependsLine)})
			continue
		}
		ids, ok := b.resolve(id)
		if !ok {
			if source == t || source.Children[0] == t.ID || b.firstLeaf(source) == t.ID {
				b.unknown(source, id)
			}
			continue
		}
		understood = true
		if source == t && (id == t.ID || slices.Contains(ids, t.ID)) {
			b.report(spec.Error, "SPEC102", source, source.DependsLine, fmt.Sprintf("task %s depends on itself", t.ID), "drop it from the line")
			continue
		}
		for _, on := range ids {
			b.edge(task, Edge{On: on, Why: Explicit, Line: int32(source.DependsLine)})
		}
	}
	return understood
}

// leafNamed is the id of the leaf that a name means, the ordinary case; "" where it takes more to find it.
func (b *builder) leafNamed(id string) string {
	if t := b.f.Task(id); t != nil && t.Leaf() && t.State != spec.Done {
		return t.ID
	}
	return ""
}

func (b *builder) firstLeaf(t *spec.Task) string {
	for _, l := range b.leaf {
		if slices.ContainsFunc(b.f.ParentChain(l), func(p *spec.Task) bool { return p.ID == t.ID }) {
			return l.ID
		}
	}
	return ""
}

func (b *builder) unknown(t *spec.Task, id string) {
	hint := "name a task of this document"
	best, most := "", min(2, len(id)-1)
	for i := range b.f.Tasks {
		if d := spec.Distance(id, b.f.Tasks[i].ID); d <= most {
			best, most = b.f.Tasks[i].ID, d-1
		}
	}
	if best != "" {
		hint = "did you mean " + best + "?"
	}
	if !strings.ContainsAny(id, "0123456789") || strings.ContainsAny(id, " \t") {
		b.report(spec.Warning, "SPEC101", t, t.DependsLine, fmt.Sprintf("task %s: %q in its dependencies is no task", t.ID, id), hint)
		return
	}
	b.report(spec.Error, "SPEC101", t, t.DependsLine, fmt.Sprintf("task %s depends on %s, which is not defined", t.ID, id), hint)
	b.point(t, t.DependsLine, id)
}

// report adds a finding at a line of a task, with the column of its text.
func (b *builder) report(s spec.Severity, code string, t *spec.Task, line int, message, hint string) {
	b.diags = append(b.diags, spec.Diagnostic{Code: code, Severity: s, File: t.File, Line: line, Column: 1, Subject: t.ID, Message: message, Hint: hint})
}

// point moves the last finding to the id that it is about, where that stands in the lines of the task from one on: a
// reference stands in the last line that holds it. One that came of a range stays where it is.
func (b *builder) point(t *spec.Task, from int, id string) {
	d := &b.diags[len(b.diags)-1]
	for _, doc := range b.f.Documents {
		if doc.Path != t.File || from < 1 {
			continue
		}
		lines := strings.Split(string(doc.Data), "\n")
		for n := min(max(t.EndLine, from+1), len(lines)+1) - 1; n >= from; n-- {
			if at := wordAt(lines[n-1], id); at >= 0 {
				d.Line, d.Column, d.Length = n, at+1, len(id)
				return
			}
		}
		return
	}
}

// wordAt is the last place in a line where an id stands by itself, not as the part of another; -1 for none.
func wordAt(line, id string) int {
	part := func(i int) bool {
		return i >= 0 && i < len(line) && (line[i] >= '0' && line[i] <= '9' || line[i] >= 'a' && line[i] <= 'z' || line[i] >= 'A' && line[i] <= 'Z')
	}
	for end := len(line); ; {
		i := strings.LastIndex(line[:end], id)
		if i < 0 {
			return -1
		}
		after := i + len(id)
		inner := part(after) || after < len(line) && line[after] == '.' && part(after+1)
		if !part(i-1) && !(i > 0 && line[i-1] == '.' && part(i-2)) && !inner {
			return i
		}
		end = i + len(id) - 1
	}
}

// inferred adds the edges of waves, or of document order where there are none.
func (b *builder) inferred() {
	switch {
	case len(b.f.Waves) > 0:
		b.waves()
	case b.f.Dialect == spec.Outline:
	case b.f.Dialect == spec.CCSDD || b.f.Dialect == spec.SpecKit:
		b.groups()
	default:
		b.serial()
	}
}

// serial makes each leaf without an explicit line follow the previous one: a required leaf the previous required one, an
// optional leaf the previous of either kind.
func (b *builder) serial() {
	required, any := "", ""
	for i := range b.plan.Tasks {
		task := &b.plan.Tasks[i]
		on := required
		if task.Optional {
			on = any
		}
		if on != "" && !b.free[i] {
			b.edge(task, Edge{On: on, Why: Order})
		}
		any = task.ID
		if !task.Optional {
			required = task.ID
		}
	}
}

// groups makes neighbouring parallel leaves of one section a group; a group, like a single serial leaf, waits for the
// whole group or leaf before it.
func (b *builder) groups() {
	var before, now []string
	section, parallel := "", false
	for i := range b.plan.Tasks {
		task, t := &b.plan.Tasks[i], b.leaf[i]
		marked := t.Parallel
		if !(marked && parallel && t.Section == section) {
			if len(now) > 0 {
				before = now
			}
			now = nil
		}
		section, parallel = t.Section, marked
		if !b.free[i] {
			for _, on := range before {
				b.edge(task, Edge{On: on, Why: Order})
			}
		}
		if !task.Optional || b.state.Optional {
			now = append(now, task.ID)
		}
	}
}

// waves makes every leaf of a wave wait for the wave before it. Leaves in no wave are barriers at their place in the
// document.
func (b *builder) waves() {
	b.wave = map[string]int{}
	for n, w := range b.f.Waves {
		for _, m := range w.Tasks {
			ids, ok := b.resolve(m.ID)
			if !ok {
				b.diags = append(b.diags, spec.Diagnostic{Code: "SPEC101", Severity: spec.Error, File: b.tasksFile(), Line: m.Line, Column: 1, Subject: "wave " + m.ID,
					Message: fmt.Sprintf("wave %d names task %s, which is not defined", n, m.ID), Hint: "name a task of this document"})
				continue
			}
			for _, id := range ids {
				if _, seen := b.wave[id]; !seen {
					b.wave[id] = n
				}
			}
		}
	}
	members := make([][]string, len(b.f.Waves))
	for i := range b.plan.Tasks {
		task := &b.plan.Tasks[i]
		if n, ok := b.wave[task.ID]; ok {
			members[n] = append(members[n], task.ID)
			task.Reasons = append(task.Reasons, fmt.Sprintf("wave %d of the file", n))
		}
	}
	for n, ids := range members {
		before := earlier(members, n)
		for _, id := range ids {
			if b.free[b.plan.at(id)] {
				continue
			}
			for _, on := range before {
				b.edge(b.plan.Task(id), Edge{On: on, Why: Wave, Line: int32(b.f.Waves[n].Line)})
			}
		}
	}
	for i, t := range b.leaf {
		if _, ok := b.wave[t.ID]; !ok && !t.Checkpoint && !t.Heading {
			b.report(spec.Warning, "SPEC107", t, t.Line, fmt.Sprintf("task %s is in no wave; it is treated as a barrier at its place", t.ID), "add it to a wave")
			b.barrier(i)
		}
	}
}

// earlier is the nearest wave before n that has members: an empty one must not break the chain.
func earlier(members [][]string, n int) []string {
	for n--; n >= 0; n-- {
		if len(members[n]) > 0 {
			return members[n]
		}
	}
	return nil
}

func (b *builder) tasksFile() string {
	if d := b.f.Document(spec.Tasks); d != nil {
		return d.Path
	}
	return b.f.Dir
}

// barrier makes a leaf wait for what stands above it, and holds back what stands below and is not in an earlier wave.
func (b *builder) barrier(i int) {
	task := &b.plan.Tasks[i]
	highest := -1
	for j := range i {
		above := &b.plan.Tasks[j]
		if n, ok := b.wave[above.ID]; ok {
			highest = max(highest, n)
		}
	}
	if !b.free[i] || task.Checkpoint {
		for j := range i {
			if above := &b.plan.Tasks[j]; !above.Optional || b.state.Optional || task.Optional {
				b.edge(task, Edge{On: above.ID, Why: Checkpoint, Line: int32(task.Line)})
			}
		}
	}
	missed := 0
	for j := i + 1; j < len(b.plan.Tasks); j++ {
		below := &b.plan.Tasks[j]
		if n, ok := b.wave[below.ID]; ok && n < highest {
			missed++
			continue
		}
		if b.free[j] && !task.Checkpoint {
			continue
		}
		if b.reaches(task, below.ID) {
			missed++
			continue
		}
		b.edge(below, Edge{On: task.ID, Why: Checkpoint, Line: int32(task.Line)})
	}
	if missed > 0 {
		b.report(spec.Warning, "SPEC103", b.leaf[i], task.Line, fmt.Sprintf("task %s cannot hold back %d tasks below it: they stand in earlier waves, or it depends on them", task.ID, missed), "move it, or them")
	}
}

// reaches tells whether a task waits, directly or not, for another.
func (b *builder) reaches(from *Task, id string) bool {
	seen := map[string]bool{}
	for queue := []*Task{from}; len(queue) > 0; queue = queue[1:] {
		for _, e := range queue[0].Edges {
			if e.On == id {
				return true
			}
			if !seen[e.On] {
				seen[e.On] = true
				if t := b.plan.Task(e.On); t != nil {
					queue = append(queue, t)
				}
			}
		}
	}
	return false
}

func (b *builder) checkpoints() {
	for i := range b.plan.Tasks {
		if b.plan.Tasks[i].Checkpoint {
			b.barrier(i)
		}
	}
}

// cycles drops inferred edges that close a cycle, with a warning, and reports cycles of explicit ones with their path.
func (b *builder) cycles() {
	const white, grey, black = 0, 1, 2
	color := make([]int, len(b.plan.Tasks))
	type frame struct{ task, edge int }
	for start := range b.plan.Tasks {
		if color[start] != white {
			continue
		}
		color[start] = grey
		stack := []frame{{start, 0}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			task := &b.plan.Tasks[top.task]
			if top.edge >= len(task.Edges) {
				color[top.task] = black
				stack = stack[:len(stack)-1]
				continue
			}
			e := task.Edges[top.edge]
			next := b.plan.at(e.On)
			switch color[next] {
			case white:
				top.edge++
				color[next] = grey
				stack = append(stack, frame{next, 0})
			case grey:
				path := []frame{}
				for k := len(stack) - 1; k >= 0; k-- {
					path = append(path, stack[k])
					if stack[k].task == next {
						break
					}
				}
				slices.Reverse(path)
				b.breakCycle(task, top.edge, func(yield func(*Task, Edge) bool) {
					for k, fr := range path {
						t := &b.plan.Tasks[fr.task]
						at := fr.edge - 1
						if k == len(path)-1 {
							at = fr.edge
						}
						if !yield(t, t.Edges[at]) {
							return
						}
					}
				})
			default:
				top.edge++
			}
		}
	}
}

// breakCycle removes the edge that was found to close a cycle. A cycle with an inferred edge is the order's fault, one of
// explicit edges the document's.
func (b *builder) breakCycle(task *Task, edge int, path func(func(*Task, Edge) bool)) {
	var text []string
	strong := true
	var weak *Task
	var weakOn string
	var firstID string
	path(func(t *Task, e Edge) bool {
		if firstID == "" {
			firstID = t.ID
		}
		line := t.Line
		if e.Line > 0 {
			line = int(e.Line)
		}
		text = append(text, fmt.Sprintf("%s (line %d)", t.ID, line))
		if e.Why != Explicit {
			strong, weak, weakOn = false, t, e.On
		}
		return true
	})
	closing := task.Edges[edge]
	task.Edges = slices.Delete(task.Edges, edge, edge+1)
	t := b.f.Task(task.ID)
	if strong {
		b.report(spec.Error, "SPEC102", t, max(int(closing.Line), 1), "tasks wait for each other: "+strings.Join(text, " -> ")+" -> "+firstID, "drop one of these dependencies")
		return
	}
	b.report(spec.Warning, "SPEC103", b.f.Task(weak.ID), weak.Line, fmt.Sprintf("task %s stands after %s, but the other way round is written explicitly", weak.ID, weakOn), "move the task")
}

// depths computes waves and the critical path.
func (b *builder) depths() {
	p := b.plan
	total := 0
	for i := range p.Tasks {
		total += len(p.Tasks[i].Edges)
	}
	// The dependents of task i stand in dependents[first[i]:first[i+1]].
	left, first, best := make([]int32, len(p.Tasks)), make([]int32, len(p.Tasks)+2), make([]int32, len(p.Tasks)) // best: predecessor on the longest chain
	dependents, on, arena := make([]int32, total), make([]int32, 0, total), make([]string, 0, total)
	for i := range p.Tasks {
		for _, e := range p.Tasks[i].Edges {
			j := int32(p.at(e.On))
			on = append(on, j)
			first[j+2]++
		}
	}
	for i := range p.Tasks {
		first[i+2] += first[i+1]
	}
	at := 0
	ready := make([]int32, 0, len(p.Tasks))
	for i := range p.Tasks {
		task := &p.Tasks[i]
		best[i] = -1
		mine := on[at : at+len(task.Edges)]
		at += len(task.Edges)
		for _, j := range mine {
			dependents[first[j+1]] = int32(i)
			first[j+1]++
		}
		slices.Sort(mine)
		from := len(arena)
		for _, j := range mine {
			arena = append(arena, p.Tasks[j].ID)
		}
		if len(mine) > 0 {
			task.Depends = arena[from:len(arena):len(arena)]
		}
		if left[i] = int32(len(task.Edges)); left[i] == 0 {
			ready = append(ready, int32(i))
		}
	}
	for n := 0; n < len(ready); n++ {
		i := ready[n]
		task := &p.Tasks[i]
		task.Wave++
		for _, j := range dependents[first[i]:first[i+1]] {
			if d := &p.Tasks[j]; task.Wave > d.Wave || task.Wave == d.Wave && (best[j] < 0 || i < best[j]) {
				d.Wave, best[j] = task.Wave, i
			}
			if left[j]--; left[j] == 0 {
				ready = append(ready, j)
			}
		}
	}
	deepest := -1
	for i := range p.Tasks {
		task := &p.Tasks[i]
		for len(p.Waves) < task.Wave {
			p.Waves = append(p.Waves, nil)
		}
		if task.Wave > 0 {
			p.Waves[task.Wave-1] = append(p.Waves[task.Wave-1], task.ID)
			if deepest < 0 || task.Wave > p.Tasks[deepest].Wave {
				deepest = i
			}
		}
	}
	for i := deepest; i >= 0; i = int(best[i]) {
		p.Tasks[i].Critical = true
		p.CriticalPath = append(p.CriticalPath, p.Tasks[i].ID)
	}
	slices.Reverse(p.CriticalPath)
}

// actions says what is done and what has to be done.
func (b *builder) actions() {
	for i, t := range b.leaf {
		task := &b.plan.Tasks[i]
		out, known := b.state.Outcomes[t.ID]
		switch {
		case known && out.Kind == spec.SkippedTask:
			task.Action = Skip
			task.Reasons = append(task.Reasons, "a skip is recorded")
		case known && out.Inputs != "" && out.Inputs != task.Inputs():
			task.Action = Rerun
			task.Reasons = append(task.Reasons, "its text, or a criterion that it cites, has changed since it landed")
		case known && out.Again != "":
			task.Action = Rerun
			task.Reasons = append(task.Reasons, "task "+out.Again+", which it depends on, landed anew")
		case known, t.State == spec.Done:
			task.Action = Done
		case task.Optional && !b.state.Optional:
			task.Action = Skip
			task.Reasons = append(task.Reasons, "optional; --optional runs it")
		default:
			task.Action = Run
		}
		for _, out := range t.DependsOut {
			feature, id, _ := strings.Cut(out, "/")
			if task.Action == Run && (b.state.External == nil || !b.state.External(feature, id)) {
				task.Action = Blocked
				task.Reasons = append(task.Reasons, "waits for "+out+", which is not done")
			}
		}
	}
	for i := range b.plan.Tasks {
		task := &b.plan.Tasks[i]
		if task.Action != Done {
			continue
		}
		for _, e := range task.Edges {
			on := b.plan.Task(e.On)
			if on.Action == Run && e.Why == Explicit {
				b.report(spec.Warning, "SPEC103", b.leaf[i], task.Line, fmt.Sprintf("task %s is done before %s, which it needs", task.ID, e.On), "look whether it is really done")
			}
		}
	}
}

// coverage checks the references of tasks and lists which criterion is covered by which task.
func (b *builder) coverage() {
	covered := map[string][]string{}
	known := map[string]bool{}
	for _, r := range b.f.Requirements {
		base, _, _ := strings.Cut(r.ID, "#")
		known[r.ID], known[base] = true, true
	}
	for _, t := range b.leaf {
		for _, id := range b.f.Covers(t) {
			covered[id] = append(covered[id], t.ID)
		}
	}
	for i := range b.f.Tasks {
		t := &b.f.Tasks[i]
		for _, ref := range t.Requirements {
			if ref != "All" && !known[ref] && b.f.Document(spec.Requirements) != nil && len(b.f.Requirements) > 0 && b.f.Dialect != spec.SpecKit && b.f.Dialect != spec.OpenSpecChange {
				b.report(spec.Error, "SPEC104", t, t.Line, fmt.Sprintf("task %s cites requirement %s, which is not defined", t.ID, ref), "cite one of "+b.near(ref))
				b.point(t, t.Line, ref)
			}
		}
	}
	anyRefs := len(covered) > 0
	for _, c := range b.f.Criteria() {
		tasks := covered[c.ID]
		if tasks == nil {
			tasks = []string{}
			if anyRefs && len(b.leaf) > 0 {
				b.diags = append(b.diags, spec.Diagnostic{Code: "SPEC105", Severity: spec.Warning, File: c.File, Line: c.Line, Column: 1, Subject: c.ID,
					Message: fmt.Sprintf("criterion %s is covered by no task", c.ID), Hint: "cite it in a task of " + b.tasksFile()})
			}
		}
		b.plan.Coverage = append(b.plan.Coverage, Coverage{Criterion: c.ID, Tasks: tasks})
	}
	for _, t := range b.leaf {
		if anyRefs && !t.Checkpoint && !t.Manual && len(b.f.Covers(t)) == 0 && b.f.Dialect != spec.Outline {
			b.report(spec.Warning, "SPEC106", t, t.Line, fmt.Sprintf("task %s covers no criterion", t.ID), "cite one with _Requirements: …_")
		}
	}
}

// near names the criteria of the requirement that a reference belongs to.
func (b *builder) near(ref string) string {
	parent, _, _ := strings.Cut(ref, ".")
	first, last := "", ""
	for _, r := range b.f.Requirements {
		if r.Parent == parent && parent != "" {
			if first == "" {
				first = r.ID
			}
			last = r.ID
		}
	}
	if first == "" {
		for _, r := range b.f.Requirements {
			if r.Parent == "" {
				if first == "" {
					first = r.ID
				}
				last = r.ID
			}
		}
	}
	return first + " to " + last
}

// InputHash names what a task is made from: its own text, its parents', and that of every requirement and property that
// it cites.
func InputHash(f *spec.Feature, id string) string {
	t := f.Task(id)
	if t == nil {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "task %s\n", t.Hash())
	for _, p := range f.ParentChain(t) {
		fmt.Fprintf(h, "parent %s\n", p.Hash())
	}
	for _, id := range f.Covers(t) {
		if r := f.Requirement(id); r != nil {
			fmt.Fprintf(h, "criterion %s %s\n", id, r.Hash())
		}
	}
	for _, id := range f.CitedProperties(t) {
		for i := range f.Properties {
			if p := &f.Properties[i]; p.ID == id {
				fmt.Fprintf(h, "property %s %x\n", id, sha256.Sum256([]byte(strings.TrimSpace(p.Text))))
			}
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// ClosedSets lists every non-empty set of tasks that holds all that its members depend on, smaller ones first. It fails
// beyond 4,096 sets.
func ClosedSets(p *Plan) ([][]string, error) {
	const most = 4096
	sets := [][]string{{}}
	seen := map[string]bool{"": true}
	for i := 0; i < len(sets); i++ {
		set := sets[i]
		for _, t := range p.Tasks {
			if slices.Contains(set, t.ID) || slices.ContainsFunc(t.Depends, func(d string) bool { return !slices.Contains(set, d) }) {
				continue
			}
			var next []string
			for _, u := range p.Tasks {
				if u.ID == t.ID || slices.Contains(set, u.ID) {
					next = append(next, u.ID)
				}
			}
			if key := strings.Join(next, "\x00"); !seen[key] {
				seen[key] = true
				sets = append(sets, next)
			}
			if len(sets) > most {
				return nil, fmt.Errorf("more than %d sets", most)
			}
		}
	}
	return sets[1:], nil
}
