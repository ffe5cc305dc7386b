package trace

import (
	"bufio"
	"io"
	"path"
	"regexp"
	"strings"
	"sync"
)

var (
	// cargoRuns is how cargo names the binary that it runs next: "Running tests/it.rs (target/debug/deps/it-6f8c…)".
	cargoRuns = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\s*(?:Running (?:unittests )?(\S+) \(.*?([^/\\]+?)(?:-[0-9a-f]{16})?(?:\.exe)?\)|Doc-tests (\S+))$`)
	})
	libtestLine   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^test (.+?)( - should panic)? \.\.\. (\w+)`) })
	libtestOutput = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^---- (.+) stdout ----$`) })
	libtestBegin  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^running \d+ tests?$`) })
	ansi          = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]") })
)

// readLibtest reads what cargo test prints: Rust's own runner writes no report. It tells whether there was such a run in it.
func (rs *Results) readLibtest(r *bufio.Reader) (bool, error) {
	seen, class := false, ""
	byName := map[string]*junitCase{}
	var cases []*junitCase
	var output *strings.Builder
	said := map[*junitCase]*strings.Builder{}
	end := func() {
		for _, c := range cases {
			if b := said[c]; b != nil && len(c.Failure) > 0 {
				c.Failure[0] = libtestFailure(b.String())
			}
			rs.foreign(*c)
		}
		byName, cases, output = map[string]*junitCase{}, nil, nil
	}
	for {
		line, err := r.ReadString('\n')
		text := ansi().ReplaceAllString(strings.TrimRight(line, "\r\n"), "")
		switch m := cargoRuns().FindStringSubmatch(text); {
		case m != nil:
			end()
			class = libtestClass(m[1], m[2], m[3])
		case libtestBegin().MatchString(text):
			end()
			seen = true
		case libtestOutput().MatchString(text):
			output = nil
			if c := byName[libtestOutput().FindStringSubmatch(text)[1]]; c != nil {
				output = &strings.Builder{}
				said[c] = output
			}
		case text == "failures:", strings.HasPrefix(text, "test result: "):
			output = nil
		case output != nil:
			if output.Len() < maxTestOutput {
				output.WriteString(text + "\n")
			}
		default:
			if m := libtestLine().FindStringSubmatch(text); m != nil && seen && len(rs.all)+len(cases) < maxCases {
				c := &junitCase{Name: m[1], Class: class}
				switch m[3] {
				case "FAILED", "failed":
					c.Failure = []junitWords{{Message: "it failed"}}
				case "ignored":
					c.Skipped = &junitWords{}
				case "ok":
				default:
					continue // "has been running for over 60 seconds", a benchmark
				}
				byName[c.Name] = c
				cases = append(cases, c)
			}
		}
		if err == io.EOF {
			end()
			return seen, nil
		}
		if err != nil {
			return seen, err
		}
	}
}

// libtestClass names a binary as cargo-nextest does: the crate, crate::NAME for tests/NAME.rs, crate::bin/NAME.
func libtestClass(file, binary, doc string) string {
	switch dir, base := path.Split(strings.ReplaceAll(file, `\`, "/")); {
	case doc != "":
		return doc + "::doc"
	case strings.Contains("/"+dir, "/tests/"):
		name := strings.TrimSuffix(base, ".rs")
		if name == "main" { // tests/NAME/main.rs
			name = path.Base(dir)
		}
		return binary + "::" + name
	case strings.Contains("/"+dir, "/bin/"):
		return binary + "::bin/" + binary
	case strings.Contains("/"+dir, "/examples/"), strings.Contains("/"+dir, "/benches/"):
		return binary + "::example/" + binary
	}
	return binary
}

// libtestFailure is what a test printed that failed, from the panic on.
func libtestFailure(output string) junitWords {
	said, _, _ := strings.Cut(output, "\nstack backtrace:\n")
	w := junitWords{Text: strings.TrimSpace(said)}
	if m := panicked().FindStringSubmatch(w.Text); m != nil {
		w.Message = strings.TrimSpace(first(m[4], m[5]))
	}
	if i := strings.Index(output, "\nnote: "); i >= 0 && w.Message == "" {
		w.Message = firstLine(strings.TrimPrefix(output[i:], "\nnote: "))
	}
	return w
}
