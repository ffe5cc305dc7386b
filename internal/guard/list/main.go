// Command list prints the guards, one a line, for .ci/guards: name, package and test.
package main

import (
	"fmt"

	"spec.example/spec/internal/guard"
)

func main() {
	for _, g := range guard.All() {
		fmt.Println(g.Name, g.Package, g.Test)
	}
}
