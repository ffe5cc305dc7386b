package check

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// Options narrow a check.
type Options struct {
	Feature  string // only this one
	Strict   bool   // warnings fail too
	Kiro     bool   // what Kiro's own tools refuse is found too
	Proven   bool   // every criterion of a feature with a lock is due, whatever became of its tasks
	Now      time.Time
	Baseline []byte // fingerprints of findings to leave out, a line each
	// BaselineFile is the path of the baseline, for findings about it.
	BaselineFile string
	// Before is the tree that a change began from: what was found there already is left out.
	Before fs.FS
}

// A Report is the outcome of a check. Findings are sorted by place.
type Report struct {
	Findings   spec.Diagnostics
	Suppressed []Suppressed // what a document or the baseline leaves out, sorted by place
	Strict     bool
	Features   int
}

// Failed tells whether the check's answer is no.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(d spec.Diagnostic) bool {
		return d.Severity == spec.Error || r.Strict && d.Severity == spec.Warning
	})
}

// A subject is one feature with everything that the rules look at.
type subject struct {
	fsys    fs.FS
	feature *spec.Feature
	plan    *plan.Plan
	lock    *trace.Lock
	managed bool
	proven  bool
	index   *trace.Index
	tree    *tree
	root    string // of its workspace
	text    map[string][]string
	found   spec.Diagnostics
}

// Run checks every workspace below root of fsys.
func Run(fsys fs.FS, root string, o Options) (Report, error) {
	fsys = spec.Remember(fsys)
	workspaces, diags := spec.Workspaces(fsys, root)
	report := Report{Strict: o.Strict, Findings: diags}
	var index *trace.Index
	var names []string // of every feature, archived or not
	var features []*spec.Feature
	tree, err := readTree(fsys, root)
	if err != nil {
		return report, fmt.Errorf("reading the tree: %v", err)
	}
	for _, w := range workspaces {
		for _, loc := range w.Features {
			names = append(names, path.Base(loc.Dir))
			if loc.Archived || o.Feature != "" && path.Base(loc.Dir) != o.Feature && loc.Dir != o.Feature {
				continue
			}
			s := &subject{fsys: fsys, tree: tree, root: w.Root, proven: o.Proven}
			var found spec.Diagnostics
			s.feature, found = spec.Parse(fsys, loc.Dir)
			s.found = append(s.found, found...)
			if err := s.readLock(); err != nil {
				return report, err
			}
			s.plan, found = plan.New(s.feature, plan.State{Outcomes: s.lock.Outcomes()})
			s.found = append(s.found, found...)
			if s.managed {
				if index == nil {
					var err error
					if index, err = trace.Scan(fsys, root); err != nil {
						return report, fmt.Errorf("looking for tagged tests: %v", err)
					}
				}
				if s.index = index; len(workspaces) > 1 {
					s.index = index.Of(func(t trace.Tag) bool { return belongs(workspaces, w.Root, t) })
				}
				s.approvals()
				s.evidence()
				s.aging()
			}
			s.content()
			if o.Kiro {
				s.kiro()
			}
			for i := range s.found { // packages spec and plan know one feature only
				s.found[i].Feature = s.feature.Name
			}
			own(s.found, loc.Dir)
			report.Suppressed = append(report.Suppressed, s.waive(o.Now)...)
			report.Findings = append(report.Findings, s.found...)
			report.Features++
			features = append(features, s.feature)
		}
		report.Findings = append(report.Findings, steering(tree, w.Root)...)
	}
	for _, root := range tree.steered(path.Clean(root)) { // without a feature, or in a directory that git does not see
		if !slices.ContainsFunc(workspaces, func(w spec.Workspace) bool { return w.Root == root }) {
			report.Findings = append(report.Findings, steering(tree, root)...)
		}
	}
	if index != nil && o.Feature == "" {
		stray := strayTags(index, names)
		for i := range stray {
			stray[i].Owner = around(workspaces, stray[i].File)
		}
		report.Findings = append(report.Findings, stray...)
	}
	own(report.Findings, ".")
	if o.Feature != "" && report.Features == 0 {
		return report, fmt.Errorf("no feature %s", o.Feature)
	}
	report.Findings.Sort()
	report.Findings = slices.CompactFunc(report.Findings, func(a, b spec.Diagnostic) bool {
		return a.Code == b.Code && a.File == b.File && a.Line == b.Line && a.Column == b.Column && a.Message == b.Message
	})
	if o.Before != nil {
		if err := report.since(root, o); err != nil {
			return report, err
		}
		report.Findings = append(report.Findings, locksGone(o.Before, fsys, features)...)
	}
	report.baseline(o)
	report.Findings.Sort()
	return report, nil
}

