package main_test

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// tokenCase is a request of which the credential is not as it should be.
type tokenCase struct {
	name  string
	lines func(t *testing.T, f *forge) []string
}

// forged is a tokenCase of a token with something changed in its header or its claims, signed with the real secret.
func forged(name string, header, claims changes) tokenCase {
	return tokenCase{name,
		func(t *testing.T, f *forge) []string { return []string{bearerLine(f.make(t, header, claims))} }}
}

// changed is a tokenCase of a real token whose text was changed.
func changed(name string, change func(token string) string) tokenCase {
	return tokenCase{name,
		func(t *testing.T, f *forge) []string { return []string{bearerLine(change(f.g.alice.Access))} }}
}

// sent is a tokenCase of header lines around a real token.
func sent(name string, lines func(token string) []string) tokenCase {
	return tokenCase{name, func(t *testing.T, f *forge) []string { return lines(f.g.alice.Access) }}
}

// A bearer token is good at every entrance or at none, and what is wrong with it is enough to refuse it: the forged ones are
// signed with the real secret and known to the database.
func TestSecurityTokens(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		f := newForge(t, g, false)
		for _, c := range goodTokens() {
			t.Run("good: "+c.name, func(t *testing.T) {
				for _, e := range everywhere() {
					g.passed(t, e, attempt{lines: c.lines(t, f)})
				}
			})
		}
		fetched := newTrap(t)
		for _, c := range badTokens(fetched.url) {
			t.Run(c.name, func(t *testing.T) {
				lines := c.lines(t, f)
				for _, e := range everywhere() {
					g.refused(t, e, attempt{lines: lines}, http.StatusUnauthorized)
				}
				for _, e := range []entrance{gateways()[0],
					questions()[0]} { // nor is it an identity where none is needed
					r := g.passed(t, e, attempt{target: "/public/x", lines: lines})
					g.wantIdentity(t, e, r, "", "")
				}
			})
		}
		if n := fetched.calls.Load(); n != 0 {
			t.Errorf("CVE-2018-0114: a key was fetched from where a token said, %d times", n)
		}
	})
}

// What Authly would have to have issued, and has not, is refused by whoever asks the store: every entrance if so configured,
// and Authly's own endpoints always.
func TestSecurityUnknownTokens(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		f := newForge(t, guardPeople(t, storeURL, "", askTheStore), false)
		remembering := guard(t, storeURL, "")
		for _, c := range unknownTokens() {
			t.Run(c.name, func(t *testing.T) {
				lines := c.lines(t, f)
				for _, e := range everywhere() {
					f.g.passed(t, e, attempt{lines: []string{bearerLine(f.g.alice.Access)}})
					f.g.refused(t, e, attempt{lines: lines}, http.StatusUnauthorized)
				}
				token := strings.TrimPrefix(lines[0], bearerLine(""))
				if answer := remembering.do(t, "GET", "/users/me", token, ""); answer.status != http.StatusUnauthorized {
					t.Errorf("an endpoint beside a gateway that trusts its memory: %d", answer.status)
				}
			})
		}
	})
}

