//go:build !faults

package tasks

// fault is a place where a test build can be killed; see fault_on.go.
func fault(string) {}
