package cmd

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/check"
)

type checkOptions struct {
	feature  string
	strict   bool
	format   string
	baseline string
}

func (a *app) checkVerb() *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use:   "check",
		Short: "Say where specification, approvals, code, tests and steering no longer agree",
		Long:  "Check reads only the tree: it runs nothing, changes nothing, and gives the same answer in a shallow clone.\nIt ends with 1 when there is an error (with --strict, a warning too).",
		Args:  exactly(),
		RunE:  func(*cobra.Command, []string) error { return a.check(o) },
	}
	c.Flags().StringVar(&o.feature, "feature", "", "only `FEATURE`")
	c.Flags().BoolVar(&o.strict, "strict", false, "warnings make the exit status 1 too")
	c.Flags().StringVar(&o.format, "format", "text", "`FORM` of the answer: text, json, sarif, junit, github or markdown")
	c.Flags().StringVar(&o.baseline, "baseline", "", "leave out what `FILE` lists")
	return c
}

func (a *app) check(o checkOptions) error {
	root, err := a.workspaceRoot()
	if err != nil {
		return err
	}
	options := check.Options{Feature: o.feature, Strict: o.strict, Now: a.w.Now()}
	if o.baseline != "" {
		data, err := os.ReadFile(a.path(o.baseline))
		if err != nil {
			return undecided("", "reading the baseline: %v", err)
		}
		options.Baseline = data
	}
	fsys := rooted(root)
	report, err := check.Run(fsys, ".", options)
	if err != nil {
		return undecided("spec list", "%v", err)
	}
	format := o.format
	if a.json {
		format = "json"
	}
	out, err := report.Render(format, fsys, a.colored(a.w.Stdout))
	if err != nil {
		return undecided("spec check --help", "%v", err)
	}
	a.w.Stdout.Write(out)
	if report.Failed() {
		return errSaid
	}
	return nil
}

func (a *app) explainVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "explain CODE",
		Short: "Explain a finding: what it means, a wrong and a right example, how to mend it",
		Args:  exactly("CODE"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, ok := check.Explain(args[0])
			if !ok {
				return undecided("spec check", "no finding has the code %q", args[0])
			}
			fmt.Fprint(a.w.Stdout, text)
			return nil
		},
	}
}
