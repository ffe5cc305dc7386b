package plan

import (
	"bytes"
	"fmt"
	"strings"
)

// Mermaid renders the graph as a Mermaid flow chart.
func Mermaid(p *Plan) []byte {
	var b bytes.Buffer
	b.WriteString("flowchart LR\n")
	for i, t := range p.Tasks {
		fmt.Fprintf(&b, "  n%d[\"%s %s\"]\n", i, t.ID, strings.NewReplacer(`"`, "'", "\n", " ", "<", "‹", ">", "›").Replace(t.Title))
	}
	for i, t := range p.Tasks {
		for _, d := range t.Depends {
			fmt.Fprintf(&b, "  n%d --> n%d\n", p.at(d), i)
		}
	}
	return b.Bytes()
}

// DOT renders the graph for Graphviz.
func DOT(p *Plan) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "digraph %q {\n  rankdir=LR;\n  node [shape=box];\n", p.Feature.Name)
	for _, t := range p.Tasks {
		style := ""
		if t.Critical {
			style = ", penwidth=2"
		}
		fmt.Fprintf(&b, "  %q [label=%q%s];\n", t.ID, t.ID+" "+t.Title, style)
	}
	for _, t := range p.Tasks {
		for _, d := range t.Depends {
			fmt.Fprintf(&b, "  %q -> %q;\n", d, t.ID)
		}
	}
	b.WriteString("}\n")
	return b.Bytes()
}
