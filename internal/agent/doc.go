// Package agent says how a coding agent is spoken to: it is given a brief and a directory, may ask a person, and
// leaves its work in the directory. What it says of itself decides nothing; the executor looks at the directory.
//
// There are three protocols. A Blueprint is built in: it copies an embedded package task by task. A Command is any program:
// the brief on standard input and in a file, its exit status, and a socket for questions. An ACP agent speaks the Agent
// Client Protocol on its standard streams; a task has one session, which is loaded again for requested changes and late
// answers. The presets say how known agents are started.
//
// Before this package: internal/sandbox, in which commands run. After it: tasks, which decides what is done with the
// result.
package agent
