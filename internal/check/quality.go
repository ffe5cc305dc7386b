package check

import (
	"fmt"
	"strings"

	"spec.example/spec/spec"
)

// qualityRules are about the words of one criterion. They guess, by tables of English words.
func qualityRules() []Rule {
	return []Rule{
		{Code: "SPEC010", Name: "vague-criterion", Severity: spec.Warning, Guesses: true, Measured: Measure{22, 24},
			Text:  "A criterion rests on a word that nobody can measure or observe, is put as a wish (should, may), or is not decided yet.",
			Wrong: "WHEN a report is asked for THEN the system SHALL answer quickly",
			Right: "WHEN a report is asked for THEN the system SHALL answer within 300 ms at p95"},
		{Code: "SPEC011", Name: "implementation-in-requirement", Severity: spec.Note, Guesses: true, Measured: Measure{8, 9},
			Text:  "A criterion says how something is made instead of what can be observed.",
			Wrong: "WHEN a key comes again THEN the system SHALL use Redis SETNX to take a lock",
			Right: "WHEN a key comes again THEN the system SHALL answer with the first charge"},
		{Code: "SPEC017", Name: "compound-criterion", Severity: spec.Note, Guesses: true, Measured: Measure{31, 40},
			Text:  "A criterion demands several outcomes, so that no test proves one of them alone.",
			Wrong: "WHEN a payment fails THEN the system SHALL send a mail AND the account SHALL be locked",
			Right: "1. WHEN a payment fails THEN the system SHALL send a mail\n2. WHEN a payment fails THEN the account SHALL be locked"},
	}
}

// vagueWords have no measure of their own.
var vagueWords = either(
	`quickly`, `as fast as possible`, `as soon as possible`, `fast(?: enough)?\b`, `efficiently`, `timely`, `in a timely manner`, `promptly`, `in real[- ]time`,
	`gracefully`, `seamless(?:ly)?`, `smooth(?:ly)?`, `robust(?:ly)?`, `user[- ]friendly`, `intuitive(?:ly)?`, `easy to use`, `easily`,
	`reasonabl[ey]`, `adequate(?:ly)?`, `sufficient(?:ly)?`, `appropriate(?:ly)?`, `meaningful`, `as needed`, `if necessary`, `where appropriate`,
	`as appropriate`, `if possible`, `when possible`, `where possible`, `best effort`, `optimal(?:ly)?`, `performant`, `scalable`, `high[- ]quality`,
	`minimal (?:delay|latency|impact|effort)`, `and so on`, `etc\b`, `(?:fully )?responsive and`, `significant(?:ly)? (?:improve|reduce|increase|faster)`,
	`without noticeable`, `state[- ]of[- ]the[- ]art`, `visually appealing`, `modern (?:look|design|ui)`, `clean (?:ui|interface|look|design)`, `helpful (?:error|message|guidance)`,
)

// measured is what makes an outcome observable all the same: a number, quoted words, a list of what is meant.
var measured = lazy("[0-9]|`|\"|“|\\(|: |e\\.g\\.|such as|including|namely|\\bbased on\\b|\\baccording to\\b|\\bas defined\\b|\\bmatching\\b|\\bthrough\\b|\\bby \\w+ing\\b")

var (
	undecided = lazy(`\b(?:TBD|TBC|to be (?:determined|decided|defined))(?:\s*[.,;:)\]]|\s*$)|\[NEEDS CLARIFICATION`)
	wish      = lazy(`(?i)\b(should|may|might|could)\b`)
	decided   = lazy(`(?i)\b(shall|must|will|is|are|has|have|does|can|cannot)\b`)
)

// mechanisms are how something is made, seen from a requirement. Words that are a product's own subject as often as its
// inside (JSON, HTTP, a cache) are not among them.
var mechanisms = either(
	`setnx`, `redis`, `memcached`, `kafka`, `rabbitmq`, `celery`, `postgres(?:ql)?`, `mysql`, `mongodb`, `sqlite`, `dynamodb`, `elasticsearch`,
	`prisma`, `hibernate`, `sqlalchemy`, `typeorm`, `sequelize`, `mongoose`, `redux`, `zustand`, `pinia`, `vuex`, `mobx`, `react query`, `tailwind(?: ?css)?`,
	`useeffect`, `usestate`, `usememo`, `usecallback`, `usecontext`, `usereducer`, `settimeout`, `setinterval`, `promise\.all`, `localstorage`, `sessionstorage`,
	`mutex(?:es)?`, `semaphores?`, `spin ?locks?`, `advisory locks?`, `(?:singleton|factory|observer|repository|strategy|decorator|adapter|builder|facade) pattern`,
	`hash ?maps?`, `linked lists?`, `binary trees?`, `b-trees?`, `lru cache`, `sql quer(?:y|ies)`, `foreign keys?`, `stored procedures?`, `(?:inner|left|outer) joins?`,
	`cron jobs?`, `regular expressions?`, `regex(?:es)?`, `web ?workers?`, `depth-first`, `breadth-first`, `dependency injection`, `for loops?`, `try[-/ ]catch(?: blocks?)?`, `async/await`,
	`goroutines?`, `thread pools?`, `pytest`, `hypothesis`, `vitest`, `playwright`, `(?:[\w.@/-]+ )?(?:library|framework|orm)`,
)

