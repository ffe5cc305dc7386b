package check

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"

	"golang.org/x/mod/modfile"
	"gopkg.in/yaml.v3"
)

// A dependency is one that a manifest names directly.
type dependency struct {
	name    string // as the manifest writes it
	version string // digits and dots, as far as it is known
	file    string
	line    int
	column  int
}

// Manifests are what the files of package managers below a workspace say.
type manifests struct {
	direct    []dependency
	languages map[string]dependency // by the language's name; the version that is demanded
	files     []string
}

// manifests reads every manifest below root. Those of test data are somebody else's.
func (t *tree) manifests(root string) *manifests {
	m := &manifests{languages: map[string]dependency{}}
	for _, f := range t.files {
		if root != "." && !strings.HasPrefix(f, root+"/") || strings.Contains("/"+f, "/testdata/") || strings.Contains("/"+f, "/vendor/") {
			continue
		}
		base := path.Base(f)
		n := len(m.direct)
		switch {
		case base == "go.mod":
			m.golang(f, t.read(f))
		case base == "package.json":
			m.npm(f, t.read(f))
		case base == "tsconfig.json":
			m.language("TypeScript", dependency{file: f, line: 1, column: 1})
		case base == "Cargo.toml":
			m.language("Rust", dependency{file: f, line: 1, column: 1})
			m.toml(f, t.read(f))
		case base == "pyproject.toml":
			m.language("Python", dependency{file: f, line: 1, column: 1})
			m.toml(f, t.read(f))
		case strings.HasPrefix(base, "requirements") && strings.HasSuffix(base, ".txt"):
			m.language("Python", dependency{file: f, line: 1, column: 1})
			m.pip(f, t.read(f))
		case composeFile(base):
			m.compose(f, t.read(f))
		case base == "pom.xml" || base == "build.gradle" || base == "build.gradle.kts":
			m.language("Java", dependency{file: f, line: 1, column: 1})
			m.language("Kotlin", dependency{file: f, line: 1, column: 1})
		case base == "Gemfile":
			m.language("Ruby", dependency{file: f, line: 1, column: 1})
		case base == "composer.json":
			m.language("PHP", dependency{file: f, line: 1, column: 1})
		case strings.HasSuffix(base, ".csproj"):
			m.language("C#", dependency{file: f, line: 1, column: 1})
		default:
			continue
		}
		if len(m.direct) > n || len(m.files) == 0 || m.files[len(m.files)-1] != f {
			m.files = append(m.files, f)
		}
	}
	return m
}

func composeFile(base string) bool {
	return (strings.HasPrefix(base, "docker-compose") || strings.HasPrefix(base, "compose")) && (strings.HasSuffix(base, ".yml") || strings.HasSuffix(base, ".yaml"))
}

func (m *manifests) language(name string, d dependency) {
	if old, ok := m.languages[name]; !ok || old.version == "" {
		m.languages[name] = d
	}
}

func (m *manifests) golang(file string, data []byte) {
	f, err := modfile.ParseLax(file, data, nil)
	if err != nil {
		return
	}
	d := dependency{file: file, line: 1, column: 1}
	if f.Go != nil {
		d.version, d.line = f.Go.Version, f.Go.Syntax.Start.Line
	}
	m.language("Go", d)
	for _, r := range f.Require {
		if !r.Indirect {
			at := r.Syntax.Start
			if len(r.Syntax.Token) > 0 && r.Syntax.Token[0] == "require" { // a line of its own
				at.LineRune += len("require ")
			}
			m.direct = append(m.direct, dependency{name: r.Mod.Path, version: strings.TrimPrefix(r.Mod.Version, "v"), file: file, line: at.Line, column: at.LineRune})
		}
	}
}

func (m *manifests) npm(file string, data []byte) {
	var p struct {
		Dependencies    map[string]string `json:"dependencies"`
		DevDependencies map[string]string `json:"devDependencies"`
		Engines         map[string]string `json:"engines"`
	}
	if json.Unmarshal(data, &p) != nil {
		return
	}
	m.language("JavaScript", dependency{file: file, line: 1, column: 1})
	if v := p.Engines["node"]; v != "" {
		line, column := keyPlace(data, "node")
		m.language("Node.js", dependency{version: digits(v), file: file, line: line, column: column})
	}
	for _, group := range []map[string]string{p.Dependencies, p.DevDependencies} {
		for _, name := range sortedKeys(group) {
			line, column := keyPlace(data, name)
			m.direct = append(m.direct, dependency{name: name, version: digits(group[name]), file: file, line: line, column: column})
			if name == "typescript" {
				m.language("TypeScript", dependency{version: digits(group[name]), file: file, line: line, column: column})
			}
		}
	}
}

