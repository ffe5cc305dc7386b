package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	goscanner "go/scanner"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
)

// A goPackage is the test files of one directory, parsed.
type goPackage struct {
	fset  *token.FileSet
	files map[string]*ast.File
	src   map[string][]byte
	funcs map[string][]*ast.FuncDecl // by name, methods too
	specs map[string][]ast.Node      // constants, variables and types, by name
}

// goTests parses the test files of a directory, once.
func (s *scanner) goTests(dir string) *goPackage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.packages[dir]; p != nil {
		return p
	}
	p := &goPackage{fset: token.NewFileSet(), files: map[string]*ast.File{}, src: map[string][]byte{}, funcs: map[string][]*ast.FuncDecl{}, specs: map[string][]ast.Node{}}
	s.packages[dir] = p
	entries, err := fs.ReadDir(s.fsys, dir)
	if err != nil {
		return p
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() || !strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := fs.ReadFile(s.fsys, name)
		if err != nil || len(data) > maxSource {
			continue
		}
		file, err := parser.ParseFile(p.fset, name, data, parser.ParseComments|parser.SkipObjectResolution)
		if file == nil || err != nil && len(file.Decls) == 0 {
			continue
		}
		p.files[name], p.src[name] = file, data
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				p.funcs[d.Name.Name] = append(p.funcs[d.Name.Name], d)
			case *ast.GenDecl:
				p.general(d)
			}
		}
	}
	return p
}

// general notes the names of a declaration of constants, variables or types. Constants that are counted up stand for
// each other.
func (p *goPackage) general(d *ast.GenDecl) {
	for _, sp := range d.Specs {
		node := ast.Node(sp)
		if d.Tok == token.CONST && d.Lparen.IsValid() && usesIota(d) {
			node = d
		}
		switch x := sp.(type) {
		case *ast.TypeSpec:
			p.specs[x.Name.Name] = append(p.specs[x.Name.Name], node)
		case *ast.ValueSpec:
			for _, id := range x.Names {
				p.specs[id.Name] = append(p.specs[id.Name], node)
			}
		}
	}
}

func usesIota(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == "iota"
		return !found
	})
	return found
}

// goFile reads the tags of a Go test file. A tag belongs to the declaration that it stands on or in.
func (s *scanner) goFile(name string, data []byte) []Tag {
	p := s.goTests(path.Dir(name))
	file := p.files[name]
	if file == nil {
		return nil
	}
	var tags []Tag
	for _, group := range file.Comments {
		for _, c := range group.List {
			if !strings.Contains(c.Text, "spec:") {
				continue
			}
			var test *Test
			if f := declOf(file, group); f != nil {
				test = s.goTest(p, name, f)
			}
			for n, line := range strings.Split(c.Text, "\n") {
				at := p.fset.Position(c.Pos())
				for _, tag := range tagsIn(line) {
					tag.File, tag.Line, tag.Test = name, at.Line+n, test
					if n == 0 {
						tag.Column += at.Column - 1
					}
					tags = append(tags, tag)
				}
			}
		}
	}
	return tags
}

// declOf is the function that a comment stands on or in.
func declOf(file *ast.File, group *ast.CommentGroup) *ast.FuncDecl {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && (f.Doc == group || f.Pos() <= group.Pos() && group.End() <= f.End()) {
			return f
		}
	}
	return nil
}

// goTest describes a test function; nil for any other function.
func (s *scanner) goTest(p *goPackage, file string, f *ast.FuncDecl) *Test {
	name := f.Name.Name
	if f.Recv != nil || f.Body == nil || !isTestName(name, "Test") && !isTestName(name, "Fuzz") {
		return nil
	}
	body, asserts := p.goBody(f)
	return &Test{Package: s.importPath(path.Dir(file)), File: file, Name: name, Line: p.fset.Position(f.Pos()).Line, Body: body, Asserts: asserts, Skips: skipsFirst(f)}
}

// isTestName follows package testing: the word, then nothing or a character that is no lower-case letter.
func isTestName(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == "" || !(rest[0] >= 'a' && rest[0] <= 'z'))
}

func skipsFirst(f *ast.FuncDecl) bool {
	if len(f.Body.List) == 0 {
		return false
	}
	e, ok := f.Body.List[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := e.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && strings.HasPrefix(sel.Sel.Name, "Skip")
}

// maxReached bounds how many declarations the body of one test can draw in.
const maxReached = 500

// goBody hashes a test: its tokens and those of every declaration of the package's test files that it reaches, without
// comments and formatting, with local variables renamed by the order of their declaration. It counts the assertions on
// the way.
func (p *goPackage) goBody(f *ast.FuncDecl) (hash string, asserts int) {
	seen := map[ast.Node]bool{f: true}
	parts := []string{p.tokens(f)}
	asserts = countAsserts(f)
	for queue := []ast.Node{f}; len(queue) > 0 && len(seen) < maxReached; queue = queue[1:] {
		var next []ast.Node
		add := func(n ast.Node) {
			if !seen[n] {
				seen[n] = true
				next = append(next, n)
			}
		}
		locals := localNames(queue[0])
		ast.Inspect(queue[0], func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			for _, g := range p.funcs[id.Name] {
				if g.Body != nil && !isTestName(g.Name.Name, "Test") {
					add(g)
				}
			}
			if locals[id.Name] == "" {
				for _, g := range p.specs[id.Name] {
					add(g)
				}
			}
			return true
		})
		for _, g := range next {
			parts = append(parts, p.tokens(g))
			asserts += countAsserts(g)
			queue = append(queue, g)
		}
	}
	sort.Strings(parts[1:])
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return "sha256:" + hex.EncodeToString(sum[:]), asserts
}

