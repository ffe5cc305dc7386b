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

// A codeDecl is one declaration of a Go file with what it can refer to.
type codeDecl struct {
	node    ast.Node
	src     []byte
	fset    *token.FileSet
	dir     string
	test    bool
	imports map[string]string // local name → directory, for packages of the tree
}

// A codePackage is the declarations of one directory by name; a method stands under its own name.
type codePackage struct {
	decls map[string][]*codeDecl
}

// Code names the code that the Go tests of a criterion can reach: "sha256:…" over the tokens of every declaration outside
// test files that their bodies lead to by name, through the packages of the tree. Comments, formatting and the order of
// declarations are no part of it. It is "" where a criterion has no test in Go.
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
				if d.test {
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
		if !d.test {
			parts = append(parts, d.dir+"\x00"+d.tokens())
		}
		own := s.code(d.dir).decls
		ast.Inspect(d.node, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.SelectorExpr:
				if id, ok := x.X.(*ast.Ident); ok && d.imports[id.Name] != "" {
					add(s.code(d.imports[id.Name]).decls[x.Sel.Name])
					return false
				}
				for _, dir := range sortedValues(d.imports) { // a method of a value from there
					add(methods(s.code(dir).decls[x.Sel.Name]))
				}
			case *ast.Ident:
				for _, c := range own[x.Name] {
					if !c.test || !isTestName(x.Name, "Test") {
						add([]*codeDecl{c})
					}
				}
			}
			return true
		})
	}
	sort.Strings(parts)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func methods(list []*codeDecl) (out []*codeDecl) {
	for _, d := range list {
		if f, ok := d.node.(*ast.FuncDecl); ok && f.Recv != nil {
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

// code parses the Go files of a directory, once.
func (s *scanner) code(dir string) *codePackage {
	if p := s.codes[dir]; p != nil {
		return p
	}
	p := &codePackage{decls: map[string][]*codeDecl{}}
	s.codes[dir] = p
	entries, err := fs.ReadDir(s.fsys, dir)
	if err != nil {
		return p
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() || path.Ext(name) != ".go" {
			continue
		}
		data, err := fs.ReadFile(s.fsys, name)
		if err != nil || len(data) > maxSource {
			continue
		}
		fset := token.NewFileSet()
		file, _ := parser.ParseFile(fset, name, data, parser.SkipObjectResolution)
		if file == nil {
			continue
		}
		base := codeDecl{src: data, fset: fset, dir: dir, test: strings.HasSuffix(name, "_test.go"), imports: s.imports(file)}
		put := func(name string, node ast.Node) {
			d := base
			d.node = node
			p.decls[name] = append(p.decls[name], &d)
		}
		for _, decl := range file.Decls {
			switch x := decl.(type) {
			case *ast.FuncDecl:
				put(x.Name.Name, x)
			case *ast.GenDecl:
				for _, sp := range x.Specs {
					switch y := sp.(type) {
					case *ast.TypeSpec:
						put(y.Name.Name, y)
					case *ast.ValueSpec:
						for _, id := range y.Names {
							put(id.Name, y)
						}
					}
				}
			}
		}
	}
	return p
}

// imports maps the local names of a file's imports to directories, for packages that lie in the tree.
func (s *scanner) imports(file *ast.File) map[string]string {
	out := map[string]string{}
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
			out[name] = path.Join(dir, rest)
		}
	}
	return out
}

// tokens writes a declaration without comments and formatting.
func (d *codeDecl) tokens() string { return goTokens(d.fset, d.src, d.node) }
