package cmd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

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

func (a *app) doctor(ctx context.Context) error {
	missing := false
	line := func(name, state string) { fmt.Fprintf(a.w.Stdout, "%-12s %s\n", name, clean(state)) }
	for _, tool := range []struct{ name, why string }{{"git", "needed; 2.38 or newer"}, {"go", "needed for Go projects and the demo"}} {
		arg := "--version"
		if tool.name == "go" {
			arg = "version"
		}
		out, err := exec.CommandContext(ctx, tool.name, arg).Output()
		if err != nil {
			missing = missing || tool.name == "git"
			line(tool.name, "not found ("+tool.why+")")
			continue
		}
		line(tool.name, strings.TrimSpace(string(out)))
	}
	if with, ok := sandbox.Available(); ok {
		line("sandbox", with)
	} else {
		line("sandbox", "not available: agents and tests run unrestricted (--sandbox require refuses)")
	}
	if with, err := sandbox.StrictAvailable(); err != nil {
		line("strict", "not available: "+err.Error())
	} else {
		line("strict", with)
	}
	line("PostgreSQL", a.postgres(ctx))
	if tty, err := a.terminal(); err == nil {
		tty.close()
		line("terminal", "yes")
	} else {
		line("terminal", "no: gates stop with exit status 3")
	}
	cache, err := a.w.cacheDir()
	if err != nil {
		return err
	}
	line("cache", fmt.Sprintf("%s, %d MiB", cache, size(cache)>>20))
	if missing {
		return errSaid
	}
	return nil
}

// postgres says where the billing tests would find a server.
func (a *app) postgres(ctx context.Context) string {
	if a.w.env("SPEC_TEST_DATABASE_URL") != "" {
		return "SPEC_TEST_DATABASE_URL"
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(out)), "postgres")); err == nil {
			return strings.TrimSpace(string(out))
		}
	}
	if found, err := exec.LookPath("postgres"); err == nil {
		return found
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres", "/opt/homebrew/opt/postgresql*/bin/postgres", "/usr/local/opt/postgresql*/bin/postgres"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return "not found; billing's tests then download one (embedded-postgres)"
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
