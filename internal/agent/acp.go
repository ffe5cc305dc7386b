package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
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
	Label    string
	Argv     []string
	Self     string
	Env      []string    // beside the job's
	Reads    []string    // of the home directory: what the agent has to read
	State    []string    // of the home directory: what it keeps between sessions
	Servers  []MCPServer // beside our own: those of the project, once trusted
	Sessions string      // directory in which the sessions of tasks are remembered from run to run; "" for this process only
	Secrets  []string    // values that must not be written into any log
	Notify   func(task, text string)

	mu       sync.Mutex
	sessions map[string]acp.SessionId // by task, for agents that can load one again
}

// An MCPServer is a tool server that the agent is to start or to connect to.
type MCPServer struct {
	Name    string            `json:"-"`
	Power   string            `json:"-" yaml:",omitempty"` // of which it is a part; it is passed on to tasks that activate this
	Command string            `json:"command"`
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Off     bool              `json:"disabled"`
}

// Name returns the agent's name in the configuration.
func (a *ACP) Name() string { return a.Label }

// Adjusts is true: a requested change goes to the same session where the agent can load it, else into a new one's brief.
func (a *ACP) Adjusts() bool { return true }

// Run lets the agent take turns: one on the brief, and one more for each answer that came too late for its tool call. The
// end of a turn says nothing of success.
func (a *ACP) Run(ctx context.Context, job Job) (Result, error) {
	for _, dir := range a.State {
		if err := makeState(dir); err != nil {
			return Result{}, fmt.Errorf("making %s for %s: %v", dir, a.Label, err)
		}
	}
	briefFile := filepath.Join(job.Temp, "brief.md")
	if err := os.WriteFile(briefFile, job.Brief, 0o644); err != nil {
		return Result{}, fmt.Errorf("writing the brief: %v", err)
	}
	questions, err := listen(ctx, socketPath(job.Temp), Mask(a.Secrets).asking(job.Ask))
	if err != nil {
		return Result{}, err
	}
	ours := []string{EnvFeature + "=" + job.Feature, EnvTask + "=" + job.Task, EnvSlot + "=" + strconv.Itoa(job.Slot), EnvBrief + "=" + briefFile,
		EnvSocket + "=" + socketPath(job.Temp), EnvBin + "=" + a.Self}
	log := Mask(a.Secrets).Writer(job.Log)
	defer log.Close()
	p, err := a.start(ctx, job, log, slices.Concat(job.Env, a.Env, ours, []string{"TMPDIR=" + job.Temp}))
	if err != nil {
		questions.close()
		return Result{}, err
	}
	talk := &conversation{agent: a, job: job, log: log, tools: map[acp.ToolCallId]string{}}
	turnErr := a.turns(ctx, talk, job, p, questions, ours)
	exitErr := p.end()
	result, parked := questions.close()
	if result.Said == "" {
		result.Said = strings.TrimSpace(talk.said())
	}
	result.Said = Mask(a.Secrets).Text(result.Said)
	result.Cost = talk.cost()
	switch {
	case ctx.Err() != nil:
		return result, ctx.Err()
	case parked:
		return result, ErrParked
	case turnErr != nil && exitErr != nil:
		return result, exitErr
	case turnErr != nil:
		return result, fmt.Errorf("agent %s: %w", a.Label, explained(turnErr))
	}
	return result, nil
}

// makeState makes a place where the agent keeps what it remembers. One that is a file, or would be (".claude.json"), is
// left to the agent.
func makeState(place string) error {
	if _, err := os.Lstat(place); err == nil || filepath.Ext(strings.TrimPrefix(filepath.Base(place), ".")) != "" {
		return nil
	}
	return os.MkdirAll(place, 0o700)
}

// A process is a running agent with its standard streams.
type process struct {
	in    *os.File // to the agent
	out   *os.File // from it
	ended chan error
	stop  context.CancelFunc
}

