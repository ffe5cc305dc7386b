// Package sandbox says what a child process may touch, and ends every process that it leaves behind.
//
// A Command is run by a supervisor: this same program, started again with the hidden verb "sandbox-run". The
// supervisor is not restricted; it becomes the reaper of all descendants (a daemon that double-forks or opens a new
// session stays its descendant), starts the command through "sandbox-exec", which restricts itself and then becomes
// the command, and when the command ends it kills whatever is left until /proc shows nothing. It also does so when
// the process that asked for it is gone, which it learns from a pipe.
//
// The restriction is Landlock on Linux: an allow-list, so that what is not named is closed. Elsewhere there is none
// yet, Available says so, and mode "require" refuses to run.
//
// Before this package: nothing of ours. After it: tasks (verify) and internal/agent (agents).
package sandbox