// tokens writes a declaration as a stream of tokens.
func (p *goPackage) tokens(n ast.Node) string {
	file := p.fset.Position(n.Pos()).Filename
	return goTokens(p.fset, p.src[file], n)
}

// goTokens writes a declaration as a stream of tokens, without comments and without what a formatter adds before a
// closing bracket; local variables are renamed by the order of their declaration.
func goTokens(fset *token.FileSet, src []byte, n ast.Node) string {
	from, to := n.Pos(), n.End()
	if f, ok := n.(*ast.FuncDecl); ok { // a doc comment is no code
		from = f.Type.Pos()
		if f.Recv != nil && f.Recv.Pos() < from {
			from = f.Recv.Pos()
		}
	}
	start, end := fset.Position(from).Offset, fset.Position(to).Offset
	if start < 0 || end > len(src) || start > end {
		return ""
	}
	src = src[start:end]
	locals, keys := localNames(n), map[int]bool{}
	for _, at := range fieldKeys(n) {
		keys[fset.Position(at).Offset-start] = true
	}
	var s goscanner.Scanner
	own := token.NewFileSet()
	file := own.AddFile("", own.Base(), len(src))
	s.Init(file, src, func(token.Position, string) {}, 0)
	var out []string
	prev := token.ILLEGAL
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		text := lit
		switch {
		case tok == token.SEMICOLON:
			text = ";"
		case tok == token.IDENT && prev != token.PERIOD && !keys[file.Offset(pos)]:
			if n, ok := locals[lit]; ok {
				text = n
			}
		case lit == "":
			text = tok.String()
		}
		if tok == token.RPAREN || tok == token.RBRACE || tok == token.RBRACK {
			for len(out) > 0 && (out[len(out)-1] == "," || out[len(out)-1] == ";") {
				out = out[:len(out)-1]
			}
		}
		out = append(out, text)
		prev = tok
	}
	return strings.TrimRight(strings.Join(out, " "), " ;")
}

// fieldKeys are the names of fields in literals and types, which a local variable of the same name does not rename. A
// literal whose type is not written as a map or a list is taken for that of a struct.
func fieldKeys(n ast.Node) (at []token.Pos) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.CompositeLit:
			switch x.Type.(type) {
			case *ast.MapType, *ast.ArrayType:
				return true
			}
			for _, e := range x.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					at = append(at, kv.Key.Pos())
				}
			}
		case *ast.StructType:
			for _, f := range x.Fields.List {
				for _, id := range f.Names {
					at = append(at, id.Pos())
				}
			}
		}
		return true
	})
	return at
}

// localNames numbers the receiver, parameters and variables of a function in the order of their declaration.
func localNames(n ast.Node) map[string]string {
	names := map[string]string{}
	add := func(id *ast.Ident) {
		if id != nil && id.Name != "_" && names[id.Name] == "" {
			names[id.Name] = fmt.Sprintf("v%d", len(names))
		}
	}
	fields := func(list *ast.FieldList) {
		if list != nil {
			for _, field := range list.List {
				for _, id := range field.Names {
					add(id)
				}
			}
		}
	}
	f, ok := n.(*ast.FuncDecl)
	if !ok {
		return names // what stands at the top of a file has no local names but those of functions in it
	}
	fields(f.Recv)
	ast.Inspect(f, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncType:
			fields(x.Params)
			fields(x.Results)
		case *ast.AssignStmt:
			if x.Tok == token.DEFINE {
				for _, e := range x.Lhs {
					if id, ok := e.(*ast.Ident); ok {
						add(id)
					}
				}
			}
		case *ast.RangeStmt:
			if x.Tok == token.DEFINE {
				for _, e := range []ast.Expr{x.Key, x.Value} {
					if id, ok := e.(*ast.Ident); ok {
						add(id)
					}
				}
			}
		case *ast.ValueSpec:
			for _, id := range x.Names {
				add(id)
			}
		}
		return true
	})
	return names
}

// countAsserts counts the calls that can fail a test.
func countAsserts(f ast.Node) int {
	n := 0
	ast.Inspect(f, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		on := ""
		if id, ok := sel.X.(*ast.Ident); ok {
			on = id.Name
		}
		switch {
		case on == "assert" || on == "require" || on == "is":
			n++
		case slices.Contains([]string{"Error", "Errorf", "Fatal", "Fatalf", "Fail", "FailNow"}, sel.Sel.Name) && on != "errors" && on != "fmt" && on != "log":
			n++
		}
		return true
	})
	return n
}
