// Package clock reads times of day.
package clock

import "strconv"

// Minutes reads "14:30" as minutes since midnight; -1 where it is no time of day.
func Minutes(text string) int {
	colon := -1
	for i := range text {
		if text[i] == ':' {
			colon = i
			break
		}
	}
	if colon < 1 || colon+1 >= len(text) {
		return -1
	}
	h, err := strconv.Atoi(text[:colon])
	if err != nil || h < 0 || h > 23 {
		return -1
	}
	m, err := strconv.Atoi(text[colon+1:])
	if err != nil || m < 0 || m > 59 {
		return -1
	}
	return h*60 + m
}

// Until is how many minutes pass from one time of day to another, over midnight where need be.
func Until(from, to int) int {
	if to < from {
		to += 24 * 60
	}
	return to - from
}

// Open tells whether a shop is open that opens at nine and closes at six.
func Open(minutes int) bool {
	return minutes >= 9*60 && minutes < 18*60
}

// Round rounds to a step of minutes, half a step up.
func Round(minutes, step int) int {
	rest := minutes % step
	if rest*2 >= step {
		return minutes + step - rest
	}
	return minutes - rest
}
