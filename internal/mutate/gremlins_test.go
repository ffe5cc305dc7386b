package mutate_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spec.example/spec/internal/mutate"
)

// gremlinsReport is what gremlins writes of a run.
type gremlinsReport struct {
	Elapsed float64 `json:"elapsed_time"`
	Files   []struct {
		Name      string `json:"file_name"`
		Mutations []struct {
			Line   int    `json:"line"`
			Column int    `json:"column"`
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"mutations"`
	} `json:"files"`
}

// sameBreaks are the mutants of gremlins that are made here too.
var sameBreaks = map[string]string{"CONDITIONALS_BOUNDARY": "shift a boundary", "CONDITIONALS_NEGATION": "negate", "ARITHMETIC_BASE": "change a sign", "INVERT_NEGATIVES": "change a sign", "INCREMENT_DECREMENT": "count the other way"}

// explained are the differences that docs/proof.md explains: what gremlins says, and what is said here.
var explained = map[[2]string]string{
	{"KILLED", string(mutate.Panicked)}:  "a panic is no assertion",
	{"KILLED", string(mutate.TimedOut)}:  "both ended it: there the tests' own time-out made it fail",
	{"TIMED OUT", string(mutate.Killed)}: "there a busy machine looks like a loop without an end",
	{"TIMED OUT", string(mutate.Passed)}: "there a busy machine looks like a loop without an end",

	{"TIMED OUT", string(mutate.Panicked)}: "there a busy machine looks like a loop without an end",
}

// signs finds the operators of a file: by where the expression begins and its text, the place of the sign that is changed.
func signs(t *testing.T, file string) map[string]string {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		var at token.Pos
		switch x := n.(type) {
		case *ast.BinaryExpr:
			at = x.OpPos
		case *ast.UnaryExpr:
			at = x.OpPos
		case *ast.IncDecStmt:
			at = x.TokPos
		default:
			return true
		}
		p, q := fset.Position(n.Pos()), fset.Position(at)
		text := strings.Join(strings.Fields(string(src[p.Offset:fset.Position(n.End()).Offset])), " ")
		out[fmt.Sprintf("%d:%d %s", p.Line, p.Column, text)] = fmt.Sprintf("%d:%d", q.Line, q.Column)
		return true
	})
	return out
}

// TestBesideGremlins makes the mutants of three small packages with gremlins too and compares what became of each. It
// needs gremlins and minutes of time:
//
//	go install github.com/go-gremlins/gremlins/cmd/gremlins@latest
//	SPEC_GREMLINS=1 go test ./internal/mutate -run BesideGremlins -v
func TestBesideGremlins(t *testing.T) {
	if os.Getenv("SPEC_GREMLINS") == "" {
		t.Skip("SPEC_GREMLINS is not set: nothing was compared")
	}
	gremlins, err := exec.LookPath("gremlins")
	if err != nil {
		t.Fatal(err)
	}
	for pkg, tests := range map[string][]string{"ledger": {"TestProrate", "TestInterest", "TestRefund", "TestFee", "TestBalance"}, "queue": {"TestOrder", "TestOldestGoes", "TestEmpty", "TestLargest"}, "clock": {"TestMinutes", "TestUntil", "TestOpen", "TestRound"}} {
		p, dir := proverOf(t, "gremlins")
		p.Budget = 1000
		report := filepath.Join(t.TempDir(), "report.json")
		cmd := exec.Command(gremlins, "unleash", "--output", report, "./"+pkg)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var theirs gremlinsReport
		data, err := os.ReadFile(report)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &theirs); err != nil {
			t.Fatal(err)
		}
		var list []mutate.Test
		for _, name := range tests {
			list = append(list, mutate.Test{Dir: filepath.Join(dir, pkg), Name: name})
		}
		start := time.Now()
		r, err := p.Prove(t.Context(), list, mutate.Criterion{Name: "f/1.1"})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		ours := map[string]mutate.Outcome{}
		places := signs(t, filepath.Join(dir, pkg, pkg+".go"))
		for _, v := range r.Verdicts {
			kind := v.Kind
			if strings.HasPrefix(v.Kind, "negate") {
				kind = "negate"
			}
			if at := places[fmt.Sprintf("%d:%d %s", v.Line, v.Column, v.From)]; at != "" {
				ours[at+" "+kind] = v.Outcome
			}
		}
		same, differ, absent, run := 0, 0, 0, 0
		for _, f := range theirs.Files {
			for _, m := range f.Mutations {
				if m.Status == "KILLED" || m.Status == "LIVED" || m.Status == "TIMED OUT" {
					run++
				}
				outcome, made := ours[fmt.Sprintf("%d:%d %s", m.Line, m.Column, sameBreaks[m.Type])]
				agree := m.Status == "KILLED" && outcome == mutate.Killed || m.Status == "LIVED" && outcome == mutate.Passed || m.Status == "TIMED OUT" && outcome == mutate.TimedOut || m.Status == "NOT COVERED" && !made
				why := explained[[2]string{m.Status, string(outcome)}]
				switch {
				case agree:
					same++
				case !made:
					absent++
					t.Logf("%s.go:%d:%d %s: %s there, not made here", pkg, m.Line, m.Column, m.Type, m.Status)
				case why != "":
					differ++
					t.Logf("%s.go:%d:%d %s: %s there, %s here: %s", pkg, m.Line, m.Column, m.Type, m.Status, outcome, why)
				default:
					t.Errorf("%s.go:%d:%d %s: %s there, %s here", pkg, m.Line, m.Column, m.Type, m.Status, outcome)
				}
			}
		}
		if same == 0 {
			t.Errorf("%s: nothing was compared", pkg)
		}
		each, eachOurs := theirs.Elapsed/float64(run), took.Seconds()/float64(len(r.Verdicts))
		t.Logf("%s: %d the same, %d explained, %d not made here; %d mutants there in %.1f s, %d here in %.1f s (builds included): %.3f and %.3f s each, ratio %.3f", pkg, same, differ, absent, run, theirs.Elapsed, len(r.Verdicts), took.Seconds(), each, eachOurs, eachOurs/each)
	}
}
