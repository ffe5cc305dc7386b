package cmd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/sandbox"
)

func (a *app) doctorVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine has of what spec can use",
		Args:  exactly(),
		RunE:  func(c *cobra.Command, _ []string) error { return a.doctor(c.Context()) },
	}
}

// A diagnosis is one thing that the machine has or lacks.
type diagnosis struct {
	Name  string `json:"name"`
	State string `json:"state"`
	OK    bool   `json:"ok"`
}

func (a *app) doctor(ctx context.Context) error {
	found := []diagnosis{gitFound(ctx)}
	needs := found[0].OK
	add := func(name, state string, ok bool) { found = append(found, diagnosis{name, state, ok}) }
	if out, err := exec.CommandContext(ctx, "go", "version").Output(); err == nil {
		add("go", strings.TrimSpace(string(out)), true)
	} else {
		add("go", "not found (needed for Go projects and the demo)", false)
	}
	if with, ok := sandbox.Available(); ok {
		add("sandbox", with, true)
	} else {
		add("sandbox", "not available: agents and tests run unrestricted (--sandbox require refuses)", false)
	}
	if with, err := sandbox.StrictAvailable(); err != nil {
		add("strict", "not available: "+err.Error(), false)
	} else {
		add("strict", with, true)
	}
	agents, err := a.agentsFound(ctx)
	if err != nil {
		return err
	}
	found = append(found, agents...)
	at, ok := a.postgres(ctx)
	add("PostgreSQL", at, ok)
	if tty, err := a.terminal(); err == nil {
		tty.close()
		add("terminal", "yes", true)
	} else {
		add("terminal", "no: gates stop with exit status 3", false)
	}
	cache, err := a.w.cacheDir()
	if err != nil {
		return err
	}
	add("cache", fmt.Sprintf("%s, %d MiB", cache, size(cache)>>20), true)
	if a.json {
		if err := a.print(map[string]any{"version": 1, "found": found}); err != nil {
			return err
		}
	} else {
		for _, d := range found {
			fmt.Fprintf(a.w.Stdout, "%-12s %s\n", d.Name, clean(d.State))
		}
	}
	if !needs {
		return errSaid
	}
	return nil
}

// gitFound tells whether there is a git that is new enough: 2.38 brought `merge-tree --write-tree`.
func gitFound(ctx context.Context) diagnosis {
	out, err := exec.CommandContext(ctx, "git", "--version").Output()
	if err != nil {
		return diagnosis{"git", "not found (needed; 2.38 or newer)", false}
	}
	said := strings.TrimSpace(string(out))
	var major, minor int
	if _, err := fmt.Sscanf(strings.TrimPrefix(said, "git version "), "%d.%d", &major, &minor); err == nil && (major < 2 || major == 2 && minor < 38) {
		return diagnosis{"git", said + ": too old, 2.38 or newer is needed", false}
	}
	return diagnosis{"git", said, true}
}

// agentsFound lists the known agents that are installed, and what speaks for a log-in: a key in the environment, or the
// state that the program keeps below the home directory. Whether the log-in is accepted only a run tells.
func (a *app) agentsFound(ctx context.Context) ([]diagnosis, error) {
	presets, err := agent.Presets()
	if err != nil {
		return nil, err
	}
	var found []diagnosis
	for _, p := range presets {
		if _, err := exec.LookPath(p.Command[0]); err != nil {
			continue
		}
		var signs []string
		for _, name := range p.Env {
			if a.w.env(name) != "" {
				signs = append(signs, name+" is set")
			}
		}
		for i, dir := range a.homePaths(p.State) {
			if _, err := os.Stat(dir); err == nil {
				signs = append(signs, "~/"+p.State[i])
			}
		}
		d := diagnosis{"agent", p.Title + " " + first(versionOf(ctx, p.Version), "of an unknown version"), len(signs) > 0}
		if d.OK {
			d.State += ", log-in: " + strings.Join(signs, ", ") + "; spec agents " + p.Name + " --try tells whether it works"
		} else {
			d.State += ", no log-in found: no state in the home directory and none of " + strings.Join(p.Env, ", ") + "; start " + p.Command[0] + " once"
		}
		found = append(found, d)
	}
	if len(found) == 0 {
		found = append(found, diagnosis{"agent", "none installed but the built-in blueprint; spec agents tells how to get one", false})
	}
	return found, nil
}

// postgres says where the billing tests would find a server.
func (a *app) postgres(ctx context.Context) (at string, ok bool) {
	if a.w.env("SPEC_TEST_DATABASE_URL") != "" {
		return "SPEC_TEST_DATABASE_URL", true
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(out)), "postgres")); err == nil {
			return strings.TrimSpace(string(out)), true
		}
	}
	if found, err := exec.LookPath("postgres"); err == nil {
		return found, true
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres", "/opt/homebrew/opt/postgresql*/bin/postgres", "/usr/local/opt/postgresql*/bin/postgres"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[len(found)-1], true
		}
	}
	return "not found; billing's tests then download one (embedded-postgres)", false
}

// size adds up the files below a directory.
func size(dir string) int64 {
	var total int64
	filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}
