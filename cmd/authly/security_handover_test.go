package main_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// handedRoutes are applications on three root domains, the first of which is the login page's.
const handedRoutes = `
server: {trusted_proxies: [127.0.0.1], public_url: "` + publicURL + `"}
cookies: {domains: [example.net, apps.example.org]}
sessions: {remember_for: 720h}
routes:
  - {name: rest, paths: [/*], allow: authenticated, upstream: "echo:"}
`

func handed(t *testing.T, storeURL string) []*authly {
	t.Helper()
	replicas := make([]*authly, 3)
	for i := range replicas {
		replicas[i] = launch(t, storeURL, handedRoutes)
	}
	for _, a := range replicas {
		a.awaitReady(t)
	}
	return replicas
}

// A person signs in once, and is known on three root domains by every replica; they sign out once, and are known on none.
func TestSecurityHandover(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		replicas := handed(t, storeURL)
		b := travel(t, replicas...)
		const first = "https://app.example.net/x/y?z=%2f&a=b"
		login := b.open(t, first)
		if len(b.trail) != 3 || !strings.HasPrefix(b.trail[1], "https://app.example.net/auth/handover?return=") {
			t.Errorf("it came by %q", b.trail)
		}
		if state := b.cookiesAt(t, "https://app.example.net/"); !strings.HasPrefix(state, "__Host-authly-handover=") ||
			b.cookiesAt(t, "https://other.example.net/")+b.cookiesAt(t, publicURL) != "" || strings.Contains(login.address, strings.TrimPrefix(state, "__Host-authly-handover=")) {
			t.Errorf("cookies %q at %s", state, login.address)
		}
		b.signsIn(t, login, "admin", adminPassword).isAt(t, first, "admin")
		if len(b.trail) != 3 || !strings.HasPrefix(b.trail[1], "https://app.example.net/auth/handover?code=") {
			t.Errorf("it came by %q", b.trail)
		}
		codes := []string{b.trail[1]}
		b.open(t, "https://other.example.net/").isAt(t, "https://other.example.net/", "admin") // at once
		if len(b.trail) != 1 {
			t.Errorf("it came by %q", b.trail)
		}
		b.open(t, "https://apps.example.org/z").isAt(t, "https://apps.example.org/z", "admin") // without signing in
		if len(b.trail) != 5 {
			t.Errorf("it came by %q", b.trail)
		}
		codes = append(codes, b.trail[3])
		b.open(t, publicURL+"/x").isAt(t, publicURL+"/x", "admin")

		if list := replicas[0].must(t, 200, "GET", "/auth/sessions", "", "", "Cookie", b.cookiesAt(t, publicURL)); strings.Count(list.body, `"id":`) != 1 {
			t.Errorf("there is one session: %s", list.body)
		}
		for _, e := range questions() {
			for _, c := range []struct {
				host, of string
				status   int
			}{
				{"app.example.net", "app.example.net", 200}, {"apps.example.org", "apps.example.org", 200}, {"login.example.com", "login.example.com", 200},
				{"app.example.net", "apps.example.org", 401}, {"apps.example.org", "app.example.net", 401}, {"app.example.net", "login.example.com", 401},
				{"login.example.com", "app.example.net", 401},
			} {
				a := attempt{host: c.host, lines: []string{"Cookie: " + renamed(b.cookiesAt(t, "https://"+c.of), c.host)}}
				if r := exchange(t, e.from, replicas[2].address["server.address"], e.bytes(a.complete())); r.status != c.status {
					t.Errorf("%s: the cookie of %s at %s: %d, want %d", e.name, c.of, c.host, r.status, c.status)
				}
			}
		}
		there := b.cookiesAt(t, "https://app.example.net/")
		for _, as := range []string{there, renamed(there, "login.example.com")} { // what an application has read is none of Authly's own endpoints'
			replicas[1].must(t, 401, "GET", "/users/me", "", "", "Cookie", as)
			replicas[1].must(t, 401, "GET", "/users/me", "", "", "Cookie", as, "Host", "app.example.net")
		}
		replicas[1].must(t, 200, "GET", "/users/me", "", "", "Cookie", b.cookiesAt(t, publicURL))

		if out := b.open(t, "https://app.example.net/auth/signout"); out.address != publicURL+"/auth/signout" {
			t.Errorf("people sign out at %s", out.address)
		}
		b.ask(t, "POST", publicURL+"/auth/signout", url.Values{})
		for _, address := range []string{first, "https://other.example.net/", "https://apps.example.org/z", publicURL + "/x"} {
			for range replicas {
				eventually(t, "it is led to the login page from "+address, func() bool {
					p := b.open(t, address)
					return p.status == http.StatusOK && strings.HasPrefix(p.address, publicURL+"/auth/login?")
				})
			}
		}
		for _, a := range replicas {
			for _, address := range codes {
				u, err := url.Parse(address)
				if err != nil || strings.Contains(a.stderr.String(), u.Query().Get("code")) || strings.Contains(a.stderr.String(), "code=") {
					t.Errorf("the log holds a code (%v)", err)
				}
			}
		}
	})
}

