//go:build faults

package tasks

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var faultsSeen atomic.Int64

// fault kills this process at the named place: SPEC_FAULT=NAME, or NAME:N for the N-th time that it is passed. With
// SPEC_PAUSE=NAME:FILE it makes FILE there, the first time, and goes on when somebody has removed it.
// Compiled in only with the build tag "faults".
func fault(name string) {
	pause(name)
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

var paused atomic.Bool

func pause(name string) {
	at, file, _ := strings.Cut(os.Getenv("SPEC_PAUSE"), ":")
	if at != name || !paused.CompareAndSwap(false, true) {
		return
	}
	os.WriteFile(file, nil, 0o600)
	for range 6000 {
		if _, err := os.Stat(file); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
