package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spec.example/spec/spec"
)

// TestChangedMeanwhile demands that a file which is not what was read is refused with the difference, also where the byte at
// the place of the edit is the same; that then no other file is written either; and that a link stays a link.
func TestChangedMeanwhile(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(root, name)
		if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		return file
	}
	one, two := write("1.md", "- [ ] 1 a\r\n"), write("2.md", "- [ ] 1 a\n")
	edits := []spec.Edit{{Path: "1.md", Offset: 3, Old: " ", New: "x"}, {Path: "2.md", Offset: 3, Old: " ", New: "x"}}
	read := map[string][]byte{"1.md": []byte("- [ ] 1 a\r\n"), "2.md": []byte("- [ ] 1 a\n")}
	write("2.md", "- [ ] 0 new\n- [ ] 1 a\n")
	a := &app{}
	err := a.applyEdits(root, edits, read)
	if err == nil || !strings.Contains(err.Error(), "+- [ ] 0 new") {
		t.Errorf("a changed file: %v", err)
	}
	for file, want := range map[string]string{one: "- [ ] 1 a\r\n", two: "- [ ] 0 new\n- [ ] 1 a\n"} {
		if got, _ := os.ReadFile(file); string(got) != want {
			t.Errorf("%s is %q", file, got)
		}
	}
	if err := os.Symlink("1.md", filepath.Join(root, "link.md")); err != nil {
		t.Skipf("no symbolic links here, all but the edit through one was tested: %v", err)
	}
	link := []spec.Edit{{Path: "link.md", Offset: 3, Old: " ", New: "x"}}
	if err := a.applyEdits(root, link, map[string][]byte{"link.md": []byte("- [ ] 1 a\r\n")}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(filepath.Join(root, "link.md"))
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v (%v)", info.Mode(), err)
	}
	got, _ := os.ReadFile(one)
	mode, _ := os.Stat(one)
	if string(got) != "- [x] 1 a\r\n" || mode.Mode().Perm() != 0o640 {
		t.Errorf("what it leads to is %q, %v", got, mode.Mode())
	}
	outside := filepath.Join(t.TempDir(), "x.md")
	os.WriteFile(outside, []byte("- [ ] 1 a\n"), 0o644)
	os.Symlink(outside, filepath.Join(root, "out.md"))
	if err := a.applyEdits(root, []spec.Edit{{Path: "out.md", Offset: 3, Old: " ", New: "x"}}, map[string][]byte{"out.md": []byte("- [ ] 1 a\n")}); err == nil {
		t.Error("a file outside was written")
	}
}
