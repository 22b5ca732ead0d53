package proxy

import (
	"context"
	"sync"
	"time"
)

// sockets are the WebSockets that are open. http.Server forgets a connection once it is handed over, and neither closes it at
// its shutdown nor waits for it: that falls to us.
type sockets struct {
	mu      sync.Mutex
	open    map[*stream]struct{}
	leaving bool          // no more may begin
	gone    chan struct{} // closed with the last of them; nil: nobody waits
}

// add reports whether a WebSocket may begin. It is to be removed in any case.
func (s *sockets) add(one *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*stream]struct{}{}
	}
	s.open[one] = struct{}{}
	return !s.leaving
}

func (s *sockets) remove(one *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, one)
	if len(s.open) == 0 && s.gone != nil {
		close(s.gone)
		s.gone = nil
	}
}

// each does something to all that are open, side by side.
func (s *sockets) each(do func(*stream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.open {
		go do(one)
	}
}

// GoAway ends every WebSocket, also those that are yet to begin, with code 1001 (going away). It is the first step of a
// shutdown. Other requests are not touched: answers may come to their end, for as long as the http.Server in front waits.
func (d *Door) GoAway() {
	d.sockets.mu.Lock()
	d.sockets.leaving = true
	d.sockets.mu.Unlock()
	d.sockets.each(func(s *stream) { s.end(endOfService) })
}

// Wait waits until no WebSocket is open; at the end of ctx it cuts those that still are, which takes no time worth mentioning.
func (d *Door) Wait(ctx context.Context) {
	s := &d.sockets
	s.mu.Lock()
	if len(s.open) == 0 {
		s.mu.Unlock()
		return
	}
	if s.gone == nil {
		s.gone = make(chan struct{})
	}
	gone := s.gone
	s.mu.Unlock()
	select {
	case <-gone:
		return
	case <-ctx.Done():
		s.each(func(one *stream) { _ = one.socket.Conn.Close() })
	}
	select {
	case <-gone:
	case <-time.After(farewell):
	}
}
