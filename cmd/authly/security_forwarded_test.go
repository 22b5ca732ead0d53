package main_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// /office is open to 192.0.2.0/24 and 127.0.0.1; to everybody else it is closed. Only the trusted proxy is believed about the
// client's address, and an address that cannot be read is nobody's.
func TestSecurityForwardedFor(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		const inside, outside, unreadable = http.StatusOK, http.StatusUnauthorized, http.StatusBadRequest
		cases := map[string]struct {
			said             string
			stranger, behind int // from a stranger, and from the proxy
		}{
			"in the network":                                            {"192.0.2.7", outside, inside},
			"outside":                                                   {"203.0.113.9", outside, outside},
			"with a port":                                               {"192.0.2.7:1234", outside, inside},
			"CVE-2024-47070 a letter":                                   {"a", outside, unreadable},
			"CVE-2024-47070 empty":                                      {"", outside, unreadable},
			"CVE-2024-47070 spaces":                                     {" ", outside, unreadable},
			"CVE-2024-47070 10 kB":                                      {strings.Repeat("9", 10_000), outside, unreadable},
			"CVE-2024-47070 10 kB of commas":                            {strings.Repeat(",", 10_000), outside, unreadable},
			"CVE-2024-47070 10 kB before the address":                   {strings.Repeat("192.0.2.7, ", 900) + "203.0.113.9", outside, outside},
			"CVE-2024-47070 an IPv6 address of a zone":                  {"fe80::1%eth0", outside, outside},
			"CVE-2024-47070 a mapped one with a zone":                   {"::ffff:192.0.2.7%eth0", outside, inside},
			"CVE-2024-47070 unknown":                                    {"unknown", outside, unreadable},
			"CVE-2024-47070 octal":                                      {"192.0.02.7", outside, unreadable},
			"CVE-2024-47070 a number":                                   {"3221225991", outside, unreadable},
			"CVE-2024-47070 a name":                                     {"localhost", outside, unreadable},
			"CVE-2024-24790 mapped, inside":                             {"::ffff:192.0.2.7", outside, inside},
			"CVE-2024-24790 mapped, outside":                            {"::ffff:203.0.113.9", outside, outside},
			"CVE-2024-24790 mapped loopback on the left of an outsider": {"::ffff:127.0.0.1, 203.0.113.9", outside, outside},
			"loopback on the left of an outsider":                       {"127.0.0.1, 203.0.113.9", outside, outside},
			"inside on the left of an outsider":                         {"192.0.2.7, 203.0.113.9", outside, outside},
			"outside on the left of an insider":                         {"203.0.113.9, 192.0.2.7", outside, inside},
			"insider behind the proxy itself":                           {"192.0.2.7, 127.0.0.1", outside, inside},
			"rubbish on the left":                                       {"a, 192.0.2.7", outside, inside},
			"rubbish on the right":                                      {"192.0.2.7, a", outside, unreadable},
			"an injected line":                                          {"192.0.2.7\tx", outside, unreadable},
		}
		for name, c := range cases {
			t.Run("X-Forwarded-For "+name, func(t *testing.T) {
				stranger := gateways()[0]
				g.judged(t, stranger, attempt{target: "/office/x", lines: []string{"X-Forwarded-For: " + c.said}}, c.stranger)
				for _, e := range entrances()[1:] {
					want := c.behind
					a := attempt{target: "/office/x", client: c.said}
					if strings.Trim(c.said, " ") == "" { // for questions this is a header that is missing, and that is refused too
						a.client = " "
					}
					g.judged(t, e, a, want)
				}
			})
		}
		t.Run("two lines, as one list", func(t *testing.T) {
			behind := gateways()[1]
			g.judged(t, behind, attempt{target: "/office/x", client: "192.0.2.7", lines: []string{"X-Forwarded-For: 203.0.113.9"}}, outside)
			g.judged(t, behind, attempt{target: "/office/x", client: "203.0.113.9", lines: []string{"X-Forwarded-For: 192.0.2.7"}}, inside)
			for _, e := range questions() {
				g.judged(t, e, attempt{target: "/office/x", client: "192.0.2.7", lines: []string{"X-Forwarded-For: 192.0.2.7"}}, unreadable)
			}
		})
	})
}

