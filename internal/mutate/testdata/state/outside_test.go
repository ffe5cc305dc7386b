package state_test

import (
	"testing"

	"example.org/state"
)

func TestOutside(t *testing.T) {
	if got := state.Loop(2); got != 2 {
		t.Errorf("Loop(2) = %d", got)
	}
}
