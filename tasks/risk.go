package tasks

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/guard"
	"spec.example/spec/internal/sandbox"
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
	riskHollow       = "hollow"
)

// RiskClasses lists the classes that --accept-risk takes.
func RiskClasses() []string {
	return []string{riskDependencies, riskMigrations, riskCI, riskSteering, riskDeletions, riskTests, riskVerify, riskSecrets, riskGenerated, riskBoundary, riskWords, riskHollow}
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
			file = pathOf(line)
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

// pathOf is the path that a line "diff --git a/x b/x" names: both halves are the same, since renames are not looked for. Git
// quotes a path with control characters.
func pathOf(line string) string {
	rest := strings.TrimPrefix(line, "diff --git ")
	half := len(rest) / 2
	if len(rest)%2 != 1 || rest[half] != ' ' {
		return ""
	}
	name := rest[half+1:]
	if strings.HasPrefix(name, `"`) {
		if plain, ok := unquoted(name); ok {
			name = plain
		}
	}
	return strings.TrimPrefix(name, "b/")
}

// unquoted undoes the quoting of git, which is that of C.
func unquoted(s string) (string, bool) {
	s, ok := strings.CutSuffix(strings.TrimPrefix(s, `"`), `"`)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if at := strings.IndexByte(`abtnvfr"\`, s[i]); at >= 0 {
			b.WriteByte("\a\b\t\n\v\f\r\"\\"[at])
			continue
		}
		n, err := strconv.ParseUint(s[i:min(i+3, len(s))], 8, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), true
}

// addressed are words to whoever reads the code next and takes orders from it.
var addressed = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(ignore|disregard|forget|override|bypass)\s+(\w+\s+){0,4}(instructions?|prompts?|guidelines|steering)\b` +
		`|\b(note|message|instructions?|reminder|important)\s*(to|for|:)\s*(\w+\s+){0,2}(ai|agents?|models?|assistants?|llms?|copilot|claude|gemini|codex)\b` +
		`|\b(dear|attention|hello|hey)[, ]+(ai|agents?|assistants?|models?|llms?)\b` +
		`|\b(agents?|assistants?|models?|llms?|ai)\s+(must|should|shall|has to|have to|needs? to|may|can)\s+(\w+\s+)?(approve|skip|mark|tick|report|ignore|delete|disable|not)\b` +
		`|<\|?(system|im_start|assistant)\|?>|\[/?INST\]|\b(system prompt|you are an? (ai|agent|assistant|language model))\b` +
		`|\bif you are an? (ai|agent|assistant|language model|llm)\b`)
})

// orders tells whether a line speaks to an agent. The pattern is tried only around the words that it needs: a line may be very
// long.
func orders(line string) bool {
	if len(line) < 4096 {
		return addressed().MatchString(line)
	}
	lower := strings.ToLower(line)
	for _, word := range []string{"instruction", "prompt", "guideline", "steering", "agent", "assistant", "model", "llm", " ai", "copilot", "claude", "gemini", "codex", "system", "inst]", "im_start"} {
		for from := 0; ; {
			i := strings.Index(lower[from:], word)
			if i < 0 {
				break
			}
			at := from + i
			if addressed().MatchString(lower[max(0, at-200):min(len(lower), at+200)]) {
				return true
			}
			from = at + len(word)
		}
	}
	return false
}

// hiding are characters that make a line read as another one than it is: directions of writing, and such of no width.
func hiding(line string) bool {
	return strings.ContainsFunc(line, func(r rune) bool {
		return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200b || r == 0x2060 || r >= 0xe0000 && r <= 0xe007f
	})
}

// lookalike tells whether a word of a line is written in ASCII letters and such of another alphabet that look the same: it reads
// as a name that it is not. Words of one alphabet, and letters that are no other's, as in Δx and µs, are as they seem.
func lookalike(line string) bool {
	latin, other := false, false
	for _, r := range line {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			latin = true
		case strings.ContainsRune("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοѕіјԁԛԝаеорсухАВЕЅІЈКМНОРСТУХһӏ", r), r >= 0xff21 && r <= 0xff5a, r >= 0x1d400 && r <= 0x1d6a3, r >= 0x13a0 && r <= 0x13f4:
			other = true
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || unicode.IsMark(r):
		default:
			latin, other = false, false
		}
		if latin && other {
			return true
		}
	}
	return false
}