// judged is passed for 200 and refused for everything else.
func (g *guarded) judged(t *testing.T, e entrance, a attempt, status int) {
	t.Helper()
	if status == http.StatusOK {
		g.passed(t, e, a)
		return
	}
	g.refused(t, e, a, status)
}

// What a stranger says of the request's own way neither decides nor reaches the application.
func TestSecurityForwardedByStrangers(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		stranger, token := gateways()[0], bearerLine(g.alice.Access)
		for name, value := range map[string]string{
			"X-Forwarded-Uri": "/public/x", "X-Forwarded-Method": "GET", "X-Forwarded-Host": "app.example.com", "X-Forwarded-Proto": "https",
			"X-Forwarded-Prefix": "/public", "X-Forwarded-Port": "443", "X-Forwarded-Server": "evil", "X-Forwarded-Ssl": "on",
			"Forwarded": `for=192.0.2.7;host="app.example.com";proto=https`, "X-Real-IP": "192.0.2.7", "True-Client-IP": "192.0.2.7",
			"X-Client-IP": "192.0.2.7", "X-Cluster-Client-IP": "192.0.2.7", "CF-Connecting-IP": "192.0.2.7", "X-Forwarded": "192.0.2.7",
			"X-Host": "app.example.com", "X-Forwarded-For": "192.0.2.7",
		} {
			t.Run("CVE-2026-40575 "+name, func(t *testing.T) {
				for _, spelling := range likenesses(name) {
					forged := spelling + ": " + value
					g.refused(t, stranger, attempt{lines: []string{forged}}, http.StatusUnauthorized)
					g.refused(t, stranger, attempt{target: "/office/x", lines: []string{forged}}, http.StatusUnauthorized)
					g.refused(t, stranger, attempt{host: "admin.example.com", lines: []string{forged, token}}, http.StatusForbidden)
					g.refused(t, stranger, attempt{method: "DELETE", target: "/read/x", lines: []string{forged, token}}, http.StatusForbidden)
					r := g.passed(t, stranger, attempt{lines: []string{forged, token}})
					g.wantWay(t, r.seen[0], "app.example.com", "http", strangerAddress)
				}
			})
		}
	})
}

// wantWay checks what an application is told of the way that a request came, and that it is told nothing else of it.
func (g *guarded) wantWay(t *testing.T, s sighting, host, scheme, client string) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Forwarded-Host": host, "X-Forwarded-Proto": scheme, "X-Forwarded-For": client,
		"X-Forwarded-Uri": "", "X-Forwarded-Method": "", "X-Forwarded-Prefix": "", "X-Forwarded-Port": "", "X-Forwarded-Server": "",
		"X-Forwarded-Ssl": "", "Forwarded": "", "X-Real-IP": "", "True-Client-IP": "", "X-Client-IP": "", "X-Cluster-Client-IP": "",
		"CF-Connecting-IP": "", "X-Forwarded": "",
	} {
		lines := s.lines(name)
		if want == "" && len(lines) != 0 || want != "" && !slices.Equal(lines, []string{name + ": " + want}) {
			t.Errorf("%q, want %q", lines, name+": "+want)
		}
	}
}

