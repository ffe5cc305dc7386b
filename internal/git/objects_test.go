package git

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReplace holds the trees that Replace makes against what git makes of the same files.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	env := append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org")
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"top": "1", "a/one": "1", "a/two": "2", "a/b/three": "3", "only/here/gone": "4", "file/below": "5", "a-b": "6", "a.b/x": "7"} {
		write(name, text, 0o644)
	}
	write("a/run.sh", "#!/bin/sh", 0o755)
	run("init", "-q")
	run("add", ".")
	run("commit", "-qm", "start")
	repo, err := Open(context.Background(), dir, env)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"a/one": []byte("new"), "a/b/three": nil, "a/b/four": []byte("4"), "only/here/gone": nil, "fresh/deep/er": []byte("x"), "file": []byte("no directory now"),
		"a/run.sh": []byte("#!/bin/sh -e"), "absent/none": nil, "top": {}}
	got, err := repo.Replace(context.Background(), "HEAD", files)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if data == nil {
			os.Remove(filepath.Join(dir, name))
			continue
		}
		if name == "file" {
			os.RemoveAll(filepath.Join(dir, name))
		}
		mode := os.FileMode(0o644)
		if name == "a/run.sh" {
			mode = 0o755
		}
		write(name, string(data), mode)
	}
	run("add", "-A")
	if want := run("write-tree"); got != want {
		t.Errorf("Replace made\n%s\ngit makes\n%s", run("ls-tree", "-r", "-t", got), run("ls-tree", "-r", "-t", want))
	}
	if same, err := repo.Replace(context.Background(), got, nil); err != nil || same != got {
		t.Errorf("nothing replaced: %s, %v, want %s", same, err, got)
	}
}
