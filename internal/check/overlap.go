package check

import (
	"fmt"
	"slices"
	"strings"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// overlapRules are about tasks that run at the same time.
func overlapRules() []Rule {
	return []Rule{
		{Code: "SPEC108", Name: "write-overlap", Severity: spec.Warning,
			Text:  "Two tasks that may run at the same time name the same file as theirs, so that the later one to land starts again.",
			Wrong: "wave 1 holds 2.1 and 2.2, and both create `store.go`",
			Right: "_Depends: 2.1_ on task 2.2"},
	}
}

// writes is a file that a task's words say is written: a verb, then a path in a code span.
var writes = lazy("(?i)\\b(?:creat(?:e|es|ing)|writ(?:e|es|ing)|add(?:s|ing)?|updat(?:e|es|ing)|modif(?:y|ies|ying)|edit(?:s|ing)?|extend(?:s|ing)?|implement(?:s|ing)?|refactor(?:s|ing)?|replac(?:e|es|ing)|rewrit(?:e|es|ing)|delet(?:e|es|ing)|generat(?:e|es|ing)|chang(?:e|es|ing)|rename|fill|put)\\b[^.`;]{0,60}`([\\w./@-]+\\.[A-Za-z][\\w]{0,5})`")

// maxOwners bounds how many earlier tasks on one file a task is compared with.
const maxOwners = 8

// overlaps looks at each file that two tasks of the plan write when nothing orders the two.
func (s *subject) overlaps() {
	owners := map[string][]string{}
	var files []string
	for _, t := range s.plan.Tasks {
		if t.Action == plan.Done || t.Action == plan.Skip {
			continue
		}
		task := s.feature.Task(t.ID)
		if task == nil {
			continue
		}
		for _, m := range writes.get().FindAllStringSubmatch(task.Text, -1) {
			f := strings.TrimPrefix(m[1], "./")
			if !slices.Contains(owners[f], t.ID) {
				if owners[f] == nil {
					files = append(files, f)
				}
				owners[f] = append(owners[f], t.ID)
			}
		}
	}
	for _, f := range files {
		for i, later := range owners[f] {
			for _, earlier := range owners[f][max(0, i-maxOwners):i] {
				if s.reaches(later, earlier) || s.reaches(earlier, later) {
					continue
				}
				task := s.feature.Task(later)
				s.reportAt("SPEC108", task.File, s.find(task.File, task.Line, task.EndLine, f), later,
					fmt.Sprintf("tasks %s and %s both write %s and may run at the same time", earlier, later, f), fmt.Sprintf("add _Depends: %s_ to task %s", earlier, later))
				break
			}
		}
	}
}

// reaches tells whether a task waits for another, through any others.
func (s *subject) reaches(from, to string) bool {
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		t := s.plan.Task(queue[0])
		if t == nil {
			continue
		}
		for _, d := range t.Depends {
			if d == to {
				return true
			}
			if !seen[d] {
				seen[d] = true
				queue = append(queue, d)
			}
		}
	}
	return false
}