// trap is a place that a token's header points to and that nobody must ever look at.
type trap struct {
	url   string
	calls atomic.Int64
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tr := &trap{url: "http://" + listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tr.calls.Add(1)
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return tr
}

func goodTokens() []tokenCase {
	soon := time.Now().Add(2 * time.Second).Unix()
	return []tokenCase{
		sent("as issued", func(token string) []string { return []string{bearerLine(token)} }),
		sent("the scheme in another case",
			func(token string) []string { return []string{"authorization: bEARER " + token} }),
		forged("forged without a fault", nil, nil),
		forged("one of several audiences", nil, changes{"aud": []string{"other", "authly"}}),
		forged("issued within the leeway", nil, changes{"iat": soon}),
		forged("not before the past", nil, changes{"nbf": 1}),
		forged("a claim that nobody knows", nil, changes{"color": "green"}),
	}
}

func badTokens(trap string) []tokenCase {
	var all []tokenCase
	for _, group := range [][]tokenCase{badAlgorithms(), badHeaders(trap), badAudiences(), badTimes(), badSubjects(),
		changedTexts(), badFields()} {
		all = append(all, group...)
	}
	return all
}

// badAlgorithms: the algorithm is pinned, whatever the token says.
func badAlgorithms() []tokenCase {
	var all []tokenCase
	for name, value := range map[string]any{
		"none": "none", "None": "None", "NONE": "NONE", "nOnE": "nOnE", "empty": "", "missing": omitted{}, "null": nil,
		"array": []string{"HS256"}, "number": 256, "lower case": "hs256", "HS384 by the same secret": "HS384",
		"HS512 by the same secret": "HS512", "RS256": "RS256", "ES256": "ES256", "EdDSA": "EdDSA",
	} {
		header := changes{"alg": value}
		all = append(all, forged("alg "+name, header, nil),
			tokenCase{"alg " + name + " unsigned", func(t *testing.T, f *forge) []string {
				token := f.make(t, header, nil)
				return []string{bearerLine(token[:strings.LastIndexByte(token, '.')+1])}
			}})
	}
	return all
}

func badHeaders(trap string) []tokenCase {
	oct := map[string]string{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString([]byte(accessSecret))}
	return []tokenCase{
		forged("CVE-2018-0114 jwk", changes{"jwk": oct}, nil),
		forged("CVE-2018-0114 jku", changes{"jku": trap + "/keys"}, nil),
		forged("CVE-2018-0114 x5u", changes{"x5u": trap + "/certificate"}, nil),
		forged("CVE-2018-0114 x5c", changes{"x5c": []string{"MIIB"}}, nil),
		forged("CVE-2018-0114 jku without kid", changes{"jku": trap + "/keys", "kid": omitted{}}, nil),
		forged("crit known", changes{"crit": []string{"exp"}}, nil),
		forged("crit unknown", changes{"crit": []string{"urn:example:x"}, "urn:example:x": true}, nil),
		forged("crit empty", changes{"crit": []string{}}, nil),
		forged("crit b64", changes{"crit": []string{"b64"}, "b64": false}, nil),
		forged("b64 false", changes{"b64": false}, nil),
		forged("zip", changes{"zip": "DEF"}, nil),
		forged("cty", changes{"cty": "JWT"}, nil),
		forged("kid missing", changes{"kid": omitted{}}, nil),
		forged("kid a path", changes{"kid": "../../../dev/null"}, nil),
		forged("kid SQL", changes{"kid": "x' OR '1'='1"}, nil),
		forged("kid array", changes{"kid": []string{"x"}}, nil),
		forged("CVE-2024-47616 typ of a refresh token", changes{"typ": "rt+jwt"}, nil),
		forged("CVE-2024-47616 typ of a verification token", changes{"typ": "verify+jwt"}, nil),
		forged("CVE-2024-47616 typ of a reset token", changes{"typ": "reset+jwt"}, nil),
		forged("CVE-2024-47616 typ of an assertion", changes{"typ": "authly-assertion+jwt"}, nil),
		forged("typ JWT", changes{"typ": "JWT"}, nil),
		forged("typ missing", changes{"typ": omitted{}}, nil),
		{"CVE-2024-47616 refresh token as bearer", func(t *testing.T, f *forge) []string {
			return []string{bearerLine(f.g.alice.Refresh)}
		}},
		{"another secret", func(t *testing.T, f *forge) []string {
			other := *f
			other.secret = refreshSecret
			return []string{bearerLine(other.make(t, nil, nil))}
		}},
	}
}

// unknownTokens are well signed, and not what the store knows. Whoever can make them has the secret. They pass a check from
// memory, and are refused wherever the store is asked.
func unknownTokens() []tokenCase {
	return []tokenCase{
		{"well signed and never issued", func(t *testing.T, f *forge) []string {
			return []string{bearerLine(f.sign(t, f.header, changes{"jti": freshJTI()}.apply(f.claims)))}
		}},
		{"well signed with the jti of another token", func(t *testing.T, f *forge) []string {
			return []string{bearerLine(f.sign(t, f.header, changes{"username": "boss"}.apply(f.claims)))}
		}},
		{"sub of somebody else", func(t *testing.T, f *forge) []string {
			return []string{bearerLine(f.make(t, nil, changes{"sub": f.g.id["boss"]}))}
		}},
		forged("sid of another session", nil, changes{"sid": "6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a10"}),
	}
}

func badAudiences() []tokenCase {
	var all []tokenCase
	for name, value := range map[string]any{
		"missing": omitted{}, "empty": "", "null": nil, "wrong": "other", "longer": "authly2", "another case": "Authly",
		"empty array": []string{}, "array without ours": []string{"other", "another"},
		"array of an array": [][]string{{"authly"}},
		"number":            1, "object": map[string]any{"authly": true}, "array with a number": []any{1},
	} {
		all = append(all, forged("CVE-2020-26160 aud "+name, nil, changes{"aud": value}))
	}
	for name, value := range map[string]any{
		"missing": omitted{}, "empty": "", "prefix": "https://login.example.co", "suffix": publicURL + ".evil.example",
		"end alone": "example.com", "case": strings.ToUpper(publicURL), "trailing slash": publicURL + "/",
		"array":  []string{publicURL},
		"number": 1, "object": map[string]any{publicURL: 1},
	} {
		all = append(all, forged("CVE-2024-53861 iss "+name, nil, changes{"iss": value}))
	}
	return all
}

func badTimes() []tokenCase {
	now := time.Now()
	var all []tokenCase
	for name, claim := range map[string]changes{
		"exp missing": {"exp": omitted{}}, "exp null": {"exp": nil}, "exp past": {"exp": now.Add(-time.Minute).Unix()},
		"exp string": {"exp": "99999999999"}, "exp zero": {"exp": 0}, "exp negative": {"exp": -1},
		"exp 1e300": {"exp": json.Number("1e300")}, "exp beyond 64 bits": {"exp": json.Number("99999999999999999999")},
		"exp true":   {"exp": true},
		"nbf future": {"nbf": now.Add(time.Hour).Unix()}, "nbf 1e300": {"nbf": json.Number("1e300")},
		"nbf string": {"nbf": "1"},
		"iat future": {"iat": now.Add(time.Hour).Unix()}, "iat missing": {"iat": omitted{}}, "iat string": {"iat": "1"},
	} {
		all = append(all, forged(name, nil, claim))
	}
	return all
}

func badSubjects() []tokenCase {
	all := []tokenCase{
		{"sub in capitals", func(t *testing.T, f *forge) []string {
			return []string{bearerLine(f.make(t, nil, changes{"sub": strings.ToUpper("A" + f.g.id["alice"][1:])}))}
		}},
	}
	for name, claim := range map[string]changes{
		"sub missing": {"sub": omitted{}}, "sub empty": {"sub": ""}, "sub number": {"sub": 1},
		"sub array":      {"sub": []string{"x"}},
		"sub a username": {"sub": "alice"}, "sub with CR LF": {"sub": "alice\r\nX-Forwarded-User: boss"},
		"sub null":    {"sub": nil},
		"jti missing": {"jti": omitted{}}, "jti number": {"jti": 1}, "jti SQL": {"jti": "' OR 1=1 --"},
		"sid missing": {"sid": omitted{}}, "sid number": {"sid": 1},
		"CVE-2024-47616 type refresh": {"type": "refresh"}, "CVE-2024-47616 type verification": {"type": "verify"},
		"CVE-2024-47616 type reset": {"type": "reset"}, "CVE-2024-47616 type assertion": {"type": "assertion"},
		"roles a string": {"roles": "boss"},
	} {
		all = append(all, forged(name, nil, claim))
	}
	return all
}

// flips are the real token with one bit changed, in each part and at several places.
func flips(token string) map[string]string {
	flipped := map[string]string{}
	for i, part := range []string{"header", "claims", "signature"} {
		segments := strings.Split(token, ".")
		raw, _ := base64.RawURLEncoding.DecodeString(segments[i])
		for place, at := range map[string]int{"first": 0, "middle": len(raw) / 2, "last": len(raw) - 1} {
			one := append([]byte(nil), raw...)
			one[at] ^= 1
			segments[i] = base64.RawURLEncoding.EncodeToString(one)
			flipped[part+" "+place] = strings.Join(segments, ".")
		}
	}
	return flipped
}

// respelled are other texts for the very same signature.
func respelled(token string) map[string]string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return map[string]string{
		"re-encoded": token[:len(token)-1] + string(alphabet[last^1]),
		// bits that do not count: 43 characters are 32 bytes and 2 bits
		"padded": token + "=",
	}
}