// The trusted proxy's word decides, and a second word, or one that makes no sense, refuses.
func TestSecurityForwardedByTheProxy(t *testing.T) {
	g := guardPeople(t, sqliteURL(t), "")
	behind := gateways()[1]
	alice, boss := bearerLine(g.alice.Access), bearerLine(g.boss.Access)
	for name, c := range map[string]struct {
		lines  []string
		status int
	}{
		"a host of its own":           {[]string{"X-Forwarded-Host: app.example.com", alice}, 200},
		"the host of administrators":  {[]string{"X-Forwarded-Host: Admin.Example.Com.:443", alice}, 403},
		"the host, with the role":     {[]string{"X-Forwarded-Host: admin.example.com", boss}, 200},
		"two hosts":                   {[]string{"X-Forwarded-Host: app.example.com, admin.example.com", alice}, 400},
		"two hosts in two lines":      {[]string{"X-Forwarded-Host: app.example.com", "X-Forwarded-Host: admin.example.com", alice}, 400},
		"a host that is none":         {[]string{"X-Forwarded-Host: app.example.com/x", alice}, 400},
		"an empty host":               {[]string{"X-Forwarded-Host:", alice}, 400},
		"a host with userinfo":        {[]string{"X-Forwarded-Host: app.example.com@admin.example.com", alice}, 400},
		"two schemes":                 {[]string{"X-Forwarded-Proto: http", alice}, 400}, // beside the proxy's https
		"the same scheme twice":       {[]string{"X-Forwarded-Proto: https", alice}, 200},
		"a scheme that nobody knows":  {[]string{"X-Forwarded-Proto: javascript", alice}, 400},
		"the path of another request": {[]string{"X-Forwarded-Uri: /public/x"}, 401},
		"the method of another":       {[]string{"X-Forwarded-Method: OPTIONS"}, 401},
		"a prefix":                    {[]string{"X-Forwarded-Prefix: /public"}, 401},
		"a look-alike of X-Forwarded": {[]string{"X_Forwarded_Host: app.example.com", "X_Forwarded_For: 192.0.2.7"}, 401},
		"Forwarded":                   {[]string{"Forwarded: for=192.0.2.7;host=public.example.com"}, 401},
	} {
		t.Run("from the trusted proxy: "+name, func(t *testing.T) { g.judged(t, behind, attempt{lines: c.lines}, c.status) })
	}
}

// Questions of front proxies are answered to trusted proxies only, and each dialect reads its own headers and no others: a
// front proxy overwrites the ones it knows, so that any other is the client's own word.
func TestSecurityQuestions(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		foreign := map[string][]string{
			"traefik": {"X-Original-URL: https://app.example.com/public/x", "X-Original-Method: GET", "X-Original-URI: /public/x"},
			"nginx":   {"X-Forwarded-Uri: /public/x", "X-Forwarded-Method: GET", "X-Forwarded-Host: app.example.com", "X-Forwarded-Proto: https"},
			"envoy":   {"X-Forwarded-Uri: /public/x", "X-Forwarded-Host: public.example.com", "X-Original-URL: https://app.example.com/public/x", "X-Envoy-Original-Path: /public/x"},
		}
		foreign["caddy"], foreign["haproxy"] = foreign["traefik"], foreign["traefik"]
		for _, e := range questions() {
			t.Run(e.name, func(t *testing.T) {
				t.Run("CVE-2026-40575 another dialect's headers", func(t *testing.T) {
					g.refused(t, e, attempt{lines: foreign[e.name]}, http.StatusUnauthorized)
					g.passed(t, e, attempt{target: "/public/x", lines: foreign[e.name]})
				})
				t.Run("CVE-2026-40575 asked by a stranger", func(t *testing.T) {
					asked := e
					asked.from, asked.relayed = strangerAddress, func(int) int { return http.StatusForbidden }
					g.refused(t, asked, attempt{target: "/public/x"}, http.StatusForbidden)
					g.refused(t, asked, attempt{target: "/public/x", lines: []string{"Forwarded: for=127.0.0.1", bearerLine(g.boss.Access)}}, http.StatusForbidden)
				})
				t.Run("tinyauth originals missing, empty or twice", func(t *testing.T) { g.incompleteQuestions(t, e) })
			})
		}
		for _, target := range []string{"/authz/", "/authz", "/authz/unknown", "/authz/traefik/x", "/authz/TRAEFIK", "/authz//traefik", "/authz/traefik%2f"} {
			t.Run("no dialect "+target, func(t *testing.T) {
				asked := questions()[0]
				asked.bytes = func(a attempt) string {
					return strings.Replace(questions()[0].bytes(a), "/authz/traefik", target, 1)
				}
				if r := g.try(t, asked, attempt{target: "/public/x"}); r.status < 400 {
					t.Errorf("%d", r.status)
				}
			})
		}
	})
}

