//go:build !linux

package cmd

import (
	"io/fs"
	"os"
)

func quickened(root *os.Root, dir string) fs.FS { return plainFiles{root.FS(), dir} }
