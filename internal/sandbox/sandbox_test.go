//go:build linux

package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spec.example/spec/internal/sandbox"
)

// TestMain lets the test binary stand in for the program: the supervisor is started from it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case sandbox.VerbRun:
			os.Exit(sandbox.Supervise(os.Args[0]))
		case sandbox.VerbExec:
			fmt.Fprintln(os.Stderr, sandbox.Enter(os.Args[3:]))
			os.Exit(126)
		case sandbox.VerbTest:
			fmt.Fprintln(os.Stderr, sandbox.EnterTest(os.Args[2:]))
			os.Exit(126)
		case "dial":
			dial(os.Args[2], os.Args[3])
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

func shell(t *testing.T, script string, policy sandbox.Policy) (sandbox.Command, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := new(bytes.Buffer)
	return sandbox.Command{Self: self, Argv: []string{"sh", "-c", script}, Dir: "/", Env: sandbox.Environment(os.Environ(), []string{"SPEC_REMOVE_GUARD"}, nil),
		Stdout: out, Stderr: out, Policy: policy}, out
}

func requireLandlock(t *testing.T) {
	t.Helper()
	if _, ok := sandbox.Available(); !ok {
		t.Fatal("this kernel has no Landlock: the sandbox cannot be tested here")
	}
}

// spec:workflow/4.3
func TestWritesOnlyWhatIsNamed(t *testing.T) {
	requireLandlock(t)
	open, closed := t.TempDir(), t.TempDir()
	secret := filepath.Join(closed, "secret")
	if err := os.WriteFile(secret, []byte("hidden"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, out := shell(t, fmt.Sprintf(`echo in > %[1]s/a && mv %[1]s/a %[1]s/b && echo wrote > /dev/null && echo wrote; cat %[2]s; echo x > %[3]s/out; ln -s %[2]s %[1]s/link; cat %[1]s/link; exit 7`, open, secret, closed),
		sandbox.Base(os.Environ()).With(nil, []string{open}))
	exit, err := c.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if exit.Code != 7 || !strings.Contains(out.String(), "wrote") {
		t.Errorf("exit %+v, output %q: want exit status 7 and the write inside to succeed", exit, out)
	}
	if strings.Contains(out.String(), "hidden") {
		t.Errorf("a closed file was read: %q", out)
	}
	if _, err := os.Stat(filepath.Join(closed, "out")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written outside: %v", err)
	}
}

// TestMovesBetweenDirectories: compilers write aside and move what they wrote into another directory. A link cannot fall back to a copy.
//
// spec:workflow/4.3
func TestMovesBetweenDirectories(t *testing.T) {
	requireLandlock(t)
	open := t.TempDir()
	policy := sandbox.Base(os.Environ()).With(nil, []string{open})
	policy.TCP = []uint16{1}
	c, out := shell(t, fmt.Sprintf(`cd %s && mkdir a b && echo x > a/f && ln a/f b/g && cat b/g`, open), policy)
	if exit, err := c.Run(context.Background()); err != nil || exit.Code != 0 || !strings.HasPrefix(out.String(), "x\n") {
		t.Errorf("%v, exit %+v, output %q", err, exit, out)
	}
}

// spec:workflow/4.2
func TestDaemonsEndWithTheCommand(t *testing.T) {
	dir := t.TempDir()
	marker := filepath.Join(dir, "alive")
	c, _ := shell(t, fmt.Sprintf(`setsid sh -c 'trap "" TERM HUP; while :; do echo x >> %s; sleep 0.02; done' >/dev/null 2>&1 & sleep 0.3; exit 0`, marker), sandbox.Policy{Mode: sandbox.Off})
	exit, err := c.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(exit.Leftover) == 0 {
		t.Error("the daemon was not reported as left over")
	}
	before, err := os.ReadFile(marker)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	after, err := os.ReadFile(marker)
	if err != nil {
		t.Fatal(err)
	}
	if len(before) == 0 || len(after) != len(before) {
		t.Errorf("the daemon outlived its command: %d bytes, then %d", len(before), len(after))
	}
}

func TestCancelEndsAProcessThatIgnoresSignals(t *testing.T) {
	c, _ := shell(t, `trap "" TERM INT HUP; while :; do sleep 0.05; done`, sandbox.Policy{Mode: sandbox.Off})
	c.Grace = 100 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(200*time.Millisecond, cancel)
	exit, err := c.Run(ctx)
	if !errors.Is(err, context.Canceled) || exit.Signal != "SIGKILL" {
		t.Errorf("exit %+v, error %v: want a kill and the context's error", exit, err)
	}
}

func TestUnknownCommandIsAnError(t *testing.T) {
	self, _ := os.Executable()
	var out bytes.Buffer
	c := sandbox.Command{Self: self, Argv: []string{"no-such-program-here"}, Dir: "/", Env: os.Environ(), Stderr: &out, Policy: sandbox.Policy{Mode: sandbox.Off}}
	exit, err := c.Run(context.Background())
	if err != nil || exit.Code != 126 || !strings.Contains(out.String(), "no-such-program-here") {
		t.Errorf("exit %+v, error %v, output %q", exit, err, out.String())
	}
}

func TestEnvironmentIsAnAllowList(t *testing.T) {
	env := sandbox.Environment([]string{"PATH=/bin", "SSH_AUTH_SOCK=/s", "AWS_SECRET=1", "MINE=2"}, []string{"MINE"}, []string{"CI=1"})
	if got := strings.Join(env, " "); got != "PATH=/bin MINE=2 CI=1" {
		t.Errorf("environment is %q", got)
	}
}
