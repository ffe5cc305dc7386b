package spec

import "strings"

// Typed is how a name or path is typed in a command: one that begins with a dash would be taken for a flag.
func Typed(name string) string {
	if strings.HasPrefix(name, "-") {
		return "./" + name
	}
	return name
}

// Untyped takes back what Typed did, for a name that is no path.
func Untyped(name string) string {
	if rest, ok := strings.CutPrefix(name, "./"); ok && strings.HasPrefix(rest, "-") {
		return rest
	}
	return name
}
