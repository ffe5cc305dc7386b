// Package guard lists what stands between an agent, or a repository that was merely cloned, and what is the user's: each guard
// with the test that fails without it. The program asks On at each; it is true, always, in a program that is built as usual. Only
// the build tag "unguarded" makes a program from which one can be taken, for .ci/guards, which takes each away in turn and
// demands that its test fails.
//
// Before this package: nothing of ours. After it: internal/git, internal/sandbox and tasks.
package guard

// A Name is what a guard is called in SPEC_REMOVE_GUARD.
type Name string

// The guards.
const (
	Reads        Name = "sandbox-reads"
	Writes       Name = "sandbox-writes"
	Signals      Name = "sandbox-signals"
	Sockets      Name = "sandbox-sockets"
	Ports        Name = "sandbox-ports"
	Devices      Name = "sandbox-shared-memory"
	Capabilities Name = "sandbox-capabilities"
	Descendants  Name = "sandbox-descendants"
	Environment  Name = "sandbox-environment"
	Tests        Name = "sandbox-tests"
	Strict       Name = "sandbox-strict"
	Secrets      Name = "secrets"
	Fence        Name = "fence"
	Hollow       Name = "hollow"
	Checkout     Name = "second-checkout"
	Caches       Name = "caches"
	Risks        Name = "risks"
	GitPlace     Name = "git-place"
	GitMonitor   Name = "git-fsmonitor"
	GitHooks     Name = "git-hooks"
	GitFilters   Name = "git-filters"
	GitElsewhere Name = "git-elsewhere"
)

// A Guard is one of them, with what it is for and the test beside it.
type Guard struct {
	Name    Name
	What    string
	Package string // of the test, below the module's root
	Test    string
}

// All lists every guard.
func All() []Guard {
	const box, git, liar = "internal/sandbox", "internal/git", "internal/liar"
	return []Guard{
		{Reads, "what the policy does not name cannot be read", box, "TestGuardReads"},
		{Writes, "what the policy does not name for writing cannot be written", box, "TestGuardWrites"},
		{Signals, "no process outside can be signalled", box, "TestGuardSignals"},
		{Sockets, "no abstract socket outside can be reached", box, "TestGuardSockets"},
		{Ports, "where ports are named, no other can be reached", box, "TestGuardPorts"},
		{Devices, "shared memory is a command's own where the system allows it", box, "TestGuardSharedMemory"},
		{Capabilities, "a command of root's keeps no power that reaches past the rest", box, "TestGuardCapabilities"},
		{Descendants, "every process that a command leaves is ended", box, "TestGuardDescendants"},
		{Environment, "variables pass by name only", box, "TestGuardEnvironment"},
		{Tests, "a test binary writes its own directory only", box, "TestGuardTests"},
		{Strict, "under strict a command sees no process, socket or file but what is named", box, "TestGuardStrict"},
		{Secrets, "secrets are masked in what is kept and shown", box, "TestGuardSecrets"},
		{Fence, "changes to specifications, lock and configuration are left out of a result", liar, "TestGuards/fence"},
		{Hollow, "a result that does nothing fails", liar, "TestGuards/hollow"},
		{Checkout, "verify looks at the frozen tree in a directory of its own", liar, "TestGuards/second-checkout"},
		{Caches, "verify has caches that no agent had", liar, "TestGuards/caches"},
		{Risks, "under auto a risk stops", liar, "TestGuards/risks"},
		{GitPlace, "git is told where the repository is, and never looks for it in a slot", git, "TestGuardGitPlace"},
		{GitMonitor, "core.fsmonitor is not run", git, "TestGuardGitMonitor"},
		{GitHooks, "hooks are not run where they are not meant", git, "TestGuardGitHooks"},
		{GitFilters, "filters that the repository's own configuration names are not run", git, "TestGuardGitFilters"},
		{GitElsewhere, "a .git that leads to a repository which does not name the checkout is not followed", git, "TestGuardGitElsewhere"},
	}
}
