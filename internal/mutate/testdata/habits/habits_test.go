package habits

import (
	"io/ioutil"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// It passes once a process, and looks at nothing that Twice gives.
func TestCounts(t *testing.T) {
	if got := Next(); got != 1 {
		t.Errorf("the first is %d", got)
	}
	Twice(3)
}

// It panics when it is run a second time.
func TestRegisters(t *testing.T) {
	Register("a")
	if got := Twice(3); got != 6 {
		t.Errorf("Twice(3) = %d", got)
	}
}

// It finds what it wants by its own name, below which it has a part.
func TestGolden(t *testing.T) {
	t.Run("part", func(t *testing.T) {
		want, err := ioutil.ReadFile(filepath.Join("testdata", filepath.FromSlash(t.Name())))
		if err != nil {
			t.Fatal(err)
		}
		if got := strconv.Itoa(Twice(3)); got != strings.TrimSpace(string(want)) {
			t.Errorf("%s", got)
		}
	})
}

// It leaves the standard output closed, and is elsewhere then.
func TestCaptures(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout = w
	os.Stdout.WriteString(strconv.Itoa(Twice(3)))
	w.Close()
	if got, _ := ioutil.ReadAll(r); string(got) != "6" {
		t.Errorf("%s", got)
	}
	if _, err := os.Stat("testdata"); err != nil {
		t.Fatal(err)
	}
	os.Chdir("testdata")
}

// It counts what is allocated, which is more where breaks are compiled into the code.
func TestAllocates(t *testing.T) {
	if n := testing.AllocsPerRun(10, func() {
		if got := *Sum(60, 50); got != 100 {
			t.Errorf("Sum = %d", got)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// What it asks for is looked up when it runs again.
func TestLooksUp(t *testing.T) {
	if a, b := Square(3), Square(3); a != 9 || b != 9 {
		t.Errorf("%d %d", a, b)
	}
}
