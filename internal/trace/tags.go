package trace

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/modfile"

	"spec.example/spec/spec"
)

// A Tag is one place in the code that names a criterion.
type Tag struct {
	Feature string
	ID      string
	File    string
	Line    int
	Column  int
	Test    *Test // nil where it stands on code
}

// A Test is a test that carries a tag.
type Test struct {
	Package string // import path, for Go
	File    string
	Name    string
	Line    int
	Body    string // "sha256:…" of its body; see goBody
	Asserts int
	Lines   bool // Asserts counts lines with an assertion word
	Skips   bool // its first statement is an unconditional skip

	// Of other languages, to find it again in a report.
	groups []string       // the names of the groups around it, the outermost first
	also   string         // another name that it is shown by
	like   *regexp.Regexp // what its names look like, where they hold parameters; nil where they hold none
	rivals []*Test        // other tests of the file that a case could be of
	twins  []*Test        // of its name in the file, in other groups, and for the same criterion: each has to pass

	verdicts map[[2]int]bool // of Rust, the lines and columns at which an assertion of the tests around it begins
}

// An Index holds the tags of a tree. It is read-only and safe for concurrent use.
type Index struct {
	Tags []Tag
	byID map[string][]*Test
	scan *scanner // reads code again for Code
}

// maxSource bounds a file that is searched for tags.
const maxSource = 64 << 20

// Tests lists the tests that are tagged for a criterion, by file and name.
func (ix *Index) Tests(feature, id string) []*Test { return ix.byID[feature+"/"+id] }

// Test finds a test again by its name and body, wherever it lies now; nil where there is none.
func (ix *Index) Test(feature, id, name, body string) *Test {
	for _, t := range ix.Tests(feature, id) {
		if t.Name == name && (body == "" || t.Body == body) {
			return t
		}
	}
	return nil
}

