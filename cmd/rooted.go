package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"spec.example/spec/spec"
)

// rooted reads below a directory and never outside it: a link that leads out is refused.
func rooted(dir string) fs.FS {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return broken{err}
	}
	return quickened(root, dir)
}

// broken is a directory that cannot be opened: everything in it fails with the reason.
type broken struct{ err error }

func (b broken) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: b.err}
}

var errNotPlain = errors.New("it is no plain file")

// plainFiles reads plain files only: what is read from a pipe or a terminal ends when somebody else wants it to.
type plainFiles struct {
	fs.FS
	dir string
}

// IgnoredAbove are the .gitignore files above the directory, up to the top of its repository.
func (p plainFiles) IgnoredAbove() []spec.Above {
	dir, err := filepath.Abs(p.dir)
	if err != nil {
		return nil
	}
	var found []spec.Above
	way := ""
	for !exists(filepath.Join(dir, ".git")) {
		if filepath.Dir(dir) == dir {
			return nil
		}
		way = path.Join(filepath.Base(dir), way)
		dir = filepath.Dir(dir)
		info, err := os.Lstat(filepath.Join(dir, ".gitignore"))
		if err != nil || !info.Mode().IsRegular() || info.Size() >= 1<<20 {
			continue
		}
		if data, err := os.ReadFile(filepath.Join(dir, ".gitignore")); err == nil {
			found = append(found, spec.Above{Way: way, Rules: spec.ParseIgnore(data)})
		}
	}
	slices.Reverse(found)
	return found
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func (p plainFiles) ReadFile(name string) ([]byte, error) {
	if info, err := fs.Stat(p.FS, name); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errNotPlain}
	}
	return fs.ReadFile(p.FS, name)
}

func (p plainFiles) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(p.FS, name) }
func (p plainFiles) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(p.FS, name) }

// readOwn reads a file of a repository that says what this program does. One that leads out of the repository is refused, aloud.
func readOwn(root, name string) ([]byte, error) {
	top, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	if info, err := top.Stat(filepath.FromSlash(name)); err == nil && !info.Mode().IsRegular() {
		return nil, undecided("", "reading %s: %v", name, errNotPlain)
	}
	data, err := top.ReadFile(filepath.FromSlash(name))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	file := filepath.Join(root, filepath.FromSlash(name))
	if to, linkErr := filepath.EvalSymlinks(file); linkErr == nil && leadsOut(root, file) {
		return nil, undecided(fmt.Sprintf("to have it read: cp --remove-destination %s %s", quoted(to), quoted(file)), "%s leads out of the repository, to %s, and is not read", name, to)
	}
	return nil, undecided("", "reading %s: %v", name, err)
}

// leadsOut tells whether a file, or the nearest directory above it that exists, lies outside of a directory once links are
// followed.
func leadsOut(root, file string) bool {
	top, err := filepath.EvalSymlinks(root)
	if err != nil {
		return false
	}
	for {
		real, err := filepath.EvalSymlinks(file)
		if err == nil {
			rel, err := filepath.Rel(top, real)
			return err != nil || !filepath.IsLocal(rel)
		}
		if _, err := os.Lstat(file); err == nil {
			return true // a link to nowhere: where it leads is made when it is written to
		}
		if filepath.Dir(file) == file {
			return false
		}
		file = filepath.Dir(file)
	}
}

// within refuses to write a file that a link would put outside of a directory.
func within(root, name string) error {
	if file := filepath.Join(root, filepath.FromSlash(name)); leadsOut(root, file) {
		return undecided("look where its links lead, and take them away: ls -ld "+quoted(file), "%s leads out of %s, and is not written", name, root)
	}
	return nil
}

// quoted is a word that a shell takes as it is.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
