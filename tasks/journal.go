package tasks

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"spec.example/spec/internal/agent"
)

// StateDir is the directory below the repository's top that holds run logs. It ignores itself, so git never shows it.
const StateDir = ".spec"

// A journal is the log of one run: a line of JSON an event. It is for people, and for answers to questions, which are
// on disk before they are used. Nothing else is read back: cut at any byte, what is whole of it counts.
type journal struct {
	mu   sync.Mutex
	file *os.File
	dir  string
	run  string
}

func newRunID(now time.Time) (string, error) {
	var b [3]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return now.UTC().Format("20060102-150405-") + hex.EncodeToString(b[:]), nil
}

// A stateError says that something stands in the place of the run log that would have us write elsewhere: a repository can
// bring a link.
type stateError struct{ file string }

func (e *stateError) Error() string {
	return e.file + " is not what this program made: a link there would have it write elsewhere"
}

// Hint is the command that makes room.
func (e *stateError) Hint() string {
	return "look at it, then: rm '" + strings.ReplaceAll(e.file, "'", `'\''`) + "'"
}

// OwnState demands that the state directory of a repository and what is written in it by name are plain.
func OwnState(top string) error {
	for name, dir := range map[string]bool{"": true, "runs": true, ".gitignore": false, "apply.lock": false, "verify.json": false} {
		file := filepath.Join(top, StateDir, name)
		info, err := os.Lstat(file)
		if err == nil && (dir && !info.IsDir() || !dir && !info.Mode().IsRegular()) {
			return &stateError{file}
		}
	}
	return nil
}

// stateDir makes the state directory of a repository.
func stateDir(top string) (string, error) {
	if err := OwnState(top); err != nil {
		return "", err
	}
	dir := filepath.Join(top, StateDir)
	if err := os.MkdirAll(filepath.Join(dir, "runs"), 0o755); err != nil {
		return "", fmt.Errorf("making the directory for run logs: %v", err)
	}
	ignore := filepath.Join(dir, ".gitignore")
	if data, err := os.ReadFile(ignore); err != nil || string(data) != "*\n" {
		if err := os.WriteFile(ignore, []byte("*\n"), 0o644); err != nil {
			return "", fmt.Errorf("making the directory for run logs: %v", err)
		}
	}
	return dir, nil
}

func openJournal(top string, now time.Time) (*journal, error) {
	state, err := stateDir(top)
	if err != nil {
		return nil, err
	}
	run, err := newRunID(now)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(state, "runs", run)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "events.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &journal{file: file, dir: dir, run: run}, nil
}

// write appends an event; with sync it is on disk when write returns.
func (j *journal) write(e Event, sync bool) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing the run log: %v", err)
	}
	if sync {
		if err := j.file.Sync(); err != nil {
			return fmt.Errorf("writing the run log: %v", err)
		}
	}
	return nil
}

// output is the file for one kind of output of one task.
func (j *journal) output(name string) string { return filepath.Join(j.dir, name) }

func (j *journal) close() error { return j.file.Close() }

// maxLine bounds a line of a run log that is read back.
const maxLine = 4 << 20

// ReadEvents reads the whole events of a run log: a last line that was cut short, and lines that are no event, are
// left out.
func ReadEvents(data []byte) []Event {
	var events []Event
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxLine)
	end := bytes.LastIndexByte(data, '\n')
	read := 0
	for lines.Scan() {
		read += len(lines.Bytes()) + 1
		if read > end+1 {
			break
		}
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Event != "" {
			events = append(events, e)
		}
	}
	return events
}

// A Decided is an answered question.
type Decided struct {
	Task     string
	Question agent.Question
	Answer   agent.Answer
	Time     time.Time
	Run      string
}

// history is what earlier runs of a feature left: answers by question, and attempts by task and input hash.
type history struct {
	answers  map[string]Decided
	attempts map[string]int
	failures map[string]string  // the last one, by task and input hash
	open     map[string]Decided // questions without an answer, by id
	took     time.Duration      // of all landed tasks together
	count    int                // how many those are
}

func questionID(task string, q agent.Question) string {
	return shortHash(task + "\x00" + q.Text + "\x00" + strings.Join(q.Choices, "\x00"))
}

// readHistory reads the logs of all runs of a feature, oldest first.
func readHistory(top, feature string) (*history, error) {
	h := &history{answers: map[string]Decided{}, attempts: map[string]int{}, failures: map[string]string{}, open: map[string]Decided{}}
	logs, err := runLogs(top)
	if err != nil {
		return nil, err
	}
	for _, log := range logs {
		data, err := os.ReadFile(log)
		if err != nil {
			continue
		}
		h.add(ReadEvents(data), feature)
	}
	return h, nil
}

func runLogs(top string) ([]string, error) {
	logs, err := filepath.Glob(filepath.Join(top, StateDir, "runs", "*", "events.jsonl"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	sort.Strings(logs)
	return logs, nil
}

func (h *history) add(events []Event, feature string) {
	for _, e := range events {
		text := func(key string) string { s, _ := e.Data[key].(string); return s }
		if text("feature") != feature {
			continue
		}
		switch e.Event {
		case "task.question", "task.answer":
			d := Decided{Task: e.Task, Time: e.Time, Run: e.Run, Question: agent.Question{Text: text("question")}}
			if choices, ok := e.Data["choices"].([]any); ok {
				for _, c := range choices {
					if s, ok := c.(string); ok {
						d.Question.Choices = append(d.Question.Choices, s)
					}
				}
			}
			id := questionID(d.Task, d.Question)
			if e.Event == "task.question" {
				h.open[id] = d
				continue
			}
			d.Answer = agent.Answer{Text: text("answer"), By: text("by")}
			h.answers[id] = d
			delete(h.open, id)
		case "task.landed":
			if s, ok := e.Data["seconds"].(float64); ok && s >= 0 && s < 1e6 {
				h.took += time.Duration(s * float64(time.Second))
				h.count++
			}
		case "task.attempt":
			h.attempts[e.Task+" "+text("inputs")]++
			h.failures[e.Task+" "+text("inputs")] = text("failure")
		}
	}
}

// AnswerOpen records a person's answer to a question that a run asked, in that run's log, and says whose task goes on
// with it.
func AnswerOpen(top, run, id string, answer agent.Answer, now time.Time) (feature, task string, err error) {
	if answer.Text == "" {
		return "", "", errors.New("the answer is empty")
	}
	file := filepath.Join(top, StateDir, "runs", filepath.Base(run), "events.jsonl")
	data, err := os.ReadFile(file)
	if err != nil {
		return "", "", fmt.Errorf("no run %s here", run)
	}
	for _, e := range ReadEvents(data) {
		if e.Event != "task.question" || e.Data["id"] != id {
			continue
		}
		feature, _ = e.Data["feature"].(string)
		h, err := readHistory(top, feature)
		if err != nil {
			return "", "", err
		}
		d, open := h.open[id]
		if !open {
			return "", "", fmt.Errorf("question %s is answered already", id)
		}
		log, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return "", "", err
		}
		j := &journal{file: log}
		defer j.close()
		return feature, d.Task, j.write(answerEvent(feature, run, d.Task, d.Question, answer, now), true)
	}
	return "", "", fmt.Errorf("run %s asked no question %s", run, id)
}

func answerEvent(feature, run, task string, q agent.Question, a agent.Answer, now time.Time) Event {
	return Event{Version: 1, Event: "task.answer", Time: now, Run: run, Task: task, Data: map[string]any{
		"feature": feature, "question": q.Text, "choices": q.Choices, "answer": a.Text, "by": a.By}}
}
