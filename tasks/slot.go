package tasks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"spec.example/spec/internal/sandbox"
)

// A slot is where one task at a time is worked on: the agent's directory and the checkout in which its result is
// verified, both in the user's cache directory, at paths that stay the same from run to run (another path would make
// compilers start over). The agent can reach the first only.
type slot struct {
	number int
	work   checkout // the agent's directory
	check  checkout // the verify checkout
	gitDir string   // a repository for the agent to look at: its objects are the user's, and it cannot write it
	task   string   // whose work lies in the directory
	base   string   // commit that the directory started from
	holds  string   // tree that the verify checkout holds, where nothing can have changed it since but a landing:
	over   []string // the files that it wrote there
	open   bool     // what ran there could write more than it was seen to: a look at every file has to tell
	setup  string   // hash of what the setup command last ran on in the verify checkout
}

// place returns the directory in the user's cache that belongs to a repository.
func place(cache, commonDir string) string {
	sum := sha256.Sum256([]byte(commonDir))
	name := filepath.Base(filepath.Dir(commonDir))
	return filepath.Join(cache, "repos", strings.Map(plainName, name)+"-"+hex.EncodeToString(sum[:6]))
}

func plainName(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
		return r
	}
	return '_'
}

func (r *run) openSlot(number int) (*slot, error) {
	n := strconv.Itoa(number)
	work, err := r.git.At(filepath.Join(r.place, "slot", n, "tree"), filepath.Join(r.place, "index", "slot-"+n))
	if err != nil {
		return nil, fmt.Errorf("opening slot %s: %v", n, err)
	}
	if r.o.InPlace {
		if work, err = r.git.At(r.o.Repo.Dir, filepath.Join(r.place, "index", "checkout")); err != nil {
			return nil, err
		}
	}
	check, err := r.git.At(filepath.Join(r.place, "verify", n, "tree"), filepath.Join(r.place, "index", "verify-"+n))
	if err != nil {
		return nil, fmt.Errorf("opening verify checkout %s: %v", n, err)
	}
	return &slot{number: number, work: work, check: check, gitDir: filepath.Join(r.place, "slot", n, "git")}, nil
}

// prepare makes the slot hold the files of base, unless it holds this task's earlier attempt on the same base: then
// changes build on it.
func (r *run) prepare(ctx context.Context, s *slot, task, base string) error {
	if s.task == task && s.base == base {
		return nil
	}
	s.task = ""
	if r.o.InPlace {
		s.task, s.base = task, base
		return s.work.Stage(ctx, base)
	}
	if err := os.Remove(filepath.Join(s.work.Path(), ".git")); err != nil && !errors.Is(err, os.ErrNotExist) {
		if err := os.RemoveAll(filepath.Join(s.work.Path(), ".git")); err != nil {
			return err
		}
	}
	if err := s.work.Reset(ctx, base); err != nil {
		return fmt.Errorf("preparing slot %d: %v", s.number, err)
	}
	r.age(s.work.Path())
	if err := r.copyIn(s.work.Path()); err != nil {
		return err
	}
	if err := r.agentGit(ctx, s, base); err != nil {
		return fmt.Errorf("preparing slot %d: %v", s.number, err)
	}
	if err := r.runSetup(ctx, s, s.work.Path()); err != nil {
		return err
	}
	s.task, s.base = task, base
	return nil
}

// age makes the lock in a slot look older than what git noted of it a moment ago. A file that was written in the second in which the
// index was is read again by each git that writes the index, and the lock can be large; one with another time is read only
// where git is asked what changed. Other files keep their times, by which build tools go.
func (r *run) age(dir string) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return
	}
	defer root.Close()
	name := filepath.Join(filepath.FromSlash(r.o.FeatureDir), LockFile)
	if info, err := root.Lstat(name); err == nil && info.Mode().IsRegular() {
		old := info.ModTime().Add(-time.Minute)
		root.Chtimes(name, old, old) // what does not succeed costs time only
	}
}

