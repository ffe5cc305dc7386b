// Package liar holds agents that cheat, each beside an honest twin that differs only in the cheating lines. Its test runs
// them as real processes through the real program: nothing that a cheat did may land or be ticked, its trick is named or
// shown as a risk, and every honest twin lands. Nothing outside of this package names a cheat.
package liar
