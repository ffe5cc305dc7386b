package tasks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/guard"
)

// A frozen result is what an attempt left, as a tree that nobody can change any more.
type frozen struct {
	tree    string
	changes []git.Change
	diff    []byte
	patch   string   // hash of the patch, see patchHash
	dropped []string // what was left out, with the reason
	ignored []string
	fenced  []string // paths that are not an agent's to change
}

// maxNamed bounds how many dropped changes are named.
const maxNamed = 20

// fence freezes the slot, or under Hand the user's checkout. By now every process of the agent has ended. Changes to specifications, lock, configuration
// and git's own files are left out; repositories made inside the slot too.
func (r *run) fence(ctx context.Context, from checkout, base string) (frozen, error) {
	tree, nested, err := from.Freeze(ctx, base)
	if err != nil {
		return frozen{}, fmt.Errorf("freezing the result: %w", err)
	}
	fault("write-tree")
	var out frozen
	for _, name := range nested {
		out.dropped = append(out.dropped, name+": a repository inside the slot is not part of the result")
	}
	changes, err := r.git.Changes(ctx, base, tree)
	if err != nil {
		return frozen{}, err
	}
	var put []string
	for _, c := range changes {
		if r.protected(c.Path) && guard.On(guard.Fence) {
			put = append(put, c.Path)
			if len(put) <= maxNamed {
				out.dropped = append(out.dropped, c.Path+": specifications and configuration are not an agent's to change")
			}
		}
	}
	if more := len(put) - maxNamed; more > 0 {
		out.dropped = append(out.dropped, fmt.Sprintf("%d more such changes", more))
	}
	if len(put) > 0 {
		if tree, err = from.Restore(ctx, base, put...); err != nil {
			return frozen{}, fmt.Errorf("leaving out changes to specifications: %v", err)
		}
	}
	if out.tree, out.fenced = tree, put; len(put) == 0 {
		out.changes = changes
	}
	if err := r.describe(ctx, &out, base); err != nil {
		return frozen{}, err
	}
	if !r.o.Hand {
		out.ignored, err = from.Ignored(ctx, 20)
	}
	return out, err
}

// describe fills in what changed between base and the tree.
func (r *run) describe(ctx context.Context, f *frozen, base string) error {
	var err error
	if f.changes == nil {
		if f.changes, err = r.git.Changes(ctx, base, f.tree); err != nil {
			return err
		}
	}
	if f.diff, err = r.git.Diff(ctx, base, f.tree); err != nil {
		return err
	}
	f.patch = patchHash(f.diff)
	return nil
}

// patchHash names a patch by what it adds and removes, not where: sha256 over the sorted pairs of path and sha256 of
// its added and removed lines. Manifests are left out, since landing settles them anew; so the hash does not depend on
// the order in which tasks land.
func patchHash(diff []byte) string {
	var pairs []string
	for file, lines := range patchLines(diff) {
		if isManifest(file[strings.LastIndexByte(file, '/')+1:]) {
			continue
		}
		h := sha256.New()
		for _, line := range lines.removed {
			fmt.Fprintf(h, "-%s\n", line)
		}
		for _, line := range lines.added {
			fmt.Fprintf(h, "+%s\n", line)
		}
		pairs = append(pairs, file+" "+hex.EncodeToString(h.Sum(nil)))
	}
	sort.Strings(pairs)
	sum := sha256.Sum256([]byte(strings.Join(pairs, "\n")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func diffHash(diff []byte) string {
	sum := sha256.Sum256(diff)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}
