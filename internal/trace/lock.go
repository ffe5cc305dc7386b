package trace

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"spec.example/spec/spec"
)

// A Lock is what is recorded of a feature: approvals of exact words, tests that were seen to pass, landed tasks. Its text
// is made to be read in a pull request and to merge: neighbouring facts stand in different blocks.
type Lock struct {
	Approvals []Approval
	Criteria  []*CriterionFacts
	Tasks     []*TaskFacts

	criterionAt, taskAt map[string]int // where the blocks stand that were added one by one; a convenience, never relied on
}

// An Approval is a person's word on the exact bytes of a stage.
type Approval struct {
	Stage   spec.Stage
	Hash    string
	Blob    string // git blob of the document, a convenience for hints
	Channel string // tty, demo or adopted
	Who     string
	Date    string
	Line    int
}

// CriterionFacts are what is known of one criterion.
type CriterionFacts struct {
	ID       string
	Approved string // hash of its text
	Tests    []Ran
	Bites    string // the rest of its line, as written
	Line     int
}

// Ran says that a test was seen to pass, with the criterion's text and the test's body as they were then.
type Ran struct {
	File    string
	Name    string
	Text    string
	Body    string
	Asserts int
	Lines   bool // asserts counts lines with an assertion word
	Line    int
}

// TaskFacts are what is known of one task.
type TaskFacts struct {
	ID       string
	Approved string
	Landed   *Landed
	Policy   string
	Gates    []Gate
	Adopted  string // inputs when it was adopted
	Done     string // who gave the word, as written
	Skipped  string // who and why, as written
	Expect   string // the rest of an expect-fail line
	Again    string // the task whose new landing makes this one be done again
	Line     int
}

// Landed says that verified code of a task is in the branch.
type Landed struct {
	Patch   string
	Inputs  string
	Attempt int
	By      string // agent:NAME or hand
}

// A Gate is a person's acceptance of a result.
type Gate struct {
	Policy  string // auto, task or file
	Path    string // under file
	Diff    string
	Risks   []string
	Channel string // tty or flag
	Who     string
	Date    string
}

// A Problem is a line of a lock that cannot be read.
type Problem struct {
	Line    int
	Message string
}

// maxLock bounds the lines that are read of a lock.
const maxLock = 1 << 20

// ParseLock reads a lock. It never fails: what it cannot read is reported, and of a merge conflict both sides are kept.
func ParseLock(data []byte) (*Lock, []Problem) {
	p := &lockParser{lock: &Lock{}}
	text := strings.TrimPrefix(string(data), "\ufeff")
	n := 0
	for line := range strings.Lines(text) {
		if n++; n > maxLock {
			p.problem(n, "the lock has too many lines")
			break
		}
		p.line(n, strings.TrimRight(line, " \t\r\n"))
	}
	if len(bytes.TrimSpace(data)) > 0 && !p.ended {
		p.problem(n, "the last line is not \"end\": something is cut off")
	}
	return p.lock, p.problems
}

type lockParser struct {
	lock      *Lock
	problems  []Problem
	stage     spec.Stage
	criterion *CriterionFacts
	task      *TaskFacts
	ended     bool
}

func (p *lockParser) problem(line int, format string, args ...any) {
	p.problems = append(p.problems, Problem{Line: line, Message: fmt.Sprintf(format, args...)})
}

func (p *lockParser) line(n int, text string) {
	switch {
	case text == "":
		return
	case strings.HasPrefix(text, "<<<<<<<"), strings.HasPrefix(text, "======="), strings.HasPrefix(text, ">>>>>>>"), strings.HasPrefix(text, "|||||||"):
		if !strings.HasPrefix(text, "=======") {
			p.problem(n, "a merge conflict is not resolved; both sides are kept")
		}
		return
	}
	words, err := fields(text)
	if err != nil {
		p.problem(n, "%v", err)
		return
	}
	if text[0] != ' ' && text[0] != '\t' {
		p.header(n, words)
		return
	}
	ok := true
	switch {
	case p.stage != "":
		ok = p.approval(n, words)
	case p.criterion != nil:
		ok = p.criterionFact(n, words)
	case p.task != nil:
		ok = p.taskFact(words)
	default:
		ok = false
	}
	if !ok {
		p.problem(n, "not a fact that is known here: %s", strings.TrimSpace(text))
	}
}

func (p *lockParser) header(n int, words []string) {
	p.stage, p.criterion, p.task = "", nil, nil
	switch {
	case len(words) == 1 && words[0] == "end":
		p.ended = true
	case len(words) == 2 && words[0] == "approval" && slices.Contains(spec.Stages(), spec.Stage(words[1])):
		p.stage = spec.Stage(words[1])
	case len(words) == 2 && words[0] == "criterion":
		p.criterion = p.lock.criterion(words[1])
		p.criterion.Line = n
	case len(words) == 2 && words[0] == "task":
		p.task = p.lock.task(words[1])
		p.task.Line = n
	default:
		p.problem(n, "not a block that is known here: %s", strings.Join(words, " "))
	}
}

