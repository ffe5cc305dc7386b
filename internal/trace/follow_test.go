package trace_test

import (
	"io"
	"strings"
	"testing"

	"spec.example/spec/internal/trace"
)

// What go test would show is shown: results of packages, and what a failed test printed; nothing of one that passed.
func TestFollow(t *testing.T) {
	events := strings.Join([]string{
		`{"Action":"run","Package":"m/a","Test":"TestGood"}`,
		`{"Action":"output","Package":"m/a","Test":"TestGood","Output":"=== RUN   TestGood\n"}`,
		`{"Action":"output","Package":"m/a","Test":"TestGood","Output":"chatter\n"}`,
		`{"Action":"pass","Package":"m/a","Test":"TestGood"}`,
		`{"Action":"run","Package":"m/a","Test":"TestBad"}`,
		`{"Action":"output","Package":"m/a","Test":"TestBad","Output":"=== RUN   TestBad\n"}`,
		`{"Action":"output","Package":"m/a","Test":"TestBad","Output":"    a_test.go:7: got 1\n"}`,
		`{"Action":"output","Package":"m/a","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}`,
		`{"Action":"fail","Package":"m/a","Test":"TestBad"}`,
		`{"Action":"output","Package":"m/a","Output":"FAIL\n"}`,
		`{"Action":"output","Package":"m/a","Output":"FAIL\tm/a\t0.1s\n"}`,
		`{"Action":"fail","Package":"m/a"}`,
		`{"ImportPath":"m/b","Action":"build-output","Output":"b.go:3:1: oops\n"}`,
		`{"Action":"run","Package":"m/c","Test":"TestPanics"}`,
		`{"Action":"output","Package":"m/c","Test":"TestPanics","Output":"panic: no\n"}`,
		`{"Action":"fail","Package":"m/c"}`,
		`{"Action":"output","Package":"m/d","Output":"ok  \tm/d\t0.2s\n"}`,
		`{"Action":"output","Package":"m/e","Output":"?   \tm/e\t[no test files]\n"}`,
		`go: cannot find module`,
		`{"Action":"pass","Package":"m/d"}`}, "\n") + "\n"
	var shown strings.Builder
	data, err := io.ReadAll(trace.Follow(strings.NewReader(events), &shown))
	if err != nil || string(data) != events {
		t.Fatalf("what was read is not what was written: %v\n%s", err, data)
	}
	want := "    a_test.go:7: got 1\n--- FAIL: TestBad (0.00s)\nFAIL\tm/a\t0.1s\nb.go:3:1: oops\npanic: no\nok  \tm/d\t0.2s\ngo: cannot find module\n"
	if shown.String() != want {
		t.Errorf("shown\n%s\nwant\n%s", shown.String(), want)
	}
}

// Where nothing was run there is nothing to count.
func TestCountsOfNoRun(t *testing.T) {
	var none *trace.Results
	if got := none.Counts(); got != (trace.Counts{}) {
		t.Errorf("%+v", got)
	}
}
