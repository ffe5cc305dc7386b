package trace

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Coverage is how many lines, or statements, a run of tests executed.
type Coverage struct{ Covered, Lines int }

// Percent is the share of what was executed; -1 where nothing was measured.
func (c Coverage) Percent() float64 {
	if c.Lines == 0 {
		return -1
	}
	return 100 * float64(c.Covered) / float64(c.Lines)
}

// ReadCoverage sums up a file of lcov, Cobertura, Clover, JaCoCo, SimpleCov or Istanbul, or a cover profile of Go. Of a line that is told of several times, by
// several tests or inlined copies, one run is enough.
func ReadCoverage(data []byte) (Coverage, error) {
	text := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("mode:")):
		return goProfile(string(text)), nil
	case bytes.HasPrefix(text, []byte("<")):
		return xmlCoverage(text)
	case bytes.HasPrefix(text, []byte("{")):
		return jsonCoverage(text)
	case bytes.HasPrefix(text, []byte("TN:")), bytes.HasPrefix(text, []byte("SF:")):
		return lcov(string(text)), nil
	}
	return Coverage{}, errors.New("neither lcov, nor Cobertura, Clover, JaCoCo, SimpleCov or Istanbul, nor a cover profile of Go")
}

func sum(hit map[string]bool, size func(key string) int) (c Coverage) {
	for key, ran := range hit {
		n := size(key)
		c.Lines += n
		if ran {
			c.Covered += n
		}
	}
	return c
}

func one(string) int { return 1 }

func goProfile(text string) Coverage {
	hit, sizes := map[string]bool{}, map[string]int{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		if n, err := strconv.Atoi(f[1]); err == nil {
			sizes[f[0]] = n
			hit[f[0]] = hit[f[0]] || f[2] != "0"
		}
	}
	return sum(hit, func(key string) int { return sizes[key] })
}

func lcov(text string) Coverage {
	hit := map[string]bool{}
	file := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "SF:"); ok {
			file = name
		}
		rest, ok := strings.CutPrefix(line, "DA:")
		if !ok {
			continue
		}
		f := strings.Split(rest, ",")
		if len(f) < 2 {
			continue
		}
		n, err := strconv.Atoi(f[1])
		hit[file+":"+f[0]] = hit[file+":"+f[0]] || err == nil && n > 0
	}
	return sum(hit, one)
}

// xmlCoverage reads a report of Cobertura, Clover or JaCoCo. All have lines below a file; they differ in their names.
func xmlCoverage(data []byte) (Coverage, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = false
	hit := map[string]bool{}
	root, dir, file := "", "", ""
	for {
		token, err := d.Token()
		if err != nil {
			return Coverage{}, fmt.Errorf("no whole report of Cobertura, Clover or JaCoCo: %v", err)
		}
		if end, ok := token.(xml.EndElement); ok && end.Name.Local == root {
			return sum(hit, one), nil
		}
		t, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		attr := func(names ...string) string {
			for _, name := range names {
				for _, a := range t.Attr {
					if a.Name.Local == name {
						return a.Value
					}
				}
			}
			return ""
		}
		if root == "" {
			if root = t.Name.Local; root != "coverage" && root != "report" {
				return Coverage{}, fmt.Errorf("no report of Cobertura, Clover or JaCoCo: it begins with <%s>", root)
			}
			continue
		}
		switch t.Name.Local {
		case "methods": // their lines stand below the class too
			if err := d.Skip(); err != nil {
				return Coverage{}, fmt.Errorf("no whole report of Cobertura: %v", err)
			}
		case "package":
			dir, file = attr("name"), ""
		case "class":
			if name := attr("filename"); name != "" {
				file = name
			}
		case "file":
			file = attr("path", "name")
		case "sourcefile":
			file = dir + "/" + attr("name")
		case "line":
			number := attr("number", "num", "nr")
			if file == "" || number == "" || attr("type") == "method" {
				continue // what Clover says of a method is no line that is run
			}
			n, err := strconv.ParseFloat(attr("hits", "count", "ci"), 64)
			hit[file+":"+number] = hit[file+":"+number] || err == nil && n > 0
		}
	}
}

// jsonCoverage reads what SimpleCov keeps (.resultset.json, coverage.json) or what Istanbul does (coverage-final.json).
func jsonCoverage(data []byte) (Coverage, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		return Coverage{}, fmt.Errorf("no coverage of SimpleCov or Istanbul: %v", err)
	}
	hit := map[string]bool{}
	files := func(raw json.RawMessage) {
		var list map[string]json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return
		}
		for file, of := range list {
			var lines []any
			var with struct{ Lines []any }
			if json.Unmarshal(of, &lines) != nil && json.Unmarshal(of, &with) == nil {
				lines = with.Lines
			}
			for i, n := range lines {
				if n, ok := n.(float64); ok { // null is no code, "ignored" left out
					key := file + ":" + strconv.Itoa(i+1)
					hit[key] = hit[key] || n > 0
				}
			}
		}
	}
	for name, raw := range top {
		var suite struct{ Coverage json.RawMessage }
		var istanbul struct{ S map[string]float64 }
		switch {
		case name == "coverage":
			files(raw)
		case json.Unmarshal(raw, &suite) == nil && suite.Coverage != nil:
			files(suite.Coverage)
		case json.Unmarshal(raw, &istanbul) == nil:
			for id, n := range istanbul.S {
				hit[name+":"+id] = n > 0
			}
		}
	}
	if len(hit) == 0 {
		return Coverage{}, errors.New("no coverage of SimpleCov or Istanbul: it tells of no line")
	}
	return sum(hit, one), nil
}
