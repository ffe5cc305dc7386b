package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// TestStartCompilesNothing demands that no package of the program compiles an expression or a template while it is
// initialised, and that text/template, which keeps every method of every type, is not linked by us: every command would pay.
func TestStartCompilesNothing(t *testing.T) {
	files := 0
	for _, root := range []string{"cmd", "internal", "plan", "spec", "tasks"} {
		fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() == "testdata" {
				return fs.SkipDir
			}
			if d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return nil
			}
			files++
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path.Join(root, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range file.Imports {
				switch i.Path.Value {
				case `"text/template"`, `"html/template"`, `"github.com/yuin/goldmark"`:
					t.Errorf("%s imports %s", set.Position(i.Pos()), i.Path.Value)
				}
			}
			for _, decl := range file.Decls {
				if v, ok := decl.(*ast.GenDecl); ok && v.Tok == token.VAR {
					ast.Inspect(v, func(n ast.Node) bool {
						if _, later := n.(*ast.FuncLit); later {
							return false
						}
						if s, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(s.Sel.Name, "MustCompile") {
							t.Errorf("%s: an expression is compiled at the start of every command; sync.OnceValue compiles it when it is needed", set.Position(s.Pos()))
						}
						return true
					})
				}
			}
			return nil
		})
	}
	if files < 80 {
		t.Errorf("only %d files were looked at", files)
	}
}
