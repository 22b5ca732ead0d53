package authn_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

var everyAlgorithm = []string{"HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA"}

func TestTokensOfEveryAlgorithm(t *testing.T) {
	for _, algorithm := range everyAlgorithm {
		t.Run(algorithm, func(t *testing.T) {
			m := newMind(t, options{algorithm: algorithm})
			user := m.user(t, "alice")
			tokens := m.login(t, "alice")

			identity, err := m.logins.Authenticate(t.Context(), bearer(tokens.Access))
			if err != nil || identity.UserID != user.ID || identity.Username != "alice" {
				t.Fatalf("Authenticate: %+v, %v", identity, err)
			}
			for name, bad := range mutations(tokens.Access) {
				if _, err := m.logins.Authenticate(t.Context(), bearer(bad)); code(t, err) != authn.CodeInvalidCredentials {
					t.Errorf("%s: %v, want a refusal", name, err)
				}
			}
			if _, err := m.logins.Authenticate(t.Context(), bearer(tokens.Refresh)); code(t, err) != authn.CodeInvalidCredentials {
				t.Errorf("refresh token as bearer: %v", err)
			}
			again := newMindOn(t, m.store, options{algorithm: algorithm})
			if _, err := again.logins.Authenticate(t.Context(), bearer(tokens.Access)); err != nil {
				t.Errorf("after a restart on the same store: %v", err)
			}
		})
	}
}

// mutations are the ways in which a token that was seen can be changed without knowing the key.
func mutations(token string) map[string]string {
	parts := strings.Split(token, ".")
	bad := map[string]string{
		"empty": "", "one part": parts[0], "two parts": parts[0] + "." + parts[1], "four parts": token + ".x",
		"five parts": token + ".x.y", "padded": token + "=", "line feed behind": token + "\n", "line feed inside": token[:len(token)-4] + "\n" + token[len(token)-4:],
		"space": token + " ", "no signature": parts[0] + "." + parts[1] + ".", "standard base64": strings.NewReplacer("-", "+", "_", "/").Replace(token) + "+",
		"dots": strings.Repeat(".", 1<<20), "JSON serialization": `{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`,
	}
	for i, name := range []string{"header", "claims", "signature"} {
		raw, _ := base64.RawURLEncoding.DecodeString(parts[i])
		for _, at := range []int{0, len(raw) / 2, len(raw) - 1} {
			flipped := append([]byte(nil), raw...)
			flipped[at] ^= 1
			changed := append([]string(nil), parts...)
			changed[i] = base64.RawURLEncoding.EncodeToString(flipped)
			bad[name+" flipped at "+string(rune('0'+at%10))+"/"+parts[i][:1]+string(rune('a'+at%26))] = strings.Join(changed, ".")
		}
		// The last character of a segment may have bits that do not count: another spelling of the same bytes.
		if last := parts[i][len(parts[i])-1]; len(raw)%3 != 0 {
			alphabet := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			changed := append([]string(nil), parts...)
			changed[i] = parts[i][:len(parts[i])-1] + string(alphabet[strings.IndexByte(alphabet, last)^1])
			bad[name+" re-encoded"] = strings.Join(changed, ".")
		}
	}
	return bad
}

