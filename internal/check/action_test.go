package check_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The steps of action.yml run here as a runner runs them: the same shell, inputs through the environment.
func TestActionRuns(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("composite actions run in bash, which is not here")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(root, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Using string
			Steps []struct {
				Name, Uses, Shell, Run, If string
				Env                        map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(data, &action); err != nil || action.Runs.Using != "composite" {
		t.Fatalf("using %q: %v", action.Runs.Using, err)
	}
	temp, project := t.TempDir(), t.TempDir()
	git := func(args ...string) {
		t.Helper()
		c := exec.Command("git", append([]string{"-C", project, "-c", "user.name=Ada", "-c", "user.email=ada@example.org"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(project, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files() {
		write(name, text)
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "start")

	input := regexp.MustCompile(`^\$\{\{ inputs\.([\w-]+) \}\}$`)
	run := func(inputs map[string]string, base string) (string, int) {
		t.Helper()
		var all strings.Builder
		for _, s := range action.Runs.Steps {
			if s.Run == "" || s.If != "" {
				continue
			}
			if s.Shell != "bash" || strings.Contains(s.Run, "${{") {
				t.Errorf("step %q: an input is read as shell, or no shell is named", s.Name)
			}
			c := exec.Command(bash, "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
			c.Dir = project
			c.Env = append(os.Environ(), "RUNNER_TEMP="+temp, "GITHUB_ACTION_PATH="+root, "GITHUB_PATH="+filepath.Join(temp, "path"), "GITHUB_OUTPUT="+filepath.Join(temp, "output"), "GITHUB_STEP_SUMMARY="+filepath.Join(temp, "summary"))
			for k, v := range s.Env {
				if m := input.FindStringSubmatch(v); m != nil {
					in, ok := action.Inputs[m[1]]
					if !ok {
						t.Errorf("step %q uses the input %s, which is not defined", s.Name, m[1])
					}
					if v = in.Default; inputs[m[1]] != "" {
						v = inputs[m[1]]
					}
				} else if v == "${{ github.event.pull_request.base.sha }}" {
					v = base
				}
				c.Env = append(c.Env, k+"="+v)
			}
			out, err := c.CombinedOutput()
			all.Write(out)
			var failed *exec.ExitError
			if errors.As(err, &failed) {
				return all.String(), failed.ExitCode()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return all.String(), 0
	}
	if out, code := run(nil, ""); code != 0 || strings.Contains(out, "::error") {
		t.Errorf("a project in which all agrees: %d\n%s", code, out)
	}
	write(tasks, files()[tasks]+"- [ ] 3. More\n  - _Requirements: 7.7_\n")
	if out, code := run(nil, ""); code != 1 || !strings.Contains(out, "::error file="+tasks+",line=8,col=20") {
		t.Errorf("a project with an error: %d\n%s", code, out)
	}
	for name, want := range map[string]string{"spec.sarif": `"SPEC104"`, "summary": "**SPEC104**", "output": "sarif=" + filepath.Join(temp, "spec.sarif")} {
		if data, err := os.ReadFile(filepath.Join(temp, name)); err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %s: %v", name, want, err)
		}
	}
	git("add", ".")
	git("commit", "-qm", "worse")
	head, err := exec.Command("git", "-C", project, "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	if out, code := run(map[string]string{"new-only": "true"}, strings.TrimSpace(string(head))); code != 0 {
		t.Errorf("a pull request that brings nothing: %d\n%s", code, out)
	}
	if out, code := run(map[string]string{"feature": "; touch x"}, ""); code != 2 {
		t.Errorf("a feature that is not there: %d\n%s", code, out)
	}
}
