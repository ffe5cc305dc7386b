package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (a *app) initVerb() *cobra.Command {
	var ci string
	c := &cobra.Command{
		Use:   "init",
		Short: "Prepare a project: the .kiro directory and, with --ci, a workflow that runs the checks",
		Args:  exactly(),
		RunE:  func(*cobra.Command, []string) error { return a.initialize(ci) },
	}
	c.Flags().StringVar(&ci, "ci", "", "also write the workflow for `SYSTEM`: github, gitlab or pre-commit")
	return c
}

// The workflow gets spec by `go install` from where the project's organisation keeps it: SPEC_MODULE is the one thing to
// fill in, and an empty one stops the run with words rather than checking nothing.
const githubWorkflow = `name: spec
on:
  push:
    branches: [main]
  pull_request:
permissions:
  contents: read
  security-events: write
env:
  # Where spec comes from, as for go install: MODULE@VERSION.
  SPEC_MODULE: ${{ vars.SPEC_MODULE }}
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-go@v5
        with:
          go-version: stable
      - name: Install spec
        run: |
          test -n "$SPEC_MODULE" || { echo "::error::set the repository variable SPEC_MODULE to MODULE@VERSION"; exit 2; }
          go install "$SPEC_MODULE"
          echo "$(go env GOPATH)/bin" >> "$GITHUB_PATH"
      - name: Findings for code scanning
        run: spec check --format sarif > spec.sarif || test $? -eq 1
      - uses: github/codeql-action/upload-sarif@v3
        if: always() && hashFiles('spec.sarif') != ''
        continue-on-error: true
        with:
          sarif_file: spec.sarif
          category: spec
      - name: Check
        run: spec check --format github
      - name: Verify
        run: |
          spec trust
          spec verify --frozen
`

const gitlabWorkflow = `# Include it in .gitlab-ci.yml:  include: .gitlab/spec.yml
spec:
  image: golang:latest
  variables:
    GIT_DEPTH: "1"
  script:
    - test -n "$SPEC_MODULE" || { echo "set the CI variable SPEC_MODULE to MODULE@VERSION, as for go install"; exit 2; }
    - go install "$SPEC_MODULE"
    - export PATH="$PATH:$(go env GOPATH)/bin"
    - spec check --format junit > spec-junit.xml || test $? -eq 1
    - spec check
    - spec trust
    - spec verify --frozen
  artifacts:
    when: always
    reports:
      junit: spec-junit.xml
`

const preCommitConfig = "repos:\n" + preCommitHook

// preCommitHook is what goes into a configuration that is there already.
const preCommitHook = `  - repo: local
    hooks:
      - id: spec-check
        name: spec check
        entry: spec check
        language: system
        pass_filenames: false
        always_run: true
`

func (a *app) initialize(ci string) error {
	files := map[string]string{".kiro/steering/product.md": "# Product\n\nWhat this project is for, and for whom.\n"}
	switch ci {
	case "":
	case "github":
		files[".github/workflows/spec.yml"] = githubWorkflow
	case "gitlab":
		files[".gitlab/spec.yml"] = gitlabWorkflow
	case "pre-commit":
		files[".pre-commit-config.yaml"] = preCommitConfig
	default:
		return undecided("spec init --ci github", "--ci is github, gitlab or pre-commit, not %q", ci)
	}
	kept := false
	for _, name := range sortedKeys(files) {
		if err := within(a.dir, name); err != nil {
			return err
		}
		file := filepath.Join(a.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return undecided("", "%v", err)
		}
		out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, fs.ErrExist) {
			fmt.Fprintf(a.w.Stdout, "kept %s\n", name)
			if name == ".pre-commit-config.yaml" {
				kept = true
			}
			continue
		}
		if err != nil {
			return undecided("", "%v", err)
		}
		if _, err := out.WriteString(files[name]); err != nil {
			out.Close()
			return err
		}
		if err := out.Close(); err != nil {
			return err
		}
		fmt.Fprintf(a.w.Stdout, "wrote %s\n", name)
	}
	switch {
	case ci == "gitlab":
		fmt.Fprintln(a.w.Stdout, "Include it in .gitlab-ci.yml:  include: .gitlab/spec.yml")
	case ci == "pre-commit" && kept:
		fmt.Fprintf(a.w.Stdout, "Add this below repos: in .pre-commit-config.yaml, unless it is there:\n%s", preCommitHook)
	case ci == "pre-commit":
		fmt.Fprintln(a.w.Stdout, "Switch it on:  pre-commit install")
	}
	fmt.Fprintln(a.w.Stdout, `Next: spec new "what you want"`)
	return nil
}
