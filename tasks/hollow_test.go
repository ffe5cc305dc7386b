package tasks

import "testing"

func TestHollowCommandsAreSeen(t *testing.T) {
	for _, line := range []string{
		"true", ":", "/bin/true", "echo fine", "printf ok", "exit 0", "exit", "sh -c true", "sh -c 'true'", "bash -lc \"echo ok\"", "test 1", "[ 1 ]", "[ 1 = 1 ]", "[[ a == a ]]",
		"test 1 -eq 1", "test -n x", "test -d .", "! false", "true && true", "go test ./... || true", "go test ./... || exit 0", "go test ./... || echo failed", "go test ./...; true",
		"go test ./...; echo done", "go test ./...\necho done", "go test ./... | tee log", "go test ./... 2>&1 | cat", "go test ./... &", "(go test ./...) || :", "{ true; }", "( exit 0 )",
		"env A=1 true", "A=1 true", "exec true", "exit 0; go test ./...", "set -x; true", "", "   ", "# nothing", "sleep 1", "false || true", "eval true", "go version", "node --version", "npm test || { echo failed; }",
		"false; true", "cd . && true", "echo \"$(go test ./...)\"", "sh -c 'go test ./...; exit 0'", "if=1", "true > out.txt", "true 2>&1",
	} {
		if !hollow(line) {
			t.Errorf("%q passes on anything and is not seen", line)
		}
	}
}

func TestRealCommandsPass(t *testing.T) {
	for _, line := range []string{
		"go test ./...", "make test", "npm test", "sh check.sh", "sh -c 'go test ./...'", "test -f sum.txt", "[ -s out ]", "grep -q x file", "! grep -rn TODO src", "go build ./... && go test ./...",
		"echo start && go test ./...", "cd sub && npm test", "true && make", "set -e; go test ./...; echo done", "set -euo pipefail; go test ./... | tee log", "bash -ec 'go test ./...; echo ok'",
		"$TEST", "test \"$(cat x)\" = 4", "test -d deep || test ! -f drink.txt", "go vet ./... || exit 1", "go test ./... || { echo failed; exit 1; }", "(cd a && make)", "pytest -q", "go test -run 'TestA|TestB' ./...",
		"exit 1", "false", "test 1 = 2", "python3 -c 'import x'", "for f in *.sh; do sh $f || exit 1; done", "if [ -f x ]; then make; else exit 1; fi", "go test ./... 2>&1", "go test ./... > log 2>&1", "cat README.md", "read sum < sum.txt\ntest \"$sum\" = 4",
	} {
		if hollow(line) {
			t.Errorf("%q depends on the tree and is refused", line)
		}
	}
}

func FuzzHollow(f *testing.F) {
	for _, line := range []string{"go test ./... || true", "a 'b", "$(", "`", "\\", "((", "x >", "{ ", "&|&", "\"$"} {
		f.Add(line)
	}
	f.Fuzz(func(_ *testing.T, line string) { hollow(line) })
}
