package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Passwords and bodies that are longer than anybody's: refused by their length, at once, and never cut.
func TestSecurityLongPasswords(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "lockout: {failures: 1000, duration: 1h}")
	const exact = 72
	fits := strings.Repeat("p", exact)
	g.must(t, http.StatusOK, "PUT", "/users/"+g.id["alice"], g.admin.Access, `{"password":"`+fits+`"}`)
	g.login(t, "alice", fits)
	for name, c := range map[string]struct{ length, set, login int }{
		"CVE-2013-1443 73 bytes": {exact + 1, 400, 401},
		"CVE-2013-1443 1 KB":     {1024, 400, 401},
		"CVE-2013-1443 60 KB":    {60_000, 400, 401},
		"CVE-2013-1443 64 KB":    {64 << 10, 413, 413},
		"CVE-2013-1443 1 MB":     {1 << 20, 413, 413},
	} {
		t.Run(name, func(t *testing.T) {
			long := strings.Repeat("p", c.length) // begins with the real one
			g.must(t, c.login, "POST", "/auth/token", "", loginBody("alice", long))
			g.must(t, c.set, "PUT", "/users/"+g.id["alice"], g.admin.Access, `{"password":"`+long+`"}`)
			g.must(t, c.set, "POST", "/users/", "",
				`{"username":"long","email":"long@example.com","password":"`+long+`"}`)
		})
	}
	t.Run("CVE-2013-1443 100 MB announced", func(t *testing.T) {
		answer := exchange(t, strangerAddress, g.address["server.address"],
			requestBytes("POST", "/auth/token", "Host: a", "Content-Type: application/json",
				"Content-Length: 104857600")+`{"grant_type":`)
		if answer.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d %s", answer.status, answer.body)
		}
	})
	t.Run("CVE-2013-1443 100 MB in chunks", func(t *testing.T) {
		l := call(t, strangerAddress, g.address["server.address"])
		defer l.Close()
		io.WriteString(l, requestBytes("POST", "/auth/token", "Host: a", "Content-Type: application/json",
			"Transfer-Encoding: chunked"))
		chunk := "10000\r\n" + strings.Repeat("p", 1<<16) + "\r\n"
		for range 1600 {
			if _, err := io.WriteString(l, chunk); err != nil {
				break // nobody reads on: that is what is wanted
			}
		}
		if answer, err := l.listen(); err == nil && answer.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d %s", answer.status, answer.body)
		}
	})
	g.login(t, "alice", fits)
}

