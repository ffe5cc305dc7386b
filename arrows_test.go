package main

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// allowed says which of our packages may import which. A new arrow is a decision, so it fails here first.
func allowed() map[string][]string {
	return map[string][]string{
		"":                            {"cmd"},
		"cmd":                         {"spec", "plan", "tasks", "internal/agent", "internal/check", "internal/git", "internal/guard", "internal/mutate", "internal/sandbox", "internal/trace"},
		"tasks":                       {"spec", "plan", "internal/agent", "internal/git", "internal/guard", "internal/sandbox", "internal/trace"},
		"internal/check":              {"spec", "plan", "internal/trace"},
		"plan":                        {"spec"},
		"internal/trace":              {"spec"},
		"internal/agent":              {"spec", "internal/sandbox"},
		"internal/mutate":             {"internal/sandbox"},
		"internal/sandbox":            {"internal/guard"},
		"internal/git":                {"internal/guard"},
		"internal/guard":              {},
		"internal/guard/list":         {"internal/guard"},
		"spec":                        {},
		"billing":                     {},
		"billing/example":             {"billing", "billing/internal/pgtest", "billing/internal/stripetest"},
		"internal/liar":               {},
		"billing/internal/pgtest":     {},
		"billing/internal/stripetest": {},
	}
}

func TestImportsGoOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "spec.example/spec"
	short := func(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, module), "/") }
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		may, known := allowed()[short(words[0])]
		if !known {
			t.Errorf("package %s is not in the list", words[0])
		}
		for _, imported := range words[1:] {
			if (imported == module || strings.HasPrefix(imported, module+"/")) && !slices.Contains(may, short(imported)) {
				t.Errorf("%s imports %s, which it may not", words[0], imported)
			}
		}
	}
}

// TestBlueprintIsWhatGitTracks finds files that an embed pattern dropped silently, and files that it took along.
func TestBlueprintIsWhatGitTracks(t *testing.T) {
	out, err := exec.Command("git", "ls-files", "-z", "billing", ".kiro/specs/subscription-billing", "go.mod", "go.sum").Output()
	if err != nil {
		t.Fatal(err)
	}
	tracked := strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
	var embedded []string
	err = fs.WalkDir(blueprint, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			embedded = append(embedded, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(tracked)
	slices.Sort(embedded)
	if !slices.Equal(tracked, embedded) {
		t.Errorf("embedded %v\ntracked %v", embedded, tracked)
	}
}
