package tasks

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// Where no Go module lies at the root those below it are verified; a module at the root, or what else a root is verified by, comes first.
func TestDetectModules(t *testing.T) {
	for _, c := range []struct {
		name, files, want string
	}{
		{"one", "svc/go.mod svc/x.go", "svc"},
		{"several", "a/go.mod a/x.go deep/er/b/go.mod deep/er/b/cmd/main.go", "a deep/er/b"},
		{"one at the root", "go.mod x.go svc/go.mod svc/x.go", ""},
		{"an npm package at the root", "package.json svc/go.mod svc/x.go", ""},
		{"those that go leaves out, or too deep", "testdata/go.mod testdata/x.go _a/go.mod _a/x.go .b/go.mod .b/x.go vendor/v/go.mod vendor/v/x.go 1/2/3/4/go.mod 1/2/3/4/x.go", ""},
		{"without a package", "tools/go.mod tools/tools.go a/go.mod a/b/go.mod a/b/x.go c/go.mod c/README.md", "a/b"},
		{"of a workspace", "go.work a/go.mod a/x.go b/go.mod b/x.go c/go.mod c/x.go", "a b"},
		{"of a workspace with the root", "go.work go.mod x.go a/go.mod a/x.go b/go.mod b/README.md c/go.mod c/x.go", "a ."},
		{"of a workspace with the root alone", "go.work go.mod x.go c/go.mod c/x.go", ""},
		{"none", "x.go", ""},
	} {
		files := fstest.MapFS{}
		for _, name := range strings.Fields(c.files) {
			text := "package x\n"
			switch {
			case strings.HasSuffix(name, "tools.go"):
				text = "//go:build tools\n\npackage tools\n"
			case strings.HasSuffix(name, "go.work"):
				text = "go 1.24\n\nuse (\n\t./a\n\t./b\n\t../outside\n)\n"
				if strings.Contains(c.files, " go.mod") {
					text += "use .\n"
				}
			}
			files["ws/"+name] = &fstest.MapFile{Data: []byte(text)}
		}
		r, err := Detect(files, "ws", Verification{})
		if got := strings.Join(r.GoDirs, " "); err != nil || got != c.want {
			t.Errorf("%s: modules %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

// Packages that are named from the root are run in the module that they lie in, the innermost.
func TestGoRuns(t *testing.T) {
	for _, c := range []struct {
		args string
		want string // DIR: ARGS, …
	}{
		{"./...", "a: ./...; a/b: ./...; c: ./..."},
		{"-run ^TestX$ ./a ./a/x ./a/b/y", "a: -run ^TestX$ . ./x; a/b: -run ^TestX$ ./y"},
		{"-race ./c/...", "c: -race ./..."},
		{"./ab", ""},
	} {
		r := Runner{GoDirs: []string{"a", "a/b", "c"}, GoArgs: strings.Fields(c.args)}
		var got []string
		for _, run := range r.goRuns() {
			got = append(got, run.dir+": "+strings.Join(run.args, " "))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %q, want %q", c.args, got, c.want)
		}
	}
	rooted := Runner{GoDirs: []string{".", "a"}, GoArgs: []string{"./a/x", "./b", "./ab/..."}}
	if got := fmt.Sprint(rooted.goRuns()); got != "[{. [./b ./ab/...]} {a [./x]}]" {
		t.Errorf("with the root: %s", got)
	}
	plain := Runner{GoArgs: []string{"-short", "./..."}}
	if runs := plain.goRuns(); len(runs) != 1 || runs[0].dir != "" || !slices.Equal(runs[0].args, plain.GoArgs) {
		t.Errorf("a module at the root: %v", runs)
	}
}
