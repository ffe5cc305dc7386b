package spec_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/spec"
)

// TestSentencesOfTheRules has an input for each sentence of the counting rules. The numbers were derived from the
// sentences by hand, before the reader was run on the inputs.
//
// spec:workflow/1.1
func TestSentencesOfTheRules(t *testing.T) {
	for _, c := range []struct{ rule, file, text, want string }{
		// 0 Reading
		{"0.1 a byte order mark is dropped", "tasks.md", "\ufeff- [x] 1. a\r\n- [ ] 2. b", `{"tasks":2,"leaves":2,"done":1}`},
		{"0.1 a byte order mark before a heading", "requirements.md", "\ufeff## Requirement 1\r\n", `{"requirements":1}`},
		{"0.2 a fence right after a list mark", "tasks.md", "- [ ] 1. a\n  1. ```\n  - [ ] 2. b\n```\n- [ ] 3. c\n", `{"tasks":2,"leaves":2}`},
		{"0.2 a backtick fence has no backtick in its info", "tasks.md", "``` a`b\n- [ ] 1. a\n", `{"tasks":1,"leaves":1}`},
		{"0.2 a tilde fence may have one", "tasks.md", "~~~ a`b\n- [ ] 1. a\n", `{}`},
		{"0.2 closed only by its own character", "tasks.md", "```\n~~~\n- [ ] 1. a\n```\n- [ ] 2. b\n", `{"tasks":1,"leaves":1}`},
		{"0.2 closed by as many or more", "tasks.md", "````\n```\n- [ ] 1. a\n      `````  \n- [ ] 2. b\n", `{"tasks":1,"leaves":1}`},
		{"0.2 a closing line has nothing else", "tasks.md", "```\n``` end\n- [ ] 1. a\n```\n- [ ] 2. b\n", `{"tasks":1,"leaves":1}`},
		{"0.2 no fence behind a >", "tasks.md", "> ```\n- [ ] 1. a\n", `{"tasks":1,"leaves":1}`},
		{"0.2 any indentation opens", "tasks.md", "            ```\n- [ ] 1. a\n", `{}`},
		{"0.2 two ticks are none", "tasks.md", "``\n- [ ] 1. a\n", `{"tasks":1,"leaves":1}`},
		{"0.2 never closed hides the rest", "requirements.md", "## Requirement 1\n```\n## Requirement 2\n", `{"requirements":1}`},
		{"0.2 in a fence nothing opens a comment", "tasks.md", "```\n<!--\n```\n- [ ] 1. a\n", `{"tasks":1,"leaves":1}`},
		{"0.2 in a comment nothing opens a fence", "tasks.md", "<!--\n```\n-->\n- [ ] 1. a\n", `{"tasks":1,"leaves":1}`},
		{"0.3 three spaces are a heading, four are not", "requirements.md", "   ## Requirement 1\n    ## Requirement 2\n", `{"requirements":1}`},
		{"0.3 a blank after the marks, at most six", "requirements.md", "##Requirement 1\n####### Requirement 2\n##\tRequirement 3\n", `{"requirements":1}`},
		{"0.3 bold around the whole text is ignored", "requirements.md", "## **Requirement 1: a**\n## **Requirement 2**: b\n", `{"requirements":1}`},
		{"0.4 a comment of one line", "tasks.md", "<!-- - [ ] 1. a -->\n  <!-- x -->\n- [ ] 2. b\n", `{"tasks":1,"leaves":1}`},
		{"0.4 the line that ends it is skipped whole", "tasks.md", "<!--\n--> - [ ] 1. a\n- [ ] 2. b\n", `{"tasks":1,"leaves":1}`},
		{"0.4 later in a line it changes nothing", "tasks.md", "- [ ] 1. a <!--\n- [ ] 2. b\n", `{"tasks":2,"leaves":2}`},
		{"0.5 a tab goes to the next multiple of four", "tasks.md", "- [ ] a\n \t- [ ] b\n    - [ ] c\n", `{"tasks":3,"leaves":2}`},
		// 2 Requirements
		{"2 levels two to five", "requirements.md", "# Requirement 1\n## Requirement 2\n##### Requirement 3\n###### Requirement 4\n", `{"requirements":2}`},
		{"2.1 blanks or none, dotted numbers", "requirements.md", "## Requirement3\n## REQUIREMENT   3.1.2. x\n## 要件1：表示\n## 요구사항 2、x\n", `{"requirements":4}`},
		{"2.1 up to two words first", "requirements.md", "## Derived Requirement 2\n## Very Non-functional Requirement 3\n## One two three Requirement 4\n", `{"requirements":2}`},
		{"2.1 a glued word makes it another", "requirements.md", "## Subrequirement 2\n## Pre-requirement 3\n## Requirements 4\n", `{}`},
		{"2.1 what ends the number", "requirements.md", "## Req 1a\n## Req 2_\n## Req 3/4\n## Req 5(x)\n## Req 6)\n## Req 7, x\n## Req 8-x\n## Req 9；x\n## Req 10（x）\n", `{"requirements":5}`},
		{"2.1 other languages", "requirements.md", "## Yêu cầu 1: a\n## ТРЕБОВАНИЕ 2\n## المتطلب 3: x\n## דרישה 4\n## Anforderung 5 – x\n## Persyaratan 6\n", `{"requirements":6}`},
		{"2.2 ids in capitals", "requirements.md", "## R1: a\n## FR-12: b\n## DR3\n## NFR 4: c\n## fr-5: d\n## AC1: e\n## XR6\n## US-7. f\n## FRR8\n", `{"requirements":4}`},
		{"2.2 at the start only", "requirements.md", "## The FR-1: a\n## **FR-2**: b\n", `{}`},
		{"2.3 any heading with a label", "requirements.md", "### Story\n\n**Acceptance Criteria:**\n1. x\n", `{"requirements":1,"criteria":1}`},
		{"2.3 the nearest one of a smaller level", "requirements.md", "## Story\n#### Detail\n### Acceptance Criteria\n1. x\n", `{"requirements":1,"criteria":1}`},
		{"2.3 a heading of level one is none", "requirements.md", "# Story\n## Acceptance Criteria\n1. x\n", `{"criteria":1}`},
		{"2.3 an acceptance heading is none", "requirements.md", "## Acceptance Criteria\n### Acceptance Criteria\n1. x\n", `{"criteria":1}`},
		{"2.3 no heading of rule 1 or 2 between", "requirements.md", "## Story\n#### Requirement 1\n### Acceptance Criteria\n1. x\n", `{"requirements":1,"criteria":1}`},
		{"2.3 one of rule 3 may stand between", "requirements.md", "## Story\n#### Detail\n**Acceptance Criteria**\n1. x\n### Acceptance Criteria\n1. y\n", `{"requirements":2,"criteria":2}`},
		{"2.3 counts at most once", "requirements.md", "### Requirement 1\n**Acceptance Criteria**\n1. x\n**Acceptance Criteria**\n2. y\n", `{"requirements":1,"criteria":2}`},
		{"2.3 even without items", "requirements.md", "### Story\n#### Acceptance Criteria\n", `{"requirements":1}`},
		{"2.4 a bare number with a statement", "requirements.md", "## 3. Title\n3.1 THE x\n## 4. Other\n5.1 THE y\n", `{"requirements":1,"criteria":1}`},
		{"2.4 the statement in a block is none", "requirements.md", "## 3. Title\n### x\n3.1 THE x\n", `{}`},
		{"2.5 headings of a bug report", "bugfix.md", "## Current Behavior (Defect)\n#### expected behavior\n# Unchanged Behavior\n## Requirement 1\n", `{"requirements":3}`},
		{"2.5 requirements.md with all three", "requirements.md", "## Current Behavior\n1.1 a\n## Expected Behavior\n2.1 b\n## Unchanged Behavior\n3.1 c\n## Requirement 1\n", `{"requirements":4,"criteria":3}`},
		{"2.5 with two of them it is none", "requirements.md", "## Current Behavior\n1.1 a\n## Expected Behavior\n2.1 b\n## Requirement 1\n", `{"requirements":1}`},
		// 3 Criteria
		{"3.1 a heading that contains the word", "requirements.md", "### Requirement 1\n#### The ACCEPTANCE CRITERIA of it\n1. x\n", `{"requirements":1,"criteria":1}`},
		{"3.1 a label is only one bold text", "requirements.md", "### Requirement 1\n**Acceptance Criteria** are:\n1. x\n**A** **Acceptance Criteria**\n1. y\n", `{"requirements":1}`},
		{"3.1 after a list mark, colon outside", "requirements.md", "### Requirement 1\n- **Acceptance Criteria**:\n1. x\n", `{"requirements":1,"criteria":1}`},
		{"3.1 after a numbered list mark", "requirements.md", "### Requirement 1\n2. **Acceptance Criteria**\n1. x\n", `{"requirements":1,"criteria":1}`},
		{"3.2 a heading's block ends at any heading", "requirements.md", "### Requirement 1\n#### Acceptance Criteria\n1. x\n**Note**\n2. y\n###### Deep\n3. z\n", `{"requirements":1,"criteria":2}`},
		{"3.2 a label's block ends at bold text", "requirements.md", "### Requirement 1\n**Acceptance Criteria**\n1. x\n- **Note**:\n2. y\n", `{"requirements":1,"criteria":1}`},
		{"3.2 a numbered statement in bold ends none", "requirements.md", "### Requirement 1\n**Acceptance Criteria**\n1. **Fast**\n2. **Small**\n", `{"requirements":1,"criteria":2}`},
		{"3.3 numbered items", "requirements.md", "### Requirement 1\n#### Acceptance Criteria\n1. a\n2) b\n1.3 c\n1.4. d\n- 1.5 e\n   6. f\n    7. g\n- 8. h\n1.2.9 i\n**1.10** j\n", `{"requirements":1,"criteria":6}`},
		{"3.3 bullets where nothing is numbered", "requirements.md", "### Requirement 1\n#### Acceptance Criteria\n- a\n * b\n  - c\n+ [ ] d\nwrapped\n", `{"requirements":1,"criteria":3}`},
		{"3.3 no bullets beside numbers", "requirements.md", "### Requirement 1\n#### Acceptance Criteria\n- a\n1. b\n", `{"requirements":1,"criteria":1}`},
		{"3.4 after a bullet and a bold mark", "bugfix.md", "## Current Behavior\n- **1.1** a\n**2.3** b\n### Deeper\n3.1 c\n4.1 d\n## Other\n1.2 e\n", `{"requirements":1,"criteria":3}`},
		{"3.1 holds in a bug report too", "bugfix.md", "## Current Behavior\n1.1 a\n## Fix\n### Acceptance Criteria\n1. x\n2. y\n", `{"requirements":1,"criteria":3}`},
		{"3.5 marks before the blank", "requirements.md", "## Requirement 2\n2.1 a\n2.2. b\n- **2.3**: c\n**2.4** d\n2.5) e\n2.6x f\n3.1 g\n", `{"requirements":1,"criteria":5}`},
		{"3.5 the same id letters", "requirements.md", "## FR-1: Pay\n- **FR-1.1**: a\n1.2 b\nNFR-1.3 c\n", `{"requirements":1,"criteria":2}`},
		{"3.5 to the next heading", "requirements.md", "## Requirement 2\n### Notes\n2.1 a\n", `{"requirements":1}`},
		{"3.5 outside of blocks", "requirements.md", "## Requirement 2\n**Acceptance Criteria**\n2.1 a\n2.2 b\n", `{"requirements":1,"criteria":2}`},
		{"3.6 only where nothing else is found", "requirements.md", "# Requirements\n1. a\n2) b\n 3. c\n## Notes\n4. d\n", `{"criteria":2}`},
		{"3.6 not beside others", "requirements.md", "# Requirements\n1. a\n## Requirement 1\n", `{"requirements":1}`},
		{"3.6 only the word", "requirements.md", "# Requirements of it\n1. a\n", `{}`},
		// 4 Tasks
		{"4.1 bullets, states, stars", "tasks.md", "- [ ] a\n* [x] b\n+ [X]* c\n\t- [-]\\* d\n-  [~] e\n", `{"tasks":5,"leaves":4,"done":2,"optional":2,"inProgress":1,"queued":1}`},
		{"4.1 what is none", "tasks.md", "- [] a\n- [P] b\n- [?] c\n1. [ ] d\n- [ ]e\n- [ ]\n-[ ] f\n- [ ]** g\n> - [ ] h\n", `{}`},
		{"4.2 the number and what may follow", "tasks.md", "- [ ] 1. a\n- [ ] **1.1** b\n- [ ] Task 1.2: c\n- [ ] 1.3* d\n- [ ] 1.4a\\* e\n- [ ] 90% done\n- [ ] 1.5(x)\n", `{"tasks":7,"leaves":6,"optional":2}`},
		{"4.2 a wide colon or bracket is one", "tasks.md", "- [ ] 1：a\n- [ ] 1.1（x）b\n", `{"tasks":2,"leaves":1}`},
		{"4.2 bold with a star", "tasks.md", "- [ ] 1. a\n- [ ] **1.1*** b\n", `{"tasks":2,"leaves":1,"optional":1}`},
		{"4.2 anything else is no number", "tasks.md", "- [ ] 1. a\n- [ ] 1.1-2 b\n- [ ] 1.2st c\n- [ ] 1.3ab d\n", `{"tasks":4,"leaves":4}`},
		{"4.3 task headings", "tasks.md", "# Task 1\n## Task 2: a\n#### 任务3：b\n##### Task 4\n## Tasks 5\n## Aufgabe 6\n", `{"tasks":3,"leaves":2}`},
		{"4.4 a star after the box or the number", "tasks.md", "- [ ]* 1. a\n- [ ] 2* b\n- [ ] *3 c\n- [ ] d*\n", `{"tasks":4,"leaves":4,"optional":2}`},
		{"4.5 smaller by at least two", "tasks.md", "- [ ] a\n - [ ] b\n  - [ ] c\n", `{"tasks":3,"leaves":2}`},
		{"4.5 no heading in between", "tasks.md", "- [ ] a\n###### x\n  - [ ] b\n", `{"tasks":2,"leaves":2}`},
		{"4.5 by number across headings", "tasks.md", "- [ ] 1. a\n# x\n- [ ] 1.1 b\n- [ ] 1.2.3 c\n", `{"tasks":3,"leaves":2}`},
		{"4.5 without the last two parts", "tasks.md", "- [ ] 2. a\n- [ ] 2.7.1 b\n", `{"tasks":2,"leaves":1}`},
		{"4.5 only earlier ones", "tasks.md", "- [ ] 2.1 a\n- [ ] 2. b\n", `{"tasks":2,"leaves":2}`},
		{"4.5 the innermost heading's section", "tasks.md", "## Task 1\n### Notes\n- [ ] a\n## Notes\n- [ ] b\n", `{"tasks":3,"leaves":2}`},
		{"4.5 a heading in a heading's section", "tasks.md", "## Task 1\n### Task 7\n## Task 1.1\n", `{"tasks":3,"leaves":2}`},
		{"4.5 the letter is ignored", "tasks.md", "- [ ] 4a. x\n- [ ] 4.1 y\n", `{"tasks":2,"leaves":1}`},
		// 5 References
		{"5.1 marks around the colon", "tasks.md", "_Requirements: 1.1_\n**Requirement**: 1.2\n_Reqs : 1.3_\nValidates：1.4\n*Req:* 1.5\n", `{"refs":5}`},
		{"5.1 no Latin letter before", "tasks.md", "PreRequirements: 1.1\n见需求：1.2\n", `{"refs":1}`},
		{"5.1 to the next mark", "tasks.md", "_Requirements: 1.1_ 2.2\n", `{"refs":1}`},
		{"5.1 to the next word with a colon", "tasks.md", "Requirements: 1.1, Design: 3.2\n", `{"refs":1}`},
		{"5.1 what is dropped", "tasks.md", "Requirements: 1.1 (2.2), （2.3） \"2.4\" “2.5” FR-1, R1.2, 6.1a, Property 4, Properties 1 and 2, § 3, 1.2.3.4, 1.2.3\n", `{"refs":2}`},
		{"5.2 tied numbers", "tasks.md", "(Req 2.2, 2.3)\nRequisitos 3.1, 3.2 y 3.3\nper requirements 4.2–4.4\nby Requirement 8.3.\nRequirement 9、10 & 11 and 12\n", `{"refs":13}`},
		{"5.2 right then a number", "tasks.md", "Requirements of 1.1\nRequirement1.2\nXRequirement 1.3\nRequirement 1.4x\n", `{}`},
		{"5 ranges", "tasks.md", "Requirements: 1.1-1.3, 2 – 4, 5.1~5.2, 6.1-7.2, 9.3-9.1, 10.1-10.200\n", `{"refs":14}`},
		{"5 distinct", "tasks.md", "Requirements: 1.1, 1.1\nRequirement 1.1\n", `{"refs":1}`},
		{"5 in a fence nothing counts", "tasks.md", "```\nRequirements: 1.1\n```\n", `{}`},
		// 6 Waves
		{"6 the first that parses as such", "tasks.md", "```json\n{\"waves\": 3}\n```\n~~~\n{\"waves\":[1,null,{}]}\n~~~\n```\n{\"waves\":[1]}\n```\n", `{"waves":3}`},
		{"6 the key as it is", "tasks.md", "```\n{\"Waves\":[1]}\n```\n", `{}`},
		{"6 never closed is one too", "tasks.md", "```mermaid\n{\"waves\":[[],[]]}\n", `{"waves":2}`},
		{"6 an array is no object", "tasks.md", "```\n[{\"waves\":[1]}]\n```\n", `{}`},
		// 7 Properties
		{"7 headings", "design.md", "# Property 1: a\n## Property 2\n##### Correctness Property 3 goes on\n###### Property 4\n### **Property 5**: x\n### Property 6x\n", `{"properties":3}`},
		{"7 plain text", "design.md", "Property 1: a\n**Property 2.** b\n**Property 3** - c\nproperty 4 – d\n Property 5: e\nProperty 6 f\n- Property 7: g\n属性8：h\n> Property 9: i\n", `{"properties":5}`},
		{"7 different ones", "design.md", "## Property 1\n## Property 1: again\n", `{"properties":1}`},
		{"7 other words", "design.md", "### Propriété 1 : x\n### Свойство 2: y\n### プロパティ3：z\n### 正确性属性 4: w\n### Properties 5: v\n", `{"properties":4}`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var want spec.Counts
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			f, _ := feature(t, map[string]string{c.file: c.text})
			if f.Counts != want {
				t.Errorf("%q:\n got %+v\nwant %+v", c.text, f.Counts, want)
			}
		})
	}
}

