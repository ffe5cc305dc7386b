package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"spec.example/spec/internal/mutate"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

// provers are the two ways to break code: Go's, whose breaks are made here and are read when the first is wanted, and the
// user's own.
type provers struct {
	app      *app
	root     string
	settings settings
	budget   int
	targets  []*target
	index    *trace.Index
	modules  map[string]*mutate.Prover // by directory
}

func (p *provers) close() {
	for _, code := range p.modules {
		code.Close()
		os.RemoveAll(code.Temp)
	}
}

// builds counts the breaks that were built one by one.
func (p *provers) builds() (n int) {
	for _, code := range p.modules {
		n += code.Builds
	}
	return n
}

// module is the directory of the Go module that a directory lies in.
func (p *provers) module(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		if info, err := os.Stat(filepath.Join(at, "go.mod")); err == nil && info.Mode().IsRegular() {
			return at, nil
		}
		if at == p.root || at == filepath.Dir(at) {
			return "", undecided("go mod init example.com/name", "there is no go.mod in %s, nor above it", dir)
		}
	}
}

// prove proves a criterion by Go's tests, in each module that some of them lie in.
func (p *provers) prove(ctx context.Context, tests []mutate.Test, what mutate.Criterion) (*mutate.Result, error) {
	groups := map[string][]mutate.Test{}
	for _, test := range tests {
		dir, err := p.module(test.Dir)
		if err != nil {
			return nil, err
		}
		groups[dir] = append(groups[dir], test)
	}
	if len(groups) > 1 {
		what.Breaks = 0 // how many there were in each is not known
	}
	var all *mutate.Result
	for _, dir := range slices.Sorted(maps.Keys(groups)) {
		prover, err := p.golang(ctx, dir)
		if err != nil {
			return nil, err
		}
		result, err := prover.Prove(ctx, groups[dir], what)
		if err != nil {
			return nil, p.app.unproven(ctx, no("go test ./...", "criterion %s: %v", path.Base(what.Name), err))
		}
		all = all.With(result)
	}
	return all, nil
}

// packages are the directories of a module that hold a test of any feature to prove.
func (p *provers) packages(module string) (dirs []string) {
	for _, t := range p.targets {
		for _, c := range t.feature.Criteria() {
			for _, test := range goTests(t, p.index, c.ID) {
				if at, err := p.module(test.Dir); err == nil && at == module && !slices.Contains(dirs, test.Dir) {
					dirs = append(dirs, test.Dir)
				}
			}
		}
	}
	return dirs
}

// golang is the prover of a module.
func (p *provers) golang(ctx context.Context, dir string) (*mutate.Prover, error) {
	if code := p.modules[dir]; code != nil {
		return code, nil
	}
	a := p.app
	box, err := p.settings.sandbox()
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "spec-")
	if err != nil {
		return nil, err
	}
	code := &mutate.Prover{Dir: dir, Self: a.w.Self, Env: a.w.Env, Temp: temp, Budget: p.budget}
	p.modules[dir] = code
	if err := os.Chmod(temp, 0o711); err != nil {
		return nil, err
	}
	policy := sandbox.Base(a.w.Env).With(box.Reads, box.Writes)
	if box.Mode != "" {
		policy.Mode = box.Mode
	}
	code.Policy = policy
	a.progress("reading the code and making the breaks")
	if err := code.Load(ctx, p.packages(dir)...); err != nil {
		return nil, a.unproven(ctx, no("go vet ./...", "%v", err))
	}
	return code, nil
}

// breaksDir is where, beside a specification, patches lie that break its code.
const breaksDir = "breaks"

// patches lists the patches for a criterion, ID.patch and ID-NAME.patch, by name.
func patches(root string, f *spec.Feature, id string) (found []string, err error) {
	dir := path.Join(f.Dir, breaksDir)
	all, err := fs.ReadDir(rooted(root), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		name, isPatch := strings.CutSuffix(e.Name(), ".patch")
		if isPatch && e.Type().IsRegular() && (name == id || strings.HasPrefix(name, id+"-")) {
			found = append(found, path.Join(dir, e.Name()))
		}
	}
	return found, nil
}

