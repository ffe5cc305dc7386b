package check

import (
	"encoding/json"
	"encoding/xml"
	"strings"
)

// lineOf is where a text first stands.
func lineOf(data []byte, text string) (line, column int) {
	at := findLine(strings.Split(string(data), "\n"), text)
	return at.line, at.column
}

// java notes the manifest of a build for the JVM, which says neither that the code is Java nor that it is Kotlin.
func (m *manifests) java(file string) {
	m.language("Java", dependency{file: file, line: 1, column: 1})
	m.language("Kotlin", dependency{file: file, line: 1, column: 1})
}

// artifact notes one of the JVM's packages.
func (m *manifests) artifact(file string, data []byte, group, name, version string) {
	line, column := lineOf(data, name)
	m.direct = append(m.direct, dependency{name: group + ":" + name, file: file, line: line, column: column, length: len(name)}.of(version, ""))
}

// jvmVersion notes the version of a language of the JVM; "1.8" is what Java 8 calls itself.
func (m *manifests) jvmVersion(language, file string, line int, version string) {
	if rest, ok := strings.CutPrefix(version, "1."); ok && language == "Java" {
		version = rest
	}
	if digits(version) != "" {
		m.languages[language] = append(m.languages[language], dependency{file: file, line: line, column: 1}.of(digits(version), ""))
	}
}

// maven reads a pom.xml. A version that is a property is looked up in the same file.
func (m *manifests) maven(file string, data []byte) {
	type artifact struct {
		Group   string `xml:"groupId"`
		Name    string `xml:"artifactId"`
		Version string `xml:"version"`
	}
	var p struct {
		Parent     artifact   `xml:"parent"`
		Direct     []artifact `xml:"dependencies>dependency"`
		Properties struct {
			All []struct {
				XMLName xml.Name
				Value   string `xml:",chardata"`
			} `xml:",any"`
		} `xml:"properties"`
	}
	m.java(file)
	if xml.Unmarshal(data, &p) != nil {
		return
	}
	properties := map[string]string{}
	for _, x := range p.Properties.All {
		properties["${"+x.XMLName.Local+"}"] = strings.TrimSpace(x.Value)
		line, _ := lineOf(data, "<"+x.XMLName.Local+">")
		switch x.XMLName.Local {
		case "java.version", "maven.compiler.release", "maven.compiler.target":
			m.jvmVersion("Java", file, line, strings.TrimSpace(x.Value))
		case "kotlin.version":
			m.jvmVersion("Kotlin", file, line, strings.TrimSpace(x.Value))
		}
	}
	for _, d := range append([]artifact{p.Parent}, p.Direct...) {
		if d.Name == "" {
			continue
		}
		if v, ok := properties[d.Version]; ok {
			d.Version = v
		}
		m.artifact(file, data, strings.TrimSpace(d.Group), strings.TrimSpace(d.Name), d.Version)
	}
}

var (
	gradleNotation = lazy(`["']([\w.-]+):([\w.-]+)(?::([\w.-]+))?["']`)
	gradleMap      = lazy(`group\s*[:=]\s*["']([\w.-]+)["'],\s*name\s*[:=]\s*["']([\w.-]+)["'](?:,\s*version\s*[:=]\s*["']([\w.-]+)["'])?`)
	gradlePlugin   = lazy(`id\s*\(?\s*["']([\w.-]+)["']\s*\)?\s*version\s*\(?\s*["']([\w.-]+)["']`)
	gradleKotlin   = lazy(`kotlin\s*\(\s*["'][\w.]+["']\s*\)\s*version\s*["']([\w.-]+)["']`)
	gradleJava     = lazy(`(?:JavaLanguageVersion\.of\s*\(\s*|jvmToolchain\s*\(\s*|(?:source|target)Compatibility\s*=?\s*(?:JavaVersion\.VERSION_|["'])?)([\d._]+)`)
)

// gradle reads the lines of a build file that name packages, plugins and versions as most projects write them.
func (m *manifests) gradle(file string, data []byte) {
	m.java(file)
	for n, text := range strings.Split(string(data), "\n") {
		if t := strings.TrimSpace(text); strings.HasPrefix(t, "//") {
			continue
		}
		add := func(group, name, version string) {
			m.direct = append(m.direct, dependency{name: group + ":" + name, file: file, line: n + 1, column: 1 + strings.Index(text, name), length: len(name)}.of(version, ""))
		}
		for _, q := range gradleNotation.get().FindAllStringSubmatch(text, -1) {
			add(q[1], q[2], q[3])
		}
		for _, q := range gradleMap.get().FindAllStringSubmatch(text, -1) {
			add(q[1], q[2], q[3])
		}
		if q := gradlePlugin.get().FindStringSubmatch(text); q != nil {
			if strings.HasPrefix(q[1], "org.jetbrains.kotlin") {
				m.jvmVersion("Kotlin", file, n+1, q[2])
			} else {
				add(q[1], q[1], q[2])
			}
		}
		if q := gradleKotlin.get().FindStringSubmatch(text); q != nil {
			m.jvmVersion("Kotlin", file, n+1, q[1])
		}
		if q := gradleJava.get().FindStringSubmatch(text); q != nil {
			m.jvmVersion("Java", file, n+1, strings.ReplaceAll(q[1], "_", "."))
		}
	}
}

