package mutate

import "testing"

func TestSaying(t *testing.T) {
	for out, want := range map[string]string{
		"=== RUN   TestA\n    a_test.go:7: got 3\n    a_test.go:8: got 4\n--- FAIL: TestA\n":                                                                                                    "a_test.go:7: got 3",
		"    a_test.go:7: \n        \tError Trace:\t/x/a_test.go:7\n        \tError:      \tNot equal: \n        \t            \texpected: 2\n        \tTest:       \tTestA\nmore\n":            "a_test.go:7: Not equal: expected: 2",
		"    a_test.go:9: \n        Expected\n            <int>: 1\n        to equal\n            <int>: 2\n--- FAIL: TestA\n":                                                                  "a_test.go:9: Expected <int>: 1 to equal <int>: 2",
		"    a_test.go:7: mismatch (-want +got):\n          int(\n        - \t1,\n        + \t2,\n          )\n--- FAIL: TestA":                                                                 "a_test.go:7: mismatch (-want +got): int( - 1, + 2, )",
		"    a_test.go:7: got 3\n        FAIL: a.txtar:3: no match\n":                                                                                                                           "a.txtar:3: no match",
		"    zz_spec_driver_test.go:69: panic: runtime error: invalid memory address or nil pointer dereference\n":                                                                              "panic: runtime error: invalid memory address or nil pointer dereference",
		"\x1b[1m• [FAILED] [0.001 seconds]\x1b[0m\n  \x1b[38;5;9m[FAILED] Expected\n      <nil>: nil\n  to equal\n      <int>: 1\x1b[0m\n  In [It] at: /w/a_test.go:5 @ 11/26/26 17:39\nmore\n": "a_test.go:5: Expected <nil>: nil to equal <int>: 1",
		"ok\n": "",
	} {
		if got := saying(out); got != want {
			t.Errorf("%q is read as %q, want %q", out, got, want)
		}
	}
	out := "    a_test.go:7: one\n    a_test.go:8: \n        \tError Trace:\t/x\n        \tError:\ttwo\n"
	if got := (ran{out: out, said: saying(out)}).account(); got != "a_test.go:7: one\na_test.go:8: two" {
		t.Errorf("%q", got)
	}
}

// A framework that goes on behind a panic is no assertion either.
func TestPanicsOfFrameworks(t *testing.T) {
	for out, want := range map[string]Outcome{
		"--- FAIL: TestA\n    a_test.go:7: got 3\n":                                                   Killed,
		"--- FAIL: TestA\n    a_test.go:7: should not panic: goroutine 5 [running]:\n":                Killed,
		"• [PANICKED] [0.001 seconds]\n  \x1b[38;5;13m[PANICKED] Test Panicked\n--- FAIL: TestA\n":    Panicked,
		"--- FAIL: TestA\n    --- FAIL: TestA/B\n        suite.go:87: test panicked: runtime error\n": Panicked,
		"... Panic: runtime error: index out of range (PC=0x43)\n--- FAIL: Test\n":                    Panicked,
	} {
		if got := outcomeOf(1, out); got != want {
			t.Errorf("%q: %s, want %s", out, got, want)
		}
	}
}
