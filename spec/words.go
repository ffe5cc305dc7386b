package spec

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// A wordSet finds the longest of its words at the start of a text, in any case. It is built when it is first asked, so
// that nothing is done at start-up.
type wordSet struct {
	lists []func() []string
	once  sync.Once
	ascii [128][]string     // words by their first letter, in lower case
	wide  map[rune][]string // words that begin outside ASCII, by their first letter
}

var (
	requirementSet = wordSet{lists: []func() []string{requirementWords}}
	anyRequirement = wordSet{lists: []func() []string{requirementWords, requirementPlurals}}
	citingSet      = wordSet{lists: []func() []string{citingWords, requirementWords, requirementPlurals}}
	taskSet        = wordSet{lists: []func() []string{taskWords}}
	tasksSet       = wordSet{lists: []func() []string{taskWords, func() []string { return []string{"tasks"} }}}
	propertySet    = wordSet{lists: []func() []string{propertyWords}}
)

func (w *wordSet) build() {
	for _, list := range w.lists {
		for _, word := range list() {
			if c := word[0]; c < utf8.RuneSelf {
				w.ascii[c] = append(w.ascii[c], word)
			} else {
				if w.wide == nil {
					w.wide = map[rune][]string{}
				}
				r, _ := utf8.DecodeRuneInString(word)
				w.wide[r] = append(w.wide[r], word)
			}
		}
	}
}

// prefix finds the longest word at the start of s, and how many bytes of s that is.
func (w *wordSet) prefix(s string) (int, bool) {
	w.once.Do(w.build)
	if s == "" {
		return 0, false
	}
	c := s[0]
	if c < utf8.RuneSelf {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		return longest(s, w.ascii[c])
	}
	r, _ := utf8.DecodeRuneInString(s)
	return longest(s, w.wide[unicode.ToLower(r)])
}

// whole tells whether a text is one of the words.
func (w *wordSet) whole(s string) bool {
	n, ok := w.prefix(s)
	return ok && n == len(s)
}

func longest(s string, words []string) (int, bool) {
	best := 0
	for _, word := range words {
		if len(word) > 1 && len(s) > 1 && word[1] < utf8.RuneSelf && s[1] < utf8.RuneSelf && s[1]|0x20 != word[1] && word[1] != s[1] {
			continue // most end here
		}
		if n, ok := foldPrefix(s, word); ok && n > best {
			best = n
		}
	}
	return best, best > 0
}

// The words of the formats in the languages that they are met in.

// citingWords begin a citation of requirements beside the requirement words.
func citingWords() []string { return []string{"reqs", "validates"} }

func requirementWords() []string {
	return []string{"requirement", "req", "要件", "要求", "需求", "요구사항", "المتطلب", "متطلب", "דרישה", "requisito", "requerimiento",
		"anforderung", "exigence", "требование", "yêu cầu", "vereiste", "persyaratan"}
}

func requirementPlurals() []string {
	return []string{"requirements", "reqs", "المتطلبات", "דרישות", "requisitos", "requerimientos", "anforderungen", "exigences", "требования", "vereisten"}
}

func acceptanceWords() []string {
	return []string{"acceptance criteria", "受け入れ基準", "受け入れ条件", "受入基準", "受入条件", "验收标准", "验收条件", "驗收標準", "驗收條件", "معايير القبول",
		"승인 기준", "인수 기준", "수용 기준", "קריטריוני קבלה", "akzeptanzkriterien", "criterios de aceptación", "criterios de aceptacion", "critérios de aceit",
		"critères d'acceptation", "criteri di accettazione", "tiêu chí chấp nhận", "критерии приёмки", "критерии приемки", "acceptatiecriteria"}
}

func taskWords() []string {
	return []string{"task", "任务", "任務", "タスク", "작업", "tarea", "tarefa", "aufgabe", "tâche", "المهمة", "משימה", "задача"}
}

func propertyWords() []string {
	return []string{"property", "propiedad", "propriedade", "propriété", "eigenschaft", "プロパティ", "属性", "屬性", "正确性属性", "正確性屬性", "속성",
		"الخاصية", "خاصية", "תכונה", "свойство"}
}
