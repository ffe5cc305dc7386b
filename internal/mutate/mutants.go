package mutate

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/tools/go/packages"
)

// A Mutant is one break of the code.
type Mutant struct {
	ID       int    `json:"id"`
	File     string `json:"file"` // absolute
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	EndLine  int    `json:"-"`
	Func     string `json:"func"` // the function that it lies in
	Kind     string `json:"kind"`
	From     string `json:"from"`
	To       string `json:"to"`
	Number   string `json:"number,omitempty"` // of a changed number or word: its value
	Diff     string `json:"diff"`             // a hunk with whole lines
	edits    []edit
	whole    time.Duration // of a changed number that is a part of one: 30*time.Second
	overlay  bool          // has to be compiled alone: its place takes constants only
	global   bool          // it stands in no function
	named    bool          // is tried only for a criterion that names the number
	round    int           // of several changes of one number: which
	logged   bool          // a part of what is logged
	keeps    bool          // its function has a part in what one run leaves and the next finds
	compiles bool
}

// An edit replaces bytes of a file; one with from == to inserts. Edits of different mutants never overlap in part: they
// nest or stand apart.
type edit struct {
	from, to int
	text     string
	opens    bool // an insertion before what it encloses
	depth    int
}

// A maker collects the mutants of one file.
type maker struct {
	fset    *token.FileSet
	pkg     *packages.Package
	file    *ast.File
	src     []byte
	name    string
	fn      string
	results []string                   // types of the function's results, as written
	zeros   []string                   // their zero values
	locks   map[ast.Stmt]bool          // statements that take or give back a lock
	negated map[ast.Expr]bool          // conditions as a whole
	wholes  map[ast.Expr]types.Type    // of constants that numbers are parts of
	times   map[ast.Expr]time.Duration // the same, where it is one
	logging bool                       // within a statement that logs
	uses    *uses                      // of the package
	next    *int
	out     []*Mutant
	depth   int
}

func (m *maker) off(p token.Pos) int    { return m.fset.Position(p).Offset }
func (m *maker) text(n ast.Node) string { return string(m.src[m.off(n.Pos()):m.off(n.End())]) }
func (m *maker) line(p token.Pos) int   { return m.fset.Position(p).Line }
func (m *maker) typeOf(e ast.Expr) types.Type {
	if tv, ok := m.pkg.TypesInfo.Types[e]; ok {
		return tv.Type
	}
	return nil
}

// add makes a mutant; its edits are made of its number.
func (m *maker) add(n ast.Node, kind, from, to string, edits func(id int) []edit) *Mutant {
	*m.next++
	p := m.fset.Position(n.Pos())
	mu := &Mutant{ID: *m.next, File: m.name, Line: p.Line, Column: p.Column, EndLine: m.line(n.End()), Func: m.fn, Kind: kind, From: short(from), To: short(to), Diff: m.diff(n, m.keep(n, to)), compiles: true, logged: m.logging}
	mu.edits = edits(mu.ID)
	m.out = append(m.out, mu)
	return mu
}

// diff is the change of a node to a text as a hunk of whole lines.
func (m *maker) diff(n ast.Node, to string) string {
	text, _ := m.hunk(n, to, 0)
	return text
}

// hunk is the same behind others, which made the file longer by some lines; and by how many lines this one does.
func (m *maker) hunk(n ast.Node, to string, longer int) (text string, by int) {
	from, end := m.off(n.Pos()), m.off(n.End())
	start := bytes.LastIndexByte(m.src[:from], '\n') + 1
	stop := len(m.src)
	if i := bytes.IndexByte(m.src[end:], '\n'); i >= 0 {
		stop = end + i
	}
	was := strings.Split(string(m.src[start:stop]), "\n")
	var is []string
	if text := string(m.src[start:from]) + to + string(m.src[end:stop]); strings.TrimSpace(text) != "" {
		is = strings.Split(text, "\n")
	}
	var b strings.Builder
	line := m.line(n.Pos())
	at := line + longer
	if len(is) == 0 {
		at-- // as diff writes where nothing is left
	}
	fmt.Fprintf(&b, "@@ -%d,%d +%d,%d @@\n", line, len(was), at, len(is))
	for _, l := range was {
		b.WriteString("-" + l + "\n")
	}
	for _, l := range is {
		b.WriteString("+" + l + "\n")
	}
	return b.String(), len(is) - len(was)
}

