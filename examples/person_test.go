package examples_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/publicsuffix"
)

// person goes where they are sent, to whatever host at the one address, with the cookies that they are given.
type person struct {
	client http.Client
	app    *application
	id     string
	trail  []string
}

func newPerson(t *testing.T, app *application, address string) *person {
	t.Helper()
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // #nosec G402 -- nobody vouches for the certificates of tests
	}
	t.Cleanup(transport.CloseIdleConnections)
	p := &person{app: app}
	p.client = http.Client{Jar: jar, Transport: transport, Timeout: time.Minute, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		p.trail = append(p.trail, r.URL.String())
		return nil
	}}
	return p
}

// open opens a page and returns where that has led.
func (p *person) open(t *testing.T, address string) (at string, status int) {
	t.Helper()
	return p.send(t, address, nil)
}

// send sends a form, if there is one.
func (p *person) send(t *testing.T, address string, form url.Values) (at string, status int) {
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	p.id = rand.Text()
	r.Header.Set(idHeader, p.id)
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	p.trail = []string{address}
	response, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return p.trail[len(p.trail)-1], response.StatusCode
}

// asked is in whose name the application was asked last; empty: it was not.
func (p *person) asked(t *testing.T) string {
	t.Helper()
	seen := p.app.received(p.id)
	if len(seen) == 0 {
		return ""
	}
	return parseSeen(seen[len(seen)-1]).get("X-Forwarded-User")
}
