package trace_test

import (
	"fmt"
	"strings"
	"testing"
)

// In every language: the tag 1.1 belongs to the test "one" in its last line's form, 1.2 stands inside the second test, 1.3
// stands on code, and 9.9 only looks like a tag. A want is NAME LINE ASSERTS, with a ! where the test skips.
func TestTagsInEveryLanguage(t *testing.T) {
	for _, c := range []struct {
		file, text string
		want       map[string]string
	}{
		{"a.test.ts", "// spec:f/1.1\nit('pays once', async () => {\n  expect(await pay()).toBe(1)\n  expect(2)\n})\n\ntest.skip(\"pays twice\", () => {\n  /* spec:f/1.2 */\n  expect(1)\n})\n\n// spec:f/1.3\nfunction pay() { return 'spec:f/9.9' }\n\n// spec:f/2.1-2.2\ndescribe('group', () => {\n  it('a', () => { expect(1) })\n  it('b', () => {})\n})\n\nit('spec:f/3.1 named', () => {})\ntest.each([1, 2])('each %i', (n) => {\n  // spec:f/3.2\n  expect(n)\n})\n",
			map[string]string{"1.1": "pays once 2 2", "1.2": "pays twice 7 1!", "1.3": "", "2.1": "a 17 1; b 18 0", "2.2": "a 17 1; b 18 0", "3.1": "spec:f/3.1 named 21 0", "3.2": "each %i 22 1"}},
		{"a.test.js", "test(`t`, function () {\n  // spec:f/1.1, 1.2\n  assert.equal(1, 1)\n})\n", map[string]string{"1.1": "t 1 1", "1.2": "t 1 1"}},
		{"test_a.py", "import pytest\n\n# spec:f/1.1\n@pytest.mark.parametrize(\n    'n',\n    [1],\n)\ndef test_one(n):\n    assert n == 1\n\n    assert n\n\nclass TestTwo:\n    def test_two(self):\n        \"\"\"Pays. spec:f/1.2\"\"\"\n        self.assertEqual(1, 1)\n\n    # spec:f/1.4\n    @pytest.mark.skip\n    async def test_three(self):\n        pass\n\n# spec:f/1.3\ndef pay():\n    return \"spec:f/9.9\"\n",
			map[string]string{"1.1": "test_one 8 2", "1.2": "test_two 14 1", "1.3": "", "1.4": "test_three 20 0!"}},
		{"a.rs", "/// spec:f/1.1\n#[test]\nfn one() {\n    assert_eq!(pay(), 1);\n}\n\n#[tokio::test]\n#[ignore]\nasync fn two() {\n    // spec:f/1.2\n    assert!(true);\n}\n\n/// spec:f/1.3\npub fn pay<'a>(x: &'a str) -> u8 { 1 }\n",
			map[string]string{"1.1": "one 3 1", "1.2": "two 9 1!", "1.3": ""}},
		{"ATest.java", "class ATest {\n  /** spec:f/1.1 */\n  @Test\n  void one() {\n    assertEquals(1, pay());\n  }\n\n  @ParameterizedTest\n  @ValueSource(ints = {1, 2})\n  public void two(int n) {\n    // spec:f/1.2\n    assertTrue(n > 0);\n  }\n\n  // spec:f/1.3\n  int pay() { return 1; }\n}\n",
			map[string]string{"1.1": "one 4 1", "1.2": "two 10 1", "1.3": ""}},
		{"ATest.kt", "class ATest {\n  // spec:f/1.1\n  @Test\n  fun `pays once`() {\n    assertEquals(1, pay())\n  }\n\n  @Test fun two() {\n    // spec:f/1.2\n    assertTrue(true)\n  }\n\n  // spec:f/1.3\n  fun pay() = 1\n}\n",
			map[string]string{"1.1": "pays once 4 1", "1.2": "two 8 1", "1.3": ""}},
		{"ATest.cs", "public class ATest {\n  // spec:f/1.1\n  [Fact]\n  public async Task One() {\n    Assert.Equal(1, Pay());\n  }\n\n  [Theory(Skip = \"later\")]\n  [InlineData(1)]\n  public void Two(int n) {\n    // spec:f/1.2\n    Assert.True(n > 0);\n  }\n\n  // spec:f/1.3\n  int Pay() => 1;\n}\n",
			map[string]string{"1.1": "One 4 1", "1.2": "Two 10 1!", "1.3": ""}},
		{"a_spec.rb", "describe 'pay' do\n  # spec:f/1.1\n  it 'pays once' do\n    expect(pay).to eq 1\n  end\n\n  it \"pays twice\" do\n    skip\n    # spec:f/1.2\n    expect(\"#{pay}\").to eq 2\n  end\n\n  # spec:f/1.3\n  def pay\n    1\n  end\nend\n",
			map[string]string{"1.1": "pays once 3 1", "1.2": "pays twice 7 1!", "1.3": ""}},
		{"ATest.php", "<?php\nclass ATest {\n  // spec:f/1.1\n  public function testOne(): void {\n    $this->assertSame(1, pay());\n  }\n\n  #[Test]\n  public function two(): void {\n    # spec:f/1.2\n    $this->assertTrue(true);\n  }\n\n  /** spec:f/1.3 */\n  function pay() { return 1; }\n}\n",
			map[string]string{"1.1": "testOne 4 1", "1.2": "two 9 1", "1.3": ""}},
		{"pay_test.sql", "-- spec:f/1.1\nSELECT is(pay(1), 2900, 'pays; once');\n\nCREATE FUNCTION test_two() RETURNS void AS $$\nBEGIN\n  -- spec:f/1.2\n  ASSERT pay(1) = 2;\nEND $$;\n\n-- spec:f/1.3\nCREATE TABLE payments (id int);\n",
			map[string]string{"1.1": "pays; once 2 1", "1.2": "test_two 4 1", "1.3": ""}},
		{"a.html", "<!-- spec:f/1.3 -->\n<p>spec:f/9.9</p>\n", map[string]string{"1.3": ""}},
		{"a.bats", "# spec:f/1.1\n@test \"pays once\" {\n  [ \"$(pay)\" = 1 ]\n}\n\n@test 'pays twice' {\n  skip\n  # spec:f/1.2\n  run pay\n}\n\n# spec:f/1.3\npay() { echo \"$1#spec:f/9.9\"; }\n",
			map[string]string{"1.1": "pays once 2 1", "1.2": "pays twice 6 0!", "1.3": ""}},
		{"test_a.sh", "# spec:f/1.1\ntest_one() {\n  assertEquals 1 \"$(pay)\"\n}\n", map[string]string{"1.1": "test_one 2 1"}},
		{"tests/pay.yaml", "cases:\n  # spec:f/1.1\n  - name: pays once\n    request: {url: /pay}\n    response:\n      status_code: 200\n  - name: \"pays twice\"\n    skip: true # spec:f/1.2\n    response: {}\n",
			map[string]string{"1.1": "pays once 3 2", "1.2": "pays twice 7 1!"}},
		{"deploy.yaml", "jobs:\n  # spec:f/1.3\n  - name: build\n", map[string]string{"1.3": ""}},
	} {
		ix := scan(t, map[string]string{c.file: c.text})
		for _, tag := range ix.Tags {
			if tag.ID == "9.9" {
				t.Errorf("%s:%d: what only looks like a tag is one", tag.File, tag.Line)
			}
			line := strings.Split(c.text, "\n")[tag.Line-1]
			if !strings.HasPrefix(line[tag.Column-1:], "spec:f/") {
				t.Errorf("%s:%d:%d is not where the tag stands", tag.File, tag.Line, tag.Column)
			}
		}
		for id, want := range c.want {
			var got []string
			for _, x := range ix.Tests("f", id) {
				s := fmt.Sprintf("%s %d %d", x.Name, x.Line, x.Asserts)
				if x.Skips {
					s += "!"
				}
				got = append(got, s)
			}
			if s := strings.Join(got, "; "); s != want {
				t.Errorf("%s %s: %q, want %q", c.file, id, s, want)
			}
			found := false
			for _, tag := range ix.Tags {
				found = found || tag.ID == id
			}
			if !found {
				t.Errorf("%s: the tag %s was not read", c.file, id)
			}
		}
	}
}

