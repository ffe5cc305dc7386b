package cmd

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/mutate"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

type proveOptions struct {
	criterion []string
	replay    string
	budget    int
	asBefore  bool // as many breaks as the lock has
	since     string
	stale     bool
	badge     string
}

func (a *app) proveVerb() *cobra.Command {
	var o proveOptions
	c := &cobra.Command{
		Use:   "prove [FEATURE]",
		Short: "Break the code on purpose and see whether each criterion's test notices",
		Long: "Prove breaks the Go code that a criterion's tests run, one small change at a time and without touching a file, and demands\n" +
			"that an assertion of them fails. A panic, a time-out or a skip is no kill. What was seen goes into spec.lock as bites k/n.\n" +
			"It ends with 1 where a criterion's tests notice nothing, or none of the changes of a number that the criterion names.\n\n" +
			"Code of other languages is broken by patches that you wrote, breaks/ID-NAME.patch beside the specification, or by the command\n" +
			"verify.prove, in a copy that is thrown away.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.prompt(c.Context())
			defer cancel()
			o.asBefore = o.replay != "" && !c.Flags().Changed("budget")
			return a.prove(ctx, slices.Concat(args, []string{""})[0], o)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.criterion, "criterion", nil, "only criteria `IDS`")
	f.StringVar(&o.replay, "replay", "", "repeat the proof of criterion `ID`, show each run and write nothing")
	f.StringVar(&o.since, "changed-since", "", "only criteria whose words, tests or code are not those of the commit `REV`")
	f.BoolVar(&o.stale, "stale", false, "only criteria whose proof in spec.lock is absent or of other words, tests or code")
	f.StringVar(&o.badge, "badge", "", "write a badge to `FILE`: an SVG picture, or with .json what shields.io reads")
	f.IntVar(&o.budget, "budget", 10, "breaks a criterion")
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
	Files     []string         `json:"files,omitempty"` // that the breaks changed, where that is not Go's code
	Seconds   float64          `json:"seconds"`
	Unnoticed []string         `json:"unnoticed"` // numbers that the criterion names and the code holds: no change of them is noticed
	Unwritten string           `json:"unwritten,omitempty"`
	Aged      bool             `json:"aged,omitempty"`
	AsItIs    []passedRun      `json:"asItIs,omitempty"`   // of a replay: its tests before any break
	Recorded  string           `json:"recorded,omitempty"` // of a replay: k/n as the lock has it
	Fewer     bool             `json:"fewer,omitempty"`    // are noticed than the lock says
}

