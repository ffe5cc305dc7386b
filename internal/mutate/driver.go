package mutate

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

// driverFile is the test file that a package gets, external the one of its external tests.
const (
	helperPackage = "zz_spec_mutant"
	driverFile    = "zz_spec_driver_test.go"
	externalFile  = "zz_spec_external_test.go"
)

// helper is the package that all mutated packages of a module share, with room for so many mutants. Which of them are
// reached is noted while nothing is broken: by the process that drives the tests in its memory, by all others in a file.
func helper(mutants int) []byte {
	return fmt.Appendf(nil, `package zz_spec_mutant

import (
	"os"
	"strconv"
	"strings"
)

// State is a file that holds what is on: for processes that are started without our variables. Beside it lie one where
// any process has reached the mutant, and one of the mutants that were reached while that is noted.
var State string

// Mutant is the one that is on; hit tells whether this process reached it.
var (
	Mutant, Noting = start()
	Driving        bool
	hit            bool
	reached        [%d]bool
	Tests          = map[string]any{}
)

func start() (int, bool) {
	if s, ok := os.LookupEnv("SPEC_MUTANT"); ok {
		return parse(s)
	}
	data, _ := os.ReadFile(State)
	return parse(string(data))
}

func parse(s string) (int, bool) {
	number, noting := strings.CutSuffix(s, " noting")
	n, _ := strconv.Atoi(number)
	return n, noting
}

func Note() bool {
	if !hit && State != "" {
		hit = true
		os.WriteFile(State+".hit", nil, 0o666)
	}
	return true
}

// Reach notes a mutant that a process comes by.
func Reach(n int) bool {
	if !reached[n] {
		reached[n] = true
		if !Driving && State != "" {
			if f, err := os.OpenFile(State+".reached", os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666); err == nil {
				f.WriteString(strconv.Itoa(n) + "\n")
				f.Close()
			}
		}
	}
	return false
}

// Reached lists what was reached since the last call.
func Reached() (list []string) {
	for n, ok := range reached {
		if ok {
			list = append(list, strconv.Itoa(n))
		}
	}
	reached = [len(reached)]bool{}
	data, _ := os.ReadFile(State + ".reached")
	os.Remove(State + ".reached")
	return append(list, strings.Fields(string(data))...)
}

// On switches one on.
func On(s string) {
	os.Remove(State + ".hit")
	os.WriteFile(State, []byte(s), 0o666)
	Mutant, Noting = parse(s)
	hit = false
	os.Setenv("SPEC_MUTANT", s)
}

func Hit() bool {
	_, err := os.Stat(State + ".hit")
	return hit || err == nil
}
`, mutants+1)
}

// driverSource reads from standard input which test is to be run with which mutant, and says what became of it. A test runs
// under the name that it has, by which it may look up files. What it makes of the standard output, and where it goes, ends with it.
const driverSource = `
func TestSpecMutants(t *testing.T) {
	input, stdout, stderr := bufio.NewReader(os.Stdin), os.Stdout, os.Stderr
	if null, err := os.Open(os.DevNull); err == nil {
		os.Stdin = null
	}
	say := func(word string, list []string) {
		for len(list) > 0 {
			n := len(list)
			if n > 200 {
				n = 200
			}
			fmt.Fprintf(stdout, "\nspec-mutant: %s %s\n", word, strings.Join(list[:n], " "))
			list = list[n:]
		}
	}
	shared := func() (list []string) {
		for _, v := range os.Environ() {
			if strings.HasPrefix(v, "SPEC_SHARED_") {
				list = append(list, strconv.Quote(v))
			}
		}
		return list
	}
	given, chosen := shared(), flag.Lookup("test.run")
	home, _ := os.Getwd()
	zz_spec_mutant.Driving = true
	fmt.Fprintf(stdout, "\nspec-mutant: process %d\n", os.Getpid())
	say("early", zz_spec_mutant.Reached())
	for {
		line, err := input.ReadString('\n')
		if err != nil {
			return
		}
		name, state, _ := strings.Cut(strings.TrimSpace(line), " ")
		fmt.Fprintf(stdout, "\nspec-mutant: begins %s", line)
		os.Stdout, os.Stderr = stdout, stderr
		os.Chdir(home)
		zz_spec_mutant.On(state)
		var skipped, panicked atomic.Bool
		f, found := zz_spec_mutant.Tests[name].(func(*testing.T))
		chosen.Value.Set("^" + name + "$")
		ok := found && testing.RunTests(regexp.MatchString, []testing.InternalTest{{Name: name, F: func(t *testing.T) {
			defer func() {
				if v := recover(); v != nil {
					panicked.Store(true)
					t.Errorf("panic: %v", v)
				}
				skipped.Store(t.Skipped())
			}()
			f(t)
		}}})
		word := "fail"
		switch {
		case !found || ok && skipped.Load():
			word = "skip"
		case ok:
			word = "pass"
		case panicked.Load():
			word = "panic"
		}
		if zz_spec_mutant.Noting {
			say("reached", zz_spec_mutant.Reached())
		}
		for _, v := range shared() {
			if !slices.Contains(given, v) {
				fmt.Fprintf(stdout, "\nspec-mutant: shares %s\n", v)
			}
		}
		fmt.Fprintf(stdout, "\nspec-mutant: ends %s %v\n", word, zz_spec_mutant.Hit())
		zz_spec_mutant.Mutant, zz_spec_mutant.Noting = 0, false // what still runs has no part in what others find
	}
}
`

