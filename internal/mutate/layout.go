package mutate

import (
	"go/build"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A layout says which packages a module has and which of them each imports, by what its files say.
type layout struct {
	dirs    map[string]string   // by import path
	imports map[string][]string // of a directory, by its own files: directories
	tests   map[string][]string // the same, by its test files
	tested  map[string]bool     // directories with test files
}

// layoutOf reads the import declarations of a module, without packages that go leaves out.
func layoutOf(dir, module string, tags []string) *layout {
	l := &layout{dirs: map[string]string{}, imports: map[string][]string{}, tests: map[string][]string{}, tested: map[string]bool{}}
	ctx := build.Default
	ctx.BuildTags = tags
	own, tests := map[string][]string{}, map[string][]string{}
	fs.WalkDir(os.DirFS(dir), ".", func(rel string, d fs.DirEntry, err error) error { // which follows a link that the module lies behind
		name := filepath.Join(dir, filepath.FromSlash(rel))
		switch {
		case err != nil:
			return fs.SkipDir // what cannot be read go cannot build
		case !d.IsDir():
			return nil
		case name != dir && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || slices.Contains([]string{"testdata", "vendor", "node_modules"}, d.Name()) || isModule(name)):
			return fs.SkipDir
		}
		p, err := ctx.ImportDir(name, 0)
		if p == nil || err != nil && len(p.GoFiles)+len(p.CgoFiles)+len(p.TestGoFiles)+len(p.XTestGoFiles) == 0 {
			return nil
		}
		l.dirs[path.Join(module, rel)] = name
		l.tested[name] = len(p.TestGoFiles)+len(p.XTestGoFiles) > 0
		own[name], tests[name] = p.Imports, slices.Concat(p.TestImports, p.XTestImports)
		return nil
	})
	within := func(from map[string][]string, to map[string][]string) {
		for name, paths := range from {
			for _, imported := range paths {
				if d, ok := l.dirs[imported]; ok {
					to[name] = append(to[name], d)
				}
			}
		}
	}
	within(own, l.imports)
	within(tests, l.tests)
	return l
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// imported tells whether a package other than tests imports the one of a directory.
func (l *layout) imported(dir string) bool {
	for _, dirs := range l.imports {
		if slices.Contains(dirs, dir) {
			return true
		}
	}
	return false
}

// closure lists the directories that the tests of some are made of.
func (l *layout) closure(dirs []string) (all []string) {
	seen := map[string]bool{}
	add := func(list []string) {
		for _, d := range list {
			if !seen[d] {
				seen[d] = true
				all = append(all, d)
			}
		}
	}
	add(dirs)
	for _, d := range dirs {
		add(l.tests[d])
	}
	for i := 0; i < len(all); i++ {
		add(l.imports[all[i]])
	}
	slices.Sort(all)
	return all
}
