package check_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"spec.example/spec/internal/check"
	"spec.example/spec/spec"
)

// troubled is a project with an error, warnings, a finding with words before it that are more than one byte a character,
// and a suppression.
func troubled(t *testing.T) map[string]string {
	t.Helper()
	return edited(t, files(), []edit{
		{requirements, criterion2, "WHEN a café is asked THEN the system SHALL answer quickly"},
		{requirements, "", "3. WHEN it rains THEN the system SHALL answer 418 <!-- spec:ignore SPEC105 until=2027-01-31 reason=\"next spring\" -->\n"},
		{tasks, "", "- [*] 3. Clean\n"},
		{tech, "", "#[[file:docs/na me.yaml]]\n"},
	})
}

func render(t *testing.T, r check.Report, format string, fsys fs.FS) string {
	t.Helper()
	out, err := r.Render(format, fsys, false)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestSarifFollowsTheSchema(t *testing.T) {
	files := troubled(t)
	report := run(t, files, check.Options{})
	var log map[string]any
	if err := json.Unmarshal([]byte(render(t, report, "sarif", tree(files))), &log); err != nil {
		t.Fatal(err)
	}
	if err := sarifSchema(t).Validate(log); err != nil {
		t.Error(err)
	}
	if log["version"] != "2.1.0" {
		t.Errorf("version %v", log["version"])
	}
	of := log["runs"].([]any)[0].(map[string]any)
	rules := of["tool"].(map[string]any)["driver"].(map[string]any)["rules"].([]any)
	results := of["results"].([]any)
	if len(rules) != len(check.Rules()) || len(results) != len(report.Findings)+len(report.Suppressed) || len(report.Suppressed) != 1 {
		t.Errorf("%d rules, %d results, %d suppressed", len(rules), len(results), len(report.Suppressed))
	}
	seen := map[string]bool{}
	columns := map[string][2]float64{}
	for _, x := range results {
		r := x.(map[string]any)
		if i, ok := r["ruleIndex"]; !ok || rules[int(i.(float64))].(map[string]any)["id"] != r["ruleId"] {
			t.Errorf("the rule of %v is not at its index", r["ruleId"])
		}
		f := r["partialFingerprints"].(map[string]any)["spec/v2"].(string)
		if seen[f] {
			t.Errorf("two results with one fingerprint")
		}
		seen[f] = true
		region := r["locations"].([]any)[0].(map[string]any)["physicalLocation"].(map[string]any)["region"].(map[string]any)
		end, _ := region["endColumn"].(float64)
		columns[r["ruleId"].(string)] = [2]float64{region["startColumn"].(float64), end}
	}
	if got := columns["SPEC010"]; got != [2]float64{54, 61} { // in characters: an é is one
		t.Errorf("SPEC010 at the columns %v", got)
	}

	// fingerprints do not move with the lines
	moved := edited(t, troubled(t), []edit{{requirements, "# Requirements Document\n", "# Requirements Document\n\nWords.\n"}, {tasks, "# Implementation Plan\n", "# Implementation Plan\n\nWords.\n"}})
	var again map[string]any
	if err := json.Unmarshal([]byte(render(t, run(t, moved, check.Options{}), "sarif", tree(moved))), &again); err != nil {
		t.Fatal(err)
	}
	for _, x := range again["runs"].([]any)[0].(map[string]any)["results"].([]any) {
		r := x.(map[string]any)
		if f := r["partialFingerprints"].(map[string]any)["spec/v2"].(string); !seen[f] {
			t.Errorf("%v got another fingerprint when its line moved", r["message"])
		}
	}
}

func TestJUnitCountsWhatFails(t *testing.T) {
	type suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Tests   int `xml:"tests,attr"`
			Skipped int `xml:"skipped,attr"`
			Cases   []struct {
				Name    string    `xml:"name,attr"`
				Failure *struct{} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	read := func(files map[string]string, o check.Options) (s suites) {
		t.Helper()
		r := run(t, files, o)
		if err := xml.Unmarshal([]byte(render(t, r, "junit", tree(files))), &s); err != nil {
			t.Fatal(err)
		}
		n, failed := 0, 0
		for _, x := range s.Suites {
			if x.Tests != len(x.Cases) {
				t.Errorf("a suite says %d and has %d cases", x.Tests, len(x.Cases))
			}
			for _, c := range x.Cases {
				if n++; c.Failure != nil {
					failed++
				}
			}
		}
		if s.Tests != n || s.Failures != failed || (s.Failures > 0) != r.Failed() {
			t.Errorf("%d tests of %d, %d failures of %d", s.Tests, n, s.Failures, failed)
		}
		return s
	}
	clean := files()
	files := edited(t, troubled(t), []edit{{tasks, "Clean", "Clean \x01 ]]> <b>"}})
	plain, strict := read(files, check.Options{}), read(files, check.Options{Strict: true})
	if plain.Failures == 0 || strict.Failures <= plain.Failures {
		t.Errorf("%d failures, %d with --strict", plain.Failures, strict.Failures)
	}
	if s := read(locked(t, clean), check.Options{}); s.Tests != 1 || s.Failures != 0 {
		t.Errorf("nothing found is %+v", s)
	}
}

func TestTextShowsThePlace(t *testing.T) {
	files := edited(t, files(), []edit{{requirements, criterion2, "\tWHEN a café is 問 asked THEN the system SHALL answer quickly"}})
	report := run(t, files, check.Options{})
	report.Findings = slices.DeleteFunc(report.Findings, func(d spec.Diagnostic) bool { return d.Code != "SPEC010" })
	got := render(t, report, "text", tree(files))
	want := requirements + ":10:60: warning SPEC010: criterion 1.2: \"quickly\" has no number and nothing that can be observed\n" +
		"     10 | 2. \tWHEN a café is 問 asked THEN the system SHALL answer quickly\n" +
		"        |    \t" + strings.Repeat(" ", 53) + "^~~~~~~\n"
	if !strings.HasPrefix(got, want) {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	long := edited(t, troubled(t), []edit{{requirements, "WHEN a café", strings.Repeat("WHEN the moon is full ", 12) + "WHEN a café"}})
	for _, block := range strings.Split(render(t, run(t, long, check.Options{}), "text", tree(long)), "  hint: ") {
		if !strings.Contains(block, "SPEC010") {
			continue
		}
		lines := strings.Split(strings.TrimRight(block, "\n"), "\n")
		shown, marks := []rune(lines[len(lines)-2]), []rune(lines[len(lines)-1])
		from, to := slices.Index(marks, '^'), len(marks)
		if len(shown) > 130 || from < 0 || string(shown[from:to]) != "quickly" {
			t.Errorf("the marks are not below the word:\n%s", block)
		}
	}
}

// A repository's words cannot write markup, mentions, commands of the runner or control characters.
func TestWordsOfARepositoryStayWords(t *testing.T) {
	files := edited(t, files(), []edit{{tasks, "", "- [ ] 3. x\n  - _Requirements: 7.7_\n"}, {tech, "", "#[[file:x%0A::error::y@team<img src=x>\x1b[31m]]\n"}})
	report := run(t, files, check.Options{})
	for format, bad := range map[string][]string{"markdown": {"<img", "@team", "\x1b"}, "github": {"\x1b", "%0A::error", "\n::error::y"}, "text": {"\x1b"}, "junit": {"\x1b", "<img"}, "sarif": {"\x1b"}} {
		out := render(t, report, format, tree(files))
		for _, b := range bad {
			if strings.Contains(out, b) {
				t.Errorf("%s holds %q:\n%s", format, b, out)
			}
		}
	}
}

func TestBaselineOnlyFalls(t *testing.T) {
	files := troubled(t)
	base := []byte(render(t, run(t, files, check.Options{}), "baseline", tree(files)))
	o := check.Options{Baseline: base, BaselineFile: "base.txt"}
	if r := run(t, files, o); len(r.Findings) != 0 || len(r.Suppressed) < 2 {
		t.Errorf("with its own baseline: %+v", r.Findings)
	}
	worse := edited(t, troubled(t), []edit{{tasks, "", "- [*] 4. Clean\n"}})
	if r := run(t, worse, o); len(r.Findings) == 0 || !r.Failed() {
		t.Errorf("a new finding is hidden by the baseline")
	}
	better := edited(t, troubled(t), []edit{{tasks, "- [*] 3. Clean\n", ""}})
	r := run(t, better, o)
	n := 1 + strings.Count(string(base[:strings.Index(string(base), "SPEC002|")]), "\n")
	if got := places(r, "SPEC504"); !slices.Equal(got, []string{fmt.Sprintf("base.txt:%d:1", n)}) || !r.Failed() {
		t.Errorf("a line of the baseline that is not needed any more: %v", got)
	}
}

// Only what a change brought is left, wherever it shows.
func TestSinceLeavesWhatTheChangeBrought(t *testing.T) {
	before := tree(troubled(t))
	if r := run(t, troubled(t), check.Options{Before: before}); len(r.Findings) != 0 {
		t.Errorf("nothing changed: %+v", r.Findings)
	}
	// words above move all lines; the manifest changes, and the finding is in the steering
	after := edited(t, troubled(t), []edit{{requirements, "# Requirements Document\n", "# Requirements Document\n\nWords.\n"}, {"go.mod", "github.com/jackc/pgx/v5 v5.7.1", "github.com/jackc/pgx/v6 v6.0.0"}})
	r := run(t, after, check.Options{Before: before})
	if len(r.Findings) != 1 || r.Findings[0].Code != "SPEC402" || r.Findings[0].File != tech {
		t.Errorf("%+v", r.Findings)
	}
	// a second one of a kind that was there once
	two := edited(t, troubled(t), []edit{{requirements, "", "4. WHEN it snows THEN the system SHALL answer quickly\n"}})
	if got := places(run(t, two, check.Options{Before: before}), "SPEC010"); !slices.Equal(got, []string{requirements + ":12:47"}) {
		t.Errorf("%v", got)
	}
	if r := run(t, troubled(t), check.Options{Before: tree(map[string]string{"go.mod": "module x\n"}), Feature: "pay"}); len(r.Findings) == 0 {
		t.Errorf("a feature that is new has all of its findings")
	}
}

func TestSuppressionsNeedDateReasonAndFinding(t *testing.T) {
	for words, want := range map[string]string{
		`SPEC105 until=2027-01-31 reason="later"`: "",
		`SPEC105 until=2026-11-24 reason="today"`: "",
		`SPEC105 until=2026-11-23 reason="later"`: "ended on 2026-11-23",
		`SPEC105 reason="later"`:                  "has no date",
		`SPEC105 until=soon reason="later"`:       "has no date",
		`SPEC105 until=2027-01-31`:                "gives no reason",
		`SPEC105 until=2027-01-31 reason=""`:      "gives no reason",
		`SPEC104 until=2027-01-31 reason="later"`: "has nothing to suppress",
	} {
		for _, above := range []bool{false, true} {
			line := "3. WHEN it rains THEN the system SHALL answer 418"
			text := line + " <!-- spec:ignore " + words + " -->\n"
			if above {
				text = "<!-- spec:ignore " + words + " -->\n" + line + "\n"
			}
			r := run(t, edited(t, files(), []edit{{requirements, "", text}}), check.Options{})
			var messages []string
			for _, d := range r.Findings {
				if d.Code == "SPEC504" {
					messages = append(messages, d.Message)
				}
			}
			hidden := len(places(r, "SPEC105")) == 0
			switch {
			case want == "" && (len(messages) > 0 || !hidden || len(r.Suppressed) != 1 || r.Suppressed[0].Reason == ""):
				t.Errorf("%s: %v, hidden %v, %v", words, messages, hidden, r.Suppressed)
			case want != "" && (len(messages) != 1 || !strings.Contains(messages[0], want) || hidden):
				t.Errorf("%s: %v, hidden %v; want %q", words, messages, hidden, want)
			}
		}
	}
}

// Steering is compared with the manifests of every ecosystem that is read.
func TestSteeringAgainstManifests(t *testing.T) {
	for _, c := range []struct {
		file, manifest, steering string
		want                     []string // CODE FILE:LINE:COL
	}{
		{"package.json", "{\n  \"dependencies\": {\n    \"express\": \"^4.18.2\",\n    \"pg\": \"8.11.0\"\n  },\n  \"devDependencies\": {\n    \"vitest\": \"^1.0.0\"\n  }\n}\n", "- Framework: Express 4\n- Database: PostgreSQL\n- Tests: Vitest\n", nil},
		{"package.json", "{\n  \"dependencies\": {\n    \"express\": \"^4.18.2\",\n    \"mongoose\": \"8\"\n  }\n}\n", "- Framework: Fastify\n- Database: PostgreSQL\n", []string{"SPEC401 tech:1:14", "SPEC401 tech:2:13"}},
		{"package.json", "{\n  \"dependencies\": {\n    \"react\": \"^18.2.0\"\n  }\n}\n", "React 17 is used.\n", []string{"SPEC402 tech:1:7"}},
		{"package.json", "{\n  \"dependencies\": {\n    \"react\": \"^18.2.0\"\n  }\n}\n", "React 18+ is used.\n", nil},
		{"package.json", "{\n  \"dependencies\": {\n    \"stripe\": \"14\",\n    \"braintree\": \"3\"\n  }\n}\n", "- Payments: Stripe\n", []string{"SPEC402 package.json:4:6"}},
		{"Cargo.toml", "[package]\nname = \"x\"\n\n[dependencies]\naxum = { version = \"0.7.4\", features = [\"ws\"] }\nserde = \"1.0\"\n", "- Web framework: Actix\n- serde 1.0\n", []string{"SPEC401 tech:1:18"}},
		{"Cargo.toml", "[package]\nname = \"x\"\n\n[dependencies]\naxum = { version = \"0.7.4\" }\n", "- Language: Rust\n- Framework: axum 0.6\n", []string{"SPEC402 tech:2:19"}},
		{"pyproject.toml", "[project]\nrequires-python = \">=3.11\"\ndependencies = [\n  \"fastapi>=0.110\",\n  \"asyncpg\",\n]\n", "- Python 3.9\n- Framework: Django\n- Database: PostgreSQL\n", []string{"SPEC401 tech:2:14", "SPEC402 tech:1:10"}},
		{"pyproject.toml", "[tool.poetry.dependencies]\npython = \"^3.11\"\nflask = \"^3.0\"\n", "- Language: Python 3.11\n- Framework: Flask 3\n", nil},
		{"docker-compose.yml", "services:\n  db:\n    image: postgres:16-alpine\n", "- Database: MongoDB\n", []string{"SPEC401 tech:1:13"}},
		{"docker-compose.yml", "services:\n  db:\n    image: postgres:16-alpine\n", "- Database: PostgreSQL 14\n", []string{"SPEC402 tech:1:24"}},
		{"go.mod", "module x\n\ngo 1.26\n\nrequire (\n\tgithub.com/jackc/pgx/v5 v5.7.1\n)\n", "- Database: MongoDB was replaced by PostgreSQL\n- We do not use MySQL\n", nil},
		{"go.mod", "module x\n\ngo 1.26\n", "- Database: MongoDB\n```\nLanguage: Python\n```\n", nil},
	} {
		report := run(t, map[string]string{c.file: c.manifest, ".kiro/steering/t.md": c.steering}, check.Options{})
		var got []string
		for _, d := range report.Findings {
			got = append(got, fmt.Sprintf("%s %s:%d:%d", d.Code, strings.NewReplacer(".kiro/steering/t.md", "tech").Replace(d.File), d.Line, d.Column))
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s\n%s\n%v, want %v", c.manifest, c.steering, report.Findings, c.want)
		}
	}
}

// Invented projects of every ecosystem, with steering that is right and steering that is not.
func TestSteeringOfProjects(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "steering.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	name, want := "", []string(nil)
	files := map[string]string{}
	projects := 0
	compare := func() {
		if name == "" {
			return
		}
		projects++
		var got []string
		for _, d := range run(t, files, check.Options{}).Findings {
			got = append(got, fmt.Sprintf("%s %s:%d:%d", d.Code, d.File, d.Line, d.Column))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", name, got, want)
		}
	}
	for _, f := range txtar.Parse(data).Files {
		if project, ok := strings.CutPrefix(f.Name, "project "); ok {
			compare()
			name, want, files = project, strings.FieldsFunc(string(f.Data), func(r rune) bool { return r == '\n' }), map[string]string{}
			continue
		}
		files[f.Name] = string(f.Data)
	}
	compare()
	if projects < 40 {
		t.Errorf("only %d projects were read", projects)
	}
}
