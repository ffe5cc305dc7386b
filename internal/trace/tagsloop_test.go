package trace

import (
	"strings"
	"testing"
	"testing/fstest"
)

// Tests of one line, and tests that a loop makes: each tag belongs to those that stand behind it, and to no other.
func TestTagsOfLoopsAndLines(t *testing.T) {
	for _, c := range []struct {
		file, src string
		want      map[string]string // names of the tests by criterion
	}{
		{"ATest.java", "class ATest {\n    // spec:f/1.1\n    @Test void adds() { assertEquals(3, Sum.add(1, 2)); }\n    // spec:f/1.2\n    @RepeatedTest(3) void again() throws Exception { assertTrue(true); }\n    // spec:f/1.3\n    @Test\n    void later() {\n        assertTrue(help(1));\n    }\n    boolean help(int n) { return n == 1; }\n}\n",
			map[string]string{"1.1": "adds", "1.2": "again", "1.3": "later"}},
		{"ATest.kt", "class ATest {\n    // spec:f/1.1\n    @Test fun `adds two`() = assertEquals(3, add(1, 2))\n    // spec:f/1.2\n    @Test fun more() { assertTrue(true) }\n}\n",
			map[string]string{"1.1": "adds two", "1.2": "more"}},
		{"a.test.ts", "// spec:f/1.1\nfor (const n of [1, 2]) {\n  test(`loop ${n}`, () => { expect(n).toBe(1); });\n}\n// spec:f/1.2\n[\n  1,\n  2,\n].forEach((n) => {\n  it(\"each \" + n, () => { expect(n).toBe(1); });\n  it(\"other\", () => { expect(n).toBe(1); });\n});\n// spec:f/1.3\nconst made = () => {\n  test(\"made\", () => {});\n};\n// spec:f/1.4\nfor (const n of [1]) { made(n); }\ntest(\"behind\", () => {});\n",
			map[string]string{"1.1": "loop ${n}", "1.2": "each,other", "1.3": "", "1.4": ""}},
		{"a_spec.rb", "describe \"a\" do\n  # spec:f/1.1\n  [1, 2].each do |n|\n    it \"is #{n}\" do\n      expect(n).to eq(1)\n    end\n  end\n  # spec:f/1.2\n  let(:x) do\n    1\n  end\n  it \"behind\" do\n    expect(1).to eq(1)\n  end\nend\n",
			map[string]string{"1.1": "is #{n}", "1.2": ""}},
	} {
		index, err := Scan(fstest.MapFS{c.file: {Data: []byte(c.src)}}, ".")
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range c.want {
			var names []string
			for _, test := range index.Tests("f", id) {
				names = append(names, test.Name)
			}
			if got := strings.Join(names, ","); got != want {
				t.Errorf("%s %s: %q, want %q", c.file, id, got, want)
			}
		}
	}
	index, err := Scan(fstest.MapFS{"a.test.js": {Data: []byte("// spec:f/1.1\ntest(\"each \" + n, () => { expect(n).toBe(1); });\ntest(\"each one\", () => {});\n")}}, ".")
	if err != nil {
		t.Fatal(err)
	}
	rs, err := ReadJUnit(strings.NewReader(`<testsuite name="a.test.js"><testcase classname="a.test.js" name="each 1"/><testcase classname="a.test.js" name="each one"><failure/></testcase></testsuite>`))
	if got := rs.Of(index.Tests("f", "1.1")[0]); err != nil || got != Passed {
		t.Errorf("a name with something added: %s, %v", got, err)
	}
}
