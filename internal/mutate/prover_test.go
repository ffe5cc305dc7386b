package mutate_test

import (
	"os"
	"path/filepath"
	"testing"

	"spec.example/spec/internal/mutate"
	"spec.example/spec/internal/sandbox"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == sandbox.VerbRun {
		os.Exit(sandbox.Supervise(os.Args[0]))
	}
	if len(os.Args) > 1 && os.Args[1] == sandbox.VerbExec {
		sandbox.Enter(os.Args[3:])
		os.Exit(126)
	}
	os.Exit(m.Run())
}

// TestLevels gives tests of every kind of honesty their true level.
func TestLevels(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "price.go", "price_test.go"} {
		data, err := os.ReadFile(filepath.Join("testdata", "levels", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	policy := sandbox.Base(os.Environ()).With(nil, []string{dir})
	p := &mutate.Prover{Dir: dir, Self: self, Env: os.Environ(), Policy: policy, Temp: t.TempDir(), Budget: 40}
	if err := p.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		test  string
		level mutate.Level
		kills bool
		all   bool // nothing may survive
	}{
		{"TestHonest", mutate.Bites, true, true},
		{"TestHollow", mutate.Covers, false, false},
		{"TestPanicking", mutate.Covers, false, false},
		{"TestSleeping", mutate.Covers, false, false},
		{"TestSkipped", mutate.None, false, false},
		{"TestFlaky", mutate.None, false, false},
		{"TestTautological", mutate.Covers, false, false},
		{"TestSnapshotOfItself", mutate.Covers, false, false},
		{"TestOnlyNoError", mutate.Bites, true, false},
		{"TestFailing", mutate.None, false, false},
		{"TestNotThere", mutate.None, false, false},
	} {
		r, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: tt.test}}, []string{"2900", "30"}, "f/1.1")
		if err != nil {
			t.Fatalf("%s: %v", tt.test, err)
		}
		if r.Level != tt.level || (r.Killed() > 0) != tt.kills {
			t.Errorf("%s: level %s (%s), %d of %d noticed; want %s, kills %v", tt.test, r.Level, r.Reason, r.Killed(), len(r.Verdicts), tt.level, tt.kills)
		}
		if tt.test == "TestFlaky" && !r.Flaky {
			t.Errorf("%s: not seen to be flaky: %s", tt.test, r.Reason)
		}
		for _, v := range r.Verdicts {
			t.Logf("%s %s:%d %s: %s -> %s: %s %s", tt.test, filepath.Base(v.File), v.Line, v.Kind, v.From, v.To, v.Outcome, v.Said)
			// Two breaks of the honest test's code change nothing that anybody could see: 31 days are refused before the
			// number of line 13 is asked, and nobody looks at an amount beside an error.
			if tt.all && v.Outcome != mutate.Killed && v.Line != 13 && v.Line != 11 {
				t.Errorf("%s: line %d, %s -> %s: %s", tt.test, v.Line, v.From, v.To, v.Outcome)
			}
		}
	}
	// The same again: the choice and the outcome do not change.
	a, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: "TestHonest"}}, nil, "f/1.1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Prove(t.Context(), []mutate.Test{{Dir: dir, Name: "TestHonest"}}, nil, "f/1.1")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Verdicts) != len(b.Verdicts) {
		t.Fatalf("two proofs differ: %v, %v", a, b)
	}
	for i := range a.Verdicts {
		if a.Verdicts[i].ID != b.Verdicts[i].ID || a.Verdicts[i].Outcome != b.Verdicts[i].Outcome {
			t.Errorf("two proofs differ at %d: %v, %v", i, a.Verdicts[i], b.Verdicts[i])
		}
	}
}
