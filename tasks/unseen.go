package tasks

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"spec.example/spec/internal/trace"
)

// What a patch says of tests is one thing, what ran is another: whatever the trick, a test that passed at the base of a task and
// did not run on its result, or one that lies in the result and of which its package reported nothing, was taken out.

type unseenTest struct{ file, what string }

// ran remembers what was seen at a commit.
func (r *run) ran(commit string, v Verified) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v.Results == nil {
		return
	}
	if r.seen == nil {
		r.seen = map[string]*trace.Results{}
	}
	r.seen[commit] = v.Results
}

// unseen lists the tests that passed at base and neither passed nor failed on the result. Sub-tests are left out: their names
// may hold what changes from run to run.
func (r *run) unseen(base string, v Verified) []unseenTest {
	r.mu.Lock()
	before := r.seen[base]
	r.mu.Unlock()
	if before == nil || v.Results == nil {
		return nil
	}
	now := outcomes(v.Results)
	var out []unseenTest
	for _, name := range before.With(trace.Passed) {
		pkg, test, _ := strings.Cut(name, " ")
		if strings.Contains(test, "/") {
			continue
		}
		switch now[name] {
		case "":
			out = append(out, unseenTest{pkg, test + " passed before and does not run now"})
		case trace.Skipped:
			out = append(out, unseenTest{pkg, test + " passed before and is skipped now"})
		}
	}
	return out
}

func outcomes(rs *trace.Results) map[string]trace.Outcome {
	found := map[string]trace.Outcome{}
	for _, o := range []trace.Outcome{trace.Passed, trace.Failed, trace.TimedOut, trace.Skipped} {
		for _, name := range rs.With(o) {
			found[name] = o
		}
	}
	return found
}

// silent lists the tests of changed files that are there, and whose package ended well without a word of them. A file that is
// built only on a condition is left out.
func (r *run) silent(ctx context.Context, result frozen, v Verified) ([]unseenTest, error) {
	if v.Results == nil || slices.ContainsFunc(r.runner.GoArgs, narrows) {
		return nil, nil
	}
	heard := outcomes(v.Results)
	var out []unseenTest
	for _, c := range result.changes {
		if c.Status == "D" || !strings.HasSuffix(c.Path, "_test.go") {
			continue
		}
		data, err := r.git.ReadFile(ctx, result.tree, c.Path)
		if err != nil {
			return nil, err
		}
		if buildLine(data) != "" {
			continue
		}
		for _, pkg := range v.Results.Ended() {
			if !ofDirectory(pkg, path.Dir(c.Path)) {
				continue
			}
			for name, shape := range shapes(data) {
				if shape.fn.Recv == nil && isTestName(name) && heard[pkg+" "+name] == "" {
					out = append(out, unseenTest{c.Path, fmt.Sprintf("%s is there, and did not run", name)})
				}
			}
		}
	}
	return out, nil
}

func narrows(arg string) bool {
	name := strings.TrimLeft(arg, "-")
	return strings.HasPrefix(arg, "-") && (strings.HasPrefix(name, "run") || strings.HasPrefix(name, "skip") || strings.HasPrefix(name, "list") || strings.HasPrefix(name, "test."))
}

func ofDirectory(pkg, dir string) bool { return dir != "." && strings.HasSuffix("/"+pkg, "/"+dir) }

func isTestName(name string) bool {
	rest, ok := strings.CutPrefix(name, "Test")
	return ok && name != "TestMain" && (rest == "" || !(rest[0] >= 'a' && rest[0] <= 'z'))
}
