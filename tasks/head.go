package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime/pprof"
	"slices"
	"strings"

	"spec.example/spec/internal/trace"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// A head is what one commit says of the feature.
type head struct {
	commit  string
	feature *spec.Feature
	lock    *trace.Lock
	plan    *plan.Plan
	fsys    fs.FS // the feature's directory and the steering
	diags   spec.Diagnostics
}

// Names of the files beside the specification that this program writes.
const (
	LockFile      = "spec.lock"
	DecisionsFile = "decisions.md"
)

// readHead reads the feature, its lock and its plan from a commit: what is not committed does not count.
func (r *run) readHead(ctx context.Context, commit string) (*head, error) {
	if h := r.knownHead(commit); h != nil {
		return h, nil
	}
	r.reading.Lock() // after a landing all who work on something ask for the same new one at once
	defer r.reading.Unlock()
	if h := r.knownHead(commit); h != nil {
		return h, nil
	}
	h, err := r.parseHead(ctx, commit, drafted{})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.last = h
	r.mu.Unlock()
	return h, nil
}

// knownHead is a head that was read before: nobody changes one.
func (r *run) knownHead(commit string) *head {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next != nil && r.next.commit == commit {
		r.last, r.next = r.next, nil
	}
	if r.last != nil && r.last.commit == commit {
		return r.last
	}
	return nil
}

// readAhead reads the commit of a landing while git moves branch and checkout to it: whoever waits for the new head has it
// then. The caller waits for it to end. What goes wrong here, goes wrong again for the one who asks.
func (r *run) readAhead(ctx context.Context, commit string, d drafted) (wait func()) {
	done := make(chan struct{})
	go pprof.Do(ctx, pprof.Labels("task", "next head"), func(ctx context.Context) {
		defer close(done)
		r.reading.Lock()
		defer r.reading.Unlock()
		if h, err := r.parseHead(ctx, commit, d); err == nil {
			r.mu.Lock()
			r.next = h
			r.mu.Unlock()
		}
	})
	return func() { <-done }
}

// parseHead reads a commit. The lock of a draft is the commit's where their bytes are the same: it was written from that one.
func (r *run) parseHead(ctx context.Context, commit string, d drafted) (*head, error) {
	fsys, err := r.git.Snapshot(ctx, commit, r.o.FeatureDir, r.inRoot(".kiro/steering"), r.inRoot(".kiro/steering.md"), r.inRoot("AGENTS.md"), r.inRoot(".kiro/powers/*.md"))
	if err != nil {
		return nil, fmt.Errorf("reading %s at %s: %v", r.o.FeatureDir, commit, err)
	}
	if r.o.Prompt != nil {
		return promptHead(commit, fsys, r.o)
	}
	h := &head{commit: commit, fsys: fsys}
	h.feature, h.diags = spec.Parse(fsys, r.o.FeatureDir)
	data, err := fs.ReadFile(fsys, path.Join(r.o.FeatureDir, LockFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lock, problems := d.lock, []trace.Problem(nil)
	if lock == nil || !bytes.Equal(data, d.files[path.Join(r.o.FeatureDir, LockFile)]) {
		lock, problems = trace.ParseLock(data)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s:%d: %s", path.Join(r.o.FeatureDir, LockFile), problems[0].Line, problems[0].Message)
	}
	h.lock = lock
	var diags spec.Diagnostics
	h.plan, diags = plan.New(h.feature, plan.State{Outcomes: lock.Outcomes(), Optional: r.o.Optional, External: r.o.External})
	h.diags = append(h.diags, diags...)
	if r.o.Hand { // a task that was ticked without evidence can still land
		for _, id := range r.o.Only {
			if t := h.plan.Task(id); t != nil && t.Action == plan.Done && lock.Outcome(id).Kind != spec.Landed {
				t.Action = plan.Rerun
			}
		}
	}
	return h, nil
}

// inRoot turns a path of the workspace into one of the repository.
func (r *run) inRoot(name string) string { return path.Join(r.o.Root, name) }

// Approved says which stages of the feature are not approved as they stand, and why. channels are those that count.
func Approved(f *spec.Feature, lock *trace.Lock) []Unapproved {
	var missing []Unapproved
	for _, stage := range spec.Stages() {
		want := spec.ApprovedHash(f, stage)
		if want == "" {
			continue
		}
		a := lock.Approval(stage)
		switch {
		case a == nil:
			missing = append(missing, Unapproved{Stage: stage, Why: "not approved"})
		case a.Channel != "tty" && a.Channel != "demo":
			missing = append(missing, Unapproved{Stage: stage, Why: "adopted, not approved by a person"})
		case a.Hash != want:
			missing = append(missing, Unapproved{Stage: stage, Why: "changed since it was approved", Stale: true})
		}
	}
	return missing
}

// An Unapproved stage has no approval that fits its words.
type Unapproved struct {
	Stage spec.Stage
	Why   string
	Stale bool
}

// protected tells whether a path is spec's to write: an agent's change there is dropped. Workspaces may lie anywhere in a
// repository, and file systems differ in whether they tell .kiro from .KIRO.
func (r *run) protected(name string) bool {
	parts := strings.Split(strings.ToLower(name), "/")
	for i, part := range parts {
		switch part {
		case ".git", StateDir, ".specify":
			return true
		case "openspec":
			if i+1 < len(parts) && slices.Contains([]string{"specs", "changes", "project.md", "agents.md"}, parts[i+1]) {
				return true
			}
		case ".kiro":
			if i+1 < len(parts) && (parts[i+1] == "specs" || parts[i+1] == "spec.yaml") {
				return true
			}
		}
	}
	return name == r.o.FeatureDir || strings.HasPrefix(name, r.o.FeatureDir+"/")
}
