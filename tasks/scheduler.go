package tasks

import (
	"cmp"
	"container/heap"

	"spec.example/spec/plan"
)

// status is what a run knows of a task.
type status string

const (
	waiting status = "waiting" // not started; what it depends on may not have landed
	running status = "running"
	landed  status = "landed"
	failed  status = "failed"
	parked  status = "parked"  // stopped for a person: a question or a gate
	skipped status = "skipped" // not to be done in this run
	blocked status = "blocked" // something that it depends on cannot land in this run
)

// A scheduler decides what to start next. It is passive: it is told that a task started, landed, failed, was parked
// or skipped, and answers Ready. It has no clock and no goroutine, so that the same events always give the same
// answers.
type scheduler struct {
	nodes map[string]*node
	order []*node // in document order
	free  queue   // what may start; a node whose status changed since it was put here is passed over
}

type node struct {
	id         string
	place      int // in document order
	chain      int // tasks on the longest chain of dependents, itself included
	depends    []*node
	dependents []*node
	left       int  // of depends: those that hold it back
	unknown    bool // it depends on a task that is not in the plan
	queued     bool
	status     status
	cause      string // of failed, skipped: why; of blocked: the id of the task that is the root cause
	passes     bool   // skipped, but its dependents go on
}

// newScheduler starts from a plan: done tasks count as landed, blocked and skipped ones stay out.
func newScheduler(p *plan.Plan) *scheduler {
	s := &scheduler{nodes: make(map[string]*node, len(p.Tasks)), order: make([]*node, 0, len(p.Tasks))}
	for i, t := range p.Tasks {
		n := &node{id: t.ID, place: i, status: waiting}
		switch t.Action {
		case plan.Done:
			n.status = landed
		case plan.Skip:
			n.status, n.passes = skipped, true
		case plan.Blocked:
			n.status, n.cause = failed, "the plan blocks it"
		}
		s.nodes[t.ID] = n
		s.order = append(s.order, n)
	}
	for i, t := range p.Tasks {
		n := s.order[i]
		for _, id := range t.Depends {
			dep := s.nodes[id]
			if dep == nil {
				n.unknown = true
				continue
			}
			n.depends = append(n.depends, dep)
			dep.dependents = append(dep.dependents, n)
		}
	}
	s.measure()
	for _, n := range s.order {
		if n.status == failed {
			s.block(n)
		}
	}
	s.refill()
	return s
}

// refill finds anew what may start.
func (s *scheduler) refill() {
	s.free = s.free[:0]
	for _, n := range s.order {
		n.left, n.queued = 0, false
		for _, dep := range n.depends {
			if !dep.lets() {
				n.left++
			}
		}
	}
	for _, n := range s.order {
		s.offer(n)
	}
}

// lets tells whether what depends on the task may go on.
func (n *node) lets() bool { return n.status == landed || n.status == skipped && n.passes }

// offer puts a task where ready finds it, if nothing holds it back.
func (s *scheduler) offer(n *node) {
	if n.status == waiting && n.left == 0 && !n.unknown && !n.queued {
		n.queued = true
		heap.Push(&s.free, n)
	}
}

// release tells what depends on a task that it lets them go on.
func (s *scheduler) release(n *node) {
	for _, d := range n.dependents {
		d.left--
		s.offer(d)
	}
}

// A queue is a heap of nodes: the longest remaining chain first, document order as the tie-break.
type queue []*node

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[j].chain, q[i].chain), cmp.Compare(q[i].place, q[j].place)) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*node)) }
func (q *queue) Pop() any {
	old := *q
	n := old[len(old)-1]
	*q = old[:len(old)-1]
	return n
}

// measure sets the length of each node's longest chain of dependents, without recursion: plans are deep. Nodes on a
// cycle (a plan with errors never gets here) keep 0.
func (s *scheduler) measure() {
	left := make([]int, len(s.order))
	var ready []*node
	for _, n := range s.order {
		if left[n.place] = len(n.dependents); left[n.place] == 0 {
			ready = append(ready, n)
		}
	}
	for len(ready) > 0 {
		n := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		n.chain++
		for _, dep := range n.depends {
			dep.chain = max(dep.chain, n.chain)
			if left[dep.place]--; left[dep.place] == 0 {
				ready = append(ready, dep)
			}
		}
	}
}

// ready takes at most n tasks that can start now, in the order in which they should. The caller starts them, or puts
// them back with retry.
func (s *scheduler) ready(n int) []string {
	var ids []string
	for len(ids) < n && s.free.Len() > 0 {
		next := heap.Pop(&s.free).(*node)
		next.queued = false
		if next.status == waiting {
			ids = append(ids, next.id)
		}
	}
	return ids
}

// next names at most n of the tasks that can start now; it takes none.
func (s *scheduler) next(n int) []string {
	ids := []string{}
	for _, node := range s.free { // a heap: the first is the first, the rest nearly in order
		if node.status == waiting && len(ids) < n {
			ids = append(ids, node.id)
		}
	}
	return ids
}

func (s *scheduler) start(id string) { s.nodes[id].status = running }

// land takes note that a task has landed, once: a plan that was made again from a head which has it knows already.
func (s *scheduler) land(id string) {
	n := s.nodes[id]
	if n.status == landed {
		return
	}
	n.status = landed
	s.release(n)
}

// retry puts a running task back: it will be started again.
func (s *scheduler) retry(id string) {
	n := s.nodes[id]
	n.status = waiting
	s.offer(n)
}

func (s *scheduler) fail(id, cause string) {
	n := s.nodes[id]
	n.status, n.cause = failed, cause
	s.block(n)
}

func (s *scheduler) park(id, cause string) {
	n := s.nodes[id]
	n.status, n.cause = parked, cause
	s.block(n)
}

// skip leaves a task out. Its dependents are blocked unless assumeDone says that they may go on without it.
func (s *scheduler) skip(id, cause string, assumeDone bool) {
	n := s.nodes[id]
	n.status, n.cause, n.passes = skipped, cause, assumeDone
	if assumeDone {
		s.release(n)
	} else {
		s.block(n)
	}
}

// block marks everything that waits, directly or not, for root.
func (s *scheduler) block(root *node) {
	for queue := []*node{root}; len(queue) > 0; queue = queue[1:] {
		for _, n := range queue[0].dependents {
			if n.status == waiting {
				n.status, n.cause = blocked, root.id
				queue = append(queue, n)
			}
		}
	}
}

// with lists the tasks that have a status, in document order.
func (s *scheduler) with(want status) []string {
	ids := []string{}
	for _, n := range s.order {
		if n.status == want {
			ids = append(ids, n.id)
		}
	}
	return ids
}

func (s *scheduler) is(id string) status {
	if n := s.nodes[id]; n != nil {
		return n.status
	}
	return ""
}

// adopt takes over what a run already knows when the plan is made again: what is running, failed, parked or skipped
// stays so if the task is still there.
func (s *scheduler) adopt(old *scheduler) {
	for _, was := range old.order {
		n := s.nodes[was.id]
		if n == nil || n.status == landed {
			continue
		}
		switch was.status {
		case running:
			n.status = running
		case failed, parked:
			n.status, n.cause = was.status, was.cause
			s.block(n)
		case skipped:
			s.skip(n.id, was.cause, was.passes)
		}
	}
	s.refill()
}