func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return s
}

// around encloses a node.
func (m *maker) around(n ast.Node, before, after string) []edit {
	return []edit{{from: m.off(n.Pos()), to: m.off(n.Pos()), text: before, opens: true, depth: m.depth}, {from: m.off(n.End()), to: m.off(n.End()), text: after, depth: m.depth}}
}

// decls makes the mutants of a file.
func (m *maker) decls() {
	for _, d := range m.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Body == nil {
				continue
			}
			m.fn = d.Name.Name
			if d.Recv != nil && len(d.Recv.List) > 0 {
				m.fn = m.text(d.Recv.List[0].Type) + "." + m.fn
			}
			before := len(m.out)
			m.function(d.Type, d.Body)
			if m.uses.keeps(m.pkg, d.Body) {
				for _, mu := range m.out[before:] {
					mu.keeps = true
				}
			}
		case *ast.GenDecl:
			if d.Tok == token.CONST || d.Tok == token.VAR {
				m.fn = ""
				m.globals(d)
			}
		}
	}
}

// globals are the numbers of package-level declarations. Those of variables can be chosen when the program begins; a
// constant takes a build of its own.
func (m *maker) globals(d *ast.GenDecl) {
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncLit:
			if d.Tok == token.VAR {
				m.function(x.Type, x.Body)
			}
			return false
		case *ast.ArrayType:
			return false
		case *ast.KeyValueExpr:
			if constant := m.pkg.TypesInfo.Types[x.Key].Value; constant != nil && d.Tok == token.VAR { // an index has to be so
				ast.Inspect(x.Value, visit)
				return false
			}
		case *ast.BasicLit:
			if x.Kind == token.INT {
				m.global(d, x)
			}
		case *ast.SelectorExpr:
			if d.Tok == token.VAR {
				before := len(m.out)
				m.foreign(x)
				m.areGlobal(before)
			}
		}
		return true
	}
	ast.Inspect(d, visit)
}

// areGlobal notes that the last mutants stand in no function.
func (m *maker) areGlobal(from int) {
	for _, mu := range m.out[from:] {
		mu.global = true
	}
}

func (m *maker) global(d *ast.GenDecl, lit *ast.BasicLit) {
	if t := cmp.Or(m.wholes[lit], m.typeOf(lit)); d.Tok == token.VAR && t != nil {
		if name, ok := m.typeName(t); ok {
			before := len(m.out)
			m.number(lit, t, name, true)
			m.areGlobal(before)
			return
		}
	}
	value, ok := constant.Int64Val(constant.ToInt(constant.MakeFromLiteral(lit.Value, token.INT, 0)))
	if !ok {
		return
	}
	for round, to := range []int64{value + 1, value - 1} {
		mu := m.add(lit, "change a number", lit.Value, strconv.FormatInt(to, 10), func(int) []edit {
			return []edit{{from: m.off(lit.Pos()), to: m.off(lit.End()), text: strconv.FormatInt(to, 10)}}
		})
		mu.Number, mu.overlay, mu.global, mu.named, mu.round, mu.whole = strconv.FormatInt(value, 10), true, true, true, round, m.times[lit]
	}
}

// changes are the other values that a number is given, the nearest first: one more, one less, none, the other sign, ten
// times as much (another unit). What its type cannot hold is left out.
func changes(value int64, t types.Type) (to []int64) {
	for _, v := range []int64{value + 1, value - 1, 0, -value, value * 10} {
		if v != value && !slices.Contains(to, v) && holds(t, v) && (value < 1<<58 && value > -1<<58) {
			to = append(to, v)
		}
	}
	return to
}

