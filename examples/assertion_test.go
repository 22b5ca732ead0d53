package examples_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// verifyingApps are the applications of examples/assertion, by language: how each is run.
func verifyingApps(t *testing.T) map[string]func() *exec.Cmd {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "app")
	if out, err := exec.Command("go", "build", "-o", binary, "./assertion/go").CombinedOutput(); err != nil {
		t.Fatalf("go build ./assertion/go: %v\n%s", err, out)
	}
	return map[string]func() *exec.Cmd{
		"go": func() *exec.Cmd { return exec.Command(binary) },
		// Debian's own, which has Debian's libraries.
		"python": func() *exec.Cmd { return exec.Command("/usr/bin/python3", "assertion/python/app.py") },
		"node": func() *exec.Cmd {
			cmd := exec.Command(program(t, "node"), "assertion/node/app.js")
			cmd.Env = environment("NODE_PATH=/usr/share/nodejs")
			return cmd
		},
	}
}

// verifyingApp is a running one.
type verifyingApp struct{ address string }

func startVerifyingApp(t *testing.T, cmd *exec.Cmd, address, keys string) verifyingApp {
	t.Helper()
	if cmd.Env == nil {
		cmd.Env = environment()
	}
	cmd.Env = append(cmd.Env, "ADDRESS="+address, "KEYS="+keys)
	startProcess(t, cmd).waitHTTP(t, address)
	return verifyingApp{address}
}

// ask sends a request beside Authly, as somebody would who has found a way to the application.
func (a verifyingApp) ask(t *testing.T, method string, lines ...string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+a.address+"/hello", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (a verifyingApp) wantGreeting(t *testing.T, what, name string, lines ...string) {
	t.Helper()
	if status, body := a.ask(t, "GET", lines...); status != http.StatusOK || !strings.HasPrefix(body, "hello "+name+",") {
		t.Errorf("%s: %d %s, want a greeting of %s", what, status, body, name)
	}
}

func (a verifyingApp) wantRefusal(t *testing.T, what, method string, lines ...string) {
	t.Helper()
	if status, body := a.ask(t, method, lines...); status != http.StatusUnauthorized || strings.Contains(body, "hello") {
		t.Errorf("%s: %d %s, want 401", what, status, body)
	}
}

func asserted(text string) string { return "X-Authly-Assertion: " + text }

// TestAssertionExamples runs the applications of examples/assertion behind the real authly, with exactly its file there, and
// then beside it.
func TestAssertionExamples(t *testing.T) {
	seed, recorder := newSeed(t), startApplication(t)
	behind := func(t *testing.T, app string) *front {
		a := seed.startExample(t, rewritten(t, "assertion/authly.yaml", t.TempDir(), exampleApp, app))
		return &front{name: "gateway", address: a.main, authly: a, app: recorder}
	}
	recorded := behind(t, recorder.address)
	recorded.logIn(t)
	genuine := recorded.assertion(t, "localhost")
	elsewhere := recorded.assertion(t, "elsewhere.localhost")
	forger := newForger(t, recorded)
	for language, run := range verifyingApps(t) {
		t.Run(language, func(t *testing.T) {
			address := freeAddresses(t, 2)
			f := behind(t, address[0])
			app := startVerifyingApp(t, run(), address[0], "http://"+f.address+"/.well-known/jwks.json")
			f.logIn(t)
			testBehindAuthly(t, f)
			testBesideAuthly(t, app, recorded.tokens["alice"], genuine, elsewhere)
			testForged(t, startVerifyingApp(t, run(), address[1], forger.url), forger)
		})
	}
}

// assertion is what the application is told of alice, by the header.
func (f *front) assertion(t *testing.T, host string) string {
	t.Helper()
	a := f.send(t, request{target: "/hello", host: host, user: "alice"})
	if a.status != http.StatusOK || len(a.seen) != 1 || a.seen[0].get("X-Authly-Assertion") == "" {
		t.Fatalf("no assertion: %d, and the application saw %d requests", a.status, len(a.seen))
	}
	return a.seen[0].get("X-Authly-Assertion")
}

// Through Authly everybody is known by name, whatever they send.
func testBehindAuthly(t *testing.T, f *front) {
	for _, method := range []string{"GET", "POST"} {
		for _, name := range []string{"alice", "zoë"} {
			for _, lines := range [][]string{nil, {"X-Authly-Assertion: forged", "X_Authly_Assertion: forged", "X-Forwarded-User: root"}} {
				a := f.send(t, request{method: method, target: "/hello", host: "localhost", user: name, headers: append([]string{"Content-Length: 0"}, lines...)})
				if a.status != http.StatusOK || !strings.HasPrefix(a.body, "hello "+name+",") {
					t.Errorf("%s as %s: %d %s", method, name, a.status, a.body)
				}
			}
		}
	}
	for _, lines := range [][]string{nil, {"X-Authly-Assertion: forged"}} {
		if a := f.send(t, request{target: "/hello", host: "localhost", headers: lines}); a.status != http.StatusUnauthorized {
			t.Errorf("anonymous: %d %s", a.status, a.body)
		}
	}
}

// Beside Authly nobody is known but by what it has signed, for this request.
func testBesideAuthly(t *testing.T, app verifyingApp, access, genuine, elsewhere string) {
	app.wantGreeting(t, "the genuine assertion", "alice", asserted(genuine))
	app.wantRefusal(t, "none", "GET")
	app.wantRefusal(t, "an empty one", "GET", asserted(""))
	app.wantRefusal(t, "other headers in its place", "GET", "X-Forwarded-User: alice", "Remote-User: alice", "Authorization: Bearer "+access)
	app.wantRefusal(t, "the bearer of the assertion", "GET", "Authorization: Bearer "+genuine)
	app.wantRefusal(t, "two of them", "GET", asserted(genuine), asserted(genuine))
	app.wantRefusal(t, "an access token in its place", "GET", asserted(access))
	app.wantRefusal(t, "about another method", "POST", asserted(genuine))
	app.wantRefusal(t, "about another host", "GET", asserted(elsewhere))
	parts := strings.Split(genuine, ".")
	for i, part := range []string{"header", "claims", "signature"} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		altered := strings.Split(genuine, ".")
		raw[len(raw)/2] ^= 1
		altered[i] = base64.RawURLEncoding.EncodeToString(raw)
		app.wantRefusal(t, "altered in the "+part, "GET", asserted(strings.Join(altered, ".")))
		altered[i] = ""
		app.wantRefusal(t, "without the "+part, "GET", asserted(strings.Join(altered, ".")))
	}
	swapped := strings.Replace(string(mustDecode(t, parts[1])), `"alice"`, `"root"`, 1)
	app.wantRefusal(t, "about somebody else", "GET", asserted(parts[0]+"."+base64.RawURLEncoding.EncodeToString([]byte(swapped))+"."+parts[2]))
}

