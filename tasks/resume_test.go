package tasks

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spec.example/spec/internal/git"
)

// TestTornLanding tears a fast-forward of the real git where a power cut can, lets the user commit something else, and
// resumes: what the landing wrote is gone from the checkout and the index, what the user wrote is not.
func TestTornLanding(t *testing.T) {
	ctx := context.Background()
	for _, torn := range []struct {
		name  string
		files bool // all of them are written; else the first only
		index bool // the index too
		moved bool // the user commits; else the branch is where it was
	}{{"one file", false, false, true}, {"files", true, false, true}, {"index", true, true, true}, {"index, not moved", true, true, false}, {"files, not moved", true, false, false}} {
		t.Run(torn.name, func(t *testing.T) {
			dir := t.TempDir()
			env := append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@example.org")
			sh := func(args ...string) string {
				t.Helper()
				cmd := exec.Command("git", args...)
				cmd.Dir, cmd.Env = filepath.Join(dir, "repo"), env
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
				}
				return strings.TrimSpace(string(out))
			}
			write := func(name, text string) {
				t.Helper()
				file := filepath.Join(dir, "repo", filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for name, text := range map[string]string{simTasks: "# Implementation Plan\n\n- [ ] 1. One\n", simFeature + "/requirements.md": "# Requirements Document\n", "old.txt": "old\n", "mine.txt": "mine\n", ".gitignore": ".spec\n"} {
				write(name, text)
			}
			sh("init", "-q", "-b", "main")
			sh("add", ".")
			sh("commit", "-qm", "start")
			start := sh("rev-parse", "HEAD")
			write(simTasks, "# Implementation Plan\n\n- [x] 1. One\n")
			write("new.txt", "new\n")
			sh("rm", "-q", "old.txt")
			sh("add", ".")
			sh("commit", "-qm", "f: One\n\nSpec-Task: f/1")
			landing := sh("rev-parse", "HEAD")
			sh("update-ref", "refs/spec/20260101-000000-abcdef/landing/1", landing)
			sh("reset", "-q", "--hard", start)
			write("new.txt", "new\n")
			if torn.files {
				write(simTasks, "# Implementation Plan\n\n- [x] 1. One\n")
				os.Remove(filepath.Join(dir, "repo", "old.txt"))
			}
			if torn.index {
				sh("read-tree", landing)
			}
			write("mine.txt", "a thought\n")
			if torn.moved {
				write("note.txt", "a note\n")
				sh("add", "note.txt")
				sh("commit", "-qm", "a note", "--", "note.txt")
			}
			repo, err := git.Open(ctx, filepath.Join(dir, "repo"), env)
			if err != nil {
				t.Fatal(err)
			}
			log, err := openJournal(repo.Dir, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			defer log.close()
			r := &run{o: Options{Repo: repo, Root: ".", FeatureDir: simFeature, Now: time.Now}, git: realGit{repo}, branch: "refs/heads/main", place: filepath.Join(dir, "cache"), journal: log, kept: map[string]approved{}, gates: map[string]approved{}}
			if err := r.resume(ctx); err != nil {
				t.Fatal(err)
			}
			if got := sh("status", "--porcelain"); got != "M mine.txt" {
				t.Errorf("the checkout is not as it was:\n%s", got)
			}
			if refs := sh("for-each-ref", "refs/spec"); refs != "" {
				t.Errorf("left is %s", refs)
			}
			if got := sh("rev-parse", "HEAD") == landing; got == torn.moved {
				t.Errorf("landed: %v", got)
			}
		})
	}
}