// renamed gives a session cookie the name that a host reads.
func renamed(cookies, host string) string {
	name := "__Secure-authly="
	if host == "login.example.com" {
		name = "__Host-authly="
	}
	value := regexp.MustCompile(`(?:__Secure-authly|__Host-authly)=([\w-]+)`).FindStringSubmatch(cookies)
	if value == nil {
		return cookies
	}
	return name + value[1]
}

// Each trick with a code beside the same done rightly, which then fails too: a code is for one try.
func TestSecurityHandoverTricks(t *testing.T) {
	t.Parallel()
	replicas := handed(t, sqliteURL(t))
	const wanted = "https://app.example.net/x"
	other := travel(t, replicas...)
	other.open(t, "https://app.example.net/") // has a state of its own
	for name, c := range map[string]struct {
		try    func(t *testing.T, b *traveller, address string) page
		saved  bool // the code is as good as before
		status int  // 0: 400
	}{
		"another browser": {try: func(t *testing.T, _ *traveller, address string) page { return other.open(t, address) }},
		"a browser that has begun nothing": {try: func(t *testing.T, _ *traveller, address string) page {
			return travel(t, replicas...).open(t, address)
		}},
		"another host of the domain": {try: func(t *testing.T, b *traveller, address string) page {
			b.open(t, "https://evil.example.net/auth/handover") // which has a state there
			return b.open(t, strings.Replace(address, "app.", "evil.", 1))
		}},
		"a host of another domain": {try: func(t *testing.T, b *traveller, address string) page {
			b.open(t, "https://apps.example.org/auth/handover")
			return b.open(t, strings.Replace(address, "app.example.net", "apps.example.org", 1))
		}},
		"the host of the login page": {saved: true, status: 404, try: func(t *testing.T, b *traveller, address string) page {
			return b.open(t, strings.Replace(address, "app.example.net", "login.example.com", 1))
		}},
		"twice": {try: func(t *testing.T, b *traveller, address string) page {
			b.open(t, address).isAt(t, wanted, "admin")
			return b.open(t, address)
		}},
		"by HEAD": {saved: true, status: 405, try: func(t *testing.T, b *traveller, address string) page { return b.ask(t, "HEAD", address, nil) }},
		"by POST": {saved: true, status: 405, try: func(t *testing.T, b *traveller, address string) page { return b.ask(t, "POST", address, url.Values{}) }},
		"after a logout": {try: func(t *testing.T, b *traveller, address string) page {
			b.ask(t, "POST", publicURL+"/auth/signout", url.Values{})
			return b.open(t, address)
		}},
		"cut": {saved: true, try: func(t *testing.T, b *traveller, address string) page { return b.open(t, address[:len(address)-1]) }},
		"a cookie as the code": {saved: true, try: func(t *testing.T, b *traveller, _ string) page {
			return b.open(t, "https://app.example.net/auth/handover?code="+strings.TrimPrefix(b.cookiesAt(t, publicURL), "__Host-authly="))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := travel(t, replicas...)
			var address string
			login := b.open(t, wanted)
			address = b.stopAt(t, "handover?code=", func() { b.signsIn(t, login, "admin", adminPassword) })
			p := c.try(t, b, address)
			if c.status == 0 {
				c.status = http.StatusBadRequest
			}
			if p.status != c.status || p.header.Get("Set-Cookie") != "" || p.header.Get("Cache-Control") != "no-store" ||
				c.status != http.StatusNotFound && p.header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%d with %v at %s, want %d", p.status, p.header, p.address, c.status)
			}
			if name == "another browser" && other.cookiesAt(t, "https://other.example.net/") != "" {
				t.Error("it has somebody's session")
			}
			p = b.open(t, address)
			if c.saved {
				p.isAt(t, wanted, "admin")
			} else if p.status != http.StatusBadRequest {
				t.Errorf("afterwards: %d at %s", p.status, p.address)
			}
		})
	}
}

