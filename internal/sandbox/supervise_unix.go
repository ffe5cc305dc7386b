//go:build unix

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"spec.example/spec/internal/guard"
)

func ownSession(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

const (
	fdAlive  = 3
	fdReport = 4
	fdHold   = 5
)

// Supervise is the body of the verb sandbox-run. It returns the exit status for the process.
func Supervise(self string) int {
	report := os.NewFile(fdReport, "report")
	alive := os.NewFile(fdAlive, "alive")
	for _, fd := range []int{fdAlive, fdReport, fdHold} {
		unix.CloseOnExec(fd) // the command must neither report for us nor hold the lock
	}
	exit := supervise(self, alive)
	if err := json.NewEncoder(report).Encode(exit); err != nil {
		return 1
	}
	return 0
}

// spec:workflow/4.2
func supervise(self string, alive *os.File) Exit {
	var j job
	if err := json.Unmarshal([]byte(os.Getenv(envJob)), &j); err != nil {
		return Exit{Code: -1, Err: fmt.Sprintf("sandbox: no job: %v", err)}
	}
	if err := becomeReaper(); err != nil {
		return Exit{Code: -1, Err: fmt.Sprintf("sandbox: becoming the reaper of descendants: %v", err)}
	}
	inner, err := json.Marshal(j.Policy)
	if err != nil {
		return Exit{Code: -1, Err: err.Error()}
	}
	argv := wrap(j.Policy, append([]string{self, VerbExec, "--"}, j.Argv...))
	child, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Env:   append(slices.Clone(j.Env), envJob+"="+string(inner)),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return Exit{Code: -1, Err: fmt.Sprintf("starting %s: %v", j.Argv[0], err)}
	}
	asked := make(chan bool, 1)
	go func() {
		var b [1]byte
		n, _ := alive.Read(b[:])
		asked <- n == 1
	}()
	ended := make(chan syscall.WaitStatus, 1)
	go func() { ended <- reapUntil(child.Pid) }()
	status := wait(child.Pid, time.Duration(j.GraceS*float64(time.Second)), asked, ended)
	exit := Exit{Code: status.ExitStatus(), Leftover: []string{}}
	if status.Signaled() {
		exit.Signal = unix.SignalName(status.Signal())
	}
	exit.Leftover = append(exit.Leftover, killDescendants(child.Pid)...)
	return exit
}

// wait returns the command's status; it kills the command when asked to, or when nobody is left to ask.
func wait(pid int, grace time.Duration, asked <-chan bool, ended <-chan syscall.WaitStatus) syscall.WaitStatus {
	select {
	case status := <-ended:
		return status
	case politely := <-asked:
		if politely {
			syscall.Kill(-pid, syscall.SIGTERM)
			select {
			case status := <-ended:
				return status
			case <-time.After(grace):
			}
		}
		killTree(pid)
		return <-ended
	}
}

// reapUntil reaps children, adopted ones too, until the one with this pid has ended.
func reapUntil(pid int) syscall.WaitStatus {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || (got == pid && !status.Stopped() && !status.Continued()) {
			return status
		}
	}
}

// killDescendants ends everything that the command left running and names it. A process that forks as fast as it is
// killed is stopped first; the loop is bounded all the same.
//
// spec:workflow/4.2
func killDescendants(pid int) []string {
	var names []string
	for range 200 {
		if !guard.On(guard.Descendants) {
			break
		}
		left := descendants(os.Getpid())
		if len(left) == 0 {
			break
		}
		for _, p := range left {
			if !p.zombie && !slices.Contains(names, p.name) && len(names) < 20 {
				names = append(names, p.name)
			}
			syscall.Kill(p.pid, syscall.SIGSTOP)
		}
		for _, p := range left {
			syscall.Kill(p.pid, syscall.SIGKILL)
		}
		for {
			got, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if got <= 0 || err != nil {
				break
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return names
}

func killTree(pid int) {
	for _, p := range descendants(os.Getpid()) {
		syscall.Kill(p.pid, syscall.SIGKILL)
	}
	syscall.Kill(-pid, syscall.SIGKILL)
	syscall.Kill(pid, syscall.SIGKILL)
}

// Enter is the body of the verb sandbox-exec: it restricts this process and becomes the command.
func Enter(argv []string) error {
	var p Policy
	if err := json.Unmarshal([]byte(os.Getenv(envJob)), &p); err != nil {
		return fmt.Errorf("sandbox: no policy: %v", err)
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, envJob+"=") })
	return become(p, argv, env)
}

// spec:workflow/4.3
func become(p Policy, argv, env []string) error {
	if len(argv) == 0 {
		return errors.New("sandbox: no command")
	}
	bin, err := exec.LookPath(argv[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return err
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	if p.Mode != Off {
		ownSharedMemory()
		dropCapabilities()
		if err := restrict(p); err != nil {
			return fmt.Errorf("sandbox: %v", err)
		}
	}
	return syscall.Exec(bin, argv, env)
}

// TestEnv is the variable that makes EnterTest restrict a test binary: it may read what the policy reads and writes,
// and writes only a directory of its own below temp.
func TestEnv(p Policy, temp string) (string, error) {
	data, err := json.Marshal(testJob{Policy: p, Temp: temp})
	return envTest + "=" + string(data), err
}

type testJob struct {
	Policy Policy `json:"policy"`
	Temp   string `json:"temp"`
}

// EnterTest is the body of the verb sandbox-test, which `go test -exec` puts before each test binary. The binary gets
// a temporary directory and a Go build cache of its own.
func EnterTest(argv []string) error {
	var j testJob
	if err := json.Unmarshal([]byte(os.Getenv(envTest)), &j); err != nil {
		return fmt.Errorf("sandbox: no policy for tests: %v", err)
	}
	temp, err := os.MkdirTemp(j.Temp, "t")
	if err != nil {
		return fmt.Errorf("sandbox: temporary directory for a test: %v", err)
	}
	if err := os.Chmod(temp, 0o711); err != nil {
		return err
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == envTest || name == "TMPDIR" || name == "GOTMPDIR" || name == "GOCACHE"
	})
	env = append(env, "TMPDIR="+temp, "GOCACHE="+filepath.Join(temp, "gocache"))
	p := Policy{Mode: j.Policy.Mode, Reads: slices.Concat(j.Policy.Reads, j.Policy.Writes), Writes: append(coverage(argv), temp), TCP: j.Policy.TCP}
	if !guard.On(guard.Tests) {
		p = Policy{Mode: Off}
	}
	return become(p, argv, env)
}

// coverage lists the directories in which `go test` wants a test binary to leave its coverage; they hold nothing of
// another package's.
func coverage(argv []string) []string {
	var dirs []string
	for _, arg := range argv {
		if dir, ok := strings.CutPrefix(arg, "-test.gocoverdir="); ok {
			dirs = append(dirs, dir)
		}
		if file, ok := strings.CutPrefix(arg, "-test.coverprofile="); ok && filepath.IsAbs(file) {
			dirs = append(dirs, filepath.Dir(file))
		}
	}
	return dirs
}
