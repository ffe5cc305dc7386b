package unused

import (
	"strings"
	"testing"
)

func TestHollow(t *testing.T) {
	for _, words := range [][]string{nil, {"a"}, {"a", "b"}} {
		Count(words, Wrap("c"))
	}
	Wrap(Wrap("d"))()
	Wrap(1)()
	if end := Wrap(strings.NewReader("")); end != nil {
		end()
	}
}
