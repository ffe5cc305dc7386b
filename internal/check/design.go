package check

import (
	_ "embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"spec.example/spec/spec"
)

// designRules are about documents of one feature that name what another, or the tree, does not have.
func designRules() []Rule {
	return []Rule{
		{Code: "SPEC109", Name: "schema-column-missing", Severity: spec.Note, Guesses: true,
			Text:  "A task uses a column, or a state of an enumeration, that the schema of the design and the migrations lacks.",
			Wrong: "task 3.1 sets `payments.refunded_at`, and the table payments has no such column",
			Right: "refunded_at TIMESTAMPTZ, in the design's CREATE TABLE payments"},
		{Code: "SPEC110", Name: "event-name-unknown", Severity: spec.Note, Guesses: true,
			Text:  "An event is named that the design's list of events, or the service that sends it, does not have.",
			Wrong: "WHEN `customer.subscription.canceled` arrives (Stripe has no such event)",
			Right: "WHEN `customer.subscription.deleted` arrives"},
		{Code: "SPEC111", Name: "dead-file-reference", Severity: spec.Warning,
			Text:  "A design or steering names a file, or steering a directory, that is not there and that no open task creates.",
			Wrong: "The hook lies in `internal/pay/hook.go` (it was moved to internal/billing)",
			Right: "The hook lies in `internal/billing/hook.go`"},
	}
}

// A table is one CREATE TABLE.
type table struct {
	name    string
	columns map[string]bool
}

var (
	createTable = lazy("(?is)\\bcreate\\s+table\\s+(?:if\\s+not\\s+exists\\s+)?[\"`]?(?:\\w+\\.)?(\\w+)[\"`]?\\s*\\(")
	addColumn   = lazy("(?is)\\balter\\s+table\\s+(?:if\\s+exists\\s+|only\\s+)?[\"`]?(?:\\w+\\.)?(\\w+)[\"`]?\\s+([^;]*)")
	addedColumn = lazy("(?is)\\badd\\s+(?:column\\s+)?(?:if\\s+not\\s+exists\\s+)?[\"`]?(\\w+)[\"`]?|\\brename\\s+(?:column\\s+)?\\w+\\s+to\\s+[\"`]?(\\w+)")
	columnName  = lazy("^\\s*[\"`\\[]?([A-Za-z_]\\w*)")
	enumeration = lazy(`(?is)\bcreate\s+type\s+(\w+)\s+as\s+enum\s*\(([^)]*)\)`)
	checkIn     = lazy(`(?is)\bcheck\s*\(\s*"?(\w+)"?\s+in\s*\(([^)]*)\)`)
	sqlWord     = lazy(`'([^']*)'`)
)

// A schema is the tables and enumerated columns that the design and the migrations define.
type schema struct {
	tables map[string]*table
	states map[string][]string // by column
}

func (sc *schema) read(sql string) {
	for _, at := range createTable.get().FindAllStringSubmatchIndex(sql, -1) {
		t := sc.table(sql[at[2]:at[3]])
		for _, part := range splitTop(sql[at[1]:]) {
			m := columnName.get().FindStringSubmatch(strings.TrimSpace(stripSQL(part)))
			if m == nil {
				continue
			}
			switch strings.ToLower(m[1]) {
			case "primary", "foreign", "unique", "constraint", "check", "exclude", "index", "key", "like":
			default:
				t.columns[strings.ToLower(m[1])] = true
			}
		}
	}
	for _, m := range addColumn.get().FindAllStringSubmatch(sql, -1) {
		for _, c := range addedColumn.get().FindAllStringSubmatch(m[2], -1) {
			sc.table(m[1]).columns[strings.ToLower(c[1]+c[2])] = true
		}
	}
	for _, m := range checkIn.get().FindAllStringSubmatch(sql, -1) {
		sc.add(m[1], m[2])
	}
	for _, m := range enumeration.get().FindAllStringSubmatch(sql, -1) {
		// a column of that type has these states; its name is the word before the type
		for _, c := range regexp.MustCompile(`(?i)(\w+)\s+`+regexp.QuoteMeta(m[1])+`\b`).FindAllStringSubmatch(sql, -1) {
			if !strings.EqualFold(c[1], "type") {
				sc.add(c[1], m[2])
			}
		}
	}
}

