package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sources makes a managed project with n bytes of source code in three languages, one file in twenty with a tagged test.
func sources(b *testing.B, n int) string {
	b.Helper()
	dir := b.TempDir()
	write := func(name, text string) {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	write(".kiro/specs/f/requirements.md", "### Requirement 1: Sums\n\n#### Acceptance Criteria\n\n1. WHEN a sum is over 100 THE System SHALL answer 100\n")
	write(".kiro/specs/f/tasks.md", "- [x] 1. Add\n  - _Requirements: 1.1_\n")
	write("go.mod", "module example.org/big\n\ngo 1.22\n")
	rng := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("value count index total user order price limit state result buffer request")
	for i, size := 0, 0; size < n; i++ {
		var text strings.Builder
		ext := []string{".go", ".ts", ".py"}[i%3]
		name := fmt.Sprintf("pkg%d/part%d%s", i%97, i, ext)
		if i%20 == 0 {
			name = map[string]string{".go": fmt.Sprintf("pkg%d/part%d_test.go", i%97, i), ".ts": fmt.Sprintf("pkg%d/part%d.test.ts", i%97, i), ".py": fmt.Sprintf("pkg%d/test_part%d.py", i%97, i)}[ext]
			text.WriteString(map[string]string{".go": fmt.Sprintf("package pkg\n\nimport \"testing\"\n\n// spec:f/1.1\nfunc TestPart%d(t *testing.T) {\n\tt.Error(1)\n}\n", i),
				".ts": fmt.Sprintf("// spec:f/1.1\nit('part %d', () => {\n  expect(1).toBe(1)\n})\n", i), ".py": fmt.Sprintf("# spec:f/1.1\ndef test_part%d():\n    assert 1 == 1\n", i)}[ext])
		} else if ext == ".go" {
			text.WriteString("package pkg\n")
		}
		for text.Len() < 12<<10 {
			a, c := words[rng.IntN(len(words))], words[rng.IntN(len(words))]
			switch ext {
			case ".go":
				fmt.Fprintf(&text, "\nfunc %s%d(%s int) int {\n\tif %s > %d {\n\t\treturn %s + 1\n\t}\n\treturn %s\n}\n", a, text.Len(), c, c, rng.IntN(1000), c, c)
			case ".ts":
				fmt.Fprintf(&text, "\nexport function %s%d(%s: number): number {\n  return %s > %d ? %s + 1 : %s;\n}\n", a, text.Len(), c, c, rng.IntN(1000), c, c)
			default:
				fmt.Fprintf(&text, "\n\ndef %s%d(%s):\n    return %s + 1 if %s > %d else %s\n", a, text.Len(), c, c, c, rng.IntN(1000), c)
			}
		}
		size += text.Len()
		write(name, text.String())
	}
	return dir
}

// BenchmarkCheck checks 100 MB of source code, and this repository, beside ripgrep's count of the tags in the same tree.
func BenchmarkCheck(b *testing.B) {
	bin := built(b)
	here, err := os.Getwd()
	if err != nil {
		b.Fatal(err)
	}
	big := sources(b, 100<<20)
	if out, err := exec.Command(bin, "-C", big, "adopt", "f").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for name, dir := range map[string]string{"100MB": big, "here": here} {
		for _, argv := range [][]string{{bin, "check"}, {"rg", "-c", "spec:"}} {
			tool := filepath.Base(argv[0])
			if _, err := exec.LookPath(argv[0]); err != nil {
				b.Logf("%s is not installed: no ratio", tool)
				continue
			}
			b.Run(name+"/"+tool, func(b *testing.B) {
				for b.Loop() {
					cmd := exec.Command(argv[0], argv[1:]...)
					cmd.Dir = dir
					if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 1 { // 1: findings, or none of what is looked for
						b.Fatal(err)
					}
				}
			})
		}
	}
}