func mustDecode(t *testing.T, part string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// forger has keys of its own in the set that it publishes with Authly's: what it signs is refused for what it says alone.
type forger struct {
	url     string // of the set
	private ed25519.PrivateKey
	rsa     *rsa.PrivateKey
}

func newForger(t *testing.T, from *front) *forger {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set := from.publishedKeys(t)
	set.Keys = append(set.Keys,
		jose.JSONWebKey{Key: public, KeyID: "forger", Algorithm: "EdDSA", Use: "sig"},
		jose.JSONWebKey{Key: rsaKey.Public(), KeyID: "forger-rsa", Algorithm: "RS256", Use: "sig"})
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = io.Copy(w, bytes.NewReader(text))
	}))
	t.Cleanup(server.Close)
	return &forger{url: server.URL, private: private, rsa: rsaKey}
}

// sign makes an assertion like a genuine one, with changes; nil takes a member away.
func (f *forger) sign(t *testing.T, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	t.Helper()
	now := time.Now().Unix()
	said := jwt.MapClaims{
		"iss": "http://localhost:8080", "aud": "wiki", "sub": "6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a10", "iat": now, "exp": now + 60,
		"jti": "0123", "sid": "6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a11", "username": "alice", "email": "", "roles": []string{},
		"method": "GET", "host": "localhost",
	}
	token := jwt.NewWithClaims(method, said)
	maps.Copy(token.Header, map[string]any{"kid": "forger", "typ": "authly-assertion+jwt"})
	maps.Copy(token.Header, header)
	maps.Copy(said, claims)
	isNil := func(_ string, v any) bool { return v == nil }
	maps.DeleteFunc(token.Header, isNil)
	maps.DeleteFunc(said, isNil)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func testForged(t *testing.T, app verifyingApp, f *forger) {
	signed := func(header, claims map[string]any) string {
		return f.sign(t, jwt.SigningMethodEdDSA, f.private, header, claims)
	}
	type m = map[string]any
	app.wantGreeting(t, "an assertion without a fault", "alice", asserted(signed(nil, nil)))
	now := time.Now().Unix()
	for what, claims := range map[string]m{
		"expired": {"iat": now - 120, "exp": now - 60}, "without an end": {"exp": nil}, "of the future": {"iat": now + 3600, "exp": now + 3660},
		"for another application": {"aud": "shop"}, "for other applications": {"aud": []string{"shop", "wikis"}}, "for nobody": {"aud": nil},
		"for tokens": {"aud": "authly"}, "by another issuer": {"iss": "http://localhost:8080/"}, "by nobody": {"iss": nil},
		"about another method": {"method": "POST"}, "about no method": {"method": nil}, "about another host": {"host": "shop.localhost"},
		"about no host": {"host": nil},
	} {
		app.wantRefusal(t, what, "GET", asserted(signed(nil, claims)))
	}
	for what, header := range map[string]m{
		"CVE-2024-47616 an access token by its typ": {"typ": "at+jwt"}, "typ JWT": {"typ": "JWT"}, "no typ": {"typ": nil},
		"a key that is not published": {"kid": "nobody"}, "another key than it says": {"kid": "forger-rsa"},
	} {
		app.wantRefusal(t, what, "GET", asserted(signed(header, nil)))
	}
	public := f.private.Public().(ed25519.PublicKey)
	for what, text := range map[string]string{
		"CVE-2015-9235 the public key as a secret": f.sign(t, jwt.SigningMethodHS256, []byte(public), nil, nil),
		"not signed":                          f.sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, nil),
		"signed by a method that is not ours": f.sign(t, jwt.SigningMethodRS256, f.rsa, m{"kid": "forger-rsa"}, nil),
		"nothing":                             "..", "no token": fmt.Sprint(now),
	} {
		app.wantRefusal(t, what, "GET", asserted(text))
	}
	app.wantGreeting(t, "an assertion without a fault, after all that", "alice", asserted(signed(nil, nil)))
}
