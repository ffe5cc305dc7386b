package tasks

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/spec"
)

// recall lists what a brief of a task has to hold and does not: the task and its parents, every cited requirement and
// property, or, where nothing is cited, the title of every requirement.
func recall(t *testing.T, f *spec.Feature, task *spec.Task) (brief []byte, missing []string) {
	t.Helper()
	brief, err := Brief(f, task.ID, BriefInput{})
	if err != nil {
		t.Fatal(err)
	}
	need := func(what, text string) {
		if text = strings.TrimSpace(text); text != "" && !bytes.Contains(brief, []byte(text)) {
			missing = append(missing, what)
		}
	}
	need("the task", strings.TrimRight(task.Text, "\n"))
	for _, p := range f.ParentChain(task) {
		need("parent "+p.ID, p.Text)
	}
	cited := f.Covers(task)
	for _, id := range cited {
		if r := f.Requirement(id); r != nil {
			need("requirement "+id, r.Text)
		}
	}
	for _, id := range f.CitedProperties(task) {
		for _, p := range f.Properties {
			if p.ID == id {
				need("property "+id, p.Text)
			}
		}
	}
	if len(cited) == 0 {
		for _, r := range f.Requirements {
			if r.Kind != spec.KindCriterion {
				need("title of "+r.ID, firstNonEmpty(r.Title, r.Text))
			}
		}
	}
	return brief, missing
}

func TestBriefHoldsWhatIsCited(t *testing.T) {
	files := fstest.MapFS{
		"f/requirements.md": {Data: []byte("# Requirements Document\n\n### Requirement 1: First\n\n#### Acceptance Criteria\n\n1. WHEN a THE System SHALL b\n2. WHEN c THE System SHALL d\n\n### Requirement 2: Second\n\n#### Acceptance Criteria\n\n1. WHEN e THE System SHALL f\n")},
		"f/design.md":       {Data: []byte("# Design Document\n\n## Overview\n\nLong words that no task needs.\n\n## Correctness Properties\n\n### Property 1: Steady\n\nFor all x.\n\n**Validates: Requirements 1.2**\n")},
		"f/tasks.md":        {Data: []byte("# Implementation Plan\n\n- [ ] 1. Group\n  - _Requirements: 2.1_\n  - [ ] 1.1 Leaf\n    - Do it\n    - _Requirements: 1.2_\n- [ ] 2. Free\n")},
	}
	f, _ := spec.Parse(files, "f")
	for id, want := range map[string]struct{ in, out string }{
		"1.1": {"WHEN c THE System SHALL d", "no task needs"},
		"2":   {"Second", "WHEN a THE"},
	} {
		brief, missing := recall(t, f, f.Task(id))
		if len(missing) > 0 || !strings.Contains(string(brief), want.in) || strings.Contains(string(brief), want.out) {
			t.Errorf("task %s: missing %v in\n%s", id, missing, brief)
		}
	}
}

// TestBriefsOfTheCorpus: at the median a brief is a quarter of the specification at most, and none lacks what is cited.
func TestBriefsOfTheCorpus(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "corpus")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("SPEC_REQUIRE_CORPUS") == "1" {
			t.Fatal(err)
		}
		t.Skip("the corpus is not beside the project; TestBriefHoldsWhatIsCited always runs")
	}
	fsys := os.DirFS(dir)
	workspaces, _ := spec.Workspaces(fsys, ".")
	var shares []float64
	lacking := 0
	for _, w := range workspaces {
		for _, loc := range w.Features {
			f, _ := spec.Parse(fsys, loc.Dir)
			total := 0
			for _, d := range f.Documents {
				total += len(d.Data)
			}
			for _, task := range f.Leaves() {
				if f.Task(task.ID) != task {
					continue // a second task of the same number
				}
				brief, missing := recall(t, f, task)
				shares = append(shares, float64(len(brief))/float64(total))
				if len(missing) > 0 {
					if lacking++; lacking <= 10 {
						t.Errorf("%s, task %s: its brief lacks %v", loc.Dir, task.ID, missing)
					}
				}
			}
		}
	}
	if len(shares) == 0 {
		t.Fatal("the corpus has no tasks")
	}
	slices.Sort(shares)
	median := shares[len(shares)/2]
	t.Logf("%d briefs, median %.3f of the specification, nine tenths below %.3f; %d lack something", len(shares), median, shares[len(shares)*9/10], lacking)
	if median > 0.25 {
		t.Errorf("the median brief is %.3f of its specification", median)
	}
}

func TestSteeringSaysWhy(t *testing.T) {
	files := []spec.SteeringFile{
		{Path: ".kiro/steering/product.md", Inclusion: "always", Body: "p"},
		{Path: ".kiro/steering/api.md", Inclusion: "fileMatch", Patterns: []string{"internal/api/**"}, Body: "a"},
		{Path: ".kiro/steering/py.md", Inclusion: "fileMatch", Patterns: []string{"**/*.py"}, Body: "y"},
		{Path: ".kiro/steering/security.md", Inclusion: "manual", Body: "s"},
		{Path: ".kiro/steering/billing.md", Inclusion: "auto", Description: "Rules of invoices and payments", Body: "b"},
	}
	for text, want := range map[string]string{
		"Write internal/api/x.go":         "product api",
		"Write `internal/api/` anew":      "product api",
		"Mend tools/run.py, as #security": "product py security",
		"Send invoices":                   "product billing",
		"Write rules":                     "product",
		"#securityx and pypy":             "product",
	} {
		chosen, manifest := Steer(files, text)
		var names []string
		for _, s := range chosen {
			names = append(names, strings.TrimSuffix(filepath.Base(s.Path), ".md"))
		}
		if got := strings.Join(names, " "); got != want || len(manifest) != len(files) {
			t.Errorf("%q: %s, want %s (%v)", text, got, want, manifest)
		}
		for _, m := range manifest {
			if m.Why == "" {
				t.Errorf("%q: nothing says why of %s", text, m.Path)
			}
		}
	}
}

// References of steering are followed inside the workspace only.
func TestReferencesAreConfined(t *testing.T) {
	var asked []string
	in := BriefInput{File: func(name string) ([]byte, error) {
		asked = append(asked, name)
		return []byte("content of " + name), nil
	}}
	in.Steering = []spec.SteeringFile{{Path: ".kiro/steering/a.md", Body: "see", References: []string{"docs/api.md", "../outside", "/etc/passwd", ".git/config", "a/../../x"}}}
	var b bytes.Buffer
	writeSteering(&b, in)
	if got := strings.Join(asked, " "); got != "docs/api.md etc/passwd" {
		t.Errorf("read: %s", got)
	}
	if !strings.Contains(b.String(), "content of docs/api.md") {
		t.Errorf("brief:\n%s", b.String())
	}
}
