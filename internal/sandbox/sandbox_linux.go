package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"spec.example/spec/internal/guard"
)

func available() (string, bool) {
	abi, err := llsys.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return "", false
	}
	return fmt.Sprintf("Landlock ABI %d", abi), true
}

// restrict closes everything that the policy does not name, for this process and all that come from it.
//
// spec:workflow/4.3
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
	if !guard.On(guard.Reads) {
		rules = append(rules, landlock.RODirs("/"))
	}
	if !guard.On(guard.Writes) {
		rules = append(rules, landlock.RWDirs("/").WithRefer())
	}
	var scopes landlock.ScopedSet
	if guard.On(guard.Signals) {
		scopes |= llsys.ScopeSignal
	}
	if guard.On(guard.Sockets) {
		scopes |= llsys.ScopeAbstractUnixSocket
	}
	var net landlock.AccessNetSet
	if p.TCP != nil && guard.On(guard.Ports) {
		ports, err := portRules(p.TCP)
		if err != nil {
			return err
		}
		net, rules = llsys.AccessNetConnectTCP, append(rules, ports...)
	}
	// In one ruleset: a second one, whatever it is about, takes away the right to move files from one directory to another, and
	// rustc, among others, does.
	return landlock.MustConfig(landlock.V9.HandledAccessFS, net, scopes).BestEffort().Restrict(rules...)
}

// portRules close outgoing TCP but for the named ports. A kernel that cannot is an error: whoever names ports wants them.
func portRules(ports []uint16) ([]landlock.Rule, error) {
	abi, err := llsys.LandlockGetABIVersion()
	if err != nil || abi < 4 {
		return nil, fmt.Errorf("sandbox.tcp needs Landlock ABI 4, this kernel has %d", abi)
	}
	var rules []landlock.Rule
	for _, port := range ports {
		rules = append(rules, landlock.ConnectTCP(port))
	}
	return rules, nil
}

// kept are the capabilities that a command of root's keeps: those for files and for giving up root, as containers have them. The
// others reach past the restriction: whoever has CAP_PERFMON or CAP_SYS_ADMIN reads the variables of every process.
func kept() []uintptr {
	return []uintptr{unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_SETGID, unix.CAP_SETUID, unix.CAP_SETPCAP,
		unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_CHROOT, unix.CAP_SETFCAP}
}

// dropCapabilities takes all others from what this thread becomes.
func dropCapabilities() {
	if !guard.On(guard.Capabilities) {
		return
	}
	runtime.LockOSThread()
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if !slices.Contains(kept(), c) {
			unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0) // one that is not there, or not ours to drop, gives nothing either
		}
	}
}

// ownSharedMemory gives this process, and what it becomes, a /dev/shm that no other command sees. It needs the right to mount;
// without it /dev/shm stays the one of all. The calling thread is the one that has to become the command.
func ownSharedMemory() {
	if !guard.On(guard.Devices) {
		return
	}
	runtime.LockOSThread()
	if unix.Unshare(unix.CLONE_NEWNS) != nil {
		return
	}
	if unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") == nil {
		unix.Mount("tmpfs", "/dev/shm", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
	}
}

func becomeReaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

type process struct {
	pid    int
	name   string
	zombie bool
}

// descendants lists the processes below root, root itself left out.
//
// spec:workflow/4.2
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
