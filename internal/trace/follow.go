package trace

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// Follow gives what is read from r, the output of `go test -json`, and writes to w what go test itself would show of it:
// how each package ended, and all that a test printed once it has failed.
func Follow(r io.Reader, w io.Writer) io.Reader {
	return io.TeeReader(r, &follower{w: w, said: map[string]*bytes.Buffer{}})
}

type follower struct {
	w    io.Writer
	rest []byte
	said map[string]*bytes.Buffer // by package and test
}

// Write never fails: what cannot be shown can be read all the same.
func (f *follower) Write(p []byte) (int, error) {
	f.rest = append(f.rest, p...)
	for {
		i := bytes.IndexByte(f.rest, '\n')
		if i < 0 {
			break
		}
		f.line(f.rest[:i])
		f.rest = f.rest[i+1:]
	}
	if len(f.rest) > 4<<20 {
		f.rest = nil
	}
	return len(p), nil
}

func (f *follower) line(line []byte) {
	var e testEvent
	if len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &e) != nil {
		f.w.Write(append(bytes.Clone(line), '\n')) // go's own words, of a module that is missing for example
		return
	}
	key := e.Package + "\x00" + e.Test
	switch {
	case e.Action == "build-output", e.Action == "output" && e.Test == "" && shown(e.Output):
		io.WriteString(f.w, e.Output)
	case e.Action == "output" && e.Test != "":
		b := f.said[key]
		if b == nil {
			b = &bytes.Buffer{}
			f.said[key] = b
		}
		if b.Len() < maxTestOutput && !strings.HasPrefix(e.Output, "=== ") {
			b.WriteString(e.Output)
		}
	case e.Test != "" && (e.Action == "pass" || e.Action == "skip" || e.Action == "fail"):
		if b := f.said[key]; b != nil && e.Action == "fail" {
			f.w.Write(b.Bytes())
		}
		delete(f.said, key)
	case e.Test == "" && e.Action == "fail":
		for k, b := range f.said { // it ended within these
			if strings.HasPrefix(k, e.Package+"\x00") {
				f.w.Write(b.Bytes())
				delete(f.said, k)
			}
		}
	}
}

// shown tells whether a line that belongs to no test says more than that all is well.
func shown(line string) bool {
	return line != "PASS\n" && line != "FAIL\n" && !strings.HasPrefix(line, "coverage: ") && !strings.Contains(line, "[no test files]")
}
