package main

import (
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
)

var update = flag.Bool("update", false, "write docs/billing.md anew")

// TestBillingTable holds docs/billing.md against the tags: every criterion of the shipped specification with its tests.
func TestBillingTable(t *testing.T) {
	fsys := os.DirFS(".")
	f, _ := spec.Parse(fsys, ".kiro/specs/subscription-billing")
	index, err := trace.Scan(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Billing: what proves which criterion\n\nMade from the tags in the tests by `go test . -run BillingTable -update`.\n\n| criterion | it says | tests |\n|---|---|---|\n")
	for _, c := range f.Criteria() {
		var tests []string
		for _, test := range index.Tests(f.Name, c.ID) {
			if name := fmt.Sprintf("%s (%s)", test.Name, path.Base(test.File)); !slices.Contains(tests, name) {
				tests = append(tests, name)
			}
		}
		if len(tests) == 0 {
			t.Errorf("criterion %s has no test", c.ID)
		}
		slices.Sort(tests)
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.ID, strings.ReplaceAll(c.Text, "|", "\\|"), strings.Join(tests, ", "))
	}
	const file = "docs/billing.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != b.String() {
		t.Errorf("%s is not made from the tags: go test . -run BillingTable -update", file)
	}
}
