package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	acp "github.com/coder/acp-go-sdk"

	"spec.example/spec/internal/sandbox"
)

// An ACP agent speaks the Agent Client Protocol on its standard streams. What it asks for and what it says is early notice
// for a person, never what is relied on: the sandbox bounds what it can do, and its directory is read afterwards.
type ACP struct {
	Label  string
	Argv   []string
	Self   string
	Env    []string // beside the job's
	Reads  []string // of the home directory: what the agent has to read
	State  []string // of the home directory: what it keeps between sessions
	Notify func(task, text string)

	mu       sync.Mutex
	sessions map[string]acp.SessionId // by task, for agents that can load one again
}

// Name returns the agent's name in the configuration.
func (a *ACP) Name() string { return a.Label }

// Adjusts is true: a requested change goes to the same session where the agent can load it, else into a new one's brief.
func (a *ACP) Adjusts() bool { return true }

// Run lets the agent take one turn on the brief. The end of the turn says nothing of success.
func (a *ACP) Run(ctx context.Context, job Job) (Result, error) {
	questions, err := listen(ctx, socketPath(job.Temp), job.Ask)
	if err != nil {
		return Result{}, err
	}
	for _, dir := range a.State {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			questions.close()
			return Result{}, fmt.Errorf("making %s for %s: %v", dir, a.Label, err)
		}
	}
	briefFile := filepath.Join(job.Temp, "brief.md")
	if err := os.WriteFile(briefFile, job.Brief, 0o644); err != nil {
		questions.close()
		return Result{}, fmt.Errorf("writing the brief: %v", err)
	}
	ours := []string{EnvFeature + "=" + job.Feature, EnvTask + "=" + job.Task, EnvSlot + "=" + strconv.Itoa(job.Slot), EnvBrief + "=" + briefFile,
		EnvSocket + "=" + socketPath(job.Temp), EnvBin + "=" + a.Self}
	toAgent, fromUs, err := os.Pipe()
	if err != nil {
		questions.close()
		return Result{}, err
	}
	toUs, fromAgent, err := os.Pipe()
	if err != nil {
		toAgent.Close()
		fromUs.Close()
		questions.close()
		return Result{}, err
	}
	errTail := &tail{limit: 4096}
	process := sandbox.Command{Self: a.Self, Argv: a.Argv, Dir: job.Dir, Policy: job.Policy.With(a.Reads, a.State), Hold: job.Hold, Grace: 2 * time.Second,
		Stdin: toAgent, Stdout: fromAgent, Stderr: tee{job.Log, errTail}, Env: slices.Concat(job.Env, a.Env, ours, []string{"TMPDIR=" + job.Temp})}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		exit, err := process.Run(running)
		fromAgent.Close() // the connection sees the end
		toAgent.Close()
		if err == nil && exit.Code != 0 {
			err = fmt.Errorf("agent %s ended with exit status %d: %s", a.Label, exit.Code, lastLine(errTail.String()))
		}
		ended <- err
	}()
	talk := &conversation{agent: a, job: job, log: job.Log}
	turnErr := a.turn(ctx, talk, job, fromUs, toUs, ours)
	fromUs.Close() // a well-behaved agent ends now; one that does not is ended
	var exitErr error
	select {
	case exitErr = <-ended:
	case <-time.After(3 * time.Second):
		stop()
		<-ended
	}
	stop()
	toUs.Close()
	result, parked := questions.close()
	if result.Said == "" {
		result.Said = strings.TrimSpace(talk.said())
	}
	switch {
	case ctx.Err() != nil:
		return result, ctx.Err()
	case parked:
		return result, ErrParked
	case turnErr != nil && exitErr != nil && !errors.Is(exitErr, context.Canceled):
		return result, exitErr
	case turnErr != nil:
		return result, fmt.Errorf("agent %s: %w", a.Label, explained(turnErr))
	}
	return result, nil
}

