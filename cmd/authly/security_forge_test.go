package main_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// forge makes tokens that Authly would not make, with its real secret. It writes them into the server's database as well:
// what refuses a forged token is then the one thing that is wrong with it, not that the server never heard of it.
type forge struct {
	g              *guarded
	disk           *store.Store // the server's
	refresh        bool
	secret         string
	header, claims map[string]any // of a real token of alice's
}

func newForge(t *testing.T, g *guarded, refresh bool) *forge {
	t.Helper()
	f := &forge{g: g, disk: g.open(t), refresh: refresh, secret: accessSecret}
	real := g.alice.Access
	if refresh {
		f.secret, real = refreshSecret, g.alice.Refresh
	}
	parts := strings.Split(real, ".")
	f.header, f.claims = segmentOf(t, parts[0]), segmentOf(t, parts[1])
	return f
}

// segmentOf decodes a part of a token. Numbers stay as they are written.
func segmentOf(t *testing.T, part string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		t.Fatal(err)
	}
	return object
}

// omitted stands for a member that is to be left out.
type omitted struct{}

// changes are members to change; see omitted.
type changes map[string]any

func (c changes) apply(to map[string]any) map[string]any {
	changed := maps.Clone(to)
	for name, value := range c {
		if _, gone := value.(omitted); gone {
			delete(changed, name)
		} else {
			changed[name] = value
		}
	}
	return changed
}

// make forges a token of alice's with changes in the header and the claims, signed by the secret, and plants it. Signed is
// by what the header names, if that is an HMAC, else by HS256.
func (f *forge) make(t *testing.T, header, claims changes) string {
	t.Helper()
	fresh := changes{"jti": freshJTI(), "sid": uuid.NewString()}.apply(f.claims)
	token := f.sign(t, header.apply(f.header), claims.apply(fresh))
	f.plant(t, token, uuid.MustParse(fresh["sid"].(string)))
	return token
}

func freshJTI() string {
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

func (f *forge) sign(t *testing.T, header, claims any) string {
	t.Helper()
	text := encodeSegment(t, header) + "." + encodeSegment(t, claims)
	algorithm := "HS256"
	if h, ok := header.(map[string]any); ok {
		algorithm, _ = h["alg"].(string)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(macOf(algorithm, []byte(f.secret), text))
}

// macOf is the HMAC of an algorithm, and HS256 where that is none.
func macOf(algorithm string, key []byte, text string) []byte {
	hashes := map[string]func() hash.Hash{"HS384": sha512.New384, "HS512": sha512.New}
	of := hashes[algorithm]
	if of == nil {
		of = sha256.New
	}
	mac := hmac.New(of, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func encodeSegment(t *testing.T, v any) string {
	t.Helper()
	if text, ok := v.(string); ok { // JSON that no map can be, such as one with a name twice
		return base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// plant writes a token of alice's into the database as if it had been issued in a session of its own. A jti that no token can have is not kept.
func (f *forge) plant(t *testing.T, token string, session uuid.UUID) {
	t.Helper()
	claims := segmentOf(t, strings.Split(token, ".")[1])
	jti, _ := claims["jti"].(string)
	if jti == "" {
		jti = freshJTI()
	}
	alice, err := f.disk.UserByUsername(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(strings.Split(token, ".")[1]))
	now := time.Now()
	kept := func(kind authn.TokenKind, jti string) authn.Token {
		return authn.Token{
			ID: uuid.New(), JTI: jti, Kind: kind, UserID: alice.ID, SessionID: session, Hash: sum[:],
			CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		}
	}
	other := kept(kindOf(!f.refresh), freshJTI())
	first, second := kept(kindOf(f.refresh), jti), other
	if f.refresh {
		first, second = other, first
	}
	login := authn.Session{ID: session, UserID: alice.ID, CreatedAt: now, LastSeenAt: now}
	if err := f.disk.BeginSession(t.Context(), login, first, second, alice.PasswordHash, authn.SessionPolicy{}, storetest.By(now)); err != nil {
		t.Fatalf("planting a token: %v", err)
	}
}
