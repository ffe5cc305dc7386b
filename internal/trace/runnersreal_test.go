package trace

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Runners that are installed write a report of the same few tests: what passes, fails, is skipped, throws and is not run.
func TestRunnersForReal(t *testing.T) {
	for _, r := range []struct {
		name, file, text string
		there, run       []string
	}{
		{"node", "a.test.mjs", `import test, { describe } from "node:test";
import assert from "node:assert";
// spec:f/1.1
test("it's > \"2\" / ü", () => { assert.equal(1, 1); });
// spec:f/1.2
test("fails", () => { assert.equal(1, 2); });
// spec:f/1.3
test("throws", () => { null.x; });
// spec:f/1.4
test.todo("later");
describe("one", () => {
  // spec:f/1.5
  test("same", () => { assert.equal(1, 1); });
});
describe("two", () => {
  test("same", () => { assert.equal(1, 2); });
});
`, []string{"node", "--version"}, []string{"node", "--test", "--test-reporter=junit", "--test-reporter-destination=report.xml", "a.test.mjs"}},
		{"pytest", "test_a.py", `import pytest
# spec:f/1.1
@pytest.mark.parametrize("x", ["it's > \"2\" / ü", "a::b"])
def test_a(x):
    assert x
# spec:f/1.2
def test_fails():
    timeout = 1
    assert timeout == 2, "timed out"
# spec:f/1.3
def test_raises():
    raise StopIteration
# spec:f/1.4
@pytest.mark.skip
def test_later():
    assert True
class TestOne:
    # spec:f/1.5
    def test_same(self):
        assert True
class TestTwo:
    def test_same(self):
        assert False
`, []string{"python3", "-m", "pytest", "--version"}, []string{"python3", "-m", "pytest", "-q", "--junitxml=report.xml", "test_a.py"}},
		{"rspec", "a_spec.rb", `describe "a" do
  # spec:f/1.1
  it "is \"2\" > 'x' / ü" do
    expect(1).to eq(1)
  end
  # spec:f/1.2
  it "fails" do
    expect(1).to eq(2)
  end
  # spec:f/1.3
  it "raises" do
    raise Errno::ENOENT
  end
  # spec:f/1.4
  xit "later" do
    expect(1).to eq(1)
  end
  context "one" do
    # spec:f/1.5
    it "same" do
      expect(1).to eq(1)
    end
  end
  context "two" do
    it "same" do
      expect(1).to eq(2)
    end
  end
end
`, []string{"ruby", "-e", "require 'rspec'; require 'rspec_junit_formatter'"}, []string{"rspec", "--format", "RspecJunitFormatter", "--out", "report.xml", "a_spec.rb"}},
		{"phpunit", "ATest.php", `<?php
final class ATest extends PHPUnit\Framework\TestCase {
    /** spec:f/1.1
     * @dataProvider rows */
    public function testRows(int $n): void { $this->assertSame(1, $n); }
    public static function rows(): array { return ["it's > \"2\"" => [1], [1]]; }
    // spec:f/1.2
    public function testFails(): void { $this->assertSame(1, 2); }
    // spec:f/1.3
    public function testThrows(): void { throw new OutOfRangeException("x"); }
    // spec:f/1.4
    public function testLater(): void { $this->markTestIncomplete(); }
    // spec:f/1.5
    public function testOne(): void { $this->assertTrue(true); }
}
`, []string{"phpunit", "--version"}, []string{"phpunit", "--log-junit", "report.xml", "ATest.php"}},
	} {
		t.Run(r.name, func(t *testing.T) {
			if _, err := exec.LookPath(r.there[0]); err != nil || exec.Command(r.there[0], r.there[1:]...).Run() != nil {
				t.Skipf("%s is not installed", r.name)
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, r.file), []byte(r.text), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(r.run[0], r.run[1:]...)
			cmd.Dir = dir
			out, _ := cmd.CombinedOutput() // tests fail
			report, err := os.Open(filepath.Join(dir, "report.xml"))
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			defer report.Close()
			results, err := ReadJUnit(report)
			if err != nil {
				t.Fatal(err)
			}
			index, err := Scan(os.DirFS(dir), ".")
			if err != nil {
				t.Fatal(err)
			}
			for id, want := range map[string]Ending{"1.1": Held, "1.2": Asserted, "1.3": Stopped, "1.4": Unclear, "1.5": Held} {
				tests := index.Tests("f", id)
				if len(tests) != 1 {
					t.Fatalf("%s: %d tests", id, len(tests))
				}
				outcome := map[Ending]Outcome{Held: Passed, Asserted: Failed, Stopped: Failed, Unclear: Skipped}[want]
				if end, said := results.Ending(tests[0]); end != want || results.Of(tests[0]) != outcome {
					t.Errorf("%s: %v %q, %s; want %v, %s", id, end, said, results.Of(tests[0]), want, outcome)
				}
			}
		})
	}
}
