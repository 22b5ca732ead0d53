package proxy_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
	"github.com/descoped/authly/proxy"
)

// settlers knows alice by her cookie of one domain; empty: of the login page's.
type settlers struct{ domain string }

func (s settlers) Authenticate(_ context.Context, c authn.Credentials) (*authn.Identity, error) {
	switch {
	case c.Kind == authn.NoCredential:
		return nil, authn.Refuse(authn.CodeNoCredentials, "Not authenticated")
	case c.Kind == authn.CookieCredential && c.Token == aliceCookie && c.Domain == s.domain:
		return &authn.Identity{UserID: uuid.New(), Username: "alice", Cookie: new(authn.HeldCookie)}, nil
	}
	return nil, authn.Refuse(authn.CodeInvalidCredentials, "Could not validate credentials")
}

// sharedLog is a log that several goroutines write.
type sharedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *sharedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *sharedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// On a host of another domain its own cookie is the credential, and who has none is led to where the hand-over begins, on that very
// host; on the hosts of the login page nothing is other than before.
func TestWelcomeOnAnotherDomain(t *testing.T) {
	const handover = "/app/auth/handover" // as with the prefix /app
	const navigates, of = "Sec-Fetch-Mode: navigate", "Cookie: theme=dark; "
	log := new(sharedLog)
	other := func(c *proxy.Config) {
		c.Domains, c.Handover = headers.NewCookieDomains([]string{"example.org", "example.net"}), handover
		c.Log = slog.New(slog.NewJSONHandler(log, nil))
	}
	for host, c := range map[string]struct {
		domain, cookie string // that are good there
		bad            string // the cookie that is not
		page           string // where nobody is led
		astray         bool   // who opens the path of the hand-over there is not
	}{
		"app.example.net":    {"example.net", "__Secure-authly", "__Host-authly", "https://app.example.net" + handover, true},
		"example.org":        {"example.org", "__Secure-authly", "__Host-authly", "https://example.org" + handover, true},
		"app.notexample.net": {"", "__Host-authly", "__Secure-authly", loginPage, false},
		"app.example.com":    {"", "__Host-authly", "__Secure-authly", loginPage, false},
	} {
		back := c.page + "?return=https%3A%2F%2F" + host + "%2F"
		page := back + "app%2Fx%3Fy%3D1"
		for _, e := range entrancesOf(t, host, settlers{c.domain}, other) {
			t.Run(host+" "+e.name, func(t *testing.T) {
				want := func(what string, r *http.Response, status int, to string) {
					t.Helper()
					if r.StatusCode != status || r.Header.Get("Location") != to || r.Header["Set-Cookie"] != nil {
						t.Errorf("%s: %d to %q with %q, want %d to %q", what, r.StatusCode, r.Header.Get("Location"), r.Header["Set-Cookie"], status, to)
					}
				}
				want("nobody", e.ask(t, "GET", "/app/x?y=1", navigates), e.redirected(302), page)
				want("a script", e.ask(t, "GET", "/app/x?y=1", "Sec-Fetch-Mode: cors"), 401, "")
				want("a form", e.ask(t, "POST", "/app/x", navigates), e.redirected(303), back+"&posted=1")
				want("the cookie", e.ask(t, "GET", "/app/x?y=1", navigates, of+c.cookie+"="+aliceCookie), 200, "")
				want("another's", e.ask(t, "GET", "/app/x?y=1", navigates, of+c.bad+"="+aliceCookie), e.redirected(302), page)
				want("two of them", e.ask(t, "GET", "/app/x?y=1", navigates, of+c.cookie+"="+aliceCookie+"; "+c.cookie+"="+aliceCookie), e.redirected(302), page)
				if e.name == "gateway" {
					return // which serves the path itself
				}
				before := strings.Count(log.String(), "must send this path to Authly")
				astray := e.ask(t, "GET", handover+"?code=a.b.c", navigates)
				if told := strings.Count(log.String(), "must send this path to Authly") - before; (astray.Header.Get("Location") == "") != c.astray ||
					(told > 0) != c.astray || strings.Contains(log.String(), "a.b.c") {
					t.Errorf("the path of the hand-over: %d to %q, told %d times", astray.StatusCode, astray.Header.Get("Location"), told)
				}
			})
		}
	}
}
