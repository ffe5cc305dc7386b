package tasks

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"spec.example/spec/internal/trace"
)

// narrowed gives the test lines that run the files of some tests, and perhaps others beside them, where the command is that of a
// preset; nil where how it is told is not known.
func narrowed(lines []Line, tests []*trace.Test) []Line {
	if len(lines) != 1 || len(tests) == 0 {
		return nil
	}
	for _, p := range presets() {
		if p.test != lines[0].String() || p.only == nil {
			continue
		}
		var files []string
		for _, t := range tests {
			if strings.HasPrefix(t.File, "-") {
				return nil // it would be an option
			}
			if !slices.Contains(files, t.File) {
				files = append(files, t.File)
			}
		}
		slices.Sort(files)
		if args := p.only(files); len(args) > 0 {
			return []Line{{Shell: p.test, Args: args}}
		}
	}
	return nil
}

// named runs the files that follow the command.
func named(files []string) []string { return files }

// testPaths is jest's: without it a file is a pattern of names.
func testPaths(files []string) []string { return append([]string{"--runTestsByPath"}, files...) }

// classes are what files are called after which a class is called; nil where one is not.
func classes(files []string) (names []string) {
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f), path.Ext(f))
		if !isClass().MatchString(name) {
			return nil
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

var isClass = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z]\w*$`) })

func phpFilter(files []string) []string {
	names := classes(files)
	if names == nil {
		return nil
	}
	return []string{"--filter", `/(^|\\)(` + strings.Join(names, "|") + `)::/`}
}

// surefire names classes and those nested in them; in a project of several modules most have none of them.
func surefire(files []string) []string {
	var patterns []string
	for _, name := range classes(files) {
		patterns = append(patterns, name, name+"$*")
	}
	if patterns == nil {
		return nil
	}
	return []string{"-Dtest=" + strings.Join(patterns, ","), "-DfailIfNoTests=false", "-Dsurefire.failIfNoSpecifiedTests=false"}
}

func gradleFilter(files []string) (args []string) {
	for _, name := range classes(files) {
		args = append(args, "--tests", name, "--tests", name+"$*")
	}
	return args
}

// presetLine tells whether a command is that of a preset, which heeds no variable.
func presetLine(line string) bool {
	return slices.ContainsFunc(presets(), func(p preset) bool { return p.test == line })
}
