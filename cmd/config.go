package cmd

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"gopkg.in/yaml.v3"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/spec"
	"spec.example/spec/tasks"
)

// A config is .kiro/spec.yaml of a repository, or config.yaml of a user. Keys that only a user may set are refused in
// a repository's.
type config struct {
	Agent       string                 `yaml:"agent"`
	Agents      map[string]agentConfig `yaml:"agents"`
	Setup       string                 `yaml:"setup"`
	SetupInputs []string               `yaml:"setup_inputs"`
	Copy        []string               `yaml:"copy"`
	Verify      verifyConfig           `yaml:"verify"`
	Approve     approveConfig          `yaml:"approve"`
	Jobs        int                    `yaml:"jobs"`
	Attempts    int                    `yaml:"attempts"`
	Timeout     duration               `yaml:"timeout"`
	Sandbox     sandboxConfig          `yaml:"sandbox"`
	Branch      string                 `yaml:"branch"`
	Notify      string                 `yaml:"notify"`
	Hooks       string                 `yaml:"hooks"`
	Disk        string                 `yaml:"disk"`
}

type agentConfig struct {
	Protocol string   `yaml:"protocol"`
	Command  []string `yaml:"command"`
	Env      []string `yaml:"env"`
	Reads    []string `yaml:"reads"`
	State    []string `yaml:"state"`

	Set     map[string]string `yaml:"set,omitempty"` // variables with their values
	Install string            `yaml:"install,omitempty"`
	Version []string          `yaml:"version,omitempty"`
}

// An approveConfig is a policy, or a map of policies: "default", "feature:NAME" and patterns of paths.
type approveConfig struct {
	all  string            // for what nothing else says; "" where nothing does
	by   map[string]string // by pattern or feature:NAME
	keys []string          // of by, in the order of the file
}

func (c *approveConfig) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		c.all = n.Value
		return known(n)
	}
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: approve is a policy, or a map of path patterns to policies", n.Line)
	}
	c.by = map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		if err := known(value); err != nil {
			return err
		}
		switch {
		case key == "default":
			c.all = value.Value
			continue
		case strings.HasPrefix(key, "feature:"):
		case !doublestar.ValidatePattern(key):
			return fmt.Errorf("line %d: %q is no path pattern", n.Content[i].Line, key)
		}
		if _, twice := c.by[key]; !twice {
			c.keys = append(c.keys, key)
		}
		c.by[key] = value.Value
	}
	return nil
}

// known refuses a word that is no policy.
func known(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || !slices.Contains([]string{"auto", "task", "file"}, n.Value) {
		return fmt.Errorf("line %d: a policy is auto, task or file, not %q", n.Line, n.Value)
	}
	return nil
}

// of is what a configuration says of one path of a feature; base where it says nothing. Of several patterns that fit the
// strictest counts.
func (c approveConfig) of(feature, path string, base tasks.Policy) tasks.Policy {
	said := tasks.Policy("")
	for _, key := range c.keys {
		name, isFeature := strings.CutPrefix(key, "feature:")
		if isFeature && name == feature || !isFeature && path != "" && doublestar.MatchUnvalidated(key, path) {
			said = strictest(said, tasks.Policy(c.by[key]))
		}
	}
	return first(said, tasks.Policy(c.all), base)
}

// strictest is the policy that asks most often; "" asks least.
func strictest(policies ...tasks.Policy) tasks.Policy {
	order := []tasks.Policy{"", tasks.ApproveAuto, tasks.ApproveTask, tasks.ApproveFile}
	most := tasks.Policy("")
	for _, p := range policies {
		if slices.Index(order, p) > slices.Index(order, most) {
			most = p
		}
	}
	return most
}

type verifyConfig struct {
	Fetch    string         `yaml:"fetch"`
	Build    string         `yaml:"build"`
	Test     string         `yaml:"test"`
	Landing  string         `yaml:"landing"`
	Timeout  duration       `yaml:"timeout"`
	Tags     string         `yaml:"tags"`
	JUnit    string         `yaml:"junit"`
	Preset   string         `yaml:"preset"`
	Prove    string         `yaml:"prove,omitempty"` // without it the hash of what is trusted is the one of old
	Coverage coverageConfig `yaml:"coverage"`
}

