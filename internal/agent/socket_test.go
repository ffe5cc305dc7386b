package agent

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

func ask(t *testing.T, answers <-chan Answer) (*server, string, <-chan Question) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	asked := make(chan Question, 9)
	s, err := listen(context.Background(), socket, func(ctx context.Context, q Question) (Answer, error) {
		asked <- q
		select {
		case a, ok := <-answers:
			if !ok {
				return Answer{}, ErrParked
			}
			return a, nil
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, socket, asked
}

// An answer that comes when its asker could not wait any longer is not lost: the agent gets it after its turn.
func TestLateAnswerIsKept(t *testing.T) {
	answers := make(chan Answer)
	s, socket, asked := ask(t, answers)
	defer s.close()
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() {
		_, err := Ask(ctx, socket, Question{Text: "Which?"})
		failed <- err
	}()
	<-asked
	cancel()
	if err := <-failed; !errors.Is(err, ErrParked) {
		t.Fatalf("an asker that cannot wait got %v, want ErrParked", err)
	}
	settled := make(chan []answered)
	go func() { settled <- s.settle() }()
	answers <- Answer{Text: "this one"}
	late := <-settled
	if len(late) != 1 || late[0].question.Text != "Which?" || late[0].answer.Text != "this one" {
		t.Errorf("late answers: %+v", late)
	}
	if text := lateAnswers(late); !strings.Contains(text, "Which?") || !strings.Contains(text, "this one") {
		t.Errorf("the agent is told: %s", text)
	}
	if result, parked := s.close(); parked || result.Said != "" {
		t.Errorf("closed with %+v, parked %v", result, parked)
	}
}

// An answer in time is not given a second time.
func TestAnswerInTime(t *testing.T) {
	answers := make(chan Answer, 1)
	answers <- Answer{Text: "yes"}
	s, socket, _ := ask(t, answers)
	a, err := Ask(context.Background(), socket, Question{Text: "Really?"})
	if err != nil || a.Text != "yes" {
		t.Fatalf("answer %+v, %v", a, err)
	}
	if late := s.settle(); len(late) != 0 {
		t.Errorf("late: %+v", late)
	}
	s.close()
}

// An agent whose process is killed while a person thinks leaves the connection: the answer is kept for its next start.
func TestAnswerToAKilledAsker(t *testing.T) {
	answers := make(chan Answer)
	s, socket, asked := ask(t, answers)
	defer s.close()
	conn := dial(t, socket)
	if _, err := io.WriteString(conn, `{"ask":{"text":"Where?","choices":[]}}`+"\n"); err != nil {
		t.Fatal(err)
	}
	<-asked
	conn.Close()
	settled := make(chan []answered)
	go func() { settled <- s.settle() }()
	answers <- Answer{Text: "there"}
	// Whether the end of the connection was seen before the answer was written is the kernel's affair; the next asker gets it
	// from the run's history either way. What must not happen is that settling waits for ever.
	<-settled
}

func TestNobodyAnswers(t *testing.T) {
	answers := make(chan Answer)
	close(answers)
	s, socket, _ := ask(t, answers)
	if _, err := Ask(context.Background(), socket, Question{Text: "Anyone?"}); !errors.Is(err, ErrParked) {
		t.Errorf("got %v, want ErrParked", err)
	}
	if _, parked := s.close(); !parked {
		t.Error("the server does not know that a question waits")
	}
	if _, err := Ask(context.Background(), "", Question{}); !errors.Is(err, ErrNoRun) {
		t.Errorf("without a run: %v", err)
	}
}

func dial(t *testing.T, socket string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// What is written in pieces is masked as a whole, and nothing else is changed.
func TestMask(t *testing.T) {
	var out strings.Builder
	w := Mask(Secrets([]string{"OPENAI_API_KEY=hunter2-hunter2", "OPENAI_MODEL=scripted-model", "TOKEN=short"})).Writer(&out)
	for _, piece := range []string{"key hunt", "er2-hunter2 and ghp_", "abcdefghijklmnopqrstuvwxyz0123 model scripted-model short\nlast hunter2-hunter2"} {
		io.WriteString(w, piece)
	}
	w.Close()
	if want := "key [masked] and [masked] model scripted-model short\nlast [masked]"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// A secret that an agent puts into a question, or into a choice, reaches neither the person's screen nor the log.
func TestQuestionsHoldNoSecret(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	s, err := listen(context.Background(), socket, Mask{"hunter2hunter2"}.asking(func(_ context.Context, q Question) (Answer, error) {
		return Answer{Text: q.Text + "|" + strings.Join(q.Choices, "|")}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	a, err := Ask(context.Background(), socket, Question{Text: "Is hunter2hunter2 right?", Choices: []string{"yes", "no, not hunter2hunter2"}})
	if err != nil || strings.Contains(a.Text, "hunter2") || !strings.Contains(a.Text, "right?|yes|no, not ") {
		t.Errorf("the person is shown %q, %v", a.Text, err)
	}
}
