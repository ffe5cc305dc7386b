package cmd

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// errNoTerminal means that there is no controlling terminal, or that the user does not want to be asked.
var errNoTerminal = errors.New("no terminal to ask at")

// A terminal is the controlling terminal. Answers are read from it and never from standard input: what a program pipes
// into us is not a person.
type terminal struct {
	file  *os.File
	lines *bufio.Reader
}

func (a *app) terminal() (*terminal, error) {
	if a.noInput {
		return nil, errNoTerminal
	}
	file, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil || !term.IsTerminal(int(file.Fd())) {
		return nil, errNoTerminal
	}
	return &terminal{file: file, lines: bufio.NewReader(io.LimitReader(file, 1<<20))}, nil
}

func (t *terminal) close() { t.file.Close() }

// line asks for one line.
func (t *terminal) line(prompt string) (string, error) {
	fmt.Fprint(t.file, prompt)
	text, err := t.lines.ReadString('\n')
	if err != nil && text == "" {
		return "", errNoTerminal
	}
	return strings.TrimSpace(text), nil
}

func (t *terminal) printf(format string, args ...any) { fmt.Fprintf(t.file, format, args...) }

// yes asks until it gets yes or no.
func (t *terminal) yes(prompt string) (bool, error) {
	for range 10 {
		answer, err := t.line(prompt + " [yes/no] ")
		if err != nil {
			return false, err
		}
		switch strings.ToLower(answer) {
		case "yes", "y":
			return true, nil
		case "no", "n":
			return false, nil
		}
		t.printf("Please type yes or no.\n")
	}
	return false, nil
}

// colored tells whether text to out may have colour.
func (a *app) colored(out io.Writer) bool {
	switch a.color {
	case "always":
		return true
	case "never":
		return false
	}
	file, ok := out.(*os.File)
	return ok && a.w.env("NO_COLOR") == "" && a.w.env("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}

// width is the number of columns of standard output, 80 where it is no terminal.
func (a *app) width() int {
	if file, ok := a.w.Stdout.(*os.File); ok {
		if w, _, err := term.GetSize(int(file.Fd())); err == nil && w > 20 {
			return w
		}
	}
	return 80
}

// progress tells the person what is being done; it is no part of the answer.
func (a *app) progress(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.w.Stderr, "%s\n", clean(fmt.Sprintf(format, args...)))
	}
}

// print writes one JSON object.
func (a *app) print(v any) error {
	enc := json.NewEncoder(a.w.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// clean takes control characters out of text that came from a repository, so that no file name or criterion can move
// the cursor or recolour what a person reads. Line feeds and tabs stay.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= ' ' && r < 0x7f {
			return r
		}
		if r == '\n' || r == '\t' || !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) {
			return r
		}
		return '�'
	}, s)
}

// A cleanWriter cleans what is written to it, whole characters at a time.
type cleanWriter struct{ w io.Writer }

func (c cleanWriter) Write(p []byte) (int, error) {
	_, err := io.WriteString(c.w, clean(string(p)))
	return len(p), err
}
