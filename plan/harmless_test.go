package plan_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// TestHarmlessChanges changes specifications of the corpus in ways that say nothing new (CRLF, trailing blanks and tabs, tabs
// instead of blanks, blank lines, a byte order mark) and demands the same ids, criteria and edges. Each specification is
// changed in three of the ways, in turn.
func TestHarmlessChanges(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "corpus")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("SPEC_REQUIRE_CORPUS") == "1" {
			t.Fatal(err)
		}
		t.Skip("the corpus is not beside the project; TestConvert and TestOddShapes always run")
	}
	fsys := os.DirFS(dir)
	changes := map[string]func([]byte) []byte{
		"crlf": func(b []byte) []byte {
			return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		},
		"trailing": func(b []byte) []byte {
			return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("  \n"))
		},
		"trailing tab": func(b []byte) []byte {
			return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\t\n"))
		},
		"tab": func(b []byte) []byte {
			return outsideFences(b, func(line string) string {
				text := strings.TrimLeft(line, " ")
				blanks := len(line) - len(text)
				return strings.Repeat("\t", blanks/4) + strings.Repeat(" ", blanks%4) + text
			})
		},
		"blank": func(b []byte) []byte {
			return outsideFences(b, func(line string) string {
				if strings.TrimSpace(line) == "" {
					return line + line
				}
				return line
			})
		},
		"apart": func(b []byte) []byte {
			return outsideFences(b, func(line string) string {
				if begins.MatchString(line) {
					return "\n" + line
				}
				return line
			})
		},
		"end": func(b []byte) []byte { return append(bytes.Clone(b), "\n\n"...) },
		"bom": func(b []byte) []byte {
			return append([]byte("\xef\xbb\xbf"), bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))...)
		},
	}
	names := slices.Sorted(maps.Keys(changes))
	files, turn := 0, 0
	workspaces, _ := spec.Workspaces(fsys, ".")
	for _, w := range workspaces {
		for _, l := range w.Features {
			want := understood(fsys, l.Dir)
			turn++
			for n := range 3 {
				name := names[(turn+n)%len(names)]
				change := changes[name]
				changed := fstest.MapFS{}
				fs.WalkDir(fsys, l.Dir, func(file string, d fs.DirEntry, err error) error {
					if err != nil || d.IsDir() {
						return nil
					}
					data, err := fs.ReadFile(fsys, file)
					if err != nil {
						return err
					}
					if path.Ext(file) == ".md" {
						data = change(data)
						files++
					}
					changed[file] = &fstest.MapFile{Data: data}
					return nil
				})
				if got := understood(changed, l.Dir); got != want {
					t.Errorf("%s, %s: %s", l.Dir, name, difference(want, got))
				}
			}
		}
	}
	if files < 200*len(changes) {
		t.Errorf("%d files were changed in %d ways: two hundred are wanted for each", files, len(changes))
	}
}

// begins are lines before which a blank line says nothing: headings, boxes and numbered statements.
var begins = regexp.MustCompile(`^(#{1,6} |\s*[-*+] \[|[0-9]+[.)] )`)

// outsideFences changes each line that is no code.
func outsideFences(b []byte, change func(line string) string) []byte {
	var out strings.Builder
	fence := ""
	for line := range strings.Lines(string(b)) {
		mark := strings.TrimLeft(line, " \t-*+")
		switch {
		case fence != "":
			out.WriteString(line)
			if text := strings.TrimSpace(line); strings.HasPrefix(text, fence) && strings.Trim(text, fence[:1]) == "" {
				fence = ""
			}
			continue
		case strings.HasPrefix(mark, "```"), strings.HasPrefix(mark, "~~~"):
			fence = mark[:len(mark)-len(strings.TrimLeft(mark, mark[:1]))]
			out.WriteString(line)
			continue
		}
		out.WriteString(change(line))
	}
	return []byte(out.String())
}

// understood says what a specification was understood as: ids, owners, states, references, edges.
func understood(fsys fs.FS, dir string) string {
	f, _ := spec.Parse(fsys, dir)
	p, _ := plan.New(f, plan.State{})
	var b strings.Builder
	for _, r := range f.Requirements {
		fmt.Fprintf(&b, "%s %s of %q: %s\n", r.Kind, r.ID, r.Parent, r.Hash())
	}
	for _, t := range f.Tasks {
		fmt.Fprintf(&b, "task %s of %q %s optional %v cites %v %v: %s\n", t.ID, t.Parent, t.State, t.Optional, t.Requirements, t.Properties, t.Hash())
	}
	for _, t := range p.Tasks {
		fmt.Fprintf(&b, "%s waits for %v in %d\n", t.ID, t.Depends, t.Wave)
	}
	return b.String()
}

func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d: %q became %q", i, x[i], y[i])
		}
	}
	return fmt.Sprintf("%d lines became %d", len(x), len(y))
}
