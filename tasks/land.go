package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// An approved result is a commit under refs/spec/<run>/<task>: the tree that was verified, on the head that it was
// made on, with what is to be recorded of it as trailers. It is all that landing, or a later run, needs.
type approved struct {
	task      string
	ref       string
	commit    string
	base      string
	tree      string
	patch     string
	inputs    string
	attempt   int
	policy    Policy
	by        string // agent:NAME or hand
	diff      []byte // between base and tree, where it was made already
	gates     []trace.Gate
	unchanged string
}

// landing errors that send a task back to its agent.
type sentBack struct {
	why   string
	patch []byte
}

func (e *sentBack) Error() string { return e.why }

// errHeadMoved is the error of a landing whose branch is no longer where the landing was made for.
var errHeadMoved = errors.New("the branch moved meanwhile")

// land puts an approved result into the branch, and does it anew where a person commits while it is merged and verified.
// One at a time: the caller holds the landing lock.
func (r *run) land(ctx context.Context, s *slot, a approved) error {
	for {
		err := r.landOnce(ctx, s, a)
		if !errors.Is(err, errHeadMoved) {
			return err
		}
		r.event("landing.again", a.task, err.Error(), nil)
	}
}

// A drafted landing is a verified tree of code with the files that are spec's own.
type drafted struct {
	tree    string
	files   map[string][]byte
	lock    *trace.Lock // that of files
	v       Verified
	message string
}

// draft verifies the code that is to land, and makes the landing tree of it.
func (r *run) draft(ctx context.Context, s *slot, h *head, t *plan.Task, a approved, code string) (d drafted, err error) {
	if d.v, err = r.verifyMerged(ctx, s, code, a.task); err != nil {
		return d, err
	}
	diff := a.diff
	if diff == nil {
		if diff, err = r.git.Diff(ctx, a.base, a.tree); err != nil {
			return d, err
		}
	}
	why, err := r.verdict(s, h, t, d.v, diff)
	if err != nil {
		return d, err
	}
	if why != "" {
		return d, &sentBack{why: "together with what landed meanwhile: " + why}
	}
	if d.files, d.lock, err = r.recordFiles(s, h, a, d.v, diff); err != nil {
		return d, err
	}
	if d.tree, err = r.git.Replace(ctx, code, d.files); err != nil {
		return d, fmt.Errorf("writing the landing tree: %v", err)
	}
	fault("landing-tree")
	if err := r.checkLanding(ctx, s, h, d.files); err != nil {
		return d, err
	}
	d.message = r.message(a, h)
	return d, nil
}

// spec:workflow/3.1
func (r *run) landOnce(ctx context.Context, s *slot, a approved) error {
	h, err := r.waitForHead(ctx)
	if err != nil {
		return err
	}
	if old := h.lock.Outcome(a.task); old.Kind == spec.Landed && old.Again == "" && old.Inputs == a.inputs && h.lock.Task(a.task).Landed.Patch == a.patch {
		return r.forget(ctx, a) // a run that was killed had landed it already
	}
	code, err := r.codeTree(ctx, h, a)
	if err != nil {
		return err
	}
	fault("merge")
	t := h.plan.Task(a.task)
	if t == nil {
		return &sentBack{why: "the task is no longer in the plan"}
	}
	var d drafted
	for again := 0; ; again++ {
		if d, err = r.draft(ctx, s, h, t, a, code); err != nil {
			return err
		}
		tree := d.tree
		if d.tree, d.message, err = r.hooks(ctx, s, d); err != nil {
			return err
		}
		if d.tree == tree {
			break
		}
		if again == 2 {
			return &sentBack{why: "a commit hook of the repository changes files each time that it runs"}
		}
		if code, err = r.hooked(ctx, a, code, tree, d.tree, d.files); err != nil {
			return err
		}
	}
	commit, err := r.git.CommitTree(ctx, git.Commit{Tree: d.tree, Parents: []string{h.commit}, Message: d.message, Sign: r.git.Signs(ctx)})
	if err != nil {
		return fmt.Errorf("committing task %s: %v", a.task, err)
	}
	fault("commit")
	defer r.readAhead(ctx, commit, d)()
	mark := r.refName("landing", a.task)
	if err := r.git.UpdateRef(ctx, mark, commit, "", "spec: landing"); err != nil {
		return err
	}
	fault("landing-ref")
	if err := r.advance(ctx, h.commit, commit, d.files); err != nil {
		return err
	}
	if h.commit == r.planned && t.Action != plan.Rerun {
		r.planned = commit
	}
	fault("advanced")
	r.ran(commit, d.v)
	if err := r.git.DeleteRef(ctx, mark); err != nil {
		return err
	}
	fault("landing-ref-deleted")
	return r.forget(ctx, a)
}

