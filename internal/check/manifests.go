package check

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"gopkg.in/yaml.v3"
)

// A dependency is one that a manifest names directly.
type dependency struct {
	name    string // as the manifest writes it
	version string // what is demanded, for people: the first number of it
	demand  []span // one of these has to hold it; none where nothing is demanded
	file    string
	line    int
	column  int
	length  int // of what stands at that place, if not the name
}

// agrees tells whether a version that prose names is one that is demanded.
func (d dependency) agrees(said string, least bool) bool {
	return len(d.demand) == 0 || slices.ContainsFunc(d.demand, func(s span) bool { return s.agrees(said, least) })
}

func (d dependency) place() place {
	if d.length > 0 {
		return place{d.line, d.column, d.length}
	}
	return place{d.line, d.column, len(d.name)}
}

// base is the last element of a name that says something: the module without its major version, the artifact without its group.
func (d dependency) base() string {
	elems := strings.Split(d.name[strings.LastIndexByte(d.name, ':')+1:], "/")
	for len(elems) > 1 && majorSuffix.get().MatchString(elems[len(elems)-1]) {
		elems = elems[:len(elems)-1]
	}
	return elems[len(elems)-1]
}

var majorSuffix = lazy(`^v[0-9]+$`)

func (d dependency) shown() string {
	for _, kind := range []string{"image", "provider", "feature"} {
		if name, ok := strings.CutPrefix(d.name, kind+":"); ok {
			return "the " + kind + " " + name
		}
	}
	return d.base()
}

// of is a dependency with what the manifest demands of it.
func (d dependency) of(demand, bare string) dependency {
	d.version, d.demand = digits(demand), demands(demand, bare)
	return d
}

// Manifests are what the files of package managers below a workspace say.
type manifests struct {
	direct    []dependency
	languages map[string][]dependency // by the language's name; the version that is demanded
	platforms map[string][]dependency // the same for what programs run on
	files     []string
}

// manifests reads every manifest below root. Those of test data are somebody else's.
func (t *tree) manifests(root string) *manifests {
	m := &manifests{languages: map[string][]dependency{}, platforms: map[string][]dependency{}}
	for _, f := range t.files {
		if root != "." && !strings.HasPrefix(f, root+"/") || strings.Contains("/"+f, "/testdata/") || strings.Contains("/"+f, "/vendor/") {
			continue
		}
		base := path.Base(f)
		read := m.reader(base)
		if read == nil {
			continue
		}
		read(f, t.read(f))
		m.files = append(m.files, f)
	}
	return m
}

// reader is what reads a manifest of that name; nil if it is none.
func (m *manifests) reader(base string) func(file string, data []byte) {
	switch base {
	case "go.mod":
		return m.golang
	case "package.json":
		return m.npm
	case "tsconfig.json":
		return m.only("TypeScript")
	case "Cargo.toml":
		return m.cargo
	case "rust-toolchain", "rust-toolchain.toml":
		return m.pinned(m.languages, "Rust")
	case "pyproject.toml":
		return m.python
	case "Pipfile":
		return m.python
	case "pom.xml":
		return m.maven
	case "build.gradle", "build.gradle.kts":
		return m.gradle
	case "libs.versions.toml":
		return m.catalog
	case "Gemfile":
		return m.bundler
	case "composer.json":
		return m.composer
	case "Directory.Packages.props":
		return m.dotnet
	case "schema.prisma":
		return m.prisma
	case ".nvmrc", ".node-version":
		return m.pinned(m.platforms, "Node.js")
	case ".python-version":
		return m.pinned(m.languages, "Python")
	case ".ruby-version":
		return m.pinned(m.languages, "Ruby")
	case ".java-version":
		return m.pinned(m.languages, "Java")
	}
	switch {
	case strings.HasPrefix(base, "requirements") && strings.HasSuffix(base, ".txt"):
		return m.pip
	case composeFile(base):
		return m.compose
	case strings.HasSuffix(base, ".csproj"):
		return m.dotnet
	}
	return nil
}

// only reads a manifest of which nothing is known but its language.
func (m *manifests) only(language string) func(string, []byte) {
	return func(file string, _ []byte) { m.language(language, dependency{file: file, line: 1, column: 1}) }
}

// pinned reads a file that holds a version and nothing else to speak of. Only one part of the project may follow it.
func (m *manifests) pinned(to map[string][]dependency, name string) func(string, []byte) {
	return func(file string, data []byte) {
		line := 1
		for n, text := range strings.Split(string(data), "\n") {
			if digits(text) != "" && !strings.HasPrefix(strings.TrimSpace(text), "#") {
				line = n + 1
				to[name] = append(to[name], dependency{file: file, line: line, column: 1}.of(digits(text), ""))
				return
			}
		}
	}
}

func composeFile(base string) bool {
	return (strings.HasPrefix(base, "docker-compose") || strings.HasPrefix(base, "compose")) && (strings.HasSuffix(base, ".yml") || strings.HasSuffix(base, ".yaml"))
}

// language notes a manifest of a language, and what it demands.
func (m *manifests) language(name string, d dependency) {
	m.languages[name] = append(m.languages[name], d)
}

