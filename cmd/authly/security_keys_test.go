package main_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A public key is published for everybody to read. An HMAC made with it, in whatever form somebody may hold it, is no
// signature; and the claims are those of a token that the database knows.
func TestSecurityPublicKeyIsNoSecret(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			g := guardPeople(t, sqliteURL(t), "", "JWT_ALGORITHM="+algorithm)
			real := strings.Split(g.alice.Access, ".")
			header := segmentOf(t, real[0])
			if header["alg"] != algorithm {
				t.Fatalf("the real token is signed by %v", header["alg"])
			}
			for name, key := range publicKeyForms(t, g) {
				t.Run("CVE-2015-9235 "+name, func(t *testing.T) {
					for _, hmac := range []string{"HS256", "HS384", "HS512"} {
						text := encodeSegment(t, changes{"alg": hmac}.apply(header)) + "." + real[1]
						token := text + "." + base64.RawURLEncoding.EncodeToString(macOf(hmac, key, text))
						for _, e := range everywhere() {
							g.refused(t, e, attempt{lines: []string{bearerLine(token)}}, http.StatusUnauthorized)
						}
					}
				})
			}
			for name, token := range ownKeys(t, header, real[1]) {
				t.Run("CVE-2018-0114 "+name, func(t *testing.T) {
					for _, e := range everywhere() {
						g.refused(t, e, attempt{lines: []string{bearerLine(token)}}, http.StatusUnauthorized)
					}
				})
			}
			for _, e := range everywhere() {
				g.passed(t, e, attempt{lines: []string{bearerLine(g.alice.Access)}})
			}
		})
	}
}

// publicKeyForms are the forms in which the server's public key may be at hand.
func publicKeyForms(t *testing.T, g *guarded) map[string][]byte {
	t.Helper()
	published := g.must(t, http.StatusOK, "GET", "/.well-known/jwks.json", "", "").body
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal([]byte(published), &set); err != nil {
		t.Fatal(err)
	}
	kid, _ := segmentOf(t, strings.Split(g.alice.Access, ".")[0])["kid"].(string)
	set.Keys = slices.DeleteFunc(set.Keys, func(key json.RawMessage) bool { return !strings.Contains(string(key), `"`+kid+`"`) })
	if len(set.Keys) != 1 {
		t.Fatalf("not one key %s: %s", kid, published)
	}
	public := publicKeyOf(t, set.Keys[0])
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	forms := map[string][]byte{
		"JWK": set.Keys[0], "JWK set": []byte(published), "DER": der, "PEM": asPEM,
		"PEM without the last line break": asPEM[:len(asPEM)-1],
		"PEM with CR LF":                  []byte(strings.ReplaceAll(string(asPEM), "\n", "\r\n")),
		"base64 of DER":                   []byte(base64.StdEncoding.EncodeToString(der)), "nothing": {},
	}
	switch key := public.(type) {
	case *rsa.PublicKey:
		forms["modulus"] = key.N.Bytes()
		forms["PKCS 1"] = x509.MarshalPKCS1PublicKey(key)
		forms["PKCS 1 in PEM"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: forms["PKCS 1"]})
	case *ecdsa.PublicKey:
		forms["point"], _ = key.Bytes()
		forms["X"] = forms["point"][1:33]
	case ed25519.PublicKey:
		forms["raw"] = key
	}
	return forms
}

func publicKeyOf(t *testing.T, published []byte) crypto.PublicKey {
	t.Helper()
	var key struct{ Kty, N, E, X, Y string }
	if err := json.Unmarshal(published, &key); err != nil {
		t.Fatal(err)
	}
	decode := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	switch key.Kty {
	case "RSA":
		return &rsa.PublicKey{N: new(big.Int).SetBytes(decode(key.N)),
			E: int(new(big.Int).SetBytes(decode(key.E)).Int64())}
	case "EC":
		point := append([]byte{4}, append(decode(key.X), decode(key.Y)...)...)
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			t.Fatal(err)
		}
		return public
	}
	return ed25519.PublicKey(decode(key.X))
}

// ownKeys are tokens that an attacker signs with a key of their own and that bring that key along.
func ownKeys(t *testing.T, header map[string]any, claims string) map[string]string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public),
		"kid": header["kid"]}
	tokens := map[string]string{}
	for name, change := range map[string]changes{
		"own key in jwk":               {"jwk": jwk},
		"own key in jwk, own kid":      {"jwk": jwk, "kid": "own"},
		"own key in jwk, without kid":  {"jwk": jwk, "kid": omitted{}},
		"own key in jku as a data URL": {"jku": "data:application/json,{}"},
		"own key, unsaid":              {},
	} {
		changed := change.apply(header)
		changed["alg"] = "EdDSA"
		text := encodeSegment(t, changed) + "." + claims
		tokens[name] = text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(text)))
	}
	return tokens
}