// JSON that is strict, small and flat, or nothing.
func TestSecurityJSON(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "")
	login := loginBody("alice", passwordOf("alice"))
	inner := strings.TrimSuffix(strings.TrimPrefix(login, "{"), "}")
	bodies := map[string]string{
		"10,000 arrays deep":        strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
		"10,000 objects deep":       strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000),
		"30,000 brackets, unclosed": strings.Repeat("[", 30_000),
		"deep in a known member":    `{` + inner + `,"username":` + strings.Repeat("[", 10_000) + "}",
		"repeated member":           `{` + inner + `,"username":"alice"}`,
		"repeated in another case":  `{` + inner + `,"Username":"alice"}`,
		"repeated by an escape":     `{` + inner + `,"usern\u0061me":"alice"}`,
		"null":                      "null", "null member": strings.Replace(login, `"alice"`, "null", 1), "array": "[" + login + "]",
		"text": `"x"`, "number": "1", "nothing": " ", "two objects": login + login,
		"comma behind": strings.TrimSuffix(login, "}") + ",}", "comment": login + "//",
		"byte order mark": "\ufeff" + login, "single quotes": strings.ReplaceAll(login, `"`, `'`),
		"NaN": strings.Replace(login, `"alice"`, "NaN", 1), "number for text": strings.Replace(login, `"alice"`, "1", 1),
		"object for text": strings.Replace(login, `"alice"`, `{"$ne":null}`, 1),
		"array for text":  strings.Replace(login, `"alice"`, `["alice"]`, 1), "unknown member": `{` + inner + `,"x":1}`,
		"10,000 members":    `{` + inner + strings.Repeat(`,"a":1`, 9_000) + `}`,
		"control character": strings.Replace(login, "alice", "al\nice", 1), "UTF-16": "{\x00}\x00",
		"form": "grant_type=password",
	}
	for name, body := range bodies {
		t.Run("JSON "+name, func(t *testing.T) {
			for _, at := range []struct{ method, path, token string }{
				{"POST", "/auth/token", ""}, {"POST", "/auth/refresh", ""}, {"POST", "/users/", ""},
				{"PUT", "/users/" + g.id["alice"], g.alice.Access},
			} {
				began := time.Now()
				g.must(t, http.StatusBadRequest, at.method, at.path, at.token, body)
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("%s took %v", at.path, took)
				}
			}
		})
	}
	for name, kind := range map[string]string{"text": "text/plain", "none that is known": "application/xml",
		"JSON of another charset": "application/json; charset=utf-16", "multipart": "multipart/form-data; boundary=x",
		"two": "application/json, text/plain"} {
		t.Run("content type "+name, func(t *testing.T) {
			g.must(t, http.StatusUnsupportedMediaType, "POST", "/auth/token", "", login, "Content-Type", kind)
		})
	}
	t.Run("content encoding", func(t *testing.T) {
		g.must(t, http.StatusUnsupportedMediaType, "POST", "/auth/token", "", login, "Content-Encoding", "gzip")
	})
	t.Run("a form with a field twice", func(t *testing.T) {
		g.must(t, http.StatusBadRequest, "POST", "/auth/token", "",
			"grant_type=password&username=bare&username=alice&password=alice%27s+password", "Content-Type",
			"application/x-www-form-urlencoded")
	})
	t.Run("done rightly", func(t *testing.T) { g.must(t, http.StatusOK, "POST", "/auth/token", "", login) })
}

// Many at once: every login is answered rightly. (More failures than this lock an account; a login counts as one until its
// password is known to be right.)
func TestSecurityManyAtOnce(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "lockout: {failures: 1000, duration: 1m}")
		t.Run("a hundred logins at once", func(t *testing.T) {
			statuses := make([]int, 100)
			atOnce(len(statuses), func(i int) {
				statuses[i] = g.do(t, "POST", "/auth/token", "", loginBody("alice", passwordOf("alice"))).status
			})
			for _, status := range statuses {
				if status != http.StatusOK {
					t.Fatalf("%v", statuses)
				}
			}
		})
	})
}

// Slow sockets keep nobody else waiting, and none of them stays.
func TestSecuritySlowSockets(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "", "AUTHLY_SERVER_READ_HEADER_TIMEOUT=1s")
	t.Run("three hundred slow sockets", func(t *testing.T) {
		lines := make([]*line, 300)
		for i := range lines {
			lines[i] = call(t, strangerAddress, g.address["server.address"])
			defer lines[i].Close()
			io.WriteString(lines[i], "GET /public/x HTTP/1.1\r\nHost: a\r\nX-Slow: ")
		}
		g.login(t, "alice", passwordOf("alice"))
		g.passed(t, gateways()[0], attempt{target: "/public/x"})
		for _, l := range lines {
			if _, err := l.listen(); err == nil {
				t.Fatal("half a request was answered")
			}
		}
	})
}

