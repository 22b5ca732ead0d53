package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Bodies that are not exactly what they should be. Every one is refused by name of the field, where there is one, and what
// the field held is never repeated; the same request done rightly comes last.
func TestStrictJSON(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.addAdmin(t, "root")
	asRoot := s.login(t, "root").Access
	alice := s.add(t, "alice")
	const secret = "hunter2hunter2"
	rest := `"email":"new@example.com","password":"` + secret + `"}`

	for _, c := range []struct{ name, body, detail, field string }{
		{"no JSON", "username=new", "JSON decode error at byte 0", ""},
		{"white space", "  \n ", "JSON decode error: the body ends too early", ""},
		{"array", `["` + secret + `"]`, "JSON decode error: the body must be an object", ""},
		{"string", `"` + secret + `"`, "JSON decode error: the body must be an object", ""},
		{"null", `null`, "JSON decode error: the body must be an object", ""},
		{"cut off", `{"username":"new","password":"` + secret, "JSON decode error at byte", "password"},
		{"cut off after a value", `{"username":"new"`, "JSON decode error at byte", ""},
		{"comma at the end", `{"username":"new",}`, "JSON decode error at byte", ""},
		{"single quotes", `{'username':'new'}`, "JSON decode error at byte", ""},
		{"comment", `{/* */"username":"new"}`, "JSON decode error at byte", ""},
		{"byte order mark", "\ufeff{}", "JSON decode error at byte 0", ""},
		{"NaN", `{"username":NaN}`, "JSON decode error at byte", "username"},
		{"word as value", `{"username":` + secret + `}`, "JSON decode error at byte", "username"},
		{"trailing object", `{"username":"new",` + rest + `{}`, "JSON decode error: there is something after the object", ""},
		{"trailing word", `{"username":"new",` + rest + `x`, "JSON decode error: there is something after the object", ""},
		{"trailing NUL", `{"username":"new",` + rest + "\x00", "JSON decode error: there is something after the object", ""},
		{"unknown member", `{"username":"new","nickname":"` + secret + `",` + rest, "Unknown field: nickname", "nickname"},
		{"member in another case", `{"Username":"new",` + rest, "Unknown field: Username", "Username"},
		{"member with a long s", `{"uſername":"new",` + rest, "Unknown field: uſername", "uſername"},
		{"empty member", `{"":"new",` + rest, "Unknown field: ", ""},
		{"repeated member", `{"username":"new","username":"new",` + rest, "Repeated field: username", "username"},
		{"member repeated by escape", `{"username":"new","\u0075sername":"new",` + rest, "Repeated field: username", "username"},
		{"number", `{"username":1,` + rest, "Invalid field: username must be a string", "username"},
		{"huge number", `{"username":1e999999,` + rest, "Invalid field: username must be a string", "username"},
		{"boolean", `{"username":true,` + rest, "Invalid field: username must be a string", "username"},
		{"null member", `{"username":null,` + rest, "Invalid field: username must be a string", "username"},
		{"object member", `{"username":{"$ne":""},` + rest, "Invalid field: username must be a string", "username"},
		{"array member", `{"username":["new"],` + rest, "Invalid field: username must be a string", "username"},
		{"NUL", `{"username":"ne\u0000w",` + rest, "Invalid field: username cannot contain NUL", "username"},
		{"raw NUL", "{\"username\":\"ne\x00w\"," + rest, "JSON decode error at byte", "username"},
		{"raw line feed", "{\"username\":\"ne\nw\"," + rest, "JSON decode error at byte", "username"},
		{"lone high surrogate", `{"username":"\ud800",` + rest, "JSON decode error at byte", "username"},
		{"lone low surrogate", `{"username":"x\udc00",` + rest, "JSON decode error at byte", "username"},
		{"surrogates in the wrong order", `{"username":"\udc00\ud800",` + rest, "JSON decode error at byte", "username"},
		{"invalid UTF-8", "{\"username\":\"\xff\"," + rest, "JSON decode error at byte", "username"},
		{"overlong UTF-8", "{\"username\":\"\xc0\xaf\"," + rest, "JSON decode error at byte", "username"},
		{"surrogate in UTF-8", "{\"username\":\"\xed\xa0\x80\"," + rest, "JSON decode error at byte", "username"},
		{"invalid UTF-8 in a name", "{\"user\xffname\":\"new\"," + rest, "JSON decode error at byte", ""},
		{"10,000 deep", strings.Repeat("[", 10000) + strings.Repeat("]", 10000), "JSON decode error: the body must be an object", ""},
		{"10,000 deep in a field", `{"username":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "}", "Invalid field: username must be a string", "username"},
		{"10,000 deep elsewhere", `{"x":` + strings.Repeat(`{"x":`, 5000) + "1" + strings.Repeat("}", 5001), "Unknown field: x", "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.call(t, "POST", "/users/", "", c.body)
			p := a.problem(400)
			if !strings.HasPrefix(p.Detail, c.detail) || p.Field != c.field {
				t.Errorf("detail %q, field %q; want %q..., %q", p.Detail, p.Field, c.detail, c.field)
			}
			if c.field != "" && !strings.Contains(p.Detail, c.field) {
				t.Errorf("detail %q does not name %q", p.Detail, c.field)
			}
			if strings.Contains(string(a.body), secret) {
				t.Errorf("the answer repeats what was sent: %s", a.body)
			}
		})
	}
	for _, c := range []struct{ name, body, detail, field string }{
		{"flag as string", `{"is_active":"true"}`, "Invalid field: is_active must be true or false", "is_active"},
		{"flag as number", `{"is_active":1}`, "Invalid field: is_active must be true or false", "is_active"},
		{"flag null", `{"is_active":null}`, "Invalid field: is_active must be true or false", "is_active"},
		{"roles as string", `{"roles":"admin"}`, "Invalid field: roles must be a list of strings", "roles"},
		{"roles null", `{"roles":null}`, "Invalid field: roles must be a list of strings", "roles"},
		{"role null", `{"roles":["a",null]}`, "Invalid field: roles must be a list of strings", "roles"},
		{"role nested", `{"roles":[["a"]]}`, "Invalid field: roles must be a list of strings", "roles"},
		{"role with NUL", `{"roles":["a\u0000"]}`, "Invalid field: roles cannot contain NUL", "roles"},
		{"role with a lone surrogate", `{"roles":["\ud800"]}`, "JSON decode error at byte", "roles"},
		{"roles cut off", `{"roles":["a"`, "JSON decode error at byte", "roles"},
		{"flag repeated", `{"is_admin":false,"is_admin":true}`, "Repeated field: is_admin", "is_admin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := s.call(t, "PUT", "/users/"+alice.ID.String(), asRoot, c.body).problem(400)
			if !strings.HasPrefix(p.Detail, c.detail) || p.Field != c.field {
				t.Errorf("detail %q, field %q; want %q..., %q", p.Detail, p.Field, c.detail, c.field)
			}
		})
	}
	s.call(t, "PUT", "/users/"+alice.ID.String(), asRoot, `{"is_admin":false,"is_active":true,"roles":["a"]}`).want(200)
	s.call(t, "POST", "/users/", "", ` {"username" : "n\u0065w", `+rest+"\n").want(201)
	s.call(t, "POST", "/users/", "", `{"username":"\ud840\udc00","email":"b@example.com","password":"🔑🔑🔑🔑🔑🔑🔑🔑"}`).want(201)
}

// The name that a client chose is repeated in a form that hurts nobody.
func TestUnknownFieldIsShownSafely(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	a := s.call(t, "POST", "/users/", "", `{"<script>alert(1)</script>":1}`)
	if p := a.problem(400); strings.Contains(string(a.body), "<") || p.Field != "<script>alert(1)</script>" {
		t.Errorf("the answer is %s", a.body)
	}
	a = s.call(t, "POST", "/users/", "", `{"`+strings.Repeat("é", 1000)+`":1}`)
	if p := a.problem(400); len(p.Detail) > 100 {
		t.Errorf("the detail has %d bytes", len(p.Detail))
	}
	a = s.call(t, "POST", "/auth/token", "", `{"a\"\\\u001b\u202e\n\u0000ü":1}`)
	if p := a.problem(400); p.Detail != `Unknown field: a"\????ü` || p.ErrorDescription != "Unknown field: a???????" {
		t.Errorf("detail %q, error_description %q", p.Detail, p.ErrorDescription)
	}
}

// A grant is refused members of the other grant in JSON, where everything is exact.
func TestMembersOfAnotherGrant(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.add(t, "alice")
	session := s.login(t, "alice")
	body := object("grant_type", "password", "username", "alice", "password", goodPassword, "refresh_token", session.Refresh)
	s.call(t, "POST", "/auth/token", "", body).refused(400, "Unknown field: refresh_token")
	body = object("grant_type", "refresh_token", "refresh_token", session.Refresh, "username", "alice")
	s.call(t, "POST", "/auth/refresh", "", body).refused(400, "Unknown field: username")
	body = object("grant_type", "refresh_token", "refresh_token", session.Refresh, "password", "x")
	s.call(t, "POST", "/auth/token", "", body).refused(400, "Unknown field: password")
	s.call(t, "POST", "/auth/token", "", refreshOf(session.Refresh)).want(200)
}

func TestForms(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.add(t, "alice")
	const form = "application/x-www-form-urlencoded"
	good := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {goodPassword}}.Encode()
	post := func(t *testing.T, path, body string) answer {
		return s.do(t, request{method: "POST", path: path, contentType: form, body: body})
	}
	for _, c := range []struct{ name, body, detail, field string }{
		{"repeated parameter", good + "&username=alice", "Repeated field: username", "username"},
		{"repeated password", good + "&password=x", "Repeated field: password", "password"},
		{"repeated grant type", good + "&grant_type=password", "Repeated field: grant_type", "grant_type"},
		{"no value", "grant_type=password&username=&password=x", "Missing field: username", "username"},
		{"no parameter", "grant_type=password&username=alice", "Missing field: password", "password"},
		{"no grant type", "username=alice&password=x", "Missing field: grant_type", "grant_type"},
		{"another grant type", "grant_type=implicit", "Invalid grant type", "grant_type"},
		{"another case", "Grant_type=password&username=alice&password=x", "Missing field: grant_type", "grant_type"},
		{"invalid escape", "grant_type=password&username=%zz", "Form decode error", ""},
		{"semicolon", "grant_type=password;username=alice", "Form decode error", ""},
		{"NUL", "grant_type=password&username=a%00&password=x", "Invalid field: username cannot contain NUL", "username"},
		{"invalid UTF-8", "grant_type=password&username=%ff&password=x", "Invalid field: username is not valid UTF-8", "username"},
		{"JSON", grantOf("alice", goodPassword), "Missing field: grant_type", "grant_type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if p := post(t, "/auth/token", c.body).refused(400, c.detail); p.Field != c.field || p.Error == "" {
				t.Errorf("field %q, want %q; error %q", p.Field, c.field, p.Error)
			}
		})
	}
	var got tokens
	post(t, "/auth/token", good+"&scope=a&scope=b&client_id=x&client_secret=y&refresh_token=z").want(200).into(&got)
	for _, path := range []string{"/auth/refresh", "/auth/token"} {
		body := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}, "scope": {""}}.Encode()
		post(t, path, body).want(200).into(&got)
	}
	s.do(t, request{method: "POST", path: "/auth/token?" + good}).refused(400, "Missing request body")
	post(t, "/auth/token?grant_type=password&username=alice", "password="+goodPassword).refused(400, "Missing field: grant_type")
	post(t, "/users/", registrationForm()).refused(415, "Unsupported content type")
	s.call(t, "POST", "/users/", "", registration("new", "new@example.com", goodPassword)).want(201)
}

func registrationForm() string {
	return url.Values{"username": {"new"}, "email": {"new@example.com"}, "password": {goodPassword}}.Encode()
}

func TestContentTypes(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.add(t, "alice")
	for _, c := range []struct {
		name   string
		header http.Header
		status int
		detail string
	}{
		{"plain", http.Header{"Content-Type": {"application/json"}}, 200, ""},
		{"another case", http.Header{"Content-Type": {"Application/JSON"}}, 200, ""},
		{"charset", http.Header{"Content-Type": {"application/json; charset=utf-8"}}, 200, ""},
		{"charset in another case", http.Header{"Content-Type": {`application/json;charset="UTF-8"`}}, 200, ""},
		{"identity", http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"identity"}}, 200, ""},
		{"another charset", http.Header{"Content-Type": {"application/json; charset=utf-16"}}, 415, "The charset of the request body must be utf-8"},
		{"latin-1", http.Header{"Content-Type": {"application/json; charset=iso-8859-1"}}, 415, "The charset of the request body must be utf-8"},
		{"text", http.Header{"Content-Type": {"text/plain"}}, 415, "Unsupported content type"},
		{"multipart", http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, 415, "Unsupported content type"},
		{"suffix", http.Header{"Content-Type": {"application/vnd.api+json"}}, 415, "Unsupported content type"},
		{"longer", http.Header{"Content-Type": {"application/jsonx"}}, 415, "Unsupported content type"},
		{"nonsense", http.Header{"Content-Type": {"json"}}, 415, "Unsupported content type"},
		{"twice", http.Header{"Content-Type": {"application/json", "application/json"}}, 415, "Unsupported content type"},
		{"list", http.Header{"Content-Type": {"application/json, text/plain"}}, 415, "Unsupported content type"},
		{"repeated parameter", http.Header{"Content-Type": {"application/json; charset=utf-8; charset=utf-16"}}, 415, "Unsupported content type"},
		{"compressed", http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, 415, "The request body must not be compressed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.do(t, request{method: "POST", path: "/auth/token", body: grantOf("alice", goodPassword), header: c.header})
			if c.status == 200 {
				a.want(200)
				return
			}
			a.refused(c.status, c.detail)
		})
	}
	// Without any, which no client library can be brought to send.
	body := grantOf("alice", goodPassword)
	raw := fmt.Sprintf("POST /auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
	if status := s.raw(t, raw); status != 415 {
		t.Errorf("no content type: status %d, want 415", status)
	}
}