// Nobody is led anywhere by the hand-over but to what is served, nobody goes on without a page being asked for, and the answers on the way
// are kept by nobody.
func TestSecurityHandoverLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	a := start(t, sqliteURL(t), handedRoutes)
	b := travel(t, a)
	at := func(host string) []string {
		return []string{"Host", host, "X-Forwarded-Proto", "https", "Sec-Fetch-Mode", "navigate"}
	}
	for _, trick := range []string{
		"", "https://evil.test/", "//evil.test", "/\\evil.test", "https://app.example.net@evil.test/", "https://app.example.net.evil.test/",
		"https://apps.example.org/x", "https://login.example.com/x", "https://other.example.net/", "http://app.example.net/x", "javascript:alert(1)",
		"https://app.example.net:81/", "https:app.example.net/x", "/x", "https://app.example.net/..//evil.test",
	} {
		answer := a.do(t, "GET", "/auth/handover?return="+url.QueryEscape(trick), "", "", at("app.example.net")...)
		to, err := url.Parse(answer.header.Get("Location"))
		if err != nil || answer.status != 303 || to.Host != "login.example.com" || to.Query().Get("return") != "https://app.example.net/" {
			t.Errorf("%q: %d to %v", trick, answer.status, to)
		}
	}
	answer := a.do(t, "GET", "/auth/handover?return="+url.QueryEscape("https://app.example.net/a?b=c#d"), "", "", at("app.example.net")...)
	if to, err := url.Parse(answer.header.Get("Location")); err != nil || to.Query().Get("return") != "https://app.example.net/a?b=c#d" ||
		answer.header.Get("Cache-Control") != "no-store" || answer.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%d %v", answer.status, answer.header)
	}
	if again := a.do(t, "GET", "/auth/handover", "", "", append(at("app.example.net"), "Cookie", strings.Split(answer.header.Get("Set-Cookie"), ";")[0])...); strings.Split(
		again.header.Get("Set-Cookie"), ";")[0] != strings.Split(answer.header.Get("Set-Cookie"), ";")[0] {
		t.Errorf("two pages that are opened at once have two states: %v", again.header)
	}
	twice := "__Secure-authly=" + strings.Repeat("A", 43)
	if p := a.do(t, "GET", "/auth/handover", "", "", append(at("app.example.net"), "Cookie", twice+"; "+twice)...); p.status != 400 ||
		p.header.Get("Location") != "" || !strings.Contains(p.body, "delete the cookies") {
		t.Errorf("with a second cookie it is led round: %d %v", p.status, p.header)
	}
	for request, want := range map[string]string{ // every page is at the one address, and its form is sent there
		"GET /auth/login?return=%2F&x": publicURL + "/auth/login?return=%2F&x", "POST /auth/login": publicURL + "/auth/login",
		"GET /auth/account": publicURL + "/auth/account", "POST /auth/signout": publicURL + "/auth/signout",
	} {
		method, path, _ := strings.Cut(request, " ")
		if p := a.do(t, method, path, "", "", at("app.example.net")...); p.status != 303 || p.header.Get("Location") != want || p.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", request, p.status, p.header)
		}
	}
	german := a.must(t, 400, "GET", "/auth/handover?code=x", "", "", append(at("app.example.net"), "Accept-Language", "de")...)
	if !strings.Contains(german.body, "Dieser Weg wurde schon benutzt") || strings.Contains(german.body, "<script>") || german.header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("%v %s", german.header, german.body)
	}
	for _, asset := range regexp.MustCompile(`(?:href|src)="(/auth/assets/[^"]+)"`).FindAllStringSubmatch(german.body, -1) {
		a.must(t, 200, "GET", asset[1], "", "", at("app.example.net")...)
	}
	a.must(t, 404, "GET", "/auth/handover?code=x", "", "", at("login.example.com")...)
	a.must(t, 404, "GET", "/auth/handover?code=x", "", "", at("app.notexample.net")...)

	b.signsIn(t, b.open(t, "https://app.example.net/x"), "admin", adminPassword).isAt(t, "https://app.example.net/x", "admin")
	cookie := b.cookiesAt(t, publicURL)
	state := strings.Repeat("0a", 32)
	for name, c := range map[string]struct {
		query string
		lines []string
		to    string // begins the address that it is sent to; empty: it sees a page
	}{
		"somebody who opens it":        {"return=https://app.example.net/x&state=" + state, []string{"Sec-Fetch-Mode", "navigate"}, "https://app.example.net/auth/handover?code="},
		"a prefetch":                   {"return=https://app.example.net/x&state=" + state, []string{"Sec-Fetch-Mode", "navigate", "Sec-Purpose", "prefetch"}, ""},
		"a script":                     {"return=https://app.example.net/x&state=" + state, []string{"Sec-Fetch-Mode", "cors"}, ""},
		"without a state":              {"return=https://app.example.net/x", []string{"Sec-Fetch-Mode", "navigate"}, ""},
		"with two states":              {"return=https://app.example.net/x&state=" + state + "&state=" + state, []string{"Sec-Fetch-Mode", "navigate"}, ""},
		"with something else for one":  {"return=https://app.example.net/x&state=" + strings.ToUpper(state), []string{"Sec-Fetch-Mode", "navigate"}, ""},
		"to where nothing is served":   {"return=https://evil.test/&state=" + state, []string{"Sec-Fetch-Mode", "navigate"}, ""},
		"to a host of the login page":  {"return=https://login.example.com/x&state=" + state, []string{"Sec-Fetch-Mode", "navigate"}, ""},
		"in the clear":                 {"return=http://app.example.net/x&state=" + state, []string{"Sec-Fetch-Mode", "navigate"}, ""},
		"to a host that looks like it": {"return=https://app.notexample.net/x&state=" + state, []string{"Sec-Fetch-Mode", "navigate"}, ""},
	} {
		answer := a.do(t, "GET", "/auth/login?"+c.query, "", "", append([]string{"Host", "login.example.com", "Cookie", cookie, "X-Forwarded-Proto", "https"}, c.lines...)...)
		to := answer.header.Get("Location")
		if c.to == "" && (answer.status != 200 || to != "") || c.to != "" && (answer.status != 303 || !strings.HasPrefix(to, c.to)) {
			t.Errorf("%s: %d to %q", name, answer.status, to)
		}
	}
}
