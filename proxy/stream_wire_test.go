package proxy_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/descoped/authly/authn"
)

// A gRPC stream fails when its session ends, in both directions.
func TestGRPCStreamEndsWithItsSession(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	server.RegisterService(greeterService(), greeter{})
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	people := newSessions(t)
	g := people.gateway(t, "h2c://"+listener.Addr().String(), nil)
	conn, err := grpc.NewClient(g.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var out wrapperspb.StringValue
	open := func(token string) (chat func() error) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
		stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Greeter/Chat")
		if err != nil {
			t.Fatal(err)
		}
		return func() error {
			_ = stream.SendMsg(wrapperspb.String("hello")) // RecvMsg says more of an end
			return stream.RecvMsg(&out)
		}
	}
	desk := people.login(t, "alice")
	ending, going := open(desk), open(people.login(t, "alice"))
	for _, chat := range []func() error{ending, going} {
		if err := chat(); err != nil {
			t.Fatal(err)
		}
	}
	people.end(t, desk)
	eventually(t, "the stream ends", func() error {
		err := ending()
		if err == nil {
			return errors.New("it goes on")
		}
		if code := status.Code(err); code != codes.Internal {
			t.Errorf("it ends with %v", err)
		}
		return nil
	})
	if err := going(); err != nil {
		t.Errorf("another session's stream: %v", err)
	}
}

// Over TLS the goodbye, the end of an answer and that of an answer to HTTP/1.0 are as they are without.
func TestStreamsOverTLSEndWithTheirSession(t *testing.T) {
	people, app := newSessions(t), newLasting(t)
	plain := people.gateway(t, app.url, nil)
	server := httptest.NewUnstartedServer(plain.door.Gateway())
	server.StartTLS()
	t.Cleanup(server.Close)
	token := people.login(t, "alice")
	ask := func(path, proto string, lines string) *bufio.Reader {
		t.Helper()
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, "GET "+path+" "+proto+"\r\nHost: app.example.com\r\nAuthorization: Bearer "+token+"\r\n"+lines+"\r\n")
		return bufio.NewReader(conn)
	}
	socket, res, err := websocket.Dial(t.Context(), "wss"+server.URL[len("https"):]+"/public/websocket?socket", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
	})
	if err != nil {
		t.Fatal(err, res)
	}
	defer socket.CloseNow()
	bodies := map[string]io.Reader{}
	for _, proto := range []string{"HTTP/1.1", "HTTP/1.0"} {
		res, err := http.ReadResponse(ask("/public/events?"+proto, proto, ""), nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(err, res)
		}
		bodies[proto] = res.Body
		wait(t, app.stream(proto).here, "the application to answer")
	}
	people.end(t, token)
	if _, _, err := socket.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("a WebSocket ended with %v", err)
	}
	for proto, body := range bodies {
		if _, err := io.Copy(io.Discard, body); err == nil {
			t.Errorf("an answer to %s ended as if it were whole", proto)
		}
	}
}

// The built-in application gives up a body that does not come, too.
func TestEchoEndsWithTheSession(t *testing.T) {
	people := newSessions(t)
	for _, http2 := range []bool{false, true} {
		c := withUpstream("echo:")
		watched := make(chan bool, 1)
		c.people, c.watch = people, func(who *authn.Identity, ended func()) (stop func()) {
			defer func() { watched <- true }()
			return people.follower.Watch(who, ended)
		}
		g := newGateway(t, c)
		token := people.login(t, "alice")
		reader, writer := io.Pipe()
		t.Cleanup(func() { writer.Close() })
		req := streamRequest(t, g, "/x", token, "")
		req.Method, req.Body = "POST", reader
		done := make(chan error, 1)
		go func() {
			res, err := client(t, http2).Do(req)
			if err == nil {
				res.Body.Close()
				err = errors.New(res.Status)
			}
			done <- err
		}()
		if _, err := writer.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		wait(t, watched, "the request to be let in") // else it would be nobody's, on a public route
		people.end(t, token)
		if err := wait(t, done, "an answer"); err.Error() != "401 Unauthorized" {
			t.Errorf("http2=%t: %v", http2, err)
		}
	}
}
