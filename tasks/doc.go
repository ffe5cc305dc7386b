// Package tasks is what happens: it carries out a plan.
//
// Run takes the tasks of a plan in order and gives each to an agent in a slot (a directory outside the repository),
// freezes what the agent left, verifies exactly that in a second checkout inside the sandbox, asks at a gate where
// the policy wants it, and lands it as one commit whose tree also holds the tick, the facts in spec.lock and the
// decisions. Only what was verified as it will stand in the branch is landed.
//
// The order is decided by a scheduler that is told what happened and says what to start; it has no clock, disk or
// goroutine. Everything that a later run needs lies in git: an approved result is a commit under
// refs/spec/<run>/<task>, one that waits at its gate under refs/spec/<run>/gate/<task>, and a landed one is in the
// branch with its facts in the lock. The run log below .spec/runs is for people, and for answers to questions.
//
// Before this package: plan (what to do), internal/trace (tags, results, the lock), internal/agent, internal/sandbox,
// internal/git. After it: cmd, which talks to the person.
package tasks
