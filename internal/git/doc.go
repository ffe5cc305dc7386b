// Package git is the one place that runs git.
//
// A Repo is opened once from the user's own checkout; from then on every command names its git directory and its
// work tree, so that nothing that lies in a work tree (an agent can replace the .git there) decides which
// repository git talks to. File system monitors, automatic housekeeping and hooks are off unless a function says
// otherwise; variables that say where a repository is are cleared, those that say who the user is are passed on.
//
// A Tree is a directory with a private index: the agent's slot and the verify checkout are Trees of the user's
// repository. Their objects go straight into it, and neither the user's index nor .git/worktrees is touched.
//
// Before this package: nothing of ours. After it: tasks, which decides what to commit, and cmd.
package git