// Scan reads the tags of every source file below root, as git would see the tree.
func Scan(fsys fs.FS, root string) (*Index, error) {
	var files []string
	modules := map[string]string{}
	s := &scanner{fsys: fsys, modules: modules, sources: map[string][]string{}, packages: map[string]*goPackage{}, codes: map[string]*codePackage{}, langs: languageTable()}
	err := spec.Walk(fsys, root, func(name string, d fs.DirEntry) error {
		if d.IsDir() {
			if d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if d.Name() == "go.mod" {
			if data, err := fs.ReadFile(fsys, name); err == nil {
				modules[path.Dir(name)] = modfile.ModulePath(data)
			}
		}
		if s.byExtension(name) != nil || path.Ext(name) == ".txtar" {
			files = append(files, name)
		}
		if strings.HasSuffix(name, ".go") {
			s.sources[path.Dir(name)] = append(s.sources[path.Dir(name)], name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	found := make([][]Tag, len(files))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			buf := make([]byte, firstRead)
			for i := next.Add(1) - 1; i < int64(len(files)); i = next.Add(1) - 1 {
				found[i], buf = s.file(files[i], buf)
			}
		})
	}
	wg.Wait()
	ix := &Index{scan: s}
	for _, tags := range found {
		ix.Tags = append(ix.Tags, tags...)
	}
	ix.group()
	return ix, nil
}

// Of gives the part of an index whose tags a predicate wants.
func (ix *Index) Of(wanted func(Tag) bool) *Index {
	part := &Index{scan: ix.scan}
	for _, t := range ix.Tags {
		if wanted(t) {
			part.Tags = append(part.Tags, t)
		}
	}
	part.group()
	return part
}

// group collects the tests of each criterion.
func (ix *Index) group() {
	ix.byID = map[string][]*Test{}
	known := map[[2]string]int{} // where it stands
	for _, t := range ix.Tags {
		if t.Test == nil {
			continue
		}
		key := t.Feature + "/" + t.ID
		test := [2]string{key, t.Test.File + "\x00" + t.Test.Name}
		at, ok := known[test]
		switch {
		case !ok:
			known[test] = len(ix.byID[key])
			ix.byID[key] = append(ix.byID[key], t.Test)
		case !ix.byID[key][at].is(t.Test):
			ix.byID[key][at] = ix.byID[key][at].beside(t.Test)
		}
	}
}

// is tells whether another test is the same one, or one of its twins.
func (t *Test) is(other *Test) bool {
	return t.Line == other.Line || slices.ContainsFunc(t.twins, func(twin *Test) bool { return twin.Line == other.Line })
}

// beside is a test with another of its name in the file, which a lock could not tell from it: it holds what both do.
func (t *Test) beside(other *Test) *Test {
	both := *t
	both.twins = append(slices.Clone(t.twins), other)
	sum := sha256.Sum256([]byte(t.Body + "\n" + other.Body))
	both.Body = "sha256:" + hex.EncodeToString(sum[:])
	both.Asserts += other.Asserts
	both.Lines, both.Skips = t.Lines || other.Lines, t.Skips || other.Skips
	return &both
}

type scanner struct {
	fsys     fs.FS
	modules  map[string]string
	mu       sync.Mutex
	sources  map[string][]string // Go files by directory, in order
	packages map[string]*goPackage
	langs    map[string]*language // by extension
	codeMu   sync.Mutex
	codes    map[string]*codePackage
}

// firstRead is how much of a file is read at once: nearly every source file is shorter.
const firstRead = 128 << 10

// file reads the tags of a file into a buffer that is used again: most files hold none, and fresh memory for each costs
// more than reading it.
func (s *scanner) file(name string, buf []byte) ([]Tag, []byte) {
	data, buf := spec.ReadInto(s.fsys, name, buf, maxSource)
	if !hasTag(data) || bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0 {
		return nil, buf
	}
	switch ext := path.Ext(name); {
	case strings.HasSuffix(name, "_test.go"):
		return s.goFile(name), buf
	case ext == ".txtar":
		return s.script(name, data), buf
	}
	return s.other(name, data, s.byExtension(name)), buf
}

// hasTag tells whether a text can hold a tag. A colon is rarer than the letters before it, and one byte is found faster
// than a word.
func hasTag(data []byte) bool {
	for at := 0; ; {
		i := bytes.IndexByte(data[at:], ':')
		if i < 0 {
			return false
		}
		if at += i; at >= 4 && string(data[at-4:at]) == "spec" {
			return true
		}
		at++
	}
}

// importPath is the import path of the package in a directory.
func (s *scanner) importPath(dir string) string {
	for at := dir; ; at = path.Dir(at) {
		if module, ok := s.modules[at]; ok {
			if at == dir {
				return module
			}
			return module + "/" + strings.TrimPrefix(strings.TrimPrefix(dir, at), "/")
		}
		if at == "." || at == "/" {
			return dir
		}
	}
}

// Mentioned reads the tags in any text; where they stand in it decides nothing.
func Mentioned(text string) []Tag { return tagsIn(text) }

// tagsIn reads the tags of one comment or name: `spec:feature/3.1`, a list `spec:feature/3.1, 3.2`, a range
// `spec:feature/3.1-3.4`.
func tagsIn(text string) (tags []Tag) {
	for off := 0; ; {
		i := strings.Index(text[off:], "spec:")
		if i < 0 {
			return tags
		}
		i += off
		off = i + len("spec:")
		if i > 0 && (nameByte(text[i-1]) || text[i-1] == '/') {
			continue
		}
		n := 0
		for off+n < len(text) && (nameByte(text[off+n]) || text[off+n] == '.') {
			n++
		}
		if n == 0 || off+n >= len(text) || text[off+n] != '/' {
			continue
		}
		feature := text[off : off+n]
		rest := text[off+n+1:]
		for {
			k := 0
			for k < len(rest) && (nameByte(rest[k]) || rest[k] == '.' || rest[k] == '#') {
				k++
			}
			id := strings.TrimRight(rest[:k], ".-")
			if id == "" {
				break
			}
			for _, one := range expand(id) {
				tags = append(tags, Tag{Feature: feature, ID: one, Column: i + 1})
			}
			rest = rest[k:]
			after := strings.TrimLeft(rest, " \t")
			if !strings.HasPrefix(after, ",") {
				break
			}
			if rest = strings.TrimLeft(after[1:], " \t"); rest == "" || !idStart(rest) {
				break
			}
		}
	}
}

// idStart tells whether a list goes on: with a digit, or with capitals and a digit.
func idStart(s string) bool {
	i := 0
	for i < len(s) && s[i] >= 'A' && s[i] <= 'Z' {
		i++
	}
	if i > 0 && i < len(s) && s[i] == '-' {
		i++
	}
	return i < len(s) && s[i] >= '0' && s[i] <= '9'
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// expand expands 3.1-3.4; anything else stands for itself.
func expand(id string) []string {
	from, to, ok := strings.Cut(id, "-")
	if !ok || from == "" || from[0] < '0' || from[0] > '9' {
		return []string{id}
	}
	i, j := strings.LastIndexByte(from, '.'), strings.LastIndexByte(to, '.')
	a, okA := small(from[i+1:])
	b, okB := small(to[j+1:])
	if !okA || !okB || from[:i+1] != to[:j+1] || b < a || b-a > 100 {
		return []string{id}
	}
	var out []string
	for n := a; n <= b; n++ {
		out = append(out, from[:i+1]+itoa(n))
	}
	return out
}

func small(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || n > 99999 {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s != ""
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// other reads the tags of a file of another language: those in its comments, and those in the names of its tests.
//
// A tag in a test's name belongs to that test, one in a group's name to every test of the group. A tag in a comment
// belongs to the test that it stands in or on, with attributes and other comments between; then to the tests of the
// group that it stands on; else it stands on code and proves nothing.
func (s *scanner) other(name string, data []byte, lang *language) []Tag {
	src := newSource(lang, string(data))
	if lang.only == nil || lang.only.match(name) {
		src.outline()
	}
	described := map[int]*Test{}
	var tags []Tag
	for off := 0; ; {
		i := strings.Index(src.text[off:], "spec:")
		if i < 0 {
			return tags
		}
		at := off + i
		n := src.lineOf(at)
		end := src.starts[n] + len(src.lineText(n))
		off = end
		for _, tag := range tagsIn(src.text[src.starts[n]:end]) {
			where := src.starts[n] + tag.Column - 1
			tag.File, tag.Line = name, n+1
			var owners []found
			switch src.kinds[where] {
			case inComment:
				owners = src.owner(where)
			default:
				if owners = src.named(where); owners == nil {
					continue // a string or code that only looks like a tag
				}
			}
			if len(owners) == 0 {
				tags = append(tags, tag)
			}
			for _, f := range owners {
				if described[f.from] == nil {
					described[f.from] = src.test(name, f)
				}
				tag.Test = described[f.from]
				tags = append(tags, tag)
			}
		}
	}
}

// named lists the tests whose name, or whose group's name, an offset lies in.
func (s *source) named(at int) []found {
	for _, t := range s.tests {
		if t.nameAt <= at && at < t.nameAt+len(t.name) {
			return []found{t}
		}
	}
	for _, g := range s.groups {
		if g.nameAt <= at && at < g.nameAt+len(g.name) {
			return s.inside(g)
		}
	}
	return nil
}

// script reads the tags in the comment of a testscript: the script is the test TestScript/NAME of the package that its
// testdata belongs to.
func (s *scanner) script(name string, data []byte) []Tag {
	dir, found := name, false
	for ; dir != "." && dir != "/"; dir = path.Dir(dir) {
		if path.Base(dir) == "testdata" {
			dir, found = path.Dir(dir), true
			break
		}
	}
	if !found {
		return nil
	}
	comment, _, _ := bytes.Cut(append([]byte("\n"), data...), []byte("\n-- "))
	sum := sha256.Sum256(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
	test := &Test{Package: s.importPath(dir), File: name, Name: "TestScript/" + strings.TrimSuffix(path.Base(name), ".txtar"), Line: 1, Body: "sha256:" + hex.EncodeToString(sum[:]), Lines: true}
	var tags []Tag
	n := 0
	for line := range strings.Lines(string(comment)) {
		n++
		text := strings.TrimSpace(line)
		if !strings.HasPrefix(text, "#") {
			for _, word := range []string{"cmp ", "stdout ", "stderr ", "exists ", "! ", "grep ", "status "} {
				if strings.HasPrefix(text, word) {
					test.Asserts++
					break
				}
			}
			if strings.HasPrefix(text, "skip") {
				test.Skips = true
			}
			continue
		}
		for _, tag := range tagsIn(text) {
			tag.File, tag.Line, tag.Test = name, n-1, test
			tag.Column += strings.Index(line, text)
			tags = append(tags, tag)
		}
	}
	return tags
}
