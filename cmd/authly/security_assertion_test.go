package main_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/bcrypt"

	"github.com/descoped/authly/authn"
)

const assertionHeader = "X-Authly-Assertion"

// assertion is what an application is told in the header, as it stands there; "" is nothing. Whatever an application could
// take for the header counts, and more than one is a failure.
func (r result) assertion(t *testing.T, e entrance) string {
	t.Helper()
	var values []string
	if e.proxies {
		for _, line := range r.seen[0].lines(assertionHeader) {
			_, value, _ := strings.Cut(line, ":")
			values = append(values, strings.TrimSpace(value))
		}
	} else {
		values = r.header[assertionHeader]
		if len(values) == 0 {
			t.Errorf("%s: the answer has no %s, so that a front proxy would leave the client's", e.name, assertionHeader)
		}
	}
	if len(values) > 1 {
		t.Errorf("%s: %d assertions", e.name, len(values))
	}
	return strings.Join(values, "")
}

// verifyAssertion checks an assertion as an application does: by the published keys.
func (g *guarded) verifyAssertion(t *testing.T, text, audience string) jwt.MapClaims {
	t.Helper()
	var set jose.JSONWebKeySet
	published := g.must(t, http.StatusOK, "GET", "/.well-known/jwks.json", "", "").body
	if err := json.Unmarshal([]byte(published), &set); err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	token, err := jwt.ParseWithClaims(text, claims, func(token *jwt.Token) (any, error) {
		kid, _ := token.Header["kid"].(string)
		for _, key := range set.Key(kid) {
			return key.Key, nil
		}
		return nil, jwt.ErrTokenUnverifiable
	}, jwt.WithAudience(audience), jwt.WithIssuer(publicURL), jwt.WithExpirationRequired(), jwt.WithValidMethods([]string{"EdDSA"}))
	if err != nil || token.Header["typ"] != "authly-assertion+jwt" {
		t.Fatalf("%v in the assertion %q", err, text)
	}
	return claims
}

func wantClaims(t *testing.T, claims jwt.MapClaims, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if claims[name] != value {
			t.Errorf("the claim %s is %v, want %v", name, claims[name], value)
		}
	}
}

// What an application is told is signed, true, for it alone and about this request, at every entrance. What a client sends
// by the name of the header never arrives.
func TestSecurityAssertions(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		var forged []string
		for _, spelling := range likenesses(assertionHeader) {
			forged = append(forged, spelling+": forged")
		}
		for _, e := range entrances() {
			for _, lines := range [][]string{nil, forged} {
				as := slices.Concat([]string{bearerLine(g.alice.Access)}, lines)
				told := g.passed(t, e, attempt{target: "/told/x", method: "DELETE", lines: as}).assertion(t, e)
				claims := g.verifyAssertion(t, told, "told")
				wantClaims(t, claims, map[string]any{
					"sub": g.id["alice"], "username": "alice", "email": "alice@example.com", "method": "DELETE", "host": "app.example.com",
					"sid": segmentOf(t, strings.Split(g.alice.Access, ".")[1])["sid"],
				})
				if life := claims["exp"].(float64) - claims["iat"].(float64); life != 60 {
					t.Errorf("it lives %v s", life)
				}
				told = g.passed(t, e, attempt{target: "/told-all/x", host: "WIKI.example.com", lines: as}).assertion(t, e)
				wantClaims(t, g.verifyAssertion(t, told, "urn:example:wiki"), map[string]any{"host": "wiki.example.com", "method": "GET"})
				for target, as := range map[string][]string{
					"/closed/x": as, "/public/x": lines, "/told-all/x": lines, "/told-all/y": slices.Concat([]string{bearerLine("x.y.z")}, lines),
				} {
					if told := g.passed(t, e, attempt{target: target, lines: as}).assertion(t, e); told != "" {
						t.Errorf("%s %s: the application is told %q", e.name, target, told)
					}
				}
				g.refused(t, e, attempt{target: "/told/x", lines: lines}, http.StatusUnauthorized)
			}
		}
	})
}

