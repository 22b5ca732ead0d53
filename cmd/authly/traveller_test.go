package main_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/publicsuffix"
)

// traveller is a person with a browser, which keeps cookies by the rules, and goes from replica to replica.
type traveller struct {
	client http.Client
	turn   atomic.Int32
	at     []*authly
	trail  []string // the addresses that it came by
}

func travel(t *testing.T, replicas ...*authly) *traveller {
	t.Helper()
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		t.Fatal(err)
	}
	b := &traveller{at: replicas}
	b.client = http.Client{Jar: jar, Transport: b, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		b.trail = append(b.trail, r.URL.String())
		return nil
	}}
	return b
}

// RoundTrip asks the next replica, as a front proxy that speaks https does.
func (b *traveller) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := r.Clone(r.Context())
	inner.Host = r.URL.Host
	inner.URL.Scheme, inner.URL.Host = "http", b.at[int(b.turn.Add(1))%len(b.at)].address["server.address"]
	inner.Header.Set("X-Forwarded-Proto", "https")
	inner.Header.Set("Accept", "text/html")
	if inner.Method == http.MethodGet {
		inner.Header.Set("Sec-Fetch-Mode", "navigate")
	}
	response, err := http.DefaultTransport.RoundTrip(inner)
	if err == nil {
		response.Request = r // of which redirects are relative, and whose cookies they are
	}
	return response, err
}

// page is where a journey has ended.
type page struct {
	reply
	address string
}

// ask sends one request and goes where it is sent.
func (b *traveller) ask(t *testing.T, method, address string, form url.Values) page {
	t.Helper()
	b.trail = []string{address}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{reply{response.StatusCode, response.Header, string(body)}, b.trail[len(b.trail)-1]}
}

func (b *traveller) open(t *testing.T, address string) page { return b.ask(t, "GET", address, nil) }

// stopAt has it stay where an address holds a text, and open it no more: the address is returned.
func (b *traveller) stopAt(t *testing.T, text string, journey func()) (address string) {
	t.Helper()
	follow := b.client.CheckRedirect
	b.client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if strings.Contains(r.URL.String(), text) {
			address = r.URL.String()
			return http.ErrUseLastResponse
		}
		return follow(r, via)
	}
	journey()
	b.client.CheckRedirect = follow
	if address == "" {
		t.Fatalf("it did not come by %s, but by %q", text, b.trail)
	}
	return address
}

// isAt fails unless a page is the application's at an address, with somebody's name and nothing of Authly's.
func (p page) isAt(t *testing.T, address, user string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if p.status != http.StatusOK || p.address != address || !strings.Contains(p.body, `"`+user+`"`) || !strings.Contains(p.body, `"`+u.Host+`"`) ||
		strings.Contains(p.body, "__") {
		t.Errorf("%d at %s, want %s as %s: %s", p.status, p.address, address, user, p.body)
	}
}

// signsIn sends the form of the login page at which a journey has ended.
func (b *traveller) signsIn(t *testing.T, p page, user, password string) page {
	t.Helper()
	if p.status != http.StatusOK || !strings.HasPrefix(p.address, publicURL+"/auth/login?") {
		t.Fatalf("%d at %s, want the login page", p.status, p.address)
	}
	return b.ask(t, "POST", p.address, url.Values{"username": {user}, "password": {password}})
}

// cookiesAt are those that it would send, as a header.
func (b *traveller) cookiesAt(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range b.client.Jar.Cookies(u) {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; ")
}
