package check

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"spec.example/spec/spec"
)

// stackRules are about what steering says of languages, databases and libraries.
func stackRules() []Rule {
	return []Rule{
		{Code: "SPEC401", Name: "steering-contradicts-manifest", Severity: spec.Warning, Guesses: true,
			Text:  "Steering names a technology that no manifest has, and the manifests have another of its kind that steering does not name. Both sides have to be found.",
			Wrong: "tech.md: Database: MongoDB; go.mod requires pgx",
			Right: "tech.md: Database: PostgreSQL, through pgx"},
		{Code: "SPEC402", Name: "steering-stale-dependency", Severity: spec.Warning,
			Text:  "Steering names another version than the manifests allow, or lists a kind of dependency, or the services that are run, and leaves out one that is used.",
			Wrong: "tech.md: Go 1.22; go.mod: go 1.26",
			Right: "tech.md: Go 1.26"},
	}
}

// A mention is a place in steering where a technology is named as one that is used.
type mention struct {
	file, phrase string
	at           place
	rest         string // what follows on the line
}

// denied are the words that make a line say that something is not used, or not here.
var denied = either(`not\b`, `never`, `no longer`, `don'?t`, `do not`, `avoid`, `instead of`, `rather than`, `without`, `legacy`, `formerly`, `previous`, `migrat`, `replac`, `deprecat`, `unlike`, `compared`, `alternativ`, `optional`,
	`future`, `planned`, `consider`, `if\b`, `or\b`, `e\.g\.`, `such as`, `like\b`, `example`, `similar`, `compatible`, `other projects?`, `external`, `upstream`, `client'?s?`, `supports?`)

// prose is a line of steering that states something: not code, not a heading's example, not a denial.
type prose struct {
	file string
	n    int
	text string
}

func (s *stack) proseOf(file spec.SteeringFile) (out []prose) {
	fenced := false
	for i, text := range strings.Split(string(s.tree.read(file.Path)), "\n") {
		if t := strings.TrimSpace(text); strings.HasPrefix(t, "```") || strings.HasPrefix(t, "~~~") {
			fenced = !fenced
			continue
		}
		if !fenced {
			out = append(out, prose{file.Path, i + 1, strings.TrimRight(text, "\r")})
		}
	}
	return out
}

// A stack compares the steering of one workspace with its manifests.
type stack struct {
	tree  *tree
	have  *manifests
	lines []prose
	small string // all lines in small letters
	found spec.Diagnostics
}

func (s *stack) report(code, file string, at place, subject, message, hint string) {
	s.found = append(s.found, spec.Diagnostic{Code: code, Severity: severityOf(code), File: file, Line: at.line, Column: at.column, Length: at.length, Subject: subject, Message: message, Hint: hint})
}

