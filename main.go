// Command spec turns a sentence into software that is proven to do what was agreed, and keeps it that way.
package main

import (
	"embed"
	"os"

	"spec.example/spec/cmd"
)

// The blueprint: the billing package as it is compiled and tested here, its specification, and the versions that it
// was tested with. A test compares the list with what git tracks.
//
//go:embed all:billing all:.kiro/specs/subscription-billing go.mod go.sum
var blueprint embed.FS

func main() { os.Exit(cmd.Main(cmd.Process(blueprint))) }