type passedRun struct {
	Test    string  `json:"test"`
	Seconds float64 `json:"seconds,omitempty"` // where it is measured: of Go's tests
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
	if err := haveCriteria(targets, o.criterion); err != nil {
		return err
	}
	t := targets[0]
	s, err := a.settings(t.root)
	if err != nil {
		return err
	}
	if err := a.trusted(t.root, s); err != nil {
		return err
	}
	index, err := trace.Scan(rooted(t.root), ".")
	if err != nil {
		return err
	}
	p := &provers{app: a, root: t.root, settings: s, budget: o.budget, targets: targets, index: index, modules: map[string]*mutate.Prover{}}
	defer p.close()
	before, err := a.proofsAt(ctx, t.root, o.since)
	if err != nil {
		return err
	}
	hollow := false
	for _, t := range targets {
		r, err := a.proveFeature(ctx, p, index, t, before, o)
		if err != nil {
			return err
		}
		hollow = hollow || slices.ContainsFunc(r.Criteria, func(c provenCriterion) bool {
			return c.Aged || c.Fewer || len(c.Tests) > 0 && c.Level != mutate.Bites && !(c.Level == mutate.Ran && c.Reason == "") || len(c.Unnoticed) > 0
		})
		if o.badge != "" {
			if err := a.writeBadge(o.badge, targets); err != nil {
				return err
			}
		}
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

// numbers are those of a sentence with a unit of time, money or share behind or before them.
var numbers = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)([$€£]\s?)?(\d[\d_,]*(?:\.\d+)?)(?:\s*(%|per ?cent\b|milliseconds?\b|ms\b|seconds?\b|s\b|minutes?\b|min\b|hours?\b|h\b|days?\b|weeks?\b|[kmg]i?b\b|dollars?\b|euros?\b|usd\b|eur\b))?`)
})

// units are the factors that code writes a number with, for a unit of a sentence.
func units(unit string) []float64 {
	unit = strings.ToLower(unit)
	switch {
	case unit == "%", strings.HasPrefix(unit, "per"):
		return []float64{0.01}
	case unit == "ms", strings.HasPrefix(unit, "milli"):
		return nil
	case strings.HasPrefix(unit, "s"):
		return []float64{1000}
	case strings.HasPrefix(unit, "min"):
		return []float64{60, 60_000}
	case strings.HasPrefix(unit, "h"):
		return []float64{60, 3600, 3_600_000}
	case strings.HasPrefix(unit, "day"):
		return []float64{24, 86_400}
	case strings.HasPrefix(unit, "week"):
		return []float64{7, 168, 604_800}
	case strings.HasPrefix(unit, "k"):
		return []float64{1000, 1024}
	case strings.HasPrefix(unit, "mb"), strings.HasPrefix(unit, "mi"):
		return []float64{1_000_000, 1 << 20}
	case strings.HasPrefix(unit, "g"):
		return []float64{1_000_000_000, 1 << 30}
	case unit != "": // money, in cents
		return []float64{100}
	}
	return nil
}

// timeUnit is a unit of time; 0 for another.
func timeUnit(unit string) time.Duration {
	unit = strings.ToLower(unit)
	for _, u := range []struct {
		word string
		is   time.Duration
	}{{"ms", time.Millisecond}, {"milli", time.Millisecond}, {"min", time.Minute}, {"s", time.Second}, {"h", time.Hour}, {"day", 24 * time.Hour}, {"week", 7 * 24 * time.Hour}} {
		if strings.HasPrefix(unit, u.word) {
			return u.is
		}
	}
	return 0
}

// named lists the numbers and quoted words of a criterion as code may write them: 29.00 and $29 also as 2900, 30 days
// also as hours and seconds. Numbers of one digit without a unit, and nothing at all ($0), name nothing that could be looked up.
func named(text string) []mutate.Named {
	var out []mutate.Named
	add := func(n mutate.Named) {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	for _, m := range numbers().FindAllStringSubmatch(text, -1) {
		n := strings.NewReplacer(",", "", "_", "").Replace(m[2])
		v, err := strconv.ParseFloat(n, 64)
		if err != nil || v > 1<<53 {
			continue
		}
		unit := m[3]
		if m[1] != "" && unit == "" {
			unit = "dollar"
		}
		if _, cents, ok := strings.Cut(n, "."); ok && len(cents) == 2 && unit == "" {
			unit = "dollar"
		}
		if len(n) == 1 && unit == "" || v == 0 {
			continue
		}
		for _, f := range slices.Concat([]float64{1}, units(unit)) {
			text := strconv.FormatFloat(math.Round(v*f*1e6)/1e6, 'f', -1, 64)
			add(mutate.Named{Text: text, As: strings.TrimSpace(m[0]), Unit: unit != "", Time: time.Duration(v * float64(timeUnit(unit)))})
		}
	}
	for i, part := range strings.FieldsFunc(text, func(r rune) bool { return r == '`' || r == '"' }) {
		if i%2 == 1 {
			add(mutate.Named{Text: part, As: part})
		}
	}
	return out
}

// unnoticed says of a number that a criterion names, as code writes it, that none of its changes is noticed.
func unnoticed(text, number string) string {
	for _, n := range named(text) {
		if n.Text == number && n.As != number {
			return fmt.Sprintf("names %s, and no change of %s in the code is noticed", n.As, number)
		}
	}
	return fmt.Sprintf("names %s, and no change of it in the code is noticed", number)
}

// A proofState is what a criterion's proof rests on.
type proofState struct{ text, tests, code string }

// proofsAt reads what the proofs of a commit's criteria rest on, by feature and criterion; nil without a commit.
func (a *app) proofsAt(ctx context.Context, root, rev string) (func(feature, id, bites string) proofState, error) {
	if rev == "" {
		return nil, nil
	}
	tree, err := a.treeAt(ctx, root, rev)
	if err != nil {
		return nil, err
	}
	index, err := trace.Scan(tree, ".")
	if err != nil {
		return nil, fmt.Errorf("looking for tagged tests in %s: %v", rev, err)
	}
	workspaces, _ := spec.Workspaces(tree, ".")
	states := map[string]func(bites string) proofState{}
	for _, w := range workspaces {
		for _, loc := range w.Features {
			f, _ := spec.Parse(tree, loc.Dir)
			for _, c := range f.Criteria() {
				states[f.Name+"/"+c.ID] = func(bites string) proofState { return stateOf(f, index, c, bites) }
			}
		}
	}
	return func(feature, id, bites string) proofState {
		if of := states[feature+"/"+id]; of != nil {
			return of(bites)
		}
		return proofState{}
	}, nil
}

