package tasks

import (
	"bufio"
	"bytes"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"spec.example/spec/internal/git"
)

// A Risk is something in a result that the approved plan did not announce, or that a person should look at first.
type Risk struct {
	Class     string
	Path      string
	What      string
	Announced bool // the task's _Touches_ names the class: listed first, but no reason to stop
}

// The classes of risk. A task may announce the first four.
const (
	riskDependencies = "dependencies"
	riskMigrations   = "migrations"
	riskCI           = "ci"
	riskSteering     = "steering"
	riskDeletions    = "deletions"
	riskTests        = "tests-weakened"
	riskVerify       = "verify-changed"
	riskSecrets      = "secrets"
	riskGenerated    = "generated"
	riskBoundary     = "outside-boundary"
	riskWords        = "instructions"
)

// RiskClasses lists the classes that --accept-risk takes.
func RiskClasses() []string {
	return []string{riskDependencies, riskMigrations, riskCI, riskSteering, riskDeletions, riskTests, riskVerify, riskSecrets, riskGenerated, riskBoundary, riskWords}
}

// risks looks at a patch for what a person should know. touches are the classes that the task announced.
func risks(changes []git.Change, diff []byte, touches []string) []Risk {
	var found []Risk
	add := func(class, file, what string) {
		found = append(found, Risk{Class: class, Path: file, What: what, Announced: slices.Contains(touches, class)})
	}
	lines := patchLines(diff)
	for _, c := range changes {
		byPath(c, add)
		byContent(c, lines[c.Path], add)
	}
	for _, name := range linksOut(diff) {
		add(riskBoundary, name, "links to a place outside")
	}
	sortRisks(found)
	return slices.Compact(found)
}

// sortRisks puts what was not announced first.
func sortRisks(found []Risk) {
	slices.SortStableFunc(found, func(a, b Risk) int {
		switch {
		case a.Announced == b.Announced:
			return strings.Compare(a.Class+a.Path+a.What, b.Class+b.Path+b.What)
		case a.Announced:
			return 1
		}
		return -1
	})
}

// linksOut lists the symbolic links and nested repositories that a patch makes: both lead out of what is reviewed.
func linksOut(diff []byte) []string {
	var names []string
	file, link, hunk := "", false, false
	for line := range strings.Lines(string(diff)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "diff --git "):
			_, file, _ = strings.Cut(line, " b/")
			link, hunk = false, false
		case strings.HasPrefix(line, "@@ "):
			hunk = true
		case !hunk && line == "new file mode 160000":
			names = append(names, file)
		case !hunk && (line == "new file mode 120000" || line == "new mode 120000" || strings.HasPrefix(line, "index ") && strings.HasSuffix(line, " 120000")):
			link = true
		case link && hunk && strings.HasPrefix(line, "+"):
			if !staysInside(file, line[1:]) {
				names = append(names, file)
			}
		}
	}
	return names
}

// staysInside tells whether a link leads to a place of the same tree. A ".." behind a name may climb from wherever that
// name leads, so it does not count as inside.
func staysInside(file, target string) bool {
	if path.IsAbs(target) || strings.HasPrefix(target, "\\") || !filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(file), target))) {
		return false
	}
	named := false
	for _, elem := range strings.Split(target, "/") {
		if elem == ".." && named {
			return false
		}
		named = named || elem != ".." && elem != "." && elem != ""
	}
	return true
}

