package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn/web"
	"github.com/descoped/authly/headers"
)

// patient is an answer whose connection has a deadline for what is read from it.
type patient struct {
	*httptest.ResponseRecorder
	deadlines []time.Time // each that was set
}

func (p *patient) SetReadDeadline(at time.Time) error {
	p.deadlines = append(p.deadlines, at)
	return nil
}

// A body that never comes holds no connection, whether anybody reads it or not. Nobody waits for one that there is not, or is an application's.
func TestSlowBody(t *testing.T) {
	domains := headers.NewCookieDomains([]string{"example.net"})
	s := open(t, func(cfg *web.Config) { cfg.Domains = domains })
	pages, err := web.New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	served := pages.Before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	ask := func(method, host, path, kind, body string) *patient {
		t.Helper()
		w := &patient{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		if body != "" {
			r = httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		}
		r.Header.Set("Content-Type", kind)
		x := &headers.Exchange{Origin: headers.Origin{Scheme: "https", Host: host}}
		served.ServeHTTP(w, r.WithContext(headers.WithExchange(t.Context(), x)))
		return w
	}
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		method, host, path, kind string
		status                   int
	}{
		{"GET", "login.example.com", prefix + web.SignInPath, form, 200},
		{"PUT", "login.example.com", prefix + web.SignInPath, form, 405},
		{"POST", "login.example.com", prefix + web.SignInPath, "text/plain", 415},
		{"POST", "login.example.com", prefix + "/auth/signout", form, 200},
		{"POST", "login.example.com", accountPage + "/sessions/others", form, 303},
		{"GET", "login.example.com", prefix + "/auth/assets/style.css", form, 200},
		{"POST", "login.example.com", prefix + "/auth/assets/style.css", form, 405},
		{"GET", "login.example.com", "/.well-known/change-password", form, 302},
		{"GET", "login.example.com", "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200", form, 404},
		{"GET", "app.example.net", prefix + web.HandoverPath, form, 303},
		{"POST", "app.example.net", prefix + web.SignInPath, form, 303},
		{"GET", "app.example.net", prefix + "/auth/assets/style.css", form, 200},
	} {
		before := time.Now()
		w := ask(c.method, c.host, c.path, c.kind, "a=b")
		if len(w.deadlines) != 1 || w.deadlines[0].Before(before) || w.deadlines[0].After(before.Add(time.Minute)) || w.Code != c.status {
			t.Errorf("%s %s%s: %d, deadlines %v", c.method, c.host, c.path, w.Code, w.deadlines)
		}
		if w := ask(c.method, c.host, c.path, c.kind, ""); w.deadlines != nil || w.Code != c.status && c.kind == form {
			t.Errorf("%s %s%s without a body: %d, deadlines %v", c.method, c.host, c.path, w.Code, w.deadlines)
		}
	}
	if w := ask("POST", "login.example.com", prefix+web.SignInPath, form, "username=alice"); len(w.deadlines) != 2 || !w.deadlines[1].IsZero() {
		t.Errorf("when the form is there: %v", w.deadlines)
	}
	for _, host := range []string{"app.example.com", "app.example.net"} {
		if w := ask("POST", host, "/upload", form, "a=b"); w.deadlines != nil || w.Code != http.StatusTeapot {
			t.Errorf("an application's body on %s: %d, deadlines %v", host, w.Code, w.deadlines)
		}
	}
}
