package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/check"
	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

func (a *app) mcpVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "mcp",
		Short: "Serve specifications to an agent over the Model Context Protocol",
		Long: "Mcp speaks MCP on standard input and output. Inside a run it serves ask_person, report, get_task, get_requirement and\n" +
			"search_steering; outside of one list_features, plan and check, which read only.",
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			err := a.mcpServer().Run(c.Context(), &mcp.StdioTransport{})
			if err != nil && c.Context().Err() == nil && !strings.Contains(err.Error(), "EOF") {
				return err
			}
			return nil
		},
	}
}

func (a *app) mcpServer() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "spec", Version: version()}, nil)
	if a.w.env(agent.EnvSocket) != "" {
		mcp.AddTool(s, &mcp.Tool{Name: "ask_person", Description: "Ask the person who approves the specification to decide something that it leaves open. Give choices where there are some, the one that you would take first."}, a.askPerson)
		mcp.AddTool(s, &mcp.Tool{Name: "report", Description: "Say in a few sentences what you did, for the person who reviews it. With unchanged, say why nothing had to change."}, a.reportTool)
	} else {
		mcp.AddTool(s, &mcp.Tool{Name: "list_features", Description: "List the specifications of this workspace with their progress."}, a.listTool)
		mcp.AddTool(s, &mcp.Tool{Name: "plan", Description: "The tasks of a feature in dependency order: what is done, what can start and why the others wait."}, a.planTool)
		mcp.AddTool(s, &mcp.Tool{Name: "check", Description: "Findings where specification, approvals, plan, code, tests and steering no longer agree."}, a.checkTool)
	}
	mcp.AddTool(s, &mcp.Tool{Name: "get_task", Description: "A task of a feature with its details and what it cites."}, a.taskTool)
	mcp.AddTool(s, &mcp.Tool{Name: "get_requirement", Description: "A requirement or criterion of a feature, with the criteria that belong to it."}, a.requirementTool)
	mcp.AddTool(s, &mcp.Tool{Name: "search_steering", Description: "Paragraphs of the project's steering documents that hold all the words of a query."}, a.steeringTool)
	return s
}

func text(format string, args ...any) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprintf(format, args...)}}}
}

// envPatience overrides how long ask_person waits.
const envPatience = "SPEC_ASK_PATIENCE"

type askInput struct {
	Question string   `json:"question" jsonschema:"what has to be decided"`
	Choices  []string `json:"choices,omitempty" jsonschema:"possible answers, the one that you would take first"`
}

// patienceOfTools is how long a tool call waits for a person: agents give a silent one up after a minute, and some whatever
// it says. A longer answer ends the turn, and is the agent's next message.
const patienceOfTools = 50 * time.Second

// askPerson waits for the answer, with a sign of life every five seconds.
func (a *app) askPerson(ctx context.Context, req *mcp.CallToolRequest, in askInput) (*mcp.CallToolResult, any, error) {
	type reply struct {
		answer agent.Answer
		err    error
	}
	done := make(chan reply, 1)
	wait := patienceOfTools
	if text := a.w.env(envPatience); text != "" {
		var err error
		if wait, err = time.ParseDuration(text); err != nil {
			return nil, nil, fmt.Errorf("%s: %v", envPatience, err)
		}
	}
	patience, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	go func() {
		answer, err := agent.Ask(patience, a.w.env(agent.EnvSocket), agent.Question{Text: in.Question, Choices: in.Choices})
		done <- reply{answer, err}
	}()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
			if token := req.Params.GetProgressToken(); token != nil {
				req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: float64(n), Message: "a person is being asked"})
			}
		case r := <-done:
			switch {
			case errors.Is(r.err, agent.ErrParked):
				return text("Nobody can answer now. Stop here and end your turn, without guessing: you are given the answer later."), nil, nil
			case r.err != nil:
				return nil, nil, r.err
			}
			return text("%s", r.answer.Text), nil, nil
		}
	}
}

type reportInput struct {
	Text      string `json:"text" jsonschema:"what was done"`
	Unchanged bool   `json:"unchanged,omitempty" jsonschema:"nothing had to be changed, and text says why"`
}

func (a *app) reportTool(_ context.Context, _ *mcp.CallToolRequest, in reportInput) (*mcp.CallToolResult, any, error) {
	if err := agent.Report(a.w.env(agent.EnvSocket), in.Text, in.Unchanged); err != nil {
		return nil, nil, err
	}
	return text("Noted."), nil, nil
}

