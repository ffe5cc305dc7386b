package check_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"spec.example/spec/internal/check"
)

var update = flag.Bool("update", false, "write docs/findings.md anew")

func TestFindingsPageIsCurrent(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "findings.md")
	if *update {
		if err := os.WriteFile(file, []byte(check.Document()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil || string(data) != check.Document() {
		t.Errorf("docs/findings.md is not what the rules say (%v); go test ./internal/check -update", err)
	}
}
