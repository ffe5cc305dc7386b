package tasks

import (
	"go/ast"
	"go/token"
	"reflect"
	"slices"
	"strings"
)

// A matcher tells whether a function still demands all that it did: every statement of before stands in after, in the same
// order and under the same conditions, and what was put between them cannot end the function, skip, or change what a later
// statement reads. Local names may have been renamed consistently.
type matcher struct {
	before, after map[string]bool   // names that the functions declare themselves
	renamed       map[string]string // before → after
	used          map[string]bool   // names that before uses
	gone          ast.Node          // the first of before that was not found, for the message
	added         ast.Node          // the first addition that can undo an assertion
}

// embeds compares two functions; see matcher.
func embeds(before, after *ast.FuncDecl) (ok bool, m *matcher) {
	m = &matcher{before: declared(before), after: declared(after), renamed: map[string]string{}, used: names(before)}
	ok = m.same(reflect.ValueOf(before.Type), reflect.ValueOf(after.Type)) && m.list(before.Body.List, after.Body.List, true)
	return ok, m
}

// same compares two nodes by their fields; positions, comments and resolved objects aside.
func (m *matcher) same(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() || !a.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	if a.Type() != b.Type() {
		return false
	}
	if _, ok := a.Interface().(*ast.CommentGroup); ok {
		return true
	}
	switch a.Kind() {
	case reflect.Interface:
		return m.same(a.Elem(), b.Elem())
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return m.node(a, b)
	case reflect.Struct:
		for i := range a.NumField() {
			if !m.same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !m.same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	if _, position := a.Interface().(token.Pos); position {
		return true
	}
	return a.Equal(b)
}

func (m *matcher) node(a, b reflect.Value) bool {
	switch x := a.Interface().(type) {
	case *ast.Ident:
		return m.ident(x.Name, b.Interface().(*ast.Ident).Name)
	case *ast.SelectorExpr: // the name of a field or method is no local one
		y := b.Interface().(*ast.SelectorExpr)
		return x.Sel.Name == y.Sel.Name && m.same(reflect.ValueOf(&x.X).Elem(), reflect.ValueOf(&y.X).Elem())
	case *ast.KeyValueExpr:
		y := b.Interface().(*ast.KeyValueExpr)
		k, ok := x.Key.(*ast.Ident)
		l, both := y.Key.(*ast.Ident)
		sameKey := ok && both && k.Name == l.Name || m.same(reflect.ValueOf(&x.Key).Elem(), reflect.ValueOf(&y.Key).Elem())
		return sameKey && m.same(reflect.ValueOf(&x.Value).Elem(), reflect.ValueOf(&y.Value).Elem())
	case *ast.BlockStmt:
		return m.list(x.List, b.Interface().(*ast.BlockStmt).List, false)
	case *ast.CompositeLit:
		y := b.Interface().(*ast.CompositeLit)
		return m.same(reflect.ValueOf(&x.Type).Elem(), reflect.ValueOf(&y.Type).Elem()) && m.elements(x.Elts, y.Elts)
	}
	return m.same(a.Elem(), b.Elem())
}

func (m *matcher) ident(a, b string) bool {
	if a == b && (m.renamed[a] == "" || m.renamed[a] == b) {
		if m.before[a] {
			m.renamed[a] = b
		}
		return true
	}
	if !m.before[a] || !m.after[b] || m.used[b] {
		return false
	}
	if known, ok := m.renamed[a]; ok {
		return known == b
	}
	for _, other := range m.renamed {
		if other == b {
			return false
		}
	}
	m.renamed[a] = b
	return true
}

// attempt compares and forgets the renames that it assumed where the comparison fails.
func (m *matcher) attempt(compare func() bool) bool {
	kept := make(map[string]string, len(m.renamed))
	for k, v := range m.renamed {
		kept[k] = v
	}
	gone, added := m.gone, m.added
	if compare() {
		return true
	}
	m.renamed, m.gone, m.added = kept, gone, added
	return false
}

// list looks for the statements of a among those of b. last is true for the body of a function: what follows its last
// statement changes nothing before.
func (m *matcher) list(a, b []ast.Stmt, last bool) bool {
	next := 0
	for _, want := range a {
		at := -1
		for i := next; i < len(b); i++ {
			if m.attempt(func() bool { return m.same(reflect.ValueOf(want), reflect.ValueOf(b[i])) }) {
				at = i
				break
			}
		}
		if at < 0 {
			if m.gone == nil {
				m.gone = want
			}
			return false
		}
		for _, s := range b[next:at] {
			if !m.harmless(s, false) {
				m.added = s
				return false
			}
		}
		next = at + 1
	}
	for _, s := range b[next:] {
		if !m.harmless(s, last) {
			m.added = s
			return false
		}
	}
	return true
}

// elements: a table may gain cases, not lose them.
func (m *matcher) elements(a, b []ast.Expr) bool {
	next := 0
	for _, want := range a {
		at := -1
		for i := next; i < len(b); i++ {
			if m.attempt(func() bool { return m.same(reflect.ValueOf(want), reflect.ValueOf(b[i])) }) {
				at = i
				break
			}
		}
		if at < 0 {
			return false
		}
		next = at + 1
	}
	return true
}

// harmless tells whether an added statement leaves what stands after it as it is. Behind everything else it may assign and
// return.
func (m *matcher) harmless(s ast.Stmt, behind bool) bool {
	inside := map[string]bool{}
	if !behind {
		if _, ok := s.(*ast.CaseClause); ok {
			return false
		}
		for _, name := range leaks(s) {
			if m.used[name] {
				return false
			}
		}
	}
	for name := range declaredIn(s) {
		inside[name] = true
	}
	ok := true
	loops := 0
	var walk func(n ast.Node, fn bool)
	walk = func(n ast.Node, fn bool) {
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				if !fn {
					walk(n.Body, true)
					return false
				}
			case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.SelectStmt, *ast.TypeSwitchStmt:
				loops++
			case *ast.ReturnStmt:
				ok = ok && (fn || behind)
			case *ast.BranchStmt:
				ok = ok && n.Tok != token.GOTO && n.Label == nil && loops > 0
			case *ast.LabeledStmt:
				ok = false
			case *ast.CallExpr:
				ok = ok && !quiets(n)
			case *ast.AssignStmt:
				for _, l := range n.Lhs {
					if n.Tok != token.DEFINE && !behind && !inside[root(l)] && root(l) != "_" {
						ok = false
					}
				}
			case *ast.IncDecStmt:
				ok = ok && (behind || inside[root(n.X)])
			}
			return true
		})
	}
	walk(s, false)
	return ok
}

