package authn

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
)

// assertionType is the header's typ of an assertion (RFC 8725 section 3.11). Authly itself accepts no token of this type.
const assertionType = "authly-assertion+jwt"

const (
	// AssertionTTL is how long an assertion is good.
	AssertionTTL = time.Minute

	// reuseAssertions is for how long one is handed out again: at least half of its life is left then.
	reuseAssertions = AssertionTTL / 2

	// keptAssertions is how many are remembered; each takes about two kilobytes.
	keptAssertions = 8 << 10
)

// AsserterConfig is what an Asserter needs; every field is required.
type AsserterConfig struct {
	Keys   *KeyRing
	Issuer string
	Now    func() time.Time
}

// Asserter signs statements of who is calling, for applications that would rather check a signature than trust whoever can
// reach them. What it says is what the identity headers say, and for which request.
type Asserter struct {
	cfg  AsserterConfig
	kept *otter.Cache[asserted, *assertion]
}

// NewAsserter returns an Asserter.
func NewAsserter(cfg AsserterConfig) *Asserter {
	return &Asserter{cfg: cfg, kept: otter.Must(&otter.Options[asserted, *assertion]{MaximumSize: keptAssertions})}
}

// asserted is what an assertion is about, beside the person: requests that have it in common may have the same assertion.
type asserted struct {
	session  uuid.UUID
	audience string
	method   string
	host     string
}

// assertion is one that was signed, and what was true then.
type assertion struct {
	text     string
	keyID    string
	identity Identity
	issued   time.Time
}

// assertionClaims are those of an assertion. There is no nbf: a verifier whose clock is a second behind would refuse it.
type assertionClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  string   `json:"aud"`
	IssuedAt  seconds  `json:"iat"`
	ExpiresAt seconds  `json:"exp"`
	ID        string   `json:"jti"` // of the assertion, which may come with many requests
	SessionID string   `json:"sid"`
	Username  string   `json:"username"`
	Email     string   `json:"email"` // empty: none that is proven
	Roles     []string `json:"roles"`
	Method    string   `json:"method"`
	Host      string   `json:"host"`
}

// Assert returns an assertion for the application that the audience names: that a request with this method, to this host, is
// the identity's. The same one serves many requests, so that it does not cost a signature for each; a new one is made when
// half of its life is over, and at once when anything about the person or the signing key is no longer what it was.
//
// The caller must just have been let pass: nobody else is asked whether the session lives. An error means that no assertion
// could be made, and that the request must not go on without.
func (a *Asserter) Assert(audience string, id *Identity, method, host string) (string, error) {
	about := asserted{session: id.SessionID, audience: audience, method: method, host: host}
	key, now := a.cfg.Keys.signer(SignAssertion), a.cfg.Now()
	if key == nil {
		return "", unsigned(nil)
	}
	if known, ok := a.kept.GetIfPresent(about); ok && known.stillSays(id, key.id, now) {
		return known.text, nil
	}
	text, err := a.sign(key, about, id, now)
	if err != nil {
		return "", unsigned(err)
	}
	said := *id
	said.Roles = slices.Clone(id.Roles)
	a.kept.Set(about, &assertion{text: text, keyID: key.id, identity: said, issued: now})
	return text, nil
}

func unsigned(cause error) error {
	return &Error{Code: CodeUnavailable, Detail: "Service unavailable", Cause: cause, RetryAfter: time.Second}
}

// stillSays reports whether the assertion may be handed out now, for that identity. A clock that was set back makes it one
// of the future.
func (a *assertion) stillSays(id *Identity, keyID string, now time.Time) bool {
	age := now.Sub(a.issued)
	return age >= 0 && age < reuseAssertions && a.keyID == keyID &&
		a.identity.UserID == id.UserID && a.identity.Username == id.Username && a.identity.Email == id.Email &&
		slices.Equal(a.identity.Roles, id.Roles)
}

func (a *Asserter) sign(key *signingKey, about asserted, id *Identity, now time.Time) (string, error) {
	issued := seconds(now.Unix())
	payload, err := json.Marshal(assertionClaims{
		Issuer: a.cfg.Issuer, Subject: id.UserID.String(), Audience: about.audience,
		IssuedAt: issued, ExpiresAt: issued + seconds(AssertionTTL/time.Second), ID: hex.EncodeToString(randomBytes(16)),
		SessionID: about.session.String(), Username: id.Username, Email: id.Email, Roles: append([]string{}, id.Roles...),
		Method: about.method, Host: about.host,
	})
	if err != nil {
		return "", err
	}
	return key.sign(assertionType, payload)
}

// assertionAlgorithm is how assertions are signed: like access tokens, but never with a secret that an application would
// have to be told.
func assertionAlgorithm(ofAccess string) string {
	if isHMAC(ofAccess) {
		return "EdDSA"
	}
	return ofAccess
}
