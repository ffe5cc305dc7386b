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
		"lcov":                   {"TN:\nSF:a.ts\nDA:1,3\nDA:2,0\nDA:3,1,hash\nLF:99\nLH:99\nend_of_record\nSF:b.ts\nDA:1,0\nDA:1,2\nend_of_record\n", trace.Coverage{Covered: 3, Lines: 4}},
		"no TN":                  {"SF:a.ts\r\nDA:1,0\r\nend_of_record\r\n", trace.Coverage{Lines: 1}},
		"cobertura":              {"<?xml version=\"1.0\"?>\n<!DOCTYPE coverage SYSTEM \"http://x/coverage-04.dtd\">\n<coverage line-rate=\"1\"><packages><package><classes><class filename=\"a.py\"><methods><method><lines><line number=\"9\" hits=\"0\"/></lines></method></methods><lines><line number=\"1\" hits=\"1\"/><line number=\"2\" hits=\"0\"/></lines></class></classes></package></packages></coverage>", trace.Coverage{Covered: 1, Lines: 2}},
		"clover, of PHPUnit":     {`<?xml version="1.0"?><coverage generated="1"><project timestamp="1"><package name="App"><file name="/app/src/A.php"><class name="A"/><line num="2" type="method" name="add" count="0"/><line num="3" type="stmt" count="4"/><line num="4" type="stmt" count="0"/><metrics statements="2"/></file></package><file name="/app/src/b.php"><line num="3" type="stmt" count="1"/></file></project></coverage>`, trace.Coverage{Covered: 2, Lines: 3}},
		"clover, of Istanbul":    {`<coverage generated="1" clover="3.2.0"><project><metrics/><file name="a.js" path="/app/src/a.js"><metrics/><line num="1" count="1" type="stmt"/><line num="2" count="0" type="cond" truecount="0"/></file><file name="a.js" path="/app/lib/a.js"><line num="1" count="0" type="stmt"/></file></project></coverage>`, trace.Coverage{Covered: 1, Lines: 3}},
		"jacoco":                 {`<?xml version="1.0"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="app"><sessioninfo id="x"/><package name="app"><class name="app/Sum" sourcefilename="Sum.java"><method name="add" line="3"><counter type="LINE" missed="0" covered="1"/></method></class><sourcefile name="Sum.java"><line nr="3" mi="0" ci="4" mb="0" cb="0"/><line nr="4" mi="2" ci="0" mb="0" cb="0"/></sourcefile></package></report>`, trace.Coverage{Covered: 1, Lines: 2}},
		"simplecov, of two runs": {`{"RSpec":{"coverage":{"/app/a.rb":{"lines":[1,0,null,0]}},"timestamp":1},"Cucumber":{"coverage":{"/app/a.rb":{"lines":[1,2,null,0]}}}}`, trace.Coverage{Covered: 2, Lines: 3}},
		"simplecov's json":       {`{"meta":{"simplecov_version":"0.22.0"},"coverage":{"/app/a.rb":{"lines":[1,null,"ignored",0],"branches":[]}},"groups":{}}`, trace.Coverage{Covered: 1, Lines: 2}},
		"istanbul":               {`{"/app/a.js":{"path":"/app/a.js","statementMap":{"0":{},"1":{}},"fnMap":{},"s":{"0":3,"1":0},"f":{},"b":{}}}`, trace.Coverage{Covered: 1, Lines: 2}},
		"go profile":             {"mode: set\na.go:1.1,2.2 3 1\na.go:3.1,4.2 1 0\na.go:1.1,2.2 3 0\n", trace.Coverage{Covered: 3, Lines: 4}},
	} {
		if got, err := trace.ReadCoverage([]byte(tt.text)); err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "hello", "<html></html>", "{}", `{"a":1}`, `{"result":{"line":100.0}}`, `<coverage><project><file name="a"><line num="1" count="1"/>`, `<coverage><packages><package><classes><class filename="a"><methods><method>`} {
		if got, err := trace.ReadCoverage([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
	if got := (trace.Coverage{}).Percent(); got != -1 {
		t.Errorf("nothing measured gives %v", got)
	}
}
