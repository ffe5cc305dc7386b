package check_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spec.example/spec/internal/check"
	"spec.example/spec/spec"
)

// errorsRead is how many errors are read: all that check finds in the corpus by itself, and as many more of --kiro, drawn by
// the seed.
const errorsRead = 100

func drawnErrors(found map[string]spec.Diagnostics) spec.Diagnostics {
	var own, kiro spec.Diagnostics
	for _, list := range found {
		for _, d := range list {
			switch {
			case d.Severity != spec.Error:
			case d.Code == "SPEC006":
				kiro = append(kiro, d)
			default:
				own = append(own, d)
			}
		}
	}
	kiro.Sort()
	own.Sort()
	list := append(drawn(own, errorsRead, *seed), drawn(kiro, errorsRead-min(len(own), errorsRead), *seed)...)
	list.Sort()
	return list
}

// readErrors reads testdata/errors.tsv: rule, place, message, and whether a reader agreed.
func readErrors(t *testing.T) (verdicts map[string]string, own, kiro check.Measure) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "errors.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	verdicts = map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		f := strings.Split(lines.Text(), "\t")
		if strings.HasPrefix(f[0], "#") {
			continue
		}
		if len(f) != 4 || f[3] != "right" && f[3] != "wrong" {
			t.Fatalf("errors.tsv: %q is no verdict", lines.Text())
		}
		verdicts[strings.Join(f[:3], "\t")] = f[3]
		m := &own
		if f[0] == "SPEC006" {
			m = &kiro
		}
		if m.Read++; f[3] == "right" {
			m.Right++
		}
	}
	return verdicts, own, kiro
}

// The page says how many of the errors that were read were right.
func TestErrorsOnThePage(t *testing.T) {
	_, own, kiro := readErrors(t)
	if wantOwn, wantKiro := check.ErrorsRead(); own != wantOwn || kiro != wantKiro {
		t.Errorf("errors.tsv has %+v and %+v, the page says %+v and %+v", own, kiro, wantOwn, wantKiro)
	}
}

// Every error that is drawn from the corpus has a verdict: a rule that is changed is read again.
func TestDrawnErrorsWereRead(t *testing.T) {
	verdicts, _, _ := readErrors(t)
	for _, d := range drawnErrors(corpusFindings(t)) {
		key := fmt.Sprintf("%s\t%s:%d\t%s", d.Code, d.File, d.Line, strings.ReplaceAll(d.Message, "\t", " "))
		if verdicts[key] == "" {
			t.Errorf("%s was drawn by the seed %d and has no verdict", key, *seed)
		}
	}
}
