package tagged

import (
	"net/http"
	"time"
)

// Fee is what the criterion speaks of.
//
// spec:f/1.1
func Fee(cents int) int {
	if cents > free {
		return round(cents / 50)
	}
	return refused.status - 402
}

var free = 2500

// refused is what is answered without a fee.
var refused = struct{ status int }{http.StatusPaymentRequired}

// round is run by the test of the criterion, and is of another.
//
// spec:f/1.2
func round(n int) int {
	if n%10 == 0 {
		return n
	}
	return n - n%10 + 10
}

// Log is run by it too, and is of none.
func Log(lines []string, fee int) []string {
	if fee != 0 && len(lines) < 30 {
		lines = append(lines, "fee")
	}
	return lines
}

// Pause is no number of days.
func Pause(lines []string) time.Duration {
	if len(lines) == 0 {
		return 30 * time.Second
	}
	return 24 * 60 * time.Minute
}
