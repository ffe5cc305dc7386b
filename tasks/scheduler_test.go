package tasks

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"spec.example/spec/plan"
)

// anyPlan draws a graph of tasks, each of which waits for some of those before it.
func anyPlan(t *rapid.T) *plan.Plan {
	p := &plan.Plan{}
	n := rapid.IntRange(1, 25).Draw(t, "tasks")
	for i := range n {
		task := plan.Task{ID: fmt.Sprint(i), Action: plan.Run}
		for j := range i {
			if rapid.IntRange(0, 3).Draw(t, "edge") == 0 {
				task.Depends = append(task.Depends, fmt.Sprint(j))
			}
		}
		p.Tasks = append(p.Tasks, task)
	}
	return p
}

func find(p *plan.Plan, id string) *plan.Task {
	for i := range p.Tasks {
		if p.Tasks[i].ID == id {
			return &p.Tasks[i]
		}
	}
	return nil
}

// play runs a plan to its end: at most jobs at a time, finished in the order that pick says, with those in fails failing.
// It checks on the way that nothing starts before what it waits for has landed.
func play(t *rapid.T, p *plan.Plan, jobs int, fails map[string]bool, pick func(running []string) int) (landedIDs []string) {
	s := newScheduler(p)
	var running, done []string
	for steps := 0; ; steps++ {
		if steps > 10*len(p.Tasks)+10 {
			t.Fatal("the run does not end")
		}
		for _, id := range s.ready(jobs - len(running)) {
			for _, dep := range find(p, id).Depends {
				if !slices.Contains(done, dep) {
					t.Fatalf("task %s started before %s landed", id, dep)
				}
			}
			s.start(id)
			running = append(running, id)
		}
		if len(running) == 0 {
			break
		}
		i := pick(running)
		id := running[i]
		running = slices.Delete(running, i, i+1)
		if fails[id] {
			s.fail(id, "it failed")
		} else {
			s.land(id)
			done = append(done, id)
		}
	}
	if left := s.with(waiting); len(left) > 0 {
		t.Fatalf("tasks %v were neither run nor blocked", left)
	}
	for _, id := range s.with(blocked) {
		if root := s.nodes[id].cause; !fails[root] {
			t.Fatalf("task %s is blocked by %s, which did not fail", id, root)
		}
	}
	slices.Sort(done)
	return done
}

// TestScheduler holds the promises of the scheduler for any graph, any failures and any timing: it ends, order is kept, a
// failure blocks its descendants and nothing else, and what lands does not depend on the timing.
//
// spec:workflow/3.1
func TestScheduler(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPlan(t)
		fails := map[string]bool{}
		for _, task := range p.Tasks {
			fails[task.ID] = rapid.IntRange(0, 5).Draw(t, "fails") == 0
		}
		var want []string // what has no failing ancestor
		lost := map[string]bool{}
		for _, task := range p.Tasks {
			lost[task.ID] = fails[task.ID] || slices.ContainsFunc(task.Depends, func(d string) bool { return lost[d] })
			if !lost[task.ID] {
				want = append(want, task.ID)
			}
		}
		slices.Sort(want)
		for range 3 {
			got := play(t, p, rapid.IntRange(1, 5).Draw(t, "jobs"), fails, func(running []string) int { return rapid.IntRange(0, len(running)-1).Draw(t, "next") })
			if !slices.Equal(got, want) {
				t.Fatalf("landed %v, want %v", got, want)
			}
		}
	})
}

// A plan that was made again from a head which has a landing is told of it once more: nothing may start because of that.
func TestLandedBeforeItIsTold(t *testing.T) {
	p := &plan.Plan{Tasks: []plan.Task{{ID: "a", Action: plan.Done}, {ID: "b", Action: plan.Run}, {ID: "c", Action: plan.Run, Depends: []string{"a", "b"}}}}
	s := newScheduler(p)
	s.start("b")
	s.land("a")
	if got := s.ready(2); len(got) > 0 {
		t.Errorf("%v starts while b runs", got)
	}
	s.land("b")
	if got := s.ready(2); !slices.Equal(got, []string{"c"}) {
		t.Errorf("ready %v, want c", got)
	}
}

func TestLongestChainFirst(t *testing.T) {
	p := &plan.Plan{Tasks: []plan.Task{{ID: "a", Action: plan.Run}, {ID: "b", Action: plan.Run}, {ID: "c", Action: plan.Run, Depends: []string{"b"}}, {ID: "d", Action: plan.Run, Depends: []string{"c"}}}}
	if got := newScheduler(p).ready(2); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("ready %v, want b before a: more waits for it", got)
	}
}
