package check

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"spec.example/spec/spec"
)

// A tree is the files below a root as git would see them.
type tree struct {
	fsys  fs.FS
	files []string
	known map[string]bool // files, and the directories that hold one
	bases map[string][]string
	sql   *string
}

func readTree(fsys fs.FS, root string) (*tree, error) {
	t := &tree{fsys: fsys, known: map[string]bool{}, bases: map[string][]string{}}
	err := spec.Walk(fsys, root, func(name string, d fs.DirEntry) error {
		if d.IsDir() {
			if d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		t.files = append(t.files, name)
		t.bases[path.Base(name)] = append(t.bases[path.Base(name)], name)
		for at := name; at != "." && at != "/" && !t.known[at]; at = path.Dir(at) {
			t.known[at] = true
		}
		return nil
	})
	return t, err
}

// has tells whether a file or directory lies in the tree, at that path below root or at the end of a longer one: a design
// often names files from the directory of its package.
func (t *tree) has(root, name string) bool {
	name = path.Clean(name)
	if t.known[path.Join(root, name)] || t.known[name] {
		return true
	}
	for _, f := range t.bases[path.Base(name)] {
		if strings.HasSuffix(f, "/"+name) {
			return true
		}
	}
	return false
}

// maxRead bounds the files that are read as manifests, migrations and the like.
const maxRead = 4 << 20

func (t *tree) read(name string) []byte {
	info, err := fs.Stat(t.fsys, name)
	if err != nil || info.Size() > maxRead {
		return nil
	}
	data, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return nil
	}
	return data
}

// holds tells whether a file with that ending lies in a directory or below it.
func (t *tree) holds(dir, ending string) bool {
	return slices.ContainsFunc(t.files, func(f string) bool {
		return strings.HasSuffix(f, ending) && (dir == "." || strings.HasPrefix(f, dir+"/"))
	})
}

// steered lists the directories that steering lies in; the root is always one, since git may not see it there.
func (t *tree) steered(root string) []string {
	roots := []string{root}
	for _, f := range t.files {
		at, _, ok := strings.Cut("/"+f, "/.kiro/steering")
		if dir := path.Clean("." + at); ok && path.Ext(f) == ".md" && !slices.Contains(roots, dir) {
			roots = append(roots, dir)
		}
	}
	return roots
}
