package spec_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"spec.example/spec/spec"
)

// corpus returns the directory of real specifications that lies beside the project in some places.
func corpus(t testing.TB) string {
	t.Helper()
	dir := filepath.Join("..", "..", "shared", "corpus")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("SPEC_REQUIRE_CORPUS") == "1" {
			t.Fatalf("the corpus is required and not there: %v", err)
		}
		t.Skip("the corpus is not beside the project; TestOddShapes holds small files of our own and always runs")
	}
	return dir
}

type expected struct {
	Path    string       `json:"path"`
	Dialect spec.Dialect `json:"dialect"`
	spec.Counts
}

func TestCorpusCounts(t *testing.T) {
	dir := corpus(t)
	fsys := os.DirFS(dir)
	file, err := os.Open(filepath.Join(dir, "expected.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	found := map[string]bool{}
	workspaces, _ := spec.Workspaces(fsys, ".")
	for _, w := range workspaces {
		for _, f := range w.Features {
			found[f.Dir] = true
		}
	}
	lines := bufio.NewScanner(file)
	n := 0
	for lines.Scan() {
		var want expected
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		n++
		if !found[want.Path] {
			t.Errorf("%s: not found", want.Path)
		}
		delete(found, want.Path)
		f, _ := spec.Parse(fsys, want.Path)
		if f.Dialect != want.Dialect || f.Counts != want.Counts {
			t.Errorf("%s:\n got %s %+v\nwant %s %+v", want.Path, f.Dialect, f.Counts, want.Dialect, want.Counts)
		}
	}
	for path := range found {
		t.Errorf("%s: found, but not expected", path)
	}
	if n < 200 {
		t.Errorf("only %d expectations were read", n)
	}
}