// stackFindings is what steering and manifests disagree on.
func stackFindings(t *tree, root string, files []spec.SteeringFile) spec.Diagnostics {
	s := &stack{tree: t}
	for _, f := range files {
		s.lines = append(s.lines, s.proseOf(f)...)
	}
	if len(s.lines) == 0 {
		return nil
	}
	var b strings.Builder
	for _, l := range s.lines {
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	s.small = strings.ToLower(b.String())
	s.have = t.manifests(root)
	if len(s.have.files) == 0 {
		return nil
	}
	s.technologies()
	s.languages()
	s.versions()
	return s.found
}

// named finds the first statement that a technology is used, and tells whether it is named at all.
func (s *stack) named(words string) (used *mention, anywhere bool) {
	if !s.mayHold(words) {
		return nil, false
	}
	re := regexp.MustCompile(`(?i)(?:^|[^\w@/.-])(` + words + `)(?:$|[^\w/-])`)
	for _, l := range s.lines {
		at := re.FindStringSubmatchIndex(l.text)
		if at == nil {
			continue
		}
		anywhere = true
		if denied.get().MatchString(l.text) || onlyAWord(l.text, at[2], at[3]) {
			continue
		}
		return &mention{file: l.file, phrase: l.text[at[2]:at[3]], at: place{l.n, at[2] + 1, at[3] - at[2]}, rest: l.text[at[3]:]}, true
	}
	return nil, anywhere
}

// mayHold tells whether a pattern can match: the letters that it begins with have to be there. Most names are not, and an
// expression costs more than looking for them.
func (s *stack) mayHold(pattern string) bool {
	plain := strings.TrimPrefix(strings.ToLower(pattern), "(?i:")
	n := 0
	for n < len(plain) && (plain[n] >= 'a' && plain[n] <= 'z' || plain[n] >= '0' && plain[n] <= '9' || plain[n] == '-') {
		n++
	}
	if strings.Contains(plain, "|") {
		return true
	}
	if n > 0 && n < len(plain) && strings.IndexByte("?*{", plain[n]) >= 0 {
		n--
	}
	return strings.Contains(s.small, plain[:n])
}

// Technologies whose names are words of English, and what follows such a word where it is no name.
var (
	englishName = lazy(`(?i)^(?:react|express|echo|fiber|gin|rocket|flask|rails|spock|pest|jest|mocha|paddle|motor|stripe|mongo)$`)
	verbAfter   = lazy(`^\s+(?:to|on|the|a|an|in|all|any|each|every|it|its|only|when|how|what|this|that|these|those|your|our|their|as|at|by|from|back)\b`)
)

// onlyAWord tells whether a name that English has too may be no name at its place: written small outside of code, with no version
// after it, or with what follows a verb.
func onlyAWord(line string, from, to int) bool {
	word := line[from:to]
	if !englishName.get().MatchString(word) {
		return false
	}
	quoted := from > 0 && strings.ContainsRune("`*\"", rune(line[from-1]))
	version := versionAfter.get().MatchString(line[to:])
	return !quoted && !version && (word[0] >= 'a' && word[0] <= 'z' && !labelled.get().MatchString(line[:from]) || verbAfter.get().MatchString(line[to:]))
}

// labelled is a line up to a value after its label, or up to the first word of an entry of a list.
var labelled = lazy(`^\s*(?:(?:[-*+|]|\d+\.)\s*)?(?:[^:|]{0,40}[:|])?\s*(?:[\w.+-]+(?:\s*[,/+&]|\s+(?:and|with))\s*)*$`)

func (s *stack) technologies() {
	type seen struct {
		technology
		used     *mention
		anywhere bool
		dep      *dependency
	}
	kinds := map[string][]*seen{}
	var all []*seen
	for _, t := range technologies() {
		x := &seen{technology: t}
		x.used, x.anywhere = s.named(t.words)
		for i, d := range s.have.direct {
			if t.is(d.name) {
				x.dep = &s.have.direct[i]
				break
			}
		}
		kinds[t.kind] = append(kinds[t.kind], x)
		all = append(all, x)
	}
	contradicted := map[string]bool{}
	for _, x := range all {
		if x.used == nil || x.dep != nil {
			continue
		}
		for _, rival := range kinds[x.kind] {
			if rival.dep == nil || rival.anywhere {
				continue
			}
			contradicted[rival.name] = true
			s.report("SPEC401", x.used.file, x.used.at, x.name, fmt.Sprintf("steering says %s; the project uses %s, through %s in %s:%d", x.name, rival.name, rival.dep.shown(), rival.dep.file, rival.dep.line),
				"mend the steering, or record why both are true")
			break
		}
	}
	named := map[string]*seen{} // by family, one that steering names; of a kind with rivals, one that is there
	for _, x := range all {
		if f := family(x.kind); x.used != nil && (x.dep != nil || f != x.kind) && named[f] == nil {
			named[f] = x
		}
	}
	for _, x := range all {
		if x.dep == nil || x.anywhere || contradicted[x.name] || s.says(x.dep.base()) {
			continue
		}
		why := ""
		if s.listed(x.kind) != nil {
			why = "lists that kind"
		} else if y := named[family(x.kind)]; y != nil {
			why = "names " + y.name
		} else {
			continue
		}
		how := "is a direct dependency"
		if strings.HasPrefix(x.dep.name, "image:") {
			how = "is run"
		}
		s.report("SPEC402", x.dep.file, x.dep.place(), x.name,
			fmt.Sprintf("%s %s (%s, a %s); steering %s and does not name it", x.dep.shown(), how, x.name, x.kind, why), "add it to the steering")
	}
}

// listed finds the line that lists a kind: "- Database: PostgreSQL", or a row of a table. A kind of one ecosystem is listed only where its
// word says which.
func (s *stack) listed(kind string) *prose {
	words := labels(kind)
	if words == "" {
		return nil
	}
	re := regexp.MustCompile(`(?i)^\s*(?:[-*+|]|\d+\.)?\s*(?:\*\*)?(?:` + words + `)(?:\*\*)?\s*(?:\*\*)?\s*[:|](?:\*\*)?\s*[^\s:|-]`)
	for i, l := range s.lines {
		if re.MatchString(l.text) {
			return &s.lines[i]
		}
	}
	return nil
}

func (s *stack) says(word string) bool {
	for _, l := range s.lines {
		if indexFold(l.text, word) >= 0 {
			return true
		}
	}
	return false
}

var languageLine = lazy(`(?i)^\s*(?:[-*+|]|\d+\.)?\s*(?:\*\*)?((?:programming |primary |main |backend )?languages?)(?:\*\*)?\s*[:|](?:\*\*)?\s*(.+)$`)

// languages compares a line "Language: X" with the manifests' languages.
func (s *stack) languages() {
	for _, l := range s.lines {
		m := languageLine.get().FindStringSubmatchIndex(l.text)
		if m == nil || denied.get().MatchString(l.text) {
			continue
		}
		from := m[4]
		var said []string
		var at place
		for _, name := range sortedKeys(endings) {
			re := regexp.MustCompile(`(?:^|[^\w-])(` + wordsOf(name) + `)(?:$|[^\w#+-])`)
			if x := re.FindStringSubmatchIndex(l.text[from:]); x != nil {
				if said = append(said, name); len(said) == 1 {
					at = place{l.n, from + x[2] + 1, x[3] - x[2]}
				}
			}
		}
		if len(said) != 1 || s.hasLanguage(said[0]) {
			s.languagesMissing(l)
			continue
		}
		if rivals := sortedKeys(s.have.languages); len(rivals) > 0 {
			s.report("SPEC401", l.file, at, said[0], fmt.Sprintf("steering says %s; the project is written in %s, says %s", said[0], rivals[0], s.have.languages[rivals[0]][0].file), "mend the steering, or record why both are true")
		}
	}
}

// languagesMissing finds languages that a line which lists them leaves out, and that no other line names: those with a manifest
// of their own beside code. JavaScript is left alone, since its manifest comes with many tools.
func (s *stack) languagesMissing(list prose) {
	for _, name := range sortedKeys(s.have.languages) {
		d := s.have.languages[name][0]
		if name == "JavaScript" || !s.tree.holds(path.Dir(d.file), endings[name]) {
			continue
		}
		if _, anywhere := s.named(wordsOf(name)); !anywhere {
			s.report("SPEC402", d.file, d.place(), name, fmt.Sprintf("%s is written in %s; steering lists languages and does not name it", path.Dir(d.file), name), "add it to the steering")
		}
	}
}

// endings are those of files by language.
var endings = map[string]string{"Go": ".go", "TypeScript": ".ts", "JavaScript": ".js", "Python": ".py", "Rust": ".rs", "Java": ".java", "Kotlin": ".kt", "Ruby": ".rb", "PHP": ".php", "C#": ".cs"}

// wordsOf is how prose names a language or platform, a pattern.
func wordsOf(name string) string {
	switch name {
	case "Go":
		return `Go|Golang`
	case ".NET":
		return `\.NET(?: Core)?`
	case "Node.js":
		return `Node(?:\.?js)?`
	case "Rust edition":
		return `(?:Rust )?[Ee]dition`
	}
	return regexp.QuoteMeta(name)
}

func (s *stack) hasLanguage(name string) bool {
	if _, ok := s.have.languages[name]; ok {
		return true
	}
	return slices.ContainsFunc(s.tree.files, func(f string) bool { return strings.HasSuffix(f, endings[name]) })
}

var versionAfter = lazy("^(?:\\.js)?\\*{0,2}\\s*[(:|@,]?\\s*[`*]{0,3}\\s*(?:[Vv]ersion\\s*)?[@:]?\\s*[`*]{0,3}(>=|≥|\\^|~)?\\s*v?(\\d+(?:\\.\\d+)*)(\\+|\\.x|\\s*(?:or (?:later|newer|above|higher)|and (?:later|above)))?")

// versions compares "Go 1.22" and "stripe-go v76" with what the manifests demand. One manifest of several that agrees is enough.
func (s *stack) versions() {
	check := func(word, pattern string, all []dependency) {
		all = slices.DeleteFunc(slices.Clone(all), func(d dependency) bool { return len(d.demand) == 0 })
		if len(all) == 0 || len(word) < 2 || !s.mayHold(pattern) {
			return
		}
		re := regexp.MustCompile("(?:^|[^\\w@/.-])(" + pattern + ")(?:\\.js)?[*`]{0,3}(?:\\s|@|:)")
		for _, l := range s.lines {
			m := re.FindStringSubmatchIndex(l.text)
			if m == nil || denied.get().MatchString(l.text[:m[2]]) {
				continue
			}
			v := versionAfter.get().FindStringSubmatchIndex(l.text[m[3]:])
			if v == nil {
				continue
			}
			said := l.text[m[3]+v[4] : m[3]+v[5]]
			least := v[2] >= 0 || v[6] >= 0 && !strings.Contains(l.text[m[3]+v[6]:m[3]+v[7]], "x")
			if slices.ContainsFunc(all, func(d dependency) bool { return d.agrees(said, least) }) {
				continue
			}
			d := all[0]
			s.report("SPEC402", l.file, place{l.n, m[3] + v[4] + 1, len(said)}, word, fmt.Sprintf("steering says %s %s; %s:%d has %s", word, said, d.file, d.line, d.version), "mend the steering")
			return
		}
	}
	for _, name := range sortedKeys(s.have.languages) {
		check(name, wordsOf(name), s.have.languages[name])
	}
	for _, name := range sortedKeys(s.have.platforms) {
		check(name, wordsOf(name), s.have.platforms[name])
	}
	for _, t := range technologies() {
		check(t.name, `(?i:`+t.words+`)`, slices.DeleteFunc(slices.Clone(s.have.direct), func(d dependency) bool { return !t.is(d.name) || !databaseOfItself(t, d) }))
	}
	seen := map[string]bool{}
	for _, d := range s.have.direct {
		b := d.base()
		if seen[b] || strings.Contains(d.name, ":") || slices.ContainsFunc(sortedKeys(s.have.languages), func(l string) bool { return strings.EqualFold(l, b) }) || slices.ContainsFunc(technologies(), func(t technology) bool {
			return strings.EqualFold(t.name, b) || strings.HasSuffix(t.kind, "framework") && t.is(d.name)
		}) {
			continue
		}
		seen[b] = true
		check(b, `(?i:`+regexp.QuoteMeta(b)+`)`, slices.DeleteFunc(slices.Clone(s.have.direct), func(o dependency) bool { return o.base() != b || strings.Contains(o.name, ":") }))
	}
}

// databaseOfItself tells whether the version of a package is that of the technology: a driver's version is not the
// database's, an image's is.
func databaseOfItself(t technology, d dependency) bool {
	if strings.HasPrefix(d.name, "image:") {
		return true
	}
	switch t.kind {
	case "database", "embedded database", "cache", "message broker", "payment service":
		return false
	}
	return true
}