// by is how a sentence begins to say how.
var by = lazy(`(?i)(?:\b(?:us(?:e|es|ing)|via|with|through|by means of|implement(?:s|ed)?(?: as)?|as)|\b(?:stor|sav|keep|persist|cach|hold|put)\w*\b[^.;]*\b(?:in|into))\s+(?:(?:a|an|the|its|one|native|existing|built-in|standard|direct)\s+)?(?:[\w.-]+\s+)?$`)

func (s *subject) quality(list []*statement) {
	for _, x := range list {
		s.vague(x)
		s.mechanism(x)
		if earsDialect(s.feature) {
			s.compound(x)
		}
	}
}

func (s *subject) vague(x *statement) {
	if w := undecided.get().FindString(x.text); w != "" {
		s.about("SPEC010", x.Requirement, w, fmt.Sprintf("criterion %s is not decided yet: %s", x.ID, w), "decide it, and write the outcome")
		return
	}
	if m := wish.get().FindString(x.text); m != "" && x.modal == "" && !decided.get().MatchString(x.text) && earsDialect(s.feature) {
		s.about("SPEC010", x.Requirement, m, fmt.Sprintf("criterion %s is a wish: %q binds nobody", x.ID, m), "say SHALL, or leave it out")
		return
	}
	text := bare(x.outcome)
	at := vagueWords.get().FindStringIndex(text)
	if at == nil || measured.get().MatchString(x.outcome) || negated(text[:at[0]]) {
		return
	}
	w := strings.TrimSpace(text[at[0]:at[1]])
	s.about("SPEC010", x.Requirement, w, fmt.Sprintf("criterion %s: %q has no number and nothing that can be observed", x.ID, w), "give a number with its unit, or name the visible result")
}

var negation = lazy(`(?i)\b(not|no|never|without|rather than|instead of)\b[^,;.]*$`)

func negated(before string) bool { return negation.get().MatchString(before) }

func (s *subject) mechanism(x *statement) {
	text := strings.ReplaceAll(x.outcome, "`", " ")
	for _, at := range mechanisms.get().FindAllStringIndex(text, -1) {
		if at[1] < len(text) && wordRune(rune(text[at[1]])) || negated(text[:at[0]]) || !by.get().MatchString(text[:at[0]]) {
			continue
		}
		w := text[at[0]:at[1]]
		if strings.Contains(strings.ToLower(w), "standard library") { // a limit on what may be used, not a way
			continue
		}
		s.about("SPEC011", x.Requirement, w, fmt.Sprintf("criterion %s says how: %s", x.ID, w), "move it to the design, and keep what can be observed")
		return
	}
}

// nested is what makes a later modal verb part of the outcome before it: a clause about what is said, or a restatement.
var nested = lazy(`(?i)\b(?:that|which|whose|whether|who)\b[^,;]*$|[—(:][^,;)]*$`)

// compound counts the outcomes: the modal verbs like the first one that are not nested in another outcome.
func (s *subject) compound(x *statement) {
	text := bare(x.text)
	n, second, seen, from := 0, 0, 0, 0
	first := ""
	for _, at := range modals.get().FindAllStringIndex(text, -1) {
		w := text[at[0]:at[1]]
		if first == "" {
			first = w
		}
		if w != first {
			continue
		}
		seen++
		if n > 0 && nested.get().MatchString(text[from:at[0]]) {
			continue
		}
		from = at[1]
		if n++; n == 2 {
			second = seen
		}
	}
	if n < 2 || strings.EqualFold(first, "will") {
		return
	}
	s.reportAt("SPEC017", x.File, s.nth(x.Requirement, first, second), x.ID, fmt.Sprintf("criterion %s demands %d outcomes", x.ID, n), "split it, so that each can be proved")
}

// nth is where a word stands for the nth time in a criterion, code spans and quotations left out.
func (s *subject) nth(r *spec.Requirement, word string, n int) place {
	lines := s.lines(r.File)
	for l := r.Line; l < max(r.EndLine, r.Line+1) && l <= len(lines); l++ {
		for off := 0; ; {
			i := strings.Index(blanked(lines[l-1])[off:], word)
			if i < 0 {
				break
			}
			if n--; n == 0 {
				return place{l, off + i + 1, len(word)}
			}
			off += i + len(word)
		}
	}
	return s.find(r.File, r.Line, r.EndLine, word)
}

// blanked is a line with its code spans and quotations blank, at the same columns.
func blanked(line string) string {
	return quoted.get().ReplaceAllStringFunc(line, func(q string) string { return strings.Repeat(" ", len(q)) })
}
