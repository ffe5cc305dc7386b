package tasks

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/modfile"

	"spec.example/spec/internal/trace"
)

// Verification is what the configuration says of verify; an empty command is detected.
type Verification struct {
	Fetch, Build, Test, Landing string
	Timeout                     time.Duration // of each step; default 30 minutes
	Tags                        string        // build tags for go
	NoBuild                     bool          // the test command builds what it needs
	NoFetch                     bool          // what is depended on lies there already
	JUnit                       string        // where a runner other than go test writes its report, a path or pattern
	Coverage                    string        // where the tests write their coverage, a path or pattern; "" for go's own measure
	Env                         []string      // variables that the commands get beside the usual
	Part                        Part          // of the tests; the zero value for all
}

// A Part is which tests are wanted. What the command cannot be told is run too.
type Part struct {
	GoArgs []string      // in the place of the arguments of a plain go test
	Tests  []*trace.Test // where the command is a preset's, it runs only the files of these
}

// A Runner is the command line of a verification: what fetches dependencies, builds, and tests.
type Runner struct {
	From    string // what it was read from: "go.mod", "configuration"
	Fetch   []Line
	Build   []Line
	Test    []Line
	GoTests bool     // the test line is `go test` and gives a result for each test
	GoArgs  []string // its arguments
	GoDirs  []string // the directories of the modules to run it in, where that is not the root
	GoTags  string
	Part    bool   // another runner runs a part of the tests
	JUnit   string // where another runner writes its report, a path or pattern; "" for nowhere
	Env     []string
	Timeout time.Duration
}

// A Line is one command: a program with its arguments, or a shell line.
type Line struct {
	Argv  []string
	Shell string
	Args  []string // behind Shell, as they are
}

func (l Line) String() string {
	if l.Shell != "" {
		text := l.Shell
		for _, arg := range l.Args {
			text += " " + quoted(arg)
		}
		return text
	}
	return strings.Join(l.Argv, " ")
}

func (l Line) argv() []string {
	if len(l.Args) > 0 {
		return append([]string{"sh", "-c", l.Shell + ` "$@"`, "sh"}, l.Args...)
	}
	if l.Shell != "" {
		return []string{"sh", "-c", l.Shell}
	}
	return l.Argv
}

// Empty tells whether there is nothing to run.
func (r *Runner) Empty() bool { return len(r.Fetch)+len(r.Build)+len(r.Test) == 0 }

// Detect finds out how a tree is verified: by the configuration, else by what lies at its root. An empty Runner means
// that there is nothing to verify yet. It fails on a command that passes on anything.
func Detect(fsys fs.FS, root string, v Verification) (Runner, error) {
	r := detect(fsys, root)
	for _, set := range []struct {
		name, line string
		to         *[]Line
	}{{"fetch", v.Fetch, &r.Fetch}, {"build", v.Build, &r.Build}, {"test", v.Test, &r.Test}} {
		if set.line == "" {
			continue
		}
		if hollow(set.line) {
			return Runner{}, fmt.Errorf("verify.%s: %q passes on anything", set.name, set.line)
		}
		*set.to = []Line{{Shell: set.line}}
		if set.name == "test" {
			r.JUnit = ""
			r.GoTests, r.GoArgs = goTest(set.line)
			r.From = "configuration"
			if v.Build == "" && !r.GoTests {
				r.Build = nil // a configured test command is trusted to build what it needs
			}
			if v.Fetch == "" && !r.GoTests {
				r.Fetch = nil
			}
		}
	}
	if v.JUnit != "" {
		r.JUnit = v.JUnit
	}
	if v.NoBuild {
		r.Build = nil
	}
	if v.NoFetch {
		r.Fetch = nil
	}
	r.GoTags, r.Env, r.Timeout = v.Tags, v.Env, v.Timeout
	if len(v.Part.GoArgs) > 0 && r.GoTests {
		r.GoArgs = v.Part.GoArgs
	}
	if part := narrowed(r.Test, v.Part.Tests); part != nil {
		r.Test, r.Part = part, true
	}
	return r, nil
}

