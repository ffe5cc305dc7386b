//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/tools/txtar"
)

// A world is a person's machine: a home, a repository in it, and this program.
type world struct {
	t    *testing.T
	home string
	dir  string
	env  []string
	self string
}

// newWorld makes a repository of the files of an archive, with its one commit.
func newWorld(t *testing.T, archive string) *world {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, home: home, dir: filepath.Join(home, "project"), self: filepath.Join(home, "bin", "spec")}
	w.write(".gitconfig", "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n")
	for _, f := range txtar.Parse([]byte(archive)).Files {
		w.write(filepath.Join("project", f.Name), string(f.Data))
	}
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(w.self), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(test, w.self); err != nil { // the test binary is this program when it is called so
		data, err := os.ReadFile(test)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.self, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.env = []string{"HOME=" + home, "PATH=" + filepath.Dir(w.self) + ":" + os.Getenv("PATH"), "TERM=xterm-256color", "LANG=C.UTF-8", "SOURCE_DATE_EPOCH=1780000000",
		"GIT_CONFIG_GLOBAL=" + filepath.Join(home, ".gitconfig"), "GIT_CONFIG_SYSTEM=" + os.DevNull, "XDG_CACHE_HOME=" + filepath.Join(home, "cache"), "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"),
		"PAGER=cat", "SHELL=/bin/sh"}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"commit", "-qm", "start"}} {
		w.run("git", args...)
	}
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.home, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// run runs a program to its end and returns what it wrote.
func (w *world) run(name string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// approved trusts and approves everything, as the person.
func (w *world) approved(feature string) {
	w.t.Helper()
	w.run(w.self, "trust")
	s := w.terminal(80, 24, "approve", feature)
	for _, stage := range []string{"requirements", "design", "tasks"} {
		s.expect("Approve the " + stage)
		s.send("yes\r")
	}
	s.ends(0)
}

// A session is this program at a terminal.
type session struct {
	t     *testing.T
	tty   *os.File
	cmd   *exec.Cmd
	mu    sync.Mutex
	more  sync.Cond
	out   bytes.Buffer
	seen  int // of the plain text
	ended bool
}

// patience bounds a session: what never comes ends the test with what was there.
const patience = 4 * time.Minute

func (w *world) terminal(cols, rows int, args ...string) *session {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := exec.CommandContext(ctx, w.self, args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)})
	if err != nil {
		w.t.Fatal(err)
	}
	s := &session{t: w.t, tty: tty, cmd: cmd}
	s.more.L = &s.mu
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			s.mu.Lock()
			s.out.Write(buf[:n])
			s.ended = err != nil
			s.more.Broadcast()
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	w.t.Cleanup(func() { cancel(); tty.Close(); <-done })
	return s
}

var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[a-zA-Z]|\r`)

func (s *session) plain() string { return escapes.ReplaceAllString(s.out.String(), "") }

// expect waits until the text is shown, after what was expected before.
func (s *session) expect(text string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		shown := s.plain()
		if at := strings.Index(shown[min(s.seen, len(shown)):], text); at >= 0 {
			s.seen += at + len(text)
			return
		}
		if s.ended {
			s.t.Fatalf("the program ended and never showed %q after:\n%s\n--- all of it:\n%s", text, shown[:min(s.seen, len(shown))], shown)
		}
		s.more.Wait()
	}
}

func (s *session) send(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the end of the program and checks its exit status. It returns all that was shown, escapes included.
func (s *session) ends(status int) string {
	s.t.Helper()
	s.mu.Lock()
	for !s.ended {
		s.more.Wait()
	}
	raw := s.out.String()
	s.mu.Unlock()
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if got := s.cmd.ProcessState.ExitCode(); got != status {
		s.t.Fatalf("exit status %d, want %d\n%s", got, status, escapes.ReplaceAllString(raw, ""))
	}
	return raw
}
