package billing_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"spec.example/spec/billing/internal/pgtest"
)

var (
	patched = regexp.MustCompile(`(?m)^\+\+\+ b/(\S+)`)
	kills   = regexp.MustCompile(`(?m)^kills: (.*)`)
)

// TestDefectsAreFound puts each defect of testdata/defects into a copy of the code and runs the numbered tests that are to
// find it, each alone. The patches were written from the contract by somebody who had not read the tests. It compiles the
// package once a defect, which takes minutes: SPEC_DEFECTS=1 asks for it.
func TestDefectsAreFound(t *testing.T) {
	if os.Getenv("SPEC_DEFECTS") == "" {
		t.Skip("the numbered tests run as they are; SPEC_DEFECTS=1 also runs them against each of the twenty defects, which takes minutes")
	}
	patches, err := filepath.Glob("testdata/defects/*.patch")
	if err != nil || len(patches) != 20 {
		t.Fatalf("%d patches (%v), want 20", len(patches), err)
	}
	database, err := pgtest.URL()
	if err != nil {
		t.Fatal(err)
	}
	for _, patch := range patches {
		t.Run(strings.TrimSuffix(filepath.Base(patch), ".patch"), func(t *testing.T) {
			note, err := os.ReadFile(strings.TrimSuffix(patch, ".patch") + ".txt")
			m := kills.FindSubmatch(note)
			if err != nil || m == nil {
				t.Fatalf("no note on who is to find it: %v", err)
			}
			binary := defective(t, patch)
			for number := range strings.SplitSeq(string(m[1]), ",") {
				var n int
				if _, err := fmt.Sscan(number, &n); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(binary, "-test.run", fmt.Sprintf("^TestH?%02d_", n), "-test.v", "-test.timeout", "5m")
				cmd.Env = append(os.Environ(), "SPEC_TEST_DATABASE_URL="+database)
				out, err := cmd.CombinedOutput()
				switch {
				case bytes.Contains(out, []byte("no tests to run")):
					t.Errorf("there is no test %d", n)
				case bytes.Contains(out, []byte("panic:")):
					t.Errorf("test %d broke down instead of saying what is wrong:\n%s", n, out)
				case err != nil && bytes.Contains(out, []byte("--- FAIL: Test")):
				default:
					t.Errorf("test %d alone does not find it:\n%s", n, note)
				}
			}
		})
	}
}

// defective compiles the tests with a patch laid over the code. The tree is as it was.
func defective(t *testing.T, patch string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(patch)
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for _, m := range patched.FindAllSubmatch(text, -1) {
		name := string(m[1])
		original, err := filepath.Abs(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(original)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied, data, 0o644); err != nil {
			t.Fatal(err)
		}
		replace[original] = copied
	}
	apply := exec.Command("git", "apply", "-")
	apply.Dir, apply.Stdin = dir, bytes.NewReader(text)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("the patch does not fit the code any more; make it anew: %v\n%s", err, out)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "billing.test")
	if err := os.WriteFile(file, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", file, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("with the patch the code does not compile: %v\n%s", err, out)
	}
	return binary
}