// explained words an error of the protocol; an agent that wants a log-in says so here.
func explained(err error) error {
	var e *acp.RequestError
	if errors.As(err, &e) {
		if e.Code == -32000 {
			return fmt.Errorf("it wants you to log in first: %s", e.Message)
		}
		return fmt.Errorf("%s (code %d)", e.Message, e.Code)
	}
	return err
}

// turn opens or loads the task's session and sends the brief.
func (a *ACP) turn(ctx context.Context, talk *conversation, job Job, in io.Writer, out io.Reader, env []string) error {
	conn := acp.NewClientSideConnection(talk, in, out)
	conn.SetLogger(slog.New(slog.DiscardHandler)) // what it would print is said by its errors
	first, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	// Only writes are offered: some agents cannot make files when reads are offered too.
	hello, err := conn.Initialize(first, acp.InitializeRequest{ProtocolVersion: acp.ProtocolVersionNumber,
		ClientCapabilities: acp.ClientCapabilities{Fs: acp.FileSystemCapabilities{WriteTextFile: true}}})
	if err != nil {
		return fmt.Errorf("starting: %w", err)
	}
	servers := []acp.McpServer{{Stdio: &acp.McpServerStdio{Name: "spec", Command: a.Self, Args: []string{"mcp"}, Env: variables(env)}}}
	session, known := a.session(job.Task)
	if known && hello.AgentCapabilities.LoadSession {
		if _, err := conn.LoadSession(first, acp.LoadSessionRequest{SessionId: session, Cwd: job.Dir, McpServers: servers}); err != nil {
			known = false // its state is gone: a new session gets the whole brief
		}
	}
	if !known || !hello.AgentCapabilities.LoadSession {
		made, err := conn.NewSession(first, acp.NewSessionRequest{Cwd: job.Dir, McpServers: servers})
		if err != nil {
			return fmt.Errorf("opening a session: %w", err)
		}
		session = made.SessionId
		a.keep(job.Task, session)
	}
	talk.begin()
	stop := context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		conn.Cancel(patience, acp.CancelNotification{SessionId: session})
	})
	defer stop()
	answer, err := conn.Prompt(ctx, acp.PromptRequest{SessionId: session, Prompt: []acp.ContentBlock{acp.TextBlock(string(job.Brief))}})
	if err != nil {
		return err
	}
	switch answer.StopReason {
	case acp.StopReasonEndTurn:
		return nil
	case acp.StopReasonCancelled:
		return context.Canceled
	}
	return fmt.Errorf("it stopped before its end: %s", answer.StopReason)
}

func variables(env []string) []acp.EnvVariable {
	var out []acp.EnvVariable
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		out = append(out, acp.EnvVariable{Name: name, Value: value})
	}
	return out
}

func (a *ACP) session(task string) (acp.SessionId, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, ok := a.sessions[task]
	return id, ok
}

func (a *ACP) keep(task string, id acp.SessionId) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sessions == nil {
		a.sessions = map[string]acp.SessionId{}
	}
	a.sessions[task] = id
}

// A conversation is our side of one session.
type conversation struct {
	agent *ACP
	job   Job
	log   io.Writer
	mu    sync.Mutex
	begun bool // what a loaded session repeats is not said now
	text  strings.Builder
}

func (c *conversation) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = true
	c.text.Reset()
}

func (c *conversation) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// SessionUpdate writes what the agent does into the log; its words are kept for the gate.
func (c *conversation) SessionUpdate(_ context.Context, n acp.SessionNotification) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun {
		return nil
	}
	u := n.Update
	line := ""
	switch {
	case u.AgentMessageChunk != nil && u.AgentMessageChunk.Content.Text != nil:
		text := u.AgentMessageChunk.Content.Text.Text
		if c.text.Len() < 64<<10 {
			c.text.WriteString(text)
		}
		io.WriteString(c.log, text)
		return nil
	case u.ToolCall != nil:
		c.text.Reset() // what is said last, after the last tool, is the summary
		line = u.ToolCall.Title
	case u.ToolCallUpdate != nil && u.ToolCallUpdate.Title != nil:
		line = *u.ToolCallUpdate.Title
	}
	if line != "" {
		fmt.Fprintf(c.log, "\n[%s]\n", line)
		if c.agent.Notify != nil {
			c.agent.Notify(c.job.Task, line)
		}
	}
	return nil
}

