// Package month is about thirty days.
package month

import "time"

// Month is thirty days, in each way that code may write it.
func Month(way int) time.Duration {
	const (
		local = 30 * 24 * time.Hour
	)
	switch way {
	case 0:
		return 30 * 24 * time.Hour
	case 1:
		return time.Duration(30) * 24 * time.Hour
	case 2:
		return 30*24*time.Hour + 30*time.Nanosecond
	case 3:
		return month
	}
	return local
}

const month = (30 * 24) * time.Hour

// Other is not run.
func Other() time.Duration {
	const other = 30 * 24 * time.Hour
	return other
}

// Odd holds constants whose parts are not of the type of the whole: they mean the same with breaks in them.
func Odd() (float64, int8, uint, int64) {
	var size float64 = 1 << 10
	return size + 7/2*2.0, int8(1000 / 100), uint(3 - 5 + 4), 1 << 40 / (1 << 38)
}
