package agent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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

	Secrets []string                // values that must not be written into any log
	Notify  func(task, text string) // told of what the program prints, for the live view; nil for nobody
}

// Name returns the agent's name in the configuration.
func (c *Command) Name() string { return c.Label }

// Adjusts is true: what a person asked for stands in the next brief.
func (c *Command) Adjusts() bool { return true }

// Run starts the program and waits for its end. An exit status other than 0 is a failed attempt. A program that ended
// before the answer to its question came is started again with it.
func (c *Command) Run(ctx context.Context, job Job) (Result, error) {
	questions, err := listen(ctx, socketPath(job.Temp), Mask(c.Secrets).asking(job.Ask))
	if err != nil {
		return Result{}, err
	}
	log := Mask(c.Secrets).Writer(io.MultiWriter(job.Log, &lastLines{task: job.Task, notify: c.Notify}))
	defer log.Close()
	tail := &tail{limit: 4096}
	var left []string
	for {
		left, err = c.once(ctx, job, tee{log, tail}, tail)
		late := questions.settle()
		if len(late) == 0 || ctx.Err() != nil {
			break
		}
		job.Brief = slices.Concat(job.Brief, []byte("\n## Answers to your questions\n\n"+lateAnswers(late)))
	}
	result, parked := questions.close()
	result.Leftover = left
	if result.Said == "" {
		result.Said = strings.TrimSpace(tail.String())
	}
	result.Said = Mask(c.Secrets).Text(result.Said)
	if parked && ctx.Err() == nil {
		return result, ErrParked
	}
	return result, err
}

// once runs the program one time. It returns the programs that were left running.
func (c *Command) once(ctx context.Context, job Job, out tee, tail *tail) ([]string, error) {
	briefFile := filepath.Join(job.Temp, "brief.md")
	if err := os.WriteFile(briefFile, job.Brief, 0o644); err != nil {
		return nil, fmt.Errorf("writing the brief: %v", err)
	}
	run := sandbox.Command{
		Self: c.Self, Argv: c.argv(job), Dir: job.Dir, Policy: job.Policy.With(c.Reads, c.State), Hold: job.Hold, Grace: c.Grace,
		Stdin: bytes.NewReader(job.Brief), Stdout: out, Stderr: out,
		Env: slices.Concat(job.Env, c.Env, []string{EnvFeature + "=" + job.Feature, EnvTask + "=" + job.Task, EnvSlot + "=" + strconv.Itoa(job.Slot),
			EnvBrief + "=" + briefFile, EnvSocket + "=" + socketPath(job.Temp), EnvBin + "=" + c.Self, "TMPDIR=" + job.Temp}),
	}
	exit, err := run.Run(ctx)
	switch {
	case err != nil:
		return exit.Leftover, err
	case exit.Signal != "":
		return exit.Leftover, fmt.Errorf("agent %s was ended by %s", c.Label, exit.Signal)
	case exit.Code != 0:
		return exit.Leftover, fmt.Errorf("agent %s ended with exit status %d: %s", c.Label, exit.Code, Mask(c.Secrets).Text(lastLine(tail.String())))
	}
	return exit.Leftover, nil
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

// lastLines tells of the last whole line of what is written. It never fails.
type lastLines struct {
	task   string
	notify func(task, text string)
	part   []byte
}

func (l *lastLines) Write(p []byte) (int, error) {
	if l.notify == nil {
		return len(p), nil
	}
	const most = 512
	end := bytes.LastIndexByte(p, '\n')
	if end < 0 {
		l.part = append(l.part, p[:min(len(p), most-min(most, len(l.part)))]...)
		return len(p), nil
	}
	whole := bytes.TrimSpace(p[:end])
	line := whole[bytes.LastIndexByte(whole, '\n')+1:]
	if bytes.IndexByte(p[:end], '\n') < 0 { // one line only: its beginning came before
		line = append(l.part, line...)
	}
	if line = bytes.TrimSpace(line); len(line) > 0 {
		l.notify(l.task, string(line[:min(most, len(line))]))
	}
	l.part = bytes.Clone(p[end+1:][:min(most, len(p)-end-1)])
	return len(p), nil
}
