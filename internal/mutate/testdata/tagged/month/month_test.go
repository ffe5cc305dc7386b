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
