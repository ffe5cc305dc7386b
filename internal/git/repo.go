package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"spec.example/spec/internal/guard"
)

// A Repo is a user's repository with the checkout that it was opened from. It is safe for concurrent use as far as
// git's own locks go.
type Repo struct {
	Dir       string // top of the checkout, absolute
	GitDir    string // git directory of this checkout, absolute
	CommonDir string // git directory that all checkouts share, absolute
	env       []string
	once      sync.Once
	settings  []string // what quiet found
	storing   sync.Once
	store     *looseStore
	mu        sync.Mutex
	blobs     map[string][]byte // content of the last snapshot's and of written blobs, by name; not changed once it is set
	written   int               // bytes of the written ones
	clock     string            // "@seconds +0000" for author and committer dates, or empty
}

// location lists the variables that say where a repository is. They are cleared; identity, configuration files and
// ssh settings pass.
func location(name string) bool {
	switch name {
	case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
		"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS", "GIT_EXEC_PATH":
		return true
	}
	return strings.HasPrefix(name, "GIT_CONFIG_KEY_") || strings.HasPrefix(name, "GIT_CONFIG_VALUE_")
}

// ErrNoRepository is what Open returns where there is no git repository.
var ErrNoRepository = errors.New("not a git repository")

// Open finds the repository that dir lies in. env is the environment for git. It returns ErrNoRepository when there
// is none, and an error that says so when git is missing.
func Open(ctx context.Context, dir string, env []string) (*Repo, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	r := &Repo{Dir: abs, env: cleared(env)}
	for _, kv := range env {
		if s, ok := strings.CutPrefix(kv, "SOURCE_DATE_EPOCH="); ok && s != "" {
			r.clock = "@" + s + " +0000"
		}
	}
	out, err := r.exec(ctx, command{args: []string{"-C", abs, "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir", "--git-common-dir"}})
	if err != nil {
		var exit *Error
		if errors.As(err, &exit) {
			if strings.Contains(exit.Stderr, "dubious ownership") {
				return nil, fmt.Errorf("opening the repository of %s: %s", abs, strings.TrimSpace(exit.Stderr))
			}
			return nil, fmt.Errorf("%s: %w", abs, ErrNoRepository)
		}
		return nil, err
	}
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	if len(lines) != 3 {
		return nil, fmt.Errorf("%s: %w", abs, ErrNoRepository)
	}
	r.Dir, r.GitDir, r.CommonDir = filepath.FromSlash(lines[0]), filepath.FromSlash(lines[1]), filepath.FromSlash(lines[2])
	if guard.On(guard.GitElsewhere) {
		if err := r.vouched(ctx, abs); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// A ForeignError is what Open returns where a .git leads to a repository that does not know of this checkout, or whose files
// lie elsewhere: whoever made that .git would have us write into somebody else's repository.
type ForeignError struct{ Place, GitDir, Files string }

func (e *ForeignError) Error() string {
	if e.Files != e.Place {
		return fmt.Sprintf("the repository of %s keeps its files in %s", e.Place, e.Files)
	}
	return fmt.Sprintf("%s leads to the repository %s, which does not name %s as its checkout", filepath.Join(e.Place, ".git"), e.GitDir, e.Place)
}

// vouched demands that the repository whose .git lies at or above dir has its files there, and, where that .git is no directory,
// that it names this checkout: as a linked worktree's and a submodule's do.
func (r *Repo) vouched(ctx context.Context, dir string) error {
	place := dir
	info, err := os.Lstat(filepath.Join(place, ".git"))
	for err != nil && filepath.Dir(place) != place {
		place = filepath.Dir(place)
		info, err = os.Lstat(filepath.Join(place, ".git"))
	}
	foreign := &ForeignError{Place: place, GitDir: r.GitDir, Files: r.Dir}
	if err != nil || !sameFile(place, r.Dir) {
		return foreign
	}
	foreign.Files = place
	if info.IsDir() {
		return nil
	}
	if back, err := os.ReadFile(filepath.Join(r.GitDir, "gitdir")); err == nil {
		name := strings.TrimSpace(string(back))
		if !filepath.IsAbs(name) {
			name = filepath.Join(r.GitDir, name)
		}
		if sameFile(name, filepath.Join(place, ".git")) {
			return nil
		}
	}
	if named, err := r.run(ctx, "config", "--local", "--get", "core.worktree"); err == nil && strings.TrimSpace(named) != "" {
		return nil // it is where the files are, then, which was compared
	}
	return foreign
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// Init makes a new repository in dir, on branch main unless the user's configuration names another.
func Init(ctx context.Context, dir string, env []string) (*Repo, error) {
	r := &Repo{Dir: dir, env: cleared(env)}
	args := []string{"-C", dir, "init", "-q"}
	if _, err := r.exec(ctx, command{args: []string{"config", "--get", "init.defaultBranch"}}); err != nil {
		args = append(args, "--initial-branch=main")
	}
	if _, err := r.exec(ctx, command{args: args}); err != nil {
		return nil, err
	}
	return Open(ctx, dir, env)
}

// SetConfig sets one value of the repository's own configuration.
func (r *Repo) SetConfig(ctx context.Context, key, value string) error {
	_, err := r.run(ctx, "config", key, value)
	return err
}

func cleared(env []string) []string {
	kept := slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return location(name) || name == "LC_ALL" || name == "LANGUAGE"
	})
	return append(kept, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0")
}

// Error is a git command that failed.
type Error struct {
	Args   []string
	Code   int // exit status
	Stderr string
}

func (e *Error) Error() string {
	msg := strings.TrimSpace(e.Stderr)
	if msg == "" {
		msg = fmt.Sprintf("exit status %d", e.Code)
	}
	return fmt.Sprintf("git %s: %s", strings.Join(e.Args, " "), msg)
}

// exitCode gives the exit status of a failed git command, or -1 for any other error.
func exitCode(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return -1
}

type command struct {
	args  []string
	then  []string // arguments of a second git, which is run if the first succeeds, also where this program has ended by then
	stdin []byte
	env   []string // added to the repository's
	hooks bool     // leave core.hooksPath as configured
	dated bool     // write author and committer dates from the fixed clock, if there is one
}

// exec runs git and returns its standard output. Children stand in a process group of their own: an interrupt at
// the terminal, or the end of this process, must not stop git in the middle of a write.
func (r *Repo) exec(ctx context.Context, c command) ([]byte, error) {
	full := []string{"-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.quotePath=false"}
	if guard.On(guard.GitMonitor) {
		full = append(full, "-c", "core.fsmonitor=false")
	}
	if slices.ContainsFunc(c.args, looksAtFiles) {
		for _, setting := range r.quiet(ctx) {
			full = append(full, "-c", setting)
		}
	}
	if !c.hooks && guard.On(guard.GitHooks) {
		full = append(full, "-c", "core.hooksPath="+os.DevNull)
	}
	cmd := exec.CommandContext(ctx, "git", slices.Concat(full, c.args)...)
	if len(c.then) > 0 {
		cmd = exec.CommandContext(ctx, "sh", "-c", shellLine(slices.Concat(full, c.args))+" && exec "+shellLine(slices.Concat(full, c.then)))
	}
	cmd.Dir = r.Dir // ls-tree and others take paths relative to where they are started
	cmd.Env = append(slices.Clone(r.env), c.env...)
	if c.dated && r.clock != "" {
		cmd.Env = append(cmd.Env, "GIT_AUTHOR_DATE="+r.clock, "GIT_COMMITTER_DATE="+r.clock)
	}
	cmd.Stdin = bytes.NewReader(c.stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	ownGroup(cmd)
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out.Bytes(), &Error{Args: c.args, Code: exit.ExitCode(), Stderr: errOut.String()}
	}
	if err != nil {
		return nil, fmt.Errorf("running git: %w", err)
	}
	return out.Bytes(), nil
}

// shellLine is a git command as a POSIX shell reads it.
func shellLine(args []string) string {
	line := "git"
	for _, arg := range args {
		line += " '" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return line
}

// looksAtFiles tells whether a git command reads or writes files of a work tree, for which it may run filters, or signs.
func looksAtFiles(arg string) bool {
	return slices.Contains([]string{"add", "checkout-index", "clean", "commit", "commit-tree", "diff", "diff-files", "hash-object", "ls-files", "merge", "read-tree", "restore", "status", "update-index"}, arg)
}

// quiet are the settings that take away the programs which the repository's own configuration names: a repository that comes as
// an archive brings one. The user's own configuration keeps its say.
func (r *Repo) quiet(ctx context.Context) []string {
	r.once.Do(func() {
		if r.GitDir == "" || !guard.On(guard.GitFilters) {
			return
		}
		out, err := r.exec(ctx, command{args: r.at("config", "-z", "--show-scope", "--name-only", "--get-regexp",
			`^(filter\..*\.(clean|smudge|process)|diff\..*\.(textconv|command)|diff\.external|core\.(sshcommand|gitproxy|askpass|editor|pager|alternaterefscommand)|gpg\.(.*\.)?(program|defaultkeycommand)|merge\..*\.driver|credential\.(.*\.)?helper)$`)})
		if err != nil {
			return // there is none
		}
		words := strings.Split(string(out), "\x00")
		users := map[string]bool{}
		for i := 0; i+1 < len(words); i += 2 {
			if words[i] == "global" || words[i] == "system" {
				users[words[i+1]] = true
			}
		}
		for i := 0; i+1 < len(words); i += 2 {
			scope, key := words[i], words[i+1]
			if scope != "local" && scope != "worktree" {
				continue
			}
			r.settings = append(r.settings, key+"="+r.usersValue(ctx, key, users[key]))
			if name, ok := strings.CutPrefix(key, "filter."); ok {
				r.settings = append(r.settings, "filter."+name[:strings.LastIndexByte(name, '.')]+".required=false")
			}
		}
	})
	return r.settings
}

// usersValue is what a key is without the repository: the user's own value, or the program that git runs by itself.
func (r *Repo) usersValue(ctx context.Context, key string, set bool) string {
	if set {
		for _, scope := range []string{"--global", "--system"} {
			if out, err := r.run(ctx, "config", scope, "--get", key); err == nil {
				return out
			}
		}
	}
	switch strings.ToLower(key) {
	case "gpg.program", "gpg.openpgp.program":
		return "gpg"
	case "gpg.x509.program":
		return "gpgsm"
	case "gpg.ssh.program":
		return "ssh-keygen"
	}
	return ""
}

// Tracks tells whether the index holds a path, or something below it.
func (r *Repo) Tracks(ctx context.Context, name string) (bool, error) {
	out, err := r.run(ctx, "ls-files", "-z", "--", ":(top,literal)"+name)
	return out != "", err
}

// at prefixes args with the recorded git directory and work tree.
func (r *Repo) at(args ...string) []string {
	return append([]string{"--git-dir=" + r.GitDir, "--work-tree=" + r.Dir}, args...)
}

func (r *Repo) run(ctx context.Context, args ...string) (string, error) {
	out, err := r.exec(ctx, command{args: r.at(args...)})
	return strings.TrimRight(string(out), "\n"), err
}

// Config reads one value of git's configuration; empty when it is not set.
func (r *Repo) Config(ctx context.Context, key string) string {
	out, err := r.run(ctx, "config", "--get", key)
	if err != nil {
		return ""
	}
	return out
}

// Identity returns the user as git would write it ("Ada <ada@example.org>"), or an error when git would refuse to
// commit for want of one.
func (r *Repo) Identity(ctx context.Context) (string, error) {
	out, err := r.run(ctx, "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT")
	if err != nil {
		return "", fmt.Errorf("git does not know who you are: %v", err)
	}
	if i := strings.LastIndex(out, ">"); i >= 0 {
		out = out[:i+1]
	}
	return out, nil
}

// Head says which branch is checked out ("" when detached) and the commit that it stands at ("" before the first).
func (r *Repo) Head(ctx context.Context) (branch, commit string, err error) {
	branch, err = r.run(ctx, "symbolic-ref", "-q", "HEAD")
	if err != nil && exitCode(err) != 1 {
		return "", "", err
	}
	commit, err = r.Resolve(ctx, "HEAD^{commit}")
	if err != nil && exitCode(err) >= 0 {
		return branch, "", nil
	}
	return branch, commit, err
}

// Resolve turns a revision into an object name.
func (r *Repo) Resolve(ctx context.Context, rev string) (string, error) {
	return r.run(ctx, "rev-parse", "--verify", "-q", "--end-of-options", rev)
}

// DefaultBranch returns the full name of the branch that the remote (or init.defaultBranch) calls the default.
func (r *Repo) DefaultBranch(ctx context.Context) string {
	if out, err := r.run(ctx, "symbolic-ref", "-q", "refs/remotes/origin/HEAD"); err == nil {
		return "refs/heads/" + strings.TrimPrefix(out, "refs/remotes/origin/")
	}
	for _, name := range []string{r.Config(ctx, "init.defaultBranch"), "main", "master"} {
		if name == "" {
			continue
		}
		if _, err := r.Resolve(ctx, "refs/heads/"+name); err == nil {
			return "refs/heads/" + name
		}
	}
	return ""
}

// InProgress names the operation (rebase, merge, cherry-pick, revert, bisect) that the checkout is in the middle
// of, or is empty.
func (r *Repo) InProgress() string {
	for file, name := range map[string]string{
		"rebase-merge": "rebase", "rebase-apply": "rebase", "MERGE_HEAD": "merge",
		"CHERRY_PICK_HEAD": "cherry-pick", "REVERT_HEAD": "revert", "BISECT_LOG": "bisect",
	} {
		if _, err := os.Lstat(filepath.Join(r.GitDir, file)); err == nil {
			return name
		}
	}
	return ""
}

// IndexLocked tells whether index.lock stands in the way of writing the checkout's index.
func (r *Repo) IndexLocked() bool {
	_, err := os.Lstat(filepath.Join(r.GitDir, "index.lock"))
	return err == nil
}

// HooksDir returns the directory of the repository's hooks when it holds one that a commit runs, else "".
func (r *Repo) HooksDir(ctx context.Context) string {
	out, err := r.exec(ctx, command{args: append([]string{"-C", r.Dir}, r.at("rev-parse", "--path-format=absolute", "--git-path", "hooks")...), hooks: true})
	dir := strings.TrimSpace(string(out))
	if err != nil {
		return ""
	}
	for _, name := range []string{"pre-commit", "prepare-commit-msg", "commit-msg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode()&0o111 != 0 {
			return dir
		}
	}
	return ""
}