func (sc *schema) table(name string) *table {
	name = strings.ToLower(name)
	if sc.tables[name] == nil {
		sc.tables[name] = &table{name: name, columns: map[string]bool{}}
	}
	return sc.tables[name]
}

func (sc *schema) add(column, list string) {
	for _, w := range sqlWord.get().FindAllStringSubmatch(list, -1) {
		sc.states[strings.ToLower(column)] = append(sc.states[strings.ToLower(column)], w[1])
	}
}

// splitTop splits the inside of a parenthesis at its commas, up to the one that closes it.
func splitTop(s string) (parts []string) {
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '-':
			if strings.HasPrefix(s[i:], "--") {
				if n := strings.IndexByte(s[i:], '\n'); n >= 0 {
					i += n
				}
			}
		case '\'':
			if n := strings.IndexByte(s[i+1:], '\''); n >= 0 {
				i += n + 1
			}
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return append(parts, s[from:i])
			}
		case ',':
			if depth == 0 {
				parts = append(parts, s[from:i])
				from = i + 1
			}
		}
	}
	return append(parts, s[from:])
}

var sqlComment = lazy(`--[^\n]*`)

func stripSQL(s string) string { return sqlComment.get().ReplaceAllString(s, "") }

// maxMigrations bounds the SQL files that are read.
const maxMigrations = 2000

// migrations reads the SQL files of the tree, once for all features.
func (t *tree) migrations() string {
	if t.sql != nil {
		return *t.sql
	}
	var b strings.Builder
	n := 0
	for _, f := range t.files {
		if path.Ext(f) == ".sql" && n < maxMigrations {
			b.Write(t.read(f))
			b.WriteString("\n;\n")
			n++
		}
	}
	text := b.String()
	t.sql = &text
	return text
}

var (
	dotted  = lazy("`(\\w+)\\.(\\w+)`")
	setting = lazy("(?i)\\b(?:sets?|setting|stamps?|fills?|clears?|writes?|stores?|reads?|column)\\s+(?:the\\s+)?(?:column\\s+)?`([a-z]\\w*_\\w+)`")
	makes   = either(`add(?:s|ing)?\b.{0,40}\bcolumn`, `migrat`, `alter table`, `create table`, `new column`, `rename`)
	toState = lazy("(?i)`?\\b(\\w*(?:status|state))`?\\s*(?:=|:|to|is|becomes|as)\\s*[`'\"]([A-Za-z_]+)[`'\"]")
)

// columns looks for columns and states in tasks that the schema does not have. It speaks only of tables that it knows.
func (s *subject) columns() {
	doc := s.feature.Document(spec.Design)
	if doc == nil || len(s.feature.Tasks) == 0 {
		return
	}
	sc := &schema{tables: map[string]*table{}, states: map[string][]string{}}
	sc.read(strings.Join(s.lines(doc.Path)[max(doc.From-1, 0):min(max(doc.To-1, doc.From-1), len(s.lines(doc.Path)))], "\n"))
	if len(sc.tables) == 0 {
		return
	}
	sc.read(s.tree.migrations())
	for i := range s.feature.Tasks {
		s.taskColumns(&s.feature.Tasks[i], sc)
	}
}

