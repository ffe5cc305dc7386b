//go:build linux

package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"spec.example/spec/internal/sandbox"
)

// sandboxed runs a script under the base policy and more, and returns what it said.
func sandboxed(t *testing.T, script string, change func(*sandbox.Command)) (sandbox.Exit, string) {
	t.Helper()
	requireLandlock(t)
	c, out := shell(t, script, sandbox.Base(os.Environ()))
	if change != nil {
		change(&c)
	}
	exit, err := c.Run(context.Background())
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return exit, out.String()
}

// home makes a directory like a user's: keys, a run log, another slot, caches.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{".ssh/id_ed25519", "repo/.spec/runs/1/events.jsonl", "repo/.kiro/specs/f/spec.lock", "repo/.git/config", "cache/slot/1/tree/a.go", "cache/go-build/00/x"} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("as it was\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestGuardReads(t *testing.T) {
	dir := home(t)
	open := t.TempDir()
	link := filepath.Join(open, "link")
	if err := os.Symlink(filepath.Join(dir, ".ssh"), link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir + "/.ssh/id_ed25519", dir + "/repo/.spec/runs/1/events.jsonl", dir + "/cache/slot/1/tree/a.go", link + "/id_ed25519", open + "/../../" + filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir) + "/.ssh/id_ed25519"} {
		_, said := sandboxed(t, "cat "+name+"; ln "+dir+"/.ssh/id_ed25519 "+open+"/hard 2>/dev/null && cat "+open+"/hard", func(c *sandbox.Command) { c.Policy = c.Policy.With(nil, []string{open}) })
		if strings.Contains(said, "as it was") {
			t.Errorf("%s was read", name)
		}
	}
}

// TestGuardCapabilities: another process of the user's is no way to its files and variables, for root neither.
func TestGuardCapabilities(t *testing.T) {
	dir := home(t)
	other := exec.Command("sleep", "60")
	other.Env = []string{"HIDDEN=as it was"}
	other.Dir = dir
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	_, said := sandboxed(t, fmt.Sprintf("cat /proc/%d/environ; cat /proc/%d/cwd/.ssh/id_ed25519; cat /proc/%d/root%s/.ssh/id_ed25519", other.Process.Pid, other.Process.Pid, other.Process.Pid, dir), nil)
	if strings.Contains(said, "as it was") {
		t.Errorf("another process was read: %q", said)
	}
}

// spec:workflow/4.3
func TestGuardWrites(t *testing.T) {
	dir := home(t)
	open := t.TempDir()
	for _, name := range []string{"repo/.kiro/specs/f/spec.lock", "repo/.git/config", "cache/go-build/00/x", "repo/.git/hooks/pre-commit", "repo/new"} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		for _, script := range []string{"echo changed > %s", "cd " + open + " && ln -s %s l && echo changed > l; rm -f l", "mkdir -p $(dirname %[1]s) && cp /etc/hostname %[1]s", "rm -f %s", "mv %s " + open + "/moved", "truncate -s 0 %s"} {
			before, _ := os.ReadFile(file)
			sandboxed(t, fmt.Sprintf(script, file), func(c *sandbox.Command) { c.Policy = c.Policy.With([]string{dir}, []string{open}) })
			if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
				t.Errorf("%s: %q changed it to %q", name, script, after)
			}
		}
	}
}

func TestGuardSignals(t *testing.T) {
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Process.Kill()
	exit, said := sandboxed(t, fmt.Sprintf("kill -9 %d", other.Process.Pid), nil)
	if exit.Code == 0 {
		t.Errorf("a process outside was signalled: %q", said)
	}
	exit, said = sandboxed(t, "kill -0 $PPID", nil)
	if exit.Code == 0 {
		t.Errorf("the supervisor was signalled: %q", said)
	}
}

func TestGuardSockets(t *testing.T) {
	name := fmt.Sprintf("\x00guard-%d", os.Getpid())
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for network, address := range map[string]string{"unix": "@" + name[1:]} {
		if out := dialled(t, network, address, nil); out != "refused" {
			t.Errorf("%s: %s", address, out)
		}
	}
}

// dialled runs this test binary inside the sandbox to connect somewhere.
func dialled(t *testing.T, network, address string, change func(*sandbox.Command)) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, said := sandboxed(t, "", func(c *sandbox.Command) {
		c.Argv = []string{self, "dial", network, address}
		if change != nil {
			change(c)
		}
	})
	return strings.TrimSpace(said)
}

func dial(network, address string) {
	conn, err := net.Dial(network, address)
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.ENOENT):
		fmt.Println("refused")
	case err != nil:
		fmt.Println(err)
	default:
		conn.Close()
		fmt.Println("connected")
	}
}

func TestGuardPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	for _, c := range []struct {
		ports []uint16
		want  string
	}{{nil, "connected"}, {[]uint16{port}, "connected"}, {[]uint16{port ^ 1}, "refused"}, {[]uint16{}, "refused"}} {
		if got := dialled(t, "tcp", l.Addr().String(), func(cmd *sandbox.Command) { cmd.Policy.TCP = c.ports }); got != c.want {
			t.Errorf("ports %v: %s, want %s", c.ports, got, c.want)
		}
	}
}

func TestGuardSharedMemory(t *testing.T) {
	name := fmt.Sprintf("/dev/shm/guard-%d", os.Getpid())
	defer os.Remove(name)
	_, said := sandboxed(t, "echo left > "+name+" && cat "+name, nil)
	if !strings.Contains(said, "left") {
		t.Fatalf("shared memory cannot be used: %q", said)
	}
	_, err := os.Stat(name)
	if mayMount(t) && err == nil {
		t.Error("what one command left in shared memory, another can read")
	}
	t.Logf("euid %d: left for others: %v", os.Geteuid(), err == nil)
}

// mayMount tells whether this process has CAP_SYS_ADMIN.
func mayMount(t *testing.T) bool {
	t.Helper()
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if mask, ok := strings.CutPrefix(line, "CapEff:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n>>21&1 == 1
		}
	}
	return false
}

