package tasks

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"

	"spec.example/spec/spec"
)

// A Steered document is one that a brief could hold, and why it does or does not.
type Steered struct {
	Path     string `json:"path"`
	Included bool   `json:"included"`
	Why      string `json:"why"`
	Bytes    int    `json:"bytes"`
}

func (s Steered) String() string {
	if !s.Included {
		return fmt.Sprintf("left out %s (%s)", s.Path, s.Why)
	}
	return fmt.Sprintf("%s (%s, %d bytes)", s.Path, s.Why, s.Bytes)
}

// fileName is what a text may name a file with, between backticks or not.
var fileName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[\pL\pN_@.*-]+(?:/[\pL\pN_@.*-]*)+|[\pL\pN_@-]+\.[a-z][a-z0-9]{0,9}\b`)
})

// namedFiles lists the files and directories that a text names.
func namedFiles(text string) []string {
	names := fileName().FindAllString(text, -1)
	for _, name := range ticked(text) {
		names = append(names, strings.TrimSpace(name))
	}
	for i := range names {
		names[i] = strings.TrimPrefix(strings.TrimRight(names[i], ".,:;"), "./")
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Steer selects the steering that applies to a text: always, by a file pattern that fits a file which the text names, or
// because the text names the document ("#security", "security.md"). It says of each document why.
func Steer(files []spec.SteeringFile, text string) (chosen []spec.SteeringFile, manifest []Steered) {
	names := namedFiles(text)
	for _, s := range files {
		entry := Steered{Path: s.Path, Bytes: len(s.Body)}
		entry.Included, entry.Why = applies(s, text, names)
		if entry.Included {
			chosen = append(chosen, s)
		}
		manifest = append(manifest, entry)
	}
	return chosen, manifest
}

func applies(s spec.SteeringFile, text string, names []string) (bool, string) {
	keyword := keywordIn(s.Keywords, text)
	if s.Power != "" && keyword == "" {
		return false, "no keyword of the power " + s.Power + " stands in the task"
	}
	base := path.Base(s.Path)
	short := strings.TrimSuffix(base, ".md")
	if mentioned(text, "#"+short) || slices.Contains(names, base) || slices.Contains(names, s.Path) {
		return true, "named by the task"
	}
	switch s.Inclusion {
	case "fileMatch":
		for _, pattern := range s.Patterns {
			for _, name := range names {
				if fits(pattern, name) {
					return true, "file pattern " + pattern + " fits " + name
				}
			}
		}
		return false, "no file that the task names fits " + strings.Join(s.Patterns, ", ")
	case "manual":
		return false, "only where a task names #" + short
	case "auto":
		if word := commonWord(s.Description, text); word != "" {
			return true, "its description has " + word + ", as the task has"
		}
		return false, "its description has no word of the task"
	}
	if s.Power != "" {
		return true, "power " + s.Power + ", keyword " + keyword
	}
	return true, "always"
}

// keywordIn is the first keyword that stands in a text as words of its own, in capitals or not.
func keywordIn(keywords []string, text string) string {
	text = strings.ToLower(text)
	for _, k := range keywords {
		low := strings.ToLower(k)
		for rest, before := text, ""; ; {
			left, after, ok := strings.Cut(rest, low)
			if !ok {
				break
			}
			before += left
			last, _ := utf8.DecodeLastRuneInString(before)
			next, _ := utf8.DecodeRuneInString(after)
			if !wordRune(last) && !wordRune(next) {
				return k
			}
			before, rest = before+low, after
		}
	}
	return ""
}

func wordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_')
}

// activePowers names the powers of which something is in the brief.
func activePowers(chosen []spec.SteeringFile) []string {
	var names []string
	for _, s := range chosen {
		if s.Power != "" && !slices.Contains(names, s.Power) {
			names = append(names, s.Power)
		}
	}
	return names
}

// fits tells whether a pattern matches a name, or what lies below it where the name is a directory's.
func fits(pattern, name string) bool {
	if doublestar.MatchUnvalidated(pattern, name) {
		return true
	}
	return strings.HasSuffix(name, "/") && doublestar.MatchUnvalidated(pattern, name+"x")
}

// mentioned tells whether a word stands in a text on its own.
func mentioned(text, word string) bool {
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, word)
		if !ok {
			return false
		}
		if after == "" || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", rune(after[0])) {
			return true
		}
		rest = after
	}
}

// commonWord is a word of at least five letters that both texts hold.
func commonWord(description, text string) string {
	lower := strings.ToLower(text)
	for word := range strings.FieldsFuncSeq(strings.ToLower(description), func(r rune) bool { return r < 'a' || r > 'z' }) {
		if len(word) >= 5 && !slices.Contains(commonWords(), word) && mentionedWord(lower, word) {
			return word
		}
	}
	return ""
}

// commonWords say nothing of a document's subject.
func commonWords() []string {
	return strings.Fields("about after always apply before being changes coding developing development every files guidance guidelines implement implementing other rules should standards their these those using where which while working write writing")
}

func mentionedWord(text, word string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return r < 'a' || r > 'z' }), word)
}

// maxReference bounds what one reference of steering brings into a brief.
const maxReference = 32 << 10

// writeSteering writes the chosen steering, and below it the files that it refers to.
func writeSteering(b *bytes.Buffer, in BriefInput) {
	for _, s := range in.Steering {
		body := strings.TrimSpace(s.Body)
		if body == "" {
			continue
		}
		fmt.Fprintf(b, "## Steering: %s\n\n%s\n\n", s.Path, body)
		for _, name := range s.References {
			writeReference(b, in, s.Path, name)
		}
	}
	var left []string
	for _, m := range in.Manifest {
		if !m.Included && m.Bytes > 0 {
			left = append(left, fmt.Sprintf("- %s: %s", m.Path, m.Why))
		}
	}
	section(b, "Steering that is not shown here", strings.Join(left, "\n"))
}

// writeReference shows a file that steering refers to as #[[file:NAME]]. A name that leads out of the repository is not
// followed.
func writeReference(b *bytes.Buffer, in BriefInput, from, name string) {
	clean := path.Clean(strings.TrimPrefix(strings.TrimSpace(name), "/"))
	if in.File == nil || clean == "." || strings.HasPrefix(clean, "../") || clean == ".." || clean == ".git" || strings.HasPrefix(clean, ".git/") {
		return
	}
	data, err := in.File(clean)
	if err != nil { // some are written relative to the document
		data, err = in.File(path.Join(path.Dir(from), clean))
	}
	if err != nil || bytes.IndexByte(data, 0) >= 0 {
		return
	}
	text := string(data)
	if len(text) > maxReference {
		text = strings.ToValidUTF8(text[:maxReference], "") + "\n… (cut here; the file is in the current directory)"
	}
	fmt.Fprintf(b, "### %s, which %s refers to\n\n%s\n\n", clean, from, fenced(text))
}
