package agent

import (
	_ "embed"
	"fmt"

	"gopkg.in/yaml.v3"
)

// A Preset says how a known agent is started.
type Preset struct {
	Name     string            `yaml:"name" json:"name"`
	Title    string            `yaml:"title" json:"title"`
	Protocol string            `yaml:"protocol" json:"protocol"`
	Command  []string          `yaml:"command" json:"command"`
	Set      map[string]string `yaml:"set" json:"-"`   // variables that make it ask, or keep it quiet
	Env      []string          `yaml:"env" json:"-"`   // names of the user's variables that it needs
	Reads    []string          `yaml:"reads" json:"-"` // below the home directory
	State    []string          `yaml:"state" json:"-"` // below the home directory
	Install  string            `yaml:"install" json:"install"`
	Version  []string          `yaml:"version" json:"-"`
	Tested   bool              `yaml:"tested" json:"tested"` // with this program, end to end
}

//go:embed presets.yaml
var presets []byte

// Presets lists the agents that are known, in the order of the file.
func Presets() ([]Preset, error) {
	var list []Preset
	if err := yaml.Unmarshal(presets, &list); err != nil {
		return nil, fmt.Errorf("reading the built-in presets: %v", err)
	}
	return list, nil
}
