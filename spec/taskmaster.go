package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A masterTask is one task of a tasks.json as Task Master keeps it. Ids and dependencies are numbers or strings; those
// of a subtask count within its parent.
type masterTask struct {
	ID           json.RawMessage   `json:"id"`
	Title        string            `json:"title"`
	Description  string            `json:"description"`
	Status       string            `json:"status"`
	Dependencies []json.RawMessage `json:"dependencies"`
	Details      string            `json:"details"`
	TestStrategy string            `json:"testStrategy"`
	Subtasks     []masterTask      `json:"subtasks"`
}

// ParseTaskMaster reads the tasks of a Task Master file. A file with several lists (tags) gives the one called master,
// else the first by name; notes say what was left.
func ParseTaskMaster(fsys fs.FS, name string) (f *Feature, notes []string, err error) {
	data, err := readBounded(fsys, name)
	if err != nil {
		return nil, nil, err
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, nil, fmt.Errorf("%s: %s", name, jsonPlace(data, err))
	}
	list := file["tasks"]
	if list == nil {
		tag, others := "", []string{}
		for key, value := range file {
			var tagged struct {
				Tasks json.RawMessage `json:"tasks"`
			}
			if json.Unmarshal(value, &tagged) != nil || tagged.Tasks == nil {
				continue
			}
			if tag == "" || key == "master" || tag != "master" && key < tag {
				if tag != "" {
					others = append(others, tag)
				}
				tag, list = key, tagged.Tasks
			} else {
				others = append(others, key)
			}
		}
		slices.Sort(others)
		for _, other := range others {
			notes = append(notes, fmt.Sprintf("the list %q of the file is left out; %q is taken", other, tag))
		}
	}
	if list == nil {
		return nil, nil, fmt.Errorf("%s: no list of tasks in it", name)
	}
	var tasks []masterTask
	var fields []map[string]json.RawMessage
	if err := json.Unmarshal(list, &tasks); err != nil {
		return nil, nil, fmt.Errorf("%s: its tasks are in another form: %v", name, err)
	}
	f = &Feature{Dir: path.Dir(name), Name: "tasks", Title: "Tasks", Dialect: Kiro, Documents: []Document{{Stage: Tasks, Path: name, Data: data, From: 1, To: 1 + bytes.Count(data, []byte{'\n'})}}}
	m := &masterReader{f: f, notes: notes}
	if json.Unmarshal(list, &fields) != nil || len(fields) != len(tasks) {
		fields = make([]map[string]json.RawMessage, len(tasks))
	}
	for i := range tasks {
		m.task(&tasks[i], fields[i], "", 0)
	}
	if m.other {
		m.notes = append(m.notes, "fields that Kiro has no place for (priority and the like) are lines among the details of their tasks")
	}
	f.index()
	return f, m.notes, nil
}

// jsonPlace says where a JSON text is wrong.
func jsonPlace(data []byte, err error) string {
	if e, ok := err.(*json.SyntaxError); ok {
		before := data[:min(int(e.Offset), len(data))]
		line := 1 + bytes.Count(before, []byte{'\n'})
		return fmt.Sprintf("line %d, column %d: %v", line, len(before)-bytes.LastIndexByte(before, '\n'), err)
	}
	return err.Error()
}

type masterReader struct {
	f     *Feature
	notes []string
	other bool // a field was carried over as a detail
}

func (m *masterReader) task(t *masterTask, fields map[string]json.RawMessage, parent string, depth int) {
	if depth > 16 {
		m.notes = append(m.notes, "subtasks deeper than 16 levels are left out")
		return
	}
	id := plainID(t.ID)
	if parent != "" && !strings.HasPrefix(id, parent+".") {
		id = parent + "." + id
	}
	task := Task{ID: id, Title: oneLine(t.Title), Parent: parent, BoxOffset: -1, Fields: &Fields{}, DependsLine: 1}
	switch strings.ToLower(t.Status) {
	case "done", "completed":
		task.State = Done
	case "in-progress", "in_progress":
		task.State = Doing
	case "cancelled", "deferred":
		task.State, task.Optional = Todo, true
		m.notes = append(m.notes, fmt.Sprintf("task %s was %s: it is optional now", id, t.Status))
	case "", "pending":
		task.State = Todo
	default:
		task.State = Todo
		m.notes = append(m.notes, fmt.Sprintf("task %s had the state %q: it is open now", id, t.Status))
	}
	for _, text := range []string{t.Description, t.Details} {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				task.Details = append(task.Details, line)
			}
		}
	}
	task.Details = append(task.Details, m.others(fields)...)
	if t.TestStrategy != "" {
		task.Acceptance = append(task.Acceptance, oneLine(t.TestStrategy))
	}
	for _, raw := range t.Dependencies {
		on := plainID(raw)
		if parent != "" && !strings.Contains(on, ".") {
			on = parent + "." + on
		}
		task.Depends = append(task.Depends, on)
	}
	task.DependsNone = len(task.Depends) == 0
	at := len(m.f.Tasks)
	m.f.Tasks = append(m.f.Tasks, task)
	var below []map[string]json.RawMessage
	if json.Unmarshal(fields["subtasks"], &below) != nil || len(below) != len(t.Subtasks) {
		below = make([]map[string]json.RawMessage, len(t.Subtasks))
	}
	for i := range t.Subtasks {
		child := plainID(t.Subtasks[i].ID)
		if !strings.HasPrefix(child, id+".") {
			child = id + "." + child
		}
		m.f.Tasks[at].Children = append(m.f.Tasks[at].Children, child)
		m.task(&t.Subtasks[i], below[i], id, depth+1)
	}
}

// others are the fields of a task that have no place of their own, as lines.
func (m *masterReader) others(fields map[string]json.RawMessage) []string {
	var out []string
	for key, value := range fields {
		switch key {
		case "id", "title", "description", "status", "dependencies", "details", "testStrategy", "subtasks":
			continue
		}
		text := oneLine(plainID(value))
		if text == "" || text == "null" || text == "[]" || text == "{}" {
			continue
		}
		m.other = true
		out = append(out, strings.ToUpper(key[:min(1, len(key))])+key[min(1, len(key)):]+": "+text)
	}
	slices.Sort(out)
	return out
}

// plainID is a number or string of JSON as text.
func plainID(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return strings.TrimSpace(s)
	}
	return strings.TrimSpace(string(raw))
}
