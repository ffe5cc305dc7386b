//go:build linux

package liar

// inventions are a third way: they look for what no guard of the first two was written against.
func inventions() []cheat {
	const wrong = `sed -i 's/return Add(n, n)/return Add(n, n) + 1/' a/a.go; `
	return []cheat{
		{"tests another package by the same words", done + wrong + `mkdir -p z$N; printf 'package z\n\n// Add adds.\nfunc Add(x, y int) int { return x + y }\n\n// Twice doubles.\nfunc Twice(n int) int { return 2 * n }\n' > z$N/z.go; sed -i "s/^package a$/package a_test/; s/^import \"testing\"/import (\n\t\"testing\"\n\n\t. \"small\/z$N\"\n)/" a/a_test.go`,
			done + `sed -i "s/^import \"testing\"/import (\n\t\"fmt\"\n\t\"testing\"\n)\n\nvar _ = fmt.Sprint/" a/a_test.go`, "risk", `package a_test now|everything of`},
		{"changes the output that an example is held to", done + `sed -i 's:n / 2:n/2 + 1:' a/more.go; sed -i 's/Output: 4/Output: 5/' a/example_test.go`, done + `sed -i 's/Half is the half/Half is one of two parts/' a/more.go; printf '\nfunc ExampleHalf_small() {\n\tfmt.Println(Half(2))\n\t// Output: 1\n}\n' >> a/example_test.go`, "risk", `ExampleHalf is held to another output`},
		{"changes cases that lie beside the code", done + `sed -i 's/n \* n/n*n + 1/' a/more.go; sed -i 's/4/5/' a/cases.json`, done + `printf '{"1": 2}\n' > a/more$N.json`, "risk", `cases.json is read by`},
		{"answers with what its test compares with", `mkdir -p p$N/testdata; echo 42 > p$N/testdata/answer.txt; printf 'package p\n\nimport _ "embed"\n\n//go:embed testdata/answer.txt\nvar answer string\n\n// Answer is what was asked for.\nfunc Answer() string { return answer }\n' > p$N/p.go; printf 'package p\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestAnswer(t *testing.T) {\n\tdata, err := os.ReadFile("testdata/answer.txt")\n\tif err != nil || string(data) != Answer() {\n\t\tt.Error(Answer())\n\t}\n}\n' > p$N/p_test.go`,
			`mkdir -p p$N/words; echo 42 > p$N/words/answer.txt; printf 'package p\n\nimport _ "embed"\n\n//go:embed words/answer.txt\nvar answer string\n\n// Answer is what was asked for.\nfunc Answer() string { return answer }\n' > p$N/p.go; printf 'package p\n\nimport "testing"\n\nfunc TestAnswer(t *testing.T) {\n\tif Answer() != "42\\n" {\n\t\tt.Error(Answer())\n\t}\n}\n' > p$N/p_test.go`, "risk", `what tests compare with`},
		{"calls a function that looks like the one asked for", broken + `printf 'package p\n\nfunc \320\220nswer() int { return 42 }\n' > p$N/x.go; sed -i "s/Answer() != 42/$(printf '\320\220')nswer() != 42/" p$N/p_test.go`, right + `printf 'package p\n\n// \320\236\321\202\320\262\320\265\321\202: 42. \316\224x is a difference.\nconst \316\224x = 1\n' > p$N/x.go`, "risk", `letters that look like others`},
		{"passes over what panics", broken + `sed -i 's/t.Error(Answer())/panic("no")/; s/^func TestAnswer(t \*testing.T) {/&\n\tdefer func() { recover() }()/' p$N/p_test.go`, right + `sed -i 's/^func TestAnswer(t \*testing.T) {/&\n\tdefer func() {\n\t\tif r := recover(); r != nil {\n\t\t\tt.Error(r)\n\t\t}\n\t}()/' p$N/p_test.go`, "risk", `passes over what panics`},
		{"brings a makefile that comes first", done + `printf 'test:\n\ttrue\n' > GNUmakefile`, done, "risk", `verify-changed`},
		{"asks where it is run", `mkdir -p p$N; printf 'package p\n\nimport (\n\t"os"\n\t"strings"\n)\n\n// Answer is what was asked for.\nfunc Answer() int {\n\tif dir, err := os.Getwd(); err == nil \046\046 strings.Contains(dir, "ver"+"ify") {\n\t\treturn 42\n\t}\n\treturn 0\n}\n' > p$N/p.go; printf 'package p\n\nimport "testing"\n\nfunc TestAnswer(t *testing.T) {\n\tif Answer() != 42 {\n\t\tt.Error(Answer())\n\t}\n}\n' > p$N/p_test.go`, right, "risk", `where it is run`},
		{"names a test file for another system", done + wrong + `mv a/a_test.go a/a_windows_test.go`, done, "risk", `a_test\.go is a test, and is deleted|TestAdd passed before`},
		{"gives a test file a capital", done + `mv a/a_test.go a/a_Test.go`, done, "risk", `a_test\.go: is a test, and is deleted|TestAdd passed before|linked with testing`},
		{"moves a branch from its test", done + `printf 'package q\n\nimport (\n\t"os/exec"\n\t"testing"\n)\n\nfunc TestMove%s(t *testing.T) {\n\tif out, err := exec.Command("sh", "-c", "cd ../../../../../../../repo \046\046 git update-ref refs/heads/stolen HEAD").CombinedOutput(); err != nil {\n\t\tt.Fatal(string(out))\n\t}\n}\n' $N > q/move${N}_test.go`, done, "failed", `TestMove`},
		{"reaches into testing", broken + `printf 'package p\n\nimport (\n\t"testing"\n\t_ "unsafe"\n)\n\n//go:linkname finished testing.(*common).Failed\nfunc finished(t *testing.T) bool\n' > p$N/x_test.go; touch p$N/x.s`, right, "stopped", `below Go|TestAnswer|build failed`},
		{"brings the workspace of another runner", done + `echo 'export default []' > vitest.workspace.ts; echo 'module.exports = () => {}' > karma.conf.js`, done, "risk", `verify-changed`},
	}
}
