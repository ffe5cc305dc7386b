//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// kitchen is a project with an agent of shell: task 1 writes three files, and what it is asked to change.
const kitchen = `
-- .gitignore --
/.spec/
-- kept.txt --
as it was
-- check.sh --
test ! -f broken.txt
-- agent.sh --
case $SPEC_TASK in
1)
	echo one > one.txt
	echo changed > kept.txt
	[ -f three.txt ] || echo three > three.txt
	grep -q 'please say more' "$SPEC_BRIEF" && echo more > one.txt
	"$SPEC_BIN" report 'I wrote three files, and every one of them is as good as it can be, which takes many words to say at this width.'
	;;
2) echo two > two.txt ;;
esac
exit 0
-- .kiro/spec.yaml --
agents:
  shell:
    command: [sh, agent.sh]
agent: shell
verify:
  test: sh check.sh
-- .kiro/specs/f/requirements.md --
# Requirements Document

### Requirement 1: Files

#### Acceptance Criteria

1. WHEN somebody asks THE System SHALL have three files, with a text that is longer than any small terminal is wide
-- .kiro/specs/f/design.md --
# Design Document
-- .kiro/specs/f/tasks.md --
# Implementation Plan

- [ ] 1. Write three files
  - _Requirements: 1.1_
- [ ] 2. Write a fourth
`

// TestTerminalApproves: one key approves, the gate fits 80×24, and without colour no escape is written.
func TestTerminalApproves(t *testing.T) {
	w := newWorld(t, kitchen)
	w.approved("f")
	w.env = append(w.env, "NO_COLOR=1")
	s := w.terminal(80, 24, "apply", "f", "--here", "--only", "1", "--quiet")
	s.expect("Task 1: Write three files")
	s.expect("criterion 1.1 (no tag here)")
	s.expect("[a]pprove")
	s.expect("> ")
	s.send("d")
	s.expect("-as it was")
	s.expect("+changed")
	s.expect("[a]pprove")
	s.send("?")
	s.expect("Type one of a, d, m, r, e, s, q.")
	s.send("a")
	raw := s.ends(0)
	if strings.Contains(raw, "\x1b[") {
		t.Errorf("escapes without colour: %q", raw)
	}
	for line := range strings.Lines(raw) {
		if n := len([]rune(strings.TrimRight(line, "\r\n"))); n > 80 {
			t.Errorf("a line of %d columns: %q", n, line)
		}
	}
	gate, _, _ := strings.Cut(raw[strings.Index(raw, "── Task 1"):], "> ")
	if n := strings.Count(gate, "\n"); n > 20 {
		t.Errorf("the gate takes %d lines:\n%s", n, gate)
	}
	if lock := w.run("git", "show", "HEAD:.kiro/specs/f/spec.lock"); !strings.Contains(lock, "gate task accepted diff:sha256:") || !strings.Contains(lock, `by tty "Ada <ada@example.org>"`) {
		t.Errorf("the decision is not in the lock:\n%s", lock)
	}
}

// TestTerminalRejects: one of three files is rejected, what is left is verified and shown again; the rejected file stays as
// it was, also when the agent works on the task once more.
func TestTerminalRejects(t *testing.T) {
	w := newWorld(t, kitchen)
	w.approved("f")
	s := w.terminal(80, 24, "apply", "f", "--here", "--only", "1", "--approve", "file")
	for _, f := range []struct{ name, key string }{{"kept.txt", "a"}, {"one.txt", "a"}, {"three.txt", "x"}} {
		s.expect(" of 3: " + f.name)
		s.expect("> ")
		s.send(f.key)
	}
	s.expect("Why?")
	s.send("one is enough\r")
	s.expect("1 of 2: kept.txt")
	s.expect("> ")
	s.send("a")
	s.expect("2 of 2: one.txt")
	s.expect("> ")
	s.send("a")
	s.ends(0)
	files := strings.Fields(w.run("git", "ls-tree", "--name-only", "HEAD"))
	if slices.Contains(files, "three.txt") || !slices.Contains(files, "one.txt") {
		t.Errorf("landed: %v", files)
	}
	lock := w.run("git", "show", "HEAD:.kiro/specs/f/spec.lock")
	if strings.Count(lock, "gate file ") != 2 || !strings.Contains(lock, "gate file one.txt accepted") {
		t.Errorf("lock:\n%s", lock)
	}
}

