package levels

import (
	"os"
	"testing"
	"time"
)

func TestHonest(t *testing.T) {
	for days, want := range map[int]int{0: 0, 15: 1450, 30: 2900} {
		if got, err := Price(days); got != want || err != nil {
			t.Errorf("Price(%d) = %d, %v", days, got, err)
		}
	}
	if _, err := Price(31); err == nil {
		t.Error("31 days passed")
	}
	if _, err := Price(-1); err == nil {
		t.Error("-1 days passed")
	}
}

func TestHollow(t *testing.T) { Price(15) }

func TestPanicking(t *testing.T) { _ = *Box(Deref(Box(1))) }

func TestSleeping(t *testing.T) { time.Sleep(50 * time.Millisecond); Name(true) }

func TestSkipped(t *testing.T) { t.Skip("not today"); Price(15) }

func TestFlaky(t *testing.T) {
	if _, err := os.Stat("flaky.mark"); err != nil {
		os.WriteFile("flaky.mark", nil, 0o644)
		t.Fatal("the first time")
	}
	os.Remove("flaky.mark")
}

func TestTautological(t *testing.T) {
	got := Name(true)
	if got != got {
		t.Error("never")
	}
}

func TestSnapshotOfItself(t *testing.T) {
	if Name(true) != Name(true) {
		t.Error("never")
	}
}

func TestOnlyNoError(t *testing.T) {
	if _, err := Price(15); err != nil {
		t.Error(err)
	}
}

func TestFailing(t *testing.T) { t.Error("always") }
