package main_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What people are offered to open is what the gate lets them open, and their data is what they get by the button on the page.
func TestAccount(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		a := start(t, storeURL, `
routes:
  - {name: wiki, hosts: [wiki.example.com], paths: [/*], allow: authenticated, title: The wiki, upstream: "echo:"}
  - {name: reports, paths: [/reports/*], allow: {roles: [finance]}, title: The reports, url: /reports/2026, upstream: "echo:"}
  - {name: alices, paths: [/alices], allow: {users: [alice]}, title: Hers alone, url: /alices, upstream: "echo:"}
  - {name: office, hosts: [office.example.com], paths: [/*], networks: [10.0.0.0/8], allow: authenticated, title: The office, upstream: "echo:"}
  - {name: closed, paths: [/closed], allow: nobody, title: The vault, url: /closed, upstream: "echo:"}
  - {name: untitled, paths: [/*], allow: public, upstream: "echo:"}
`, "AUTHLY_SERVER_PUBLIC_URL=https://login.example.com")
		admin := a.login(t, "admin", adminPassword)
		// A name that a rule names is given by administrators alone.
		a.must(t, http.StatusOK, "PUT", "/users/"+a.register(t, admin, "ann", passwordOf("alice")), admin.Access, `{"username":"alice"}`)
		a.must(t, http.StatusOK, "PUT", "/users/"+a.register(t, admin, "bob", passwordOf("bob")), admin.Access, `{"roles":["finance"]}`)
		for name, want := range map[string][]string{"alice": {"The wiki", "Hers alone"}, "bob": {"The wiki", "The reports"}} {
			_, value := a.signIn(t, "/auth/login", name, passwordOf(name))
			cookie := sessionCookie + "=" + value
			page := a.must(t, http.StatusOK, "GET", "/auth/account", "", "", "Cookie", cookie, "Host", "login.example.com")
			var offered []string
			for _, title := range []string{"The wiki", "The reports", "Hers alone", "The office", "The vault"} {
				if strings.Contains(page.body, ">"+title+"</a>") {
					offered = append(offered, title)
				}
			}
			if !slices.Equal(offered, want) {
				t.Errorf("%s is offered %q, want %q", name, offered, want)
			}
			if name == "bob" && !strings.Contains(page.body, `href="https://login.example.com/reports/2026"`) {
				t.Errorf("the address is another:\n%s", page.body)
			}
			var kept struct{ User struct{ Username string } }
			file := a.must(t, http.StatusOK, "GET", "/auth/account/data/file", "", "", "Cookie", cookie, "Host", "login.example.com")
			if err := json.Unmarshal([]byte(file.body), &kept); err != nil || kept.User.Username != name ||
				!strings.HasPrefix(file.header.Get("Content-Disposition"), "attachment;") {
				t.Errorf("%s gets %v %v\n%s", name, err, file.header, file.body)
			}
		}
	})
}

// A program that keeps passwords finds the page at the host of the pages, whatever the prefix, and an application keeps what it has a
// route for.
func TestWellKnownChangePassword(t *testing.T) {
	t.Parallel()
	const page, none = "/.well-known/change-password", "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
	for name, test := range map[string]struct {
		route  string
		host   string
		status int // of the page
	}{
		"at the host of the pages":            {"", "login.example.com", 302},
		"in another spelling":                 {"", "LOGIN.example.com.:443", 302},
		"at an application's host":            {"", "app.example.com", 200},
		"a path that an application has":      {"  - {name: own, paths: [" + page + "], allow: public, upstream: \"echo:\"}\n", "login.example.com", 200},
		"a folder that an application has":    {"  - {name: own, paths: [/.well-known/*], allow: public, upstream: \"echo:\"}\n", "login.example.com", 200},
		"what another host's application has": {"  - {name: own, hosts: [app.example.com], paths: [" + page + "], allow: public, upstream: \"echo:\"}\n", "login.example.com", 302},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, sqliteURL(t), "routes:\n"+test.route+"  - {name: rest, paths: [/*], allow: public, upstream: \"echo:\"}\n",
				"AUTHLY_SERVER_PUBLIC_URL=https://login.example.com", "AUTHLY_SERVER_API_PREFIX=/api/v1")
			answer := a.must(t, test.status, "GET", page, "", "", "Host", test.host)
			if want := "https://login.example.com/api/v1/auth/account/password"; test.status == 302 && answer.header.Get("Location") != want {
				t.Errorf("it leads to %s", answer.header.Get("Location"))
			}
			if test.status == 302 {
				a.must(t, 404, "GET", none, "", "", "Host", test.host)
			}
		})
	}
}
