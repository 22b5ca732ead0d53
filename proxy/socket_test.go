package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pair is a socket between a client and an upstream, which are the test.
type pair struct {
	*socket
	client   net.Conn
	received chan string // all that the client got, when that has come to its end
	cut      context.Context
}

// newPair returns a socket whose client reads everything and answers a close frame as it should.
func newPair(t *testing.T) *pair {
	t.Helper()
	p := newDeafPair(t)
	go func() {
		var all bytes.Buffer
		var f frames
		chunk := make([]byte, 7)
		for {
			n, err := p.client.Read(chunk)
			all.Write(chunk[:n])
			f.follow(chunk[:n])
			if f.last && f.between() {
				go p.client.Write(frame(0x88, 2, true))
			}
			if err != nil {
				p.received <- all.String()
				return
			}
		}
	}()
	return p
}

// newDeafPair returns a socket whose client does nothing.
func newDeafPair(t *testing.T) *pair {
	t.Helper()
	client, server := net.Pipe()
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil); client.Close(); server.Close() })
	return &pair{socket: newSocket(server, cancel), client: client, received: make(chan string, 1), cut: ctx}
}

// relay copies like ReverseProxy, and closes the socket as soon as one direction is over.
func (p *pair) relay(upstream net.Conn) (done chan struct{}) {
	done = make(chan struct{})
	stop := context.AfterFunc(p.cut, func() { upstream.Close() })
	over := make(chan error, 2)
	go func() { _, err := io.Copy(upstream, p.socket); over <- err }()
	go func() { _, err := io.Copy(p.socket, upstream); over <- err }()
	go func() {
		defer close(done)
		defer stop()
		<-over
		p.Close()
		upstream.Close()
	}()
	return done
}

func (p *pair) isCut() bool { return p.cut.Err() != nil }

func write(t *testing.T, w io.Writer, b []byte) {
	t.Helper()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

var goodbye = string(closeFrame(1008, "session ended"))

// The close frame comes at once if it can, else when the frame that has begun is whole; and after it comes nothing.
func TestCloseFrameStandsBetweenFrames(t *testing.T) {
	whole, long := frame(0x81, 3, false), frame(0x82, 100_000, false)
	for name, c := range map[string]struct{ before, after []byte }{
		"nothing was said":              {nil, nil},
		"after a frame":                 {whole, nil},
		"after a frame without content": {frame(0x8a, 0, false), nil},
		"between parts of a message":    {frame(0x01, 9, false), nil},
		"within a head":                 {whole[:1], whole[1:]},
		"within a length":               {long[:5], long[5:]},
		"within a payload":              {append(append([]byte{}, whole...), long[:50_000]...), long[50_000:]},
		"before the last byte":          {long[:len(long)-1], long[len(long)-1:]},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				upstream, other := net.Pipe()
				done := p.relay(other)
				if len(c.before) > 0 {
					write(t, upstream, c.before)
				}
				synctest.Wait()
				p.end(endOfSession)
				synctest.Wait()
				if p.isCut() != (len(c.after) == 0) {
					t.Errorf("the upstream is cut: %t", p.isCut())
				}
				if len(c.after) > 0 {
					time.Sleep(frameRest / 2)
					_, _ = upstream.Write(append(append([]byte{}, c.after...), whole...))
				}
				if got, want := <-p.received, string(c.before)+string(c.after)+goodbye; got != want {
					t.Errorf("the client got %d bytes, ending in %.40q; want %d", len(got), got[max(0, len(got)-20):], len(want))
				}
				<-done
				if _, err := upstream.Write(whole); err == nil {
					t.Error("the upstream does not know")
				}
			})
		})
	}
}

// No frame may follow a close frame (RFC 6455 section 5.5.1): if the upstream has said goodbye, nobody says it again.
func TestGoodbyeIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		upstream, other := net.Pipe()
		done := p.relay(other)
		said := string(closeFrame(1000, "bye"))
		write(t, upstream, []byte(said))
		synctest.Wait()
		p.end(endOfSession)
		if got := <-p.received; got != said {
			t.Errorf("the client got %q, want %q", got, said)
		}
		<-done
	})
}

