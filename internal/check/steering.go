package check

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"spec.example/spec/spec"
)

// steeringRules are about what agents are told of the project.
func steeringRules() []Rule {
	return []Rule{
		{Code: "SPEC403", Name: "steering-file-missing", Severity: spec.Error,
			Text:  "Steering refers to a file that is not there, or lies outside the repository.",
			Wrong: "#[[file:../../etc/passwd]]",
			Right: "#[[file:docs/api.yaml]]"},
		{Code: "SPEC404", Name: "steering-never-matches", Severity: spec.Warning,
			Text:  "Steering is included by a pattern that is missing or matches no file, or in a way that is unknown.",
			Wrong: "inclusion: sometimes",
			Right: "inclusion: always"},
		{Code: "SPEC405", Name: "steering-ignored-by-vcs", Severity: spec.Warning,
			Text:  "A steering file is excluded by .gitignore, so that other clones and CI do not see it.",
			Wrong: ".gitignore: .kiro/",
			Right: ".gitignore: .kiro/cache/"},
	}
}

// steering checks the steering of one workspace: references that lead nowhere, or outside (SPEC403), front matter that
// includes nothing (SPEC404), files that git does not see (SPEC405), and what the manifests and the tree contradict.
func steering(t *tree, root string) spec.Diagnostics {
	files, diags := spec.Steering(t.fsys, root)
	add := func(code, file string, at place, subject, message, hint string) {
		diags = append(diags, spec.Diagnostic{Code: code, Severity: severityOf(code), File: file, Line: at.line, Column: at.column, Length: at.length, Subject: subject, Message: message, Hint: hint})
	}
	for _, s := range files {
		lines := strings.Split(string(t.read(s.Path)), "\n")
		for _, ref := range s.References {
			if why := badReference(t, root, s.Path, ref); why != "" {
				add("SPEC403", s.Path, findLine(lines, "#[[file:"+ref), ref, fmt.Sprintf("the file that steering refers to %s: %s", why, ref), "mend the path, or drop the reference")
			}
		}
		if s.Inclusion == "fileMatch" {
			if len(s.Patterns) == 0 {
				add("SPEC404", s.Path, findLine(lines, "inclusion"), "", "inclusion is fileMatch, but there is no fileMatchPattern", "add one, or make the inclusion always")
			}
			for _, p := range s.Patterns {
				if n, of := t.matches(root, p); n == 0 {
					add("SPEC404", s.Path, findLine(lines, p), p, fmt.Sprintf("the pattern %s matches 0 of %d files", p, of), "mend the pattern, or drop the file")
				}
			}
		}
		if !t.known[s.Path] {
			ignore, at := t.ignoredBy(s.Path)
			add("SPEC405", ignore, at, s.Path, fmt.Sprintf("%s is ignored: other clones and CI do not see it", s.Path), "take it out of "+ignore)
		}
		lost, at := t.lostDirectories(root, lines)
		for i, name := range lost {
			add("SPEC111", s.Path, at[i], name, fmt.Sprintf("%s is not there", name), "mend the path in the steering")
		}
		for n, text := range lines {
			for _, at := range pathName.get().FindAllStringSubmatchIndex(text, -1) {
				name := strings.TrimPrefix(text[at[2]:at[3]], "./")
				if !t.has(root, name) && !fileGenerated(name) && t.known[path.Join(root, path.Dir(name))] && !denied.get().MatchString(text) {
					add("SPEC111", s.Path, place{n + 1, at[2] + 1, at[3] - at[2]}, name, fmt.Sprintf("%s is not there", name), "mend the path in the steering")
				}
			}
		}
	}
	return append(diags, stackFindings(t, root, files)...)
}

// badReference says what is wrong with a #[[file:…]] target, which is relative to the workspace or to its own directory.
func badReference(t *tree, root, file, ref string) string {
	target := path.Join(root, ref)
	if !fs.ValidPath(target) || strings.HasPrefix(ref, "/") || strings.HasPrefix(ref, "..") {
		return "leads outside the repository"
	}
	for _, name := range []string{target, path.Join(path.Dir(file), ref)} {
		if _, err := fs.Stat(t.fsys, name); err == nil {
			return ""
		}
	}
	return "is not there"
}

// findLine is where a text first stands.
func findLine(lines []string, text string) place {
	for i, l := range lines {
		if at := strings.Index(l, text); at >= 0 {
			return place{i + 1, at + 1, len(text)}
		}
	}
	return place{1, 1, 0}
}

