package mutate

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/tools/go/packages"
)

// The uses of a package say what the compiler holds against a break that a person makes by hand: a variable or an import that nothing
// uses any more, two cases or keys that are the same, an index that is no constant.
type uses struct {
	of     map[types.Object][]token.Pos
	params map[types.Object]bool        // and results: they need no use
	beside map[ast.Expr]map[string]bool // of a case, or a key of a map: the constants that stand beside it
	index  map[ast.Expr]bool            // of an element of an array
	kept   map[types.Object]bool        // variables of the package that its functions change: what one run leaves another finds
}

func usesOf(p *packages.Package) *uses {
	u := &uses{of: map[types.Object][]token.Pos{}, params: map[types.Object]bool{}, beside: map[ast.Expr]map[string]bool{}, index: map[ast.Expr]bool{}, kept: map[types.Object]bool{}}
	set := map[*ast.Ident]bool{} // that are only given a value
	for _, f := range p.Syntax {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, e := range n.Lhs {
					if id, ok := ast.Unparen(e).(*ast.Ident); ok && n.Tok == token.ASSIGN {
						set[id] = true
					}
				}
			case *ast.FuncType:
				for _, list := range []*ast.FieldList{n.Params, n.Results} {
					u.declared(p, list)
				}
			case *ast.FuncDecl:
				u.declared(p, n.Recv)
			case *ast.SwitchStmt:
				var cases []ast.Expr
				for _, c := range n.Body.List {
					cases = append(cases, c.(*ast.CaseClause).List...)
				}
				u.different(p, cases)
			case *ast.CompositeLit:
				u.keys(p, n)
			}
			return true
		})
	}
	for _, f := range p.Syntax {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil && fn.Name.Name != "init" {
				u.changes(p, fn.Body)
			}
		}
	}
	for id, obj := range p.TypesInfo.Uses {
		if !set[id] {
			u.of[obj] = append(u.of[obj], id.Pos())
		}
	}
	return u
}

// changes notes the variables of the package that a function gives a value, or a part of them, or an address of.
func (u *uses) changes(p *packages.Package, body *ast.BlockStmt) {
	note := func(e ast.Expr) {
		for {
			switch x := e.(type) {
			case *ast.ParenExpr:
				e = x.X
				continue
			case *ast.IndexExpr:
				e = x.X
				continue
			case *ast.StarExpr:
				e = x.X
				continue
			case *ast.SelectorExpr:
				e = x.X
				continue
			case *ast.Ident:
				if v, ok := p.TypesInfo.Uses[x].(*types.Var); ok && v.Parent() == p.Types.Scope() {
					u.kept[v] = true
				}
			}
			return
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				note(e)
			}
		case *ast.IncDecStmt:
			note(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				note(n.X)
			}
		case *ast.SelectorExpr: // a method that takes the address: once.Do, m.Store
			if s := p.TypesInfo.Selections[n]; s != nil && s.Kind() == types.MethodVal {
				_, given := s.Recv().Underlying().(*types.Pointer)
				_, taken := s.Obj().(*types.Func).Signature().Recv().Type().Underlying().(*types.Pointer)
				if taken && !given {
					note(n.X)
				}
			}
		}
		return true
	})
}

// keeps tells whether a function has a part in what runs leave behind.
func (u *uses) keeps(p *packages.Package, body *ast.BlockStmt) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && u.kept[p.TypesInfo.Uses[id]]
		return !found
	})
	return found
}

func (u *uses) declared(p *packages.Package, list *ast.FieldList) {
	if list == nil {
		return
	}
	for _, f := range list.List {
		for _, id := range f.Names {
			u.params[p.TypesInfo.Defs[id]] = true
		}
	}
}

// different notes which constants stand beside one another and have to differ.
func (u *uses) different(p *packages.Package, list []ast.Expr) {
	values := map[string]bool{}
	for _, e := range list {
		if v := p.TypesInfo.Types[e].Value; v != nil {
			values[v.ExactString()] = true
		}
	}
	for _, e := range list {
		u.beside[e] = values
	}
}

func (u *uses) keys(p *packages.Package, lit *ast.CompositeLit) {
	t := p.TypesInfo.Types[lit].Type
	if t == nil {
		return
	}
	var keys []ast.Expr
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			keys = append(keys, kv.Key)
		}
	}
	if pointer, ok := t.Underlying().(*types.Pointer); ok { // &T{} within a literal, written without it
		t = pointer.Elem()
	}
	switch t.Underlying().(type) {
	case *types.Map:
		u.different(p, keys)
	case *types.Array, *types.Slice:
		for _, k := range keys {
			u.index[k] = true
		}
	}
}

// keep is what a statement is replaced by, so that it compiles: what nothing else uses is used there.
func (m *maker) keep(n ast.Node, to string) string {
	if _, ok := n.(ast.Stmt); !ok {
		return to
	}
	var kept []string
	seen := map[types.Object]bool{}
	ast.Inspect(n, func(x ast.Node) bool {
		var id *ast.Ident
		name := ""
		switch x := x.(type) {
		case *ast.SelectorExpr:
			if id, _ = x.X.(*ast.Ident); id == nil {
				return true
			}
			if _, ok := m.pkg.TypesInfo.Uses[id].(*types.PkgName); !ok {
				return true
			}
			switch of := m.pkg.TypesInfo.Uses[x.Sel].(type) {
			case *types.TypeName:
				name = "*new(" + m.text(x) + ")"
			case *types.Func:
				if of.Signature().TypeParams().Len() > 0 {
					return true // a function of any types is no value
				}
				name = m.text(x)
			default:
				name = m.text(x)
			}
		case *ast.Ident:
			id, name = x, x.Name
		default:
			return true
		}
		obj := m.pkg.TypesInfo.Uses[id]
		if obj == nil || seen[obj] || m.used(obj, n) || slices.Contains(words(to), id.Name) {
			return true
		}
		switch obj := obj.(type) {
		case *types.Var:
			if obj.IsField() || obj.Pkg() != m.pkg.Types || m.uses.params[obj] || obj.Parent() == m.pkg.Types.Scope() {
				return true
			}
		case *types.PkgName:
			if _, ok := x.(*ast.Ident); ok {
				return true // the selector was seen before it
			}
		default:
			return true
		}
		seen[obj] = true
		kept = append(kept, "_ = "+name)
		return true
	})
	if to != "" {
		kept = append(kept, to)
	}
	return strings.Join(kept, "; ")
}

func words(code string) []string {
	return strings.FieldsFunc(code, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// used tells whether an object is used, or made, elsewhere than in a node.
func (m *maker) used(obj types.Object, n ast.Node) bool {
	if _, ok := obj.(*types.Var); ok && n.Pos() <= obj.Pos() && obj.Pos() < n.End() {
		return true
	}
	for _, at := range m.uses.of[obj] {
		if at < n.Pos() || at >= n.End() {
			return true
		}
	}
	return false
}
