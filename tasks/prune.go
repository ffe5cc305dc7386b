package tasks

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"spec.example/spec/internal/git"
)

// Outputs lists the files that a run kept of a task, in the order of attempts.
func Outputs(dir, task string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), encodeRef(task)+"-")
		if ok && (strings.HasSuffix(rest, ".log") || strings.HasSuffix(rest, "-brief.md")) {
			names = append(names, e.Name())
		}
	}
	return names
}

// Prune removes a repository's slots, verify checkouts and caches, and the outputs of its runs; their events, which hold
// the answers of people, stay. It returns the bytes that were freed. A run that is at work is not disturbed: the error is
// ErrBusy.
func Prune(repo *git.Repo, cache string) (int64, error) {
	lock, err := lockRun(repo.Dir, 0)
	if err != nil {
		return 0, err
	}
	defer lock.release()
	root := place(cache, repo.CommonDir)
	freed := size(root)
	if err := removeAll(root); err != nil {
		return 0, err
	}
	runs := filepath.Join(repo.Dir, StateDir, "runs")
	err = filepath.WalkDir(runs, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "events.jsonl" {
			return nil
		}
		if info, err := d.Info(); err == nil && os.Remove(name) == nil {
			freed += info.Size()
		}
		return nil
	})
	return freed, err
}

func size(dir string) int64 {
	var total int64
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { // what cannot be read is not counted
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

// removeAll removes a directory in which tools may have left read-only directories, as the Go module cache is.
func removeAll(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			os.Chmod(name, 0o755)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
