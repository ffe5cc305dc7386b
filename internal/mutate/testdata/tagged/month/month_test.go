package month

import (
	"testing"
	"time"
)

func TestMonth(t *testing.T) {
	for way := range 5 {
		if got := Month(way).Truncate(time.Second).Hours(); got != 720 {
			t.Errorf("%d: %v hours", way, got)
		}
	}
}

func TestOdd(t *testing.T) {
	a, b, c, d := Odd()
	if a != 1030 || b != 10 || c != 2 || d != 4 {
		t.Error(a, b, c, d)
	}
}
