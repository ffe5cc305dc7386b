package tasks

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// judge says why a verified tree may not go on, or "" when it may: everything passed, or all that failed was known to
// fail. Tests that fail at head already are known under RedBaseline; the tests that show the bug of a bugfix
// specification are known from the lock until the task that fixes it.
func (r *run) judge(h *head, t *plan.Task, v Verified, diff []byte) string {
	if v.Nothing {
		return ""
	}
	exploring := explores(h.feature, t.ID)
	expected := expectations(h.lock, t.ID)
	if v.OK {
		switch {
		case exploring && !r.o.Hand:
			return "the exploration test passes on code that is not fixed: it does not show the bug"
		case len(expected) > 0 && wordsPreserve().MatchString(t.Title):
			names := slices.Sorted(maps.Keys(expected))
			return fmt.Sprintf("%s passes before the fix of task %s: only the fix may make it pass", strings.Join(names, ", "), expected[names[0]])
		}
		return ""
	}
	if v.Results == nil || len(v.Results.Broken()) > 0 || len(v.Results.Failed()) == 0 {
		return v.Failure
	}
	brought := testNames(diff)
	var shown []string
	for _, name := range v.Results.Failed() {
		_, test, _ := strings.Cut(name, " ")
		top, _, _ := strings.Cut(test, "/")
		switch {
		case r.red[name], expected[top] != "":
		case exploring && brought(test):
			shown = append(shown, top)
		default:
			return v.Failure
		}
	}
	if exploring && len(shown) == 0 {
		return "no test of this task fails: the exploration test has to fail on code that is not fixed"
	}
	return ""
}

// citedPass demands, where the head is red, that every test that is tagged for what the task cites passes.
func citedPass(h *head, t *plan.Task, v Verified, index *trace.Index) string {
	task := h.feature.Task(t.ID)
	if v.OK || v.Results == nil || task == nil {
		return ""
	}
	var bad []string
	for _, id := range h.feature.Covers(task) {
		for _, test := range index.Tests(h.feature.Name, id) {
			if out := v.Results.Of(test); out == trace.Failed || out == trace.TimedOut {
				bad = append(bad, fmt.Sprintf("%s (criterion %s): %s", test.Name, id, out))
			}
		}
	}
	if len(bad) == 0 {
		return ""
	}
	return "tests of what the task cites do not pass, also if they failed before:\n" + strings.Join(bad, "\n")
}

// testNames tells whether a test stands among the lines that a patch adds: by its name in Go, by its file elsewhere.
func testNames(diff []byte) func(test string) bool {
	names, files := map[string]bool{}, []string{}
	for file, lines := range patchLines(diff) {
		if !isTest(file) || len(lines.added) == 0 {
			continue
		}
		files = append(files, file)
		for _, line := range lines.added {
			if m := goTestFunc().FindStringSubmatch(line); m != nil {
				names[m[1]] = true
			}
		}
	}
	return func(test string) bool {
		top, _, _ := strings.Cut(test, "/")
		return names[top] || slices.ContainsFunc(files, func(f string) bool { return strings.Contains(test, path.Base(f)) })
	}
}

var goTestFunc = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^func (Test\w*)\(`) })

// expectations are the tests that may still fail, with the task that has to make them pass. task itself has to.
func expectations(lock *trace.Lock, task string) map[string]string {
	found := map[string]string{}
	for _, t := range lock.Tasks {
		tests, until := t.ExpectFail()
		if until == "" || until == task || lock.Outcome(until).Kind != "" {
			continue
		}
		for _, name := range tests {
			found[name] = until
		}
	}
	return found
}

// onlyExpected tells whether all that failed is what a bugfix specification wants to fail for now.
func onlyExpected(v Verified, expected map[string]string) bool {
	if v.Results == nil || len(v.Results.Broken()) > 0 || len(v.Results.Failed()) == 0 {
		return false
	}
	return !slices.ContainsFunc(v.Results.Failed(), func(name string) bool {
		_, test, _ := strings.Cut(name, " ")
		top, _, _ := strings.Cut(test, "/")
		return expected[top] == ""
	})
}

// The words are those of the bugfix workflow of Kiro, whose task lists say in capitals what is to fail.
var (
	wordsExplore  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)\bexploration tests?\b`) })
	wordsMustFail = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)\btests? must fail\b|expected outcome:\W*tests? fails?\b`)
	})
	wordsAgain    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^\W*(re-?run|run|verify|confirm|check)\b`) })
	wordsPreserve = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)\bpreservation\b|\bbefore implementing\b`) })
)

// explores tells whether a task of a bugfix specification writes the test that shows the bug: it has to fail.
func explores(f *spec.Feature, id string) bool {
	t := f.Task(id)
	if t == nil || !f.Bugfix() || wordsAgain().MatchString(t.Title) || t.Checkpoint {
		return false
	}
	return wordsExplore().MatchString(t.Title) || slices.ContainsFunc(t.Details, wordsMustFail().MatchString)
}

// seesFix tells whether a task of a bugfix specification only runs again what earlier tasks wrote ("verify that the
// exploration test now passes"): spec does that itself, as it does with a checkpoint.
func seesFix(f *spec.Feature, id string) bool {
	t := f.Task(id)
	return t != nil && f.Bugfix() && wordsAgain().MatchString(t.Title) && strings.Contains(strings.ToLower(t.Title), "test")
}

// byItself tells whether a task is verified without an agent.
func byItself(h *head, t *plan.Task) bool { return t.Checkpoint || seesFix(h.feature, t.ID) }

// fixOf is the task that has to make an exploration test pass: the last of the tasks side by side that follow the writing of
// tests, before anything is run again. "" where the plan holds none.
func fixOf(f *spec.Feature, exploration string) string {
	leaves := f.Leaves()
	at := slices.IndexFunc(leaves, func(t *spec.Task) bool { return t.ID == exploration })
	var fix *spec.Task
	for _, t := range leaves[at+1:] {
		switch {
		case fix == nil && (explores(f, t.ID) || wordsPreserve().MatchString(t.Title) || t.Checkpoint):
			continue
		case t.Checkpoint, seesFix(f, t.ID):
			if fix != nil {
				return fix.ID
			}
			continue
		case fix == nil:
			fix = t
		case fix.Parent != "" && fix.Parent == t.Parent:
			fix = t
		default:
			return fix.ID
		}
	}
	if fix == nil {
		return ""
	}
	return fix.ID
}

// expectFail is the fact that a landed exploration task leaves: its tests that fail, and until when.
func expectFail(h *head, t *plan.Task, v Verified, diff []byte) string {
	if !explores(h.feature, t.ID) || v.Results == nil {
		return ""
	}
	until := fixOf(h.feature, t.ID)
	brought := testNames(diff)
	var names []string
	for _, name := range v.Results.Failed() {
		_, test, _ := strings.Cut(name, " ")
		if top, _, _ := strings.Cut(test, "/"); brought(test) && !slices.Contains(names, top) {
			names = append(names, top)
		}
	}
	if until == "" || len(names) == 0 {
		return ""
	}
	return trace.ExpectFail(names, until)
}