// CVE-2024-47616: what an application was told is of no use to it at any door of Authly; nor is a token in place of it.
func TestSecurityAssertionsAreNoTokens(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("a client's secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for name, environ := range map[string][]string{"secrets": nil, "managed keys": {"JWT_ALGORITHM=EdDSA"}} {
		t.Run(name, func(t *testing.T) {
			g := guardPeople(t, sqliteURL(t), `clients: [{id: billing, secret_hash: "`+string(hash)+`"}]`, environ...)
			e := gateways()[0]
			told := g.passed(t, e, attempt{target: "/told/x", lines: []string{bearerLine(g.alice.Access)}}).assertion(t, e)
			for _, e := range everywhere() {
				g.refused(t, e, attempt{lines: []string{bearerLine(told)}}, http.StatusUnauthorized)
				g.refused(t, e, attempt{target: "/told/x", lines: []string{bearerLine(told)}}, http.StatusUnauthorized)
			}
			for _, e := range entrances() {
				r := g.passed(t, e, attempt{target: "/told-all/x", lines: []string{bearerLine(told)}})
				g.wantIdentity(t, e, r, "", "")
			}
			g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, told))
			form := func(token string) []string {
				return []string{
					url.Values{"token": {token}}.Encode(), "Content-Type", "application/x-www-form-urlencoded",
					"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("billing:a client's secret")),
				}
			}
			asked := form(told)
			if answer := g.must(t, http.StatusOK, "POST", "/auth/introspect", "", asked[0], asked[1:]...); answer.body != `{"active":false}` {
				t.Errorf("introspection says %s", answer.body)
			}
			g.must(t, http.StatusOK, "POST", "/auth/revoke", "", asked[0], asked[1:]...)
			if !g.alive(t, g.alice.Access) {
				t.Error("the revocation of an assertion ended the session")
			}
			asked = form(g.alice.Access)
			if answer := g.must(t, http.StatusOK, "POST", "/auth/introspect", "", asked[0], asked[1:]...); !strings.Contains(answer.body, `"active":true`) {
				t.Errorf("introspection of the access token says %s", answer.body)
			}
			if log := g.stderr.String(); strings.Contains(log, told) || strings.Contains(log, strings.Split(told, ".")[1]) {
				t.Error("an assertion is in the log")
			}
			kid := segmentOf(t, strings.Split(told, ".")[0])["kid"]
			for _, token := range []string{g.alice.Access, g.alice.Refresh} {
				if header := segmentOf(t, strings.Split(token, ".")[0]); header["kid"] == kid || header["typ"] == "authly-assertion+jwt" {
					t.Errorf("an application could take a token with the header %v for an assertion", header)
				}
			}
		})
	}
}

// An assertion is remembered for a while. What it says is never older than the decision, and an ended session has none.
func TestSecurityAssertionsFollow(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		roles := func(e entrance) string {
			told := g.passed(t, e, attempt{target: "/told/x", lines: []string{bearerLine(g.alice.Access)}}).assertion(t, e)
			text, _ := json.Marshal(g.verifyAssertion(t, told, "told")["roles"])
			return string(text)
		}
		for _, e := range entrances() {
			if got := roles(e); got != `["staff","writer"]` {
				t.Errorf("%s: roles %s", e.name, got)
			}
		}
		g.must(t, http.StatusOK, "PUT", "/users/"+g.id["alice"], g.admin.Access, `{"roles":["writer"]}`)
		for _, e := range entrances() {
			if got := roles(e); got != `["writer"]` {
				t.Errorf("CVE-2021-41230 %s: roles %s after one was taken away", e.name, got)
			}
		}
		g.must(t, http.StatusOK, "POST", "/auth/logout", g.alice.Access, `{"scope":"session"}`)
		for _, e := range entrances() {
			g.refused(t, e, attempt{target: "/told/x", lines: []string{bearerLine(g.alice.Access)}}, http.StatusUnauthorized)
			if r := g.try(t, e, attempt{target: "/told-all/x", lines: []string{bearerLine(g.alice.Access)}}); r.assertion(t, e) != "" {
				t.Errorf("%s: an assertion of a session that has ended", e.name)
			}
		}
	})
}

