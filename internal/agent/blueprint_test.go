package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/internal/agent"
)

func blueprint(t *testing.T) *agent.Blueprint {
	t.Helper()
	b, err := agent.NewBlueprint(fstest.MapFS{
		"go.mod":                 {Data: []byte("module ours.example/x\n\ngo 1.25\n\nrequire example.org/lib v1.5.0\n")},
		"go.sum":                 {Data: []byte("example.org/lib v1.5.0 h1:aaa\nexample.org/lib v1.5.0/go.mod h1:bbb\nexample.org/other v1.0.0 h1:ccc\n")},
		"billing/a.go":           {Data: []byte("package billing\n\nimport (\n\t\"fmt\"\n\n\t\"ours.example/x/billing/internal/y\"\n\t\"ours.example/xother\"\n)\n\n// ours.example/x stays in words.\nvar _, _, _ = fmt.Sprint, y.Y, xother.X\n")},
		"billing/blueprint.yaml": {Data: []byte("feature: f\ntasks:\n  \"1\":\n    files: [billing/a.go]\n    require: [example.org/lib]\n  \"2\":\n    files: [billing/a.go]\n    question: {text: \"Which?\", choices: [Checkout, Elements], declines: {Elements: no form here}}\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func run(t *testing.T, task, mod, answer string) (dir string, asked []string, err error) {
	t.Helper()
	dir = t.TempDir()
	if mod != "" {
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err = blueprint(t).Run(context.Background(), agent.Job{Feature: "f", Task: task, Dir: dir, Ask: func(_ context.Context, q agent.Question) (agent.Answer, error) {
		asked = append(asked, q.Text)
		for _, c := range q.Choices {
			if strings.HasPrefix(c, answer) {
				return agent.Answer{Text: c}, nil
			}
		}
		return agent.Answer{Text: answer}, nil
	}})
	return dir, asked, err
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCopiesWithImportsRewrittenByPosition(t *testing.T) {
	dir, asked, err := run(t, "1", "module host.example/app\n\ngo 1.26.0\n", "")
	if err != nil || len(asked) != 0 {
		t.Fatalf("error %v, asked %v", err, asked)
	}
	src := read(t, dir, "billing/a.go")
	if !strings.Contains(src, `"host.example/app/billing/internal/y"`) || !strings.Contains(src, `"ours.example/xother"`) || !strings.Contains(src, "// ours.example/x stays") {
		t.Errorf("copied:\n%s", src)
	}
	if mod := read(t, dir, "go.mod"); !strings.Contains(mod, "example.org/lib v1.5.0") {
		t.Errorf("go.mod:\n%s", mod)
	}
	if sum := read(t, dir, "go.sum"); !strings.Contains(sum, "v1.5.0 h1:aaa") || strings.Contains(sum, "ccc") {
		t.Errorf("go.sum:\n%s", sum)
	}
}

func TestHostsHigherVersionStays(t *testing.T) {
	dir, _, err := run(t, "1", "module host.example/app\n\ngo 1.26.0\n\nrequire example.org/lib v1.6.0\n", "")
	if mod := read(t, dir, "go.mod"); err != nil || !strings.Contains(mod, "v1.6.0") || strings.Contains(mod, "v1.5.0") {
		t.Errorf("error %v, go.mod:\n%s", err, mod)
	}
}

func TestOldGoDirectiveIsAskedFor(t *testing.T) {
	old := "module host.example/app\n\ngo 1.21\n"
	dir, asked, err := run(t, "1", old, "Raise")
	if err != nil || len(asked) != 1 || !strings.Contains(read(t, dir, "go.mod"), "go 1.25") {
		t.Errorf("error %v, asked %v", err, asked)
	}
	dir, _, err = run(t, "1", old, "Leave")
	var declined *agent.Declined
	if !errors.As(err, &declined) || read(t, dir, "go.mod") != old {
		t.Errorf("error %v, go.mod %q", err, read(t, dir, "go.mod"))
	}
}

func TestElementsStopsTheTaskWithAReason(t *testing.T) {
	mod := "module host.example/app\n\ngo 1.26.0\n"
	if _, asked, err := run(t, "2", mod, "Checkout"); err != nil || len(asked) != 1 {
		t.Errorf("error %v, asked %v", err, asked)
	}
	for _, answer := range []string{"Elements", "something else"} {
		var declined *agent.Declined
		if dir, _, err := run(t, "2", mod, answer); !errors.As(err, &declined) || declined.Reason == "" {
			t.Errorf("%s: error %v", answer, err)
		} else if _, err := os.Stat(filepath.Join(dir, "billing")); err == nil {
			t.Errorf("%s: files were copied all the same", answer)
		}
	}
	var declined *agent.Declined
	if _, _, err := run(t, "1", "", ""); !errors.As(err, &declined) || !strings.Contains(declined.Reason, "go mod init") {
		t.Errorf("without a module: error %v", err)
	}
	if _, _, err := run(t, "77", mod, ""); !errors.As(err, &declined) {
		t.Errorf("an unknown task: error %v", err)
	}
}
