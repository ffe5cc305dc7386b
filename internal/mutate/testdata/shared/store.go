// Package store keeps numbers, and leaves things behind.
package store

import (
	"os"
	"path/filepath"
	"strconv"
)

var table = []int{0, 10, 20, 30}

// At reads the table in a goroutine of its own: what panics there ends the process.
func At(n int) int {
	var got int
	done := make(chan bool)
	go func() {
		defer close(done)
		got = table[n-1]
	}()
	<-done
	return got
}

// Put writes a number below a directory and takes it away again.
func Put(dir string, n int) (string, error) {
	file := filepath.Join(dir, "number")
	if err := os.WriteFile(file, []byte(strconv.Itoa(n)), 0o644); err != nil {
		return "", err
	}
	data, err := os.ReadFile(file)
	tidy(file)
	return string(data), err
}

func tidy(file string) {
	os.Remove(file)
}

// Twice is twice a number.
func Twice(n int) int { return n * 2 }