// own says whom findings are counted with: the file, where it lies in dir, else dir.
func own(found spec.Diagnostics, dir string) {
	for i := range found {
		d := &found[i]
		switch {
		case d.Owner != "":
		case dir == "." || d.File == dir || strings.HasPrefix(d.File, dir+"/"):
			d.Owner = d.File
		default:
			d.Owner = dir
		}
	}
}

// around is the root of the innermost workspace that a file lies in.
func around(workspaces []spec.Workspace, file string) string {
	root := "."
	for _, w := range workspaces {
		if strings.HasPrefix(file, w.Root+"/") && (root == "." || len(w.Root) > len(root)) {
			root = w.Root
		}
	}
	return root
}

// belongs tells whether a tag speaks of the features of a workspace: of those that have a feature of its name, the nearest
// one around its file; and where none is around it, each.
func belongs(workspaces []spec.Workspace, root string, t trace.Tag) bool {
	nearest, around := "", false
	for _, w := range workspaces {
		if !slices.ContainsFunc(w.Features, func(l spec.Location) bool { return path.Base(l.Dir) == t.Feature }) {
			continue
		}
		if inside := w.Root == "." || strings.HasPrefix(t.File, w.Root+"/"); inside && (!around || len(w.Root) > len(nearest) || nearest == ".") {
			nearest, around = w.Root, true
		}
	}
	return !around || nearest == root
}

// since takes out what the tree that a change began from has too. A feature that was not there is a new one.
func (r *Report) since(root string, o Options) error {
	o.Baseline, o.Strict = nil, false
	fsys := o.Before
	o.Before = nil
	if o.Feature != "" {
		workspaces, _ := spec.Workspaces(fsys, root)
		if !slices.ContainsFunc(workspaces, func(w spec.Workspace) bool {
			return slices.ContainsFunc(w.Features, func(l spec.Location) bool {
				return !l.Archived && (path.Base(l.Dir) == o.Feature || l.Dir == o.Feature)
			})
		}) {
			return nil
		}
	}
	before, err := Run(fsys, root, o)
	if err != nil {
		return fmt.Errorf("checking the tree before the change: %v", err)
	}
	known := map[string]int{}
	for _, d := range before.Findings {
		known[Fingerprint(d)]++
	}
	r.Findings = slices.DeleteFunc(r.Findings, func(d spec.Diagnostic) bool {
		known[Fingerprint(d)]--
		return known[Fingerprint(d)] >= 0
	})
	return nil
}

func (s *subject) lockFile() string { return path.Join(s.feature.Dir, "spec.lock") }

func (s *subject) readLock() error {
	data, err := fs.ReadFile(s.fsys, s.lockFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading %s: %v", s.lockFile(), err)
	}
	s.managed = err == nil
	lock, problems := trace.ParseLock(data)
	s.lock = lock
	for _, p := range problems {
		s.report("SPEC501", s.lockFile(), p.Line, "", p.Message, "spec verify "+spec.Typed(s.feature.Name))
	}
	return nil
}

// content looks at what the documents of a feature say, each and beside each other.
func (s *subject) content() {
	list := statements(s.feature)
	s.quality(list)
	s.edges(list)
	s.overlaps()
	s.columns()
	s.events()
	s.paths()
}

// report adds a finding with the severity of its rule.
func (s *subject) report(code, file string, line int, id, message, hint string) {
	s.found = append(s.found, spec.Diagnostic{Code: code, Severity: severityOf(code), File: file, Line: line, Column: 1, Feature: s.feature.Name, Subject: id, Message: message, Hint: hint})
}

// severity changes the severity of the last finding.
func (s *subject) severity(to spec.Severity) { s.found[len(s.found)-1].Severity = to }
