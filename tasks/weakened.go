package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"spec.example/spec/internal/git"
)

// found looks at a result for what a person should know: by paths and lines, and for Go by what changed in the syntax of
// tests and of code that asks whether it is tested.
func (r *run) found(ctx context.Context, base string, result frozen, v Verified, touches []string) ([]Risk, error) {
	all := risks(result.changes, result.diff, touches)
	add := func(class, file, what string) {
		all = append(all, Risk{Class: class, Path: file, What: what, Announced: slices.Contains(touches, class)})
	}
	config, err := r.git.ReadFile(ctx, base, r.inRoot(".kiro/spec.yaml"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	beside, err := r.besides(ctx, result)
	if err != nil {
		return nil, err
	}
	for _, c := range result.changes {
		if mentions(string(config), c.Path) {
			add(riskVerify, c.Path, "is run by a command of the configuration")
		}
		if path.Ext(c.Path) != ".go" {
			continue
		}
		before, after, err := r.both(ctx, base, result.tree, c)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(c.Path, "_test.go") {
			for _, what := range weakened(before, after, beside[path.Dir(c.Path)]...) {
				add(riskTests, c.Path, what)
			}
		} else if importsTesting(before) { // assertions that tests share
			for _, what := range weakened(before, after) {
				add(riskTests, c.Path, what)
			}
		}
		for _, what := range gained(c.Path, before, after) {
			add(riskVerify, c.Path, what)
		}
	}
	compared, err := r.compared(ctx, base, result)
	if err != nil {
		return nil, err
	}
	for _, name := range compared {
		add(riskTests, name, "is read by a test, and changes")
	}
	for _, u := range r.unseen(base, v) {
		add(riskTests, u.file, u.what)
	}
	silent, err := r.silent(ctx, result, v)
	if err != nil {
		return nil, err
	}
	for _, u := range silent {
		add(riskTests, u.file, u.what)
	}
	renames, err := r.onlyRenames(ctx, base, result)
	if err != nil {
		return nil, err
	}
	if renames {
		add(riskHollow, result.changes[0].Path, "changes names only")
	}
	sortRisks(all)
	return slices.Compact(all), nil
}

// compared lists the changed files that are no code, and that a Go test of their directory names: what they hold is a part of
// what that test demands, wherever they lie.
func (r *run) compared(ctx context.Context, base string, result frozen) (names []string, err error) {
	tests := map[string][]byte{} // by directory, the text of all
	for _, c := range result.changes {
		if dir := path.Dir(c.Path); c.Status != "A" && isData(c.Path) && tests[dir] == nil {
			tree, err := r.git.Snapshot(ctx, base, dir+"/*_test.go")
			if err != nil {
				return nil, err
			}
			tests[dir] = []byte{}
			files, err := fs.Glob(tree, path.Join(dir, "*_test.go"))
			if err != nil {
				return nil, err
			}
			for _, name := range files {
				data, err := fs.ReadFile(tree, name)
				if err != nil {
					return nil, err
				}
				tests[dir] = append(tests[dir], data...)
			}
		}
	}
	for _, c := range result.changes {
		if c.Status != "A" && isData(c.Path) && mentions(string(tests[path.Dir(c.Path)]), path.Base(c.Path)) {
			names = append(names, c.Path)
		}
	}
	return names, nil
}

// isData tells whether a file may hold cases or expectations: it is no code, no document and no manifest, and lies where tests
// are not known to keep such, which is a rule of its own.
func isData(name string) bool {
	return !isSource(name) && !isTest(name) && !isManifest(path.Base(name)) && path.Ext(name) != ".md" && !isExpectation(name) && path.Ext(name) != ""
}

// mentions tells whether a text names a file as a word of its own.
func mentions(text, name string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`[]{},:;"'|&<>()$=`, r) }), func(word string) bool {
		return strings.TrimPrefix(word, "./") == name
	})
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

// A testShape is what a test function demands.
type testShape struct {
	fn         *ast.FuncDecl
	asserts    int
	depth      int             // sum over the assertions of what they stand behind
	skips      bool            // anywhere
	conditions map[string]bool // of the ifs that hold an assertion
	literals   map[string]int
}

// besides reads the changed files of Go tests as they are now, by directory: a test may have moved from one into another.
func (r *run) besides(ctx context.Context, result frozen) (map[string][][]byte, error) {
	found := map[string][][]byte{}
	for _, c := range result.changes {
		if c.Status == "D" || !strings.HasSuffix(c.Path, "_test.go") {
			continue
		}
		data, err := r.git.ReadFile(ctx, result.tree, c.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		found[path.Dir(c.Path)] = append(found[path.Dir(c.Path)], data)
	}
	return found, nil
}

// weakened compares the tests of a file before and after: what stood there has to stand there still, or in one of the files
// beside it that are built where it was. What is gone or loosened is named by its kind where that is known, else by the
// statement. That a test which moved still runs is seen when it is run.
func weakened(before, after []byte, beside ...[]byte) []string {
	if before == nil {
		return nil // a new test that proves nothing gives no fact, and check says so
	}
	var out []string
	if was, is := buildLine(before), buildLine(after); is != "" && is != was {
		out = append(out, "is built only where: "+is)
	}
	if was, is := packageOf(before), packageOf(after); was != is && after != nil {
		out = append(out, fmt.Sprintf("is of package %s now, not %s: the same words may test another one", is, was))
	}
	old, now := shapes(before), shapes(after)
	var moved []*ast.File
	for _, src := range beside {
		if packageOf(src) != packageOf(before) || buildLine(src) != "" && buildLine(src) != buildLine(before) {
			continue
		}
		if f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution|parser.ParseComments); err == nil {
			moved = append(moved, f)
		}
		for name, shape := range shapes(src) {
			if now[name] == nil {
				now[name] = shape
			}
		}
	}
	names := make([]string, 0, len(old))
	for name := range old {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if what := loosened(name, old[name], now[name]); what != "" {
			out = append(out, what)
		}
	}
	out = append(out, declarations(before, after, moved)...)
	out = append(out, examples(before, after, moved)...)
	slices.Sort(out)
	return out
}