func detect(fsys fs.FS, root string) Runner {
	has := func(name string) bool {
		_, err := fs.Stat(fsys, path.Join(root, name))
		return err == nil
	}
	argv := func(words ...string) []Line { return []Line{{Argv: words}} }
	switch {
	case has("go.mod"):
		if r := goModules(fsys, root); r.From == "go.work" && len(r.GoDirs) > 1 && slices.Contains(r.GoDirs, ".") {
			return r
		}
		return Runner{From: "go.mod", Fetch: argv("go", "mod", "download"), Build: []Line{{Argv: []string{"go", "build", "./..."}}, {Argv: []string{"go", "vet", "./..."}}},
			Test: argv("go", "test", "./..."), GoTests: true, GoArgs: []string{"./..."}}
	case has("Cargo.toml"):
		return Runner{From: "Cargo.toml", Fetch: argv("cargo", "fetch"), Build: argv("cargo", "build", "--offline", "--all-targets"), Test: []Line{{Shell: cargoReport}}, JUnit: cargoOutput}
	case has("package.json"):
		r := Runner{From: "package.json", Test: argv("npm", "test")}
		if line := packageTest(fsys, root); line != "" {
			r.Test, r.JUnit = []Line{{Shell: line}}, reportFile
		}
		if has("package-lock.json") {
			r.Fetch = argv("npm", "ci", "--ignore-scripts")
		}
		return r
	case has("pyproject.toml"):
		return Runner{From: "pyproject.toml", Test: []Line{{Shell: pytestReport}}, JUnit: reportFile}
	case has("Makefile"):
		if data, err := fs.ReadFile(fsys, path.Join(root, "Makefile")); err == nil && strings.Contains("\n"+string(data), "\ntest:") {
			return Runner{From: "Makefile", Test: argv("make", "test")}
		}
	}
	return goModules(fsys, root)
}

// goModules verifies the Go modules that a go.work at the root uses, else those that lie below it.
func goModules(fsys fs.FS, root string) Runner {
	r := Runner{From: "go.work", GoTests: true, GoArgs: []string{"./..."}}
	if data, err := fs.ReadFile(fsys, path.Join(root, "go.work")); err == nil {
		work, err := modfile.ParseWork("go.work", data, nil)
		if err != nil {
			return Runner{From: "go.work", Build: []Line{{Argv: []string{"go", "work", "edit", "-json"}}}} // go says what is wrong with it
		}
		for _, use := range work.Use {
			if dir := path.Clean(use.Path); fs.ValidPath(dir) {
				r.GoDirs = append(r.GoDirs, dir)
			}
		}
	} else {
		r.GoDirs = modulesBelow(fsys, root)
		if len(r.GoDirs) > 0 {
			r.From = path.Join(r.GoDirs[0], "go.mod")
		}
	}
	r.GoDirs = slices.DeleteFunc(r.GoDirs, func(dir string) bool { return !hasGo(fsys, path.Join(root, dir)) })
	if len(r.GoDirs) == 0 {
		return Runner{}
	}
	var tests []string
	for _, dir := range r.GoDirs {
		in := []string{"go", "-C", dir}
		if r.From == "go.work" { // there go mod download would write go.work.sum
			r.Fetch = append(r.Fetch, Line{Shell: `GOCACHE="$GOTMPDIR" go -C ` + quoted(dir) + " list -e -deps -test ./... >/dev/null"})
		} else {
			r.Fetch = append(r.Fetch, Line{Argv: slices.Concat(in, []string{"mod", "download"})})
		}
		r.Build = append(r.Build, Line{Argv: slices.Concat(in, []string{"build", "./..."})}, Line{Argv: slices.Concat(in, []string{"vet", "./..."})})
		tests = append(tests, "go -C "+quoted(dir)+" test ./...")
	}
	r.Test = []Line{{Shell: strings.Join(tests, " && ")}}
	return r
}

// modulesBelow lists the directories of Go modules that lie at most three deep, but for those that go leaves out.
func modulesBelow(fsys fs.FS, root string) (dirs []string) {
	const deep, most = 3, 50
	fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		rel, base := name, path.Base(name)
		if root != "." {
			rel = strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
		}
		switch {
		case err != nil || len(dirs) == most:
			return fs.SkipDir
		case d.IsDir() && name != root && (strings.Count(rel, "/") >= deep || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || slices.Contains([]string{"testdata", "vendor", "node_modules"}, base)):
			return fs.SkipDir
		case base == "go.mod" && d.Type().IsRegular():
			dirs = append(dirs, path.Dir(rel))
		}
		return nil
	})
	return dirs
}

