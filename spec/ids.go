package spec

import "hash/maphash"

// ids finds tasks by their ids: a table of places, which takes a tenth of a map's memory for many tasks. The first of two
// equal ids counts.
type ids struct {
	seed  maphash.Seed
	slots []int32 // place and one more; 0 for none
}

// newIDs makes a table for n tasks.
func newIDs(n int) *ids {
	size := 8
	for size < 2*n {
		size *= 2
	}
	return &ids{seed: maphash.MakeSeed(), slots: make([]int32, size)}
}

// slot is where an id stands, or where it would.
func (x *ids) slot(tasks []Task, id string) int {
	mask := len(x.slots) - 1
	at := int(maphash.String(x.seed, id)) & mask
	for x.slots[at] != 0 && tasks[x.slots[at]-1].ID != id {
		at = (at + 1) & mask
	}
	return at
}

// find is the place of an id, -1 for none.
func (x *ids) find(tasks []Task, id string) int {
	if x == nil {
		return -1
	}
	return int(x.slots[x.slot(tasks, id)]) - 1
}

// add notes the id of the task at a place, unless an earlier one has it. There is room for as many as were announced.
func (x *ids) add(tasks []Task, place int) {
	if at := x.slot(tasks, tasks[place].ID); x.slots[at] == 0 {
		x.slots[at] = int32(place) + 1
	}
}
