package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Workspace is a directory with .kiro, .specify or openspec in it, and the features that it holds.
type Workspace struct {
	Root     string
	Features []Location
}

// A Location is where a feature lies.
type Location struct {
	Dir      string
	Dialect  Dialect
	Archived bool // below a directory named archive or _archive
}

// Workspaces finds every feature below root, as git would see the tree.
func Workspaces(fsys fs.FS, root string) ([]Workspace, Diagnostics) {
	byRoot := map[string]*Workspace{}
	var diags Diagnostics
	files := map[string][]string{} // directory → names of interest
	var dirs []string
	deep := strings.Count(path.Clean(root), "/") + maxDepth
	err := Walk(fsys, root, func(name string, d fs.DirEntry) error {
		if d.IsDir() {
			dirs = append(dirs, name)
			if strings.Count(name, "/") >= deep {
				diags = append(diags, Diagnostic{Code: "SPEC501", Severity: Note, File: name, Message: fmt.Sprintf("directories are looked at %d levels deep, and what is in this one is not", maxDepth), Hint: "move the specifications up"})
			}
			return nil
		}
		if documentName(d.Name()) {
			dir := path.Dir(name)
			files[dir] = append(files[dir], d.Name())
		}
		return nil
	})
	if err != nil {
		diags = append(diags, Diagnostic{Code: "SPEC501", Severity: Error, File: root, Message: "the directory cannot be read: " + err.Error()})
	}
	for _, dir := range dirs {
		if len(files[dir]) == 0 && amongSpecs(dir) {
			diags = append(diags, odd(fsys, dir, files)...)
		}
	}
	for _, dir := range append([]string{path.Clean(root)}, dirs...) {
		dialect, at, ok := classify(fsys, dir, files)
		if !ok {
			continue
		}
		w := byRoot[at]
		if w == nil {
			w = &Workspace{Root: at}
			byRoot[at] = w
		}
		archived := strings.Contains("/"+dir+"/", "/archive/") || strings.Contains("/"+dir+"/", "/_archive/")
		w.Features = append(w.Features, Location{Dir: dir, Dialect: dialect, Archived: archived})
	}
	var out []Workspace
	for _, w := range byRoot {
		slices.SortFunc(w.Features, func(a, b Location) int { return strings.Compare(a.Dir, b.Dir) })
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b Workspace) int { return strings.Compare(a.Root, b.Root) })
	return out, diags
}

func documentName(name string) bool {
	switch name {
	case "requirements.md", "bugfix.md", "design.md", "tasks.md", "spec.json", "spec.md", "plan.md", "proposal.md":
		return true
	}
	return false
}

// amongSpecs tells whether a directory lies where specifications do.
func amongSpecs(dir string) bool {
	return strings.HasSuffix(path.Dir(dir), "specs") || strings.HasSuffix(dir, ".kiro/specs") || strings.Contains(dir, ".kiro/specs/") || strings.Contains("/"+dir, "/openspec/")
}

// odd looks at a directory among specifications in which the walk saw no document: documents that are links or no plain
// files make it one all the same, and what cannot be read, or is a link to a directory, is told.
func odd(fsys fs.FS, dir string, files map[string][]string) (diags Diagnostics) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return Diagnostics{{Code: "SPEC501", Severity: Warning, File: dir, Message: "the directory cannot be read: " + err.Error(), Hint: "make it readable"}}
	}
	for _, e := range entries {
		switch {
		case e.IsDir() || e.Type().IsRegular():
		case documentName(e.Name()):
			files[dir] = append(files[dir], e.Name())
		case e.Type()&fs.ModeSymlink != 0:
			if info, err := fs.Stat(fsys, path.Join(dir, e.Name())); err != nil || info.IsDir() {
				diags = append(diags, Diagnostic{Code: "SPEC501", Severity: Note, File: path.Join(dir, e.Name()), Message: "it is a link, and links to directories are not followed", Hint: "name the directory itself: spec show PATH"})
			}
		}
	}
	return diags
}