// testFunctions lists the functions of a package that go test calls as tests, its own and those of its external tests.
func testFunctions(dir string, tags []string) (pkg string, own, external []string) {
	ctx := build.Default
	ctx.BuildTags = tags
	p, err := ctx.ImportDir(dir, 0)
	if err != nil && p == nil {
		return "", nil, nil
	}
	list := func(files []string) (names []string) {
		for _, name := range files {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				continue
			}
			pkg = strings.TrimSuffix(f.Name.Name, "_test")
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Type.TypeParams == nil && strings.HasPrefix(fn.Name.Name, "Test") && fn.Name.Name != "TestMain" && len(fn.Type.Params.List) == 1 && fn.Type.Results == nil {
					names = append(names, fn.Name.Name)
				}
			}
		}
		return names
	}
	own, external = list(p.TestGoFiles), list(p.XTestGoFiles)
	if p.Name != "" {
		pkg = p.Name
	}
	return pkg, own, external
}

// buildTags are those that GOFLAGS sets for every build.
func buildTags(env []string) (tags []string) {
	for _, v := range env {
		flags, ok := strings.CutPrefix(v, "GOFLAGS=")
		if !ok {
			continue
		}
		tags = nil
		for _, f := range strings.Fields(flags) {
			if list, ok := strings.CutPrefix(strings.TrimLeft(f, "-"), "tags="); ok {
				tags = strings.Split(list, ",")
			}
		}
	}
	return tags
}

// drivers are the files that the tests of a directory get, by name.
func (p *Prover) drivers(dir string) map[string][]byte {
	pkg, own, external := testFunctions(dir, buildTags(p.Env))
	files := map[string][]byte{}
	write := func(name, pkg string, tests []string, driver bool) {
		var b bytes.Buffer
		fmt.Fprintf(&b, "package %s\n\nimport (\n", pkg)
		if driver {
			for _, path := range []string{"bufio", "flag", "fmt", "os", "regexp", "slices", "strconv", "strings", "sync/atomic", "testing"} {
				fmt.Fprintf(&b, "\t%q\n", path)
			}
		}
		fmt.Fprintf(&b, "\t%q\n)\n\nfunc init() {\n", p.module+"/"+helperPackage)
		for _, n := range tests {
			fmt.Fprintf(&b, "\tzz_spec_mutant.Tests[%q] = %s\n", n, n)
		}
		b.WriteString("}\n")
		if driver {
			b.WriteString(driverSource)
		}
		files[name] = b.Bytes()
	}
	if len(own) > 0 {
		write(driverFile, pkg, own, true)
	}
	if len(external) > 0 {
		write(externalFile, pkg+"_test", external, len(own) == 0)
	}
	p.driven[dir] = map[string]bool{}
	for _, n := range append(own, external...) {
		p.driven[dir][n] = true
	}
	return files
}
