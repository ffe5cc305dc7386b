package trace_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
)

func scan(t *testing.T, files map[string]string) *trace.Index {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	ix, err := trace.Scan(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func TestTagsBelongToTests(t *testing.T) {
	ix := scan(t, map[string]string{
		"go.mod":                      "module example.org/m\n",
		"pay/pay_test.go":             "package pay\n\nimport \"testing\"\n\n// TestOnce pays once.\n// spec:f/1.1, 1.2\nfunc TestOnce(t *testing.T) {\n\tt.Error()\n}\n\nfunc TestRange(t *testing.T) {\n\t// spec:f/2.1-2.3\n\thelp(t)\n}\n\nfunc help(t *testing.T) { t.Fatal(1) }\n\n// spec:f/9.9\nfunc helper() {}\n",
		"pay/pay.go":                  "package pay\n\n// spec:f/1.1\nfunc Pay() {}\n",
		"web/pay.test.ts":             "// spec:f/3.1\nit('pays once', () => {\n  expect(1).toBe(1)\n})\n",
		"py/test_pay.py":              "# spec:f/3.2\ndef test_pay():\n    assert 1\n",
		"testdata/script/story.txtar": "# A story. spec:f/4.1\nexec true\nstdout x\n-- a --\n# spec:f/9.8\n",
		"node_modules/x/x.test.js":    "// spec:f/8.8\ntest('x', () => {})\n",
	})
	for id, want := range map[string]string{
		"1.1": "example.org/m/pay TestOnce 1", "1.2": "example.org/m/pay TestOnce 1", "2.1": "example.org/m/pay TestRange 1", "2.2": "example.org/m/pay TestRange 1", "2.3": "example.org/m/pay TestRange 1",
		"3.1": " pays once 1", "3.2": " test_pay 1", "4.1": "example.org/m TestScript/story 1", "9.9": "", "9.8": "", "8.8": "",
	} {
		var got []string
		for _, test := range ix.Tests("f", id) {
			got = append(got, fmt.Sprintf("%s %s %d", test.Package, test.Name, test.Asserts))
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%s: %q, want %q", id, s, want)
		}
	}
}

const test = "package p\n\nimport \"testing\"\n\n// spec:f/1.1\nfunc TestX(t *testing.T) {\n\tgot := f(1)\n\tif got != 2900 {\n\t\tt.Errorf(\"got %d\", got)\n\t}\n\tcheck(t, got)\n}\n\nfunc check(t *testing.T, n int) {\n\tif n < 0 {\n\t\tt.Error(n)\n\t}\n}\n"

func body(t *testing.T, src string) *trace.Test {
	t.Helper()
	tests := scan(t, map[string]string{"go.mod": "module m.org/m\n", "x_test.go": src}).Tests("f", "1.1")
	if len(tests) != 1 {
		t.Fatalf("%d tests in\n%s", len(tests), src)
	}
	return tests[0]
}

func TestBodyHashIgnoresWhatIsNoChange(t *testing.T) {
	base := body(t, test)
	if base.Asserts != 2 {
		t.Errorf("%d assertions, want 2: one of a helper counts", base.Asserts)
	}
	for name, src := range map[string]string{
		"comment":        strings.Replace(test, "\tgot := f(1)", "\t// why\n\tgot := f(1) // and how", 1),
		"blank lines":    strings.Replace(test, "\tgot := f(1)\n", "\n\tgot := f(1)\n\n", 1),
		"local variable": strings.ReplaceAll(test, "got", "charged"),
		"broken line":    strings.Replace(test, "check(t, got)", "check(\n\t\tt,\n\t\tgot,\n\t)", 1),
		"other function": test + "\nfunc other() {}\n",
	} {
		if name == "local variable" {
			src = strings.Replace(src, "\"charged %d\"", "\"got %d\"", 1)
		}
		if got := body(t, src); got.Body != base.Body {
			t.Errorf("%s: the hash changed", name)
		}
	}
	for name, src := range map[string]string{
		"expectation":   strings.Replace(test, "2900", "3900", 1),
		"helper":        strings.Replace(test, "n < 0", "n < -1", 1),
		"dropped check": strings.Replace(test, "\tcheck(t, got)\n", "", 1),
		"condition":     strings.Replace(test, "got != 2900", "got == 2900", 1),
		"renamed test":  strings.Replace(test, "TestX", "TestY", 1),
	} {
		got := body(t, src)
		if name == "renamed test" {
			if got.Name != "TestY" {
				t.Errorf("name %s", got.Name)
			}
			continue
		}
		if got.Body == base.Body {
			t.Errorf("%s: the hash is the same", name)
		}
	}
}

func TestSkipsAreSeen(t *testing.T) {
	if !body(t, strings.Replace(test, "\tgot := f(1)\n", "\tt.Skip(\"later\")\n\tgot := f(1)\n", 1)).Skips {
		t.Error("a skip at the beginning is not seen")
	}
	if body(t, test).Skips {
		t.Error("there is no skip")
	}
}

func TestReportsAreCountedHonestly(t *testing.T) {
	lines := []string{}
	say := func(action, test, output string) {
		lines = append(lines, fmt.Sprintf(`{"Action":%q,"Package":"m.org/m","Test":%q,"Output":%q}`, action, test, output))
	}
	for _, x := range []struct{ test, end string }{{"TestA", "pass"}, {"TestB", "fail"}, {"TestC", "skip"}, {"TestD/one", "skip"}, {"TestD", "pass"}, {"TestE", ""}} {
		if x.test == "TestD/one" {
			say("run", "TestD", "")
		}
		if x.test != "TestD" {
			say("run", x.test, "")
		}
		say("output", x.test, "    x_test.go:3: because\n")
		if x.end != "" {
			say(x.end, x.test, "")
		}
	}
	rs, err := trace.ReadGoTest(strings.NewReader("# text that is no event\n" + strings.Join(lines, "\n") + "\n{broken\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := rs.Counts(); got != (trace.Counts{Passed: 1, Failed: 2, Skipped: 2}) {
		t.Errorf("counts %+v: a test whose sub-tests all skipped is skipped, one that never ended failed", got)
	}
	if text := rs.Failures(5); !strings.Contains(text, "TestB") || !strings.Contains(text, "x_test.go:3: because") || !strings.Contains(text, "TestE") {
		t.Errorf("failures:\n%s", text)
	}
	if got := (trace.Counts{}).String(); strings.Contains(got, "passed") {
		t.Errorf("nothing ran, and it is called %q", got)
	}
}

func TestNoFactWithoutAllTestsPassing(t *testing.T) {
	f := &spec.Feature{Name: "f", Dialect: spec.Kiro, Requirements: []spec.Requirement{{ID: "1.1", Kind: spec.KindCriterion, Text: "a"}}}
	src := test + "\n// spec:f/1.1\nfunc TestZ(t *testing.T) { t.Skip() }\n"
	ix := scan(t, map[string]string{"go.mod": "module m.org/m\n", "x_test.go": src})
	report := func(z string) map[string][]trace.Ran {
		rs, err := trace.ReadGoTest(strings.NewReader(`{"Action":"run","Package":"m.org/m","Test":"TestX"}` + "\n" + `{"Action":"pass","Package":"m.org/m","Test":"TestX"}` + "\n" + z))
		if err != nil {
			t.Fatal(err)
		}
		return trace.Proven(f, ix, rs)
	}
	if got := report(""); len(got) != 0 {
		t.Errorf("one test did not run: %v", got)
	}
	if got := report(`{"Action":"skip","Package":"m.org/m","Test":"TestZ"}`); len(got) != 0 {
		t.Errorf("one test skipped: %v", got)
	}
	if got := report(`{"Action":"pass","Package":"m.org/m","Test":"TestZ"}`); len(got["1.1"]) != 2 {
		t.Errorf("both passed: %v", got)
	}
}
