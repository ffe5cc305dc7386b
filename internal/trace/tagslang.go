package trace

import (
	"path"
	"strings"
	"sync"
)

// How far the body of a test goes.
type extent int

const (
	braces  extent = iota // to the bracket that closes the first one
	indents               // to the next line that is not indented deeper
	ends                  // as indents, and the line that says end
	clauses               // to the semicolon
)

// A language says how comments, strings and tests look in the files of some extensions. Patterns are matched line by line
// where code stands; the first group that is not empty is the name.
type language struct {
	exts    string // with blanks around each
	line    []string
	block   [][2]string
	quotes  string // each opens and closes a string
	triple  bool   // ''' and """ are strings too, and one that begins a statement is a doc comment
	blank   bool   // the mark of a line comment counts at the beginning of a word only
	body    extent
	tests   []*pattern
	marks   *pattern // without a line like that before it, a match of tests is no test
	groups  *pattern
	asserts *pattern
	titled  bool     // tests and groups are calls: their name is the first argument, wherever it stands
	skips   *pattern // in the lines of a test's head, or its first statement
	only    *pattern // files that can hold tests; nil for all
	locals  *pattern // where a name is declared: the token before it, it, and the two after it, with blanks between

	begins func() *[256]bool // bytes with which a comment or a string can begin
}

const (
	quoted = `'((?:[^'\\\n]|\\.)+)'|"((?:[^"\\\n]|\\.)+)"`
	slash  = quoted + "|`((?:[^`\\\\\\n]|\\\\.)+)`"
	called = `\s*\(\s*(?:` + slash + `)`
)

func re(s string) *pattern { return &pattern{text: s} }

