package spec_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/spec"
)

func feature(t *testing.T, files map[string]string) (*spec.Feature, spec.Diagnostics) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[".kiro/specs/f/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return spec.Parse(fsys, ".kiro/specs/f")
}

// ticked applies the edits of a tick to the feature's tasks.md.
func ticked(t *testing.T, f *spec.Feature, id string, to spec.TaskState) string {
	t.Helper()
	edits, err := spec.Tick(f, id, to)
	if err != nil {
		t.Fatalf("tick %s: %v", id, err)
	}
	doc := f.Document(spec.Tasks)
	out, err := spec.ApplyEdits(doc.Path, doc.Data, edits)
	if err != nil {
		t.Fatalf("tick %s: %v", id, err)
	}
	return string(out)
}

func TestTickChangesOneByteABox(t *testing.T) {
	text := "\ufeff# Plan\r\n\r\n- [ ] 1. Parent\r\n\t- [x] 1.1 a\r\n\t- [ ] 1.2 b\r\n\t- [ ]* 1.3 optional\r\n- [X] 2. done"
	f, _ := feature(t, map[string]string{"tasks.md": text})
	if got, want := ticked(t, f, "1.2", spec.Done), strings.Replace(strings.Replace(text, "[ ] 1.2", "[x] 1.2", 1), "[ ] 1. P", "[x] 1. P", 1); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got, want := ticked(t, f, "2", spec.Todo), strings.Replace(text, "[X] 2", "[ ] 2", 1); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if _, err := spec.Tick(f, "1", spec.Done); err == nil || !strings.Contains(err.Error(), "1.2") {
		t.Errorf("a parent with an open sub-task: error %v", err)
	}
	if edits, err := spec.Tick(f, "2", spec.Done); err != nil || len(edits) != 0 {
		t.Errorf("what is done already: %v, %v", edits, err)
	}
	edits, err := spec.Tick(f, "1.2", spec.Done)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := spec.ApplyEdits(edits[0].Path, []byte("something else"), edits); err == nil {
		t.Error("a file that changed meanwhile was edited")
	}
}

func TestReopenedChildOpensItsParent(t *testing.T) {
	text := "- [x] 1. Parent\n  - [x] 1.1 a\n"
	f, _ := feature(t, map[string]string{"tasks.md": text})
	if got := ticked(t, f, "1.1", spec.Todo); got != "- [ ] 1. Parent\n  - [ ] 1.1 a\n" {
		t.Errorf("got %q", got)
	}
}

// TestTicksOfTheCorpus ticks every task of every file, and takes it back: the bytes are the same again.
func TestTicksOfTheCorpus(t *testing.T) {
	fsys := os.DirFS(corpus(t))
	workspaces, _ := spec.Workspaces(fsys, ".")
	n := 0
	for _, w := range workspaces {
		for _, loc := range w.Features {
			f, _ := spec.Parse(fsys, loc.Dir)
			doc := f.Document(spec.Tasks)
			if doc == nil {
				continue
			}
			for i := range f.Tasks {
				task := &f.Tasks[i]
				if task.BoxOffset < 0 {
					continue
				}
				to := spec.Done
				if task.State == spec.Done {
					to = spec.Todo
				}
				edits, err := spec.Tick(f, task.ID, to)
				if err != nil {
					continue // a parent with open sub-tasks
				}
				n++
				changed, err := spec.ApplyEdits(doc.Path, doc.Data, edits)
				if err != nil {
					t.Fatalf("%s task %s: %v", loc.Dir, task.ID, err)
				}
				differ := 0
				for j := range changed {
					if changed[j] != doc.Data[j] {
						differ++
					}
				}
				if len(changed) != len(doc.Data) || differ != len(edits) {
					t.Errorf("%s task %s: %d bytes differ for %d boxes", loc.Dir, task.ID, differ, len(edits))
				}
				for j := range edits {
					edits[j].Old, edits[j].New = edits[j].New, edits[j].Old
				}
				back, err := spec.ApplyEdits(doc.Path, changed, edits)
				if err != nil || !bytes.Equal(back, doc.Data) {
					t.Errorf("%s task %s: not the same after tick and back (%v)", loc.Dir, task.ID, err)
				}
			}
		}
	}
	if n < 1000 {
		t.Errorf("only %d ticks were tried", n)
	}
}

func TestApprovedHashSurvivesTicksAndLineEndsOnly(t *testing.T) {
	base, _ := feature(t, map[string]string{"tasks.md": "- [ ] 1. a\n- [ ]* 2. b\n"})
	want := spec.ApprovedHash(base, spec.Tasks)
	for text, same := range map[string]bool{
		"- [x] 1. a\n- [-]* 2. b\n":          true,
		"- [ ] 1. a\r\n- [ ]* 2. b\r\n":      true,
		"\ufeff- [ ] 1. a\n- [ ]* 2. b\n":    true,
		"- [ ] 1. A\n- [ ]* 2. b\n":          false,
		"- [ ] 1. a\n- [ ] 2. b\n":           false,
		"- [ ] 1. a\n- [ ]* 2. b\n- [ ] 3\n": false,
		"- [ ] 1. a \n- [ ]* 2. b\n":         false,
	} {
		f, _ := feature(t, map[string]string{"tasks.md": text})
		if got := spec.ApprovedHash(f, spec.Tasks) == want; got != same {
			t.Errorf("%q: same %v, want %v", text, got, same)
		}
	}
	if spec.ApprovedHash(base, spec.Design) != "" {
		t.Error("a stage without a document has a hash")
	}
}