// start runs the agent. It outlives ctx for a moment: an agent that is told to cancel ends its own children properly.
func (a *ACP) start(ctx context.Context, job Job, log io.Writer, env []string) (*process, error) {
	toAgent, fromUs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	toUs, fromAgent, err := os.Pipe()
	if err != nil {
		toAgent.Close()
		fromUs.Close()
		return nil, err
	}
	errTail := &tail{limit: 4096}
	command := sandbox.Command{Self: a.Self, Argv: a.Argv, Dir: job.Dir, Policy: job.Policy.With(a.Reads, a.State), Hold: job.Hold, Grace: 2 * time.Second,
		Stdin: toAgent, Stdout: fromAgent, Stderr: tee{log, errTail}, Env: env}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &process{in: fromUs, out: toUs, ended: make(chan error, 1), stop: stop}
	go func() {
		exit, err := command.Run(running)
		fromAgent.Close() // the connection sees the end
		toAgent.Close()
		if err == nil && exit.Code != 0 {
			err = fmt.Errorf("agent %s ended with exit status %d: %s", a.Label, exit.Code, Mask(a.Secrets).Text(lastLine(errTail.String())))
		}
		p.ended <- err
	}()
	return p, nil
}

// end closes the agent's input, on which a well-behaved one ends; one that does not is ended with all that it started.
func (p *process) end() error {
	defer p.out.Close()
	p.in.Close()
	select {
	case err := <-p.ended:
		p.stop()
		return err
	case <-time.After(3 * time.Second):
		p.stop()
		<-p.ended
		return nil
	}
}

// explained words an error of the protocol; an agent that wants a log-in says so here.
func explained(err error) error {
	var e *acp.RequestError
	if errors.As(err, &e) {
		if e.Code == -32000 {
			return fmt.Errorf("it wants you to log in first: %s", e.Message)
		}
		return fmt.Errorf("%s (code %d)%s", e.Message, e.Code, detail(e.Data))
	}
	return err
}

// detail is what agents put beside an error of the protocol, whose own words are often "Internal error" only.
func detail(data any) string {
	text, _ := data.(string)
	if m, ok := data.(map[string]any); ok {
		for _, key := range []string{"details", "message", "error"} {
			if s, ok := m[key].(string); ok && text == "" {
				text = s
			}
		}
	}
	if text == "" {
		return ""
	}
	return ": " + lastLine(text)
}

// turns opens or loads the task's session and sends the brief; an answer that took a person longer than a tool call may
// last goes into the same session, as the next message.
func (a *ACP) turns(ctx context.Context, talk *conversation, job Job, p *process, questions *server, env []string) error {
	conn := acp.NewClientSideConnection(talk, p.in, p.out)
	conn.SetLogger(slog.New(slog.DiscardHandler)) // what it would print is said by its errors
	session, prompt, err := a.open(ctx, conn, job, env)
	if err != nil {
		return err
	}
	talk.begin()
	for {
		if err := a.prompt(ctx, conn, talk, session, prompt); err != nil {
			return err
		}
		late := questions.settle()
		if len(late) == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		prompt = lateAnswers(late)
	}
}

// lateAnswers words answers for the agent that asked.
func lateAnswers(late []answered) string {
	var b strings.Builder
	for _, l := range late {
		fmt.Fprintf(&b, "You asked: %s\nThe answer: %s\n\n", l.question.Text, l.answer.Text)
	}
	b.WriteString("Go on with the task, with that. What you did before the answer may have to change.\n")
	return b.String()
}

