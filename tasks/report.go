package tasks

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"spec.example/spec/internal/trace"
)

// reports lists the test reports that lie in the verify checkout, for the pattern of the configuration.
func (e *execution) reports() ([]string, error) {
	if e.runner.JUnit == "" || e.runner.GoTests {
		return nil, nil
	}
	return e.matching("verify.junit", e.runner.JUnit)
}

// matching lists the files of the verify checkout that a pattern of the configuration matches; ** stands for any number
// of directories. Links are not followed: one could lead out of the checkout.
func (e *execution) matching(key, pattern string) ([]string, error) {
	if !filepath.IsLocal(filepath.FromSlash(pattern)) {
		return nil, fmt.Errorf("%s: %s is not a path inside the project", key, pattern)
	}
	found, err := doublestar.Glob(os.DirFS(e.dir), path.Clean(pattern), doublestar.WithNoFollow())
	if err != nil {
		return nil, fmt.Errorf("%s: %s is no pattern: %v", key, pattern, err)
	}
	for i, name := range found {
		found[i] = filepath.Join(e.dir, filepath.FromSlash(name))
	}
	return found, nil
}

// coverageFile refuses a tree that holds what the run is to write of coverage, and afterwards reads it.
func (e *execution) coverageFile() ([]string, error) {
	if e.r.o.Verify.Coverage == "" {
		return nil, nil
	}
	return e.matching("verify.coverage.file", e.r.o.Verify.Coverage)
}

// readCoverageFile reads the coverage that a run wrote itself. A run that wrote none is said to have none.
func (e *execution) readCoverageFile(v *Verified) error {
	found, err := e.coverageFile()
	if err != nil || e.r.o.Verify.Coverage == "" || !e.r.cover {
		return err
	}
	var all trace.Coverage
	for _, name := range found {
		info, err := os.Lstat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 256<<20 {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("reading coverage: %v", err)
		}
		one, err := trace.ReadCoverage(data)
		if err != nil {
			v.OK, v.Summary, v.Failure = false, "the coverage cannot be read", fmt.Sprintf("verify.coverage.file: %s: %v", filepath.Base(name), err)
			return nil
		}
		all.Covered, all.Lines = all.Covered+one.Covered, all.Lines+one.Lines
	}
	if e.r.coverage = all.Percent(); all.Lines == 0 && v.OK {
		why := "no file matches verify.coverage.file"
		if len(found) > 0 {
			why = filepath.Base(found[0]) + " tells of no line that could be run: verify.coverage.file"
		}
		v.Summary += "; " + why + " (" + e.r.o.Verify.Coverage + ")"
	}
	return nil
}

// noReports refuses a tree that holds reports: they would be read as those of the run.
func (e *execution) noReports(v *Verified) error {
	for _, of := range []struct {
		key  string
		list func() ([]string, error)
	}{{"verify.junit", e.reports}, {"verify.coverage.file", e.coverageFile}} {
		found, err := of.list()
		if err != nil {
			return err
		}
		if len(found) > 0 {
			rel, _ := filepath.Rel(e.dir, found[0])
			v.OK = false
			v.Summary = fmt.Sprintf("%s is in the tree", filepath.ToSlash(rel))
			v.Failure = fmt.Sprintf("%s is in the tree, and %s would read it as the result of this run: take it out and let git ignore it", filepath.ToSlash(rel), of.key)
			return nil
		}
	}
	return nil
}

// readReports takes the results of single tests from what the run wrote. A run that was to write a report and did not
// has proved nothing.
func (e *execution) readReports(v *Verified) error {
	if e.runner.JUnit == "" || e.runner.GoTests || len(e.runner.Test) == 0 {
		return nil
	}
	found, err := e.reports()
	if err != nil {
		return err
	}
	var readers []io.Reader
	for _, name := range found {
		info, err := os.Lstat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue // a link could lead out of the checkout
		}
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("reading a test report: %v", err)
		}
		defer f.Close()
		readers = append(readers, io.LimitReader(f, 256<<20))
	}
	if len(readers) == 0 {
		if v.OK {
			v.OK, v.Summary = false, "no test report"
			v.Failure = fmt.Sprintf("no file matches verify.junit (%s) after %s", e.runner.JUnit, e.runner.Test[0])
		}
		return nil
	}
	results, err := trace.ReadJUnit(readers...)
	if err != nil {
		why := fmt.Sprintf("verify.junit: %v", err)
		if !v.OK { // what ended the run says more than half a report
			why = v.Failure + "\n" + why
		}
		v.OK, v.Summary, v.Failure = false, "a test report cannot be read", why
		return nil
	}
	if again := e.triedAgain(); again != "" {
		if err := results.Again(strings.NewReader(again)); err != nil && v.OK {
			v.OK, v.Failure = false, fmt.Sprintf("which tests passed on a second try cannot be read: %v", err)
		}
	}
	v.Results = results
	counts := results.Counts()
	v.Summary = counts.String()
	if _, said, _ := strings.Cut(v.Failure, "\n"); !v.OK && strings.TrimSpace(said) == "" { // mocha writes its report alone
		v.Failure = strings.TrimSpace(v.Failure) + "\n" + uncoloured(results.Failures(40))
	}
	if failed := len(results.Failed()); failed > 0 && v.OK {
		v.OK = false
		v.Failure = fmt.Sprintf("test failed: %s (%s)\n%s", e.runner.Test[0], counts, results.Failures(40))
	}
	return nil
}

