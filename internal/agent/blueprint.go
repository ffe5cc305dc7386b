package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
	"gopkg.in/yaml.v3"

	"spec.example/spec/spec"
)

// A Blueprint is the built-in agent: it carries out the tasks of a specification that this program ships by copying
// the compiled and tested package that lies in its own source, file by file, with import paths rewritten. It needs no
// network and always does the same.
type Blueprint struct {
	files  fs.FS
	module string // our module path, whose prefix is rewritten
	mod    *modfile.File
	sums   []string
	def    definition
}

// definitionFile maps tasks to files.
const definitionFile = "billing/blueprint.yaml"

type definition struct {
	Feature string                   `yaml:"feature"`
	Tasks   map[string]blueprintTask `yaml:"tasks"`
	Graph   []string                 `yaml:"graph"` // modules of which only the go.mod is read
	Local   []string                 `yaml:"local"` // files that stay in our own tree
}

type blueprintTask struct {
	Files    []string           `yaml:"files"`
	Require  []string           `yaml:"require"` // modules that these files need, indirect ones included
	Question *blueprintQuestion `yaml:"question"`
}

type blueprintQuestion struct {
	Text     string            `yaml:"text"`
	Choices  []string          `yaml:"choices"`
	Declines map[string]string `yaml:"declines"` // choice → why the task stops there
}

// NewBlueprint reads the embedded files: go.mod and go.sum at the root, the package, and the map of its tasks.
func NewBlueprint(files fs.FS) (*Blueprint, error) {
	data, err := fs.ReadFile(files, definitionFile)
	if err != nil {
		return nil, err
	}
	b := &Blueprint{files: files}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&b.def); err != nil {
		return nil, fmt.Errorf("%s: %v", definitionFile, err)
	}
	mod, err := fs.ReadFile(files, "go.mod")
	if err != nil {
		return nil, err
	}
	if b.mod, err = modfile.Parse("go.mod", mod, nil); err != nil {
		return nil, err
	}
	b.module = b.mod.Module.Mod.Path
	sums, err := fs.ReadFile(files, "go.sum")
	if err != nil {
		return nil, err
	}
	b.sums = strings.Split(strings.TrimSpace(string(sums)), "\n")
	return b, nil
}

// Name is "blueprint".
func (b *Blueprint) Name() string { return "blueprint" }

// Adjusts is false: it copies what it has.
func (b *Blueprint) Adjusts() bool { return false }

// Modules lists the modules, as path@version, that the tasks need.
func (b *Blueprint) Modules() []string {
	var all []string
	for _, t := range b.def.Tasks {
		for _, path := range t.Require {
			if v := b.version(path); v != "" && !slices.Contains(all, path+"@"+v) {
				all = append(all, path+"@"+v)
			}
		}
	}
	sort.Strings(all)
	return all
}

func (b *Blueprint) version(module string) string {
	for _, r := range b.mod.Require {
		if r.Mod.Path == module {
			return r.Mod.Version
		}
	}
	return ""
}

// Run copies the files of the job's task into its directory.
func (b *Blueprint) Run(ctx context.Context, job Job) (Result, error) {
	task, ok := b.def.Tasks[job.Task]
	if !ok || job.Feature != b.def.Feature {
		return Result{}, &Declined{Reason: fmt.Sprintf("the blueprint knows the tasks of %s, not task %s of %s; choose another agent with --agent", b.def.Feature, job.Task, job.Feature)}
	}
	root, err := os.OpenRoot(job.Dir)
	if err != nil {
		return Result{}, err
	}
	defer root.Close()
	if q := task.Question; q != nil {
		answer, err := job.Ask(ctx, Question{Text: q.Text, Choices: q.Choices})
		if err != nil {
			return Result{}, err
		}
		if why, no := q.Declines[answer.Text]; no {
			return Result{}, &Declined{Reason: why}
		}
		if !slices.Contains(q.Choices, answer.Text) {
			return Result{}, &Declined{Reason: fmt.Sprintf("the blueprint can do %s, not %q; another agent may", strings.Join(q.Choices[:1], ", "), answer.Text)}
		}
	}
	host, err := b.hostMod(ctx, root, job)
	if err != nil {
		return Result{}, err
	}
	for _, name := range task.Files {
		if err := b.copy(root, name, host); err != nil {
			return Result{}, fmt.Errorf("copying %s: %v", name, err)
		}
	}
	if err := b.require(root, task.Require); err != nil {
		return Result{}, err
	}
	return Result{Said: fmt.Sprintf("copied %d files of the billing blueprint", len(task.Files))}, nil
}

