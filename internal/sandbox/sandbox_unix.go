//go:build unix && !linux

package sandbox

func available() (string, bool) { return "", false }

func restrict(p Policy) error { return p.Mode.check() }

func becomeReaper() error { return nil }

type process struct {
	pid    int
	name   string
	zombie bool
}

// descendants: without /proc only the command's process group can be ended.
func descendants(int) []process { return nil }

func ownSharedMemory() {}

func dropCapabilities() {}