// keyPlace is where a JSON key stands.
func keyPlace(data []byte, key string) (line, column int) {
	i := bytes.Index(data, []byte(`"`+key+`"`))
	if i < 0 {
		return 1, 1
	}
	return 1 + bytes.Count(data[:i], []byte("\n")), i - bytes.LastIndexByte(data[:i], '\n') + 1
}

var number = lazy(`\d+(?:\.\d+)*`)

func digits(v string) string { return number.get().FindString(v) }

var (
	tomlKey      = lazy(`^\s*"?([A-Za-z][\w.-]*)"?\s*=\s*(.*)$`)
	tomlQuoted   = lazy(`["']([A-Za-z][\w.-]*)(?:\[[^\]]*\])?\s*([^"']*)["']`)
	tomlVersion  = lazy(`version\s*=\s*["']([^"']*)["']`)
	pipName      = lazy(`^([A-Za-z][\w.-]*)(?:\[[^\]]*\])?\s*(?:[=<>~!]=?\s*([\d.]+))?`)
	requiredFrom = lazy(`^\s*requires-python\s*=\s*["']([^"']*)`)
)

// toml reads the tables of dependencies of a Cargo.toml or pyproject.toml, line by line: keys of a table whose name ends
// in dependencies, and the strings of an array of that name.
func (m *manifests) toml(file string, data []byte) {
	section, array := "", false
	for n, text := range strings.Split(string(data), "\n") {
		trimmed := strings.TrimSpace(text)
		add := func(name, version string) {
			m.direct = append(m.direct, dependency{name: name, version: digits(version), file: file, line: n + 1, column: 1 + strings.Index(text, name)})
		}
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case array:
			for _, q := range tomlQuoted.get().FindAllStringSubmatch(trimmed, -1) {
				add(q[1], q[2])
			}
			array = !strings.HasPrefix(trimmed, "]") && !strings.HasSuffix(trimmed, "]")
		case strings.HasPrefix(trimmed, "["):
			section = strings.Trim(trimmed, "[] ")
			if name, ok := strings.CutPrefix(section, "dependencies."); ok {
				add(name, "")
			}
		case requiredFrom.get().MatchString(trimmed):
			m.languages["Python"] = dependency{version: digits(requiredFrom.get().FindStringSubmatch(trimmed)[1]), file: file, line: n + 1, column: 1}
		default:
			k := tomlKey.get().FindStringSubmatch(trimmed)
			switch {
			case k == nil:
			case k[1] == "rust-version" || k[1] == "edition" && section == "package":
				if k[1] == "rust-version" {
					m.languages["Rust"] = dependency{version: digits(k[2]), file: file, line: n + 1, column: 1}
				}
			case strings.HasSuffix(section, "dependencies") && strings.HasPrefix(k[2], "["):
				fallthrough
			case section == "project" && k[1] == "dependencies", strings.HasSuffix(section, "optional-dependencies"), strings.HasSuffix(section, "dependency-groups"):
				for _, q := range tomlQuoted.get().FindAllStringSubmatch(k[2], -1) {
					add(q[1], q[2])
				}
				array = strings.HasPrefix(k[2], "[") && !strings.Contains(k[2], "]")
			case strings.HasSuffix(section, "dependencies"):
				if k[1] == "python" {
					m.languages["Python"] = dependency{version: digits(k[2]), file: file, line: n + 1, column: 1}
					continue
				}
				version := k[2]
				if v := tomlVersion.get().FindStringSubmatch(k[2]); v != nil {
					version = v[1]
				} else if strings.HasPrefix(k[2], "{") {
					version = ""
				}
				add(k[1], version)
			}
		}
	}
}

func (m *manifests) pip(file string, data []byte) {
	for n, text := range strings.Split(string(data), "\n") {
		if x := pipName.get().FindStringSubmatch(text); x != nil {
			m.direct = append(m.direct, dependency{name: x[1], version: x[2], file: file, line: n + 1, column: 1})
		}
	}
}

// compose reads the images of services: a database that is run is one that is used.
func (m *manifests) compose(file string, data []byte) {
	var c struct {
		Services map[string]struct {
			Image yaml.Node `yaml:"image"`
		} `yaml:"services"`
	}
	if yaml.Unmarshal(data, &c) != nil {
		return
	}
	for _, name := range sortedKeys(c.Services) {
		image := c.Services[name].Image
		if image.Value == "" {
			continue
		}
		repo, tag, _ := strings.Cut(image.Value[strings.LastIndexByte(image.Value, '/')+1:], ":")
		version := ""
		if tag != "" && tag[0] >= '0' && tag[0] <= '9' {
			version = digits(tag)
		}
		m.direct = append(m.direct, dependency{name: "image:" + repo, version: version, file: file, line: image.Line, column: image.Column})
	}
}
