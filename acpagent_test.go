package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	acp "github.com/coder/acp-go-sdk"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A scriptedAgent speaks the Agent Client Protocol as real agents were seen to: it asks for permission, writes one file
// through its client and one itself, tries a path outside, and uses the MCP server that it is offered.
type scriptedAgent struct {
	conn    *acp.AgentSideConnection
	servers []acp.McpServer
	cwd     string
	stopped chan struct{} // closed by session/cancel
}

func runScriptedAgent() {
	a := &scriptedAgent{stopped: make(chan struct{})}
	a.conn = acp.NewAgentSideConnection(a, os.Stdout, os.Stdin)
	<-a.conn.Done()
}

func (a *scriptedAgent) Authenticate(context.Context, acp.AuthenticateRequest) (acp.AuthenticateResponse, error) {
	return acp.AuthenticateResponse{}, nil
}

func (a *scriptedAgent) Initialize(context.Context, acp.InitializeRequest) (acp.InitializeResponse, error) {
	return acp.InitializeResponse{ProtocolVersion: acp.ProtocolVersionNumber, AgentCapabilities: acp.AgentCapabilities{LoadSession: true}}, nil
}

func (a *scriptedAgent) Cancel(context.Context, acp.CancelNotification) error {
	close(a.stopped)
	return nil
}

func (a *scriptedAgent) CloseSession(context.Context, acp.CloseSessionRequest) (acp.CloseSessionResponse, error) {
	return acp.CloseSessionResponse{}, nil
}

func (a *scriptedAgent) ListSessions(context.Context, acp.ListSessionsRequest) (acp.ListSessionsResponse, error) {
	return acp.ListSessionsResponse{}, nil
}

func (a *scriptedAgent) NewSession(_ context.Context, r acp.NewSessionRequest) (acp.NewSessionResponse, error) {
	a.servers, a.cwd = r.McpServers, r.Cwd
	return acp.NewSessionResponse{SessionId: "s1"}, nil
}

// LoadSession is in an interface of its own: an agent that can load says so.
func (a *scriptedAgent) LoadSession(_ context.Context, r acp.LoadSessionRequest) (acp.LoadSessionResponse, error) {
	a.servers, a.cwd = r.McpServers, r.Cwd
	return acp.LoadSessionResponse{}, os.WriteFile(filepath.Join(r.Cwd, "loaded.txt"), []byte(r.SessionId+"\n"), 0o644)
}

func (a *scriptedAgent) ResumeSession(context.Context, acp.ResumeSessionRequest) (acp.ResumeSessionResponse, error) {
	return acp.ResumeSessionResponse{}, nil
}

func (a *scriptedAgent) SetSessionConfigOption(context.Context, acp.SetSessionConfigOptionRequest) (acp.SetSessionConfigOptionResponse, error) {
	return acp.SetSessionConfigOptionResponse{}, nil
}

func (a *scriptedAgent) SetSessionMode(context.Context, acp.SetSessionModeRequest) (acp.SetSessionModeResponse, error) {
	return acp.SetSessionModeResponse{}, nil
}

