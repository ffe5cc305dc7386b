//go:build unix

package tasks

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestRunKeepsNoDocuments: a long run reads tasks.md at each landing, and a name cut out of one must not keep the whole of it.
func TestRunKeepsNoDocuments(t *testing.T) {
	const landings = 12
	x := newBench(t, 400, 0, func(int) []int { return nil })
	file := filepath.Join(x.dir, ".kiro/specs/f/tasks.md")
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc = append(doc, []byte("\n## Notes\n\n"+strings.Repeat("Words that no task has.\n", 1<<16))...)
	if err := os.WriteFile(file, doc, 0o644); err != nil {
		t.Fatal(err)
	}
	x.approve(t)
	x.git(t, "commit", "-qam", "notes")
	o := x.options(t, writer{}, 1)
	for i := 1; i <= landings; i++ {
		o.Only = append(o.Only, fmt.Sprint(i))
	}
	var held []uint64
	o.Event = func(e Event) {
		if e.Event == "task.landed" {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			held = append(held, m.HeapAlloc)
		}
	}
	x.run(t, o, landings)
	if grown := int(held[landings-1]) - int(held[3]); grown > 4*len(doc) {
		t.Errorf("%d landings hold %d bytes more; tasks.md has %d", landings-4, grown, len(doc))
	}
}
