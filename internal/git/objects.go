package git

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"
	"time"
)

// An Entry is one file of a tree.
type Entry struct {
	Mode string // "100644", "100755", "120000", "160000", "040000"
	Type string // blob, tree, commit
	ID   string
	Path string // relative to the tree that was listed
}

// List gives the entries of a tree-ish below the paths (all for none), recursively.
func (r *Repo) List(ctx context.Context, treeish string, paths ...string) ([]Entry, error) {
	args := append([]string{"ls-tree", "-r", "-z", "--full-tree", treeish, "--"}, paths...)
	out, err := r.exec(ctx, command{args: r.at(args...)})
	if err != nil {
		return nil, err
	}
	return parseTree(out), nil
}

func parseTree(out []byte) []Entry {
	var entries []Entry
	for rec := range bytes.SplitSeq(out, []byte{0}) {
		meta, name, ok := strings.Cut(string(rec), "\t")
		fields := strings.Fields(meta)
		if !ok || len(fields) < 3 {
			continue
		}
		entries = append(entries, Entry{Mode: fields[0], Type: fields[1], ID: fields[2], Path: name})
	}
	return entries
}

// ReadFile returns one file of a tree-ish. The error wraps fs.ErrNotExist when it is not there.
func (r *Repo) ReadFile(ctx context.Context, treeish, name string) ([]byte, error) {
	out, err := r.exec(ctx, command{args: r.at("cat-file", "blob", treeish+":"+name)})
	if exitCode(err) >= 0 {
		return nil, fmt.Errorf("%s at %s: %w", name, short(treeish), fs.ErrNotExist)
	}
	return out, err
}

// Snapshot reads the files of a tree-ish below the paths into memory; of a path whose last element begins with a star only those
// with the ending that follows it, at any depth: specs/*.md, ./*_test.go.
func (r *Repo) Snapshot(ctx context.Context, treeish string, paths ...string) (fs.FS, error) {
	below := slices.Clone(paths)
	endings := map[string]string{} // what is wanted of a directory
	for i, p := range paths {
		if at := strings.LastIndex(p, "/*"); at >= 0 {
			below[i] = p[:at]
			endings[strings.TrimPrefix(p[:at]+"/", "./")] = p[at+2:]
		}
	}
	entries, err := r.List(ctx, treeish, below...)
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e Entry) bool {
		for dir, ending := range endings {
			if strings.HasPrefix(e.Path, dir) && !strings.HasSuffix(e.Path, ending) {
				return true
			}
		}
		return false
	})
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Type != "blob" || e.Mode == "120000" })
	known, err := r.read(ctx, entries)
	if err != nil {
		return nil, err
	}
	snapshot := fstest.MapFS{}
	for _, e := range entries {
		snapshot[e.Path] = &fstest.MapFile{Data: known[e.ID], Mode: 0o644}
	}
	return snapshot, nil
}

// read returns the content of blobs, by name. Those that the last call returned, or that were written since, are not asked for
// again: from one landing to the next a snapshot differs in two files, which we wrote ourselves.
func (r *Repo) read(ctx context.Context, entries []Entry) (map[string][]byte, error) {
	r.mu.Lock()
	old := r.blobs
	r.mu.Unlock()
	known := map[string][]byte{}
	var want bytes.Buffer
	var missing []Entry
	for _, e := range entries {
		if data, ok := old[e.ID]; ok {
			known[e.ID] = data
		} else {
			missing = append(missing, e)
			fmt.Fprintln(&want, e.ID)
		}
	}
	var out []byte
	if len(missing) > 0 {
		var err error
		if out, err = r.exec(ctx, command{args: r.at("cat-file", "--batch"), stdin: want.Bytes()}); err != nil {
			return nil, err
		}
	}
	for _, e := range missing {
		header, rest, ok := bytes.Cut(out, []byte{'\n'})
		fields := strings.Fields(string(header))
		if !ok || len(fields) != 3 {
			return nil, fmt.Errorf("reading %s: git answered %q", e.Path, header)
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil || size > len(rest)-1 {
			return nil, fmt.Errorf("reading %s: git answered %q", e.Path, header)
		}
		known[e.ID] = bytes.Clone(rest[:size]) // not a part of all the rest, which would stay in memory with it
		out = rest[size+1:]
	}
	r.mu.Lock()
	r.blobs, r.written = known, 0
	r.mu.Unlock()
	return known, nil
}

// maxWritten bounds the bytes that are remembered of what was written since the last snapshot.
const maxWritten = 16 << 20

// remember keeps a blob that was written for the next snapshot.
func (r *Repo) remember(id string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blobs == nil || r.written+len(data) > maxWritten {
		return
	}
	r.blobs = maps.Clone(r.blobs) // whoever reads has the old one
	r.blobs[id], r.written = bytes.Clone(data), r.written+len(data)
}

// Write stores data as a blob and returns its name.
func (r *Repo) Write(ctx context.Context, data []byte) (string, error) {
	if id, err := r.loose(ctx).write(data); err == nil {
		r.remember(id, data)
		return id, nil
	}
	out, err := r.exec(ctx, command{args: r.at("hash-object", "-w", "--stdin", "--no-filters"), stdin: data})
	id := strings.TrimSpace(string(out))
	if err == nil {
		r.remember(id, data)
	}
	return id, err
}

// Replace returns the tree that is treeish with the given files written; nil data removes one. It uses neither an
// index nor a checkout.
func (r *Repo) Replace(ctx context.Context, treeish string, files map[string][]byte) (string, error) {
	blobs := make(map[string]string, len(files))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		blobs[name] = ""
		if files[name] != nil {
			id, err := r.Write(ctx, files[name])
			if err != nil {
				return "", err
			}
			blobs[name] = id
		}
	}
	if len(blobs) == 0 {
		return treeish, nil
	}
	return r.put(ctx, treeish, blobs, true)
}

