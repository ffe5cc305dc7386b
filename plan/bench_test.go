package plan_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"spec.example/spec/plan"
	"spec.example/spec/spec"
)

// graph writes a tasks.md of n tasks, each of which names two of the fifty before it.
func graph(n int) []byte {
	var b strings.Builder
	b.WriteString("# Implementation Plan\n\n")
	for i := 1; i <= n; i++ {
		depends := "none"
		if i > 1 {
			depends = fmt.Sprint(max(1, i-1-i*7%50))
			if other := max(1, i-1-i*13%50); fmt.Sprint(other) != depends {
				depends += fmt.Sprint(", ", other)
			}
		}
		fmt.Fprintf(&b, "- [ ] %d. Task number %d\n  - write part %d of the thing\n  - _Depends: %s_\n", i, i, i, depends)
	}
	return []byte(b.String())
}

func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			fsys := fstest.MapFS{"big/tasks.md": {Data: graph(n)}}
			b.ReportAllocs()
			for b.Loop() {
				f, _ := spec.Parse(fsys, "big")
				if p, _ := plan.New(f, plan.State{}); len(p.Tasks) != n {
					b.Fatal(len(p.Tasks))
				}
			}
		})
	}
}
