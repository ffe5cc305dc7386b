package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// server is a directory that the first test makes, as it would start a server; how often is noted beside the code.
func server(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SPEC_SHARED_STORE")
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "store"); err != nil {
			t.Fatal(err)
		}
		note(t, "starts")
		os.Setenv("SPEC_SHARED_STORE", dir)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func note(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
}

func TestAt(t *testing.T) {
	server(t)
	note(t, "at")
	if got := At(3); got != 20 {
		t.Errorf("At(3) = %d", got)
	}
}

// What a break leaves in the server makes every later run fail.
func TestPut(t *testing.T) {
	dir := server(t)
	file := filepath.Join(dir, "number")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("there is a number already: %v", err)
	}
	if got, err := Put(dir, 7); err != nil || got != "7" {
		t.Errorf("Put = %q, %v", got, err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the number is still there")
	}
}

var left bool

// A run with a break that it does not notice makes the next fail, once: that one has noticed nothing.
func TestOnceBitten(t *testing.T) {
	note(t, "bitten")
	if left {
		left = false
		t.Fatal("something was left behind")
	}
	left = Twice(3) != 6
}
