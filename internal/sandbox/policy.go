package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"spec.example/spec/internal/guard"
)

// Mode says what to do where the kernel cannot restrict a process.
type Mode string

// The modes: Auto restricts where it can, Require refuses to run otherwise, Strict also puts a command where it sees no file,
// process or socket that is not named, and Off never restricts.
const (
	Auto    Mode = "auto"
	Require Mode = "require"
	Strict  Mode = "strict"
	Off     Mode = "off"
)

// A Policy is what a command may touch. Everything else in the file system is closed to it.
type Policy struct {
	Mode   Mode     `json:"mode"`
	Reads  []string `json:"reads"`  // files and directories that may be read and executed
	Writes []string `json:"writes"` // files and directories that may be written as well
	TCP    []uint16 `json:"tcp"`    // ports that may be connected to; nil for any
}

// devices may be written by anything: terminals, randomness and shared memory hold nothing of a user's.
func devices() []string {
	return []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/urandom", "/dev/random", "/dev/shm"}
}

// system are the places that hold programs and their configuration. The run directory is left out but for name
// resolution: sockets of services lie there.
func system() []string {
	return []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/proc", "/sys", "/dev", "/nix/store",
		"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager/resolv.conf", "/var/lib/dpkg", "/var/cache/fontconfig", "/snap"}
}

// Base returns a policy that reads the system and the toolchains of env's PATH, and writes nothing.
func Base(env []string) Policy {
	reads := append(system(), Toolchains(env)...)
	if bin, err := exec.LookPath("go"); err == nil {
		if real, err := filepath.EvalSymlinks(bin); err == nil {
			reads = append(reads, filepath.Dir(filepath.Dir(real)))
		}
	}
	if self, err := os.Executable(); err == nil {
		reads = append(reads, self)
	}
	return Policy{Mode: Auto, Reads: reads}
}

// With returns the policy with more places to read and to write.
func (p Policy) With(reads, writes []string) Policy {
	return Policy{Mode: p.Mode, Reads: slices.Concat(p.Reads, reads), Writes: slices.Concat(p.Writes, writes), TCP: p.TCP}
}

func lookup(env []string, name string) string {
	for _, kv := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// passed are the variables of the user's environment that every child gets: where programs are, how to write text,
// how to reach the network. Sockets of agents, keys and containers are not among them.
func passed() []string {
	return []string{"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "COLORTERM", "USER", "LOGNAME", "SHELL",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
		"SPEC_TEST_DATABASE_URL", "SOURCE_DATE_EPOCH", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "JAVA_HOME"}
}

// Environment filters env to what a child may see: the passed names and those of allow, where version managers lie, and then
// extra on top.
func Environment(env, allow, extra []string) []string {
	names := append(passed(), allow...)
	kept := managed(env)
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains(names, name) || !guard.On(guard.Environment) {
			kept = append(kept, kv)
		}
	}
	return append(kept, extra...)
}

// Available says whether this system can restrict a process, and with what.
func Available() (with string, ok bool) { return available() }

// Stricter tells whether m demands more than other.
func (m Mode) Stricter(other Mode) bool {
	rank := []Mode{Off, "", Auto, Require, Strict}
	return slices.Index(rank, m) > slices.Index(rank, other)
}

// check returns an error when the mode demands a restriction that is not to be had.
func (m Mode) check() error {
	if m != Require && m != Strict {
		return nil
	}
	if _, ok := Available(); !ok {
		return fmt.Errorf("sandbox: required, but %s cannot restrict processes here", runtime.GOOS)
	}
	if m == Strict {
		if _, err := StrictAvailable(); err != nil {
			return fmt.Errorf("sandbox: strict: %v", err)
		}
	}
	return nil
}

// StrictAvailable says whether Strict can be had, and with what.
var StrictAvailable = sync.OnceValues(func() (with string, err error) {
	if runtime.GOOS != "linux" {
		return "", errors.New("only Linux has bubblewrap")
	}
	bin, err := exec.LookPath("bwrap")
	if err != nil {
		return "", errors.New("bubblewrap is not installed (apt-get install bubblewrap, or what installs it here)")
	}
	out, err := exec.Command(bin, "--unshare-pid", "--unshare-ipc", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("bubblewrap cannot make namespaces here: %v: %s", err, strings.TrimSpace(string(out)))
	}
	version, err := exec.Command(bin, "--version").Output()
	return strings.TrimSpace(string(version)), err
})

// wrap puts a command line behind bubblewrap: what the policy names is bound into an empty root, with processes, shared memory
// and devices of its own. The command restricts itself inside as it does outside.
func wrap(p Policy, argv []string) []string {
	bin, err := exec.LookPath("bwrap")
	if err != nil || p.Mode != Strict || !guard.On(guard.Strict) {
		return argv
	}
	type bind struct{ how, path string }
	var binds []bind
	for _, path := range p.Reads {
		if path != "/proc" && path != "/dev" && !within("/dev", path) {
			binds = append(binds, bind{"--ro-bind-try", path})
		}
	}
	for _, path := range p.Writes {
		if !within("/dev", path) {
			binds = append(binds, bind{"--bind-try", path})
		}
	}
	slices.SortStableFunc(binds, func(a, b bind) int { return len(a.path) - len(b.path) }) // what lies inside comes after
	out := []string{bin, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"}
	for _, b := range binds {
		out = append(out, b.how, b.path, b.path)
	}
	return append(append(out, "--"), argv...)
}
