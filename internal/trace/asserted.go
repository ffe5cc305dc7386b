package trace

import (
	"regexp"
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
	end, said := Unclear, ""
	for _, x := range rs.casesOf(t) {
		switch {
		case x.report.asserts() != "":
			return Asserted, x.report.asserts()
		case x.Outcome == TimedOut:
			end, said = Overtime, firstLine(x.Output)
		case x.Outcome == Failed && end != Overtime:
			end, said = Stopped, firstLine(x.Output)
		case x.Outcome == Passed && end == Unclear:
			end = Held
		}
	}
	return end, said
}

// asserts is what an assertion of a case said that failed; "" where none did.
func (c *junitCase) asserts() string {
	for _, f := range c.Failure {
		if said := first(firstLine(f.Message), firstLine(f.Text), "it failed"); f.asserts() {
			return said
		}
	}
	return ""
}

var (
	// thrown is a class as it stands before what an exception says, as the cause of another (node) or alone.
	thrown = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\W*((?:[\w$]+(?:\.|::|\\))*[\w$]*(?:Error|Exception|Failure|Failed|Interrupt|Exit|Warning)\w*)(?: \[\w+\])?(?::|\s*$|\s*\()`)
	})
	cause = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^\s*cause: (\w+)`) })
	// assertion are classes that libraries of assertions throw.
	assertion = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)assert|expectation|comparison|multiplefailures|testinglibrary|xunit\.sdk|nunit|^_?(?:pytest\.|_pytest\.outcomes\.)?failed$|minitest`)
	})
)

// asserts tells whether a failure is an assertion's. One that names no class is: a runner that calls it a failure means that.
func (w junitWords) asserts() bool {
	message, text := strings.TrimSpace(w.Message), strings.TrimSpace(w.Text)
	if m := cause().FindStringSubmatch(text); m != nil {
		return assertion().MatchString(m[1])
	}
	if all := message + "\n" + text; strings.Contains(all, "panicked at") {
		return strings.Contains(all, "assertion") // Rust's assertions are panics too
	}
	lines := []string{w.Type, firstLine(message)}
	for line := range strings.Lines(text) { // mocha writes what it says first, and the class behind it
		if line[0] != ' ' && line[0] != '\t' && len(lines) < 50 {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	overtime := timedOut(message + "\n" + text)
	for _, s := range lines {
		m := thrown().FindStringSubmatch(s)
		if m == nil {
			continue
		}
		if m[1] == "Error" && strings.Contains(firstLine(message)+firstLine(text), "expect(") {
			return true // jest's
		}
		return assertion().MatchString(m[1]) && !(m[1] == "Failed" && overtime)
	}
	return !overtime
}

// timedOut tells by what a failure says whether a test took too long.
func timedOut(words string) bool {
	words = strings.ToLower(words)
	return strings.Contains(words, "timed out") || strings.Contains(words, "timeout")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(line)
}
