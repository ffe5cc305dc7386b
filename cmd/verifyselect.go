package cmd

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

// A selection is the criteria that a verify is about, by feature, and the tests that it runs for them; whole is a run of
// every test.
type selection struct {
	whole    bool
	criteria map[string][]*spec.Requirement
	tests    []*trace.Test
}

// selectTests finds the criteria that the options ask for, and their tests.
func (a *app) selectTests(ctx context.Context, targets []*target, o verifyOptions) (selection, error) {
	s := selection{whole: len(o.criterion) == 0 && o.since == "" && !o.tagged && !o.stale, criteria: map[string][]*spec.Requirement{}}
	if err := haveCriteria(targets, o.criterion); err != nil {
		return s, err
	}
	index, err := trace.Scan(rooted(targets[0].root), ".")
	if err != nil {
		return s, err
	}
	before, err := a.proofsAt(ctx, targets[0].root, o.since)
	if err != nil {
		return s, err
	}
	for _, t := range targets {
		for _, c := range t.feature.Criteria() {
			tests := index.Tests(t.feature.Name, c.ID)
			switch {
			case len(o.criterion) > 0 && !slices.Contains(o.criterion, c.ID):
				continue
			case before != nil && !slices.ContainsFunc(tests, foreign) && before(t.feature.Name, c.ID, "") == stateOf(t.feature, index, c, ""):
				continue
			case o.stale && (len(tests) == 0 || fits(t.lock.Criterion(c.ID), c, tests)):
				continue
			}
			s.criteria[t.feature.Name] = append(s.criteria[t.feature.Name], c)
			for _, test := range tests {
				if !slices.ContainsFunc(s.tests, func(x *trace.Test) bool { return x.File == test.File && x.Name == test.Name }) {
					s.tests = append(s.tests, test)
				}
			}
		}
	}
	return s, nil
}

// haveCriteria says which of the criteria that are asked for no feature has.
func haveCriteria(targets []*target, ids []string) error {
	for _, id := range ids {
		if !slices.ContainsFunc(targets, func(t *target) bool {
			return slices.ContainsFunc(t.feature.Criteria(), func(c *spec.Requirement) bool { return c.ID == id })
		}) {
			return undecided("spec show "+spec.Typed(targets[0].feature.Name), "no criterion %s in %s", id, targets[0].feature.Name)
		}
	}
	return nil
}

// foreign tells whether a test is not one of go test.
func foreign(t *trace.Test) bool { return t.Package == "" }

// partOf says how the tests that are wanted are run, and as few others as can be.
func partOf(root string, tests []*trace.Test) tasks.Part {
	part := tasks.Part{GoArgs: goArgs(root, tests)}
	if !slices.ContainsFunc(tests, func(t *trace.Test) bool { return !foreign(t) }) {
		part.Tests = tests
	}
	return part
}

// goArgs are the arguments of the one go test that runs tests, and nothing else, in the packages that they lie in. It is
// nil where a test is not go's.
func goArgs(root string, tests []*trace.Test) []string {
	if len(tests) == 0 || slices.ContainsFunc(tests, foreign) {
		return nil
	}
	var patterns, packages []string
	for _, t := range tests {
		parts := strings.Split(t.Name, "/")
		for i, p := range parts {
			parts[i] = "^" + regexp.QuoteMeta(p) + "$"
		}
		if p := strings.Join(parts, "/"); !slices.Contains(patterns, p) {
			patterns = append(patterns, p)
		}
		if p := "./" + packageDir(t); !slices.Contains(packages, p) {
			packages = append(packages, p)
		}
	}
	slices.Sort(patterns)
	slices.Sort(packages)
	return append([]string{"-run", strings.Join(patterns, "|")}, packages...)
}

// packageDir is the directory of a test's package: a script belongs to the one that its testdata lies in.
func packageDir(t *trace.Test) string {
	dir := path.Dir(t.File)
	if strings.HasPrefix(dir+"/", "testdata/") {
		return "."
	}
	if i := strings.Index(dir+"/", "/testdata/"); i >= 0 {
		return dir[:i]
	}
	return dir
}

// flaky runs the tests that failed once more: one that passes then proves nothing, and is to be named. Another runner than go
// test is told which they are, and runs what its command says.
func (a *app) flaky(ctx context.Context, repo *git.Repo, t *target, run *tasks.VerifiedTree, tests []*trace.Test) (map[string]bool, error) {
	var failed, others []*trace.Test
	for _, test := range tests {
		switch r := run.Results.Of(test); {
		case r != trace.Failed && r != trace.TimedOut:
		case foreign(test):
			others = append(others, test)
		default:
			failed = append(failed, test)
		}
	}
	out := map[string]bool{}
	for _, again := range []struct {
		tests []*trace.Test
		part  tasks.Part
	}{{failed, partOf(t.root, failed)}, {others, partOf(t.root, others)}} {
		if len(again.tests) == 0 {
			continue
		}
		a.progress("once more, to tell what fails from what fails now and then")
		second, err := a.verifyTree(ctx, repo, t, again.part, tasks.TestsEnv(t.feature.Name, again.tests)...)
		if err != nil {
			return nil, err
		}
		for _, test := range again.tests {
			if second.Results.Of(test) == trace.Passed {
				out[test.File+" "+test.Name] = true
			}
		}
	}
	return out, nil
}
