package cmd

import (
	"slices"
	"testing"
)

// What a criterion names is looked for as code writes it.
func TestNamed(t *testing.T) {
	for text, want := range map[string][]string{
		"THE System SHALL charge 2900 cents":                    {"2900"},
		"THE System SHALL charge $29 a month":                   {"29", "2900"},
		"THE System SHALL charge 29.00 a month":                 {"29", "2900"},
		"THE System SHALL charge $1,299.50":                     {"1299.5", "129950"},
		"WHEN 30 days are over":                                 {"30", "720", "2592000"},
		"within 5 seconds":                                      {"5", "5000"},
		"within 300 ms":                                         {"300"},
		"with status 401":                                       {"401"},
		"after 3 attempts":                                      nil,
		"a discount of 15% is given":                            {"15", "0.15"},
		"at most 10 MB":                                         {"10", "10000000", "10485760"},
		"the header `Retry-After` with \"soon\"":                {"Retry-After", "soon"},
		"the event `customer.subscription.deleted` comes twice": {"customer.subscription.deleted"},
	} {
		if got := named(text); !slices.Equal(got, want) {
			t.Errorf("%q names %v, want %v", text, got, want)
		}
	}
}
