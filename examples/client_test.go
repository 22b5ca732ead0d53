package examples_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/headers"
)

// request is one to be written byte for byte.
type request struct {
	method, target string // default: GET
	host           string // default: app.localhost; "-": none
	user           string // whose token to send
	headers        []string
	body           string // as on the wire, below the headers that frame it
}

// answer is what came back, and what the application saw meanwhile.
type answer struct {
	status int
	header http.Header
	body   string
	seen   []seen
}

// seen is a request as the application received it.
type seen struct {
	raw    string
	line   string // "GET /path HTTP/1.1"
	fields [][2]string
}

// identity returns the fields that an application could take for the identity, by their names as they are usually written.
// A field that is spelt in another way, or that is there twice, is an error of the front.
func (s seen) identity(t *testing.T) map[string]string {
	t.Helper()
	names, found := headers.DefaultIdentityNames(), map[string]string{}
	for _, field := range s.fields {
		if !names.IsIdentity(field[0]) {
			continue
		}
		name := http.CanonicalHeaderKey(strings.ToLower(field[0]))
		if _, twice := found[name]; twice {
			t.Errorf("the application saw %s twice", field[0])
		}
		found[name] = field[1]
	}
	return found
}

// get returns the value of the only field of that name, whatever its case.
func (s seen) get(name string) string {
	value := ""
	for _, field := range s.fields {
		if strings.EqualFold(field[0], name) {
			value += field[1]
		}
	}
	return value
}

func parseSeen(raw string) seen {
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	s := seen{raw: raw, line: lines[0]}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		s.fields = append(s.fields, [2]string{name, strings.TrimSpace(value)})
	}
	return s
}

// try sends a request and returns what came back; an error if that is no HTTP.
func (f *front) try(r request) (answer, error) {
	id := fmt.Sprintf("%s-%d", f.name, f.requests.Add(1))
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		return answer{}, err
	}
	method := r.method
	if method == "" {
		method = "GET"
	}
	lines := []string{method + " " + r.target + " HTTP/1.1"}
	switch r.host {
	case "":
		lines = append(lines, "Host: app.localhost")
	case "-":
	default:
		lines = append(lines, "Host: "+r.host)
	}
	lines = append(lines, idHeader+": "+id, "Connection: close")
	if r.user != "" {
		lines = append(lines, "Authorization: Bearer "+f.tokens[r.user])
	}
	lines = append(lines, r.headers...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"+r.body); err != nil {
		return answer{}, err
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, &http.Request{Method: method})
	for err == nil && response.StatusCode == http.StatusContinue {
		response, err = http.ReadResponse(reader, &http.Request{Method: method})
	}
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	a := answer{status: response.StatusCode, header: response.Header, body: string(body)}
	for _, raw := range f.app.received(id) {
		a.seen = append(a.seen, parseSeen(raw))
	}
	return a, err
}

func (f *front) send(t *testing.T, r request) answer {
	t.Helper()
	a, err := f.try(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.target, err)
	}
	return a
}

// logIn gets a token for every user, on the login host, through the front.
func (f *front) logIn(t *testing.T) {
	t.Helper()
	f.tokens = map[string]string{"nobody": "", "forged": "forged"}
	for _, u := range users() {
		form := url.Values{"grant_type": {"password"}, "username": {u.name}, "password": {password}}.Encode()
		a := f.send(t, request{method: "POST", target: "/auth/token", host: "auth.localhost", body: form, headers: []string{
			"Content-Type: application/x-www-form-urlencoded", fmt.Sprintf("Content-Length: %d", len(form)),
		}})
		var tokens struct {
			Access string `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(a.body), &tokens); err != nil || a.status != http.StatusOK || tokens.Access == "" {
			t.Fatalf("%s: %s cannot log in: %d %s", f.name, u.name, a.status, a.body)
		}
		f.tokens[u.name] = tokens.Access
	}
}

// wantPassed fails unless the request reached the application once, as it was sent, in the name of user, "" being anonymous.
func (f *front) wantPassed(t *testing.T, r request, a answer, as string) {
	t.Helper()
	if a.status != http.StatusOK || a.header.Get("X-Application") != "yes" || len(a.seen) != 1 {
		t.Errorf("%s %s as %q: got %d %s, and the application saw %d requests", r.method, r.target, r.user, a.status,
			a.header.Get("X-Authly-Reason"), len(a.seen))
		return
	}
	s := a.seen[0]
	method := r.method
	if method == "" {
		method = "GET"
	}
	if want := method + " " + r.target + " HTTP/1.1"; s.line != want {
		t.Errorf("the application saw %q, want %q", s.line, want)
	}
	if strings.Contains(s.raw, "Bearer") {
		t.Error("the application saw the caller's token")
	}
	got := s.identity(t)
	for name, want := range expectedIdentity(as) {
		if got[name] != want {
			t.Errorf("the application saw %s: %q, want %q", name, got[name], want)
		}
		delete(got, name)
	}
	if as != "" {
		if len(got["X-Forwarded-User-Id"]) != 36 {
			t.Errorf("the application saw X-Forwarded-User-Id: %q", got["X-Forwarded-User-Id"])
		}
		delete(got, "X-Forwarded-User-Id")
	}
	if as != "" && strings.HasPrefix(r.target, "/reports/") {
		f.wantAssertion(t, got["X-Authly-Assertion"], as, method)
		delete(got, "X-Authly-Assertion")
	}
	for name, value := range got {
		if value != "" {
			t.Errorf("the application saw %s: %s", name, value)
		}
	}
}

func expectedIdentity(name string) map[string]string {
	for _, u := range users() {
		if u.name == name {
			return map[string]string{
				"X-Forwarded-User": u.header, "X-Forwarded-Email": u.email, "X-Forwarded-Groups": u.groups,
				"Remote-User": u.header, "Remote-Email": u.email, "Remote-Groups": u.groups,
			}
		}
	}
	return map[string]string{"X-Forwarded-User": "", "Remote-User": ""}
}

// wantStopped fails unless the request was refused with that status, 0 being any from 400 to 499, before the application.
func (f *front) wantStopped(t *testing.T, r request, a answer, status int) {
	t.Helper()
	if status == 0 && (a.status < 400 || a.status > 499) || status != 0 && a.status != status {
		t.Errorf("%s %s as %q: got %d %s, want %d", r.method, r.target, r.user, a.status, a.header.Get("X-Authly-Reason"), status)
	}
	if len(a.seen) != 0 {
		t.Errorf("%s %s as %q: the application saw it", r.method, r.target, r.user)
	}
	challenge := a.header["Www-Authenticate"]
	if a.status == http.StatusUnauthorized && (len(challenge) != 1 || !strings.HasPrefix(challenge[0], "Bearer")) {
		t.Errorf("%s %s: a 401 with WWW-Authenticate %q", r.method, r.target, challenge)
	}
}