// RequestPermission allows once, by the option's kind: ids and positions differ between agents, and "always" is stored by
// some in the user's own settings. The sandbox decides what can really be done.
func (c *conversation) RequestPermission(ctx context.Context, r acp.RequestPermissionRequest) (acp.RequestPermissionResponse, error) {
	if r.ToolCall.Title != nil {
		fmt.Fprintf(c.log, "\n[asks: %s]\n", *r.ToolCall.Title)
	}
	for _, kind := range []acp.PermissionOptionKind{acp.PermissionOptionKindAllowOnce, acp.PermissionOptionKindRejectOnce} {
		for _, o := range r.Options {
			if o.Kind == kind && ctx.Err() == nil {
				return acp.RequestPermissionResponse{Outcome: acp.NewRequestPermissionOutcomeSelected(o.OptionId)}, nil
			}
		}
	}
	return acp.RequestPermissionResponse{Outcome: acp.NewRequestPermissionOutcomeCancelled()}, nil
}

// WriteTextFile writes a file of the job's directory for an agent that leaves that to its client. We are outside the
// sandbox here: the path is confined.
func (c *conversation) WriteTextFile(_ context.Context, r acp.WriteTextFileRequest) (acp.WriteTextFileResponse, error) {
	rel, err := filepath.Rel(c.job.Dir, r.Path)
	if err != nil || !filepath.IsLocal(rel) || rel == ".git" || strings.HasPrefix(filepath.ToSlash(rel), ".git/") {
		return acp.WriteTextFileResponse{}, fmt.Errorf("%s is outside of the task's directory", r.Path)
	}
	root, err := os.OpenRoot(c.job.Dir)
	if err != nil {
		return acp.WriteTextFileResponse{}, err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(rel), 0o755); err != nil {
		return acp.WriteTextFileResponse{}, err
	}
	return acp.WriteTextFileResponse{}, root.WriteFile(rel, []byte(r.Content), 0o644)
}

var errNotOffered = errors.New("this client does not offer that")

// ReadTextFile and the terminals are not offered; an agent that asks all the same uses its own.
func (c *conversation) ReadTextFile(context.Context, acp.ReadTextFileRequest) (acp.ReadTextFileResponse, error) {
	return acp.ReadTextFileResponse{}, errNotOffered
}

// CreateTerminal is not offered.
func (c *conversation) CreateTerminal(context.Context, acp.CreateTerminalRequest) (acp.CreateTerminalResponse, error) {
	return acp.CreateTerminalResponse{}, errNotOffered
}

// KillTerminal is not offered.
func (c *conversation) KillTerminal(context.Context, acp.KillTerminalRequest) (acp.KillTerminalResponse, error) {
	return acp.KillTerminalResponse{}, errNotOffered
}

// TerminalOutput is not offered.
func (c *conversation) TerminalOutput(context.Context, acp.TerminalOutputRequest) (acp.TerminalOutputResponse, error) {
	return acp.TerminalOutputResponse{}, errNotOffered
}

// ReleaseTerminal is not offered.
func (c *conversation) ReleaseTerminal(context.Context, acp.ReleaseTerminalRequest) (acp.ReleaseTerminalResponse, error) {
	return acp.ReleaseTerminalResponse{}, errNotOffered
}

// WaitForTerminalExit is not offered.
func (c *conversation) WaitForTerminalExit(context.Context, acp.WaitForTerminalExitRequest) (acp.WaitForTerminalExitResponse, error) {
	return acp.WaitForTerminalExitResponse{}, errNotOffered
}