// byPath looks at what a file is for, by its name alone.
func byPath(c git.Change, add func(class, file, what string)) {
	base := path.Base(c.Path)
	switch {
	case isManifest(base), slices.Contains(strings.Split(c.Path, "/"), "vendor"), slices.Contains(strings.Split(c.Path, "/"), "node_modules"):
		add(riskDependencies, c.Path, "changes what is depended on")
	case isSteering(c.Path):
		add(riskSteering, c.Path, "changes what agents are told")
	case isCI(c.Path):
		add(riskCI, c.Path, "changes what continuous integration does")
	case (path.Ext(base) == ".sql" || path.Ext(base) == ".py" || path.Ext(base) == ".rb" || path.Ext(base) == ".prisma") && strings.Contains(strings.ToLower(c.Path), "migrat"):
		add(riskMigrations, c.Path, "changes a database")
	case toolFile(c.Path):
		add(riskCI, c.Path, "is obeyed by tools of whoever opens the repository")
	}
	if strings.ContainsFunc(c.Path, unicode.IsControl) {
		add(riskBoundary, strconv.Quote(c.Path), "has a name with control characters")
	}
	if lookalike(c.Path) {
		add(riskWords, c.Path, "has a name with letters that look like others")
	}
	if kind := steersVerify(c); kind != "" {
		add(riskVerify, c.Path, kind)
	}
	switch {
	case c.Status == "D" && isTest(c.Path):
		add(riskTests, c.Path, "is a test, and is deleted")
		add(riskDeletions, c.Path, "is deleted")
	case c.Status == "D":
		add(riskDeletions, c.Path, "is deleted")
	}
	if isExpectation(c.Path) && c.Status != "A" {
		add(riskTests, c.Path, "holds what tests compare with, and changes")
	}
	if words := strings.Join(strings.FieldsFunc(c.Path, func(r rune) bool { return strings.ContainsRune("/_-.+ ", r) }), " "); addressed().MatchString(words) {
		add(riskWords, c.Path, "is named like an order to whoever works on it next")
	}
}

// steersVerify tells whether a file decides what the verification runs or what it sees. Some do so as soon as they exist; others
// only where they had a say before.
func steersVerify(c git.Change) string {
	base := strings.ToLower(path.Base(c.Path))
	stem, _, _ := strings.Cut(strings.TrimPrefix(base, "."), ".")
	switch {
	case slices.Contains([]string{"go.work", "go.work.sum", "go.env", ".gitattributes", ".gitmodules", "conftest.py", "sitecustomize.py", "usercustomize.py", "pytest.ini", "tox.ini",
		".coveragerc", ".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "rust-toolchain", "rust-toolchain.toml", "build.rs", "bunfig.toml", "phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml",
		"gnumakefile", "setup.cfg", "pytest.toml", "noxfile.py", "junit-platform.properties", "xunit.runner.json", "directory.build.props", "directory.build.targets", "deno.jsonc"}, base) ||
		path.Base(c.Path) == "makefile" || path.Ext(base) == ".runsettings", // of several makefiles the others are read first
		slices.Contains([]string{"jest", "vitest", "vite", "mocharc", "karma", "playwright", "cypress", "ava", "nycrc", "babel", "babelrc", "swcrc", "wdio", "protractor", "nightwatch"}, stem) &&
			(strings.Contains(base, "config") || strings.Contains(base, ".conf.") || strings.Contains(base, ".workspace.") || strings.HasPrefix(base, ".")),
		strings.Contains("/"+c.Path, "/.cargo/"), path.Ext(base) == ".syso", path.Ext(base) == ".pth":
		return "can change what verify runs"
	case base == "go.mod" && strings.Contains(c.Path, "/") && c.Status == "A":
		return "takes the directory " + path.Dir(c.Path) + " out of what verify runs"
	case slices.Contains([]string{"makefile", "gnumakefile", "package.json", "setup.cfg", "pyproject.toml", "cargo.toml", "rakefile", "justfile", "taskfile.yml", "composer.json", "deno.json",
		"tsconfig.json", "build.gradle", "build.gradle.kts", "gradle.properties", "pom.xml", "cmakelists.txt", "mix.exs", ".rspec"}, base) && c.Status != "A":
		return "can change what verify runs"
	}
	return ""
}

// toolFile tells whether tools read a file by themselves: it lies in, or is, a hidden one. Those that hold nothing to run are
// left out.
func toolFile(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && !slices.Contains([]string{".gitignore", ".gitkeep", ".keep", ".editorconfig", ".dockerignore", ".prettierignore", ".eslintignore", ".npmignore",
			".env.example", ".env.sample", ".nvmrc", ".node-version", ".python-version", ".tool-versions", ".well-known", ".prettierrc", ".markdownlint.json"}, part) {
			return true
		}
	}
	return slices.Contains([]string{"lefthook.yml", "Dockerfile.ci", "Vagrantfile", "Jenkinsfile"}, path.Base(name))
}

