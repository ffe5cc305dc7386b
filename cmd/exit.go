package cmd

import (
	"context"
	"errors"
	"fmt"
)

// The exit statuses. Where several hold, interrupted stands over undecided over waiting over no.
const (
	exitDone        = 0
	exitNo          = 1 // findings, a failed task, a failed test, a declined approval
	exitUndecided   = 2 // bad usage, unreadable input, no repository
	exitWaiting     = 3 // a person has to answer, and work would go on
	exitInterrupted = 130
)

// A failure is an error with the exit status that it means and the command to type next.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// undecided is an error that kept the program from an answer.
func undecided(hint, format string, args ...any) error {
	return &failure{exitUndecided, fmt.Errorf(format, args...), hint}
}

// no is a negative answer.
func no(hint, format string, args ...any) error {
	return &failure{exitNo, fmt.Errorf(format, args...), hint}
}

// waits is a stop at a gate: a person has to answer.
func waits(hint, format string, args ...any) error {
	return &failure{exitWaiting, fmt.Errorf(format, args...), hint}
}

// errSaid is a negative answer that the view has printed already.
var errSaid = &failure{code: exitNo, err: errors.New("")}

// exit turns the error of a verb into a message and an exit status.
func (a *app) exit(err error) int {
	if err == nil {
		return exitDone
	}
	code, hint := exitUndecided, ""
	var f *failure
	var hinted interface{ Hint() string }
	switch {
	case errors.As(err, &f):
		code, hint = f.code, f.hint
	case errors.Is(err, context.Canceled):
		code = exitInterrupted
	}
	if hint == "" && errors.As(err, &hinted) {
		hint = hinted.Hint()
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(a.w.Stderr, "spec: %s\n", clean(text))
	}
	if hint != "" {
		fmt.Fprintf(a.w.Stderr, "spec: hint: %s\n", clean(hint))
	}
	return code
}
