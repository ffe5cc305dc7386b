package tasks

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A Go file has a power when it can decide how a test ends, which tests run, or whether it is being tested, beside what
// assertions say. A power that a change brings is a risk; one that the file had already is not news.

// gained lists the powers that a Go file has more often after a change than before.
func gained(name string, before, after []byte) []string {
	had, has := powers(name, before), powers(name, after)
	var out []string
	for what, n := range has {
		if n > had[what] {
			out = append(out, what)
		}
	}
	slices.Sort(out)
	return out
}

const (
	powerMain    = "brings or changes a TestMain, which decides what tests run"
	powerEarly   = "runs before all tests"
	powerEnds    = "ends the program from outside of main"
	powerFlags   = "reads or sets the flags of the test program"
	powerArgs    = "asks for the program's own name or arguments"
	powerCaller  = "asks who called it"
	powerTested  = "asks whether it is being tested"
	powerVar     = "asks for a variable of verification"
	powerEnv     = "reads variables by a name that is not written out"
	powerLow     = "goes below Go's own rules"
	powerReport  = "prints what reads as the report of a test"
	powerPlace   = "asks where it is run"
	powerExpects = "is code that reads what tests compare with"
	powerPanics  = "passes over what panics"
	powerTesting = "is code that is linked with testing"
	powerFake    = "calls another package testing"
	powerRedeclf = "declares anew what Go itself declares: "
)

// selected are the functions of the standard library that give a power, by import path.
var selected = sync.OnceValue(func() map[string]map[string]string {
	return map[string]map[string]string{
		"os": {"Exit": powerEnds, "Args": powerArgs, "Executable": powerArgs, "Getwd": powerPlace, "Hostname": powerPlace, "Getppid": powerPlace, "Environ": powerEnv, "Expand": powerEnv, "ExpandEnv": powerEnv},
		"syscall": {"Exit": powerEnds, "Exec": powerEnds, "Kill": powerEnds, "Getenv": powerEnv, "Environ": powerEnv, "RawSyscall": powerLow, "RawSyscall6": powerLow,
			"Syscall": powerLow, "Syscall6": powerLow, "Syscall9": powerLow, "ForkExec": powerLow, "PtraceAttach": powerLow, "Dup2": powerLow, "Dup3": powerLow, "Mmap": powerLow, "Mprotect": powerLow},
		"runtime":       {"Goexit": powerEnds, "Caller": powerCaller, "Callers": powerCaller, "CallersFrames": powerCaller, "FuncForPC": powerCaller, "Stack": powerCaller, "GoroutineProfile": powerCaller},
		"runtime/debug": {"Stack": powerCaller, "PrintStack": powerCaller, "ReadBuildInfo": powerCaller},
		"runtime/pprof": {"Lookup": powerCaller},
		"flag":          {"Set": powerFlags, "Lookup": powerFlags, "CommandLine": powerFlags, "Parse": powerFlags, "Parsed": powerFlags, "Visit": powerFlags, "VisitAll": powerFlags, "Args": powerFlags, "Arg": powerFlags},
		"testing":       {"Testing": powerTested, "Init": powerFlags, "Main": powerMain, "MainStart": powerMain, "RunTests": powerMain},
	}
})

var (
	verificationVar = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(CI|SPEC_.*|GO_?TEST.*|GOCOVERDIR|GOFLAGS|TMPDIR|.*_WORKER_ID|TESTING|TEST|TESTS|UNDER_TEST|GITHUB_ACTIONS|GITLAB_CI)$`)
	})
	ofTests = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\.test(\.exe)?$|^-?test\.[a-z]+|testing\.[a-zA-Z(]|gocoverdir|paniconexit|^_test(\.go)?$|^go-build|sandbox-(test|exec|run)|^/proc/|^/dev/shm`)
	})
	report = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile("\x16|^(\\s|\\\\n)*(--- (PASS|FAIL|SKIP)|=== (RUN|PAUSE|CONT|NAME)|PASS$|ok  )")
	})
)

// predeclared are names that mean something everywhere; min, max, clear and any, which are younger, are often declared.
func predeclared() []string {
	return []string{"true", "false", "nil", "iota", "append", "cap", "close", "complex", "copy", "delete", "imag", "len", "make", "new", "panic", "print", "println", "real",
		"recover", "bool", "byte", "error", "float32", "float64", "int", "int8", "int16", "int32", "int64", "rune", "string", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr", "comparable"}
}

// powers counts what a file can do; none for one that does not parse, which does not build either.
func powers(name string, src []byte) map[string]int {
	found := map[string]int{}
	if src == nil {
		return found
	}
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return found
	}
	p := &powerCount{found: found, test: strings.HasSuffix(name, "_test.go"), main: f.Name.Name == "main", imports: map[string]string{}, consts: map[string]string{}}
	p.readImports(f)
	p.readConsts(f)
	for _, d := range f.Decls {
		p.decl(d)
	}
	ast.Inspect(f, func(n ast.Node) bool { p.node(n); return true })
	for _, group := range f.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:linkname") || strings.HasPrefix(c.Text, "//go:cgo_") {
				found[powerLow]++
			}
			if rest, ok := strings.CutPrefix(c.Text, "//go:embed "); ok && !p.test && slices.ContainsFunc(strings.Fields(rest), keepsExpectations) {
				found[powerExpects]++
			}
		}
	}
	return found
}

