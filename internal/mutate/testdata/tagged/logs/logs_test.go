package logs

import (
	"log/slog"
	"testing"
)

func TestCap(t *testing.T) {
	if got := Cap(slog.New(slog.DiscardHandler), 4); got != 3 {
		t.Errorf("%d", got)
	}
}
