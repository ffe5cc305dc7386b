package main

import (
	"os"
	"path/filepath"
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
			return os.WriteFile(filepath.Join(home, "gitconfig"), []byte("[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"), 0o644)
		},
	})
}
