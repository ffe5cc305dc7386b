//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package cmd

import (
	"errors"
	"os"
)

// byKey is not to be had here: a key is typed with Enter.
func byKey(*os.File) (restore func(), err error) {
	return nil, errors.New("keys are read by the line on this system")
}
