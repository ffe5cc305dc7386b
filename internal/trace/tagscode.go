package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
)

// A codeDecl is one name of a declaration of a Go file.
type codeDecl struct {
	decl *goDecl
	name string
	at   int // which of the declarations of that name there
	dir  string

	looked bool // what is below is known: many criteria lead to one declaration
	words  string
	leads  []*codeDecl
}

// node is what the name stands for: a function, or the line of a type, a constant or a variable.
func (d *codeDecl) node() ast.Node {
	switch x := d.decl.node().(type) {
	case *ast.FuncDecl:
		return x
	case *ast.GenDecl:
		for n, sp := range x.Specs {
			if n == d.at {
				return sp
			}
		}
	}
	return nil
}

// A codePackage is the declarations of one directory by name; a method stands under its own name.
type codePackage struct {
	decls map[string][]*codeDecl
}

// Code names the code that the Go tests of a criterion can reach: "sha256:…" over the tokens of every declaration outside
// test files that their bodies lead to by name, through the packages of the tree. Comments, formatting, the order of
// declarations and where they lie are no part of it. It is "" where a criterion has no test in Go.
//
// Names are followed without types, so that it may hold more than what runs, and never less of what is called by name.
func (ix *Index) Code(feature, id string) string {
	if ix.scan == nil {
		return ""
	}
	return ix.scan.codeOf(ix.Tests(feature, id))
}

func (s *scanner) codeOf(tests []*Test) string {
	s.codeMu.Lock()
	defer s.codeMu.Unlock()
	seen := map[*codeDecl]bool{}
	var queue []*codeDecl
	add := func(list []*codeDecl) {
		for _, d := range list {
			if !seen[d] {
				seen[d] = true
				queue = append(queue, d)
			}
		}
	}
	for _, t := range tests {
		if strings.HasSuffix(t.File, "_test.go") {
			for _, d := range s.code(path.Dir(t.File)).decls[t.Name] {
				if d.decl.file.test {
					add([]*codeDecl{d})
				}
			}
		}
	}
	if len(queue) == 0 {
		return ""
	}
	var parts []string
	for len(queue) > 0 && len(seen) < maxReached*20 {
		d := queue[0]
		queue = queue[1:]
		s.look(d)
		if d.words != "" {
			parts = append(parts, d.words)
		}
		add(d.leads)
	}
	sort.Strings(parts)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// look finds the tokens of a declaration outside test files and the declarations that its names lead to, in their order.
func (s *scanner) look(d *codeDecl) {
	if d.looked {
		return
	}
	d.looked = true
	node := d.node()
	if node == nil {
		return
	}
	if !d.decl.file.test {
		d.words = d.decl.tokens(node)
	}
	seen := map[*codeDecl]bool{}
	add := func(list []*codeDecl) {
		for _, c := range list {
			if !seen[c] {
				seen[c] = true
				d.leads = append(d.leads, c)
			}
		}
	}
	own, imports := s.code(d.dir).decls, s.imports(d.decl.file)
	dirs := sortedValues(imports)
	ast.Inspect(node, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok && imports[id.Name] != "" {
				add(s.code(imports[id.Name]).decls[x.Sel.Name])
				return false
			}
			for _, dir := range dirs { // a method of a value from there
				add(methods(s.code(dir).decls[x.Sel.Name]))
			}
		case *ast.Ident:
			for _, c := range own[x.Name] {
				if !c.decl.file.test || !isTestName(x.Name, "Test") {
					add([]*codeDecl{c})
				}
			}
		}
		return true
	})
}

func methods(list []*codeDecl) (out []*codeDecl) {
	for _, d := range list {
		if d.decl.method {
			out = append(out, d)
		}
	}
	return out
}

func sortedValues(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	sort.Strings(out)
	return out
}

// code lists the declarations of a directory by name, once.
func (s *scanner) code(dir string) *codePackage {
	if p := s.codes[dir]; p != nil {
		return p
	}
	p := &codePackage{decls: map[string][]*codeDecl{}}
	s.codes[dir] = p
	for _, f := range s.goSources(dir, func(name string) bool { return path.Ext(name) == ".go" }) {
		for _, d := range f.decls {
			if d.kind == token.FUNC {
				for _, name := range d.names {
					p.decls[name] = append(p.decls[name], &codeDecl{decl: d, name: name, dir: dir})
				}
				continue
			}
			g, ok := d.node().(*ast.GenDecl)
			if !ok {
				continue
			}
			for at, sp := range g.Specs {
				for _, name := range specNames(sp) {
					p.decls[name] = append(p.decls[name], &codeDecl{decl: d, name: name, at: at, dir: dir})
				}
			}
		}
	}
	return p
}

// imports maps the local names of a file's imports to directories, for packages that lie in the tree.
func (s *scanner) imports(f *goSource) map[string]string {
	if f.imports != nil {
		return f.imports
	}
	f.imports = map[string]string{}
	file, _ := parser.ParseFile(token.NewFileSet(), f.name, f.src, parser.ImportsOnly)
	if file == nil {
		return f.imports
	}
	for _, im := range file.Imports {
		p, err := strconv.Unquote(im.Path.Value)
		if err != nil {
			continue
		}
		for dir, module := range s.modules {
			rest, ok := strings.CutPrefix(p, module)
			if module == "" || !ok || rest != "" && rest[0] != '/' {
				continue
			}
			name := path.Base(p)
			if im.Name != nil {
				name = im.Name.Name
			}
			f.imports[name] = path.Join(dir, rest)
		}
	}
	return f.imports
}

// A Range is lines of a file, both included.
type Range struct {
	File     string
	From, To int
}

// Lines lists the declarations of Go code that are tagged for a criterion.
func (ix *Index) Lines(feature, id string) (out []Range) {
	if ix.scan == nil {
		return nil
	}
	for _, tag := range ix.Tags {
		if tag.Feature != feature || tag.ID != id || tag.Test != nil || path.Ext(tag.File) != ".go" || strings.HasSuffix(tag.File, "_test.go") {
			continue
		}
		data, err := fs.ReadFile(ix.scan.fsys, tag.File)
		if err != nil {
			continue
		}
		f := splitGo(tag.File, data, false)
		for _, c := range f.comments {
			from, _ := f.position(c[0])
			to, _ := f.position(c[1])
			d := f.owner(c[0])
			if tag.Line < from || tag.Line > to || d == nil {
				continue
			}
			from, _ = f.position(d.start)
			to, _ = f.position(d.end)
			out = append(out, Range{File: tag.File, From: from, To: to})
			break
		}
	}
	return out
}
