package tasks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"spec.example/spec/internal/git"
)

// errPowerLost is what every call of a simulated run gets once its process is dead.
var errPowerLost = errors.New("power lost")

// A world is what survives a simulated crash, with the clock and the chance by which things happen in it: a repository in
// memory, the user's checkout in a real directory, and the slots.
//
// Every call into it is a step: it takes a time that is drawn from the seed, on the clock of a synctest bubble. No two
// actors ever wake at the same moment (their times are different modulo 64), so the seed alone decides the order.
type world struct {
	mu    sync.Mutex
	dir   string // the user's checkout, on the real disk
	seed  uint64
	lives int // processes started so far; the number of the present one

	blobs   map[string][]byte
	trees   map[string]map[string]string // by tree: blob by path
	commits map[string]simCommit
	refs    map[string]string
	head    string            // the branch that is checked out
	index   map[string]string // blob by path
	locked  bool              // index.lock is there
	slots   map[string]*simCheckout

	dead    bool
	steps   int    // of the present process
	crashAt int    // the step at which it dies; 0 for never
	crashIn string // counted are the steps of this beginning only
	onCrash func()
	chance  map[string]*rand.Rand // by actor, for the present process
	trace   []string
	started time.Time
	runs    []string // ids of runs, which hold chance that is not the seed's
}

type simCommit struct {
	tree    string
	parents []string
	message string
}

func newWorld(dir string, seed uint64) *world {
	return &world{dir: dir, seed: seed, blobs: map[string][]byte{}, trees: map[string]map[string]string{}, commits: map[string]simCommit{}, refs: map[string]string{},
		head: "refs/heads/main", index: map[string]string{}, slots: map[string]*simCheckout{}, started: time.Now()}
}

// boot starts another process, which dies at its step crashAt.
func (w *world) boot(crashAt int, crashIn string, onCrash func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lives++
	w.dead, w.steps, w.crashAt, w.crashIn, w.onCrash = false, 0, crashAt, crashIn, onCrash
	w.chance = map[string]*rand.Rand{}
}

// actor names who acts: a task, the run itself, or the user.
func actor(ctx context.Context) string {
	if id, ok := pprof.Label(ctx, "task"); ok {
		return id
	}
	return "run"
}

// place of an actor among 64: its wake times modulo 64.
func actorPlace(name string) int64 {
	switch name {
	case "run":
		return 0
	case "user":
		return 1
	}
	n := int64(0)
	fmt.Sscan(name, &n)
	return 2 + n%60
}

// draw is the actor's own chance.
func (w *world) draw(name string) *rand.Rand {
	r := w.chance[name]
	if r == nil {
		h := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", w.seed, w.lives, name))
		r = rand.New(rand.NewPCG(w.seed, uint64(h[0])|uint64(h[1])<<8|uint64(h[2])<<16|uint64(h[3])<<24))
		w.chance[name] = r
	}
	return r
}

// wait lets a drawn time pass. Most steps are short; now and then one is long.
func (w *world) wait(name string, most time.Duration) {
	w.mu.Lock()
	if w.dead && name != "user" {
		w.mu.Unlock()
		return
	}
	r := w.draw(name)
	d := time.Duration(r.Int64N(int64(most)))
	if r.IntN(12) == 0 {
		d *= 20
	}
	w.mu.Unlock()
	now := time.Now().UnixNano()
	wake := ((now+int64(d))/64+1)*64 + actorPlace(name)
	time.Sleep(time.Duration(wake - now))
}

// say adds to the trace. The caller holds mu.
func (w *world) say(name, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	for i, id := range w.runs {
		line = strings.ReplaceAll(line, id, fmt.Sprintf("run%d", i+1))
	}
	w.trace = append(w.trace, fmt.Sprintf("%13v %d %-4s %s", time.Since(w.started), w.lives, name, line))
}

// step waits, and does what a call does, unless the process is dead by then. do is told where in its course the power is
// lost: at a number from 0 up, or never (-1); what it has done before that stays.
func (w *world) step(ctx context.Context, name string, do func(cut func(n int) bool) error) error {
	who := actor(ctx)
	w.wait(who, 3*time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return errPowerLost
	}
	if ctx.Err() != nil {
		return w.killed(ctx, who, name, do)
	}
	counts := strings.HasPrefix(name, w.crashIn)
	if counts {
		w.steps++
	}
	if !counts || w.steps != w.crashAt {
		err := do(func(int) bool { return false })
		if err != nil {
			w.say(who, "%s: %v", name, err)
		} else {
			w.say(who, "%s", name)
		}
		return err
	}
	at := w.draw(who).IntN(8)
	do(func(n int) bool { return n >= at })
	w.say(who, "%s: POWER LOST at %d", name, at)
	w.dead = true
	w.onCrash()
	return errPowerLost
}

