//go:build linux && !unguarded

package liar

// tags are the build tags of the program that is tried.
const tags = ""
