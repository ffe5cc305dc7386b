package cmd

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/mutate"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

type proveOptions struct {
	criterion []string
	replay    string
	budget    int
}

func (a *app) proveVerb() *cobra.Command {
	var o proveOptions
	c := &cobra.Command{
		Use:   "prove [FEATURE]",
		Short: "Break the code on purpose and see whether each criterion's test notices",
		Long: "Prove breaks the Go code that a criterion's tests run, one small change at a time and without touching a file, and demands\n" +
			"that an assertion of them fails. A panic, a time-out or a skip is no kill. What was seen goes into spec.lock as bites k/n.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.prompt(c.Context())
			defer cancel()
			return a.prove(ctx, slices.Concat(args, []string{""})[0], o)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.criterion, "criterion", nil, "only criteria `IDS`")
	f.StringVar(&o.replay, "replay", "", "repeat the proof of criterion `ID`, show each run and write nothing")
	f.IntVar(&o.budget, "budget", 12, "breaks a criterion")
	return c
}

// provenCriterion is one line of prove's answer.
type provenCriterion struct {
	Criterion string           `json:"criterion"`
	Text      string           `json:"text"`
	Tests     []string         `json:"tests"`
	Level     mutate.Level     `json:"level"`
	Reason    string           `json:"reason,omitempty"`
	Killed    int              `json:"killed"`
	Mutants   []mutate.Verdict `json:"mutants"`
	Code      string           `json:"code,omitempty"`
	Seconds   float64          `json:"seconds"`
	Aged      bool             `json:"aged,omitempty"`
}

type proofReport struct {
	Version  int               `json:"version"`
	Feature  string            `json:"feature"`
	Criteria []provenCriterion `json:"criteria"`
	Levels   map[string]int    `json:"levels"`
	Builds   int               `json:"builds"` // of single breaks that no choice at run time can make
	Written  bool              `json:"written"`
}

func (a *app) prove(ctx context.Context, name string, o proveOptions) error {
	targets, err := a.managed(name)
	if err != nil {
		return err
	}
	if o.replay != "" {
		o.criterion = []string{o.replay}
	}
	t := targets[0]
	s, err := a.settings(t.root)
	if err != nil {
		return err
	}
	if err := a.trusted(t.root, s); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(t.root, "go.mod")); err != nil {
		return undecided("spec verify", "prove breaks Go code, and there is no go.mod in %s", t.root)
	}
	box, err := s.sandbox()
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "spec-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o711); err != nil {
		return err
	}
	policy := sandbox.Base(a.w.Env).With(box.Reads, box.Writes)
	if box.Mode != "" {
		policy.Mode = box.Mode
	}
	p := &mutate.Prover{Dir: t.root, Self: a.w.Self, Env: a.w.Env, Policy: policy, Temp: temp, Budget: o.budget}
	a.progress("reading the code and making the breaks")
	if err := p.Load(ctx); err != nil {
		return no("go vet ./...", "%v", err)
	}
	index, err := trace.Scan(rooted(t.root), ".")
	if err != nil {
		return err
	}
	hollow := false
	for _, t := range targets {
		r, err := a.proveFeature(ctx, p, index, t, o)
		if err != nil {
			return err
		}
		if len(o.criterion) > 0 && len(r.Criteria) == 0 && len(targets) == 1 {
			return undecided("spec show "+t.feature.Name, "no criterion %s in %s", strings.Join(o.criterion, ", "), t.feature.Name)
		}
		hollow = hollow || slices.ContainsFunc(r.Criteria, func(c provenCriterion) bool {
			return c.Aged || len(c.Tests) > 0 && c.Level != mutate.Bites && !(c.Level == mutate.Ran)
		})
		if a.json {
			err = a.print(r)
		} else {
			a.showProof(r, o)
		}
		if err != nil {
			return err
		}
	}
	if hollow {
		return errSaid
	}
	return nil
}

var numbers = regexp.MustCompile(`\d+(?:[.,]\d+)?`)

// named lists the numbers and quoted words of a criterion as code may write them: 29.00 also as 2900.
func named(text string) []string {
	var out []string
	for _, n := range numbers.FindAllString(text, -1) {
		n = strings.ReplaceAll(n, ",", "")
		out = append(out, n)
		if whole, cents, ok := strings.Cut(n, "."); ok && len(cents) == 2 {
			out = append(out, strings.TrimLeft(whole+cents, "0"))
		}
	}
	for i, part := range strings.FieldsFunc(text, func(r rune) bool { return r == '`' || r == '"' }) {
		if i%2 == 1 {
			out = append(out, part)
		}
	}
	return out
}

