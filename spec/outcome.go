package spec

// An OutcomeKind says how a task came to be settled.
type OutcomeKind string

// The kinds of outcome that a lock can hold.
const (
	Landed      OutcomeKind = "landed"  // code landed by apply or land, verified
	DoneByHand  OutcomeKind = "done"    // a person's word
	AdoptedTask OutcomeKind = "adopted" // was ticked when the feature was adopted
	SkippedTask OutcomeKind = "skipped" // a recorded skip
)

// An Outcome is what a feature's lock says of one task.
type Outcome struct {
	Kind   OutcomeKind
	Inputs string // input hash at that time; empty where the lock does not say
	Again  string // the task that it depends on and that landed anew since; empty for none
}
