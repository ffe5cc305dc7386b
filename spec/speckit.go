package spec

import (
	"strconv"
	"strings"
)

// speckit reads spec.md, plan.md and tasks.md of GitHub's spec-kit (counting rules, section 8).
func (r *reader) speckit() {
	f := r.f
	req := r.open("spec.md", Requirements)
	design := r.open("plan.md", Design)
	tasks := r.open("tasks.md", Tasks)
	if req != nil {
		r.speckitSpec(req)
	}
	if design != nil {
		f.Sections = sections(design)
	}
	if more := r.open("design.md", Design); more != nil {
		r.design(more)
	}
	r.tasks(tasks)
	if tasks != nil {
		found := map[string]bool{}
		for i := range tasks.lines {
			if !tasks.lines[i].hidden {
				for _, ref := range frRefs(tasks.lines[i].text) {
					found[ref] = true
				}
			}
		}
		f.Counts.Refs = len(found)
	}
	if req != nil {
		f.Title = documentTitle(req)
	}
}

func (r *reader) speckitSpec(p *page) {
	seen := map[string]bool{}
	story, scenario := 0, 0
	for i := range p.lines {
		l := &p.lines[i]
		if l.hidden {
			continue
		}
		if l.level > 0 {
			if n, ok := foldPrefix(l.heading(), "user story "); ok {
				if k := digits(l.heading()[n:]); k > 0 {
					story, _ = strconv.Atoi(l.heading()[n : n+k])
					scenario = 0
					r.f.Requirements = append(r.f.Requirements, Requirement{ID: "US" + strconv.Itoa(story), Kind: KindStory, Title: titleAfter(l.heading()[n+k:]), Text: titleAfter(l.heading()[n+k:]), File: p.path, Line: i + 1, EndLine: i + 2})
				}
			}
			continue
		}
		text, ok := listItem(l)
		if !ok {
			continue
		}
		text, end := goesOn(p, i, text)
		plain := strings.TrimPrefix(text, "**")
		if refs := frRefs(plain); len(refs) > 0 && strings.HasPrefix(plain, refs[0]) && !seen[refs[0]] {
			seen[refs[0]] = true
			body := strings.TrimLeft(strings.TrimPrefix(plain, refs[0]), "*: ")
			r.f.Requirements = append(r.f.Requirements, Requirement{ID: refs[0], Kind: KindRequirement, Text: body, File: p.path, Line: i + 1, EndLine: end + 1})
			r.f.Counts.Requirements++
		}
		if n := successID(plain); n > 0 && !seen[plain[:n]] {
			seen[plain[:n]] = true
			r.f.Requirements = append(r.f.Requirements, Requirement{ID: plain[:n], Kind: KindNonFunctional, Text: strings.TrimLeft(plain[n:], "*: "), File: p.path, Line: i + 1, EndLine: end + 1})
		}
		if n, ok := foldPrefix(plain, "given"); ok && (n == len(plain) || !latin(plain[n])) {
			scenario++
			id := "AS" + strconv.Itoa(scenario)
			parent := ""
			if story > 0 {
				parent = "US" + strconv.Itoa(story)
				id = parent + "-" + id
			}
			r.f.Requirements = append(r.f.Requirements, Requirement{ID: id, Kind: KindCriterion, Parent: parent, Text: strings.ReplaceAll(text, "**", ""), File: p.path, Line: i + 1, EndLine: end + 1})
			r.f.Counts.Criteria++
		}
	}
}

// goesOn joins the lines that an item is wrapped over: up to a blank one, another item or a heading.
func goesOn(p *page, i int, text string) (whole string, end int) {
	text = strings.TrimSpace(text)
	for end = i + 1; end < len(p.lines); end++ {
		l := &p.lines[end]
		if _, item := listItem(l); item || l.hidden || l.level > 0 || l.body() == "" || l.body() == "---" {
			break
		}
		text += " " + l.body()
	}
	return text, end
}

// listItem is the text of a bulleted or numbered item at any indentation.
func listItem(l *line) (string, bool) {
	return afterMark(l.text[l.start:])
}

// successID reads the id of a success criterion, `SC-001`, and returns its length; 0 for none.
func successID(s string) int {
	if !strings.HasPrefix(s, "SC-") {
		return 0
	}
	if k := digits(s[3:]); k >= 3 {
		return 3 + k
	}
	return 0
}
