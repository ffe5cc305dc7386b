package trace

import (
	"go/ast"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// goNames reads the tags in the names of sub-tests, t.Run("spec:f/1.1 …", …). They belong to the test that runs them.
func (s *scanner) goNames(name string) []Tag {
	p := s.goTests(path.Dir(name))
	file := p.files[name]
	if file == nil {
		return nil
	}
	var tags []Tag
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		test := s.goTest(p, name, f)
		if test == nil {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			sel, isSel := call.Fun.(*ast.SelectorExpr)
			lit, isLit := call.Args[0].(*ast.BasicLit)
			if !isSel || !isLit || sel.Sel.Name != "Run" || lit.Kind != token.STRING || !strings.Contains(lit.Value, "spec:") {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				return true
			}
			at := p.fset.Position(lit.Pos())
			for _, tag := range tagsIn(text) {
				tag.File, tag.Line, tag.Test = name, at.Line, test
				tag.Column += at.Column // the quotation mark
				tags = append(tags, tag)
			}
			return true
		})
	}
	return tags
}