// holds tells whether a whole number is a value of a type.
func holds(t types.Type, v int64) bool {
	b, ok := t.Underlying().(*types.Basic)
	if !ok {
		return false
	}
	switch b.Kind() {
	case types.Int8:
		return v >= -1<<7 && v < 1<<7
	case types.Int16:
		return v >= -1<<15 && v < 1<<15
	case types.Int32, types.UntypedRune:
		return v >= -1<<31 && v < 1<<31
	case types.Uint8:
		return v >= 0 && v < 1<<8
	case types.Uint16:
		return v >= 0 && v < 1<<16
	case types.Uint32:
		return v >= 0 && v < 1<<32
	case types.Uint, types.Uint64, types.Uintptr:
		return v >= 0
	}
	return b.Info()&types.IsNumeric != 0 && b.Info()&types.IsComplex == 0
}

func (m *maker) function(t *ast.FuncType, body *ast.BlockStmt) {
	outer, zeros, held := m.results, m.zeros, m.locks
	m.results, m.zeros = nil, nil
	if m.locks == nil {
		m.locks = m.lockCalls(body)
	}
	if t.Results != nil {
		for _, f := range t.Results.List {
			for range max(1, len(f.Names)) {
				m.results, m.zeros = append(m.results, m.text(f.Type)), append(m.zeros, m.zero(f.Type))
			}
		}
	}
	m.block(body.List)
	m.results, m.zeros, m.locks = outer, zeros, held
}

// zero is the zero value of a type, as one would write it.
func (m *maker) zero(of ast.Expr) string {
	t := m.typeOf(of)
	if t == nil {
		return "*new(" + m.text(of) + ")"
	}
	if _, ok := types.Unalias(t).(*types.TypeParam); ok {
		return "*new(" + m.text(of) + ")"
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer, *types.Slice, *types.Map, *types.Chan, *types.Signature, *types.Interface:
		return "nil"
	case *types.Struct, *types.Array:
		return m.text(of) + "{}"
	case *types.Basic:
		switch {
		case u.Info()&types.IsBoolean != 0:
			return "false"
		case u.Info()&types.IsString != 0:
			return `""`
		case u.Info()&types.IsNumeric != 0:
			return "0"
		}
	}
	return "*new(" + m.text(of) + ")"
}

// lockCalls makes of each lock that a function takes and gives back the mutant that does neither: without the one alone the
// other would end the program. It gives their statements.
func (m *maker) lockCalls(body *ast.BlockStmt) map[ast.Stmt]bool {
	byLock := map[string][]ast.Stmt{}
	var order []string
	takes, gives := map[string]ast.Stmt{}, map[string]bool{}
	note := func(s ast.Stmt) {
		var call *ast.CallExpr
		switch x := s.(type) {
		case *ast.ExprStmt:
			call, _ = x.X.(*ast.CallExpr)
		case *ast.DeferStmt:
			call = x.Call
		}
		if call == nil || len(call.Args) > 0 {
			return
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"Lock", "Unlock", "RLock", "RUnlock"}, sel.Sel.Name) {
			return
		}
		lock := m.text(sel.X)
		if strings.HasPrefix(sel.Sel.Name, "R") {
			lock += " for reading"
		}
		if byLock[lock] == nil {
			order = append(order, lock)
		}
		byLock[lock] = append(byLock[lock], s)
		if strings.HasSuffix(sel.Sel.Name, "Unlock") {
			gives[lock] = true
		} else if takes[lock] == nil {
			takes[lock] = s
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.BlockStmt:
			for _, s := range x.List {
				note(s)
			}
		case *ast.CaseClause:
			for _, s := range x.Body {
				note(s)
			}
		case *ast.CommClause:
			for _, s := range x.Body {
				note(s)
			}
		}
		return true
	})
	stmts := map[ast.Stmt]bool{}
	for _, lock := range order {
		if takes[lock] == nil || !gives[lock] {
			continue
		}
		mu := m.add(takes[lock], "remove a lock", m.text(takes[lock]), "", func(id int) (edits []edit) {
			for _, s := range byLock[lock] {
				stmts[s] = true
				edits = append(edits, m.around(s, fmt.Sprintf("if !specMutantIs(%d) { ", id), " }")...)
			}
			return edits
		})
		mu.Diff = ""
		longer := 0
		for _, s := range byLock[lock] {
			text, by := m.hunk(s, "", longer)
			mu.Diff, longer = mu.Diff+text, longer+by
		}
	}
	return stmts
}

