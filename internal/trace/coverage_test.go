package trace_test

import (
	"testing"

	"spec.example/spec/internal/trace"
)

// Each form gives the share of lines that ran, whatever it adds up to itself; a line that is told of twice counts once.
func TestReadCoverage(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want trace.Coverage
	}{
		"lcov":       {"TN:\nSF:a.ts\nDA:1,3\nDA:2,0\nDA:3,1,hash\nLF:99\nLH:99\nend_of_record\nSF:b.ts\nDA:1,0\nDA:1,2\nend_of_record\n", trace.Coverage{Covered: 3, Lines: 4}},
		"no TN":      {"SF:a.ts\r\nDA:1,0\r\nend_of_record\r\n", trace.Coverage{Lines: 1}},
		"cobertura":  {"<?xml version=\"1.0\"?>\n<!DOCTYPE coverage SYSTEM \"http://x/coverage-04.dtd\">\n<coverage line-rate=\"1\"><packages><package><classes><class filename=\"a.py\"><methods><method><lines><line number=\"9\" hits=\"0\"/></lines></method></methods><lines><line number=\"1\" hits=\"1\"/><line number=\"2\" hits=\"0\"/></lines></class></classes></package></packages></coverage>", trace.Coverage{Covered: 1, Lines: 2}},
		"go profile": {"mode: set\na.go:1.1,2.2 3 1\na.go:3.1,4.2 1 0\na.go:1.1,2.2 3 0\n", trace.Coverage{Covered: 3, Lines: 4}},
	} {
		if got, err := trace.ReadCoverage([]byte(tt.text)); err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "hello", "<html></html>", "{}"} {
		if got, err := trace.ReadCoverage([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
	if got := (trace.Coverage{}).Percent(); got != -1 {
		t.Errorf("nothing measured gives %v", got)
	}
}
