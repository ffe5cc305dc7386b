package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/printer"
	"go/scanner"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"spec.example/spec/internal/git"
)

// found looks at a result for what a person should know: by paths and lines, and for Go by what changed in the syntax of
// tests and of code that asks whether it is tested.
func (r *run) found(ctx context.Context, base string, result frozen, touches []string) ([]Risk, error) {
	all := risks(result.changes, result.diff, touches)
	add := func(class, file, what string) {
		all = append(all, Risk{Class: class, Path: file, What: what, Announced: slices.Contains(touches, class)})
	}
	for _, c := range result.changes {
		if path.Ext(c.Path) != ".go" {
			continue
		}
		before, after, err := r.both(ctx, base, result.tree, c)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(c.Path, "_test.go") {
			for _, what := range weakened(before, after) {
				add(riskTests, c.Path, what)
			}
			for _, what := range steersTests(before, after) {
				add(riskVerify, c.Path, what)
			}
		} else if after != nil && !strings.Contains(path.Base(path.Dir(c.Path)), "test") {
			for _, what := range asksForTests(before, after) {
				add(riskVerify, c.Path, what)
			}
		}
	}
	sortRisks(all)
	return slices.Compact(all), nil
}

// both reads a changed file before and after; nil where it is not there.
func (r *run) both(ctx context.Context, base, tree string, c git.Change) (before, after []byte, err error) {
	if c.Status != "A" {
		if before, err = r.git.ReadFile(ctx, base, c.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
	}
	if c.Status != "D" {
		if after, err = r.git.ReadFile(ctx, tree, c.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
	}
	return before, after, nil
}

// commentsOnly tells whether a result changes nothing that is compiled or read: Go files whose code is the same.
func (r *run) commentsOnly(ctx context.Context, base string, result frozen) (bool, error) {
	for _, c := range result.changes {
		if c.Status != "M" || path.Ext(c.Path) != ".go" {
			return false, nil
		}
		before, after, err := r.both(ctx, base, result.tree, c)
		if err != nil {
			return false, err
		}
		if a, b := codeOf(before), codeOf(after); a == "" || a != b {
			return false, nil
		}
	}
	return len(result.changes) > 0, nil
}

// codeOf is what the compiler sees of a Go file: its words without comments, and the directives, which are none to it.
func codeOf(src []byte) string {
	fset := token.NewFileSet()
	var words scanner.Scanner
	words.Init(fset.AddFile("", fset.Base(), len(src)), src, nil, 0)
	var b strings.Builder
	for {
		_, tok, lit := words.Scan()
		if tok == token.EOF {
			break
		}
		if tok == token.SEMICOLON {
			lit = "" // written or not
		}
		fmt.Fprintf(&b, "%s %s\n", tok, lit)
	}
	for line := range strings.Lines(string(src)) {
		if strings.HasPrefix(line, "//go:") || strings.HasPrefix(line, "// +build") || strings.Contains(line, "#cgo") {
			b.WriteString(line)
		}
	}
	if words.ErrorCount > 0 {
		return ""
	}
	return b.String()
}

// A testShape is what a test function demands.
type testShape struct {
	asserts    int
	depth      int             // sum over the assertions of what they stand behind
	skips      bool            // anywhere
	conditions map[string]bool // of the ifs that hold an assertion
	literals   map[string]int
}

// weakened compares the tests of a file before and after.
func weakened(before, after []byte) []string {
	if before == nil {
		return nil // a new test that proves nothing gives no fact, and check says so
	}
	var out []string
	if was, is := buildLine(before), buildLine(after); is != "" && is != was {
		out = append(out, "is built only where: "+is)
	}
	old, now := shapes(before), shapes(after)
	names := make([]string, 0, len(old))
	for name := range old {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		o, n := old[name], now[name]
		switch {
		case n == nil:
			out = append(out, "removes "+name)
		case n.skips && !o.skips:
			out = append(out, name+" skips now")
		case n.asserts < o.asserts:
			out = append(out, fmt.Sprintf("%s has %d assertions, %d before", name, n.asserts, o.asserts))
		case missing(o.conditions, n.conditions) != "":
			out = append(out, fmt.Sprintf("%s no longer asks %q", name, missing(o.conditions, n.conditions)))
		case n.asserts == o.asserts && n.depth > o.depth:
			out = append(out, name+": an assertion stands behind a new condition")
		case fewer(o.literals, n.literals) != "":
			out = append(out, fmt.Sprintf("%s no longer names %s: an expectation or a case changed", name, fewer(o.literals, n.literals)))
		}
	}
	slices.Sort(out)
	return out
}

func buildLine(src []byte) string {
	for line := range strings.Lines(string(src)) {
		text := strings.TrimSpace(line)
		if constraint.IsGoBuild(text) || constraint.IsPlusBuild(text) {
			return text
		}
		if strings.HasPrefix(text, "package ") {
			break
		}
	}
	return ""
}

func missing(old, now map[string]bool) string {
	var gone []string
	for c := range old {
		if !now[c] {
			gone = append(gone, c)
		}
	}
	slices.Sort(gone)
	if len(gone) == 0 {
		return ""
	}
	return gone[0]
}

func fewer(old, now map[string]int) string {
	var gone []string
	for l, n := range old {
		if now[l] < n {
			gone = append(gone, l)
		}
	}
	slices.Sort(gone)
	if len(gone) == 0 {
		return ""
	}
	return gone[0]
}

// shapes reads the test functions of a file, and its other functions, which tests may assert through.
func shapes(src []byte) map[string]*testShape {
	out := map[string]*testShape{}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.SkipObjectResolution)
	if err != nil {
		return out
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		s := &testShape{conditions: map[string]bool{}, literals: map[string]int{}}
		out[fn.Name.Name] = s
		var behind []ast.Node
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			if n == nil {
				behind = behind[:len(behind)-1]
				return true
			}
			switch n := n.(type) {
			case *ast.CallExpr:
				s.call(fset, n, behind)
			case *ast.BasicLit:
				s.literals[n.Value]++
			}
			behind = append(behind, n)
			return true
		})
	}
	return out
}