// block makes the mutants of statements that stand in a block, where one can be put before another.
func (m *maker) block(list []ast.Stmt) {
	m.depth++
	for i, s := range list {
		m.stmt(s, i == len(list)-1)
	}
	m.depth--
}

func (m *maker) stmt(s ast.Stmt, last bool) {
	switch s := s.(type) {
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if m.logging = ok && m.logs(call); m.logging {
			defer func() { m.logging = false }()
		}
		if ok && !m.ends(call) && !m.locks[s] {
			m.add(s, "drop a statement", m.text(s), "", func(id int) []edit { return m.around(s, fmt.Sprintf("if !specMutantIs(%d) { ", id), " }") })
		}
	case *ast.IncDecStmt:
		m.add(s, "drop a statement", m.text(s), "", func(id int) []edit { return m.around(s, fmt.Sprintf("if !specMutantIs(%d) { ", id), " }") })
		m.depth++
		other := m.text(s.X) + map[token.Token]string{token.INC: "--", token.DEC: "++"}[s.Tok]
		m.add(s, "count the other way", m.text(s), other, func(id int) []edit {
			return m.around(s, fmt.Sprintf("if specMutantIs(%d) { %s } else { ", id, other), " }")
		})
		defer func() { m.depth-- }()
	case *ast.SendStmt:
		m.add(s, "drop a statement", m.text(s), "", func(id int) []edit { return m.around(s, fmt.Sprintf("if !specMutantIs(%d) { ", id), " }") })
	case *ast.AssignStmt:
		if s.Tok != token.DEFINE && !blank(s) {
			m.add(s, "drop a statement", m.text(s), "", func(id int) []edit { return m.around(s, fmt.Sprintf("if !specMutantIs(%d) { ", id), " }") })
		}
	case *ast.ReturnStmt:
		m.returns(s)
	case *ast.BlockStmt:
		m.block(s.List)
		return
	}
	m.depth++
	m.inside(s)
	m.depth--
}

func blank(s *ast.AssignStmt) bool {
	return !slices.ContainsFunc(s.Lhs, func(e ast.Expr) bool { id, ok := e.(*ast.Ident); return !ok || id.Name != "_" })
}

// ends tells whether a call does not come back: dropping it may leave a function without a return.
func (m *maker) ends(call *ast.CallExpr) bool {
	text := m.text(call.Fun)
	return text == "panic" || text == "os.Exit" || strings.HasPrefix(text, "log.Fatal")
}

// logs tells whether a call is one of the standard packages for logs.
func (m *maker) logs(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f := m.pkg.TypesInfo.Uses[sel.Sel]
	return f != nil && f.Pkg() != nil && (f.Pkg().Path() == "log" || f.Pkg().Path() == "log/slog")
}

// returns makes a return of zero values, and one that forgets the error.
func (m *maker) returns(s *ast.ReturnStmt) {
	if len(m.results) == 0 || len(s.Results) != len(m.results) {
		return
	}
	plain := true
	for i := range m.results {
		tv := m.pkg.TypesInfo.Types[s.Results[i]]
		plain = plain && (tv.IsNil() || tv.Value != nil && (tv.Value.ExactString() == "0" || tv.Value.ExactString() == `""` || tv.Value.ExactString() == "false"))
	}
	if plain {
		return // it returns zero values already
	}
	before := func(text string) func(int) []edit {
		return func(id int) []edit {
			at := m.off(s.Pos())
			return []edit{{from: at, to: at, text: fmt.Sprintf("if specMutantIs(%d) { return %s }; ", id, text), opens: true, depth: m.depth}}
		}
	}
	last := len(s.Results) - 1
	if tv := m.pkg.TypesInfo.Types[s.Results[last]]; m.results[last] == "error" && !tv.IsNil() && !hasFunc(s) {
		var parts []string
		for _, r := range s.Results[:last] {
			parts = append(parts, m.text(r))
		}
		to := strings.Join(append(parts, "nil"), ", ")
		m.add(s, "drop an error", m.text(s), "return "+to, before(to))
		return
	}
	to := strings.Join(m.zeros, ", ")
	m.add(s, "return zero values", m.text(s), "return "+to, before(to))
	if to := m.swapped(s); to != "" {
		m.depth++
		m.add(s, "swap results", m.text(s), "return "+to, before(to))
		m.depth--
	}
}

