package tasks

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"spec.example/spec/internal/agent"
	"spec.example/spec/internal/git"
	"spec.example/spec/internal/sandbox"
	"spec.example/spec/internal/trace"
	"spec.example/spec/spec"
)

// A Policy says when a person is asked before a task lands.
type Policy string

// The policies, loosest first.
const (
	ApproveAuto Policy = "auto" // only where the result holds a risk
	ApproveTask Policy = "task" // each task
	ApproveFile Policy = "file" // each file of each task
)

// Options is everything that a run is given. The zero value of an optional field means its default.
type Options struct {
	Repo          *git.Repo
	Root          string // workspace root, slash path relative to the repository's top; "." for the top
	FeatureDir    string // slash path relative to the repository's top
	Agent         agent.Agent
	Prompt        *Prompt             // work without a specification, see Vibe; else nil
	Steering      []spec.SteeringFile // beside the repository's: the user's own
	Policy        Policy
	PolicyOf      func(path string) Policy // stricter or looser for a path that changed; nil for Policy everywhere
	AcceptRisk    []string                 // risk classes that the user accepts under auto
	Jobs          int                      // tasks at a time; default 1
	Attempts      int                      // tries a task; default 3
	Timeout       time.Duration
	FailFast      bool
	AssumeDone    bool // dependents of a task skipped at its gate go on
	Only          []string
	Until         string
	Skip          []string
	Optional      bool                            // run optional tasks too
	External      func(feature, task string) bool // tells whether a task of another feature is done; nil for no
	NoVerifyHooks bool                            // leave the repository's commit hooks out
	HooksOutside  bool                            // run them outside of the sandbox, with the user's own environment
	Hand          bool                            // the work is what lies in the user's checkout; no agent is started, and Only names the task
	InPlace       bool                            // agents work in the user's checkout, one at a time
	Branch        string                          // short name of the branch to land on; default the one that is checked out
	Wait          time.Duration                   // how long a landing waits for uncommitted edits to go; 0 to stop at once
	Drain         <-chan struct{}                 // closed to start no new tasks

	Verify      Verification
	Hooks       []Hook
	Setup       string   // command that prepares a slot and a verify checkout
	SetupInputs []string // what Setup reads: it runs again in a verify checkout when one of them changed; default manifests and lock files
	Disk        int64    // bytes that slots and caches of all repositories may take; 0 for no limit
	Copy        []string // files of the user's checkout that slots and checkouts need
	Sandbox     Sandbox

	Cache string   // directory of the user's cache for this program
	Self  string   // this program
	Env   []string // the user's environment
	Who   string   // git identity
	Now   func() time.Time

	// Gate asks a person about a verified result. ErrNoPerson means that nobody can be asked.
	Gate func(ctx context.Context, g Gate) (Decision, error)
	// Ask puts an agent's question to a person. ErrNoPerson means that nobody can be asked now.
	Ask func(ctx context.Context, task string, q agent.Question) (agent.Answer, error)
	// Event is told what happens; it is called from one goroutine at a time.
	Event func(Event)
	// Check runs the drift rules over a tree; only errors in the feature matter.
	Check    func(fsys fs.FS) (spec.Diagnostics, error)
	Baseline Baseline

	git    repository                 // nil for Repo itself
	judged func(tree string) Verified // nil to build and test

	// NoLanding lets a task end where its result is verified: nothing is approved, kept or committed. No flag sets it; it
	// is for measuring what a run itself costs.
	NoLanding bool
}

// Baseline says what to do with the head before the first task.
type Baseline string

// The baselines: a red head stops the run, or is the measure of what may fail, or is not looked at. No flag sets the
// last one; it is for measuring what a run itself costs.
const (
	GreenBaseline Baseline = ""
	RedBaseline   Baseline = "red"
	NoBaseline    Baseline = "none"
)

// Sandbox is the user's word on what children may touch.
type Sandbox struct {
	Mode   sandbox.Mode
	Env    []string // names of variables that pass
	Reads  []string
	Writes []string
	TCP    []uint16 // ports that may be connected to; nil for any
}

// ErrNoPerson means that nobody can be asked: there is no terminal.
var ErrNoPerson = errors.New("nobody can be asked here")

// A Gate is a verified result that waits for a person.
type Gate struct {
	Task     string
	Title    string
	Policy   Policy
	Files    []git.Change
	Diff     []byte // the whole patch of code
	Risks    []Risk // first what the plan did not announce
	Verified Verified
	Said     string // the agent's words
	Cost     string // of the agent, as it says
	Agent    string
	Adjusts  bool // the agent can work in a requested change
	Criteria []spec.Requirement
	Dropped  []string // changes that were left out of the result, with the reason
	Ignored  []string // ignored files that the agent made; they are not in the verify checkout
	Findings spec.Diagnostics
	SlotDir  string
	Waiting  int    // gates that wait behind this one
	Before   []byte // patch that was accepted before a merge changed it; nil at the first gate
}

// An Act is what a person decides at a gate.
type Act string

// The acts.
const (
	Approve Act = "approve"
	Request Act = "request" // changes, in Decision.Words
	Again   Act = "again"   // the person edited in the slot: freeze and verify that
	Leave   Act = "skip"
	Quit    Act = "quit"
)

// A Decision is a person's answer at a gate.
type Decision struct {
	Act    Act
	Words  string
	Reject []string // under file: paths to put back
	By     string   // channel: tty or flag
	Record bool     // a skip is written into the lock
}

// An Event is one thing that happened in a run. The names and fields are those of `spec apply --json`.
type Event struct {
	Version int            `json:"version"`
	Event   string         `json:"event"`
	Time    time.Time      `json:"time"`
	Run     string         `json:"run"`
	Task    string         `json:"task,omitempty"`
	Message string         `json:"message,omitempty"`
	Data    map[string]any `json:"data,omitempty"`
}

// A Report is the outcome of a run. Slices hold task ids in document order.
type Report struct {
	Run         string
	Landed      []string
	Failed      []Failure
	Blocked     []Failure // Reason is the id of the root cause
	Waiting     []Wait
	Skipped     []string
	Left        []string // never started
	Interrupted bool
	Quit        bool
	Stale       []spec.Stage // approvals that a commit made stale during the run
}

// A Failure is a task with the reason why it did not land.
type Failure struct{ Task, Reason string }

// A Wait is a task that a person has to answer for: a question, or a gate when Question is nil.
type Wait struct {
	Task     string
	ID       string // of the question
	Question *agent.Question
	Reason   string
}

// Verified is the outcome of verifying one tree.
type Verified struct {
	OK      bool
	Summary string         // what may be said of it: "14 tests passed", "builds only"
	Results *trace.Results // per test, where the runner gives them
	Failure string         // cut to what matters
	Steps   []Step
	ByTask  bool // the command line came with this task: there was nothing to verify at head
	Nothing bool // there was nothing to run
	Part    bool // the files of some tests were run alone
}

// A Step is one command of a verification.
type Step struct {
	Name    string
	Command string
	OK      bool
	Took    time.Duration

	Overtime bool // it was ended because it took too long
	Killed   bool // a signal ended it, or the shell says so
}