func (m *manifests) golang(file string, data []byte) {
	f, err := modfile.ParseLax(file, data, nil)
	if err != nil {
		return
	}
	d := dependency{file: file, line: 1, column: 1}
	if f.Go != nil {
		d = dependency{file: file, line: f.Go.Syntax.Start.Line, column: 1}.of(f.Go.Version, "")
	}
	m.language("Go", d)
	for _, r := range f.Require {
		if !r.Indirect {
			at := r.Syntax.Start
			if len(r.Syntax.Token) > 0 && r.Syntax.Token[0] == "require" { // a line of its own
				at.LineRune += len("require ")
			}
			m.direct = append(m.direct, dependency{name: r.Mod.Path, file: file, line: at.Line, column: at.LineRune}.of(r.Mod.Version, ""))
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
	at := func(name, demand string) dependency {
		line, column := keyPlace(data, name)
		return dependency{name: name, file: file, line: line, column: column}.of(demand, "")
	}
	if v := p.Engines["node"]; v != "" {
		m.platforms["Node.js"] = append(m.platforms["Node.js"], at("node", v))
	}
	for _, group := range []map[string]string{p.Dependencies, p.DevDependencies} {
		for _, name := range sortedKeys(group) {
			d := at(name, group[name])
			m.direct = append(m.direct, d)
			if name == "typescript" {
				m.language("TypeScript", d)
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
	tomlFeatures = lazy(`features\s*=\s*\[([^\]]*)\]`)
	tomlVersion  = lazy(`version\s*=\s*["']([^"']*)["']`)
	pipName      = lazy(`^([A-Za-z][\w.-]*)(?:\[[^\]]*\])?\s*([=<>~!][^;#]*)?`)
	requiredFrom = lazy(`^\s*requires-python\s*=\s*["']([^"']*)`)
)

func (m *manifests) cargo(file string, data []byte) {
	m.toml(file, data, "^")
	if len(m.languages["Rust"]) == 0 || m.languages["Rust"][len(m.languages["Rust"])-1].file != file {
		m.language("Rust", dependency{file: file, line: 1, column: 1})
	}
}

func (m *manifests) python(file string, data []byte) {
	m.toml(file, data, "")
	if len(m.languages["Python"]) == 0 || m.languages["Python"][len(m.languages["Python"])-1].file != file {
		m.language("Python", dependency{file: file, line: 1, column: 1})
	}
}

// toml reads the tables of dependencies of a Cargo.toml or pyproject.toml, line by line: keys of a table whose name ends
// in dependencies, and the strings of an array of that name. bare is what a number without a mark means.
func (m *manifests) toml(file string, data []byte, bare string) {
	section, array := "", false
	for n, text := range strings.Split(string(data), "\n") {
		trimmed := strings.TrimSpace(text)
		add := func(name, version string) {
			m.direct = append(m.direct, dependency{name: name, file: file, line: n + 1, column: 1 + strings.Index(text, name)}.of(version, bare))
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
			m.language("Python", dependency{file: file, line: n + 1, column: 1}.of(requiredFrom.get().FindStringSubmatch(trimmed)[1], ""))
		default:
			k := tomlKey.get().FindStringSubmatch(trimmed)
			switch {
			case k == nil:
			case k[1] == "rust-version":
				m.language("Rust", dependency{file: file, line: n + 1, column: 1}.of(digits(k[2]), ">="))
			case k[1] == "edition" && strings.HasSuffix(section, "package"):
				m.platforms["Rust edition"] = append(m.platforms["Rust edition"], dependency{file: file, line: n + 1, column: 1}.of(digits(k[2]), ""))
			case strings.HasSuffix(section, "dependencies") && strings.HasPrefix(k[2], "["):
				fallthrough
			case section == "project" && k[1] == "dependencies", strings.HasSuffix(section, "optional-dependencies"), strings.HasSuffix(section, "dependency-groups"):
				for _, q := range tomlQuoted.get().FindAllStringSubmatch(k[2], -1) {
					add(q[1], q[2])
				}
				array = strings.HasPrefix(k[2], "[") && !strings.Contains(k[2], "]")
			case strings.HasSuffix(section, "dependencies"):
				if k[1] == "python" {
					m.language("Python", dependency{file: file, line: n + 1, column: 1}.of(k[2], ""))
					continue
				}
				version := k[2]
				if v := tomlVersion.get().FindStringSubmatch(k[2]); v != nil {
					version = v[1]
				} else if strings.HasPrefix(k[2], "{") {
					version = ""
				}
				add(k[1], version)
				if f := tomlFeatures.get().FindStringSubmatch(k[2]); f != nil { // a library for several databases is told which
					for _, q := range tomlQuoted.get().FindAllStringSubmatch(f[1], -1) {
						m.direct = append(m.direct, dependency{name: "feature:" + q[1], file: file, line: n + 1, column: 1 + strings.Index(text, q[1]), length: len(q[1])})
					}
				}
			}
		}
	}
}

func (m *manifests) pip(file string, data []byte) {
	m.language("Python", dependency{file: file, line: 1, column: 1})
	for n, text := range strings.Split(string(data), "\n") {
		if x := pipName.get().FindStringSubmatch(text); x != nil {
			m.direct = append(m.direct, dependency{name: x[1], file: file, line: n + 1, column: 1}.of(x[2], ""))
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
		ref := variable.get().ReplaceAllString(image.Value, "$1")
		repo, tag, _ := strings.Cut(ref[strings.LastIndexByte(ref, '/')+1:], ":")
		if elems := strings.Split(ref, "/"); repo == "server" && len(elems) > 1 { // mcr.microsoft.com/mssql/server
			repo = elems[len(elems)-2] + "-" + repo
		}
		if tag == "" || tag[0] < '0' || tag[0] > '9' {
			tag = ""
		}
		m.direct = append(m.direct, dependency{name: "image:" + repo, file: file, line: image.Line, column: image.Column, length: len(image.Value)}.of(digits(tag), ""))
	}
}

// variable is one of a compose file with its default.
var variable = lazy(`\$\{[^}:]*:?-([^}]*)\}`)