func (r *run) forget(ctx context.Context, a approved) error {
	if a.ref == "" {
		return nil
	}
	err := r.git.DeleteRef(ctx, a.ref)
	fault("ref-deleted")
	return err
}

// codeTree merges an approved result with the head as it is now.
func (r *run) codeTree(ctx context.Context, h *head, a approved) (string, error) {
	if a.base == h.commit {
		return a.tree, nil
	}
	tree, conflicts, err := r.pick(ctx, h.commit, a.base, a.commit)
	if err != nil {
		return "", fmt.Errorf("merging task %s with the head: %v", a.task, err)
	}
	manifests := r.manifests(ctx, h.commit, a)
	if len(manifests) > 0 {
		conflicts = slices.DeleteFunc(conflicts, func(p string) bool { return slices.Contains(manifests, p) })
		if len(conflicts) == 0 {
			return r.settle(ctx, h.commit, a, manifests)
		}
	}
	if len(conflicts) > 0 {
		patch, err := r.git.Diff(ctx, a.base, a.tree)
		if err != nil {
			return "", err
		}
		return "", &sentBack{why: "it does not merge with what landed meanwhile: " + strings.Join(conflicts, ", "), patch: patch}
	}
	return tree, nil
}

// pick merges what a commit changed upon base into the head. base counts as their common ancestor even where the head
// does not descend from it any more, since the user amended or moved the branch.
func (r *run) pick(ctx context.Context, head, base, commit string) (tree string, conflicts []string, err error) {
	onto, err := r.git.Tree(ctx, head)
	if err != nil {
		return "", nil, err
	}
	ours, err := r.git.CommitTree(ctx, git.Commit{Tree: onto, Parents: []string{base}, Message: "spec: the head\n"})
	if err != nil {
		return "", nil, err
	}
	return r.git.Merge(ctx, ours, commit)
}

// recordFiles are the files that spec itself writes with a landing, made from head's: the ticks, the facts and the
// decisions.
//
// spec:workflow/3.1
func (r *run) recordFiles(s *slot, h *head, a approved, v Verified, diff []byte) (files map[string][]byte, lock *trace.Lock, err error) {
	files = map[string][]byte{}
	if r.o.Prompt != nil {
		return files, nil, nil
	}
	if t := h.feature.Task(a.task); t != nil && !t.Heading && t.State != spec.Done {
		edits, err := spec.Tick(h.feature, a.task, spec.Done)
		if err != nil {
			return nil, nil, fmt.Errorf("ticking task %s: %v", a.task, err)
		}
		for _, doc := range h.feature.Documents {
			if doc.Path != t.File || files[doc.Path] != nil {
				continue
			}
			data, err := spec.ApplyEdits(doc.Path, doc.Data, edits)
			if err != nil {
				return nil, nil, fmt.Errorf("ticking task %s: %v", a.task, err)
			}
			files[doc.Path] = data
		}
	}
	if lock, err = r.factsOf(h, s, a, v, diff); err != nil {
		return nil, nil, err
	}
	files[path.Join(r.o.FeatureDir, LockFile)] = lock.Bytes()
	if text := r.decisions(h, a.task); text != nil {
		files[path.Join(r.o.FeatureDir, DecisionsFile)] = text
	}
	return files, lock, nil
}

// factsOf returns head's lock with the facts of this landing: the task's own, and the tests that were seen to pass on
// exactly this tree.
//
// spec:workflow/3.1
func (r *run) factsOf(h *head, s *slot, a approved, v Verified, diff []byte) (*trace.Lock, error) {
	lock := h.lock.Clone()
	fact := trace.Landed{Patch: a.patch, Inputs: a.inputs, Attempt: a.attempt, By: a.by}
	lock.Land(a.task, fact, string(a.policy), a.gates)
	if t := h.plan.Task(a.task); t != nil {
		if known := expectFail(h, t, v, diff); known != "" {
			lock.Task(a.task).Expect = known
		}
		if h.lock.Outcome(a.task).Kind == spec.Landed && len(diff) > 0 {
			again(h, lock, a.task)
		}
	}
	if v.Results == nil {
		return lock, nil
	}
	index, err := trace.Scan(os.DirFS(s.check.Path()), r.o.Root)
	if err != nil {
		return nil, fmt.Errorf("looking for tagged tests: %v", err)
	}
	lock.SetRan(h.feature, trace.Proven(h.feature, index, v.Results))
	return lock, nil
}

