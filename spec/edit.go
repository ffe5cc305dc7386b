package spec

import (
	"fmt"
	"slices"
)

// stateByte is the character of a state.
func stateByte(s TaskState) string {
	switch s {
	case Done:
		return "x"
	case Doing:
		return "-"
	case Queued:
		return "~"
	}
	return " "
}

// Tick gives the edits that set the box of a task: one byte for each box that changes. A parent's box is ticked when its
// last required child is done, and opened again when one is opened. It refuses a parent with open required children, and
// a task without a box.
func Tick(f *Feature, id string, to TaskState) ([]Edit, error) {
	t := f.Task(id)
	if t == nil {
		return nil, fmt.Errorf("no task %s in %s", id, f.Name)
	}
	if t.BoxOffset < 0 {
		return nil, fmt.Errorf("task %s is a heading without a box", id)
	}
	if to == Done {
		for _, c := range t.Children {
			if child := f.Task(c); child != nil && !child.Optional && child.State != Done {
				return nil, fmt.Errorf("task %s has open sub-tasks: %s", id, c)
			}
		}
	}
	states := map[string]TaskState{id: to}
	now := func(task *Task) TaskState {
		if s, ok := states[task.ID]; ok {
			return s
		}
		return task.State
	}
	for p := f.Task(t.Parent); p != nil && p.BoxOffset >= 0 && len(states) < 64; p = f.Task(p.Parent) {
		open := slices.ContainsFunc(p.Children, func(c string) bool {
			child := f.Task(c)
			return child != nil && !child.Optional && now(child) != Done
		})
		switch {
		case !open && p.State != Done:
			states[p.ID] = Done
		case open && p.State == Done:
			states[p.ID] = Todo
		}
	}
	var edits []Edit
	for i := range f.Tasks {
		task := &f.Tasks[i]
		state, ok := states[task.ID]
		if !ok || state == task.State {
			continue
		}
		data := documentData(f, task.File)
		if task.BoxOffset >= len(data) {
			return nil, fmt.Errorf("task %s has no box in %s", task.ID, task.File)
		}
		edits = append(edits, Edit{Path: task.File, Offset: task.BoxOffset, Old: string(data[task.BoxOffset : task.BoxOffset+1]), New: stateByte(state)})
	}
	return edits, nil
}

func documentData(f *Feature, path string) []byte {
	for i := range f.Documents {
		if f.Documents[i].Path == path {
			return f.Documents[i].Data
		}
	}
	return nil
}

// ApplyEdits makes the edits of one file in memory. It refuses when the file does not hold what an edit replaces, or when
// two edits overlap.
func ApplyEdits(path string, data []byte, edits []Edit) ([]byte, error) {
	mine := slices.DeleteFunc(slices.Clone(edits), func(e Edit) bool { return e.Path != path })
	slices.SortStableFunc(mine, func(a, b Edit) int { return a.Offset - b.Offset })
	out := make([]byte, 0, len(data)+64)
	last := 0
	for _, e := range mine {
		end := e.Offset + len(e.Old)
		if e.Offset < last || end > len(data) || string(data[e.Offset:end]) != e.Old {
			return nil, fmt.Errorf("at byte %d there is no longer %q", e.Offset, e.Old)
		}
		out = append(append(out, data[last:e.Offset]...), e.New...)
		last = end
	}
	return append(out, data[last:]...), nil
}
