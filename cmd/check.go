package cmd

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/check"
	"spec.example/spec/spec"
)

type checkOptions struct {
	feature    string
	strict     bool
	kiro       bool
	proven     bool
	format     string
	baseline   string
	since      string
	suppressed bool
	watch      bool
}

func (a *app) checkVerb() *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use:   "check",
		Short: "Say where specification, approvals, code, tests and steering no longer agree",
		Long: "Check reads only the tree: it runs nothing, changes nothing, and gives the same answer in a shallow clone.\nIt ends with 1 when there is an error (with --strict, a warning too).\n\n" +
			"A baseline is made with --format baseline; its lines may only leave. --changed-since leaves out what REV has already:\nit needs the commit REV, and no history between.",
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return a.checkIn(c.Context(), o) },
	}
	c.Flags().StringVar(&o.feature, "feature", "", "only `FEATURE`")
	c.Flags().BoolVar(&o.strict, "strict", false, "warnings make the exit status 1 too")
	c.Flags().BoolVar(&o.kiro, "kiro", false, "what Kiro's own tools would refuse is an error too")
	c.Flags().BoolVar(&o.proven, "proven", false, "every criterion of a feature with a spec.lock needs a test that was seen to pass, adopted or not")
	c.Flags().StringVar(&o.format, "format", "text", "`FORM` of the answer: text, json, sarif, junit, github, markdown or baseline")
	c.Flags().StringVar(&o.baseline, "baseline", "", "leave out what `FILE` lists")
	c.Flags().StringVar(&o.since, "changed-since", "", "leave out what is found in the commit `REV` too")
	c.Flags().BoolVar(&o.suppressed, "show-suppressed", false, "list what documents and the baseline leave out, with the reasons")
	c.Flags().BoolVar(&o.watch, "watch", false, "check again whenever a file changes, until interrupted")
	return c
}

// check is the verb for callers that have nothing to cancel.
func (a *app) check(o checkOptions) error { return a.checkIn(context.Background(), o) }

func (a *app) checkIn(ctx context.Context, o checkOptions) error {
	root, err := a.workspaceRoot()
	if err != nil {
		return err
	}
	ctx, cancel := a.prompt(ctx)
	defer cancel()
	if o.watch {
		return a.watchCheck(ctx, root, o)
	}
	report, out, err := a.checkOnce(ctx, root, o)
	if err != nil {
		return err
	}
	a.w.Stdout.Write(out)
	if report.Failed() {
		return errSaid
	}
	return nil
}

// checkOnce checks the tree and renders the answer.
func (a *app) checkOnce(ctx context.Context, root string, o checkOptions) (*check.Report, []byte, error) {
	options := check.Options{Feature: o.feature, Strict: o.strict, Kiro: o.kiro, Proven: o.proven, Now: a.w.Now()}
	if o.baseline != "" {
		data, err := os.ReadFile(a.path(o.baseline))
		if err != nil {
			return nil, nil, undecided("spec check --format baseline > "+o.baseline, "reading the baseline: %v", err)
		}
		options.Baseline, options.BaselineFile = append([]byte{}, data...), relativeTo(root, a.path(o.baseline))
	}
	if o.since != "" {
		before, err := a.treeAt(ctx, root, o.since)
		if err != nil {
			return nil, nil, err
		}
		options.Before = before
	}
	fsys := rooted(root)
	report, err := check.Run(fsys, ".", options)
	if err != nil {
		return nil, nil, undecided("spec list", "%v", err)
	}
	format := o.format
	if a.json {
		format = "json"
	}
	out, err := report.Render(format, fsys, a.colored(a.w.Stdout))
	if err != nil {
		return nil, nil, undecided("spec check --help", "%v", err)
	}
	if format == "json" || format == "sarif" {
		out = escaped(out)
	}
	if o.suppressed && format == "text" {
		out = append(out, report.SuppressedText()...)
	}
	return &report, out, nil
}

func relativeTo(root, file string) string {
	if rel, err := filepath.Rel(root, file); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(file)
}

// treeAt reads the workspace as it is in a commit.
func (a *app) treeAt(ctx context.Context, root, rev string) (fs.FS, error) {
	repo, err := a.repository(ctx, root)
	if err != nil {
		return nil, err
	}
	commit, err := repo.Resolve(ctx, rev)
	if err != nil {
		return nil, undecided("git fetch --depth 1 origin "+rev, "%v", err)
	}
	prefix, _, err := (&target{root: root, feature: &spec.Feature{}}).inRepo(repo)
	if err != nil {
		return nil, err
	}
	snapshot, err := repo.Snapshot(ctx, commit)
	if err != nil {
		return nil, err
	}
	return fs.Sub(snapshot, prefix)
}

// How often the tree is looked at, and for how long it has to be still before it is checked again.
const (
	watchEvery = 300 * time.Millisecond
	watchStill = 100 * time.Millisecond
)

// watchCheck checks the tree again whenever it changes. It ends with the interrupt, and with the answer of the last check.
func (a *app) watchCheck(ctx context.Context, root string, o checkOptions) error {
	if o.format != "text" || a.json {
		return undecided("spec check --watch", "--watch writes text only")
	}
	fsys := rooted(root)
	var last uint64
	var shown []byte
	failed := false
	for {
		if now := stamp(fsys); now != last {
			for settled := stamp(fsys); ; settled = now { // an editor writes a file in steps
				if !pause(ctx, watchStill) {
					break
				}
				if now = stamp(fsys); now == settled {
					break
				}
			}
			last = now
			report, out, err := a.checkOnce(ctx, root, o)
			switch {
			case ctx.Err() != nil:
			case err != nil:
				fmt.Fprintf(a.w.Stdout, "spec: %v\n", err)
			case !bytes.Equal(out, shown):
				fmt.Fprintf(a.w.Stdout, "== %s\n%s", a.w.Now().Format("15:04:05"), out)
				shown, failed = out, report.Failed()
			}
		}
		if !pause(ctx, watchEvery) {
			if failed {
				return errSaid
			}
			return nil
		}
	}
}

// pause waits, and tells whether it could.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// stamp is a number that changes when a file of the tree, as git sees it, does.
func stamp(fsys fs.FS) uint64 {
	h := fnv.New64a()
	_ = spec.Walk(fsys, ".", func(name string, d fs.DirEntry) error {
		if d.IsDir() {
			if d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		h.Write([]byte(name))
		h.Write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(info.Size())), uint64(info.ModTime().UnixNano())))
		return nil
	})
	return max(h.Sum64(), 1)
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
