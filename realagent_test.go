//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A scriptedModel is an OpenAI-compatible model server that knows one play: a question, three files, a change that a person
// asks for. What it says depends on the conversation alone.
type scriptedModel struct {
	t     *testing.T
	mu    sync.Mutex
	calls []string
}

type chatMessage struct {
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	ToolCalls []toolCall      `json:"tool_calls"`
}

type toolCall struct {
	Index    int    `json:"index"`
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type chatRequest struct {
	Model    string            `json:"model"`
	Stream   bool              `json:"stream"`
	Messages []chatMessage     `json:"messages"`
	Tools    []toolDeclaration `json:"tools"`
}

type toolDeclaration struct {
	Function struct {
		Name       string `json:"name"`
		Parameters schema `json:"parameters"`
	} `json:"function"`
}

type schema struct {
	Properties map[string]any `json:"properties"`
}

// words joins the text of a message, which is a string or a list of parts.
func (m chatMessage) words() string {
	var text string
	if json.Unmarshal(m.Content, &text) == nil {
		return text
	}
	var parts []struct {
		Text string `json:"text"`
	}
	json.Unmarshal(m.Content, &parts)
	var all []string
	for _, p := range parts {
		all = append(all, p.Text)
	}
	return strings.Join(all, "\n")
}

// A saying is one answer of the model.
type saying struct {
	text  string
	calls []toolCall
}

// tool finds a tool by how its name ends: each agent gives the same one another name.
func (r chatRequest) tool(endings ...string) (string, map[string]any) {
	for _, exact := range []bool{true, false} {
		for _, ending := range endings {
			for _, t := range r.Tools {
				if t.Function.Name == ending || !exact && strings.HasSuffix(t.Function.Name, "_"+ending) {
					return t.Function.Name, t.Function.Parameters.Properties
				}
			}
		}
	}
	return "", nil
}

var slotPath = regexp.MustCompile(`/[^\s"'` + "`" + `<>]*/slot/\d+/tree`)

func call(name string, args map[string]any) toolCall {
	data, _ := json.Marshal(args)
	c := toolCall{Type: "function"}
	c.Function.Name, c.Function.Arguments = name, string(data)
	return c
}

func (m *scriptedModel) write(r chatRequest, dir, name, text string) toolCall {
	return m.onFile(r, filepath.Join(dir, name), map[string]any{"content": text}, "write", "write_file")
}

func (m *scriptedModel) read(r chatRequest, dir, name string) toolCall {
	return m.onFile(r, filepath.Join(dir, name), map[string]any{}, "read", "read_file")
}

// onFile calls a tool with a file; each agent calls the argument differently.
func (m *scriptedModel) onFile(r chatRequest, file string, args map[string]any, tools ...string) toolCall {
	tool, props := r.tool(tools...)
	for _, key := range []string{"filePath", "file_path", "absolute_path", "path"} {
		if _, ok := props[key]; ok {
			args[key] = file
			return call(tool, args)
		}
	}
	m.t.Errorf("no tool like %s: %q has %v", tools, tool, props)
	return toolCall{}
}

// answer plays the script.
func (m *scriptedModel) answer(r chatRequest) saying {
	brief, step, dir := "", 0, ""
	var results []string
	for _, msg := range r.Messages {
		text := msg.words()
		switch {
		case msg.Role == "user" && strings.Contains(text, "# Task "):
			brief, step, results = text, 0, nil
		case msg.Role == "user" && strings.Contains(text, "You asked: "):
			results = append(results, text)
		case msg.Role == "assistant":
			step++
		case msg.Role == "tool":
			results = append(results, text)
		}
	}
	for _, msg := range r.Messages { // agents say where they work, each in its own words
		if found := slotPath.FindString(msg.words()); found != "" {
			dir = found
		}
	}
	if len(r.Tools) == 0 || brief == "" {
		return saying{text: "a title"} // agents have titles and summaries made
	}
	last := strings.Join(results, "\n")
	switch {
	case strings.Contains(brief, "please add milk"):
		switch step { // some agents let nothing be written over that was not read
		case 0:
			return saying{calls: []toolCall{m.read(r, dir, "drink.txt")}}
		case 1:
			return saying{calls: []toolCall{m.write(r, dir, "drink.txt", "tea with milk\n")}}
		}
		return saying{text: "Milk is in it now."}
	case strings.Contains(brief, "# Task 1 of"):
		if tool, _ := r.tool("ask_person"); tool != "" && !strings.Contains(strings.Join(m.said(r), " "), "Tea or coffee?") {
			return saying{calls: []toolCall{call(tool, map[string]any{"question": "Tea or coffee?", "choices": []string{"tea", "coffee"}})}}
		}
		if tool, _ := r.tool("tool_search"); tool != "" && step == 0 { // some agents hide tools behind a search
			return saying{calls: []toolCall{call(tool, map[string]any{"query": "select:mcp__spec__ask_person"})}}
		}
		drink := ""
		for _, choice := range []string{"tea", "coffee"} {
			if strings.Contains(last, choice) {
				drink = choice
			}
		}
		if drink == "" {
			return saying{text: "I cannot go on without an answer."}
		}
		if !strings.Contains(strings.Join(m.said(r), " "), "drink.txt") {
			return saying{calls: []toolCall{m.write(r, dir, "drink.txt", drink+"\n"), m.write(r, dir, "extra.txt", "nobody wanted this\n"), m.write(r, dir, "menu.txt", "menu\n")}}
		}
		return saying{text: "I wrote three files."}
	}
	if step == 0 {
		return saying{calls: []toolCall{m.write(r, dir, "cup.txt", "a cup\n")}}
	}
	return saying{text: "I wrote cup.txt."}
}

// said lists the arguments of the model's own calls so far.
func (m *scriptedModel) said(r chatRequest) []string {
	var all []string
	for _, msg := range r.Messages {
		for _, c := range msg.ToolCalls {
			all = append(all, c.Function.Arguments)
		}
	}
	return all
}

func (m *scriptedModel) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if strings.Contains(req.URL.Path, "enerateContent") {
		m.google(w, req, body)
		return
	}
	if err != nil || !strings.HasSuffix(req.URL.Path, "/chat/completions") {
		http.NotFound(w, req)
		return
	}
	var r chatRequest
	if err := json.Unmarshal(body, &r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s := m.answer(r)
	m.mu.Lock()
	n := len(m.calls)
	m.calls = append(m.calls, fmt.Sprintf("%d messages, %d tools: %q %+v", len(r.Messages), len(r.Tools), s.text, s.calls))
	m.mu.Unlock()
	finish := "stop"
	delta := map[string]any{"role": "assistant", "content": s.text}
	if len(s.calls) > 0 {
		finish = "tool_calls"
		for i := range s.calls {
			s.calls[i].Index, s.calls[i].ID = i, fmt.Sprintf("call_%d_%d", n, i)
		}
		delta["tool_calls"] = s.calls
	}
	usage := map[string]any{"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
	reply := func(object, key string, message any, finish any) []byte {
		data, _ := json.Marshal(map[string]any{"id": fmt.Sprintf("c%d", n), "object": object, "created": 1, "model": r.Model, "usage": usage,
			"choices": []any{map[string]any{"index": 0, key: message, "finish_reason": finish}}})
		return data
	}
	if !r.Stream {
		w.Header().Set("Content-Type", "application/json")
		w.Write(reply("chat.completion", "message", delta, finish))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "data: %s\n\ndata: %s\n\ndata: [DONE]\n\n", reply("chat.completion.chunk", "delta", delta, nil), reply("chat.completion.chunk", "delta", map[string]any{}, finish))
}

// google serves the same play in the words of Google's interface.
func (m *scriptedModel) google(w http.ResponseWriter, req *http.Request, body []byte) {
	type part struct {
		Text         string `json:"text,omitempty"`
		FunctionCall *struct {
			Name string         `json:"name"`
			Args map[string]any `json:"args"`
		} `json:"functionCall,omitempty"`
		FunctionResponse *struct {
			Response map[string]any `json:"response"`
		} `json:"functionResponse,omitempty"`
	}
	type content struct {
		Role  string `json:"role"`
		Parts []part `json:"parts"`
	}
	var in struct {
		Contents          []content `json:"contents"`
		SystemInstruction content   `json:"systemInstruction"`
		Tools             []struct {
			FunctionDeclarations []struct {
				Name                 string `json:"name"`
				Parameters           schema `json:"parameters"`
				ParametersJSONSchema schema `json:"parametersJsonSchema"`
			} `json:"functionDeclarations"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var r chatRequest
	add := func(role, text string, calls ...toolCall) {
		data, _ := json.Marshal(text)
		r.Messages = append(r.Messages, chatMessage{Role: role, Content: data, ToolCalls: calls})
	}
	for _, c := range append([]content{in.SystemInstruction}, in.Contents...) {
		for _, p := range c.Parts {
			switch {
			case p.FunctionCall != nil:
				add("assistant", "", call(p.FunctionCall.Name, p.FunctionCall.Args))
			case p.FunctionResponse != nil:
				data, _ := json.Marshal(p.FunctionResponse.Response)
				add("tool", string(data))
			case c.Role == "model":
				add("assistant", p.Text)
			default:
				add("user", p.Text)
			}
		}
	}
	for _, t := range in.Tools {
		for _, f := range t.FunctionDeclarations {
			var d toolDeclaration
			d.Function.Name, d.Function.Parameters = f.Name, f.Parameters
			if len(d.Function.Parameters.Properties) == 0 {
				d.Function.Parameters = f.ParametersJSONSchema
			}
			r.Tools = append(r.Tools, d)
		}
	}
	s := m.answer(r)
	m.mu.Lock()
	m.calls = append(m.calls, fmt.Sprintf("%s %d messages, %d tools: %q %+v", req.URL.Path, len(r.Messages), len(r.Tools), s.text, s.calls))
	m.mu.Unlock()
	var parts []any
	if s.text != "" {
		parts = append(parts, map[string]any{"text": s.text})
	}
	for _, c := range s.calls {
		parts = append(parts, map[string]any{"functionCall": map[string]any{"name": c.Function.Name, "args": json.RawMessage(c.Function.Arguments)}})
	}
	data, _ := json.Marshal(map[string]any{"candidates": []any{map[string]any{"index": 0, "finishReason": "STOP", "content": map[string]any{"role": "model", "parts": parts}}},
		"usageMetadata": map[string]any{"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120}})
	if !strings.Contains(req.URL.Path, "stream") {
		w.Header().Set("Content-Type", "application/json")
		w.Write(data)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "data: %s\n\n", data)
}

// TestRealAgent drives a third party's agent, installed as testdata/agents/README.md says, against a scripted model on the
// loopback address: two tasks with a question, a rejected file and a requested change. It is opt-in, since the agents are
// hundreds of megabytes: SPEC_AGENT_TEST=opencode (or qwen), with the program in the PATH.
func TestRealAgent(t *testing.T) {
	names := strings.FieldsFunc(os.Getenv("SPEC_AGENT_TEST"), func(r rune) bool { return r == ',' })
	if len(names) == 0 {
		t.Skip("SPEC_AGENT_TEST names no agent; testdata/script/acp.txtar plays with an agent of our own")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { realAgent(t, name) })
	}
}

func realAgent(t *testing.T, name string) {
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s was asked for and is not installed: %v", name, err)
	}
	model := &scriptedModel{t: t}
	server := httptest.NewServer(model)
	defer server.Close()
	w := newWorld(t, drinks)
	switch name {
	case "opencode":
		w.write(".config/opencode/opencode.json", fmt.Sprintf(`{"model": "local/scripted", "small_model": "local/scripted", "autoupdate": false, "share": "disabled",
	"provider": {"local": {"npm": "@ai-sdk/openai-compatible", "name": "local", "options": {"baseURL": %q, "apiKey": "none"},
	"models": {"scripted": {"name": "scripted", "tool_call": true, "limit": {"context": 100000, "output": 8000}}}}}}`, server.URL+"/v1"))
	case "qwen":
		w.env = append(w.env, "OPENAI_API_KEY=none-at-all", "OPENAI_BASE_URL="+server.URL+"/v1", "OPENAI_MODEL=scripted")
	case "gemini":
		w.env = append(w.env, "GEMINI_API_KEY=none-at-all", "GOOGLE_GEMINI_BASE_URL="+server.URL, "GEMINI_MODEL=gemini-2.5-flash")
		w.write(".gemini/settings.json", `{"security": {"auth": {"selectedType": "gemini-api-key"}}, "general": {"disableAutoUpdate": true}, "privacy": {"usageStatisticsEnabled": false}}`)
	default:
		t.Fatalf("nothing is known of how to point %s at a local model", name)
	}
	defer func() {
		if t.Failed() {
			model.mu.Lock()
			defer model.mu.Unlock()
			t.Logf("the model was asked %d times:\n%s", len(model.calls), strings.Join(model.calls, "\n"))
			logs, _ := filepath.Glob(filepath.Join(w.dir, ".spec/runs/*/*-agent.log"))
			for _, log := range logs {
				data, _ := os.ReadFile(log)
				t.Logf("%s:\n%s", filepath.Base(log), data)
			}
		}
	}()
	w.approved("f")
	s := w.terminal(100, 40, "apply", "f", "--here", "--agent", name, "--approve", "file", "--sandbox", "require")
	s.expect("Tea or coffee?")
	s.send("1\r")
	s.expect("drink.txt")
	for _, file := range []struct{ name, key string }{{"drink.txt", "a"}, {"extra.txt", "x"}, {"menu.txt", "a"}} {
		s.expect(" of 3: " + file.name)
		s.expect("> ")
		s.send(file.key)
		if file.key == "x" {
			s.expect("Why?")
			s.send("nobody wants it\r")
		}
	}
	s.expect("of 2: drink.txt") // what is left was verified, and is shown again
	s.expect("> ")
	s.send("r")
	s.expect("What should change?")
	s.send("please add milk\r")
	s.expect("tea with milk")
	s.expect("> ")
	s.send("a")
	s.expect("of 2: menu.txt") // extra.txt does not come back
	s.expect("> ")
	s.send("a")
	s.expect("1 of 1: cup.txt")
	s.expect("> ")
	s.send("a")
	s.expect("2 landed")
	s.ends(0)
	if got := w.run("git", "show", "HEAD:drink.txt"); got != "tea with milk\n" {
		t.Errorf("drink.txt is %q", got)
	}
	files := strings.Fields(w.run("git", "ls-tree", "--name-only", "HEAD"))
	if slices.Contains(files, "extra.txt") || !slices.Contains(files, "menu.txt") || !slices.Contains(files, "cup.txt") {
		t.Errorf("landed: %v", files)
	}
	if decisions := w.run("git", "show", "HEAD:.kiro/specs/f/decisions.md"); !strings.Contains(decisions, "Tea or coffee?") || !strings.Contains(decisions, "tea") {
		t.Errorf("decisions.md: %s", decisions)
	}
}

// drinks is a project whose tasks a scripted model knows.
const drinks = `
-- .gitignore --
/.spec/
-- check.sh --
test ! -f drink.txt || test -s drink.txt
-- .kiro/spec.yaml --
verify:
  test: sh check.sh
-- .kiro/specs/f/requirements.md --
# Requirements Document

### Requirement 1: Something to drink

#### Acceptance Criteria

1. WHEN a guest asks THE System SHALL serve a drink
-- .kiro/specs/f/design.md --
# Design Document
-- .kiro/specs/f/tasks.md --
# Implementation Plan

- [ ] 1. Serve a drink
  - ask what to drink
  - _Requirements: 1.1_
- [ ] 2. Bring a cup
`