func (p *lockParser) approval(n int, w []string) bool {
	a := Approval{Stage: p.stage, Line: n}
	switch {
	case len(w) == 2 && w[0] == "adopted":
		a.Channel, a.Hash = "adopted", w[1]
	case len(w) == 6 && w[2] == "by" && strings.HasPrefix(w[1], "blob:"):
		a.Hash, a.Blob, a.Channel, a.Who, a.Date = w[0], strings.TrimPrefix(w[1], "blob:"), w[3], w[4], w[5]
	default:
		return false
	}
	if slices.ContainsFunc(p.lock.Approvals, func(b Approval) bool { return b.Stage == a.Stage }) {
		p.problem(n, "two approvals of %s", a.Stage)
	}
	p.lock.Approvals = append(p.lock.Approvals, a)
	return true
}

func (p *lockParser) criterionFact(n int, w []string) bool {
	c := p.criterion
	switch {
	case len(w) == 2 && w[0] == "approved":
		c.Approved = strings.TrimPrefix(w[1], "text:")
	case len(w) == 8 && w[0] == "test" && w[3] == "ran" && (w[6] == "asserts" || w[6] == "lines"):
		asserts, err := strconv.Atoi(w[7])
		if err != nil {
			return false
		}
		r := Ran{File: w[1], Name: w[2], Text: strings.TrimPrefix(w[4], "text:"), Body: strings.TrimPrefix(w[5], "body:"), Asserts: asserts, Lines: w[6] == "lines", Line: n}
		if slices.ContainsFunc(c.Tests, func(x Ran) bool { return x.Name == r.Name && x.File == r.File }) {
			p.problem(n, "two facts for test %s of criterion %s", r.Name, c.ID)
		}
		c.Tests = append(c.Tests, r)
	case len(w) >= 2 && w[0] == "bites":
		k, total, ok := BiteCounts(w[1])
		if !ok || k > total {
			p.problem(n, "no breaks of a number of breaks: %s", strings.Join(w, " "))
			return true
		}
		if c.Bites != "" && c.Bites != strings.Join(w[1:], " ") {
			p.problem(n, "two facts about the breaks of criterion %s", c.ID)
		}
		c.Bites = strings.Join(w[1:], " ")
	default:
		return false
	}
	return true
}

// BiteCounts reads k/n.
func BiteCounts(s string) (killed, all int, ok bool) {
	k, n, ok := strings.Cut(s, "/")
	killed, errK := strconv.Atoi(k)
	all, errN := strconv.Atoi(n)
	return killed, all, ok && errK == nil && errN == nil && killed >= 0
}

func (p *lockParser) taskFact(w []string) bool {
	t := p.task
	switch {
	case len(w) == 2 && w[0] == "approved":
		t.Approved = strings.TrimPrefix(w[1], "text:")
	case len(w) == 7 && w[0] == "landed" && w[3] == "attempt" && w[5] == "by":
		n, err := strconv.Atoi(w[4])
		if err != nil {
			return false
		}
		t.Landed = &Landed{Patch: strings.TrimPrefix(w[1], "patch:"), Inputs: strings.TrimPrefix(w[2], "inputs:"), Attempt: n, By: w[6]}
	case len(w) == 2 && w[0] == "policy":
		t.Policy = w[1]
	case w[0] == "gate":
		g, err := gate(w[1:])
		if err != nil {
			return false
		}
		t.Gates = append(t.Gates, g)
	case len(w) == 2 && w[0] == "adopted":
		t.Adopted = strings.TrimPrefix(w[1], "inputs:")
	case len(w) > 1 && w[0] == "done":
		t.Done = join(w[1:])
	case len(w) > 1 && w[0] == "skipped":
		t.Skipped = join(w[1:])
	case len(w) > 1 && w[0] == "expect-fail":
		t.Expect = join(w[1:])
	case len(w) == 3 && w[0] == "again" && w[1] == "after":
		t.Again = w[2]
	default:
		return false
	}
	return true
}

// fields splits a line at blanks; a quoted word may hold them.
func fields(s string) ([]string, error) {
	var words []string
	for {
		if s = strings.TrimLeft(s, " \t"); s == "" {
			return words, nil
		}
		if s[0] != '"' {
			word, rest, _ := strings.Cut(s, " ")
			words, s = append(words, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return nil, fmt.Errorf("a quoted word is not closed")
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("a quoted word cannot be read")
		}
		words, s = append(words, word), s[len(quoted):]
	}
}

// word quotes what fields could not read back.
func word(s string) string {
	special := func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r >= 0x7f }
	if s != "" && strings.IndexFunc(s, special) < 0 {
		return s
	}
	if quoted := strconv.Quote(s); s == "" || strings.ContainsAny(s, " \t\"\\\n\r") || quoted != `"`+s+`"` {
		return quoted
	}
	return s
}

