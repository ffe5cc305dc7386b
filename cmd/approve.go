package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

type approveOptions struct{ noCommit bool }

func (a *app) approveVerb() *cobra.Command {
	var o approveOptions
	c := &cobra.Command{
		Use:   "approve FEATURE [requirements|design|tasks]",
		Short: "Approve the exact words of a specification",
		Long: "Approve shows a document, or what changed in it since it was approved, and asks at the terminal. A yes is written\n" +
			"into spec.lock with a hash of the words and committed. Ticking a box does not undo an approval, changing a word does.\nWithout a stage it asks for each one that is not approved. There is no flag that says yes.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			stages := spec.Stages()
			if len(args) == 2 {
				stages = []spec.Stage{spec.Stage(args[1])}
				if near := nearest(args[1], []string{"requirements", "design", "tasks"}); near != args[1] {
					return undecided("spec approve "+args[0]+" "+first(near, "requirements"), "%q is no stage: requirements, design or tasks", args[1])
				}
			}
			ctx, cancel := a.prompt(c.Context())
			defer cancel()
			return a.approve(ctx, args[0], stages, o)
		},
	}
	c.Flags().BoolVar(&o.noCommit, "no-commit", false, "write spec.lock, but leave the commit to you")
	return c
}

// spec:workflow/2.2
func (a *app) approve(ctx context.Context, name string, stages []spec.Stage, o approveOptions) error {
	t, err := a.open(name)
	if err != nil {
		return err
	}
	repo, err := a.repository(ctx, t.root)
	if err != nil {
		return err
	}
	who, err := a.identity(ctx, repo)
	if err != nil {
		return err
	}
	wanted := t.unapproved(stages)
	if len(wanted) == 0 {
		fmt.Fprintln(a.w.Stdout, "Nothing to approve: these exact words are approved already.")
		return nil
	}
	if err := t.approvable(wanted); err != nil {
		return err
	}
	tty, err := a.terminal()
	if err != nil {
		return waits("spec approve "+name+" at a terminal", "an approval is a person's act and needs a terminal")
	}
	defer tty.close()
	for _, stage := range wanted {
		if err := a.showStage(ctx, tty, repo, t, stage); err != nil {
			return err
		}
		yes, err := tty.yes(fmt.Sprintf("Approve the %s of %s?", stage, t.feature.Name))
		if err != nil {
			return waits("spec approve "+name+" at a terminal", "an approval is a person's act and needs a terminal")
		}
		if !yes {
			return no("edit "+t.feature.Document(stage).Path+", then: spec approve "+name+" "+string(stage), "%s not approved", stage)
		}
		if err := a.recordApproval(ctx, repo, t, stage, "tty", who, o.noCommit); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) identity(ctx context.Context, repo *git.Repo) (string, error) {
	who, err := repo.Identity(ctx)
	if err != nil {
		return "", undecided("git config --global user.name \"Your Name\" && git config --global user.email you@example.org", "git does not know who you are")
	}
	return who, nil
}

// unapproved lists those of the stages that exist and are not approved as they stand.
func (t *target) unapproved(stages []spec.Stage) []spec.Stage {
	var wanted []spec.Stage
	for _, u := range tasks.Approved(t.feature, t.lock) {
		for _, s := range stages {
			if s == u.Stage {
				wanted = append(wanted, s)
			}
		}
	}
	return wanted
}

// openPoint marks what a skeleton leaves to a person.
const openPoint = "[NEEDS CLARIFICATION"

// approvable refuses documents with mistakes or open points.
func (t *target) approvable(stages []spec.Stage) error {
	_, diags := t.plan(false)
	for _, stage := range stages {
		doc := t.feature.Document(stage)
		for i, line := range bytes.Split(doc.Data, []byte("\n")) {
			if i+1 >= doc.From && (doc.To == 0 || i+1 < doc.To) && bytes.Contains(line, []byte(openPoint)) {
				return no("edit "+doc.Path, "%s:%d: an open point: %s", doc.Path, i+1, strings.TrimSpace(string(line)))
			}
		}
		for _, d := range diags {
			if d.Severity == spec.Error && d.File == doc.Path {
				return no(d.Hint, "%s%s: %s", place(d), d.Code, d.Message)
			}
		}
	}
	return nil
}

// showStage shows a document, or what changed in it since its last approval.
func (a *app) showStage(ctx context.Context, tty *terminal, repo *git.Repo, t *target, stage spec.Stage) error {
	doc := t.feature.Document(stage)
	old := t.lock.Approval(stage)
	if old != nil && old.Blob != "" {
		if blob, err := repo.Write(ctx, doc.Data); err == nil {
			if diff, err := repo.DiffBlobs(ctx, old.Blob, blob); err == nil && len(diff) > 0 {
				tty.printf("%s\n", clean(string(diff)))
				return nil
			}
		}
	}
	tty.printf("--- %s\n%s\n", doc.Path, clean(string(doc.Data)))
	return nil
}

// recordApproval writes the approval of a stage into the lock and commits the feature's directory. The first approval
// also commits the files outside it that `spec new` wrote and that nobody has touched since.
func (a *app) recordApproval(ctx context.Context, repo *git.Repo, t *target, stage spec.Stage, channel, who string, noCommit bool) error {
	doc := t.feature.Document(stage)
	blob, err := repo.Write(ctx, doc.Data)
	if err != nil {
		return err
	}
	dropped := t.lock.Approve(t.feature, stage, trace.Approval{Stage: stage, Hash: spec.ApprovedHash(t.feature, stage), Blob: blob, Channel: channel, Who: who,
		Date: repo.Now(a.w.Now()).UTC().Format("2006-01-02")})
	for _, fact := range dropped {
		a.progress("no longer in the lock: %s", fact)
	}
	lockPath := path.Join(t.feature.Dir, tasks.LockFile)
	if err := writeFile(filepath.Join(t.root, filepath.FromSlash(lockPath)), t.lock.Bytes()); err != nil {
		return err
	}
	fmt.Fprintf(a.w.Stdout, "Approved: %s of %s, by %s (%s).\n", stage, t.feature.Name, clean(who), channel)
	if noCommit {
		fmt.Fprintf(a.w.Stdout, "Not committed: git add %[1]s && git commit %[1]s\n", t.feature.Dir)
		return nil
	}
	root, _, err := t.inRepo(repo)
	if err != nil {
		return err
	}
	paths, err := a.toCommit(ctx, repo, t, root)
	if err != nil {
		return err
	}
	message := fmt.Sprintf("%s: approve %s\n", t.feature.Name, stage)
	if err := repo.Commit(ctx, message, paths...); err != nil {
		return undecided("git commit "+spec.Typed(t.feature.Dir), "the approval is in %s but could not be committed: %v", lockPath, err)
	}
	return nil
}

// toCommit lists what an approval commits, relative to the repository's top.
func (a *app) toCommit(ctx context.Context, repo *git.Repo, t *target, root string) ([]string, error) {
	paths := []string{path.Join(root, t.feature.Dir)}
	for _, name := range []string{".kiro/steering", repoConfig} {
		full := path.Join(root, name)
		if _, err := os.Stat(filepath.Join(t.root, filepath.FromSlash(name))); err != nil {
			continue
		}
		dirty, err := repo.Dirty(ctx, full)
		if err != nil {
			return nil, err
		}
		for _, d := range dirty {
			if _, err := repo.ReadFile(ctx, "HEAD", d); errors.Is(err, fs.ErrNotExist) {
				paths = append(paths, d) // new: written by spec new or init, or by a person beside it
				a.progress("also committed: %s", d)
			}
		}
	}
	return paths, nil
}

// writeFile replaces a file whole: a reader sees the old or the new one, never a part.
func writeFile(file string, data []byte) error {
	mode := os.FileMode(0o644)
	if info, err := os.Stat(file); err == nil {
		mode = info.Mode().Perm()
	}
	temp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(data); err != nil {
		temp.Close()
		return err
	}
	// Without the sync, a crash soon after the rename can leave an empty file under the new name.
	if err := temp.Sync(); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	if err := os.Chmod(temp.Name(), mode); err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}

// path resolves a file that was named on the command line.
func (a *app) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.dir, name)
}
