package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"spec.example/spec/internal/sandbox"
)

// A Hook is a command that a workspace wants run in the slot before or after an agent works on a task. Whoever makes the
// options has seen to it that the user trusts it.
type Hook struct {
	Name    string
	After   bool // after the agent, before its result is frozen; else before it starts
	Command string
}

// hookBlocks is the exit status by which a hook keeps a task from going on; another one that is not 0 is only told.
const hookBlocks = 2

// taskHooks runs the hooks of one moment, in the slot and in the sandbox of setup. blocked is why one of them does not let the
// task go on.
func (r *run) taskHooks(ctx context.Context, s *slot, task string, after bool) (blocked string, err error) {
	for _, h := range r.o.Hooks {
		if h.After != after {
			continue
		}
		dir := filepath.Join(s.work.Path(), filepath.FromSlash(r.o.Root))
		input, err := json.Marshal(map[string]any{"hook_event_name": map[bool]string{false: "PreTaskExec", true: "PostTaskExec"}[after], "cwd": dir, "feature": path.Base(r.o.FeatureDir), "task": task})
		if err != nil {
			return "", err
		}
		exit, output, err := r.runHook(ctx, s, h, dir, task, input)
		switch {
		case err != nil:
			return "", fmt.Errorf("hook %q: %w", h.Name, err)
		case exit.Code == hookBlocks:
			return fmt.Sprintf("the hook %q does not let it go on:\n%s", h.Name, cutFailure(output)), nil
		case exit.Code != 0:
			r.event("task.hook", task, fmt.Sprintf("%q ended with %s: %s", h.Name, ending(exit), firstLine(output)), nil)
		}
	}
	return "", nil
}

func (r *run) runHook(ctx context.Context, s *slot, h Hook, dir, task string, input []byte) (sandbox.Exit, string, error) {
	temp, err := r.temp()
	if err != nil {
		return sandbox.Exit{}, "", err
	}
	defer os.RemoveAll(temp)
	var out boundedBuffer
	packages := filepath.Join(r.place, "packages")
	if err := os.MkdirAll(packages, 0o755); err != nil {
		return sandbox.Exit{}, "", err
	}
	c := sandbox.Command{Self: r.o.Self, Argv: []string{"sh", "-c", h.Command}, Dir: dir, Stdin: bytes.NewReader(input), Stdout: &out, Stderr: &out, Hold: r.lock.file(),
		Env:    r.childEnv(temp, "SPEC_SLOT="+strconv.Itoa(s.number), "SPEC_TASK="+task, "SPEC_FEATURE="+path.Base(r.o.FeatureDir)),
		Policy: r.policy().With([]string{s.gitDir, r.o.Repo.CommonDir + "/objects"}, []string{s.work.Path(), temp, packages})}
	exit, err := c.Run(ctx)
	return exit, out.String(), err
}