// Where no close frame can be said, the connection is cut, and it is not waited for long.
func TestSocketIsCut(t *testing.T) {
	for name, c := range map[string]struct {
		pair  func(*testing.T) *pair
		said  []byte
		after time.Duration
	}{
		"a frame that is never whole":         {newPair, frame(0x82, 100, false)[:50], frameRest},
		"a client that does not read":         {newDeafPair, frame(0x82, 100, false), frameRest},
		"a client that reads nothing at all":  {newDeafPair, nil, farewell},
		"an upstream that has said close too": {newPair, closeFrame(1000, ""), farewell},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := c.pair(t)
				upstream, other := net.Pipe()
				done := p.relay(other)
				go upstream.Write(c.said)
				synctest.Wait()
				begin := time.Now()
				p.end(endOfSession)
				<-done
				if took := time.Since(begin); took > c.after {
					t.Errorf("took %v, want %v", took, c.after)
				}
				if _, err := upstream.Write([]byte("x")); err == nil {
					t.Error("the upstream is not cut")
				}
				p.client.SetReadDeadline(time.Now().Add(time.Second))
				if rest, _ := io.ReadAll(p.client); strings.Contains(string(rest), "session") {
					t.Errorf("the client got %q", rest)
				}
			})
		})
	}
}

// What a client sends after the end of its session is for nobody.
func TestNothingPassesAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		upstream, other := net.Pipe()
		half := frame(0x82, 100, false)
		done := p.relay(other)
		write(t, upstream, half[:50]) // so that the upstream is not cut yet
		synctest.Wait()
		p.end(endOfSession)
		write(t, p.client, frame(0x81, 5, true))
		upstream.SetReadDeadline(time.Now().Add(frameRest / 2))
		if n, err := upstream.Read(make([]byte, 100)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the upstream got %d bytes: %v", n, err)
		}
		write(t, upstream, half[50:])
		if got := <-p.received; got != string(half)+goodbye {
			t.Errorf("the client got %q", got)
		}
		<-done
	})
}

// An end that comes before the answer 101 is sent does not get in its way.
func TestSocketEndsBeforeItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.end(endOfSession)
		synctest.Wait()
		write(t, p.Conn, []byte{0x81, 0}) // as ReverseProxy writes it, past the socket
		_, other := net.Pipe()
		<-p.relay(other)
		if got := <-p.received; got != "\x81\x00"+goodbye {
			t.Errorf("the client got %q", got)
		}
	})
	synctest.Test(t, func(t *testing.T) { // and it never is sent
		p := newPair(t)
		p.end(endOfSession)
		if got := <-p.received; got != "" || !p.isCut() {
			t.Errorf("the client got %q", got)
		}
	})
}

// The client may answer the close frame before the connection is closed: closed with something unread, it would be reset, and
// some systems then take the close frame from a client that has not read it yet.
func TestClientIsHeardOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newDeafPair(t)
		_, other := net.Pipe()
		done := p.relay(other)
		go p.end(endOfSession)
		if got := make([]byte, len(goodbye)); readAll(p.client, got) != goodbye {
			t.Fatalf("the client got %q", got)
		}
		synctest.Wait()
		time.Sleep(farewell / 2)
		write(t, p.client, frame(0x82, 1000, true)) // which was on its way
		write(t, p.client, frame(0x88, 2, true))
		p.client.Close()
		begin := time.Now()
		<-done
		if took := time.Since(begin); took > 0 {
			t.Errorf("the connection was kept for %v after the client had closed it", took)
		}
	})
}

func readAll(r io.Reader, p []byte) string {
	n, _ := io.ReadFull(r, p)
	return string(p[:n])
}
