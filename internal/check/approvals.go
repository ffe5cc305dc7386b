package check

import (
	"fmt"

	"spec.example/spec/spec"
)

// approvalRules are about what a person agreed to.
func approvalRules() []Rule {
	return []Rule{
		{Code: "SPEC201", Name: "not-approved", Severity: spec.Error,
			Text:  "A stage is not approved, but a later one is.",
			Wrong: "tasks approved, requirements not",
			Right: "spec approve F requirements"},
		{Code: "SPEC202", Name: "approval-stale", Severity: spec.Error,
			Text:  "Words changed after they were approved.",
			Wrong: "$29.00 becomes $39.00 in requirements.md",
			Right: "spec approve F requirements"},
		{Code: "SPEC203", Name: "approval-channel", Severity: spec.Error,
			Text:  "An approval was given by something other than a person at a terminal, demo, or adoption.",
			Wrong: "by agent:x",
			Right: "spec approve F at a terminal"},
		{Code: "SPEC204", Name: "gate-skipped", Severity: spec.Error,
			Text:  "A task landed, and a stage has no approval at all.",
			Wrong: "task 1 landed, design not approved",
			Right: "spec approve F design"},
		{Code: "SPEC205", Name: "unapproved-file", Severity: spec.Error,
			Text:  "A task landed under the policy file without a decision for each file.",
			Wrong: "policy file, no gate facts",
			Right: "decide on its files"},
		{Code: "SPEC206", Name: "approved-by-demo", Severity: spec.Warning,
			Text:  "An approval was made by spec demo.",
			Wrong: "by demo",
			Right: "spec approve F"},
		{Code: "SPEC207", Name: "adopted", Severity: spec.Note,
			Text:  "Tasks are adopted, not proven.",
			Wrong: "7 of 12 tasks adopted",
			Right: "nothing to do"},
	}
}

// approvals checks what was approved against what stands there now (SPEC201 to SPEC207).
//
// spec:workflow/2.3
func (s *subject) approvals() {
	name := spec.Typed(s.feature.Name)
	landed := ""
	for _, t := range s.lock.Tasks {
		if t.Landed != nil && landed == "" {
			landed = t.ID
		}
	}
	var later bool
	stages := spec.Stages()
	for i := len(stages) - 1; i >= 0; i-- {
		stage := stages[i]
		doc := s.feature.Document(stage)
		if doc == nil {
			continue
		}
		a := s.lock.Approval(stage)
		approve := fmt.Sprintf("spec approve %s %s", name, stage)
		switch {
		case a == nil && landed != "":
			s.report("SPEC204", doc.Path, doc.From, string(stage), fmt.Sprintf("task %s landed, but the %s are not approved", landed, stage), approve)
		case a == nil && later:
			s.report("SPEC201", doc.Path, doc.From, string(stage), fmt.Sprintf("the %s are not approved, but a later stage is", stage), approve)
		case a == nil:
		case a.Channel != "tty" && a.Channel != "demo" && a.Channel != "adopted":
			s.report("SPEC203", s.lockFile(), a.Line, string(stage), fmt.Sprintf("%s: approved by %q, which is no person", stage, a.Channel), approve+" at a terminal")
		case a.Hash != spec.ApprovedHash(s.feature, stage):
			s.stale(stage, doc, a.Channel, a.Who, a.Date)
		case s.unlike(stage):
		case a.Channel == "demo":
			s.report("SPEC206", s.lockFile(), a.Line, string(stage), fmt.Sprintf("%s: approved by demo, not by a person", stage), approve)
		}
		later = later || a != nil
	}
	s.adopted()
	if a := s.lock.Approval(spec.Tasks); a != nil && a.Channel != "adopted" {
		for i := range s.found { // a person agreed to tasks that leave something out
			if s.found[i].Code == "SPEC105" {
				s.found[i].Severity = spec.Error
			}
		}
	}
}

