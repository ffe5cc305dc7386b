package plan_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// A label says what a person read in one specification. A field that is absent is not labelled.
type label struct {
	Path     string `json:"path"`
	Criteria []struct {
		ID        string  `json:"id"`
		Owner     *string `json:"owner"`
		OwnerLine int     `json:"ownerLine"`
		Line      int     `json:"line"`
		File      string  `json:"file"`
	} `json:"criteria"`
	Tasks []labelledTask `json:"tasks"`
}

type labelledTask struct {
	ID            string          `json:"id"`
	Line          int             `json:"line"`
	State         spec.TaskState  `json:"state"`
	Optional      *bool           `json:"optional"`
	Parent        json.RawMessage `json:"parent"`
	Requirements  []string        `json:"requirements"`
	Depends       []string        `json:"depends"`
	DependsDirect []string        `json:"depends_direct"`
	Manual        bool            `json:"manual"`
}

// TestLabels holds what the reader understands against what a person read. testdata/labelled/README.md of the package spec
// tells how the labels were made, and who was wrong where the two differed.
func TestLabels(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "corpus")
	files, err := filepath.Glob(filepath.Join("..", "spec", "testdata", "labelled", "*.json"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d labels, want at least twenty (%v)", len(files), err)
	}
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("SPEC_REQUIRE_CORPUS") == "1" {
			t.Fatal(err)
		}
		t.Skip("the corpus, which the labels speak of, is not beside the project; TestUnderstanding always runs")
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".json"), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var want label
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			if len(want.Criteria)+len(want.Tasks) == 0 {
				t.Fatal("nothing is labelled")
			}
			f, _ := spec.Parse(os.DirFS(dir), want.Path)
			sameCriteria(t, f, &want)
			sameTasks(t, f, &want)
		})
	}
}

func sameCriteria(t *testing.T, f *spec.Feature, want *label) {
	t.Helper()
	at := map[string]*spec.Requirement{}
	lines := map[string]int{}
	n := 0
	for i := range f.Requirements {
		r := &f.Requirements[i]
		lines[r.ID] = r.Line
		if r.Kind == spec.KindCriterion {
			n++
		}
		at[fmt.Sprint(strings.TrimPrefix(r.File, f.Dir+"/"), ":", r.Line)] = r
	}
	if len(want.Criteria) > 0 && n != len(want.Criteria) && f.Dialect != spec.SpecKit {
		t.Errorf("%d criteria, want %d", n, len(want.Criteria))
	}
	for _, c := range want.Criteria {
		file := c.File
		if file == "" {
			file = map[spec.Dialect]string{spec.SpecKit: "spec.md", spec.OpenSpec: "spec.md"}[f.Dialect]
		}
		if file == "" {
			file = "requirements.md"
		}
		got := at[fmt.Sprint(file, ":", c.Line)]
		if got == nil {
			t.Errorf("criterion %s in line %d of %s was not found", c.ID, c.Line, file)
			continue
		}
		if c.ID != "" && same(c.ID, got.ID) != c.ID {
			t.Errorf("line %d of %s: criterion %s, want %s", c.Line, file, got.ID, c.ID)
		}
		if c.Owner != nil && same(*c.Owner, got.Parent) != *c.Owner {
			t.Errorf("criterion %s: belongs to %q, want %q", got.ID, got.Parent, *c.Owner)
		}
		if c.OwnerLine > 0 && lines[got.Parent] != c.OwnerLine {
			t.Errorf("criterion %s: its owner is in line %d, want %d", got.ID, lines[got.Parent], c.OwnerLine)
		}
	}
}

// same gives an id in the form of its label: names of OpenSpec are labelled by their hash.
func same(label, id string) string {
	if !strings.HasPrefix(label, "sha256:") {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:])[:12]
}

