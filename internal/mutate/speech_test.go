package mutate

import "testing"

func TestSaying(t *testing.T) {
	for out, want := range map[string]string{
		"=== RUN   TestA\n    a_test.go:7: got 3\n    a_test.go:8: got 4\n--- FAIL: TestA\n":                                                                                         "a_test.go:7: got 3",
		"    a_test.go:7: \n        \tError Trace:\t/x/a_test.go:7\n        \tError:      \tNot equal: \n        \t            \texpected: 2\n        \tTest:       \tTestA\nmore\n": "a_test.go:7: Not equal: expected: 2",
		"    a_test.go:9: \n        Expected\n            <int>: 1\n        to equal\n            <int>: 2\n--- FAIL: TestA\n":                                                       "a_test.go:9: Expected <int>: 1 to equal <int>: 2",
		"    a_test.go:7: mismatch (-want +got):\n          int(\n        - \t1,\n        + \t2,\n          )\n--- FAIL: TestA":                                                      "a_test.go:7: mismatch (-want +got): int( - 1, + 2, )",
		"    a_test.go:7: got 3\n        FAIL: a.txtar:3: no match\n":                                                                                                                "a.txtar:3: no match",
		"    zz_spec_driver_test.go:69: panic: runtime error: invalid memory address or nil pointer dereference\n":                                                                   "panic: runtime error: invalid memory address or nil pointer dereference",
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