// TestTerminalRejectsThenRequests: a file that was rejected does not come back with the agent's next attempt unless the
// agent writes it again.
func TestTerminalRejectsThenRequests(t *testing.T) {
	w := newWorld(t, strings.Replace(kitchen, "[ -f three.txt ] || echo three", "grep -q 'were rejected' \"$SPEC_BRIEF\" || echo three", 1))
	w.approved("f")
	s := w.terminal(80, 24, "apply", "f", "--here", "--only", "1", "--approve", "file")
	for _, key := range []string{"x", "a", "x"} {
		s.expect(" of 3: ")
		s.expect("> ")
		s.send(key)
		if key == "x" {
			s.expect("Why?")
			s.send("\r\r") // an Enter out of habit, and one for no reason given
		}
	}
	s.expect("1 of 1: one.txt")
	s.expect("> ")
	s.send("r")
	s.expect("What should change?")
	s.send("please say more\r")
	s.expect("1 of 2: kept.txt") // the agent changes this one again
	s.expect("> ")
	s.send("a")
	s.expect("2 of 2: one.txt")
	s.expect("+more")
	s.expect("> ")
	s.send("a")
	s.ends(0)
	if files := strings.Fields(w.run("git", "ls-tree", "--name-only", "HEAD")); slices.Contains(files, "three.txt") {
		t.Errorf("a rejected file landed: %v", files)
	}
}

// TestTerminalQuitsAndResumes: q keeps the result, and the next apply opens the gate without running the agent again; the
// changes that are then asked for in an editor go to the agent.
func TestTerminalQuitsAndResumes(t *testing.T) {
	w := newWorld(t, kitchen)
	w.approved("f")
	w.write("editor.sh", "grep -q '^# M kept.txt' \"$1\" || exit 1\n{ echo 'please say more'; cat \"$1\"; } > \"$1.new\"; mv \"$1.new\" \"$1\"\n")
	w.env = append(w.env, "EDITOR=sh "+w.home+"/editor.sh")
	s := w.terminal(80, 24, "apply", "f", "--here", "--only", "1")
	s.expect("[q]uit > ")
	s.send("q")
	s.ends(3)
	s = w.terminal(80, 24, "apply", "f", "--here", "--only", "1")
	s.expect("verified in an earlier run")
	s.expect("[q]uit > ")
	s.send("\x03") // an interrupt at a gate ends there, and keeps the result too
	s.ends(130)
	s = w.terminal(80, 24, "apply", "f", "--here", "--only", "1")
	s.expect("verified in an earlier run")
	s.expect("[q]uit > ")
	s.send("r")
	s.expect("What should change?")
	s.send("e\r")
	s.expect("started: Write three files")
	s.expect("[q]uit > ")
	s.send("a")
	s.ends(0)
	if got := w.run("git", "show", "HEAD:one.txt"); got != "more\n" {
		t.Errorf("one.txt is %q", got)
	}
}

// TestTerminalPlain: for a screen reader choices are numbered lines, and nothing is drawn over.
func TestTerminalPlain(t *testing.T) {
	w := newWorld(t, kitchen)
	w.approved("f")
	s := w.terminal(80, 24, "apply", "f", "--here", "--only", "1", "--plain")
	s.expect("1. approve\n2. diff\n")
	s.expect("Number: ")
	s.send("2\r")
	s.expect("+changed")
	s.expect("Number: ")
	s.send("1\r")
	raw := s.ends(0)
	if strings.Contains(raw, "\x1b") {
		t.Errorf("escapes for a screen reader: %q", raw)
	}
}

// TestTerminalWide: where there is room, old and new stand side by side.
func TestTerminalWide(t *testing.T) {
	w := newWorld(t, kitchen)
	w.approved("f")
	s := w.terminal(160, 40, "apply", "f", "--here", "--only", "1")
	s.expect("[q]uit > ")
	s.send("d")
	s.expect("    1 - as it was")
	s.expect(" |     1 + changed")
	s.expect("[q]uit > ")
	s.send("s")
	s.expect("Why is it not needed? ")
	s.send("\r\r") // as for a rejected file
	s.ends(0)
}

// TestTerminalInterrupt: the first interrupt lets a running agent go on, the second cancels its turn; a permission that it
// asks for then is answered "cancelled", and its last writes are not cut off.
func TestTerminalInterrupt(t *testing.T) {
	w := newWorld(t, strings.NewReplacer("command: [sh, agent.sh]", "protocol: acp\n    command: [acpagent]", "Write a fourth", "wait for ever").Replace(kitchen))
	if err := os.Symlink(w.self, filepath.Join(filepath.Dir(w.self), "acpagent")); err != nil {
		t.Fatal(err)
	}
	w.approved("f")
	s := w.terminal(80, 24, "apply", "f", "--here", "--only", "2", "--assume-done", "--skip", "1")
	s.expect("waiting for ever")
	s.send("\x03")
	s.expect("no new tasks")
	s.send("\x03")
	s.ends(130)
	found, err := filepath.Glob(filepath.Join(w.home, "cache/spec/repos/*/slot/0/tree/cancelled.txt"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the agent was not let end its turn: %v, %v", found, err)
	}
	data, err := os.ReadFile(found[0])
	if want := "selected false, cancelled true, error <nil>\n"; err != nil || string(data) != want {
		t.Errorf("the agent heard %q, want %q (%v)", data, want, err)
	}
}
