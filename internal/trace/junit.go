package trace

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"path"
	"slices"
	"strings"
	"unicode"
)

// Flaky is a test that failed and passed when it was run again: no pass.
const Flaky Outcome = "flaky"

type junitCase struct {
	Name      string       `xml:"name,attr"`
	Class     string       `xml:"classname,attr"`
	ClassPHP  string       `xml:"class,attr"`
	File      string       `xml:"file,attr"`
	Status    string       `xml:"status,attr"`
	Failure   []junitWords `xml:"failure"`
	Error     []junitWords `xml:"error"`
	Skipped   *junitWords  `xml:"skipped"`
	Flaky     []junitWords `xml:"flakyFailure"`
	FlakyErr  []junitWords `xml:"flakyError"`
	Rerun     []junitWords `xml:"rerunFailure"`
	SystemOut string       `xml:"system-out"`
	Marks     []junitMark  `xml:"properties>property"`
	suite     string       // names of the suites that it stands in
	suiteFile string
	lost      bool // vitest writes the tests of a process that died as passed, in no time
}

// A junitMark is a property of a case.
type junitMark struct {
	Name string `xml:"name,attr"`
}

// What the adapter of pytest marks cases with: one that failed, and may have passed afterwards, and one that passed although
// it is expected to fail.
const (
	markFailed = "spec.failed"
	markXpass  = "spec.xpass"
)

func (c *junitCase) marked(name string) bool {
	return slices.ContainsFunc(c.Marks, func(m junitMark) bool { return m.Name == name })
}

type junitWords struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// maxCases bounds the cases that are read of all reports.
const maxCases = 500_000

// ReadJUnit reads reports in the form that JUnit began and other runners write.
func ReadJUnit(reports ...io.Reader) (*Results, error) {
	rs := &Results{byName: map[string]*Result{}}
	for _, r := range reports {
		if err := rs.readJUnit(r); err != nil {
			return nil, err
		}
	}
	return rs, nil
}

