package tasks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrBusy means that another apply works in this repository.
var ErrBusy = errors.New("another apply is running in this repository")

// A runLock is held by one apply a repository, and by every process that it started: what a killed apply left behind
// has to end before the next one can touch the slots.
type runLock struct{ handle *os.File }

func (l *runLock) file() *os.File {
	if l == nil {
		return nil
	}
	return l.handle
}

// lockRun takes the lock. Where its holder is dead, it waits a while for the children to notice.
func lockRun(top string, patience time.Duration) (*runLock, error) {
	state, err := stateDir(top)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(state, "apply.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of this repository: %v", err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if tryLock(file) {
			if err := file.Truncate(0); err == nil {
				_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
				if err != nil {
					file.Close()
					return nil, err
				}
			}
			return &runLock{handle: file}, nil
		}
		data := make([]byte, 32)
		n, _ := file.ReadAt(data, 0)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(data[:n])))
		if pid > 0 && alive(pid) || time.Now().After(deadline) {
			file.Close()
			return nil, fmt.Errorf("%w (process %d)", ErrBusy, pid)
		}
	}
}

// release gives the lock back. The file stays: removing it would let two others each lock a different one.
func (l *runLock) release() {
	if l != nil {
		l.handle.Close()
	}
}

// Running names the run that is going on in a repository ("" for none), which is the latest while its lock is held.
func Running(top string) string {
	if OwnState(top) != nil {
		return ""
	}
	file, err := os.OpenFile(filepath.Join(top, StateDir, "apply.lock"), os.O_RDWR, 0)
	if err != nil {
		return ""
	}
	defer file.Close()
	if tryLock(file) {
		return ""
	}
	logs, err := runLogs(top)
	if err != nil || len(logs) == 0 {
		return ""
	}
	return filepath.Base(filepath.Dir(logs[len(logs)-1]))
}