// killed is a git that is ended in the middle, as one is whose context ends.
func (w *world) killed(ctx context.Context, who, name string, do func(cut func(n int) bool) error) error {
	at := w.draw(who).IntN(16)
	if at < 8 {
		do(func(n int) bool { return n >= at })
		w.say(who, "%s: ended at %d", name, at)
	}
	return ctx.Err()
}

// look is a step that changes nothing.
func (w *world) look(ctx context.Context, name string, do func() error) error {
	return w.step(ctx, name, func(func(int) bool) error { return do() })
}

// change is a step that changes one thing at once: it is done, or not.
func (w *world) change(ctx context.Context, name string, do func() error) error {
	return w.step(ctx, name, func(cut func(int) bool) error {
		if cut(3) {
			return nil
		}
		return do()
	})
}

func nameOf(kind string, data []byte) string {
	sum := sha256.Sum256(append([]byte(kind+"\x00"), data...))
	return hex.EncodeToString(sum[:20])
}

func (w *world) blob(data []byte) string {
	id := nameOf("blob", data)
	w.blobs[id] = slices.Clone(data)
	return id
}

func (w *world) tree(files map[string]string) string {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "%s %s\n", files[name], name)
	}
	id := nameOf("tree", b.Bytes())
	w.trees[id] = maps.Clone(files)
	return id
}

func (w *world) commit(c simCommit) string {
	id := nameOf("commit", fmt.Appendf(nil, "%s\n%s\n%s", c.tree, strings.Join(c.parents, " "), c.message))
	w.commits[id] = c
	return id
}

func gitFails(name, text string) error {
	return &git.Error{Args: []string{name}, Code: 1, Stderr: text}
}

// resolve finds the object that a revision names.
func (w *world) resolve(rev string) (string, error) {
	base, peel, _ := strings.Cut(rev, "^{")
	id := base
	if base == "HEAD" {
		id = w.refs[w.head]
	} else if strings.HasPrefix(base, "refs/") {
		id = w.refs[base]
	}
	c, isCommit := w.commits[id]
	_, isTree := w.trees[id]
	switch {
	case peel == "tree}" && isCommit:
		return c.tree, nil
	case peel == "tree}" && isTree, peel == "" && (isCommit || isTree), peel == "commit}" && isCommit:
		return id, nil
	}
	return "", gitFails("rev-parse", "unknown revision "+rev)
}

// files gives the files of a tree-ish.
func (w *world) files(treeish string) (map[string]string, error) {
	id, err := w.resolve(treeish + "^{tree}")
	return w.trees[id], err
}

// simGit is the world as one process sees it.
type simGit struct{ *world }

func (w simGit) At(dir, index string) (checkout, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return nil, errPowerLost
	}
	c := w.slots[dir]
	if c == nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		c = &simCheckout{w: w.world, dir: dir, work: map[string][]byte{}, staged: map[string]string{}}
		w.slots[dir] = c
	}
	return c, nil
}

func (w simGit) Head(ctx context.Context) (branch, commit string, err error) {
	err = w.look(ctx, "head", func() error { branch, commit = w.head, w.refs[w.head]; return nil })
	return branch, commit, err
}

func (w simGit) Resolve(ctx context.Context, rev string) (id string, err error) {
	err = w.look(ctx, "resolve "+rev, func() error { id, err = w.resolve(rev); return err })
	return id, err
}

func (w simGit) Tree(ctx context.Context, commit string) (string, error) {
	return w.Resolve(ctx, commit+"^{tree}")
}

func (w simGit) Parent(ctx context.Context, commit string) (parent string, err error) {
	err = w.look(ctx, "parent", func() error { parent = strings.Join(w.commits[commit].parents, " "); return nil })
	return parent, err
}

func (w simGit) Message(ctx context.Context, commit string) (text string, err error) {
	err = w.look(ctx, "message", func() error { text = strings.TrimRight(w.commits[commit].message, "\n"); return nil })
	return text, err
}

