package check_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"spec.example/spec/internal/check"
)

// sarifSchema compiles the schema of SARIF 2.1.0, errata 01, as OASIS publishes it.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	f, err := os.Open("testdata/sarif-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// wrongs is a project with findings of many rules, in a file whose name needs escaping too, and a suppression.
func wrongs(t *testing.T) map[string]string {
	files := locked(t, files())
	files[requirements] += "3. WHEN a user pays THEN the system SHALL answer quickly\n4. WHEN it rains THEN the system SHALL answer 418 <!-- spec:ignore SPEC105 until=2027-01-31 reason=\"comes in \x01 spring\" -->\n"
	files[tasks] += "- [*] 9. Ünicode ✓ cites\n  - _Requirements: 7.7_\n"
	files[lock] = strings.Replace(files[lock], "bites 2/2", "bites 0/2", 1)
	files["a b/ü#?%.test.ts"] = "// spec:pay/8.8\nit('x', () => {})\n"
	return files
}

// Every report is a SARIF log by the official schema: one with findings of many rules and a suppression, and an empty
// one. A log that is none is refused, so that the schema is known to bite.
func TestSARIFIsValid(t *testing.T) {
	schema := sarifSchema(t)
	valid := func(data []byte) error {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return err
		}
		return schema.Validate(doc)
	}
	for name, files := range map[string]map[string]string{"wrong": wrongs(t), "right": locked(t, files())} {
		report := run(t, files, check.Options{})
		if name == "wrong" && (len(report.Findings) < 6 || len(report.Suppressed) != 1) {
			t.Fatalf("%d findings, %d suppressed", len(report.Findings), len(report.Suppressed))
		}
		data, err := report.Render("sarif", tree(files), false)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, broken := range [][2]string{{`"2.1.0"`, `"2.2.0"`}, {`"level": "error"`, `"level": "fatal"`}, {`"startLine": `, `"startLine": -`}} {
			bad := strings.Replace(string(data), broken[0], broken[1], 1)
			if bad != string(data) && valid([]byte(bad)) == nil {
				t.Errorf("a log with %s is valid", broken[1])
			}
		}
	}
}

// A fingerprint stays when lines move, and differs between findings.
func TestSARIFFingerprintsStay(t *testing.T) {
	prints := func(files map[string]string) map[string]int {
		report := run(t, files, check.Options{})
		data, err := report.Render("sarif", tree(files), false)
		if err != nil {
			t.Fatal(err)
		}
		var log struct {
			Runs []struct {
				Results []struct{ PartialFingerprints map[string]string }
			}
		}
		if err := json.Unmarshal(data, &log); err != nil {
			t.Fatal(err)
		}
		out := map[string]int{}
		for _, r := range log.Runs[0].Results {
			out[r.PartialFingerprints["spec/v2"]]++
		}
		if len(out) != len(log.Runs[0].Results) || len(out) < 6 {
			t.Errorf("%d fingerprints of %d results", len(out), len(log.Runs[0].Results))
		}
		return out
	}
	before := prints(wrongs(t))
	moved := wrongs(t)
	moved[tasks] = strings.Replace(moved[tasks], "# Implementation Plan\n", "# Implementation Plan\n\n\n\n", 1)
	moved[goTest] = strings.Replace(moved[goTest], "package pay\n", "package pay\n\n// moved\n", 1)
	moved["a b/ü#?%.test.ts"] = "\n\n" + moved["a b/ü#?%.test.ts"]
	after := prints(moved)
	for f := range before {
		if after[f] == 0 {
			t.Errorf("the fingerprint %s is gone when lines move", f)
		}
	}
}