// noBreaks says how code that is not Go's is broken.
func noBreaks(t *target, id string) string {
	dir := path.Join(t.feature.Dir, breaksDir)
	return fmt.Sprintf("nothing breaks its code, which is not Go's: break it, then mkdir -p %s && git diff > %s, and take the break back; or set verify.prove", dir, path.Join(dir, id+"-NAME.patch"))
}

// proveForeign breaks the code of criteria whose tests are not go's, where there is something that breaks it.
func (a *app) proveForeign(ctx context.Context, p *provers, index *trace.Index, t *target, criteria []*spec.Requirement) (map[string]*tasks.Proof, error) {
	command := first(p.settings.user.Verify.Prove, p.settings.repo.Verify.Prove)
	var proofs []*tasks.Proof
	byID := map[string]*tasks.Proof{}
	for _, c := range criteria {
		tests := index.Tests(t.feature.Name, c.ID)
		if len(tests) == 0 || len(goTests(t, index, c.ID)) > 0 || !slices.ContainsFunc(tests, foreign) {
			continue
		}
		found, err := patches(t.root, t.feature, c.ID)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 || command != "" {
			byID[c.ID] = &tasks.Proof{Feature: t.feature.Name, ID: c.ID, Tests: tests, Patches: found}
			proofs = append(proofs, byID[c.ID])
		}
	}
	if len(proofs) == 0 {
		return nil, nil
	}
	repo, err := a.repository(ctx, t.root)
	if err != nil {
		return nil, err
	}
	opts, err := a.baseOptions(ctx, repo, t, p.settings)
	if err != nil {
		return nil, err
	}
	if opts.Sandbox, err = p.settings.sandbox(); err != nil {
		return nil, err
	}
	opts.Event = nil
	err = tasks.ProveCheckout(ctx, opts, command, max(p.budget, 1), proofs, a.progress)
	if errors.Is(err, tasks.ErrBusy) {
		return nil, undecided("wait for it, or see what it does: spec status", "%v", err)
	}
	return byID, err
}

// foreign takes what was seen of a criterion whose tests are not go's.
func (line *provenCriterion) foreign(p *tasks.Proof, root string, index *trace.Index) {
	line.Reason, line.Seconds = "", p.Took.Seconds()
	for i, b := range p.Breaks {
		m := &mutate.Mutant{ID: i + 1, Line: b.Line, Kind: "break " + b.Name, Diff: b.Diff}
		if len(b.Files) > 0 {
			m.File = filepath.Join(root, filepath.FromSlash(b.Files[0]))
		}
		v := mutate.Verdict{Mutant: m, Outcome: outcomeOf(b), Said: b.Said}
		switch v.Outcome {
		case mutate.Unfit:
			v.Said = b.Unfit
		case mutate.Killed:
			line.Killed++
			fallthrough
		default:
			line.Files = append(line.Files, b.Files...)
		}
		line.Mutants = append(line.Mutants, v)
	}
	slices.Sort(line.Files)
	line.Files = slices.Compact(line.Files)
	switch {
	case p.Why != "":
		line.Level, line.Reason = mutate.None, p.Why
	case p.Unsteady:
		line.Level, line.Reason, line.Files = mutate.None, "its tests pass now and then: after the breaks, on the code as it is, they did not", nil
	case len(p.Breaks) == 0:
		line.Level, line.Reason = mutate.Ran, "the command of verify.prove broke nothing"
	case tried(line.Mutants) == 0:
		line.Level, line.Reason = mutate.Ran, "none of its breaks is one"
	case line.Killed == 0:
		line.Level = mutate.Covers
	default:
		line.Level = mutate.Bites
	}
	if len(line.Files) > 0 {
		line.Code = index.Files(".", line.Files)
	}
}

// outcomeOf says what became of a break.
func outcomeOf(b tasks.Break) mutate.Outcome {
	switch {
	case b.Unfit != "":
		return mutate.Unfit
	case b.End == trace.Asserted:
		return mutate.Killed
	case b.End == trace.Overtime:
		return mutate.TimedOut
	case b.End == trace.Held:
		return mutate.Passed
	case !b.Built:
		return mutate.Broken
	case b.End == trace.Unclear:
		return mutate.Skipped
	}
	return mutate.Errored
}