// unlike finds blocks of the lock that are not of the words that were approved, which an approval writes for every
// criterion and task: one was changed or taken away.
func (s *subject) unlike(stage spec.Stage) bool {
	n := len(s.found)
	hint := "spec approve " + s.feature.Name + " " + string(stage) + ", or restore " + s.lockFile()
	if s.lock.Approval(stage).Channel == "adopted" {
		hint = "spec adopt " + s.feature.Name + ", or restore " + s.lockFile()
	}
	switch stage {
	case spec.Requirements:
		for _, r := range s.feature.Criteria() {
			if c := s.lock.Criterion(r.ID); c == nil || c.Approved != r.Hash() {
				s.report("SPEC202", r.File, r.Line, r.ID, fmt.Sprintf("the lock does not hold the words of criterion %s that were approved", r.ID), hint)
			}
		}
	case spec.Tasks:
		for _, leaf := range s.feature.Leaves() {
			if t := s.lock.Task(leaf.ID); t == nil || t.Approved != leaf.Hash() {
				s.report("SPEC202", leaf.File, leaf.Line, leaf.ID, fmt.Sprintf("the lock does not hold the words of task %s that were approved", leaf.ID), hint)
			}
		}
	}
	return len(s.found) > n
}

// stale names what changed in an approved document: the criteria or tasks whose words are not those of the lock.
//
// spec:workflow/2.3
func (s *subject) stale(stage spec.Stage, doc *spec.Document, channel, who, date string) {
	by := fmt.Sprintf("since %s approved the %s on %s", who, stage, date)
	hint := fmt.Sprintf("look at the change, then: spec approve %s %s", spec.Typed(s.feature.Name), stage)
	if channel == "adopted" {
		by, hint = fmt.Sprintf("since the %s were adopted", stage), "spec adopt "+spec.Typed(s.feature.Name)
	}
	n := len(s.found)
	add := func(line int, id, message string) {
		s.report("SPEC202", doc.Path, line, id, message, hint)
		if channel == "adopted" {
			s.severity(spec.Warning)
		}
	}
	switch stage {
	case spec.Requirements:
		for _, r := range s.feature.Criteria() {
			c := s.lock.Criterion(r.ID)
			switch {
			case c == nil:
				add(r.Line, r.ID, fmt.Sprintf("criterion %s is new %s", r.ID, by))
			case c.Approved != "" && c.Approved != r.Hash():
				add(r.Line, r.ID, fmt.Sprintf("criterion %s changed %s", r.ID, by))
			}
		}
		for _, c := range s.lock.Criteria {
			if s.feature.Requirement(c.ID) == nil {
				add(doc.From, c.ID, fmt.Sprintf("criterion %s is gone %s", c.ID, by))
			}
		}
	case spec.Tasks:
		for _, leaf := range s.feature.Leaves() {
			t := s.lock.Task(leaf.ID)
			switch {
			case t == nil:
				add(leaf.Line, leaf.ID, fmt.Sprintf("task %s is new %s", leaf.ID, by))
			case t.Approved != "" && t.Approved != leaf.Hash():
				add(leaf.Line, leaf.ID, fmt.Sprintf("task %s changed %s", leaf.ID, by))
			}
		}
		for _, t := range s.lock.Tasks {
			if s.feature.Task(t.ID) == nil {
				add(doc.From, t.ID, fmt.Sprintf("task %s is gone %s", t.ID, by))
			}
		}
	}
	if len(s.found) == n {
		add(doc.From, string(stage), "its words changed "+by)
	}
}

// adopted says how much of a feature rests on adoption.
func (s *subject) adopted() {
	n := 0
	for _, t := range s.lock.Tasks {
		if t.Adopted != "" {
			n++
		}
	}
	if n > 0 {
		s.report("SPEC207", s.lockFile(), 1, "adopted", fmt.Sprintf("%d of %d tasks are adopted, not proven", n, len(s.lock.Tasks)), "nothing to do")
	}
}
