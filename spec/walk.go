package spec

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxDepth bounds how deep directories are followed, maxIgnore the bytes of a .gitignore that is read.
const (
	maxDepth  = 64
	maxIgnore = 1 << 20
)

// ignoring is one .gitignore with the directory that it speaks of.
type ignoring struct {
	dir   string
	above string // for one above the tree: the way from its directory to the tree's root
	rules *Ignore
}

// Above are the patterns of a .gitignore that lies above the root of a tree, in the same repository.
type Above struct {
	Way   string // the path of the tree's root, from the .gitignore's directory
	Rules *Ignore
}

// A tree that is a part of a repository tells what the .gitignore files above it say, outermost first.
type partOfRepository interface{ IgnoredAbove() []Above }

// Walk visits the files and directories below root in lexical order, as git would see them: what .gitignore excludes, here or
// above, .git itself, repositories inside the repository, and links are left out. fn may return fs.SkipDir for a directory.
func Walk(fsys fs.FS, root string, fn func(name string, d fs.DirEntry) error) error {
	var err error
	if r, ok := fsys.(*remembered); ok {
		err = r.walk(root, fn)
	} else {
		err = walk(fsys, path.Clean(root), 0, ignoredAbove(fsys, path.Clean(root)), fn)
	}
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

// ignoredAbove are the patterns that hold below root and lie above it, outermost first.
func ignoredAbove(fsys fs.FS, root string) []ignoring {
	var rules []ignoring
	if p, ok := fsys.(partOfRepository); ok {
		for _, a := range p.IgnoredAbove() {
			rules = append(rules, ignoring{above: a.Way, rules: a.Rules})
		}
		if rootIgnored(rules) {
			rules = nil // whoever works in an ignored directory wants to see what is there
		}
	}
	for i := range len(root) {
		if root == "." || i > 0 && root[i] != '/' {
			continue
		}
		dir := path.Clean(root[:i])
		if _, err := fs.Stat(fsys, path.Join(dir, ".git")); err == nil {
			rules = nil // a repository of its own
		}
		rules = withIgnore(fsys, dir, rules)
	}
	return rules
}

// rootIgnored tells whether .gitignore files above a tree's root exclude the root itself, or a directory on the way to it.
func rootIgnored(above []ignoring) bool {
	if len(above) == 0 {
		return false
	}
	for left := strings.Count(above[0].above, "/"); left >= 0; left-- { // directories between that one and the root
		for i := len(above) - 1; i >= 0; i-- {
			way := strings.Split(above[i].above, "/")
			if len(way) <= left {
				continue
			}
			if ignored, decided := above[i].rules.Match(strings.Join(way[:len(way)-left], "/"), true); decided {
				if ignored {
					return true
				}
				break
			}
		}
	}
	return false
}

// withIgnore adds what a directory's .gitignore says.
func withIgnore(fsys fs.FS, dir string, rules []ignoring) []ignoring {
	data, err := fs.ReadFile(fsys, path.Join(dir, ".gitignore"))
	if err != nil || len(data) >= maxIgnore {
		return rules
	}
	return append(slices.Clip(rules), ignoring{dir: dir, rules: ParseIgnore(data)})
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
		rules = withIgnore(fsys, dir, rules)
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
		if rules[i].above != "" {
			rel = rules[i].above + "/" + name
		} else if rules[i].dir != "." {
			rel = strings.TrimPrefix(name, rules[i].dir+"/")
		}
		if ignored, decided := rules[i].rules.Match(rel, isDir); decided {
			return ignored
		}
	}
	return false
}
