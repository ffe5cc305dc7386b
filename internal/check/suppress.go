package check

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"spec.example/spec/spec"
)

// lockRules are about spec.lock and about suppressions.
func lockRules() []Rule {
	return []Rule{
		{Code: "SPEC501", Name: "lock-conflict", Severity: spec.Error,
			Text:  "spec.lock, or a document, cannot be read as it is, or holds two facts where one is due.",
			Wrong: "<<<<<<< HEAD",
			Right: "spec verify F"},
		{Code: "SPEC502", Name: "state-disagrees", Severity: spec.Error,
			Text:  "The lock says that a task landed, and its box is not ticked.",
			Wrong: "- [ ] 2.1 with a landed fact",
			Right: "spec fix"},
		{Code: "SPEC503", Name: "stale-in-progress", Severity: spec.Note,
			Text:  "A box was left in progress by another tool.",
			Wrong: "- [-] 1.3",
			Right: "spec tick F 1.3 --state todo"},
		{Code: "SPEC504", Name: "expired-waiver", Severity: spec.Error,
			Text:  "A suppression has no date or no reason, is past its date, or suppresses nothing any more. The same goes for a line of a baseline, so that its counts only fall.",
			Wrong: `<!-- spec:ignore SPEC105 until=2020-01-31 reason="…" -->`,
			Right: "mend the finding"},
		{Code: "SPEC505", Name: "lock-gone", Severity: spec.Error,
			Text:  "A feature had a spec.lock in the commit that --changed-since names, and has none now: nothing of it is checked any more. A tree alone cannot show that.",
			Wrong: "git rm .kiro/specs/F/spec.lock",
			Right: "git checkout REV -- .kiro/specs/F/spec.lock"},
	}
}

// locksGone finds the features that lost their lock since another tree.
func locksGone(before, now fs.FS, features []*spec.Feature) (found spec.Diagnostics) {
	for _, f := range features {
		name := path.Join(f.Dir, "spec.lock")
		if _, err := fs.Stat(now, name); err == nil || len(f.Documents) == 0 {
			continue
		}
		if _, err := fs.Stat(before, name); err == nil {
			found = append(found, spec.Diagnostic{Code: "SPEC505", Severity: severityOf("SPEC505"), File: f.Documents[0].Path, Line: 1, Column: 1, Feature: f.Name, Subject: f.Name, Owner: f.Dir,
				Message: fmt.Sprintf("%s lost its spec.lock: no approval, task or proof of it is checked any more", f.Name), Hint: "git checkout REV -- " + name})
		}
	}
	return found
}

// A Suppressed is a finding that is known and left out.
type Suppressed struct {
	spec.Diagnostic
	By     string `json:"by"` // FILE:LINE of what leaves it out
	Until  string `json:"until,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// volatile is what changes in a message when lines move, or files come that have nothing to do with it.
var volatile = lazy(`\b(lines? |l\.|0 of |\.\w+:)[0-9]+\b`)

// Fingerprint names a finding independently of its line: code, owner, subject and message, where a line number in the
// message does not count. The owner is a path, since two workspaces of a repository can have features of one name.
func Fingerprint(d spec.Diagnostic) string {
	message := volatile.get().ReplaceAllString(strings.Join(strings.Fields(d.Message), " "), "${1}N")
	return strings.Join([]string{d.Code, d.Owner, d.Subject, message}, "|")
}

// A waiver is one suppression in a document: <!-- spec:ignore SPEC105 until=2027-01-31 reason="…" -->
type waiver struct {
	file          string
	line, column  int
	code          string
	until, reason string
	used          bool
}

var (
	waiverMark   = lazy(`<!--\s*spec:ignore\s+(\w+)(.*?)-->`)
	waiverUntil  = lazy(`\buntil=(\S+)`)
	waiverReason = lazy(`\breason="([^"]*)"|\breason=(\S+)`)
)

