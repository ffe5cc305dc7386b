package spec_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spec.example/spec/spec"
)

// TestWalkSeesWhatGitSees compares the walk with git over one tree with many odd rules in .gitignore files at three depths.
func TestWalkSeesWhatGitSees(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("git is needed to compare with")
	}
	dir := t.TempDir()
	rules := map[string]string{
		".gitignore": "\ufeff# comment\n*.log\n!keep.log\n/top\nbuild/\nanywhere\na/b\n**/deep/x\nq/**\nr/**/s\n\\#hash\n\\!bang\nspace\\ \ntrail  \n[ab]c\n[!m-o]z\n[[:digit:]]num\n" +
			"open[class\nfoo*bar\n?q\nsub/*.tmp\n\nnested/*\n!nested/in\nback\\\\slash\nd**e\n!/.gitignore\ncr\r\nstar/*/end\n[]]x\nexact\\*\n",
		"sub/.gitignore":        "!*.log\nonly/\n/here\n!anywhere\n*.tmp2\n",
		"sub/deeper/.gitignore": "*\n!*.md\n!.gitignore\n",
	}
	names := []string{"x.log", "keep.log", "top", "sub/top", "build/f", "sub/build/f", "build2", "anywhere", "sub/anywhere", "w/anywhere/f", "a/b", "sub/a/b", "a/c", "deep/x", "k/deep/x", "k/deep/y", "q/1", "q/2/3",
		"r/s", "r/1/s", "r/1/2/s", "r/t", "#hash", "!bang", "space ", "space", "trail", "ac", "bc", "cc", "mz", "pz", "1num", "xnum", "open[class", "foobar", "fooXbar", "foo", "xq", "xyq", "sub/1.tmp", "sub/k/1.tmp", "nested/in/f",
		"nested/out/f", "back\\slash", "de", "dXe", "d/e", "cr", "star/1/end", "star/1/2/end", "]x", "exact*", "exactly", "sub/y.log", "sub/only/f", "only", "sub/here", "sub/k/here", "sub/z.tmp2", "sub/deeper/a.md", "sub/deeper/b.txt",
		"sub/deeper/in/a.md", "日本/ファイル.log", "日本/keep.log"}
	for name, text := range rules {
		put(t, filepath.Join(dir, name), text)
	}
	for _, name := range names {
		put(t, filepath.Join(dir, name), "")
	}
	git := func(args ...string) []byte {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "HOME="+dir)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return out
	}
	git("init", "-q")
	var want []string
	for name := range bytes.SplitSeq(bytes.TrimSuffix(git("ls-files", "-z", "--cached", "--others", "--exclude-standard"), []byte{0}), []byte{0}) {
		want = append(want, string(name))
	}
	compare := func(root string, want []string) {
		t.Helper()
		var got []string
		if err := spec.Walk(os.DirFS(dir), root, func(name string, d fs.DirEntry) error {
			if !d.IsDir() {
				got = append(got, name)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("from %s git sees %q, the walk does not", root, name)
			}
		}
		for _, name := range got {
			if !slices.Contains(want, name) {
				t.Errorf("from %s the walk sees %q, git does not", root, name)
			}
		}
	}
	compare(".", want)
	for _, root := range []string{"sub", "sub/deeper"} {
		compare(root, slices.DeleteFunc(slices.Clone(want), func(name string) bool { return !strings.HasPrefix(name, root+"/") }))
	}
	if len(want) < 20 || len(want) > len(names)-20 {
		t.Errorf("git sees %d of %d files: the test tells little", len(want), len(names))
	}
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// FuzzIgnore demands that no rules make matching slow or fail.
func FuzzIgnore(f *testing.F) {
	f.Add([]byte("*a*a*a*a*a*b\n[z-\n[[:\n\\"), strings.Repeat("a", 200))
	f.Add([]byte("**/a/**/b/**\n!x/\n"), "a/b/c/d")
	f.Fuzz(func(t *testing.T, rules []byte, name string) {
		g := spec.ParseIgnore(rules)
		g.Match(name, true)
		g.Match(name, false)
	})
}
