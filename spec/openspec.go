package spec

import (
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
		r.design(r.optional("design.md", Design))
		r.tasks(r.optional("tasks.md", Tasks))
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
	proposal := r.optional("proposal.md", Requirements)
	r.design(r.optional("design.md", Design))
	r.tasks(r.optional("tasks.md", Tasks))
	if f.Title = documentTitle(proposal); strings.HasPrefix(f.Title, "Change: ") {
		f.Title = strings.TrimPrefix(f.Title, "Change: ")
	}
}

func (r *reader) optional(name string, stage Stage) *page {
	if !exists(r.fsys, path.Join(r.f.Dir, name)) {
		return nil
	}
	return r.open(name, stage)
}

func (r *reader) openspecDocument(p *page) {
	owner := ""
	for i := range p.lines {
		l := &p.lines[i]
		if l.level == 3 {
			owner = ""
			if n, ok := foldPrefix(l.heading(), "requirement:"); ok {
				owner = strings.TrimSpace(l.heading()[n:])
				story, end := storyBelow(p, i, nil)
				r.f.Requirements = append(r.f.Requirements, Requirement{ID: owner, Kind: KindRequirement, Title: owner, Text: strings.TrimSpace(owner + ": " + story), File: p.path, Line: i + 1, EndLine: end + 1})
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
				r.f.Requirements = append(r.f.Requirements, Requirement{ID: id, Kind: KindCriterion, Parent: owner, Title: name, Text: oneLine(textOf(p, i+1, end)), File: p.path, Line: i + 1, EndLine: end + 1})
				r.f.Counts.Criteria++
			}
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
