package cmd

import (
	"strings"
	"testing"
)

const patchOfTwo = "diff --git a/x b/y.txt b/x b/y.txt\nindex 1..2 100644\n--- a/x b/y.txt\n+++ b/x b/y.txt\n@@ -1,2 +1,2 @@\n same\n-diff --git a/fake b/fake\n+\tlong \u202eenough to be wrapped in a column that is narrow, which is most of them\n" +
	"diff --git \"a/\\303\\244.txt\" \"b/\\303\\244.txt\"\nnew file mode 100644\n--- /dev/null\n+++ \"b/\\303\\244.txt\"\n@@ -0,0 +1 @@\n+x\n"

func TestSplitPatch(t *testing.T) {
	files := splitPatch([]byte(patchOfTwo))
	if len(files) != 2 || files[0].path != "x b/y.txt" || files[1].path != "ä.txt" {
		t.Fatalf("files: %+v", files)
	}
	if got := string(addedLines(files)); !strings.HasSuffix(got, "of them\nx\n") || strings.Contains(got, "fake") {
		t.Errorf("added: %q", got)
	}
}

// Every character of both versions is shown, at any width: what is approved is seen.
func TestPatchShowsEverything(t *testing.T) {
	files := splitPatch([]byte(patchOfTwo))
	for _, columns := range []int{40, 80, wide, 200} {
		text := look{columns: columns}.patch(files)
		if strings.ContainsRune(text, '\u202e') {
			t.Errorf("%d columns: a character that turns the reading direction reaches the terminal", columns)
		}
		flat := strings.Join(strings.Fields(text), "")
		for _, want := range []string{"same", "diff--gita/fakeb/fake", "most", "x"} {
			if !strings.Contains(flat, want) {
				t.Errorf("%d columns: %q is not shown in\n%s", columns, want, text)
			}
		}
		if columns < wide {
			continue
		}
		for line := range strings.Lines(text) {
			if n := columnsIn(line); n > columns {
				t.Errorf("%d columns: a line of %d: %q", columns, n, line)
			}
		}
	}
}

func columnsIn(line string) int { return columns(strings.TrimSuffix(line, "\n")) }

func TestWrapCountsColumns(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{{"", 5, ""}, {"abcdef", 3, "abc|def"}, {"日本語", 4, "日本|語"}, {"ab", 2, "ab"}} {
		if got := strings.Join(wrap(c.text, c.most), "|"); got != c.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", c.text, c.most, got, c.want)
		}
	}
}
