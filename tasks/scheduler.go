package tasks

import (
	"cmp"
	"slices"

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
	order []*node // longest remaining chain first, document order as the tie-break
}

type node struct {
	id         string
	place      int // in document order
	chain      int // tasks on the longest chain of dependents, itself included
	depends    []string
	dependents []*node
	status     status
	cause      string // of failed, skipped: why; of blocked: the id of the task that is the root cause
	passes     bool   // skipped, but its dependents go on
}

// newScheduler starts from a plan: done tasks count as landed, blocked and skipped ones stay out.
func newScheduler(p *plan.Plan) *scheduler {
	s := &scheduler{nodes: make(map[string]*node, len(p.Tasks))}
	for i, t := range p.Tasks {
		n := &node{id: t.ID, place: i, depends: t.Depends, status: waiting}
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
	for _, n := range s.order {
		for _, id := range n.depends {
			if dep := s.nodes[id]; dep != nil {
				dep.dependents = append(dep.dependents, n)
			}
		}
	}
	s.measure()
	slices.SortStableFunc(s.order, func(a, b *node) int {
		return cmp.Or(cmp.Compare(b.chain, a.chain), cmp.Compare(a.place, b.place))
	})
	for _, n := range s.order {
		if n.status == failed {
			s.block(n)
		}
	}
	return s
}

// measure sets the length of each node's longest chain of dependents, without recursion: plans are deep. Nodes on a
// cycle (a plan with errors never gets here) keep 0.
func (s *scheduler) measure() {
	left := make(map[*node]int, len(s.order))
	var ready []*node
	for _, n := range s.order {
		if left[n] = len(n.dependents); left[n] == 0 {
			ready = append(ready, n)
		}
	}
	for len(ready) > 0 {
		n := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		n.chain++
		for _, id := range n.depends {
			dep := s.nodes[id]
			if dep == nil {
				continue
			}
			dep.chain = max(dep.chain, n.chain)
			if left[dep]--; left[dep] == 0 {
				ready = append(ready, dep)
			}
		}
	}
}

// ready returns at most n tasks that can start now, in the order in which they should.
func (s *scheduler) ready(n int) []string {
	var ids []string
	for _, node := range s.order {
		if len(ids) >= n {
			break
		}
		if node.status == waiting && s.free(node) {
			ids = append(ids, node.id)
		}
	}
	return ids
}

func (s *scheduler) free(n *node) bool {
	for _, id := range n.depends {
		dep := s.nodes[id]
		if dep == nil || !(dep.status == landed || dep.status == skipped && dep.passes) {
			return false
		}
	}
	return true
}

func (s *scheduler) start(id string) { s.nodes[id].status = running }

func (s *scheduler) land(id string) { s.nodes[id].status = landed }

// retry puts a running task back: it will be started again.
func (s *scheduler) retry(id string) { s.nodes[id].status = waiting }

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
	if !assumeDone {
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
	var nodes []*node
	for _, n := range s.order {
		if n.status == want {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b *node) int { return cmp.Compare(a.place, b.place) })
	ids := make([]string, len(nodes))
	for i, n := range nodes {
		ids[i] = n.id
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
}
