//go:build unix

package tasks

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spec.example/spec/spec"
)

// A counted git counts how its verify checkouts are made ready.
type countedGit struct {
	repository
	moved, reset *int
}

func (g countedGit) At(dir, index string) (checkout, error) {
	c, err := g.repository.At(dir, index)
	if !strings.Contains(filepath.ToSlash(dir), "/verify/") {
		return c, err
	}
	return countedCheckout{c, g}, err
}

type countedCheckout struct {
	checkout
	git countedGit
}

func (c countedCheckout) Move(ctx context.Context, from, to string, over ...string) error {
	*c.git.moved++
	return c.checkout.Move(ctx, from, to, over...)
}

func (c countedCheckout) Reset(ctx context.Context, tree string, keep ...string) error {
	*c.git.reset++
	return c.checkout.Reset(ctx, tree, keep...)
}

// TestVerifyCheckoutHoldsTheTree looks, each time that something is verified, whether the verify checkout holds that tree and
// nothing else: also after a landing, whose ticks and facts are checked there. It is made whole once, and then moved from
// tree to tree.
func TestVerifyCheckoutHoldsTheTree(t *testing.T) {
	const n = 5
	x := newBench(t, n, 10, width)
	o := x.options(t, writer{}, 1)
	var moved, reset, checked int
	o.git = countedGit{gitOf(o), &moved, &reset}
	o.Check = func(fsys fs.FS) (spec.Diagnostics, error) {
		data, err := fs.ReadFile(fsys, ".kiro/specs/f/spec.lock")
		if checked++; err != nil || strings.Count(string(data), "  landed ") != checked {
			t.Errorf("landing %d: the lock is checked as it was before: %v", checked, err)
		}
		return nil, nil
	}
	o.judged = func(tree string) Verified {
		dir := filepath.Join(place(o.Cache, o.Repo.CommonDir), "verify", "0", "tree")
		for _, args := range [][]string{{"read-tree", tree}, {"diff-files", "--name-only"}, {"ls-files", "--others"}} {
			cmd := exec.Command("git", append([]string{"--git-dir=" + o.Repo.GitDir, "--work-tree=" + dir}, args...)...)
			cmd.Dir, cmd.Env = dir, append(x.env, "GIT_INDEX_FILE="+filepath.Join(filepath.Dir(x.dir), "index"))
			if args[0] == "diff-files" {
				refresh := exec.Command(cmd.Path, append(cmd.Args[1:3:3], "update-index", "-q", "--refresh")...)
				refresh.Dir, refresh.Env = cmd.Dir, cmd.Env
				refresh.Run()
			}
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s: git %s: %v\n%s", tree, args[0], err, out)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "src")); err != nil {
			t.Error(err)
		}
		return Verified{OK: true}
	}
	x.run(t, o, n)
	if checked != n || reset != 1 || moved < n-1 {
		t.Errorf("%d landings were checked; the checkout was made %d times and moved %d times", checked, reset, moved)
	}
}