// open starts the session of a task, or loads the one in which it was worked on, and says what to send first.
func (a *ACP) open(ctx context.Context, conn *acp.ClientSideConnection, job Job, env []string) (acp.SessionId, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	// Only writes are offered: some agents cannot make files when reads are offered too.
	hello, err := conn.Initialize(ctx, acp.InitializeRequest{ProtocolVersion: acp.ProtocolVersionNumber,
		ClientCapabilities: acp.ClientCapabilities{Fs: acp.FileSystemCapabilities{WriteTextFile: true}}})
	if err != nil {
		return "", "", fmt.Errorf("starting: %w", err)
	}
	servers := append([]acp.McpServer{{Stdio: &acp.McpServerStdio{Name: "spec", Command: a.Self, Args: []string{"mcp"}, Env: variables(env)}}},
		a.servers(hello.AgentCapabilities.McpCapabilities, job.Powers)...)
	brief := string(job.Brief)
	if old, again := a.session(job); old != "" && hello.AgentCapabilities.LoadSession {
		if _, err := conn.LoadSession(ctx, acp.LoadSessionRequest{SessionId: old, Cwd: job.Dir, McpServers: servers}); err == nil {
			if again {
				brief = "This task goes on in a new process. The directory was set back to the project's state: look at the files, what you did earlier may be gone.\n\n" + brief
			}
			return old, brief, nil
		} // else its state is gone: a new session gets the whole brief
	}
	made, err := conn.NewSession(ctx, acp.NewSessionRequest{Cwd: job.Dir, McpServers: servers})
	if err != nil {
		return "", "", fmt.Errorf("opening a session: %w", err)
	}
	a.keep(job, made.SessionId)
	return made.SessionId, brief, nil
}

// servers are the project's tool servers, as far as the agent can speak to them.
func (a *ACP) servers(can acp.McpCapabilities, powers []string) []acp.McpServer {
	var out []acp.McpServer
	for _, s := range a.Servers {
		switch {
		case s.Off, s.Power != "" && !slices.Contains(powers, s.Power):
		case s.Command != "":
			args := append([]string{}, s.Args...)
			out = append(out, acp.McpServer{Stdio: &acp.McpServerStdio{Name: s.Name, Command: s.Command, Args: args, Env: pairs(s.Env, func(k, v string) acp.EnvVariable { return acp.EnvVariable{Name: k, Value: v} })}})
		case s.URL != "" && can.Http:
			out = append(out, acp.McpServer{Http: &acp.McpServerHttpInline{Type: "http", Name: s.Name, Url: s.URL, Headers: pairs(s.Headers, func(k, v string) acp.HttpHeader { return acp.HttpHeader{Name: k, Value: v} })}})
		}
	}
	return out
}

// pairs lists a map in the order of its keys, never as null.
func pairs[T any](m map[string]string, make func(k, v string) T) []T {
	out := []T{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, make(k, m[k]))
	}
	return out
}

// prompt lets the agent take one turn. When ctx ends, the agent is told, and has a moment to end what it started.
func (a *ACP) prompt(ctx context.Context, conn *acp.ClientSideConnection, talk *conversation, session acp.SessionId, text string) error {
	turn, done := context.WithCancel(context.WithoutCancel(ctx))
	defer done()
	stop := context.AfterFunc(ctx, func() {
		talk.cancel()
		patience, cancel := context.WithTimeout(turn, 2*time.Second)
		defer cancel()
		conn.Cancel(patience, acp.CancelNotification{SessionId: session})
		<-patience.Done()
		done()
	})
	defer stop()
	answer, err := conn.Prompt(turn, acp.PromptRequest{SessionId: session, Prompt: []acp.ContentBlock{acp.TextBlock(text)}})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	}
	talk.used(answer.Usage)
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

// session returns the session in which a task was worked on, "" where there is none; again says that another process did.
func (a *ACP) session(job Job) (id acp.SessionId, again bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if id, ok := a.sessions[job.Task]; ok {
		return id, false
	}
	file := a.sessionFile(job)
	info, err := os.Stat(file)
	if err != nil || time.Since(info.ModTime()) > sessionAge {
		return "", false
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", false
	}
	return acp.SessionId(strings.TrimSpace(string(data))), true
}

// sessionAge is for how long a session is worth going on with: later, the project has moved on.
const sessionAge = 3 * 24 * time.Hour

func (a *ACP) sessionFile(job Job) string {
	if a.Sessions == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(a.Label + "\x00" + job.Dir + "\x00" + job.Feature + "\x00" + job.Task))
	return filepath.Join(a.Sessions, hex.EncodeToString(sum[:12]))
}

// keep remembers a session. That it cannot be written down costs the agent's memory only.
func (a *ACP) keep(job Job, id acp.SessionId) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sessions == nil {
		a.sessions = map[string]acp.SessionId{}
	}
	a.sessions[job.Task] = id
	if file := a.sessionFile(job); file != "" && os.MkdirAll(a.Sessions, 0o700) == nil {
		os.WriteFile(file, []byte(id+"\n"), 0o600)
	}
}

