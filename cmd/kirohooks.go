package cmd

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"spec.example/spec/tasks"
)

// hookDir is where a workspace of Kiro keeps its hooks.
const hookDir = ".kiro/hooks"

// readHooks reads the hooks of a workspace. Commands before and after a task are run, once trusted; the others are named with
// the reason why not: files are not saved here, and an agent is not asked behind the task's back.
func readHooks(root string) (run []tasks.Hook, others []string, err error) {
	entries, err := fs.ReadDir(rooted(root), hookDir)
	if err != nil {
		if leadsOut(root, filepath.Join(root, filepath.FromSlash(hookDir))) {
			return nil, []string{hookDir + ": it leads out of the repository"}, nil
		}
		return nil, nil, nil
	}
	for _, e := range entries {
		name := path.Join(hookDir, e.Name())
		switch ext := path.Ext(e.Name()); {
		case e.IsDir():
			continue
		case ext == ".hook":
			others = append(others, name+": an older form, which Kiro itself runs")
			continue
		case ext != ".json":
			continue
		}
		data, err := readOwn(root, name)
		if err != nil {
			return nil, nil, err
		}
		var file struct {
			Version string `json:"version"`
			Hooks   []struct {
				Name    string `json:"name"`
				Enabled *bool  `json:"enabled"`
				Trigger string `json:"trigger"`
				Action  struct {
					Type    string `json:"type"`
					Command string `json:"command"`
				} `json:"action"`
			} `json:"hooks"`
		}
		if err := json.Unmarshal(data, &file); err != nil {
			others = append(others, fmt.Sprintf("%s: no hooks in it: %v", name, err))
			continue
		}
		for _, h := range file.Hooks {
			shown := fmt.Sprintf("%s, %q", name, h.Name)
			switch {
			case h.Enabled != nil && !*h.Enabled:
			case file.Version != "v1":
				others = append(others, fmt.Sprintf("%s: version %q is not known", shown, file.Version))
			case h.Trigger != "PreTaskExec" && h.Trigger != "PostTaskExec":
				others = append(others, shown+": nothing triggers "+h.Trigger+" here")
			case h.Action.Type != "command" || h.Action.Command == "":
				others = append(others, fmt.Sprintf("%s: an action of type %q is not run", shown, h.Action.Type))
			default:
				run = append(run, tasks.Hook{Name: first(h.Name, e.Name()), After: h.Trigger == "PostTaskExec", Command: h.Action.Command})
			}
		}
	}
	return run, others, nil
}
