package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Toolchains returns the directories that programs on env's PATH need to run: the directories themselves; where a program is a
// link into a toolchain (…/go/bin/go, …/node/bin/node), the root of it; and where it stands for one that a version manager
// chooses, the manager's. A directory that is, or holds, the home directory is never part of it, nor one of which only a part
// is a toolchain.
func Toolchains(env []string) []string {
	home := lookup(env, "HOME")
	var dirs []string
	add := func(dir string) {
		if dir == "" || dir == "/" || !filepath.IsAbs(dir) || home != "" && within(dir, home) || shared(dir, home) || slices.Contains(dirs, dir) {
			return
		}
		dirs = append(dirs, dir)
	}
	for _, dir := range searched(env) {
		add(dir)
		for _, tool := range []string{"go", "node", "python3", "cargo", "rustc", "java", "ruby", "php", "deno", "bun", "dotnet", "pg_config", "mvn", "gradle"} {
			if real, err := filepath.EvalSymlinks(filepath.Join(dir, tool)); err == nil {
				if bin := filepath.Dir(real); filepath.Base(bin) == "bin" {
					add(filepath.Dir(bin))
				}
				add(filepath.Dir(real))
			}
		}
	}
	for _, m := range managers() {
		add(m.root(env))
	}
	return dirs
}

// searched are the directories of env's PATH.
func searched(env []string) (dirs []string) {
	for _, dir := range filepath.SplitList(lookup(env, "PATH")) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	return dirs
}

// shared tells whether a directory holds programs beside what is none of theirs: keys, histories, the tokens of registries.
func shared(dir, home string) bool {
	return home != "" && slices.ContainsFunc([]string{".local", ".local/share", ".config", ".cache", ".cargo"}, func(name string) bool {
		return dir == filepath.Join(home, filepath.FromSlash(name))
	})
}

// A manager keeps several versions of a toolchain below a directory. What it puts on the PATH chooses one and runs it.
type manager struct {
	variable string // says where it lies
	version  string // says what it is to choose; "" where nothing does
	place    string // where it lies without the variable, below the home directory
	choosers string // on the PATH, below that directory
	marker   string // a program beside those on the PATH that tells it, where they lie elsewhere
}

// managers are those whose programs find nothing in a home directory of a command's own. The places are those of their
// documentation.
func managers() []manager {
	return []manager{
		{variable: "PYENV_ROOT", version: "PYENV_VERSION", place: ".pyenv", choosers: "shims"},
		{variable: "RBENV_ROOT", version: "RBENV_VERSION", place: ".rbenv", choosers: "shims"},
		{variable: "NODENV_ROOT", version: "NODENV_VERSION", place: ".nodenv", choosers: "shims"},
		{variable: "GOENV_ROOT", version: "GOENV_VERSION", place: ".goenv", choosers: "shims"},
		{variable: "JENV_ROOT", version: "JENV_VERSION", place: ".jenv", choosers: "shims"},
		{variable: "PHPENV_ROOT", version: "PHPENV_VERSION", place: ".phpenv", choosers: "shims"},
		{variable: "ASDF_DATA_DIR", place: ".asdf", choosers: "shims"},
		{variable: "MISE_DATA_DIR", place: ".local/share/mise", choosers: "shims"},
		{variable: "VOLTA_HOME", place: ".volta", choosers: "bin"},
		{variable: "RUSTUP_HOME", version: "RUSTUP_TOOLCHAIN", place: ".rustup", marker: "rustup"},
	}
}

// root is where a manager lies whose programs are on env's PATH; "" where none are.
func (m manager) root(env []string) string {
	root := lookup(env, m.variable)
	if home := lookup(env, "HOME"); root == "" && home != "" {
		root = filepath.Join(home, filepath.FromSlash(m.place))
	}
	if !filepath.IsAbs(root) || !isDir(root) {
		return ""
	}
	root = filepath.Clean(root)
	for _, dir := range searched(env) {
		if m.marker == "" && dir == filepath.Join(root, m.choosers) {
			return root
		}
		if m.marker != "" {
			if _, err := os.Stat(filepath.Join(dir, m.marker)); err == nil {
				return root
			}
		}
	}
	return ""
}

// managed are the variables of the version managers on env's PATH. They say where each lies even where the user's do not: a
// command's home directory is not the user's.
func managed(env []string) (out []string) {
	for _, m := range managers() {
		root := m.root(env)
		if root == "" {
			continue
		}
		out = append(out, m.variable+"="+root)
		if version := lookup(env, m.version); m.version != "" && version != "" {
			out = append(out, m.version+"="+version)
		}
	}
	return out
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// within tells whether path is dir or lies below it.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
