package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

// A target is a feature that was named on the command line, with where it lies.
type target struct {
	root    string // directory of the workspace, absolute
	dir     string // of the feature, slash path relative to root
	feature *spec.Feature
	diags   spec.Diagnostics
	lock    *trace.Lock // empty where there is none
	managed bool        // there is a lock
	fsys    fs.FS       // rooted at root

	external func(feature, task string) bool // tells whether a task of another feature is done
}

// workspaceRoot finds the directory above (or at) -C that holds a workspace.
func (a *app) workspaceRoot() (string, error) {
	for dir := a.dir; ; dir = filepath.Dir(dir) {
		for _, name := range []string{".kiro", ".specify", "openspec"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.IsDir() && !isHomeKiro(dir, name, a.w.env("HOME")) {
				return dir, nil
			}
		}
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil || dir == filepath.Dir(dir) {
			return a.dir, nil
		}
	}
}

// isHomeKiro tells whether a .kiro is the one in the user's home, which is Kiro's own.
func isHomeKiro(dir, name, home string) bool {
	return name == ".kiro" && home != "" && dir == filepath.Clean(home)
}

// open finds and reads the feature that name stands for: a path, or a feature of the workspace.
func (a *app) open(name string) (*target, error) {
	if name == "" {
		return nil, undecided("spec list", "the name of a feature is empty")
	}
	file := name
	if !filepath.IsAbs(file) {
		file = filepath.Join(a.dir, filepath.FromSlash(name))
	}
	root, err := a.workspaceRoot()
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(file); err == nil && (strings.ContainsAny(name, `/\.`) || !info.IsDir()) {
		return a.openPath(root, file)
	}
	loc, err := spec.Locate(rooted(root), ".", filepath.ToSlash(spec.Untyped(name)))
	if err != nil {
		return nil, undecided("spec list", "%v", err)
	}
	return a.read(root, loc.Dir)
}

// untypable tells whether a name with a character would be dangerous in the commands that hints advise: a shell or a terminal
// would obey it.
func untypable(r rune) bool {
	return r == '\n' || r == '\t' || obeyed(r) || strings.ContainsRune("`$;|&<>\"'\\*?", r)
}

// openPath reads a spec that was named by its path, which may lie outside the workspace.
func (a *app) openPath(root, file string) (*target, error) {
	rel, err := filepath.Rel(root, file)
	if err != nil || strings.HasPrefix(rel, "..") {
		root = filepath.Dir(file)
		rel = filepath.Base(file)
	}
	return a.read(root, filepath.ToSlash(rel))
}

