//go:build unix

package tasks_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestChildrenThatMisbehave runs agents and verifications that do what children should not. Each ends as a failure that
// says what happened; nothing hangs and nothing is left running.
func TestChildrenThatMisbehave(t *testing.T) {
	stories := []struct {
		name, agent, check string
		args               []string
		says               string
	}{
		{"ignores the request to end", "trap '' TERM INT HUP; while :; do sleep 1; done", "", []string{"--timeout", "2s"}, "took longer than 2s and was ended"},
		{"floods its output", "yes 'a flood of words' | head -c 20000000; echo; echo the end; exit 7", "", nil, "exit status 7: the end"},
		{"leaves a daemon that keeps the pipe open", "(setsid sleep 500 &) ; exit 5", "", nil, "exit status 5"},
		{"dies by a signal", "kill -SEGV $$", "", nil, "ended by SIGSEGV"},
		{"prints one endless line", "head -c 30000000 /dev/zero | tr '\\0' x; exit 6", "", nil, "exit status 6"},
		{"is not there", "exec no-such-program", "", nil, "exit status 127"},
		{"closes everything and sleeps", "exec 0<&- 1>&- 2>&-; sleep 500", "", []string{"--timeout", "2s"}, "took longer than 2s and was ended"},
		{"verification dies by a signal", "echo done > t1.txt", "[ -f t1.txt ] && kill -9 $$; exit 0", nil, "status 137"},
		{"verification leaves a daemon", "echo done > t1.txt", "[ -f t1.txt ] && { (setsid sleep 500 &); exit 4; }; exit 0", nil, "status 4"},
		{"verification floods its output", "echo done > t1.txt", "[ -f t1.txt ] && { yes 'a flood of words' | head -c 20000000; echo 'error: the last word'; exit 4; }; exit 0", nil, "error: the last word"},
	}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			f := newFixture(t)
			f.write("agent.sh", s.agent+"\n", 0o644)
			f.write("check.sh", "test -f agent.sh || exit 1\n"+s.check+"\n", 0o644)
			f.git("commit", "-qam", "other scripts")
			cmd := f.command(f.bin, append([]string{"apply", "f", "--approve", "auto", "--here", "--only", "1", "--attempts", "1"}, s.args...)...)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			hung := time.AfterFunc(5*time.Minute, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
			cmd.Wait()
			if !hung.Stop() {
				t.Fatalf("it hangs:\n%s", out.String())
			}
			if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(out.String(), s.says) || !strings.Contains(out.String(), "Task 1 failed") {
				t.Errorf("ended with %d, want 1 and %q:\n%s", code, s.says, tailOf(out.String()))
			}
			if out.Len() > 1<<20 {
				t.Errorf("%d bytes reached the terminal", out.Len())
			}
			for range 100 {
				if f.processes() == "" {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			if left := f.processes(); left != "" {
				t.Errorf("processes are left:\n%s", left)
			}
			if status := f.git("status", "--porcelain"); status != "" {
				t.Errorf("the checkout is not clean:\n%s", status)
			}
		})
	}
}

func tailOf(s string) string { return s[max(0, len(s)-4000):] }

// TestWholeLogIsKept bounds what is shown, not what is kept.
func TestWholeLogIsKept(t *testing.T) {
	f := newFixture(t)
	f.write("agent.sh", "i=0; while [ $i -lt 20000 ]; do echo \"line $i of many\"; i=$((i+1)); done; exit 3\n", 0o644)
	f.git("commit", "-qam", "much to say")
	cmd := f.command(f.bin, "apply", "f", "--approve", "auto", "--here", "--only", "1", "--attempts", "1")
	out, _ := cmd.CombinedOutput()
	if len(out) > 20000 {
		t.Errorf("%d bytes shown", len(out))
	}
	logs, err := filepath.Glob(filepath.Join(f.dir, ".spec", "runs", "*", "1-1-agent.log"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("logs %v, %v", logs, err)
	}
	data, err := os.ReadFile(logs[0])
	if err != nil || !bytes.Contains(data, []byte("line 0 of many\n")) || !bytes.Contains(data, []byte("line 19999 of many\n")) {
		t.Errorf("the log holds %d bytes, %v", len(data), err)
	}
}

// TestNoProgress ends a task whose output is the same twice; other output is another try, with the failure in its brief.
func TestNoProgress(t *testing.T) {
	f := newFixture(t)
	f.write("agent.sh", "echo same; exit 3\n", 0o644)
	f.git("commit", "-qam", "always the same")
	cmd := f.command(f.bin, "apply", "f", "--approve", "auto", "--here", "--only", "1", "--attempts", "5")
	out, _ := cmd.CombinedOutput()
	if n := strings.Count(string(out), "task 1: started"); n != 2 || !strings.Contains(string(out), "no progress") {
		t.Errorf("%d attempts:\n%s", n, out)
	}

	f = newFixture(t)
	f.write("agent.sh", "if grep -q 'half of it is missing' \"$SPEC_BRIEF\"; then echo done > t1.txt; else echo half > t1.txt; fi\n", 0o644)
	f.write("check.sh", "test -f t1.txt || exit 0\ngrep -q done t1.txt || { echo 't1.txt:1: error: half of it is missing'; exit 1; }\n", 0o644)
	f.git("commit", "-qam", "learns")
	out, _ = f.command(f.bin, "apply", "f", "--approve", "auto", "--here", "--only", "1").CombinedOutput()
	if n := strings.Count(string(out), "task 1: started"); n != 2 || !strings.Contains(string(out), "1 landed") {
		t.Errorf("%d attempts:\n%s", n, out)
	}
}
