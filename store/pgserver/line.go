package pgserver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
)

// Message is what a client says to the server (PostgreSQL's documentation, "Message Formats").
type Message struct {
	Type byte // 'Q' for a query, 'P' for a statement to prepare, 'E' for its execution and so on
	Body []byte
}

// Statement returns the SQL of a message that has some, else "".
func (m Message) Statement() string {
	switch m.Type {
	case 'Q': // the statement
		return string(bytes.TrimRight(m.Body, "\x00"))
	case 'P': // its name, the statement, the types of parameters
		if _, rest, ok := bytes.Cut(m.Body, []byte{0}); ok {
			statement, _, _ := bytes.Cut(rest, []byte{0})
			return string(statement)
		}
	}
	return ""
}

// Verdict is what becomes of a message.
type Verdict int

const (
	Pass      Verdict = iota // it arrives
	Cut                      // it does not, and its connection ends
	CutAnswer                // it arrives, the server answers, and then the connection ends without the answer
)

// Line stands between clients and a database and cuts connections at the messages that it is told to.
type Line struct {
	judge    func(Message) Verdict
	database *url.URL
	listener net.Listener
	calls    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
}

// maxMessage bounds a client's message in bytes: Authly's are small.
const maxMessage = 16 << 20

// NewLine makes a line to a database. judge is asked about every message after a client's greeting, from many goroutines at
// once. The line does not understand TLS: the database's URL must say sslmode=disable.
func NewLine(database *url.URL, judge func(Message) Verdict) (*Line, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Line{judge: judge, database: database, listener: listener, open: map[net.Conn]bool{}}
	l.calls.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			l.calls.Go(func() { l.carry(client) })
		}
	})
	return l, nil
}

// URL returns the database's URL by way of the line.
func (l *Line) URL() *url.URL {
	u := *l.database
	u.Host = l.listener.Addr().String()
	return &u
}

// Close ends every connection and waits until they have ended.
func (l *Line) Close() error {
	err := l.listener.Close()
	l.mu.Lock()
	l.closed = true
	for conn := range l.open {
		_ = conn.Close()
	}
	l.mu.Unlock()
	l.calls.Wait()
	return err
}

// keep notes that both ends are open, and reports whether the line is.
func (l *Line) keep(ends ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range ends {
		l.open[conn] = true
	}
	return !l.closed
}

func (l *Line) drop(ends ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range ends {
		_ = conn.Close()
		delete(l.open, conn)
	}
}

// carry serves one connection until one end closes it or it is cut.
func (l *Line) carry(client net.Conn) {
	server, err := net.Dial("tcp", l.database.Host)
	if err != nil {
		_ = client.Close()
		return
	}
	defer l.drop(client, server)
	if !l.keep(client, server) {
		return
	}
	var mute atomic.Bool // what the server says from now on is not passed on
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(until{client, &mute}, server)
		_ = client.Close() // and so forward ends
	})
	l.forward(client, server, &mute)
	_ = server.Close()
	back.Wait()
}

// until passes on what is written until it is mute.
type until struct {
	io.Writer
	mute *atomic.Bool
}

func (u until) Write(p []byte) (int, error) {
	if u.mute.Load() {
		return 0, errors.New("the line is cut")
	}
	return u.Writer.Write(p)
}

// forward passes on what the client says until a message is cut or an end is closed.
func (l *Line) forward(client io.Reader, server io.Writer, mute *atomic.Bool) {
	if _, err := readFrame(client, server, 0); err != nil { // the greeting has no type
		return
	}
	for {
		var message bytes.Buffer
		kind, err := readFrame(client, &message, 1)
		if err != nil {
			return
		}
		verdict := l.judge(Message{Type: kind, Body: message.Bytes()[5:]})
		if verdict == Cut {
			return
		}
		if verdict == CutAnswer {
			mute.Store(true) // and the answer, which may need more messages to come, ends the connection
		}
		if _, err := server.Write(message.Bytes()); err != nil {
			return
		}
	}
}

var errFrame = errors.New("pgserver: not a message of PostgreSQL's protocol")

// readFrame passes on one message: a type if it has one, the length of the rest with itself, the rest.
func readFrame(from io.Reader, to io.Writer, types int) (kind byte, err error) {
	head := make([]byte, types+4)
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, err
	}
	length := binary.BigEndian.Uint32(head[types:])
	if length < 4 || length > maxMessage {
		return 0, errFrame
	}
	if _, err := to.Write(head); err != nil {
		return 0, err
	}
	_, err = io.CopyN(to, from, int64(length-4))
	return head[0], err
}