func (s *subject) waivers() (list []waiver) {
	for _, doc := range s.feature.Documents {
		if !strings.Contains(string(doc.Data), "spec:ignore") {
			continue
		}
		for n, text := range s.lines(doc.Path) {
			for _, m := range waiverMark.get().FindAllStringSubmatchIndex(text, -1) {
				w := waiver{file: doc.Path, line: n + 1, column: m[0] + 1, code: text[m[2]:m[3]]}
				rest := text[m[4]:m[5]]
				if u := waiverUntil.get().FindStringSubmatch(rest); u != nil {
					w.until = strings.Trim(u[1], `"`)
				}
				if r := waiverReason.get().FindStringSubmatch(rest); r != nil {
					w.reason = strings.TrimSpace(r[1] + r[2])
				}
				if !slices.ContainsFunc(list, func(o waiver) bool { return o.file == w.file && o.line == w.line && o.column == w.column }) {
					list = append(list, w) // the stages of an outline share a file
				}
			}
		}
	}
	return list
}

// waive takes out findings that the document itself suppresses, in the line above or on it. A suppression that is past
// its date, gives none or no reason, or has nothing to suppress, is a finding itself.
func (s *subject) waive(now time.Time) (out []Suppressed) {
	list := s.waivers()
	for i := range list {
		w := &list[i]
		why := ""
		end, err := time.Parse("2006-01-02", w.until)
		switch {
		case w.until == "" || err != nil:
			why = "has no date (until=YYYY-MM-DD)"
		case w.reason == "":
			why = "gives no reason"
		case !now.Before(end.AddDate(0, 0, 1)):
			why = "ended on " + w.until
		}
		at := place{w.line, w.column, 0}
		if why != "" {
			s.reportAt("SPEC504", w.file, at, w.code, fmt.Sprintf("the suppression of %s %s", w.code, why), "mend the finding, or renew the suppression with a date and a reason")
			continue
		}
		s.found = slices.DeleteFunc(s.found, func(d spec.Diagnostic) bool {
			if d.Code != w.code || d.File != w.file || d.Line != w.line && d.Line != w.line+1 {
				return false
			}
			w.used = true
			out = append(out, Suppressed{Diagnostic: d, By: fmt.Sprintf("%s:%d", w.file, w.line), Until: w.until, Reason: w.reason})
			return true
		})
		if !w.used {
			s.reportAt("SPEC504", w.file, at, w.code, fmt.Sprintf("the suppression of %s has nothing to suppress", w.code), "take it away")
		}
	}
	return out
}

// baseline takes out the findings that a file lists, a fingerprint each line. What it lists and is gone has to leave the
// file, unless only a part of the tree was looked at.
func (r *Report) baseline(o Options) {
	if o.Baseline == nil {
		return
	}
	lines := map[string][]int{}
	n := 0
	for line := range strings.Lines(string(o.Baseline)) {
		n++
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines[line] = append(lines[line], n)
		}
	}
	r.Findings = slices.DeleteFunc(r.Findings, func(d spec.Diagnostic) bool {
		f := Fingerprint(d)
		if len(lines[f]) == 0 {
			return false
		}
		r.Suppressed = append(r.Suppressed, Suppressed{Diagnostic: d, By: fmt.Sprintf("%s:%d", o.BaselineFile, lines[f][0]), Reason: "in the baseline"})
		lines[f] = lines[f][1:]
		return true
	})
	if o.Feature != "" || o.Before != nil {
		return
	}
	for _, f := range sortedKeys(lines) {
		for _, n := range lines[f] {
			code, _, _ := strings.Cut(f, "|")
			r.Findings = append(r.Findings, spec.Diagnostic{Code: "SPEC504", Severity: severityOf("SPEC504"), File: o.BaselineFile, Line: n, Column: 1, Length: len(f), Subject: f,
				Message: fmt.Sprintf("the baseline lists a finding of %s that is gone", code), Hint: "take the line out, so that it cannot come back"})
		}
	}
}