// HTTP/2 streams that are opened and reset by the thousand.
func TestSecurityRapidReset(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "", "AUTHLY_SERVER_UNENCRYPTED_HTTP2=true")
	t.Run("CVE-2023-44487 rapid reset", func(t *testing.T) {
		l := call(t, strangerAddress, g.address["server.address"])
		defer l.Close()
		if _, err := io.WriteString(l, http2.ClientPreface); err != nil {
			t.Fatal(err)
		}
		framer := http2.NewFramer(l, l)
		if err := framer.WriteSettings(); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { // what the server sends is read so that it never waits
			defer close(done)
			_, _ = io.Copy(io.Discard, l)
		}()
		var block bytes.Buffer
		encoder := hpack.NewEncoder(&block)
		for stream := uint32(1); stream < 20_000; stream += 2 {
			block.Reset()
			for _, field := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "app.example.com"},
				{":path", "/public/x"}} {
				if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
					t.Fatal(err)
				}
			}
			err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(),
				EndStream: true, EndHeaders: true})
			if err == nil {
				err = framer.WriteRSTStream(stream, http2.ErrCodeCancel)
			}
			if err != nil {
				break // it hung up: that is a defence
			}
		}
		began := time.Now()
		g.login(t, "alice", passwordOf("alice"))
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("a login meanwhile took %v", took)
		}
		l.Close()
		<-done
	})
	if memory := g.memory(t); memory > 200<<20 {
		t.Errorf("%d MiB are in use", memory>>20)
	}
}

// memory is how much of it the server's process occupies.
func (a *authly) memory(t *testing.T) int {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", a.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(content))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// An application that breaks off, stalls, answers nonsense or never ends: the client is told or sees a broken answer, never a
// whole one, and Authly lives on.
func TestSecurityBadApplications(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "")
	for name, c := range map[string]struct {
		answer string
		status int // 0: the answer breaks off
	}{
		"garbage":               {"nonsense\r\n\r\n", 502},
		"nothing":               {"", 502},
		"half a header":         {"HTTP/1.1 200 OK\r\nContent-Le", 502},
		"another protocol":      {"SSH-2.0-OpenSSH_9.2\r\n", 502},
		"a bad status":          {"HTTP/1.1 99999 OK\r\nContent-Length: 0\r\n\r\n", 502},
		"a header with NUL":     {"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n", 502},
		"two lengths":           {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", 502},
		"an uninvited switch":   {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 502},
		"a header without end":  {"HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 11<<20), 502},
		"half a body":           {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 0},
		"half a body in chunks": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", 0},
		"chunks that are none":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalfXX", 0},
		"length and chunks":     {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", 0},
	} {
		t.Run("application: "+name, func(t *testing.T) {
			g.behind.answers(func(s sighting) (string, bool) {
				if s.target == "/public/next" {
					return tellTarget(s)
				}
				return c.answer, true
			})
			defer g.behind.answers(tellTarget)
			l := call(t, strangerAddress, g.address["server.address"])
			defer l.Close()
			io.WriteString(l, requestBytes("GET", "/public/x", "Host: app.example.com"))
			answer, err := l.listen()
			switch {
			case c.status != 0 && (err != nil || answer.status != c.status):
				t.Errorf("%d %s, %v", answer.status, answer.body, err)
			case c.status == 0 && err == nil:
				t.Errorf("%q looks whole", answer.body)
			}
			g.passed(t, gateways()[0], attempt{target: "/public/next"})
		})
	}
}

// An application that stalls is given up, and one that does not stop answering is passed on without being kept.
func TestSecurityEndlessApplications(t *testing.T) {
	t.Parallel()
	const size = 256 << 20
	endless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/public/stall" {
			<-r.Context().Done()
			return
		}
		block := make([]byte, 1<<20)
		for range size / len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	application := httptest.NewServer(endless)
	t.Cleanup(application.Close)
	a := start(t, sqliteURL(t), `
routes:
  - {name: public, paths: [/public/*], allow: public, upstream: "`+application.URL+`", timeouts: {response: 300ms}}
`)
	t.Run("application: stalls",
		func(t *testing.T) { a.must(t, http.StatusGatewayTimeout, "GET", "/public/stall", "", "") })
	t.Run("application: answers a quarter of a gigabyte", func(t *testing.T) {
		response, err := http.Get(a.base + "/public/much")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if n, err := io.Copy(io.Discard, response.Body); n != size || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		if memory := a.memory(t); memory > 150<<20 {
			t.Errorf("%d MiB are in use", memory>>20)
		}
	})
}
