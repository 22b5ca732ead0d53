package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tryHTTP2 is try for a client that speaks HTTP/2.
func (g *gateway) tryHTTP2(t *testing.T, up *scripted, client *http.Client, method string) seen {
	t.Helper()
	up.take()
	var s seen
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		s.Interim = append(s.Interim, fmt.Sprint(code, " ", strings.Join(lines(http.Header(header)), "\n")))
		return nil
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), method, g.url+"/public/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "app.example.com"
	r.Header.Set("X_Forwarded_User", "root")
	r.Header.Set("Te", "trailers")
	res, err := client.Do(r)
	if err != nil {
		s.Broken = true
	} else {
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		id := res.Header.Get("X-Request-Id")
		s.Status, s.Broken, s.Body = res.Status, err != nil, strings.ReplaceAll(string(body), id, "ID")
		res.Header.Del("Date")
		s.Header, s.Trailer = append(lines(res.Header), fmt.Sprint("length ", res.ContentLength)), lines(res.Trailer)
	}
	for _, one := range up.take() {
		s.Received = append(s.Received, sortedHead(one))
	}
	return s
}

// What is true of clients of HTTP/1.1 is of those of HTTP/2: they see the same by both ways, and so does the application.
func TestDirectIsLikeTransportsForHTTP2(t *testing.T) {
	t.Parallel()
	p := newPair(t, gatewayConfig{})
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols, DisableCompression: true}}
	defer client.CloseIdleConnections()
	for _, answer := range answersOfAllKinds() {
		script := func(string) (string, bool) { return answer.bytes, true }
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			p.directUp.script(script)
			p.usualUp.script(script)
			got, want := p.direct.tryHTTP2(t, p.directUp, client, method), p.usual.tryHTTP2(t, p.usualUp, client, method)
			settleRaces(&got, &want, answer.bytes, false)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("directly is not the same as by http.Transport (-), %s answered with %.200q:\n%s", method, answer.bytes, diff)
			}
			if len(got.Received) == 0 || strings.Contains(got.Received[0], "root") {
				t.Errorf("%s: the application got %q", method, got.Received)
			}
		}
	}
}
