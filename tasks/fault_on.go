//go:build faults

package tasks

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var faultsSeen atomic.Int64

// fault kills this process at the named place: SPEC_FAULT=NAME, or NAME:N for the N-th time that it is passed.
// Compiled in only with the build tag "faults".
func fault(name string) {
	want, count, _ := strings.Cut(os.Getenv("SPEC_FAULT"), ":")
	if want != name {
		return
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		n = 1
	}
	if faultsSeen.Add(1) == int64(n) {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
