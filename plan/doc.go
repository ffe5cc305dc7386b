// Package plan says what follows from a specification: which task waits for which and why, in which waves they can run,
// what is done already and what has to be done again, and which criteria no task covers.
//
// It is pure: a feature and what its lock says go in, a graph and findings come out; renderers return bytes. Before it:
// package spec. After it: tasks, which carries a plan out, and internal/check.
//
// Authority of dependencies: an explicit line replaces wave and document order; waves stand over document order;
// checkpoints always hold.
package plan
