package cmd

import (
	"errors"
	"io/fs"
	"os"
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
type plainFiles struct{ fs.FS }

func (p plainFiles) ReadFile(name string) ([]byte, error) {
	if info, err := fs.Stat(p.FS, name); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errNotPlain}
	}
	return fs.ReadFile(p.FS, name)
}

func (p plainFiles) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(p.FS, name) }
func (p plainFiles) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(p.FS, name) }