// classify says whether a directory is a feature (counting rules, section 1) and which workspace it belongs to.
func classify(fsys fs.FS, dir string, files map[string][]string) (Dialect, string, bool) {
	names := files[dir]
	has := func(list ...string) bool {
		return slices.ContainsFunc(list, func(n string) bool { return slices.Contains(names, n) })
	}
	elems := strings.Split(dir, "/")
	for i := len(elems) - 2; i >= 1; i-- {
		if elems[i] == "specs" && elems[i-1] == ".kiro" {
			if !has("requirements.md", "bugfix.md", "design.md", "tasks.md") {
				return "", "", false
			}
			dialect := Kiro
			if has("spec.json") && ccsdd(fsys, path.Join(dir, "spec.json")) {
				dialect = CCSDD
			}
			return dialect, joinRoot(elems[:i-1]), true
		}
	}
	for i := len(elems) - 1; i >= 1; i-- {
		if elems[i-1] == "openspec" && elems[i] == "specs" && i < len(elems)-1 {
			return OpenSpec, joinRoot(elems[:i-1]), has("spec.md")
		}
		if elems[i-1] == "openspec" && elems[i] == "changes" {
			rest := elems[i+1:]
			if len(rest) == 2 && rest[0] == "archive" {
				rest = rest[1:]
			}
			if len(rest) != 1 || rest[0] == "archive" {
				return "", "", false
			}
			return OpenSpecChange, joinRoot(elems[:i-1]), has("proposal.md", "tasks.md") || hasSpecBelow(dir, files)
		}
	}
	if n := len(elems); n >= 2 && elems[n-2] == "specs" && digits(elems[n-1]) >= 3 && !slices.Contains(elems, ".kiro") && !slices.Contains(elems, "openspec") {
		return SpecKit, joinRoot(elems[:n-2]), has("spec.md", "plan.md", "tasks.md")
	}
	return "", "", false
}

func joinRoot(elems []string) string {
	if len(elems) == 0 {
		return "."
	}
	return strings.Join(elems, "/")
}

func hasSpecBelow(dir string, files map[string][]string) bool {
	for d, names := range files {
		if (d == dir+"/specs" || strings.HasPrefix(d, dir+"/specs/")) && slices.Contains(names, "spec.md") {
			return true
		}
	}
	return false
}

// ccsdd tells whether a spec.json is that of cc-sdd.
func ccsdd(fsys fs.FS, name string) bool {
	data, err := readBounded(fsys, name)
	if err != nil {
		return false
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &keys) != nil {
		return false
	}
	return keys["phase"] != nil || keys["approvals"] != nil
}

// Locate finds the feature that a name stands for: its directory's path, its base name, or a prefix of that which only
// one has. The error names what is near.
func Locate(fsys fs.FS, root, name string) (Location, error) {
	name = path.Clean(strings.TrimSuffix(name, "/"))
	workspaces, _ := Workspaces(fsys, root)
	var all, exact, prefix []Location
	for _, w := range workspaces {
		for _, f := range w.Features {
			all = append(all, f)
			base := path.Base(f.Dir)
			switch {
			case f.Dir == name || base == name:
				exact = append(exact, f)
			case strings.HasPrefix(base, name):
				prefix = append(prefix, f)
			}
		}
	}
	for _, found := range [][]Location{exact, prefix} {
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return Location{}, fmt.Errorf("%s could be %s or %s; name it by its path", name, found[0].Dir, found[1].Dir)
		}
	}
	if near := nearestName(path.Base(name), all); near != "" {
		return Location{}, fmt.Errorf("no feature %s; did you mean %s?", name, near)
	}
	return Location{}, fmt.Errorf("no feature %s among the %d here", name, len(all))
}

func nearestName(name string, all []Location) string {
	best, most := "", 1+len(name)/3
	for _, f := range all {
		base := path.Base(f.Dir)
		if d := Distance(name, base); d <= most {
			best, most = base, d-1
		}
	}
	return best
}

// Distance is the number of single-byte edits between two words.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