// isExpectation tells whether a file holds what tests compare with.
func isExpectation(name string) bool {
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if slices.Contains([]string{"testdata", "fixtures", "__fixtures__", "__snapshots__", "snapshots", "golden", "goldens"}, strings.ToLower(part)) {
			return true
		}
	}
	return slices.Contains([]string{".golden", ".snap", ".approved"}, path.Ext(name))
}

func isManifest(base string) bool {
	return slices.Contains([]string{"go.mod", "go.sum", "package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "Cargo.toml", "Cargo.lock",
		"pyproject.toml", "poetry.lock", "uv.lock", "requirements.txt", "Gemfile", "Gemfile.lock", "composer.json", "composer.lock", "pom.xml", "build.gradle", "build.gradle.kts"}, base)
}

func isCI(name string) bool {
	for _, prefix := range []string{".github/", ".gitlab/", ".gitlab-ci", ".circleci/", ".ci/", ".buildkite/", ".woodpecker", ".drone", ".forgejo/", ".gitea/", ".tekton/", ".teamcity/",
		"azure-pipelines", "bitbucket-pipelines", "appveyor", ".appveyor", "Jenkinsfile", ".travis.yml", "cloudbuild.", ".pre-commit-config", ".husky/", "lefthook."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// isSteering: what agents read by themselves, of any maker, at any depth.
func isSteering(name string) bool {
	base := path.Base(name)
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if slices.Contains([]string{".kiro", ".cursor", ".claude", ".codex", ".gemini", ".qwen", ".opencode", ".windsurf", ".clinerules", ".roo", ".continue", ".goose", ".amazonq"}, part) {
			return true
		}
	}
	return slices.Contains([]string{"AGENTS.md", "AGENT.md", "CLAUDE.md", "GEMINI.md", "QWEN.md", ".cursorrules", ".windsurfrules", ".clinerules", ".goosehints", ".mcp.json", "mcp.json",
		"copilot-instructions.md", "opencode.json"}, base) || strings.HasPrefix(base, ".aider")
}

// isTest tells by its name whether a file holds tests.
func isTest(name string) bool {
	base := path.Base(name)
	stem, ext := strings.TrimSuffix(base, path.Ext(base)), path.Ext(base)
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if slices.Contains([]string{"test", "tests", "__tests__", "spec", "e2e", "testing"}, part) && isSource(name) {
			return true
		}
	}
	switch {
	case strings.HasSuffix(stem, "_test"), strings.HasSuffix(stem, "_spec"), strings.HasPrefix(base, "test_") && isSource(name):
		return true
	case strings.Contains(base, ".test."), strings.Contains(base, ".spec."), base == "conftest.py":
		return true
	case slices.Contains([]string{".java", ".kt", ".scala", ".cs", ".php", ".swift", ".groovy"}, ext):
		return strings.HasSuffix(stem, "Test") || strings.HasSuffix(stem, "Tests") || strings.HasSuffix(stem, "Spec") || strings.HasPrefix(stem, "Test")
	}
	return false
}

// isSource tells by its name whether a file holds code.
func isSource(name string) bool { return comment(name) != "" }

// comment is how a line of comment begins in a language, or "" for a file that is no code.
func comment(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".go", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".rs", ".java", ".kt", ".kts", ".scala", ".cs", ".c", ".h", ".cc", ".cpp", ".hpp", ".m", ".swift", ".dart",
		".php", ".groovy", ".zig", ".proto", ".vue", ".svelte":
		return "//"
	case ".py", ".rb", ".sh", ".bash", ".pl", ".r", ".ex", ".exs", ".yaml", ".yml", ".toml", ".tf", ".mk", ".nix":
		return "#"
	case ".sql", ".lua", ".hs", ".elm", ".ada", ".adb":
		return "--"
	case ".erl", ".tex":
		return "%"
	case ".lisp", ".clj", ".scm", ".el", ".ini":
		return ";"
	}
	if slices.Contains([]string{"Makefile", "Dockerfile", "Rakefile", "Gemfile", "Justfile"}, path.Base(name)) {
		return "#"
	}
	return ""
}

// significant are the lines that are neither blank nor comment.
func significant(name string, lines []string) []string {
	mark := comment(name)
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		text := strings.TrimSpace(line)
		return text == "" || mark != "" && strings.HasPrefix(text, mark) && !strings.HasPrefix(text, "#!") || mark == "//" && (strings.HasPrefix(text, "/*") || strings.HasPrefix(text, "* ") || text == "*/")
	})
}