// put writes the tree that has the given blobs, by path, beside its own; "" takes one away. Each directory on the way is
// read and written once. A directory that is left empty is none: "" stands for it, but at the top.
func (r *Repo) put(ctx context.Context, tree string, blobs map[string]string, top bool) (string, error) {
	here, below := map[string]string{}, map[string]map[string]string{}
	for name, blob := range blobs {
		dir, rest, deeper := strings.Cut(name, "/")
		switch {
		case !deeper:
			here[name] = blob
		case below[dir] == nil:
			below[dir] = map[string]string{rest: blob}
		default:
			below[dir][rest] = blob
		}
	}
	var kept []Entry
	was := map[string]Entry{}
	if tree != "" {
		out, err := r.exec(ctx, command{args: r.at("ls-tree", "-z", tree)})
		if err != nil {
			return "", err
		}
		for _, e := range parseTree(out) {
			_, replaced := here[e.Path]
			if replaced || below[e.Path] != nil {
				was[e.Path] = e
				continue
			}
			kept = append(kept, e)
		}
	}
	for name, blob := range here {
		fresh := Entry{Mode: "100644", Type: "blob", ID: blob, Path: name}
		if old := was[name]; old.Type == "blob" && old.Mode != "120000" {
			fresh.Mode = old.Mode
		}
		if blob != "" {
			kept = append(kept, fresh)
		}
	}
	for name, files := range below {
		under := ""
		if old := was[name]; old.Type == "tree" {
			under = old.ID
		}
		id, err := r.put(ctx, under, files, false)
		if err != nil {
			return "", err
		}
		if id != "" {
			kept = append(kept, Entry{Mode: "040000", Type: "tree", ID: id, Path: name})
		}
	}
	if len(kept) == 0 && !top {
		return "", nil
	}
	var in bytes.Buffer
	for _, e := range kept {
		fmt.Fprintf(&in, "%s %s %s\t%s\x00", e.Mode, e.Type, e.ID, e.Path)
	}
	out, err := r.exec(ctx, command{args: r.at("mktree", "-z", "--missing"), stdin: in.Bytes()})
	return strings.TrimSpace(string(out)), err
}

// A Commit is what CommitTree writes.
type Commit struct {
	Tree    string
	Parents []string
	Message string
	Sign    bool   // sign it as the user's configuration says; commit-tree alone ignores commit.gpgsign
	Author  string // "Name <mail>"; empty for the user
}

// CommitTree writes a commit object; no ref changes. A clock fixed by SOURCE_DATE_EPOCH gives both dates.
func (r *Repo) CommitTree(ctx context.Context, c Commit) (string, error) {
	args := []string{"commit-tree"}
	for _, p := range c.Parents {
		args = append(args, "-p", p)
	}
	if c.Sign {
		args = append(args, "-S")
	}
	out, err := r.exec(ctx, command{args: r.at(append(args, c.Tree)...), stdin: []byte(c.Message), dated: true})
	return strings.TrimSpace(string(out)), err
}

// Signs tells whether the user wants commits signed.
func (r *Repo) Signs(ctx context.Context) bool {
	out, err := r.run(ctx, "config", "--type=bool", "--get", "commit.gpgsign")
	return err == nil && out == "true"
}

// Tree gives the name of the tree of a commit.
func (r *Repo) Tree(ctx context.Context, commit string) (string, error) {
	return r.Resolve(ctx, commit+"^{tree}")
}

// Message returns the full message of a commit.
func (r *Repo) Message(ctx context.Context, commit string) (string, error) {
	return r.run(ctx, "show", "-s", "--format=%B", "--end-of-options", commit)
}

// Parent returns the first parent of a commit, or "" for a root commit.
func (r *Repo) Parent(ctx context.Context, commit string) (string, error) {
	return r.run(ctx, "show", "-s", "--format=%P", "--end-of-options", commit)
}

