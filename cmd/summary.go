package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"path/filepath"

	"strings"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

type summaryOptions struct{ markdown bool }

func (a *app) summaryVerb() *cobra.Command {
	var o summaryOptions
	c := &cobra.Command{
		Use:   "summary FEATURE",
		Short: "Show what was done, against the specification",
		Long:  "Summary compares the head with the commit before the feature's first landed task: files created and modified, test\nresults and coverage of the last spec verify, each criterion with its proof, and what is still open.",
		Args:  exactly("FEATURE"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.prompt(c.Context())
			defer cancel()
			return a.summary(ctx, args[0], o)
		},
	}
	c.Flags().BoolVar(&o.markdown, "markdown", false, "as Markdown, for a pull request")
	return c
}

type fileLine struct {
	Path    string `json:"path"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
}

type suite struct {
	Name    string `json:"name"`
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	Skipped int    `json:"skipped"`
}

type criterionLine struct {
	ID    string   `json:"id"`
	Text  string   `json:"text"`
	Proof string   `json:"proof"` // none, ran, covers (no break was noticed), bites, aged (it bit other code)
	Kills string   `json:"kills"` // k/n, where breaks were tried
	Tests []string `json:"tests"`
}

type summary struct {
	Version        int             `json:"version"`
	Feature        string          `json:"feature"`
	Title          string          `json:"title"`
	Base           string          `json:"base"`
	Created        []fileLine      `json:"created"`
	Modified       []fileLine      `json:"modified"`
	Deleted        []fileLine      `json:"deleted"`
	Tasks          []taskLine      `json:"tasks"`
	Measured       bool            `json:"measured"` // the last verify saw exactly this code
	Suites         []suite         `json:"suites"`
	Coverage       float64         `json:"coverage"`
	CoverageTarget int             `json:"coverageTarget"`
	Criteria       []criterionLine `json:"criteria"`
	OpenQuestions  []string        `json:"openQuestions"`
}

type taskLine struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	State string `json:"state"`
	By    string `json:"by,omitempty"`
}

func (a *app) summary(ctx context.Context, name string, o summaryOptions) error {
	t, err := a.open(name)
	if err != nil {
		return err
	}
	repo, err := a.repository(ctx, t.root)
	if err != nil {
		return err
	}
	s, err := a.summarize(ctx, repo, t)
	if err != nil {
		return err
	}
	switch {
	case a.json:
		return a.print(s)
	case o.markdown:
		_, err = a.w.Stdout.Write([]byte(clean(s.markdown())))
	default:
		_, err = a.w.Stdout.Write([]byte(clean(s.text())))
	}
	return err
}

func (a *app) summarize(ctx context.Context, repo *git.Repo, t *target) (*summary, error) {
	cfg, err := a.settings(t.root)
	if err != nil {
		return nil, err
	}
	s := &summary{Version: 1, Feature: t.feature.Name, Title: t.feature.Title, Created: []fileLine{}, Modified: []fileLine{}, Deleted: []fileLine{}, Tasks: []taskLine{},
		Suites: []suite{}, Coverage: -1, CoverageTarget: first(cfg.user.Verify.Coverage.Target, cfg.repo.Verify.Coverage.Target, 80), Criteria: []criterionLine{}, OpenQuestions: []string{}}
	if err := s.files(ctx, repo, t); err != nil {
		return nil, err
	}
	s.tasks(t)
	if err := s.criteria(t); err != nil {
		return nil, err
	}
	if err := s.measured(ctx, repo, t); err != nil {
		return nil, err
	}
	return s, s.open(t)
}

// criteria says how each criterion is proven, as the lock has it and the tree bears it out.
func (s *summary) criteria(t *target) error {
	index, err := trace.Scan(rooted(t.root), ".")
	if err != nil {
		return fmt.Errorf("looking for tagged tests: %v", err)
	}
	for _, c := range t.feature.Criteria() {
		line := criterionLine{ID: c.ID, Text: c.Text, Proof: "none", Tests: []string{}}
		if facts := t.lock.Criterion(c.ID); facts != nil {
			for _, r := range facts.Tests {
				line.Proof = "ran"
				line.Tests = append(line.Tests, r.Name)
			}
			switch {
			case line.Proof == "ran" && !fits(facts, c, index.Tests(t.feature.Name, c.ID)):
				line.Proof = "stale" // what ran was another test, or of other words
			case line.Proof == "ran" && facts.Bites != "":
				line.Kills, _, _ = strings.Cut(facts.Bites, " ")
				line.Proof = "bites"
				switch {
				case strings.HasPrefix(line.Kills, "0/"):
					line.Proof = "covers"
				case !proven(facts, c, index, t.feature.Name):
					line.Proof = "aged"
				}
			}
		}
		s.Criteria = append(s.Criteria, line)
	}
	return nil
}

// words are the level of a proof and the breaks that were noticed.
func (c criterionLine) words() string { return strings.TrimSpace(c.Proof + " " + c.Kills) }

// files compares the head with the parent of the feature's first landed task.
func (s *summary) files(ctx context.Context, repo *git.Repo, t *target) error {
	landings, err := tasks.Landings(ctx, repo, t.feature.Name)
	if err != nil || len(landings) == 0 {
		return err
	}
	parents, err := repo.Parent(ctx, landings[0].Commit)
	if err != nil || parents == "" {
		return err
	}
	s.Base, _, _ = strings.Cut(parents, " ")
	changes, err := repo.Changes(ctx, s.Base, "HEAD")
	if err != nil {
		return err
	}
	for _, c := range changes {
		if strings.Contains("/"+c.Path, "/.kiro/") {
			continue
		}
		line := fileLine{Path: c.Path, Added: max(c.Added, 0), Removed: max(c.Removed, 0)}
		switch c.Status {
		case "A":
			s.Created = append(s.Created, line)
		case "D":
			s.Deleted = append(s.Deleted, line)
		default:
			s.Modified = append(s.Modified, line)
		}
	}
	return nil
}

func (s *summary) tasks(t *target) {
	outcomes := t.lock.Outcomes()
	for _, leaf := range t.feature.Leaves() {
		line := taskLine{ID: leaf.ID, Title: leaf.Title, State: string(leaf.State)}
		if o, ok := outcomes[leaf.ID]; ok {
			line.State = string(o.Kind)
		}
		if f := t.lock.Task(leaf.ID); f != nil && f.Landed != nil {
			line.By = f.Landed.By
		}
		s.Tasks = append(s.Tasks, line)
	}
}

// lastVerify is what `spec verify` keeps of its last run, for the summary.
type lastVerify struct {
	Code     string  `json:"code"` // tree without specifications
	Suites   []suite `json:"suites"`
	Coverage float64 `json:"coverage"`
}

func lastVerifyFile(repo *git.Repo) string {
	return filepath.Join(repo.Dir, tasks.StateDir, "verify.json")
}

func (s *summary) measured(ctx context.Context, repo *git.Repo, t *target) error {
	data, err := os.ReadFile(lastVerifyFile(repo))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var last lastVerify
	if json.Unmarshal(data, &last) != nil {
		return nil
	}
	code, err := tasks.CodeTree(ctx, repo, "HEAD")
	if err != nil {
		return err
	}
	if code == last.Code {
		s.Measured, s.Suites, s.Coverage = true, last.Suites, last.Coverage
	}
	return nil
}

// open lists what a person still has to do: criteria without proof, tasks that are not done, and what the steps after
// landing are as far as decisions and design name them.
func (s *summary) open(t *target) error {
	for _, task := range s.Tasks {
		if task.State == string(spec.Todo) || task.State == string(spec.Doing) || task.State == string(spec.Queued) {
			s.OpenQuestions = append(s.OpenQuestions, "task "+task.ID+" is not done: "+task.Title)
		}
	}
	for _, c := range s.Criteria {
		switch c.Proof {
		case "none":
			s.OpenQuestions = append(s.OpenQuestions, "criterion "+c.ID+" has no proof")
		case "stale":
			s.OpenQuestions = append(s.OpenQuestions, "criterion "+c.ID+": what ran was another test, or of other words: spec verify "+spec.Typed(s.Feature))
		case "covers":
			s.OpenQuestions = append(s.OpenQuestions, "criterion "+c.ID+": its tests noticed no break of the code")
		case "aged":
			s.OpenQuestions = append(s.OpenQuestions, "criterion "+c.ID+": the code changed since its tests noticed breaks: spec prove "+s.Feature+" --criterion "+c.ID)
		}
	}
	for _, stage := range spec.Stages() {
		if ap := t.lock.Approval(stage); ap != nil && ap.Channel != "tty" {
			s.OpenQuestions = append(s.OpenQuestions, fmt.Sprintf("%s: approved by %s, not by a person at a terminal", stage, ap.Channel))
		}
	}
	s.OpenQuestions = append(s.OpenQuestions, environment(t)...)
	return nil
}

// environment names what the design says has to be set, registered or run before the feature works in production: the
// items below a heading that starts with "Before deployment".
func environment(t *target) []string {
	var todo []string
	for _, section := range t.feature.Sections {
		if !strings.HasPrefix(strings.ToLower(section.Title), "before deployment") {
			continue
		}
		for line := range strings.Lines(section.Text) {
			if item, ok := strings.CutPrefix(strings.TrimSpace(line), "- "); ok {
				todo = append(todo, item)
			}
		}
	}
	return todo
}

// counts words how many criteria have reached which proof.
func (s *summary) counts() string {
	n := map[string]int{}
	for _, c := range s.Criteria {
		n[c.Proof]++
	}
	text := fmt.Sprintf("%d of %d proven", len(s.Criteria)-n["none"]-n["covers"]-n["stale"], len(s.Criteria))
	for _, part := range []struct{ proof, words string }{{"bites", "%d bite"}, {"aged", "%d aged"}, {"covers", "%d noticed no break"}, {"stale", "%d stale"}, {"ran", "%d only ran"}} {
		if n[part.proof] > 0 && len(n) > 0 && n["bites"]+n["aged"]+n["covers"]+n["stale"] > 0 {
			text += fmt.Sprintf(", "+part.words, n[part.proof])
		}
	}
	return text
}

func (s *summary) text() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s (%s)\n", s.Title, s.Feature)
	files := func(title string, lines []fileLine, removed bool) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s (%d)\n", title, len(lines))
		for _, l := range lines {
			fmt.Fprintf(&b, "  %s (+%d", l.Path, l.Added)
			if removed {
				fmt.Fprintf(&b, " −%d", l.Removed)
			}
			b.WriteString(" lines)\n")
		}
	}
	files("Files created", s.Created, false)
	files("Files modified", s.Modified, true)
	files("Files deleted", s.Deleted, true)
	b.WriteString("\nTests\n")
	for _, line := range s.testLines() {
		b.WriteString("  " + line + "\n")
	}
	fmt.Fprintf(&b, "\nCriteria (%s)\n", s.counts())
	for _, c := range s.Criteria {
		fmt.Fprintf(&b, "  %-6s %-11s %s\n", c.ID, c.words(), shorten(c.Text, 90))
	}
	b.WriteString("\nTasks\n")
	for _, t := range s.Tasks {
		fmt.Fprintf(&b, "  %-4s %-8s %s\n", t.ID, t.State, t.Title)
	}
	b.WriteString("\nOpen\n")
	for _, q := range s.OpenQuestions {
		fmt.Fprintf(&b, "  - %s\n", q)
	}
	if len(s.OpenQuestions) == 0 {
		b.WriteString("  nothing\n")
	}
	return b.String()
}

func (s *summary) testLines() []string {
	if !s.Measured {
		return []string{"not run on this code here: spec verify " + spec.Typed(s.Feature)}
	}
	var lines []string
	for _, x := range s.Suites {
		lines = append(lines, fmt.Sprintf("%s: %d passed, %d failed, %d skipped", x.Name, x.Passed, x.Failed, x.Skipped))
	}
	switch {
	case s.Coverage < 0:
		lines = append(lines, fmt.Sprintf("coverage: not measured (target %d %%)", s.CoverageTarget))
	case s.Coverage >= float64(s.CoverageTarget):
		lines = append(lines, fmt.Sprintf("coverage: %.1f %% (target %d %%, met)", s.Coverage, s.CoverageTarget))
	default:
		lines = append(lines, fmt.Sprintf("coverage: %.1f %% (target %d %%, missed)", s.Coverage, s.CoverageTarget))
	}
	return lines
}

func (s *summary) markdown() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "## %s\n\n", s.Title)
	for _, group := range []struct {
		title string
		lines []fileLine
	}{{"Files created", s.Created}, {"Files modified", s.Modified}, {"Files deleted", s.Deleted}} {
		if len(group.lines) == 0 {
			continue
		}
		fmt.Fprintf(&b, "### %s (%d)\n\n", group.title, len(group.lines))
		for _, l := range group.lines {
			fmt.Fprintf(&b, "- `%s` (+%d −%d)\n", l.Path, l.Added, l.Removed)
		}
		b.WriteString("\n")
	}
	b.WriteString("### Tests\n\n")
	for _, line := range s.testLines() {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	fmt.Fprintf(&b, "\n### Criteria: %s\n\n| criterion | proof | text |\n|---|---|---|\n", s.counts())
	for _, c := range s.Criteria {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.ID, c.words(), strings.ReplaceAll(shorten(c.Text, 120), "|", `\|`))
	}
	b.WriteString("\n### Open\n\n")
	for _, q := range s.OpenQuestions {
		fmt.Fprintf(&b, "- [ ] %s\n", q)
	}
	return b.String()
}