func (rs *Results) readJUnit(from io.Reader) error {
	r := bufio.NewReader(from)
	if head, _ := r.Peek(512); !strings.HasPrefix(strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n"), "<") {
		switch seen, err := rs.readLibtest(r); {
		case err != nil:
			return fmt.Errorf("not a report that can be read: %v", err)
		case !seen:
			return fmt.Errorf("no <testsuite> in the report")
		}
		return nil
	}
	d := xml.NewDecoder(newCleanXML(r))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	type suite struct {
		name, file string
		lost       bool
	}
	vitest := false
	var suites []suite
	seen := false
	for {
		token, err := d.Token()
		if err == io.EOF {
			if !seen {
				return fmt.Errorf("no <testsuite> in the report")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("not a report that can be read: %v", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "testsuites":
				seen = true
				vitest = slices.ContainsFunc(t.Attr, func(a xml.Attr) bool { return a.Name.Local == "name" && a.Value == "vitest tests" })
			case "testsuite":
				seen = true
				var s suite
				for _, a := range t.Attr {
					switch a.Name.Local {
					case "name":
						s.name = a.Value
					case "file", "filepath":
						s.file = a.Value
					case "time":
						s.lost = vitest && a.Value == "0"
					}
				}
				suites = append(suites, s)
			case "testcase":
				var c junitCase
				if err := d.DecodeElement(&c, &t); err != nil {
					return fmt.Errorf("not a report that can be read: %v", err)
				}
				for _, s := range suites {
					c.suite += s.name + "\n"
					c.lost = c.lost || s.lost
					if s.file != "" {
						c.suiteFile = s.file
					}
				}
				if rs.foreign(c); len(rs.all) > maxCases {
					return fmt.Errorf("more than %d cases", maxCases)
				}
			}
		case xml.EndElement:
			if t.Name.Local == "testsuite" && len(suites) > 0 {
				suites = suites[:len(suites)-1]
			}
		}
	}
}

// foreign adds a case of a report.
func (rs *Results) foreign(c junitCase) {
	x := &Result{Name: c.Name, Outcome: Passed, Package: path.Clean(strings.ReplaceAll(first(c.File, c.suiteFile, c.ClassPHP, c.Class), "\\", "/")), report: &c}
	words, overtime := "", false
	for _, list := range [][]junitWords{c.Failure, c.Error, c.Flaky, c.FlakyErr, c.Rerun} {
		for _, w := range list {
			overtime = overtime || w.overtime()
			words += strings.TrimSpace(w.Message+"\n"+w.Text) + "\n"
		}
	}
	x.Output = words[:min(len(words), maxTestOutput)]
	switch {
	case len(c.Failure)+len(c.Error) > 0:
		x.Outcome = Failed
		if overtime {
			x.Outcome = TimedOut
		}
	case len(c.Flaky)+len(c.FlakyErr)+len(c.Rerun) > 0:
		x.Outcome = Flaky
	case c.Skipped != nil, c.marked(markXpass), strings.EqualFold(c.Status, "notrun"), strings.EqualFold(c.Status, "skipped"), strings.EqualFold(c.Status, "disabled"):
		x.Outcome = Skipped
	case c.marked(markFailed):
		x.Outcome = Flaky
	case c.lost:
		x.Outcome = NotRun
	}
	rs.all = append(rs.all, x)
}

// Again takes in a report of tests that passed only when they were tried again, of a run whose own report calls them passed.
func (rs *Results) Again(report io.Reader) error {
	again, err := ReadJUnit(report)
	if err != nil {
		return err
	}
	for _, a := range again.all {
		known := false
		for _, x := range rs.all {
			if x.report != nil && x.report.same(a.report) {
				known = true
				if x.Outcome == Passed {
					x.Outcome = Flaky
				}
			}
		}
		if !known {
			rs.all = append(rs.all, a)
		}
	}
	return nil
}

// same tells whether two reports call a case the same.
func (c *junitCase) same(o *junitCase) bool {
	return c.Name == o.Name && (o.Class == "" || c.Class == o.Class) && (c.File == o.File || c.File == "" || o.File == "")
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// called tells whether a case is a test by its name, and what stands before the name there: those of its groups.
func (c *junitCase) called(t *Test) (before string, literal, ok bool) {
	before, literal, ok = names(c.Name, t)
	if plain := html.UnescapeString(c.Name); !ok && plain != c.Name { // Node 20 escapes quotation marks twice
		return names(plain, t)
	}
	return before, literal, ok
}

// names tells whether the name of a case is that of a test.
func names(name string, t *Test) (before string, literal, ok bool) {
	name = strings.TrimLeft(name, " ")
	for _, own := range []string{t.Name, t.also} {
		if own == "" {
			continue
		}
		if rest, ok := strings.CutPrefix(name, own); ok && parameters(rest) {
			return "", true, true
		}
		for _, whole := range []string{name, bare(name)} {
			if head, ok := strings.CutSuffix(whole, own); ok && divided(head) {
				return head, true, true
			}
		}
		if i := strings.Index("::"+name, "::"+own+"::"); i >= 0 && path.Ext(t.File) == ".rs" {
			return name[:i], true, true // the cases of one function are named behind it
		}
	}
	if t.like == nil {
		return "", false, false
	}
	for at := 0; at >= 0; at = next(name, at) {
		if t.like.MatchString(name[at:]) && divided(name[:at]) {
			return name[:at], false, true
		}
	}
	return "", false, false
}

// parameters tells whether what stands behind a name are its parameters, or nothing.
func parameters(rest string) bool {
	return rest == "" || strings.ContainsRune("[({<", rune(rest[0])) || strings.HasPrefix(rest, " with data set ") || strings.HasPrefix(rest, " [") || strings.HasPrefix(rest, " (")
}

// bare is a name without the parameters behind it.
func bare(name string) string {
	name = strings.TrimSuffix(name, "()")
	if i := strings.LastIndexAny(name, "[({"); i > 0 && strings.HasSuffix(name, map[byte]string{'[': "]", '(': ")", '{': "}"}[name[i]]) {
		return strings.TrimRight(name[:i], " ")
	}
	return name
}

// dividers stand between the names of groups, and before that of a test.
var dividers = []string{" > ", " › ", " » ", "::", ".", "#", "/", " "}

func divided(head string) bool {
	return head == "" || slices.ContainsFunc(dividers, func(d string) bool { return strings.HasSuffix(head, d) })
}

// next is the offset behind the next divider, or -1.
func next(name string, at int) int {
	i := strings.IndexAny(name[at:], " :.#/")
	if i < 0 {
		return -1
	}
	return at + i + 1
}

// letters is a text without what stands between its words: every runner has signs of its own there.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// How well a case agrees with a test.
const (
	stranger = iota // by its name it is another
	namesake        // it has the name
	kin             // and the groups, among others
	topmost         // and stands in no group, as the test
	twin            // and exactly the groups
)

// agreement tells how well a case agrees with a test by its name and groups.
func (c *junitCase) agreement(t *Test) int {
	before, literal, ok := c.called(t)
	if !ok {
		return stranger
	}
	groups := letters(strings.Join(t.groups, ""))
	if path.Ext(t.File) == ".rs" {
		if _, modules := crate(t.File); letters(before) != letters(strings.Join(modules, ""))+groups {
			return stranger // it stands in another module
		}
	}
	stem := letters(strings.TrimSuffix(path.Base(t.File), path.Ext(t.File)))
	within := []string{letters(before)}
	if before == "" {
		within = append(within, letters(c.Class), letters(c.ClassPHP), letters(c.suite))
	}
	grade := namesake
	for i, w := range within {
		switch {
		case w == groups && (i == 0 || w != "") || i > 0 && groups != "" && (strings.HasSuffix(w, stem+groups) || strings.HasSuffix(w, groups) && strings.ContainsAny(c.Class, "$.")):
			grade = max(grade, topmost)
			if groups != "" {
				grade = twin
			}
		case holds(w, t.groups):
			grade = max(grade, kin)
		}
	}
	if !literal && grade > namesake {
		grade-- // where another test has the very name, it is that one's
	}
	return grade
}

// holds tells whether a text holds the names of groups one behind the other.
func holds(text string, groups []string) bool {
	for _, g := range groups {
		i := strings.Index(text, letters(g))
		if i < 0 {
			return false
		}
		text = text[i+len(letters(g)):]
	}
	return true
}

// How a case stands to a file.
const (
	elsewhere = iota // it names another file
	anywhere         // it names no file
	there
)

// in tells whether a case lies in a file, from the file or class that it or its suite names.
func (c *junitCase) in(file string) int {
	for _, f := range []string{c.File, c.suiteFile} {
		if f = strings.TrimPrefix(strings.ReplaceAll(f, "\\", "/"), "./"); f != "" {
			if f == file || strings.HasSuffix(f, "/"+file) || strings.HasSuffix(file, "/"+f) {
				return there
			}
			return elsewhere
		}
	}
	if path.Ext(file) == ".rs" {
		return c.module(file)
	}
	stem := strings.TrimSuffix(file, path.Ext(file))
	for _, name := range append([]string{c.ClassPHP, c.Class}, strings.Split(c.suite, "\n")...) {
		name = strings.TrimPrefix(strings.ReplaceAll(name, "\\", "/"), "./")
		if name == "" {
			continue
		}
		if name == file || strings.HasSuffix(name, "/"+file) || strings.HasSuffix(file, "/"+name) && path.Ext(name) == path.Ext(file) {
			return there
		}
		if strings.Contains(name, "/") && path.Ext(name) != "" && path.Ext(name) == path.Ext(file) {
			return elsewhere
		}
		// A class or module: its words are the end of the path, with a class of the file behind them or not.
		words, parts := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '/' || r == ':' || r == '$' }), strings.Split(stem, "/")
		for end := len(words); end > 0; end-- {
			if tail := words[:end]; tail[end-1] == parts[len(parts)-1] && agrees(tail, parts, path.Ext(file) == ".java") {
				return there
			}
		}
	}
	// The modules of Python and the classes of Java are named as their files are.
	if ext := path.Ext(file); (ext == ".py" || ext == ".java") && c.Class != "" && !strings.ContainsAny(c.Class, " :/") {
		return elsewhere
	}
	return anywhere
}