type featureInput struct {
	Feature string `json:"feature,omitempty" jsonschema:"name of the feature; inside a run the one that is worked on"`
}

type entryInput struct {
	Feature string `json:"feature,omitempty" jsonschema:"name of the feature; inside a run the one that is worked on"`
	ID      string `json:"id,omitempty" jsonschema:"id of the task or requirement, as the specification writes it"`
}

// served opens the feature that a tool asks for.
func (a *app) served(name string) (*target, error) {
	return a.open(first(name, a.w.env(agent.EnvFeature)))
}

func (a *app) listTool(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
	fsys := rooted(a.dir)
	workspaces, _ := spec.Workspaces(fsys, ".")
	type line struct {
		Feature, Path string
		Tasks, Done   int
	}
	out := []line{}
	for _, w := range workspaces {
		for _, loc := range w.Features {
			f, _ := spec.Parse(fsys, loc.Dir)
			out = append(out, line{f.Name, loc.Dir, f.Counts.Leaves, f.Counts.Done})
		}
	}
	return nil, map[string]any{"features": out}, nil
}

func (a *app) planTool(_ context.Context, _ *mcp.CallToolRequest, in featureInput) (*mcp.CallToolResult, any, error) {
	t, err := a.served(in.Feature)
	if err != nil {
		return nil, nil, err
	}
	p, diags := t.plan(false)
	return nil, plan.NewView(p, diags), nil
}

func (a *app) checkTool(_ context.Context, _ *mcp.CallToolRequest, in featureInput) (*mcp.CallToolResult, any, error) {
	report, err := check.Run(rooted(a.dir), ".", check.Options{Feature: in.Feature, Now: a.w.Now()})
	if err != nil {
		return nil, nil, err
	}
	return nil, map[string]any{"findings": append(spec.Diagnostics{}, report.Findings...), "failed": report.Failed()}, nil
}

func (a *app) taskTool(_ context.Context, _ *mcp.CallToolRequest, in entryInput) (*mcp.CallToolResult, any, error) {
	t, err := a.served(in.Feature)
	if err != nil {
		return nil, nil, err
	}
	id := first(in.ID, a.w.env(agent.EnvTask))
	task := t.feature.Task(id)
	if task == nil {
		return nil, nil, fmt.Errorf("no task %q in %s", id, t.feature.Name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", task.Text)
	for _, id := range t.feature.Covers(task) {
		if r := t.feature.Requirement(id); r != nil {
			fmt.Fprintf(&b, "\n%s: %s\n", r.ID, r.Text)
		}
	}
	return text("%s", b.String()), nil, nil
}

func (a *app) requirementTool(_ context.Context, _ *mcp.CallToolRequest, in entryInput) (*mcp.CallToolResult, any, error) {
	t, err := a.served(in.Feature)
	if err != nil {
		return nil, nil, err
	}
	r := t.feature.Requirement(in.ID)
	if r == nil {
		return nil, nil, fmt.Errorf("no requirement %q in %s", in.ID, t.feature.Name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.ID, r.Text)
	for _, c := range t.feature.Requirements {
		if c.Parent == r.ID {
			fmt.Fprintf(&b, "%s: %s\n", c.ID, c.Text)
		}
	}
	return text("%s", b.String()), nil, nil
}

type searchInput struct {
	Query string `json:"query" jsonschema:"words that a paragraph has to hold"`
}

func (a *app) steeringTool(_ context.Context, _ *mcp.CallToolRequest, in searchInput) (*mcp.CallToolResult, any, error) {
	root, err := a.workspaceRoot()
	if err != nil {
		return nil, nil, err
	}
	files, _ := spec.Steering(rooted(root), ".")
	files = append(files, spec.Powers(rooted(root), ".")...)
	words := strings.Fields(strings.ToLower(in.Query))
	var b strings.Builder
	found := 0
	for _, f := range files {
		for paragraph := range strings.SplitSeq(f.Body, "\n\n") {
			lower := strings.ToLower(paragraph)
			if len(words) > 0 && found < 20 && all(words, func(w string) bool { return strings.Contains(lower, w) }) {
				fmt.Fprintf(&b, "%s:\n%s\n\n", f.Path, strings.TrimSpace(paragraph))
				found++
			}
		}
	}
	if found == 0 {
		return text("No paragraph of %d steering documents holds all of: %s", len(files), strings.Join(words, ", ")), nil, nil
	}
	return text("%s", b.String()), nil, nil
}
