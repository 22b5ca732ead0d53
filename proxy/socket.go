package proxy

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// How long the end of a WebSocket may take: until the frame that is just passing to the client has passed, and then until the
// client has answered the close frame. After that the connection is cut.
const (
	frameRest = 200 * time.Millisecond
	farewell  = time.Second
)

// socket is the connection to the client of a WebSocket, once it is one. ReverseProxy copies between it and the upstream.
//
// To end it properly Authly must say a word in the middle of somebody else's conversation: the close frame has to stand
// between two frames of the upstream. Therefore what passes to the client is followed frame by frame. From the moment of the
// end on nothing that the client sends reaches the upstream, and nothing but the rest of one frame of the upstream's reaches
// the client.
type socket struct {
	net.Conn
	cancel context.CancelCauseFunc // ends the connection to the upstream
	ended  atomic.Pointer[ending]  // nil: not
	begun  atomic.Bool             // the answer 101 is sent, and frames may pass

	turn   chan struct{} // held by who writes; guards what follows
	frames frames        // to the client
	broken bool          // not all of a frame could be written
	left   bool          // the close frame was sent, or cannot be
	cut    *time.Timer   // at the end of patience; nil: not ended
}

func newSocket(conn net.Conn, cancel context.CancelCauseFunc) *socket {
	return &socket{Conn: conn, cancel: cancel, turn: make(chan struct{}, 1)}
}

// begin is called when ReverseProxy turns to the connection, which it does only after it has sent the answer 101 past it.
func (c *socket) begin() {
	if c.begun.Swap(true) || c.ended.Load() == nil {
		return
	}
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	c.leave()
}

// end ends the connection, once. It waits for no longer than frameRest.
func (c *socket) end(e *ending) {
	if !c.ended.CompareAndSwap(nil, e) {
		return
	}
	_ = c.SetWriteDeadline(time.Now().Add(frameRest)) // for a client that does not read
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	c.cut = time.AfterFunc(frameRest, func() { c.cancel(e); _ = c.Conn.Close() })
	c.leave()
}

// leave says goodbye to the client of a connection that was ended, if this is the place for it, and cuts the upstream. The
// turn is held.
func (c *socket) leave() {
	if !c.begun.Load() || c.cut == nil || c.left || c.broken || !c.frames.between() {
		return
	}
	c.left = true
	c.cut.Reset(farewell)
	e := c.ended.Load()
	if !c.frames.last { // else the upstream has said it
		_ = c.SetWriteDeadline(time.Now().Add(farewell))
		_, _ = c.Conn.Write(closeFrame(e.code, e.text)) // and if it cannot be sent, the connection is gone
	}
	_ = c.CloseWrite()
	c.cancel(e)
}

// Read reads what the client sends. Of a connection that was ended that is nobody's business any more.
func (c *socket) Read(p []byte) (int, error) {
	c.begin()
	for {
		n, err := c.Conn.Read(p)
		switch e := c.ended.Load(); {
		case e == nil:
			return n, err
		case err != nil:
			return 0, err
		}
	}
}

// Write passes on what the upstream sends.
func (c *socket) Write(p []byte) (int, error) {
	c.begin()
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	e := c.ended.Load()
	switch {
	case c.left, e != nil && c.frames.between():
		c.leave()
		return 0, e
	case e == nil:
		n, err := c.write(p)
		c.leave() // if it was ended meanwhile
		return n, err
	}
	ahead := c.frames
	n, err := c.write(p[:ahead.frame(p)])
	c.leave()
	if err == nil && n < len(p) {
		err = e
	}
	return n, err
}

func (c *socket) write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.frames.follow(p[:n])
	c.broken = c.broken || err != nil
	return n, err
}

// CloseWrite passes on that the upstream has said its last word, where the connection can say so.
func (c *socket) CloseWrite() error {
	if conn, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite()
	}
	return nil
}

// Close closes the connection. If it was ended, the client is heard out first: the system resets a connection that is closed
// with something unread, and takes from the client what it has not read, which may be the close frame.
func (c *socket) Close() error {
	if c.ended.Load() == nil {
		return c.Conn.Close()
	}
	c.turn <- struct{}{}
	c.leave()
	left, cut := c.left, c.cut
	<-c.turn
	if left {
		_, _ = io.Copy(io.Discard, c.Conn) // until cut, at most
	}
	if cut != nil {
		cut.Stop()
	}
	return c.Conn.Close()
}
