package trace_test

import (
	"slices"
	"strings"
	"testing"

	"spec.example/spec/internal/trace"
)

// The fact of a break names files, whatever their names, and the hash is of what they say, not how.
func TestBitesOfFiles(t *testing.T) {
	files := []string{"src/a b.py", "50%.py", "src/\"c\".py"}
	fact := trace.Bites(2, 3, "sha256:ab", files)
	if got := trace.BittenFiles(fact); !slices.Equal(got, files) || trace.BittenCode(fact) != "sha256:ab" || len(strings.Fields(fact)) != 6 {
		t.Errorf("%q: %q", fact, got)
	}
	if fact := trace.Bites(2, 3, "sha256:ab", nil); trace.BittenFiles(fact) != nil || trace.BittenCode(fact) != "sha256:ab" {
		t.Error(fact)
	}
	hash := func(text string) string {
		return scan(t, map[string]string{"sum.py": text}).CodeOf("f", "1.1", trace.Bites(1, 1, "x", []string{"sum.py"}), ".")
	}
	was := hash("def sum(a, b):\n    return a + b\n")
	if got := hash("# adds\ndef sum(a,b):\n  return a + b  # so\n\n"); got != was {
		t.Error("a comment ages a proof")
	}
	if hash("def sum(a, b):\n    return a - b\n") == was {
		t.Error("other code does not")
	}
	if got := scan(t, map[string]string{"other.py": ""}).CodeOf("f", "1.1", fact, "."); got == was || got == "" {
		t.Error("nor a file that is gone")
	}
}

// Where a script leads to no code by name, the fact names functions: their own words age it, nothing else in their files does.
func TestBitesOfFunctions(t *testing.T) {
	hash := func(text string) string {
		return scan(t, map[string]string{"go.mod": "module m\n", "cmd/a.go": "package cmd\n\n" + text, "cmd/a_test.go": "package cmd\n\nfunc limit() int { return 9 }\n"}).
			CodeOf("f", "1.1", trace.Bites(1, 1, "x", []string{"cmd#limit"}), ".")
	}
	was := hash("func limit() int { return 30 }\n\nfunc other() {}\n")
	if got := hash("// limit is a limit.\nfunc limit() int {\n\treturn 30\n}\n\nfunc other() { limit() }\n"); got != was {
		t.Error("another function, or a comment, ages the proof")
	}
	if hash("func limit() int { return 31 }\n") == was || hash("func other() {}\n") == was {
		t.Error("another limit does not")
	}
}