// stateOf is what a criterion's proof rests on; bites is the lock's, which names the code where that is not Go's.
func stateOf(f *spec.Feature, index *trace.Index, c *spec.Requirement, bites string) proofState {
	s := proofState{text: c.Hash(), code: index.CodeOf(f.Name, c.ID, bites, ".")}
	var bodies []string
	for _, t := range index.Tests(f.Name, c.ID) {
		bodies = append(bodies, t.Name+" "+t.Body)
	}
	slices.Sort(bodies)
	s.tests = strings.Join(bodies, "\n")
	return s
}

// fits tells whether the lock's runs are of a criterion's words and tests as they are.
func fits(facts *trace.CriterionFacts, c *spec.Requirement, tests []*trace.Test) bool {
	return facts != nil && len(facts.Tests) == len(tests) && !slices.ContainsFunc(tests, func(t *trace.Test) bool {
		return !slices.ContainsFunc(facts.Tests, func(r trace.Ran) bool { return r.Name == t.Name && r.Body == t.Body && r.Text == c.Hash() })
	})
}

// proven tells whether the lock's proof is of a criterion's words, tests and code as they are.
func proven(facts *trace.CriterionFacts, c *spec.Requirement, index *trace.Index, feature string) bool {
	return fits(facts, c, index.Tests(feature, c.ID)) && facts.Bites != "" && trace.BittenCode(facts.Bites) == index.CodeOf(feature, c.ID, facts.Bites, ".")
}

// toProve lists the criteria that the options ask for.
func toProve(t *target, index *trace.Index, before func(feature, id, bites string) proofState, o proveOptions) (out []*spec.Requirement) {
	for _, c := range t.feature.Criteria() {
		bites := ""
		if facts := t.lock.Criterion(c.ID); facts != nil {
			bites = facts.Bites
		}
		switch now := stateOf(t.feature, index, c, bites); {
		case len(o.criterion) > 0 && !slices.Contains(o.criterion, c.ID):
		case before != nil && (now.code != "" || now.tests == "") && before(t.feature.Name, c.ID, bites) == now:
		case o.stale && proven(t.lock.Criterion(c.ID), c, index, t.feature.Name):
		default:
			out = append(out, c)
		}
	}
	return out
}

func (a *app) proveFeature(ctx context.Context, p *provers, index *trace.Index, t *target, before func(feature, id, bites string) proofState, o proveOptions) (proofReport, error) {
	r := proofReport{Version: 1, Feature: t.feature.Name, Criteria: []provenCriterion{}, Levels: map[string]int{}}
	written := t.lock.Bytes()
	criteria := toProve(t, index, before, o)
	foreign, err := a.proveForeign(ctx, p, index, t, criteria)
	if err != nil {
		return r, a.unproven(ctx, err)
	}
	for _, c := range criteria {
		line := provenCriterion{Criterion: c.ID, Text: c.Text, Tests: []string{}, Unnoticed: []string{}, Level: mutate.None, Reason: untagged(index, t.feature.Name, c.ID), Mutants: []mutate.Verdict{}}
		for _, test := range index.Tests(t.feature.Name, c.ID) {
			line.Tests = append(line.Tests, test.Name)
		}
		if tests := goTests(t, index, c.ID); len(tests) > 0 {
			a.progress("criterion %s: %s", c.ID, strings.Join(line.Tests, ", "))
			what := mutate.Criterion{Name: t.feature.Name + "/" + c.ID, Named: named(c.Text), Code: taggedCode(t, index, c.ID)}
			if fact := t.lock.Criterion(c.ID); o.asBefore && fact != nil {
				_, what.Breaks, _ = trace.Bitten(fact.Bites)
			}
			result, err := p.prove(ctx, tests, what)
			if err != nil {
				return r, err
			}
			line.Level, line.Reason, line.Killed, line.Seconds = result.Level, result.Reason, result.Killed(), result.Took.Seconds()
			if len(result.Verdicts) > 0 {
				line.Code, line.Files = brokenCode(t, index, c.ID, tests, result.Verdicts)
			}
			line.Mutants = append(line.Mutants, result.Verdicts...)
			line.Unnoticed = append(line.Unnoticed, result.Unnoticed()...)
			if o.replay != "" {
				for _, run := range result.AsItIs {
					line.AsItIs = append(line.AsItIs, passedRun{run.Test, run.Took.Seconds()})
				}
			}
			r.Builds = p.builds()
		} else if proof := foreign[c.ID]; proof != nil {
			line.foreign(proof, t.root, index)
		} else if len(line.Tests) > 0 {
			line.Reason = noBreaks(t, c.ID)
		}
		if o.replay != "" && foreign[c.ID] != nil && line.Level != mutate.None {
			for _, test := range line.Tests {
				line.AsItIs = append(line.AsItIs, passedRun{Test: test})
			}
		}
		a.recordProof(t, c, index, &line, o)
		r.Levels[string(line.Level)]++
		r.Criteria = append(r.Criteria, line)
		if lock := t.lock.Bytes(); o.replay == "" && !bytes.Equal(lock, written) { // at once: who interrupts it keeps what was seen
			file := path.Join(t.feature.Dir, tasks.LockFile)
			if err := writeFile(filepath.Join(t.root, filepath.FromSlash(file)), lock); err != nil {
				return r, undecided("", "%v", err)
			}
			written, r.Written = lock, true
		}
	}
	return r, nil
}

