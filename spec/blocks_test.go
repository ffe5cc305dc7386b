package spec

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// commonMark lists the headings and list items that a parser of CommonMark sees, outside of quotations.
func commonMark(src []byte) []block {
	doc := goldmark.DefaultParser().Parse(text.NewReader(src))
	var out []block
	depth := 0
	lineAt := func(at int) int { return 1 + bytes.Count(src[:at], []byte{'\n'}) }
	raw := func(n ast.Node) string {
		var b strings.Builder
		for i := range n.Lines().Len() {
			s := n.Lines().At(i)
			b.Write(bytes.TrimSpace(s.Value(src)))
			b.WriteByte(' ')
		}
		return strings.TrimSpace(b.String())
	}
	ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch node := n.(type) {
		case *ast.Blockquote:
			return ast.WalkSkipChildren, nil
		case *ast.List:
			if entering {
				depth++
			} else {
				depth--
			}
		case *ast.Heading:
			if entering && node.Lines().Len() > 0 {
				out = append(out, block{line: lineAt(node.Lines().At(0).Start), level: node.Level, text: raw(node)})
			}
			return ast.WalkSkipChildren, nil
		case *ast.ListItem:
			if first := node.FirstChild(); entering && first != nil && (first.Kind() == ast.KindTextBlock || first.Kind() == ast.KindParagraph) && first.Lines().Len() > 0 {
				out = append(out, block{line: lineAt(first.Lines().At(0).Start), text: raw(first), ordered: node.Parent().(*ast.List).IsOrdered(), depth: depth})
			}
		}
		return ast.WalkContinue, nil
	})
	return out
}

func sameBlocks(src []byte) string {
	got, want := blocksOf(scan("x.md", src), len(scan("x.md", src).lines), 0), commonMark(src)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("block %d of %d and %d:\n got %+v\nwant %+v", i, len(got), len(want), got[min(i, len(got)):min(i+1, len(got))], want[min(i, len(want)):min(i+1, len(want))])
		}
	}
	return ""
}

// TestBlocks holds the scanner against a parser of CommonMark on shapes that outlines have.
func TestBlocks(t *testing.T) {
	for _, src := range []string{
		"# a\n\n## b ##\ntext\n\n- one\n- two\n  goes on\nlazily\n\n1. x\n2. y\n   - z\n     - deep\n",
		"Title\n=====\n\nSub\n---\n\n- a\n---\n- b\n",
		"text\n2. no item\n1. an item\n",
		"text\n- an item\n-\n- c\n",
		"* * *\n- - -\n***\n- a\n",
		"- a\n\n      code\n- b\n\n    - c\n\n    para\n",
		"    code\n    - no item\n\n- a\n",
		"- [ ] box\n- [x] done\n  1. inner\n  2. more\n\n  para\n- next\n",
		"<div>\n- no item\n\n- item\n",
		"1) a\n2) b\n\n10. c\n\n    in it\n",
		"```\n- no\n```\n- a\n  ```\n  - no\n  ```\n- b\n",
		"- a\n  - b\n - c\n   - d\n",
		"-\tx\n\t- y\n",
		"## a\n### b\n- # h\n- c\n",
		"- - a\n  - b\n- c\n",
		"- a (1,\n  10. b\n",
	} {
		if d := sameBlocks([]byte(src)); d != "" {
			t.Errorf("%q: %s", src, d)
		}
	}
}

// TestBlocksOfTheCorpus does the same over all Markdown of the corpus. Where the two differ for a reason that an outline does
// not meet, the file is counted; the share is bounded.
func TestBlocksOfTheCorpus(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "corpus")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("SPEC_REQUIRE_CORPUS") == "1" {
			t.Fatal(err)
		}
		t.Skip("the corpus is not beside the project; TestBlocks always runs")
	}
	files, differ := 0, 0
	fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".md" {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
			return err
		}
		files++
		if diff := sameBlocks(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))); diff != "" {
			differ++
			if testing.Verbose() {
				t.Logf("%s: %s", name, diff)
			}
		}
		return nil
	})
	t.Logf("%d of %d files differ", differ, files)
	if files < 800 || differ*100 > files {
		t.Errorf("%d of %d files differ", differ, files)
	}
}