// A tag in the name of a sub-test belongs to its test; other strings are no tags.
func TestTagsInNamesOfGoTests(t *testing.T) {
	ix := scan(t, map[string]string{"go.mod": "module m.org/m\n", "a_test.go": "package m\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {\n\tt.Run(\"spec:f/1.1 once\", func(t *testing.T) { t.Error() })\n\t_ = \"spec:f/9.9\"\n}\n"})
	if len(ix.Tags) != 1 || ix.Tags[0].Test == nil || ix.Tags[0].Test.Name != "TestA" || ix.Tags[0].Line != 6 || ix.Tags[0].Column != 9 {
		t.Errorf("%+v", ix.Tags)
	}
}

// What a formatter changes is no change of a test; its expectation is, and so is a check that moves out of a branch.
func TestOtherBodies(t *testing.T) {
	hash := func(file, text string) string {
		tests := scan(t, map[string]string{file: text}).Tests("f", "1.1")
		if len(tests) != 1 {
			t.Fatalf("%s: %d tests in\n%s", file, len(tests), text)
		}
		return tests[0].Body
	}
	for _, c := range []struct{ file, base, same, other string }{
		{"a.test.ts", "// spec:f/1.1\nit('a', () => {\n  expect(pay(1, 2)).toBe(2900)\n})\n", "// spec:f/1.1\n// why\nit('a', () => {\n    expect(\n      pay(1, 2), // the price\n    ).toBe(2900)\n\n})\n\nit('b', () => {})\n", "// spec:f/1.1\nit('a', () => {\n  expect(pay(1, 2)).toBe(3900)\n})\n"},
		{"test_a.py", "# spec:f/1.1\ndef test_a():\n    if x:\n        y()\n        assert pay(1) == 2900\n", "# spec:f/1.1\n\ndef test_a():\n  # why\n  if x:\n\n      y()\n      assert pay(\n          1,\n      ) == 2900\n\n\ndef other(): pass\n", "# spec:f/1.1\ndef test_a():\n    if x:\n        y()\n    assert pay(1) == 2900\n"},
		{"a_spec.rb", "# spec:f/1.1\nit 'a' do\n  expect(pay).to eq 2900\nend\n", "# spec:f/1.1\nit 'a' do\n\n    expect(pay).to eq 2900 # why\nend\n\nit 'b' do\nend\n", "# spec:f/1.1\nit 'a' do\n  expect(pay).to eq 3900\nend\n"},
		{"ATest.java", "// spec:f/1.1\n@Test\nvoid a() {\n  assertEquals(2900, pay());\n}\n", "// spec:f/1.1\n@Test\nvoid a()\n{\n    assertEquals( 2900, pay() ); /* why */\n}\n", "// spec:f/1.1\n@Test\nvoid a() {\n  assertEquals(2901, pay());\n}\n"},
		// another name of a local variable, another quotation mark
		{"b.test.ts", "// spec:f/1.1\nit('a', () => {\n  const sum = pay({ sum: 1 });\n  for (const x of [sum]) expect(x).toBe(sum)\n})\n", "// spec:f/1.1\nit(\"a\", () => {\n  const total = pay({ sum: 1 });\n  for (const y of [total]) expect(y).toBe(total)\n})\n", "// spec:f/1.1\nit('a', () => {\n  const sum = pay({ total: 1 });\n  for (const x of [sum]) expect(x).toBe(sum)\n})\n"},
		{"test_b.py", "# spec:f/1.1\ndef test_a():\n    sum = pay(sum=1)\n    other = 2\n    assert sum == 'x'\n", "# spec:f/1.1\ndef test_a():\n    total = pay(sum=1)\n    rest = 2\n    assert total == \"x\"\n", "# spec:f/1.1\ndef test_a():\n    sum = pay(sum=1)\n    other = 2\n    assert other == 'x'\n"},
		{"b_spec.rb", "# spec:f/1.1\nit 'a' do\n  sum = pay\n  expect(sum).to eq 2900\nend\n", "# spec:f/1.1\nit \"a\" do\n  total = pay\n  expect(total).to eq 2900\nend\n", "# spec:f/1.1\nit 'a' do\n  sum = pay\n  expect(pay).to eq 2900\nend\n"},
		{"BTest.java", "// spec:f/1.1\n@Test\nvoid a() {\n  int sum = pay();\n  assertEquals(2900, sum);\n}\n", "// spec:f/1.1\n@Test\nvoid a() {\n  int total = pay();\n  assertEquals(2900, total);\n}\n", "// spec:f/1.1\n@Test\nvoid a() {\n  int sum = pay();\n  assertEquals(sum, sum);\n}\n"},
		{"b.rs", "// spec:f/1.1\n#[test]\nfn a() {\n  let mut sum = pay();\n  assert_eq!(sum.sum, 1);\n}\n", "// spec:f/1.1\n#[test]\nfn a() {\n  let mut total = pay();\n  assert_eq!(total.sum, 1);\n}\n", "// spec:f/1.1\n#[test]\nfn a() {\n  let mut sum = pay();\n  assert_eq!(sum.total, 1);\n}\n"},
		{"BTest.php", "<?php\nclass A {\n  // spec:f/1.1\n  function testA() {\n    $sum = $this->pay();\n    $this->assertSame(1, $sum);\n  }\n}\n", "<?php\nclass A {\n  // spec:f/1.1\n  function testA() {\n    $total = $this->pay();\n    $this->assertSame(1, $total);\n  }\n}\n", "<?php\nclass A {\n  // spec:f/1.1\n  function testA() {\n    $sum = $this->sum();\n    $this->assertSame(1, $sum);\n  }\n}\n"},
	} {
		base := hash(c.file, c.base)
		if hash(c.file, c.same) != base {
			t.Errorf("%s: a change of form is a change", c.file)
		}
		if hash(c.file, c.other) == base {
			t.Errorf("%s: a change of what is tested is none", c.file)
		}
	}
}

