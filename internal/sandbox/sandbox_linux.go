package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

func available() (string, bool) {
	abi, err := llsys.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return "", false
	}
	return fmt.Sprintf("Landlock ABI %d", abi), true
}

// restrict closes everything that the policy does not name, for this process and all that come from it.
func restrict(p Policy) error {
	var rules []landlock.Rule
	add := func(path string, dirs, files landlock.FSRule) {
		info, err := os.Stat(path)
		switch {
		case err != nil: // what does not exist cannot be opened either
		case info.IsDir():
			rules = append(rules, dirs)
		default:
			rules = append(rules, files)
		}
	}
	for _, path := range p.Reads {
		add(path, landlock.RODirs(path), landlock.ROFiles(path))
	}
	for _, path := range p.Writes {
		add(path, landlock.RWDirs(path).WithRefer().WithResolveUnix(), landlock.RWFiles(path))
	}
	for _, path := range devices() {
		add(path, landlock.RWDirs(path).WithIoctlDev(), landlock.RWFiles(path).WithIoctlDev())
	}
	cfg := landlock.V9.BestEffort()
	if err := cfg.RestrictPaths(rules...); err != nil {
		return err
	}
	return landlock.V6.BestEffort().RestrictScoped()
}

func becomeReaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

type process struct {
	pid    int
	name   string
	zombie bool
}

// descendants lists the processes below root, root itself left out.
func descendants(root int) []process {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	children := map[int][]process{}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue
		}
		// pid (name) state ppid …; the name may hold blanks and brackets.
		text := string(stat)
		open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
		if open < 0 || end < open {
			continue
		}
		fields := strings.Fields(text[end+1:])
		if len(fields) < 2 {
			continue
		}
		if ppid, err := strconv.Atoi(fields[1]); err == nil {
			children[ppid] = append(children[ppid], process{pid: pid, name: text[open+1 : end], zombie: fields[0] == "Z"})
		}
	}
	var found []process
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		for _, p := range children[queue[0]] {
			found = append(found, p)
			queue = append(queue, p.pid)
		}
	}
	return found
}
