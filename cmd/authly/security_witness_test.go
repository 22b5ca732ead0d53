package main_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// witness is the application behind Authly. It records every byte it gets and answers each request with its own target, so
// that an answer tells which request it is for.
type witness struct {
	address string

	mu     sync.Mutex
	answer func(sighting) string
	seen   []sighting
}

// sighting is a request that reached the application.
type sighting struct {
	method, target string
	header         http.Header
	trailer        http.Header
	raw            string // every byte
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{address: listener.Addr().String()}
	w.answers(tellTarget)
	ctx, cancel := context.WithCancel(context.Background())
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() {
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				defer conn.Close()
				w.serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		listener.Close()
		connections.Wait()
	})
	return w
}

func tellTarget(s sighting) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(s.target), s.target)
}

// serve reads requests until one cannot be read or the answer is to be the last: an answer that says so itself, or one that
// is no complete answer.
func (w *witness) serve(conn net.Conn) {
	var bytesSeen bytes.Buffer
	in := bufio.NewReader(io.TeeReader(conn, &bytesSeen))
	for {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		raw := bytesSeen.String()[:bytesSeen.Len()-in.Buffered()]
		bytesSeen.Next(len(raw))
		one := sighting{request.Method, request.RequestURI, request.Header, request.Trailer, raw}
		w.mu.Lock()
		w.seen = append(w.seen, one)
		answer := w.answer(one)
		w.mu.Unlock()
		if _, err := io.WriteString(conn, answer); err != nil || strings.Contains(answer, "Connection: close") {
			return
		}
	}
}

// answers sets what is answered from now on.
func (w *witness) answers(answer func(sighting) string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// take returns what was seen since the last call.
func (w *witness) take() []sighting {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.seen
	w.seen = nil
	return taken
}

// lines returns the header and trailer lines whose name is, to a CGI-like reader, the given one.
func (s sighting) lines(name string) []string {
	var found []string
	for line := range strings.SplitSeq(s.raw, "\r\n") {
		if n, _, ok := strings.Cut(line, ":"); ok && asCGI(n) == asCGI(name) {
			found = append(found, line)
		}
	}
	return found
}

// asCGI is what CGI, WSGI and PHP make of a header's name.
func asCGI(name string) string {
	return strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			return c
		}
		return '_'
	}, strings.ToLower(name))
}

// line is a connection on which a test speaks raw bytes.
type line struct {
	net.Conn
	in *bufio.Reader
}

// call opens a connection from one of the addresses of this machine: 127.0.0.1 is the trusted proxy, all others strangers.
func call(t *testing.T, from, address string) *line {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &line{conn, bufio.NewReader(conn)}
}

// listen reads one answer. The error is that of an answer that does not come or breaks off.
func (l *line) listen() (reply, error) {
	response, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(body)}, err
}

// exchange sends the bytes of a request on a connection of its own and returns the answer. That not all of them could be
// sent is no error as long as there is an answer: a server may refuse a request before its end.
func exchange(t *testing.T, from, address, request string) reply {
	t.Helper()
	l := call(t, from, address)
	defer l.Close()
	_, sendErr := io.WriteString(l, request)
	answer, err := l.listen()
	if err != nil {
		t.Fatalf("no answer to %.200q: %v (sending: %v)", request, err, sendErr)
	}
	return answer
}

func lengthOf(body string) string { return fmt.Sprint(len(body)) }

// headerText is a header as text, to look for what must not be in it.
func headerText(h http.Header) string {
	var text strings.Builder
	_ = h.Write(&text) // a strings.Builder takes everything
	return text.String()
}
