package spec_test

import (
	"os"
	"os/exec"
	"testing"

	"spec.example/spec/spec"
)

// BenchmarkListCorpus reads every specification of the corpus as `spec list` does; its baseline is the public tool in
// BenchmarkGitGrepCorpus.
func BenchmarkListCorpus(b *testing.B) {
	dir := corpus(b)
	for b.Loop() {
		fsys := os.DirFS(dir)
		workspaces, _ := spec.Workspaces(fsys, ".")
		for _, w := range workspaces {
			for _, l := range w.Features {
				spec.Parse(fsys, l.Dir)
			}
		}
	}
}

func BenchmarkGitGrepCorpus(b *testing.B) {
	dir := corpus(b)
	for b.Loop() {
		cmd := exec.Command("git", "grep", "--no-index", "-c", "WHEN")
		cmd.Dir = dir
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
	}
}