var (
	catalogModule = lazy(`module\s*=\s*"([\w.-]+):([\w.-]+)"`)
	catalogPlugin = lazy(`id\s*=\s*"([\w.-]+)"`)
	catalogRef    = lazy(`version\.ref\s*=\s*"([\w.-]+)"`)
)

// catalog reads Gradle's libs.versions.toml.
func (m *manifests) catalog(file string, data []byte) {
	versions := map[string]string{}
	section := ""
	for n, text := range strings.Split(string(data), "\n") {
		if t := strings.TrimSpace(text); strings.HasPrefix(t, "[") {
			section = strings.Trim(t, "[] ")
			continue
		}
		k := tomlKey.get().FindStringSubmatch(text)
		if k == nil {
			continue
		}
		version := ""
		if v := tomlVersion.get().FindStringSubmatch(k[2]); v != nil {
			version = v[1]
		} else if v := catalogRef.get().FindStringSubmatch(k[2]); v != nil {
			version = versions[v[1]]
		}
		add := func(group, name, version string) {
			m.direct = append(m.direct, dependency{name: group + ":" + name, file: file, line: n + 1, column: 1 + strings.Index(text, name), length: len(name)}.of(version, ""))
		}
		switch section {
		case "versions":
			versions[k[1]] = strings.Trim(k[2], `"' `)
		case "libraries":
			if q := catalogModule.get().FindStringSubmatch(k[2]); q != nil {
				add(q[1], q[2], version)
			} else if q := gradleMap.get().FindStringSubmatch(k[2]); q != nil {
				add(q[1], q[2], version)
			} else if q := gradleNotation.get().FindStringSubmatch(k[2]); q != nil {
				add(q[1], q[2], q[3])
			}
		case "plugins":
			if q := catalogPlugin.get().FindStringSubmatch(k[2]); q != nil && strings.HasPrefix(q[1], "org.jetbrains.kotlin") {
				m.jvmVersion("Kotlin", file, n+1, version)
			} else if q != nil {
				add(q[1], q[1], version)
			}
		}
	}
}

var (
	gemLine  = lazy(`^\s*gem\s*\(?\s*["']([\w.-]+)["']((?:\s*,\s*["'][^"']*["'])*)`)
	rubyLine = lazy(`^\s*ruby\s*\(?\s*["']([^"']+)["']`)
)

// bundler reads a Gemfile.
func (m *manifests) bundler(file string, data []byte) {
	m.language("Ruby", dependency{file: file, line: 1, column: 1})
	for n, text := range strings.Split(string(data), "\n") {
		if q := rubyLine.get().FindStringSubmatch(text); q != nil {
			m.language("Ruby", dependency{file: file, line: n + 1, column: 1}.of(q[1], ""))
		}
		if q := gemLine.get().FindStringSubmatch(text); q != nil {
			m.direct = append(m.direct, dependency{name: q[1], file: file, line: n + 1, column: 1 + strings.Index(text, q[1])}.of(q[2], ""))
		}
	}
}

// composer reads PHP's composer.json.
func (m *manifests) composer(file string, data []byte) {
	var p struct {
		Require    map[string]string `json:"require"`
		RequireDev map[string]string `json:"require-dev"`
	}
	m.language("PHP", dependency{file: file, line: 1, column: 1})
	if json.Unmarshal(data, &p) != nil {
		return
	}
	for _, group := range []map[string]string{p.Require, p.RequireDev} {
		for _, name := range sortedKeys(group) {
			line, column := keyPlace(data, name)
			d := dependency{name: name, file: file, line: line, column: column}.of(group[name], "")
			if name == "php" {
				m.language("PHP", d)
				continue
			}
			m.direct = append(m.direct, d)
		}
	}
}

var (
	dotnetPackage = lazy(`<Package(?:Reference|Version)\s[^>]*(?:Include|Update)\s*=\s*"([^"]+)"(?:[^>]*Version\s*=\s*"([^"]*)")?`)
	dotnetTarget  = lazy(`<TargetFrameworks?>\s*net(?:coreapp)?(\d+\.\d+)`)
)

// dotnet reads a project file, or the file of central versions.
func (m *manifests) dotnet(file string, data []byte) {
	m.language("C#", dependency{file: file, line: 1, column: 1})
	for n, text := range strings.Split(string(data), "\n") {
		if q := dotnetTarget.get().FindStringSubmatch(text); q != nil {
			m.platforms[".NET"] = append(m.platforms[".NET"], dependency{file: file, line: n + 1, column: 1}.of(q[1], ""))
		}
		if q := dotnetPackage.get().FindStringSubmatch(text); q != nil {
			m.direct = append(m.direct, dependency{name: q[1], file: file, line: n + 1, column: 1 + strings.Index(text, q[1])}.of(q[2], ""))
		}
	}
}

var prismaProvider = lazy(`^\s*provider\s*=\s*"(\w+)"`)

// prisma reads which database a schema is for; the provider of a generator is none.
func (m *manifests) prisma(file string, data []byte) {
	block := ""
	for n, text := range strings.Split(string(data), "\n") {
		if f := strings.Fields(text); len(f) > 1 && strings.HasSuffix(strings.TrimSpace(text), "{") {
			block = f[0]
		}
		if q := prismaProvider.get().FindStringSubmatch(text); q != nil && block == "datasource" {
			m.direct = append(m.direct, dependency{name: "provider:" + q[1], file: file, line: n + 1, column: 1 + strings.Index(text, q[1]), length: len(q[1])})
		}
	}
}
