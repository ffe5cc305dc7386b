package spec

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxDepth bounds how deep directories are followed.
const maxDepth = 64

// ignoring is one .gitignore with the directory that it speaks of.
type ignoring struct {
	dir   string
	rules *Ignore
}

// Walk visits the files and directories below root in lexical order, as git would see them: what .gitignore excludes,
// .git itself, repositories inside the repository, and links are left out. fn may return fs.SkipDir for a directory.
func Walk(fsys fs.FS, root string, fn func(name string, d fs.DirEntry) error) error {
	var err error
	if r, ok := fsys.(*remembered); ok {
		err = r.walk(root, fn)
	} else {
		err = walk(fsys, path.Clean(root), 0, nil, fn)
	}
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

func walk(fsys fs.FS, dir string, depth int, rules []ignoring, fn func(string, fs.DirEntry) error) error {
	if depth > maxDepth {
		return nil
	}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		if depth > 0 {
			return nil // a directory that cannot be read hides what is in it, and stops nothing else
		}
		return err
	}
	if depth > 0 && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == ".git" }) {
		return nil
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == ".gitignore" && e.Type().IsRegular() }) {
		if data, err := fs.ReadFile(fsys, path.Join(dir, ".gitignore")); err == nil && len(data) < 1<<20 {
			rules = append(slices.Clip(rules), ignoring{dir: dir, rules: ParseIgnore(data)})
		}
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.Name() == ".git" || ignored(rules, name, e.IsDir()) {
			continue
		}
		if !e.IsDir() {
			if !e.Type().IsRegular() {
				continue
			}
			if err := fn(name, e); err != nil {
				return err
			}
			continue
		}
		err := fn(name, e)
		if errors.Is(err, fs.SkipDir) {
			continue
		}
		if err != nil {
			return err
		}
		if err := walk(fsys, name, depth+1, rules, fn); err != nil {
			return err
		}
	}
	return nil
}

// ignored asks the innermost .gitignore first: it may take back what an outer one excludes.
func ignored(rules []ignoring, name string, isDir bool) bool {
	for i := len(rules) - 1; i >= 0; i-- {
		rel := name
		if rules[i].dir != "." {
			rel = strings.TrimPrefix(name, rules[i].dir+"/")
		}
		if ignored, decided := rules[i].rules.Match(rel, isDir); decided {
			return ignored
		}
	}
	return false
}
