// Package mutate breaks Go code on purpose and watches whether tests notice. All breaks of a module are compiled into one
// test binary as choices that an environment variable makes (mutant schemata), through the build system's overlay: no
// file is touched. It knows nothing of criteria; cmd ties the two together.
//
// A kill is a failing assertion. A panic, a time-out and a test that skips are counted, and are no kills.
package mutate
