//go:build !unix

package pgtest

import (
	"errors"
	"syscall"
)

// drop fails: where there are no unix sockets with users, the tests need SPEC_TEST_DATABASE_URL.
func drop(string) (*syscall.SysProcAttr, error) {
	return nil, errors.New("set SPEC_TEST_DATABASE_URL on this system")
}