// changed are the lines that a patch adds to and removes from one file.
type changed struct{ added, removed []string }

func patchLines(diff []byte) map[string]changed {
	found := map[string]changed{}
	file, inHunk := "", false
	for line := range strings.Lines(string(diff)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "diff --git "):
			inHunk, file = false, pathOf(line)
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
		if orders(line) {
			add(riskWords, c.Path, "speaks to whoever works on it next: "+strings.TrimSpace(line))
			break
		}
	}
	if slices.ContainsFunc(lines.added, hiding) {
		add(riskWords, c.Path, "holds characters that hide what a line says")
	}
	if slices.ContainsFunc(lines.added, lookalike) {
		add(riskWords, c.Path, "holds words with letters that look like others")
	}
	for _, line := range lines.added {
		if strings.Contains(line, "Code generated") && strings.Contains(line, "DO NOT EDIT") {
			add(riskGenerated, c.Path, "is generated code")
		}
	}
	removed := significant(c.Path, lines.removed)
	goFile := path.Ext(c.Path) == ".go" // looked at by its syntax
	switch {
	case c.Status == "D":
	case isTest(c.Path) && c.Status == "M" && len(lines.added)+len(lines.removed) == 0:
		add(riskTests, c.Path, "changes in a way that no line shows")
	case isTest(c.Path) && !goFile:
		if c.Status != "A" && len(removed) > 0 {
			add(riskTests, c.Path, fmt.Sprintf("loses %d lines of a test, the first is: %s", len(removed), strings.TrimSpace(removed[0])))
		}
		for _, line := range significant(c.Path, lines.added) {
			if passesOver().MatchString(line) {
				add(riskTests, c.Path, "leaves tests out: "+strings.TrimSpace(line))
				break
			}
		}
	case !goFile && isSource(c.Path) && (asserting(removed) > asserting(significant(c.Path, lines.added)) || inlineTests(removed) > inlineTests(lines.added)):
		add(riskTests, c.Path, "loses lines that assert")
	}
	if !isTest(c.Path) && c.Status == "M" && len(lines.removed) > 20 && len(lines.removed) > 4*len(lines.added) {
		add(riskDeletions, c.Path, fmt.Sprintf("loses %d lines", len(lines.removed)))
	}
}

// passesOver are the ways in which test frameworks are told to leave tests out, to run some only, or to end early.
var passesOver = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b(it|test|describe|context|suite|bench)\.(skip|only|todo|fixme|fails|failing|skipIf|runIf)\b|\b(x|f)(it|describe|test|context|specify)\s*\(` +
		`|\bthis\.skip\(|\bpending\(|pytest\.(mark\.)?(skip|skipif|xfail|importorskip|exit)\b|\bunittest\.(skip|expectedFailure)|\bself\.skipTest\(|\bSkipTest\b|__test__\s*=|collect_ignore` +
		`|#\[(ignore|should_panic|cfg\()|@(Disabled|Ignore|Skip)\b|\[(Ignore|Explicit)\b|\bskip\s*:\s*true|\bSkip\s*=\s*"|markTestSkipped|\bXCTSkip|@tag\s+:skip` +
		`|\b(process|sys|os)\.(_?exit)\(|\bstd::process::exit\(|\bassert\s+True\b|\bassert\s+1\b|\bexpect\((true|1)\)\.to(Be|Equal)\((true|1)\)|\bassert!?\(\s*true\s*[,)]`)
})

// inlineTests counts lines that make tests of what stands beside the code.
func inlineTests(lines []string) int {
	n := 0
	for _, line := range lines {
		if strings.Contains(line, "#[test]") || strings.Contains(line, "#[cfg(test)]") || strings.Contains(line, "::test]") || strings.HasPrefix(strings.TrimSpace(line), ">>> ") {
			n++
		}
	}
	return n
}

func asserting(lines []string) int {
	n := 0
	for _, line := range lines {
		for _, word := range []string{"assert", "require.", "expect(", "Expect(", ".should"} {
			if strings.Contains(line, word) {
				n++
				break
			}
		}
	}
	return n
}

// secret names the kind of secret that a line seems to hold; the shapes are those of internal/sandbox, which masks them too.
func secret(line string) string { return sandbox.Secret(line) }

// unannounced are the risks that stop a run under auto: those of classes that neither the task nor the user named.
func unannounced(all []Risk, accepted []string) []Risk {
	var stop []Risk
	if !guard.On(guard.Risks) {
		return nil
	}
	for _, r := range all {
		if !r.Announced && !slices.Contains(accepted, r.Class) {
			stop = append(stop, r)
		}
	}
	return stop
}