// A conversation is our side of one session.
type conversation struct {
	agent     *ACP
	job       Job
	log       io.Writer
	mu        sync.Mutex
	begun     bool // what a loaded session repeats is not said now
	cancelled bool
	text      strings.Builder
	tools     map[acp.ToolCallId]string // titles; a permission may be asked for before its call was told of, or without
	price     *acp.Cost
	tokens    int
}

func (c *conversation) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = true
	c.text.Reset()
}

func (c *conversation) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelled = true
}

func (c *conversation) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

func (c *conversation) used(u *acp.Usage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u != nil {
		c.tokens += u.TotalTokens
	}
}

// cost words what the session has cost so far, as far as the agent says so.
func (c *conversation) cost() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.price != nil && c.price.Amount > 0:
		return fmt.Sprintf("%.4g %s", c.price.Amount, c.price.Currency)
	case c.tokens > 0:
		return fmt.Sprintf("%d tokens", c.tokens)
	}
	return ""
}

// SessionUpdate writes what the agent does into the log; its words are kept for the gate.
func (c *conversation) SessionUpdate(_ context.Context, n acp.SessionNotification) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := n.Update
	if u.UsageUpdate != nil && u.UsageUpdate.Cost != nil {
		c.price = u.UsageUpdate.Cost
	}
	if !c.begun {
		return nil
	}
	switch {
	case u.AgentMessageChunk != nil && u.AgentMessageChunk.Content.Text != nil:
		text := u.AgentMessageChunk.Content.Text.Text
		if c.text.Len() < 64<<10 {
			c.text.WriteString(text)
		}
		io.WriteString(c.log, text)
	case u.ToolCall != nil:
		c.text.Reset() // what is said last, after the last tool, is the summary
		c.tool(u.ToolCall.ToolCallId, u.ToolCall.Title, u.ToolCall.Status)
	case u.ToolCallUpdate != nil:
		title, status := "", acp.ToolCallStatus("")
		if u.ToolCallUpdate.Title != nil {
			title = *u.ToolCallUpdate.Title
		}
		if u.ToolCallUpdate.Status != nil {
			status = *u.ToolCallUpdate.Status
		}
		c.tool(u.ToolCallUpdate.ToolCallId, title, status)
	}
	return nil
}

// tool notes what is known of a tool call by now; what is new of it is written and shown.
func (c *conversation) tool(id acp.ToolCallId, title string, status acp.ToolCallStatus) {
	if title != "" && c.tools[id] != title {
		c.tools[id] = title
		fmt.Fprintf(c.log, "\n[%s]\n", title)
		c.notify(title)
	}
	if status == acp.ToolCallStatusFailed {
		fmt.Fprintf(c.log, "\n[failed: %s]\n", c.tools[id])
	}
}

func (c *conversation) notify(text string) {
	if c.agent.Notify != nil {
		c.agent.Notify(c.job.Task, Mask(c.agent.Secrets).Text(text))
	}
}

// RequestPermission allows once, by the option's kind: ids and positions differ between agents, and "always" is stored by
// some in the user's own settings. The sandbox decides what can really be done. A turn that is being cancelled has to hear
// so, else some agents wait for ever.
func (c *conversation) RequestPermission(ctx context.Context, r acp.RequestPermissionRequest) (acp.RequestPermissionResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.ToolCall.Title != nil && c.tools[r.ToolCall.ToolCallId] == "" {
		c.tools[r.ToolCall.ToolCallId] = *r.ToolCall.Title
	}
	fmt.Fprintf(c.log, "\n[asks: %s]\n", c.tools[r.ToolCall.ToolCallId])
	c.notify("asks: " + c.tools[r.ToolCall.ToolCallId])
	for _, kind := range []acp.PermissionOptionKind{acp.PermissionOptionKindAllowOnce, acp.PermissionOptionKindRejectOnce} {
		for _, o := range r.Options {
			if o.Kind == kind && !c.cancelled && ctx.Err() == nil {
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