// Code is what the tests reach, in other packages of the tree too.
func TestCodeOfACriterion(t *testing.T) {
	files := map[string]string{
		"go.mod":        "module m.org/m\n",
		"pay.go":        "package p\n\nimport \"m.org/m/price\"\n\n// Pay pays.\nfunc Pay() int { return price.Of(1) }\n\nfunc Other() int { return 1 }\n",
		"price/p.go":    "package price\n\nconst base = 2900\n\nfunc Of(n int) int { return base * n }\n",
		"pay_test.go":   "package p\n\nimport \"testing\"\n\n// spec:f/1.1\nfunc TestPay(t *testing.T) {\n\tif Pay() != 2900 {\n\t\tt.Error()\n\t}\n}\n",
		"other_test.go": "package p\n",
	}
	code := func(file, old, new string) string {
		changed := map[string]string{}
		for k, v := range files {
			changed[k] = v
		}
		if old != "" && !strings.Contains(files[file], old) {
			t.Fatalf("%s has no %q", file, old)
		}
		changed[file] = strings.Replace(files[file], old, new, 1)
		return scan(t, changed).Code("f", "1.1")
	}
	base := code("pay.go", "", "")
	if !strings.HasPrefix(base, "sha256:") {
		t.Fatalf("code %q", base)
	}
	for _, c := range [][3]string{{"pay.go", "// Pay pays.", "// Pay is paid."}, {"pay.go", "return 1", "return 2"}, {"price/p.go", "{ return base * n }", "{\n\treturn base * n // why\n}"}, {"pay_test.go", "t.Error()", "t.Error(1)"}} {
		if code(c[0], c[1], c[2]) != base {
			t.Errorf("%q to %q in %s counts as another code", c[1], c[2], c[0])
		}
	}
	for _, c := range [][3]string{{"pay.go", "price.Of(1)", "price.Of(2)"}, {"price/p.go", "2900", "3900"}, {"price/p.go", "base * n", "base + n"}} {
		if code(c[0], c[1], c[2]) == base {
			t.Errorf("%q to %q in %s counts as the same code", c[1], c[2], c[0])
		}
	}
	if got := scan(t, map[string]string{"a.test.ts": "// spec:f/1.1\nit('a', () => {})\n"}).Code("f", "1.1"); got != "" {
		t.Errorf("a test that is not in Go reaches %q", got)
	}
}

// Tags are read of any bytes without a crash, and what is unclosed ends with the file.
func FuzzOtherLanguages(f *testing.F) {
	for _, s := range []string{"it('spec:f/1.1", "/* spec:f/1.1", "\"\"\"\ndef test_x(\n  # spec:f/1.1", "@Test\n@X(\n", "SELECT ok(1, 'x\n-- spec:f/1.1", "\\", "'\\", "$$", "- name: x # spec:f/1.1\n  \xff"} {
		f.Add(s)
	}
	exts := []string{".ts", ".py", ".rs", ".java", ".kt", ".cs", ".rb", ".php", ".sql", ".html", ".sh", "_test.yaml", ".exs", ".go"}
	f.Fuzz(func(t *testing.T, text string) {
		files := map[string]string{}
		for _, e := range exts {
			files["a"+e] = text + "\nspec:f/1.1\n"
		}
		for _, tag := range scan(t, files).Tags {
			if tag.Line < 1 || tag.Column < 1 || tag.ID == "" || tag.Test != nil && (tag.Test.Name == "" || tag.Test.Line < 1) {
				t.Errorf("%+v", tag)
			}
		}
	})
}