// swapped is what a return gives with its first two results of one type the other way round; "" where there are none.
func (m *maker) swapped(s *ast.ReturnStmt) string {
	if hasFunc(s) {
		return ""
	}
	parts := make([]string, len(s.Results))
	for i, r := range s.Results {
		parts[i] = m.text(r)
	}
	for i := range parts {
		for j := i + 1; j < len(parts); j++ {
			if m.results[i] == m.results[j] && m.results[i] != "error" && parts[i] != parts[j] {
				parts[i], parts[j] = parts[j], parts[i]
				return strings.Join(parts, ", ")
			}
		}
	}
	return ""
}

func hasFunc(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		_, f := n.(*ast.FuncLit)
		found = found || f
		return !found
	})
	return found
}

// inside makes the mutants of what a statement holds: conditions, numbers, nested blocks.
func (m *maker) inside(s ast.Node) {
	ast.Inspect(s, func(n ast.Node) bool {
		if n == nil {
			m.depth -= 8
			return true
		}
		if e, ok := n.(ast.Expr); ok && m.uses.index[e] {
			return false
		}
		switch n := n.(type) {
		case *ast.FuncLit:
			m.function(n.Type, n.Body)
			return false
		case *ast.BlockStmt:
			m.block(n.List)
			return false
		case *ast.CaseClause:
			for _, e := range n.List {
				m.inside(e)
			}
			m.block(n.Body)
			return false
		case *ast.CommClause:
			if n.Comm != nil {
				m.inside(n.Comm)
			}
			m.block(n.Body)
			return false
		case *ast.DeclStmt:
			if d, ok := n.Decl.(*ast.GenDecl); ok && d.Tok == token.CONST {
				m.globals(d)
				return false
			}
		case *ast.ArrayType:
			return false
		case *ast.IfStmt:
			m.condition(n.Cond)
		case *ast.ForStmt:
			if n.Cond != nil {
				m.condition(n.Cond)
			}
		case *ast.BinaryExpr:
			m.binary(n)
		case *ast.UnaryExpr:
			m.unary(n)
		case *ast.BasicLit:
			m.literal(n)
		case *ast.SelectorExpr:
			m.foreign(n)
		}
		m.depth += 8 // as many as the changes of a number
		return true
	})
}

func (m *maker) condition(e ast.Expr) {
	if b, ok := e.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) {
		return // binary negates it
	}
	if t := m.typeOf(e); t == nil || t.String() != "bool" && t.String() != "untyped bool" {
		return
	}
	m.negated[e] = true
	m.add(e, "negate a condition", m.text(e), "!("+m.text(e)+")", func(id int) []edit { return m.around(e, fmt.Sprintf("(specMutantIs(%d) != (", id), "))") })
}

var shifted = map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}

