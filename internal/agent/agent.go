package agent

import (
	"context"
	"errors"
	"io"
	"os"

	"spec.example/spec/internal/sandbox"
)

// An Agent carries out one task in one directory. Run may be called for several jobs at once.
type Agent interface {
	// Name is what the lock and the gate call it.
	Name() string
	// Adjusts tells whether it can take a requested change in words and work it in.
	Adjusts() bool
	// Run works on the job until it is done. An error means that the attempt failed; ErrParked that it stopped for a
	// question that nobody answered yet; a *Declined that it will not do the task.
	Run(ctx context.Context, job Job) (Result, error)
}

// A Job is one attempt at one task.
type Job struct {
	Feature string
	Task    string
	Slot    int
	Attempt int
	Dir     string   // the directory to work in, absolute
	Brief   []byte   // what to do, Markdown
	Powers  []string // names of the powers whose tool servers the agent gets
	Temp    string   // private directory with a short path, for the brief's file, the socket and temporary files
	Env     []string
	Policy  sandbox.Policy
	Hold    *os.File // see sandbox.Command
	Log     io.Writer
	Ask     func(ctx context.Context, q Question) (Answer, error)
}

// A Question is what an agent wants a person to decide.
type Question struct {
	Text    string   `json:"text"`
	Choices []string `json:"choices"` // the first is the one that the agent would take; empty for free text
}

// An Answer is one of the choices, or a person's own words.
type Answer struct {
	Text string `json:"text"`
	By   string `json:"by"` // channel and person, as decisions.md shows it
}

// A Result is what an agent says of its work. None of it is believed.
type Result struct {
	Said      string   // its last words, for the gate
	Unchanged string   // why it left everything as it was
	Leftover  []string // programs that it left running when it had ended; they were killed
	Cost      string   // what it says that the work has cost, for the gate; "" where it says nothing
}

// ErrParked means that a question waits for a person: the task is started again with the answer.
var ErrParked = errors.New("waiting for an answer")

// Declined is the error of an agent that will not do a task, with a reason that a person can act on.
type Declined struct{ Reason string }

func (d *Declined) Error() string { return d.Reason }
