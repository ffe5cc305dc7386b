// Package state keeps things between tests, as packages do.
package state

import "sync"

var seen []int

// Add notes a number, ten at most.
func Add(n int) int {
	seen = append(seen, n)
	if n > 10 {
		return 10
	}
	return n
}

// Reset forgets.
func Reset() { seen = nil }

var table = sync.OnceValue(func() int { return double(21) })

func double(n int) int { return n * 2 }

// Table is computed once.
func Table() int { return table() }

// Loop ends when n is 0.
func Loop(n int) int {
	steps := 0
	for n > 0 {
		n--
		steps++
	}
	return steps
}

var (
	held sync.Mutex
	half = []int{0, 1}
)

// Half is a table's number, found under a lock.
func Half(n int) int {
	held.Lock()
	h := half[n/2]
	held.Unlock()
	return h
}
