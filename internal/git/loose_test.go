package git

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// loose is a repository for blobs, and git to look at it with.
func loose(t *testing.T, args ...string) (*Repo, func(stdin string, args ...string) string) {
	t.Helper()
	dir := t.TempDir()
	env := append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	run := func(stdin string, args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env, cmd.Stdin = dir, env, strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run("", append([]string{"init", "-q"}, args...)...)
	repo, err := Open(context.Background(), dir, env)
	if err != nil {
		t.Fatal(err)
	}
	return repo, run
}

// records are lines as a lock has them: some of their bytes repeat, and some do not.
func records(rnd *rand.Rand, n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("task %d\n  landed patch:sha256:%016x%016x by agent:writer\n\n", i, rnd.Uint64(), rnd.Uint64()))
	}
	return all
}

// TestWriteLoose has git read, name and check what is written without it.
func TestWriteLoose(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			repo, git := loose(t, "--object-format="+format)
			rnd := rand.New(rand.NewPCG(1, 2))
			blobs := []string{"", "x", strings.Repeat("y", 3*maxPiece), strings.Join(records(rnd, 5000), "")}
			for n := 20; n < 40; n++ { // git reads a header into 32 bytes
				blobs = append(blobs, strings.Repeat("z", n))
			}
			for _, n := range []int{minPiece, minPiece + 1, maxPiece - 1, maxPiece, maxPiece + 1, 1 << 20} {
				random := make([]byte, n)
				for i := range random {
					random[i] = byte(rnd.Uint32())
				}
				blobs = append(blobs, string(random))
			}
			for _, blob := range blobs {
				id, err := repo.Write(context.Background(), []byte(blob))
				if err != nil {
					t.Fatal(err)
				}
				if want := strings.TrimSpace(git(blob, "hash-object", "--stdin")); id != want {
					t.Fatalf("%d bytes are named %s, by git %s", len(blob), id, want)
				}
				if got := git("", "cat-file", "blob", id); got != blob {
					t.Fatalf("git reads %d bytes of %d", len(got), len(blob))
				}
				info, err := os.Stat(filepath.Join(repo.GitDir, "objects", id[:2], id[2:]))
				if err != nil {
					t.Fatal(err)
				}
				if info.Mode().Perm()&0o222 != 0 {
					t.Errorf("the object can be written: %v", info.Mode())
				}
			}
			if repo.store.objects == "" || len(repo.store.pieces) == 0 {
				t.Error("git wrote them itself")
			}
			if out := git("", "fsck", "--strict", "--full"); strings.Contains(out, "error") || strings.Contains(out, "garbage") {
				t.Error(out)
			}
			if left, _ := filepath.Glob(filepath.Join(repo.GitDir, "objects", "*", "tmp_obj_*")); len(left) > 0 {
				t.Error("left behind:", left)
			}
		})
	}
}

// TestWriteLooseWhereItChanged puts records into a long file at several places, and counts what is compressed anew.
func TestWriteLooseWhereItChanged(t *testing.T) {
	repo, git := loose(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	all := records(rnd, 10000)
	if _, err := repo.Write(context.Background(), []byte(strings.Join(all, ""))); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		before := len(repo.store.pieces)
		for _, at := range []int{10, len(all) / 2, len(all) - 10} {
			all[at] += "more\n"
		}
		id, err := repo.Write(context.Background(), []byte(strings.Join(all, "")))
		if err != nil {
			t.Fatal(err)
		}
		if anew := len(repo.store.pieces) - before; anew < 1 || anew > 9 {
			t.Errorf("%d of %d pieces are new for three places", anew, before)
		}
		if git("", "cat-file", "blob", id) != strings.Join(all, "") {
			t.Fatal("git reads something else")
		}
	}
	if held := repo.store.held; held > maxPieces {
		t.Errorf("%d bytes are held", held)
	}
}

// TestWriteLeavesItToGit is for repositories whose objects are to be written in a way of their own.
func TestWriteLeavesItToGit(t *testing.T) {
	for _, setting := range []string{"core.sharedRepository=group", "core.fsync=all", "core.fsyncMethod=batch", "core.looseCompression=9", "extensions.partialClone=origin"} {
		repo, git := loose(t)
		key, value, _ := strings.Cut(setting, "=")
		git("", "config", "core.repositoryFormatVersion", "1")
		git("", "config", key, value)
		data := bytes.Repeat([]byte("word "), 1000)
		id, err := repo.Write(context.Background(), data)
		if err != nil {
			t.Fatal(err)
		}
		if repo.store.objects != "" {
			t.Errorf("%s: git does not write it", setting)
		}
		if git("", "cat-file", "blob", id) != string(data) {
			t.Errorf("%s: git reads something else", setting)
		}
		if info, err := os.Stat(filepath.Join(repo.GitDir, "objects", id[:2])); setting == "core.sharedRepository=group" && (err != nil || info.Mode().Perm()&0o020 == 0) {
			t.Errorf("%s: %v, %v", setting, info, err)
		}
	}
}

// TestWriteWhereTheDiskRefuses gives git's own error.
func TestWriteWhereTheDiskRefuses(t *testing.T) {
	repo, _ := loose(t)
	objects := filepath.Join(repo.GitDir, "objects")
	if err := os.RemoveAll(objects); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(objects, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Write(context.Background(), []byte("x")); err == nil || !strings.Contains(err.Error(), "git ") {
		t.Error(err)
	}
}
