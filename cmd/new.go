package cmd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"spec.example/spec/internal/agent"
	"spec.example/spec/spec"
)

type newOptions struct {
	blueprint string
	name      string
	agent     string
	quick     bool
	bug       bool
}

func (a *app) newVerb() *cobra.Command {
	var o newOptions
	c := &cobra.Command{
		Use:   `new "what you want"`,
		Short: "Turn a sentence into a specification",
		Long: "New writes a feature directory below .kiro/specs: requirements.md, design.md and tasks.md in Kiro's format. A sentence\n" +
			"that fits a built-in blueprint gets its specification; any other starts an interview at a terminal, or a skeleton whose\nopen points are marked. Nothing that exists is overwritten.",
		Args: exactly("PROMPT"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.prompt(c.Context())
			defer cancel()
			_, err := a.create(ctx, args[0], o)
			return err
		},
	}
	c.Flags().StringVar(&o.blueprint, "blueprint", "", "use blueprint `NAME`, or none")
	c.Flags().StringVar(&o.name, "name", "", "name of the feature's directory, where no blueprint gives it")
	c.Flags().StringVar(&o.agent, "agent", "", "have agent `NAME` write the documents")
	c.Flags().BoolVar(&o.quick, "quick", false, "with --agent: do not ask between the documents")
	c.Flags().BoolVar(&o.bug, "bug", false, "the bugfix form: what happens, what should, and what must stay")
	return c
}

// create writes the feature and returns its name.
//
// spec:workflow/2.1
func (a *app) create(ctx context.Context, prompt string, o newOptions) (string, error) {
	if strings.TrimSpace(prompt) == "" {
		return "", undecided(`spec new "Add subscription billing so users can pay monthly"`, "the sentence is empty")
	}
	root, err := a.workspaceRoot()
	if err != nil {
		return "", err
	}
	switch {
	case o.agent != "":
		return a.generate(ctx, root, prompt, o)
	case o.quick:
		return "", undecided("spec new --agent NAME PROMPT", "--quick goes with --agent")
	case o.bug:
		return a.bugInterview(ctx, root, prompt, o.name)
	}
	switch o.blueprint {
	case "none":
		return a.interview(ctx, root, prompt, o.name)
	case "", blueprintBilling:
	default:
		return "", undecided("spec new --blueprint "+blueprintBilling+" PROMPT", "no blueprint is called %q; there is %s", o.blueprint, blueprintBilling)
	}
	score, words := match(prompt)
	if o.blueprint == "" {
		if score < 2 {
			fmt.Fprintf(a.w.Stdout, "No blueprint fits (best: %s, %d of 2 needed words).\n", blueprintBilling, score)
			return a.interview(ctx, root, prompt, o.name)
		}
		fmt.Fprintf(a.w.Stdout, "Blueprint %s fits: %d words (%s). --blueprint none starts from nothing.\n", blueprintBilling, score, strings.Join(words, ", "))
	}
	return billingSlug, a.fromBlueprint(root)
}

// The one blueprint, and the directory of its specification.
const (
	blueprintBilling = "billing"
	billingSlug      = "subscription-billing"
)

// match scores a sentence against the billing blueprint: how many of its words occur. Two are needed, so that "pay"
// alone does not bring Stripe into a project.
//
// spec:workflow/2.1
func match(prompt string) (int, []string) {
	stems := []string{"subscri", "billing", "stripe", "monthly", "annual", "plan", "payment", "pay", "checkout", "recurring", "invoice", "pricing"}
	var words []string
	for word := range strings.FieldsFuncSeq(strings.ToLower(prompt), func(r rune) bool { return !unicode.IsLetter(r) }) {
		for _, stem := range stems {
			if strings.HasPrefix(word, stem) && !slices.Contains(words, word) && !(stem == "plan" && word != "plan" && word != "plans") {
				words = append(words, word)
				break
			}
		}
	}
	return len(words), words
}

