package tasks

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// hollow tells whether a shell line passes whatever the tree holds. It judges what can be judged without running it: what
// hides behind a script or a variable is taken to depend on the tree.
func hollow(line string) bool {
	s := &shellText{text: line}
	return s.list("") == passes
}

// A status is what can be said of a command's exit status without running it.
type exitSays int

const (
	depends exitSays = iota
	passes
	fails
)

// shellText reads a shell line as far as its exit status is concerned.
type shellText struct {
	text   string
	at     int
	strict bool // set -e: the first failure ends it
	pipes  bool // set -o pipefail
	ended  bool // exit was reached
}

// list reads commands up to the closing word ("" for the end of the text) and says how the last one ends.
func (s *shellText) list(until string) exitSays {
	value := passes
	for first := true; ; first = false {
		s.blanks(true)
		if s.done(until) {
			return value
		}
		next := s.andOr(until)
		switch {
		case s.ended && !first && s.strict && value == depends:
		case s.strict && !first && value != passes:
			if value == depends && next == fails {
				value = fails
			}
		default:
			value = next
		}
		if s.ended {
			s.at = len(s.text)
			return value
		}
		if s.peek() == '&' { // in the background: nobody hears how it ends
			s.at++
			value = passes
		}
	}
}

func (s *shellText) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *shellText) blanks(ends bool) {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == ' ' || c == '\t':
		case ends && (c == '\n' || c == ';' || c == '\r'):
		case c == '#' && (s.at == 0 || strings.IndexByte(" \t\n;", s.text[s.at-1]) >= 0):
			for s.at < len(s.text) && s.text[s.at] != '\n' {
				s.at++
			}
			continue
		default:
			return
		}
		s.at++
	}
}

func (s *shellText) done(until string) bool {
	if s.at >= len(s.text) {
		return true
	}
	if until != "" && strings.HasPrefix(s.text[s.at:], until) {
		s.at += len(until)
		return true
	}
	return false
}

func (s *shellText) andOr(until string) exitSays {
	value := s.pipeline(until)
	for {
		s.blanks(false)
		rest := s.text[s.at:]
		and := strings.HasPrefix(rest, "&&")
		if s.ended || !and && !strings.HasPrefix(rest, "||") {
			return value
		}
		s.at += 2
		s.blanks(true)
		ended := s.ended
		next := s.pipeline(until)
		switch {
		case and && value == passes, !and && value == fails:
			value = next
			continue
		case and && value == depends && next == fails:
			value = fails
		case !and && value == depends && next == passes:
			value = passes
		}
		s.ended = ended // what may not be reached does not end it for sure
	}
}

func (s *shellText) pipeline(until string) exitSays {
	s.blanks(false)
	not := false
	for strings.HasPrefix(s.text[s.at:], "! ") {
		s.at += 2
		s.blanks(false)
		not = !not
	}
	value := s.command(until)
	for {
		s.blanks(false)
		if s.peek() != '|' || strings.HasPrefix(s.text[s.at:], "||") {
			break
		}
		s.at++
		if s.peek() == '&' {
			s.at++
		}
		s.blanks(true)
		next := s.command(until)
		if !s.pipes || next != passes {
			value = next
		}
		s.ended = false // each part runs in a shell of its own
	}
	if not && value != depends {
		return passes + fails - value
	}
	return value
}

func (s *shellText) command(until string) exitSays {
	for _, group := range [][2]string{{"(", ")"}, {"{ ", "}"}} {
		if strings.HasPrefix(s.text[s.at:], group[0]) {
			s.at += len(group[0])
			strict := s.strict
			value := s.list(group[1])
			if group[0] == "(" {
				s.strict, s.ended = strict, false
			}
			s.words(until)
			return value
		}
	}
	return s.judge(s.words(until))
}

// words reads the words of one simple command, without redirections. A word that the shell would expand is marked by \x00.
func (s *shellText) words(until string) []string {
	var words []string
	for {
		s.blanks(false)
		if s.at >= len(s.text) {
			return words
		}
		rest := s.text[s.at:]
		switch {
		case strings.IndexByte("\n;&|\r", rest[0]) >= 0 && !strings.HasPrefix(rest, "&>"), until == ")" && rest[0] == ')':
			return words
		case until == "}" && rest[0] == '}' && len(words) == 0:
			return words
		case rest[0] == '(' || rest[0] == ')':
			s.at++ // of a function or a case: nothing is known
			return append(words, "\x00")
		}
		word, redirect := s.word()
		if redirect {
			s.blanks(false)
			s.word()
			continue
		}
		words = append(words, word)
	}
}

// word reads one word with its quotes taken off; redirect says that it was a redirection, whose target follows.
func (s *shellText) word() (word string, redirect bool) {
	var b strings.Builder
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c == '\'':
			end := strings.IndexByte(s.text[s.at+1:], '\'')
			if end < 0 {
				end = len(s.text) - s.at - 1
			}
			b.WriteString(s.text[s.at+1 : s.at+1+end])
			s.at = min(s.at+end+2, len(s.text))
			continue
		case c == '"':
			for s.at++; s.at < len(s.text) && s.text[s.at] != '"'; s.at++ {
				if s.text[s.at] == '\\' && s.at+1 < len(s.text) {
					s.at++
				} else if s.text[s.at] == '$' || s.text[s.at] == '`' {
					b.WriteByte(0)
				}
				b.WriteByte(s.text[s.at])
			}
			s.at = min(s.at+1, len(s.text))
			continue
		case c == '\\' && s.at+1 < len(s.text):
			if s.text[s.at+1] != '\n' {
				b.WriteByte(s.text[s.at+1])
			}
			s.at += 2
			continue
		case c == '$' || c == '`':
			b.WriteByte(0)
			s.expansion()
			continue
		case c == '>' || c == '<' || c == '&' && strings.HasPrefix(s.text[s.at:], "&>"):
			if b.Len() > 0 && strings.Trim(b.String(), "0123456789") != "" {
				return b.String(), false
			}
			for s.at < len(s.text) && strings.IndexByte("<>&-", s.text[s.at]) >= 0 {
				s.at++
			}
			return "", true
		case strings.IndexByte(" \t\n\r;&|()", c) >= 0:
			return b.String(), false
		}
		b.WriteByte(c)
		s.at++
	}
	return b.String(), false
}

