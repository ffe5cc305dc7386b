package cmd

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"spec.example/spec/spec"
)

// A quickRoot asks the kernel to resolve a whole path below the root in one call (openat2, RESOLVE_BENEATH), where os.Root
// opens each directory on the way: reading a thousand small files costs a third. What the kernel does not answer plainly is
// left to os.Root.
type quickRoot struct {
	fs.FS
	fd int
}

func quickened(root *os.Root, dir string) fs.FS {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return plainFiles{root.FS(), dir}
	}
	return quickRoot{FS: plainFiles{root.FS(), dir}, fd: fd} // both descriptors live as long as the command
}

// IgnoredAbove are the .gitignore files above the root.
func (q quickRoot) IgnoredAbove() []spec.Above { return q.FS.(plainFiles).IgnoredAbove() }

func (q quickRoot) open(name string, flags uint64) (int, bool) {
	if !fs.ValidPath(name) {
		return 0, false
	}
	fd, err := unix.Openat2(q.fd, name, &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS})
	return fd, err == nil
}

// ReadFile reads a plain file at once; its size bounds what is read.
func (q quickRoot) ReadFile(name string) ([]byte, error) {
	fd, ok := q.open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if !ok {
		return fs.ReadFile(q.FS, name)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errNotPlain}
	}
	if st.Size > 1<<30 {
		return fs.ReadFile(q.FS, name)
	}
	data := make([]byte, st.Size+1) // one more, to see that it did not grow meanwhile
	n := 0
	for n < len(data) {
		m, err := unix.Read(fd, data[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fs.ReadFile(q.FS, name)
		}
		if m == 0 {
			return data[:n], nil
		}
		n += m
	}
	return fs.ReadFile(q.FS, name)
}

// ReadInto reads a plain file into a buffer; see spec.ReadInto. A read that leaves room is the last one: of a plain file, it came
// to the end.
func (q quickRoot) ReadInto(name string, buf []byte, most int64) (data, grown []byte, ok bool) {
	fd, ok := q.open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if !ok {
		return nil, buf, false
	}
	defer unix.Close(fd)
	for n := 0; ; {
		if n == len(buf) {
			if int64(n) > most {
				return nil, buf, true
			}
			buf = append(buf, make([]byte, max(len(buf), 4096))...)
		}
		m, err := unix.Read(fd, buf[n:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, buf, false
		}
		if n += m; m == 0 || n < len(buf) {
			if int64(n) > most {
				return nil, buf, true
			}
			return buf[:n], buf, true
		}
	}
}

// ReadDir lists a directory in order.
func (q quickRoot) ReadDir(name string) ([]fs.DirEntry, error) {
	fd, ok := q.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if !ok {
		return fs.ReadDir(q.FS, name)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	return fs.ReadDir(oneDir{f}, ".")
}

// Stat describes what a name leads to.
func (q quickRoot) Stat(name string) (fs.FileInfo, error) {
	fd, err := unix.Openat2(q.fd, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS})
	switch {
	case !fs.ValidPath(name), err != nil && err != unix.ENOENT:
		if err == nil {
			unix.Close(fd)
		}
		return fs.Stat(q.FS, name)
	case err != nil: // asked of every document that a dialect may have
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	return f.Stat()
}

// oneDir is a directory that is open.
type oneDir struct{ f *os.File }

func (d oneDir) Open(string) (fs.File, error) { return d.f, nil }
