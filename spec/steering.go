package spec

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"gopkg.in/yaml.v3"
)

// A SteeringFile tells agents how a project is made.
type SteeringFile struct {
	Path        string
	Inclusion   string   // always, fileMatch, manual or auto
	Patterns    []string // of fileMatch
	Description string   // of auto: what it is for
	Body        string   // without the front matter
	References  []string // targets of #[[file:…]], as written
	Power       string   // name of the power that it belongs to; see Powers
	Keywords    []string // of the power
}

// Steering reads the steering of the workspace at root: .kiro/steering.md, .kiro/steering/*.md and AGENTS.md.
func Steering(fsys fs.FS, root string) ([]SteeringFile, Diagnostics) {
	names := []string{path.Join(root, ".kiro/steering.md")}
	dir := path.Join(root, ".kiro/steering")
	if entries, err := fs.ReadDir(fsys, dir); err == nil {
		for _, e := range entries {
			if !e.IsDir() && path.Ext(e.Name()) == ".md" {
				names = append(names, path.Join(dir, e.Name()))
			}
		}
	}
	names = append(names, path.Join(root, "AGENTS.md"))
	var files []SteeringFile
	var diags Diagnostics
	for _, name := range names {
		data, err := readBounded(fsys, name)
		if err != nil {
			continue
		}
		s, err := readSteering(name, unixText(data))
		if err != nil {
			diags = append(diags, Diagnostic{Code: "SPEC404", Severity: Warning, File: name, Line: 1, Column: 1, Message: err.Error(), Hint: "mend the front matter"})
		}
		files = append(files, s)
	}
	return files, diags
}

// frontMatter cuts a text at the line that ends the front matter; the file may end with that line.
func frontMatter(text string) (front, body string, ok bool) {
	for at := 0; at < len(text); {
		line, rest, more := strings.Cut(text[at:], "\n")
		if strings.TrimRight(line, " \t") == "---" {
			return text[:at], rest, true
		}
		if !more {
			break
		}
		at += len(line) + 1
	}
	return "", text, false
}

func readSteering(name, text string) (SteeringFile, error) {
	s := SteeringFile{Path: name, Inclusion: "always", Body: text}
	var err error
	if rest, ok := strings.CutPrefix(text, "---\n"); ok {
		if front, body, ok := frontMatter(rest); ok {
			s.Body = body
			var head struct {
				Inclusion   string    `yaml:"inclusion"`
				Pattern     yaml.Node `yaml:"fileMatchPattern"`
				Name        string    `yaml:"name"`
				Description string    `yaml:"description"`
			}
			if yerr := yaml.Unmarshal([]byte(front), &head); yerr != nil {
				err = fmt.Errorf("the front matter is no YAML: %v", yerr)
			}
			s.Description = strings.TrimSpace(head.Name + " " + head.Description)
			switch head.Inclusion {
			case "":
			case "always", "fileMatch", "manual", "auto":
				s.Inclusion = head.Inclusion
			default:
				err = fmt.Errorf("inclusion %q is none of always, fileMatch, manual, auto", head.Inclusion)
			}
			switch head.Pattern.Kind {
			case yaml.ScalarNode:
				s.Patterns = []string{head.Pattern.Value}
			case yaml.SequenceNode:
				for _, n := range head.Pattern.Content {
					s.Patterns = append(s.Patterns, n.Value)
				}
			}
		}
	}
	for rest := s.Body; ; {
		_, after, ok := strings.Cut(rest, "#[[file:")
		if !ok {
			return s, err
		}
		target, more, ok := strings.Cut(after, "]]")
		if !ok {
			return s, err
		}
		s.References = append(s.References, target)
		rest = more
	}
}