// expansion skips over $name, ${…}, $(…) and `…`.
func (s *shellText) expansion() {
	if s.text[s.at] == '`' {
		end := strings.IndexByte(s.text[s.at+1:], '`')
		if end < 0 {
			end = len(s.text) - s.at - 2
		}
		s.at += end + 2
		return
	}
	s.at++
	deep := 0
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '(' || c == '{':
			deep++
		case c == ')' || c == '}':
			if deep--; deep <= 0 {
				if deep == 0 {
					s.at++
				}
				return
			}
		case deep == 0 && !(c == '_' || c == '?' || c == '@' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'):
			return
		}
	}
}

// harmless are commands that end well whatever a tree holds.
func harmless() []string {
	return strings.Fields("true : echo printf sleep pwd date cd ls id whoami uname hostname env export unset which type touch mkdir clear wait cat tee head tail wc sort uniq tr sed awk cut less more")
}

// judge says how a simple command ends.
func (s *shellText) judge(words []string) exitSays {
	for len(words) > 0 && (isAssignment(words[0]) || slices.Contains(strings.Fields("exec command builtin time nice nohup sudo then do else"), words[0])) {
		words = words[1:]
	}
	if len(words) > 1 && path.Base(words[0]) == "env" {
		return s.judge(words[1:])
	}
	if len(words) == 0 {
		return passes
	}
	name, args := path.Base(words[0]), words[1:]
	for _, word := range words {
		if strings.HasPrefix(name, "\x00") || strings.Contains(word, "\x00") && name != "echo" && name != "printf" {
			return depends
		}
	}
	switch name {
	case "false":
		return fails
	case "exit", "return":
		s.ended = true
		if len(args) > 0 && args[0] != "0" {
			return fails
		}
		return passes
	case "set":
		for _, a := range args {
			s.strict = s.strict || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.Contains(a, "e") || a == "errexit"
			s.pipes = s.pipes || a == "pipefail"
		}
		return passes
	case "sh", "bash", "dash", "zsh", "ash", "ksh":
		return shellArgument(args)
	case "eval":
		return (&shellText{text: strings.Join(args, " ")}).list("")
	case "test", "[", "[[":
		return constantTest(args)
	case "cat", "head", "tail", "wc", "sort", "uniq", "tr", "sed", "awk", "cut", "less", "more":
		if name != "sed" && name != "awk" && name != "tr" && slices.ContainsFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-") && a != "/dev/null" }) {
			return depends // a file has to be there
		}
		return passes
	case "cd", "ls":
		if slices.ContainsFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-") && a != "." && a != "/" }) {
			return depends
		}
		return passes
	}
	if slices.Contains(harmless(), name) {
		return passes
	}
	if len(args) > 0 && (args[0] == "--version" || args[0] == "--help" || len(args) == 1 && slices.Contains([]string{"version", "-v", "-V", "help"}, args[0])) {
		return passes
	}
	return depends
}

func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// shellArgument judges `sh -c TEXT`; a script depends on what is in it.
func shellArgument(args []string) exitSays {
	strict := false
	for i, a := range args {
		if !strings.HasPrefix(a, "-") {
			return depends
		}
		strict = strict || !strings.HasPrefix(a, "--") && strings.Contains(a, "e")
		if !strings.HasPrefix(a, "--") && strings.HasSuffix(a, "c") && i+1 < len(args) {
			return (&shellText{text: args[i+1], strict: strict}).list("")
		}
	}
	return passes // reads nothing
}

// constantTest judges `test` on words that are the same whatever the tree holds.
func constantTest(args []string) exitSays {
	if n := len(args); n > 0 && (args[n-1] == "]" || args[n-1] == "]]") {
		args = args[:n-1]
	}
	truth := func(yes bool) exitSays {
		if yes {
			return passes
		}
		return fails
	}
	switch len(args) {
	case 0:
		return fails
	case 1:
		return truth(args[0] != "")
	case 2:
		switch args[0] {
		case "!":
			return truth(args[1] == "")
		case "-n":
			return truth(args[1] != "")
		case "-z":
			return truth(args[1] == "")
		case "-d", "-e", "-r", "-x":
			if args[1] == "." || args[1] == "/" || args[1] == "/tmp" {
				return passes
			}
		}
	case 3:
		x, errX := strconv.Atoi(args[0])
		y, errY := strconv.Atoi(args[2])
		numbers := errX == nil && errY == nil
		switch args[1] {
		case "=", "==":
			return truth(args[0] == args[2])
		case "!=":
			return truth(args[0] != args[2])
		case "-eq", "-ge", "-le":
			if numbers {
				return truth(args[1] == "-eq" && x == y || args[1] == "-ge" && x >= y || args[1] == "-le" && x <= y)
			}
		case "-ne", "-gt", "-lt":
			if numbers {
				return truth(args[1] == "-ne" && x != y || args[1] == "-gt" && x > y || args[1] == "-lt" && x < y)
			}
		}
	}
	return depends
}