// fromBlueprint copies the blueprint's specification, with empty boxes and without a lock, and writes steering for the
// host project where there is none.
func (a *app) fromBlueprint(root string) error {
	dir := path.Join(".kiro/specs", billingSlug)
	full := filepath.Join(root, filepath.FromSlash(dir))
	if _, err := os.Lstat(full); err == nil {
		return undecided("spec plan "+billingSlug, "%s exists already", dir)
	}
	files, err := agent.SpecFiles(a.w.Blueprint, dir)
	if err != nil {
		return fmt.Errorf("reading the built-in blueprint: %v", err)
	}
	if err := a.writeAll(root, dir, files); err != nil {
		return err
	}
	if err := a.hostSteering(root); err != nil {
		return err
	}
	fmt.Fprint(a.w.Stdout, billingNotes)
	return nil
}

// writeAll writes the files of a new directory: beside it first, so that a failure or a kill leaves none or all.
func (a *app) writeAll(root, dir string, files map[string][]byte) error {
	if err := within(root, dir); err != nil {
		return err
	}
	parent := filepath.Join(root, filepath.FromSlash(path.Dir(dir)))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return undecided("", "%v", err)
	}
	temp, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return undecided("", "%v", err)
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(temp, name), data, 0o644); err != nil {
			return undecided("", "%v", err)
		}
	}
	if err := os.Rename(temp, filepath.Join(root, filepath.FromSlash(dir))); err != nil {
		return undecided("", "%v", err)
	}
	for _, name := range sortedKeys(files) {
		fmt.Fprintf(a.w.Stdout, "wrote %s\n", path.Join(dir, name))
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

const billingNotes = `
Review notes:
  ! Environment: STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET, PRICE_MONTHLY and PRICE_ANNUAL have to be set.
  ! A database migration comes with task 1; it needs a table users(id uuid) and has to run before deployment.
  ! The webhook POST /api/billing/webhook has to be registered in Stripe's dashboard, with the API version pinned.
  > Suggestion: deploy the webhook before the checkout routes, so that no paid session goes unheard.

Next: read the documents, then: spec approve subscription-billing
`

// hostSteering writes steering for a project that has none, from what its manifest says.
func (a *app) hostSteering(root string) error {
	dir := filepath.Join(root, ".kiro", "steering")
	if _, err := os.Lstat(dir); err == nil {
		return nil
	}
	if _, err := os.Lstat(dir + ".md"); err == nil {
		return nil
	}
	if err := within(root, ".kiro/steering"); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return undecided("", "%v", err)
	}
	module, goVersion := "this project", ""
	if data, err := os.ReadFile(filepath.Join(root, "go.mod")); err == nil {
		for line := range strings.Lines(string(data)) {
			if m, ok := strings.CutPrefix(line, "module "); ok {
				module = strings.TrimSpace(m)
			}
			if v, ok := strings.CutPrefix(line, "go "); ok {
				goVersion = strings.TrimSpace(v)
			}
		}
	}
	texts := map[string]string{
		"product.md":   "# Product\n\nA hosted service whose users sign in and pay by subscription.\n",
		"tech.md":      fmt.Sprintf("# Technology\n\n- Language: Go %s, module `%s`.\n- Database: PostgreSQL, through pgx.\n- Payments: Stripe, through stripe-go v76 (API version 2023-10-16).\n- Tests: `go test ./...`, against a real PostgreSQL.\n", goVersion, module),
		"structure.md": "# Structure\n\n- `billing/`: subscription billing. It owns no global state and is mounted on the service's `http.ServeMux`.\n- Times are UTC; amounts are whole cents.\n",
	}
	for _, name := range sortedKeys(texts) {
		text := strings.ReplaceAll(texts[name], "Go , ", "Go, ")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return undecided("", "%v", err)
		}
		fmt.Fprintf(a.w.Stdout, "wrote .kiro/steering/%s\n", name)
	}
	return nil
}

// An answers value is what the interview learnt; an empty answer stays an open point.
type answers struct {
	Prompt, Title, Who, What, Shows, Down, Slow, Twice, Secret string
}

// place picks the directory of a new feature.
//
// spec:workflow/2.1
func (a *app) place(root, prompt, name string) (slug, dir string, err error) {
	slug = first(name, slugify(prompt))
	if slug == "" || slug != slugify(slug) {
		return "", "", undecided("spec new --name my-feature PROMPT", "a feature's name is lower-case letters, digits and hyphens")
	}
	dir = path.Join(".kiro/specs", slug)
	if _, err := os.Lstat(filepath.Join(root, filepath.FromSlash(dir))); err == nil {
		return "", "", undecided("spec new --name another-name PROMPT", "%s exists already", dir)
	}
	return slug, dir, nil
}