// agrees tells whether the shorter of two lists is the end of the other, or the words at least end in the same name: only
// in Java do directories have to be named as packages are.
func agrees(words, parts []string, strictly bool) bool {
	n := min(len(words), len(parts))
	return slices.Equal(words[len(words)-n:], parts[len(parts)-n:]) || !strictly && len(words) > 0 && strings.ToUpper(words[len(words)-1][:1]) == words[len(words)-1][:1]
}

// module tells whether a case lies in a file of Rust: the class is the binary, `crate` or `crate::NAME` for tests/NAME.rs,
// and the name begins with the modules that lead to the file.
func (c *junitCase) module(file string) int {
	binary, modules := crate(file)
	_, own, apart := strings.Cut(c.Class, "::")
	apart = apart && !strings.HasPrefix(own, "bin/") && !strings.HasPrefix(own, "example/")
	switch {
	case !strings.HasPrefix(c.Name, strings.Join(append(modules, ""), "::")), c.Class != "" && apart != (binary != ""):
		return elsewhere
	case apart && own != binary:
		return elsewhere
	case apart:
		return there
	}
	return anywhere
}

// crate gives the binary of its own that a file of Rust is part of, "" for that of its crate, and the modules that lead to it.
func crate(file string) (binary string, modules []string) {
	parts := strings.Split(strings.TrimSuffix(file, ".rs"), "/")
	if last := parts[len(parts)-1]; last == "lib" || last == "main" || last == "mod" {
		parts = parts[:len(parts)-1]
	}
	if i := slices.Index(parts, "src"); i >= 0 {
		return "", parts[i+1:]
	}
	if i := slices.Index(parts, "tests"); i >= 0 && i+1 < len(parts) {
		return parts[i+1], parts[i+2:]
	}
	return "", parts
}