// ES256 signatures that say something of every text to a careless verifier, or that are written in another form.
func TestSecurityECDSASignatures(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "", "JWT_ALGORITHM=ES256")
	text, signature := splitSignature(t, g.alice.Access)
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	n := elliptic.P256().Params().N
	less := new(big.Int).Sub(n, big.NewInt(1))
	plain := func(r, s *big.Int) []byte {
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	zero := new(big.Int)
	cases := map[string][]byte{
		"CVE-2022-21449 r and s of 0": plain(zero, zero), "CVE-2022-21449 r of 0": plain(zero, s),
		"CVE-2022-21449 s of 0":       plain(r, zero),
		"CVE-2022-21449 r and s of n": plain(n, n), "CVE-2022-21449 r of n": plain(n, s),
		"CVE-2022-21449 s of n":         plain(r, n),
		"CVE-2022-21449 r and s of n-1": plain(less, less), "CVE-2022-21449 r of 1, s of n-1": plain(big.NewInt(1), less),
		"ECDSA in DER": der, "ECDSA with a byte before": append([]byte{0}, signature...),
		"ECDSA with a byte behind": append(plain(r, s), 0),
		"ECDSA cut short":          signature[:63], "ECDSA halves exchanged": plain(s, r), "ECDSA empty": {},
	}
	for name, forged := range cases {
		t.Run(name, func(t *testing.T) {
			token := text + "." + base64.RawURLEncoding.EncodeToString(forged)
			for _, e := range everywhere() {
				g.refused(t, e, attempt{lines: []string{bearerLine(token)}}, http.StatusUnauthorized)
			}
		})
	}
	for _, e := range everywhere() {
		g.passed(t, e, attempt{lines: []string{bearerLine(g.alice.Access)}})
	}

	// s and n-s are both good for one text. Whoever takes tokens back by their text takes back one of two.
	t.Run("malleable signature after logout", func(t *testing.T) {
		twin := text + "." + base64.RawURLEncoding.EncodeToString(plain(r, new(big.Int).Sub(n, s)))
		g.passed(t, gateways()[0], attempt{lines: []string{bearerLine(twin)}})
		g.must(t, http.StatusOK, "POST", "/auth/logout", g.alice.Access, "")
		for _, e := range everywhere() {
			g.refused(t, e, attempt{lines: []string{bearerLine(twin)}}, http.StatusUnauthorized)
		}
	})
}

func splitSignature(t *testing.T, token string) (text string, signature []byte) {
	t.Helper()
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil || len(signature) != 64 {
		t.Fatalf("a signature of %d bytes: %v", len(signature), err)
	}
	return token[:dot], signature
}

// After a logout every spelling of the tokens is dead, and so is every token that another login got.
func TestSecurityTokensAfterLogout(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		other := g.login(t, "alice", passwordOf("alice"))
		spellings := map[string]string{
			"as issued": g.alice.Access, "of another login": other.Access,
			"of the session that was refreshed": g.refreshed(t, g.login(t, "alice", passwordOf("alice")).Refresh).Access,
		}
		maps.Copy(spellings, respelled(g.alice.Access))
		for _, e := range everywhere() {
			g.passed(t, e, attempt{lines: []string{bearerLine(g.alice.Access)}})
		}
		g.must(t, http.StatusOK, "POST", "/auth/logout", g.alice.Access, "")
		for name, token := range spellings {
			t.Run("CVE-2025-53826 access token "+name, func(t *testing.T) {
				for _, e := range everywhere() {
					g.refused(t, e, attempt{lines: []string{bearerLine(token)}}, http.StatusUnauthorized)
				}
			})
		}
		for name, token := range map[string]string{
			"as issued": g.alice.Refresh, "of another login": other.Refresh, "line feed behind": g.alice.Refresh + "\n",
			"padded": g.alice.Refresh + "=", "re-encoded": respelled(g.alice.Refresh)["re-encoded"],
		} {
			t.Run("CVE-2025-53826 refresh token "+name, func(t *testing.T) {
				g.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, token))
			})
		}
		for _, e := range everywhere() { // of others nothing ended
			g.passed(t, e, attempt{lines: []string{bearerLine(g.bare.Access)}})
		}
	})
}