// asked is one question of an interview.
type asked struct {
	text string
	to   *string
}

// askAll asks at a terminal, where there is one; an empty answer leaves a point open.
func (a *app) askAll(ctx context.Context, questions []asked) error {
	tty, err := a.terminal()
	if err != nil {
		return nil
	}
	defer tty.close()
	tty.printf("A few questions; Enter leaves a point open.\n")
	for _, q := range questions {
		if *q.to, err = tty.line(q.text); err != nil || ctx.Err() != nil {
			return &failure{exitInterrupted, fmt.Errorf("interrupted; nothing was written"), ""}
		}
		*q.to = oneLine(clean(*q.to))
	}
	return nil
}

// A bug is what the interview about one learnt.
type bug struct{ Prompt, Title, When, Happens, Should, Stays string }

// bugInterview writes the bugfix form: the bug is shown by a test that fails before it is mended.
func (a *app) bugInterview(ctx context.Context, root, prompt, name string) (string, error) {
	in := bug{Prompt: oneLine(prompt), Title: title(prompt)}
	slug, dir, err := a.place(root, prompt, name)
	if err != nil {
		return "", err
	}
	if err := a.askAll(ctx, []asked{
		{"When does it happen (a cart is empty, …)? WHEN ", &in.When},
		{"What happens then (it divides by zero, …)? THEN the system ", &in.Happens},
		{"What should happen instead? THEN the system SHALL ", &in.Should},
		{"What close to it must stay as it is? THE system SHALL CONTINUE TO ", &in.Stays},
	}); err != nil {
		return "", err
	}
	files, err := filled(in, map[string]string{"bugfix.md": skeletonBug, "design.md": skeletonBugDesign, "tasks.md": skeletonBugTasks})
	if err != nil {
		return "", err
	}
	files[".config.kiro"] = []byte("{\"specId\": \"" + spec.NewID(in.Prompt) + "\", \"workflowType\": \"requirements-first\", \"specType\": \"bugfix\"}\n")
	return slug, a.writeNew(root, dir, slug, "bugfix.md", files)
}

// writeNew writes a new feature and says what is open in it.
func (a *app) writeNew(root, dir, slug, first string, files map[string][]byte) error {
	if err := a.writeAll(root, dir, files); err != nil {
		return err
	}
	open := 0
	for _, data := range files {
		open += bytes.Count(data, []byte(openPoint))
	}
	fmt.Fprintf(a.w.Stdout, "\n%d open points are marked %s…]; spec approve refuses them.\nNext: edit %s/%s, then: spec approve %s requirements\n", open, openPoint, dir, first, slug)
	return nil
}

// interview asks what a specification needs to know, or leaves the questions open where nobody can be asked.
func (a *app) interview(ctx context.Context, root, prompt, name string) (string, error) {
	in := answers{Prompt: oneLine(prompt), Title: title(prompt)}
	slug, dir, err := a.place(root, prompt, name)
	if err != nil {
		return "", err
	}
	if err := a.askAll(ctx, []asked{
		{"Who wants it (a user, an administrator, …)? ", &in.Who},
		{"What do they want to do (see the time, export their data, …)? ", &in.What},
		{"What shows that it worked (the page shows the time, …)? The System shall … ", &in.Shows},
		{"What happens when a third party it needs is down? ", &in.Down},
		{"How long may it take, and what happens after that? ", &in.Slow},
		{"What happens when the same request comes twice? ", &in.Twice},
		{"What data must never be logged? ", &in.Secret},
	}); err != nil {
		return "", err
	}
	files, err := filled(in, map[string]string{"requirements.md": skeletonRequirements, "design.md": skeletonDesign, "tasks.md": skeletonTasks})
	if err != nil {
		return "", err
	}
	files[".config.kiro"] = []byte("{\"specId\": \"" + spec.NewID(in.Prompt) + "\", \"workflowType\": \"requirements-first\", \"specType\": \"feature\"}\n")
	return slug, a.writeNew(root, dir, slug, "requirements.md", files)
}

func title(prompt string) string {
	words := strings.Fields(prompt)
	if len(words) > 8 {
		words = words[:8]
	}
	return strings.TrimRight(strings.Join(words, " "), ".,;:!?")
}