type coverageConfig struct {
	Target int    `yaml:"target"`
	File   string `yaml:"file"`
}

type sandboxConfig struct {
	Mode   string   `yaml:"mode"`
	Env    []string `yaml:"env"`
	Reads  []string `yaml:"reads"`
	Writes []string `yaml:"writes"`
	TCP    []uint16 `yaml:"tcp"` // ports that may be connected to; unset for any
}

// A duration is written as Go does ("90s", "20m").
type duration time.Duration

func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		return fmt.Errorf("line %d: %q is no duration (write 90s or 20m)", n.Line, n.Value)
	}
	*d = duration(v)
	return nil
}

const repoConfig = ".kiro/spec.yaml"

// readConfig reads one configuration file, which read has the bytes of; a missing one is empty.
func readConfig(shown string, read func() ([]byte, error)) (config, []byte, error) {
	data, err := read()
	if errors.Is(err, os.ErrNotExist) {
		return config{}, nil, nil
	}
	if err != nil {
		return config{}, nil, err
	}
	var c config
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return config{}, nil, undecided("", "%s: %s", shown, explainYAML(err))
	}
	return c, data, nil
}

// explainYAML names the nearest known key for an unknown one.
func explainYAML(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: unmarshal errors:\n  ")
	_, after, ok := strings.Cut(text, "field ")
	if !ok {
		return text
	}
	key, _, _ := strings.Cut(after, " ")
	line, _, _ := strings.Cut(text, ": ")
	if near := nearest(key, configKeys()); near != "" {
		return fmt.Sprintf("%s: unknown key %q; did you mean %q?", line, key, near)
	}
	return fmt.Sprintf("%s: unknown key %q", line, key)
}

func configKeys() []string {
	return strings.Fields("agent agents setup setup_inputs copy verify approve jobs attempts timeout sandbox branch notify hooks disk protocol command env reads state fetch build test landing tags junit preset prove coverage target file mode writes set install version tcp")
}

// nearest returns the name with the smallest edit distance, or "" where none is near.
func nearest(name string, names []string) string {
	best, bestDistance := "", 3
	for _, n := range names {
		if d := spec.Distance(name, n); d < bestDistance {
			best, bestDistance = n, d
		}
	}
	return best
}

// settings are the two configurations together. The user's wins where both speak, but for the policy: a repository can
// make it stricter.
type settings struct {
	repo, user config
	repoData   []byte
	servers    []agent.MCPServer // of the repository
	hooks      []tasks.Hook      // of the repository: those that are run
	notRun     []string          // hooks that are not, and why
}

func (a *app) settings(root string) (settings, error) {
	var s settings
	dir, err := a.w.configDir()
	if err == nil {
		file := filepath.Join(dir, "config.yaml")
		if s.user, _, err = readConfig(file, func() ([]byte, error) { return os.ReadFile(file) }); err != nil {
			return s, err
		}
	}
	if s.repo, s.repoData, err = readConfig(repoConfig, func() ([]byte, error) { return readOwn(root, repoConfig) }); err != nil {
		return s, err
	}
	if s.servers, err = readServers(root); err != nil {
		return s, err
	}
	if s.hooks, s.notRun, err = readHooks(root); err != nil {
		return s, err
	}
	switch {
	case s.repo.Hooks != "" || s.repo.Disk != "":
		return s, undecided("", "%s: hooks and disk are the user's to set, not a repository's", repoConfig)
	case s.user.Hooks != "" && s.user.Hooks != "outside":
		return s, undecided("hooks: outside, or take it out", "configuration: hooks is outside, for commit hooks that need more than the sandbox lets them, not %q", s.user.Hooks)
	case len(s.repo.Sandbox.Env)+len(s.repo.Sandbox.Reads)+len(s.repo.Sandbox.Writes) > 0 || s.repo.Sandbox.TCP != nil:
		return s, undecided("", "%s: sandbox.env, reads, writes and tcp are the user's to set, not a repository's", repoConfig)
	}
	for _, name := range sortedKeys(s.repo.Agents) {
		if a := s.repo.Agents[name]; len(a.Env)+len(a.Reads)+len(a.State) > 0 {
			return s, undecided("", "%s: agents.%s: env, reads and state are the user's to set, not a repository's", repoConfig, name)
		}
	}
	for _, c := range []config{s.user, s.repo} {
		if c.Verify.Preset != "" {
			if _, err := (tasks.Verification{}).WithPreset(c.Verify.Preset); err != nil {
				return s, undecided("verify: {test: COMMAND, junit: PATH}", "configuration: %v", err)
			}
		}
	}
	return s, nil
}

