package tasks

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spec.example/spec/internal/trace"
)

// Runners that are installed try a test again and call it passed; rspec calls one that ended the process so too. Each preset's
// command, with its adapter, makes the difference.
func TestAdaptersForReal(t *testing.T) {
	for _, c := range []struct {
		preset, file, text string
		there              []string
		want               map[string]trace.Outcome
	}{
		{"pytest", "test_a.py", `import pytest
seen = []
# spec:f/1.1
@pytest.mark.flaky(reruns=2)
def test_again():
    seen.append(1)
    assert len(seen) > 1
# spec:f/1.2
@pytest.mark.xfail
def test_unexpected():
    assert True
# spec:f/1.3
def test_fine():
    assert True
`, []string{"python3", "-c", "import pytest, pytest_rerunfailures"}, map[string]trace.Outcome{"1.1": trace.Flaky, "1.2": trace.Skipped, "1.3": trace.Passed}},
		{"rspec", "spec/a_spec.rb", `require "rspec/retry"
$n = 0
describe "a" do
  # spec:f/1.1
  it "is \"tried\" <again>", retry: 3 do
    expect($n += 1).to eq(2)
  end
  # spec:f/1.2
  it "ends" do
    exit 0
  end
  # spec:f/1.3
  it "goes on" do
    expect(1).to eq(1)
  end
end
`, []string{"ruby", "-e", "require 'rspec/retry'; require 'rspec_junit_formatter'"}, map[string]trace.Outcome{"1.1": trace.Flaky, "1.2": trace.Failed, "1.3": trace.Passed}},
	} {
		t.Run(c.preset, func(t *testing.T) {
			if _, err := exec.LookPath(c.there[0]); err != nil || exec.Command(c.there[0], c.there[1:]...).Run() != nil {
				t.Skipf("%s is not installed", c.preset)
			}
			v, err := Verification{}.WithPreset(c.preset)
			if err != nil {
				t.Fatal(err)
			}
			dir, temp := t.TempDir(), t.TempDir()
			file := filepath.Join(dir, filepath.FromSlash(c.file))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			e := &execution{r: &run{}, temp: temp, dir: dir, env: os.Environ(), runner: Runner{Test: []Line{{Shell: v.Test}}, JUnit: v.JUnit}}
			if err := e.adapt(); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("sh", "-c", v.Test)
			cmd.Dir, cmd.Env = dir, e.env
			out, _ := cmd.CombinedOutput()
			got := Verified{OK: true}
			if err := e.readReports(&got); err != nil || got.Results == nil {
				t.Fatalf("%v %s\n%s", err, got.Failure, out)
			}
			index, err := trace.Scan(os.DirFS(dir), ".")
			if err != nil {
				t.Fatal(err)
			}
			for id, want := range c.want {
				if o := got.Results.Of(index.Tests("f", id)[0]); o != want {
					t.Errorf("%s: %s, want %s\n%s", id, o, want, out)
				}
			}
			if got.OK {
				t.Error("a run with a flaky test is called well")
			}
		})
	}
}

// TestAdaptersReachPytest: a command of the user's own that runs pytest is told of the adapter where it will find it.
func TestAdaptersReachPytest(t *testing.T) {
	for command, want := range map[string]string{
		"pytest --junitxml=r.xml":                         "-v -p spec_pytest",
		"cd app && .venv/bin/python -m pytest -q":         "-v -p spec_pytest",
		"uv run pytest":                                   "-v -p spec_pytest",
		"PYTHONPATH=src pytest":                           "-v",
		"docker run app pytest":                           "-v",
		"python3 -I -m pytest":                            "-v",
		"npm test -- my-pytest-like":                      "-v",
		"make test":                                       "-v",
		"python3 -m pytest -p spec_pytest --junitxml=a.b": "-v",
	} {
		e := &execution{temp: t.TempDir(), env: []string{"PYTEST_ADDOPTS=-v", "PYTHONPATH=own"}, runner: Runner{Test: []Line{{Shell: command}}, JUnit: "r.xml"}}
		if err := e.adapt(); err != nil {
			t.Fatal(err)
		}
		if got := lookup(e.env, "PYTEST_ADDOPTS"); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
		if got := lookup(e.env, "PYTHONPATH"); !strings.HasSuffix(got, string(os.PathListSeparator)+"own") {
			t.Errorf("PYTHONPATH is %q", got)
		}
	}
}
