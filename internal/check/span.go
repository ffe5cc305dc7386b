package check

import "strings"

// A span is the versions that a manifest allows: from low, which it holds, to high, which it does not. Components of numbers;
// a low of nothing is any version, a high of nothing is without end.
type span struct{ low, high []int }

// demands reads what a manifest asks for: 1.2, ^1.2, ~1.2, ~> 1.2, >=1.2 <3, ==1.2.*, ^1 || ^2. bare says what a number without
// a mark means to that manager of packages: "" exactly this, "^" this and what is compatible, ">=" at least this. Nothing is
// demanded by what holds no number.
func demands(text, bare string) (all []span) {
	for _, one := range strings.Split(text, "|") {
		if s, ok := readSpan(one, bare); ok {
			all = append(all, s)
		}
	}
	return all
}

func readSpan(text, bare string) (s span, ok bool) {
	for _, m := range constraint.get().FindAllStringSubmatch(text, -1) {
		mark, v := m[1], numbers(m[2])
		if mark == "" {
			mark = bare
		}
		ok = true
		switch mark {
		case "<":
			s.high = v
		case "<=":
			s.high = next(v, len(v)-1)
		case ">=", ">":
			s.low = v
		case "!=":
		case "^":
			at := 0
			for at < len(v)-1 && v[at] == 0 {
				at++
			}
			s = span{v, next(v, at)}
		case "~":
			s = span{v, next(v, min(1, len(v)-1))}
		case "~>":
			s = span{v, next(v, max(0, len(v)-2))}
		default:
			s = span{v, next(v, len(v)-1)}
		}
	}
	return s, ok
}

var constraint = lazy(`(\^|~>|~|>=|<=|!=|==|=|>|<)?\s*v?(\d+(?:\.\d+)*)`)

// next is the first version after all that begin with the components up to at.
func next(v []int, at int) []int {
	out := append([]int{}, v[:at+1]...)
	out[at]++
	return out
}

func numbers(text string) []int {
	var out []int
	for _, part := range strings.Split(text, ".") {
		out = append(out, leading(part))
	}
	return out
}

// agrees tells whether a version that prose names can be one of the span: every version that begins with it is meant, and where
// prose says "or later" every later one too.
func (s span) agrees(said string, least bool) bool {
	v := numbers(said)
	end := next(v, len(v)-1)
	if least {
		end = nil
	}
	return (s.high == nil || before(v, s.high)) && (end == nil || before(s.low, end))
}

// before compares two versions; what is missing is zero.
func before(a, b []int) bool {
	for i := range max(len(a), len(b)) {
		x, y := 0, 0
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return x < y
		}
	}
	return false
}

func leading(s string) int {
	n := 0
	for i := 0; i < len(s) && s[i] >= '0' && s[i] <= '9' && n < 1<<20; i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n
}