func (w simGit) Log(ctx context.Context, trailer, revs string) (found []git.Ref, err error) {
	err = w.look(ctx, "log "+revs, func() error {
		line := w.ancestors(w.refs[w.head])
		slices.Reverse(line)
		for _, id := range line {
			for text := range strings.Lines(w.commits[id].message) {
				if value, ok := strings.CutPrefix(strings.TrimSpace(text), trailer+": "); ok {
					found = append(found, git.Ref{Name: value, Commit: id})
				}
			}
		}
		return nil
	})
	return found, err
}

func (w *world) read(treeish, name string) ([]byte, error) {
	files, err := w.files(treeish)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	id, ok := files[name]
	if !ok {
		return nil, fmt.Errorf("%s at %.10s: %w", name, treeish, fs.ErrNotExist)
	}
	return slices.Clone(w.blobs[id]), nil
}

func (w simGit) ReadFile(ctx context.Context, treeish, name string) (data []byte, err error) {
	err = w.look(ctx, "read "+name, func() error { data, err = w.read(treeish, name); return err })
	return data, err
}

func (w simGit) Snapshot(ctx context.Context, treeish string, paths ...string) (fsys fs.FS, err error) {
	err = w.look(ctx, fmt.Sprintf("snapshot %.10s", treeish), func() error { fsys, err = w.snapshot(treeish, paths...); return err })
	return fsys, err
}

func (w *world) snapshot(treeish string, paths ...string) (fs.FS, error) {
	files, err := w.files(treeish)
	if err != nil {
		return nil, err
	}
	out := fstest.MapFS{}
	for name, id := range files {
		if len(paths) == 0 || slices.ContainsFunc(paths, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") }) {
			out[name] = &fstest.MapFile{Data: w.blobs[id], Mode: 0o644}
		}
	}
	return out, nil
}

func (w simGit) Changes(ctx context.Context, from, to string) (changes []git.Change, err error) {
	err = w.look(ctx, "changes", func() error {
		a, err := w.files(from)
		if err != nil {
			return err
		}
		b, err := w.files(to)
		if err != nil {
			return err
		}
		for _, name := range differing(a, b) {
			removed, added := lineChanges(w.lines(a[name]), w.lines(b[name]))
			c := git.Change{Path: name, Status: "M", Added: len(added), Removed: len(removed)}
			if a[name] == "" {
				c.Status = "A"
			} else if b[name] == "" {
				c.Status = "D"
			}
			changes = append(changes, c)
		}
		return nil
	})
	return changes, err
}

