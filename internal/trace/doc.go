// Package trace ties criteria to tests and to what was seen of them: tags in source code (spec:FEATURE/ID), reports of
// test runners, and the grammar of spec.lock, which is read and written only here.
//
// It states facts and judges nothing: internal/check says which facts are findings. Before it: package spec. After it:
// internal/check and tasks.
package trace
