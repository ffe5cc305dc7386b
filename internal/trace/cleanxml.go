package trace

import (
	"bufio"
	"io"
	"regexp"
	"strconv"
	"sync"
	"unicode/utf8"
)

// declared is the encoding that a report says it is in.
var declared = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^[^>]*encoding=["'](iso-8859-1|iso-8859-15|latin-?1|windows-1252|cp1252)["']`)
})

// illegal is a reference to a character that XML has no place for, as an escape that colours a terminal.
var illegal = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^&#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}));`) })

// A cleanXML gives a report as a strict reader takes it: tests print what they like, and some runners write it down as it is. What
// has no place in XML, or is not UTF-8, becomes U+FFFD; a report in Latin 1 that says so is read as that.
type cleanXML struct {
	from   *bufio.Reader
	latin  bool
	rest   []byte // of what was read, cleaned
	buffer []byte
}

func newCleanXML(from *bufio.Reader) *cleanXML {
	head, _ := from.Peek(200)
	return &cleanXML{from: from, latin: declared().Match(head)}
}

func (c *cleanXML) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		c.buffer = c.buffer[:0]
		for len(c.buffer) < 4096 {
			if plain, _ := c.from.Peek(min(c.from.Buffered(), 4096)); len(plain) > 0 {
				n := 0
				for n < len(plain) && (plain[n] >= ' ' && plain[n] < 0x7F && plain[n] != '&' || plain[n] == '\n') {
					n++
				}
				c.buffer = append(c.buffer, plain[:n]...)
				c.from.Discard(n) // it is buffered
				if n > 0 {
					continue
				}
			}
			r, err := c.next()
			if err != nil {
				if len(c.buffer) == 0 {
					return 0, err
				}
				break
			}
			c.buffer = utf8.AppendRune(c.buffer, r)
		}
		c.rest = c.buffer
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// next is the next character, cleaned.
func (c *cleanXML) next() (rune, error) {
	if c.latin {
		b, err := c.from.ReadByte()
		return legal(rune(b)), err
	}
	r, _, err := c.from.ReadRune()
	if err == nil && r == '&' {
		after, peeked := c.from.Peek(10)
		if m := illegal().FindSubmatch(append([]byte("&"), after...)); m != nil && (peeked == nil || peeked == io.EOF) {
			n, base := string(m[2]), 10
			if len(m[1]) > 0 {
				n, base = string(m[1]), 16
			}
			if code, err := strconv.ParseInt(n, base, 32); err != nil || legal(rune(code)) != rune(code) {
				_, err := c.from.Discard(len(m[0]) - 1)
				return utf8.RuneError, err
			}
		}
	}
	return legal(r), err
}

// legal is a character that may stand in XML, or U+FFFD in its place.
func legal(r rune) rune {
	if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF {
		return r
	}
	return utf8.RuneError
}
