package cmd

import (
	"testing"

	"gopkg.in/yaml.v3"

	"spec.example/spec/tasks"
)

// A repository can ask more often, never less; looser comes from the user's flag or configuration.
func TestPolicy(t *testing.T) {
	for _, c := range []struct {
		user, repo, flag, feature, path string
		want                            tasks.Policy
	}{
		{"", "", "", "f", "a.go", "task"},
		{"", "auto", "", "f", "a.go", "task"},
		{"", "file", "", "f", "a.go", "file"},
		{"", "file", "auto", "f", "a.go", "file"},
		{"", "task", "auto", "f", "a.go", "task"},
		{"", "", "auto", "f", "a.go", "auto"},
		{"auto", "", "", "f", "a.go", "auto"},
		{"auto", "", "task", "f", "a.go", "task"},
		{"file", "", "auto", "f", "a.go", "auto"},
		{"", "{default: auto, 'billing/**': file}", "", "f", "billing/x/y.go", "file"},
		{"", "{'billing/**': file}", "auto", "f", "billing/x/y.go", "file"},
		{"", "{'billing/**': file}", "auto", "f", "other.go", "auto"},
		{"", "{'billing/**': auto}", "", "f", "billing/x.go", "task"},
		{"", "{'**/*.go': file, 'a*': auto}", "", "f", "a.go", "file"},
		{"{default: task, 'docs/**': auto}", "", "", "f", "docs/a.md", "auto"},
		{"{default: task, 'docs/**': auto}", "{'docs/**': file}", "", "f", "docs/a.md", "file"},
		{"{'secret/**': file}", "", "auto", "f", "secret/a", "file"},
		{"{'docs/**': auto}", "", "task", "f", "docs/a", "task"},
		{"", "{'feature:f': file}", "auto", "f", "a.go", "file"},
		{"", "{'feature:f': file}", "auto", "g", "a.go", "auto"},
		{"{'feature:f': auto}", "", "", "f", "a.go", "auto"},
	} {
		var s settings
		for text, to := range map[string]*approveConfig{c.user: &s.user.Approve, c.repo: &s.repo.Approve} {
			if text != "" {
				if err := yaml.Unmarshal([]byte(text), to); err != nil {
					t.Fatalf("%q: %v", text, err)
				}
			}
		}
		_, of, err := s.policy(c.flag, c.feature)
		if err != nil {
			t.Fatal(err)
		}
		if got := of(c.path); got != c.want {
			t.Errorf("user %q, repository %q, flag %q, %s of %s: %s, want %s", c.user, c.repo, c.flag, c.path, c.feature, got, c.want)
		}
	}
	for _, text := range []string{"never", "[file]", "{'a': sometimes}", "{'[': file}", "{default: ''}"} {
		var c approveConfig
		if err := yaml.Unmarshal([]byte(text), &c); err == nil {
			t.Errorf("%q is taken as a policy", text)
		}
	}
}
