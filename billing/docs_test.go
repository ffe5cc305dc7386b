package billing_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTableOfTheSpecification compares docs/billing.md with what the specification, the tags of the code and the tests, and
// spec.lock say. UPDATE_DOCS=1 writes it.
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
	levels := levelsOf(read(spec + "spec.lock"))
	var b strings.Builder
	b.WriteString("# Billing: which code and which test stand for which criterion\n\nGenerated from the tags in the code and in its tests, and from spec.lock, by `UPDATE_DOCS=1 go test ./billing -run TableOfTheSpecification`.\n" +
		"The level is that of [proof.md](proof.md); beside it stands how many of the breaks that `spec prove subscription-billing` tried were noticed by an assertion. Where it is ran, the tests passed and no break was tried yet (`spec prove subscription-billing --stale` does).\n")
	requirement, known := "", map[string]bool{}
	for line := range strings.Lines(read(spec + "requirements.md")) {
		if m := regexp.MustCompile(`^### Requirement (\d+): (.*)`).FindStringSubmatch(line); m != nil {
			requirement = m[1]
			fmt.Fprintf(&b, "\n## %s. %s\n\n| criterion | level | code | tests |\n|---|---|---|---|\n", m[1], m[2])
		}
		if m := regexp.MustCompile(`^(\d+)\. (.*)`).FindStringSubmatch(line); m != nil {
			id := requirement + "." + m[1]
			known[id] = true
			slices.Sort(tests[id])
			if len(tests[id]) == 0 || len(code[id]) == 0 {
				t.Errorf("criterion %s has %d tests and %d places in the code, want some of each", id, len(tests[id]), len(code[id]))
			}
			slices.Sort(code[id])
			fmt.Fprintf(&b, "| %s: %s | %s | %s | %s |\n", id, m[2], cmp.Or(levels[id], "none"), strings.Join(code[id], ", "), strings.Join(tests[id], ", "))
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
		t.Error("docs/billing.md is not what the tags and spec.lock say: run UPDATE_DOCS=1 go test ./billing -run TableOfTheSpecification")
	}
}

// levelsOf reads how well each criterion is proven from the facts of a lock: "ran" where a test passed, "bites 7/12" where seven of
// twelve breaks were noticed, "covers 0/12" where none was.
func levelsOf(lock string) map[string]string {
	levels, id := map[string]string{}, ""
	for line := range strings.Lines(lock) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case line[0] != ' ':
			if id = ""; f[0] == "criterion" && len(f) == 2 {
				id = f[1]
			}
		case id == "":
		case f[0] == "test" && slices.Contains(f, "ran") && levels[id] == "":
			levels[id] = "ran"
		case f[0] == "bites" && len(f) > 1:
			level := "bites"
			if strings.HasPrefix(f[1], "0/") {
				level = "covers"
			}
			levels[id] = level + " " + f[1]
		}
	}
	return levels
}

// TestLevelsComeFromTheLock: another count in the lock is another table.
func TestLevelsComeFromTheLock(t *testing.T) {
	const hash = "sha256:0"
	got := levelsOf("approval tasks\n  adopted " + hash + "\n\ncriterion 1.1\n  test a_test.go TestA ran text:" + hash + " asserts 3\n  bites 7/12 code:" + hash +
		"\n\ncriterion 1.2\n  test a_test.go TestB ran text:" + hash + "\n  bites 0/4 code:" + hash + "\n\ncriterion 1.3\n  approved text:" + hash +
		"\n\ncriterion 1.10\n  test a_test.go TestC ran text:" + hash + "\n\ntask 2\n  bites 1/1 code:" + hash + "\nend\n")
	if want := map[string]string{"1.1": "bites 7/12", "1.2": "covers 0/4", "1.10": "ran"}; !maps.Equal(got, want) {
		t.Errorf("levels %v, want %v", got, want)
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
