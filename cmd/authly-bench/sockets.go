package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// sockets are WebSockets that are open and say nothing.
type sockets struct {
	mu    sync.Mutex
	conns []net.Conn
}

// close has the upstream end them all at once. Connections that others end keep their ports for a minute.
func (s *sockets) close() {
	for _, c := range s.conns {
		_, _ = c.Write([]byte("\x88\x80\x00\x00\x00\x00")) // close, masked; to one that is gone it says nothing
	}
	for _, c := range s.conns {
		_ = c.SetReadDeadline(time.Now().Add(wireTimeout))
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
}

// openSockets opens n WebSockets, and sees of each that it works.
func openSockets(ctx context.Context, address, token string, n int) (*sockets, error) {
	const atATime = 64
	s := &sockets{}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var work sync.WaitGroup
	for worker := range atATime {
		work.Go(func() {
			for i := worker; i < n && ctx.Err() == nil; i += atATime {
				if err := s.open(ctx, address, token, i); err != nil {
					cancel(fmt.Errorf("WebSocket %d: %w", i, err))
				}
			}
		})
	}
	work.Wait()
	if err := context.Cause(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// open opens one, from an address that is nobody else's: the ports of the usual one are wanted by whoever starts a server.
func (s *sockets) open(ctx context.Context, address, token string, i int) error {
	dialer := net.Dialer{
		Timeout: wireTimeout, Control: portWhenConnected, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i/20_000))}, // #nosec G115 -- 128 addresses are enough for two million sockets
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.conns = append(s.conns, conn)
	s.mu.Unlock()
	if err := conn.SetDeadline(time.Now().Add(wireTimeout)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(conn, "GET /socket HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n", token)
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(conn, 1024)
	first := ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if first == "" {
			first = line
		}
		if line == "\r\n" {
			break
		}
	}
	if !strings.HasPrefix(first, "HTTP/1.1 101 ") {
		return fmt.Errorf("answered %q", strings.TrimSpace(first))
	}
	if _, err := conn.Write([]byte("\x81\x82\x00\x00\x00\x00hi")); err != nil { // text, masked with noughts
		return err
	}
	said := make([]byte, 4)
	if _, err := io.ReadFull(r, said); err != nil {
		return err
	}
	if string(said) != "\x81\x02hi" {
		return fmt.Errorf("heard %q", said)
	}
	return conn.SetDeadline(time.Time{})
}
