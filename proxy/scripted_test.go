package proxy_test

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// scripted is an application that answers with any bytes, and counts its connections.
type scripted struct {
	addr string

	mu       sync.Mutex
	answer   func(request string) (answer string, closes bool)
	requests []string
	opened   int
	open     map[net.Conn]struct{}
	changed  chan struct{} // closed when a connection is opened or closed
}

func newScripted(t testing.TB) *scripted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{addr: listener.Addr().String(), open: map[net.Conn]struct{}{}, changed: make(chan struct{})}
	s.script(func(string) (string, bool) { return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false })
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.note(func() { s.opened++; s.open[conn] = struct{}{} })
			conns.Go(func() {
				s.serve(conn)
				conn.Close()
				s.note(func() { delete(s.open, conn) })
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		s.each(func(conn net.Conn) { conn.Close() })
		conns.Wait()
	})
	return s
}

func (s *scripted) serve(conn net.Conn) {
	answerRaw(conn, func(got received) (string, bool) {
		s.mu.Lock()
		s.requests = append(s.requests, got.raw)
		answer := s.answer
		s.mu.Unlock()
		text, closes := answer(got.raw)
		if got.Method == http.MethodHead {
			if head, _, found := strings.Cut(text, "\r\n\r\n"); found && !strings.HasPrefix(head, "HTTP/1.1 1") {
				text = head + "\r\n\r\n"
			}
		}
		return text, closes
	})
}

// script sets what is answered from now on.
func (s *scripted) script(answer func(request string) (answer string, closes bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// take returns what was received since the last call.
func (s *scripted) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.requests
	s.requests = nil
	return taken
}

func (s *scripted) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// each does something to every open connection.
func (s *scripted) each(do func(net.Conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		do(conn)
	}
}

// everOpened is how many connections there have been.
func (s *scripted) everOpened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

// waitOpen waits until so many connections are open.
func (s *scripted) waitOpen(t testing.TB, count int) {
	t.Helper()
	for {
		s.mu.Lock()
		open, changed := len(s.open), s.changed
		s.mu.Unlock()
		if open == count {
			return
		}
		wait(t, changed, "the end of connections")
	}
}
