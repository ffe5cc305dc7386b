// Package habits is of a Go without type parameters, and its tests have habits.
package habits

var ids int

// Next counts.
func Next() int {
	ids++
	return ids
}

var names = map[string]bool{}

// Register takes a name once.
func Register(name string) {
	if names[name] {
		panic("registered twice: " + name)
	}
	names[name] = true
}

// Twice is what it says.
func Twice(n int) int {
	if n < 0 {
		return 0
	}
	return n * 2
}

// Sum is small enough to become a part of what calls it, where nothing is allocated for it then.
func Sum(a, b int) *int {
	s := a + b
	if s > 100 {
		s = 100
	}
	return &s
}

var squares = map[int]int{}

// Square looks it up, or reckons.
func Square(n int) int {
	if v, ok := squares[n]; ok {
		return v
	}
	v := n * n
	squares[n] = v
	return v
}
