package cmd

import (
	"fmt"
	"path"
	"runtime"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"spec.example/spec/spec"
)

func (a *app) listVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the specifications of every workspace below a directory",
		Args:  exactly(),
		RunE:  func(*cobra.Command, []string) error { return a.list() },
	}
}

// A listed specification is one line of `spec list`: its counts are those of the counting rules.
type listed struct {
	Path    string       `json:"path"`
	Dialect spec.Dialect `json:"dialect"`
	Title   string       `json:"title"`
	spec.Counts
	archived bool
}

type listing struct {
	Version int      `json:"version"`
	Specs   []listed `json:"specs"`
}

func (a *app) list() error {
	fsys := rooted(a.dir)
	workspaces, diags := spec.Workspaces(fsys, ".")
	out := listing{Version: 1, Specs: []listed{}}
	for _, w := range workspaces {
		for _, loc := range w.Features {
			out.Specs = append(out.Specs, listed{Path: loc.Dir, Dialect: loc.Dialect, archived: loc.Archived})
		}
	}
	a.readAll(out.Specs)
	for _, d := range diags {
		a.progress("%s: %s", d.File, d.Message)
	}
	if a.json {
		return a.print(out)
	}
	if len(out.Specs) == 0 {
		a.progress("no specifications below %s", a.dir)
		a.progress(`spec: hint: spec new "what you want"`)
		return nil
	}
	w := tabwriter.NewWriter(a.w.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SPECIFICATION\tDIALECT\tREQUIREMENTS\tCRITERIA\tTASKS\tDONE")
	for _, s := range out.Specs {
		name := clean(s.Path)
		if s.archived {
			name += " (archived)"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", name, s.Dialect, s.Requirements, s.Criteria, s.Tasks, s.Done)
	}
	return w.Flush()
}

// readAll fills in titles and counts, a few specifications at a time.
func (a *app) readAll(specs []listed) {
	fsys := rooted(a.dir)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(specs)) {
		wg.Go(func() {
			for i := range next {
				f, _ := spec.Parse(fsys, path.Clean(specs[i].Path))
				specs[i].Title, specs[i].Counts, specs[i].Dialect = f.Title, f.Counts, f.Dialect
			}
		})
	}
	for i := range specs {
		next <- i
	}
	close(next)
	wg.Wait()
}
