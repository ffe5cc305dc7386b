package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// A Hook is something that Kiro does when something happens. This program reads hooks and never runs them.
type Hook struct {
	Path        string   `json:"path"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Enabled     bool     `json:"enabled"`
	Trigger     string   `json:"trigger"`  // as written: fileEdited, PostFileSave …
	Patterns    []string `json:"patterns"` // of files, in the older format
	Matcher     string   `json:"matcher"`  // an expression for files or tools, in the newer one
	Action      string   `json:"action"`   // as written: askAgent, agent, command …
	Prompt      string   `json:"prompt"`   // what an agent is told
	Command     string   `json:"command"`  // what is run
}

// Hooks reads the hooks of the workspace at root, in both formats of Kiro: a file *.kiro.hook with one hook (when, then), and
// a file *.json of version v1 with a list (trigger, matcher, action).
func Hooks(fsys fs.FS, root string) ([]Hook, Diagnostics) {
	dir := path.Join(root, ".kiro/hooks")
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, nil
	}
	var hooks []Hook
	var diags Diagnostics
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".kiro.hook") && path.Ext(e.Name()) != ".json" {
			continue
		}
		data, err := readBounded(fsys, name)
		if err == nil {
			var found []Hook
			if found, err = readHooks(name, bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))); err == nil {
				hooks = append(hooks, found...)
				continue
			}
		}
		diags = append(diags, Diagnostic{Code: "SPEC501", Severity: Warning, File: name, Line: 1, Column: 1, Message: "this is no hook of Kiro: " + err.Error(), Hint: "look at it in Kiro, or take it out of .kiro/hooks"})
	}
	return hooks, diags
}

func readHooks(name string, data []byte) ([]Hook, error) {
	var file struct {
		Enabled     *bool  `json:"enabled"`
		Name        string `json:"name"`
		Description string `json:"description"`
		When        *struct {
			Type     string   `json:"type"`
			Patterns []string `json:"patterns"`
		} `json:"when"`
		Then struct {
			Type    string `json:"type"`
			Prompt  string `json:"prompt"`
			Command string `json:"command"`
		} `json:"then"`
		Hooks []struct {
			Enabled     *bool  `json:"enabled"`
			Name        string `json:"name"`
			Description string `json:"description"`
			Trigger     string `json:"trigger"`
			Matcher     string `json:"matcher"`
			Action      struct {
				Type    string `json:"type"`
				Prompt  string `json:"prompt"`
				Command string `json:"command"`
			} `json:"action"`
		} `json:"hooks"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s", jsonPlace(data, err))
	}
	on := func(b *bool) bool { return b == nil || *b }
	var out []Hook
	if file.When != nil {
		out = append(out, Hook{Path: name, Name: file.Name, Description: file.Description, Enabled: on(file.Enabled), Trigger: file.When.Type, Patterns: some(file.When.Patterns),
			Action: file.Then.Type, Prompt: file.Then.Prompt, Command: file.Then.Command})
	}
	for _, h := range file.Hooks {
		out = append(out, Hook{Path: name, Name: h.Name, Description: h.Description, Enabled: on(h.Enabled), Trigger: h.Trigger, Patterns: []string{}, Matcher: h.Matcher,
			Action: h.Action.Type, Prompt: h.Action.Prompt, Command: h.Action.Command})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("it has neither when and then, nor a list of hooks")
	}
	return out, nil
}

// A Config is what Kiro keeps of a feature in .config.kiro. Its keys are Kiro's; those that are not known stay untouched.
type Config struct {
	SpecID       string `json:"specId"`
	WorkflowType string `json:"workflowType"` // requirements-first or design-first
	SpecType     string `json:"specType"`     // feature or bugfix
}

// config reads .config.kiro; nil where there is none. A file that is no JSON is a finding, and stops nothing.
func (r *reader) config() *Config {
	name := path.Join(r.f.Dir, ".config.kiro")
	data, err := readBounded(r.fsys, name)
	if err != nil {
		return nil
	}
	var c Config
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &c); err != nil {
		r.diags = append(r.diags, Diagnostic{Code: "SPEC501", Severity: Warning, File: name, Line: 1, Column: 1, Message: "it is no JSON: " + jsonPlace(data, err), Hint: "let Kiro write it anew"})
		return nil
	}
	return &c
}
