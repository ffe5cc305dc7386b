package tasks

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

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

// trim keeps what lies in the user's cache within its limit: places of repositories that were not used for longest go
// first, then this repository's own slots beyond the first. Errors leave more behind, no less: the next run tries again.
func (r *run) trim() {
	if r.o.Disk <= 0 {
		return
	}
	entries, err := os.ReadDir(filepath.Dir(r.place))
	if err != nil {
		return
	}
	type held struct {
		dir   string
		used  time.Time
		bytes int64
	}
	var all []held
	var total int64
	for _, e := range entries {
		h := held{dir: filepath.Join(filepath.Dir(r.place), e.Name())}
		if info, err := os.Stat(filepath.Join(h.dir, "used")); err == nil {
			h.used = info.ModTime()
		}
		h.bytes = size(h.dir)
		total += h.bytes
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b held) int { return a.used.Compare(b.used) })
	for _, h := range all {
		if total <= r.o.Disk || h.dir == r.place {
			continue
		}
		if mine := occupy(h.dir); mine != nil { // else somebody works there
			if removeAll(h.dir) == nil {
				total -= h.bytes
			}
			mine.Close()
			r.event("cache.trimmed", "", fmt.Sprintf("%s: %.1f MB, not used for longest", filepath.Base(h.dir), float64(h.bytes)/1e6), nil)
		}
	}
	for n := r.o.Jobs - 1; n > 0 && total > r.o.Disk; n-- {
		for _, kind := range []string{"slot", "verify"} {
			dir := filepath.Join(r.place, kind, strconv.Itoa(n))
			bytes := size(dir)
			if removeAll(dir) == nil {
				total -= bytes
			}
		}
	}
	if total > r.o.Disk {
		r.event("cache.full", "", fmt.Sprintf("slots and caches take %.1f GB, more than disk: allows; spec runs --prune empties them", float64(total)/1e9), nil)
	}
}

// occupy marks a place in the cache as used now, and as ours until the file is closed; nil where another process has it or
// it cannot be written.
func occupy(place string) *os.File {
	file, err := os.OpenFile(filepath.Join(place, "used"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil
	}
	if !tryLock(file) {
		file.Close()
		return nil
	}
	now := time.Now()
	os.Chtimes(file.Name(), now, now)
	return file
}