func (s *subject) taskColumns(t *spec.Task, sc *schema) {
	say := func(phrase, message, hint string) {
		s.reportAt("SPEC109", t.File, s.find(t.File, t.Line, t.EndLine, phrase), t.ID, message, hint)
	}
	if !makes.get().MatchString(t.Text) {
		for _, m := range dotted.get().FindAllStringSubmatch(t.Text, -1) {
			if tab := sc.tables[strings.ToLower(m[1])]; tab != nil && len(tab.columns) > 0 && !tab.columns[strings.ToLower(m[2])] && !fileExtension(m[2]) {
				say(m[1]+"."+m[2], fmt.Sprintf("task %s uses %s; table %s has no such column", t.ID, m[2], tab.name), "add the column to the schema in the design, or mend its name")
			}
		}
		for _, m := range setting.get().FindAllStringSubmatch(t.Text, -1) {
			tab := onlyTable(t.Text, sc)
			if tab == nil || sc.anywhere(m[1]) || sc.tables[strings.ToLower(m[1])] != nil {
				continue
			}
			say(m[1], fmt.Sprintf("task %s uses %s; table %s has no such column", t.ID, m[1], tab.name), "add the column to the schema in the design, or mend its name")
		}
	}
	for _, m := range toState.get().FindAllStringSubmatch(t.Text, -1) {
		list := sc.states[strings.ToLower(m[1])]
		if len(list) > 0 && !slices.ContainsFunc(list, func(w string) bool { return strings.EqualFold(w, m[2]) }) {
			say(m[2], fmt.Sprintf("task %s uses the %s %s; the schema allows %s", t.ID, m[1], m[2], strings.Join(list, ", ")), "add the state to the schema in the design, or mend its name")
		}
	}
}

func (sc *schema) anywhere(column string) bool {
	for _, t := range sc.tables {
		if t.columns[strings.ToLower(column)] {
			return true
		}
	}
	return false
}

// onlyTable is the one table that a text names; nil for none or several.
func onlyTable(text string, sc *schema) *table {
	var found *table
	for _, t := range sc.tables {
		if indexFold(text, t.name) >= 0 {
			if found != nil {
				return nil
			}
			found = t
		}
	}
	return found
}

func fileExtension(s string) bool {
	return slices.Contains([]string{"go", "ts", "tsx", "js", "jsx", "py", "sql", "md", "json", "yaml", "yml", "toml", "html", "css", "sh", "rs", "java", "kt", "cs", "rb", "php", "txt", "csv", "vue", "svelte", "log", "db"}, strings.ToLower(s))
}

//go:embed stripe_events.txt
var stripeEvents string

var (
	eventName = lazy("`([a-z][a-z0-9_]*(?:\\.[a-z][a-z0-9_]*)+)`")
	publishes = either(`publish`, `emit`, `fir(?:e|es|ing)\b`, `dispatch`, `events?\b`, `webhook`, `subscrib(?:e|es|ing) to`, `listen`, `consum`)
)

// events looks for event names that nobody sends: Stripe's own where the text is about Stripe, and those that a list of
// events in the design lacks.
func (s *subject) events() {
	listed, families := s.listedEvents()
	stripe, stripeFamilies := map[string]bool{}, map[string]bool{}
	for _, e := range strings.Fields(stripeEvents) {
		stripe[e] = true
		stripeFamilies[e[:strings.LastIndexByte(e, '.')]] = true
	}
	say := func(file string, from, to int, id, text string, aboutStripe bool) {
		if !publishes.get().MatchString(text) {
			return
		}
		for _, m := range eventName.get().FindAllStringSubmatch(text, -1) {
			family, last := m[1][:strings.LastIndexByte(m[1], '.')], m[1][strings.LastIndexByte(m[1], '.')+1:]
			switch {
			case fileExtension(last) || listed[m[1]]:
			case aboutStripe && stripeFamilies[family] && !stripe[m[1]] && pastTense(last):
				s.reportAt("SPEC110", file, s.find(file, from, to, m[1]), id, fmt.Sprintf("Stripe sends no event %s", m[1]), hintNear(m[1], stripe))
			case families[family] && pastTense(last) && !(aboutStripe && stripe[m[1]]):
				s.reportAt("SPEC110", file, s.find(file, from, to, m[1]), id, fmt.Sprintf("the design lists no event %s", m[1]), hintNear(m[1], listed))
			}
		}
	}
	about := false
	for _, d := range s.feature.Documents {
		about = about || strings.Contains(string(d.Data), "Stripe")
	}
	for _, r := range s.feature.Criteria() {
		say(r.File, r.Line, max(r.EndLine, r.Line+1), r.ID, r.Text, about)
	}
	for i := range s.feature.Tasks {
		t := &s.feature.Tasks[i]
		say(t.File, t.Line, t.EndLine, t.ID, t.Text, about)
	}
}

