package git

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// FastForward moves the checked-out branch and the checkout from the commit where it stands to a child of it, as `git merge
// --ff-only` does: it keeps unrelated dirty and staged files and refuses, changing nothing, where one stands in the way.
//
// git merge looks at every file of the checkout and at every object of a directory that changes. Where the paths that differ between the
// two commits are plain files, and both index and checkout hold the very bytes that the first one says, only these are looked
// at; whatever else is the case, git decides. Once begun it comes to its end without this program, as a single git would: between
// the files and the branch is no moment at which a killed one leaves them.
func (r *Repo) FastForward(ctx context.Context, from, to string) error {
	if paths := r.untouched(ctx, from, to); len(paths) > 0 {
		_, err := r.exec(ctx, command{
			args:  append([]string{"-C", r.Dir}, r.at("restore", "--staged", "--worktree", "--source="+to, "--pathspec-from-file=-", "--pathspec-file-nul")...),
			stdin: []byte(strings.Join(literal(paths), "\x00")),
			then:  r.at("update-ref", "-m", "merge "+to+": Fast-forward", "HEAD", to, from),
		})
		return err
	}
	_, err := r.exec(ctx, command{args: append([]string{"-C", r.Dir}, r.at("merge", "--ff-only", "-q", "--no-stat", to)...)})
	return err
}

// A step is one path that differs between two commits; a name of all zeroes stands for a file that is not there.
type step struct {
	path          string
	oldMode, mode string
	old           string
}

// Bounds of what is looked at without git.
const (
	maxSteps    = 1000
	maxStepFile = 64 << 20
)

// untouched lists the paths that differ between two commits, if nobody changed any of them in the checkout or in its index; nil
// where that is not plain to see.
func (r *Repo) untouched(ctx context.Context, from, to string) []string {
	steps := r.steps(ctx, from, to)
	if len(steps) == 0 || runtime.GOOS == "windows" || !r.indexHolds(steps) {
		return nil
	}
	if r.headFile() != from {
		return nil
	}
	real := map[string]bool{}
	var paths []string
	for _, s := range steps {
		if !r.holds(s, real) {
			return nil
		}
		paths = append(paths, s.path)
	}
	return paths
}

// headFile is the commit that is checked out, where the files of git say so themselves.
func (r *Repo) headFile() string {
	data, err := os.ReadFile(filepath.Join(r.GitDir, "HEAD"))
	if name, ok := strings.CutPrefix(string(data), "ref: "); ok && err == nil {
		data, err = os.ReadFile(filepath.Join(r.CommonDir, filepath.FromSlash(strings.TrimSpace(name))))
	}
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// steps are the paths that differ between two commits; nil where one is no plain file, or says how others are written, or they
// are too many.
func (r *Repo) steps(ctx context.Context, from, to string) []step {
	out, err := r.exec(ctx, command{args: r.at("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", from, to)})
	if err != nil {
		return nil
	}
	fields := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	if len(fields)%2 != 0 || len(fields) > 2*maxSteps {
		return nil
	}
	var steps []step
	for ; len(fields) > 1; fields = fields[2:] {
		meta := strings.Fields(strings.TrimPrefix(fields[0], ":"))
		if len(meta) != 5 || !plainFile(meta[0]) || !plainFile(meta[1]) || path.Base(fields[1]) == ".gitattributes" {
			return nil
		}
		steps = append(steps, step{path: fields[1], oldMode: meta[0], mode: meta[1], old: meta[2]})
	}
	return steps
}

// absent is the mode of a path that is not there.
const absent = "000000"

func plainFile(mode string) bool { return mode == absent || mode == "100644" || mode == "100755" }

// indexHolds tells whether the index of the checkout has the old side of every step, and nothing that is unmerged, left out
// of the checkout, or in the way of a new file.
func (r *Repo) indexHolds(steps []step) bool {
	want, above, left := map[string]step{}, map[string]bool{}, 0
	for _, s := range steps {
		want[s.path] = s
		if s.oldMode != absent {
			left++
			continue
		}
		for dir := path.Dir(s.path); dir != "."; dir = path.Dir(dir) {
			above[dir] = true
		}
	}
	ok := true
	err := scanIndex(filepath.Join(r.GitDir, "index"), len(steps[0].old), func(e indexEntry) {
		if s, here := want[string(e.name)]; here {
			ok = ok && s.oldMode == fmt.Sprintf("%06o", e.mode) && s.old == hex.EncodeToString(e.id)
			left--
		}
		ok = ok && e.stage == 0 && !e.apart && !above[string(e.name)]
		for i := bytes.IndexByte(e.name, '/'); ok && i > 0; {
			ok = want[string(e.name[:i])].mode == "" // else a file is to be where a directory is
			next := bytes.IndexByte(e.name[i+1:], '/')
			if next < 0 {
				break
			}
			i += 1 + next
		}
	})
	return err == nil && ok && left == 0
}

// holds tells whether the checkout has the old side of a step: these bytes in a plain file, or nothing. real are the directories
// on the way that were looked at: behind a link would be somebody else's file.
func (r *Repo) holds(s step, real map[string]bool) bool {
	for i, c := range s.path {
		if c != '/' || real[s.path[:i]] {
			continue
		}
		info, err := os.Lstat(filepath.Join(r.Dir, filepath.FromSlash(s.path[:i])))
		if errors.Is(err, fs.ErrNotExist) && s.oldMode == absent {
			return true
		}
		if err != nil || !info.IsDir() {
			return false
		}
		real[s.path[:i]] = true
	}
	name := filepath.Join(r.Dir, filepath.FromSlash(s.path))
	info, err := os.Lstat(name)
	if s.oldMode == absent {
		return errors.Is(err, fs.ErrNotExist)
	}
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxStepFile || (s.oldMode == "100755") != (info.Mode()&0o100 != 0) {
		return false
	}
	return fileName(name, info.Size(), len(s.old)) == s.old
}
