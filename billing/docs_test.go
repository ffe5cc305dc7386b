package billing_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestTableOfTheSpecification compares docs/billing.md with what the specification, the plan, the blueprint and the tags of
// the tests say. UPDATE_DOCS=1 writes it.
func TestTableOfTheSpecification(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const spec = "../.kiro/specs/subscription-billing/"
	var blueprint struct {
		Tasks map[string]struct{ Files []string }
	}
	if err := yaml.Unmarshal([]byte(read("blueprint.yaml")), &blueprint); err != nil {
		t.Fatal(err)
	}
	code := map[string][]string{} // files by criterion
	task := ""
	for line := range strings.Lines(read(spec + "tasks.md")) {
		if m := regexp.MustCompile(`^- \[.\] (\d+)\.`).FindStringSubmatch(line); m != nil {
			task = m[1]
		}
		if m := regexp.MustCompile(`_Requirements: (.*)_`).FindStringSubmatch(line); m != nil {
			for id := range strings.SplitSeq(m[1], ", ") {
				for _, f := range blueprint.Tasks[task].Files {
					if name := strings.TrimPrefix(f, "billing/"); !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "internal/") && name != "doc.go" {
						code[id] = append(code[id], name)
					}
				}
				if len(code[id]) == 0 { // a task of tests alone: everything together
					code[id] = []string{"the whole package"}
				}
			}
		}
	}
	tests := map[string][]string{}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		var ids []string
		for line := range strings.Lines(read(f)) {
			if m := regexp.MustCompile(`^func (Test\w+)`).FindStringSubmatch(line); m != nil {
				for _, id := range ids {
					tests[id] = append(tests[id], m[1])
				}
			}
			if !strings.HasPrefix(line, "//") {
				ids = nil
				continue
			}
			for _, m := range regexp.MustCompile(`spec:subscription-billing/(\d+\.\d+)`).FindAllStringSubmatch(line, -1) {
				ids = append(ids, m[1])
			}
		}
	}
	var b strings.Builder
	b.WriteString("# Billing: which code and which test stand for which criterion\n\nGenerated from the tags of the tests by `UPDATE_DOCS=1 go test ./billing -run TableOfTheSpecification`.\n")
	requirement, known := "", map[string]bool{}
	for line := range strings.Lines(read(spec + "requirements.md")) {
		if m := regexp.MustCompile(`^### Requirement (\d+): (.*)`).FindStringSubmatch(line); m != nil {
			requirement = m[1]
			fmt.Fprintf(&b, "\n## %s. %s\n\n| criterion | code | tests |\n|---|---|---|\n", m[1], m[2])
		}
		if m := regexp.MustCompile(`^(\d+)\. (.*)`).FindStringSubmatch(line); m != nil {
			id := requirement + "." + m[1]
			known[id] = true
			slices.Sort(tests[id])
			if len(tests[id]) == 0 {
				t.Errorf("criterion %s has no test", id)
			}
			fmt.Fprintf(&b, "| %s: %s | %s | %s |\n", id, m[2], strings.Join(code[id], ", "), strings.Join(tests[id], ", "))
		}
	}
	for id := range tests {
		if !known[id] {
			t.Errorf("tests %v are tagged with %s, which is no criterion", tests[id], id)
		}
	}
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile("../docs/billing.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read("../docs/billing.md") != b.String() {
		t.Error("docs/billing.md is not what the tags say: run UPDATE_DOCS=1 go test ./billing -run TableOfTheSpecification")
	}
}
