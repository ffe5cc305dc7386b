// Package queue is a ring of numbers.
package queue

// A Ring keeps the last numbers that it was given.
type Ring struct {
	items []int
	head  int
	count int
}

// New makes a ring of a size.
func New(size int) *Ring {
	if size < 1 {
		size = 1
	}
	return &Ring{items: make([]int, size)}
}

// Push adds a number, in the place of the oldest one where the ring is full.
func (r *Ring) Push(n int) {
	r.items[(r.head+r.count)%len(r.items)] = n
	if r.count < len(r.items) {
		r.count++
		return
	}
	r.head = (r.head + 1) % len(r.items)
}

// Pop takes the oldest number.
func (r *Ring) Pop() (int, bool) {
	if r.count == 0 {
		return 0, false
	}
	n := r.items[r.head]
	r.head = (r.head + 1) % len(r.items)
	r.count--
	return n, true
}

// Drain takes all numbers.
func (r *Ring) Drain() (out []int) {
	for r.count > 0 {
		n, _ := r.Pop()
		out = append(out, n)
	}
	return out
}

// Largest is the largest number, and where it is.
func (r *Ring) Largest() (at, largest int) {
	at = -1
	for i := 0; i < r.count; i++ {
		n := r.items[(r.head+i)%len(r.items)]
		if at == -1 || n > largest {
			at, largest = i, n
		}
	}
	return at, largest
}
