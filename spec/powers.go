package spec

import (
	"io/fs"
	"path"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxPowers bounds how many powers of a workspace are looked at.
const maxPowers = 100

// Powers reads Kiro's powers below root, .kiro/powers/NAME and .kiro/powers/installed/NAME: a POWER.md whose front matter
// names keywords, and steering beside it. They are steering that applies where a task has one of the keywords.
func Powers(fsys fs.FS, root string) []SteeringFile {
	var files []SteeringFile
	for _, dir := range PowerDirs(fsys, root) {
		data, err := readBounded(fsys, path.Join(dir, powerFile))
		if err != nil {
			continue
		}
		text := unixText(data)
		s, _ := readSteering(path.Join(dir, powerFile), text)
		s.Inclusion, s.Power, s.Keywords = "always", path.Base(dir), powerKeywords(text)
		files = append(files, s)
		entries, err := fs.ReadDir(fsys, path.Join(dir, "steering"))
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := path.Join(dir, "steering", e.Name())
			if e.IsDir() || path.Ext(name) != ".md" {
				continue
			}
			if data, err := readBounded(fsys, name); err == nil {
				more, _ := readSteering(name, unixText(data))
				more.Power, more.Keywords = s.Power, s.Keywords
				files = append(files, more)
			}
		}
	}
	return files
}

const powerFile = "POWER.md"

// PowerDirs lists the directories below root that hold a power.
func PowerDirs(fsys fs.FS, root string) []string {
	var dirs []string
	for _, parent := range []string{path.Join(root, ".kiro/powers"), path.Join(root, ".kiro/powers/installed")} {
		entries, err := fs.ReadDir(fsys, parent)
		if err != nil {
			continue
		}
		for _, e := range entries {
			dir := path.Join(parent, e.Name())
			if info, err := fs.Stat(fsys, path.Join(dir, powerFile)); err == nil && info.Mode().IsRegular() && len(dirs) < maxPowers {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

func unixText(data []byte) string {
	return strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
}

// powerKeywords are the words at which a power is activated: a list, or words between commas.
func powerKeywords(text string) []string {
	rest, ok := strings.CutPrefix(text, "---\n")
	if !ok {
		return nil
	}
	front, _, ok := frontMatter(rest)
	if !ok {
		return nil
	}
	var head struct {
		Keywords yaml.Node `yaml:"keywords"`
	}
	if yaml.Unmarshal([]byte(front), &head) != nil {
		return nil
	}
	var raw []string
	switch head.Keywords.Kind {
	case yaml.ScalarNode:
		raw = strings.Split(head.Keywords.Value, ",")
	case yaml.SequenceNode:
		for _, n := range head.Keywords.Content {
			raw = append(raw, n.Value)
		}
	}
	var words []string
	for _, w := range raw {
		if w = strings.TrimSpace(w); w != "" {
			words = append(words, w)
		}
	}
	return words
}
