package plan_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// read parses a feature whose tasks.md is text.
func read(t *testing.T, text string) (*plan.Plan, spec.Diagnostics) {
	t.Helper()
	f, _ := spec.Parse(fstest.MapFS{".kiro/specs/f/tasks.md": {Data: []byte(text)}}, ".kiro/specs/f")
	return plan.New(f, plan.State{})
}

func edges(p *plan.Plan) string {
	var out []string
	for _, task := range p.Tasks {
		out = append(out, task.ID+"<"+strings.Join(task.Depends, ","))
	}
	return strings.Join(out, " ")
}

func TestDependencies(t *testing.T) {
	waves := "\n```json\n{\"waves\":[{\"id\":0,\"tasks\":[\"1\"]},{\"id\":1,\"tasks\":[\"2\",\"3\"]},{\"id\":2,\"tasks\":[\"4\"]}]}\n```\n"
	for name, c := range map[string]struct{ text, want string }{
		"document order":             {"- [ ] 1. a\n- [ ] 2. b\n- [ ] 3. c\n", "1< 2<1 3<2"},
		"explicit replaces order":    {"- [ ] 1. a\n- [ ] 2. b\n- [ ] 3. c\n  - _Depends: 1_\n", "1< 2<1 3<1"},
		"explicit nothing":           {"- [ ] 1. a\n- [ ] 2. b\n  - _Depends: none_\n", "1< 2<"},
		"range and brackets":         {"- [ ] 1. a\n- [ ] 2. b\n- [ ] 3. c\n- [ ] 4. d\n  - Dependencies: Tasks 1-3 (all of it)\n", "1< 2<1 3<2 4<1,2,3"},
		"parent means its leaves":    {"- [ ] 1. a\n  - [ ] 1.1 x\n  - [ ] 1.2 y\n- [ ] 2. b\n  - _Depends: 1_\n", "1.1< 1.2<1.1 2<1.1,1.2"},
		"parent's edge is inherited": {"- [ ] 1. a\n- [ ] 2. b\n- [ ] 3. c\n  - _Depends: 1_\n  - [ ] 3.1 x\n  - [ ] 3.2 y\n", "1< 2<1 3.1<1,2 3.2<1,3.1"},
		"waves are barriers":         {"- [ ] 1. a\n- [ ] 2. b\n- [ ] 3. c\n- [ ] 4. d\n" + waves, "1< 2<1 3<1 4<2,3"},
		"explicit replaces waves":    {"- [ ] 1. a\n- [ ] 2. b\n- [ ] 3. c\n- [ ] 4. d\n  - _Depends: 2_\n" + waves, "1< 2<1 3<1 4<2"},
		"optional is passed over":    {"- [ ] 1. a\n- [ ]* 2. b\n- [ ] 3. c\n", "1< 2<1 3<1"},
		"checkpoint holds":           {"- [ ] 1. a\n- [ ] 2. b\n  - _Depends: none_\n- [ ] 3. Checkpoint\n- [ ] 4. d\n  - _Depends: 1_\n", "1< 2< 3<1,2 4<1,3"},
	} {
		t.Run(name, func(t *testing.T) {
			p, diags := read(t, c.text)
			if got := edges(p); got != c.want || diags.HasErrors() {
				t.Errorf("got  %s\nwant %s\n%v", got, c.want, diags)
			}
		})
	}
}

// spec:workflow/1.2
func TestMistakesAreReportedInOnePass(t *testing.T) {
	_, diags := read(t, "- [ ] 1. a\n  - _Depends: 3_\n- [ ] 2. b\n  - _Depends: 2_\n- [ ] 3. c\n  - _Depends: 1_\n- [ ] 4. d\n  - _Depends: 44_\n")
	var got []string
	for _, d := range diags {
		if d.Severity == spec.Error {
			got = append(got, d.Code)
			if d.File == "" || d.Line == 0 || d.Column == 0 || d.Hint == "" {
				t.Errorf("a finding without its place or hint: %+v", d)
			}
		}
	}
	if want := []string{"SPEC102", "SPEC102", "SPEC101"}; !reflect.DeepEqual(got, want) && len(got) != 3 {
		t.Errorf("codes %v, want %v in any order", got, want)
	}
	path := false
	for _, d := range diags {
		path = path || strings.Contains(d.Message, "1 (line 2) -> 3 (line 6) -> 1")
	}
	if !path {
		t.Errorf("no finding shows the whole cycle: %v", diags)
	}
}

// TestOutlines reads two fixtures of the article's shape: in one the fence stays open to the end, in the other the closing
// line of a later block closes it.
//
// spec:workflow/1.3
func TestOutlines(t *testing.T) {
	for _, name := range []string{"outline.md", "outline-closed.md"} {
		t.Run(name, func(t *testing.T) { outlineNumbers(t, "testdata", name) })
	}
	f, diags := spec.Parse(os.DirFS("testdata"), "outline.md")
	if d := diags[0]; d.Line != 48 || d.Column != 1 || !strings.Contains(d.Hint, "line 58") {
		t.Errorf("finding %+v, want it at the fence in line 48, to be closed before line 58", d)
	}
	if f.Requirements[13].ID != "AC-3" || !f.Requirements[13].Checked || f.Task("1").Acceptance[0] != "it can be taken back" {
		t.Errorf("read %+v and %+v", f.Requirements[13], f.Task("1"))
	}
}

func TestArticle(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "seed")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the article is not beside the project; the fixtures of our own wording always run")
	}
	outlineNumbers(t, dir, "kiro-spec-driven-development.txt")
}

func outlineNumbers(t *testing.T, dir, name string) {
	t.Helper()
	f, diags := spec.Parse(os.DirFS(dir), name)
	kinds := map[spec.RequirementKind]int{}
	for _, r := range f.Requirements {
		kinds[r.Kind]++
	}
	want := map[spec.RequirementKind]int{spec.KindStory: 5, spec.KindRequirement: 6, spec.KindCriterion: 8, spec.KindEdgeCase: 7, spec.KindNonFunctional: 4}
	if !reflect.DeepEqual(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
	if len(diags) != 1 || diags[0].Code != "SPEC001" || diags[0].Line == 0 {
		t.Errorf("findings %+v, want one SPEC001 with its line", diags)
	}
	p, _ := plan.New(f, plan.State{})
	if got, want := edges(p), "1< 2<1 3<1 4<2,3 5<2,3 6<4,5 7<1,2,3,4,5 8<1,2,3,4,5,6"; got != want {
		t.Errorf("edges %s, want %s", got, want)
	}
	if want := [][]string{{"1"}, {"2", "3"}, {"4", "5"}, {"6", "7"}, {"8"}}; !reflect.DeepEqual(p.Waves, want) {
		t.Errorf("waves %v, want %v", p.Waves, want)
	}
	if want := []string{"1", "2", "4", "6", "8"}; !reflect.DeepEqual(p.CriticalPath, want) {
		t.Errorf("critical path %v, want %v", p.CriticalPath, want)
	}
	sets, err := plan.ClosedSets(p)
	if err != nil || len(sets) != 12 {
		t.Errorf("%d closed sets (%v), want 12", len(sets), err)
	}
}
