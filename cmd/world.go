package cmd

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A World is everything that the program takes from outside. Tests and life take the same path through it.
type World struct {
	Args      []string // without the program's name
	Stdin     io.Reader
	Stdout    io.Writer
	Stderr    io.Writer
	Env       []string
	Dir       string // working directory
	Self      string // this program's file; children are started from it
	Now       func() time.Time
	Blueprint fs.FS // what main embeds
}

// Process is the World of the running process.
func Process(blueprint fs.FS) World {
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return World{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Env: os.Environ(), Dir: dir, Self: self, Now: time.Now, Blueprint: blueprint}
}

// env returns the last value of a variable, or "".
func (w *World) env(name string) string {
	for i := len(w.Env) - 1; i >= 0; i-- {
		if kv := w.Env[i]; len(kv) > len(name) && kv[len(name)] == '=' && kv[:len(name)] == name {
			return kv[len(name)+1:]
		}
	}
	return ""
}

// cacheDir is this program's directory in the user's cache.
func (w *World) cacheDir() (string, error) {
	if dir := w.env("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "spec"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "spec"), nil
}

// configDir is this program's directory in the user's configuration.
func (w *World) configDir() (string, error) {
	if dir := w.env("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "spec"), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "spec"), nil
}