// TestVerifyPinsEverything signs tokens with the real key that say something Authly never says. The store is not asked: the
// signature, the header and the claims alone must refuse them.
func TestVerifyPinsEverything(t *testing.T) {
	m := newMind(t, options{secret: goodSecret, refresh: anotherSecret})
	kid, _, _ := m.keys.SigningKey(authn.SignAccess)
	now := m.clock.Now()
	goodHeader := map[string]any{"alg": "HS256", "kid": kid, "typ": "at+jwt"}
	goodClaims := map[string]any{
		"iss": "https://login.example.com", "aud": "authly", "sub": uuid.NewString(), "sid": uuid.NewString(),
		"jti": strings.Repeat("0a", 32), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	verify := func(header, claims map[string]any) error {
		return m.logins.Verify(authn.AccessToken, signHS256(t, header, claims, goodSecret))
	}
	if err := verify(goodHeader, goodClaims); err != nil {
		t.Fatalf("the good token: %v", err)
	}
	unset := struct{}{}
	changed := func(good map[string]any, name string, value any) map[string]any {
		c := maps.Clone(good)
		if value == unset {
			delete(c, name)
		} else {
			c[name] = value
		}
		return c
	}
	for name, values := range map[string][]any{
		"alg": {unset, "none", "None", "NONE", "nOnE", "", 256, []string{"HS256"}, "HS384", "RS256", "EdDSA", "hs256"},
		"kid": {unset, "", "../../dev/null", 1, []string{kid}, kid + "0", "0000000000000000"},
		"typ": {unset, "", "JWT", "rt+jwt", "AT+JWT", "application/at+jwt", 1},
		"jwk": {map[string]string{"kty": "oct", "k": "AAAA"}}, "jku": {"http://127.0.0.1:1/keys"}, "x5u": {"http://127.0.0.1:1/cert"},
		"x5c": {[]string{"AAAA"}}, "crit": {[]string{"exp"}, []string{}, []string{"b64"}}, "b64": {false, true},
		"zip": {"DEF"}, "cty": {"JWT"},
	} {
		for _, value := range values {
			if err := verify(changed(goodHeader, name, value), goodClaims); err == nil {
				t.Errorf("header %s of %v is accepted", name, value)
			}
		}
	}
	for name, values := range map[string][]any{
		"iss": {unset, "", "https://login.example.com/", "https://login.example.com.evil.example", "https://login.example.co",
			"HTTPS://LOGIN.EXAMPLE.COM", []string{"https://login.example.com"}, 1},
		"aud":  {unset, "", "other", "authly2", []string{}, []string{"other"}, 1, map[string]any{"authly": 1}},
		"sub":  {unset, "", "alice", 1, []string{uuid.NewString()}, "a\r\nb", strings.ToUpper("a" + uuid.NewString()[1:])},
		"exp":  {unset, now.Add(-6 * time.Second).Unix(), "9999999999", 0, -1, 1e300, nil},
		"nbf":  {now.Add(time.Minute).Unix(), 1e300},
		"iat":  {unset, now.Add(time.Minute).Unix(), "0"},
		"jti":  {unset, "", "short", strings.Repeat("0A", 32), strings.Repeat("0", 65), 1},
		"sid":  {unset, "", "x"},
		"type": {"refresh", "verify", "reset"},
	} {
		for _, value := range values {
			if err := verify(goodHeader, changed(goodClaims, name, value)); err == nil {
				t.Errorf("claim %s of %v is accepted", name, value)
			}
		}
	}
	for name, value := range map[string]any{"aud": []string{"other", "authly"}, "exp": now.Add(-4 * time.Second).Unix(), "iat": now.Add(4 * time.Second).Unix()} {
		if err := verify(goodHeader, changed(goodClaims, name, value)); err != nil {
			t.Errorf("claim %s of %v is refused: %v", name, value, err)
		}
	}
	expired := changed(goodClaims, "exp", now.Add(-time.Hour).Unix())
	badlySigned := m.logins.Verify(authn.AccessToken, signHS256(t, goodHeader, expired, anotherSecret))
	wellSigned := verify(goodHeader, expired)
	if badlySigned == nil || wellSigned == nil || badlySigned.Error() == wellSigned.Error() {
		t.Errorf("expired and badly signed is %v, expired alone %v: want the signature first", badlySigned, wellSigned)
	}
}

func signHS256(t *testing.T, header, claims map[string]any, secret string) string {
	t.Helper()
	segment := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := segment(header) + "." + segment(claims)
	signature, err := jwt.SigningMethodHS256.Sign(text, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// A public key is no secret: an HMAC made with it, in any of its encodings, is no signature.
func TestPublicKeyIsNoSecret(t *testing.T) {
	for _, algorithm := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			m := newMind(t, options{algorithm: algorithm})
			m.user(t, "alice")
			access := m.login(t, "alice").Access
			kid, _, public := m.keys.SigningKey(authn.SignAccess)
			claims := strings.Split(access, ".")[1]
			for name, secret := range encodings(t, public) {
				for _, hmac := range []*jwt.SigningMethodHMAC{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
					header := `{"alg":"` + hmac.Alg() + `","kid":"` + kid + `","typ":"at+jwt"}`
					text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + claims
					signature, err := hmac.Sign(text, secret)
					if err != nil {
						t.Fatal(err)
					}
					forged := text + "." + base64.RawURLEncoding.EncodeToString(signature)
					if err := m.logins.Verify(authn.AccessToken, forged); err == nil {
						t.Errorf("%s with the public key as %s is accepted", hmac.Alg(), name)
					}
				}
			}
			if err := m.logins.Verify(authn.AccessToken, access); err != nil {
				t.Errorf("the real token: %v", err)
			}
		})
	}
}