// IsAncestor tells whether commit a is b or one of its ancestors.
func (r *Repo) IsAncestor(ctx context.Context, a, b string) (bool, error) {
	_, err := r.run(ctx, "merge-base", "--is-ancestor", a, b)
	if exitCode(err) == 1 {
		return false, nil
	}
	return err == nil, err
}

// A Ref is a name and the commit that it stands at.
type Ref struct{ Name, Commit string }

// Refs lists the refs below a prefix, sorted by name.
func (r *Repo) Refs(ctx context.Context, prefix string) ([]Ref, error) {
	out, err := r.run(ctx, "for-each-ref", "--format=%(objectname) %(refname)", prefix)
	if err != nil {
		return nil, err
	}
	var refs []Ref
	for line := range strings.Lines(out) {
		if commit, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			refs = append(refs, Ref{Name: name, Commit: commit})
		}
	}
	return refs, nil
}

// ErrMoved is in the error of UpdateRef when the ref did not have the old value.
var ErrMoved = fmt.Errorf("the ref moved")

// Zero stands for "does not exist" as an old value.
const Zero = "0000000000000000000000000000000000000000"

// UpdateRef moves a ref by compare and swap: old is its value now, Zero for a new one, "" to overwrite.
func (r *Repo) UpdateRef(ctx context.Context, name, commit, old, reason string) error {
	args := []string{"update-ref", "-m", reason, name, commit}
	if old != "" {
		args = append(args, old)
	}
	_, err := r.run(ctx, args...)
	if exitCode(err) > 0 {
		return fmt.Errorf("%w: %v", ErrMoved, err)
	}
	return err
}

// DeleteRef removes a ref; one that is not there is no error.
func (r *Repo) DeleteRef(ctx context.Context, name string) error {
	_, err := r.run(ctx, "update-ref", "-d", name)
	return err
}

// Merge merges two commits in memory. conflicts names the paths that need a person; the tree then is not usable.
func (r *Repo) Merge(ctx context.Context, ours, theirs string) (tree string, conflicts []string, err error) {
	out, err := r.exec(ctx, command{args: r.at("merge-tree", "--write-tree", "--name-only", "-z", "--no-messages", ours, theirs)})
	fields := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	if exitCode(err) == 1 {
		return "", fields[1:], nil
	}
	if err != nil {
		return "", nil, err
	}
	return fields[0], nil, nil
}

// A Change is one path that differs between two trees.
type Change struct {
	Path    string
	Status  string // A, M, D or T
	Added   int    // lines; -1 for a binary file
	Removed int
}

// Changes compares two tree-ishes, renames not followed.
func (r *Repo) Changes(ctx context.Context, from, to string) ([]Change, error) {
	out, err := r.exec(ctx, command{args: r.at("diff-tree", "-r", "-z", "--no-renames", "--no-textconv", "--no-ext-diff", "--raw", "--numstat", from, to)})
	if err != nil {
		return nil, err
	}
	// First a record of two fields for each path, ":MODES NAMES STATUS" and the path, then its numbers of lines.
	var changes []Change
	at := map[string]int{}
	fields := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	for len(fields) > 1 && strings.HasPrefix(fields[0], ":") {
		raw := strings.Fields(fields[0])
		if len(raw) < 5 {
			return nil, fmt.Errorf("comparing %s and %s: git answered %q", short(from), short(to), fields[0])
		}
		at[fields[1]] = len(changes)
		changes = append(changes, Change{Path: fields[1], Status: raw[4][:1]})
		fields = fields[2:]
	}
	for _, rec := range fields {
		f := strings.SplitN(rec, "\t", 3)
		if len(f) < 3 {
			continue
		}
		if i, ok := at[f[2]]; ok {
			changes[i].Added, changes[i].Removed = atoi(f[0]), atoi(f[1])
		}
	}
	return changes, nil
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// Diff returns the patch between two tree-ishes for the paths (all for none), without colour, external programs or
// renames.
func (r *Repo) Diff(ctx context.Context, from, to string, paths ...string) ([]byte, error) {
	args := []string{"diff-tree", "-r", "-p", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--full-index", from, to, "--"}
	return r.exec(ctx, command{args: r.at(append(args, paths...)...)})
}

// DiffBlobs returns the patch between two blobs.
func (r *Repo) DiffBlobs(ctx context.Context, from, to string) ([]byte, error) {
	return r.exec(ctx, command{args: r.at("diff", "--no-color", "--no-ext-diff", "--no-textconv", from, to)})
}

// Dirty lists the paths of the checkout that differ from HEAD or are untracked, below the paths (all for none).
func (r *Repo) Dirty(ctx context.Context, paths ...string) ([]string, error) {
	if len(paths) > 0 && r.asCommitted(ctx, paths) {
		return nil, nil
	}
	args := append([]string{"status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--"}, paths...)
	out, err := r.exec(ctx, command{args: r.at(args...)})
	if err != nil {
		return nil, err
	}
	var dirty []string
	for rec := range strings.SplitSeq(string(out), "\x00") {
		if len(rec) > 3 {
			dirty = append(dirty, rec[3:])
		}
	}
	return dirty, nil
}

// asCommitted tells whether paths of the checkout hold the very bytes that HEAD has, or are missing in both. It looks at no other
// file, as git status would before it said so; what is only staged it does not see, and a fast-forward over that is refused.
func (r *Repo) asCommitted(ctx context.Context, paths []string) bool {
	entries, err := r.List(ctx, "HEAD", paths...)
	if err != nil {
		return false
	}
	committed := map[string]Entry{}
	for _, e := range entries {
		committed[e.Path] = e
	}
	for _, p := range paths {
		name, e := filepath.Join(r.Dir, filepath.FromSlash(p)), committed[p]
		info, err := os.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && e.Path == "":
			continue
		case err != nil, !info.Mode().IsRegular(), e.Path == "", e.Mode != "100644" && e.Mode != "100755", (e.Mode == "100755") != (info.Mode()&0o100 != 0):
			return false
		}
		if fileName(name, info.Size(), len(e.ID)) != e.ID {
			return false
		}
	}
	return true
}

// blobName is the name that git gives a blob in a repository whose names have so many digits.
func blobName(data []byte, digits int) string {
	return streamName(bytes.NewReader(data), int64(len(data)), digits)
}

// fileName is the name of a file's content as a blob, "" where it cannot be read or has not that size.
func fileName(file string, size int64, digits int) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	return streamName(f, size, digits)
}

