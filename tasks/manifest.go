package tasks

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"spec.example/spec/internal/git"
)

// manifests lists the go.mod and go.sum files that both the task and the head changed since the task's base.
func (r *run) manifests(ctx context.Context, head string, a approved) []string {
	mine, err := r.git.Changes(ctx, a.base, a.tree)
	if err != nil {
		return nil
	}
	mine = slices.DeleteFunc(mine, func(c git.Change) bool { return path.Base(c.Path) != "go.mod" && path.Base(c.Path) != "go.sum" })
	if len(mine) == 0 {
		return nil
	}
	theirs, err := r.git.Changes(ctx, a.base, head)
	if err != nil {
		return nil
	}
	var both []string
	for _, c := range mine {
		if slices.ContainsFunc(theirs, func(t git.Change) bool { return t.Path == c.Path }) {
			both = append(both, c.Path)
		}
	}
	return both
}

// settle merges everything but the manifests, and makes these from head's: what the task required or raised is added
// (the higher version wins), both go.sum are joined, the higher go line stands. Never `go mod tidy`: it needs the
// network.
func (r *run) settle(ctx context.Context, head string, a approved, names []string) (string, error) {
	without := map[string][]byte{}
	settled := map[string][]byte{}
	for _, name := range names {
		base, _ := r.git.ReadFile(ctx, a.base, name)
		mine, err := r.git.ReadFile(ctx, a.tree, name)
		if err != nil {
			return "", err
		}
		theirs, err := r.git.ReadFile(ctx, head, name)
		if err != nil {
			return "", err
		}
		without[name] = base
		if path.Base(name) == "go.sum" {
			settled[name] = joinSums(theirs, mine)
		} else if settled[name], err = joinMods(base, theirs, mine); err != nil {
			return "", &sentBack{why: fmt.Sprintf("%s does not merge with what landed meanwhile: %v", name, err)}
		}
	}
	tree, err := r.git.Replace(ctx, a.tree, without)
	if err != nil {
		return "", err
	}
	commit, err := r.git.CommitTree(ctx, git.Commit{Tree: tree, Parents: []string{a.base}, Message: "spec: without manifests\n"})
	if err != nil {
		return "", err
	}
	merged, conflicts, err := r.pick(ctx, head, a.base, commit)
	if err != nil {
		return "", err
	}
	if len(conflicts) > 0 {
		return "", &sentBack{why: "it does not merge with what landed meanwhile: " + strings.Join(conflicts, ", ")}
	}
	return r.git.Replace(ctx, merged, settled)
}

func joinSums(a, b []byte) []byte {
	var lines []string
	for line := range strings.Lines(string(a) + "\n" + string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	sort.Strings(lines)
	return []byte(strings.Join(slices.Compact(lines), "\n") + "\n")
}

func joinMods(base, theirs, mine []byte) ([]byte, error) {
	was, err := parseMod(base)
	if err != nil {
		return nil, err
	}
	out, err := parseMod(theirs)
	if err != nil {
		return nil, err
	}
	want, err := parseMod(mine)
	if err != nil {
		return nil, err
	}
	for _, req := range want.Require {
		if v := version(was, req.Mod.Path); v != "" && semver.Compare(req.Mod.Version, v) <= 0 {
			continue
		}
		if v := version(out, req.Mod.Path); v != "" && semver.Compare(req.Mod.Version, v) <= 0 {
			continue
		}
		if version(out, req.Mod.Path) == "" {
			out.AddNewRequire(req.Mod.Path, req.Mod.Version, req.Indirect)
		} else if err := out.AddRequire(req.Mod.Path, req.Mod.Version); err != nil {
			return nil, err
		}
	}
	if want.Go != nil && (out.Go == nil || semver.Compare("v"+want.Go.Version, "v"+out.Go.Version) > 0) {
		if err := out.AddGoStmt(want.Go.Version); err != nil {
			return nil, err
		}
	}
	out.SortBlocks()
	out.Cleanup()
	return out.Format()
}

func parseMod(data []byte) (*modfile.File, error) { return modfile.Parse("go.mod", data, nil) }

func version(f *modfile.File, module string) string {
	for _, r := range f.Require {
		if r.Mod.Path == module {
			return r.Mod.Version
		}
	}
	return ""
}
