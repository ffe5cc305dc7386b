package tasks

import "testing"

// What runners print for a terminal is shown, and given to agents, without its colours.
func TestUncoloured(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[41m\x1b[1m FAIL \x1b[22m\x1b[49m a.test.js\x1b[2m > \x1b[22mfails": " FAIL  a.test.js > fails",
		"\x1b[38;2;255;0;0mred\x1b[0m\x1b[K":                                     "red",
		"array[0m] stays":                                                        "array[0m] stays",
	} {
		if got := uncoloured(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}
