package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

func wavesBlock(waves ...string) string {
	return "\n```json\n{\"waves\":[" + strings.Join(waves, ",") + "]}\n```\n"
}

// TestUnderstanding has inputs for each case that real files leave open. The edges were derived from the sentences by
// hand. The file's place says the dialect.
func TestUnderstanding(t *testing.T) {
	const kiro, kit, change = ".kiro/specs/f/tasks.md", "specs/001-f/tasks.md", "openspec/changes/f/tasks.md"
	for _, c := range []struct{ name, file, text, want, codes string }{
		{"1 explicit replaces order, spec-kit", kit, "- [ ] T001 a\n- [ ] T002 b\n- [ ] T003 c (depends on T001)\n", "T001< T002<T001 T003<T001", ""},
		{"1 explicit replaces order, a change", change, "- [ ] 1.1 a\n- [ ] 1.2 b\n- [ ] 1.3 c\n  - Depends on: 1.1\n", "1.1< 1.2<1.1 1.3<1.1", ""},
		{"1 nothing in every word", kiro, "- [ ] 1 a\n- [ ] 2 b\n  - Depends: None (fresh start)\n- [ ] 3 c\n  - Dependencies: N/A\n- [ ] 4 d\n  - Depends on: nothing yet\n- [ ] 5 e\n  - 依存: —\n- [ ] 6 f\n  - _Depends: -_\n", "1< 2< 3< 4< 5< 6<", ""},
		{"1 a word that only begins so is none of it", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n  - Depends: nonesuch\n", "1< 2<1 3<2", "SPEC101"},
		{"1 checkpoints hold all the same", kiro, "- [ ] 1 a\n- [ ] 2 Checkpoint\n- [ ] 3 b\n  - Depends: none\n", "1< 2<1 3<2", ""},
		{"2 ids, words, ranges, separators", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n- [ ] 4 d\n- [ ] 5 e\n- [ ] 6 f\n  - Dependencies: Task 1 and Tasks 3–5\n- [ ] 7 g\n  - Depends on: 1、3 + 5\n- [ ] 8 h\n  - Depends: Task 2 – the store\n- [ ] 9 i\n  - depends_on: [1, \"2\"]\n", "1< 2<1 3<2 4<3 5<4 6<1,3,4,5 7<1,3,5 8<2 9<1,2", "SPEC101"},
		{"2 brackets hold reasons", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n  - Depends: 1 (not 2), （2）\n", "1< 2<1 3<1", ""},
		{"2 what is left over is a note", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n  - Depends: 1, the database\n", "1< 2<1 3<1", "SPEC101"},
		{"2 where nothing is understood nothing is replaced", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n  - Depends: the database\n", "1< 2<1 3<2", "SPEC101"},
		{"2 prose around a task", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n  - Depends on: completion of Task 1\n", "1< 2<1 3<1", "SPEC101"},
		{"2 a list below the word", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n  - **Dependencies:**\n    - Task 1\n  - and more\n", "1< 2<1 3<1", ""},
		{"3 the words", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n  - 依赖：1\n- [ ] 4 d\n  - **Abhängigkeiten:** 1\n- [ ] 5 e\n  - _Dépendances: 1_\n- [ ] 6 f\n  - зависимости: 1\n- [ ] 7 g\n  - 의존성: 1\n- [ ] 8 h\n  - dipendenze: 1\n- [ ] 9 i\n  - 前置: 1\n", "1< 2<1 3<1 4<1 5<1 6<1 7<1 8<1 9<1", ""},
		{"3 only with a colon", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n  - Dependencies 1\n  - It depends on task 1\n  - Re-run the test from task 1: it passes\n", "1< 2<1 3<2", ""},
		{"3 headings and diagrams are prose", kiro, "## Depends: 3\n- [ ] 1 a\n- [ ] 2 b\n```mermaid\nDepends: 1\n```\n- [ ] 3 c\n", "1< 2<1 3<2", ""},
		{"3 on the task's own line", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c _Depends: 1_\n- [ ] 4 d (Depends on 1, Task 2)\n", "1< 2<1 3<1 4<1,2", ""},
		{"4 the nearest task with a smaller indentation", kiro, "- [ ] 1 a\n- [ ] 2 b\n  - [ ] 2.1 c\n    - x\n  - Depends: none\n  - [ ] 2.2 d\n", "1< 2.1<1 2.2<2.1", ""},
		{"4 at column 0 the heading's", kiro, "## Task 1: a\n## Task 2: b\n### Notes\n## Task 3: c\n\nDependencies: Task 1\n", "1< 2<1 3<1", ""},
		{"4 after a deeper task's notes", kiro, "## Task 1: a\n## Task 2: b\n## Task 3: c\n### Task 3.1: d\n### Notes\nDependencies: Task 1\n", "1< 2<1 3.1<1,2", ""},
		{"5 ids", kiro, "- [ ] 4.1a x\n- [ ] T0.1: y\n- [ ] **FOUNDATION-1** z\n- [ ] 7 w\n  - Depends: 4.1a, T0.1, FOUNDATION-1\n", "4.1a< T0.1<4.1a FOUNDATION-1<T0.1 7<4.1a,T0.1,FOUNDATION-1", ""},
		{"6 leaves inherit", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n  - Depends: 1\n  - [ ] 3.1 d\n    - Depends: none\n  - [ ] 3.2 e\n", "1< 2<1 3.1<1 3.2<1,3.1", ""},
		{"6 all children optional", kiro, "- [ ] 1 a\n- [ ] 2 b\n  - [ ]* 2.1 c\n  - [ ]* 2.2 d\n- [ ] 3 e\n  - Depends: 2\n", "1< 2.1<1 2.2<2.1 3<1", ""},
		{"7 what a checkpoint is", kiro, "- [ ] 1 a\n- [ ] 2 b\n  - Depends: none\n- [ ] 3 final CHECKPOINT - all green\n- [ ] 4 c\n  - Depends: none\n- [ ] 5 Checkpoint\n  - _Requirements: 1.1_\n- [ ] 6 检查点\n- [ ] 7 d\n  - Depends: 1\n", "1< 2< 3<1,2 4<3 5<3,4 6<1,2,3,4,5 7<1,3,6", ""},
		{"7 edges in win", kiro, "- [ ] 1 a\n- [ ] 2 Checkpoint\n  - Depends: 4\n- [ ] 3 b\n  - Depends: none\n- [ ] 4 c\n  - Depends: none\n", "1< 2<1,4 3<2 4<", "SPEC103"},
		{"7 with waves", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 Checkpoint\n- [ ] 4 c\n- [ ] 5 d\n- [ ] 6 e\n" + wavesBlock(`{"id":0,"tasks":["1","6"]}`, `{"id":1,"tasks":["2","4"]}`, `{"id":2,"tasks":["5"]}`), "1< 2<1,6 3<1,2 4<1,3,6 5<2,3,4 6<", "SPEC103"},
		{"8 by place, not by id", kiro, "- [ ] 1 a\n- [ ] 2 b\n" + wavesBlock(`{"id":5,"tasks":["2"]}`, `{"id":1,"tasks":["1"]}`), "1<2 2<", "SPEC007"},
		{"8 the first mention wins, parents take the rest", kiro, "- [ ] 1 a\n  - [ ] 1.1 b\n  - [ ] 1.2 c\n- [ ] 2 d\n" + wavesBlock(`{"id":0,"tasks":["1"]}`, `{"id":1,"tasks":["1.2"]}`, `{"id":2,"tasks":["2","1.2"]}`), "1.1< 1.2<1.1 2<1.2", ""},
		{"8 numbers are their text, fractions a finding", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 2.10 c\n" + wavesBlock(`{"id":0,"tasks":[1]}`, `{"id":1,"tasks":[2.10]}`), "1< 2.10<1", "SPEC007"},
		{"8 an unknown id", kiro, "- [ ] 1 a\n" + wavesBlock(`{"id":0,"tasks":["1","9"]}`), "1<", "SPEC101"},
		{"8 plain arrays run too", kiro, "- [ ] 1 a\n- [ ] 2 b\n" + wavesBlock(`["2"]`, `["1"]`), "1<2 2<", "SPEC007 SPEC007"},
		{"8 depends_on in the graph", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n" + wavesBlock(`{"tasks":["1","2"]}`, `{"tasks":[{"id":"3","depends_on":["1"]}]}`), "1< 2< 3<1", ""},
		{"9 never for a skipped one", kiro, "- [ ] 1 a\n- [ ]* 2 b\n- [ ] 3 c\n- [ ]* 4 d\n  - Depends: 2\n- [ ] 5 e\n  - Depends: 4\n", "1< 2<1 3<1 4<2 5<1", ""},
		{"9 a wave of skipped ones stays a link", kiro, "- [ ] 1 a\n- [ ]* 2 b\n- [ ] 3 c\n" + wavesBlock(`{"tasks":["1"]}`, `{"tasks":["2"]}`, `{"tasks":["3"]}`), "1< 2<1 3<1", ""},
		{"9 an optional one follows either kind", kiro, "- [ ] 1 a\n- [ ]* 2 b\n- [ ]* 3 c\n", "1< 2<1 3<2", ""},
		{"10 groups", kit, "## Phase 1\n- [ ] T001 a\n- [ ] T002 [P] b\n- [ ] T003 [P] c\n- [ ] T004 d\n- [ ] T005 [P] e\n## Phase 2\n- [ ] T006 [P] f\n", "T001< T002<T001 T003<T001 T004<T002,T003 T005<T004 T006<T005", ""},
		{"10 a heading with the same words ends a group", kit, "## X\n- [ ] T001 [P] a\n## X\n- [ ] T002 [P] b\n", "T001< T002<T001", ""},
		{"10 marks in any order, an explicit line alone counts", kit, "- [ ] T001 a\n- [ ] T002 [US1] [P] b\n- [ ] T003 [P] [US1] c (depends on T001)\n- [ ] T004 d\n", "T001< T002<T001 T003<T001 T004<T002,T003", ""},
		{"10 a change goes as Kiro", change, "- [ ] 1.1 a\n- [ ] 1.2 b\n", "1.1< 1.2<1.1", ""},
		{"11 duplicates", kiro, "- [x] 3 a\n- [ ] 3 b\n- [ ] 4 c\n  - Depends: 3\n", "3< 3#2<3 4<3#2", "SPEC003"},
		{"11 all done: the first", kiro, "- [x] 3 a\n- [x] 3 b\n- [ ] 4 c\n  - Depends: 3\n", "3< 3#2<3 4<3", "SPEC003"},
		{"11 details as headings", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n\n## Task Details\n\n### Task 1: a\n### Task 3: c\n\nDependencies: Task 1\n", "1< 2<1 3<1", ""},
		{"12 done before what it needs", kiro, "- [ ] 1 a\n- [x] 2 b\n  - Depends: 1\n", "1< 2<1", "SPEC103"},
		{"12 parents and children", kiro, "- [x] 1 a\n  - [ ] 1.1 b\n- [ ] 2 c\n  - [x] 2.1 d\n  - [ ]* 2.2 e\n", "1.1< 2.1<1.1 2.2<2.1", "SPEC502 SPEC502"},
		{"a circle with an inferred edge", kiro, "- [ ] 1 a\n- [ ] 2 b\n- [ ] 3 c\n" + wavesBlock(`{"tasks":["1","2"]}`, `{"tasks":["3"]}`) + "\n## More\n\n- [ ] 4 d\n", "1< 2< 3<1,2 4<1,2,3", "SPEC107"},
		{"the written edge wins over the wave's", kiro, "- [ ] 1 a\n  - Depends: 3\n- [ ] 2 b\n- [ ] 3 c\n" + wavesBlock(`{"tasks":["1","2"]}`, `{"tasks":["3"]}`), "1<3 2< 3<2", "SPEC103"},
		{"the written edge wins over the order", kiro, "- [ ] 1 a\n  - Depends: 2\n- [ ] 2 b\n", "1<2 2<", "SPEC103"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := fstest.MapFS{c.file: {Data: []byte(c.text)}}
			if c.file == change {
				fsys["openspec/changes/f/proposal.md"] = &fstest.MapFile{Data: []byte("# x\n")}
			}
			f, diags := spec.Parse(fsys, c.file[:strings.LastIndexByte(c.file, '/')])
			p, more := plan.New(f, plan.State{})
			if got := edges(p); got != c.want {
				t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
			}
			var codes []string
			for _, d := range append(diags, more...) {
				if d.Code != "SPEC005" && d.Severity != spec.Note {
					codes = append(codes, d.Code)
				}
				if d.Line == 0 || d.Column == 0 || d.Hint == "" || d.File == "" {
					t.Errorf("a finding without its place or hint: %+v", d)
				}
			}
			if got := strings.Join(codes, " "); got != c.codes {
				t.Errorf("%s\nfindings %q, want %q: %v", c.text, got, c.codes, append(diags, more...))
			}
		})
	}
}

// TestOptionalAsOrdinary demands that with --optional the stars make no difference to the order.
func TestOptionalAsOrdinary(t *testing.T) {
	text := "- [ ] 1 a\n- [ ]* 2 b\n- [ ] 3 c\n- [ ]* 4 d\n- [ ] 5 Checkpoint\n- [ ] 6 e\n" + wavesBlock(`{"tasks":["1"]}`, `{"tasks":["2"]}`, `{"tasks":["3","4"]}`, `{"tasks":["6"]}`)
	build := func(text string, optional bool) string {
		f, _ := spec.Parse(fstest.MapFS{".kiro/specs/f/tasks.md": {Data: []byte(text)}}, ".kiro/specs/f")
		p, _ := plan.New(f, plan.State{Optional: optional})
		return edges(p)
	}
	if got, want := build(text, true), build(strings.ReplaceAll(text, "]*", "]"), false); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestOutside blocks a task until what it names in another feature is done there.
func TestOutside(t *testing.T) {
	f, _ := spec.Parse(fstest.MapFS{".kiro/specs/f/tasks.md": {Data: []byte("- [ ] 1 a\n  - _Depends: store/11.2_\n- [ ] 2 b\n")}}, ".kiro/specs/f")
	for _, done := range []bool{false, true} {
		asked := ""
		p, diags := plan.New(f, plan.State{External: func(feature, task string) bool { asked = feature + " " + task; return done }})
		want := plan.Blocked
		if done {
			want = plan.Run
		}
		if p.Tasks[0].Action != want || asked != "store 11.2" || len(p.Tasks[0].Depends) != 0 || diags.HasErrors() {
			t.Errorf("done %v: %+v, asked for %q, %v", done, p.Tasks[0], asked, diags)
		}
	}
}

// TestChecklists marks boxes that are looked at rather than worked off.
func TestChecklists(t *testing.T) {
	p, _ := read(t, "- [ ] 1 a\n\n## Success criteria\n\n- [ ] early\n\n## Work\n\n- [ ] 2 b\n\n## Definition of Done\n\n- [ ] reviewed\n\n## Risks\n\n- [ ] looked at\n\n## Later\n\n- [ ] more work\n")
	var manual []string
	for _, task := range p.Tasks {
		if task.Manual {
			manual = append(manual, task.Title)
		}
	}
	if got := strings.Join(manual, ","); got != "reviewed,looked at" {
		t.Errorf("manual: %s", got)
	}
}

// TestDepths demands of a plan's waves that they are the depth, that a checkpoint has one of its own, and that done tasks
// keep their edges.
func TestDepths(t *testing.T) {
	p, _ := read(t, "- [x] 1 a\n- [x] 2 b\n  - Depends: none\n- [ ] 3 Checkpoint\n- [ ] 4 c\n- [ ] 5 d\n  - Depends: none\n")
	if got := fmt.Sprint(p.Waves); got != "[[1 2] [3] [4 5]]" {
		t.Errorf("waves %s", got)
	}
	if !slices.Equal(p.Task("3").Depends, []string{"1", "2"}) || p.Task("1").Action != plan.Done {
		t.Errorf("task 3 %+v", p.Task("3"))
	}
	if why := p.Edges("4"); len(why) != 1 || why[0].Why != plan.Order && why[0].Why != plan.Checkpoint || why[0].On != "3" {
		t.Errorf("edges of 4: %+v", why)
	}
}

// TestHostileSizes plans documents whose edges would not fit into memory if each were made. It demands an answer, and that
// each task still comes after what it waits for. The bound on time is of the kind that only a wrong order of growth misses.
func TestHostileSizes(t *testing.T) {
	const n = 40000
	var waves, checkpoints, parents, unknown strings.Builder
	var first, second []string
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&waves, "- [ ] %d a\n", i)
		if i <= n/2 {
			first = append(first, fmt.Sprintf("%q", fmt.Sprint(i)))
		} else {
			second = append(second, fmt.Sprintf("%q", fmt.Sprint(i)))
		}
		fmt.Fprintf(&checkpoints, "- [ ] %d a\n- [ ] %d Checkpoint\n", 2*i-1, 2*i)
		fmt.Fprintf(&unknown, "- [x] %d a\n  - Depends: %d, x%d, 1.%d\n", i, max(1, i-1), i, i)
	}
	waves.WriteString(wavesBlock(`{"tasks":[`+strings.Join(first, ",")+`]}`, `{"tasks":[`+strings.Join(second, ",")+`]}`))
	parents.WriteString("- [ ] 1 a\n")
	for i := 1; i <= n/2; i++ {
		fmt.Fprintf(&parents, "  - [ ] 1.%d a\n", i)
	}
	for i := 2; i <= n/2; i++ {
		fmt.Fprintf(&parents, "- [ ] %d a\n  - Depends: 1\n", i)
	}
	for name, text := range map[string]string{"waves": waves.String(), "checkpoints": checkpoints.String(), "parents": parents.String(), "unknown": unknown.String()} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			p, diags := read(t, text)
			if name != "unknown" && diags.HasErrors() {
				t.Errorf("%s: %v", name, diags[0])
			}
			place := map[string]int{}
			for i := range p.Tasks {
				place[p.Tasks[i].ID] = p.Tasks[i].Wave
			}
			for i := range p.Tasks {
				for _, on := range p.Tasks[i].Depends[:min(3, len(p.Tasks[i].Depends))] {
					if place[on] >= p.Tasks[i].Wave {
						t.Errorf("%s: task %s in wave %d waits for %s in wave %d", name, p.Tasks[i].ID, p.Tasks[i].Wave, on, place[on])
						return
					}
				}
			}
		}()
		select {
		case <-done:
		case <-time.After(3 * time.Minute):
			t.Fatalf("%s: no plan after three minutes", name)
		}
	}
}