// A preset is how a runner of another language is asked for a report, and where it writes it.
type preset struct {
	name, test, junit string
	only              func(files []string) []string // the arguments that make it run only these files; nil where there are none
}

// reportFile is where runners are told to write what became of each test.
const reportFile = ".spec-junit.xml"

// presets are the runners whose reports are known.
func presets() []preset {
	return []preset{
		{"vitest", "npx --no -- vitest run " + vitestReports, reportFile, named},
		{"jest", jestReport, reportFile, testPaths},
		{"node", "node --test " + nodeReports, reportFile, named},
		{"mocha", mochaReport, reportFile, named},
		{"pytest", pytestReport, reportFile, named},
		{"cargo", cargoReport, cargoOutput, nil},
		{"cargo-nextest", "cargo nextest run --offline --all-targets", "target/nextest/default/junit.xml", nil},
		{"maven", "mvn -B -o test", "**/target/surefire-reports/TEST-*.xml", surefire},
		{"gradle", "$(test -x gradlew && echo ./gradlew || echo gradle) --offline test", "**/build/test-results/test/*.xml", gradleFilter},
		{"phpunit", "$(test -x vendor/bin/phpunit && echo vendor/bin/phpunit || echo phpunit) --log-junit " + reportFile, reportFile, phpFilter},
		{"rspec", "$(test -f Gemfile && echo bundle exec) rspec --require " + adaptersDir + "/rspec.rb --format progress --format RspecJunitFormatter --out " + reportFile, reportFile, named},
	}
}

// cargoReport keeps what cargo test prints, which is read in the place of a report.
const (
	cargoOutput = ".spec-cargo.txt"
	cargoReport = "cargo test --offline --no-fail-fast --color never >" + cargoOutput + " 2>&1; status=$?; cat " + cargoOutput + "; exit $status"
)

// pytestReport goes on where a file of tests cannot be imported: the others' results say something all the same.
const pytestReport = "$(test -x .venv/bin/python3 && echo .venv/bin/python3 || echo python3) -m pytest -p spec_pytest --continue-on-collection-errors --junitxml=" + reportFile

// Where these runners are told to write their reports, each with what tells of tests that were tried again.
const (
	vitestReports = "--reporter=default --reporter=junit --reporter=" + adaptersDir + "/vitest.mjs --outputFile.junit=" + reportFile
	jestReport    = "JEST_JUNIT_OUTPUT_FILE=" + reportFile + " JEST_JUNIT_ADD_FILE_ATTRIBUTE=true npx --no -- jest --ci --reporters=default --reporters=jest-junit --reporters=" + adaptersDir + "/jest.cjs"
	mochaReport   = "npx --no -- mocha --require " + adaptersDir + "/mocha.cjs --reporter xunit --reporter-option output=" + reportFile
)

const nodeReports = "--test-reporter=spec --test-reporter-destination=stdout --test-reporter=junit --test-reporter-destination=" + reportFile

// reporting is the line of a package's test script with a report asked for, or "" where the script is not one plain call of
// a runner that is known, or the runner needs a module for it that the package does not have.
func reporting(script string, has func(module string) bool) string {
	name, rest, _ := strings.Cut(strings.TrimSpace(script), " ")
	if strings.ContainsAny(script, "|&;<>$`()\\\n") || strings.Contains(rest, "reporter") {
		return ""
	}
	rest = strings.TrimSpace(rest)
	switch {
	case name == "vitest" && !strings.HasPrefix(rest, "bench"):
		return strings.TrimSpace("npx --no -- vitest run " + vitestReports + " " + strings.TrimSpace(strings.TrimPrefix(rest, "run")))
	case name == "jest" && has("jest-junit"):
		return strings.TrimSpace(jestReport + " " + rest)
	case name == "mocha":
		return strings.TrimSpace(mochaReport + " " + rest)
	case name == "node" && (rest == "--test" || strings.HasPrefix(rest, "--test ")):
		return strings.TrimSpace("node --test " + nodeReports + strings.TrimPrefix(rest, "--test"))
	}
	return ""
}

// Presets lists the names of the runners that verify.preset may name.
func Presets() (names []string) {
	for _, p := range presets() {
		names = append(names, p.name)
	}
	return names
}

// WithPreset fills in the test command and the report's place of a runner; what is set already stays.
func (v Verification) WithPreset(name string) (Verification, error) {
	for _, p := range presets() {
		if p.name != name {
			continue
		}
		if v.Test == "" {
			v.Test = p.test
		}
		if v.JUnit == "" {
			v.JUnit = p.junit
		}
		return v, nil
	}
	return v, fmt.Errorf("verify.preset is one of %v, not %q", Presets(), name)
}
