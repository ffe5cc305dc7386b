package trace

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// goNames reads the tags in the names of sub-tests, t.Run("spec:f/1.1 …", …). They belong to the test that runs them.
func (s *scanner) goNames(p *goPackage, file *goSource) []Tag {
	var tags []Tag
	for _, d := range file.decls {
		if d.kind != token.FUNC || !hasTag(file.src[d.start:d.end]) {
			continue
		}
		test := s.goTest(p, d)
		if test == nil {
			continue
		}
		ast.Inspect(d.node(), func(n ast.Node) bool {
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
			line, column := file.position(d.offset(lit.Pos()))
			for _, tag := range tagsIn(text) {
				tag.File, tag.Line, tag.Test = file.name, line, test
				tag.Column += column // the quotation mark
				tags = append(tags, tag)
			}
			return true
		})
	}
	return tags
}