func (a *scriptedAgent) Prompt(ctx context.Context, r acp.PromptRequest) (acp.PromptResponse, error) {
	brief := r.Prompt[0].Text.Text
	say := func(format string, args ...any) {
		a.conn.SessionUpdate(ctx, acp.SessionNotification{SessionId: r.SessionId, Update: acp.UpdateAgentMessageText(fmt.Sprintf(format, args...))})
	}
	ask := func(ctx context.Context) (acp.RequestPermissionResponse, error) {
		return a.conn.RequestPermission(ctx, acp.RequestPermissionRequest{SessionId: r.SessionId, ToolCall: acp.ToolCallUpdate{ToolCallId: "1"}, Options: []acp.PermissionOption{
			{OptionId: "z", Kind: acp.PermissionOptionKindAllowAlways, Name: "always"}, {OptionId: "a", Kind: acp.PermissionOptionKindAllowOnce, Name: "once"}}})
	}
	if strings.Contains(brief, "wait for ever") {
		a.conn.SessionUpdate(ctx, acp.SessionNotification{SessionId: r.SessionId, Update: acp.StartToolCall("w", "waiting for ever")})
		<-a.stopped
		answer, err := ask(context.Background())
		text := fmt.Sprintf("selected %v, cancelled %v, error %v\n", answer.Outcome.Selected != nil, answer.Outcome.Cancelled != nil, err)
		os.WriteFile(filepath.Join(a.cwd, "cancelled.txt"), []byte(text), 0o644)
		return acp.PromptResponse{StopReason: acp.StopReasonCancelled}, nil
	}
	answer, err := ask(ctx)
	if err != nil || answer.Outcome.Selected == nil || answer.Outcome.Selected.OptionId != "a" {
		return acp.PromptResponse{}, fmt.Errorf("permission: %+v, %v", answer, err)
	}
	if _, err := a.conn.WriteTextFile(ctx, acp.WriteTextFileRequest{SessionId: r.SessionId, Path: filepath.Join(a.cwd, "deep", "client.txt"), Content: "through the client\n"}); err != nil {
		return acp.PromptResponse{}, err
	}
	for _, outside := range []string{filepath.Join(a.cwd, "..", "escaped.txt"), filepath.Join(a.cwd, ".git"), "/etc/escaped.txt"} {
		if _, err := a.conn.WriteTextFile(ctx, acp.WriteTextFileRequest{SessionId: r.SessionId, Path: outside, Content: "no"}); err == nil {
			return acp.PromptResponse{}, fmt.Errorf("the client wrote %s", outside)
		}
	}
	drink := "nothing"
	if strings.Contains(brief, "ask what to drink") {
		if drink, err = a.ask(ctx); err != nil {
			return acp.PromptResponse{}, err
		}
		if strings.Contains(drink, "end your turn") {
			say("waiting")
			return acp.PromptResponse{StopReason: acp.StopReasonEndTurn}, nil
		}
	}
	if strings.Contains(brief, "list the servers") {
		drink = ""
		for _, server := range a.servers {
			if s := server.Stdio; s != nil && s.Name != "spec" {
				drink += fmt.Sprintf("%s: %s %s %v\n", s.Name, s.Command, strings.Join(s.Args, " "), s.Env)
			} else if server.Http != nil {
				drink += server.Http.Name + " over http\n"
			}
		}
	}
	if strings.Contains(brief, "please add milk") {
		drink += " with milk"
	}
	if err := os.WriteFile(filepath.Join(a.cwd, "drink.txt"), []byte(drink+"\n"), 0o644); err != nil {
		return acp.PromptResponse{}, err
	}
	say("I wrote drink.txt with %s.", drink)
	return acp.PromptResponse{StopReason: acp.StopReasonEndTurn}, nil
}

// ask uses the MCP server that the client offered, as a model's tool call would.
func (a *scriptedAgent) ask(ctx context.Context) (string, error) {
	if len(a.servers) == 0 || a.servers[0].Stdio == nil || a.servers[0].Stdio.Name != "spec" {
		return "", fmt.Errorf("servers: %+v", a.servers)
	}
	s := a.servers[0].Stdio
	cmd := exec.Command(s.Command, s.Args...)
	cmd.Env = os.Environ()
	for _, v := range s.Env {
		cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "scripted", Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		return "", err
	}
	defer session.Close()
	call := func(tool string, args map[string]any) (string, error) {
		r, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args})
		if err != nil {
			return "", err
		}
		text := ""
		for _, c := range r.Content {
			if t, ok := c.(*mcp.TextContent); ok {
				text += t.Text
			}
		}
		if r.IsError {
			return "", fmt.Errorf("%s: %s", tool, text)
		}
		return text, nil
	}
	for tool, want := range map[string]string{"get_task": "ask what to drink", "get_requirement": "THE System SHALL do it", "search_steering": "Tea is served hot"} {
		got, err := call(tool, map[string]any{"get_task": map[string]any{}, "get_requirement": map[string]any{"id": "1.1"}, "search_steering": map[string]any{"query": "tea hot"}}[tool].(map[string]any))
		if err != nil || !strings.Contains(got, want) {
			return "", fmt.Errorf("%s: %q, %v", tool, got, err)
		}
	}
	answer, err := call("ask_person", map[string]any{"question": "Tea or coffee?", "choices": []string{"tea", "coffee"}})
	if err != nil {
		return "", err
	}
	_, err = call("report", map[string]any{"text": "asked and served"})
	return answer, err
}
