package check_test

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spec.example/spec/internal/check"
	"spec.example/spec/spec"
)

var (
	draw = flag.String("draw", "", "print the findings of this rule that are to be read, from the corpus; of \"errors\", errors of any rule")
	seed = flag.Uint64("seed", 8, "the seed that findings are drawn by")
)

// guessing are the rules whose precision is measured, with the number of findings that are read of each: all, if there
// are fewer.
func guessing() map[string]int {
	return map[string]int{"SPEC010": 40, "SPEC011": 40, "SPEC012": 40, "SPEC013": 40, "SPEC014": 40, "SPEC015": 40, "SPEC017": 40,
		"SPEC108": 10, "SPEC109": 40, "SPEC110": 40, "SPEC111": 10, "SPEC401": 40, "SPEC402": 10}
}

// corpusFindings runs the rules over each project of the corpus by itself.
func corpusFindings(t *testing.T) map[string]spec.Diagnostics {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "corpus")
	entries, err := os.ReadDir(dir)
	if err != nil {
		if os.Getenv("SPEC_REQUIRE_CORPUS") == "1" {
			t.Fatal(err)
		}
		t.Skip("the corpus is not beside the project")
	}
	found := map[string]spec.Diagnostics{}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		report, err := check.Run(os.DirFS(filepath.Join(dir, e.Name())), ".", check.Options{Kiro: true, Now: time.Unix(1790000000, 0)})
		if err != nil {
			t.Errorf("%s: %v", e.Name(), err)
		}
		for _, d := range report.Findings {
			d.File = e.Name() + "/" + d.File
			found[d.Code] = append(found[d.Code], d)
		}
	}
	return found
}

// drawn picks the findings that are read: the same ones for the same seed.
func drawn(list spec.Diagnostics, n int, seed uint64) spec.Diagnostics {
	list = slices.Clone(list)
	rng := rand.New(rand.NewPCG(seed, seed))
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = list[:min(n, len(list))]
	list.Sort()
	return list
}

// TestDraw prints what is to be read of one rule: go test ./internal/check -run Draw -draw SPEC010 -v
func TestDraw(t *testing.T) {
	if *draw == "" {
		t.Skip("nothing to draw; -draw CODE prints findings to read")
	}
	found := corpusFindings(t)
	fmt.Printf("seed %d, %d findings\n", *seed, len(found[*draw]))
	list := drawn(found[*draw], guessing()[*draw], *seed)
	if *draw == "errors" {
		list = drawnErrors(found)
	}
	for _, d := range list {
		fmt.Printf("%s\t%s:%d\t%s\t%s\n", d.Code, d.File, d.Line, d.Subject, d.Message)
		if data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "corpus", d.File)); err == nil {
			lines := strings.Split(string(data), "\n")
			fmt.Printf("\t| %s\n", strings.Join(strings.Fields(strings.Join(lines[d.Line-1:min(d.Line+1, len(lines))], " ")), " "))
		}
	}
}

// A verdict is one line of testdata/precision.tsv.
type verdict struct {
	code, place, word string
}

func verdicts(t *testing.T) (all []verdict) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "precision.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if f := strings.Split(lines.Text(), "\t"); !strings.HasPrefix(f[0], "#") {
			if len(f) != 3 || f[2] != "right" && f[2] != "wrong" {
				t.Fatalf("precision.tsv: %q is no verdict", lines.Text())
			}
			all = append(all, verdict{f[0], f[1], f[2]})
		}
	}
	return all
}

// The severity of a rule that guesses is what its measured precision earns, and the number in the rule is the table's.
func TestSeverityIsEarned(t *testing.T) {
	count := map[string]check.Measure{}
	for _, v := range verdicts(t) {
		m := count[v.code]
		m.Read++
		if v.word == "right" {
			m.Right++
		}
		count[v.code] = m
	}
	for _, r := range check.Rules() {
		if _, ok := guessing()[r.Code]; !ok {
			continue
		}
		m := count[r.Code]
		if r.Measured != m {
			t.Errorf("%s: the rule says %d of %d, the table %d of %d", r.Code, r.Measured.Right, r.Measured.Read, m.Right, m.Read)
		}
		if r.Guesses && m.Read == 0 && r.Severity != map[bool]spec.Severity{true: spec.Warning, false: spec.Note}[r.Code == "SPEC401"] {
			t.Errorf("%s: nothing was measured, and the rule is a %s", r.Code, r.Severity) // SPEC401 is an error where the others are warnings
		}
		if m.Read > 0 && r.Severity != m.Earns() {
			t.Errorf("%s: %d of %d earn %q, and the rule is a %s", r.Code, m.Right, m.Read, m.Earns(), r.Severity)
		}
		delete(count, r.Code)
	}
	for code := range count {
		t.Errorf("verdicts on %s, which is no rule that guesses", code)
	}
}

// Every finding that the seed draws from the corpus has a verdict: a rule that is changed is read again.
func TestDrawnFindingsWereRead(t *testing.T) {
	read := map[string]int{}
	for _, v := range verdicts(t) {
		read[v.code+" "+v.place]++
	}
	found := corpusFindings(t)
	for code, n := range guessing() {
		for _, d := range drawn(found[code], n, *seed) {
			key := fmt.Sprintf("%s %s:%d", d.Code, d.File, d.Line)
			if read[key]--; read[key] < 0 {
				t.Errorf("%s was drawn by the seed %d and has no verdict", key, *seed)
			}
		}
	}
	for key, n := range read {
		if n > 0 {
			t.Errorf("a verdict on %s, which the seed %d does not draw", key, *seed)
		}
	}
}