func (m *maker) binary(b *ast.BinaryExpr) {
	if tv := m.pkg.TypesInfo.Types[b]; tv.Value != nil {
		return // a constant
	}
	switch b.Op {
	case token.EQL, token.NEQ:
		if t := m.typeOf(b); t == nil || t.String() != "bool" && t.String() != "untyped bool" {
			return
		}
		other := map[token.Token]string{token.EQL: "!=", token.NEQ: "=="}[b.Op]
		m.add(b, "negate a comparison", m.text(b), m.text(b.X)+" "+other+" "+m.text(b.Y), func(id int) []edit {
			return m.around(b, fmt.Sprintf("(specMutantIs(%d) != (", id), "))")
		})
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		if t := m.typeOf(b); !m.negated[b] && t != nil && (t.String() == "bool" || t.String() == "untyped bool") {
			m.add(b, "negate a comparison", m.text(b), "!("+m.text(b)+")", func(id int) []edit {
				return m.around(b, fmt.Sprintf("(specMutantIs(%d) != (", id), "))")
			})
			m.depth++
			defer func() { m.depth-- }()
		}
		x, y := m.typeOf(b.X), m.typeOf(b.Y)
		if x == nil || y == nil || !types.Identical(x, y) {
			return
		}
		to := shifted[b.Op]
		m.add(b, "shift a boundary", m.text(b), m.text(b.X)+" "+to.String()+" "+m.text(b.Y), func(id int) []edit {
			at := m.off(b.OpPos)
			edits := m.around(b, fmt.Sprintf("specMutantCompare(%d, %q, %q, ", id, b.Op.String(), to.String()), ")")
			return append(edits, edit{from: at, to: at + len(b.Op.String()), text: ","})
		})
	case token.ADD, token.SUB, token.MUL, token.QUO, token.REM:
		m.arithmetic(b)
	}
}

var reckoned = map[token.Token]token.Token{token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL}

// unary makes a negative number positive.
func (m *maker) unary(u *ast.UnaryExpr) {
	t := m.typeOf(u)
	if u.Op != token.SUB || t == nil || m.pkg.TypesInfo.Types[u].Value != nil {
		return
	}
	if basic, ok := t.Underlying().(*types.Basic); !ok || basic.Info()&types.IsInteger == 0 {
		return
	}
	m.add(u, "change a sign", m.text(u), m.text(u.X), func(id int) []edit {
		from, end := m.off(u.OpPos), m.off(u.End())
		return []edit{{from: from, to: from + 1, text: fmt.Sprintf("specMutantInt(%d, '-', '+', 0, ", id), opens: true, depth: m.depth}, {from: end, to: end, text: ")", depth: m.depth}}
	})
}

// arithmetic makes the mutant that reckons with another sign.
func (m *maker) arithmetic(b *ast.BinaryExpr) {
	x, y := m.typeOf(b.X), m.typeOf(b.Y)
	if x == nil || y == nil || !types.Identical(x, y) {
		return
	}
	basic, ok := x.Underlying().(*types.Basic)
	if !ok || basic.Info()&types.IsUntyped != 0 {
		return
	}
	helper := ""
	switch {
	case basic.Info()&types.IsInteger != 0:
		helper = "specMutantInt"
	case basic.Info()&types.IsFloat != 0:
		helper = "specMutantFloat"
	default:
		return
	}
	to := reckoned[b.Op]
	m.add(b, "change a sign", m.text(b), m.text(b.X)+" "+to.String()+" "+m.text(b.Y), func(id int) []edit {
		at := m.off(b.OpPos)
		edits := m.around(b, fmt.Sprintf("%s(%d, '%s', '%s', ", helper, id, b.Op, to), ")")
		return append(edits, edit{from: at, to: at + 1, text: ","})
	})
}

func (m *maker) literal(lit *ast.BasicLit) {
	t := cmp.Or(m.wholes[lit], m.typeOf(lit))
	if t == nil {
		return
	}
	name, ok := m.typeName(t)
	if !ok {
		return
	}
	switch lit.Kind {
	case token.INT:
		m.number(lit, t, name, false)
	case token.STRING:
		if len(lit.Value) <= 2 || strings.ContainsAny(lit.Value, " \n%") || !strings.Contains(name, "string") {
			return // a message for people, or nothing
		}
		if m.uses.beside[lit][`""`] {
			return // which its switch or map has already
		}
		mu := m.add(lit, "empty a string", lit.Value, `""`, func(id int) []edit {
			return m.around(lit, fmt.Sprintf("specMutantPick[%s](%d, ", name, id), `, "")`)
		})
		mu.Number = strings.Trim(lit.Value, "\"`")
	}
}