// unproven words an error of proving; one that the person made by interrupting it is theirs.
func (a *app) unproven(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &failure{exitInterrupted, fmt.Errorf("interrupted; spec.lock holds the criteria that were proven before"), ""}
	}
	return err
}

// untagged is why a criterion has no test: a tag may stand where go runs nothing that could fail for it alone.
func untagged(index *trace.Index, feature, id string) string {
	for _, tag := range index.Tags {
		if tag.Feature == feature && tag.ID == id && tag.Test == nil && strings.HasSuffix(tag.File, "_test.go") {
			return fmt.Sprintf("no test is tagged for it: the tag in %s:%d belongs to no TestX or FuzzX (an example, a benchmark or the method of a suite is none: tag the test that runs it)", tag.File, tag.Line)
		}
	}
	return "no test is tagged for it"
}

// goTests are the tests of a criterion that go runs, scripts too.
func goTests(t *target, index *trace.Index, id string) (tests []mutate.Test) {
	for _, test := range index.Tests(t.feature.Name, id) {
		if !foreign(test) {
			tests = append(tests, mutate.Test{Dir: filepath.Join(t.root, filepath.FromSlash(packageDir(test))), Name: test.Name, Script: !strings.HasSuffix(test.File, "_test.go")})
		}
	}
	return tests
}

