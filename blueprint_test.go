package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"spec.example/spec/internal/agent"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

const shipped = ".kiro/specs/subscription-billing"

// TestEverySetOfTasksBuildsAndPasses carries out each set of tasks that holds all that its members depend on, in a module
// of its own: after every task of every order the project builds and its tests pass.
//
// spec:workflow/3.5
func TestEverySetOfTasksBuildsAndPasses(t *testing.T) {
	feature, _ := spec.Parse(blueprint, shipped)
	p, diags := plan.New(feature, plan.State{})
	if diags.HasErrors() {
		t.Fatalf("the shipped plan has mistakes: %v", diags)
	}
	sets, err := plan.ClosedSets(p)
	if err != nil || len(sets) != 12 {
		t.Fatalf("%d sets (%v), want 12", len(sets), err)
	}
	worker, err := agent.NewBlueprint(blueprint)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range sets {
		t.Run(strings.Join(set, "+"), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module host.example/app\n\ngo 1.26.0\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, id := range set {
				_, err := worker.Run(context.Background(), agent.Job{Feature: feature.Name, Task: id, Dir: dir,
					Ask: func(_ context.Context, q agent.Question) (agent.Answer, error) {
						return agent.Answer{Text: q.Choices[0]}, nil
					}})
				if err != nil {
					t.Fatalf("task %s: %v", id, err)
				}
			}
			for _, args := range [][]string{{"build", "./..."}, {"vet", "./..."}, {"test", "./..."}} {
				cmd := exec.Command("go", args...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOPROXY=off", "GOWORK=off")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
				}
			}
			if tests := strings.Join(goFiles(t, dir), "\n"); strings.Contains(tests, "spec.example/spec") {
				t.Errorf("an import path was not rewritten:\n%s", tests)
			}
		})
	}
}

// goFiles lists the import lines of the module's Go files.
func goFiles(t *testing.T, dir string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".go" {
			return err
		}
		data, err := os.ReadFile(name)
		for line := range strings.Lines(string(data)) {
			if strings.HasPrefix(line, "\t\"") || strings.HasPrefix(line, "import ") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// TestEveryFileOfBillingBelongsToATask finds files that no task would bring.
func TestEveryFileOfBillingBelongsToATask(t *testing.T) {
	var def struct {
		Feature string
		Tasks   map[string]struct {
			Files    []string
			Require  []string
			Question any
		}
		Local []string
	}
	data, err := fs.ReadFile(blueprint, "billing/blueprint.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &def); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, name := range def.Local {
		known[name] = true
	}
	for id, task := range def.Tasks {
		for _, name := range task.Files {
			known[name] = true
			if tests := id == "7" || id == "8"; tests && !strings.HasSuffix(name, "_test.go") {
				t.Errorf("task %s brings %s, which is no test", id, name)
			}
		}
	}
	err = fs.WalkDir(blueprint, "billing", func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && known[name+"/"] { // listed as a whole
			delete(known, name+"/")
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() && !known[name] {
			t.Errorf("%s belongs to no task", name)
		}
		delete(known, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range known {
		t.Errorf("%s is listed and not there", name)
	}
}

// TestShippedSpecificationStartsEmpty compares what a new project gets with what lies here: boxes are empty, facts are
// left out, nothing else differs.
func TestShippedSpecificationStartsEmpty(t *testing.T) {
	files, err := agent.SpecFiles(blueprint, shipped)
	if err != nil {
		t.Fatal(err)
	}
	if files["spec.lock"] != nil || files["decisions.md"] != nil {
		t.Error("our facts would be copied")
	}
	for name, data := range files {
		ours, err := fs.ReadFile(blueprint, path.Join(shipped, name))
		if err != nil {
			t.Fatal(err)
		}
		var differs []int
		for i := range ours {
			if i < len(data) && data[i] != ours[i] {
				differs = append(differs, i)
			}
		}
		if len(data) != len(ours) || len(differs) > 0 && name != "tasks.md" {
			t.Errorf("%s differs in more than its boxes", name)
		}
		for _, i := range differs {
			if data[i] != ' ' || ours[i-1] != '[' || ours[i+1] != ']' {
				t.Errorf("%s differs at byte %d, which is no box", name, i)
			}
		}
		if name == "tasks.md" && (bytes.Contains(data, []byte("[x]")) || bytes.Count(data, []byte("- [ ] ")) != 8) {
			t.Errorf("tasks.md does not start with eight empty boxes:\n%s", data)
		}
	}
	if want := []string{".config.kiro", "design.md", "requirements.md", "tasks.md"}; !slices.Equal(keys(files), want) {
		t.Errorf("files %v, want %v", keys(files), want)
	}
}

func keys(m map[string][]byte) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
