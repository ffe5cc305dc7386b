package trace

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// A pattern is a regular expression that is compiled when it is first used: a tree holds files of few languages.
type pattern struct {
	text  string
	once  sync.Once
	re    *regexp.Regexp
	first *[128]bool // bytes that a match of a line can begin with, blanks apart; nil for any
	holds string     // letters that every match holds; "" for none
}

func (p *pattern) get() *regexp.Regexp {
	p.once.Do(func() {
		p.re = regexp.MustCompile(p.text)
		p.first, p.holds = firstBytes(p.text), literal(p.text)
	})
	return p.re
}

// find matches a line. Most lines are told from what is looked for by their first letter, others by a word that they lack.
func (p *pattern) find(line string) []int {
	re := p.get()
	if p.first != nil {
		i := 0
		for i < len(line) && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r' || line[i] == '\f') {
			i++
		}
		if i == len(line) || line[i] < 0x80 && !p.first[line[i]] {
			return nil
		}
	}
	if !strings.Contains(line, p.holds) {
		return nil
	}
	return re.FindStringSubmatchIndex(line)
}

// match tells whether a text holds what is looked for.
func (p *pattern) match(text string) bool { return p.get().MatchString(text) }

// literal is the longest word that is known to stand in every text which a pattern matches.
func literal(text string) string {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return ""
	}
	var longest func(re *syntax.Regexp) string
	longest = func(re *syntax.Regexp) string {
		switch {
		case re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase == 0:
			return string(re.Rune)
		case re.Op == syntax.OpConcat, re.Op == syntax.OpCapture, re.Op == syntax.OpPlus, re.Op == syntax.OpRepeat && re.Min > 0:
			word := ""
			for _, sub := range re.Sub {
				if w := longest(sub); len(w) > len(word) {
					word = w
				}
			}
			return word
		}
		return ""
	}
	return longest(tree)
}

// firstBytes lists the ASCII characters of which one has to be the first that is no blank, in a text that a pattern
// matches from its beginning. It is nil where that says nothing: a pattern that is not held to the beginning, or that
// matches blanks alone.
func firstBytes(text string) *[128]bool {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil
	}
	var set [128]bool
	anything := false
	seen := map[bool][]bool{false: make([]bool, len(prog.Inst)), true: make([]bool, len(prog.Inst))}
	var visit func(pc uint32, held bool)
	visit = func(pc uint32, held bool) {
		if seen[held][pc] || anything {
			return
		}
		seen[held][pc] = true
		in := &prog.Inst[pc]
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			visit(in.Out, held)
			visit(in.Arg, held)
		case syntax.InstEmptyWidth:
			visit(in.Out, held || syntax.EmptyOp(in.Arg)&syntax.EmptyBeginText != 0)
		case syntax.InstCapture, syntax.InstNop:
			visit(in.Out, held)
		case syntax.InstMatch:
			anything = true
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			anything = anything || !held
			blank := false
			for c := range rune(128) {
				if !in.MatchRune(c) {
					continue
				}
				if c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\n' {
					blank = true
				} else {
					set[c] = true
				}
			}
			if blank {
				visit(in.Out, held)
			}
		}
	}
	visit(uint32(prog.Start), false)
	if anything {
		return nil
	}
	return &set
}
