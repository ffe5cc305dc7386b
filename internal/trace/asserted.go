package trace

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// An Ending says how a test of a JUnit report ended, where an assertion that failed and an error are two things.
type Ending int

// The endings. Unclear is a test that no report names, or that skipped.
const (
	Unclear  Ending = iota
	Held            // every assertion
	Asserted        // an assertion failed
	Stopped         // an error ended it before its assertions could say anything
	Overtime
)

// Ending tells how a test ended, with the first line of what was said. Runners write <error> for what is no assertion, or
// <failure> for both: then the class of what was thrown tells.
func (rs *Results) Ending(t *Test) (Ending, string) {
	end, said := rs.ending(t)
	rank := []Ending{Asserted, Overtime, Stopped, Unclear, Held}
	for _, twin := range t.twins {
		if e, s := rs.ending(twin); slices.Index(rank, e) < slices.Index(rank, end) {
			end, said = e, s
		}
	}
	return end, said
}

func (rs *Results) ending(t *Test) (Ending, string) {
	end, said := Unclear, ""
	cases := rs.casesOf(t)
	flaky := slices.ContainsFunc(cases, func(x *Result) bool { return x.Outcome == Flaky || x.Outcome == NotRun })
	for _, x := range cases {
		switch {
		case x.report.asserts(t) != "":
			return Asserted, x.report.asserts(t)
		case x.Outcome == TimedOut:
			end, said = Overtime, firstLine(x.Output)
		case x.Outcome == Failed && end != Overtime:
			end, said = Stopped, firstLine(x.Output)
		case x.Outcome == Passed && end == Unclear && !flaky:
			end = Held
		}
	}
	return end, said
}

// asserts is what an assertion of a case said that failed; "" where none did.
func (c *junitCase) asserts(t *Test) string {
	for _, f := range c.Failure {
		said, asserts := first(firstLine(f.Message), firstLine(f.Text), "it failed"), false
		if path.Ext(t.File) == ".rs" {
			if strings.TrimSpace(f.Message+f.Text) == "" {
				f.Text = c.SystemOut
			}
			said, asserts = f.rust(t)
		} else {
			asserts = f.asserts(path.Ext(t.File))
		}
		if asserts {
			return said
		}
	}
	return ""
}

// panicked is how Rust says where a panic was, and what it said.
var panicked = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`panicked at ([^\s:]+):(\d+):(\d+):?\n((?s:.*))|panicked at '((?s:.*))', ([^\s:]+):(\d+):(\d+)`)
})

// rust tells whether a failure of Rust is an assertion's. Assertions are panics there, and with words of their own they say
// nothing but those: then it is the place that tells, which is an assertion of the tests, or code.
func (w junitWords) rust(t *Test) (said string, asserts bool) {
	all := w.Text + "\n" + w.Message
	if strings.Contains(all, "test did not panic as expected") || strings.Contains(all, "panic did not contain expected string") {
		return "the test did not panic as expected", true
	}
	m := panicked().FindStringSubmatch(all)
	if m == nil {
		return firstLine(all), strings.Contains(all, "assertion") && strings.Contains(all, "panicked at")
	}
	file, said := first(m[1], m[6]), firstLine(first(m[4], m[5]))
	line, _ := strconv.Atoi(first(m[2], m[7]))
	column, _ := strconv.Atoi(first(m[3], m[8]))
	file = strings.ReplaceAll(file, `\`, "/")
	own := file == t.File || strings.HasSuffix(t.File, "/"+file)
	if own && t.verdicts != nil {
		return said, t.verdicts[[2]int{line, column}]
	}
	code := !own && (strings.HasPrefix(file, "src/") || strings.Contains(file, "/src/")) && !strings.Contains(path.Base(file), "test")
	return said, strings.HasPrefix(said, "assertion") && !code // a check of the code's own is none of the tests'
}

var (
	// thrown is a class as it stands before what an exception says, as the cause of another (node) or alone.
	thrown = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\W*(?:Uncaught )?(?:\(in promise\) )?((?:[\w$]+(?:\.|::|\\))*[\w$]*(?:Error|Exception|Failure|Failed|Interrupt|Exit|Warning)\w*)(?: \[\w+\])?(?::|\s*$|\s*\()`)
	})
	cause = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^\s*cause: (\w+)`) })
	// raised is a class of Python before what it says: no suffix tells there what is one.
	raised = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z_][\w.]*)(?::|$)`) })
	// assertion are classes that libraries of assertions throw.
	assertion = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)assert|expectation|comparison|multiplefailures|testinglibrary|xunit\.sdk|nunit|^_?(?:pytest\.|_pytest\.outcomes\.)?failed$|minitest|mockito\.exceptions\.verification|conditionnotsatisfied|^MockException$`)
	})
	late = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)\btimed ?out\b|\btimeout (?:of|after|exceeded|expired|>)|\btimeout$|exceeded timeout|timedout\w*exception|timeout(?:exception|error)|took longer than`)
	})
	compares = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^assert(?:ionerror)?\b|\bexpected?\b`) })
)

// classed are the languages in whose reports type is the class of what was thrown.
const classed = " .py .rb .php .java .kt .kts .groovy .scala .cs "

// class is the class of what was thrown, as far as a failure tells it.
func (w junitWords) class(ext string) string {
	message := firstLine(w.Message)
	if w.Type != "" && !strings.ContainsAny(w.Type, " \t") && strings.Contains(classed, " "+ext+" ") {
		return w.Type
	}
	if ext == ".py" && message != "" {
		if strings.HasPrefix(message, "assert ") {
			return "AssertionError" // pytest leaves it out
		}
		if m := raised().FindStringSubmatch(message); m != nil {
			return m[1]
		}
	}
	lines := []string{w.Type, message}
	for line := range strings.Lines(strings.TrimSpace(w.Text)) { // mocha writes what it says first, and the class behind it
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "at ") && len(lines) < 50 {
			lines = append(lines, line)
		}
	}
	for _, s := range lines {
		if m := thrown().FindStringSubmatch(s); m != nil {
			return m[1]
		}
	}
	return ""
}

// asserts tells whether a failure is an assertion's. One that names no class is: a runner that calls it a failure means
// that. Only those of JavaScript call everything one that was thrown, and all its assertions have a class.
func (w junitWords) asserts(ext string) bool {
	if m := cause().FindStringSubmatch(w.Text); m != nil {
		return assertion().MatchString(m[1])
	}
	class := w.class(ext)
	switch {
	case class == "Error" && strings.Contains(firstLine(w.Message)+w.Text, "expect("):
		return expects().MatchString(w.Message + "\n" + w.Text)
	case w.overtime():
		return false
	case class != "":
		return assertion().MatchString(class)
	}
	return !strings.Contains(languages()[0].exts, " "+ext+" ")
}

// expects is how jest, and who took it over, begin what an assertion says.
var expects = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^\s*(?:Error: )?expect\(`) })

// overtime tells by what a failure says whether the test took too long. What an assertion compared is no time-out.
func (w junitWords) overtime() bool {
	if assertion().MatchString(w.Type) && !strings.EqualFold(w.Type, "Failed") && !strings.HasPrefix(strings.TrimSpace(w.Message), "execution ") {
		return false // JUnit's assertions on time begin so
	}
	for _, s := range []string{w.Type, firstLine(w.Message), firstLine(w.Text)} {
		if late().MatchString(s) && !compares().MatchString(s) {
			return true
		}
	}
	return false
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(line)
}
