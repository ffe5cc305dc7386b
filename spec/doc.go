// Package spec reads what a repository says it wants: spec directories in every dialect that is met in the
// wild, and the steering that goes with them.
//
// It is the first layer: it imports nothing of this module. Reading is a pure function of an fs.FS; it is total
// (any bytes give a Feature and Diagnostics, never a panic) and lossless (an edit is a value that says which
// bytes change; nothing here writes). What follows from a Feature (order, waves, hashes of inputs) is package
// plan; what happens to it is package tasks.
//
// All paths are slash-separated and relative to the fs.FS that was handed in. Lines and columns count from 1,
// columns in bytes.
package spec