// TestSentencesOfOtherDialects does the same for spec-kit and OpenSpec, whose rules are their own.
//
// spec:workflow/1.1
func TestSentencesOfOtherDialects(t *testing.T) {
	for _, c := range []struct{ rule, file, text, want string }{
		{"8 ids that open an item", "specs/001-f/spec.md", "- **FR-001**: a\n* FR-002 b\n1. FR-003: c\n- FR-001 again\n- see FR-004\nFR-005: no item\n- FR-06 two digits\n- fr-007\n", `{"requirements":3}`},
		{"8 items that start with Given", "specs/001-f/spec.md", "1. **Given** a\n      - GIVEN b\n- given c\nGiven d\n- When e\n```\n- Given f\n```\n", `{"criteria":3}`},
		{"8 parents by indentation only", "specs/001-f/tasks.md", "- [ ] 1. a\n- [x] 1.1 b\n  - [X] c\n## Task 3: d\n", `{"tasks":3,"leaves":2,"done":2}`},
		{"5 FR-NNN of spec-kit", "specs/001-f/tasks.md", "FR-001, FR-002/FR-002 NFR-003 FR-0004 FR-05 fr-006\nRequirements: 1.1\n", `{"refs":3}`},
		{"9 requirement and scenario", "openspec/specs/a/b/spec.md", "### Requirement: A\n#### Scenario: one\n#### scenario: two\n## Requirement: B\n### Scenario: three\n### REQUIREMENT: C\n### Requirement D\n", `{"requirements":2,"criteria":2}`},
		{"9 tasks of a change without headings", "openspec/changes/c/tasks.md", "## Task 1\n- [x] 1. a\n- [ ] 1.1 b\nRequirements: 1.1\n", `{"tasks":2,"leaves":1,"done":1}`},
		{"6 waves in every dialect", "openspec/changes/c/tasks.md", "```\n{\"waves\":[{}]}\n```\n", `{"waves":1}`},
		{"7 properties in every dialect", "openspec/changes/c/design.md", "### Property 1\n", `{"properties":1}`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			fsys := fstest.MapFS{c.file: {Data: []byte(c.text)}, "openspec/changes/c/proposal.md": {Data: []byte("# x\n")}}
			if err := json.Unmarshal([]byte(c.want), new(spec.Counts)); err != nil {
				t.Fatal(err)
			}
			var want spec.Counts
			json.Unmarshal([]byte(c.want), &want)
			f, _ := spec.Parse(fsys, c.file[:strings.LastIndexByte(c.file, '/')])
			if f.Counts != want {
				t.Errorf("%q:\n got %+v\nwant %+v", c.text, f.Counts, want)
			}
		})
	}
	sum := fstest.MapFS{
		"openspec/changes/c/specs/a/spec.md":     {Data: []byte("### Requirement: A\n#### Scenario: one\n")},
		"openspec/changes/c/specs/b/c/spec.md":   {Data: []byte("### Requirement: A\n")},
		"openspec/changes/c/specs/b/c/design.md": {Data: []byte("### Requirement: A\n")},
	}
	if f, _ := spec.Parse(sum, "openspec/changes/c"); f.Counts.Requirements != 2 || f.Counts.Criteria != 1 {
		t.Errorf("a change sums over every spec.md: %+v", f.Counts)
	}
}

