package tasks

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// maxOutput bounds what is kept in memory of one command's output: the first and the last half of it.
const maxOutput = 8 << 20

// A boundedBuffer keeps the beginning and the end of what is written to it.
type boundedBuffer struct {
	mu         sync.Mutex
	head, tail bytes.Buffer
	lost       int
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(p)
	if room := maxOutput/2 - b.head.Len(); room > 0 {
		take := min(room, len(p))
		b.head.Write(p[:take])
		p = p[take:]
	}
	b.tail.Write(p)
	if over := b.tail.Len() - maxOutput/2; over > 0 {
		b.lost += over
		b.tail.Next(over)
	}
	return n, nil
}

func (b *boundedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost == 0 {
		return b.head.String() + b.tail.String()
	}
	return fmt.Sprintf("%s\n… %d bytes left out …\n%s", b.head.String(), b.lost, b.tail.String())
}

// cutTail returns the last lines of a text, and says how many stand above them.
func cutTail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(all) <= lines {
		return strings.Join(all, "\n")
	}
	return fmt.Sprintf("(%d lines above)\n%s", len(all)-lines, strings.Join(all[len(all)-lines:], "\n"))
}

// colour is what runners write for a terminal, in a CI too.
var colour = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;:?]*[A-Za-z]") })

// uncoloured is what a command printed without its colours.
func uncoloured(text string) string { return colour().ReplaceAllString(text, "") }
