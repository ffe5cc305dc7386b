package main

import "tagged/stand"

func main() { println(stand.Double(30)) }
