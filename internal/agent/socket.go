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
	Later  bool      `json:"later,omitempty"` // the asker cannot wait any longer for the answer to its question
	Report *report   `json:"report,omitempty"`
	Answer *Answer   `json:"answer,omitempty"`
	Parked bool      `json:"parked,omitempty"`
	Error  string    `json:"error,omitempty"`
}

type report struct {
	Text      string `json:"text"`
	Unchanged bool   `json:"unchanged"`
}

// A server answers questions and takes reports on a socket until it is closed.
type server struct {
	ask      func(context.Context, Question) (Answer, error)
	listener net.Listener
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	mu       sync.Mutex
	changed  sync.Cond // open
	open     int       // questions that nobody has answered yet
	late     []answered
	result   Result
	parked   bool
}

// answered is a question whose answer came when its asker did not wait any longer.
type answered struct {
	question Question
	answer   Answer
}

func listen(ctx context.Context, path string, ask func(context.Context, Question) (Answer, error)) (*server, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the socket for questions: %v", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &server{ask: ask, listener: l, cancel: cancel}
	s.changed.L = &s.mu
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

// A client is one connection. Its asker may go, or say that it cannot wait, while a person thinks.
type client struct {
	mu      sync.Mutex
	out     *json.Encoder
	waiting bool // for the answer to a question
	gone    bool
}

func (c *client) say(m message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Encode(m)
}

// leave says that the asker will not take an answer. It is false where it does not wait for one.
func (c *client) leave() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.waiting
	c.waiting, c.gone = false, true
	return was
}

func (s *server) talk(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c := &client{out: json.NewEncoder(conn)}
	defer c.leave()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		var in message
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			c.say(message{Error: "not a message: " + err.Error()})
			return
		}
		if in.Ask != nil {
			s.begin(ctx, c, *in.Ask)
			continue
		}
		if in.Later {
			if c.leave() {
				c.say(message{Parked: true})
			} // else the answer is on its way already
			continue
		}
		if c.say(s.take(in)) != nil {
			return
		}
	}
}

// begin asks a person, and goes on listening meanwhile.
func (s *server) begin(ctx context.Context, c *client, q Question) {
	c.mu.Lock()
	c.waiting, c.gone = true, false
	c.mu.Unlock()
	s.mu.Lock()
	s.open++
	s.mu.Unlock()
	s.wg.Go(func() {
		a, err := s.ask(ctx, q)
		s.mu.Lock()
		defer s.mu.Unlock()
		defer s.changed.Broadcast()
		s.open--
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiting = false
		switch {
		case errors.Is(err, ErrParked):
			s.parked = true
			c.out.Encode(message{Parked: true})
		case err != nil:
			c.out.Encode(message{Error: err.Error()})
		case c.gone || c.out.Encode(message{Answer: &a}) != nil:
			s.late = append(s.late, answered{q, a})
		}
	})
}

func (s *server) take(in message) message {
	if in.Report == nil {
		return message{Error: "neither a question nor a report"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Said = in.Report.Text
	if in.Report.Unchanged {
		s.result.Unchanged = in.Report.Text
	}
	return message{}
}

// settle waits until a person has answered what is open, and returns the answers that came too late for their asker.
func (s *server) settle() []answered {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.open > 0 {
		s.changed.Wait()
	}
	late := s.late
	s.late = nil
	return late
}

func (s *server) close() (Result, bool) {
	s.cancel()
	s.listener.Close()
	s.wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.result, s.parked
}

// ErrNoRun is what Ask and Report return when no run of spec listens.
var ErrNoRun = errors.New("no run of spec is listening here")

// Ask puts a question to the run whose socket this is, and waits for the answer. It returns ErrParked when a person will
// answer later, also because ctx ended first, and ErrNoRun when there is no run.
func Ask(ctx context.Context, socket string, q Question) (Answer, error) {
	out, err := exchange(ctx, socket, message{Ask: &q})
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
	_, err := exchange(context.Background(), socket, message{Report: &report{Text: text, Unchanged: unchanged}})
	return err
}

func exchange(ctx context.Context, socket string, m message) (message, error) {
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
	// The run confirms that it keeps the answer, or sends the answer that was on its way: none is lost between the two.
	stop := context.AfterFunc(ctx, func() { json.NewEncoder(conn).Encode(message{Later: true}) })
	defer stop()
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
