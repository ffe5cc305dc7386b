// Package stand helps tests, and is shown by a program.
package stand

// Double is what a test asks it for.
func Double(n int) int { return n * 2 }
