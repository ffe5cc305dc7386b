package spec

// A FeatureView is `spec show --json`: fields may be added, never renamed; arrays are never null.
type FeatureView struct {
	Version      int               `json:"version"`
	Feature      string            `json:"feature"`
	Dialect      Dialect           `json:"dialect"`
	Title        string            `json:"title"`
	Requirements []RequirementView `json:"requirements"`
	Tasks        []TaskView        `json:"tasks"`
	Properties   []PropertyView    `json:"properties"`
	Diagnostics  Diagnostics       `json:"diagnostics"`
	Config       *Config           `json:"config,omitempty"` // what Kiro keeps in .config.kiro
	Result       []Merged          `json:"result,omitempty"` // of a change of OpenSpec: the requirements when it is done
}

// A RequirementView is one requirement or criterion of a FeatureView.
type RequirementView struct {
	ID      string          `json:"id"`
	Kind    RequirementKind `json:"kind"`
	Parent  *string         `json:"parent"`
	Text    string          `json:"text"`
	File    string          `json:"file"`
	Line    int             `json:"line"`
	Checked bool            `json:"checked"`
	Delta   Delta           `json:"delta,omitempty"`
}

// A TaskView is one task of a FeatureView; its dependencies are as written.
type TaskView struct {
	ID           string    `json:"id"`
	Title        string    `json:"title"`
	State        TaskState `json:"state"`
	Optional     bool      `json:"optional"`
	Parent       *string   `json:"parent"`
	Depends      []string  `json:"depends"`
	Requirements []string  `json:"requirements"`
	Acceptance   []string  `json:"acceptance"`
	Details      []string  `json:"details"`
	File         string    `json:"file"`
	Line         int       `json:"line"`
}

// A PropertyView is one correctness property of a FeatureView.
type PropertyView struct {
	ID        string   `json:"id"`
	Title     string   `json:"title"`
	Validates []string `json:"validates"`
	Line      int      `json:"line"`
}

// View makes the JSON form of a feature.
func View(f *Feature, diags Diagnostics) FeatureView {
	v := FeatureView{Version: 1, Feature: f.Name, Dialect: f.Dialect, Title: f.Title, Config: f.Config, Requirements: []RequirementView{}, Tasks: []TaskView{}, Properties: []PropertyView{}, Diagnostics: Diagnostics{}}
	v.Diagnostics = append(v.Diagnostics, diags...)
	for _, r := range f.Requirements {
		v.Requirements = append(v.Requirements, RequirementView{r.ID, r.Kind, orNull(r.Parent), r.Text, r.File, r.Line, r.Checked, r.Delta})
	}
	for _, t := range f.Tasks {
		v.Tasks = append(v.Tasks, TaskView{t.ID, t.Title, t.State, t.Optional, orNull(t.Parent), some(append(some(t.Depends), t.DependsOut...)), some(t.Requirements), some(t.Acceptance), some(t.Details), t.File, t.Line})
	}
	for _, p := range f.Properties {
		v.Properties = append(v.Properties, PropertyView{p.ID, p.Title, some(p.Validates), p.Line})
	}
	return v
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
