package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// built makes the program as a user has it.
func built(b *testing.B) string {
	b.Helper()
	bin := filepath.Join(b.TempDir(), "spec")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// graph writes one graph of n tasks for both tools: each waits for two of the fifty before it.
func graph(b *testing.B, n int) string {
	b.Helper()
	dir := b.TempDir()
	var tasks, ninja strings.Builder
	tasks.WriteString("# Implementation Plan\n\n")
	ninja.WriteString("rule t\n  command = touch $out\n")
	for i := 1; i <= n; i++ {
		var on, out []string
		for _, step := range []int{1 + i*7%50, 1 + i*13%50} {
			if i-step >= 1 && (len(on) == 0 || on[0] != fmt.Sprint(i-step)) {
				on, out = append(on, fmt.Sprint(i-step)), append(out, fmt.Sprintf("out/%d", i-step))
			}
		}
		depends := strings.Join(on, ", ")
		if depends == "" {
			depends = "none"
		}
		fmt.Fprintf(&tasks, "- [ ] %d. Task number %d\n  - write part %d of the thing\n  - _Depends: %s_\n", i, i, i, depends)
		fmt.Fprintf(&ninja, "build out/%d: t %s\n", i, strings.Join(out, " "))
	}
	for name, text := range map[string]string{".kiro/specs/big/tasks.md": tasks.String(), "build.ninja": ninja.String()} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// BenchmarkPlan plans a graph, beside ninja's dry run of the same one. The last process's memory is reported against the
// size of tasks.md.
func BenchmarkPlan(b *testing.B) {
	bin := built(b)
	for _, n := range []int{1000, 10000, 100000} {
		dir := graph(b, n)
		for _, tool := range [][]string{{bin, "plan", "big"}, {"ninja", "-n"}} {
			name := filepath.Base(tool[0])
			if _, err := exec.LookPath(tool[0]); err != nil {
				b.Logf("%s is not installed: no ratio", name)
				continue
			}
			b.Run(fmt.Sprintf("%s-%d", name, n), func(b *testing.B) {
				for b.Loop() {
					cmd := exec.Command(tool[0], tool[1:]...)
					cmd.Dir = dir
					if err := cmd.Run(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkStart measures `spec --version`, beside an empty Go program.
func BenchmarkStart(b *testing.B) {
	bin := built(b)
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if out, err := exec.Command("go", "build", "-o", empty, filepath.Join(dir, "main.go")).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for name, argv := range map[string][]string{"spec": {bin, "--version"}, "empty": {empty}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := exec.Command(argv[0], argv[1:]...).Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkList lists the corpus, beside git grep over it.
func BenchmarkList(b *testing.B) {
	corpus := filepath.Join("..", "shared", "corpus")
	if _, err := os.Stat(corpus); err != nil {
		b.Skip("the corpus is not beside the project")
	}
	bin := built(b)
	for name, argv := range map[string][]string{"spec": {bin, "list", "--json"}, "git-grep": {"git", "grep", "--no-index", "-c", "WHEN"}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command(argv[0], argv[1:]...)
				cmd.Dir = corpus
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkValidators checks 1,000 tasks, beside the validators of OpenSpec and Task Master where npm has installed them
// (npm install -g @fission-ai/openspec task-master-ai).
func BenchmarkValidators(b *testing.B) {
	bin := built(b)
	dir := b.TempDir()
	var tasks, spec, master strings.Builder
	spec.WriteString("# Cap Specification\n\n## Purpose\nThe purpose of this capability is to be measured by several programs one after the other.\n\n## Requirements\n")
	for i := 1; i <= 1000; i++ {
		if i%100 == 1 {
			fmt.Fprintf(&tasks, "## %d. Part\n", 1+i/100)
		}
		fmt.Fprintf(&tasks, "- [ ] %d.%d Do piece %d\n", 1+(i-1)/100, 1+(i-1)%100, i)
		if i <= 100 {
			fmt.Fprintf(&spec, "\n### Requirement: Keeps %d\nThe system SHALL keep %d.\n\n#### Scenario: Kept %d\n- **WHEN** %d comes\n- **THEN** it is kept\n", i, i, i, i)
		}
		depends := ""
		if i > 1 {
			depends = fmt.Sprint(i - 1)
		}
		fmt.Fprintf(&master, "%s{\"id\":%d,\"title\":\"Task %d\",\"description\":\"Do it\",\"status\":\"pending\",\"dependencies\":[%s],\"priority\":\"medium\",\"details\":\"\",\"testStrategy\":\"\",\"subtasks\":[]}", map[bool]string{true: ",\n"}[i > 1], i, i, depends)
	}
	for name, text := range map[string]string{
		"openspec/project.md":                  "# Project\n",
		"openspec/specs/cap/spec.md":           spec.String(),
		"openspec/changes/c/proposal.md":       "# Change: C\n\n## Why\nBecause it is needed for a measurement that compares programs on the same files.\n\n## What Changes\n- one thing\n",
		"openspec/changes/c/specs/cap/spec.md": "## ADDED Requirements\n" + strings.ReplaceAll(spec.String()[strings.Index(spec.String(), "\n\n### "):], "Keeps", "Holds"),
		"openspec/changes/c/tasks.md":          tasks.String(),
		".taskmaster/tasks/tasks.json":         "{\"master\":{\"tasks\":[\n" + master.String() + "\n],\"metadata\":{}}}\n",
		".taskmaster/config.json":              "{}\n",
		".taskmaster/state.json":               "{\"currentTag\":\"master\"}\n",
		"openspec/changes/c/.openspec.yaml":    "schema: spec-driven\n",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for name, argv := range map[string][]string{"spec-check": {bin, "check"}, "openspec": {"openspec", "validate", "--all"}, "task-master": {"task-master", "validate-dependencies"}} {
		if _, err := exec.LookPath(argv[0]); err != nil {
			b.Logf("%s is not installed: no ratio", argv[0])
			continue
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command(argv[0], argv[1:]...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "OPENSPEC_TELEMETRY=0", "DO_NOT_TRACK=1")
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
		})
	}
}
