package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// expandRange expands `1.1-1.3` where only the last parts differ, going up by at most 100; anything else stands as it is
// written, both ends of a range that cannot be expanded.
func expandRange(s string) []string {
	if out := labelRange(s); out != nil {
		return out
	}
	for _, dash := range []string{"–", "—", "-", "~", "…", "..."} {
		a, b, ok := strings.Cut(s, dash)
		a, b = strings.TrimSpace(a), strings.TrimSpace(b)
		if !ok || number(a) != len(a) || a == "" || number(b) != len(b) || b == "" {
			continue
		}
		i, j := strings.LastIndexByte(a, '.'), strings.LastIndexByte(b, '.')
		from, err1 := strconv.Atoi(a[i+1:])
		to, err2 := strconv.Atoi(b[j+1:])
		if err1 != nil || err2 != nil || a[:i+1] != b[:j+1] || to < from || to-from > 100 {
			return []string{a, b}
		}
		var out []string
		for n := from; n <= to; n++ {
			out = append(out, a[:i+1]+strconv.Itoa(n))
		}
		return out
	}
	return []string{s}
}

// labelRange expands T009-T012: the same letters, and digits of the same length; nil for anything else.
func labelRange(s string) []string {
	for _, dash := range []string{"–", "—", "-", "~"} {
		a, b, ok := strings.Cut(s, dash)
		a, b = strings.TrimSpace(a), strings.TrimSpace(b)
		i := len(a) - len(strings.TrimLeft(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		if !ok || i == 0 || len(a) != len(b) || a[:i] != b[:i] || digits(a[i:]) != len(a)-i || digits(b[i:]) != len(b)-i || i == len(a) {
			continue
		}
		from, err1 := strconv.Atoi(a[i:])
		to, err2 := strconv.Atoi(b[i:])
		if err1 != nil || err2 != nil || to < from || to-from > 100 {
			continue
		}
		var out []string
		for n := from; n <= to; n++ {
			number := strconv.Itoa(n)
			out = append(out, a[:i]+strings.Repeat("0", max(0, len(a)-i-len(number)))+number)
		}
		return out
	}
	return nil
}

// A refSet holds the distinct requirement numbers that lines cite (rule 5).
type refSet map[string]bool

func (into *refSet) add(ref string) {
	if *into == nil {
		*into = refSet{}
	}
	(*into)[ref] = true
}

// read adds what a line cites.
func (into *refSet) read(s string) {
	if !hasDigit(s) {
		return
	}
	for i, n := citing(s, 0); n > 0; i, n = citing(s, i+n) {
		rest := s[i+n:]
		if value, ok := colonValue(rest); ok {
			numbersOf(value, into)
		} else if !letterBefore(s, i) {
			plainRefs(rest, into)
		}
	}
}

// citing finds the next word at or after i, not inside one of Latin letters, that may begin a citation; its length is 0
// where there is none.
func citing(s string, i int) (at, n int) {
	for i < len(s) {
		c := s[i]
		inside := i > 0 && latin(s[i-1])
		switch {
		case c < utf8.RuneSelf && (inside || !latin(c)):
			i++
		case inside:
			_, size := utf8.DecodeRuneInString(s[i:])
			i += size
		default:
			if n, ok := citingSet.prefix(s[i:]); ok {
				return i, n
			}
			_, size := utf8.DecodeRuneInString(s[i:])
			i += size
		}
	}
	return i, 0
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if isDigit(s[i]) {
			return true
		}
	}
	return false
}

func latin(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func letterBefore(s string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return i > 0 && unicode.IsLetter(r)
}

// colonValue returns what a word with a colon cites: up to the next _ or *, the next word with a colon, or the end.
func colonValue(s string) (string, bool) {
	t := strings.TrimLeft(s, "_* \t")
	switch {
	case strings.HasPrefix(t, ":"):
		t = t[1:]
	case strings.HasPrefix(t, "："):
		t = t[len("："):]
	default:
		return "", false
	}
	t = strings.TrimLeft(t, "_* \t")
	if i := strings.IndexAny(t, "_*"); i >= 0 {
		t = t[:i]
	}
	for i, r := range t {
		if r != ':' && r != '：' {
			continue
		}
		word := i
		for word > 0 {
			w, size := utf8.DecodeLastRuneInString(t[:word])
			if !unicode.IsLetter(w) {
				break
			}
			word -= size
		}
		if word < i {
			return t[:word], true
		}
	}
	return t, true
}

// numbersOf adds the numbers of a value after what does not count was dropped: brackets, quotes, ids with letters,
// properties, sections, numbers of more than three parts.
func numbersOf(value string, into *refSet) {
	value = dropQuoted(dropBrackets(value))
	for i := 0; i < len(value); {
		r, size := utf8.DecodeRuneInString(value[i:])
		if r == '§' {
			i += size
			i += len(value[i:]) - len(strings.TrimLeft(value[i:], " \t"))
			i += number(value[i:])
			continue
		}
		if unicode.IsLetter(r) {
			start := i
			for i < len(value) {
				r, size = utf8.DecodeRuneInString(value[i:])
				if !unicode.IsLetter(r) {
					break
				}
				i += size
			}
			word := strings.ToLower(value[start:i])
			if word == "property" || word == "properties" {
				i += propertyNumbers(value[i:])
				continue
			}
			if i < len(value) && value[i] == '-' && i+1 < len(value) && isDigit(value[i+1]) {
				i++
			}
			i += number(value[i:]) // an id with letters before its digits
			continue
		}
		k := number(value[i:])
		if k == 0 {
			i += size
			continue
		}
		end := i + k
		first := value[i:end]
		if end < len(value) && latinAt(value, end) {
			i = end
			for i < len(value) && latinAt(value, i) {
				i++
			}
			continue
		}
		if to, n := rangeEnd(value[end:]); n > 0 {
			for _, ref := range expandRange(first + "-" + to) {
				addRef(ref, into)
			}
			i = end + n
			continue
		}
		addRef(first, into)
		i = end
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func latinAt(s string, i int) bool {
	r, _ := utf8.DecodeRuneInString(s[i:])
	return unicode.IsLetter(r) && r < 0x250
}

func addRef(ref string, into *refSet) {
	if strings.Count(ref, ".") <= 2 {
		into.add(ref)
	}
}

// propertyNumbers skips ` 1, 2 and 3` after the word Property.
func propertyNumbers(s string) int {
	i := 0
	for {
		j := i
		for j < len(s) && (s[j] == ' ' || s[j] == ',' || s[j] == '-' || s[j] == '\t') {
			j++
		}
		if strings.HasPrefix(s[j:], "and ") {
			j += 4
		}
		k := number(s[j:])
		if k == 0 {
			return i
		}
		i = j + k
	}
}

// rangeEnd reads `-1.3` with or without blanks around the dash.
func rangeEnd(s string) (to string, n int) {
	t := strings.TrimLeft(s, " \t")
	r, size := utf8.DecodeRuneInString(t)
	if !strings.ContainsRune("-–—~", r) || size == 0 {
		return "", 0
	}
	rest := strings.TrimLeft(t[size:], " \t")
	k := number(rest)
	if k == 0 || k < len(rest) && latinAt(rest, k) {
		return "", 0
	}
	return rest[:k], len(s) - len(rest) + k
}

func dropQuoted(s string) string {
	for _, q := range [][2]string{{`"`, `"`}, {"“", "”"}} {
		for {
			i := strings.Index(s, q[0])
			if i < 0 {
				break
			}
			j := strings.Index(s[i+len(q[0]):], q[1])
			if j < 0 {
				break
			}
			s = s[:i] + " " + s[i+len(q[0])+j+len(q[1]):]
		}
	}
	return s
}

// plainRefs reads `Req 2.2, 2.3`: the word, blanks, a number, and further numbers tied to it.
func plainRefs(s string, into *refSet) {
	t := strings.TrimLeft(s, " \t")
	if len(t) == len(s) || t == "" || !isDigit(t[0]) {
		return
	}
	var found []string
	for {
		k := number(t)
		if k == 0 {
			break
		}
		first, rest := t[:k], t[k:]
		if rest != "" && latinAt(rest, 0) {
			break // a letter follows directly: this one does not count
		}
		if to, n := rangeEnd(rest); n > 0 {
			found = append(found, expandRange(first+"-"+to)...)
			rest = rest[n:]
		} else {
			found = append(found, first)
		}
		next, ok := tie(rest)
		if !ok {
			break
		}
		t = next
	}
	for _, f := range found {
		addRef(f, into)
	}
}

// tie skips a comma, 、, & or a small "and" between two numbers.
func tie(s string) (string, bool) {
	t := strings.TrimLeft(s, " \t")
	tied := false
	for _, mark := range []string{",", "、", "&", "，"} {
		if strings.HasPrefix(t, mark) {
			t, tied = strings.TrimLeft(t[len(mark):], " \t"), true
			break
		}
	}
	for _, word := range []string{"and ", "und ", "y ", "et ", "e ", "и "} {
		if strings.HasPrefix(t, word) {
			t, tied = strings.TrimLeft(t[len(word):], " \t"), true
			break
		}
	}
	return t, tied && t != "" && isDigit(t[0])
}

// taskRefs are the references of one line of a task, as they are understood: numbers with ranges expanded, ids with
// letters, All. Words that are none of these are notes. cites tells whether the line is a citation and nothing else.
func taskRefs(s string, dialect Dialect) (refs, notes []string, cites bool) {
	if dialect == SpecKit {
		return frRefs(s), nil, false
	}
	var found refSet
	found.read(s)
	for ref := range found {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, compareNumbers)
	if strings.IndexByte(s, ':') < 0 && !strings.Contains(s, "：") {
		return refs, nil, false
	}
	start := len(s) - len(strings.TrimLeft(s, "_* \t"))
	for i, n := citing(s, 0); n > 0; i, n = citing(s, i+n) {
		if value, ok := colonValue(s[i+n:]); ok {
			more, words := citedWords(value)
			refs = append(refs, more...)
			if cites = cites || i == start; i == start || s[i-1] == '_' || s[i-1] == '*' {
				notes = append(notes, words...)
			}
		}
	}
	return refs, notes, cites
}

// citedWords reads what numbers do not say in a list of references: ids with letters, their ranges, All, and other words.
func citedWords(value string) (refs, words []string) {
	for _, part := range splitList(dropQuoted(dropBrackets(value))) {
		for sub := range strings.SplitSeq(part, " and ") {
			sub = strings.TrimSpace(strings.Trim(strings.TrimSpace(sub), "`._*[]"))
			if n, ok := anyRequirement.prefix(sub); ok && n < len(sub) && (sub[n] == ' ' || sub[n] == '\t') {
				sub = strings.TrimSpace(sub[n:])
			}
			switch {
			case sub == "" || strings.IndexFunc(sub, unicode.IsLetter) < 0 || saysNothing(sub):
			case isAll(sub):
				refs = append(refs, "All")
			case letterID(sub):
				refs = append(refs, sub)
			case letterRange(sub) != nil:
				refs = append(refs, letterRange(sub)...)
			case len(propertyRefs(sub)) > 0 || anyRequirement.whole(sub):
			default:
				words = append(words, sub)
			}
		}
	}
	return refs, words
}

func isAll(s string) bool {
	switch strings.ToLower(s) {
	case "all", "all requirements", "全部", "所有", "すべて", "全て", "todos", "todas", "alle", "toutes", "모두", "все":
		return true
	}
	return false
}

// letterID tells whether a text is the id of a requirement with letters: FR-12, R1.2, 6.1a.
func letterID(s string) bool {
	if _, k, ok := idPrefix(s); ok {
		return k+number(s[k:]) == len(s)
	}
	k := number(s)
	return k > 0 && k+1 == len(s) && latin(s[k])
}

// letterRange expands `FR-001–FR-004`; nil for anything else.
func letterRange(s string) []string {
	for _, dash := range []string{"–", "—", "~", "..", " to ", " - ", "-"} {
		for i := strings.Index(s, dash); i > 0; {
			a, b := strings.TrimSpace(s[:i]), strings.TrimSpace(s[i+len(dash):])
			if letterID(a) && letterID(b) {
				return between(a, b)
			}
			next := strings.Index(s[i+1:], dash)
			if next < 0 {
				break
			}
			i += 1 + next
		}
	}
	return nil
}

// between lists FR-001, FR-002 … for two ids of the same letters; both ends where they differ in more than the last number.
func between(a, b string) []string {
	head := func(s string) (string, string) {
		i := len(s)
		for i > 0 && isDigit(s[i-1]) {
			i--
		}
		return s[:i], s[i:]
	}
	x, from := head(a)
	y, to := head(b)
	m, err1 := strconv.Atoi(from)
	n, err2 := strconv.Atoi(to)
	if x != y || err1 != nil || err2 != nil || n < m || n-m > 100 {
		return []string{a, b}
	}
	var out []string
	for ; m <= n; m++ {
		out = append(out, fmt.Sprintf("%s%0*d", x, len(from), m))
	}
	return out
}

func compareNumbers(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m - n
		}
	}
	return len(x) - len(y)
}

// frRefs are the FR-NNN of a line: capitals, three or more digits, no letter right before.
func frRefs(s string) []string {
	var refs []string
	for i := 0; ; {
		j := strings.Index(s[i:], "FR-")
		if j < 0 {
			return refs
		}
		j += i
		k := digits(s[j+3:])
		if k >= 3 && !letterBefore(s, j) {
			refs = append(refs, s[j:j+3+k])
		}
		i = j + 3
	}
}

// propertyRefs are the properties that a line cites: `Property 3`, `Properties 1, 2 and 4`.
func propertyRefs(s string) []string {
	if !strings.Contains(s, "ropert") && !strings.Contains(s, "ROPERT") {
		return nil
	}
	var refs []string
	lower := strings.ToLower(s)
	for _, word := range []string{"property ", "properties "} {
		i := strings.Index(lower, word)
		if i < 0 || i > 0 && latin(lower[i-1]) || len(lower) != len(s) {
			continue
		}
		rest := s[i+len(word)-1:]
		rest = rest[:propertyNumbers(rest)]
		for part := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == ',' || r == ' ' || r == 'a' || r == 'n' || r == 'd' }) {
			refs = append(refs, expandRange(part)...)
		}
	}
	return refs
}
