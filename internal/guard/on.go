//go:build !unguarded

package guard

// On tells whether a guard stands. It does.
func On(Name) bool { return true }