func sameTasks(t *testing.T, f *spec.Feature, want *label) {
	t.Helper()
	if len(want.Tasks) == 0 {
		return
	}
	if len(f.Tasks) != len(want.Tasks) {
		t.Errorf("%d tasks, want %d", len(f.Tasks), len(want.Tasks))
	}
	byLine := map[int]*spec.Task{}
	for i := range f.Tasks {
		byLine[f.Tasks[i].Line] = &f.Tasks[i]
	}
	ids := map[string]string{} // of the program, by label
	for _, w := range want.Tasks {
		if got := byLine[w.Line]; got != nil {
			ids[w.ID] = got.ID
			if !strings.HasPrefix(w.ID, "@") && got.ID != w.ID {
				t.Errorf("line %d: task %s, want %s", w.Line, got.ID, w.ID)
			}
		} else {
			t.Errorf("task %s in line %d was not found", w.ID, w.Line)
		}
	}
	for _, w := range want.Tasks {
		got := byLine[w.Line]
		if got == nil {
			continue
		}
		if got.State != w.State {
			t.Errorf("task %s is %s, want %s", got.ID, got.State, w.State)
		}
		if w.Optional != nil && got.Optional != *w.Optional {
			t.Errorf("task %s: optional %v", got.ID, got.Optional)
		}
		if got.Manual != w.Manual && w.Manual {
			t.Errorf("task %s: manual %v", got.ID, got.Manual)
		}
		if w.Parent != nil {
			var parent string
			if json.Unmarshal(w.Parent, &parent); got.Parent != ids[parent] {
				t.Errorf("task %s is part of %q, want %q", got.ID, got.Parent, ids[parent])
			}
		}
		if w.Requirements != nil && !sameSet(cited(f, got), w.Requirements) {
			t.Errorf("task %s cites %v, want %v", got.ID, got.Requirements, w.Requirements)
		}
	}
	samePlan(t, f, want, ids, byLine)
}

// cited lists what a task cites, All written out.
func cited(f *spec.Feature, t *spec.Task) []string {
	out := slices.Clone(t.Requirements)
	if slices.Contains(out, "All") {
		out = slices.DeleteFunc(out, func(s string) bool { return s == "All" })
		for _, r := range f.Requirements {
			if r.Parent == "" && r.Kind == spec.KindRequirement {
				out = append(out, r.ID)
			}
		}
	}
	return out
}

func sameSet(a, b []string) bool {
	set := func(list []string) []string {
		list = slices.Clone(list)
		slices.Sort(list)
		return slices.Compact(list)
	}
	return slices.Equal(set(a), set(b))
}

// samePlan compares what each leaf waits for, directly or not, among required leaves.
func samePlan(t *testing.T, f *spec.Feature, want *label, ids map[string]string, byLine map[int]*spec.Task) {
	t.Helper()
	p, _ := plan.New(f, plan.State{})
	known := map[string][]string{}
	for _, w := range want.Tasks {
		if w.Depends != nil {
			known[ids[w.ID]] = []string{}
			for _, on := range w.Depends {
				known[ids[w.ID]] = append(known[ids[w.ID]], ids[on])
			}
		}
	}
	for _, w := range want.Tasks {
		if w.Depends == nil || byLine[w.Line] == nil {
			continue
		}
		task := p.Task(ids[w.ID])
		if task == nil {
			t.Errorf("task %s is not in the plan", w.ID)
			continue
		}
		got := reached(task.ID, func(id string) []string { return p.Task(id).Depends })
		got = slices.DeleteFunc(got, func(id string) bool { return p.Task(id).Optional })
		if wanted := reached(task.ID, func(id string) []string { return known[id] }); !sameSet(got, wanted) {
			t.Errorf("task %s waits in all for %v, want %v", w.ID, got, wanted)
		}
		for _, on := range w.DependsDirect {
			if !slices.Contains(task.Depends, ids[on]) {
				t.Errorf("task %s waits for %v, want %s among them", w.ID, task.Depends, on)
			}
		}
	}
}

func reached(from string, next func(string) []string) []string {
	var out []string
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, id := range next(queue[0]) {
			if !seen[id] {
				seen[id] = true
				out, queue = append(out, id), append(queue, id)
			}
		}
	}
	return out
}

// TestLabelsHoldNoText demands that the labels are numbers and names of ours: the files that they speak of are not ours.
func TestLabelsHoldNoText(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "spec", "testdata", "labelled", "*.json"))
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var l label
		if err := json.Unmarshal(data, &l); err != nil {
			t.Fatalf("%s: %v", path.Base(name), err)
		}
		for _, c := range l.Criteria {
			if len(c.ID) > 19 || strings.ContainsAny(c.ID, " \t") {
				t.Errorf("%s: criterion %q", name, c.ID)
			}
		}
		for _, task := range l.Tasks {
			if len(task.ID) > 12 || strings.ContainsAny(task.ID, " \t") {
				t.Errorf("%s: task %q", name, task.ID)
			}
		}
	}
}
