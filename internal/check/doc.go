// Package check finds where specification, approvals, plan, code, tests and steering no longer agree. It reads only the
// tree: it runs nothing, changes nothing, and gives the same answer in a shallow clone.
//
// The rules are data (Rules): code, name, severity, text and examples stand beside each other, and `spec explain`,
// docs/findings.md and SARIF are made from them. Findings about one document or its graph come from packages spec and
// plan. Before this package: plan and internal/trace. After it: cmd, which also hands it to tasks as a func.
package check
