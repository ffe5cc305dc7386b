package check

import (
	"regexp"
	"strings"

	"spec.example/spec/spec"
)

// A statement is a criterion in English, taken apart: what has to happen stands after the first modal verb.
type statement struct {
	*spec.Requirement
	text      string // without code spans' marks and emphasis
	condition string
	modal     string // SHALL, MUST, WILL in the text's own case; "" where none binds
	outcome   string
	group     []*statement // the criteria of the same requirement, itself among them
}

var (
	modals = lazy(`(?i)\b(shall|must|will)\b`)
	then   = lazy(`(?i)\bthen\b`)
	common = lazy(`(?i)\b(the|a|an|is|are|and|or|with|for|to|of|in|when)\b`)
)

// statements takes the English criteria of a feature apart. The word tables are English, so others are left alone.
func statements(f *spec.Feature) []*statement {
	var out []*statement
	groups := map[string][]*statement{}
	for _, r := range f.Criteria() {
		if !english(r.Text) {
			continue
		}
		x := &statement{Requirement: r, text: strings.NewReplacer("**", "", "__", "").Replace(r.Text)}
		if m := modals.get().FindStringIndex(x.text); m != nil {
			x.condition, x.modal, x.outcome = x.text[:m[0]], x.text[m[0]:m[1]], x.text[m[1]:]
		} else if m := then.get().FindStringIndex(x.text); m != nil {
			x.condition, x.outcome = x.text[:m[0]], x.text[m[1]:]
		}
		out = append(out, x)
		groups[r.Parent] = append(groups[r.Parent], x)
	}
	for _, x := range out {
		if x.group = groups[x.Parent]; x.Parent == "" {
			x.group = []*statement{x}
		}
	}
	return out
}

// english tells whether a text is: letters of ASCII, and words that only English has in that number.
func english(text string) bool {
	ascii, other := 0, 0
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			ascii++
		case r > 0x2bff || r >= 0xc0 && r < 0x2000:
			other++
		}
	}
	return ascii > 0 && other*20 <= ascii && len(common.get().FindAllStringIndex(text, 2)) == 2
}

// earsDialect tells whether a criterion of the feature is meant to be one sentence with one outcome. A scenario of
// given, when and then is a list by design.
func earsDialect(f *spec.Feature) bool {
	return f.Dialect == spec.Kiro || f.Dialect == spec.CCSDD || f.Dialect == spec.Outline
}

// anyMatch tells whether the text of one of the statements matches.
func anyMatch(list []*statement, re *regexp.Regexp) bool {
	for _, x := range list {
		if re.MatchString(x.text) {
			return true
		}
	}
	return false
}

// bare is a text without its code spans and quotations, in which words are names rather than prose.
func bare(text string) string { return quoted.get().ReplaceAllString(text, `""`) }

var quoted = lazy("`[^`]*`|\"[^\"]*\"|“[^”]*”")

// either finds any of the words, in any case, at the start of a word.
func either(words ...string) *pattern {
	return lazy(`(?i)\b(` + strings.Join(words, "|") + `)`)
}