func join(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = word(w)
	}
	return strings.Join(quoted, " ")
}

// ParseGate reads a gate fact without its first word.
func ParseGate(s string) (Gate, error) {
	words, err := fields(s)
	if err != nil {
		return Gate{}, err
	}
	return gate(words)
}

// gate reads `POLICY [PATH] accepted diff:… [risks A,B] by CHANNEL WHO DATE`.
func gate(w []string) (Gate, error) {
	var g Gate
	bad := fmt.Errorf("not a gate fact: %s", strings.Join(w, " "))
	if len(w) < 2 {
		return g, bad
	}
	g.Policy, w = w[0], w[1:]
	if w[0] != "accepted" {
		g.Path, w = w[0], w[1:]
	}
	if len(w) < 6 || w[0] != "accepted" {
		return g, bad
	}
	g.Diff, w = strings.TrimPrefix(w[1], "diff:"), w[2:]
	if w[0] == "risks" && len(w) > 2 {
		g.Risks, w = strings.Split(w[1], ","), w[2:]
	}
	if len(w) != 4 || w[0] != "by" {
		return g, bad
	}
	g.Channel, g.Who, g.Date = w[1], w[2], w[3]
	return g, nil
}

// String writes a gate fact without its first word.
func (g Gate) String() string {
	var b strings.Builder
	b.WriteString(word(g.Policy))
	if g.Path != "" {
		b.WriteString(" " + word(g.Path))
	}
	b.WriteString(" accepted diff:" + g.Diff)
	if len(g.Risks) > 0 {
		b.WriteString(" risks " + strings.Join(g.Risks, ","))
	}
	fmt.Fprintf(&b, " by %s %s %s", g.Channel, strconv.Quote(g.Who), word(g.Date))
	return b.String()
}

// Bytes writes the lock. An empty one has no bytes.
func (l *Lock) Bytes() []byte {
	if len(l.Approvals)+len(l.Criteria)+len(l.Tasks) == 0 {
		return nil
	}
	var b bytes.Buffer
	const block = 384 // bytes of most of them, hashes chiefly
	b.Grow(block * (len(l.Approvals) + len(l.Criteria) + len(l.Tasks) + 1))
	for _, stage := range spec.Stages() {
		for _, a := range l.Approvals {
			if a.Stage != stage {
				continue
			}
			fmt.Fprintf(&b, "approval %s\n", stage)
			if a.Channel == "adopted" {
				fmt.Fprintf(&b, "  adopted %s\n\n", a.Hash)
				continue
			}
			fmt.Fprintf(&b, "  %s blob:%s by %s %s %s\n\n", a.Hash, a.Blob, a.Channel, strconv.Quote(a.Who), word(a.Date))
		}
	}
	for _, c := range l.Criteria {
		c.write(&b)
	}
	for _, t := range l.Tasks {
		t.write(&b)
	}
	b.WriteString("end\n")
	return b.Bytes()
}

func (c *CriterionFacts) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "criterion %s\n", word(c.ID))
	if c.Approved != "" {
		fmt.Fprintf(b, "  approved text:%s\n", c.Approved)
	}
	for _, r := range c.Tests {
		unit := "asserts"
		if r.Lines {
			unit = "lines"
		}
		fmt.Fprintf(b, "  test %s %s ran text:%s body:%s %s %d\n", word(r.File), word(r.Name), r.Text, r.Body, unit, r.Asserts)
	}
	if c.Bites != "" {
		fmt.Fprintf(b, "  bites %s\n", c.Bites)
	}
	b.WriteString("\n")
}

func (t *TaskFacts) write(b *bytes.Buffer) {
	put := func(parts ...string) {
		for _, part := range parts {
			b.WriteString(part)
		}
	}
	put("task ", word(t.ID), "\n")
	if t.Approved != "" {
		put("  approved text:", t.Approved, "\n")
	}
	if l := t.Landed; l != nil {
		put("  landed patch:", l.Patch, " inputs:", l.Inputs, " attempt ", strconv.Itoa(l.Attempt), " by ", word(l.By), "\n")
	}
	for _, fact := range [][2]string{{"policy", t.Policy}, {"done", t.Done}, {"skipped", t.Skipped}, {"expect-fail", t.Expect}} {
		if fact[1] != "" {
			put("  ", fact[0], " ", fact[1], "\n")
		}
	}
	if t.Again != "" {
		fmt.Fprintf(b, "  again after %s\n", word(t.Again))
	}
	if t.Adopted != "" {
		fmt.Fprintf(b, "  adopted inputs:%s\n", t.Adopted)
	}
	for _, g := range t.Gates {
		fmt.Fprintf(b, "  gate %s\n", g)
	}
	b.WriteString("\n")
}

