package check_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"spec.example/spec/internal/check"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
)

const (
	requirements = ".kiro/specs/pay/requirements.md"
	design       = ".kiro/specs/pay/design.md"
	tasks        = ".kiro/specs/pay/tasks.md"
	lock         = ".kiro/specs/pay/spec.lock"
	tech         = ".kiro/steering/tech.md"
	goTest       = "pay_test.go"
)

// files is a project in which everything agrees.
func files() map[string]string {
	return map[string]string{
		requirements: "# Requirements Document\n\n## Requirements\n\n### Requirement 1: Pay\n\n#### Acceptance Criteria\n\n1. WHEN a user pays THEN the system SHALL answer 200\n2. IF the same request comes again THEN the system SHALL answer 409\n",
		design:       "# Design Document\n\n```sql\nCREATE TABLE payments (\n  id BIGINT PRIMARY KEY,\n  status TEXT CHECK (status IN ('open', 'paid'))\n);\n```\n\n## Events\n\n- `payment.created`\n- `payment.completed`\n\nThe code lies in `api/pay.go`.\n",
		tasks:        "# Implementation Plan\n\n- [x] 1. Build it\n  - _Requirements: 1.1_\n- [x] 2. Answer repeats\n  - _Requirements: 1.2_\n",
		tech:         "# Technology\n\n- Language: Go 1.26\n- Database: PostgreSQL, through pgx v5\n- The code is in `api/pay.go`\n",
		"go.mod":     "module example.org/pay\n\ngo 1.26\n\nrequire github.com/jackc/pgx/v5 v5.7.1\n",
		"api/pay.go": "package api\n",
		"pay.go":     "package pay\n\nfunc Pay() int { return 200 }\n",
		goTest:       "package pay\n\nimport \"testing\"\n\n// spec:pay/1.1\nfunc TestPay(t *testing.T) {\n\tif Pay() != 200 {\n\t\tt.Error(1)\n\t}\n\tif Pay() == 0 {\n\t\tt.Error(2)\n\t}\n}\n\n// spec:pay/1.2\nfunc TestAgain(t *testing.T) {\n\tif Pay() == 409 {\n\t\tt.Error(1)\n\t}\n}\n",
	}
}

