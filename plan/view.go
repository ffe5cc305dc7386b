package plan

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"spec.example/spec/spec"
)

// A View is `spec plan --json`: fields may be added, never renamed; arrays are never null.
type View struct {
	Version      int              `json:"version"`
	Feature      string           `json:"feature"`
	Tasks        []TaskView       `json:"tasks"`
	Waves        [][]string       `json:"waves"`
	CriticalPath []string         `json:"criticalPath"`
	Coverage     CoverageView     `json:"coverage"`
	Diagnostics  spec.Diagnostics `json:"diagnostics"`
}

// A TaskView is one task of a View; depends are ids, with barriers and parents resolved.
type TaskView struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Action   Action   `json:"action"`
	Depends  []string `json:"depends"`
	Wave     int      `json:"wave"`
	Critical bool     `json:"critical"`
	Reasons  []string `json:"reasons"`
}

// A CoverageView says which criteria the tasks cite.
type CoverageView struct {
	Criteria  int        `json:"criteria"`
	Covered   int        `json:"covered"`
	Uncovered []string   `json:"uncovered"`
	Matrix    []Coverage `json:"matrix"`
}

// NewView makes the JSON form of a plan.
func NewView(p *Plan, diags spec.Diagnostics) View {
	v := head(p, diags)
	for i := range p.Tasks {
		v.Tasks = append(v.Tasks, taskView(&p.Tasks[i]))
	}
	return v
}

// head is the View without its tasks.
func head(p *Plan, diags spec.Diagnostics) View {
	v := View{Version: 1, Feature: p.Feature.Name, Tasks: []TaskView{}, Waves: p.Waves, CriticalPath: some(p.CriticalPath),
		Coverage: CoverageView{Uncovered: []string{}, Matrix: []Coverage{}}, Diagnostics: append(spec.Diagnostics{}, diags...)}
	if v.Waves == nil {
		v.Waves = [][]string{}
	}
	v.Coverage.Matrix = append(v.Coverage.Matrix, p.Coverage...)
	v.Coverage.Criteria = len(p.Coverage)
	for _, c := range p.Coverage {
		if len(c.Tasks) > 0 {
			v.Coverage.Covered++
		} else {
			v.Coverage.Uncovered = append(v.Coverage.Uncovered, c.Criterion)
		}
	}
	return v
}

func taskView(t *Task) TaskView {
	return TaskView{t.ID, t.Title, t.Action, some(t.Depends), t.Wave, t.Critical, some(t.Reasons)}
}

// JSON writes the View of a plan, a task a line: a plan of 100,000 tasks is not held in memory once more.
func JSON(w io.Writer, p *Plan, diags spec.Diagnostics) error {
	out := bufio.NewWriterSize(w, 1<<16)
	v := head(p, diags)
	fmt.Fprintf(out, "{\n  \"version\": %d,\n  \"feature\": ", v.Version)
	enc := json.NewEncoder(unended{out})
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v.Feature); err != nil {
		return err
	}
	list(out, enc, "tasks", len(p.Tasks), func(i int) any { return taskView(&p.Tasks[i]) })
	list(out, enc, "waves", len(v.Waves), func(i int) any { return v.Waves[i] })
	out.WriteString(",\n  \"criticalPath\": ")
	enc.Encode(v.CriticalPath)
	out.WriteString(",\n  \"coverage\": ")
	if err := enc.Encode(v.Coverage); err != nil {
		return err
	}
	list(out, enc, "diagnostics", len(v.Diagnostics), func(i int) any { return v.Diagnostics[i] })
	out.WriteString("\n}\n")
	return out.Flush()
}

func list(out *bufio.Writer, enc *json.Encoder, name string, n int, at func(int) any) {
	fmt.Fprintf(out, ",\n  %q: [", name)
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n    ")
		enc.Encode(at(i)) // the writer keeps its first error for Flush
	}
	if n > 0 {
		out.WriteString("\n  ")
	}
	out.WriteByte(']')
}

// unended drops the line end that an encoder puts behind every value.
type unended struct{ w *bufio.Writer }

func (u unended) Write(p []byte) (int, error) {
	_, err := u.w.Write(bytes.TrimSuffix(p, []byte{'\n'}))
	return len(p), err
}

func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
