package spec_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/spec"
)

func TestHooksOfBothFormats(t *testing.T) {
	fsys := fstest.MapFS{
		".kiro/hooks/lint.kiro.hook": {Data: []byte("\ufeff" + `{"enabled": false, "name": "Lint", "description": "d", "version": "1", "when": {"type": "fileEdited", "patterns": ["**/*.go"]}, "then": {"type": "askAgent", "prompt": "look"}}`)},
		".kiro/hooks/two.json":       {Data: []byte(`{"version": "v1", "hooks": [{"name": "A", "trigger": "PostFileSave", "matcher": "\\.ts$", "action": {"type": "command", "command": "tsc"}}, {"name": "B", "trigger": "PreToolUse", "action": {"type": "agent", "prompt": "think"}}]}`)},
		".kiro/hooks/broken.json":    {Data: []byte("{\n \"hooks\": [,]}")},
		".kiro/hooks/other.json":     {Data: []byte(`{"x": 1}`)},
		".kiro/hooks/notes.md":       {Data: []byte("no hook")},
	}
	hooks, diags := spec.Hooks(fsys, ".")
	want := []spec.Hook{
		{Path: ".kiro/hooks/lint.kiro.hook", Name: "Lint", Description: "d", Trigger: "fileEdited", Patterns: []string{"**/*.go"}, Action: "askAgent", Prompt: "look"},
		{Path: ".kiro/hooks/two.json", Name: "A", Enabled: true, Trigger: "PostFileSave", Patterns: []string{}, Matcher: `\.ts$`, Action: "command", Command: "tsc"},
		{Path: ".kiro/hooks/two.json", Name: "B", Enabled: true, Trigger: "PreToolUse", Patterns: []string{}, Action: "agent", Prompt: "think"},
	}
	if !reflect.DeepEqual(hooks, want) {
		t.Errorf("hooks %+v", hooks)
	}
	if len(diags) != 2 || !strings.Contains(diags[0].Message, "line 2") || diags[1].File != ".kiro/hooks/other.json" {
		t.Errorf("findings %+v", diags)
	}
}

func TestConfig(t *testing.T) {
	f, diags := feature(t, map[string]string{"tasks.md": "- [ ] 1 a\n", ".config.kiro": `{"specId": "x", "workflowType": "design-first", "specType": "bugfix", "more": [1]}`})
	if f.Config == nil || *f.Config != (spec.Config{SpecID: "x", WorkflowType: "design-first", SpecType: "bugfix"}) || len(diags) != 0 {
		t.Errorf("configuration %+v, %v", f.Config, diags)
	}
	f, diags = feature(t, map[string]string{"tasks.md": "- [ ] 1 a\n", ".config.kiro": "{"})
	if f.Config != nil || len(diags) != 1 || diags[0].Severity != spec.Warning {
		t.Errorf("a broken one: %+v, %v", f.Config, diags)
	}
}

// TestHooksOfTheCorpus reads every hook and configuration there.
func TestHooksOfTheCorpus(t *testing.T) {
	fsys := os.DirFS(corpus(t))
	workspaces, _ := spec.Workspaces(fsys, ".")
	hooks, configs := 0, 0
	for _, w := range workspaces {
		found, diags := spec.Hooks(fsys, w.Root)
		hooks += len(found)
		for _, d := range diags {
			t.Errorf("%s: %s", d.File, d.Message)
		}
		for _, h := range found {
			if h.Name == "" || h.Trigger == "" || h.Action == "" || h.Prompt+h.Command == "" {
				t.Errorf("hook %+v", h)
			}
		}
		for _, loc := range w.Features {
			if f, _ := spec.Parse(fsys, loc.Dir); f.Config != nil {
				configs++
			}
		}
	}
	if hooks < 20 || configs < 50 {
		t.Errorf("%d hooks and %d configurations", hooks, configs)
	}
}

func TestSteeringFrontMatter(t *testing.T) {
	fsys := fstest.MapFS{
		".kiro/steering/a.md": {Data: []byte("\ufeff---\r\ninclusion: fileMatch\r\nfileMatchPattern: ['**/*.ts', \"b\"]\r\n---\r\nbody #[[file:docs/x.md]]\r\n")},
		".kiro/steering/b.md": {Data: []byte("---\ninclusion: manual\n---\n")},
		".kiro/steering/c.md": {Data: []byte("---\ninclusion: auto\nname: n\ndescription: when it matters\n---")},
		".kiro/steering/d.md": {Data: []byte("no front matter\n---\nx\n---\n")},
		".kiro/steering/e.md": {Data: []byte("---\ninclusion: sometimes\n---\nx\n")},
		".kiro/steering/f.md": {Data: []byte("---\nnever closed\n")},
		".kiro/steering/g.md": {Data: []byte("---\n---\nempty\n")},
		"AGENTS.md":           {Data: []byte("agents\n")},
	}
	files, diags := spec.Steering(fsys, ".")
	var got []string
	for _, s := range files {
		got = append(got, s.Path[strings.LastIndexByte(s.Path, '/')+1:]+" "+s.Inclusion+" "+strings.Join(s.Patterns, "|")+" "+strings.Join(s.References, "|")+" "+strings.ReplaceAll(s.Body, "\n", "/"))
	}
	want := []string{"a.md fileMatch **/*.ts|b docs/x.md body #[[file:docs/x.md]]/", "b.md manual   ", "c.md auto   ", "d.md always   no front matter/---/x/---/", "e.md always   x/", "f.md always   ---/never closed/", "g.md always   empty/", "AGENTS.md always   agents/"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(diags) != 1 || diags[0].File != ".kiro/steering/e.md" {
		t.Errorf("findings %+v", diags)
	}
}
