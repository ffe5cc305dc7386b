// Package scripts is a command that its tests start as a process, the test binary once more, as testscript does: with an
// environment of its own, in which GOCOVERDIR is all that is kept.
package scripts

import (
	"fmt"
	"io"
)

func tool(out io.Writer, args []string) int {
	if len(args) != 2 {
		fmt.Fprintln(out, "two words")
		return 2
	}
	n := shared(args)
	if n > 3 {
		fmt.Fprintln(out, "long")
		return 1
	}
	fmt.Fprintln(out, n)
	return 0
}

// shared counts the letters that two words begin with both.
func shared(words []string) (n int) {
	table := map[byte]int{}
	for i := 0; i < len(words[0]) && i < len(words[1]); i++ {
		if words[0][i] != words[1][i] {
			return n
		}
		table[words[0][i]]++
		n++
	}
	return n
}
