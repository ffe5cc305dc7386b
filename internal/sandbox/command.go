package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"
)

// The hidden verbs of the program that this package starts, and the variables that carry a policy to them.
const (
	VerbRun  = "sandbox-run"
	VerbExec = "sandbox-exec"
	VerbTest = "sandbox-test"

	envJob  = "SPEC_SANDBOX_JOB"
	envTest = "SPEC_SANDBOX_TEST"
)

// A Command is a child process with what it may touch. The zero value of a field means what it means for exec.Cmd.
type Command struct {
	Self   string // this program; the supervisor is started from it
	Argv   []string
	Dir    string
	Env    []string // complete environment, see Environment
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Policy Policy
	Hold   *os.File // kept open until the last descendant is gone: a lock that says so
	Grace  time.Duration
}

// An Exit says how a command ended.
type Exit struct {
	Code     int      `json:"code"`             // exit status; -1 when a signal ended it
	Signal   string   `json:"signal,omitempty"` // name of that signal
	Leftover []string `json:"leftover"`         // programs that still ran when the command had ended, and were killed
	Err      string   `json:"err,omitempty"`    // why the command could not be started
}

type job struct {
	Policy Policy   `json:"policy"`
	Argv   []string `json:"argv"`
	Env    []string `json:"env"`
	GraceS float64  `json:"grace"`
}

// Run runs the command to its end. When ctx is done, the command is asked to end (SIGTERM), given Grace (2 seconds by
// default), and then killed with all its descendants. The error is not nil when the command could not be run, or when
// ctx ended it; an exit status is no error.
func (c *Command) Run(ctx context.Context) (Exit, error) {
	if err := c.Policy.Mode.check(); err != nil {
		return Exit{Code: -1}, err
	}
	if len(c.Argv) == 0 {
		return Exit{Code: -1}, errors.New("sandbox: no command")
	}
	grace := c.Grace
	if grace == 0 {
		grace = 2 * time.Second
	}
	spec, err := json.Marshal(job{Policy: c.Policy, Argv: c.Argv, Env: c.Env, GraceS: grace.Seconds()})
	if err != nil {
		return Exit{Code: -1}, err
	}
	return c.supervise(ctx, spec)
}

// supervise starts the supervisor with two pipes: one whose end tells it that we are gone (a byte on it asks it to
// end the command), one on which it reports.
func (c *Command) supervise(ctx context.Context, spec []byte) (Exit, error) {
	aliveRead, aliveWrite, err := os.Pipe()
	if err != nil {
		return Exit{Code: -1}, err
	}
	defer aliveWrite.Close()
	reportRead, reportWrite, err := os.Pipe()
	if err != nil {
		aliveRead.Close()
		return Exit{Code: -1}, err
	}
	defer reportRead.Close()
	cmd := exec.Command(c.Self, VerbRun)
	cmd.Dir = c.Dir
	cmd.Env = append(slices.Clone(c.Env), envJob+"="+string(spec))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	cmd.ExtraFiles = []*os.File{aliveRead, reportWrite}
	if c.Hold != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, c.Hold)
	}
	cmd.WaitDelay = 10 * time.Second
	ownSession(cmd)
	err = cmd.Start()
	aliveRead.Close()
	reportWrite.Close()
	if err != nil {
		return Exit{Code: -1}, fmt.Errorf("starting the supervisor of %s: %v", c.Argv[0], err)
	}
	stop := context.AfterFunc(ctx, func() { aliveWrite.Write([]byte{'t'}) })
	defer stop()
	report, readErr := io.ReadAll(io.LimitReader(reportRead, 1<<20))
	waitErr := cmd.Wait()
	var exit Exit
	if readErr != nil || json.Unmarshal(report, &exit) != nil {
		return Exit{Code: -1}, fmt.Errorf("running %s: the supervisor ended without a report: %v", c.Argv[0], waitErr)
	}
	if exit.Err != "" {
		return exit, errors.New(exit.Err)
	}
	return exit, ctx.Err()
}
