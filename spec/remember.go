package spec

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// Remember makes a tree that Walk reads once, however often it is walked; for a tree that does not change meanwhile. It
// is safe for concurrent use.
func Remember(fsys fs.FS) fs.FS {
	if r, ok := fsys.(*remembered); ok {
		return r
	}
	return &remembered{FS: fsys, walks: map[string][]walked{}}
}

type remembered struct {
	fs.FS
	mu    sync.Mutex
	walks map[string][]walked
}

type walked struct {
	name  string
	entry fs.DirEntry
}

func (r *remembered) ReadFile(name string) ([]byte, error)       { return fs.ReadFile(r.FS, name) }
func (r *remembered) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(r.FS, name) }
func (r *remembered) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(r.FS, name) }

// walk visits what a walk below root found, as Walk does.
func (r *remembered) walk(root string, fn func(string, fs.DirEntry) error) error {
	list, err := r.list(path.Clean(root))
	if err != nil {
		return err
	}
	for i := 0; i < len(list); i++ {
		w := list[i]
		err := fn(w.name, w.entry)
		switch {
		case err == nil:
		case errors.Is(err, fs.SkipDir) && w.entry.IsDir():
			for i+1 < len(list) && strings.HasPrefix(list[i+1].name, w.name+"/") {
				i++
			}
		default:
			return err
		}
	}
	return nil
}

func (r *remembered) list(root string) ([]walked, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if list, ok := r.walks[root]; ok {
		return list, nil
	}
	var list []walked
	err := walk(r.FS, root, 0, ignoredAbove(r.FS, root), func(name string, d fs.DirEntry) error {
		list = append(list, walked{name, d})
		return nil
	})
	if err == nil {
		r.walks[root] = list
	}
	return list, err
}

// A tree that reads a file into memory that its caller has already.
type intoReader interface {
	ReadInto(name string, buf []byte, most int64) (data, grown []byte, ok bool)
}

// ReadInto reads a file of at most most bytes into buf, and gives what it read with the buffer, which may have grown. Of
// a file that cannot be read, or is longer, it gives nil.
func ReadInto(fsys fs.FS, name string, buf []byte, most int64) (data, grown []byte) {
	inner := fsys
	if r, ok := fsys.(*remembered); ok {
		inner = r.FS
	}
	if q, ok := inner.(intoReader); ok {
		if data, buf, ok := q.ReadInto(name, buf, most); ok {
			return data, buf
		}
	}
	f, err := inner.Open(name)
	if err != nil {
		return nil, buf
	}
	defer f.Close()
	return fill(f, buf, most)
}

func fill(r io.Reader, buf []byte, most int64) (data, grown []byte) {
	for n := 0; ; {
		if n == len(buf) {
			if int64(n) > most {
				return nil, buf
			}
			buf = append(buf, make([]byte, max(len(buf), 4096))...)
		}
		m, err := r.Read(buf[n:])
		n += m
		if err == io.EOF && int64(n) <= most {
			return buf[:n], buf
		}
		if err != nil {
			return nil, buf
		}
	}
}