// slugify makes a directory name of a sentence: its first telling words.
func slugify(prompt string) string {
	var words []string
	for word := range strings.FieldsFuncSeq(strings.ToLower(prompt), func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9') }) {
		if len(words) < 5 && !slices.Contains(strings.Fields("a an the so that can to of and or for with be is are"), word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, "-")
}

// filled fills in templates; what is not known stays an open point.
func filled(in any, texts map[string]string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, text := range texts {
		data, err := fill(in, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %v", name, err)
		}
		files[name] = []byte(data)
	}
	return files, nil
}

// fill writes answers into a skeleton: {{.Title}}, or {{or .Who "the question"}} with the question where there is no answer.
// It is no text/template, which would keep every method of every linked type in the program and so slow its start.
func fill(in any, text string) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{{")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		expr, after, closed := strings.Cut(rest, "}}")
		field, question, asks := strings.Cut(strings.TrimPrefix(expr, "or "), " \"")
		answer := ""
		if name, dotted := strings.CutPrefix(field, "."); dotted {
			value := reflect.ValueOf(in).FieldByName(name)
			if value.Kind() != reflect.String {
				return "", fmt.Errorf("no answer is called %s", name)
			}
			answer = value.String()
		} else if !closed || field != `""` {
			return "", fmt.Errorf("{{%s is nothing to fill in", expr)
		}
		if asks {
			answer = orOpen(answer, strings.TrimSuffix(question, "\""))
		}
		b.WriteString(answer)
		text = after
	}
}

func orOpen(text, question string) string {
	if text == "" {
		return openPoint + ": " + question + "]"
	}
	return text
}

const skeletonRequirements = `# Requirements Document

## Introduction

{{.Prompt}}

## Requirements

### Requirement 1: {{.Title}}

**User Story:** As {{or .Who "who wants it"}}, I want to {{or .What "what do they want to do"}}, so that {{or "" "what is it good for"}}.

#### Acceptance Criteria

1. WHEN {{or "" "what happens"}} THE System SHALL {{or .Shows "what can be observed"}}
2. IF a third party that this needs is unavailable THEN THE System SHALL {{or .Down "what happens when a third party is down"}}
3. IF a request takes longer than {{or .Slow "how long, in seconds"}} THEN THE System SHALL {{or "" "what happens after the time limit"}}
4. IF the same request arrives twice THEN THE System SHALL {{or .Twice "what happens to a duplicate request"}}
5. THE System SHALL NOT log {{or .Secret "what data must never be logged"}}
`

const skeletonDesign = `# Design Document

## Overview

{{or "" "how it is built, in a few sentences"}}

## Components and Interfaces

{{or "" "which parts, and what they say to each other"}}

## Correctness Properties

### Property 1: {{or "" "what holds for every input"}}

**Validates: Requirements 1.1**
`

const skeletonTasks = `# Implementation Plan

- [ ] 1. {{or "" "the first piece that can be built and tested alone"}}
  - _Requirements: 1.1, 1.2, 1.3, 1.4, 1.5_
`

const skeletonBug = `# Bugfix Requirements Document

## Introduction

{{.Prompt}}

## Bug Analysis

### Current Behavior (Defect)

1.1 WHEN {{or .When "when does it happen"}} THEN the system {{or .Happens "what happens"}}

### Expected Behavior (Correct)

2.1 WHEN {{or .When "when does it happen"}} THEN the system SHALL {{or .Should "what should happen instead"}}

### Unchanged Behavior (Regression Prevention)

3.1 WHEN anything else is asked for THEN the system SHALL CONTINUE TO {{or .Stays "what close to it must stay as it is"}}
`

const skeletonBugDesign = `# Design Document

## Overview

{{or "" "what the cause is, and where"}}

## Correctness Properties

### Property 1: The bug is gone

**Validates: Requirements 2.1**

### Property 2: Nothing else changed

**Validates: Requirements 3.1**
`

const skeletonBugTasks = `# Implementation Plan

- [ ] 1. Write the bug condition exploration test
  - It fails on the code as it is: that shows the bug
  - _Requirements: 1.1, 2.1_
- [ ] 2. Write preservation tests
  - They pass on the code as it is
  - _Requirements: 3.1_
- [ ] 3. Mend the bug: {{.Title}}
  - The exploration test of task 1 passes, and so do all the others
  - _Requirements: 2.1, 3.1_
`
