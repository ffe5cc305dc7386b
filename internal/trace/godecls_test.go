package trace

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// outlineOf writes what a file was split into.
func outlineOf(f *goSource) string {
	var b strings.Builder
	for _, d := range f.decls {
		names := d.names
		if names == nil {
			names = d.declares()
		}
		fmt.Fprintf(&b, "%v %v %v %d %d %d\n", d.kind, names, d.method, d.doc, d.start, d.end)
	}
	fmt.Fprintln(&b, f.comments)
	return b.String()
}

// Splitting a file finds what the parser finds, in whatever way it is written.
func TestSplitIsWhatTheParserFinds(t *testing.T) {
	for name, src := range map[string]string{
		"forms": `package p // spec:f/1.1
import "a"
import ( "b"; c "d" ) // spec:f/1.2
/* spec:f/1.3 */ func A() {}
// spec:f/1.4

// spec:f/1.5
// and more
func (r *T[K]) B(f func() (int, error), x struct{ a, b int }) (n int, err error) { return 1, nil } // behind: spec:f/1.6
// spec:f/1.7
type T[K comparable] struct { m map[K]func() }
type ( U = int; V interface { A() } )
const ( a = iota; b
	c )
var x, y = 1, func() int { return 2 }(); var z int
/* spec:f/1.8
*/
func C() { _ = '"'; _ = '\''; _ = "\"{"; _ = ` + "`}\n// spec:f/9.9\n`" + ` }
func D()
func E() interface {
	M()
}
var long = 1 +
	2
var s = []string{
	"a", // spec:f/1.9
	// spec:f/1.10
}
/* one */ /* two */
// spec:f/1.11
func F[T any](t T) { /* spec:f/1.12 */ }
type W struct
{
}
`,
		"crlf":          "package p\r\n\r\n// spec:f/1.1\r\nfunc A() {\r\n}\r\n",
		"mark":          "\ufeffpackage p\n// spec:f/1.1\nfunc A() {}",
		"no end":        "package p\nvar a = 1 // spec:f/1.1",
		"nothing":       "",
		"trailing":      "package p\nvar a = 1 // spec:f/1.1\nfunc A() {}\n",
		"trailing two":  "package p\nvar a = 1 // one\n// spec:f/1.1\nfunc A() {}\n",
		"after a block": "package p\nvar a = 1 /* x\n*/ // spec:f/1.1\nfunc A() {}\n",
	} {
		if got, want := outlineOf(splitGo(name, []byte(src), true)), outlineOf(parseGo(name, []byte(src), true)); got != want {
			t.Errorf("%s: split\n%sparsed\n%s", name, got, want)
		}
	}
	files := 0
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	goroot := strings.TrimSpace(string(out))
	for _, root := range []string{"../..", filepath.Join(goroot, "src", "go"), filepath.Join(goroot, "src", "net", "http"), filepath.Join(goroot, "src", "regexp"), filepath.Join(goroot, "src", "reflect")} {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".go" || strings.Contains(filepath.ToSlash(name), "/testdata/") {
				return nil
			}
			src, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			src = bytes.ReplaceAll(src, []byte("// "), []byte("// spec:f/1 ")) // every comment is looked for
			files++
			if got, want := outlineOf(splitGo(name, src, true)), outlineOf(parseGo(name, src, true)); got != want {
				t.Errorf("%s: split\n%sparsed\n%s", name, got, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 300 {
		t.Errorf("%d files were looked at", files)
	}
}

// A file with a mistake is left to the parser, which keeps what stands before it.
func TestSplitFileWithAMistake(t *testing.T) {
	src := "package p\n\n// spec:f/1.1\nfunc TestX(t *testing.T) {\n\tt.Error(1)\n}\n\nfunc Broken() {\n\tif {\n}\n"
	f := splitGo("x_test.go", []byte(src), true)
	if d := f.owner(strings.Index(src, "spec:")); d == nil || len(d.names) == 0 || d.names[0] != "TestX" {
		t.Errorf("the tag belongs to %+v", d)
	}
}

// The letter that a match can begin with never leaves a match out.
func TestFirstBytes(t *testing.T) {
	lines := []string{"", " ", "it('x', () => {", "  await test.each([1])('a %s', (", "def test_x():", "  async def test_y(", "class X:", "\t#[test] fn works() {", "pub async fn x(", "    void pays() {", "@Test void pays() {", "fun `pays once`() {", "- name: pays", "  title: \"x\"",
		"CREATE OR REPLACE FUNCTION test_x(", "select is(1, 2)", "return next ok(true)", "@test \"x\" {", "It 'works'", "TEST(A, b) {", "static void test_x(", "test \"a\" do", "public function testX(", "#[Test] public function x(", "describe('a', f)", "RSpec.describe Foo do", "[Fact] public void X(", "été", "test(\"a\")", "Deno.test('x')"}
	checked := 0
	for _, l := range languages() {
		for _, p := range append(l.tests, l.groups) {
			if p == nil {
				continue
			}
			for _, line := range lines {
				want := p.get().FindStringSubmatchIndex(line)
				if got := p.find(line); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s in %q: %v, want %v", p.text, line, got, want)
				}
				if want != nil {
					checked++
				}
			}
		}
	}
	if checked < 25 {
		t.Errorf("%d lines matched", checked)
	}
	for text, narrow := range map[string]bool{`a`: false, `^\s*a|b`: false, `^\s*a|^b`: true, `^\s*`: false, `(?i)^\s*create`: true} {
		if got := firstBytes(text); (got != nil) != narrow {
			t.Errorf("%s: %v", text, got)
		}
	}
	for text, want := range map[string]string{`^\s*def\s+(test\w*)\s*\(`: "test", `^\s*(?:it|test)\(`: "(", `a|b`: "", `(?i)create`: "", `(?:long)*(?:ab)+`: "ab"} {
		if got := literal(text); got != want {
			t.Errorf("%s: every match holds %q, not %q", text, want, got)
		}
	}
	if set := firstBytes(`(?i)^\s*(?:create|^drop)`); set == nil || !set['C'] || !set['d'] || set['x'] {
		t.Errorf("letters of either case: %v", set)
	}
}
