package trace

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
)

var (
	escape = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))`)
	})
	// parameter is what stands in the name of a test for a value: of a template, of a row of a table, of JUnit.
	parameter = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\$\{[^}]*\}|#\{[^}]*\}|%[sdifjoOc#$p%]|\$[\w#][\w.]*|\{\w+\}`)
	})
	displayed = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`@(DisplayName|ParameterizedTest|RepeatedTest)\s*\(\s*(?:[\w ]+=[^")]*,\s*)?(?:name\s*=\s*)?"((?:[^"\\\n]|\\.)+)"`)
	})
)

// rows marks a test of JUnit that is run with each row of a table.
const rows = "@ParameterizedTest"

// numbered is how JUnit names a row.
var numbered = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\[\d+\]`) })

// unescaped is a string as it is meant. An escape that stands for a control character is a blank: none can stand in a name.
func unescaped(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return escape().ReplaceAllStringFunc(s, func(m string) string {
		g := escape().FindStringSubmatch(m)
		if hex := first(g[1], g[2], g[3]); hex != "" {
			n, err := strconv.ParseUint(hex, 16, 32)
			if err != nil || n < 0x20 {
				return " "
			}
			return string(rune(n))
		}
		if strings.Contains("nrtbfv0", g[4]) {
			return " "
		}
		return g[4]
	})
}

// identity says how a test is called, and in which groups: what is needed to find it in a report.
func (s *source) identity(file string, f found) *Test {
	t := &Test{File: file, Name: f.name}
	if q := s.quotation(f); q != 0 {
		t.Name = unescaped(f.name)
		if f.table || q == '`' && strings.Contains(f.name, "${") || q == '"' && strings.Contains(f.name, "#{") && s.lang.body == ends {
			t.like = shape(t.Name)
		}
		if f.joined {
			t.like = regexp.MustCompile(`^(?s:` + regexp.QuoteMeta(t.Name) + `.*)$`)
		}
	}
	for _, m := range displayed().FindAllStringSubmatch(s.text[f.head:f.from+len(s.lineText(s.lineOf(f.from)))], -1) {
		if shown := unescaped(m[2]); m[1] == "DisplayName" {
			t.also = shown
		} else {
			t.like = shape(shown)
		}
	}
	if head := s.text[f.head:f.from]; t.like == nil && strings.Contains(head, rows) && strings.Count(s.text, rows) == 1 {
		t.like = numbered() // Gradle leaves the method out; where there are two it cannot be told which
	}
	for _, g := range s.groups {
		if g.from < f.from && f.from < g.to {
			name := g.name
			if s.quotation(g) != 0 {
				name = unescaped(name)
			}
			t.groups = append(t.groups, parameter().Split(name, -1)...)
		}
	}
	return t
}

// quotation is the quotation mark around a name, or 0.
func (s *source) quotation(f found) byte {
	if i := f.nameAt - 1; i >= 0 && s.kinds[i] == inString {
		return s.text[i]
	}
	return 0
}

// shape matches a name with parameters in it: whatever stands in their place.
func shape(name string) *regexp.Regexp {
	parts := parameter().Split(name, -1)
	if len(parts) == 1 {
		return nil
	}
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	if strings.Trim(strings.Join(parts, ""), " ") == "" {
		return nil // it would be every name
	}
	return regexp.MustCompile(`^(?s:` + strings.Join(parts, ".*") + `)$`)
}
