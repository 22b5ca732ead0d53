package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seen is what came of a request: what the upstream got, and what the client.
type seen struct {
	Received []string
	Interim  []string
	Status   string
	Header   []string
	Body     string
	Broken   bool // the answer breaks off
	Trailer  []string
}

// try sends a request that closes its connection through a gateway.
func (g *gateway) try(t *testing.T, up *scripted, request string) seen {
	t.Helper()
	up.take()
	c := dial(t, g.addr)
	defer c.Close()
	c.write(t, request)
	method, _, _ := strings.Cut(request, " ")
	var s seen
	in := bufio.NewReader(c)
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			s.Broken = true
			break
		}
		if res.StatusCode >= 100 && res.StatusCode < 200 {
			s.Interim = append(s.Interim, res.Status+" "+strings.Join(lines(res.Header), "\n"))
			continue
		}
		body, err := io.ReadAll(res.Body)
		id := res.Header.Get("X-Request-Id")
		s.Status, s.Broken, s.Body = res.Status, err != nil, strings.ReplaceAll(string(body), id, "ID")
		res.Header.Del("Date")
		s.Header, s.Trailer = append(lines(res.Header), fmt.Sprint("length ", res.ContentLength)), lines(res.Trailer)
		break
	}
	for _, one := range up.take() {
		s.Received = append(s.Received, sortedHead(one))
	}
	return s
}

func lines(h http.Header) []string {
	var all []string
	for name, values := range h {
		if name == "X-Request-Id" {
			values = []string{fmt.Sprint(len(values[0]))}
		}
		all = append(all, fmt.Sprintf("%s: %q", name, values))
	}
	slices.Sort(all)
	return all
}

// sortedHead sorts the lines of a head behind the first by their names: their order among each other says nothing.
func sortedHead(raw string) string {
	all := strings.Split(raw, "\r\n")
	for i, line := range all {
		if strings.HasPrefix(line, "X-Request-Id: ") {
			all[i] = line[:len("X-Request-Id: ")]
		}
	}
	slices.SortStableFunc(all[1:], func(a, b string) int {
		a, _, _ = strings.Cut(a, ":")
		b, _, _ = strings.Cut(b, ":")
		return strings.Compare(a, b)
	})
	return strings.Join(all, "\n")
}

// pair is two gateways that differ in nothing but the way in which the upstream is asked.
type pair struct {
	direct, usual     *gateway
	directUp, usualUp *scripted
}

func newPair(t *testing.T, c gatewayConfig) *pair {
	p := &pair{directUp: newScripted(t), usualUp: newScripted(t)}
	c.upstream.PreserveHost = true
	c.upstream.URLs = []string{"http://" + p.directUp.addr}
	p.direct = newGateway(t, c)
	c.upstream.URLs = []string{"http://" + p.usualUp.addr}
	p.usual = newGateway(t, c)
	p.usual.door.NeverDirect()
	return p
}

