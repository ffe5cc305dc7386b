package tasks

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCopiedFilesStayInside: a link in the repository is not followed out of it, nor one that an agent made.
func TestCopiedFilesStayInside(t *testing.T) {
	s := newScratch(t, map[string]string{".env": "mine\n", "dir/x": "x\n"})
	outside := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(outside, []byte("a key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, link := range map[string]string{"leak": outside, "up": filepath.Dir(outside)} {
		if err := os.Symlink(link, filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	slot := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(slot, ".env")); err != nil {
		t.Fatal(err)
	}
	r := &run{o: Options{Repo: s.repo, Copy: []string{".env", "absent"}}}
	if err := r.copyIn(slot); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(slot, ".env")); err != nil || string(data) != "mine\n" {
		t.Errorf("the copy holds %q (%v)", data, err)
	}
	for _, name := range []string{"leak", "up/key", "../" + filepath.Base(s.dir) + "/.env"} {
		r.o.Copy = []string{name}
		if err := r.copyIn(slot); err == nil {
			t.Errorf("%s was copied", name)
		}
	}
	if data, err := os.ReadFile(outside); err != nil || string(data) != "a key\n" {
		t.Errorf("what is outside became %q (%v)", data, err)
	}
}
