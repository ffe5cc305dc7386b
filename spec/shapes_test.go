package spec_test

import (
	"strings"
	"testing"

	"spec.example/spec/spec"
)

// TestOddShapes counts small files of our own, one for each shape that real files have and that readers get wrong.
func TestOddShapes(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  spec.Counts
	}{
		"localized headings": {map[string]string{"requirements.md": "### 要件1：表示\n\n#### 受け入れ基準\n\n1. 表示する\n2. 消える\n\n### Anforderung 2: Ton\n\n#### Akzeptanzkriterien\n\n1. WENN laut DANN SOLL leise\n"},
			spec.Counts{Requirements: 2, Criteria: 3}},
		"ids and statements": {map[string]string{"requirements.md": "## FR-1: Pay\n\n- **FR-1.1**: once\n- **FR-1.2**: never twice\n\n## 3. Print\n\n3.1 THE System SHALL print\n"},
			spec.Counts{Requirements: 2, Criteria: 3}},
		"label and bullets": {map[string]string{"requirements.md": "### Story: print\n\n**Acceptance Criteria:**\n- on paper\n- [x] in colour\n    - deeper does not count\n\n**Notes**\n- not one\n"},
			spec.Counts{Requirements: 1, Criteria: 2}},
		"bug report": {map[string]string{"bugfix.md": "## Current Behavior\n\n1.1 WHEN a THEN b\n- **1.2** more\n\n## Expected Behavior\n\n2.1 SHALL c\n\n## Unchanged Behavior\n\n3.1 SHALL d\n"},
			spec.Counts{Requirements: 3, Criteria: 4}},
		"marks and states": {map[string]string{"tasks.md": "- [ ] 1. a\n  - [x] 1.1 b\n  - [X]* 1.2 c\n  - [-]\\* 1.3 d\n* [~] no number\n+ [ ] 2.9* e\n- [] none\n- [P] none\n- [ ]none\n"},
			spec.Counts{Tasks: 6, Leaves: 5, Done: 2, Optional: 3, InProgress: 1, Queued: 1}},
		"task headings": {map[string]string{"tasks.md": "## Task 1: a\n\n- [ ] 1.1 b\n- [ ] 1.2 c\n\n## Task 2: d\n"},
			spec.Counts{Tasks: 4, Leaves: 3}},
		"hidden by fence and comment": {map[string]string{"tasks.md": "- [ ] 1. a\n<!--\n- [ ] 2. b\n-->\n```\n- [ ] 3. c\n```\n- [ ] 4. d\n~~~~\n- [ ] 5. e\n~~~\n- [ ] 6. f\n"},
			spec.Counts{Tasks: 2, Leaves: 2}},
		"byte order mark, tabs, CRLF": {map[string]string{"tasks.md": "\ufeff- [ ] 1. a\r\n\t- [x] b\r\n\t\t- [x] c\r\n"},
			spec.Counts{Tasks: 3, Leaves: 1, Done: 2}},
		"references": {map[string]string{"tasks.md": "- [ ] 1. a\n  - _Requirements: 1.1, 1.3-1.5, FR-9, R2.1_\n  - _Validates: Requirements 2, 3.1 (see 8.8)_\n  - Property 7 and 1.2.3.4\n- [ ] 2. per Req 4.1 and 4.2; 90% done\n"},
			spec.Counts{Tasks: 2, Leaves: 2, Refs: 8}},
		"waves of wild shapes": {map[string]string{"tasks.md": "- [ ] 1. a\n\n```\n{\"waves\": [[\"1\"], {\"id\": 1, \"tasks\": []}, 7]}\n```\n"},
			spec.Counts{Tasks: 1, Leaves: 1, Waves: 3}},
		"properties": {map[string]string{"design.md": "### Property 1: a\n\n**Property 2: b**\n\nProperty 3 - c\n\n- Property 4: in a list\n\nProperty 5 without a mark\n\n### プロパティ 6\n"},
			spec.Counts{Properties: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := feature(t, c.files)
			if f.Counts != c.want {
				t.Errorf("got  %+v\nwant %+v", f.Counts, c.want)
			}
		})
	}
}

func TestIdsAndOwners(t *testing.T) {
	f, _ := feature(t, map[string]string{
		"requirements.md": "### Requirement 3: Pay\n\nAs a user, I want to pay\n\n#### Acceptance Criteria\n\n1. WHEN asked\n   THE System SHALL pay\n2. Twice\n\n### Requirement 3: Again\n\n#### Acceptance Criteria\n\n1. x\n",
		"tasks.md":        "- [ ] 1. **Bold** title _Requirements: 3.1_\n- [ ] T0.1: labelled\n- [ ] plain\n- [ ] 4.1a letter\n",
	})
	var got []string
	for _, r := range f.Requirements {
		got = append(got, r.ID+"<"+r.Parent)
	}
	if s := strings.Join(got, " "); s != "3< 3.1<3 3.2<3 3#2< 3.1#2<3#2" {
		t.Errorf("requirements %s", s)
	}
	if c := f.Requirement("3.1"); c.Text != "WHEN asked THE System SHALL pay" || c.Line != 7 {
		t.Errorf("criterion %+v", c)
	}
	var tasks []string
	for _, task := range f.Tasks {
		tasks = append(tasks, task.ID+" "+task.Title)
	}
	if tasks[0] != "1 Bold title" || tasks[1] != "T0.1 labelled" || !strings.HasPrefix(tasks[2], "@") || tasks[3] != "4.1a letter" || f.Tasks[0].Requirements[0] != "3.1" {
		t.Errorf("tasks %q, references %v", tasks, f.Tasks[0].Requirements)
	}
}