// pastTense tells whether the last word of a dotted name is that of something that happened; a field is no event.
func pastTense(w string) bool {
	return strings.HasSuffix(w, "ed") || slices.Contains([]string{"sent", "paid", "lost", "made", "won", "begun", "done"}, w)
}

func hintNear(name string, known map[string]bool) string {
	best, most := "", 1+len(name)/2
	for _, k := range sortedKeys(known) {
		if d := spec.Distance(name, k); d <= most {
			best, most = k, d-1
		}
	}
	if best == "" {
		return "mend the name, or list the event"
	}
	return "did you mean " + best + "?"
}

// listedEvents reads the events of the design's sections about events, and their families (all but the last word).
func (s *subject) listedEvents() (listed, families map[string]bool) {
	listed, families = map[string]bool{}, map[string]bool{}
	for _, sec := range s.feature.Sections {
		if indexFold(sec.Title, "events") < 0 && indexFold(sec.Title, "event") < 0 {
			continue
		}
		for _, m := range eventName.get().FindAllStringSubmatch(sec.Text, -1) {
			listed[m[1]] = true
		}
	}
	if len(listed) < 2 {
		return map[string]bool{}, families
	}
	for e := range listed {
		families[e[:strings.LastIndexByte(e, '.')]] = true
	}
	return listed, families
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

var pathName = lazy("`((?:\\./)?[\\w@-][\\w.@-]*(?:/[\\w.@-]+)+\\.[A-Za-z]\\w{0,5})`")

// paths looks for files that the design names and that are neither there nor to be made by an open task.
func (s *subject) paths() {
	doc := s.feature.Document(spec.Design)
	if doc == nil || len(s.feature.Tasks) == 0 {
		return
	}
	lines := s.lines(doc.Path)
	fenced := false
	for n := doc.From; n < doc.To && n <= len(lines); n++ {
		if strings.HasPrefix(strings.TrimSpace(lines[n-1]), "```") {
			fenced = !fenced
		}
		if fenced {
			continue
		}
		for _, at := range pathName.get().FindAllStringSubmatchIndex(lines[n-1], -1) {
			name := strings.TrimPrefix(lines[n-1][at[2]:at[3]], "./")
			if s.deadPath(name) {
				s.reportAt("SPEC111", doc.Path, place{n, at[2] + 1, at[3] - at[2]}, name, fmt.Sprintf("%s is not there, and no open task creates it", name), "mend the path, or add the task that creates it")
			}
		}
	}
}

// deadPath tells whether a path is dead rather than still to be made: it is not there, its directory or the work that
// would have made it is, and no open task speaks of it.
func (s *subject) deadPath(name string) bool {
	if s.tree.has(s.root, name) || fileGenerated(name) {
		return false
	}
	dir := path.Dir(name)
	open := false
	for _, leaf := range s.feature.Leaves() {
		if leaf.State == spec.Done {
			continue
		}
		open = true
		if strings.Contains(leaf.Text, path.Base(name)) || strings.Contains(leaf.Text, dir+"/") && strings.Contains(leaf.Text, path.Base(dir)) && strings.Contains(leaf.Text, "`"+dir) {
			return false
		}
	}
	return s.tree.has(s.root, dir) || !open && s.tree.has(s.root, strings.Split(name, "/")[0])
}

// fileGenerated tells whether a path is one that a build makes, which is in no tree.
func fileGenerated(name string) bool {
	for _, p := range []string{"dist/", "build/", "out/", "bin/", "target/", "node_modules/", "coverage/", "tmp/", "logs/", ".git/", "~"} {
		if strings.HasPrefix(name, p) || strings.Contains(name, "/"+p) {
			return true
		}
	}
	return false
}
