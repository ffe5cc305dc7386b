package git

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listing is what lies in a directory.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b.WriteString(strings.TrimPrefix(name, dir) + " " + info.Mode().String())
		if info.Mode().IsRegular() {
			data, _ := os.ReadFile(name)
			b.WriteString(" " + string(data))
		} else if info.Mode()&os.ModeSymlink != 0 {
			to, _ := os.Readlink(name)
			b.WriteString(" -> " + to)
		}
		b.WriteString("\n")
		return nil
	})
	return b.String()
}

// TestMove moves a directory between every two of some trees, and holds it against one that is made whole.
func TestMove(t *testing.T) {
	ctx := context.Background()
	repo, git := loose(t)
	var trees []string
	for _, files := range []map[string]string{
		{"a": "1\n", "d/x": "x\n", "d/y": "y\n", "run": "100755 #!/bin/sh\n"},
		{"a": "2\n", "d/x": "x\n", "e/f/g": "deep\n", "run": "#!/bin/sh\n"},
		{"a/b": "a directory\n", "d": "a file\n", "run": "120000 d", "*": "star\n", ":(top)": "magic\n"},
		{"d/x": "other\n", "a": "160000 1234567890123456789012345678901234567890", "sub dir/é": "x\n"},
		{"only": "one\n"},
	} {
		git("", "read-tree", "--empty")
		for name, text := range files {
			mode, rest, ok := strings.Cut(text, " ")
			if !ok || len(mode) != 6 {
				mode, rest = "100644", text
			}
			if mode != "160000" {
				rest = strings.TrimSpace(git(rest, "hash-object", "-w", "--stdin"))
			}
			git("", "update-index", "--add", "--cacheinfo", mode+","+rest+","+name)
		}
		trees = append(trees, strings.TrimSpace(git("", "write-tree")))
	}
	at := func(name string) *Tree {
		dir := t.TempDir()
		tree, err := repo.At(filepath.Join(dir, "tree"), filepath.Join(dir, "index"))
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	for i, from := range trees {
		for j, to := range trees {
			moved, made := at("moved"), at("made")
			if err := moved.Reset(ctx, from); err != nil {
				t.Fatal(err)
			}
			var over []string
			if i != 4 && j != 4 { // a landing wrote a file that both have
				over = []string{"d/x"}
				if i == 2 || j == 2 {
					over = []string{"run"}
				}
				if info, err := os.Lstat(filepath.Join(moved.Dir, over[0])); err == nil && info.Mode().IsRegular() {
					if err := os.WriteFile(filepath.Join(moved.Dir, over[0]), []byte("over\n"), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			err := moved.Move(ctx, from, to, over...)
			if err != nil && !slices.Contains(over, "run") {
				t.Errorf("%d to %d: %v", i, j, err)
			}
			if err != nil {
				continue // the caller makes it whole
			}
			if err := made.Reset(ctx, to); err != nil {
				t.Fatal(err)
			}
			if got, want := listing(t, moved.Dir), listing(t, made.Dir); got != want {
				t.Errorf("%d to %d: it holds\n%snot\n%s", i, j, got, want)
			}
			if got, err := moved.writeTree(ctx); err != nil || got != to {
				t.Errorf("%d to %d: the index holds %s, %v", i, j, got, err)
			}
		}
	}
	tree := at("lost")
	if err := tree.Reset(ctx, trees[0]); err != nil {
		t.Fatal(err)
	}
	if err := tree.Move(ctx, trees[0], trees[1], "nowhere"); err == nil {
		t.Error("a file that no tree has was taken for one of them")
	}
}

// TestScanIndex reads what git writes, in each version.
func TestScanIndex(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		repo, git := loose(t, "--object-format="+format)
		blob := strings.TrimSpace(git("x", "hash-object", "-w", "--stdin"))
		var in strings.Builder
		for i := range 300 {
			name := fmt.Sprintf("dir%d/l%s/file%d", i%7, strings.Repeat("long", i%40), i)
			fmt.Fprintf(&in, "%s %s\t%s\n", []string{"100644", "100755", "120000", "160000"}[i%4], blob, name)
		}
		git(in.String(), "update-index", "--index-info")
		for _, version := range []string{"2", "3", "4"} {
			git("", "update-index", "--index-version", version)
			if version == "3" { // git writes it only where it has to
				git("", "update-index", "--skip-worktree", "dir0/l/file0")
			}
			var got strings.Builder
			if err := scanIndex(filepath.Join(repo.GitDir, "index"), repo.digits(context.Background()), func(e indexEntry) {
				fmt.Fprintf(&got, "%o %s %d\t%s\n", e.mode, hex.EncodeToString(e.id), e.stage, e.name)
			}); err != nil {
				t.Fatalf("version %s: %v", version, err)
			}
			if want := git("", "-c", "core.quotePath=false", "ls-files", "--stage"); got.String() != want {
				t.Errorf("version %s: read\n%s\nnot\n%s", version, got.String(), want)
			}
		}
		data, err := os.ReadFile(filepath.Join(repo.GitDir, "index"))
		if err != nil {
			t.Fatal(err)
		}
		cut := filepath.Join(t.TempDir(), "index")
		for n := 0; n < len(data); n += 1 + len(data)/300 {
			if err := os.WriteFile(cut, data[:n], 0o644); err != nil {
				t.Fatal(err)
			}
			if err := scanIndex(cut, repo.digits(context.Background()), func(indexEntry) {}); err == nil && n < len(data)-100 {
				t.Errorf("%d bytes of %d are taken for all", n, len(data))
			}
		}
	}
}
