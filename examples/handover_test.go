package examples_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testHandover has a person sign in once for applications on another root domain, behind the real nginx, Caddy and HAProxy, and Traefik
// where there is one, with TLS: the examples' own files, and in them the one thing that cookies.domains asks of a front proxy.
func testHandover(t *testing.T, seed *seed, app *application) {
	starts := map[string]func(*testing.T, *authly, *application, string) *process{
		"nginx": startNginxTLS, "caddy": startCaddyTLS, "haproxy": startHAProxyTLS,
	}
	if os.Getenv("AUTHLY_TEST_TRAEFIK") != "" {
		starts["traefik"] = startTraefikTLS
	}
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			address := freeAddresses(t, 1)[0]
			port := portOf(t, address)
			a := seed.startExample(t, handedOver(t, name, port))
			start(t, a, app, address).waitTLS(t, address)
			p := newPerson(t, app, address)
			app, wiki, login := "https://app.example.net:"+port, "https://wiki.example.net:"+port, "https://login.example.com:"+port

			if at, status := p.open(t, app+"/hello?x=1&y=%2f"); status != 200 || !strings.HasPrefix(at, login+"/auth/login?") || p.asked(t) != "" {
				t.Fatalf("%d at %s by %q", status, at, p.trail)
			}
			signIn := p.trail[len(p.trail)-1]
			if at, status := p.send(t, signIn, url.Values{"username": {"alice"}, "password": {password}}); status != 200 || at != app+"/hello?x=1&y=%2f" {
				t.Fatalf("%d at %s by %q", status, at, p.trail)
			}
			if as := p.asked(t); as != "alice" {
				t.Errorf("the application saw %q", as)
			}
			code := p.trail[1]
			if at, status := p.open(t, wiki+"/"); status != 200 || at != wiki+"/" || len(p.trail) != 1 || p.asked(t) != "alice" {
				t.Errorf("on another host of the domain: %d at %s", status, at)
			}
			for what, other := range map[string]*person{"once more": p, "in another browser": newPerson(t, p.app, address)} {
				if at, status := other.open(t, code); status != 400 || at != code || other.asked(t) != "" {
					t.Errorf("the code %s: %d at %s", what, status, at)
				}
			}
			p.send(t, login+"/auth/signout", url.Values{})
			for _, address := range []string{app + "/hello", wiki + "/"} {
				if at, status := p.open(t, address); status != 200 || !strings.HasPrefix(at, login+"/auth/login?") || p.asked(t) != "" {
					t.Errorf("signed out, %s: %d at %s", address, status, at)
				}
			}
			if log := a.process.output.String(); strings.Contains(log, "code=") || strings.Contains(log, "must send this path") {
				t.Errorf("the log says\n%s", log)
			}
		})
	}
}

// handedOver is Authly's configuration of an example, for two root domains.
func handedOver(t *testing.T, example, port string) string {
	t.Helper()
	file := filepath.Join(example, "authly.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	public := regexp.MustCompile(`public_url: "[^"]*"`).FindString(string(text))
	changed := replaceAll(t, file, string(text), public, `public_url: "https://login.example.com:`+port+`"`,
		"# cookies: {domain: example.com}", "cookies: {domains: [example.net]}")
	path := filepath.Join(t.TempDir(), "authly.yaml")
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
