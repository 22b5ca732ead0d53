package main_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// framings are requests whose end could be seen at two places. Whoever may not send them gets the status; for 0 it is no
// matter, as long as nothing is smuggled.
func framings(hidden string) map[string]struct {
	bytes  string
	status int
} {
	post := func(lines, body string) string {
		return "POST /public/first HTTP/1.1\r\nHost: app.example.com\r\n" + lines + "\r\n" + body
	}
	chunked := "Transfer-Encoding: chunked\r\n"
	hiddenChunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden)
	type framing = struct {
		bytes  string
		status int
	}
	return map[string]framing{
		"by length":                       {post("Content-Length: 5\r\n", "hello"), 200},
		"by chunks":                       {post(chunked, "5\r\nhello\r\n0\r\n\r\n"), 200},
		"CVE-2022-1705 length and chunks": {post("Content-Length: 6\r\n"+chunked, "0\r\n\r\n"), 0},
		"CVE-2022-1705 chunks and length": {post(chunked+"Content-Length: 6\r\n", "0\r\n\r\n"), 0},
		"CVE-2022-1705 hidden by length":  {post("Content-Length: 4\r\n"+chunked, hiddenChunk), 0},
		"CVE-2022-1705 hidden behind chunks": {post("Content-Length: "+lengthOf("0\r\n\r\n"+hidden)+"\r\n"+chunked,
			"0\r\n\r\n"+hidden), 0},
		"CVE-2022-1705 an encoding of none": {post("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", "hello"),
			501},
		"CVE-2022-1705 chunked and identity": {post(chunked+"Transfer-Encoding: identity\r\n", "0\r\n\r\n"), 501},
		"CVE-2022-1705 identity":             {post("Transfer-Encoding: identity\r\nContent-Length: "+lengthOf(hidden)+"\r\n", hidden), 501},
		"CVE-2022-1705 a list of encodings":  {post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
		"CVE-2022-1705 chunked twice":        {post(chunked+chunked, "0\r\n\r\n"), 501},
		"CVE-2022-1705 an encoding in quotes": {post("Transfer-Encoding: \"chunked\"\r\nContent-Length: 5\r\n",
			"hello"), 501},
		"CVE-2022-1705 an encoding with a tab": {post("Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n",
			hiddenChunk), 0},
		"an encoding with a vertical tab": {post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), 400},
		"an encoding with an underscore": {post("Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", "hello"),
			200},
		"an encoding behind a folded line": {post("X-A: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
			"hello"), 0},
		"space before the colon of an encoding": {post("Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", "hello"),
			400},
		"space before the colon of a length": {post("Content-Length : 5\r\n", "hello"), 400},
		"space before a name":                {"POST /public/first HTTP/1.1\r\n Host: app.example.com\r\n\r\n", 400},
		"two lengths":                        {post("Content-Length: 5\r\nContent-Length: "+lengthOf("hello"+hidden)+"\r\n", "hello"+hidden), 400},
		"a list of lengths":                  {post("Content-Length: 5, 5\r\n", "hello"), 400},
		"a length with a sign":               {post("Content-Length: +5\r\n", "hello"), 400},
		"a negative length":                  {post("Content-Length: -5\r\n", "hello"), 400},
		"a length in hex":                    {post("Content-Length: 0x5\r\n", "hello"), 400},
		"a length beyond 64 bits":            {post("Content-Length: 18446744073709551621\r\n", "hello"), 400},
		"an empty length":                    {post("Content-Length: \r\n", ""), 400},
		"a folded header": {post("X-A: a\r\n X-Forwarded-User: boss\r\nContent-Length: 0\r\n", ""),
			0},
		"NUL in a header": {post("X-A: a\x00b\r\nContent-Length: 0\r\n", ""), 400},
		"CR in a header": {post("X-A: a\rX-Forwarded-User: boss\r\nContent-Length: 0\r\n", ""),
			400},
		"CVE-2025-22871 bare LF after a size":    {post(chunked, "5\nhello\r\n0\r\n\r\n"), 400},
		"CVE-2025-22871 bare LF in an extension": {post(chunked, "5;\nx\r\nhello\r\n0\r\n\r\n"), 400},
		"CVE-2025-22871 bare LF after a chunk":   {post(chunked, "5\r\nhello\n0\r\n\r\n"), 400},
		"CVE-2025-22871 bare LF after headers":   {"POST /public/first HTTP/1.1\nHost: app.example.com\nContent-Length: 5\n\nhello", 0},
		"CVE-2025-22871 bare CR after a size":    {post(chunked, "5\rhello\r\n0\r\n\r\n"), 400},
		"a size in words":                        {post(chunked, "five\r\nhello\r\n0\r\n\r\n"), 400},
		"a size with a sign":                     {post(chunked, "+5\r\nhello\r\n0\r\n\r\n"), 400},
		"a size with 0x":                         {post(chunked, "0x5\r\nhello\r\n0\r\n\r\n"), 400},
		"a size beyond 64 bits":                  {post(chunked, "10000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
		"a chunk longer than its size":           {post(chunked, "2\r\nhello\r\n0\r\n\r\n"+hidden), 400},
		"a long extension": {post(chunked,
			"5;"+strings.Repeat("x", 20_000)+"\r\nhello\r\n0\r\n\r\n"), 400},
		"a GET with a body":              {"GET /public/first HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: " + lengthOf(hidden) + "\r\n\r\n" + hidden, 200},
		"HTTP/1.0 with chunks":           {"POST /public/first HTTP/1.0\r\nHost: app.example.com\r\n" + chunked + "\r\n" + hiddenChunk, 0},
		"HTTP/0.9":                       {"GET /public/first\r\n\r\n", 400},
		"HTTP/9.9":                       {"GET /public/first HTTP/9.9\r\nHost: app.example.com\r\n\r\n", 505},
		"an HTTP/2 preface":              {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
		"two spaces in the request line": {"GET  /public/first HTTP/1.1\r\nHost: app.example.com\r\n\r\n", 400},
		"a space in the target": {"GET /public/first /admin/x HTTP/1.1\r\nHost: app.example.com\r\n\r\n",
			400},
		"a tab in the request line": {"GET\t/public/first\tHTTP/1.1\r\nHost: app.example.com\r\n\r\n", 400},
		"Upgrade: h2c": {"GET /public/first HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade, HTTP2-Settings\r\n" +
			"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n", 200},
		"Upgrade: h2c without Connection": {"GET /public/first HTTP/1.1\r\nHost: app.example.com\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n", 200},
		"Upgrade: TLS/1.0":                {"GET /public/first HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n", 200},
		"Expect":                          {post("Expect: 100-continue\r\nContent-Length: 5\r\n", "hello"), 0},
		"Expect something else":           {post("Expect: 200-ok\r\nContent-Length: 0\r\n", ""), 417},
	}
}

// However a request is framed, the application sees it once or not at all, and never the request hidden in it; and who uses
// the same connection next gets the answer to their own request, or no answer.
func TestSecurityFraming(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "")
	hidden := requestBytes("GET", "/admin/hidden", "Host: app.example.com", bearerLine(g.boss.Access),
		"X-Forwarded-User: boss", "X-Ignore: ")
	for name, c := range framings(hidden) {
		t.Run("framing: "+name, func(t *testing.T) {
			g.behind.take()
			l := call(t, strangerAddress, g.address["server.address"])
			defer l.Close()
			io.WriteString(l, c.bytes)
			answer, err := l.listen()
			for err == nil && answer.status == http.StatusContinue {
				answer, err = l.listen()
			}
			if c.status != 0 && (err != nil || answer.status != c.status) {
				t.Errorf("%d %s, %v; want %d", answer.status, answer.body, err, c.status)
			}
			if answer.status == http.StatusOK && answer.body != "/public/first" {
				t.Errorf("the first answer is to %q", answer.body)
			}
			g.nextOnTheSameConnection(t, l, name == "by length")
			seen := map[string]int{}
			for _, s := range g.behind.take() {
				seen[s.target]++
				for _, header := range append(identityHeaders(), "Upgrade", "HTTP2-Settings") {
					if s.target == "/public/first" && len(s.lines(header)) != 0 {
						t.Errorf("passed: %q", s.raw)
					}
				}
			}
			if seen["/public/first"] > 1 || len(seen) > 2 || seen["/admin/hidden"] != 0 {
				t.Errorf("the application saw %v", seen)
			}
		})
	}
}

// nextOnTheSameConnection makes another request behind whatever went before.
func (g *guarded) nextOnTheSameConnection(t *testing.T, l *line, must bool) {
	t.Helper()
	io.WriteString(l, requestBytes("GET", "/closed/next", "Host: app.example.com", bearerLine(g.alice.Access)))
	answer, err := l.listen()
	switch {
	case err != nil && must:
		t.Errorf("the connection was lost: %v", err)
	case err == nil && answer.status == http.StatusOK && answer.body != "/closed/next":
		t.Errorf("the next answer is to %q", answer.body)
	}
}

// The same at Authly's own endpoints and at the questions of front proxies: what is hidden in a body is not read as a request.
func TestSecurityFramingOfOwn(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "")
	hidden := requestBytes("DELETE", "/users/"+g.id["bare"], "Host: app.example.com", bearerLine(g.admin.Access),
		"X-Ignore: ")
	for name, first := range map[string]string{
		"a GET with a body": requestBytes("GET", "/health", "Host: a",
			"Content-Length: "+lengthOf(hidden)) + hidden,
		"a refused POST": requestBytes("POST", "/users/me/x", "Host: a",
			"Content-Length: "+lengthOf(hidden)) + hidden,
		"a login that is not read": requestBytes("POST", "/auth/token", "Host: a", "Content-Type: text/plain",
			"Content-Length: "+lengthOf(hidden)) + hidden,
		"too long a body": requestBytes("POST", "/auth/token", "Host: a", "Content-Type: application/json",
			"Content-Length: 70000") + strings.Repeat(" ", 70000-len(hidden)) + hidden,
		"a question with a body": requestBytes("GET", "/authz/envoy/public/x", "Host: a",
			"X-Forwarded-For: 192.0.2.7", "Content-Length: "+lengthOf(hidden)) + hidden,
		"a refused path with a body": requestBytes("POST", "/a;b", "Host: a",
			"Content-Length: "+lengthOf(hidden)) + hidden,
		"length and chunks": requestBytes("POST", "/auth/token", "Host: a", "Content-Type: application/json",
			"Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n" + hidden,
	} {
		t.Run("CVE-2022-1705 "+name, func(t *testing.T) {
			l := call(t, proxyAddress, g.address["server.address"])
			defer l.Close()
			io.WriteString(l, first)
			if _, err := l.listen(); err != nil {
				t.Fatal(err)
			}
			io.WriteString(l, requestBytes("GET", "/users/me", "Host: a", bearerLine(g.alice.Access)))
			if answer, err := l.listen(); err == nil && answer.status == http.StatusOK &&
				!strings.Contains(answer.body, `"alice"`) {
				t.Errorf("the next answer is %s", answer.body)
			}
			g.must(t, http.StatusOK, "GET", "/users/"+g.id["bare"], g.admin.Access, "")
		})
	}
}
