package state

import "testing"

// A failure leaves what was seen behind, and the next run of the test finds it.
func TestDirty(t *testing.T) {
	if len(seen) > 0 {
		t.Fatalf("%v was seen before", seen)
	}
	for in, want := range map[int]int{4: 4, 40: 10} {
		if got := Add(in); got != want {
			t.Fatalf("Add(%d) = %d", in, got)
		}
	}
	Reset()
}

// What it asks for was computed in the first run.
func TestOnce(t *testing.T) {
	if got := Table(); got != 42 {
		t.Errorf("Table() = %d", got)
	}
}

// It is the first to ask for what the other then finds.
func TestOnce2(t *testing.T) {
	if got := Table() + Loop(1); got != 43 {
		t.Errorf("%d", got)
	}
}

func TestParallel(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 3} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			if got := Loop(n); got != n {
				t.Errorf("Loop(%d) = %d", n, got)
			}
		})
	}
}

// A break that panics, or does not give the lock back, leaves it taken.
func TestHeld(t *testing.T) {
	if got := Half(2); got != 1 {
		t.Errorf("Half(2) = %d", got)
	}
}
