// Package examples_test runs the configurations in these folders: the real nginx, Caddy and HAProxy with exactly those files
// (only addresses are replaced), an application that records what reaches it byte for byte, and the real authly.
//
// Traefik and Envoy are stood in for by small proxies that read their example files and behave as their documentation says;
// AUTHLY_TEST_TRAEFIK names a binary of the real Traefik, which then runs in the same tables. Authly's own gateway is one
// more way to the same application, and the yardstick: every front proxy must come to its decisions.
package examples_test

import (
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
)

// front is one way to the application.
type front struct {
	name    string
	address string // where clients connect
	authly  *authly
	app     *application
	tokens  map[string]string // by username, from logging in through this front

	requests atomic.Int64 // sent so far; numbers them, so that each is found again at the application
}

// starter begins a way to the application and returns where clients connect, and the authly that is asked.
type starter struct {
	name  string
	start func(t *testing.T, from *seed, app *application) (address string, a *authly)
}

func TestFrontProxies(t *testing.T) {
	seed := newSeed(t)
	app := startApplication(t)
	starts := []starter{
		{"gateway", startGateway},
		{"nginx", startNginx},
		{"caddy", startCaddy},
		{"haproxy", startHAProxy},
		{"traefik-contract", startTraefikContract},
		{"envoy-contract", startEnvoyContract},
	}
	if binary, ok := os.LookupEnv("AUTHLY_TEST_TRAEFIK"); ok {
		starts = append(starts, starter{"traefik", traefikStarter(binary)})
	}
	var fronts []*front
	for _, s := range starts {
		address, a := s.start(t, seed, app)
		f := &front{name: s.name, address: address, authly: a, app: app}
		f.logIn(t)
		fronts = append(fronts, f)
	}
	for _, f := range fronts {
		t.Run(f.name, func(t *testing.T) {
			t.Run("decisions", f.testDecisions)
			t.Run("browser", f.testBrowser)
			t.Run("bodies", f.testBodies)
			t.Run("names", f.testNames)
			t.Run("assertions", f.testAssertions)
			t.Run("websocket", f.testWebSocket)
			t.Run("spoofed identity", f.testSpoofedIdentity)
			t.Run("trailers", f.testTrailers)
			t.Run("spoofed request", f.testSpoofedRequest)
			t.Run("paths", f.testPaths)
			t.Run("login host", f.testLoginHost)
			t.Run("pages", f.testPages)
			if slices.Contains([]string{"nginx", "caddy", "haproxy"}, f.name) {
				t.Run("person", f.testPerson)
			}
		})
	}
	t.Run("the same decisions everywhere", func(t *testing.T) { testSameDecisions(t, fronts) })
	t.Run("pages in a browser", func(t *testing.T) { testPages(t, seed) })
	t.Run("HTTP/2", func(t *testing.T) { testHTTP2(t, fronts) })
	t.Run("other domains", func(t *testing.T) { testHandover(t, seed, app) })
	t.Run("nothing to warn of", seed.testWarnings)
	t.Run("only questions", fronts[1].testQuestionsListener)
	// Last, since they end Authly. They wait for timeouts, and so do it together.
	t.Run("Authly hangs", func(t *testing.T) {
		for _, f := range fronts {
			t.Run(f.name, f.testAuthlyHangs)
		}
	})
	t.Run("Authly is down", func(t *testing.T) {
		for _, f := range fronts {
			t.Run(f.name, f.testAuthlyDown)
		}
	})
}

// rewritten copies an example file into folder, with addresses replaced. Each of them must be there: a file that was changed
// would otherwise be tested with an address that it no longer has.
func rewritten(t *testing.T, source, folder string, replacements ...string) string {
	t.Helper()
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	changed := replaceAll(t, source, string(text), replacements...)
	path := filepath.Join(folder, filepath.Base(source))
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
