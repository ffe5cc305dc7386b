package trace

import (
	"bytes"
	"io"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
)

// What runners write, cut of stacks and times: each criterion has to have what became of its test. The first
// line of each archive says which runner that is, and whether it was run.
func TestRunners(t *testing.T) {
	archives, err := filepath.Glob("testdata/runners/*.txt")
	if err != nil || len(archives) < 10 {
		t.Fatalf("%d archives, %v", len(archives), err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			tree, want, reports := fstest.MapFS{}, "", []io.Reader(nil)
			for _, f := range a.Files {
				switch {
				case f.Name == "want":
					want = string(f.Data)
				case path.Ext(f.Name) == ".xml", path.Ext(f.Name) == ".out":
					reports = append(reports, bytes.NewReader(f.Data))
				default:
					tree[f.Name] = &fstest.MapFile{Data: f.Data}
				}
			}
			index, err := Scan(tree, ".")
			if err != nil {
				t.Fatal(err)
			}
			results, err := ReadJUnit(reports...)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(want), "\n")
			if len(lines) < 8 {
				t.Fatalf("%d criteria", len(lines))
			}
			for _, line := range lines {
				line, ending, _ := strings.Cut(strings.TrimSuffix(line, ")"), " (")
				id, outcome, _ := strings.Cut(line, " ")
				tests := index.Tests("f", id)
				got := "no test"
				if len(tests) > 0 {
					got = string(results.Of(tests[0]))
				}
				if len(tests) > 1 || got != outcome {
					t.Errorf("%s: %d tests, %s, want %s", id, len(tests), got, outcome)
				}
				if want, ok := map[string]Ending{"asserted": Asserted, "stopped": Stopped}[ending]; ok && len(tests) > 0 {
					if end, said := results.Ending(tests[0]); end != want || said == "" {
						t.Errorf("%s: %v %q, want %s", id, end, said, ending)
					}
				}
			}
		})
	}
}