func refreshBody(t *testing.T, token string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"grant_type": "refresh_token", "refresh_token": token})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// refreshed spends a refresh token and returns the pair that follows it.
func (a *authly) refreshed(t *testing.T, token string) tokens {
	t.Helper()
	answer := a.must(t, http.StatusOK, "POST", "/auth/refresh", "", refreshBody(t, token))
	var pair tokens
	if err := json.Unmarshal([]byte(answer.body), &pair); err != nil {
		t.Fatal(err)
	}
	return pair
}

// One bit flipped, at every endpoint that takes a token: nothing happens.
func TestSecurityFlippedBitsAtEveryEndpoint(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		before := g.must(t, http.StatusOK, "GET", "/users/"+g.id["alice"], g.admin.Access, "").body
		own := "/users/" + g.id["alice"]
		cases := []struct {
			method, path, body, token string
			status                    int // with the token as it is
		}{
			{"GET", "/users/me", "", g.alice.Access, 200},
			{"GET", own, "", g.alice.Access, 200},
			{"GET", "/users/", "", g.admin.Access, 200},
			{"GET", "/users", "", g.admin.Access, 200},
			{"PUT", own + "/verify", "", g.admin.Access, 200},
			{"PUT", own, `{"username":"alice2"}`, g.alice.Access, 200},
			{"POST", "/auth/logout", "", g.alice.Access, 200},
			{"DELETE", own, "", g.admin.Access, 204},
		}
		for _, c := range cases {
			t.Run(c.method+" "+strings.Replace(c.path, g.id["alice"], "{id}", 1), func(t *testing.T) {
				for part, token := range flips(c.token) {
					answer := g.do(t, c.method, c.path, token, c.body)
					if answer.status != http.StatusUnauthorized || answer.header.Get("WWW-Authenticate") == "" {
						t.Errorf("bit flipped: %s: %d %s", part, answer.status, answer.body)
					}
				}
				if c.path == own && c.method == "PUT" {
					if after := g.must(t, http.StatusOK, "GET", own, g.admin.Access, "").body; !sameUser(t, before,
						after) {
						t.Errorf("the user has changed: %s", after)
					}
				}
				g.must(t, c.status, c.method, c.path, c.token, c.body)
			})
		}
	})
}

// sameUser compares users, but for the times that change by being used.
func sameUser(t *testing.T, one, other string) bool {
	t.Helper()
	strip := func(text string) string {
		var user map[string]any
		if err := json.Unmarshal([]byte(text), &user); err != nil {
			t.Fatalf("no user: %s", text)
		}
		delete(user, "last_login")
		delete(user, "updated_at")
		plain, _ := json.Marshal(user) // what was JSON can be JSON again
		return string(plain)
	}
	return strip(one) == strip(other)
}

// Secrets that are none stop the start, and it is said which.
func TestSecuritySecretsAtStart(t *testing.T) {
	t.Parallel()
	const access, refresh, algorithm = "tokens.secret_key", "tokens.refresh_secret_key", "tokens.algorithm"
	for name, c := range map[string]struct{ environ, blamed string }{
		"weak secret, a word":               {"JWT_SECRET_KEY=secret", access},
		"weak secret, a sample":             {"JWT_SECRET_KEY=your-256-bit-secret", access},
		"weak secret, a sample long enough": {"JWT_SECRET_KEY=a-string-secret-at-least-256-bits-long", access},
		"weak secret, one character":        {"JWT_SECRET_KEY=" + strings.Repeat("a", 64), access},
		"empty secret":                      {"JWT_SECRET_KEY=", access},
		"secret of spaces":                  {"JWT_SECRET_KEY=" + strings.Repeat(" ", 40), access},
		"weak refresh secret":               {"JWT_REFRESH_SECRET_KEY=changeme", refresh},
		"empty refresh secret":              {"JWT_REFRESH_SECRET_KEY=", refresh},
		"algorithm none":                    {"JWT_ALGORITHM=none", algorithm},
		"algorithm in lower case":           {"JWT_ALGORITHM=hs256", algorithm},
	} {
		t.Run(name, func(t *testing.T) {
			a := launch(t, sqliteURL(t), protectedEcho, "JWT_SECRET_KEY="+accessSecret,
				"JWT_REFRESH_SECRET_KEY="+refreshSecret, c.environ)
			if status := a.await(t); status == 0 || !strings.Contains(a.stderr.String(), c.blamed) {
				t.Errorf("it ended with %d: %s", status, a.stderr)
			}
		})
	}
}