// addressed are words to whoever reads the code next and takes orders from it.
var addressed = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(ignore|disregard|forget)\s+(all\s+|any\s+|the\s+)?(previous|prior|above|earlier)\s+(instructions?|rules?|prompts?)|\b(note|message|instructions?)\s+(to|for)\s+(the\s+)?(next|later|following|other)\s+(ai\s+)?(agents?|models?|assistants?)|\b(dear|attention)[, ]+(ai|agents?|assistants?|models?|llm)\b|\b(agents?|assistants?|models?)\s+(must|should)\s+(always\s+|never\s+)?(approve|skip|mark|tick|report|ignore)`)
})

func byPath(c git.Change, add func(class, file, what string)) {
	base := path.Base(c.Path)
	switch {
	case isManifest(base):
		add(riskDependencies, c.Path, "changes what is depended on")
	case isCI(c.Path):
		add(riskCI, c.Path, "changes what continuous integration does")
	case isSteering(c.Path):
		add(riskSteering, c.Path, "changes what agents are told")
	case path.Ext(base) == ".sql" && strings.Contains(c.Path, "migrat"):
		add(riskMigrations, c.Path, "changes a database")
	}
	if slices.Contains([]string{"Makefile", "package.json", "pytest.ini", "tox.ini", "setup.cfg", "conftest.py", "Rakefile", ".gitattributes", "go.work"}, base) ||
		strings.HasPrefix(base, "vitest.config") || strings.HasPrefix(base, "jest.config") {
		if c.Status != "A" || base == "go.work" || base == ".gitattributes" {
			add(riskVerify, c.Path, "can change what verify runs")
		}
	}
	if c.Status == "D" {
		add(riskDeletions, c.Path, "is deleted")
	}
}

func isManifest(base string) bool {
	return slices.Contains([]string{"go.mod", "go.sum", "package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "Cargo.toml", "Cargo.lock",
		"pyproject.toml", "poetry.lock", "uv.lock", "requirements.txt", "Gemfile", "Gemfile.lock", "composer.json", "composer.lock", "pom.xml", "build.gradle", "build.gradle.kts"}, base)
}

func isCI(name string) bool {
	for _, prefix := range []string{".github/", ".gitlab-ci", ".circleci/", ".ci/", ".buildkite/", "azure-pipelines", "Jenkinsfile", ".travis.yml", ".pre-commit-config"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func isSteering(name string) bool {
	return strings.HasPrefix(name, ".kiro/steering") || path.Base(name) == "AGENTS.md" || strings.Contains(name, "/.kiro/steering")
}

func isTest(name string) bool {
	base := path.Base(name)
	return strings.HasSuffix(base, "_test.go") || strings.Contains(base, ".test.") || strings.Contains(base, ".spec.") ||
		strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") || strings.Contains("/"+name, "/tests/") || strings.Contains("/"+name, "/__tests__/")
}

// changed are the lines that a patch adds to and removes from one file.
type changed struct{ added, removed []string }

func patchLines(diff []byte) map[string]changed {
	found := map[string]changed{}
	file, inHunk := "", false
	lines := bufio.NewScanner(bytes.NewReader(diff))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "diff --git "):
			inHunk, file = false, ""
			if _, after, ok := strings.Cut(line, " b/"); ok {
				file = after
			}
		case strings.HasPrefix(line, "@@"):
			inHunk = true
		case inHunk && strings.HasPrefix(line, "+"):
			c := found[file]
			c.added = append(c.added, line[1:])
			found[file] = c
		case inHunk && strings.HasPrefix(line, "-"):
			c := found[file]
			c.removed = append(c.removed, line[1:])
			found[file] = c
		}
	}
	return found
}

func byContent(c git.Change, lines changed, add func(class, file, what string)) {
	for _, line := range lines.added {
		if word := secret(line); word != "" {
			add(riskSecrets, c.Path, "holds what looks like "+word)
			break
		}
	}
	for _, line := range lines.added {
		if addressed().MatchString(line) {
			add(riskWords, c.Path, "speaks to whoever works on it next: "+strings.TrimSpace(line))
			break
		}
	}
	for _, line := range lines.added {
		if strings.Contains(line, "Code generated") && strings.Contains(line, "DO NOT EDIT") {
			add(riskGenerated, c.Path, "is generated code")
		}
	}
	if isTest(c.Path) && c.Status != "A" && path.Ext(c.Path) != ".go" {
		if n, m := asserting(lines.removed), asserting(lines.added); n > m {
			add(riskTests, c.Path, fmt.Sprintf("loses %d asserting lines and gains %d", n, m))
		}
	}
	if isTest(c.Path) {
		for _, line := range lines.added {
			text := strings.TrimSpace(line)
			if strings.HasPrefix(text, "t.Skip") || strings.HasPrefix(text, "//go:build ") || strings.HasPrefix(text, "it.skip") || strings.HasPrefix(text, "test.skip") || strings.HasPrefix(text, "@pytest.mark.skip") {
				if c.Status != "A" {
					add(riskTests, c.Path, "adds "+text)
				}
			}
		}
	} else if c.Status == "M" && len(lines.removed) > 20 && len(lines.removed) > 4*len(lines.added) {
		add(riskDeletions, c.Path, fmt.Sprintf("loses %d lines", len(lines.removed)))
	}
}

func asserting(lines []string) int {
	n := 0
	for _, line := range lines {
		for _, word := range []string{"t.Error", "t.Fatal", "t.Fail", "assert", "require.", "expect(", "Expect(", "should", "cmp.Diff"} {
			if strings.Contains(line, word) {
				n++
				break
			}
		}
	}
	return n
}

// secret names the kind of secret that a line seems to hold. The prefixes are those that the issuers document.
func secret(line string) string {
	for prefix, name := range map[string]string{
		"-----BEGIN RSA PRIVATE KEY": "a private key", "-----BEGIN PRIVATE KEY": "a private key", "-----BEGIN OPENSSH PRIVATE": "a private key",
		"-----BEGIN EC PRIVATE": "a private key", "sk_live_": "a live Stripe key", "rk_live_": "a live Stripe key", "AKIA": "an AWS key",
		"ghp_": "a GitHub token", "github_pat_": "a GitHub token", "xoxb-": "a Slack token",
	} {
		i := strings.Index(line, prefix)
		if i < 0 {
			continue
		}
		rest := line[i+len(prefix):]
		run := strings.IndexFunc(rest, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
		})
		if run < 0 {
			run = len(rest)
		}
		if strings.HasPrefix(prefix, "-----") || run >= 12 {
			return name
		}
	}
	return ""
}

// unannounced are the risks that stop a run under auto: those of classes that neither the task nor the user named.
func unannounced(all []Risk, accepted []string) []Risk {
	var stop []Risk
	for _, r := range all {
		if !r.Announced && !slices.Contains(accepted, r.Class) {
			stop = append(stop, r)
		}
	}
	return stop
}
