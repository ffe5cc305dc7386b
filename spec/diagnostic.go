package spec

import (
	"cmp"
	"slices"
)

// Severity says what a Diagnostic does to the outcome: an error makes `spec check` exit 1.
type Severity string

// The three severities, most severe first.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// A Diagnostic is one finding at one place. Code is stable ("SPEC101"), Subject names the thing that it is about
// (a task or criterion id; part of the fingerprint, so it must not depend on the line).
type Diagnostic struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	File     string   `json:"file"`
	Line     int      `json:"line"`   // from 1; 0 when the finding is about a whole file
	Column   int      `json:"column"` // from 1, in bytes; 0 when the finding is about a whole line
	Length   int      `json:"length"` // bytes from Column that the finding is about; 0 if unknown
	Feature  string   `json:"feature,omitempty"`
	Subject  string   `json:"subject,omitempty"`
	// Owner is the path that a finding is counted with, by check: the document or steering file that it stands in; the
	// feature's directory where it stands in code, which may move.
	Owner   string `json:"owner,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	Edits   []Edit `json:"edits,omitempty"` // a mechanical fix, if there is one
}

// Diagnostics is a list of findings.
type Diagnostics []Diagnostic

// Sort orders findings by file, line, column, code and message.
func (ds Diagnostics) Sort() {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
}

// HasErrors tells whether any finding is an Error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == Error })
}

// An Edit replaces the bytes Old at Offset of the file Path by New. Old is what was read there: whoever applies an
// edit refuses when the file no longer has it (compare and swap).
type Edit struct {
	Path   string `json:"path"`
	Offset int    `json:"offset"`
	Old    string `json:"old"`
	New    string `json:"new"`
}