// policy says how the files of a feature are approved: one for a result as a whole, and one a path. The user's own word is the
// flag, else the user's configuration, else task; what the user's configuration says of a feature or a path stands over its
// default. A repository's configuration can only ask more often than that.
func (s settings) policy(flag, feature string) (whole tasks.Policy, of func(path string) tasks.Policy, err error) {
	if flag != "" && !slices.Contains([]string{"auto", "task", "file"}, flag) {
		return "", nil, undecided("", "a policy is auto, task or file, not %q", flag)
	}
	of = func(path string) tasks.Policy {
		mine := s.user.Approve.of(feature, path, tasks.ApproveTask)
		if flag != "" { // typed now: it stands over every default, and over a path's policy unless that is stricter
			mine = tasks.Policy(flag)
			own := approveConfig{by: s.user.Approve.by, keys: s.user.Approve.keys}
			mine = strictest(mine, own.of(feature, path, ""))
		}
		return strictest(mine, s.repo.Approve.of(feature, path, ""))
	}
	return of(""), of, nil
}

// commands hashes what a repository's configuration would run, or is "" when it would run nothing.
func (s settings) commands() string {
	c := s.repo
	if len(c.Agents) == 0 && c.Setup == "" && c.Notify == "" && c.Verify.Fetch+c.Verify.Build+c.Verify.Test+c.Verify.Landing+c.Verify.Prove == "" && len(c.Copy)+len(s.servers)+len(s.hooks) == 0 {
		return ""
	}
	part, err := yaml.Marshal(struct {
		Agents        map[string]agentConfig
		Setup, Notify string
		Copy          []string
		Verify        verifyConfig
		Servers       []agent.MCPServer `yaml:",omitempty"`
		Hooks         []tasks.Hook      `yaml:",omitempty"`
	}{c.Agents, c.Setup, c.Notify, c.Copy, c.Verify, s.servers, s.hooks})
	if err != nil {
		return "unreadable"
	}
	sum := sha256.Sum256(part)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func first[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}

func (s settings) verification() tasks.Verification {
	u, r := s.user.Verify, s.repo.Verify
	v := tasks.Verification{Fetch: first(u.Fetch, r.Fetch), Build: first(u.Build, r.Build), Test: first(u.Test, r.Test), Landing: first(u.Landing, r.Landing),
		Timeout: time.Duration(first(u.Timeout, r.Timeout)), Tags: first(u.Tags, r.Tags), JUnit: first(u.JUnit, r.JUnit), Coverage: first(u.Coverage.File, r.Coverage.File)}
	if preset := first(u.Preset, r.Preset); preset != "" {
		if with, err := v.WithPreset(preset); err == nil { // another name was refused when it was read
			v = with
		}
	}
	return v
}

func (s settings) sandbox() (tasks.Sandbox, error) {
	mode := sandbox.Auto
	for _, said := range []string{s.user.Sandbox.Mode, s.repo.Sandbox.Mode} { // a repository may be stricter, not looser
		switch said {
		case "", "auto", "require", "strict":
		default:
			return tasks.Sandbox{}, undecided("", "sandbox.mode is auto, require or strict, not %q", said)
		}
		if sandbox.Mode(said).Stricter(mode) {
			mode = sandbox.Mode(said)
		}
	}
	u := s.user.Sandbox
	return tasks.Sandbox{Mode: mode, Env: u.Env, Reads: u.Reads, Writes: u.Writes, TCP: u.TCP}, nil
}

// bytesOf reads a size: a number with MB, GB, MiB or GiB.
func bytesOf(s string) (int64, error) {
	for _, unit := range []struct {
		name string
		size float64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"GB", 1e9}, {"MB", 1e6}} {
		if number, ok := strings.CutSuffix(s, unit.name); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			if err != nil || n <= 0 || n > 1e6 {
				break
			}
			return int64(n * unit.size), nil
		}
	}
	return 0, undecided("", "disk: %q is not a size such as 10GiB or 500MB", s)
}