// languages is the table; comments and tests of Go and of testscripts are read by their own readers.
func languages() []language {
	cBlock := [][2]string{{"/*", "*/"}}
	return []language{
		{exts: " .ts .tsx .js .jsx .mjs .cjs .mts .cts .vue .svelte ", locals: re(`^(?:const|let|var) \w+ (?:=|:|;|of\b|in\b)`), line: []string{"//"}, block: [][2]string{{"/*", "*/"}, {"<!--", "-->"}}, quotes: "'\"`",
			titled:  true,
			tests:   []*pattern{re(`^\s*(?:await\s+)?(?:x?it|f?it|x?test|specify|scenario|Deno\.test|bench)\b`)},
			groups:  re(`^\s*(?:[fx]?describe|context|suite|feature)\b`),
			asserts: re(`\bexpect\s*\(|\bassert\b|\.should\b|\bt\.(?:is|deepEqual|true|throws)\b`),
			skips:   re(`^\s*(?:xit|xtest|(?:it|test|specify)(?:\.\w+)*\.(?:skip|todo|fails|failing))\b|^\s*(?:this|test|t|ctx)\.skip\(`)},
		{exts: " .py .pyi ", locals: re(`^\n>* \w+ (?:= [^=]|:)|^for \w+ in |^as \w+ :`), line: []string{"#"}, quotes: `'"`, triple: true, body: indents,
			tests:   []*pattern{re(`^\s*(?:async\s+)?def\s+(test\w*)\s*\(`)},
			groups:  re(`^\s*class\s+(\w+)`),
			asserts: re(`\bassert\b|\.assert\w+\(|pytest\.raises\(`),
			skips:   re(`^\s*@(?:pytest\.mark\.skip\b|unittest\.skip\b|skip\b)|^\s*(?:pytest\.skip|self\.skipTest)\(`)},
		{exts: " .rs ", locals: re(`^(?:let|mut) \w+ [=:]`), line: []string{"//"}, block: cBlock, quotes: `"`,
			tests: []*pattern{re(`^\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(?:async\s+)?(?:unsafe\s+)?fn\s+(\w+)`)}, marks: re(`#\[(?:[\w:]+::)?(?:test|rstest|test_case|quickcheck)\b`),
			groups: re(`^\s*(?:pub\s+)?mod\s+(\w+)\s*\{`), asserts: re(`\b(?:debug_)?assert\w*!|\bpanic!|\bprop_assert`), skips: re(`^\s*#\[ignore\b`)},
		{exts: " .java .groovy ", locals: re(`^(?:var|int|long|short|byte|char|float|double|boolean|[A-Z]\w*|>|\]) \w+ = [^=]`), line: []string{"//"}, block: cBlock, quotes: `"'`,
			tests: []*pattern{re(`^\s*(?:@[\w.]+(?:\([^)]*\))?\s+)*(?:(?:public|protected|private|static|final)\s+)*(?:void|[\w.<>\[\]]+)\s+(\w+)\s*\((?:[^;]*$|[^;{}]*\)[^;{}]*\{)`)}, marks: re(`@(?:Test|ParameterizedTest|RepeatedTest|TestFactory|Property)\b`),
			groups: re(`^\s*(?:(?:public|static|final|abstract)\s+)*class\s+(\w+)`), asserts: re(`\bassert\w*\b|\bverify\(|\bfail\(`), skips: re(`^\s*@(?:Disabled|Ignore)\b`)},
		{exts: " .kt .kts ", locals: re(`^va[lr] \w+ [=:]`), line: []string{"//"}, block: cBlock, quotes: `"'`, triple: true,
			tests: []*pattern{re("^\\s*(?:@[\\w.]+(?:\\([^)]*\\))?\\s+)*(?:(?:public|internal|private|override|suspend)\\s+)*fun\\s+(?:`([^`]+)`|(\\w+))\\s*\\("), re(`^\s*(?:test|should|it|scenario)\(\s*"([^"\n]+)"`)},
			marks: re(`@(?:Test|ParameterizedTest|RepeatedTest)\b|^\s*(?:test|should|it|scenario)\(\s*"`), groups: re(`^\s*(?:(?:open|internal|public|abstract)\s+)*class\s+(\w+)`),
			asserts: re(`\bassert\w*\b|\bshould\w*\b|\bverify\b|\bfail\(`), skips: re(`^\s*@(?:Disabled|Ignore)\b`)},
		{exts: " .cs ", locals: re(`^(?:var|int|long|decimal|double|float|bool|string|[A-Z]\w*|>|\]) \w+ = [^=]`), line: []string{"//"}, block: cBlock, quotes: `"'`,
			tests: []*pattern{re(`^\s*(?:\[[^\]]*\]\s*)*(?:(?:public|internal|private|protected|static|async|virtual|override)\s+)*(?:void|Task|ValueTask)(?:<[^>]*>)?\s+(\w+)\s*\(`)}, marks: re(`\[(?:\w+\()?(?:Fact|Theory|Test|TestCase|TestMethod|DataTestMethod|Property)\b`),
			groups: re(`^\s*(?:(?:public|internal|sealed|abstract|static|partial)\s+)*class\s+(\w+)`), asserts: re(`\bAssert\.|\.Should\(|\bVerify\(|\bExpect\(`), skips: re(`^\s*\[.*(?:\bSkip\s*=|\bIgnore\b)`)},
		{exts: " .rb ", locals: re(`^(?:\w+|[^.@:$\w]|".*") [a-z_]\w* = [^=~>]`), line: []string{"#"}, quotes: `'"`, blank: true, body: ends,
			tests:   []*pattern{re(`^\s*[fx]?(?:it|specify|scenario|test|example)\s*\(?\s*(?:` + quoted + `)`), re(`^\s*def\s+(test_\w+)`)},
			groups:  re(`^\s*(?:RSpec\.)?(?:describe|context|feature)\s*\(?\s*(?:` + quoted + `|(\w[\w:]*))|^\s*class\s+(\w+)`),
			asserts: re(`\bassert\w*|\bexpect\b|\bmust_\w+|\brefute\w*|\.should\b`), skips: re(`^\s*(?:xit|xspecify)\b|^\s*(?:skip|pending)\b`)},
		{exts: " .php ", locals: re(`^\$ \w+ `), line: []string{"//", "#"}, block: cBlock, quotes: `'"`,
			tests: []*pattern{re(`^\s*(?:(?:public|final|static)\s+)*function\s+(test\w*)\s*\(`), re(`^\s*(?:it|test)\s*\(\s*(?:` + quoted + `)`), re(`^\s*(?:#\[[^\]]*\]\s*)*(?:(?:public|final)\s+)*function\s+(\w+)\s*\(`)},
			marks: re(`function\s+test\w*\s*\(|^\s*(?:it|test)\s*\(|#\[(?:\\?[\w\\]+\\)?Test\b|@test\b`), groups: re(`^\s*(?:(?:final|abstract)\s+)*class\s+(\w+)|^\s*describe\s*\(\s*(?:` + quoted + `)`),
			asserts: re(`\bassert\w*\(|->expect\w*\(|\bexpect\(`), skips: re(`^\s*\$this->markTestSkipped\(`)},
		{exts: " .sql ", line: []string{"--"}, block: cBlock, quotes: `'`, body: clauses,
			tests: []*pattern{re(`(?i)^\s*create\s+(?:or\s+replace\s+)?(?:function|procedure)\s+(?:\w+\.)?(test\w*)\s*\(`),
				re(`(?i)^\s*(?:select|return\s+next)\s+(?:pgtap\.)?((?:ok|is|isnt|cmp_ok|matches|alike|throws\w*|lives_ok|results_\w+|set_\w+|bag_\w+|is_empty|isnt_empty|row_eq|has_\w+|hasnt_\w+|col_\w+|performs_\w+|pass|fail)\s*\()`)},
			asserts: re(`(?i)\b(?:ok|is|isnt|cmp_ok|matches|throws\w*|lives_ok|results_\w+|set_\w+|bag_\w+|is_empty|row_eq|has_\w+|col_\w+|assert)\b`), skips: re(`(?i)^\s*select\s+(?:skip|todo)\(`)},
		{exts: " .html .htm .xml .xhtml ", block: [][2]string{{"<!--", "-->"}}},
		{exts: " .sh .bash .bats .zsh ", line: []string{"#"}, quotes: `'"`, blank: true,
			tests:   []*pattern{re(`^\s*@test\s+(?:` + quoted + `)`), re(`^\s*(?:function\s+)?(test\w*)\s*\(\s*\)`), re(`^\s*(?:It|Specify|Example)\s+(?:` + quoted + `)`)},
			asserts: re(`\bassert\w*|\[\[? |\btest |\bdiff\b|\bcmp\b|\bgrep\b|\bfail\b`), skips: re(`^\s*(?:skip|startSkipping)\b`)},
		{exts: " .yaml .yml ", line: []string{"#"}, quotes: `'"`, blank: true, body: indents, only: re(`(?i)(?:^|[/_.-])(?:tests?|specs?|tavern|scenarios?|venom)(?:[/_.-]|$)`),
			tests:   []*pattern{re(`^\s*-?\s*(?:name|test|test_name|testName|it|scenario|title|description):\s*(?:'([^'\n]+)'|"([^"\n]+)"|([^'"#\s][^#\n]*))`)},
			asserts: re(`\b(?:assert\w*|expect\w*|should|status(?:_code)?|response|equals?|contains|matches)\b`), skips: re(`^\s*-?\s*skip:\s*true`)},
		{exts: " .swift ", locals: re(`^(?:let|var) \w+ [=:]`), line: []string{"//"}, block: cBlock, quotes: `"`, triple: true, tests: []*pattern{re(`^\s*(?:(?:public|private|override)\s+)*func\s+(test\w*)\s*\(`)}, groups: re(`^\s*(?:final\s+)?class\s+(\w+)`), asserts: re(`\bXCTAssert\w*|#expect\(|\bXCTFail`), skips: re(`^\s*throw XCTSkip`)},
		{exts: " .scala .sc ", locals: re(`^va[lr] \w+ [=:]`), line: []string{"//"}, block: cBlock, quotes: `"`, triple: true, tests: []*pattern{re(`^\s*(?:test|it)\(\s*"([^"\n]+)"`)}, asserts: re(`\bassert\w*|\bshould\b|\bmust\b`)},
		{exts: " .dart ", locals: re(`^(?:final|var|const|int|String|bool|double) \w+ =`), line: []string{"//"}, block: cBlock, quotes: `'"`, tests: []*pattern{re(`^\s*(?:test|testWidgets)` + called)}, groups: re(`^\s*group` + called), asserts: re(`\bexpect\w*\(`)},
		{exts: " .c .h .cc .cpp .cxx .hpp ", line: []string{"//"}, block: cBlock, quotes: `"`, tests: []*pattern{re(`^\s*TEST(?:_F|_P|_CASE)?\(\s*([^){]+)\)`), re(`^\s*(?:static\s+)?(?:void|int)\s+(test_\w+)\s*\(`)}, asserts: re(`\b(?:ASSERT|EXPECT|REQUIRE|CHECK)\w*|\bassert\w*\(`)},
		{exts: " .ex .exs ", line: []string{"#"}, quotes: `"`, triple: true, blank: true, body: ends, tests: []*pattern{re(`^\s*test\s+"([^"\n]+)"`)}, groups: re(`^\s*describe\s+"([^"\n]+)"`), asserts: re(`\b(?:assert|refute)\w*`)},
		{exts: " .go ", line: []string{"//"}, block: cBlock, quotes: "\"`"},
		{exts: " .toml .pl .tf .dockerfile .mk .r .jl .nix .properties .ini .graphql ", line: []string{"#"}, quotes: `"`, blank: true},
		{exts: " .lua .hs .elm .ada ", line: []string{"--"}, quotes: `"`},
		{exts: " .css .scss .less .proto .zig .m .mm ", line: []string{"//"}, block: cBlock, quotes: `"`},
		{exts: " .clj .cljs .lisp .el .scm ", line: []string{";"}, quotes: `"`},
		{exts: " .erl .tex ", line: []string{"%"}},
	}
}

// byExtension finds the language of a file; nil where its comments are not known.
func (s *scanner) byExtension(name string) *language {
	ext := strings.ToLower(path.Ext(name))
	if ext == "" {
		return nil
	}
	return s.langs[ext]
}

// languageTable is the table by extension.
var languageTable = sync.OnceValue(func() map[string]*language {
	m := map[string]*language{}
	list := languages()
	for i := range list {
		l := &list[i]
		l.begins = sync.OnceValue(l.beginnings)
		for _, e := range strings.Fields(l.exts) {
			m[e] = l
		}
	}
	return m
})

func (l *language) beginnings() *[256]bool {
	var set [256]bool
	for _, c := range []byte(l.quotes) {
		set[c] = true
	}
	for _, m := range l.line {
		set[m[0]] = true
	}
	for _, b := range l.block {
		set[b[0][0]] = true
	}
	return &set
}