// matches counts the files below root that a pattern of steering matches. A pattern without a slash is one for names.
func (t *tree) matches(root, pattern string) (n, of int) {
	pattern = strings.TrimPrefix(pattern, "./")
	for _, f := range t.files {
		rel := f
		if root != "." {
			var ok bool
			if rel, ok = strings.CutPrefix(f, root+"/"); !ok {
				continue
			}
		}
		of++
		name := rel
		if !strings.Contains(pattern, "/") {
			name = path.Base(rel)
		}
		if ok, err := doublestar.Match(pattern, name); ok && err == nil {
			n++
		}
	}
	return n, of
}

// ignoredBy finds the line of the .gitignore that hides a file.
func (t *tree) ignoredBy(name string) (string, place) {
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		file := path.Join(dir, ".gitignore")
		rel := strings.TrimPrefix(name, dir+"/")
		for n, line := range strings.Split(string(t.read(file)), "\n") {
			if line = strings.TrimRight(line, "\r"); hides(line, rel) {
				return file, place{n + 1, 1, len(line)}
			}
		}
		if dir == "." || dir == "/" {
			return name, place{1, 1, 0}
		}
	}
}

// hides tells whether a line of a .gitignore excludes a file, or a directory that it lies in.
func hides(line, rel string) bool {
	g := spec.ParseIgnore([]byte(line))
	for i := range rel {
		if rel[i] == '/' {
			if ignored, _ := g.Match(rel[:i], true); ignored {
				return true
			}
		}
	}
	ignored, _ := g.Match(rel, false)
	return ignored
}

// directoryName is a path in code quotes whose last element has no ending; listStart is what stands before one that a list
// explains; placeholder is a name that stands for others.
var (
	directoryName = lazy("`((?:\\./)?\\w[\\w.-]*(?:/\\w[\\w-]*)+/?|(?:\\./)?\\w[\\w-]*/)`")
	listStart     = lazy("^\\s*(?:[-*+|]|\\d+\\.)\\s*\\*{0,2}$")
	placeholder   = lazy(`(?i)(?:^|[/_-])(?:your|my|names?|foo|bar|x{2,}|examples?)(?:$|[/_-])`)
)

// lostDirectories finds the directories that lines of steering name and that are not in the tree. What may be no path at all (a
// route, a branch, the name of a package) is left alone: the directory above has to be there, or a list has to explain it beside
// others most of which are there. What git ignores is in no tree.
func (t *tree) lostDirectories(root string, lines []string) (names []string, at []place) {
	type entry struct {
		name string
		place
		listed bool
	}
	var all []entry
	listed, there := 0, 0
	for n, text := range lines {
		for _, m := range directoryName.get().FindAllStringSubmatchIndex(text, -1) {
			name := text[m[2]:m[3]]
			dir := path.Clean(name)
			if placeholder.get().MatchString(dir) || fileGenerated(dir+"/") {
				continue
			}
			inList := listStart.get().MatchString(text[:m[0]])
			is := t.hasDirectory(root, dir)
			if inList {
				listed++
				if is {
					there++
				}
			}
			above := path.Dir(dir) != "." && t.known[path.Join(root, path.Dir(dir))]
			if !is && (inList || above) && !denied.get().MatchString(text) && !t.ignores(root, dir) {
				all = append(all, entry{name, place{n + 1, m[2] + 1, len(name)}, !above})
			}
		}
	}
	for _, e := range all {
		if !e.listed || there > 0 && there*2 >= listed {
			names, at = append(names, e.name), append(at, e.place)
		}
	}
	return names, at
}

// hasDirectory tells whether a directory is there: at that path, or at the end of a longer one, since an entry of a nested list
// is often meant below the one around it.
func (t *tree) hasDirectory(root, dir string) bool {
	if t.has(root, dir) {
		return true
	}
	if _, err := fs.Stat(t.fsys, path.Join(root, dir)); err == nil {
		return true
	}
	return slices.ContainsFunc(t.files, func(f string) bool { return strings.Contains(f, "/"+dir+"/") })
}

// ignores tells whether git would not see a directory.
func (t *tree) ignores(root, dir string) bool {
	at := path.Join(root, dir, "x")
	file, _ := t.ignoredBy(at)
	return file != at
}
