package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	goscanner "go/scanner"
	"go/token"
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"
)

// A goPackage is the test files of one directory.
type goPackage struct {
	read  sync.Once
	files map[string]*goSource
	funcs map[string][]*goDecl // by name, methods too
	rest  []*goDecl            // constants, variables and types
	named sync.Once
	specs map[string][]*goDecl // those, by name

	mu      sync.Mutex
	digests map[ast.Node]*digest
}

// goTests splits the test files of a directory, once.
func (s *scanner) goTests(dir string) *goPackage {
	s.mu.Lock()
	p := s.packages[dir]
	if p == nil {
		p = &goPackage{files: map[string]*goSource{}, funcs: map[string][]*goDecl{}, digests: map[ast.Node]*digest{}}
		s.packages[dir] = p
	}
	s.mu.Unlock()
	p.read.Do(func() {
		for _, f := range s.goSources(dir, func(name string) bool { return strings.HasSuffix(name, "_test.go") }) {
			p.files[f.name] = f
			for _, d := range f.decls {
				if d.kind != token.FUNC {
					p.rest = append(p.rest, d)
				}
				for _, name := range d.names {
					p.funcs[name] = append(p.funcs[name], d)
				}
			}
		}
	})
	return p
}

// goSources splits files of a directory, in the order of their names.
func (s *scanner) goSources(dir string, wanted func(name string) bool) (out []*goSource) {
	for _, name := range s.sources[dir] {
		if !wanted(path.Base(name)) {
			continue
		}
		data, err := fs.ReadFile(s.fsys, name)
		if err != nil || len(data) > maxSource {
			continue
		}
		out = append(out, splitGo(name, data, strings.HasSuffix(name, "_test.go")))
	}
	return out
}

// declared lists the constants, variables and types of a name, each with the declaration that it stands in.
func (p *goPackage) declared(name string) []*goDecl {
	p.named.Do(func() {
		p.specs = map[string][]*goDecl{}
		for _, d := range p.rest {
			for _, n := range d.declares() {
				if !slices.Contains(p.specs[n], d) {
					p.specs[n] = append(p.specs[n], d)
				}
			}
		}
	})
	return p.specs[name]
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
func (s *scanner) goFile(name string) []Tag {
	p := s.goTests(path.Dir(name))
	file := p.files[name]
	if file == nil {
		return nil
	}
	var tags []Tag
	for _, c := range file.comments {
		var test *Test
		if d := file.owner(c[0]); d != nil {
			test = s.goTest(p, d)
		}
		line, column := file.position(c[0])
		for n, text := range strings.Split(string(file.src[c[0]:c[1]]), "\n") {
			for _, tag := range tagsIn(text) {
				tag.File, tag.Line, tag.Test = name, line+n, test
				if n == 0 {
					tag.Column += column - 1
				}
				tags = append(tags, tag)
			}
		}
	}
	return append(tags, s.goNames(p, file)...)
}

// goTest describes a test function, once; nil for any other declaration.
func (s *scanner) goTest(p *goPackage, d *goDecl) *Test {
	if d.kind != token.FUNC || d.method || len(d.names) == 0 || !isTestName(d.names[0], "Test") && !isTestName(d.names[0], "Fuzz") {
		return nil
	}
	d.describe.Do(func() {
		f, ok := d.node().(*ast.FuncDecl)
		if !ok || f.Body == nil {
			return
		}
		body, asserts := p.goBody(d, f)
		line, _ := d.file.position(d.start)
		d.as = &Test{Package: s.importPath(path.Dir(d.file.name)), File: d.file.name, Name: f.Name.Name, Line: line, Body: body, Asserts: asserts, Skips: skipsFirst(f)}
	})
	return d.as
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
func (p *goPackage) goBody(d *goDecl, f *ast.FuncDecl) (hash string, asserts int) {
	first := p.digest(d, f)
	seen := map[*digest]bool{first: true}
	parts := []string{first.tokens}
	asserts = first.asserts
	for queue := []*digest{first}; len(queue) > 0 && len(seen) < maxReached; queue = queue[1:] {
		for _, g := range p.next(queue[0]) {
			if !seen[g] {
				seen[g] = true
				parts = append(parts, g.tokens)
				asserts += g.asserts
				queue = append(queue, g)
			}
		}
	}
	sort.Strings(parts[1:])
	sum := sha256.New()
	for i, part := range parts {
		if i > 0 {
			sum.Write([]byte{'\n'})
		}
		io.WriteString(sum, part)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), asserts
}

// A digest is what the hashes of tests need of a declaration: helpers are reached from many tests.
type digest struct {
	tokens  string
	asserts int
	names   []string // that it uses, in the order of their first use
	locals  map[string]string
	follow  sync.Once
	next    []*digest
}

// digest makes the digest of a declaration, or of a line of one, once.
func (p *goPackage) digest(d *goDecl, n ast.Node) *digest {
	p.mu.Lock()
	g := p.digests[n]
	p.mu.Unlock()
	if g != nil {
		return g
	}
	locals := localNames(n)
	g = &digest{tokens: goTokens(d.fset, d.text, n, locals), asserts: countAsserts(n), locals: locals}
	known := map[string]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && !known[id.Name] {
			known[id.Name] = true
			g.names = append(g.names, id.Name)
		}
		return true
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.digests[n]; other != nil { // another test was quicker
		return other
	}
	p.digests[n] = g
	return g
}

// next lists the declarations of the package's test files that one uses by name.
func (p *goPackage) next(g *digest) []*digest {
	g.follow.Do(func() {
		for _, name := range g.names {
			if !isTestName(name, "Test") {
				for _, d := range p.funcs[name] {
					if f, ok := d.node().(*ast.FuncDecl); ok && f.Body != nil {
						g.next = append(g.next, p.digest(d, f))
					}
				}
			}
			if g.locals[name] == "" {
				for _, d := range p.declared(name) {
					for _, n := range d.declared(name) {
						g.next = append(g.next, p.digest(d, n))
					}
				}
			}
		}
	})
	return g.next
}

// goTokens writes a declaration as a stream of tokens, without comments and without what a formatter adds before a
// closing bracket; local variables are renamed by the order of their declaration.
func goTokens(fset *token.FileSet, src []byte, n ast.Node, locals map[string]string) string {
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
	keys := map[int]bool{}
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