// number makes the changes of a number, each within the next. Of an expression that is no literal, a constant by its name, all of
// them are for criteria that name its value, and they are the next ones alone: it is one of several, and no amount.
func (m *maker) number(e ast.Expr, t types.Type, name string, byName bool) {
	value, ok := constant.Int64Val(constant.ToInt(m.pkg.TypesInfo.Types[e].Value))
	if !ok {
		return
	}
	depth := m.depth
	defer func() { m.depth = depth }()
	for round, v := range changes(value, t) {
		if byName && round == 2 {
			break
		}
		if m.uses.beside[e][strconv.FormatInt(v, 10)] {
			continue // which its switch or map has already
		}
		to := strconv.FormatInt(v, 10)
		mu := m.add(e, "change a number", m.text(e), to, func(id int) []edit {
			return m.around(e, fmt.Sprintf("specMutantPick[%s](%d, ", name, id), ", "+to+")")
		})
		mu.Number, mu.round, mu.named, mu.whole = strconv.FormatInt(value, 10), round, byName || round > 0, m.times[e]
		m.depth++
	}
}

// foreign are constants of other modules, http.StatusUnauthorized: their number is what a criterion names.
func (m *maker) foreign(sel *ast.SelectorExpr) {
	c, ok := m.pkg.TypesInfo.Uses[sel.Sel].(*types.Const)
	if !ok || c.Pkg() == nil || c.Pkg() == m.pkg.Types {
		return
	}
	t := m.typeOf(sel)
	if t == nil || m.pkg.TypesInfo.Types[sel].Value == nil || m.pkg.TypesInfo.Types[sel].Value.Kind() != constant.Int || strings.HasSuffix(t.String(), "time.Duration") {
		return
	}
	if name, ok := m.typeName(t); ok {
		m.number(sel, t, name, true)
	}
}

// constants notes of each number that is a part of a constant the type of all of it, which numbers in it may be given, and of a
// time.Duration how long: 24 * 60 * time.Minute. What is added up stands for itself.
func (m *maker) constants(n ast.Node) {
	m.wholes, m.times = map[ast.Expr]types.Type{}, map[ast.Expr]time.Duration{}
	var look func(n ast.Node) bool
	var part func(e ast.Expr, whole types.Type, length time.Duration)
	part = func(e ast.Expr, whole types.Type, length time.Duration) {
		if !m.fits(e, whole) {
			return // a value along the way is none of the type: reckoned when the program runs, it would come out as another
		}
		switch e := ast.Unparen(e).(type) {
		case *ast.BasicLit:
			if e.Kind == token.INT {
				m.wholes[e], m.times[e] = whole, length
			}
		case *ast.UnaryExpr:
			part(e.X, whole, length)
		case *ast.BinaryExpr:
			for _, x := range []ast.Expr{e.X, e.Y} {
				switch {
				case (e.Op == token.SHL || e.Op == token.SHR) && x == e.Y:
					ast.Inspect(x, look)
				case e.Op == token.ADD || e.Op == token.SUB:
					part(x, whole, m.length(x, whole))
				default:
					part(x, whole, length)
				}
			}
		case *ast.CallExpr:
			if m.converts(e, whole) {
				part(e.Args[0], whole, length)
			} else {
				ast.Inspect(e, look)
			}
		}
	}
	look = func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		tv := m.pkg.TypesInfo.Types[e]
		if call, ok := e.(*ast.CallExpr); tv.Value == nil || ok && !m.converts(call, tv.Type) {
			return true
		}
		part(e, tv.Type, m.length(e, tv.Type))
		return false
	}
	ast.Inspect(n, look)
}

// converts tells whether a call makes something a type.
func (m *maker) converts(call *ast.CallExpr, t types.Type) bool {
	tv := m.pkg.TypesInfo.Types[call.Fun]
	return tv.IsType() && types.Identical(tv.Type, t) && len(call.Args) == 1
}

// fits tells whether a constant is a whole number that a type holds.
func (m *maker) fits(e ast.Expr, t types.Type) bool {
	tv := m.pkg.TypesInfo.Types[e]
	b, ok := t.Underlying().(*types.Basic)
	if tv.Value == nil || tv.Value.Kind() != constant.Int || !ok || b.Info()&types.IsInteger == 0 {
		return false
	}
	v, exact := constant.Int64Val(tv.Value)
	return exact && holds(t, v)
}

