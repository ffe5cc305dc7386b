package clock

import "testing"

func TestMinutes(t *testing.T) {
	for text, want := range map[string]int{"00:00": 0, "14:30": 870, "23:59": 1439, "24:00": -1, "12:60": -1, "x": -1, ":30": -1, "12:": -1, "a:10": -1, "10:b": -1} {
		if got := Minutes(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestUntil(t *testing.T) {
	if Until(60, 90) != 30 || Until(1430, 10) != 20 {
		t.Error("wrong")
	}
}

func TestOpen(t *testing.T) {
	if !Open(600) || Open(1200) {
		t.Error("wrong")
	}
}

func TestRound(t *testing.T) {
	for _, tt := range [][3]int{{7, 15, 0}, {8, 15, 15}, {30, 15, 30}, {5, 10, 10}} {
		if got := Round(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%v: %d", tt, got)
		}
	}
}
