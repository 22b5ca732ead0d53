package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// wireTimeout is how long a request may take until its connection is given up.
const wireTimeout = 20 * time.Second

// wire is a connection that is kept alive, over which requests go as they stand in memory. It spends as little as it can: it
// shares the processors with what is measured.
type wire struct {
	address string
	conn    net.Conn // nil: not connected
	reader  *bufio.Reader
	until   time.Time // the deadline that conn has
	copied  []byte    // of who sends a changed request
}

func newWire(address string) *wire {
	return &wire{address: address, reader: bufio.NewReaderSize(nil, 8<<10)}
}

func (w *wire) close() {
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn = nil
	}
}

// heard is an answer, of which the body was thrown away.
type heard struct {
	status int
	length int  // of the body, in bytes
	last   bool // the connection ends with it
}

// do sends a request and reads the answer to its end. A connection that the server has closed meanwhile, as it may between two
// requests, is made anew.
func (w *wire) do(request []byte) (got heard, err error) {
	for range 2 {
		fresh := w.conn == nil
		var begun bool
		if got, begun, err = w.try(request); err == nil {
			return got, nil
		}
		w.close()
		if fresh || begun {
			break
		}
	}
	return heard{}, fmt.Errorf("%s: %w", w.address, err)
}

func (w *wire) try(request []byte) (got heard, begun bool, err error) {
	if w.conn == nil {
		if w.conn, err = net.DialTimeout("tcp", w.address, wireTimeout); err != nil {
			w.conn = nil
			return got, false, err
		}
		w.reader.Reset(w.conn)
		w.until = time.Time{}
	}
	if now := time.Now(); w.until.Sub(now) < wireTimeout/2 { // not with every request: it costs
		w.until = now.Add(wireTimeout)
		if err := w.conn.SetDeadline(w.until); err != nil {
			return got, false, err
		}
	}
	if _, err := w.conn.Write(request); err != nil {
		return got, false, err
	}
	if _, err := w.reader.Peek(1); err != nil {
		return got, false, err
	}
	got, err = readAnswer(w.reader)
	if err == nil && got.last {
		w.close()
	}
	return got, true, err
}

var errAnswer = errors.New("the answer is not HTTP/1.1 as it is understood here")

// readAnswer reads an answer to the end of its body.
func readAnswer(r *bufio.Reader) (got heard, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return got, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return got, errAnswer
	}
	if got.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return got, errAnswer
	}
	got.length = -1
	chunked := false
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return got, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case len(name) == 14 && bytes.EqualFold(name, []byte("Content-Length")):
			if got.length, err = strconv.Atoi(string(value)); err != nil || got.length < 0 {
				return got, errAnswer
			}
		case len(name) == 17 && bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case len(name) == 10 && bytes.EqualFold(name, []byte("Connection")):
			got.last = bytes.EqualFold(value, []byte("close"))
		}
	}
	switch {
	case got.status < 200 || got.status == 204 || got.status == 304:
		got.length = 0
	case chunked:
		got.length, err = skipChunks(r)
	case got.length < 0:
		err = errAnswer // it would end with the connection
	default:
		_, err = r.Discard(got.length)
	}
	return got, err
}

// skipChunks reads a body in chunks (RFC 9112 section 7.1), without trailers, and returns its length.
func skipChunks(r *bufio.Reader) (length int, err error) {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return length, err
		}
		size, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(";"))
		n, err := strconv.ParseUint(string(size), 16, 31)
		if err != nil {
			return length, errAnswer
		}
		length += int(n)
		if _, err := r.Discard(int(n) + 2); err != nil || n == 0 {
			return length, err
		}
	}
}
