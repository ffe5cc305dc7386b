package tasks

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// Runners write a test that failed and passed when they tried it again as one that passed, and rspec one that ended the
// process too. An adapter is a part of the runner's own making that tells: of pytest in the report itself, of the others as
// cases of a report, without its root, in the file SPEC_AGAIN.
//
//go:embed adapters
var adapterFiles embed.FS

// adaptersDir is where a test command finds the adapters.
const adaptersDir = `"$SPEC_ADAPTERS"`

// adapt lays the adapters where the test command finds them.
func (e *execution) adapt() error {
	if e.runner.JUnit == "" || e.runner.GoTests {
		return nil
	}
	dir := filepath.Join(e.temp, "adapters")
	if err := os.Mkdir(dir, 0o711); err != nil {
		return err
	}
	list, err := fs.ReadDir(adapterFiles, "adapters")
	if err != nil {
		return err
	}
	for _, f := range list {
		data, err := adapterFiles.ReadFile("adapters/" + f.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name()), data, 0o644); err != nil {
			return err
		}
	}
	python := dir
	if own := lookup(e.env, "PYTHONPATH"); own != "" {
		python += string(os.PathListSeparator) + own
	}
	e.env = append(e.env, "SPEC_ADAPTERS="+dir, "SPEC_AGAIN="+e.againFile(), "PYTHONPATH="+python)
	if plainPytest(e.runner.Test) {
		e.env = append(e.env, "PYTEST_ADDOPTS="+strings.TrimSpace(lookup(e.env, "PYTEST_ADDOPTS")+" "+pytestAdapter))
	}
	return nil
}

// pytestAdapter is how pytest is told of its adapter.
const pytestAdapter = "-p spec_pytest"

// plainPytest tells whether a command of the user's runs pytest where it finds the adapter: one that it does not find would
// be the end of the run.
func plainPytest(lines []Line) bool {
	runs := false
	for _, l := range lines {
		text := l.String()
		if strings.Contains(text, pytestAdapter) || elsewherePython().MatchString(text) {
			return false
		}
		runs = runs || callsPytest().MatchString(text)
	}
	return runs
}

var (
	callsPytest     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:^|[\s/;&(])(?:pytest|py\.test)(?:$|[\s;&)])`) })
	elsewherePython = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`PYTHONPATH|\b(?:tox|nox|docker|podman|ssh|env)\b|python[\d.]*\s+-\w*[EI]`)
	})
)

// againFile is where adapters write which tests passed when they were tried again.
func (e *execution) againFile() string { return filepath.Join(e.temp, "again.xml") }

// triedAgain is what adapters wrote, as a report; "" for nothing.
func (e *execution) triedAgain() string {
	info, err := os.Lstat(e.againFile())
	if err != nil || !info.Mode().IsRegular() || info.Size() > 64<<20 {
		return ""
	}
	data, err := os.ReadFile(e.againFile())
	if err != nil || len(data) == 0 {
		return ""
	}
	return "<testsuite>" + strings.ToValidUTF8(string(data), "�") + "</testsuite>"
}
