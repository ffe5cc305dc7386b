//go:build linux && unguarded

package liar

const tags = "unguarded"
