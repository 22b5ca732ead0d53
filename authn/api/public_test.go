package api_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/net/html"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
)

// Anybody can check an access token with the published keys; what would sign one is not among them.
func TestKeySet(t *testing.T) {
	members := map[string][]string{"EdDSA": {"crv", "x"}, "ES256": {"crv", "x", "y"}, "RS256": {"e", "n"}, "PS256": {"e", "n"}}
	for algorithm, parameters := range members {
		t.Run(algorithm, func(t *testing.T) {
			s := start(t, sqliteURL(t), options{algorithm: algorithm})
			s.add(t, "alice")
			a := s.call(t, "GET", "/.well-known/jwks.json", "", "").want(200)
			var set struct {
				Keys []map[string]string `json:"keys"`
			}
			a.into(&set)
			if len(set.Keys) != 1 || set.Keys[0]["alg"] != algorithm || set.Keys[0]["use"] != "sig" {
				t.Fatalf("the key set is %s", a.body)
			}
			for _, name := range parameters {
				if set.Keys[0][name] == "" {
					t.Errorf("%s is missing in %s", name, a.body)
				}
			}
			if want := 4 + len(parameters); len(set.Keys[0]) != want { // kty, use, alg, kid
				t.Errorf("the key has %d members, want %d: %s", len(set.Keys[0]), want, a.body)
			}
			token, _, err := jwt.NewParser().ParseUnverified(s.login(t, "alice").Access, jwt.MapClaims{})
			if err != nil || token.Header["kid"] != set.Keys[0]["kid"] {
				t.Errorf("the token is signed by %v, published is %s (%v)", token.Header["kid"], set.Keys[0]["kid"], err)
			}
			if got := a.header.Get("Cache-Control"); got != "public, max-age=300" {
				t.Errorf("Cache-Control %q", got)
			}
		})
	}
	t.Run("a key that signs later", func(t *testing.T) {
		s := start(t, sqliteURL(t), options{algorithm: "ES256"})
		managed, err := authn.NewManagedKeys(authn.KeyRingConfig{Store: s.store, Algorithm: "ES256", Now: s.clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		next, err := managed.Rotate(t.Context(), authn.Operator(), authn.SignAccess, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.config.Keys.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		a := s.call(t, "GET", "/.well-known/jwks.json", "", "").want(200)
		if strings.Count(string(a.body), `"kid"`) != 2 || !strings.Contains(string(a.body), next.ID) {
			t.Errorf("the next key is not published: %s", a.body)
		}
		seconds, err := strconv.Atoi(strings.TrimPrefix(a.header.Get("Cache-Control"), "public, max-age="))
		if err != nil || s.clock.Now().Add(time.Duration(seconds)*time.Second).After(next.ActiveFrom.Add(-time.Minute)) {
			t.Errorf("kept for %d seconds (%v), the key signs from %v", seconds, err, next.ActiveFrom)
		}
	})
	t.Run("HS256", func(t *testing.T) {
		s := start(t, sqliteURL(t), options{algorithm: "HS256"})
		a := s.call(t, "GET", "/.well-known/jwks.json", "", "").want(200)
		if string(a.body) != `{"keys":[]}` {
			t.Errorf("a shared secret publishes %s", a.body)
		}
	})
}

// The page shows every endpoint, and lives under the policy default-src 'self': no script, no style of its own, nothing
// from elsewhere.
func TestDocsPage(t *testing.T) {
	s := start(t, sqliteURL(t), options{prefix: "/api/v1", publicURL: "https://login.example.com"})
	a := s.call(t, "GET", "/docs/", "", "").want(200)
	if again := s.call(t, "GET", "/docs", "", "").want(200); string(again.body) != string(a.body) {
		t.Error("/docs and /docs/ differ")
	}
	page := string(a.body)
	for _, rt := range api.RouteNames(s.api) {
		shown := regexp.MustCompile(`>` + rt.Method + `</span> <code>` + regexp.QuoteMeta(rt.Pattern) + `</code>`)
		if !shown.MatchString(page) {
			t.Errorf("%s %s is not on the page", rt.Method, rt.Pattern)
		}
	}
	for _, want := range []string{"https://login.example.com/api/v1", "1.2.3", "Incorrect username or password", "current_password", "a client's secret", "an access token"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	ids, links := map[string]bool{}, []string{}
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "style", "iframe", "object", "embed", "img", "base", "form":
			t.Errorf("the page has a %s element", n.Data)
		}
		for _, attr := range n.Attr {
			switch {
			case attr.Key == "style" || strings.HasPrefix(attr.Key, "on") || attr.Key == "src":
				t.Errorf("%s has the attribute %s", n.Data, attr.Key)
			case attr.Key == "id" && ids[attr.Val]:
				t.Errorf("id %s is there twice", attr.Val)
			case attr.Key == "id":
				ids[attr.Val] = true
			case attr.Key == "href":
				links = append(links, attr.Val)
			}
		}
	}
	for _, link := range links {
		if inside, ok := strings.CutPrefix(link, "#"); ok {
			if !ids[inside] {
				t.Errorf("%s leads nowhere", link)
			}
			continue
		}
		path, ok := strings.CutPrefix(link, "/api/v1/")
		if !ok {
			t.Errorf("%s leads elsewhere", link)
			continue
		}
		s.call(t, "GET", "/"+path, "", "").want(200)
	}
	if len(links) < 20 {
		t.Errorf("the page has only %d links", len(links))
	}
	css := string(s.call(t, "GET", "/docs/style.css", "", "").body)
	if strings.Contains(css, "url(") || strings.Contains(css, "@import") || !strings.Contains(css, "prefers-color-scheme") {
		t.Error("the stylesheet loads something, or knows no dark mode")
	}
}
