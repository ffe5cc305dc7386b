package guard_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spec.example/spec/internal/guard"
)

// TestShippedProgramKeepsItsGuards: the symbol that can take a guard away is in a program with the tag, and in no other.
func TestShippedProgramKeepsItsGuards(t *testing.T) {
	for tag, want := range map[string]bool{"": false, "unguarded": true} {
		bin := filepath.Join(t.TempDir(), "spec")
		if out, err := exec.Command("go", "build", "-ldflags=-s=false", "-tags="+tag, "-o", bin, "../..").CombinedOutput(); err != nil {
			t.Fatalf("building: %v\n%s", err, out)
		}
		out, err := exec.Command("go", "tool", "nm", bin).Output()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(out), "main.main") {
			t.Fatal("the program has no symbols at all")
		}
		if found := strings.Contains(string(out), "internal/guard.removed"); found != want {
			t.Errorf("with tags %q the symbol is there: %v", tag, found)
		}
	}
}

// TestEveryGuardHasItsTest: the test that is named beside a guard exists.
func TestEveryGuardHasItsTest(t *testing.T) {
	seen := map[guard.Name]bool{}
	for _, g := range guard.All() {
		if seen[g.Name] {
			t.Errorf("%s stands twice", g.Name)
		}
		seen[g.Name] = true
		name, sub, _ := strings.Cut(g.Test, "/")
		pattern := "^func " + name + `\(t \*testing\.T\)`
		if sub != "" {
			pattern = `t\.Run\("` + sub + `"`
		}
		out, err := exec.Command("grep", "-rlE", pattern, filepath.Join("..", "..", filepath.FromSlash(g.Package))).CombinedOutput()
		if err != nil {
			t.Errorf("%s: no test %s in %s (%v %s)", g.Name, g.Test, g.Package, err, out)
		}
	}
}
