package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Args[0] == "tool" {
		os.Exit(tool(os.Stdout, os.Args[1:]))
	}
	os.Exit(m.Run())
}

func run(args ...string) (out string, code int) {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{"tool"}, args...)
	cmd.Env = []string{"GOCOVERDIR=" + os.Getenv("GOCOVERDIR")}
	text, err := cmd.CombinedOutput()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		panic(err)
	}
	return strings.TrimSpace(string(text)), cmd.ProcessState.ExitCode()
}

// TestScript runs lines of words, each with what is to be printed, or * for anything, behind an arrow.
func TestScript(t *testing.T) {
	files, _ := filepath.Glob("testdata/script/*.txtar")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			log := ""
			for i, line := range strings.Split(string(data), "\n") {
				words, want, ok := strings.Cut(line, " -> ")
				if !ok || strings.HasPrefix(line, "#") {
					continue
				}
				out, _ := run(strings.Fields(words)...)
				log += "> " + words + "\n" + out + "\n"
				if want != "*" && out != want {
					t.Fatalf("%sFAIL: %s:%d: no match for %q", log, file, i+1, want)
				}
			}
		})
	}
}

// TestProcess is no script, and its process has no more of our environment.
func TestProcess(t *testing.T) {
	if out, code := run("hand", "hard"); code != 0 || out != "2" {
		t.Errorf("%q, %d", out, code)
	}
}

// TestElsewhere writes where a sandbox does not let it.
func TestElsewhere(t *testing.T) {
	if err := os.Mkdir("/var/tmp/of-a-test-that-writes-elsewhere", 0o700); err != nil {
		t.Fatal(err)
	}
	os.Remove("/var/tmp/of-a-test-that-writes-elsewhere")
}
