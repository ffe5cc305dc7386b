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
	graph        graph
}

// A Task is a leaf with what it waits for.
type Task struct {
	ID         string
	Title      string
	Action     Action
	Depends    []string // ids, barriers and parents resolved
	Wave       int      // depth from 1
	Reasons    []string
	Line       int
	Critical   bool
	Checkpoint bool
	Manual     bool
	Optional   bool

	feature *spec.Feature
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

// Edges lists why a task waits, one reason for each that it waits for.
func (p *Plan) Edges(id string) []Edge {
	i := p.at(id)
	if i < 0 {
		return nil
	}
	var out []Edge
	r := p.graph.reader()
	r.leaves(p.graph.of(int32(i)), func(e edge) {
		out = append(out, Edge{On: p.Tasks[e.on].ID, Line: e.line, Why: e.why})
	})
	return out
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
	b.g = &b.plan.graph
	b.leaves()
	b.explicit()
	b.inferred()
	b.checkpoints()
	b.g.settle()
	b.g.added = nil
	b.passOn()
	b.cycles()
	b.depths()
	b.depends()
	b.actions()
	b.parentsAgree()
	b.coverage()
	b.diags.Sort()
	for i := range b.diags {
		b.diags[i].Feature = f.Name
	}
	return b.plan, b.diags
}

type builder struct {
	f        *spec.Feature
	state    State
	plan     *Plan
	g        *graph
	leaf     []*spec.Task
	free     []bool  // leaves with an explicit line, by place
	wave     []int32 // of the file, by place; -1 for none; nil where the file has none
	details  map[string]bool
	repeats  map[string][]*spec.Task // tasks with the number of another
	parents  map[string]int32        // nodes that stand for the leaves of a parent
	reported map[string]bool
	guesses  int
	splits   int
	buf      []edge
	lines    []string // of the document of the tasks, for places
	diags    spec.Diagnostics
}

func (b *builder) leaves() {
	b.details = b.headingsOfBoxes()
	n := 0
	for i := range b.f.Tasks {
		if b.f.Tasks[i].Leaf() && !b.details[b.f.Tasks[i].ID] {
			n++
		}
	}
	b.plan.index = make([]int32, len(b.f.Tasks))
	b.plan.Tasks = make([]Task, 0, n)
	b.leaf = make([]*spec.Task, 0, n)
	b.free = make([]bool, n)
	b.g.leaves = n
	for i := range b.f.Tasks {
		t := &b.f.Tasks[i]
		b.plan.index[i] = -1
		if !t.Leaf() || b.details[t.ID] {
			continue
		}
		b.plan.index[i] = int32(len(b.plan.Tasks))
		b.plan.Tasks = append(b.plan.Tasks, Task{ID: t.ID, Title: t.Title, Checkpoint: t.Checkpoint, Manual: t.Manual, Optional: b.optional(t), Line: t.Line, feature: b.f})
		b.leaf = append(b.leaf, t)
	}
}

// skipped tells whether a leaf is left out: an optional one that nobody asked for.
func (b *builder) skipped(i int32) bool { return b.plan.Tasks[i].Optional && !b.state.Optional }

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
	r := b.g.reader()
	for i := range b.plan.Tasks {
		task := &b.plan.Tasks[i]
		if task.Action != Done || len(b.g.of(int32(i))) == 0 {
			continue
		}
		on := int32(-1)
		for _, e := range b.g.of(int32(i)) {
			if e.why != Explicit || on >= 0 {
				continue
			}
			r.leaves([]edge{e}, func(e edge) {
				if b.plan.Tasks[e.on].Action == Run && on < 0 {
					on = e.on
				}
			})
		}
		if on >= 0 {
			b.report(spec.Warning, "SPEC103", b.leaf[i], task.Line, fmt.Sprintf("task %s is done before %s, which it needs", task.ID, b.plan.Tasks[on].ID), "look whether it is really done")
		}
	}
}

// parentsAgree reports boxes of parents that say something else than their sub-tasks, which decide.
func (b *builder) parentsAgree() {
	for i := range b.f.Tasks {
		t := &b.f.Tasks[i]
		if t.Leaf() || t.BoxOffset < 0 {
			continue
		}
		open, required := "", 0
		for _, c := range t.Children {
			if child := b.f.Task(c); child != nil && !child.Optional {
				required++
				if child.State != spec.Done && open == "" && !child.Heading {
					open = c
				}
			}
		}
		message, to := "", "x"
		switch {
		case t.State == spec.Done && open != "":
			message, to = fmt.Sprintf("task %s is ticked, and its sub-task %s is open", t.ID, open), " "
		case t.State != spec.Done && open == "" && required > 0:
			message = fmt.Sprintf("task %s is not ticked, and all its sub-tasks are done", t.ID)
		default:
			continue
		}
		d := spec.Diagnostic{Code: "SPEC502", Severity: spec.Warning, File: t.File, Line: t.Line, Column: 1, Subject: t.ID, Message: message, Hint: "spec fix sets its box as the sub-tasks say"}
		if doc := b.f.Document(spec.Tasks); doc != nil && doc.Path == t.File && t.BoxOffset < len(doc.Data) {
			d.Edits = []spec.Edit{{Path: t.File, Offset: t.BoxOffset, Old: string(doc.Data[t.BoxOffset : t.BoxOffset+1]), New: to}}
		}
		b.diags = append(b.diags, d)
	}
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
//
// spec:workflow/3.5
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
