package authn_test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// payloadOf decodes the claims of a token.
func payloadOf(t *testing.T, token string) map[string]any {
	t.Helper()
	var claims map[string]any
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// staff makes alice, who has two roles.
func (m *mind) staff(t *testing.T) authn.User {
	t.Helper()
	user, err := m.accounts.Create(t.Context(), authn.Operator(), authn.NewAccount{
		Registration: authn.Registration{Username: "alice", Email: "alice@example.com", Password: password}, Verified: true,
		Roles: []string{"<staff>", "Übersetzer"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return user
}

func TestEncryptedClaimsAreForAuthlyAlone(t *testing.T) {
	for name, hidden := range map[string][]string{"none": nil, "one": {"email"}, "two": {"username", "roles"}, "all": authn.EncryptableClaims()} {
		t.Run(name, func(t *testing.T) {
			m := newMind(t, options{encrypted: hidden})
			user := m.staff(t)
			access := m.login(t, "alice").Access
			claims := payloadOf(t, access)
			for _, name := range authn.EncryptableClaims() {
				if _, readable := claims[name]; readable == slices.Contains(hidden, name) {
					t.Errorf("the claim %s is readable: %v", name, readable)
				}
			}
			if _, sealed := claims["enc"]; sealed != (len(hidden) > 0) {
				t.Errorf("there are encrypted claims: %v", sealed)
			}
			r := m.replica(t)
			identity, refusal := r.check(t, access)
			if refusal != "" || identity.Username != "alice" || identity.Email != "alice@example.com" || !slices.Equal(identity.Roles, user.Roles) {
				t.Errorf("checked from memory: %+v, %s", identity, refusal)
			}
			if r.store.users.Load()+r.store.tokens.Load() != 0 {
				t.Error("the identity was read from the store, not from the token")
			}
			if known, err := m.logins.Authenticate(t.Context(), bearer(access)); err != nil || known.Username != "alice" {
				t.Errorf("checked with the store: %+v, %v", known, err)
			}
			if _, err := m.logins.Refresh(t.Context(), m.login(t, "alice").Refresh, from); err != nil {
				t.Errorf("refresh: %v", err)
			}
		})
	}
}

// What is hidden is hidden whole: whether there is an address at all cannot be seen either.
func TestEncryptedClaimsThatAreEmpty(t *testing.T) {
	m := newMind(t, options{encrypted: authn.EncryptableClaims()})
	m.user(t, "alice")
	access := m.login(t, "alice").Access
	claims := payloadOf(t, access)
	if claims["email"] != nil || claims["roles"] != nil || claims["username"] != nil {
		t.Errorf("claims %v", claims)
	}
	if identity, refusal := m.replica(t).check(t, access); refusal != "" || len(identity.Roles) != 0 {
		t.Errorf("%+v, %s", identity, refusal)
	}
}

// A token lives on when the setting is changed, in either direction, and over a restart.
func TestEncryptedClaimsOutliveTheSetting(t *testing.T) {
	before := newMind(t, options{encrypted: []string{"email"}})
	before.user(t, "alice")
	sealed := before.login(t, "alice").Access
	after := newMindOn(t, before.store, options{})
	plain := after.login(t, "alice").Access
	again := newMindOn(t, before.store, options{encrypted: authn.EncryptableClaims()})
	for which, m := range map[string]*mind{"as before": before, "off": after, "more": again} {
		for name, access := range map[string]string{"sealed": sealed, "plain": plain} {
			if identity, refusal := m.replica(t).check(t, access); refusal != "" || identity.Email != "alice@example.com" {
				t.Errorf("%s token with the setting %s: %+v, %s", name, which, identity, refusal)
			}
		}
	}
}

// Minted again within the grace, a token is the same to the last byte, its encrypted claims too.
func TestEncryptedClaimsWithinTheGrace(t *testing.T) {
	m := newMind(t, options{grace: 10 * time.Second, encrypted: authn.EncryptableClaims()})
	m.user(t, "alice")
	first := m.login(t, "alice")
	next, err := m.logins.Refresh(t.Context(), first.Refresh, from)
	if err != nil {
		t.Fatal(err)
	}
	m.clock.advance(5 * time.Second)
	again, err := m.logins.Refresh(t.Context(), first.Refresh, from)
	if err != nil || again.Access != next.Access || again.Refresh != next.Refresh {
		t.Fatalf("same access %v, same refresh %v, %v", again.Access == next.Access, again.Refresh == next.Refresh, err)
	}
	if identity, refusal := m.replica(t).check(t, again.Access); refusal != "" || identity.Email != "alice@example.com" {
		t.Errorf("%+v, %s", identity, refusal)
	}
}

// sealWith makes a JWE as go-jose does, with whatever is asked for.
func sealWith(t *testing.T, key any, kid string, algorithm jose.KeyAlgorithm, enc jose.ContentEncryption, text string, options *jose.EncrypterOptions) string {
	t.Helper()
	encrypter, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: algorithm, Key: key, KeyID: kid, PBES2Count: 1000, PBES2Salt: []byte("salt and salt")}, options)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := encrypter.Encrypt([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := sealed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// hostileJWEs are all made with the real key where that is possible: what refuses one is the one thing wrong with it. None
// is decompressed, and for none a key is derived: two billion rounds would outlast the test.
func hostileJWEs(t *testing.T, kid string, key []byte) map[string]string {
	t.Helper()
	const text = `{"email":"root@example.com"}`
	good := sealWith(t, key, kid, jose.DIRECT, jose.A256GCM, text, nil)
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	withHeader := func(header string) string { return encode([]byte(header)) + "." + strings.Join(parts[1:], ".") }
	changed := func(i int, part string) string {
		c := slices.Clone(parts)
		c[i] = part
		return strings.Join(c, ".")
	}
	var bomb bytes.Buffer
	w, _ := flate.NewWriter(&bomb, flate.BestCompression)
	for range 64 {
		_, _ = w.Write(make([]byte, 1<<20))
	}
	w.Close()
	flipped := []byte(parts[3])
	flipped[3] ^= 1
	return map[string]string{
		"CVE-2024-28180 zip":                  sealWith(t, key, kid, jose.DIRECT, jose.A256GCM, text, &jose.EncrypterOptions{Compression: jose.DEFLATE}),
		"CVE-2024-28180 zip of nothing":       withHeader(`{"alg":"dir","enc":"A256GCM","kid":"` + kid + `","zip":"DEF"}`),
		"CVE-2024-28180 zip bomb":             changed(0, encode([]byte(`{"alg":"dir","enc":"A256GCM","kid":"`+kid+`","zip":"DEF"}`))) + encode(bomb.Bytes()),
		"CVE-2024-28180 p2c":                  withHeader(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","kid":"` + kid + `","p2c":2147483648,"p2s":"AAAA"}`),
		"CVE-2024-28180 p2c beside dir":       withHeader(`{"alg":"dir","enc":"A256GCM","kid":"` + kid + `","p2c":2147483648,"p2s":"AAAA"}`),
		"CVE-2024-28180 password":             sealWith(t, key, kid, jose.PBES2_HS256_A128KW, jose.A256GCM, text, nil),
		"CVE-2024-28180 size":                 good + strings.Repeat("A", 1<<20),
		"CVE-2024-28180 size of the header":   withHeader(`{"alg":"dir","enc":"A256GCM","kid":"` + kid + strings.Repeat(" ", 1<<20) + `"}`),
		"sealed beyond the size":              sealWith(t, key, kid, jose.DIRECT, jose.A256GCM, `{"email":"`+strings.Repeat("a", 13<<10)+`"}`, nil),
		"another kid":                         withHeader(`{"alg":"dir","enc":"A256GCM","kid":"0000000000000000"}`),
		"no kid":                              sealWith(t, key, "", jose.DIRECT, jose.A256GCM, text, nil),
		"a kid that ends the text":            withHeader(`{"alg":"dir","enc":"A256GCM","kid":"` + kid + `","kid":"` + kid + `"}`),
		"another key":                         sealWith(t, make([]byte, 32), kid, jose.DIRECT, jose.A256GCM, text, nil),
		"another algorithm":                   sealWith(t, key, kid, jose.A256KW, jose.A256GCM, text, nil),
		"another encryption":                  sealWith(t, key, kid, jose.DIRECT, jose.A128CBC_HS256, text, nil),
		"another encryption in the header":    withHeader(`{"alg":"dir","enc":"A128GCM","kid":"` + kid + `"}`),
		"alg none":                            withHeader(`{"alg":"none","enc":"A256GCM","kid":"` + kid + `"}`),
		"a key in the header":                 withHeader(`{"alg":"dir","enc":"A256GCM","jwk":{"kty":"oct","k":"AAAA"},"kid":"` + kid + `"}`),
		"crit":                                withHeader(`{"alg":"dir","crit":["exp"],"enc":"A256GCM","kid":"` + kid + `"}`),
		"typ":                                 sealWith(t, key, kid, jose.DIRECT, jose.A256GCM, text, (&jose.EncrypterOptions{}).WithType("JWT")),
		"space in the header":                 withHeader(`{"alg": "dir","enc":"A256GCM","kid":"` + kid + `"}`),
		"a header that is no base64":          "{}." + strings.Join(parts[1:], "."),
		"padding in the header":               changed(0, parts[0]+"="),
		"an encrypted key":                    changed(1, "AAAA"),
		"no nonce":                            changed(2, ""),
		"a short nonce":                       changed(2, "AAAA"),
		"no text":                             changed(3, ""),
		"a bit flipped":                       changed(3, string(flipped)),
		"no tag":                              changed(4, ""),
		"a short tag":                         changed(4, parts[4][:8]),
		"four parts":                          strings.Join(parts[:4], "."),
		"six parts":                           good + ".AAAA",
		"dots":                                strings.Repeat(".", 1<<20),
		"JSON serialization":                  `{"protected":"` + parts[0] + `","iv":"` + parts[2] + `","ciphertext":"` + parts[3] + `","tag":"` + parts[4] + `"}`,
		"a signed token in its place":         "eyJhbGciOiJub25lIn0.e30.",
		"nothing but a header":                parts[0],
		"the right header and random garbage": parts[0] + "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA",
	}
}

func TestHostileJWEsAreRefused(t *testing.T) {
	m := newMind(t, options{secret: goodSecret, refresh: anotherSecret, encrypted: authn.EncryptableClaims()})
	kid, key, _ := m.keys.SigningKey(authn.SealClaims)
	signer, _, _ := m.keys.SigningKey(authn.SignAccess)
	now := m.clock.Now()
	// token is well signed, whatever it carries: the signature must not be what refuses it.
	token := func(sealed any) string {
		return signHS256(t, map[string]any{"alg": "HS256", "kid": signer, "typ": "at+jwt"}, map[string]any{
			"iss": "https://login.example.com", "aud": "authly", "sub": uuid.NewString(), "sid": uuid.NewString(),
			"jti": strings.Repeat("0a", 32), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "enc": sealed,
		}, goodSecret)
	}
	good := func(text string) string {
		return sealWith(t, key, kid, jose.DIRECT, jose.A256GCM, text, nil)
	}
	if err := m.logins.Verify(authn.AccessToken, token(good(`{"email":"alice@example.com"}`))); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, text := range hostileJWEs(t, kid, key.([]byte)) {
		if m.keys.Unseal(text) == nil {
			t.Errorf("%s is opened", name)
		}
		if m.logins.Verify(authn.AccessToken, token(text)) == nil {
			t.Errorf("%s is accepted in a signed token", name)
		}
		if _, err := m.logins.Authenticate(t.Context(), bearer(text)); code(t, err) != authn.CodeInvalidCredentials {
			t.Errorf("%s as bearer: %v", name, err)
		}
		if _, err := m.logins.Refresh(t.Context(), text, from); code(t, err) != authn.CodeInvalidGrant {
			t.Errorf("%s at refresh: %v", name, err)
		}
		if told, err := m.logins.Introspect(t.Context(), text); err != nil || told.Active {
			t.Errorf("%s at introspection: %v, %v", name, told, err)
		}
	}
	for name, sealed := range map[string]any{
		"a number": 1, "a list": []string{good(`{}`)}, "an object": map[string]any{"email": "root@example.com"},
		"no JSON": good(`email`), "a list within": good(`[]`), "a claim that is none of these": good(`{"sub":"x"}`),
		"two values": good(`{}{}`), "roles that are none": good(`{"roles":"admin"}`), "an email that is none": good(`{"email":1}`),
	} {
		if m.logins.Verify(authn.AccessToken, token(sealed)) == nil {
			t.Errorf("%s is accepted in a signed token", name)
		}
	}
}

// The cost of a hostile JWE is that of looking at its header: nothing of it is kept, decompressed or derived.
func TestHostileJWEsCostLittle(t *testing.T) {
	m := newMind(t, options{encrypted: authn.EncryptableClaims()})
	kid, key, _ := m.keys.SigningKey(authn.SealClaims)
	for name, text := range hostileJWEs(t, kid, key.([]byte)) {
		if !strings.HasPrefix(name, "CVE-2024-28180") {
			continue
		}
		const times = 100
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range times {
			_ = m.keys.Unseal(text)
		}
		runtime.ReadMemStats(&after)
		if bytes := (after.TotalAlloc - before.TotalAlloc) / times; bytes > 16<<10 {
			t.Errorf("%s takes %d bytes", name, bytes)
		}
	}
}

// A key that seals is none that signs, and the reverse.
func TestSealKeysSignNothing(t *testing.T) {
	m := newMind(t, options{secret: goodSecret, refresh: anotherSecret, encrypted: authn.EncryptableClaims()})
	m.user(t, "alice")
	access := m.login(t, "alice").Access
	kid, key, _ := m.keys.SigningKey(authn.SealClaims)
	forged := signHS256(t, map[string]any{"alg": "HS256", "kid": kid, "typ": "at+jwt"}, payloadOf(t, access), string(key.([]byte)))
	if m.logins.Verify(authn.AccessToken, forged) == nil {
		t.Error("a token signed with the key that seals is accepted")
	}
	signer, _, _ := m.keys.SigningKey(authn.SignAccess)
	if m.keys.Unseal(sealWith(t, []byte(goodSecret)[:32], signer, jose.DIRECT, jose.A256GCM, `{}`, nil)) == nil {
		t.Error("claims sealed with the key that signs are opened")
	}
	for _, jwk := range m.keys.PublicKeys() {
		if jwk["kty"] == "oct" || jwk["k"] != "" {
			t.Errorf("a secret is published: %v", jwk["kid"])
		}
	}
}

// Claims that were sealed with a key before the present one are opened as long as a token can carry them, and no longer once
// that key is revoked, also by a checker that has opened them before.
func TestSealKeysAreReplaced(t *testing.T) {
	m := newMind(t, options{encrypted: []string{"email"}})
	m.user(t, "alice")
	before := m.login(t, "alice").Access
	old, next := m.replaceKey(t, authn.SealClaims, false)
	ahead := m.login(t, "alice").Access
	m.clock.advance(authn.PublishAhead)
	after := m.login(t, "alice").Access
	for _, one := range []struct{ name, access, kid string }{{"before", before, old}, {"ahead", ahead, old}, {"after", after, next}} {
		sealed, _ := payloadOf(t, one.access)["enc"].(string)
		if header, _ := base64.RawURLEncoding.DecodeString(strings.Split(sealed, ".")[0]); !strings.Contains(string(header), `"`+one.kid+`"`) {
			t.Errorf("%s: sealed as %s says, want by %s", one.name, header, one.kid)
		}
	}
	r := m.replica(t)
	for name, access := range map[string]string{"before": before, "ahead": ahead, "after": after} {
		if identity, refusal := r.check(t, access); refusal != "" || identity.Email != "alice@example.com" {
			t.Errorf("%s: %+v, %s", name, identity, refusal)
		}
	}
	if _, _, err := m.managed(t, everyPurpose()).Revoke(t.Context(), authn.Operator(), old); err != nil {
		t.Fatal(err)
	}
	if err := m.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.load(t)
	for name, which := range map[string]*replica{"which has opened them": r, "which has not": m.replica(t)} {
		if _, refusal := which.check(t, before); refusal != authn.CodeInvalidCredentials {
			t.Errorf("sealed with a revoked key, at a replica %s: %q", name, refusal)
		}
		if _, refusal := which.check(t, after); refusal != "" {
			t.Errorf("sealed with the key after, at a replica %s: %s", name, refusal)
		}
	}
	if _, err := m.logins.Authenticate(t.Context(), bearer(before)); code(t, err) != authn.CodeInvalidCredentials {
		t.Errorf("sealed with a revoked key, checked with the store: %v", err)
	}
}

// A replica whose configuration has no use for keys of assertions and encrypted claims makes none. It reads with those that
// others make, also while it is away from their news, publishes them, and takes none away.
func TestReplicaWithoutUseForKeys(t *testing.T) {
	idle := newMind(t, options{secret: goodSecret, refresh: anotherSecret})
	stored := func() int {
		keys, err := idle.store.ListKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(keys)
	}
	if n := stored(); n != 0 {
		t.Fatalf("%d keys are made for nothing", n)
	}
	busy := newMindAt(t, idle.store, idle.clock, options{
		secret: goodSecret, refresh: anotherSecret, assertions: true, encrypted: authn.EncryptableClaims(),
	})
	busy.user(t, "alice")
	access := busy.login(t, "alice").Access
	if identity, refusal := idle.replica(t).check(t, access); refusal != "" || identity.Email != "alice@example.com" {
		t.Errorf("%+v, %s", identity, refusal)
	}
	signer, _, _ := busy.keys.SigningKey(authn.SignAssertion)
	if !idle.publishes(signer) {
		t.Error("the key of the other's assertions is not published")
	}
	idle.clock.advance(365 * 24 * time.Hour)
	if _, err := idle.keys.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := idle.keys.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := stored(); n != 2 {
		t.Errorf("%d keys are left, want 2", n)
	}
	for _, purpose := range []authn.KeyPurpose{authn.SignAssertion, authn.SealClaims} {
		if _, err := idle.managed(t, options{}).Rotate(t.Context(), authn.Operator(), purpose, true); code(t, err) != authn.CodeConflict {
			t.Errorf("a key for %s is made that has no use: %v", purpose, err)
		}
	}
}
