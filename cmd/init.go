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
	c.Flags().StringVar(&ci, "ci", "", "also write the workflow for `SYSTEM`: github or gitlab")
	return c
}

const githubWorkflow = `name: spec
on: [push, pull_request]
permissions:
  contents: read
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-go@v5
        with:
          go-version: stable
      # Build or install spec here, in the way your organisation distributes tools.
      - run: spec trust
      - run: spec check --format github
      - run: spec verify --frozen
`

const gitlabWorkflow = `spec:
  script:
    # Build or install spec here, in the way your organisation distributes tools.
    - spec trust
    - spec check
    - spec verify --frozen
`

func (a *app) initialize(ci string) error {
	files := map[string]string{".kiro/steering/product.md": "# Product\n\nWhat this project is for, and for whom.\n"}
	switch ci {
	case "":
	case "github":
		files[".github/workflows/spec.yml"] = githubWorkflow
	case "gitlab":
		files[".gitlab/spec.yml"] = gitlabWorkflow
	default:
		return undecided("spec init --ci github", "--ci is github or gitlab, not %q", ci)
	}
	for _, name := range sortedKeys(files) {
		file := filepath.Join(a.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return undecided("", "%v", err)
		}
		out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, fs.ErrExist) {
			fmt.Fprintf(a.w.Stdout, "kept %s\n", name)
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
	if ci == "gitlab" {
		fmt.Fprintln(a.w.Stdout, "Include it in .gitlab-ci.yml:  include: .gitlab/spec.yml")
	}
	fmt.Fprintln(a.w.Stdout, `Next: spec new "what you want"`)
	return nil
}