// Claims that are for Authly alone are in the headers at every entrance and in no token; and a token is refused for what it
// carries in their place, also when its signature is good.
func TestSecurityEncryptedClaims(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "", "AUTHLY_TOKENS_ENCRYPTED_CLAIMS=username, email, roles")
		claims := segmentOf(t, strings.Split(g.alice.Access, ".")[1])
		sealed, _ := claims["enc"].(string)
		for _, name := range authn.EncryptableClaims() {
			if claims[name] != nil || sealed == "" {
				t.Errorf("the token says of %s: %v", name, claims[name])
			}
		}
		for _, e := range entrances() {
			r := g.passed(t, e, attempt{target: "/told/x", lines: []string{bearerLine(g.alice.Access)}})
			g.wantIdentity(t, e, r, "alice", "staff,writer")
			wantClaims(t, g.verifyAssertion(t, r.assertion(t, e), "told"), map[string]any{"username": "alice", "email": "alice@example.com"})
			g.refused(t, e, attempt{target: "/admin/x", lines: []string{bearerLine(g.alice.Access)}}, http.StatusForbidden)
			g.passed(t, e, attempt{target: "/admin/x", lines: []string{bearerLine(g.boss.Access)}})
		}
		f := newForge(t, g, false)
		if !g.alive(t, f.make(t, nil, nil)) {
			t.Error("the token that is forged without a fault is refused")
		}
		for name, claim := range hostileClaims(t, sealed) {
			t.Run(name, func(t *testing.T) {
				token := f.make(t, nil, changes{"enc": claim})
				bare, _ := claim.(string)
				for _, e := range everywhere() {
					g.refused(t, e, attempt{lines: []string{bearerLine(token)}}, http.StatusUnauthorized)
					g.refused(t, e, attempt{lines: []string{bearerLine(bare)}}, http.StatusUnauthorized)
				}
			})
		}
	})
}

// hostileClaims are what a token could carry in place of its encrypted claims.
func hostileClaims(t *testing.T, sealed string) map[string]any {
	t.Helper()
	parts := strings.Split(sealed, ".")
	kid, _ := segmentOf(t, parts[0])["kid"].(string)
	header := func(text string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + strings.Join(parts[1:], ".")
	}
	return map[string]any{
		"CVE-2024-28180 zip":                header(`{"alg":"dir","enc":"A256GCM","kid":"` + kid + `","zip":"DEF"}`),
		"CVE-2024-28180 p2c":                header(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","kid":"` + kid + `","p2c":2147483648,"p2s":"AAAA"}`),
		"CVE-2024-28180 p2c beside dir":     header(`{"alg":"dir","enc":"A256GCM","kid":"` + kid + `","p2c":2147483648,"p2s":"AAAA"}`),
		"CVE-2024-28180 size":               strings.Join(parts[:3], ".") + "." + strings.Repeat("A", 30_000) + "." + parts[4],
		"encrypted claims, another kid":     header(`{"alg":"dir","enc":"A256GCM","kid":"0123456789abcdef"}`),
		"encrypted claims, a key of theirs": header(`{"alg":"dir","enc":"A256GCM","jwk":{"k":"AAAA","kty":"oct"}}`),
		"encrypted claims, a bit flipped":   strings.Join(parts[:3], ".") + "." + flipBit(parts[3]) + "." + parts[4],
		"encrypted claims, no tag":          strings.Join(parts[:4], ".") + ".",
		"encrypted claims, four parts":      strings.Join(parts[:4], "."),
		"encrypted claims, a number":        1,
		"encrypted claims, an object":       map[string]any{"protected": parts[0], "iv": parts[2], "ciphertext": parts[3], "tag": parts[4]},
	}
}

// flipBit changes a bit of what is encoded.
func flipBit(part string) string {
	raw, _ := base64.RawURLEncoding.DecodeString(part)
	raw[len(raw)-1] ^= 1
	return base64.RawURLEncoding.EncodeToString(raw)
}