func TestMissingBody(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	alice := s.add(t, "alice")
	token := s.login(t, "alice").Access
	for _, c := range [][2]string{{"POST", "/auth/token"}, {"POST", "/auth/refresh"}, {"POST", "/users/"}, {"PUT", "/users/" + alice.ID.String()}} {
		s.call(t, c[0], c[1], token, "").refused(400, "Missing request body")
	}
	s.call(t, "PUT", "/users/"+alice.ID.String(), token, "{}").want(200)
}

// A body of 64 KiB is read, a byte more is not, whether its length was announced or not.
func TestBodyLimit(t *testing.T) {
	s := start(t, sqliteURL(t), options{})
	s.add(t, "alice")
	body := grantOf("alice", goodPassword)
	fits := body + strings.Repeat(" ", 64<<10-len(body))
	s.call(t, "POST", "/auth/token", "", fits).want(200)
	a := s.call(t, "POST", "/auth/token", "", fits+" ")
	if p := a.refused(413, "The request body is larger than 65536 bytes"); p.Error != "invalid_request" {
		t.Errorf("error %q", p.Error)
	}
	for extra, want := range map[string]int{"": 200, " ": 413} {
		chunk := fits + extra
		raw := fmt.Sprintf("POST /auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
			"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(chunk), chunk)
		if status := s.raw(t, raw); status != want {
			t.Errorf("chunked, %d bytes: status %d, want %d", len(chunk), status, want)
		}
	}
	s.call(t, "POST", "/auth/token", "", grantOf("alice", strings.Repeat("p", 1<<20))).problem(413)
	s.call(t, "POST", "/users/", "", fits+" ").problem(413)
}

// A body that never ends holds no connection, whether its endpoint reads it or refuses the request before that. One that
// is there in time is read.
func TestSlowBody(t *testing.T) {
	s := start(t, sqliteURL(t), options{bodyTimeout: 200 * time.Millisecond})
	s.add(t, "alice")
	body := grantOf("alice", goodPassword)
	head := func(method, path string) string {
		return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
			method, path, len(body))
	}
	for _, c := range []struct {
		request string
		status  int
	}{
		{head("POST", "/auth/token") + body[:10], 400},
		{head("POST", "/auth/logout") + body[:10], 401},
		{head("GET", "/users/me") + body[:10], 401},
		{head("POST", "/auth/unknown") + body[:10], 404},
		{head("POST", "/auth/token") + body, 200},
	} {
		if status := s.raw(t, c.request); status != c.status {
			t.Errorf("status %d, want %d", status, c.status)
		}
	}
}

// raw sends bytes over a socket and returns the status of the answer.
func (s *server) raw(t *testing.T, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