var asserts = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(Error|Errorf|Fatal|Fatalf|Fail|FailNow)$`) })

func (s *testShape) call(fset *token.FileSet, call *ast.CallExpr, behind []ast.Node) {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	name := sel.Sel.Name
	owner, _ := sel.X.(*ast.Ident)
	if strings.HasPrefix(name, "Skip") && owner != nil {
		s.skips = true
	}
	library := owner != nil && (owner.Name == "assert" || owner.Name == "require")
	if !asserts().MatchString(name) && !library {
		return
	}
	s.asserts++
	for _, b := range behind {
		switch b := b.(type) {
		case *ast.IfStmt:
			s.depth++
			var text bytes.Buffer
			if printer.Fprint(&text, fset, b.Cond) == nil {
				s.conditions[text.String()] = true
			}
		case *ast.SwitchStmt, *ast.SelectStmt:
			s.depth++
		}
	}
}

// steersTests finds what decides which tests run, or how they end.
func steersTests(before, after []byte) []string {
	var out []string
	for what, pattern := range map[string]*regexp.Regexp{
		"brings or changes a TestMain, which decides what tests run": regexp.MustCompile(`(?s)func TestMain\(.*`),
		"ends the test program itself":                               regexp.MustCompile(`\b(os|syscall|unix)\.Exit\(|\bruntime\.Goexit\(|\bsyscall\.Kill\(`),
		"sets the flags of the test program":                         regexp.MustCompile(`flag\.(Set|Lookup)\(\s*"test\.`),
		"runs before all tests":                                      regexp.MustCompile(`func init\(\)`),
	} {
		if found := pattern.Find(after); found != nil && !bytes.Equal(found, pattern.Find(before)) {
			out = append(out, what)
		}
	}
	slices.Sort(out)
	return out
}

// asksForTests finds code that can behave otherwise when it is tested.
func asksForTests(before, after []byte) []string {
	var out []string
	for what, pattern := range map[string]*regexp.Regexp{
		"asks whether it is being tested":       regexp.MustCompile(`\btesting\.Testing\(\)|"test\.[a-z]+"|"\.test"|_test\b.*os\.Args|os\.Args\[0\]`),
		"asks for a variable of verification":   regexp.MustCompile(`(Getenv|LookupEnv)\(\s*"(CI|SPEC_[A-Z_]*|GOTEST[A-Z_]*|GO_TEST[A-Z_]*)"`),
		"is code that is linked with testing":   regexp.MustCompile(`(?m)^\s*(import\s+)?([a-z_.]+\s+)?"testing"\s*$`),
		"reaches into another package's inside": regexp.MustCompile(`(?m)^//go:linkname`),
	} {
		if pattern.Match(after) && !pattern.Match(before) {
			out = append(out, what)
		}
	}
	slices.Sort(out)
	return out
}