// incompleteQuestions takes each header that a dialect reads away, empties it, and sends it twice.
func (g *guarded) incompleteQuestions(t *testing.T, e entrance) {
	t.Helper()
	whole := attempt{target: "/public/x", lines: []string{bearerLine(g.boss.Access)}}.complete()
	g.passed(t, e, whole)
	read := []string{"X-Forwarded-Method", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-For"}
	switch e.name {
	case "nginx":
		read = []string{"X-Original-Method", "X-Original-URL", "X-Forwarded-For"}
	case "envoy":
		read = []string{"Host", "X-Forwarded-For"}
	}
	for _, name := range read {
		for how, change := range map[string]func(line string) string{
			"missing": func(string) string { return "X-Nothing: x" },
			"empty":   func(string) string { return name + ":" },
			"twice":   func(line string) string { return line + "\r\n" + line },
		} {
			broken := e
			broken.bytes = func(a attempt) string {
				lines := strings.Split(e.bytes(a), "\r\n")
				at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, name+": ") })
				lines[at] = change(lines[at])
				return strings.Join(lines, "\r\n")
			}
			r := g.try(t, broken, whole)
			wanted := e.relayed(http.StatusBadRequest)
			if name == "Host" {
				wanted = http.StatusBadRequest // of net/http, before any dialect, where it is missing or there twice
			}
			if r.status != wanted {
				t.Errorf("%s %s: %d %.200s", name, how, r.status, r.body)
			}
		}
	}
}

// Links start with the public URL, whatever a request says of its host.
func TestSecurityLinksOfForgedHosts(t *testing.T) {
	g := guardPeople(t, sqliteURL(t), "")
	for name, lines := range map[string][]string{
		"Host":             {"Host: evil.example"},
		"X-Forwarded-Host": {"Host: login.example.com", "X-Forwarded-Host: evil.example"},
		"Forwarded":        {"Host: login.example.com", "Forwarded: host=evil.example;proto=http"},
		"X-Host":           {"Host: login.example.com", "X-Host: evil.example", "X-Original-Host: evil.example"},
	} {
		for _, from := range []string{strangerAddress, proxyAddress} {
			t.Run("CVE-2025-64101 "+name+" from "+from, func(t *testing.T) {
				unique := strings.ToLower("u" + strings.NewReplacer("-", "", ".", "").Replace(name+from))
				body := `{"username":"` + unique + `","email":"` + unique + `@example.com","password":"a long password"}`
				created := exchange(t, from, g.address["server.address"],
					requestBytes("POST", "/users/", append(lines, "Content-Type: application/json", "Content-Length: "+lengthOf(body))...)+body)
				if location := created.header.Get("Location"); created.status != http.StatusCreated || !strings.HasPrefix(location, publicURL+"/users/") {
					t.Errorf("%d, Location %q", created.status, location)
				}
				for _, path := range []string{"/openapi.json", "/docs", "/users/me", "/nothing-here", "/users/%2f", "/auth/nothing"} {
					answer := exchange(t, from, g.address["server.address"], requestBytes("GET", path, lines...))
					if strings.Contains(answer.body, "evil.example") || strings.Contains(headerText(answer.header), "evil.example") {
						t.Errorf("%s repeats the host", path)
					}
				}
			})
		}
	}
}
