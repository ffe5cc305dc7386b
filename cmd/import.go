package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

func (a *app) importVerb() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "import KIND PATH",
		Short: "Convert the specification of another tool to Kiro's format",
		Long: "Import reads a specification and writes a feature below .kiro/specs in Kiro's format of today. KIND is spec-kit, openspec,\n" +
			"taskmaster, outline, cc-sdd or kiro (older forms, such as headings for tasks). It shows what it would write and what\ndoes not carry over, and writes only on a person's yes. The original stays.",
		Args: exactly("KIND", "PATH"),
		RunE: func(_ *cobra.Command, args []string) error { return a.importSpec(args[0], args[1], name) },
	}
	c.Flags().StringVar(&name, "name", "", "name of the new feature's directory")
	return c
}

// imported is what import --json tells: the files it would write.
type imported struct {
	Version int               `json:"version"`
	Dir     string            `json:"dir"`
	Files   map[string]string `json:"files"`
	IDs     map[string]string `json:"ids"`
	Notes   []string          `json:"notes"`
}

func (a *app) importSpec(kind, from, name string) error {
	f, notes, err := a.importFrom(kind, from)
	if err != nil {
		return err
	}
	p, diags := plan.New(f, plan.State{})
	for _, d := range diags {
		if d.Severity == spec.Error {
			notes = append(notes, fmt.Sprintf("%s%s: %s", place(d), d.Code, d.Message))
		}
	}
	result := spec.Convert(f, func(id string) []string {
		if t := p.Task(id); t != nil {
			return t.Depends
		}
		return nil
	})
	notes = append(notes, result.Notes...)
	root, err := a.workspaceRoot()
	if err != nil {
		return err
	}
	slug := first(name, slugify(f.Name))
	if slug == "" || slug != slugify(slug) {
		return undecided("spec import KIND PATH --name my-feature", "a feature's name is lower-case letters, digits and hyphens")
	}
	dir := path.Join(".kiro/specs", slug)
	target := filepath.Join(root, filepath.FromSlash(dir))
	inPlace := false
	if _, err := os.Lstat(target); err == nil {
		source, _ := filepath.EvalSymlinks(a.path(from))
		real, _ := filepath.EvalSymlinks(target)
		if inPlace = kind == "kiro" && source != "" && source == real; !inPlace {
			return undecided(fmt.Sprintf("spec import %s %s --name another-name", kind, from), "%s exists already", dir)
		}
		delete(result.Files, ".config.kiro")
		for file, data := range result.Files {
			if old, err := os.ReadFile(filepath.Join(target, file)); err == nil && bytes.Equal(old, data) {
				delete(result.Files, file)
			}
		}
		if len(result.Files) == 0 && !a.json {
			fmt.Fprintf(a.w.Stdout, "%s is in today's form already. Next: spec plan %s\n", dir, slug)
			return nil
		}
	}
	if a.json {
		out := imported{Version: 1, Dir: dir, Files: map[string]string{}, IDs: result.IDs, Notes: append([]string{}, notes...)}
		for file, data := range result.Files {
			out.Files[file] = string(data)
		}
		return a.print(out)
	}
	a.showImport(root, dir, result.Files, notes)
	tty, err := a.terminal()
	if err != nil {
		return waits(fmt.Sprintf("spec import %s %s at a terminal", kind, from), "files are written on a person's yes")
	}
	defer tty.close()
	yes, err := tty.yes(fmt.Sprintf("Write these %d files to %s?", len(result.Files), dir))
	if err != nil {
		return waits(fmt.Sprintf("spec import %s %s at a terminal", kind, from), "files are written on a person's yes")
	}
	if !yes {
		return no("", "nothing was written")
	}
	if !inPlace {
		if err := a.writeAll(root, dir, result.Files); err != nil {
			return err
		}
	} else {
		for _, file := range sortedKeys(result.Files) {
			if err := writeFile(filepath.Join(target, file), result.Files[file]); err != nil {
				return undecided("", "%v", err)
			}
			fmt.Fprintf(a.w.Stdout, "wrote %s\n", path.Join(dir, file))
		}
	}
	fmt.Fprintf(a.w.Stdout, "Next: spec plan %s\n", slug)
	return nil
}

