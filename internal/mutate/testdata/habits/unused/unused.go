// Package unused breaks in ways that a compiler would not let pass.
package unused

import (
	"errors"
	"io"
	"strings"
)

var errMany = errors.New("many")

type limits struct{ low, high int }

// Count gives the zero values of many types.
func Count(words []string, more func() string) (limits, map[string]int, bool, error) {
	var last string
	quoted := []string{0: "", 1: "b"}
	ranks := map[string]int{"": 1, "low": 2, "high": 3}
	for i, word := range words {
		quoted[i] = strings.ToUpper(word)
		word := more()
		last = word
	}
	switch len(words) {
	case 0:
		return limits{}, nil, false, nil
	case 1:
		return limits{low: 1}, ranks, true, nil
	case 2, 7:
		ranks[last]++
	}
	if len(words) > 9 {
		return limits{}, nil, false, errMany
	}
	return limits{1, len(quoted)}, ranks, true, nil
}

// Wrap is a closure.
func Wrap(of interface{}) func() string {
	switch of := of.(type) {
	case string:
		return func() string { return of + "!" }
	case func() string:
		return of
	case io.Reader:
		if _, err := of.Read(make([]byte, 9)); err != io.EOF {
			return nil
		}
		return func() string { return end(io.EOF).Error() }
	}
	return func() string { return "?" }
}

func end(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}