func (a *app) read(root, dir string) (*target, error) {
	if i := strings.IndexFunc(dir, untypable); i >= 0 {
		r, _ := utf8.DecodeRuneInString(dir[i:])
		return nil, undecided("give the directory another name: git mv", "the name %q cannot be typed in a command, and is not printed in one: it holds %q", dir, r)
	}
	fsys := rooted(root)
	t := &target{root: root, dir: dir, fsys: fsys, external: a.external(root)}
	t.feature, t.diags = spec.Parse(fsys, dir)
	if doc := t.feature.Document(spec.Tasks); doc != nil && len(doc.Data) > 4<<20 {
		runtime.GC() // the lines of a large document are garbage now: what follows fits in their place instead of beside them
	}
	if len(t.feature.Documents) == 0 {
		for _, d := range t.diags {
			return nil, undecided(first(d.Hint, "spec list"), "%s %s", d.File, d.Message)
		}
		return nil, undecided("spec list", "%s holds no specification that can be read", dir)
	}
	data, err := fs.ReadFile(fsys, path.Join(t.feature.Dir, tasks.LockFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	t.managed = err == nil
	lock, problems := trace.ParseLock(data)
	for _, p := range problems {
		t.diags = append(t.diags, spec.Diagnostic{Code: "SPEC501", Severity: spec.Error, File: path.Join(t.feature.Dir, tasks.LockFile), Line: p.Line, Feature: t.feature.Name,
			Message: p.Message, Hint: "spec verify " + spec.Typed(t.feature.Name)})
	}
	t.lock = lock
	settled := lock.Outcomes()
	for i := range t.feature.Tasks { // a heading has no box: what is done stands in the lock
		task := &t.feature.Tasks[i]
		if out, ok := settled[task.ID]; ok && task.Heading && out.Kind != spec.SkippedTask {
			task.State = spec.Done
		}
	}
	return t, nil
}

// external tells whether a task of another feature is done there: in its lock, or by its box. A feature that cannot be
// found is not done.
func (a *app) external(root string) func(feature, task string) bool {
	known := map[string]*target{}
	return func(feature, task string) bool {
		t, seen := known[feature]
		if !seen {
			if loc, err := spec.Locate(rooted(root), ".", feature); err == nil {
				t, _ = a.read(root, loc.Dir)
			}
			known[feature] = t
		}
		if t == nil || t.feature.Task(task) == nil {
			return false
		}
		out := t.lock.Outcome(task)
		return out.Kind != "" && out.Kind != spec.SkippedTask || t.feature.Task(task).State == spec.Done
	}
}

// plan makes the plan of a target as its lock says what is done.
func (t *target) plan(optional bool) (*plan.Plan, spec.Diagnostics) {
	p, diags := plan.New(t.feature, plan.State{Outcomes: t.lock.Outcomes(), Optional: optional, External: t.external})
	all := append(append(spec.Diagnostics{}, t.diags...), diags...)
	all.Sort()
	return p, all
}

// shown turns a path below a target's root into one relative to -C, for people and JSON.
func (a *app) shown(root string) func(string) string {
	prefix, err := filepath.Rel(a.dir, root)
	return func(name string) string {
		if err != nil || prefix == "." || name == "" {
			return name
		}
		return path.Join(filepath.ToSlash(prefix), name)
	}
}

// relocate rewrites the paths of a target and its findings so that they are relative to -C.
func (a *app) relocate(t *target, diags spec.Diagnostics) {
	show := a.shown(t.root)
	if show("x") == "x" {
		return
	}
	for i := range diags {
		diags[i].File = show(diags[i].File)
		for j := range diags[i].Edits {
			diags[i].Edits[j].Path = show(diags[i].Edits[j].Path)
		}
	}
	for i := range t.feature.Requirements {
		t.feature.Requirements[i].File = show(t.feature.Requirements[i].File)
	}
	for i := range t.feature.Tasks {
		t.feature.Tasks[i].File = show(t.feature.Tasks[i].File)
	}
}

// repository opens the git repository of a workspace.
func (a *app) repository(ctx context.Context, root string) (*git.Repo, error) {
	repo, err := git.Open(ctx, root, a.w.Env)
	if errors.Is(err, git.ErrNoRepository) {
		return nil, undecided("git init", "%v", err)
	}
	var foreign *git.ForeignError
	if errors.As(err, &foreign) {
		return nil, undecided("if it is yours: "+allows(foreign), "%v", err)
	}
	if err != nil {
		return nil, err
	}
	return repo, ownState(ctx, repo)
}

// ownState refuses a repository that brings run logs: answers that nobody here gave, results of tests that did not run here.
func ownState(ctx context.Context, repo *git.Repo) error {
	if _, err := os.Lstat(filepath.Join(repo.Dir, tasks.StateDir)); err != nil {
		return nil
	}
	if err := tasks.OwnState(repo.Dir); err != nil {
		return err
	}
	brought, err := repo.Tracks(ctx, tasks.StateDir)
	if err == nil && brought {
		return undecided("git rm -r -q --cached "+tasks.StateDir+" && rm -r "+tasks.StateDir, "the repository brings %s, where this program keeps what happened here", tasks.StateDir)
	}
	return err
}

// allows is the command that makes a repository name a checkout.
func allows(e *git.ForeignError) string {
	return fmt.Sprintf("git --git-dir %s config core.worktree %s", quoted(e.GitDir), quoted(e.Place))
}

// inRepo gives the workspace root and the feature's directory as slash paths relative to the repository's top.
func (t *target) inRepo(repo *git.Repo) (root, dir string, err error) {
	top, err := filepath.EvalSymlinks(repo.Dir)
	if err != nil {
		return "", "", err
	}
	real, err := filepath.EvalSymlinks(t.root)
	if err != nil {
		return "", "", err
	}
	rel, err := filepath.Rel(top, real)
	if err != nil || strings.HasPrefix(rel, "..") {
		return "", "", undecided("", "%s is not inside the repository %s", t.root, repo.Dir)
	}
	root = filepath.ToSlash(rel)
	return root, path.Join(root, t.feature.Dir), nil
}