// differing lists the paths that two trees hold differently, sorted.
func differing(a, b map[string]string) []string {
	var names []string
	for name := range a {
		if b[name] != a[name] {
			names = append(names, name)
		}
	}
	for name := range b {
		if a[name] == "" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func (w *world) lines(blob string) []string {
	lines := strings.SplitAfter(string(w.blobs[blob]), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// ends gives how many lines two texts share at their start, and at their end after that.
func ends(a, b []string) (front, back int) {
	for front < len(a) && front < len(b) && a[front] == b[front] {
		front++
	}
	for back < len(a)-front && back < len(b)-front && a[len(a)-1-back] == b[len(b)-1-back] {
		back++
	}
	return front, back
}

func lineChanges(a, b []string) (removed, added []string) {
	front, back := ends(a, b)
	return a[front : len(a)-back], b[front : len(b)-back]
}

func (w simGit) Diff(ctx context.Context, from, to string, paths ...string) (diff []byte, err error) {
	err = w.look(ctx, "diff", func() error {
		a, err := w.files(from)
		if err != nil {
			return err
		}
		b, err := w.files(to)
		if err != nil {
			return err
		}
		var out bytes.Buffer
		for _, name := range differing(a, b) {
			if len(paths) == 0 || slices.Contains(paths, name) {
				w.diff(&out, name, a[name], b[name])
			}
		}
		diff = out.Bytes()
		return nil
	})
	return diff, err
}

func (w *world) diff(out *bytes.Buffer, name, from, to string) {
	fmt.Fprintf(out, "diff --git a/%s b/%s\n", name, name)
	old, now := "--- a/"+name, "+++ b/"+name
	var a, b []string
	if from == "" {
		fmt.Fprintln(out, "new file mode 100644")
		old = "--- /dev/null"
	} else {
		a = w.lines(from)
	}
	if to == "" {
		fmt.Fprintln(out, "deleted file mode 100644")
		now = "+++ /dev/null"
	} else {
		b = w.lines(to)
	}
	front, _ := ends(a, b)
	removed, added := lineChanges(a, b)
	fmt.Fprintf(out, "index %.40s..%.40s\n%s\n%s\n@@ -%d,%d +%d,%d @@\n", from, to, old, now, front+1, len(removed), front+1, len(added))
	for _, l := range removed {
		fmt.Fprintf(out, "-%s\n", strings.TrimSuffix(l, "\n"))
	}
	for _, l := range added {
		fmt.Fprintf(out, "+%s\n", strings.TrimSuffix(l, "\n"))
	}
}

func (w simGit) Replace(ctx context.Context, treeish string, files map[string][]byte) (tree string, err error) {
	err = w.change(ctx, "replace", func() error {
		old, err := w.files(treeish)
		if err != nil {
			return err
		}
		fresh := maps.Clone(old)
		for name, data := range files {
			if delete(fresh, name); data != nil {
				fresh[name] = w.blob(data)
			}
		}
		tree = w.world.tree(fresh)
		return nil
	})
	return tree, err
}

func (w simGit) CommitTree(ctx context.Context, c git.Commit) (id string, err error) {
	err = w.change(ctx, "commit-tree "+firstLine(c.Message), func() error {
		id = w.commit(simCommit{c.Tree, c.Parents, c.Message})
		return nil
	})
	return id, err
}

func (w simGit) Signs(context.Context) bool      { return false }
func (w simGit) HooksDir(context.Context) string { return "" }
func (w simGit) InProgress() string              { return "" }
func (w simGit) IndexLocked() bool               { w.mu.Lock(); defer w.mu.Unlock(); return w.locked && !w.dead }
func (w simGit) DeleteRef(ctx context.Context, name string) error {
	return w.change(ctx, "delete-ref "+name, func() error { delete(w.refs, name); return nil })
}

func (w simGit) UpdateRef(ctx context.Context, name, commit, old, reason string) error {
	return w.change(ctx, "update-ref "+name, func() error {
		if now := w.refs[name]; old == git.Zero && now != "" || old != "" && old != git.Zero && now != old {
			return fmt.Errorf("%w: %s is at %.10s", git.ErrMoved, name, now)
		}
		w.refs[name] = commit
		return nil
	})
}

func (w simGit) Refs(ctx context.Context, prefix string) (refs []git.Ref, err error) {
	err = w.look(ctx, "refs "+prefix, func() error {
		for _, name := range slices.Sorted(maps.Keys(w.refs)) {
			if strings.HasPrefix(name, prefix) {
				refs = append(refs, git.Ref{Name: name, Commit: w.refs[name]})
			}
		}
		return nil
	})
	return refs, err
}

// ancestors of a commit, itself first, nearest first.
func (w *world) ancestors(commit string) []string {
	var all []string
	seen := map[string]bool{}
	for queue := []string{commit}; len(queue) > 0; queue = queue[1:] {
		if id := queue[0]; !seen[id] {
			seen[id] = true
			all = append(all, id)
			queue = append(queue, w.commits[id].parents...)
		}
	}
	return all
}

func (w simGit) Merge(ctx context.Context, ours, theirs string) (tree string, conflicts []string, err error) {
	err = w.change(ctx, "merge", func() error {
		mine := w.ancestors(ours)
		base := map[string]string{}
		for _, id := range w.ancestors(theirs) {
			if slices.Contains(mine, id) {
				base = w.trees[w.commits[id].tree]
				break
			}
		}
		a, b := w.trees[w.commits[ours].tree], w.trees[w.commits[theirs].tree]
		merged := maps.Clone(a)
		for _, name := range differing(base, b) {
			switch {
			case a[name] == b[name]:
			case a[name] == base[name]:
				if merged[name] = b[name]; b[name] == "" {
					delete(merged, name)
				}
			default:
				data, ok := w.mergeLines(base[name], a[name], b[name])
				if !ok {
					conflicts = append(conflicts, name)
					continue
				}
				merged[name] = w.blob(data)
			}
		}
		tree = w.world.tree(merged)
		return nil
	})
	if len(conflicts) > 0 {
		tree = ""
	}
	return tree, conflicts, err
}

// mergeLines merges two changes of one file, each taken as one stretch of lines. As with git, stretches that touch are in
// conflict.
func (w *world) mergeLines(base, ours, theirs string) ([]byte, bool) {
	if base == "" || ours == "" || theirs == "" {
		return nil, false
	}
	o, a, b := w.lines(base), w.lines(ours), w.lines(theirs)
	frontA, backA := ends(o, a)
	frontB, backB := ends(o, b)
	if frontA > frontB {
		a, b, frontA, frontB, backA, backB = b, a, frontB, frontA, backB, backA
	}
	if len(o)-backA >= frontB {
		return nil, false
	}
	out := slices.Concat(a[:len(a)-backA], o[len(o)-backA:frontB], b[frontB:])
	return []byte(strings.Join(out, "")), true
}

// onDisk reads a file of the user's checkout; nil where it is not there.
func (w *world) onDisk(name string) []byte {
	data, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil
	}
	if data == nil {
		data = []byte{}
	}
	return data
}

// put writes a file of the user's checkout; nil takes it away.
func (w *world) put(name string, data []byte) error {
	file := filepath.Join(w.dir, filepath.FromSlash(name))
	if data == nil {
		if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// clean tells whether the checkout holds a path as the index has it.
func (w *world) clean(name string) bool {
	data := w.onDisk(name)
	id := w.index[name]
	return data == nil && id == "" || data != nil && id != "" && bytes.Equal(data, w.blobs[id])
}

func (w simGit) Dirty(ctx context.Context, paths ...string) (dirty []string, err error) {
	err = w.look(ctx, "dirty", func() error {
		dirty = w.dirty(paths...)
		return nil
	})
	return dirty, err
}

func (w *world) dirty(paths ...string) (dirty []string) {
	head := w.trees[w.commits[w.refs[w.head]].tree]
	for _, name := range paths {
		if w.index[name] != head[name] || !w.clean(name) {
			dirty = append(dirty, name)
		}
	}
	return dirty
}

func (w simGit) Add(ctx context.Context, paths ...string) error {
	if len(paths) == 0 {
		return nil
	}
	return w.step(ctx, fmt.Sprint("add ", paths), func(cut func(int) bool) error {
		if cut(0) {
			return nil
		}
		if w.locked {
			return gitFails("add", "Unable to create index.lock: File exists.")
		}
		if cut(2) {
			w.locked = true
			return nil
		}
		for _, name := range paths {
			if data := w.onDisk(name); data == nil {
				delete(w.index, name)
			} else {
				w.index[name] = w.blob(data)
			}
		}
		return nil
	})
}

// FastForward does what git merge --ff-only does, in git's order: it takes index.lock, checks, writes the files of the
// checkout one by one, then the index, and the branch last. A power cut leaves what was done before it.
func (w simGit) FastForward(ctx context.Context, _, commit string) error {
	return w.step(ctx, fmt.Sprintf("fast-forward %.10s", commit), func(cut func(int) bool) error {
		if cut(0) {
			return nil
		}
		from := w.refs[w.head]
		if w.locked {
			return gitFails("merge", "fatal: Unable to create '"+path.Join(w.dir, ".git/index.lock")+"': File exists.")
		}
		if !slices.Contains(w.ancestors(commit), from) {
			return gitFails("merge", "fatal: Not possible to fast-forward, aborting.")
		}
		a, b := w.trees[w.commits[from].tree], w.trees[w.commits[commit].tree]
		var write, stand []string
		for _, name := range differing(a, b) {
			switch {
			case w.index[name] == b[name]: // staged already: git leaves the file alone
			case w.index[name] == a[name] && w.clean(name):
				write = append(write, name)
			default:
				stand = append(stand, name)
			}
		}
		if len(stand) > 0 {
			return gitFails("merge", "error: Your local changes to the following files would be overwritten by merge:\n\t"+strings.Join(stand, "\n\t"))
		}
		for i, name := range write {
			if w.locked = cut(1 + i*4/len(write)); w.locked {
				return nil
			}
			var data []byte
			if b[name] != "" {
				data = w.blobs[b[name]]
			}
			if err := w.put(name, data); err != nil {
				return err
			}
		}
		if w.locked = cut(5); w.locked {
			return nil
		}
		for _, name := range differing(a, b) {
			if w.index[name] = b[name]; b[name] == "" {
				delete(w.index, name)
			}
		}
		if cut(6) {
			return nil
		}
		w.refs[w.head] = commit
		return nil
	})
}

// A simCheckout is a slot or a verify checkout, held in memory.
type simCheckout struct {
	w      *world
	dir    string
	work   map[string][]byte
	staged map[string]string
}

// held are the files of the directory; hold makes it hold these. The user's own is on the disk.
func (c *simCheckout) held() map[string][]byte {
	if c.dir != c.w.dir {
		return c.work
	}
	files := map[string][]byte{}
	filepath.WalkDir(c.dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == StateDir {
			return fs.SkipDir
		}
		if name, err := filepath.Rel(c.dir, file); err == nil && !d.IsDir() {
			files[filepath.ToSlash(name)] = c.w.onDisk(filepath.ToSlash(name))
		}
		return nil
	})
	return files
}

func (c *simCheckout) hold(files map[string][]byte) {
	if c.dir != c.w.dir {
		c.work = files
		return
	}
	for name := range c.held() {
		if files[name] == nil {
			c.w.put(name, nil)
		}
	}
	for name, data := range files {
		c.w.put(name, data)
	}
}

func (c *simCheckout) Path() string                                             { return c.dir }
func (c *simCheckout) IndexDir() string                                         { return filepath.Dir(c.dir) }
func (c *simCheckout) CopyIndex(to string) error                                { return os.WriteFile(to, nil, 0o644) }
func (c *simCheckout) Ignored(context.Context, int) ([]string, error)           { return nil, nil }
func (c *simCheckout) HookCommand(string, string, ...string) (argv, e []string) { return nil, nil }

func (c *simCheckout) Reset(ctx context.Context, treeish string, keep ...string) error {
	return c.w.change(ctx, fmt.Sprintf("reset %.10s", treeish), func() error {
		files, err := c.w.files(treeish)
		if err != nil {
			return err
		}
		clear(c.work)
		for name, id := range files {
			c.work[name] = c.w.blobs[id]
		}
		c.staged = maps.Clone(files)
		return nil
	})
}

// Move believes what it is told of the directory, as git's does.
func (c *simCheckout) Move(ctx context.Context, from, to string, over ...string) error {
	return c.w.change(ctx, fmt.Sprintf("move %.10s to %.10s", from, to), func() error {
		was, err := c.w.files(from)
		if err != nil {
			return err
		}
		files, err := c.w.files(to)
		if err != nil {
			return err
		}
		for _, name := range append(differing(was, files), over...) {
			if delete(c.work, name); files[name] != "" {
				c.work[name] = c.w.blobs[files[name]]
			}
		}
		c.staged = maps.Clone(files)
		return nil
	})
}

func (c *simCheckout) Freeze(ctx context.Context, base string) (tree string, nested []string, err error) {
	err = c.w.change(ctx, "freeze", func() error {
		c.staged = map[string]string{}
		for name, data := range c.held() {
			c.staged[name] = c.w.blob(data)
		}
		tree = c.w.tree(c.staged)
		return nil
	})
	return tree, nil, err
}

func (c *simCheckout) Restore(ctx context.Context, base string, paths ...string) (tree string, err error) {
	err = c.w.change(ctx, "restore", func() error {
		files, err := c.w.files(base)
		if err != nil {
			return err
		}
		for _, name := range paths {
			if c.staged[name] = files[name]; files[name] == "" {
				delete(c.staged, name)
			}
		}
		tree = c.w.tree(c.staged)
		return nil
	})
	return tree, err
}

func (c *simCheckout) Stage(ctx context.Context, treeish string) error {
	return c.w.change(ctx, "stage", func() error {
		files, err := c.w.files(treeish)
		c.staged = maps.Clone(files)
		return err
	})
}

func (c *simCheckout) Staged(ctx context.Context, _ string) (tree string, err error) {
	err = c.w.change(ctx, "staged", func() error { tree = c.w.tree(c.staged); return nil })
	return tree, err
}

func (c *simCheckout) PutBack(ctx context.Context, base string, paths ...string) error {
	if len(paths) == 0 {
		return nil
	}
	return c.w.change(ctx, "put back", func() error {
		files, err := c.w.files(base)
		for _, name := range paths {
			delete(c.staged, name)
			var data []byte
			if id := files[name]; id != "" {
				c.staged[name], data = id, c.w.blobs[id]
			}
			if c.dir == c.w.dir { // the user's checkout, by way of a private index
				if err := c.w.put(name, data); err != nil {
					return err
				}
			} else if c.work[name] = data; data == nil {
				delete(c.work, name)
			}
		}
		return err
	})
}
