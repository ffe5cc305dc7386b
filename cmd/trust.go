package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) trustVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "trust",
		Short: "Allow the commands that this repository's configuration brings",
		Long:  "Trust prints the commands of .kiro/spec.yaml (agents, setup, verify, notify) and the tool servers of .kiro/settings/mcp.json and of .kiro/powers, and allows exactly these to run.\nAny change to them has to be trusted anew. What is trusted is remembered outside the repository.",
		Args:  exactly(),
		RunE:  func(*cobra.Command, []string) error { return a.trust() },
	}
}

func (a *app) trust() error {
	root, err := a.workspaceRoot()
	if err != nil {
		return err
	}
	s, err := a.settings(root)
	if err != nil {
		return err
	}
	hash := s.commands()
	if hash == "" {
		fmt.Fprintln(a.w.Stdout, "This repository's configuration brings no command; there is nothing to trust.")
		return nil
	}
	fmt.Fprintf(a.w.Stdout, "Trusted, until one of them changes (%s):\n", repoConfig)
	for _, line := range s.brings() {
		fmt.Fprintln(a.w.Stdout, "  "+clean(line))
	}
	for _, line := range s.notRun {
		fmt.Fprintln(a.w.Stdout, "  not run: "+clean(line))
	}
	return a.remember(root, hash)
}

// brings lists the commands of a repository's configuration.
func (s settings) brings() []string {
	var lines []string
	add := func(name, command string) {
		if command != "" {
			lines = append(lines, name+": "+command)
		}
	}
	add("setup", s.repo.Setup)
	add("verify.fetch", s.repo.Verify.Fetch)
	add("verify.build", s.repo.Verify.Build)
	add("verify.test", s.repo.Verify.Test)
	add("verify.landing", s.repo.Verify.Landing)
	add("verify.prove", s.repo.Verify.Prove)
	add("notify", s.repo.Notify)
	add("copy", strings.Join(s.repo.Copy, " "))
	for _, name := range sortedKeys(s.repo.Agents) {
		c := s.repo.Agents[name]
		add("agents."+name, strings.Join(c.Command, " "))
		add("agents."+name+".version", strings.Join(c.Version, " "))
		for _, variable := range sortedKeys(c.Set) {
			add("agents."+name+".set", variable+"="+c.Set[variable])
		}
	}
	for _, h := range s.hooks {
		add(map[bool]string{false: "before a task", true: "after a task"}[h.After]+" ("+hookDir+", "+h.Name+")", h.Command)
	}
	for _, server := range s.servers {
		from := mcpConfig
		if server.Power != "" {
			from = "power " + server.Power
		}
		add("tool server "+server.Name+" ("+from+")", shownServer(server))
	}
	return lines
}

func (a *app) trustFile() (string, error) {
	dir, err := a.w.configDir()
	if err != nil {
		return "", fmt.Errorf("finding the place where trust is remembered: %v", err)
	}
	return filepath.Join(dir, "trusted"), nil
}

func (a *app) remember(root, hash string) error {
	file, err := a.trustFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var kept []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasSuffix(line, " "+root) {
			kept = append(kept, line)
		}
	}
	kept = append(kept, hash+" "+root)
	temp := file + ".new"
	if err := os.WriteFile(temp, []byte(strings.Join(kept, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, file)
}

// trusted returns an error that names the commands of a repository's configuration, unless these very commands were
// trusted.
func (a *app) trusted(root string, s settings) error {
	hash := s.commands()
	if hash == "" {
		return nil
	}
	file, err := a.trustFile()
	if err != nil {
		return err
	}
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		if strings.TrimSpace(line) == hash+" "+root {
			return nil
		}
	}
	return undecided("read them, then: spec trust", "this repository's configuration brings commands that you have not trusted:\n  %s", strings.Join(s.brings(), "\n  "))
}