// agentGit gives the slot a repository of its own to look at history and differences with. Nothing that we do goes
// through it.
func (r *run) agentGit(ctx context.Context, s *slot, base string) error {
	for _, dir := range []string{"objects/info", "refs/heads", "info"} {
		if err := os.MkdirAll(filepath.Join(s.gitDir, filepath.FromSlash(dir)), 0o755); err != nil {
			return err
		}
	}
	files := map[string]string{
		"HEAD":                    base + "\n",
		"config":                  "[core]\n\trepositoryformatversion = 0\n\tbare = false\n",
		"gitdir":                  filepath.Join(s.work.Path(), ".git") + "\n", // as a linked worktree's names its checkout
		"objects/info/alternates": filepath.Join(r.o.Repo.CommonDir, "objects") + "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.gitDir, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := s.work.CopyIndex(filepath.Join(s.gitDir, "index")); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.work.Path(), ".git"), []byte("gitdir: "+s.gitDir+"\n"), 0o644)
}

// copyIn copies the configured files of the user's checkout (".env") that git does not carry. Links lead nowhere: one in the
// repository would read what is outside, and one that an agent made would have us write there.
func (r *run) copyIn(dir string) error {
	if len(r.o.Copy) == 0 {
		return nil
	}
	from, err := os.OpenRoot(r.o.Repo.Dir)
	if err != nil {
		return fmt.Errorf("copy: %v", err)
	}
	defer from.Close()
	to, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("copy: %v", err)
	}
	defer to.Close()
	for _, name := range r.o.Copy {
		name = filepath.FromSlash(name)
		if !filepath.IsLocal(name) {
			return fmt.Errorf("copy: %s leads outside the repository", name)
		}
		info, err := from.Stat(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = copyWithin(from, to, name, info.Mode().Perm())
		}
		if err != nil {
			return fmt.Errorf("copy: %s: %v", name, err)
		}
	}
	return nil
}

func copyWithin(from, to *os.Root, name string, mode fs.FileMode) error {
	data, err := from.ReadFile(name)
	if err != nil {
		return err
	}
	if err := to.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := to.RemoveAll(name); err != nil {
		return err
	}
	return to.WriteFile(name, data, mode)
}

// runSetup runs the configured setup command in a slot or verify checkout.
func (r *run) runSetup(ctx context.Context, s *slot, dir string) error {
	if r.o.Setup == "" {
		return nil
	}
	temp, err := r.temp()
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	var out boundedBuffer
	c := sandbox.Command{
		Self: r.o.Self, Argv: []string{"sh", "-c", r.o.Setup}, Dir: dir, Stdout: &out, Stderr: &out, Hold: r.lock.file(),
		Env:    r.childEnv(temp, "SPEC_SLOT="+strconv.Itoa(s.number)),
		Policy: r.policy().With(append([]string{dir}, r.packageConfig()...), []string{dir, temp, filepath.Join(r.place, "packages")}),
	}
	if err := os.MkdirAll(filepath.Join(r.place, "packages"), 0o755); err != nil {
		return err
	}
	exit, err := c.Run(ctx)
	if err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	if exit.Code != 0 {
		return fmt.Errorf("setup: %q ended with status %d: %s", r.o.Setup, exit.Code, cutTail(out.String(), 20))
	}
	return nil
}

// packageConfig lists the files of package managers that setup and fetch may read in the closed home directory.
func (r *run) packageConfig() []string {
	home := lookup(r.o.Env, "HOME")
	if home == "" {
		return nil
	}
	var paths []string
	for _, name := range []string{".npmrc", ".netrc", ".cargo/config.toml", ".config/pip", ".pip"} {
		paths = append(paths, filepath.Join(home, filepath.FromSlash(name)))
	}
	return paths
}

// temp makes a private directory with a short path (socket paths end at 107 bytes). Others may enter it, since a
// server that gives up root has to, but not list it.
func (r *run) temp() (string, error) {
	dir, err := os.MkdirTemp("", "spec-")
	if err != nil {
		return "", fmt.Errorf("making a temporary directory: %v", err)
	}
	return dir, os.Chmod(dir, 0o711)
}

// policy is what every child of a run may touch, before its own directories are added.
func (r *run) policy() sandbox.Policy {
	p := sandbox.Base(r.o.Env)
	if r.o.Sandbox.Mode != "" {
		p.Mode = r.o.Sandbox.Mode
	}
	p.TCP = r.o.Sandbox.TCP
	return p.With(r.o.Sandbox.Reads, r.o.Sandbox.Writes)
}

// childEnv is the environment of setup and verify: a home of its own, and the mark of a machine that nobody watches.
func (r *run) childEnv(temp string, extra ...string) []string {
	env := sandbox.Environment(r.o.Env, r.o.Sandbox.Env, []string{
		"HOME=" + filepath.Join(temp, "home"), "TMPDIR=" + temp, "CI=1",
		"npm_config_cache=" + filepath.Join(r.place, "packages", "npm"),
		"CARGO_HOME=" + filepath.Join(r.place, "packages", "cargo"),
		"PIP_CACHE_DIR=" + filepath.Join(r.place, "packages", "pip"),
	})
	return append(env, extra...)
}

func lookup(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], name+"="); ok {
			return value
		}
	}
	return ""
}
