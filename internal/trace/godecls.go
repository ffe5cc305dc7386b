package trace

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"sync"
)

// A goSource is a Go file, split into its declarations without being parsed: most files hold few that a tag leads to.
// What is looked at is parsed alone, when it is first looked at.
type goSource struct {
	name     string
	src      []byte
	test     bool // its name ends in _test.go
	decls    []*goDecl
	comments [][2]int // those that hold a tag: from, to
	imports  map[string]string
}

// A goDecl is one declaration of a Go file.
type goDecl struct {
	file     *goSource
	kind     token.Token // FUNC, TYPE, CONST or VAR
	names    []string    // of a function; see declares
	method   bool
	doc      int // where the comment right above it begins; start where there is none
	start    int // offset of its keyword
	end      int // offset after its last token
	parse    sync.Once
	parsed   ast.Decl // nil where it is no Go
	fset     *token.FileSet
	text     []byte // what fset's positions are of
	before   int    // offset of the declaration in text
	describe sync.Once
	as       *Test // where it is a test
}

const packageClause = "package p\n"

// node parses the declaration.
func (d *goDecl) node() ast.Decl {
	d.parse.Do(func() {
		if d.parsed != nil {
			return
		}
		d.fset, d.before = token.NewFileSet(), len(packageClause)
		d.text = append([]byte(packageClause), d.file.src[d.start:d.end]...)
		file, _ := parser.ParseFile(d.fset, d.file.name, d.text, parser.SkipObjectResolution)
		if file != nil && len(file.Decls) > 0 {
			d.parsed = file.Decls[0]
		}
	})
	return d.parsed
}

// offset is where in the file a position of the parsed declaration lies.
func (d *goDecl) offset(p token.Pos) int {
	return d.fset.PositionFor(p, false).Offset - d.before + d.start
}

// tokens writes a node of the declaration as a stream of tokens; see goTokens.
func (d *goDecl) tokens(n ast.Node) string { return goTokens(d.fset, d.text, n, localNames(n)) }

// declares lists the names that a declaration of constants, variables or types declares.
func (d *goDecl) declares() (names []string) {
	if g, ok := d.node().(*ast.GenDecl); ok {
		for _, sp := range g.Specs {
			names = append(names, specNames(sp)...)
		}
	}
	return names
}

func specNames(sp ast.Spec) (names []string) {
	switch x := sp.(type) {
	case *ast.TypeSpec:
		return []string{x.Name.Name}
	case *ast.ValueSpec:
		for _, id := range x.Names {
			names = append(names, id.Name)
		}
	}
	return names
}

// declared lists what a name stands for in such a declaration. Constants that are counted up stand for each other.
func (d *goDecl) declared(name string) (out []ast.Node) {
	g, ok := d.node().(*ast.GenDecl)
	if !ok {
		return nil
	}
	counted := g.Tok == token.CONST && g.Lparen.IsValid() && usesIota(g)
	for _, sp := range g.Specs {
		switch {
		case !slices.Contains(specNames(sp), name):
		case counted:
			return []ast.Node{g}
		default:
			out = append(out, sp)
		}
	}
	return out
}

// position is the line and column of an offset, each from 1.
func (f *goSource) position(at int) (line, column int) {
	head := f.src[:at]
	return bytes.Count(head, []byte{'\n'}) + 1, at - bytes.LastIndexByte(head, '\n')
}

// owner is the declaration that an offset stands on or in.
func (f *goSource) owner(at int) *goDecl {
	i, found := slices.BinarySearchFunc(f.decls, at, func(d *goDecl, at int) int { return d.doc - at })
	if !found {
		i--
	}
	if i >= 0 && at < f.decls[i].end {
		return f.decls[i]
	}
	return nil
}

// splitGo splits a file. What does not add up is left to the parser, which finds its way through mistakes.
func splitGo(name string, src []byte, test bool) *goSource {
	f := &goSource{name: name, src: src, test: test}
	s := splitter{file: f, src: src, group: -1}
	if !s.run() {
		return parseGo(name, src, test)
	}
	return f
}

// parseGo makes of a parsed file what splitGo makes of its text.
func parseGo(name string, src []byte, test bool) *goSource {
	f := &goSource{name: name, src: src, test: test}
	fset := token.NewFileSet()
	file, _ := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if file == nil {
		return f
	}
	at := func(p token.Pos) int { return min(fset.PositionFor(p, false).Offset, len(src)) }
	for _, decl := range file.Decls {
		d := &goDecl{file: f, parsed: decl, fset: fset, text: src, start: at(decl.Pos()), end: at(decl.End())}
		d.doc, d.before = d.start, d.start
		var doc *ast.CommentGroup
		switch x := decl.(type) {
		case *ast.FuncDecl:
			d.kind, d.names, d.method, doc = token.FUNC, []string{x.Name.Name}, x.Recv != nil, x.Doc
		case *ast.GenDecl:
			if d.kind, doc = x.Tok, x.Doc; x.Tok == token.IMPORT {
				continue
			}
		default:
			continue
		}
		if doc != nil {
			d.doc = at(doc.Pos())
		}
		f.decls = append(f.decls, d)
	}
	for _, g := range file.Comments {
		for _, c := range g.List {
			if hasTag(src[at(c.Pos()):at(c.End())]) {
				f.comments = append(f.comments, [2]int{at(c.Pos()), at(c.End())})
			}
		}
	}
	return f
}

