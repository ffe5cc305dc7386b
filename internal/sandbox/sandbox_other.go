//go:build !unix

package sandbox

import (
	"errors"
	"os/exec"
)

func ownSession(*exec.Cmd) {}

func available() (string, bool) { return "", false }

var errSystem = errors.New("sandbox: this system is not supported yet")

// Supervise reports that this system cannot run a supervised command.
func Supervise(string) int { return 1 }

// Enter fails: this system is not supported yet.
func Enter([]string) error { return errSystem }

// TestEnv fails: this system is not supported yet.
func TestEnv(Policy, string) (string, error) { return "", errSystem }

// EnterTest fails: this system is not supported yet.
func EnterTest([]string) error { return errSystem }