// hasGo tells whether a module holds a package: go vet fails where there is none, as of one that only lists tools.
func hasGo(fsys fs.FS, dir string) bool {
	found, looked := false, 0
	fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		looked++
		base := path.Base(name)
		switch {
		case err != nil || looked > 10_000:
			return fs.SkipDir
		case d.IsDir() && name != dir:
			if _, err := fs.Stat(fsys, path.Join(name, "go.mod")); err == nil || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "vendor" {
				return fs.SkipDir
			}
		case path.Ext(base) == ".go" && !strings.HasPrefix(base, ".") && !strings.HasPrefix(base, "_") && d.Type().IsRegular():
			src, err := fs.ReadFile(fsys, name)
			if found = err == nil && !leftOut().Match(src); found {
				return fs.SkipAll
			}
		}
		return nil
	})
	return found
}

// quoted writes a directory for a shell, where it has to be.
func quoted(dir string) string {
	if strings.Trim(dir, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") == "" {
		return dir
	}
	return "'" + strings.ReplaceAll(dir, "'", `'\''`) + "'"
}

// leftOut is what a file begins with that no build takes.
var leftOut = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^//go:build (tools|ignore)\s*$`) })

// A goRun is one go test: where it runs, and its arguments.
type goRun struct {
	dir  string // "" for the root
	args []string
}

// goRuns are the runs of go test that a verification makes. Packages are named from the root, ./svc/api, and belong to the module
// that they lie in; a module of which none is named is not run.
func (r *Runner) goRuns() (runs []goRun) {
	if len(r.GoDirs) == 0 {
		return []goRun{{args: r.GoArgs}}
	}
	for _, dir := range r.GoDirs {
		run, named := goRun{dir: dir}, false
		for _, arg := range r.GoArgs {
			in, below := strings.CutPrefix(arg, strings.TrimSuffix("./"+dir, "/."))
			switch {
			case arg == "./..." || !strings.HasPrefix(arg, "./"):
				run.args = append(run.args, arg)
				named = named || arg == "./..."
			case below && (in == "" || in[0] == '/') && dir == r.moduleOf(arg):
				run.args, named = append(run.args, "."+in), true
			}
		}
		if named {
			runs = append(runs, run)
		}
	}
	return runs
}

// moduleOf is the directory of the module that a package lies in.
func (r *Runner) moduleOf(pkg string) (in string) {
	longest := -1
	for _, dir := range r.GoDirs {
		below := strings.TrimPrefix(dir+"/", "./") // "" for the root
		if strings.HasPrefix(pkg+"/", "./"+below) && len(below) > longest {
			in, longest = dir, len(below)
		}
	}
	return in
}

// packageTest is the test script of a package with a report asked for; see reporting.
func packageTest(fsys fs.FS, root string) string {
	data, err := fs.ReadFile(fsys, path.Join(root, "package.json"))
	if err != nil || len(data) > 1<<20 {
		return ""
	}
	var p struct {
		Scripts         map[string]string
		Dependencies    map[string]string
		DevDependencies map[string]string
	}
	if json.Unmarshal(data, &p) != nil || p.Scripts["pretest"] != "" || p.Scripts["posttest"] != "" {
		return ""
	}
	return reporting(p.Scripts["test"], func(module string) bool { return p.Dependencies[module] != "" || p.DevDependencies[module] != "" })
}

// goTest tells whether a line is a plain `go test` whose results can be read test by test, and its arguments.
func goTest(line string) (bool, []string) {
	f := strings.Fields(line)
	if len(f) < 2 || f[0] != "go" || f[1] != "test" || strings.ContainsAny(line, "|&;<>$`\"'()\\") {
		return false, nil
	}
	return true, f[2:]
}

// smallerStep tells whether a task's own verify command may run without being trusted: a go test of packages below the
// workspace, with flags that choose among the tests. That runs nothing that the whole verification would not run.
func smallerStep(line string) bool {
	plain, args := goTest(line)
	packages := 0
	for i := 0; plain && i < len(args); i++ {
		name, _, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		switch {
		case !strings.HasPrefix(args[i], "-"):
			if args[i] != "." && !strings.HasPrefix(args[i], "./") || strings.Contains(args[i]+"/", "/../") {
				return false
			}
			packages++
		case name == "run" || name == "skip" || name == "timeout":
			if !joined {
				i++
			}
		case name == "race" || name == "short" || name == "v":
		default:
			return false
		}
	}
	return plain && packages > 0
}
