package trace

import (
	"strings"
	"testing"
	"testing/fstest"
)

// Reports as the runners write them, cut to what is read.
func TestJUnit(t *testing.T) {
	for _, c := range []struct {
		runner, report string
		file, name     string
		want           Outcome
	}{
		{"vitest", `<testsuites><testsuite name="web/limit.test.ts"><testcase classname="web/limit.test.ts" name="sums &gt; stops at the limit" time="0"/></testsuite></testsuites>`, "web/limit.test.ts", "stops at the limit", Passed},
		{"vitest, the same name in another file", `<testsuites><testsuite name="web/other.test.ts"><testcase classname="web/other.test.ts" name="stops at the limit"/></testsuite></testsuites>`, "web/limit.test.ts", "stops at the limit", NotRun},
		{"jest-junit", `<testsuites name="jest tests"><testsuite name="sums"><testcase classname="sums stops at the limit" name="sums stops at the limit"><failure>Error: expected 100</failure></testcase></testsuite></testsuites>`, "web/limit.test.ts", "stops at the limit", Failed},
		{"jest-junit with the file", `<testsuites><testsuite name="x"><testcase classname="x" name="x stops" file="src/a.test.ts"/><testcase classname="x" name="x stops" file="src/b.test.ts"><skipped/></testcase></testsuite></testsuites>`, "src/b.test.ts", "stops", Skipped},
		{"pytest", `<testsuites><testsuite name="pytest"><testcase classname="tools.test_limit" name="test_limit"/></testsuite></testsuites>`, "tools/test_limit.py", "test_limit", Passed},
		{"pytest, a class, parameters, one fails", `<testsuite name="pytest"><testcase classname="tools.test_limit.TestA" name="test_limit[1]"/><testcase classname="tools.test_limit.TestA" name="test_limit[2]"><failure message="assert 1 == 2"/></testcase></testsuite>`, "tools/test_limit.py", "test_limit", Failed},
		{"pytest, another test of a longer name", `<testsuite name="pytest"><testcase classname="tools.test_limit" name="test_limit_more"/></testsuite>`, "tools/test_limit.py", "test_limit", NotRun},
		{"pytest, skipped", `<testsuite name="pytest"><testcase classname="test_limit" name="test_limit"><skipped type="pytest.skip" message="later"/></testcase></testsuite>`, "test_limit.py", "test_limit", Skipped},
		{"pytest, another module", `<testsuite name="pytest"><testcase classname="a.test_x" name="test_limit"><failure/></testcase><testcase classname="b.test_x" name="test_limit"/></testsuite>`, "b/test_x.py", "test_limit", Passed},
		{"pytest, only another module", `<testsuite name="pytest"><testcase classname="tools.test_other" name="test_limit"/></testsuite>`, "tools/test_limit.py", "test_limit", NotRun},
		{"cargo-nextest", `<testsuites name="nextest-run"><testsuite name="limit"><testcase name="tests::stops" classname="limit"/></testsuite></testsuites>`, "src/lib.rs", "stops", Passed},
		{"cargo-nextest, flaky", `<testsuites><testsuite name="limit"><testcase name="tests::stops" classname="limit"><flakyFailure message="no"/></testcase></testsuite></testsuites>`, "src/lib.rs", "stops", Flaky},
		{"maven", `<testsuite name="org.example.LimitTest"><testcase name="stops" classname="org.example.LimitTest"/></testsuite>`, "src/test/java/org/example/LimitTest.java", "stops", Passed},
		{"maven, flaky", `<testsuite name="org.example.LimitTest"><testcase name="stops" classname="org.example.LimitTest"><rerunFailure message="no"/></testcase></testsuite>`, "src/test/java/org/example/LimitTest.java", "stops", Flaky},
		{"gradle", `<testsuite name="org.example.LimitTest"><testcase name="stops()" classname="org.example.LimitTest"><skipped/></testcase></testsuite>`, "src/test/kotlin/org/example/LimitTest.kt", "stops", Skipped},
		{"PHPUnit", `<testsuites><testsuite name="unit"><testsuite name="Tests\LimitTest" file="/app/tests/LimitTest.php"><testcase name="testStops" file="/app/tests/LimitTest.php" class="Tests\LimitTest" classname="Tests.LimitTest"/></testsuite></testsuite></testsuites>`, "tests/LimitTest.php", "testStops", Passed},
		{"PHPUnit, data sets", `<testsuite name="Tests\LimitTest"><testcase name="testStops with data set #0" file="/app/tests/LimitTest.php"><error type="E">boom</error></testcase></testsuite>`, "tests/LimitTest.php", "testStops", Failed},
		{"rspec", `<testsuite name="rspec"><testcase classname="spec.models.limit_spec" name="Limit stops at the limit" file="./spec/models/limit_spec.rb"/></testsuite>`, "spec/models/limit_spec.rb", "stops at the limit", Passed},
		{"pytest, failed before it passed", `<testsuite name="pytest"><testcase classname="test_limit" name="test_limit"><properties><property name="spec.failed" value="call" /></properties></testcase></testsuite>`, "test_limit.py", "test_limit", Flaky},
		{"pytest, failed at last", `<testsuite name="pytest"><testcase classname="test_limit" name="test_limit"><properties><property name="spec.failed" value="call" /></properties><failure message="assert 1 == 2"/></testcase></testsuite>`, "test_limit.py", "test_limit", Failed},
		{"pytest, fails as expected", `<testsuite name="pytest"><testcase classname="test_limit" name="test_limit"><properties><property name="spec.failed" value="call" /></properties><skipped type="pytest.xfail" message="" /></testcase></testsuite>`, "test_limit.py", "test_limit", Skipped},
		{"pytest, passes against expectation", `<testsuite name="pytest"><testcase classname="test_limit" name="test_limit"><properties><property name="spec.xpass" value="1" /></properties></testcase></testsuite>`, "test_limit.py", "test_limit", Skipped},
		{"vitest, the process of the file died", `<testsuites name="vitest tests" tests="1" failures="0" errors="0" time="0"><testsuite name="a.test.mjs" tests="1" failures="0" errors="0" skipped="0" time="0"><testcase classname="a.test.mjs" name="add &gt; adds" time="0">
        </testcase></testsuite></testsuites>`, "a.test.mjs", "adds", NotRun},
		{"mocha, in no time", `<testsuite name="Mocha Tests" time="0"><testcase classname="add" name="adds" file="/a.test.mjs" time="0"/></testsuite>`, "a.test.mjs", "adds", Passed},
		{"time-out", `<testsuite name="a"><testcase classname="a" name="x"><failure message="Test timed out in 5000ms."/></testcase></testsuite>`, "a.test.ts", "x", TimedOut},
	} {
		rs, err := ReadJUnit(strings.NewReader(c.report))
		if err != nil {
			t.Errorf("%s: %v", c.runner, err)
			continue
		}
		test := &Test{File: c.file, Name: c.name}
		if strings.HasSuffix(c.file, ".rs") {
			test.groups = []string{"tests"}
		}
		if got := rs.Of(test); got != c.want {
			t.Errorf("%s: %s, want %s", c.runner, got, c.want)
		}
	}
	for _, bad := range []string{"", "{}", "<html></html>", "<testsuite>", `<testsuite><testcase name="a"></testsuite>`} {
		if _, err := ReadJUnit(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if rs, err := ReadJUnit(strings.NewReader(`<testsuite name="s"><testcase name="a/b"/><testcase name="c"><skipped/></testcase><testcase name="d"><failure/></testcase></testsuite>`)); err != nil || rs.Counts() != (Counts{Passed: 1, Skipped: 1, Failed: 1}) {
		t.Errorf("%v, %+v", err, rs.Counts())
	}
}

// Tests print what they like, and some runners write it into their report as it is.
func TestReportsThatAreNotQuiteXML(t *testing.T) {
	for name, report := range map[string]string{
		"colours":         "<testsuite><testcase classname=\"test_a\" name=\"test_a\"><system-out>\x1b[31mred\x00\x1b[0m</system-out></testcase></testsuite>",
		"not UTF-8":       "<testsuite><testcase classname=\"test_a\" name=\"test_a\"><system-out>\xe9\xff</system-out></testcase></testsuite>",
		"references":      "<testsuite><testcase classname=\"test_a\" name=\"test_a\"><system-out>&#27;[31m&#x1b;&#x0; &#65; &amp;</system-out></testcase></testsuite>",
		"Latin 1":         "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><testsuite><testcase classname=\"test_a\" name=\"test_a\"><system-out>\xe9</system-out></testcase></testsuite>",
		"Windows, a mark": "\ufeff<?xml version=\"1.0\"?>\r\n<testsuite>\r\n<testcase classname=\"test_a\" name=\"test_a\">\r\n</testcase>\r\n</testsuite>\r\n",
		"a DTD":           "<!DOCTYPE testsuite SYSTEM \"file:///etc/passwd\"><testsuite><testcase classname=\"test_a\" name=\"test_a\"/></testsuite>",
		"long":            "<testsuite><testcase classname=\"z\" name=\"z\"><system-out>" + strings.Repeat("\x1bé&#7;", 5000) + "</system-out></testcase><testcase classname=\"test_a\" name=\"test_a\"/></testsuite>",
	} {
		rs, err := ReadJUnit(strings.NewReader(report))
		if err != nil || rs.Of(&Test{File: "test_a.py", Name: "test_a"}) != Passed {
			t.Errorf("%s: %v", name, err)
		}
	}
	rs, err := ReadJUnit(strings.NewReader("<?xml version=\"1.0\" encoding=\"windows-1252\"?><testsuite><testcase classname=\"a.test.js\" name=\"caf\xe9\"/></testsuite>"))
	if err != nil || rs.Of(&Test{File: "a.test.js", Name: "café"}) != Passed {
		t.Errorf("a name in Latin 1: %v", err)
	}
	for name, report := range map[string]string{
		"cut off": "<testsuite><testcase classname=\"test_a\" name=\"test_a\"/><testcase classname=\"te",
		"a bomb":  "<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><testsuite><testcase classname=\"test_a\" name=\"test_a\"><system-out>&b;</system-out></testcase></testsuite>",
		"deep":    strings.Repeat("<testsuite>", 20_000),
	} {
		if _, err := ReadJUnit(strings.NewReader(report)); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// What panics is an assertion by its place: of the test's own lines an assert! or panic!, whatever words it has.
func TestRustPanics(t *testing.T) {
	const src = `pub fn add(a: u32, b: u32) -> u32 {
    assert!(a < 100, "too much");
    a + b
}
#[cfg(test)]
mod tests {
    fn holds(ok: bool) {
        assert!(ok, "it does not hold");
    }
    // spec:f/1.1
    #[test]
    fn adds() {
        let s = "ü"; assert!(super::add(1, 2) == 3, "sums");
        holds(super::add(1, 2).to_string().parse::<u32>().unwrap() == 3);
    }
}
`
	index, err := Scan(fstest.MapFS{"crates/sum/src/lib.rs": {Data: []byte(src)}}, ".")
	if err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]Ending{
		"src/lib.rs:13:22:\nsums":                                            Asserted, // in characters, as Rust counts them
		"crates/sum/src/lib.rs:8:9:\nit does not hold":                       Asserted,
		"src/lib.rs:2:5:\ntoo much":                                          Stopped,
		"src/lib.rs:14:59:\ncalled `Result::unwrap()` on an `Err` value: no": Stopped,
		"src/lib.rs:3:5:\nattempt to add with overflow":                      Stopped,
		"tests/common/mod.rs:3:5:\nassertion failed: x":                      Asserted,
		"src/other.rs:3:5:\nassertion failed: x":                             Stopped,
	} {
		out := "running 1 test\ntest tests::adds ... FAILED\n\nfailures:\n\n---- tests::adds stdout ----\n\nthread 'tests::adds' panicked at " + place + "\nnote: run with RUST_BACKTRACE=1\n\n\nfailures:\n    tests::adds\n\ntest result: FAILED. 0 passed; 1 failed\n"
		rs, err := ReadJUnit(strings.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if end, said := rs.Ending(index.Tests("f", "1.1")[0]); end != want {
			t.Errorf("%s: %v %q, want %v", place, end, said, want)
		}
	}
	for _, c := range []struct {
		out  string
		want Outcome
	}{
		{"running 1 test\ntest tests::adds ... ok\n", Passed},
		{"running 2 tests\ntest tests::other ... ok\n", NotRun}, // the process ended
		{"running 1 test\ntest tests::adds has been running for over 60 seconds\n", NotRun},
		{"running 1 test\n\x1b[0mtest tests::adds ... \x1b[31mignored\x1b[0m, slow\r\n", Skipped},
		{"     Running unittests src/lib.rs (target/debug/deps/sum-0123456789abcdef)\n\nrunning 1 test\ntest tests::adds ... ok\n\n     Running tests/it.rs (target/debug/deps/it-0123456789abcdef)\n\nrunning 1 test\ntest tests::adds ... FAILED\n", Passed},
	} {
		rs, err := ReadJUnit(strings.NewReader(c.out))
		if err != nil || rs.Of(index.Tests("f", "1.1")[0]) != c.want {
			t.Errorf("%q: %s %v, want %s", c.out, rs.Of(index.Tests("f", "1.1")[0]), err, c.want)
		}
	}
}

// Tests that passed when a runner tried them again, of which its own report says nothing.
func TestAgain(t *testing.T) {
	rs, err := ReadJUnit(strings.NewReader(`<testsuites name="vitest tests"><testsuite name="a.test.ts" time="0.1"><testcase classname="a.test.ts" name="g &gt; retried" time="0.1"/><testcase classname="a.test.ts" name="g &gt; fine" time="0.1"/><testcase classname="b.test.ts" name="g &gt; retried" time="0.1"/></testsuite></testsuites>`))
	if err != nil {
		t.Fatal(err)
	}
	if err := rs.Again(strings.NewReader(`<testsuite><testcase name="g &gt; retried" classname="a.test.ts"><flakyFailure/></testcase>
<testcase name="nameless" classname="c.test.ts"><flakyFailure/></testcase></testsuite>`)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, name string
		want       Outcome
		end        Ending
	}{{"a.test.ts", "retried", Flaky, Unclear}, {"a.test.ts", "fine", Passed, Held}, {"b.test.ts", "retried", Passed, Held}, {"c.test.ts", "nameless", Flaky, Unclear}} {
		test := &Test{File: c.file, Name: c.name}
		if end, _ := rs.Ending(test); rs.Of(test) != c.want || end != c.end {
			t.Errorf("%s %s: %s, %v; want %s, %v", c.file, c.name, rs.Of(test), end, c.want, c.end)
		}
	}
	if got := rs.Failures(1); !strings.Contains(got, "flaky: a.test.ts g > retried") {
		t.Errorf("%q", got)
	}
}

// What is an assertion that failed, and what is an error, as the runners write the two.
func TestEnding(t *testing.T) {
	const node = "Error [ERR_TEST_FAILURE]: no {\n  code: 'ERR_TEST_FAILURE',\n  failureType: 'testCodeFailure',\n  cause: "
	for _, c := range []struct {
		runner, inside string
		want           Ending
	}{
		{"passes", ``, Held},
		{"skipped", `<skipped/>`, Unclear},
		{"an error", `<error message="boom"/>`, Stopped},
		{"a failure without a class", `<failure message="3 is not 4"/>`, Asserted},
		{"an error beside a failure", `<failure message="assert 3 == 4"/><error message="tear down"/>`, Asserted},
		{"pytest, assert", `<failure message="assert 3 == 4&#10; +  where 3 = sum(1, 2)">def test_sum():&gt; assert</failure>`, Asserted},
		{"pytest, with words", `<failure message="AssertionError: sums&#10;assert 3 == 4">x</failure>`, Asserted},
		{"pytest, nothing raised", `<failure message="Failed: DID NOT RAISE &lt;class 'ValueError'&gt;"/>`, Asserted},
		{"pytest, another exception", `<failure message="ZeroDivisionError: division by zero">def test_sum():
    raise AssertionError: no</failure>`, Stopped},
		{"pytest-timeout", `<failure message="Failed: Timeout &gt;1.0s"/>`, Overtime},
		{"unittest", `<failure type="AssertionError" message="3 != 4"/>`, Asserted},
		{"unittest, another", `<error type="KeyError" message="'x'"/>`, Stopped},
		{"vitest", `<failure message="expected 3 to be 4" type="AssertionError">AssertionError: expected 3 to be 4</failure>`, Asserted},
		{"vitest, another", `<failure message="Cannot read properties" type="TypeError">TypeError: Cannot</failure>`, Stopped},
		{"vitest, time", `<failure message="Test timed out in 5000ms." type="Error">Error: Test timed out</failure>`, Overtime},
		{"jest", `<failure>Error: expect(received).toBe(expected) // Object.is equality

Expected: 4</failure>`, Asserted},
		{"jest, another", `<failure>ReferenceError: x is not defined
    at Object.expect(</failure>`, Stopped},
		{"jest, thrown by the code", `<failure>Error: no such customer
    at sum</failure>`, Stopped},
		{"mocha", `<failure>expected 3 to equal 4
AssertionError: expected 3 to equal 4
    at x</failure>`, Asserted},
		{"mocha, another", `<failure>x is not a function
TypeError: x is not a function
    at y</failure>`, Stopped},
		{"node", `<failure type="testCodeFailure" message="no">` + node + "AssertionError [ERR_ASSERTION]: no</failure>", Asserted},
		{"node, another", `<failure type="testCodeFailure" message="no">[` + node + "TypeError [Error]: no</failure>", Stopped},
		{"node, thrown by the code", `<failure type="testCodeFailure" message="no">[` + node + "Error: no</failure>", Stopped},
		{"Java", `<failure message="expected: &lt;3&gt; but was: &lt;4&gt;" type="org.opentest4j.AssertionFailedError">x</failure>`, Asserted},
		{"Java, JUnit 4", `<failure type="org.junit.ComparisonFailure"/>`, Asserted},
		{"Java, another", `<failure type="java.lang.NullPointerException">java.lang.NullPointerException: x</failure>`, Stopped},
		{"PHPUnit", `<failure type="PHPUnit\Framework\ExpectationFailedException">A::b Failed asserting that 3 is 4</failure>`, Asserted},
		{"rspec", `<failure message="expected 4" type="RSpec::Expectations::ExpectationNotMetError">x</failure>`, Asserted},
		{"rspec, another", `<failure message="undefined method" type="NoMethodError">x</failure>`, Stopped},
		{"Rust", "<failure type=\"test failure with exit code 101\" message=\"thread 'a' panicked at src/lib.rs:9:9\">thread 'a' panicked at src/lib.rs:9:9:\nassertion `left == right` failed</failure>", Asserted},
		{"Rust, another panic", `<failure message="thread 'a' panicked at src/lib.rs:9:9">index out of bounds: the len is 3</failure>`, Stopped},
		{"pytest, a class without a suffix", `<failure message="app.errors.NotFound: expected it">x</failure>`, Stopped},
		{"pytest, raised alone", `<failure message="StopIteration">x</failure>`, Stopped},
		{"pytest, a value called timeout", `<failure message="assert 20 == 30&#10; +  where 20 = Config().timeout">def test_a():
&gt;       assert timed_out() == 'timed out after 3 s'</failure>`, Asserted},
		{"pytest, compared with words of a time-out", `<failure message="assert 'none' == 'timed out'"/>`, Asserted},
		{"vitest, null was thrown", `<failure message="null">Unknown Error: null</failure>`, Stopped},
		{"vitest, an object was thrown", `<failure>{ code: 1 }</failure>`, Stopped},
		{"jest, time", `<failure>thrown: "Exceeded timeout of 5000 ms for a test.
Add a timeout value to this test to increase the timeout"
    at test (a.test.js:3:1)</failure>`, Overtime},
		{"jest, expect further down in the code that is shown", `<failure>Error: no such customer
    at sum
  12 |   expect(sum()).toBe(1)</failure>`, Stopped},
		{"mocha, time", `<failure>Timeout of 2000ms exceeded. For async tests and hooks, ensure "done()" is called
Error: Timeout of 2000ms exceeded.</failure>`, Overtime},
		{"playwright", `<failure message="a.spec.ts:3:1 adds" type="FAILURE">  [chromium] › a.spec.ts:3:1 › adds ───

    Error: expect(received).toBe(expected) // Object.is equality

    Expected: 4</failure>`, Asserted},
		{"playwright, another", `<failure message="a.spec.ts:3:1 adds" type="FAILURE">  [chromium] › a.spec.ts:3:1 › adds ───

    TypeError: x is not a function</failure>`, Stopped},
		{"deno", `<failure message="Uncaught AssertionError: Values are not equal.">AssertionError: Values are not equal.</failure>`, Asserted},
		{"Java, mockito", `<failure type="org.mockito.exceptions.verification.WantedButNotInvoked"/>`, Asserted},
		{"Java, an assertion on time", `<failure message="execution timed out after 10 ms" type="org.opentest4j.AssertionFailedError"/>`, Overtime},
		{"rspec, a class without a suffix", `<failure message="No such file" type="Errno::ENOENT">x</failure>`, Stopped},
		{"PHPUnit, a class without a suffix", `<failure type="App\NotFound">x</failure>`, Stopped},
		{"xunit", `<failure type="Xunit.Sdk.EqualException" message="Assert.Equal() Failure"/>`, Asserted},
	} {
		file := "src/lib" + extOf(c.runner)
		rs, err := ReadJUnit(strings.NewReader(`<testsuite name="s"><testcase file="` + file + `" name="x">` + c.inside + `</testcase><testcase file="` + file + `" name="other"><failure message="no"/></testcase></testsuite>`))
		if err != nil {
			t.Errorf("%s: %v", c.runner, err)
			continue
		}
		if got, said := rs.Ending(&Test{File: file, Name: "x"}); got != c.want || got == Asserted && said == "" {
			t.Errorf("%s: %v %q, want %v", c.runner, got, said, c.want)
		}
	}
}

// extOf is how the test files of a runner's language end.
func extOf(runner string) string {
	name, _, _ := strings.Cut(runner, ",")
	switch name {
	case "vitest", "jest", "mocha", "node", "playwright", "deno":
		return ".test.ts"
	case "Java":
		return ".java"
	case "PHPUnit":
		return ".php"
	case "rspec":
		return ".rb"
	case "xunit":
		return ".cs"
	case "Rust":
		return ".rs"
	}
	return ".py"
}

// Two tests of one name in a file, for one criterion: what one of them says does not hide the other.
func TestTwins(t *testing.T) {
	const src = `class TestOrder:
    # spec:f/1.1
    def test_refuses(self):
        assert 1 == 1

class TestRefund:
    # spec:f/1.1, 1.2
    def test_refuses(self):
        assert 2 == 2
        assert 3 == 3

    # spec:f/1.1
    # spec:f/1.1
    def test_once(self):
        assert 4 == 4
`
	index, err := Scan(fstest.MapFS{"test_a.py": {Data: []byte(src)}}, ".")
	if err != nil {
		t.Fatal(err)
	}
	tests, other := index.Tests("f", "1.1"), index.Tests("f", "1.2")
	if len(tests) != 2 || len(other) != 1 || tests[0].Asserts != 3 || other[0].Asserts != 2 || tests[0].Body == other[0].Body {
		t.Fatalf("%+v, %+v", tests, other)
	}
	const order, refund = `<testcase classname="test_a.TestOrder" name="test_refuses">`, `<testcase classname="test_a.TestRefund" name="test_refuses">`
	for report, want := range map[string]struct {
		both, one Outcome
		end       Ending
	}{
		order + "</testcase>" + refund + "</testcase>":                                                             {Passed, Passed, Held},
		order + "</testcase>" + refund + `<failure message="assert 2 == 3">E AssertionError</failure></testcase>`:  {Failed, Failed, Asserted},
		order + `<failure message="AssertionError: assert 1 == 3">x</failure></testcase>` + refund + "</testcase>": {Failed, Passed, Asserted},
		order + "</testcase>":  {NotRun, NotRun, Unclear},
		refund + "</testcase>": {NotRun, Passed, Unclear},
		order + "</testcase>" + refund + "<skipped/></testcase>": {Skipped, Skipped, Unclear},
	} {
		rs, err := ReadJUnit(strings.NewReader("<testsuite name=\"pytest\">" + report + "</testsuite>"))
		if err != nil {
			t.Fatal(err)
		}
		end, _ := rs.Ending(tests[0])
		if got, one := rs.Of(tests[0]), rs.Of(other[0]); got != want.both || one != want.one || end != want.end {
			t.Errorf("%s: both %s, the second %s, ended %v; want %v", report, got, one, end, want)
		}
	}
}
