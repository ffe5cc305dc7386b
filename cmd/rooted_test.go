package cmd

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spec.example/spec/spec"
)

// TestRootedKnowsTheRepositoryAround walks a part of a repository: what the .gitignore files above it exclude is excluded there
// too, but not where they exclude the part itself, nor where it is a repository of its own.
func TestRootedKnowsTheRepositoryAround(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		".git/HEAD": "ref: refs/heads/main\n", ".gitignore": "build/\n*.log\n/svc/a/top\n", "svc/.gitignore": "!keep.log\n/a/mine\n", "svc/a/.gitignore": "here\n",
		"svc/a/code": "", "svc/a/build/x": "", "svc/a/deep/build/x": "", "svc/a/x.log": "", "svc/a/keep.log": "", "svc/a/top": "", "svc/a/mine": "", "svc/a/here": "", "svc/a/deep/top": "",
		"svc/b/.git": "gitdir: elsewhere\n", "svc/b/x.log": "",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for part, want := range map[string]string{
		".":           "svc/a/code svc/a/deep/top svc/a/keep.log",
		"svc":         "a/code a/deep/top a/keep.log",
		"svc/a":       "code deep/top keep.log",
		"svc/a/deep":  "top",
		"svc/a/build": "x",
		"svc/b":       "x.log",
	} {
		var got []string
		err := spec.Walk(rooted(filepath.Join(dir, part)), ".", func(name string, d fs.DirEntry) error {
			if !d.IsDir() && !strings.HasSuffix(name, ".gitignore") {
				got = append(got, name)
			}
			return nil
		})
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("in %s the walk sees %q, %v; want %q", part, strings.Join(got, " "), err, want)
		}
	}
}