func changedTexts() []tokenCase {
	var all []tokenCase
	for _, part := range []string{"header", "claims", "signature"} {
		for _, place := range []string{"first", "middle", "last"} {
			all = append(all, changed("bit flipped: "+part+" "+place,
				func(token string) string { return flips(token)[part+" "+place] }))
		}
	}
	for _, how := range []string{"re-encoded", "padded"} {
		all = append(all, changed("signature "+how, func(token string) string { return respelled(token)[how] }))
	}
	part := func(token string, i int) string { return strings.Split(token, ".")[i] }
	encode := base64.RawURLEncoding.EncodeToString
	return append(all,
		changed("no signature", func(token string) string { return token[:strings.LastIndexByte(token, '.')+1] }),
		changed("two parts", func(token string) string { return token[:strings.LastIndexByte(token, '.')] }),
		changed("four parts", func(token string) string { return token + ".x" }),
		changed("empty parts", func(string) string { return ".." }),
		changed("standard base64",
			func(token string) string { return part(token, 0) + "+/." + part(token, 1) + "." + part(token, 2) }),
		changed("escaped", func(token string) string { return strings.Replace(token, ".", "%2E", 1) }),
		changed("CVE-2025-30204 dots", func(string) string { return strings.Repeat(".", 60_000) }),
		changed("CVE-2025-30204 dots within 16 KiB", func(string) string { return strings.Repeat(".", 16_000) }),
		changed("CVE-2025-30204 dots behind a token",
			func(token string) string { return token + strings.Repeat(".", 10_000) }),
		changed("CVE-2024-28180 five parts with zip", func(token string) string {
			return encode([]byte(`{"alg":"dir","enc":"A256GCM","zip":"DEF"}`)) + "..AAAA." + part(token, 1) + ".AAAA"
		}),
		changed("CVE-2024-28180 five parts with p2c", func(token string) string {
			return encode([]byte(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"AAAA","p2c":2147483648}`)) + ".AAAA.AAAA." + part(token, 1) + ".AAAA"
		}),
		changed("CVE-2024-28180 five parts of 50 kB", func(token string) string {
			return encode([]byte(`{"alg":"dir","enc":"A256GCM"}`)) + "..AAAA." + strings.Repeat("A", 50_000) + ".AAAA"
		}),
		changed("CVE-2024-28180 a token within five parts", func(token string) string {
			return encode([]byte(`{"alg":"dir","cty":"JWT","enc":"A256GCM"}`)) + "..AAAA." + encode([]byte(token)) + ".AAAA"
		}),
	)
}

// badFields: a real token where or how none is read.
func badFields() []tokenCase {
	return []tokenCase{
		sent("no token", func(string) []string { return nil }),
		sent("Bearer alone", func(string) []string { return []string{"Authorization: Bearer"} }),
		sent("an empty field", func(string) []string { return []string{"Authorization:"} }),
		sent("two Authorization headers, both good",
			func(token string) []string { return []string{bearerLine(token), bearerLine(token)} }),
		sent("two Authorization headers, the first good",
			func(token string) []string { return []string{bearerLine(token), bearerLine("x")} }),
		sent("two Authorization headers, the last good",
			func(token string) []string { return []string{bearerLine("x"), bearerLine(token)} }),
		sent("Bearer and Basic in two headers",
			func(token string) []string { return []string{bearerLine(token), "Authorization: Basic YTpi"} }),
		sent("Basic and Bearer in two headers",
			func(token string) []string { return []string{"Authorization: Basic YTpi", bearerLine(token)} }),
		sent("Bearer and Basic in one header",
			func(token string) []string { return []string{bearerLine(token) + ", Basic YTpi"} }),
		sent("Basic and Bearer in one header",
			func(token string) []string { return []string{"Authorization: Basic YTpi, Bearer " + token} }),
		sent("two tokens in one header",
			func(token string) []string { return []string{bearerLine(token) + " " + token} }),
		sent("a colon behind Bearer", func(token string) []string { return []string{"Authorization: Bearer: " + token} }),
		sent("another scheme", func(token string) []string { return []string{"Authorization: Token " + token} }),
		sent("no scheme", func(token string) []string { return []string{"Authorization: " + token} }),
		sent("Authorization with an underscore", func(token string) []string {
			return []string{"Authorization_: Bearer " + token, "X_Authorization: Bearer " + token}
		}),
		sent("Proxy-Authorization",
			func(token string) []string { return []string{"Proxy-Authorization: Bearer " + token} }),
		sent("X-Forwarded-Authorization", func(token string) []string {
			return []string{"X-Forwarded-Access-Token: " + token, "X-Authorization: Bearer " + token}
		}),
		sent("a cookie", func(token string) []string {
			return []string{"Cookie: access_token=" + token + "; token=" + token + "; Authorization=Bearer " + token}
		}),
		sent("JSON serialization", func(token string) []string {
			p := strings.Split(token, ".")
			return []string{bearerLine(`{"payload":"` + p[1] + `","protected":"` + p[0] + `","signature":"` + p[2] + `"}`)}
		}),
		sent("JSON serialization in base64", func(token string) []string {
			p := strings.Split(token, ".")
			text := `{"payload":"` + p[1] + `","signatures":[{"protected":"` + p[0] + `","signature":"` + p[2] + `"}]}`
			return []string{bearerLine(base64.RawURLEncoding.EncodeToString([]byte(text)))}
		}),
	}
}