// brokenCode names the code that the breaks of a criterion changed: that which its tests lead to by names, or where a script
// does not, the functions that the breaks lie in, as the lock keeps them.
func brokenCode(t *target, index *trace.Index, id string, tests []mutate.Test, breaks []mutate.Verdict) (code string, files []string) {
	if !slices.ContainsFunc(tests, func(t mutate.Test) bool { return t.Script }) {
		return index.Code(t.feature.Name, id), nil
	}
	for _, b := range breaks {
		file, err := filepath.Rel(t.root, b.File)
		if err != nil {
			continue
		}
		name := filepath.ToSlash(file)
		if b.Func != "" { // a method is known by its own name
			name = path.Dir(name) + "#" + b.Func[strings.LastIndexByte(b.Func, '.')+1:]
		}
		if !slices.Contains(files, name) {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return index.Files(".", files), files
}

// taggedCode is the code that is tagged for a criterion.
func taggedCode(t *target, index *trace.Index, id string) (out []mutate.Range) {
	for _, r := range index.Lines(t.feature.Name, id) {
		out = append(out, mutate.Range{File: filepath.Join(t.root, filepath.FromSlash(r.File)), From: r.From, To: r.To})
	}
	return out
}

// recordProof writes what was seen into the lock, or with --replay compares it with what the lock says.
func (a *app) recordProof(t *target, c *spec.Requirement, index *trace.Index, line *provenCriterion, o proveOptions) {
	fact := t.lock.Criterion(c.ID)
	if o.replay != "" {
		if fact == nil || fact.Bites == "" {
			return
		}
		line.Recorded, _, _ = strings.Cut(fact.Bites, " ")
		line.Aged = line.Code != "" && trace.BittenCode(fact.Bites) != index.CodeOf(t.feature.Name, c.ID, fact.Bites, ".")
		killed, all, ok := trace.Bitten(fact.Bites)
		line.Fewer = !line.Aged && (!ok || line.Killed < killed || tried(line.Mutants) < all && o.asBefore)
		return
	}
	if line.Code == "" {
		return
	}
	if !fits(fact, c, index.Tests(t.feature.Name, c.ID)) {
		line.Unwritten = "its tests, or its words, are not those that the lock saw pass: spec verify " + spec.Typed(t.feature.Name)
		return
	}
	fact.Bites = trace.Bites(line.Killed, tried(line.Mutants), line.Code, line.Files)
}

func (a *app) showProof(r proofReport, o proveOptions) {
	if len(r.Criteria) == 0 {
		fmt.Fprintf(a.w.Stdout, "%s: nothing to prove: 0 of 0 criteria have changed, or have no proof\n", r.Feature)
		return
	}
	w := tabwriter.NewWriter(a.w.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "CRITERION\tLEVEL\tBREAKS\tTIME\tTESTS\n")
	for _, c := range r.Criteria {
		counts := "-"
		if len(c.Mutants) > 0 {
			counts = fmt.Sprintf("%d of %d noticed%s", c.Killed, tried(c.Mutants), others(c.Mutants))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Criterion, c.Level, counts, (time.Duration(c.Seconds * float64(time.Second))).Round(100*time.Millisecond), clean(strings.Join(c.Tests, ", ")))
	}
	w.Flush()
	for _, c := range r.Criteria {
		if c.Reason != "" {
			fmt.Fprintf(a.w.Stdout, "\ncriterion %s is not proven: %s\n", c.Criterion, clean(c.Reason))
		}
		for _, n := range c.Unnoticed {
			fmt.Fprintf(a.w.Stdout, "\ncriterion %s %s\n", c.Criterion, clean(unnoticed(c.Text, n)))
		}
		if c.Unwritten != "" {
			fmt.Fprintf(a.w.Stdout, "\ncriterion %s: not recorded: %s\n", c.Criterion, c.Unwritten)
		}
		if c.Aged {
			fmt.Fprintf(a.w.Stdout, "\ncriterion %s: the lock's proof has aged: the code that its tests run is another now\n", c.Criterion)
		}
		switch now := fmt.Sprintf("%d of %d", c.Killed, tried(c.Mutants)); {
		case o.replay == "":
		case c.Recorded == "":
			fmt.Fprintf(a.w.Stdout, "\ncriterion %s: spec.lock holds no proof of it to compare with\n", c.Criterion)
		case c.Fewer:
			fmt.Fprintf(a.w.Stdout, "\ncriterion %s: spec.lock says bites %s, and %s were noticed now\n", c.Criterion, clean(c.Recorded), now)
		case !c.Aged:
			fmt.Fprintf(a.w.Stdout, "\ncriterion %s: spec.lock says bites %s, and %s were noticed again\n", c.Criterion, clean(c.Recorded), now)
		}
		for _, run := range c.AsItIs {
			took := ""
			if run.Seconds > 0 {
				took = ", " + time.Duration(run.Seconds*float64(time.Second)).Round(time.Millisecond).String()
			}
			fmt.Fprintf(a.w.Stdout, "  %s as it is: passed%s\n", clean(run.Test), took)
		}
		shown, begun := 0, false
		for _, m := range c.Mutants {
			if o.replay == "" && (m.Outcome == mutate.Killed || shown == 5 && m.Outcome != mutate.Unfit) {
				continue
			}
			if !begun {
				fmt.Fprintf(a.w.Stdout, "\ncriterion %s: %s\n", c.Criterion, clean(oneLine(c.Text)))
			}
			if begun = true; m.Outcome != mutate.Unfit { // of what is no break all are shown: they are mistakes
				shown++
			}
			fmt.Fprintf(a.w.Stdout, "  %s%s: %s%s\n%s", at(m, a.dir), clean(m.Kind), m.Outcome, boundary(m), indented(m.Diff))
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

// at is the place of a break; "" where nothing was changed.
func at(v mutate.Verdict, dir string) string {
	if v.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", clean(shortPath(v.File, dir)), v.Line)
}

// boundary says that a break is of what the criterion names.
func boundary(v mutate.Verdict) string {
	if v.Boundary {
		return ", of what the criterion names"
	}
	return ""
}

// indented is a diff without its head, a long one cut.
func indented(diff string) string {
	if diff == "" {
		return ""
	}
	lines := strings.SplitAfter(strings.TrimRight(diff, "\n"), "\n")[1:]
	var b strings.Builder
	for i, l := range lines {
		if i == 12 {
			fmt.Fprintf(&b, "    … %d lines more\n", len(lines)-i)
			break
		}
		b.WriteString("    " + clean(strings.TrimRight(l, "\n")) + "\n")
	}
	return b.String()
}

// tried counts the breaks; what does not apply is none.
func tried(list []mutate.Verdict) (n int) {
	for _, v := range list {
		if v.Outcome != mutate.Unfit {
			n++
		}
	}
	return n
}

// others counts what is neither noticed nor survived.
func others(list []mutate.Verdict) string {
	counts := map[mutate.Outcome]int{}
	for _, v := range list {
		counts[v.Outcome]++
	}
	text := ""
	for _, o := range []mutate.Outcome{mutate.Panicked, mutate.Errored, mutate.TimedOut, mutate.Skipped, mutate.Broken, mutate.Unfit} {
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