func encodings(t *testing.T, public any) map[string][]byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{
		"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"base64": []byte(base64.StdEncoding.EncodeToString(der)),
	}
	all["PEM without the last line feed"] = all["PEM"][:len(all["PEM"])-1]
	switch key := public.(type) {
	case *rsa.PublicKey:
		all["PKCS #1"] = x509.MarshalPKCS1PublicKey(key)
		all["modulus"] = key.N.Bytes()
	case *ecdsa.PublicKey:
		if all["point"], err = key.Bytes(); err != nil {
			t.Fatal(err)
		}
	case ed25519.PublicKey:
		all["raw"] = key
	}
	return all
}

// CVE-2022-21449: signatures whose numbers are zero or the order of the curve verify nothing.
func TestES256RefusesDegenerateSignatures(t *testing.T) {
	m := newMind(t, options{algorithm: "ES256"})
	m.user(t, "alice")
	access := m.login(t, "alice").Access
	signed := access[:strings.LastIndexByte(access, '.')+1]
	order, _ := base64.StdEncoding.DecodeString("/////wAAAAD//////////7zm+q2nF56E87nKwvxjJVE=")
	orderLess1 := append([]byte(nil), order...)
	orderLess1[31]--
	zero := make([]byte, 32)
	for _, r := range [][]byte{zero, order, orderLess1} {
		for _, s := range [][]byte{zero, order, orderLess1} {
			forged := signed + base64.RawURLEncoding.EncodeToString(append(append([]byte(nil), r...), s...))
			if m.logins.Verify(authn.AccessToken, forged) == nil {
				t.Errorf("r=%x s=%x is accepted", r[:2], s[:2])
			}
		}
	}
	if err := m.logins.Verify(authn.AccessToken, access); err != nil {
		t.Errorf("the real token: %v", err)
	}
}

// One secret for both kinds of token must not make one a token of the other kind.
func TestKindsStayApartUnderOneSecret(t *testing.T) {
	m := newMind(t, options{secret: goodSecret, refresh: goodSecret})
	m.user(t, "alice")
	tokens := m.login(t, "alice")
	if m.logins.Verify(authn.AccessToken, tokens.Refresh) == nil || m.logins.Verify(authn.RefreshToken, tokens.Access) == nil {
		t.Error("a token of one kind is accepted as the other")
	}
	if _, err := m.logins.Refresh(t.Context(), tokens.Access, from); code(t, err) != authn.CodeInvalidRequest {
		t.Errorf("access token at refresh: %v", err)
	}
	if _, err := m.logins.Refresh(t.Context(), tokens.Refresh, from); err != nil {
		t.Errorf("the refresh token itself: %v", err)
	}
}

func TestAccessTokenClaims(t *testing.T) {
	m := newMind(t, options{})
	user := m.user(t, "alice")
	roles := []string{"staff", "admin"}
	if _, err := m.accounts.Update(t.Context(), authn.Operator(), user.ID, authn.AccountUpdate{Roles: &roles}, from); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(m.login(t, "alice").Access, ".")
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	if header["typ"] != "at+jwt" || header["alg"] != "EdDSA" || header["kid"] == "" {
		t.Errorf("header %v", header)
	}
	for name, want := range map[string]any{
		"iss": "https://login.example.com", "sub": user.ID.String(), "client_id": "authly", "username": "alice", "email": "alice@example.com",
	} {
		if claims[name] != want {
			t.Errorf("claim %s is %v, want %v", name, claims[name], want)
		}
	}
	if claims["exp"].(float64)-claims["iat"].(float64) != 1800 {
		t.Errorf("exp %v, iat %v", claims["exp"], claims["iat"])
	}
	for _, name := range []string{"jti", "sid", "aud", "roles"} {
		if claims[name] == nil {
			t.Errorf("claim %s is missing", name)
		}
	}
}
