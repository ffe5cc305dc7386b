package trace

import (
	"strings"
	"testing"
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
		{"time-out", `<testsuite name="a"><testcase classname="a" name="x"><failure message="Test timed out in 5000ms."/></testcase></testsuite>`, "a.test.ts", "x", TimedOut},
	} {
		rs, err := ReadJUnit(strings.NewReader(c.report))
		if err != nil {
			t.Errorf("%s: %v", c.runner, err)
			continue
		}
		if got := rs.Of(&Test{File: c.file, Name: c.name}); got != c.want {
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
