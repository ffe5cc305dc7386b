package sandbox

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// denials are the words in which programs say that the system refused them something.
var denials = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)permission denied|EACCES|EPERM|operation not permitted|read-only file system`)
})

var absolute = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("/[^\\s'\"`:,;()<>|\u2018\u2019]+")
})

// relative is how Go, Node, Python and Ruby say that a place was refused which the program named from where it works.
var relative = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(?:open|mkdir|mkdirat|create|rename|remove|unlinkat|symlink|link|chmod|truncate) ([^\s:/'"][^\s:'"]*): (?:permission denied|read-only file system|operation not permitted)` +
		`|permission denied, \w+ '([^/'][^']*)'|permission denied: '([^/'][^']*)'|permission denied @ \w+ - ([^/\s]\S*)`)
})

// spoken is the place in a script at which a shell says what was refused: the script itself was not.
var spoken = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*/[^\s:]+: (?:line )?\d+: `) })

// Refused reads what a command printed and names, for each place that the policy closed to it, the configuration that would
// open it. A place that the policy leaves open was refused by the system itself, and is not named.
func (p Policy) Refused(output string) []string {
	if p.Mode == Off {
		return nil
	}
	var hints []string
	add := func(hint string) {
		if hint != "" && !slices.Contains(hints, hint) && len(hints) < 10 {
			hints = append(hints, hint)
		}
	}
	before := ""
	for line := range strings.Lines(output) {
		said := before
		before = line
		if len(line) > 4096 || !denials().MatchString(line) {
			continue
		}
		line = spoken().ReplaceAllString(line, "")
		paths := absolute().FindAllString(line, 3)
		if paths == nil && len(said) <= 4096 { // causes are listed one a line, the last of them last
			paths = absolute().FindAllString(said, 3)
		}
		if m := relative().FindStringSubmatch(line); m != nil {
			add(fmt.Sprintf("%s was refused: what lies not below TMPDIR is closed to tests that write; sandbox: {writes: [DIRECTORY]} in your own configuration would open one", strings.Join(m[1:], "")))
			continue
		}
		for _, path := range paths {
			add(p.opens(filepath.Clean(strings.TrimRight(path, "."))))
		}
	}
	return hints
}

func (p Policy) opens(path string) string {
	inside := func(dirs []string) bool {
		return slices.ContainsFunc(dirs, func(dir string) bool { return dir != "" && within(dir, path) })
	}
	switch {
	case inside(p.Writes), inside(devices()):
		return ""
	case inside(p.Reads):
		return fmt.Sprintf("the sandbox keeps %s from being written; sandbox: {writes: [%s]} in your own configuration would allow it", path, path)
	}
	return fmt.Sprintf("the sandbox closes %s; sandbox: {reads: [%s]} in your own configuration would open it", path, path)
}
