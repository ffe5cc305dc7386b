package agent

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"spec.example/spec/internal/sandbox"
)

// A Command is an agent that is any program. It works in the job's directory, inside the sandbox; the brief is on its
// standard input, in the file $SPEC_BRIEF, and wherever an argument is "{brief}".
type Command struct {
	Label string   // name in the configuration
	Argv  []string // program and arguments
	Self  string   // this program, for the sandbox and for `spec ask`
	Env   []string // beside the job's
	Reads []string // places beside the job's that it has to read
	State []string // places that it keeps
	Grace time.Duration
}

// Name returns the agent's name in the configuration.
func (c *Command) Name() string { return c.Label }

// Adjusts is true: what a person asked for stands in the next brief.
func (c *Command) Adjusts() bool { return true }

// Run starts the program and waits for its end. An exit status other than 0 is a failed attempt.
func (c *Command) Run(ctx context.Context, job Job) (Result, error) {
	briefFile := filepath.Join(job.Temp, "brief.md")
	if err := os.WriteFile(briefFile, job.Brief, 0o644); err != nil {
		return Result{}, fmt.Errorf("writing the brief: %v", err)
	}
	questions, err := listen(ctx, socketPath(job.Temp), job.Ask)
	if err != nil {
		return Result{}, err
	}
	tail := &tail{limit: 4096}
	run := sandbox.Command{
		Self: c.Self, Argv: c.argv(job), Dir: job.Dir, Policy: job.Policy.With(c.Reads, c.State), Hold: job.Hold, Grace: c.Grace,
		Stdin: bytes.NewReader(job.Brief), Stdout: tee{job.Log, tail}, Stderr: tee{job.Log, tail},
		Env: append(append(job.Env, c.Env...), EnvFeature+"="+job.Feature, EnvTask+"="+job.Task, EnvSlot+"="+strconv.Itoa(job.Slot),
			EnvBrief+"="+briefFile, EnvSocket+"="+socketPath(job.Temp), EnvBin+"="+c.Self, "TMPDIR="+job.Temp),
	}
	exit, err := run.Run(ctx)
	result, parked := questions.close()
	result.Leftover = exit.Leftover
	if result.Said == "" {
		result.Said = strings.TrimSpace(tail.String())
	}
	switch {
	case err != nil:
		return result, err
	case parked:
		return result, ErrParked
	case exit.Signal != "":
		return result, fmt.Errorf("agent %s was ended by %s", c.Label, exit.Signal)
	case exit.Code != 0:
		return result, fmt.Errorf("agent %s ended with exit status %d: %s", c.Label, exit.Code, lastLine(tail.String()))
	}
	return result, nil
}

func (c *Command) argv(job Job) []string {
	argv := make([]string, len(c.Argv))
	for i, a := range c.Argv {
		argv[i] = strings.ReplaceAll(a, "{brief}", string(job.Brief))
	}
	return argv
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
