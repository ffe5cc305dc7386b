package plan

import (
	"slices"

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
	v := View{Version: 1, Feature: p.Feature.Name, Tasks: []TaskView{}, Waves: p.Waves, CriticalPath: some(p.CriticalPath),
		Coverage: CoverageView{Uncovered: []string{}, Matrix: []Coverage{}}, Diagnostics: append(spec.Diagnostics{}, diags...)}
	if v.Waves == nil {
		v.Waves = [][]string{}
	}
	for _, t := range p.Tasks {
		v.Tasks = append(v.Tasks, TaskView{t.ID, t.Title, t.Action, some(t.Depends), t.Wave, t.Critical, some(t.Reasons)})
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

func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return slices.Clone(list)
}
