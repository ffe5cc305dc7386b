package trace

import (
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
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
	suite     string       // names of the suites that it stands in
	suiteFile string
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

func (rs *Results) readJUnit(r io.Reader) error {
	d := xml.NewDecoder(r)
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	type suite struct{ name, file string }
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
			case "testsuite":
				seen = true
				var s suite
				for _, a := range t.Attr {
					switch a.Name.Local {
					case "name":
						s.name = a.Value
					case "file", "filepath":
						s.file = a.Value
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
	words := ""
	for _, list := range [][]junitWords{c.Failure, c.Error, c.Flaky, c.FlakyErr, c.Rerun} {
		for _, w := range list {
			words += strings.TrimSpace(w.Message+"\n"+w.Text) + "\n"
		}
	}
	x.Output = words[:min(len(words), maxTestOutput)]
	switch {
	case len(c.Failure)+len(c.Error) > 0:
		x.Outcome = Failed
		if timedOut(words) {
			x.Outcome = TimedOut
		}
	case len(c.Flaky)+len(c.FlakyErr)+len(c.Rerun) > 0:
		x.Outcome = Flaky
	case c.Skipped != nil, strings.EqualFold(c.Status, "notrun"), strings.EqualFold(c.Status, "skipped"), strings.EqualFold(c.Status, "disabled"):
		x.Outcome = Skipped
	}
	rs.all = append(rs.all, x)
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// named tells whether a case is a test by its name: it ends with it, behind the names of its groups, or has a parameter
// behind it.
func (c *junitCase) named(name string) bool {
	rest, ok := strings.CutPrefix(c.Name, name)
	if ok && (rest == "" || strings.ContainsRune("[({<", rune(rest[0])) || strings.HasPrefix(rest, " with data set ") || strings.HasPrefix(rest, " [") || strings.HasPrefix(rest, " (")) {
		return true
	}
	bare := strings.TrimSuffix(c.Name, "()")
	for i := strings.LastIndexAny(bare, "[({"); i > 0 && strings.HasSuffix(bare, map[byte]string{'[': "]", '(': ")", '{': "}"}[bare[i]]); i = -1 {
		bare = strings.TrimRight(bare[:i], " ")
	}
	for _, sep := range []string{" > ", " › ", " » ", "::", ".", "#", "/", " "} {
		if strings.HasSuffix(bare, sep+name) {
			return true
		}
	}
	return false
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
			if tail := words[:end]; tail[end-1] == parts[len(parts)-1] && agrees(tail, parts) {
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

// agrees tells whether the shorter of two lists is the end of the other, or the words at least end in the same name.
func agrees(words, parts []string) bool {
	n := min(len(words), len(parts))
	return slices.Equal(words[len(words)-n:], parts[len(parts)-n:]) || len(words) > 0 && strings.ToUpper(words[len(words)-1][:1]) == words[len(words)-1][:1]
}

// casesOf lists the cases of reports that are a test of another language. Those that a report places in its file come
// before those that it places nowhere.
func (rs *Results) casesOf(t *Test) []*Result {
	best, cases := elsewhere, []*Result(nil)
	if rs == nil {
		return nil
	}
	for _, x := range rs.all {
		if x.report == nil || !x.report.named(t.Name) {
			continue
		}
		switch at := x.report.in(t.File); {
		case at == elsewhere || at < best:
		case at > best:
			best, cases = at, []*Result{x}
		default:
			cases = append(cases, x)
		}
	}
	return cases
}

// foreignOf gives what became of a test of another language: the worst of the cases that are it.
func (rs *Results) foreignOf(t *Test) Outcome {
	cases := rs.casesOf(t)
	rank := []Outcome{Failed, TimedOut, Flaky, Passed, Skipped}
	worst := NotRun
	for _, x := range cases {
		if worst == NotRun || slices.Index(rank, x.Outcome) < slices.Index(rank, worst) {
			worst = x.Outcome
		}
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
