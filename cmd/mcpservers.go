package cmd

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"spec.example/spec/internal/agent"
	"spec.example/spec/spec"
)

// mcpConfig is where a workspace of Kiro names tool servers for its agents.
const mcpConfig = ".kiro/settings/mcp.json"

// readServers reads the tool servers of a workspace and of its powers, in the order of their names. Keys that are Kiro's
// alone are passed over.
func readServers(root string) ([]agent.MCPServer, error) {
	fsys := rooted(root)
	all, err := readServerFile(root, mcpConfig)
	if err != nil {
		return nil, err
	}
	for _, dir := range spec.PowerDirs(fsys, ".") {
		more, err := readServerFile(root, path.Join(dir, "mcp.json"))
		if err != nil {
			return nil, err
		}
		for _, s := range more {
			s.Power = path.Base(dir)
			all = append(all, s)
		}
	}
	return all, nil
}

func readServerFile(root, name string) ([]agent.MCPServer, error) {
	data, err := readOwn(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var file struct {
		Servers map[string]agent.MCPServer `json:"mcpServers"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, undecided("mend "+name, "%s: %v", name, err)
	}
	var servers []agent.MCPServer
	for _, key := range sortedKeys(file.Servers) {
		s := file.Servers[key]
		s.Name = key
		if !s.Off && (s.Command != "" || s.URL != "") && key != "spec" { // the name is ours in a run
			servers = append(servers, s)
		}
	}
	return servers, nil
}

// shownServer is how `spec trust` shows a server.
func shownServer(s agent.MCPServer) string {
	if s.URL != "" {
		return s.URL
	}
	return strings.Join(append([]string{s.Command}, s.Args...), " ")
}

// filledServers puts the user's variables in where a server's environment asks for them ("${TOKEN}"), but only those that the
// user's own configuration lets through: a repository cannot fetch a secret by naming it.
func (a *app) filledServers(s settings) []agent.MCPServer {
	fill := func(m map[string]string) map[string]string {
		out := map[string]string{}
		for k, v := range m {
			out[k] = os.Expand(v, func(name string) string {
				if slices.Contains(s.user.Sandbox.Env, name) {
					return a.w.env(name)
				}
				return "${" + name + "}"
			})
		}
		return out
	}
	var out []agent.MCPServer
	for _, server := range s.servers {
		server.Env, server.Headers = fill(server.Env), fill(server.Headers)
		out = append(out, server)
	}
	return out
}