// quiets tells whether a call ends a test without failing it, or hides that it failed.
func quiets(call *ast.CallExpr) bool {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name == "recover"
	case *ast.SelectorExpr:
		return slices.Contains([]string{"Skip", "Skipf", "SkipNow", "Exit", "Goexit"}, f.Sel.Name)
	}
	return false
}

// leaks are the names that a statement declares for those after it.
func leaks(s ast.Stmt) []string {
	var found []string
	switch s := s.(type) {
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			for _, l := range s.Lhs {
				found = append(found, root(l))
			}
		}
	case *ast.DeclStmt:
		if d, ok := s.Decl.(*ast.GenDecl); ok {
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, n := range spec.Names {
						found = append(found, n.Name)
					}
				case *ast.TypeSpec:
					found = append(found, spec.Name.Name)
				}
			}
		}
	}
	return slices.DeleteFunc(found, func(name string) bool { return name == "_" })
}

// root is the name that an expression starts from: x of x.y[0].
func root(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return ""
		}
	}
}

func names(n ast.Node) map[string]bool {
	found := map[string]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			found[id.Name] = true
		}
		return true
	})
	return found
}

// declared are the names of a function's parameters and local variables.
func declared(f *ast.FuncDecl) map[string]bool {
	found := declaredIn(f)
	delete(found, f.Name.Name)
	return found
}

func declaredIn(n ast.Node) map[string]bool {
	found := map[string]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, l := range n.Lhs {
					if id, ok := l.(*ast.Ident); ok {
						found[id.Name] = true
					}
				}
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					found[id.Name] = true
				}
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				found[id.Name] = true
			}
		case *ast.FuncType:
			for _, list := range []*ast.FieldList{n.Params, n.Results} {
				if list == nil {
					continue
				}
				for _, field := range list.List {
					for _, id := range field.Names {
						found[id.Name] = true
					}
				}
			}
		}
		return true
	})
	return found
}

// receiver names the type that a method belongs to, or is empty.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return ""
	}
	return strings.TrimSpace(root(f.Recv.List[0].Type)) + "."
}