// again marks the landed tasks that depend on one that landed anew and changed something: they are planned again, and so
// on. A rerun that changes nothing ends it there.
func again(h *head, lock *trace.Lock, landed string) {
	for _, t := range h.plan.Tasks {
		if facts := lock.Task(t.ID); facts != nil && facts.Landed != nil && t.Action == plan.Done && slices.Contains(t.Depends, landed) {
			facts.Again = landed
		}
	}
}

// decisions is decisions.md with the answers that were given for a task, or nil when there is none to add.
func (r *run) decisions(h *head, task string) []byte {
	answers := r.answersFor(task)
	if len(answers) == 0 {
		return nil
	}
	name := path.Join(r.o.FeatureDir, DecisionsFile)
	data, err := fs.ReadFile(h.fsys, name)
	if err != nil {
		data = []byte("# Decisions\n\nAnswers that a person gave while tasks were carried out.\n")
	}
	text := string(data)
	for _, d := range answers {
		entry := decisionText(d)
		if !strings.Contains(text, entry) {
			text = strings.TrimRight(text, "\n") + "\n\n" + entry
		}
	}
	if text == string(data) {
		return nil
	}
	return []byte(text)
}

func decisionText(d Decided) string {
	return fmt.Sprintf("## Task %s, %s\n\n> %s\n\n%s\n\nAnswered by %s.\n", d.Task, d.Time.UTC().Format("2006-01-02"),
		strings.ReplaceAll(strings.TrimSpace(d.Question.Text), "\n", "\n> "), d.Answer.Text, d.Answer.By)
}

