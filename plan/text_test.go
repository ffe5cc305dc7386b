package plan_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// TestTextFits demands that no line of a plan is wider than the terminal, whatever the letters, and that the gaps of the
// coverage are told.
func TestTextFits(t *testing.T) {
	title := strings.Repeat("とても長い題名 🎉 وصف ", 9)
	f, _ := spec.Parse(fstest.MapFS{
		"f/design.md":       {Data: []byte("# " + title + "\n")},
		"f/requirements.md": {Data: []byte("### Requirement 1: " + title + "\n\n#### Acceptance Criteria\n\n1. a\n2. b\n\n### Requirement 2: B\n\n#### Acceptance Criteria\n\n1. c\n")},
		"f/tasks.md": {Data: []byte("- [ ] FOUNDATION-1: " + title + "\n  - _Requirements: 1.1_\n- [ ] FOUNDATION-2: " + title + "\n  - _Depends: FOUNDATION-1, other-feature-with-a-long-name/FOUNDATION-17_\n" +
			"- [ ] FOUNDATION-3: " + title + "\n  - _Depends: FOUNDATION-1, FOUNDATION-2_\n  - _Requirements: 1.1_\n")},
	}, "f")
	p, _ := plan.New(f, plan.State{})
	var b bytes.Buffer
	plan.Text(&b, p, plan.TextOptions{Width: 80})
	for line := range strings.Lines(b.String()) {
		if n := plan.Cells(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{"1/2  FOUNDATION-1, FOUNDATION-3\n", "not 1.2\n", "0/1  no task\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if got := plan.Pad("日本", 7); plan.Cells(got) != 7 || plan.Cells("é日🎉") != 5 {
		t.Errorf("%q has %d columns", got, plan.Cells(got))
	}
}
