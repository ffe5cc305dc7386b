package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// errNoTerminal means that there is no controlling terminal, or that the user does not want to be asked.
var errNoTerminal = errors.New("no terminal to ask at")

// A terminal is the controlling terminal. Answers are read from it and never from standard input: what a program pipes
// into us is not a person.
type terminal struct {
	file    *os.File
	typed   io.RuneReader
	plain   bool            // for a screen reader: numbered lines, nothing drawn over
	stop    <-chan struct{} // closed by an interrupt
	pressed bool            // the last answer was a key: an Enter that follows it out of habit is no answer
}

func (a *app) terminal() (*terminal, error) {
	if a.noInput {
		return nil, errNoTerminal
	}
	file, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil || !term.IsTerminal(int(file.Fd())) {
		return nil, errNoTerminal
	}
	return &terminal{file: file, typed: &bytewise{file: file}, plain: a.isPlain(), stop: a.drain}, nil
}

// isPlain tells whether nothing may be drawn over: the user says so, or the terminal cannot do it.
func (a *app) isPlain() bool {
	return a.plain || a.w.env("ACCESSIBLE") != "" || a.w.env("TERM") == "dumb"
}

func (t *terminal) close() { t.file.Close() }

// size is the terminal's columns and rows, 80 and 24 where it does not say.
func (t *terminal) size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(t.file.Fd()))
	if err != nil || columns < 20 || rows < 5 {
		return 80, 24
	}
	return columns, rows
}

// errInterrupted means that the person pressed the interrupt key instead of answering.
var errInterrupted = fmt.Errorf("interrupted at a question: %w", context.Canceled)

// read waits for what the person types, or for an interrupt. The reading itself cannot be called back; after an interrupt
// nothing is asked any more.
func (t *terminal) read(from func() (string, error)) (string, error) {
	type typed struct {
		text string
		err  error
	}
	done := make(chan typed, 1)
	go func() {
		text, err := from()
		done <- typed{text, err}
	}()
	select {
	case <-t.stop:
		return "", errInterrupted
	case in := <-done:
		return in.text, in.err
	}
}

// bytewise reads a terminal a byte at a time: what was typed ahead stays in the terminal, for whoever asks next.
type bytewise struct{ file *os.File }

func (b *bytewise) ReadRune() (rune, int, error) {
	var buf [utf8.UTFMax]byte
	for n := 0; n < len(buf); {
		if _, err := b.file.Read(buf[n : n+1]); err != nil {
			return 0, n, err
		}
		if n++; utf8.FullRune(buf[:n]) {
			r, size := utf8.DecodeRune(buf[:n])
			return r, size, nil
		}
	}
	return utf8.RuneError, 1, nil
}

// maxTyped bounds a line that is typed.
const maxTyped = 64 << 10

func (t *terminal) readLine() (string, error) {
	var b strings.Builder
	for b.Len() < maxTyped {
		r, _, err := t.typed.ReadRune()
		if err != nil {
			return b.String(), err
		}
		if b.WriteRune(r); r == '\n' {
			break
		}
	}
	return b.String(), nil
}

// line asks for one line.
func (t *terminal) line(prompt string) (string, error) {
	fmt.Fprint(t.file, prompt)
	text, err := t.read(t.readLine)
	if err == nil && t.pressed && strings.TrimSpace(text) == "" {
		text, err = t.read(t.readLine)
	}
	t.pressed = false
	switch {
	case errors.Is(err, errInterrupted):
		return "", err
	case err != nil && text == "":
		return "", errNoTerminal
	}
	return strings.TrimSpace(text), nil
}

// A choice is one thing that can be done at a gate: its key is a letter of its name.
type choice struct {
	key  string
	name string // with the key in it, or before it: "approve", "x reject"
}

func (c choice) word() string { return strings.TrimPrefix(c.name, c.key+" ") }

// choose asks for one of the choices: by its key alone, or, plain, by number or name and Enter.
func (t *terminal) choose(choices []choice) (string, error) {
	for range 1000 {
		answer, err := t.pick(choices)
		if err != nil {
			return "", err
		}
		for i, c := range choices {
			if answer == c.key || answer == strconv.Itoa(i+1) || len(answer) > 1 && strings.HasPrefix(c.word(), answer) {
				return c.key, nil
			}
		}
		var keys []string
		for _, c := range choices {
			keys = append(keys, c.key)
		}
		t.printf("Type one of %s.\n", strings.Join(keys, ", "))
	}
	return "", errNoTerminal
}

func (t *terminal) pick(choices []choice) (string, error) {
	if t.plain {
		for i, c := range choices {
			t.printf("%d. %s\n", i+1, c.word())
		}
		text, err := t.line("Number: ")
		return strings.ToLower(text), err
	}
	var words []string
	for _, c := range choices {
		before, after, _ := strings.Cut(c.name, c.key)
		words = append(words, before+"["+c.key+"]"+after)
	}
	t.printf("%s > ", strings.Join(words, " "))
	restore, err := byKey(t.file)
	if err != nil {
		text, err := t.line("")
		return strings.ToLower(text), err
	}
	defer restore()
	for {
		key, err := t.read(func() (string, error) {
			r, _, err := t.typed.ReadRune()
			return string(r), err
		})
		switch {
		case errors.Is(err, errInterrupted):
			t.printf("\n")
			return "", err
		case err != nil, key == "\x04":
			return "", errNoTerminal
		case t.pressed && (key == "\n" || key == "\r"):
			t.pressed = false
			continue
		}
		t.pressed = true
		t.printf("%s\n", clean(strings.TrimSpace(key)))
		return strings.ToLower(key), nil
	}
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
	enc := a.encoder()
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// encoder writes JSON to standard output.
func (a *app) encoder() *json.Encoder {
	enc := json.NewEncoder(escapingWriter{a.w.Stdout})
	enc.SetEscapeHTML(false)
	return enc
}

// An escapingWriter writes JSON that a terminal takes as text: what it would obey is escaped, also where JSON allows it as it
// is (DEL, the controls beyond ASCII, marks that turn the direction). Such characters stand in strings only.
type escapingWriter struct{ w io.Writer }

func (e escapingWriter) Write(p []byte) (int, error) {
	_, err := e.w.Write(escaped(p))
	return len(p), err
}

func escaped(p []byte) []byte {
	if plainText(p) {
		return p
	}
	var b bytes.Buffer
	for _, r := range string(p) {
		if obeyed(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.Bytes()
}

// clean takes control characters out of text that came from a repository, so that no file name or criterion can move
// the cursor or recolour what a person reads. Line feeds and tabs stay.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= ' ' && r < 0x7f {
			return r
		}
		if !obeyed(r) {
			return r
		}
		return '�'
	}, s)
}

// cleanLine does so for what is one line: a file name that goes on in the next one could say anything there.
func cleanLine(s string) string {
	return strings.NewReplacer("\n", "�", "\t", "�").Replace(clean(s))
}

// obeyed tells whether a terminal does something at a character, line feeds and tabs apart.
func obeyed(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}

// plainText tells whether a text is ASCII without anything to clean: most is, and needs no copy.
func plainText(p []byte) bool {
	for _, c := range p {
		if (c < ' ' || c >= 0x7f) && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// A cleanWriter cleans what is written to it, whole characters at a time.
type cleanWriter struct{ w io.Writer }

func (c cleanWriter) Write(p []byte) (int, error) {
	if plainText(p) {
		return c.w.Write(p)
	}
	_, err := io.WriteString(c.w, clean(string(p)))
	return len(p), err
}
