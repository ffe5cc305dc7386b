package spec

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Ignore are the patterns of one .gitignore, as gitignore(5) has them.
type Ignore struct{ rules []ignoreRule }

type ignoreRule struct {
	negated, dirOnly bool
	base             bool     // stands for a name in any directory
	parts            []string // of the pattern, between slashes
}

// ParseIgnore reads a .gitignore.
func ParseIgnore(data []byte) *Ignore {
	var g Ignore
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) {
		if rule, ok := parseIgnoreRule(strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")); ok {
			g.rules = append(g.rules, rule)
		}
	}
	return &g
}

func parseIgnoreRule(s string) (rule ignoreRule, ok bool) {
	if strings.HasPrefix(s, "#") {
		return rule, false
	}
	for strings.HasSuffix(s, " ") && !strings.HasSuffix(s, `\ `) {
		s = s[:len(s)-1]
	}
	if s, rule.negated = strings.CutPrefix(s, "!"); s == "" {
		return rule, false
	}
	s, rule.dirOnly = strings.CutSuffix(s, "/")
	rule.base = !strings.Contains(s, "/")
	rule.parts = strings.Split(strings.TrimPrefix(s, "/"), "/")
	return rule, s != ""
}

// Match looks for the last pattern that fits a path, which is relative to the directory of the .gitignore. decided is false
// where none does: an outer .gitignore decides then.
func (g *Ignore) Match(name string, isDir bool) (ignored, decided bool) {
	for i := len(g.rules) - 1; i >= 0; i-- {
		rule := &g.rules[i]
		if rule.dirOnly && !isDir {
			continue
		}
		if rule.base && fits(rule.parts[0], name[strings.LastIndexByte(name, '/')+1:]) || !rule.base && fitsPath(rule.parts, name) {
			return !rule.negated, true
		}
	}
	return false, false
}

// fitsPath compares a pattern with a path, part by part. `**` stands for any number of directories; at the end for at least
// one name.
func fitsPath(parts []string, name string) bool {
	star, from := -1, "" // the latest `**`, and what of the path it was tried for
	p, rest, more := 0, name, true
	for more {
		if p < len(parts) && parts[p] == "**" {
			if p == len(parts)-1 {
				return true
			}
			star, from = p, rest
			p++
			continue
		}
		head, tail, again := strings.Cut(rest, "/")
		if p < len(parts) && fits(parts[p], head) {
			p, rest, more = p+1, tail, again
			continue
		}
		if star < 0 {
			return false
		}
		if _, from, more = strings.Cut(from, "/"); !more {
			return false
		}
		p, rest = star+1, from
	}
	return p == len(parts)
}

// fits compares a pattern without a slash with a name: `*`, `?`, classes in brackets, and what a backslash makes plain.
func fits(pattern, name string) bool {
	star, from := -1, 0
	p, n := 0, 0
	for n < len(name) {
		r, size := utf8.DecodeRuneInString(name[n:])
		if p < len(pattern) && pattern[p] == '*' {
			star, from = p, n
			p++
			continue
		}
		if length, ok := fitsOne(pattern[p:], r); ok {
			p, n = p+length, n+size
			continue
		}
		if star < 0 {
			return false
		}
		_, size = utf8.DecodeRuneInString(name[from:])
		from += size
		p, n = star+1, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// fitsOne compares the first element of a pattern with a character, and gives the element's length.
func fitsOne(pattern string, r rune) (length int, ok bool) {
	if pattern == "" {
		return 0, false
	}
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return fitsClass(pattern, r)
	case '\\':
		if len(pattern) == 1 {
			return 0, false
		}
		want, size := utf8.DecodeRuneInString(pattern[1:])
		return 1 + size, want == r
	}
	want, size := utf8.DecodeRuneInString(pattern)
	return size, want == r
}

// fitsClass compares a class in brackets. One that is never closed fits nothing.
func fitsClass(pattern string, r rune) (length int, ok bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	found := false
	for first := true; ; first = false {
		if i >= len(pattern) {
			return 0, false
		}
		if pattern[i] == ']' && !first {
			return i + 1, found != negated
		}
		if strings.HasPrefix(pattern[i:], "[:") {
			if name, _, closed := strings.Cut(pattern[i+2:], ":]"); closed {
				found = found || named(name, r)
				i += len(name) + 4
				continue
			}
		}
		low, next := classMember(pattern, i)
		i = next
		high := low
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			high, i = classMember(pattern, i+1)
		}
		found = found || low <= r && r <= high
	}
}

func classMember(pattern string, i int) (r rune, next int) {
	if pattern[i] == '\\' && i+1 < len(pattern) {
		i++
	}
	r, size := utf8.DecodeRuneInString(pattern[i:])
	return r, i + size
}

// named tells whether a character is of a POSIX class; git knows those of ASCII.
func named(class string, r rune) bool {
	lower, upper, digit := r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9'
	switch class {
	case "alpha":
		return lower || upper
	case "digit":
		return digit
	case "alnum":
		return lower || upper || digit
	case "lower":
		return lower
	case "upper":
		return upper
	case "space":
		return r == ' ' || r >= '\t' && r <= '\r'
	case "blank":
		return r == ' ' || r == '\t'
	case "punct":
		return r > ' ' && r < 0x7f && !lower && !upper && !digit
	case "xdigit":
		return digit || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
	case "cntrl":
		return r < ' ' || r == 0x7f
	case "print":
		return r >= ' ' && r < 0x7f
	case "graph":
		return r > ' ' && r < 0x7f
	}
	return false
}
