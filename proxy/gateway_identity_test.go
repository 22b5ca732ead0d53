package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// identityNames are the headers that carry the identity, with what they hold for alice.
func identityOfAlice() map[string]string {
	return map[string]string{
		"X-Forwarded-User":    "alice",
		"X-Forwarded-Email":   "alice@example.com",
		"X-Forwarded-Groups":  "staff,writer",
		"X-Forwarded-User-Id": aliceID.String(),
		"Remote-User":         "alice",
		"Remote-Email":        "alice@example.com",
		"Remote-Groups":       "staff,writer",
	}
}

// spellings of a header name that some reader takes for the name.
func spellings(name string) []string {
	mixed := strings.Replace(name, "-", "_", 1)
	return []string{
		name,
		strings.ToLower(name),
		strings.ToUpper(name),
		strings.ReplaceAll(name, "-", "_"),
		strings.ToUpper(strings.ReplaceAll(name, "-", "_")),
		strings.ReplaceAll(name, "-", "."),
		strings.ReplaceAll(name, "-", "!"),
		strings.ReplaceAll(name, "-", "~"),
		mixed,
	}
}

// absent is what wantIdentity wants of a header that must not be there in any spelling.
const absent = "\x00"

// wantIdentity checks that each identity header is there once, in whatever spelling, and holds what it should, or is absent.
func wantIdentity(t *testing.T, got received, want map[string]string) {
	t.Helper()
	for name, value := range want {
		lines := got.lines(name)
		if value == absent && len(lines) == 0 {
			continue
		}
		if len(lines) != 1 || value == absent {
			t.Errorf("%s is there %d times: %q", name, len(lines), lines)
			continue
		}
		if line := strings.TrimSpace(lines[0]); line != strings.TrimSpace(name+": "+value) {
			t.Errorf("%q, want %s: %s", line, name, value)
		}
	}
}

func anonymous() map[string]string {
	names := identityOfAlice()
	for name := range names {
		names[name] = absent
	}
	return names
}

func TestIdentityIsStamped(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	cases := []struct {
		name, path, token string
		want              map[string]string
	}{
		{"signed in", "/x", "alice", identityOfAlice()},
		{"signed in on a public route", "/public/x", "alice", identityOfAlice()},
		{"nobody on a public route", "/public/x", "", anonymous()},
		{"a bad token on a public route", "/public/x", "stolen", anonymous()},
		{"without email and roles", "/x", "bare", map[string]string{
			"X-Forwarded-User": "bare", "Remote-User": "bare", "X-Forwarded-Email": "", "Remote-Email": "",
			"X-Forwarded-Groups": "", "Remote-Groups": "",
		}},
		{"outside ASCII", "/x", "zoe", map[string]string{"X-Forwarded-User": "zo%C3%A9%C2%9B"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantStatus(t, g.get(t, c.path, c.token), http.StatusOK)
			wantIdentity(t, g.upstream.only(t), c.want)
		})
	}
}

// Whatever a client sends by the name of an identity header, in whatever spelling and with whatever trick, the application
// gets what Authly wrote and nothing else.
func TestIdentityCannotBeForged(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	tricks := map[string]func(header, name string) []string{
		"plain": func(h, _ string) []string { return []string{h + ": admin"} },
		"twice": func(h, _ string) []string { return []string{h + ": admin", h + ": root"} },
		"empty": func(h, _ string) []string { return []string{h + ":"} },
		"named in Connection": func(h, name string) []string {
			return []string{h + ": admin", "Connection: " + strings.ToLower(name)}
		},
		"listed in Connection": func(h, name string) []string {
			return []string{h + ": admin", "Connection: keep-alive, " + name + ", " + h, "Connection: " + name}
		},
	}
	callers := []struct {
		path, token string
		want        map[string]string
	}{
		{"/x", "alice", identityOfAlice()},
		{"/public/x", "", anonymous()},
		{"/public/x", "stolen", anonymous()},
		{"/basic/x", "alice", anonymous()},
	}
	for name := range identityOfAlice() {
		for _, spelling := range spellings(name) {
			for trick, lines := range tricks {
				for _, c := range callers {
					t.Run(fmt.Sprintf("%s %s %s", spelling, trick, c.path), func(t *testing.T) {
						wantStatus(t, g.get(t, c.path, c.token, lines(spelling, name)...), http.StatusOK)
						wantIdentity(t, g.upstream.only(t), c.want)
					})
				}
			}
		}
	}
}

func TestIdentityCannotBeForgedByTrailer(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	for name := range identityOfAlice() {
		for _, spelling := range spellings(name) {
			t.Run(spelling, func(t *testing.T) {
				a := g.raw(t, request("POST", "/x", "alice", "Transfer-Encoding: chunked", "Trailer: X-Checksum, "+spelling)+
					"2\r\nhi\r\n0\r\nX-Checksum: 7\r\n"+spelling+": admin\r\n\r\n")
				wantStatus(t, a, http.StatusOK)
				got := g.upstream.only(t)
				wantIdentity(t, got, identityOfAlice())
				if got.Trailer.Get("X-Checksum") != "7" || len(got.Trailer) != 1 {
					t.Errorf("trailers %v, want the checksum alone", got.Trailer)
				}
				if announced := got.lines("Trailer"); len(announced) != 1 || announced[0] != "Trailer: X-Checksum" {
					t.Errorf("announced %q", announced)
				}
			})
		}
	}
}

// A trailer that was not announced, or that has no business in a trailer section, does not pass.
func TestTrailersThatDoNotPass(t *testing.T) {
	g := newGateway(t, gatewayConfig{})
	for _, name := range []string{"X-Forwarded-For", "Authorization", "Cookie", "X-Authly-Anything", "X-Original-URL", "Host", "X-HTTP-Method-Override"} {
		a := g.raw(t, request("POST", "/x", "alice", "Transfer-Encoding: chunked", "Trailer: "+name)+
			"2\r\nhi\r\n0\r\n"+name+": evil\r\nX-Unannounced: evil\r\n\r\n")
		wantStatus(t, a, http.StatusOK)
		if got := g.upstream.only(t); len(got.Trailer) != 0 || strings.Contains(got.raw, "evil") {
			t.Errorf("%s passed: %q", name, got.raw)
		}
	}
}

func TestControlHeadersAreRemoved(t *testing.T) {
	g := newGateway(t, gatewayConfig{trusted: loopback()}) // from a trusted proxy too: it may have let them through
	for _, name := range []string{
		"X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method",
		"X-Method-Override", "X-Middleware-Subrequest", "Proxy", "X-Authly-User", "X-Authly-Assertion",
	} {
		for _, spelling := range spellings(name) {
			wantStatus(t, g.get(t, "/public/x", "", spelling+": /admin", "X-Harmless: stays"), http.StatusOK)
			got := g.upstream.only(t)
			if lines := got.lines(name); len(lines) != 0 {
				t.Errorf("%s: %q", spelling, lines)
			}
			if got.Header.Get("X-Harmless") != "stays" {
				t.Error("another header went with it")
			}
		}
	}
}
