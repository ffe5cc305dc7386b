package billing_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTableOfTheSpecification compares docs/billing.md with what the specification and the tags of the code and the tests
// say. UPDATE_DOCS=1 writes it.
func TestTableOfTheSpecification(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const spec = "../.kiro/specs/subscription-billing/"
	code, tests := map[string][]string{}, map[string][]string{} // by criterion
	for _, pattern := range []string{"*.go", "migrations/*.sql"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			for id, names := range tagged(read(f)) {
				if strings.HasSuffix(f, "_test.go") {
					tests[id] = append(tests[id], names...)
					continue
				}
				for _, name := range names {
					code[id] = append(code[id], f+": "+name)
				}
			}
		}
	}
	var b strings.Builder
	b.WriteString("# Billing: which code and which test stand for which criterion\n\nGenerated from the tags in the code and in its tests by `UPDATE_DOCS=1 go test ./billing -run TableOfTheSpecification`.\n")
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
			if len(tests[id]) == 0 || len(code[id]) == 0 {
				t.Errorf("criterion %s has %d tests and %d places in the code, want some of each", id, len(tests[id]), len(code[id]))
			}
			slices.Sort(code[id])
			fmt.Fprintf(&b, "| %s: %s | %s | %s |\n", id, m[2], strings.Join(code[id], ", "), strings.Join(tests[id], ", "))
		}
	}
	for _, found := range []map[string][]string{tests, code} {
		for id, names := range found {
			if !known[id] {
				t.Errorf("%v are tagged with %s, which is no criterion", names, id)
			}
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

var (
	tag      = regexp.MustCompile(`spec:subscription-billing/(\d+\.\d+)`)
	declared = regexp.MustCompile(`^(?:func (?:\(\w+ \*?(\w+)\) )?(\w+)|CREATE (?:UNIQUE )?(?:TYPE|TABLE|INDEX|FUNCTION) (\w+))`)
)

// tagged finds what stands below comments with tags, by criterion.
func tagged(text string) map[string][]string {
	found := map[string][]string{}
	var ids []string
	for line := range strings.Lines(text) {
		if m := declared.FindStringSubmatch(line); m != nil {
			name := m[2] + m[3]
			if m[1] != "" {
				name = m[1] + "." + name
			}
			for _, id := range ids {
				found[id] = append(found[id], name)
			}
		}
		if !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "--") {
			ids = nil
			continue
		}
		for _, m := range tag.FindAllStringSubmatch(line, -1) {
			ids = append(ids, m[1])
		}
	}
	return found
}

// TestSurfaceFitsAScreen: what the package offers is seen at a glance.
func TestSurfaceFitsAScreen(t *testing.T) {
	out, err := exec.Command("go", "doc", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(out), "\n"); lines > 50 {
		t.Errorf("go doc has %d lines, more than the 50 of a screen", lines)
	}
}