// A splitter goes through the tokens of a file once, and looks at their kind only where a declaration begins.
type splitter struct {
	file  *goSource
	src   []byte
	at    int
	depth int // of open brackets
	decl  *goDecl
	ends  bool // a line end after the last token ends the statement
	last  int  // offset after the last token
	line  bool // a token stands before in this line
	group int  // where the last group of comments began, -1 for none since the last token
	until int  // where it ended
	after bool // it stands behind a token of its line
}

// run splits the file; false where brackets or strings do not close.
func (s *splitter) run() bool {
	if bytes.HasPrefix(s.src, []byte("\ufeff")) {
		s.at = 3
	}
	for s.at < len(s.src) {
		from := s.at
		switch c := s.src[s.at]; {
		case c == '\n':
			s.newline()
			s.at++
		case c == ' ' || c == '\t' || c == '\r':
			s.at++
		case c == '/' && s.at+1 < len(s.src) && (s.src[s.at+1] == '/' || s.src[s.at+1] == '*'):
			if !s.comment() {
				return false
			}
		case c == '"' || c == '\'' || c == '`':
			if !s.quoted(c) {
				return false
			}
			s.token(true)
		case wordByte(c): // numbers too
			for s.at < len(s.src) && wordByte(s.src[s.at]) {
				s.at++
			}
			s.word(from)
		default:
			if s.at++; !s.sign(c) {
				return false
			}
		}
	}
	s.newline()
	return s.depth == 0 && s.decl == nil
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= '0' && c <= '9' || c >= 0x80
}

// token notes that a token ends here.
func (s *splitter) token(ends bool) { s.ends, s.last, s.line, s.group = ends, s.at, true, -1 }

// newline ends a statement where Go puts a semicolon.
func (s *splitter) newline() {
	if s.ends {
		s.statement()
	}
	s.line = false
}

func (s *splitter) statement() {
	s.ends = false
	if s.decl == nil || s.depth > 0 {
		return
	}
	s.decl.end = s.last
	if s.decl.kind != token.IMPORT && s.decl.kind != token.PACKAGE {
		s.file.decls = append(s.file.decls, s.decl)
	}
	s.decl = nil
}

func (s *splitter) word(from int) {
	word := token.Lookup(string(s.src[from:s.at]))
	switch {
	case s.depth > 0:
	case s.decl == nil:
		switch word {
		case token.FUNC, token.TYPE, token.CONST, token.VAR, token.IMPORT, token.PACKAGE:
			s.decl = &goDecl{file: s.file, kind: word, doc: s.docOf(from), start: from}
		}
	case s.decl.kind == token.FUNC && s.decl.names == nil && word == token.IDENT:
		s.decl.names = []string{string(s.src[from:s.at])}
	}
	s.token(!word.IsKeyword() || word == token.BREAK || word == token.CONTINUE || word == token.FALLTHROUGH || word == token.RETURN)
}

// docOf is where the comment begins that ends on the line above an offset, or the offset.
func (s *splitter) docOf(at int) int {
	if s.group < 0 || s.after || bytes.Count(s.src[s.until:at], []byte{'\n'}) != 1 {
		return at
	}
	return s.group
}

// sign goes over a bracket or an operator.
func (s *splitter) sign(c byte) bool {
	switch c {
	case '(', '[', '{':
		if s.depth == 0 && c == '(' && s.decl != nil && s.decl.kind == token.FUNC && s.decl.names == nil {
			s.decl.method = true
		}
		s.depth++
		s.token(false)
	case ')', ']', '}':
		s.depth--
		s.token(true)
	case ';':
		s.statement()
		s.line, s.group = true, -1
	case '+', '-':
		twice := s.at < len(s.src) && s.src[s.at] == c
		if twice {
			s.at++
		}
		s.token(twice)
	default:
		s.token(false)
	}
	return s.depth >= 0
}

// comment goes over a comment, and joins it with the one on the line above.
func (s *splitter) comment() bool {
	from := s.at
	if s.src[s.at+1] == '/' {
		if n := bytes.IndexByte(s.src[from:], '\n'); n >= 0 {
			s.at += n
		} else {
			s.at = len(s.src)
		}
	} else {
		n := bytes.Index(s.src[from+2:], []byte("*/"))
		if n < 0 {
			return false
		}
		s.at += n + 4
	}
	text := bytes.TrimSuffix(s.src[from:s.at], []byte{'\r'})
	if hasTag(text) {
		s.file.comments = append(s.file.comments, [2]int{from, from + len(text)})
	}
	if between := bytes.Count(s.src[min(s.until, from):from], []byte{'\n'}); s.group < 0 || between > 1 || s.after && between > 0 {
		s.group, s.after = from, s.line
	}
	s.until = s.at
	if bytes.IndexByte(text, '\n') >= 0 {
		if s.newline(); s.after {
			s.group = -1
		}
	}
	return true
}

// quoted goes over a string or a character.
func (s *splitter) quoted(q byte) bool {
	for s.at++; s.at < len(s.src); s.at++ {
		switch c := s.src[s.at]; {
		case c == q:
			s.at++
			return true
		case c == '\\' && q != '`':
			s.at++
		case c == '\n' && q != '`':
			return false
		}
	}
	return false
}
