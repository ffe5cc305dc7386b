package spec_test

import (
	"slices"
	"testing"
	"testing/fstest"

	"spec.example/spec/spec"
)

// TestAppliedChange applies the four sections of a change to its base specification.
func TestAppliedChange(t *testing.T) {
	requirement := func(name string) string {
		return "### Requirement: " + name + "\nThe system SHALL.\n\n#### Scenario: One\n- **WHEN** a\n- **THEN** b\n\n"
	}
	fsys := fstest.MapFS{
		"openspec/specs/notes/spec.md":           {Data: []byte("# Notes Specification\n\n## Requirements\n\n" + requirement("Keep") + requirement("Sort") + requirement("Old name") + requirement("Print") + requirement("Stay"))},
		"openspec/changes/c/proposal.md":         {Data: []byte("# Change: c\n")},
		"openspec/changes/c/specs/notes/spec.md": {Data: []byte("## ADDED Requirements\n\n" + requirement("Share") + "## MODIFIED Requirements\n\n" + requirement("Sort") + requirement("Nowhere") + "## REMOVED Requirements\n\n" + requirement("Print") + "## RENAMED Requirements\n\n- FROM: `### Requirement: Old name`\n- TO: `### Requirement: New name`\n")},
	}
	f, _ := spec.Parse(fsys, "openspec/changes/c")
	got, diags := spec.Applied(fsys, f)
	want := []spec.Merged{{"notes", "Keep", "", ""}, {"notes", "Sort", spec.Modified, ""}, {"notes", "New name", spec.Renamed, "Old name"}, {"notes", "Print", spec.Removed, ""}, {"notes", "Stay", "", ""}, {"notes", "Share", spec.Added, ""}}
	if !slices.Equal(got, want) {
		t.Errorf("applied: %v\nwant %v", got, want)
	}
	if len(diags) != 1 || diags[0].Subject != "Nowhere" || diags[0].Line != 19 {
		t.Errorf("findings: %v", diags)
	}
}
