package tasks

import (
	"time"
)

// progress tells how far the run is: what landed of how much, what is ready next, and from earlier durations how long the
// rest may take.
func (r *run) progress(busy int) {
	left := len(r.sched.with(waiting)) + busy
	data := map[string]any{"landed": len(r.sched.with(landed)), "total": len(r.sched.order) - len(r.sched.with(skipped)), "left": left, "next": r.sched.next(5)}
	if mean := r.mean(); mean > 0 && left > 0 {
		data["seconds"] = int((mean * time.Duration(left) / time.Duration(min(r.o.Jobs, left))).Seconds())
	}
	r.event("run.progress", "", "", data)
}

// mean is how long a task took so far, in this run and earlier ones; 0 where none is known.
func (r *run) mean() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.history.count == 0 {
		return 0
	}
	return r.history.took / time.Duration(r.history.count)
}

// tookTask notes how long a landed task took.
func (r *run) tookTask(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.took += d
	r.history.count++
}
