// Package mailtest is a real mail server for tests: SMTP on a free port of the loopback address, with STARTTLS or TLS from the
// first byte by a certificate of its own, that keeps what it takes and misbehaves when it is told to.
package mailtest

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Options says what kind of server it is. The zero value is one with STARTTLS that asks for no password.
type Options struct {
	ImplicitTLS        bool
	NoTLS              bool
	Username, Password string // asked for, if not empty

	// Answer is asked at each step ("mail", "rcpt", "data"), with how often that step was reached before; an error is the answer.
	// It may hang until Stop, by waiting for hung.
	Answer func(step string, before int, hung <-chan struct{}) error
	// DropAfterData ends the connection when a mail was taken, before that is said; told how many were taken before.
	DropAfterData func(before int) bool
}

// Server is a running server.
type Server struct {
	Host   string
	Port   int
	CAFile string // of its certificate

	options  Options
	tls      *certificate
	taken    chan Message
	stopped  chan struct{}
	listener net.Listener
	smtp     *smtp.Server

	mu    sync.Mutex
	steps map[string]int
	count int
}

// Start starts a server, which ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	return StartAt(t, "127.0.0.1:0", o)
}

// StartAt starts a server on an address: that of one that has gone away and comes back.
func StartAt(t testing.TB, address string, o Options) *Server {
	t.Helper()
	listener := listen(t, address)
	at := listener.Addr().(*net.TCPAddr)
	s := &Server{
		Host: "127.0.0.1", Port: at.Port, options: o, tls: newCertificate(t),
		taken: make(chan Message, 1000), stopped: make(chan struct{}), steps: map[string]int{},
	}
	s.CAFile = s.tls.file
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c}, nil }))
	s.smtp.Domain, s.smtp.AllowInsecureAuth, s.smtp.ReadTimeout = "mail.test", true, time.Minute
	s.smtp.ErrorLog = silent{}
	s.listener = listener
	switch {
	case o.ImplicitTLS:
		s.listener = s.tls.listen(listener)
	case !o.NoTLS:
		s.smtp.TLSConfig = s.tls.config()
	}
	go func() { _ = s.smtp.Serve(s.listener) }()
	t.Cleanup(s.Stop)
	return s
}

// listen waits for a port that somebody's outgoing connection has for a moment.
func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		listener, err := net.Listen("tcp", address)
		if err == nil {
			return listener
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(err)
		}
	}
}

// Address is where the server listens.
func (s *Server) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Stop ends the server and every connection.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopped:
	default:
		close(s.stopped)
		_ = s.smtp.Close()
		_ = s.listener.Close() // which the library knows of only once it serves
	}
}

// Next waits for a mail that was taken.
func (s *Server) Next(t testing.TB) Message {
	t.Helper()
	select {
	case m := <-s.taken:
		return m
	case <-time.After(60 * time.Second):
		t.Fatal("waited in vain for a mail")
		return Message{}
	}
}

// NextTo waits for a mail to an address, and drops others.
func (s *Server) NextTo(t testing.TB, address string) Message {
	t.Helper()
	for {
		if m := s.Next(t); m.To == address {
			return m
		}
	}
}

// Waiting is how many mails were taken and not looked at.
func (s *Server) Waiting() int { return len(s.taken) }

// Reached is how often a step was reached.
func (s *Server) Reached(step string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.steps[step]
}

// answer counts a step and asks what to say.
func (s *Server) answer(step string) error {
	s.mu.Lock()
	before := s.steps[step]
	s.steps[step]++
	s.mu.Unlock()
	if s.options.Answer == nil {
		return nil
	}
	return s.options.Answer(step, before, s.stopped)
}

// session is one connection.
type session struct {
	server   *Server
	conn     *smtp.Conn
	from, to string
}

func (s *session) AuthMechanisms() []string {
	if s.server.options.Password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != s.server.options.Username || password != s.server.options.Password {
			return errors.New("wrong password")
		}
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return s.server.answer("mail")
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.server.answer("rcpt")
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.server.answer("data"); err != nil {
		return err
	}
	_, secured := s.conn.TLSConnectionState()
	m, err := parse(raw)
	if err != nil {
		return err
	}
	m.From, m.To, m.TLS = s.from, s.to, secured
	s.server.mu.Lock()
	before := s.server.count
	s.server.count++
	s.server.mu.Unlock()
	s.server.taken <- m
	if s.server.options.DropAfterData != nil && s.server.options.DropAfterData(before) {
		_ = s.conn.Conn().Close()
		return errors.New("gone")
	}
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// silent keeps the library's complaints about connections that tests cut to itself.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}
