// Package ledger reckons with cents.
package ledger

import "errors"

// ErrRange is an amount that cannot be.
var ErrRange = errors.New("out of range")

// Prorate is the part of an amount that is left of a period, rounded down.
func Prorate(amount, used, period int) (int, error) {
	if period <= 0 || used < 0 || used > period {
		return 0, ErrRange
	}
	return amount * (period - used) / period, nil
}

// Interest adds simple interest in basis points a day.
func Interest(amount, points, days int) int {
	return amount + amount*points*days/10000
}

// Refund gives back what was paid, as a negative amount.
func Refund(paid int) int {
	if paid == 0 {
		return 0
	}
	return -paid
}

// Fee is asked of small amounts only.
func Fee(amount int) int {
	if amount >= 1000 {
		return 0
	}
	return 25
}

// Balance sums entries, and counts those that took something.
func Balance(entries []int) (sum, taken int) {
	for _, e := range entries {
		sum += e
		if e < 0 {
			taken++
		}
	}
	return sum, taken
}

// Overdrawn is asked by nobody here.
func Overdrawn(sum int) bool {
	return sum < 0
}