func TestGuardDescendants(t *testing.T) {
	for _, script := range []string{"setsid sleep 61 >/dev/null 2>&1 &", "nohup sleep 61 >/dev/null 2>&1 &", "(setsid sh -c 'sleep 61 & exec sleep 61' &) >/dev/null 2>&1", "trap '' TERM; (trap '' TERM HUP; exec sleep 61) >/dev/null 2>&1 &"} {
		dir := t.TempDir()
		mark := filepath.Join(dir, "mark")
		exit, _ := sandboxed(t, "export GUARD_MARK="+mark+"\n"+script, func(c *sandbox.Command) { c.Policy = sandbox.Policy{Mode: sandbox.Off} })
		left := marked(mark)
		for _, pid := range left {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(left) > 0 || len(exit.Leftover) == 0 {
			t.Errorf("%s: %d processes outlived it, and %q were named", script, len(left), exit.Leftover)
		}
	}
}

// marked lists the processes that have a word in their environment.
func marked(word string) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && bytes.Contains(data, []byte(word)) {
			var pid int
			fmt.Sscanf(file, "/proc/%d/", &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestGuardEnvironment(t *testing.T) {
	had := []string{"PATH=/bin", "SSH_AUTH_SOCK=/s", "DOCKER_HOST=x", "DBUS_SESSION_BUS_ADDRESS=x", "GPG_AGENT_INFO=x", "AWS_SECRET_ACCESS_KEY=x", "GITHUB_TOKEN=x", "KUBECONFIG=x", "XDG_RUNTIME_DIR=/run/user/0", "GIT_DIR=x", "LD_PRELOAD=x", "NAMED=1"}
	if got := strings.Join(sandbox.Environment(had, []string{"NAMED"}, nil), " "); got != "PATH=/bin NAMED=1" {
		t.Errorf("these passed: %s", got)
	}
}

func TestGuardTests(t *testing.T) {
	requireLandlock(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tree, temp := t.TempDir(), t.TempDir()
	env, err := sandbox.TestEnv(sandbox.Base(os.Environ()).With(nil, []string{tree}), temp)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, sandbox.VerbTest, "sh", "-c", "echo mine > $TMPDIR/mine && cat $TMPDIR/mine; echo x > "+tree+"/code.go")
	cmd.Env = append(os.Environ(), env)
	out, _ := cmd.CombinedOutput()
	if !strings.Contains(string(out), "mine") {
		t.Errorf("its own directory cannot be written: %s", out)
	}
	if _, err := os.Stat(filepath.Join(tree, "code.go")); err == nil {
		t.Error("a test wrote the tree that it tests")
	}
}

func TestGuardStrict(t *testing.T) {
	with, err := sandbox.StrictAvailable()
	if err != nil {
		if os.Getenv("SPEC_REQUIRE_STRICT") != "" {
			t.Fatal(err)
		}
		// What can be tested here is that strict refuses to run rather than run as if it were there.
		c, _ := shell(t, "true", sandbox.Base(os.Environ()))
		c.Policy.Mode = sandbox.Strict
		if _, runErr := c.Run(context.Background()); runErr == nil {
			t.Errorf("strict ran where it is not to be had (%v)", err)
		}
		t.Logf("not tried: %v", err)
		return
	}
	t.Log(with)
	open, shut := t.TempDir(), t.TempDir()
	socket := filepath.Join(shut, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	strict := func(c *sandbox.Command) {
		c.Policy = c.Policy.With(nil, []string{open})
		c.Policy.Mode, c.Dir = sandbox.Strict, open
	}
	if got := dialled(t, "unix", socket, strict); got != "refused" {
		t.Errorf("a socket whose path is known: %s", got)
	}
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Process.Kill()
	exit, said := sandboxed(t, fmt.Sprintf("echo in > here && cat here; ls -d %s; ls -d /proc/%d; chmod 777 %s; exit 7", shut, other.Process.Pid, shut), strict)
	if exit.Code != 7 || !strings.HasPrefix(said, "in\n") {
		t.Errorf("exit %+v, %q", exit, said)
	}
	if strings.Contains(said, "\n"+shut+"\n") || strings.Contains(said, "\n/proc/") {
		t.Errorf("what is not named can be seen: %q", said)
	}
	if info, err := os.Stat(shut); err != nil || info.Mode().Perm() == 0o777 {
		t.Errorf("the mode of a directory outside was changed: %v %v", info, err)
	}
}

func TestGuardSecrets(t *testing.T) {
	values := sandbox.Values([]string{"LOGIN=correct horse battery", "SHORT=abc", "GOROOT=/usr/local/go"}, []string{"LOGIN", "SHORT", "GOROOT"})
	for text, want := range map[string]string{
		"login correct horse battery, abc /usr/local/go":                                         "login [masked], abc /usr/local/go",
		"key sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc.":                                             "key [masked].",
		"-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\nxyz=\n-----END RSA PRIVATE KEY-----\nafter": "[masked]\nafter",
		"glpat-" + strings.Repeat("x1", 10) + " and postgres://app:s3cretpw@db.internal.net/x":   "[masked] and [masked]/x",
		"postgres://postgres:postgres@localhost/test stays":                                      "postgres://postgres:postgres@localhost/test stays",
		"task-list and risk-free words stay":                                                     "task-list and risk-free words stay",
	} {
		if got := sandbox.Hide(text, values...); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// TestRefusalsNameTheConfiguration: what a program says when it is refused is answered by what would allow it.
func TestRefusalsNameTheConfiguration(t *testing.T) {
	dir := home(t)
	key := dir + "/.ssh/id_ed25519"
	policy := sandbox.Base(os.Environ()).With([]string{dir + "/repo"}, nil)
	_, said := sandboxed(t, "cat "+key+"; echo x > "+dir+"/repo/.git/config; ls /root/x; cat /etc/hostname; echo 'permission denied: no path'", func(c *sandbox.Command) { c.Policy = policy })
	hints := strings.Join(policy.Refused(said), "\n")
	for _, want := range []string{"sandbox: {reads: [" + key + "]}", "sandbox: {writes: [" + dir + "/repo/.git/config]}"} {
		if !strings.Contains(hints, want) {
			t.Errorf("nothing names %q:\n%s\nafter\n%s", want, hints, said)
		}
	}
	script := dir + "/repo/bin/python3"
	if got := policy.Refused(script + ": line 12: " + key + ": Permission denied"); len(got) != 1 || !strings.Contains(got[0], "{reads: ["+key+"]}") {
		t.Errorf("the script that says so was not what was refused: %q", got)
	}
	if got := policy.Refused("error: reading " + key + "\nerror: Permission denied (os error 13)\n"); len(got) != 1 || !strings.Contains(got[0], "{reads: ["+key+"]}") {
		t.Errorf("what the line before names was not what was refused: %q", got)
	}
	for _, line := range []string{"    a_test.go:9: mkdir testdata: permission denied", "Error: EACCES: permission denied, open 'testdata'", "E  PermissionError: [Errno 13] Permission denied: 'testdata'", "Permission denied @ rb_sysopen - testdata (Errno::EACCES)"} {
		if got := policy.Refused(key + " is well\n" + line + "\n"); len(got) != 1 || !strings.HasPrefix(got[0], "testdata was refused") || !strings.Contains(got[0], "{writes: [DIRECTORY]}") {
			t.Errorf("%q: %q", line, got)
		}
	}
	if got := policy.Refused("want: permission denied\ngot: open door: allowed\n"); len(got) != 0 {
		t.Errorf("nothing was refused: %q", got)
	}
	if strings.Contains(hints, "/etc/hostname") {
		t.Errorf("a place that is open is called closed: %s", hints)
	}
}