func (a *app) proveFeature(ctx context.Context, p *mutate.Prover, index *trace.Index, t *target, o proveOptions) (proofReport, error) {
	r := proofReport{Version: 1, Feature: t.feature.Name, Criteria: []provenCriterion{}, Levels: map[string]int{}}
	before := string(t.lock.Bytes())
	for _, c := range t.feature.Criteria() {
		if len(o.criterion) > 0 && !slices.Contains(o.criterion, c.ID) {
			continue
		}
		line := provenCriterion{Criterion: c.ID, Text: c.Text, Tests: []string{}, Level: mutate.None, Reason: "no test is tagged for it", Mutants: []mutate.Verdict{}}
		var tests []mutate.Test
		for _, test := range index.Tests(t.feature.Name, c.ID) {
			line.Tests = append(line.Tests, test.Name)
			if strings.HasSuffix(test.File, "_test.go") {
				tests = append(tests, mutate.Test{Dir: filepath.Join(t.root, filepath.FromSlash(path.Dir(test.File))), Name: test.Name})
			}
		}
		if len(tests) > 0 {
			a.progress("criterion %s: %s", c.ID, strings.Join(line.Tests, ", "))
			result, err := p.Prove(ctx, tests, named(c.Text), t.feature.Name+"/"+c.ID)
			if err != nil {
				if ctx.Err() != nil {
					return r, &failure{exitInterrupted, fmt.Errorf("interrupted; nothing was written"), ""}
				}
				return r, no("go test ./...", "criterion %s: %v", c.ID, err)
			}
			line.Level, line.Reason, line.Killed, line.Seconds = result.Level, result.Reason, result.Killed(), result.Took.Seconds()
			if len(result.Verdicts) > 0 {
				line.Code = index.Code(t.feature.Name, c.ID)
			}
			line.Mutants = append(line.Mutants, result.Verdicts...)
		} else if len(line.Tests) > 0 {
			line.Reason = "its tests are not Go's; prove breaks Go code only"
		}
		line.Aged = a.recordProof(t, c, &line, o)
		r.Levels[string(line.Level)]++
		r.Criteria = append(r.Criteria, line)
	}
	r.Builds = p.Builds
	if o.replay != "" || string(t.lock.Bytes()) == before {
		return r, nil
	}
	file := path.Join(t.feature.Dir, tasks.LockFile)
	if err := writeFile(filepath.Join(t.root, filepath.FromSlash(file)), t.lock.Bytes()); err != nil {
		return r, undecided("", "%v", err)
	}
	r.Written = true
	return r, nil
}

// recordProof writes what was seen into the lock, or with --replay compares; aged says that the lock's proof is of other
// code.
func (a *app) recordProof(t *target, c *spec.Requirement, line *provenCriterion, o proveOptions) (aged bool) {
	fact := t.lock.Criterion(c.ID)
	if fact == nil || line.Code == "" {
		return false
	}
	if o.replay != "" {
		return fact.Bites != "" && !strings.HasSuffix(fact.Bites, "code:"+line.Code)
	}
	fact.Bites = fmt.Sprintf("%d/%d code:%s", line.Killed, len(line.Mutants), line.Code)
	return false
}

func (a *app) showProof(r proofReport, o proveOptions) {
	w := tabwriter.NewWriter(a.w.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "CRITERION\tLEVEL\tBREAKS\tTIME\tTESTS\n")
	for _, c := range r.Criteria {
		counts := "-"
		if len(c.Mutants) > 0 {
			counts = fmt.Sprintf("%d of %d noticed%s", c.Killed, len(c.Mutants), others(c.Mutants))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Criterion, c.Level, counts, (time.Duration(c.Seconds * float64(time.Second))).Round(100*time.Millisecond), clean(strings.Join(c.Tests, ", ")))
	}
	w.Flush()
	for _, c := range r.Criteria {
		if c.Reason != "" {
			fmt.Fprintf(a.w.Stdout, "\ncriterion %s is not proven: %s\n", c.Criterion, clean(c.Reason))
		}
		if c.Aged {
			fmt.Fprintf(a.w.Stdout, "\ncriterion %s: the lock's proof has aged: the code that its tests run is another now\n", c.Criterion)
		}
		shown := 0
		for _, m := range c.Mutants {
			if o.replay == "" && (m.Outcome == mutate.Killed || shown == 5) {
				continue
			}
			if shown == 0 {
				fmt.Fprintf(a.w.Stdout, "\ncriterion %s: %s\n", c.Criterion, clean(oneLine(c.Text)))
			}
			shown++
			fmt.Fprintf(a.w.Stdout, "  %s:%d: %s: %s\n    - %s\n    + %s\n", clean(shortPath(m.File, a.dir)), m.Line, m.Kind, m.Outcome, clean(m.From), clean(m.To))
			if m.Said != "" {
				fmt.Fprintf(a.w.Stdout, "    %s\n", clean(m.Said))
			}
		}
	}
	var levels []string
	for _, l := range []mutate.Level{mutate.Bites, mutate.Covers, mutate.Ran, mutate.None} {
		levels = append(levels, fmt.Sprintf("%d %s", r.Levels[string(l)], l))
	}
	fmt.Fprintf(a.w.Stdout, "\n%s: %s of %d criteria", r.Feature, strings.Join(levels, ", "), len(r.Criteria))
	if r.Builds > 0 {
		fmt.Fprintf(a.w.Stdout, "; %d breaks took a build of their own", r.Builds)
	}
	fmt.Fprintln(a.w.Stdout)
	if r.Written {
		fmt.Fprintln(a.w.Stdout, "spec.lock now holds what was seen; commit it")
	}
}

// others counts what is neither noticed nor survived.
func others(list []mutate.Verdict) string {
	counts := map[mutate.Outcome]int{}
	for _, v := range list {
		counts[v.Outcome]++
	}
	text := ""
	for _, o := range []mutate.Outcome{mutate.Panicked, mutate.TimedOut, mutate.Skipped, mutate.Broken} {
		if counts[o] > 0 {
			text += fmt.Sprintf(", %d %s", counts[o], o)
		}
	}
	return text
}

func shortPath(file, dir string) string {
	if rel, err := filepath.Rel(dir, file); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return file
}