func tree(files map[string]string) fs.FS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// locked adds a lock to a project: approved by a person at a terminal, each ticked task landed, each criterion proved by
// its test with all of its breaks noticed.
func locked(t *testing.T, files map[string]string) map[string]string {
	t.Helper()
	fsys := tree(files)
	f, _ := spec.Parse(fsys, ".kiro/specs/pay")
	index, err := trace.Scan(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	l, _ := trace.ParseLock(nil)
	for _, stage := range spec.Stages() {
		l.Approve(f, stage, trace.Approval{Stage: stage, Hash: spec.ApprovedHash(f, stage), Blob: "0", Channel: "tty", Who: "Ada <ada@example.org>", Date: "2026-11-03"})
	}
	seen := map[string][]trace.Ran{}
	for _, r := range f.Criteria() {
		for _, x := range index.Tests("pay", r.ID) {
			seen[r.ID] = append(seen[r.ID], trace.Ran{File: x.File, Name: x.Name, Text: r.Hash(), Body: x.Body, Asserts: x.Asserts})
		}
	}
	l.SetRan(f, seen)
	for _, c := range l.Criteria {
		if code := index.Code("pay", c.ID); code != "" {
			c.Bites = "2/2 code:" + code
		}
	}
	for _, leaf := range f.Leaves() {
		if leaf.State == spec.Done {
			l.Land(leaf.ID, trace.Landed{Patch: "sha256:0", Inputs: "sha256:0", Attempt: 1, By: "hand"}, "auto", nil)
		}
	}
	files[lock] = string(l.Bytes())
	return files
}

// An edit replaces text of one file: FILE, OLD, NEW. An empty OLD makes the file anew, or appends to it.
type edit [3]string

func edited(t *testing.T, files map[string]string, edits []edit) map[string]string {
	t.Helper()
	for _, e := range edits {
		switch {
		case e[1] == "":
			files[e[0]] += e[2]
		case !strings.Contains(files[e[0]], e[1]):
			t.Fatalf("%s has no %q:\n%s", e[0], e[1], files[e[0]])
		case e[1] == files[e[0]] && e[2] == "":
			delete(files, e[0])
		default:
			files[e[0]] = strings.Replace(files[e[0]], e[1], e[2], 1)
		}
	}
	return files
}

var today = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func run(t *testing.T, files map[string]string, o check.Options) check.Report {
	t.Helper()
	o.Now = today
	report, err := check.Run(tree(files), ".", o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// places lists where a rule fired: FILE:LINE:COLUMN.
func places(r check.Report, code string) (at []string) {
	for _, d := range r.Findings {
		if d.Code == code {
			at = append(at, fmt.Sprintf("%s:%d:%d", d.File, d.Line, d.Column))
		}
	}
	return at
}

const criterion2 = "IF the same request comes again THEN the system SHALL answer 409"

func says(text string) []edit { return []edit{{requirements, criterion2, text}} }

// Each rule fires at the exact place, and is silent about a twin that is right. before are edits that a person then
// approves; after come when the lock is written already.
func TestEachRule(t *testing.T) {
	type row struct {
		code          string
		before, after []edit
		want          string
		twinBefore    []edit
		twinAfter     []edit
	}
	wave := func(text string) edit {
		return edit{tasks, "", "\n## Task Dependency Graph\n\n```json\n" + text + "\n```\n"}
	}
	open := []edit{{tasks, "- [x] 1.", "- [ ] 1."}, {tasks, "- [x] 2.", "- [ ] 2."}}
	rows := []row{
		{"SPEC001", []edit{{tasks, "", "\n```sql\nSELECT 1;\n"}}, nil, tasks + ":8:1", []edit{{tasks, "", "\n```sql\nSELECT 1;\n```\n"}}, nil},
		{"SPEC002", []edit{{tasks, "", "- [*] 3. Clean\n  - _Requirements: 1.1_\n"}}, nil, tasks + ":7:3", []edit{{tasks, "", "- [ ] 3. Clean\n  - _Requirements: 1.1_\n"}}, nil},
		{"SPEC003", []edit{{tasks, "", "- [ ] 2. Clean\n  - _Requirements: 1.1_\n"}}, nil, tasks + ":7:1", []edit{{tasks, "", "- [ ] 3. Clean\n  - _Requirements: 1.1_\n"}}, nil},
		{"SPEC004", []edit{{".kiro/specs/other/requirements.md", "", "# Requirements\n\nIt should be fast.\n"}}, nil, ".kiro/specs/other/requirements.md:1:1", []edit{{".kiro/specs/other/requirements.md", "", "### Requirement 1: Speed\n\n#### Acceptance Criteria\n\n1. WHEN asked THE System SHALL answer within 300 ms\n"}}, nil},
		{"SPEC005", []edit{{".kiro/specs/other/tasks.md", "", "# Plan\n\n## Task 1: Store\n"}}, nil, ".kiro/specs/other/tasks.md:3:1", []edit{{".kiro/specs/other/tasks.md", "", "# Plan\n\n- [ ] 1. Store\n"}}, nil},
		{"SPEC007", []edit{wave(`{"waves": [` + "\n" + `["1"], {"id": 1, "tasks": ["2"]}]}`)}, nil, tasks + ":12:1", []edit{wave(`{"waves": [` + "\n" + `{"id": 0, "tasks": ["1"]}, {"id": 1, "tasks": ["2"]}]}`)}, nil},

		{"SPEC010", says("WHEN a user asks THEN the system SHALL answer quickly"), nil, requirements + ":10:50", says("WHEN a user asks THEN the system SHALL answer quickly, within 300 ms"), nil},
		{"SPEC010", says("WHEN a user asks THEN the limit should be high"), nil, requirements + ":10:36", says("WHEN a user asks THEN the limit SHALL be 5"), nil},
		{"SPEC010", says("WHEN a user asks THEN the limit SHALL be TBD."), nil, requirements + ":10:45", says("WHEN a user asks THEN the system SHALL write the word TBD into the file"), nil},
		{"SPEC011", says("WHEN a key comes again THEN the system SHALL use Redis to find the first answer"), nil, requirements + ":10:53", says("WHEN a key of Redis expires THEN the system SHALL answer 409"), nil},
		{"SPEC012", says("WHEN a user subscribes THEN the system SHALL create the customer at Stripe"), nil, requirements + ":10:72", append(says("WHEN a user subscribes THEN the system SHALL create the customer at Stripe"), edit{requirements, "", "3. IF Stripe is unavailable THEN the system SHALL answer 503\n"}), nil},
		{"SPEC013", says("WHEN a user pays THEN the system SHALL wait for the webhook"), nil, requirements + ":10:43", says("WHEN a user pays THEN the system SHALL wait for the webhook for 30 seconds"), nil},
		{"SPEC014", says("WHEN the cart is full THEN the system SHALL charge the card"), nil, requirements + ":10:48", append(says("WHEN the cart is full THEN the system SHALL charge the card"), edit{requirements, "", "3. WHEN the same request comes again THEN the system SHALL answer with the first charge\n"}), nil},
		{"SPEC015", says("WHEN a user signs up THEN the system SHALL store the password as a hash"), nil, requirements + ":10:57", append(says("WHEN a user signs up THEN the system SHALL store the password as a hash"), edit{requirements, "", "3. THE system SHALL NOT write a password to the logs\n"}), nil},
		{"SPEC017", says("WHEN a user pays THEN the system SHALL answer 200 and the system SHALL send the receipt"), nil, requirements + ":10:69", says("WHEN a user pays THEN the system SHALL write an entry that says what the system SHALL answer"), nil},

		{"SPEC101", []edit{{tasks, "1.2_\n", "1.2_\n  - _Depends: 9_\n"}}, nil, tasks + ":7:15", []edit{{tasks, "1.2_\n", "1.2_\n  - _Depends: 1_\n"}}, nil},
		{"SPEC102", []edit{{tasks, "1.1_\n", "1.1_\n  - _Depends: 2_\n"}, {tasks, "1.2_\n", "1.2_\n  - _Depends: 1_\n"}}, nil, tasks + ":8:1", []edit{{tasks, "1.2_\n", "1.2_\n  - _Depends: 1_\n"}}, nil},
		{"SPEC103", append(open, edit{tasks, "1.1_\n", "1.1_\n  - _Depends: 2_\n"}), nil, tasks + ":6:1", append(open, edit{tasks, "1.2_\n", "1.2_\n  - _Depends: 1_\n"}), nil},
		{"SPEC104", []edit{{tasks, "Requirements: 1.2_", "Requirements: 1.2, 1.7_"}}, nil, tasks + ":6:25", nil, nil},
		{"SPEC105", []edit{{requirements, "", "3. WHEN it rains THEN the system SHALL answer 418\n"}}, nil, requirements + ":11:1", nil, nil},
		{"SPEC106", []edit{{tasks, "", "- [ ] 3. Clean up\n"}}, nil, tasks + ":7:1", []edit{{tasks, "", "- [ ] 3. Clean up\n  - _Requirements: 1.1_\n"}}, nil},
		{"SPEC107", append(open, wave(`{"waves": [{"id": 0, "tasks": ["1"]}]}`)), nil, tasks + ":5:1", append(open, wave(`{"waves": [{"id": 0, "tasks": ["1"]}, {"id": 1, "tasks": ["2"]}]}`)), nil},
		{"SPEC108", append(open, edit{tasks, "1.1_\n", "1.1_\n  - Create `store.go`\n"}, edit{tasks, "1.2_\n", "1.2_\n  - Extend `store.go`\n"}, wave(`{"waves": [{"id": 0, "tasks": ["1", "2"]}]}`)), nil, tasks + ":8:13",
			append(open, edit{tasks, "1.1_\n", "1.1_\n  - Create `store.go`\n"}, edit{tasks, "1.2_\n", "1.2_\n  - Extend `store.go`\n"}, wave(`{"waves": [{"id": 0, "tasks": ["1"]}, {"id": 1, "tasks": ["2"]}]}`)), nil},
		{"SPEC109", []edit{{tasks, "1.2_\n", "1.2_\n  - It sets `refunded_at` in payments\n"}}, nil, tasks + ":7:14", []edit{{tasks, "1.2_\n", "1.2_\n  - It sets `refunded_at` in payments\n"}, {"db/2.sql", "", "ALTER TABLE payments ADD COLUMN refunded_at TIMESTAMPTZ;\n"}}, nil},
		{"SPEC109", []edit{{tasks, "1.2_\n", "1.2_\n  - Reads `payments.amount`\n"}}, nil, tasks + ":7:12", []edit{{tasks, "1.2_\n", "1.2_\n  - Reads `payments.id`\n"}}, nil},
		{"SPEC109", []edit{{tasks, "1.2_\n", "1.2_\n  - Puts status to `refunded`\n"}}, nil, tasks + ":7:21", []edit{{tasks, "1.2_\n", "1.2_\n  - Puts status to `paid`\n"}}, nil},
		{"SPEC110", []edit{{tasks, "1.2_\n", "1.2_\n  - Publish `payment.captured`\n"}}, nil, tasks + ":7:14", []edit{{tasks, "1.2_\n", "1.2_\n  - Publish `payment.completed`\n"}}, nil},
		{"SPEC110", says("WHEN the event `customer.subscription.canceled` of Stripe comes THEN the system SHALL answer 200"), nil, requirements + ":10:20", says("WHEN the event `customer.subscription.deleted` of Stripe comes THEN the system SHALL answer 200"), nil},
		{"SPEC111", []edit{{design, "`api/pay.go`", "`api/hook.go`"}}, nil, design + ":15:19", []edit{{design, "`api/pay.go`", "`api/hook.go`"}, {tasks, "", "- [ ] 3. Create `api/hook.go`\n  - _Requirements: 1.1_\n"}}, nil},
		{"SPEC111", []edit{{tech, "`api/pay.go`", "`api/hook.go`"}}, nil, tech + ":5:19", nil, nil},

		{"SPEC201", nil, []edit{{lock, "approval requirements\n", "approval requirements\n  taken\n"}, {lock, "approved text", "x text"}}, "", nil, nil},
		{"SPEC202", nil, []edit{{requirements, "answer 409", "answer 410"}}, requirements + ":10:1", nil, []edit{{tasks, "- [x] 1.", "- [ ] 1."}}},
		{"SPEC203", nil, []edit{{lock, " by tty \"Ada", " by agent:x \"Ada"}}, lock + ":2:1", nil, nil},
		{"SPEC206", nil, []edit{{lock, " by tty \"Ada", " by demo \"Ada"}}, lock + ":2:1", nil, nil},
		{"SPEC205", nil, []edit{{lock, "policy auto", "policy file"}}, lock + ":20:1", nil, nil},
		{"SPEC207", nil, []edit{{lock, "  landed patch:sha256:0 inputs:sha256:0 attempt 1 by hand\n  policy auto\n", "  adopted inputs:sha256:0\n"}}, lock + ":1:1", nil, nil},

		{"SPEC301", nil, []edit{{lock, "  landed patch:sha256:0 inputs:sha256:0 attempt 1 by hand\n  policy auto\n", ""}}, tasks + ":3:1", nil, nil},
		{"SPEC302", nil, []edit{{goTest, "Pay() != 200", "Pay() != 201"}}, goTest + ":6:1", nil, []edit{{goTest, "\tif Pay() != 200", "\n\t// the answer\n\tif Pay() != 200"}}},
		{"SPEC302", nil, []edit{{requirements, "answer 409", "answer 410"}}, requirements + ":10:1", nil, []edit{{requirements, "", "\n"}}},
		{"SPEC303", []edit{{goTest, "// spec:pay/1.2\n", ""}}, nil, requirements + ":10:1", nil, nil},
		{"SPEC304", nil, []edit{{goTest, "", "\n// spec:pay/1.9\nfunc TestMore(t *testing.T) {}\n"}}, goTest + ":22:4", nil, nil},
		{"SPEC304", nil, []edit{{goTest, "", "\n// spec:pey/1.1\nfunc TestMore(t *testing.T) {}\n"}}, goTest + ":22:4", nil, []edit{{goTest, "", "\n// spec:openapi/1.1\nfunc TestMore(t *testing.T) {}\n"}}},
		{"SPEC305", nil, []edit{{goTest, "TestAgain", "TestOther"}, {goTest, "// spec:pay/1.2\n", ""}}, goTest + ":1:1", nil, []edit{{goTest, "package pay\n", "package pay\n\nvar x int\n"}}},
		{"SPEC305", nil, []edit{{goTest, "{\n\tif Pay() == 409", "{\n\tt.Skip(\"later\")\n\tif Pay() == 409"}}, goTest + ":16:1", nil, nil},
		{"SPEC306", nil, []edit{{lock, "bites 2/2", "bites 0/2"}}, lock + ":10:1", nil, []edit{{lock, "bites 2/2", "bites 1/2"}}},
		{"SPEC307", nil, []edit{{goTest, "\tif Pay() == 0 {\n\t\tt.Error(2)\n\t}\n", ""}}, goTest + ":6:1", nil, nil},
		{"SPEC308", nil, []edit{{lock, "  test pay_test.go TestAgain", "  tost pay_test.go TestAgain"}}, requirements + ":10:1", nil, nil},
		{"SPEC309", []edit{{"pay.go", "", "\nfunc Again() int { return 409 }\n"}, {goTest, "Pay() == 409", "Again() == 409"}}, []edit{{"pay.go", "return 409", "return 410"}}, requirements + ":10:1", nil, []edit{{"pay.go", "func Pay", "// Pay pays.\nfunc Pay"}}},

		{"SPEC401", []edit{{tech, "PostgreSQL, through pgx v5", "MongoDB"}}, nil, tech + ":4:13", []edit{{tech, "PostgreSQL, through pgx v5", "not MongoDB"}}, nil},
		{"SPEC401", []edit{{tech, "Go 1.26", "Python 3.12"}}, nil, tech + ":3:13", []edit{{tech, "Go 1.26", "Python 3.12"}, {"tool.py", "", "x = 1\n"}}, nil},
		{"SPEC402", []edit{{tech, "Go 1.26", "Go 1.22"}}, nil, tech + ":3:16", []edit{{tech, "Go 1.26", "Go 1.22+"}}, nil},
		{"SPEC402", []edit{{tech, "pgx v5", "pgx v4"}}, nil, tech + ":4:38", nil, nil},
		{"SPEC402", []edit{{"go.mod", "", "require github.com/go-sql-driver/mysql v1.9.0\n"}}, nil, "go.mod:6:9", []edit{{"go.mod", "", "require github.com/go-sql-driver/mysql v1.9.0\n"}, {tech, "", "- MySQL for the old orders\n"}}, nil},
		{"SPEC403", []edit{{tech, "", "See #[[file:docs/none.yaml]]\n"}}, nil, tech + ":6:5", []edit{{tech, "", "See #[[file:go.mod]]\n"}}, nil},
		{"SPEC404", []edit{{".kiro/steering/ts.md", "", "---\ninclusion: fileMatch\nfileMatchPattern: 'src/**/*.ts'\n---\nx\n"}}, nil, ".kiro/steering/ts.md:3:20", []edit{{".kiro/steering/ts.md", "", "---\ninclusion: fileMatch\nfileMatchPattern: '**/*.go'\n---\nx\n"}}, nil},
		{"SPEC405", []edit{{".gitignore", "", "/tmp/\n.kiro/steering/\n"}}, nil, ".gitignore:2:1", []edit{{".gitignore", "", "/tmp/\n"}}, nil},

		{"SPEC501", nil, []edit{{lock, "criterion 1.1\n", "<<<<<<< HEAD\ncriterion 1.1\n"}}, lock + ":10:1", nil, nil},
		{"SPEC502", nil, []edit{{tasks, "- [x] 2.", "- [ ] 2."}}, tasks + ":5:1", nil, nil},
		{"SPEC503", []edit{{tasks, "- [x] 2.", "- [-] 2."}}, nil, tasks + ":5:1", open, nil},
		{"SPEC504", []edit{{requirements, "409\n", "409 <!-- spec:ignore SPEC105 until=2020-01-31 reason=\"later\" -->\n"}}, nil, requirements + ":10:69", nil, nil},
	}
	fired := map[string]bool{}
	for i, r := range rows {
		t.Run(fmt.Sprintf("%s/%d", r.code, i), func(t *testing.T) {
			if r.code == "SPEC201" { // a lock that a person edits: the approval of the requirements is gone
				files := locked(t, files())
				before, rest, _ := strings.Cut(files[lock], "approval requirements\n")
				_, rest, _ = strings.Cut(rest, "\n\n")
				files[lock] = before + rest
				if got := places(run(t, files, check.Options{}), "SPEC204"); !slices.Equal(got, []string{requirements + ":1:1"}) {
					t.Errorf("SPEC204 fired at %v", got)
				}
				files[lock] = strings.ReplaceAll(files[lock], "  landed patch:sha256:0 inputs:sha256:0 attempt 1 by hand\n  policy auto\n", "")
				if got := places(run(t, files, check.Options{}), "SPEC201"); !slices.Equal(got, []string{requirements + ":1:1"}) {
					t.Errorf("SPEC201 fired at %v", got)
				}
				return
			}
			got := places(run(t, edited(t, locked(t, edited(t, files(), r.before)), r.after), check.Options{}), r.code)
			if !slices.Equal(got, []string{r.want}) {
				t.Errorf("%s fired at %v, want %s", r.code, got, r.want)
			}
			if got := places(run(t, edited(t, locked(t, edited(t, files(), r.twinBefore)), r.twinAfter), check.Options{}), r.code); len(got) > 0 {
				t.Errorf("%s fired for the twin, at %v", r.code, got)
			}
		})
		fired[r.code] = true
	}
	fired["SPEC204"] = true // beside SPEC201
	fired["SPEC006"] = true // with --kiro only: testdata/script/kiroformat.txtar
	fired["SPEC505"] = true // TestLockGone
	for _, r := range check.Rules() {
		if !fired[r.Code] {
			t.Errorf("%s %s has no row", r.Code, r.Name)
		}
	}
}

// The project that the rows start from has nothing to report.
func TestAgreementGivesNothing(t *testing.T) {
	if r := run(t, locked(t, files()), check.Options{}); len(r.Findings) > 0 {
		t.Errorf("%+v", r.Findings)
	}
}

// A lock that is deleted hides all that it said; beside the commit before, its absence is seen.
func TestLockGone(t *testing.T) {
	before := tree(locked(t, files()))
	if got := places(run(t, files(), check.Options{Before: before}), "SPEC505"); !slices.Equal(got, []string{requirements + ":1:1"}) {
		t.Errorf("SPEC505 fired at %v", got)
	}
	if r := run(t, locked(t, files()), check.Options{Before: before}); len(r.Findings) > 0 {
		t.Errorf("the lock is there: %v", r.Findings)
	}
	if got := places(run(t, files(), check.Options{Before: tree(files())}), "SPEC505"); len(got) > 0 {
		t.Errorf("there was no lock: %v", got)
	}
}

// Two workspaces of a repository may have features of one name: a tag speaks of the one around its file.
func TestTagsOfTwoWorkspaces(t *testing.T) {
	one := locked(t, files())
	all := map[string]string{}
	for name, text := range one {
		all["a/"+name], all["b/"+name] = text, text
	}
	if r := run(t, all, check.Options{}); len(r.Findings) > 0 {
		t.Errorf("each alone has nothing to report, both together: %v", r.Findings)
	}
	all["a/"+goTest] = strings.Replace(all["a/"+goTest], "Pay() != 200", "Pay() != 201", 1)
	if got := places(run(t, all, check.Options{}), "SPEC302"); !slices.Equal(got, []string{"a/" + goTest + ":6:1"}) {
		t.Errorf("SPEC302 fired at %v", got)
	}
	delete(all, "b/"+goTest)
	if got := places(run(t, all, check.Options{}), "SPEC305"); !slices.Equal(got, []string{"b/" + goTest + ":1:1", "b/" + goTest + ":1:1"}) {
		t.Errorf("SPEC305 fired at %v", got)
	}
}
