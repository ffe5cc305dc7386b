package cmd

import (
	"slices"
	"testing"
)

// What a criterion names is looked for as code writes it.
func TestNamed(t *testing.T) {
	for text, want := range map[string][]string{
		"THE System SHALL charge 2900 cents":                    {"2900"},
		"THE System SHALL charge $29 a month":                   {"29 of a unit", "2900 of a unit"},
		"THE System SHALL charge 29.00 a month":                 {"29 of a unit", "2900 of a unit"},
		"THE System SHALL charge $1,299.50":                     {"1299.5 of a unit", "129950 of a unit"},
		"WHEN 30 days are over":                                 {"30 of 720h0m0s", "720 of 720h0m0s", "2592000 of 720h0m0s"},
		"within 5 seconds":                                      {"5 of 5s", "5000 of 5s"},
		"within 300 ms":                                         {"300 of 300ms"},
		"after 15 minutes":                                      {"15 of 15m0s", "900 of 15m0s", "900000 of 15m0s"},
		"for 2 hours or 2 weeks":                                {"2 of 2h0m0s", "120 of 2h0m0s", "7200 of 2h0m0s", "7200000 of 2h0m0s", "2 of 336h0m0s", "14 of 336h0m0s", "336 of 336h0m0s", "1209600 of 336h0m0s"},
		"with status 401":                                       {"401"},
		"after 3 attempts":                                      nil,
		"an invoice of $0 or 0.00":                              nil,
		"a discount of 15% is given":                            {"15 of a unit", "0.15 of a unit"},
		"at most 10 MB":                                         {"10 of a unit", "10000000 of a unit", "10485760 of a unit"},
		"the header `Retry-After` with \"soon\"":                {"Retry-After", "soon"},
		"the event `customer.subscription.deleted` comes twice": {"customer.subscription.deleted"},
	} {
		var got []string
		for _, n := range named(text) {
			switch {
			case n.Time > 0:
				got = append(got, n.Text+" of "+n.Time.String())
			case n.Unit:
				got = append(got, n.Text+" of a unit")
			default:
				got = append(got, n.Text)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q names %q, want %q", text, got, want)
		}
	}
}

// A number that code writes in another way is said as the criterion has it too.
func TestUnnoticed(t *testing.T) {
	for number, want := range map[string]string{
		"10000": "names 100 dollars, and no change of 10000 in the code is noticed",
		"401":   "names 401, and no change of it in the code is noticed",
		"720":   "names 30  days, and no change of 720 in the code is noticed",
		"gone":  "names gone, and no change of it in the code is noticed",
	} {
		if got := unnoticed("IF more than 100 dollars are due for 30  days THEN THE System SHALL answer 401 and `gone`", number); got != want {
			t.Errorf("%s: %s, want: %s", number, got, want)
		}
	}
}