// length is how long a constant is that is a time.Duration, or a part of one.
func (m *maker) length(e ast.Expr, whole types.Type) time.Duration {
	tv := m.pkg.TypesInfo.Types[e]
	if tv.Value == nil || types.TypeString(whole, nil) != "time.Duration" {
		return 0
	}
	value, _ := constant.Int64Val(constant.ToInt(tv.Value))
	return time.Duration(value)
}

// typeName writes a type as this file can name it.
func (m *maker) typeName(t types.Type) (string, bool) {
	ok := true
	name := types.TypeString(t, func(p *types.Package) string {
		if p == m.pkg.Types {
			return ""
		}
		for _, imp := range m.file.Imports {
			if path, err := strconv.Unquote(imp.Path.Value); err == nil && path == p.Path() && (imp.Name == nil || imp.Name.Name != "_" && imp.Name.Name != ".") {
				if imp.Name != nil {
					return imp.Name.Name
				}
				return p.Name()
			}
		}
		ok = false
		return p.Name()
	})
	return name, ok && !strings.HasPrefix(name, "untyped") && !strings.ContainsAny(name, "{ ")
}

// mutantsOf makes the mutants of a package's files, tests left out.
func mutantsOf(p *packages.Package, read func(string) ([]byte, error), next *int) (map[string][]byte, []*Mutant, error) {
	sources := map[string][]byte{}
	var all []*Mutant
	used := usesOf(p)
	for i, f := range p.Syntax {
		name := p.CompiledGoFiles[i]
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || ast.IsGenerated(f) {
			continue
		}
		src, err := read(name)
		if err != nil {
			return nil, nil, err
		}
		sources[name] = src
		m := &maker{fset: p.Fset, pkg: p, file: f, src: src, name: name, next: next, negated: map[ast.Expr]bool{}, uses: used}
		m.constants(f)
		m.decls()
		all = append(all, m.out...)
	}
	return sources, all, nil
}

// rewrite makes edits in a source. At one place what closes comes before what opens, inner ends before outer ones, outer
// beginnings before inner ones. Lines stay where they are.
func rewrite(src []byte, edits []edit) []byte {
	sort.SliceStable(edits, func(i, j int) bool {
		a, b := edits[i], edits[j]
		switch {
		case a.from != b.from:
			return a.from < b.from
		case a.opens != b.opens:
			return !a.opens
		case a.opens:
			return a.depth < b.depth
		}
		return a.depth > b.depth
	})
	var out []byte
	at := 0
	for _, e := range edits {
		if e.from < at {
			continue
		}
		out = append(out, src[at:e.from]...)
		out = append(out, e.text...)
		at = e.to
	}
	return append(out, src[at:]...)
}

// helpers is the file that every mutated package gets.
func helpers(pkg, module string) []byte {
	return []byte("package " + pkg + `

import "` + module + "/" + helperPackage + `"

func specMutantIs(n int) bool {
	return n == zz_spec_mutant.Mutant && zz_spec_mutant.Note() || zz_spec_mutant.Noting && zz_spec_mutant.Reach(n)
}

func specMutantPick[T any](n int, a, b T) T {
	if specMutantIs(n) {
		return b
	}
	return a
}

func specMutantCompare[T ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr | ~float32 | ~float64 | ~string](n int, op, other string, x, y T) bool {
	if specMutantIs(n) {
		op = other
	}
	switch op {
	case "<":
		return x < y
	case "<=":
		return x <= y
	case ">":
		return x > y
	}
	return x >= y
}

func specMutantInt[T ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr](n int, op, other rune, x, y T) T {
	if specMutantIs(n) {
		op = other
	}
	switch op {
	case '+':
		return x + y
	case '-':
		return x - y
	case '*':
		return x * y
	case '/':
		return x / y
	}
	return x % y
}

func specMutantFloat[T ~float32 | ~float64](n int, op, other rune, x, y T) T {
	if specMutantIs(n) {
		op = other
	}
	switch op {
	case '+':
		return x + y
	case '-':
		return x - y
	case '*':
		return x * y
	}
	return x / y
}
`)
}
