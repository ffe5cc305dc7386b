package spec

// Dialect names the format of a spec directory.
type Dialect string

// The dialects that are read. Everything that this module writes is Kiro.
const (
	Kiro           Dialect = "kiro"
	CCSDD          Dialect = "cc-sdd"
	SpecKit        Dialect = "spec-kit"
	OpenSpec       Dialect = "openspec"
	OpenSpecChange Dialect = "openspec-change"
	Outline        Dialect = "outline"
)

// Stage is one of the three documents that a person approves.
type Stage string

// The stages in their order.
const (
	Requirements Stage = "requirements"
	Design       Stage = "design"
	Tasks        Stage = "tasks"
)

// Stages lists the stages in the order in which they are approved.
func Stages() []Stage { return []Stage{Requirements, Design, Tasks} }

// A Feature is what one spec directory (or outline file) says.
type Feature struct {
	Name         string // the slug: base name of the directory, or of the file without its extension
	Dir          string // directory of the documents
	Dialect      Dialect
	Title        string
	Documents    []Document    // what was read, requirements first
	Requirements []Requirement // in document order; criteria stand after their requirement
	Sections     []Section     // of the design document
	Properties   []Property
	Tasks        []Task            // in document order, parents before their children
	Waves        []Wave            // as the file says them
	Renames      map[string]string // of a change of OpenSpec: new names of requirements by old ones
	Config       *Config           // of Kiro; nil where there is none
	Counts       Counts            // by the counting rules, which are simpler than what is understood

	taskAt *ids // index into Tasks by id, made by Parse
	reqAt  map[string]int

	criteriaAt map[string][]int32 // criteria by what cites them, made by Parse
}

// A Document is one file, or for an outline the line range of one, that a stage consists of.
type Document struct {
	Stage Stage
	Path  string
	Data  []byte // the whole file as read
	From  int    // first line of the stage's range, from 1; 1 for a whole file
	To    int    // line after the range
}

// RequirementKind says what an entry of Feature.Requirements is.
type RequirementKind string

// The kinds of requirements.
const (
	KindStory         RequirementKind = "story"
	KindRequirement   RequirementKind = "requirement"
	KindCriterion     RequirementKind = "criterion"
	KindEdgeCase      RequirementKind = "edge-case"
	KindNonFunctional RequirementKind = "non-functional"
)

// A Requirement is a requirement, story, criterion, edge case or non-functional requirement.
// Ids are as written ("3", "3.2", "FR-12", "US1-AS2"); a repeat has "#2" appended.
type Requirement struct {
	ID      string
	Kind    RequirementKind
	Parent  string // id of the requirement that owns a criterion, or empty
	Title   string // heading text without its number, for requirements
	Text    string // for a criterion the statement with wrapped lines joined by a blank; for a requirement its title and story
	File    string
	Line    int
	EndLine int  // line after the last one of this entry's own text
	Checked bool // has a ticked box of its own
	Delta   Delta
}

// A Delta says what a change of OpenSpec does to a requirement of its capability; "" outside of changes.
type Delta string

// The deltas.
const (
	Added    Delta = "added"
	Modified Delta = "modified"
	Removed  Delta = "removed"
	Renamed  Delta = "renamed"
)

// A Section is a heading of the design document with the text below it, up to the next heading of any level.
type Section struct {
	Level   int
	Title   string
	File    string
	Line    int
	EndLine int
	Text    string // heading included, as written
}

// A Property is a correctness property of the design document.
type Property struct {
	ID        string // its number
	Title     string
	Text      string
	Validates []string // requirement ids, as cited
	File      string
	Line      int
}

// TaskState is the state that a box in the file shows.
type TaskState string

// The states that a file can hold; running, failed, blocked and skipped are not file states.
const (
	Todo   TaskState = "todo"   // [ ]
	Queued TaskState = "queued" // [~]
	Doing  TaskState = "doing"  // [-]
	Done   TaskState = "done"   // [x] or [X]
)

// A Task is a task line or task heading.
type Task struct {
	ID           string // number, else label, else "@" and 8 hex digits of sha256 of the text; a repeat has "#2" appended
	Title        string // without number, marks, emphasis and trailing reference
	State        TaskState
	Optional     bool
	Parallel     bool // marked (P) or [P]
	Checkpoint   bool
	Manual       bool     // a checklist that is no work, or marked for a person
	DependsNone  bool     // there is an explicit line and it says "nothing"
	Heading      bool     // a task heading, without a box
	SectionLine  int32    // line of the heading that the task stands under; 0 without one
	Parent       string   // id, or empty
	Children     []string // ids
	Depends      []string // as written, ids after range expansion; nil when there is no explicit line
	DependsLine  int      // line of the explicit line; 0 without one
	Requirements []string // own references, ranges expanded; "All" stands as written
	Details      []string // detail lines, as written without their bullet
	Section      string   // heading that the task stands under
	File         string
	Line         int
	EndLine      int    // line after the task's own text (without children)
	Text         string // the task line and its detail lines as written, without children
	BoxOffset    int    // byte offset in the file of the character inside the box; -1 without one
	*Fields
}

// Fields are what few tasks say; those that say none of it share one empty value, so a document of many tasks stays
// small. Only the parser writes to it.
type Fields struct {
	CitesNotes   []string // words on a line of references that name no requirement
	DependsOut   []string // dependencies outside this feature: "feature/11.2"
	DependsNotes []string // what stands on a dependency line and names no task
	Properties   []string // cited property ids
	Acceptance   []string // lines of the task's own acceptance
	Touches      []string // classes of _Touches:_
	Verify       string   // command of _Verify:_
}

var noFields Fields

// fields gives a task fields of its own.
func (t *Task) fields() *Fields {
	if t.Fields == &noFields || t.Fields == nil {
		t.Fields = new(Fields)
	}
	return t.Fields
}

// Leaf tells whether the task is nobody's parent.
func (t *Task) Leaf() bool { return len(t.Children) == 0 }

// A Wave is one member of the array "waves" in tasks.md.
type Wave struct {
	Line  int
	Tasks []WaveTask
}

// A WaveTask is one task id in a wave, with the line where it stands.
type WaveTask struct {
	ID       string
	Line     int
	Fraction bool     // written as a number with a fraction, in which 1.1 and 1.10 are the same
	depends  []string // what the graph says that it waits for; nil where it does not say
}

// Counts are what the counting rules count; the field names of `spec list --json` follow from the tags.
type Counts struct {
	Requirements int `json:"requirements"`
	Criteria     int `json:"criteria"`
	Tasks        int `json:"tasks"`
	Leaves       int `json:"leaves"`
	Done         int `json:"done"`
	Optional     int `json:"optional"`
	InProgress   int `json:"inProgress"`
	Queued       int `json:"queued"`
	Refs         int `json:"refs"`
	Waves        int `json:"waves"`
	Properties   int `json:"properties"`
}
