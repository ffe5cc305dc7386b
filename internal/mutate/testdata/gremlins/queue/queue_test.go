package queue

import (
	"slices"
	"testing"
)

func filled(size int, items ...int) *Ring {
	r := New(size)
	for _, n := range items {
		r.Push(n)
	}
	return r
}

func TestOrder(t *testing.T) {
	if got := filled(3, 1, 2).Drain(); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("got %v", got)
	}
}

func TestOldestGoes(t *testing.T) {
	if got := filled(2, 1, 2, 3, 4).Drain(); !slices.Equal(got, []int{3, 4}) {
		t.Errorf("got %v", got)
	}
}

func TestEmpty(t *testing.T) {
	if _, ok := New(0).Pop(); ok {
		t.Error("something was in an empty ring")
	}
}

func TestLargest(t *testing.T) {
	if at, largest := filled(3, 5, 9, 9).Largest(); at != 1 || largest != 9 {
		t.Errorf("%d at %d", largest, at)
	}
}
