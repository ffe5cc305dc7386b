package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"spec.example/spec/cmd"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"spec":     func() { os.Exit(cmd.Main(cmd.Process(blueprint))) },
		"acpagent": runScriptedAgent,
	})
}

// goBuilds is where these tests themselves are built.
var goBuilds = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	return strings.TrimSpace(string(out)), err
})

// shareBuilds has a script's commands, and what spec verifies in its repository, build in the place where these tests were
// built, as any go build of the developer's would: else each of them compiles the standard library.
func shareBuilds(dir, cache string) error {
	builds, err := goBuilds()
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(filepath.Join(dir, ".git")))
	place := filepath.Join(cache, "spec", "repos", filepath.Base(dir)+"-"+hex.EncodeToString(sum[:6])) // as tasks names it
	if err := errors.Join(os.MkdirAll(builds, 0o755), os.MkdirAll(place, 0o755)); err != nil {
		return err
	}
	return errors.Join(os.Symlink(builds, filepath.Join(place, "go-build")), os.Symlink(builds, filepath.Join(cache, "go-build")))
}

// TestScript runs every script of testdata/script through the real main. Each gets directories of its own for the user's
// cache, configuration and home, so that nothing of the developer's is read or written.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, ".home")
			if err := os.MkdirAll(home, 0o755); err != nil {
				return err
			}
			e.Setenv("HOME", home)
			e.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
			e.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, "gitconfig"))
			e.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
			e.Setenv("SOURCE_DATE_EPOCH", "1780000000")
			if err := shareBuilds(e.WorkDir, filepath.Join(home, "cache")); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(home, "gitconfig"), []byte("[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"), 0o644)
		},
	})
}
