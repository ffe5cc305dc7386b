package tasks

import (
	"context"
	"go/scanner"
	"go/token"
	"path"
	"slices"
	"strings"
	"unicode"

	"spec.example/spec/internal/git"
	"spec.example/spec/internal/guard"
)

// hollow says why a result changes nothing that is compiled, run or read, or is empty where it does.
func (r *run) hollow(ctx context.Context, base string, result frozen) (string, error) {
	if len(result.changes) == 0 || !guard.On(guard.Hollow) {
		return "", nil
	}
	lines := patchLines(result.diff)
	reasons := map[string]bool{}
	for _, c := range result.changes {
		before, after, err := r.both(ctx, base, result.tree, c)
		if err != nil {
			return "", err
		}
		why := hollowChange(c, before, after, lines[c.Path])
		if why == "" {
			return "", nil
		}
		reasons[why] = true
	}
	names := make([]string, 0, len(reasons))
	for why := range reasons {
		names = append(names, why)
	}
	slices.Sort(names)
	return "the result does nothing: it " + strings.Join(names, " and "), nil
}

const (
	hollowWords = "changes comments and formatting only"
	hollowEmpty = "adds files with nothing in them"
	hollowModes = "changes only modes of files"
)

func hollowChange(c git.Change, before, after []byte, lines changed) string {
	switch {
	case c.Status == "D" || c.Status == "T":
		return ""
	case c.Status == "A":
		switch {
		case len(strings.TrimSpace(string(after))) == 0, path.Ext(c.Path) == ".go" && declaresNothing(after), isSource(c.Path) && len(significant(c.Path, lines.added)) == 0:
			return hollowEmpty
		}
		return ""
	case string(before) == string(after):
		return hollowModes
	case path.Ext(c.Path) == ".go":
		if a := codeOf(before); a != "" && a == codeOf(after) {
			return hollowWords
		}
		return ""
	case len(lines.added)+len(lines.removed) == 0:
		return "" // not text
	case formatless(c.Path, lines.removed) == formatless(c.Path, lines.added):
		return hollowWords
	}
	return ""
}

// formatless are lines without their comments and without the white space that means nothing in their language.
func formatless(name string, lines []string) string {
	indented := comment(name) == "#" // there the white space at the start of a line means something
	var b strings.Builder
	for _, line := range significant(name, lines) {
		if indented {
			b.WriteString(strings.TrimRightFunc(line, unicode.IsSpace) + "\n")
			continue
		}
		b.WriteString(strings.Join(strings.Fields(line), ""))
	}
	return b.String()
}

// declaresNothing tells whether a Go file is a package clause and comments.
func declaresNothing(src []byte) bool {
	code := codeOf(src)
	return code != "" && strings.Count(code, "\n") <= 2 && strings.HasPrefix(code, "package ")
}

// onlyRenames tells whether Go code differs in its names alone, each changed into one other everywhere.
func (r *run) onlyRenames(ctx context.Context, base string, result frozen) (bool, error) {
	forth, back := map[string]string{}, map[string]string{}
	renamed := false
	for _, c := range result.changes {
		if c.Status != "M" || path.Ext(c.Path) != ".go" {
			return false, nil
		}
		before, after, err := r.both(ctx, base, result.tree, c)
		if err != nil {
			return false, err
		}
		a, b := strings.Split(codeOf(before), "\n"), strings.Split(codeOf(after), "\n")
		if len(a) != len(b) {
			return false, nil
		}
		for i := range a {
			was, both := strings.CutPrefix(a[i], "IDENT ")
			is, ok := strings.CutPrefix(b[i], "IDENT ")
			if both != ok || !ok && a[i] != b[i] {
				return false, nil
			}
			if !ok {
				continue
			}
			if known, seen := forth[was]; seen && known != is {
				return false, nil
			}
			if known, seen := back[is]; seen && known != was {
				return false, nil
			}
			forth[was], back[is] = is, was
			renamed = renamed || was != is
		}
	}
	return renamed, nil
}

// codeOf is what the compiler sees of a Go file: its words without comments, and the directives, which are none to it.
func codeOf(src []byte) string {
	fset := token.NewFileSet()
	var words scanner.Scanner
	words.Init(fset.AddFile("", fset.Base(), len(src)), src, nil, 0)
	var code []string
	for {
		_, tok, lit := words.Scan()
		if tok == token.EOF {
			break
		}
		last := len(code) - 1
		switch {
		case tok == token.SEMICOLON: // written or not
			lit = ""
		case (tok == token.RBRACE || tok == token.RPAREN) && last >= 0 && (strings.HasPrefix(code[last], "; ") || strings.HasPrefix(code[last], ", ")):
			code = code[:last] // needed only where a line ends before the bracket
		}
		code = append(code, tok.String()+" "+lit)
	}
	for line := range strings.Lines(string(src)) {
		if strings.HasPrefix(line, "//go:") || strings.HasPrefix(line, "// +build") || strings.Contains(line, "#cgo") {
			code = append(code, strings.TrimSuffix(line, "\n"))
		}
	}
	if words.ErrorCount > 0 {
		return ""
	}
	return strings.Join(code, "\n")
}
