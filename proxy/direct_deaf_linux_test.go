package proxy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/descoped/authly/proxy"
)

// newDeaf returns the address of an application that reads the first bytes of a request, answers, and reads no more. Its system
// takes no more than a few bytes on its behalf.
func newDeaf(t *testing.T, answer string) string {
	t.Helper()
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) {
			err = errors.Join(
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10),
				syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1000), // as on a network; else the sender keeps as much
			)
		}), err)
	}}
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			_, _ = io.ReadFull(conn, make([]byte, 16))
			_, _ = io.WriteString(conn, answer)
		}
	}()
	return listener.Addr().String()
}

// An application that finds a request too long says so while it is still being sent, and the client is told: however the length
// is spread over the request.
func TestLongRequestsAreAnsweredWhileTheyAreSent(t *testing.T) {
	t.Parallel()
	deaf := newDeaf(t, "HTTP/1.1 414 URI Too Long\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlong")
	g := newGateway(t, gatewayConfig{upstream: proxy.UpstreamConfig{URLs: []string{"http://" + deaf}}})
	long := strings.Repeat("x", 900<<10)
	for what, asked := range map[string]string{
		"query": request("GET", "/public/x?"+long, ""), "path": request("GET", "/public/"+long, ""),
		"field": request("GET", "/public/x", "", "X-Long: "+long), "nothing": request("GET", "/public/x", ""),
	} {
		if a := g.raw(t, asked); a.StatusCode != http.StatusRequestURITooLong || a.body != "long" {
			t.Errorf("a long %s: status %d and %q", what, a.StatusCode, a.body)
		}
	}
}