// checkLanding runs the drift rules on the tree that is about to land. An error in this feature that head did not have
// stops it; what a later task may still bring is only reported.
func (r *run) checkLanding(ctx context.Context, s *slot, h *head, files map[string][]byte) error {
	if r.o.Check == nil {
		return nil
	}
	for name, data := range files {
		s.over = append(s.over, name)
		file := filepath.Join(s.check.Path(), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	after, err := r.o.Check(os.DirFS(s.check.Path()))
	if err != nil {
		return fmt.Errorf("checking the landing tree: %v", err)
	}
	var stop []string
	for _, d := range after {
		if d.Severity != spec.Error || d.Feature != h.feature.Name || shownOnly(d.Code) || r.known[d.Code+" "+d.Subject] {
			continue
		}
		stop = append(stop, fmt.Sprintf("%s:%d: %s %s", d.File, d.Line, d.Code, d.Message))
	}
	if len(stop) > 0 {
		return &sentBack{why: "landing it would leave the project with errors:\n" + strings.Join(stop, "\n")}
	}
	return nil
}

// shownOnly are the findings that a landing may leave: they say that proof is still missing.
func shownOnly(code string) bool { return code == "SPEC303" || code == "SPEC305" || code == "SPEC308" }

func (r *run) message(a approved, h *head) string {
	if r.o.Prompt != nil {
		return r.promptMessage(a)
	}
	title := a.task
	if t := h.feature.Task(a.task); t != nil {
		title = t.Title
	}
	return fmt.Sprintf("%s: %s\n\nSpec-Task: %s/%s\n", h.feature.Name, title, h.feature.Name, a.task)
}

// hooks runs the repository's commit hooks on the landing tree, in the verify checkout and in its sandbox.
func (r *run) hooks(ctx context.Context, s *slot, d drafted) (tree, message string, err error) {
	tree, message = d.tree, d.message
	dir := r.git.HooksDir(ctx)
	if r.o.NoVerifyHooks || dir == "" {
		return tree, message, nil
	}
	s.holds = ""
	if err := putBack(s.check.Path(), d.files); err != nil { // else a hook that stages everything would bring the old ones
		return "", "", err
	}
	if err := s.check.Stage(ctx, tree); err != nil {
		return "", "", err
	}
	temp, err := r.temp()
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(temp)
	file := filepath.Join(temp, "COMMIT_EDITMSG")
	if err := os.WriteFile(file, []byte(message), 0o644); err != nil {
		return "", "", err
	}
	for _, hook := range [][]string{{"pre-commit"}, {"prepare-commit-msg", file, "message"}, {"commit-msg", file}} {
		argv, env := s.check.HookCommand(dir, hook[0], hook[1:]...)
		var out boundedBuffer
		c := sandbox.Command{Self: r.o.Self, Argv: argv, Dir: s.check.Path(), Env: r.childEnv(temp, env...), Stdout: &out, Stderr: &out, Hold: r.lock.file(),
			Policy: r.policy().With([]string{r.o.Repo.CommonDir, dir, r.goModCache(), r.goBuildCache()}, []string{s.check.Path(), temp, s.check.IndexDir()})}
		if r.o.HooksOutside && !versioned(r.o.Repo, dir) {
			c.Env, c.Policy = append(slices.Clone(r.o.Env), env...), sandbox.Policy{Mode: sandbox.Off}
		}
		exit, err := c.Run(ctx)
		if err != nil {
			return "", "", err
		}
		if exit.Code != 0 {
			return "", "", &sentBack{why: fmt.Sprintf("the repository's %s hook refused it:\n%s", hook[0], cutTail(out.String(), 40))}
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	changed, err := s.check.Staged(ctx, tree)
	return changed, string(text), err
}

// versioned tells whether a directory of hooks lies among the files of the checkout: an agent's landed work may have changed
// those, so they never run outside of the sandbox.
func versioned(repo *git.Repo, dir string) bool {
	below := func(top string) bool {
		rel, err := filepath.Rel(top, dir)
		return err == nil && filepath.IsLocal(rel)
	}
	return below(repo.Dir) && !below(repo.CommonDir)
}

// hooked is the code of a landing tree that a commit hook changed: what it staged, but for the files that are spec's own.
func (r *run) hooked(ctx context.Context, a approved, code, tree, changed string, files map[string][]byte) (string, error) {
	changes, err := r.git.Changes(ctx, tree, changed)
	if err != nil {
		return "", err
	}
	var names []string
	for _, c := range changes {
		if r.protected(c.Path) {
			return "", &sentBack{why: fmt.Sprintf("a commit hook of the repository changes %s, which no hook may", c.Path)}
		}
		names = append(names, c.Path)
	}
	r.event("landing.hook", a.task, "a commit hook changed "+strings.Join(names[:min(3, len(names))], ", ")+"; it is verified again", map[string]any{"files": names})
	own := map[string][]byte{}
	for name := range files {
		data, err := r.git.ReadFile(ctx, code, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if own[name] = data; err == nil && data == nil {
			own[name] = []byte{}
		}
	}
	return r.git.Replace(ctx, changed, own)
}

// advance moves the branch to the landing commit: by a fast-forward where it is checked out, which keeps the user's
// unrelated changes and refuses to touch overlapping ones, else by compare and swap.
func (r *run) advance(ctx context.Context, from, to string, files map[string][]byte) error {
	branch, _, err := r.git.Head(ctx)
	if err != nil {
		return err
	}
	if branch != r.branch {
		return r.moved(ctx, from, r.git.UpdateRef(ctx, r.branch, to, from, "spec: landing"))
	}
	if err := r.keepLock(ctx, from, files); err != nil {
		return err
	}
	fault("ff")
	if r.o.Hand || r.o.InPlace {
		if err := r.align(ctx, from, to); err != nil {
			return err
		}
	}
	// A second Ctrl-C ends agents and tests at once, but not git while it writes the checkout: killed there, it would
	// leave index.lock and half of the files behind.
	err = r.moved(ctx, from, r.git.FastForward(context.WithoutCancel(ctx), from, to))
	var refused *git.Error
	if errors.As(err, &refused) {
		return &stopped{why: "the checkout stands in the way: " + strings.TrimSpace(refused.Stderr), hint: "git status; commit or stash what it names, then spec apply " + path.Base(r.o.FeatureDir)}
	}
	return err
}

// advanceMarked moves the branch to a commit that is no landing, as advance does. The commit is marked meanwhile: what a power cut
// leaves half-written in the checkout is finished, or taken back, by the next run. An advance that is refused leaves no mark.
func (r *run) advanceMarked(ctx context.Context, name, from, to string, files map[string][]byte) error {
	mark := r.refName("landing", name)
	if err := r.git.UpdateRef(ctx, mark, to, "", "spec: "+name); err != nil {
		return err
	}
	err := r.advance(ctx, from, to, files)
	return errors.Join(err, r.git.DeleteRef(context.WithoutCancel(ctx), mark))
}

// moved turns an error of git into errHeadMoved where the branch is not at from any more.
func (r *run) moved(ctx context.Context, from string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if now, resolveErr := r.git.Resolve(ctx, r.rev()+"^{commit}"); resolveErr == nil && now != from {
		return errHeadMoved
	}
	return err
}

// keepLock sets the checkout's spec.lock back to head's where it differs only in facts that `spec verify` wrote: those
// that still fit are part of the landing.
func (r *run) keepLock(ctx context.Context, from string, files map[string][]byte) error {
	name := path.Join(r.o.FeatureDir, LockFile)
	dirty, err := r.git.Dirty(ctx, name)
	if err != nil || len(dirty) == 0 {
		return err
	}
	data, err := r.git.ReadFile(ctx, from, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	local, err := os.ReadFile(filepath.Join(r.o.Repo.Dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	mine, _ := trace.ParseLock(local)
	theirs, _ := trace.ParseLock(data)
	if !mine.SameButRuns(theirs) {
		return nil
	}
	return os.WriteFile(filepath.Join(r.o.Repo.Dir, filepath.FromSlash(name)), data, 0o644)
}

// refName is the ref of a kind ("" for approved) and task in this run. Task ids are percent-encoded.
func (r *run) refName(kind, task string) string {
	return path.Join("refs/spec", r.journal.run, kind, encodeRef(task))
}

func encodeRef(id string) string {
	var b strings.Builder
	for i := 0; i < len(id); i++ {
		c := id[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && i > 0 && i < len(id)-1 && id[i-1] != '.' && !strings.HasSuffix(id, ".lock") {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// save writes an approved result (or one that waits at its gate) as a commit under a ref.
func (r *run) save(ctx context.Context, a *approved, kind string) error {
	var trailer strings.Builder
	for _, g := range a.gates {
		fmt.Fprintf(&trailer, "Spec-Gate: %s\n", g.String())
	}
	message := fmt.Sprintf("spec: result of task %s\n\nSpec-Task: %s/%s\nSpec-Inputs: %s\nSpec-Attempt: %d\nSpec-Policy: %s\nSpec-Agent: %s\n%s",
		a.task, path.Base(r.o.FeatureDir), a.task, a.inputs, a.attempt, a.policy, a.by, trailer.String())
	commit, err := r.git.CommitTree(ctx, git.Commit{Tree: a.tree, Parents: []string{a.base}, Message: message})
	if err != nil {
		return fmt.Errorf("keeping the result of task %s: %v", a.task, err)
	}
	a.commit, a.ref = commit, r.refName(kind, a.task)
	return r.git.UpdateRef(ctx, a.ref, commit, "", "spec: kept")
}

// load reads back what save wrote. ok is false for a commit that is none of this feature's results.
func (r *run) load(ctx context.Context, ref git.Ref) (a approved, ok bool, err error) {
	message, err := r.git.Message(ctx, ref.Commit)
	if err != nil {
		return a, false, err
	}
	a = approved{ref: ref.Name, commit: ref.Commit}
	for line := range strings.Lines(message) {
		key, value, found := strings.Cut(strings.TrimSpace(line), ": ")
		if !found {
			continue
		}
		switch key {
		case "Spec-Task":
			feature, task, _ := strings.Cut(value, "/")
			if ok = feature == path.Base(r.o.FeatureDir); !ok {
				return a, false, nil
			}
			a.task = task
		case "Spec-Inputs":
			a.inputs = value
		case "Spec-Attempt":
			a.attempt, _ = strconv.Atoi(value)
		case "Spec-Policy":
			a.policy = Policy(value)
		case "Spec-Agent":
			a.by = value
		case "Spec-Gate":
			if g, err := trace.ParseGate(value); err == nil {
				a.gates = append(a.gates, g)
			}
		}
	}
	if a.base, err = r.git.Parent(ctx, ref.Commit); err != nil {
		return a, false, err
	}
	if a.tree, err = r.git.Tree(ctx, ref.Commit); err != nil {
		return a, false, err
	}
	diff, err := r.git.Diff(ctx, a.base, a.tree)
	a.diff, a.patch = diff, patchHash(diff)
	return a, ok, err
}