// showImport shows what would change, file by file, and what does not carry over.
func (a *app) showImport(root, dir string, files map[string][]byte, notes []string) {
	for _, name := range sortedKeys(files) {
		file := path.Join(dir, name)
		old, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		from := file
		if errors.Is(err, fs.ErrNotExist) {
			from = "/dev/null"
		}
		fmt.Fprint(a.w.Stdout, clean(string(diff.Diff(from, old, file, files[name]))))
	}
	if len(notes) == 0 {
		fmt.Fprintln(a.w.Stdout, "\nEverything carries over.")
		return
	}
	fmt.Fprintln(a.w.Stdout, "\nWhat does not carry over as it was:")
	for _, n := range notes {
		fmt.Fprintln(a.w.Stdout, clean("  - "+n))
	}
}

// importFrom reads a specification of a kind. The path may name its directory or, for outline and taskmaster, its file.
func (a *app) importFrom(kind, from string) (*spec.Feature, []string, error) {
	full := a.path(from)
	info, err := os.Stat(full)
	if err != nil {
		return nil, nil, undecided("", "%v", err)
	}
	dir, base := full, "."
	if !info.IsDir() {
		dir, base = filepath.Dir(full), filepath.Base(full)
	} else if kind != "taskmaster" {
		dir, base = filepath.Dir(full), filepath.Base(full) // the directory's name is part of what a feature is
	}
	fsys := rooted(dir)
	dialects := map[string]spec.Dialect{"spec-kit": spec.SpecKit, "openspec": spec.OpenSpecChange, "outline": spec.Outline, "cc-sdd": spec.CCSDD, "kiro": spec.Kiro}
	if kind == "taskmaster" {
		if info.IsDir() {
			base = ""
			for _, name := range []string{"tasks.json", "tasks/tasks.json", ".taskmaster/tasks/tasks.json"} {
				if _, err := fs.Stat(fsys, name); err == nil {
					base = name
				}
			}
			if base == "" {
				return nil, nil, undecided("spec import taskmaster PATH/tasks.json", "no tasks.json in %s", from)
			}
		}
		f, notes, err := spec.ParseTaskMaster(fsys, base)
		if err != nil {
			return nil, nil, undecided("", "%v", err)
		}
		return f, notes, nil
	}
	dialect, ok := dialects[kind]
	if !ok {
		return nil, nil, undecided("spec import --help", "%q is none of spec-kit, openspec, taskmaster, outline, cc-sdd and kiro", kind)
	}
	if kind == "openspec" && !strings.Contains(filepath.ToSlash(full), "/changes/") {
		dialect = spec.OpenSpec
	}
	f, diags := spec.ParseAs(fsys, base, dialect)
	if len(f.Documents) == 0 || len(f.Requirements)+len(f.Tasks) == 0 {
		return nil, nil, undecided("spec list", "%s holds nothing that reads as %s", from, kind)
	}
	var notes []string
	for _, d := range diags {
		if d.Severity == spec.Error {
			notes = append(notes, fmt.Sprintf("%s%s: %s", place(d), d.Code, d.Message))
		}
	}
	return f, append(notes, leftOut(fsys, base, f)...), nil
}

// leftOut names the files of a directory that are no documents of the specification.
func leftOut(fsys fs.FS, dir string, f *spec.Feature) []string {
	var notes []string
	spec.Walk(fsys, dir, func(name string, d fs.DirEntry) error { // what cannot be listed cannot be named
		if !d.IsDir() && !slices.ContainsFunc(f.Documents, func(doc spec.Document) bool { return doc.Path == name }) && len(notes) < 50 {
			notes = append(notes, name+" is not read; it stays where it is")
		}
		return nil
	})
	return notes
}
