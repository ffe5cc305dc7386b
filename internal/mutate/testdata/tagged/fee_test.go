package tagged

import (
	"testing"

	"tagged/stand"
)

func TestFee(t *testing.T) {
	for cents, want := range map[int]int{2500: 0, stand.Double(1275): 60, 3000: 60} {
		got := Fee(cents)
		if got != want {
			t.Errorf("%d for %d, want %d", got, cents, want)
		}
		if lines := Log(nil, got); len(lines) > 0 != (want > 0) {
			t.Errorf("%v", lines)
		}
	}
}

func TestLog(t *testing.T) {
	if len(Log(nil, 1)) != 1 {
		t.Error("nothing is logged")
	}
}

func TestPause(t *testing.T) {
	if Pause(nil).Seconds() != 30 || Pause([]string{""}).Hours() != 24 {
		t.Error("another time")
	}
}

// It comes by nothing of its own package.
func TestStand(t *testing.T) {
	if stand.Double(2) != 4 {
		t.Error("not twice")
	}
}
