package examples_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// The stand-ins for Traefik and Envoy do what their documentation says about forward authentication, with the settings of
// the example file. They are no proxies to learn from: what has no part in a decision is left to httputil.ReverseProxy.

// readYAML reads an example file into what the stand-in wants to know of it.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// serveContract runs a stand-in on an address of its own.
func serveContract(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// check is a question to Authly and its answer. It is written by hand, since net/http would not send every target.
type check struct {
	method, target, host string
	header               http.Header
}

// ask returns nil if there is no answer in time.
func (c check) ask(address string, timeout time.Duration) *http.Response {
	conn, err := net.DialTimeout("tcp", address, timeout)
	if err != nil {
		return nil
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(timeout)) != nil {
		return nil
	}
	var text strings.Builder
	text.WriteString(c.method + " " + c.target + " HTTP/1.1\r\nHost: " + c.host + "\r\n")
	if c.header.Write(&text) != nil {
		return nil
	}
	text.WriteString("\r\n")
	if _, err := io.WriteString(conn, text.String()); err != nil {
		return nil
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: c.method})
	if err != nil {
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil
	}
	answer.Body = io.NopCloser(strings.NewReader(string(body)))
	return answer
}

// relay passes a refusal on.
func relay(w http.ResponseWriter, answer *http.Response, status int, keep func(name string) bool) {
	for name, values := range answer.Header {
		if keep(name) {
			w.Header()[name] = values
		}
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(status)
	_, _ = io.Copy(w, answer.Body)
}

// pass sends the request on, headers as they are by now.
func pass(w http.ResponseWriter, r *http.Request, address string, stamp func(http.Header)) {
	target, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	target.Scheme, target.Host = "http", address
	(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL = target
			p.Out.Host = p.In.Host
			p.Out.Trailer = nil
			stamp(p.Out.Header)
		},
	}).ServeHTTP(w, r)
}

// dropNominated removes what the client named in Connection, and leaves of that header what a WebSocket needs.
func dropNominated(h http.Header) {
	upgrade := false
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if strings.EqualFold(name, "upgrade") {
				upgrade = true
				continue
			}
			h.Del(name)
		}
	}
	h.Del("Connection")
	if upgrade && strings.EqualFold(h.Get("Upgrade"), "websocket") {
		h.Set("Connection", "Upgrade")
	} else {
		h.Del("Upgrade")
	}
}

func clientOf(r *http.Request) string {
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	return client
}
