package authn_test

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// verdictOn is everything that an Authenticator says of a token.
type verdictOn struct {
	Identity *authn.Identity
	Code     authn.Code
	Detail   string
}

func judged(t *testing.T, a authn.Authenticator, token string) verdictOn {
	t.Helper()
	identity, err := a.Authenticate(t.Context(), bearer(token))
	v := verdictOn{Identity: identity, Code: code(t, err)}
	if err != nil {
		v.Detail = authn.Fault(err).Detail
	}
	return v
}

// A Checker that remembers says what one says that has never seen a token, and what the store says: of good tokens and of all
// that can be made of them, the first time and the second.
func TestCheckerIsTheSameWithAndWithoutMemory(t *testing.T) {
	for _, algorithm := range []string{"EdDSA", "HS256", "RS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel() // a kid that nobody knows is looked for in the store, and that waits
			m := newMind(t, options{algorithm: algorithm})
			m.user(t, "alice")
			m.user(t, "bob")
			good, other := m.login(t, "alice").Access, m.login(t, "bob").Access
			warm, cold := m.replica(t), m.replica(t)
			tokens := mutations(good)
			for i, name := range map[int]string{1: "claims", 2: "signature"} {
				parts := strings.Split(good, ".")
				parts[i] = strings.Split(other, ".")[i]
				tokens[name+" of another token"] = strings.Join(parts, ".")
			}
			tokens["refresh token"] = m.login(t, "alice").Refresh
			same := func(name, token string, passes bool) {
				t.Helper()
				want := judged(t, m.logins, token)
				if (want.Code == "") != passes {
					t.Errorf("%s: %+v", name, want)
				}
				judged(t, warm.checker, good)
				for of, a := range map[string]authn.Authenticator{"warm": warm.checker, "warm again": warm.checker, "cold": cold.checker} {
					if diff := cmp.Diff(want, judged(t, a, token), sameIdentity); diff != "" {
						t.Errorf("%s: (-logins +%s):\n%s", name, of, diff)
					}
				}
			}
			for name, token := range tokens {
				same(name, token, false)
			}
			same("good", good, true) // the cold one sees it now
			same("another's", other, true)
			m.clock.advance(31 * time.Minute) // what is remembered does not outlive the token
			warm.load(t)
			for of, a := range map[string]authn.Authenticator{"warm": warm.checker, "cold": m.replica(t).checker} {
				if diff := cmp.Diff(judged(t, m.logins, good), judged(t, a, good), sameIdentity); diff != "" {
					t.Errorf("expired: (-logins +%s):\n%s", of, diff)
				}
			}
		})
	}
}

// sameIdentity leaves out what only one who serves applications keeps, and what only the store knows.
var sameIdentity = cmp.Options{cmpopts.IgnoreFields(authn.Identity{}, "Memo", "Admin"), cmpopts.EquateComparable(netip.Addr{})}

// The header of a token is compared with those of the keys before it is read. Another spelling of the same header is read, and
// is as good if the key has signed it; so is none that a key of another purpose has.
func TestHeaderSpellings(t *testing.T) {
	m := newMind(t, options{secret: goodSecret, refresh: goodSecret})
	kid, _, _ := m.keys.SigningKey(authn.SignAccess)
	now := m.clock.Now()
	payload, err := json.Marshal(map[string]any{
		"iss": "https://login.example.com", "aud": "authly", "sub": uuid.NewString(), "sid": uuid.NewString(),
		"jti": strings.Repeat("0a", 32), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for header, good := range map[string]bool{
		`{"alg":"HS256","kid":"` + kid + `","typ":"at+jwt"}`:               true,
		`{"typ":"at+jwt","kid":"` + kid + `","alg":"HS256"}`:               true,
		` { "alg" : "HS256" , "kid" : "` + kid + `" , "typ" : "at+jwt" } `: true,
		`{"alg":"HS256","kid":"` + kid + `","typ":"at+jwt","alg":"none"}`:  false,
		`{"alg":"HS256","kid":"` + kid + `","typ":"at+jwt"}{}`:             false,
		`{"alg":"HS256","kid":"` + kid + `","typ":"rt+jwt"}`:               false,
		`{"ALG":"HS256","kid":"` + kid + `","typ":"at+jwt"}`:               false,
		`{"alg":"HS256","kid":"` + kid + `","typ":"at+jwt","b64":false}`:   false,
		`[{"alg":"HS256","kid":"` + kid + `","typ":"at+jwt"}]`:             false,
		`null`: false,
	} {
		token := signRaw(t, header, payload)
		if err := m.logins.Verify(authn.AccessToken, token); (err == nil) != good {
			t.Errorf("%s: %v", header, err)
		}
		if m.logins.Verify(authn.RefreshToken, token) == nil {
			t.Errorf("%s is the header of a refresh token", header)
		}
	}
}

func signRaw(t *testing.T, header string, payload []byte) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode(payload)
	signature, err := jwt.SigningMethodHS256.Sign(text, []byte(goodSecret))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(signature)
}
