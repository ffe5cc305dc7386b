package check

import (
	"regexp"
	"sync"
)

// A pattern is a regular expression that is compiled when it is first used: most commands use none of them.
type pattern struct {
	text string
	once sync.Once
	re   *regexp.Regexp
}

func lazy(text string) *pattern { return &pattern{text: text} }

func (p *pattern) get() *regexp.Regexp {
	p.once.Do(func() { p.re = regexp.MustCompile(p.text) })
	return p.re
}