// TestWhichDirectoriesAreSpecs has an input for each sentence of the rules' first section.
func TestWhichDirectoriesAreSpecs(t *testing.T) {
	fsys := fstest.MapFS{}
	add := func(name, text string) { fsys[name] = &fstest.MapFile{Data: []byte(text)} }
	for _, name := range []string{
		".kiro/specs/a/requirements.md", ".kiro/specs/b/deep/er/tasks.md", "x/.kiro/specs/c/bugfix.md", ".kiro/specs/d/design.md",
		".kiro/specs/none/notes.md", ".kiro/specs/design.md", ".kiro/other/e/tasks.md",
		"specs/001-a/spec.md", "specs/002/plan.md", "y/specs/0034/tasks.md", "specs/01-b/spec.md", "specs/abc/spec.md", "specs/003-c/deep/spec.md",
		".kiro/specs/specs/004-d/spec.md", "openspec/specs/005-e/plan.md",
		"openspec/specs/f/spec.md", "openspec/specs/f/g/spec.md", "openspec/specs/h/design.md", "z/openspec/specs/i/spec.md",
		"openspec/changes/j/proposal.md", "openspec/changes/k/tasks.md", "openspec/changes/l/specs/x/y/spec.md", "openspec/changes/m/design.md",
		"openspec/changes/archive/n/proposal.md", "openspec/changes/archive/tasks.md", "openspec/changes/o/p/tasks.md",
		"vendor/q/.kiro/specs/r/tasks.md",
	} {
		add(name, "x\n")
	}
	for name, text := range map[string]string{"p1": `{"phase": "x"}`, "p2": `{"approvals": null}`, "p3": `{"deep": {"phase": 1}}`, "p4": `["phase"]`, "p5": `{"phase"`, "p6": "\ufeff" + `{"phase": 1}`, "p7": `{"Phase": 1}`} {
		add(".kiro/specs/"+name+"/tasks.md", "x\n")
		add(".kiro/specs/"+name+"/spec.json", text)
	}
	want := map[string]spec.Dialect{
		".kiro/specs/a": spec.Kiro, ".kiro/specs/b/deep/er": spec.Kiro, "x/.kiro/specs/c": spec.Kiro, ".kiro/specs/d": spec.Kiro, "vendor/q/.kiro/specs/r": spec.Kiro,
		"specs/001-a": spec.SpecKit, "specs/002": spec.SpecKit, "y/specs/0034": spec.SpecKit,
		"openspec/specs/f": spec.OpenSpec, "openspec/specs/f/g": spec.OpenSpec, "z/openspec/specs/i": spec.OpenSpec,
		"openspec/changes/j": spec.OpenSpecChange, "openspec/changes/k": spec.OpenSpecChange, "openspec/changes/l": spec.OpenSpecChange, "openspec/changes/archive/n": spec.OpenSpecChange,
		".kiro/specs/p1": spec.CCSDD, ".kiro/specs/p2": spec.CCSDD, ".kiro/specs/p3": spec.Kiro, ".kiro/specs/p4": spec.Kiro, ".kiro/specs/p5": spec.Kiro, ".kiro/specs/p6": spec.CCSDD, ".kiro/specs/p7": spec.Kiro,
	}
	workspaces, _ := spec.Workspaces(fsys, ".")
	for _, w := range workspaces {
		for _, f := range w.Features {
			if want[f.Dir] != f.Dialect {
				t.Errorf("%s is %q, want %q", f.Dir, f.Dialect, want[f.Dir])
			}
			delete(want, f.Dir)
		}
	}
	for dir := range want {
		t.Errorf("%s was not found", dir)
	}
}
