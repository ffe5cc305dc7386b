package check

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"spec.example/spec/spec"
)

// steering checks the steering of one workspace: references that lead nowhere, or outside (SPEC403), and front matter
// that includes nothing (SPEC404).
func steering(fsys fs.FS, root string) spec.Diagnostics {
	files, diags := spec.Steering(fsys, root)
	for _, s := range files {
		for _, ref := range s.References {
			target := path.Join(root, ref)
			why := ""
			if !fs.ValidPath(target) || strings.HasPrefix(ref, "/") || strings.HasPrefix(ref, "..") {
				why = "leads outside the repository"
			} else if _, err := fs.Stat(fsys, target); err != nil {
				if _, err := fs.Stat(fsys, path.Join(path.Dir(s.Path), ref)); err != nil {
					why = "is not there"
				}
			}
			if why != "" {
				diags = append(diags, spec.Diagnostic{Code: "SPEC403", Severity: severityOf("SPEC403"), File: s.Path, Line: lineOf(fsys, s.Path, "#[[file:"+ref), Column: 1, Subject: ref,
					Message: fmt.Sprintf("the file that steering refers to %s: %s", why, ref), Hint: "mend the path, or drop the reference"})
			}
		}
		if s.Inclusion == "fileMatch" && len(s.Patterns) == 0 {
			diags = append(diags, spec.Diagnostic{Code: "SPEC404", Severity: severityOf("SPEC404"), File: s.Path, Line: 1, Column: 1, Message: "inclusion is fileMatch, but there is no fileMatchPattern", Hint: "add one, or make the inclusion always"})
		}
	}
	return diags
}

func lineOf(fsys fs.FS, name, text string) int {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return 1
	}
	before, _, _ := strings.Cut(string(data), text)
	return 1 + strings.Count(before, "\n")
}
