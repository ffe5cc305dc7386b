package tasks

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestDetectAsksForAReport: a package whose test script is one call of a known runner gives a result for each test; any other
// script is left as it is.
func TestDetectAsksForAReport(t *testing.T) {
	for _, c := range []struct{ manifest, test, report string }{
		{`{"scripts":{"test":"vitest"}}`, "vitest run --reporter=default --reporter=junit", reportFile},
		{`{"scripts":{"test":"vitest run src --coverage"}}`, "junit=.spec-junit.xml src --coverage", reportFile},
		{`{"scripts":{"test":"node --test"}}`, "node --test --test-reporter=spec", reportFile},
		{`{"scripts":{"test":"node --test test/"}}`, "destination=.spec-junit.xml test/", reportFile},
		{`{"scripts":{"test":"mocha spec/**/*.js"}}`, "output=.spec-junit.xml spec/**/*.js", reportFile},
		{`{"scripts":{"test":"jest"},"devDependencies":{"jest-junit":"^16.0.0"}}`, "--reporters=jest-junit", reportFile},
		{`{"scripts":{"test":"jest"}}`, "npm test", ""},
		{`{"scripts":{"test":"vitest && node check.js"}}`, "npm test", ""},
		{`{"scripts":{"pretest":"tsc","test":"vitest"}}`, "npm test", ""},
		{`{"scripts":{"test":"vitest --reporter=verbose"}}`, "npm test", ""},
		{`{"scripts":{"test":"node test.js"}}`, "npm test", ""},
		{`{"scripts":{"test":"node --testing"}}`, "npm test", ""},
		{`{"scripts":`, "npm test", ""},
		{`{}`, "npm test", ""},
	} {
		r, err := Detect(fstest.MapFS{"package.json": {Data: []byte(c.manifest)}}, ".", Verification{})
		if err != nil || len(r.Test) != 1 || !strings.Contains(r.Test[0].String(), c.test) || r.JUnit != c.report {
			t.Errorf("%s: %v, report %q, %v; want %q, %q", c.manifest, r.Test, r.JUnit, err, c.test, c.report)
		}
	}
	r, err := Detect(fstest.MapFS{"package.json": {Data: []byte(`{"scripts":{"test":"vitest"}}`)}}, ".", Verification{Test: "npm run all"})
	if err != nil || r.Test[0].String() != "npm run all" || r.JUnit != "" {
		t.Errorf("configured: %v, report %q, %v", r.Test, r.JUnit, err)
	}
	if r, err = Detect(fstest.MapFS{"pyproject.toml": {}}, ".", Verification{}); err != nil || r.JUnit != reportFile {
		t.Errorf("pyproject: %v, report %q, %v", r.Test, r.JUnit, err)
	}
}
