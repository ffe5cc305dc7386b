package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/agent"
	"spec.example/spec/tasks"
)

// patienceOfShells is how long `spec ask` waits: agents end a command of theirs that is silent for two minutes.
const patienceOfShells = 100 * time.Second

func (a *app) askVerb() *cobra.Command {
	var choices []string
	var patience time.Duration
	c := &cobra.Command{
		Use:   "ask QUESTION",
		Short: "From inside a run: ask a person to decide",
		Long:  "Ask is for agents. It prints the answer and ends with 0; with 3 when a person will answer later (stop now, the task is\nstarted again with the answer); with 2 when no run is listening here.",
		Args:  exactly("QUESTION"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), patience)
			defer cancel()
			answer, err := agent.Ask(ctx, a.w.env(agent.EnvSocket), agent.Question{Text: args[0], Choices: choices})
			switch {
			case errors.Is(err, agent.ErrParked):
				return waits("stop now; the task is started again with the answer", "a person will answer later")
			case err != nil:
				return undecided("spec apply starts agents that can ask", "%v", err)
			}
			fmt.Fprintln(a.w.Stdout, answer.Text)
			return nil
		},
	}
	c.Flags().StringArrayVar(&choices, "choice", nil, "a possible `ANSWER`; the first is what you would take")
	c.Flags().DurationVar(&patience, "patience", patienceOfShells, "how long to wait for the answer before it ends with 3")
	return c
}

func (a *app) reportVerb() *cobra.Command {
	var unchanged bool
	c := &cobra.Command{
		Use:   "report TEXT",
		Short: "From inside a run: say what was done",
		Args:  exactly("TEXT"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := agent.Report(a.w.env(agent.EnvSocket), args[0], unchanged); err != nil {
				return undecided("spec apply starts agents that can report", "%v", err)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&unchanged, "unchanged", false, "nothing had to be changed, and TEXT says why")
	return c
}

func (a *app) answerVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "answer RUN QUESTION ANSWER",
		Short: "Answer a question that an agent is waiting with",
		Args:  exactly("RUN", "QUESTION", "ANSWER"),
		RunE: func(c *cobra.Command, args []string) error {
			root, err := a.workspaceRoot()
			if err != nil {
				return err
			}
			repo, err := a.repository(c.Context(), root)
			if err != nil {
				return err
			}
			who, err := a.identity(c.Context(), repo)
			if err != nil {
				return err
			}
			feature, task, err := tasks.AnswerOpen(repo.Dir, args[0], args[1], agent.Answer{Text: strings.TrimSpace(args[2]), By: "flag " + who}, repo.Now(a.w.Now()))
			if err != nil {
				return undecided("spec runs", "%v", err)
			}
			fmt.Fprintf(a.w.Stdout, "Answered. Task %s goes on with: spec apply %s\n", task, feature)
			return nil
		},
	}
}
