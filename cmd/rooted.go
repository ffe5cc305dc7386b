package cmd

import (
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