func streamName(r io.Reader, size int64, digits int) string {
	h := sha1.New()
	if digits == hex.EncodedLen(sha256.Size) {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", size)
	if n, err := io.Copy(h, r); err != nil || n != size {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Add stages files of the checkout as they are. One that is not there is taken out of the index, if it is in it.
func (r *Repo) Add(ctx context.Context, paths ...string) error {
	if len(paths) == 0 {
		return nil
	}
	args := append([]string{"-C", r.Dir}, r.at("update-index", "--add", "--remove", "--replace", "-z", "--stdin")...)
	_, err := r.exec(ctx, command{args: args, stdin: []byte(strings.Join(paths, "\x00"))})
	return err
}

// addAll stages what lies below paths of the checkout.
func (r *Repo) addAll(ctx context.Context, paths ...string) error {
	if len(paths) == 0 {
		return nil
	}
	args := append([]string{"-C", r.Dir}, r.at("add", "-A", "--pathspec-from-file=-", "--pathspec-file-nul")...)
	_, err := r.exec(ctx, command{args: args, stdin: []byte(strings.Join(literal(paths), "\x00"))})
	return err
}

// Commit commits exactly the given paths of the checkout with the user's identity, signature and hooks; other staged
// changes stay staged.
func (r *Repo) Commit(ctx context.Context, message string, paths ...string) error {
	if err := r.addAll(ctx, paths...); err != nil {
		return err
	}
	args := append([]string{"-C", r.Dir}, r.at("commit", "-q", "-F", "-", "--")...)
	_, err := r.exec(ctx, command{args: append(args, literal(paths)...), stdin: []byte(message), hooks: true, dated: true})
	return err
}

// literal marks paths so that git does not read patterns into them.
func literal(paths []string) []string {
	marked := make([]string, len(paths))
	for i, p := range paths {
		if marked[i] = ":(top,literal)" + path.Clean(p); path.Clean(p) == "." {
			marked[i] = ":(top)"
		}
	}
	return marked
}

// Log returns the commits of a range that carry a trailer, oldest first, as pairs of commit and trailer value.
func (r *Repo) Log(ctx context.Context, trailer, revs string) ([]Ref, error) {
	out, err := r.run(ctx, "log", "--reverse", "--format=%H%x09%(trailers:key="+trailer+",valueonly,separator=%x2C)", "--end-of-options", revs)
	if err != nil {
		return nil, err
	}
	var found []Ref
	for line := range strings.Lines(out) {
		commit, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if value != "" {
			found = append(found, Ref{Name: value, Commit: commit})
		}
	}
	return found, nil
}

// Now is the clock of this repository's commits: SOURCE_DATE_EPOCH when set, else the given time.
func (r *Repo) Now(now time.Time) time.Time {
	s, ok := strings.CutPrefix(r.clock, "@")
	if !ok {
		return now
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(s, " +0000"), 10, 64)
	if err != nil {
		return now
	}
	return time.Unix(n, 0).UTC()
}

func short(rev string) string {
	if len(rev) > 12 {
		return rev[:12]
	}
	return rev
}
