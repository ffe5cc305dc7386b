package tagged

import "testing"

func TestFee(t *testing.T) {
	for cents, want := range map[int]int{2500: 0, 2550: 60, 3000: 60} {
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
