package spec

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// openspec reads a capability (spec.md) or a change (proposal.md, design.md, tasks.md, specs/**/spec.md) of OpenSpec
// (counting rules, section 9).
func (r *reader) openspec() {
	f := r.f
	if f.Dialect == OpenSpec {
		if p := r.open("spec.md", Requirements); p != nil {
			r.openspecDocument(p)
			f.Title = strings.TrimSuffix(documentTitle(p), " Specification")
		}
		r.design(r.open("design.md", Design))
		r.tasks(r.open("tasks.md", Tasks))
		return
	}
	var specs []string
	Walk(r.fsys, f.Dir, func(name string, d fs.DirEntry) error { // an unreadable directory has no specs
		if !d.IsDir() && d.Name() == "spec.md" && strings.HasPrefix(name, f.Dir+"/specs/") {
			specs = append(specs, strings.TrimPrefix(name, f.Dir+"/"))
		}
		return nil
	})
	for _, name := range specs {
		if p := r.open(name, Requirements); p != nil {
			r.openspecDocument(p)
		}
	}
	proposal := r.open("proposal.md", Requirements)
	r.design(r.open("design.md", Design))
	r.tasks(r.open("tasks.md", Tasks))
	if f.Title = documentTitle(proposal); strings.HasPrefix(f.Title, "Change: ") {
		f.Title = strings.TrimPrefix(f.Title, "Change: ")
	}
}

func (r *reader) openspecDocument(p *page) {
	owner, delta, from := "", Delta(""), ""
	for i := range p.lines {
		l := &p.lines[i]
		if l.level == 2 {
			delta = deltaOf(l.heading())
			continue
		}
		if delta == Renamed && !l.hidden && l.level == 0 {
			from = r.renamed(l.body(), from)
		}
		if l.level == 3 {
			owner = ""
			if n, ok := foldPrefix(l.heading(), "requirement:"); ok {
				owner = strings.TrimSpace(l.heading()[n:])
				story, end := storyBelow(p, i, nil)
				r.f.Requirements = append(r.f.Requirements, Requirement{ID: owner, Kind: KindRequirement, Title: owner, Text: strings.TrimSpace(owner + ": " + story), File: p.path, Line: i + 1, EndLine: end + 1, Delta: delta})
				r.f.Counts.Requirements++
			}
		}
		if l.level == 4 {
			if n, ok := foldPrefix(l.heading(), "scenario:"); ok {
				name := strings.TrimSpace(l.heading()[n:])
				id := name
				if owner != "" {
					id = owner + "/" + name
				}
				end := i + 1
				for end < len(p.lines) && p.lines[end].level == 0 {
					end++
				}
				r.f.Requirements = append(r.f.Requirements, Requirement{ID: id, Kind: KindCriterion, Parent: owner, Title: name, Text: oneLine(textOf(p, i+1, end)), File: p.path, Line: i + 1, EndLine: end + 1, Delta: delta})
				r.f.Counts.Criteria++
			}
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// deltaOf reads the section headings of a change: `ADDED Requirements`.
func deltaOf(heading string) Delta {
	for _, d := range []Delta{Added, Modified, Removed, Renamed} {
		if n, ok := foldPrefix(heading, string(d)+" "); ok {
			if _, ok := foldPrefix(heading[n:], "requirement"); ok {
				return d
			}
		}
	}
	return ""
}

// renamed reads `- FROM:` and `- TO:` lines and returns the old name that still waits for its new one.
func (r *reader) renamed(body, from string) string {
	body = withoutBullet(body)
	for _, word := range []string{"from:", "to:"} {
		n, ok := foldPrefix(body, word)
		if !ok {
			continue
		}
		name := strings.Trim(strings.TrimSpace(body[n:]), "`#* ")
		if k, ok := foldPrefix(name, "requirement:"); ok {
			name = strings.TrimSpace(name[k:])
		}
		if word == "from:" {
			return name
		}
		if from != "" && name != "" {
			if r.f.Renames == nil {
				r.f.Renames = map[string]string{}
			}
			r.f.Renames[from] = name
		}
		return ""
	}
	return from
}

// A Merged requirement is one of a capability after a change was applied.
type Merged struct {
	Capability string `json:"capability"` // directory of the base specification
	Name       string `json:"name"`
	Delta      Delta  `json:"delta"` // "" for one that the change leaves as it is
	Was        string `json:"was,omitempty"`
}

// Applied shows what the capabilities of a change of OpenSpec will demand when it is done: the base specifications with
// the change's sections applied. A change that modifies or removes what the base does not have is reported.
func Applied(fsys fs.FS, f *Feature) ([]Merged, Diagnostics) {
	if f.Dialect != OpenSpecChange {
		return nil, nil
	}
	root, _, ok := strings.Cut(f.Dir, "/changes/")
	if !ok {
		return nil, nil
	}
	var out []Merged
	var diags Diagnostics
	for _, doc := range f.Documents {
		rest, ok := strings.CutPrefix(doc.Path, f.Dir+"/specs/")
		if !ok || doc.Stage != Requirements {
			continue
		}
		capability := path.Dir(rest)
		base, _ := ParseAs(fsys, path.Join(root, "specs", capability), OpenSpec)
		out = append(out, merge(capability, base, f, doc.Path, &diags)...)
	}
	return out, diags
}

func merge(capability string, base, change *Feature, file string, diags *Diagnostics) []Merged {
	changed := map[string]*Requirement{}
	known := map[string]bool{}
	var order []*Requirement
	for i := range change.Requirements {
		if r := &change.Requirements[i]; r.File == file && r.Kind == KindRequirement {
			changed[r.ID] = r
			order = append(order, r)
		}
	}
	var out []Merged
	for i := range base.Requirements {
		r := &base.Requirements[i]
		if r.Kind != KindRequirement {
			continue
		}
		known[r.ID] = true
		m := Merged{Capability: capability, Name: r.ID}
		if to := change.Renames[r.ID]; to != "" {
			m.Name, m.Was, m.Delta = to, r.ID, Renamed
			known[to] = true
		}
		if c := changed[m.Name]; c != nil && (c.Delta == Modified || c.Delta == Removed) {
			m.Delta = c.Delta
		}
		out = append(out, m)
	}
	for _, r := range order {
		switch {
		case r.Delta == Added || r.Delta == "" && !known[r.ID]:
			out = append(out, Merged{Capability: capability, Name: r.ID, Delta: Added})
		case (r.Delta == Modified || r.Delta == Removed) && !known[r.ID] && len(base.Documents) > 0:
			*diags = append(*diags, Diagnostic{Code: "SPEC104", Severity: Warning, File: r.File, Line: r.Line, Column: 1, Subject: r.ID, Feature: change.Name,
				Message: fmt.Sprintf("requirement %q is %s here, and %s has none of that name", r.ID, r.Delta, path.Join(base.Dir, "spec.md")), Hint: "name it as the base specification does, or list it as added"})
		}
	}
	return out
}
