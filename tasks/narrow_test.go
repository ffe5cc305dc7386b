package tasks

import (
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/internal/trace"
)

// TestNarrowed: which presets run the files of some tests alone, and how each is told.
func TestNarrowed(t *testing.T) {
	for _, c := range []struct {
		preset string
		files  []string
		want   string // behind the command; "" for all tests
	}{
		{"vitest", []string{"b.test.ts", "a b.test.ts", "b.test.ts"}, " 'a b.test.ts' b.test.ts"},
		{"jest", []string{"a.test.js"}, " --runTestsByPath a.test.js"},
		{"mocha", []string{"test/$x's.js"}, ` 'test/$x'\''s.js'`},
		{"node", []string{"a.test.js"}, " a.test.js"},
		{"pytest", []string{"tests/test_a.py"}, " tests/test_a.py"},
		{"pytest", []string{"-x.py"}, ""},
		{"rspec", []string{"spec/a_spec.rb"}, " spec/a_spec.rb"},
		{"phpunit", []string{"tests/ATest.php", "tests/b/BTest.php"}, ` --filter '/(^|\\)(ATest|BTest)::/'`},
		{"phpunit", []string{"tests/pest.php"}, ""},
		{"maven", []string{"src/test/java/app/ATest.java"}, " '-Dtest=ATest,ATest$*' '-DfailIfNoTests=false' '-Dsurefire.failIfNoSpecifiedTests=false'"},
		{"maven", []string{"src/test/java/app/ATest.java", "src/test/kotlin/tests.kt"}, ""},
		{"gradle", []string{"src/test/kotlin/ATest.kt"}, " --tests ATest --tests 'ATest$*'"},
		{"cargo", []string{"src/lib.rs"}, ""},
	} {
		v, err := Verification{}.WithPreset(c.preset)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range c.files {
			v.Part.Tests = append(v.Part.Tests, &trace.Test{File: f})
		}
		r, err := Detect(fstest.MapFS{}, ".", v)
		if got := strings.TrimPrefix(r.Test[0].String(), v.Test); err != nil || got != c.want || r.Part != (c.want != "") {
			t.Errorf("%s: %q, part %v, %v; want %q", c.preset, got, r.Part, err, c.want)
		}
		v.Test += " --more"
		if r, err = Detect(fstest.MapFS{}, ".", v); err != nil || r.Part || r.Test[0].String() != v.Test {
			t.Errorf("a command of the user's own is changed: %s, %v", r.Test[0], err)
		}
	}
	r, err := Detect(fstest.MapFS{"package.json": {Data: []byte(`{"scripts":{"test":"vitest run"}}`)}}, ".", Verification{Part: Part{Tests: []*trace.Test{{File: "a.test.ts"}}}})
	if err != nil || !r.Part {
		t.Errorf("detected: %s, %v", r.Test[0], err)
	}
}
