//go:build linux

package sandbox_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spec.example/spec/internal/sandbox"
)

// homeWith makes a home directory with programs; a target that begins with "->" makes a link.
func homeWith(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(file, []byte(text), 0o755)
		if target, ok := strings.CutPrefix(text, "->"); ok {
			os.Remove(file)
			err = os.Symlink(target, file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestVersionManagers runs programs that choose a version, as pyenv, asdf, volta and rustup put them on the PATH, in a home
// directory that is not the user's.
func TestVersionManagers(t *testing.T) {
	requireLandlock(t)
	const chooser = "#!/bin/sh\nexec \"$%s/%s\" \"$@\"\n"
	dir := homeWith(t, map[string]string{
		".pyenv/shims/python3":                          strings.NewReplacer("%s/%s", "PYENV_ROOT/versions/$PYENV_VERSION/bin/python3").Replace(chooser),
		".pyenv/versions/3.12/bin/python3":              "#!/bin/sh\necho python of pyenv\n",
		".asdf/shims/ruby":                              strings.NewReplacer("%s/%s", "ASDF_DATA_DIR/installs/ruby").Replace(chooser),
		".asdf/installs/ruby":                           "#!/bin/sh\necho ruby of asdf\n",
		".volta/bin/node":                               strings.NewReplacer("%s/%s", "VOLTA_HOME/tools/node").Replace(chooser),
		".volta/tools/node":                             "#!/bin/sh\necho node of volta\n",
		".cargo/bin/rustup":                             strings.NewReplacer("%s/%s", "RUSTUP_HOME/toolchains/stable/bin/cargo").Replace(chooser),
		".cargo/bin/cargo":                              "->rustup",
		".cargo/credentials.toml":                       "token of the registry\n",
		".rustup/toolchains/stable/bin/cargo":           "#!/bin/sh\necho cargo of rustup\n",
		".local/bin/php":                                "#!/bin/sh\necho php of the user\n",
		".local/share/keyrings/login.keyring":           "words of a keyring\n",
		".sdkman/candidates/maven/3.9/bin/mvn":          "#!/bin/sh\ncat \"$(dirname \"$(readlink -f \"$0\")\")/../boot/classworlds\"\n",
		".sdkman/candidates/maven/3.9/boot/classworlds": "mvn of sdkman\n",
		".sdkman/candidates/maven/current":              "->3.9",
		".nodenv/shims/unused":                          "not on the PATH\n",
	})
	path := []string{".pyenv/shims", ".asdf/shims", ".volta/bin", ".cargo/bin", ".local/bin", ".sdkman/candidates/maven/current/bin"}
	for i := range path {
		path[i] = filepath.Join(dir, path[i])
	}
	env := []string{"HOME=" + dir, "PATH=" + strings.Join(append(path, os.Getenv("PATH")), ":"), "PYENV_VERSION=3.12", "RBENV_VERSION=3.3"}
	other := t.TempDir()
	c, out := shell(t, "python3; ruby; node; cargo; php; mvn; cat "+filepath.Join(dir, ".cargo/credentials.toml")+" "+filepath.Join(dir, ".local/share/keyrings/login.keyring")+" "+filepath.Join(dir, ".nodenv/shims/unused"), sandbox.Base(env))
	c.Env = sandbox.Environment(env, nil, []string{"HOME=" + other})
	if _, err := c.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"python of pyenv", "ruby of asdf", "node of volta", "cargo of rustup", "php of the user", "mvn of sdkman"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not to be read in what was printed:\n%s", want, out)
		}
	}
	for _, closed := range []string{"token of the registry", "words of a keyring", "not on the PATH"} {
		if strings.Contains(out.String(), closed) {
			t.Errorf("%q was read", closed)
		}
	}
	want := []string{"ASDF_DATA_DIR=" + dir + "/.asdf", "HOME=" + other, "PYENV_ROOT=" + dir + "/.pyenv", "PYENV_VERSION=3.12", "RUSTUP_HOME=" + dir + "/.rustup", "VOLTA_HOME=" + dir + "/.volta"}
	got := slices.DeleteFunc(slices.Clone(c.Env), func(v string) bool { return strings.HasPrefix(v, "PATH=") })
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
}
