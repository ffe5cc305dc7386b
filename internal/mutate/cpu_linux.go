package mutate

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// runs tells whether a process of that number is seen here and runs a program.
func runs(process int, bin string) bool {
	exe, err := os.Stat(fmt.Sprintf("/proc/%d/exe", process))
	if err != nil {
		return false
	}
	file, err := os.Stat(bin)
	return err == nil && os.SameFile(exe, file)
}

// tick is the unit in which the kernel tells processor time.
const tick = 10 * time.Millisecond

// processorTime is what a process has taken of the processors, its children left out.
func processorTime(process int) (time.Duration, bool) {
	if process == 0 {
		return 0, false
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil || !bytes.Contains(data, []byte(")")) {
		return 0, false
	}
	_, rest, ok := bytes.Cut(data[bytes.LastIndexByte(data, ')'):], []byte(" ")) // behind the name, which can hold anything
	f := bytes.Fields(rest)
	if !ok || len(f) < 13 {
		return 0, false
	}
	user, err1 := strconv.Atoi(string(f[11]))
	system, err2 := strconv.Atoi(string(f[12]))
	return time.Duration(user+system) * tick, err1 == nil && err2 == nil
}
