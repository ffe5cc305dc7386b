package cmd

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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
	dir      string // relative to where they were looked for
}

type listing struct {
	Version int      `json:"version"`
	Specs   []listed `json:"specs"`
}

// surroundings are the workspaces below -C. Inside a workspace, where there is none below, they are its own: those features
// that lie below -C, or all where none does. Their paths are relative to root; below turns one into a path relative to -C.
func (a *app) surroundings() (root string, workspaces []spec.Workspace, below func(string) string, diags spec.Diagnostics) {
	root = a.dir
	above, inside := a.around()
	if !inside {
		workspaces, diags = spec.Workspaces(rooted(root), ".")
	}
	if len(workspaces) == 0 && above != a.dir {
		root = above
		workspaces, diags = spec.Workspaces(rooted(root), ".")
		workspaces = narrowed(workspaces, relativeTo(root, a.dir))
	}
	return root, workspaces, func(dir string) string {
		return relativeTo(a.dir, filepath.Join(root, filepath.FromSlash(dir)))
	}, diags
}

// around finds the workspace that -C lies in, and tells whether it lies among its specifications, where the names of the
// directories above say what a directory is.
func (a *app) around() (root string, inside bool) {
	root, err := a.workspaceRoot()
	if err != nil {
		return a.dir, false
	}
	if root != a.dir {
		first, _, _ := strings.Cut(relativeTo(root, a.dir), "/")
		return root, first == ".kiro" || first == ".specify" || first == "openspec" || first == "specs"
	}
	for dir := a.dir; dir != filepath.Dir(dir) && len(a.dir)-len(dir) < 512; dir = filepath.Dir(dir) { // spec-kit needs no directory of its own
		if filepath.Base(dir) == "specs" {
			return filepath.Dir(dir), true
		}
	}
	return root, false
}

// narrowed keeps the features at or below a directory; all of them where there is none.
func narrowed(all []spec.Workspace, dir string) []spec.Workspace {
	var out []spec.Workspace
	for _, w := range all {
		w.Features = slices.DeleteFunc(slices.Clone(w.Features), func(l spec.Location) bool { return l.Dir != dir && !strings.HasPrefix(l.Dir, dir+"/") })
		if len(w.Features) > 0 {
			out = append(out, w)
		}
	}
	if out == nil {
		return all
	}
	return out
}

func (a *app) list() error {
	root, workspaces, below, diags := a.surroundings()
	out := listing{Version: 1, Specs: []listed{}}
	for _, w := range workspaces {
		for _, loc := range w.Features {
			out.Specs = append(out.Specs, listed{Path: below(loc.Dir), Dialect: loc.Dialect, archived: loc.Archived, dir: loc.Dir})
		}
	}
	readAll(rooted(root), out.Specs)
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
		name := cleanLine(s.Path)
		if s.archived {
			name += " (archived)"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", name, s.Dialect, s.Requirements, s.Criteria, s.Tasks, s.Done)
	}
	return w.Flush()
}

// readAll fills in titles and counts, a few specifications at a time.
func readAll(fsys fs.FS, specs []listed) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(specs)) {
		wg.Go(func() {
			for i := range next {
				f, _ := spec.Parse(fsys, specs[i].dir)
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
