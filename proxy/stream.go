package proxy

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// stream is a request that was let through, as long as it lasts: a short one, an upload, a download, a long poll, events, or
// a WebSocket. It can be ended from outside at any moment, and what that means depends on how far it has come:
//
//   - Nothing was answered: the answer is a refusal, as to a request that comes now.
//   - An answer has begun: it is cut off, so that the client can tell that it is not whole.
//   - It is a WebSocket: the client gets a close frame.
//
// The upstream sees in any case that the connection is gone. Ordinary requests pay for this with an entry in the Follower's
// maps and, if ReverseProxy forwards them, a context; none has a goroutine that waits.
type stream struct {
	door    *Door
	route   string
	x       *headers.Exchange
	session uuid.UUID // uuid.Nil: of nobody
	http10  bool
	body    bool // the request has one

	cancel  context.CancelCauseFunc // ends the exchange of ReverseProxy with the upstream; nil: it has no context of its own
	unwatch func()                  // nil: nobody watches
	age     *time.Timer             // nil: it may become as old as it likes

	mu     sync.Mutex
	phase  phase
	w      http.ResponseWriter
	ended  *ending // nil: nobody has ended it
	socket *socket // of phaseSwitched
	cut    func()  // ends what the stream waits for, without waiting; nil: there is nothing, or cancel does it
}

// phase is how far a stream has come.
type phase int

const (
	phaseWaiting  phase = iota // for the upstream's answer
	phaseAnswer                // the upstream's answer is passed on
	phaseSwitched              // it is a WebSocket
	phaseOver                  // or answered by Authly: there is nothing to end any more
)

// newStream returns the stream of a request, which nobody can end yet.
func (u *upstream) newStream(w http.ResponseWriter, r *http.Request) *stream {
	return &stream{door: u.door, route: u.name, x: exchangeOf(r), w: w, http10: !r.ProtoAtLeast(1, 1), body: hasBody(r)}
}

// openStream begins the stream of a request that ReverseProxy forwards, and returns the context for it. Only what somebody can
// end is given one of its own.
func (u *upstream) openStream(w http.ResponseWriter, r *http.Request, identity *authn.Identity) (*stream, context.Context) {
	s := u.newStream(w, r)
	if !u.door.watches(identity) && u.door.cfg.MaxStreamAge == 0 && r.Header["Upgrade"] == nil {
		return s, r.Context()
	}
	var ctx context.Context
	ctx, s.cancel = context.WithCancelCause(r.Context())
	s.begin(identity)
	return s, ctx
}

// watches reports whether it is looked whether an identity's session goes on.
func (d *Door) watches(identity *authn.Identity) bool {
	return d.cfg.Watch != nil && identity != nil && identity.SessionID != uuid.Nil
}

// begin lets those end the stream who may.
func (s *stream) begin(identity *authn.Identity) {
	cfg := &s.door.cfg
	if s.door.watches(identity) {
		s.session = identity.SessionID
		s.unwatch = cfg.Watch(identity, func() { s.end(endOfSession) })
	}
	if cfg.MaxStreamAge > 0 {
		s.age = time.AfterFunc(cfg.MaxStreamAge, func() { s.end(endOfAge) })
	}
}

// hold has cut called if the stream is ended, until release; an error says that it was ended before. Cut must not wait.
func (s *stream) hold(cut func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return s.ended
	}
	s.cut = cut
	return nil
}

// release reports whether what was held was not cut. It will not be from now on.
func (s *stream) release() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = nil
	return s.ended == nil
}

// end ends the stream, unless it has ended. It may be called at any time and from anywhere.
func (s *stream) end(e *ending) {
	s.mu.Lock()
	if s.phase == phaseOver || s.ended != nil {
		s.mu.Unlock()
		return
	}
	s.ended = e
	socket := s.socket
	s.hurry()
	s.mu.Unlock()
	s.log(e)
	if socket != nil {
		socket.end(e) // and then the upstream
		return
	}
	if s.cancel != nil {
		s.cancel(e)
	}
}

// hurry sees to it that a client that neither sends nor reads does not hold up the end: the transport waits for the former
// before it gives up a request. The lock is held, because after the stream the connection belongs to the next request.
func (s *stream) hurry() {
	if s.cut != nil {
		s.cut()
	}
	control, past := http.NewResponseController(s.w), time.Unix(1, 0)
	if s.body {
		_ = control.SetReadDeadline(past)
	}
	if s.phase == phaseAnswer {
		_ = control.SetWriteDeadline(past)
	}
}

func (s *stream) log(e *ending) {
	session := ""
	if s.session != uuid.Nil {
		session = s.session.String()
	}
	s.door.cfg.Log.LogAttrs(context.Background(), slog.LevelInfo, "stream ended",
		slog.String("request_id", s.x.ID), slog.String("route", s.route),
		slog.String("session_id", session), slog.String("reason", e.reason))
}

// answering notes that the upstream has answered, and returns the ending of a stream that was ended before.
func (s *stream) answering() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return s.ended
	}
	s.phase = phaseAnswer
	return nil
}

// refusing notes that Authly itself is about to answer, and returns why if that is because the stream was ended.
func (s *stream) refusing() *ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == phaseWaiting {
		s.phase = phaseOver
	}
	return s.ended
}

// switching notes that the connection to the client is a WebSocket from now on, and returns what to use in its place.
func (s *stream) switching(conn net.Conn) net.Conn {
	s.mu.Lock()
	s.phase, s.socket = phaseSwitched, newSocket(conn, s.cancel)
	socket, ended := s.socket, s.ended
	s.mu.Unlock()
	if ended != nil { // since it was asked for the last time
		socket.end(ended)
	}
	if !s.door.sockets.add(s) {
		s.end(endOfService)
	}
	return socket
}

// close is called when the request has been served, by the goroutine that serves it. An answer that was cut off does not end
// like a whole one: close panics with http.ErrAbortHandler.
func (s *stream) close() {
	if s.unwatch != nil {
		s.unwatch()
	}
	if s.age != nil {
		s.age.Stop()
	}
	s.mu.Lock()
	phase, ended := s.phase, s.ended
	s.phase = phaseOver
	s.mu.Unlock()
	if s.cancel != nil {
		s.cancel(nil)
	}
	if phase == phaseSwitched {
		s.door.sockets.remove(s)
	}
	if ended == nil {
		return
	}
	s.x.Reason = ended.reason
	if phase != phaseAnswer {
		return
	}
	if s.http10 {
		reset(s.w)
	}
	panic(http.ErrAbortHandler)
}

// reset closes the connection of an HTTP/1.0 client in a way that looks like an error. The body of such an answer may end
// with the connection, and an orderly end of one would be taken for the end of the other.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	inner := conn
	if encrypted, ok := conn.(interface{ NetConn() net.Conn }); ok {
		inner = encrypted.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = inner.Close()
}

// switcher is the http.ResponseWriter of a request for a WebSocket.
type switcher struct {
	http.ResponseWriter
	stream *stream
}

// Hijack hands the connection over, wrapped so that it can be ended.
func (w switcher) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.stream.mu.Lock()
	ended := w.stream.ended
	w.stream.mu.Unlock()
	if ended != nil {
		return nil, nil, ended // and so there is an answer
	}
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return w.stream.switching(conn), buffered, nil
}

// Unwrap lets http.ResponseController reach everything else.
func (w switcher) Unwrap() http.ResponseWriter { return w.ResponseWriter }