type powerCount struct {
	found   map[string]int
	test    bool
	main    bool
	imports map[string]string // local name → path
	consts  map[string]string // string constants of the file
}

func (p *powerCount) readImports(f *ast.File) {
	for _, i := range f.Imports {
		target, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue
		}
		local := importName(i)
		if local == "" {
			local = path.Base(target)
		}
		p.imports[local] = target
		switch {
		case target == "C" || target == "unsafe" || target == "plugin":
			p.found[powerLow]++
		case target == "testing" && !p.test:
			p.found[powerTesting]++
		case local == "testing" && target != "testing":
			p.found[powerFake]++
		case local == "." && selected()[target] != nil:
			p.found[powerLow]++
		}
	}
}

func (p *powerCount) readConsts(f *ast.File) {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			for i, n := range v.Names {
				if i < len(v.Values) {
					if text, ok := p.text(v.Values[i]); ok {
						p.consts[n.Name] = text
					}
				}
			}
		}
	}
}

// text folds an expression of string literals and constants.
func (p *powerCount) text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		}
	case *ast.Ident:
		text, ok := p.consts[e.Name]
		return text, ok
	case *ast.ParenExpr:
		return p.text(e.X)
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			a, ok := p.text(e.X)
			b, both := p.text(e.Y)
			return a + b, ok && both
		}
	}
	return "", false
}

func (p *powerCount) decl(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			p.declares(d.Name.Name)
		}
		switch {
		case p.test && d.Recv == nil && d.Name.Name == "TestMain":
			p.found[powerMain]++
		case p.test && d.Recv == nil && d.Name.Name == "init":
			p.found[powerEarly]++
		case d.Body == nil:
			p.found[powerLow]++ // its body is elsewhere: assembly, or another package's inside
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				p.declares(s.Name.Name)
			case *ast.ValueSpec:
				for _, n := range s.Names {
					p.declares(n.Name)
				}
				for _, v := range s.Values {
					call, ok := v.(*ast.CallExpr)
					if !ok || !p.test {
						continue
					}
					if _, inline := call.Fun.(*ast.FuncLit); inline || s.Names[0].Name == "_" {
						p.found[powerEarly]++
					}
				}
			}
		}
	}
}

func (p *powerCount) declares(name string) {
	if slices.Contains(predeclared(), name) {
		p.found[powerRedeclf+name]++
	}
}

func (p *powerCount) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		p.call(n)
	case *ast.ExprStmt: // what it recovered from is not even looked at
		if call, ok := n.X.(*ast.CallExpr); ok && p.test {
			if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "recover" {
				p.found[powerPanics]++
			}
		}
	case *ast.SelectorExpr:
		p.selector(n)
	case *ast.BinaryExpr:
		if text, ok := p.text(n); ok {
			p.literal(text)
		}
	case *ast.BasicLit:
		if n.Kind == token.STRING {
			if text, err := strconv.Unquote(n.Value); err == nil {
				p.literal(text)
			}
		}
	}
}

func (p *powerCount) literal(text string) {
	switch {
	case !p.test && ofTests().MatchString(text):
		p.found[powerTested]++
	case !p.test && keepsExpectations(text):
		p.found[powerExpects]++
	case report().MatchString(text):
		p.found[powerReport]++
	}
}

// keepsExpectations tells whether a text is a path of what only tests compare with.
func keepsExpectations(text string) bool {
	text = strings.Trim(strings.TrimPrefix(text, "all:"), "`\"")
	if strings.ContainsAny(text, " \n") {
		return false
	}
	for part := range strings.SplitSeq(text, "/") {
		if slices.Contains([]string{"testdata", "__fixtures__", "__snapshots__"}, part) {
			return true
		}
	}
	return strings.Contains(text, "/") && slices.Contains([]string{".golden", ".snap"}, path.Ext(text))
}

func (p *powerCount) selector(n *ast.SelectorExpr) {
	owner, ok := n.X.(*ast.Ident)
	if !ok {
		return
	}
	target := p.imports[owner.Name]
	if strings.HasPrefix(target, "golang.org/x/sys/") {
		target = "syscall"
	}
	what := selected()[target][n.Sel.Name]
	if p.main && !p.test && slices.Contains([]string{powerEnds, powerArgs, powerFlags, powerPlace}, what) {
		return // what a main is for
	}
	if p.test && (what == powerEnv || what == powerCaller || what == powerPlace) {
		return // tests look for their fixtures
	}
	if what != "" {
		p.found[what]++
	}
}

// call looks at what variables of the environment are read.
func (p *powerCount) call(n *ast.CallExpr) {
	f, ok := n.Fun.(*ast.SelectorExpr)
	if !ok || p.test {
		return
	}
	owner, ok := f.X.(*ast.Ident)
	if !ok || p.imports[owner.Name] != "os" || f.Sel.Name != "Getenv" && f.Sel.Name != "LookupEnv" || len(n.Args) != 1 {
		return
	}
	name, known := p.text(n.Args[0])
	switch {
	case !known:
		p.found[powerEnv]++
	case verificationVar().MatchString(name):
		p.found[powerVar]++
	}
}

// importsTesting tells whether a file holds assertions that tests share.
func importsTesting(src []byte) bool {
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ImportsOnly)
	return err == nil && src != nil && slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing"` })
}
