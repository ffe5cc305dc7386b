// Package logs says what it does.
package logs

import "log/slog"

// Cap is at most 3.
func Cap(log *slog.Logger, n int) int {
	log.Info("capping", "count", n, "word", "cap")
	if n > 3 {
		log.Warn("capped", "count", n)
		return 3
	}
	return n
}
