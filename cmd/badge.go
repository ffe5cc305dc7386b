package cmd

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"spec.example/spec/internal/trace"
)

// proofCounts counts the criteria of features by their proof, as the lock has it and the tree bears it out.
func proofCounts(index *trace.Index, targets []*target) (bite, all int) {
	for _, t := range targets {
		for _, c := range t.feature.Criteria() {
			all++
			facts := t.lock.Criterion(c.ID)
			if proven(facts, c, index, t.feature.Name) && !strings.HasPrefix(facts.Bites, "0/") {
				bite++
			}
		}
	}
	return bite, all
}

// writeBadge writes how many criteria have a test that bites, from what the locks say of the tree as it is.
func (a *app) writeBadge(file string, targets []*target) error {
	index, err := trace.Scan(rooted(targets[0].root), ".")
	if err != nil {
		return err
	}
	bite, all := proofCounts(index, targets)
	message, color := fmt.Sprintf("%d of %d", bite, all), "#e05d44"
	switch {
	case all > 0 && bite == all:
		color = "#4c1"
	case bite*10 >= all*9:
		color = "#97ca00"
	case bite*2 >= all:
		color = "#dfb317"
	}
	data := []byte(badge("criteria proven", message, color))
	if filepath.Ext(file) == ".json" {
		if data, err = json.Marshal(map[string]any{"schemaVersion": 1, "label": "criteria proven", "message": message, "color": color}); err != nil {
			return err
		}
		data = append(data, '\n')
	}
	if err := os.WriteFile(a.path(file), data, 0o644); err != nil {
		return undecided("", "writing the badge: %v", err)
	}
	return nil
}

// badge is a picture of two words in the shape that readers know from other projects.
func badge(label, message, color string) string {
	width := func(s string) int { return 7*len(s) + 10 } // of the font Verdana at 11, which is the widest that is named
	l, m := width(label), width(message)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[4]s: %[5]s"><title>%[4]s: %[5]s</title>`+
		`<rect width="%[2]d" height="20" fill="#555"/><rect x="%[2]d" width="%[3]d" height="20" fill="%[6]s"/>`+
		`<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11"><text x="%[7]d" y="14">%[4]s</text><text x="%[8]d" y="14">%[5]s</text></g></svg>`+"\n",
		l+m, l, m, label, message, color, l/2, l+m/2)
}
