// Package levels holds code for tests of every kind of honesty.
package levels

import "errors"

const monthly = 2900

// Price is what days of a month cost.
func Price(days int) (int, error) {
	if days < 0 || days > 30 {
		return 0, errors.New("not a part of a month")
	}
	if days == 30 {
		return monthly, nil
	}
	return monthly * days / 30, nil
}

// Name names a plan.
func Name(annual bool) string {
	if annual {
		return "annual"
	}
	return "monthly"
}

// Deref panics on nil.
func Deref(p *int) int { return *p + 1 }

// Box returns a box.
func Box(n int) *int {
	n++
	return &n
}