func (p *pair) compare(t *testing.T, request string, script func(request string) (string, bool)) {
	t.Helper()
	p.directUp.script(script)
	p.usualUp.script(script)
	got, want := p.direct.try(t, p.directUp, request), p.usual.try(t, p.usualUp, request)
	answer, _ := script(request)
	settleRaces(&got, &want, answer, strings.Contains(request, " HTTP/1.0\r\n"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("directly is not the same as by http.Transport (-), asked with %.200q:\n%s", request, diff)
	}
	if len(got.Received) == 0 && !strings.Contains(request, "refused") {
		t.Errorf("the upstream was not asked: %.200q", request)
	}
}

// settleRaces makes equal what is a matter of luck with ReverseProxy, which begins an answer of unknown length while it reads the
// first bytes of its body: whether net/http sees them in time to guess their type, or that there are none, and whether a client of
// a body that is broken from its first byte gets a head. A client of HTTP/1.0 may then not even learn that the body is broken, and with us it does.
func settleRaces(got, want *seen, answer string, http10 bool) {
	for _, s := range []*seen{got, want} {
		s.Header = slices.DeleteFunc(s.Header, func(line string) bool {
			return !strings.Contains(answer, "Content-Type: ") && strings.HasPrefix(line, `Content-Type: ["text/plain`) ||
				!strings.Contains(answer, "Content-Length: ") && (line == `Content-Length: ["0"]` || line == "length 0" || line == "length -1")
		})
	}
	if got.Broken && (want.Broken || http10) && (want.Status == "" || want.Status == "200 OK") {
		got.Status, got.Header, got.Body = want.Status, want.Header, want.Body
		got.Broken = want.Broken
	}
}

// Whatever is asked, the application and the client see the same as if http.Transport and ReverseProxy were in between.
func TestDirectRequestsAreLikeTransports(t *testing.T) {
	t.Parallel()
	p := newPair(t, gatewayConfig{trusted: loopback()})
	fromFar := newPair(t, gatewayConfig{})
	ok := func(string) (string, bool) { return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false }
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"} {
		for _, path := range []string{"/", "/x?", "/x?a=b&c;d=%zz", "/%41/b~c", "/public/x?//..", "/a%20b"} {
			p.compare(t, request(method, path, "alice", "Connection: close"), ok)
		}
	}
	for _, line := range []string{
		"X-Plain: one", "X-Plain: ", "X-Plain: a\tb  c ", "X-Twice: 1\r\nX-Twice: 2", "x-lower: 1", "X_Under: 1", "X.Dot: 1", "X-High: \xe9\xff",
		"User-Agent: a", "User-Agent: ", "User-Agent: a\r\nUser-Agent: b", "Te: trailers", "Te: gzip, trailers;q=0.5", "Te: gzip",
		"Connection: X-Named\r\nX-Named: 1", "Connection: x-forwarded-port, te\r\nX-Forwarded-Port: 1\r\nTe: trailers",
		"Connection: X-Forwarded-User, X-Request-Id, Cookie\r\nCookie: a=b", "Connection: keep-alive, Close\r\nClose: 1", "Keep-Alive: 5",
		"Proxy-Connection: close", "Proxy-Authorization: x", "Proxy-Authenticate: x", "Proxy_Authorization: x", "Trailer: X-T", "Upgrade: h2c",
		"Http2-Settings: x", "Content-Length: 0", "Content_Length: 5", "Transfer_Encoding: chunked", "Accept-Encoding: gzip", "Range: bytes=0-1",
		"Cookie: a=b; authly=c; d=e", "Cookie: authly=c", "Cookie: a=b\r\nCookie: __Host-authly=c\r\nCookie: d=e", "Cookie: ",
		"X-Forwarded-User: root", "x_forwarded_user: root", "X-Authly-Assertion: x", "Remote.User: root", "Forwarded: for=1.2.3.4", "X-Real-Ip: 1.2.3.4",
		"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 127.0.0.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: other.example.com:8443",
		"X-Forwarded-Port: 1", "X-Forwarded-Port: 1\r\nX-Forwarded-Port: 2", "X-Forwarded-Prefix: /p", "X-Original-Url: /admin", "Proxy: x",
		"Idempotency-Key: 1", "X-Request-Id: given", "X_Request_Id: given", "Origin: https://a.example.com", "Expect: 100-continue",
		"X-Long: " + strings.Repeat("x", 20_000), "X-Longer: " + strings.Repeat("x", 40_000), "X-Empty-Name-Next: 1\r\nVia: 1.1 somebody",
	} {
		p.compare(t, request("GET", "/x", "alice", "Connection: close", line), ok)
		fromFar.compare(t, request("GET", "/x", "alice", "Connection: close", line), ok)
	}
	p.compare(t, request("GET", "/basic/x", "", "Connection: close", "Authorization: Basic eDp5"), ok)
	p.compare(t, request("GET", "/public/x", "", "Connection: close"), ok)
	p.compare(t, "GET /public/x HTTP/1.0\r\nHost: app.example.com\r\n\r\n", ok)
	p.compare(t, request("GET", "/refused\x01", "alice"), ok)
}

