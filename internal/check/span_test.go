package check

import "testing"

func TestSpan(t *testing.T) {
	for _, c := range []struct {
		manifest, bare, said string
		least, want          bool
	}{
		{"1.24.2", "", "1.24", false, true},
		{"1.24.2", "", "1.21", false, false},
		{"1.24.2", "", "1.21", true, true},
		{"1.24.2", "", "1.26", true, false},
		{"16", "", "16.2", false, true},
		{"^18.2.0", "", "18", false, true},
		{"^18.2.0", "", "18.3", false, true},
		{"^18.2.0", "", "18.1", false, false},
		{"^18.2.0", "", "19", false, false},
		{"^18.2.0", "", "17", true, true},
		{"^18.2.0", "", "19", true, false},
		{"^0.7.4", "", "0.8", false, false},
		{"0.7", "^", "0.7.9", false, true},
		{"1.0", "^", "1.4", false, true},
		{"1.0", "^", "2", false, false},
		{"~> 7.1.3", "", "7.1", false, true},
		{"~> 7.1.3", "", "7.2", false, false},
		{"~> 7.1", "", "7.2", false, true},
		{"~> 7.1", "", "8", false, false},
		{"~4.2", "", "4.3", false, false},
		{">=3.11", "", "3.12", false, true},
		{">=3.11", "", "3.9", false, false},
		{">=3.11,<3.13", "", "3.13", false, false},
		{">=18 <21", "", "20", false, true},
		{">=18 <=20", "", "20.5", false, true},
		{">=18 <=20", "", "21", false, false},
		{"==2.*", "", "2.5", false, true},
		{"^18 || ^20", "", "20", false, true},
		{"^18 || ^20", "", "18", false, true},
		{"^18 || ^20", "", "19", false, false},
		{"latest", "", "9", false, true},
		{"1.78", ">=", "1.80", false, true},
		{"1.78", ">=", "1.70", false, false},
	} {
		d := dependency{demand: demands(c.manifest, c.bare)}
		if got := d.agrees(c.said, c.least); got != c.want {
			t.Errorf("%q (%q) and %s, or later %v: agrees %v", c.manifest, c.bare, c.said, c.least, got)
		}
	}
}
