package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// The variables that an agent process gets.
const (
	EnvFeature = "SPEC_FEATURE"
	EnvTask    = "SPEC_TASK"
	EnvSlot    = "SPEC_SLOT"
	EnvBrief   = "SPEC_BRIEF"
	EnvSocket  = "SPEC_SOCKET"
	EnvBin     = "SPEC_BIN"
)

// maxMessage bounds one line on the socket.
const maxMessage = 1 << 20

// A message is one line of JSON in either direction.
type message struct {
	Ask    *Question `json:"ask,omitempty"`
	Report *report   `json:"report,omitempty"`
	Answer *Answer   `json:"answer,omitempty"`
	Parked bool      `json:"parked,omitempty"`
	Error  string    `json:"error,omitempty"`
}

type report struct {
	Text      string `json:"text"`
	Unchanged bool   `json:"unchanged"`
}

// serve answers questions and takes reports on a socket until it is closed.
type server struct {
	ask      func(context.Context, Question) (Answer, error)
	listener net.Listener
	mu       sync.Mutex
	result   Result
	parked   bool
	wg       sync.WaitGroup
}

func listen(ctx context.Context, path string, ask func(context.Context, Question) (Answer, error)) (*server, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the socket for questions: %v", err)
	}
	s := &server{ask: ask, listener: l}
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.talk(ctx, conn) })
		}
	})
	return s, nil
}

func (s *server) talk(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		var in message
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			json.NewEncoder(conn).Encode(message{Error: "not a message: " + err.Error()})
			return
		}
		if json.NewEncoder(conn).Encode(s.answer(ctx, in)) != nil {
			return
		}
	}
}

func (s *server) answer(ctx context.Context, in message) message {
	switch {
	case in.Ask != nil:
		a, err := s.ask(ctx, *in.Ask)
		if errors.Is(err, ErrParked) {
			s.mu.Lock()
			s.parked = true
			s.mu.Unlock()
			return message{Parked: true}
		}
		if err != nil {
			return message{Error: err.Error()}
		}
		return message{Answer: &a}
	case in.Report != nil:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.result.Said = in.Report.Text
		if in.Report.Unchanged {
			s.result.Unchanged = in.Report.Text
		}
		return message{}
	}
	return message{Error: "neither a question nor a report"}
}

func (s *server) close() (Result, bool) {
	s.listener.Close()
	s.wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.result, s.parked
}

// ErrNoRun is what Ask and Report return when no run of spec listens.
var ErrNoRun = errors.New("no run of spec is listening here")

// Ask puts a question to the run whose socket this is, and waits for the answer. It returns ErrParked when a person
// will answer later, and ErrNoRun when there is no run.
func Ask(socket string, q Question) (Answer, error) {
	out, err := exchange(socket, message{Ask: &q})
	switch {
	case err != nil:
		return Answer{}, err
	case out.Parked:
		return Answer{}, ErrParked
	case out.Answer == nil:
		return Answer{}, errors.New("the run gave no answer")
	}
	return *out.Answer, nil
}

// Report tells the run what was done; unchanged says that nothing had to change, and text why.
func Report(socket, text string, unchanged bool) error {
	_, err := exchange(socket, message{Report: &report{Text: text, Unchanged: unchanged}})
	return err
}

func exchange(socket string, m message) (message, error) {
	if socket == "" {
		return message{}, ErrNoRun
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return message{}, ErrNoRun
		}
		return message{}, fmt.Errorf("%w: %v", ErrNoRun, err)
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(m); err != nil {
		return message{}, err
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxMessage)
	if !lines.Scan() {
		return message{}, errors.New("the run closed the connection")
	}
	var out message
	if err := json.Unmarshal(lines.Bytes(), &out); err != nil {
		return message{}, err
	}
	if out.Error != "" {
		return out, errors.New(out.Error)
	}
	return out, nil
}

func socketPath(temp string) string { return filepath.Join(temp, "s") }
