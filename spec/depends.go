package spec

import (
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isDependsWord tells whether the key of a line says that dependencies follow.
func isDependsWord(key string) bool {
	switch key {
	case "dependencies", "depends", "depends on", "depends_on", "dependency", "依赖", "依賴", "相依", "前置", "依存", "의존성", "dependencias", "abhängigkeiten", "dépendances", "dipendenze", "зависимости":
		return true
	}
	return false
}

// inlineDepends reads "(depends on T013, T020)" and "_Depends: 1.2_" on the task's own line.
func (t *Task) inlineDepends(text string) {
	if !strings.Contains(text, "epends") && !strings.Contains(text, "EPENDS") {
		return
	}
	for i := range len(text) {
		switch text[i] {
		case '(':
			n, ok := foldPrefix(text[i:], "(depends on")
			if !ok || i+n == len(text) || text[i+n] != ' ' && text[i+n] != ':' {
				continue
			}
			if value, _, closed := strings.Cut(text[i+n+1:], ")"); closed {
				t.depends(value, t.Line)
			}
		case '_':
			if _, ok := foldPrefix(text[i:], "_depends"); !ok {
				continue
			}
			if value, _, closed := strings.Cut(text[i+1:], ":"); !closed || !isDependsWord(strings.ToLower(value)) {
				continue
			} else if rest, _, closed := strings.Cut(text[i+2+len(value):], "_"); closed {
				t.depends(rest, t.Line)
			}
		}
	}
}

// depends reads the value of a dependency line: ids, `Task N`, ranges, `feature/11.2`; brackets hold reasons. What is none
// of that is kept as a note.
func (t *Task) depends(value string, line int) {
	plain := strings.TrimSpace(dropBrackets(value))
	if plain == "" {
		plain = strings.Trim(value, "()（） \t")
	}
	plain = strings.TrimSpace(strings.Trim(plain, "[]`"))
	if plain == "" {
		return // a list may follow in the lines below
	}
	t.DependsLine = line
	if saysNothing(plain) {
		t.DependsNone = true
		return
	}
	if t.Depends == nil {
		t.Depends = make([]string, 0, 1+strings.Count(plain, ","))
	}
	for plain != "" {
		part := plain
		if i, n := separator(plain); i >= 0 {
			part, plain = plain[:i], plain[i+n:]
		} else {
			plain = ""
		}
		t.dependency(part)
	}
}

// saysNothing tells whether a value is explicitly nothing: it begins with such a word or a dash.
func saysNothing(value string) bool {
	for _, dash := range []string{"-", "–", "—"} {
		if strings.HasPrefix(value, dash) {
			return true
		}
	}
	for _, none := range []string{"none", "n/a", "nothing", "keine", "ninguna", "ninguno", "nessuna", "aucune", "нет"} {
		if n, ok := foldPrefix(value, none); ok {
			if r, _ := utf8.DecodeRuneInString(value[n:]); n == len(value) || !unicode.IsLetter(r) {
				return true
			}
		}
	}
	for _, none := range []string{"无", "無", "なし", "없음"} {
		if strings.HasPrefix(value, none) {
			return true
		}
	}
	return false
}

// dependency reads what stands between two separators.
func (t *Task) dependency(part string) {
	part = strings.TrimSpace(strings.Trim(strings.TrimSpace(part), "`\"'._*[]"))
	if part == "" {
		return
	}
	if k := number(part); k == len(part) { // the ordinary case
		t.Depends = append(t.Depends, part)
		return
	}
	part = withoutTaskWord(part)
	if feature, id, ok := outside(part); ok {
		t.fields().DependsOut = append(t.DependsOut, feature+"/"+id)
		return
	}
	if ids := idRange(part); ids != nil {
		t.Depends = append(t.Depends, ids...)
		return
	}
	for _, dash := range []string{" – ", " — ", " - ", "–", "—"} {
		if a, b, ok := strings.Cut(part, dash); ok && idLength(strings.TrimSpace(a)) == len(strings.TrimSpace(a)) {
			t.dependency(a)
			t.dependency(b)
			return
		}
	}
	if k := idLength(part); k > 0 && (k == len(part) || strings.ContainsAny(firstRune(part[k:]), " \t:：")) {
		t.Depends = append(t.Depends, part[:k])
		t.leftOver(part[k:])
		return
	}
	if i, n := taskWithin(part); i > 0 {
		t.leftOver(part[:i])
		t.dependency(part[i+n:])
		return
	}
	t.leftOver(part)
}

func (t *Task) leftOver(text string) {
	if text = strings.Trim(text, " \t:：.,"); text != "" {
		f := t.fields()
		f.DependsNotes = append(f.DependsNotes, text)
	}
}

// withoutTaskWord takes `Task`, `Tasks` or `#` from the beginning, where an id follows.
func withoutTaskWord(part string) string {
	rest := part
	if n, ok := tasksSet.prefix(part); ok {
		rest = strings.TrimLeft(part[n:], " \t")
	}
	rest = strings.TrimPrefix(rest, "#")
	if rest != part && idLength(rest) > 0 {
		return rest
	}
	return part
}

// taskWithin finds a task word with an id inside of prose; i is -1 for none.
func taskWithin(part string) (i, n int) {
	for i = range part {
		if i == 0 || letterBefore(part, i) {
			continue
		}
		if n, ok := tasksSet.prefix(part[i:]); ok {
			if rest := strings.TrimLeft(part[i+n:], " \t#"); len(rest) < len(part[i+n:]) && number(rest) > 0 {
				return i, len(part) - i - len(rest)
			}
		}
	}
	return -1, 0
}

// outside reads `feature/11.2`, a task of another feature.
func outside(part string) (feature, id string, ok bool) {
	i := strings.LastIndexByte(part, '/')
	if i <= 0 || strings.ContainsAny(part, " \t") {
		return "", "", false
	}
	feature, id = part[:i], part[i+1:]
	return feature, id, id != "" && idLength(id) == len(id)
}

// idLength is the length of a task's id at the start of s: a number with an optional letter, a label, or @ and eight
// digits; a repeat has # and a number behind. It is 0 for none.
func idLength(s string) int {
	n := number(s)
	switch {
	case n > 0:
		if n < len(s) && latin(s[n]) && (n+1 == len(s) || !latin(s[n+1])) {
			n++
		}
	case len(s) >= 9 && s[0] == '@':
		if _, err := hex.DecodeString(s[1:9]); err != nil {
			return 0
		}
		n = 9
	default:
		label, _ := labelOf(s)
		n = len(label)
	}
	if n > 0 && n < len(s) && s[n] == '#' {
		if k := digits(s[n+1:]); k > 0 {
			n += 1 + k
		}
	}
	return n
}

// idRange expands `1-3`, `Task 1 to Task 3`, `T009–T012`; nil for anything else. Numbers that are no range stay two ids.
func idRange(part string) []string {
	for _, dash := range []string{"-", "–", "—", "~", "…", "...", "..", " to ", " through ", " bis ", "至"} {
		a, b, ok := strings.Cut(part, dash)
		if !ok {
			continue
		}
		a, b = strings.TrimSpace(a), withoutTaskWord(strings.TrimSpace(b))
		if a == "" || b == "" || idLength(a) != len(a) || idLength(b) != len(b) {
			continue
		}
		if ids := expandRange(a + "-" + b); len(ids) > 1 || a == b {
			return ids
		}
		return []string{a, b}
	}
	return nil
}

// separator finds the first comma, "and" or other mark between dependencies, and its length.
func separator(s string) (at, n int) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ',' || c == '+' || c == '&' || c == ';':
			return i, 1
		case c == ' ':
			for _, word := range []string{" and ", " und ", " y ", " et ", " e ", " и "} {
				if strings.HasPrefix(s[i:], word) {
					return i, len(word)
				}
			}
		case c >= utf8.RuneSelf:
			for _, wide := range []string{"、", "，", "；", "＋", "和", "与", "及", "と"} {
				if strings.HasPrefix(s[i:], wide) {
					return i, len(wide)
				}
			}
		}
	}
	return -1, 0
}

func dropBrackets(s string) string {
	if strings.IndexByte(s, '(') < 0 && strings.IndexByte(s, ')') < 0 && !strings.Contains(s, "（") && !strings.Contains(s, "）") {
		return s
	}
	var b strings.Builder
	depth := 0
	for _, r := range s {
		switch r {
		case '(', '（':
			depth++
			b.WriteByte(' ')
		case ')', '）':
			depth = max(depth-1, 0)
		default:
			if depth == 0 {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}