// Whatever is answered, the client sees the same, and what comes next is not harmed.
func TestDirectAnswersAreLikeTransports(t *testing.T) {
	t.Parallel()
	p := newPair(t, gatewayConfig{})
	for _, line := range answersOfAllKinds() {
		for _, asked := range []string{
			request("GET", "/public/x", "", "Connection: close"), request("HEAD", "/public/x", "", "Connection: close"),
			request("POST", "/public/x", "", "Connection: close", "Content-Length: 0"), "GET /public/x HTTP/1.0\r\nHost: app.example.com\r\n\r\n",
		} {
			p.compare(t, asked, func(string) (string, bool) { return line.bytes, line.closes })
			next := func(string) (string, bool) { return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext", false }
			p.directUp.script(next)
			if a := p.direct.get(t, "/public/x", ""); a.StatusCode != http.StatusOK || a.body != "next" {
				t.Errorf("after %.200q, the next request gets status %d and %q", line.bytes, a.StatusCode, a.body)
			}
			p.usualUp.script(next)
			p.usual.get(t, "/public/x", "") // so that both have a good connection to begin with
		}
	}
}

type rawAnswer struct {
	bytes  string
	closes bool // the connection, behind the answer
}

func answersOfAllKinds() []rawAnswer {
	const ok = "HTTP/1.1 200 OK\r\n"
	all := []rawAnswer{}
	for _, s := range []string{
		ok + "Content-Length: 2\r\n\r\nok", ok + "Content-Length: 0\r\n\r\n", ok + "Content-Length: 2\r\n\r\no", ok + "Content-Length: 2\r\n\r\nokextra",
		ok + "Content-Length: 2\r\nConnection: close\r\n\r\nok", ok + "Content-Length: 2\r\nKeep-Alive: x\r\nConnection: keep-alive, X-Gone\r\nX-Gone: 1\r\n\r\nok",
		ok + "\r\nto the end", ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk", ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
		ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", ok + "Content-Length: -1\r\n\r\nok", ok + "Content-Length: +2\r\n\r\nok",
		ok + "Content-Length: 2, 2\r\n\r\nok", ok + "Content-Length: \r\n\r\nok", ok + "Content-Length: 99999999999999999999\r\n\r\nok",
		ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nextra",
		ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", ok + "Transfer-Encoding: identity\r\n\r\nok", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\nContent-Length: 1\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", "HTTP/1.0 200 OK\r\n\r\nok",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 99 X\r\n\r\n", "HTTP/1.1 099 X\r\n\r\n", "HTTP/1.1 1000 X\r\n\r\n", "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 -12 X\r\n\r\n",
		"ICY 200 OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "\r\n\r\n", "garbage", "", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\nEtag: x\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok", "HTTP/1.1 102 Processing\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok",
		"HTTP/1.1 103 Early\r\nLink: </a>\r\nSet-Cookie: authly=x\r\n\r\nHTTP/1.1 103 Early\r\nLink: </b>\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok",
		"HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok", "HTTP/1.1 103 Early\r\n\r\n", "HTTP/1.1 103 Early\r\nbad\r\n\r\n" + ok + "\r\n",
		ok + "no colon\r\nContent-Length: 2\r\n\r\nok", ok + "X-A: 1\r\n folded\r\nContent-Length: 2\r\n\r\nok", ok + " X-A: 1\r\nContent-Length: 2\r\n\r\nok",
		ok + "X-A: a\x00b\r\nContent-Length: 2\r\n\r\nok", ok + "X A: 1\r\nContent-Length: 2\r\n\r\nok", ok + "X-A : 1\r\nContent-Length: 2\r\n\r\nok", ok + ": 1\r\nContent-Length: 2\r\n\r\nok",
		ok + "X-\xe9: 1\r\nContent-Length: 2\r\n\r\nok", ok + "X-A: \xe9\x7f\r\nContent-Length: 2\r\n\r\nok", ok + "X-A: 1\nContent-Length: 2\n\nok", ok + "X-A: 1\rX-B: 2\r\nContent-Length: 2\r\n\r\nok",
		ok + "Content-Length: 2\r\nVary: Accept\r\nVary: Origin\r\nX-Request-Id: theirs\r\nServer: x\r\n\r\nok",
		ok + "Content-Length: 2\r\nSet-Cookie: a=b\r\nSet-Cookie: authly=c\r\nSet-Cookie: __Host-authly=d\r\nX-Frame-Options: SAMEORIGIN\r\n\r\nok",
		ok + "Content-Length: 2\r\nSet-Cookie: authly=c\r\nContent-Security-Policy: x\r\nReferrer-Policy: \r\nx-lower: 1\r\nx_under: 1\r\n\r\nok",
		ok + "Content-Length: 2\r\nTe: x\r\nUpgrade: h2c\r\nProxy-Authenticate: x\r\nPragma: no-cache\r\nDate: now\r\n\r\nok", ok + "Content-Type: text/event-stream; x=\r\n\r\ndata: x\n\n",
		ok + "Content-Type: Text/Event-Stream ; charset=utf-8\r\nContent-Length: 9\r\n\r\ndata: x\n\n", ok + "Content-Length: 70000\r\n\r\n" + strings.Repeat("0123456789", 7000),
		ok + "Transfer-Encoding: chunked\r\n\r\n11170\r\n" + strings.Repeat("0123456789", 7000) + "\r\n0\r\n\r\n",
		ok + "X-Long: " + strings.Repeat("x", 900<<10) + "\r\nContent-Length: 2\r\n\r\nok", ok + "X-Long: " + strings.Repeat("x", 1100<<10) + "\r\nContent-Length: 2\r\n\r\nok",
		ok + strings.Repeat("X-Many: 1\r\n", 3000) + "Content-Length: 2\r\n\r\nok",
	} {
		all = append(all, rawAnswer{s, true})
	}
	for _, s := range []string{ // the connection stays
		ok + "Content-Length: 2\r\n\r\nok", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 103 Early\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n",
		ok + "Content-Length: 2\r\nConnection: close\r\n\r\nok",
	} {
		all = append(all, rawAnswer{s, false})
	}
	return all
}