func loosened(name string, o, n *testShape) string {
	if n == nil {
		return "removes " + name
	}
	same, m := embeds(o.fn, n.fn)
	switch {
	case same:
		return ""
	case n.skips && !o.skips:
		return name + " skips now"
	case n.asserts < o.asserts:
		return fmt.Sprintf("%s has %d assertions, %d before", name, n.asserts, o.asserts)
	case missing(o.conditions, n.conditions) != "":
		return fmt.Sprintf("%s no longer asks %q", name, missing(o.conditions, n.conditions))
	case n.asserts == o.asserts && n.depth > o.depth:
		return name + ": an assertion stands behind a new condition"
	case fewer(o.literals, n.literals) != "":
		return fmt.Sprintf("%s no longer names %s: an expectation or a case changed", name, fewer(o.literals, n.literals))
	case m.added != nil:
		return fmt.Sprintf("%s: what was added can undo an assertion: %s", name, printed(m.added))
	case m.gone != nil:
		return fmt.Sprintf("%s: this changed: %s", name, printed(m.gone))
	}
	return name + " is another one"
}

// printed is the first line of a node's source.
func printed(n ast.Node) string {
	var text bytes.Buffer
	if printer.Fprint(&text, token.NewFileSet(), n) != nil {
		return "a statement"
	}
	line, _, _ := strings.Cut(text.String(), "\n")
	return line
}

// declarations compares what a file of tests declares beside functions: imports, tables, limits, types.
func declarations(before, after []byte, moved []*ast.File) []string {
	was, err := parser.ParseFile(token.NewFileSet(), "", before, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	is, err := parser.ParseFile(token.NewFileSet(), "", after, parser.SkipObjectResolution)
	if err != nil || after == nil {
		return nil // every function of it is gone, which is said already
	}
	var out []string
	imports := map[string]string{}
	for _, i := range is.Imports {
		imports[localName(i)] = i.Path.Value
	}
	for _, i := range was.Imports {
		if target, ok := imports[localName(i)]; ok && target != i.Path.Value {
			out = append(out, fmt.Sprintf("%s is %s now, not %s", localName(i), target, i.Path.Value))
		}
	}
	for name := range imported(is, ".") {
		if !imported(was, ".")[name] {
			out = append(out, "takes everything of "+name+" for its own: the same words may test another package")
		}
	}
	now := values(is)
	for _, f := range moved {
		for name, spec := range values(f) {
			if now[name] == nil {
				now[name] = spec
			}
		}
	}
	for name, spec := range values(was) {
		m := &matcher{renamed: map[string]string{}, used: map[string]bool{}}
		switch {
		case now[name] == nil:
			out = append(out, "removes "+name)
		case !m.same(reflect.ValueOf(spec), reflect.ValueOf(now[name])):
			out = append(out, name+" changed: an expectation, a case or a limit")
		}
	}
	return out
}

// imported are the packages that a file imports by a local name.
func imported(f *ast.File, local string) map[string]bool {
	found := map[string]bool{}
	for _, i := range f.Imports {
		if importName(i) == local {
			found[strings.Trim(i.Path.Value, "`\"")] = true
		}
	}
	return found
}

// examples compares the outputs that a file's examples are held to, which stand in comments; moved are the files beside it.
func examples(before, after []byte, moved []*ast.File) (out []string) {
	now := map[string]*doc.Example{}
	for _, x := range examplesOf(after) {
		now[x.Name] = x
	}
	for _, f := range moved {
		for _, x := range doc.Examples(f) {
			if now[x.Name] == nil {
				now[x.Name] = x
			}
		}
	}
	for _, was := range examplesOf(before) {
		if is := now[was.Name]; is != nil && (is.Output != was.Output || is.Unordered && !was.Unordered || is.EmptyOutput != was.EmptyOutput) {
			out = append(out, "Example"+was.Name+" is held to another output")
		}
	}
	return out
}

func examplesOf(src []byte) []*doc.Example {
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ParseComments)
	if err != nil || src == nil {
		return nil
	}
	return doc.Examples(f)
}

func importName(i *ast.ImportSpec) string {
	if i.Name == nil {
		return ""
	}
	return i.Name.Name
}

// localName is what a file calls an import.
func localName(i *ast.ImportSpec) string {
	if name := importName(i); name != "" {
		return name
	}
	return strings.Trim(i.Path.Value[strings.LastIndexByte(i.Path.Value, '/')+1:], `"`)
}

// values are the specs of a file's variables, constants and types by their first name.
func values(f *ast.File) map[string]ast.Node {
	found := map[string]ast.Node{}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				if s.Names[0].Name != "_" {
					found[s.Names[0].Name] = s
				}
			case *ast.TypeSpec:
				found[s.Name.Name] = s
			}
		}
	}
	return found
}

// packageOf is the name in a file's package clause.
func packageOf(src []byte) string {
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.PackageClauseOnly)
	if err != nil {
		return ""
	}
	return f.Name.Name
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
		s := &testShape{fn: fn, conditions: map[string]bool{}, literals: map[string]int{}}
		out[receiver(fn)+fn.Name.Name] = s
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
