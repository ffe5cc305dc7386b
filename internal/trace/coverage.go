package trace

import (
	"bytes"
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

// ReadCoverage sums up a file of lcov, Cobertura or a cover profile of Go. Of a line that is told of several times, by
// several tests or inlined copies, one run is enough.
func ReadCoverage(data []byte) (Coverage, error) {
	text := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("mode:")):
		return goProfile(string(text)), nil
	case bytes.HasPrefix(text, []byte("<")):
		return cobertura(text)
	case bytes.HasPrefix(text, []byte("TN:")), bytes.HasPrefix(text, []byte("SF:")):
		return lcov(string(text)), nil
	}
	return Coverage{}, errors.New("neither lcov, nor Cobertura, nor a cover profile of Go")
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

func cobertura(data []byte) (Coverage, error) {
	var report struct {
		XMLName  xml.Name `xml:"coverage"`
		Packages []struct {
			Classes []struct {
				File  string `xml:"filename,attr"`
				Lines []struct {
					Number string `xml:"number,attr"`
					Hits   int    `xml:"hits,attr"`
				} `xml:"lines>line"`
			} `xml:"classes>class"`
		} `xml:"packages>package"`
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = false
	if err := d.Decode(&report); err != nil {
		return Coverage{}, fmt.Errorf("no Cobertura report: %v", err)
	}
	hit := map[string]bool{}
	for _, p := range report.Packages {
		for _, c := range p.Classes {
			for _, l := range c.Lines {
				key := c.File + ":" + l.Number
				hit[key] = hit[key] || l.Hits > 0
			}
		}
	}
	return sum(hit, one), nil
}