// casesOf lists the cases of reports that are a test of another language. Those that a report places in its file come
// before those that it places nowhere; one that agrees better with another test of the file is that one's.
func (rs *Results) casesOf(t *Test) []*Result {
	best, cases := elsewhere, []*Result(nil)
	if rs == nil {
		return nil
	}
	for _, x := range rs.all {
		if x.report == nil {
			continue
		}
		grade := x.report.agreement(t)
		if grade == stranger {
			continue
		}
		switch at := x.report.in(t.File); {
		case at == elsewhere || at < best:
		case slices.ContainsFunc(t.rivals, func(r *Test) bool { return x.report.agreement(r) > grade }):
		case at > best:
			best, cases = at, []*Result{x}
		default:
			cases = append(cases, x)
		}
	}
	return cases
}

// foreignOf gives what became of a test of another language: the worst of the cases that are it, and its twins.
func (rs *Results) foreignOf(t *Test) Outcome {
	worst := rs.oneOf(t)
	rank := []Outcome{Failed, TimedOut, Flaky, NotRun, Skipped, Passed}
	for _, twin := range t.twins {
		if one := rs.oneOf(twin); slices.Index(rank, one) < slices.Index(rank, worst) {
			worst = one
		}
	}
	return worst
}

// oneOf is that of a test without its twins.
func (rs *Results) oneOf(t *Test) Outcome {
	cases := rs.casesOf(t)
	if len(cases) == 0 {
		return NotRun
	}
	rank := []Outcome{Failed, TimedOut, Flaky, NotRun, Passed, Skipped}
	worst := Skipped
	for _, x := range cases {
		if slices.Index(rank, x.Outcome) < slices.Index(rank, worst) {
			worst = x.Outcome
		}
	}
	if worst == Passed && t.Skips {
		return Skipped // jest-junit writes a test that is yet to be done as one that passed
	}
	return worst
}

// Add takes the results of other reports in.
func (rs *Results) Add(other *Results) {
	for _, x := range other.all {
		if x.report != nil {
			rs.all = append(rs.all, x)
		}
	}
}

// Beside counts the cases that may lie in the files of tests.
func (rs *Results) Beside(tests []*Test) (n int) {
	for _, x := range rs.all {
		if x.report != nil && x.Outcome != NotRun && slices.ContainsFunc(tests, func(t *Test) bool { return x.report.in(t.File) != elsewhere }) {
			n++
		}
	}
	return n
}

// Named tells whether reports speak of each of the tests, if only as of one that was not run.
func (rs *Results) Named(tests []*Test) bool {
	return !slices.ContainsFunc(tests, func(t *Test) bool { return len(rs.casesOf(t)) == 0 || !rs.Named(t.twins) })
}