// hostMod returns the host's module path, after asking whether a go directive that is too old may be raised.
func (b *Blueprint) hostMod(ctx context.Context, root *os.Root, job Job) (string, error) {
	data, err := root.ReadFile("go.mod")
	if errors.Is(err, fs.ErrNotExist) {
		return "", &Declined{Reason: "the blueprint needs a Go module: there is no go.mod (go mod init example.org/yourproject)"}
	}
	if err != nil {
		return "", err
	}
	f, err := modfile.Parse("go.mod", data, nil)
	if err != nil || f.Module == nil {
		return "", &Declined{Reason: fmt.Sprintf("the host's go.mod cannot be read: %v", err)}
	}
	want := b.mod.Go.Version
	have := ""
	if f.Go != nil {
		have = f.Go.Version
	}
	if have != "" && semver.Compare(goSemver(have), goSemver(want)) >= 0 {
		return f.Module.Mod.Path, nil
	}
	raise, stop := "Raise it to "+want, "Leave it; stop here"
	answer, err := job.Ask(ctx, Question{Text: fmt.Sprintf("The project's go.mod says go %s; the billing package needs go %s. Raise it?", first(have, "nothing"), want), Choices: []string{raise, stop}})
	if err != nil {
		return "", err
	}
	if answer.Text != raise {
		return "", &Declined{Reason: "the project's go directive stays older than what the billing package needs (go " + want + ")"}
	}
	if err := f.AddGoStmt(want); err != nil {
		return "", err
	}
	out, err := f.Format()
	if err != nil {
		return "", err
	}
	return f.Module.Mod.Path, root.WriteFile("go.mod", out, 0o644)
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// goSemver makes a version of semver's form from one of Go's: "1.26" is v1.26.0, "1.21rc2" is v1.21.0-rc2.
func goSemver(v string) string {
	for _, pre := range []string{"rc", "beta"} {
		if i := strings.Index(v, pre); i > 0 {
			return "v" + strings.TrimSuffix(v[:i], ".") + ".0-" + v[i:]
		}
	}
	return "v" + v
}

// copy writes one embedded file below the host's root, with the import paths of a Go file rewritten.
//
// spec:workflow/3.5
func (b *Blueprint) copy(root *os.Root, name, host string) error {
	data, err := fs.ReadFile(b.files, name)
	if err != nil {
		return err
	}
	if path.Ext(name) == ".go" {
		if data, err = Rewrite(name, data, b.module, host); err != nil {
			return err
		}
	}
	if err := root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o755); err != nil {
		return err
	}
	return root.WriteFile(filepath.FromSlash(name), data, 0o644)
}

// Rewrite replaces the module path from by to in the import paths of a Go file, at the positions where the parser found
// them; nothing else in the file changes.
//
// spec:workflow/3.5
func Rewrite(name string, src []byte, from, to string) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	last := 0
	for _, imp := range file.Imports {
		value, err := strconv.Unquote(imp.Path.Value)
		if err != nil || value != from && !strings.HasPrefix(value, from+"/") {
			continue
		}
		start := fset.Position(imp.Path.Pos()).Offset
		out.Write(src[last:start])
		out.WriteString(strconv.Quote(to + strings.TrimPrefix(value, from)))
		last = fset.Position(imp.Path.End()).Offset
	}
	out.Write(src[last:])
	return out.Bytes(), nil
}

// require adds modules to the host's go.mod, at our versions or the host's where these are higher, and what go.sum has
// to say of them.
//
// spec:workflow/3.5
func (b *Blueprint) require(root *os.Root, modules []string) error {
	if len(modules) == 0 {
		return nil
	}
	data, err := root.ReadFile("go.mod")
	if err != nil {
		return err
	}
	f, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return err
	}
	for _, module := range modules {
		if err := b.requireOne(f, module); err != nil {
			return err
		}
	}
	f.SortBlocks()
	f.Cleanup()
	out, err := f.Format()
	if err != nil {
		return err
	}
	if err := root.WriteFile("go.mod", out, 0o644); err != nil {
		return err
	}
	sums, err := root.ReadFile("go.sum")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return root.WriteFile("go.sum", b.joinSums(string(sums), modules), 0o644)
}

// requireOne adds a module that the host lacks, or has in a lower version.
//
// spec:workflow/3.5
func (b *Blueprint) requireOne(f *modfile.File, module string) error {
	for _, ours := range b.mod.Require {
		if ours.Mod.Path != module {
			continue
		}
		for _, theirs := range f.Require {
			if theirs.Mod.Path != module {
				continue
			}
			if semver.Compare(theirs.Mod.Version, ours.Mod.Version) >= 0 {
				return nil
			}
			return f.AddRequire(module, ours.Mod.Version)
		}
		f.AddNewRequire(module, ours.Mod.Version, ours.Indirect)
		return nil
	}
	return fmt.Errorf("the blueprint names module %s, which our go.mod lacks", module)
}

// joinSums adds our lines for the modules to a go.sum: the hash of each module, and the hashes of the go.mod files that
// the module graph reads besides.
func (b *Blueprint) joinSums(sums string, modules []string) []byte {
	lines := strings.FieldsFunc(sums, func(r rune) bool { return r == '\n' || r == '\r' })
	for _, line := range b.sums {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		known := slices.Contains(modules, f[0])
		if known || strings.HasSuffix(f[1], "/go.mod") && slices.Contains(b.def.Graph, f[0]) {
			lines = append(lines, line)
		}
	}
	sort.Strings(lines)
	return []byte(strings.Join(slices.Compact(lines), "\n") + "\n")
}

// SpecFiles returns the documents of a shipped specification for a new project: every box empty, and without the facts
// (spec.lock, decisions.md) that are ours.
func SpecFiles(files fs.FS, dir string) (map[string][]byte, error) {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, err
	}
	found := map[string][]byte{}
	for _, e := range entries {
		if e.IsDir() || e.Name() == "spec.lock" || e.Name() == "decisions.md" {
			continue
		}
		data, err := fs.ReadFile(files, path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		found[e.Name()] = data
	}
	f, _ := spec.Parse(files, dir)
	for _, t := range f.Tasks {
		if data := found[path.Base(t.File)]; t.BoxOffset >= 0 && t.BoxOffset < len(data) {
			data[t.BoxOffset] = ' '
		}
	}
	return found, nil
}