// ExpectFail reads the fact that tests fail on purpose until a task lands; until is "" where there is none.
func (t *TaskFacts) ExpectFail() (tests []string, until string) {
	words, err := fields(t.Expect)
	if err != nil || len(words) != 4 || words[1] != "until" || words[2] != "task" {
		return nil, ""
	}
	return strings.Split(words[0], ","), words[3]
}

// ExpectFail words the fact that tests fail on purpose until a task lands.
func ExpectFail(tests []string, until string) string {
	return word(strings.Join(tests, ",")) + " until task " + word(until)
}

func (l *Lock) criterion(id string) *CriterionFacts {
	if c := l.Criterion(id); c != nil {
		return c
	}
	c := &CriterionFacts{ID: id}
	l.Criteria = append(l.Criteria, c)
	added(&l.criterionAt, id, len(l.Criteria))
	return c
}

func (l *Lock) task(id string) *TaskFacts {
	if t := l.Task(id); t != nil {
		return t
	}
	t := &TaskFacts{ID: id}
	l.Tasks = append(l.Tasks, t)
	added(&l.taskAt, id, len(l.Tasks))
	return t
}

// added notes where the last of n blocks stands, if all before it were noted too.
func added(at *map[string]int, id string, n int) {
	if *at == nil {
		*at = map[string]int{}
	}
	if len(*at) == n-1 {
		(*at)[id] = n - 1
	}
}

// block finds the block with an id: where it was noted, else by looking at all.
func block[T any](list []*T, at map[string]int, id string, of func(*T) string) *T {
	if i, ok := at[id]; ok && i < len(list) && of(list[i]) == id {
		return list[i]
	} else if !ok && len(at) == len(list) {
		return nil
	}
	for _, b := range list {
		if of(b) == id {
			return b
		}
	}
	return nil
}

// Approval returns the approval of a stage, or nil.
func (l *Lock) Approval(s spec.Stage) *Approval {
	for i := range l.Approvals {
		if l.Approvals[i].Stage == s {
			return &l.Approvals[i]
		}
	}
	return nil
}

// Criterion returns the facts of a criterion, or nil.
func (l *Lock) Criterion(id string) *CriterionFacts {
	return block(l.Criteria, l.criterionAt, id, func(c *CriterionFacts) string { return c.ID })
}

// Task returns the facts of a task, or nil.
func (l *Lock) Task(id string) *TaskFacts {
	return block(l.Tasks, l.taskAt, id, func(t *TaskFacts) string { return t.ID })
}

// Outcomes says how each settled task came to be so.
func (l *Lock) Outcomes() map[string]spec.Outcome {
	out := make(map[string]spec.Outcome, len(l.Tasks))
	for _, t := range l.Tasks {
		if o := t.outcome(); o.Kind != "" {
			out[t.ID] = o
		}
	}
	return out
}

// Outcome says how a task came to be settled; its kind is empty for one that is not.
func (l *Lock) Outcome(task string) spec.Outcome {
	if t := l.Task(task); t != nil {
		return t.outcome()
	}
	return spec.Outcome{}
}

func (t *TaskFacts) outcome() spec.Outcome {
	switch {
	case t.Landed != nil:
		return spec.Outcome{Kind: spec.Landed, Inputs: t.Landed.Inputs, Again: t.Again}
	case t.Done != "":
		return spec.Outcome{Kind: spec.DoneByHand}
	case t.Adopted != "":
		return spec.Outcome{Kind: spec.AdoptedTask, Inputs: t.Adopted}
	case t.Skipped != "":
		return spec.Outcome{Kind: spec.SkippedTask}
	}
	return spec.Outcome{}
}

// Clone returns a lock that shares nothing which changes with this one.
func (l *Lock) Clone() *Lock {
	c := &Lock{Approvals: slices.Clone(l.Approvals), criterionAt: maps.Clone(l.criterionAt), taskAt: maps.Clone(l.taskAt)}
	for _, old := range l.Criteria {
		facts := *old
		facts.Tests = slices.Clone(old.Tests)
		c.Criteria = append(c.Criteria, &facts)
	}
	tasks, landed := make([]TaskFacts, len(l.Tasks)), make([]Landed, len(l.Tasks)) // two pieces of memory, not two for each
	c.Tasks = make([]*TaskFacts, len(l.Tasks), len(l.Tasks)+1)
	for i, old := range l.Tasks {
		tasks[i] = *old
		tasks[i].Gates = slices.Clone(old.Gates)
		if old.Landed != nil {
			landed[i] = *old.Landed
			tasks[i].Landed = &landed[i]
		}
		c.Tasks[i] = &tasks[i]
	}
	return c
}
