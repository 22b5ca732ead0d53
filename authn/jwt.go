package authn

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// The header's typ of each kind of token (RFC 9068 section 2.1): a token is never accepted as one of the other kind, even
// where one secret signs both.
const (
	accessType  = "at+jwt"
	refreshType = "rt+jwt"
)

// clientID stands in access tokens for the application that asked, which RFC 9068 section 2.2 demands. No clients are
// registered, and what an unknown one says of itself does not belong in a signed token.
const clientID = "authly"

// claims are those of both kinds of token; a refresh token has type and none of those behind it.
type claims struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  jwt.ClaimStrings `json:"aud"`
	ExpiresAt *seconds         `json:"exp"`
	IssuedAt  *seconds         `json:"iat"`
	NotBefore *seconds         `json:"nbf,omitempty"`
	ID        string           `json:"jti"`
	SessionID string           `json:"sid"`
	Type      string           `json:"type,omitempty"`
	ClientID  string           `json:"client_id,omitempty"`
	Username  string           `json:"username,omitempty"`
	Email     string           `json:"email,omitempty"`
	Roles     []string         `json:"roles,omitzero"` // of an access token, also when there are none
	Sealed    string           `json:"enc,omitempty"`  // a JWE of those of the three above that are not for everybody
}

// seconds is a NumericDate (RFC 7519 section 2) that is a whole number. The library's own type takes strings as well, and
// numbers beyond what a time can hold.
type seconds int64

func (s *seconds) UnmarshalJSON(text []byte) error {
	if len(text) > 12 {
		return errTokenClaims
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	*s = seconds(n)
	return err
}

func (s *seconds) date() (*jwt.NumericDate, error) {
	if s == nil {
		return nil, nil
	}
	return jwt.NewNumericDate(time.Unix(int64(*s), 0)), nil
}

// What the library asks of claims.

func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.ExpiresAt.date() }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return c.IssuedAt.date() }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.NotBefore.date() }
func (c *claims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c *claims) GetSubject() (string, error)                  { return c.Subject, nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)       { return c.Audience, nil }

// mint is a token just signed, with what the store keeps of it.
type mint struct {
	text string
	kept Token
}

// mintPair signs an access and a refresh token of one session.
func (l *Logins) mintPair(user User, session Session, from Client, now time.Time) (access, refresh mint, err error) {
	if access, err = l.mint(AccessToken, user, session, from, now); err != nil {
		return access, refresh, err
	}
	refresh, err = l.mint(RefreshToken, user, session, from, now)
	return access, refresh, err
}

// mint signs a token that lives for its time, but never longer than its session may.
func (l *Logins) mint(kind TokenKind, user User, session Session, from Client, now time.Time) (mint, error) {
	ttl := l.cfg.AccessTTL
	c := claims{SessionID: session.ID.String()}
	if kind == RefreshToken {
		ttl = l.cfg.RefreshTTL
		c.Type = string(RefreshToken)
	} else {
		c.ClientID, c.Username, c.Email, c.Roles = clientID, user.Username, l.provenEmail(user), user.Roles
		if err := l.cfg.Keys.seal(&c, l.cfg.EncryptedClaims); err != nil {
			return mint{}, err
		}
	}
	issued := seconds(now.Unix())
	expires := issued + seconds(ttl/time.Second)
	if most := l.cfg.Sessions.MaxLifetime; most > 0 {
		expires = min(expires, seconds(session.CreatedAt.Add(most).Unix()))
	}
	c.Issuer, c.Subject, c.Audience = l.cfg.Issuer, user.ID.String(), jwt.ClaimStrings{l.cfg.Audience}
	c.IssuedAt, c.ExpiresAt, c.ID = &issued, &expires, hex.EncodeToString(randomBytes(32))
	payload, err := json.Marshal(&c)
	if err != nil {
		return mint{}, err
	}
	key := l.cfg.Keys.signer(purposeOf(kind))
	text, err := key.sign(typeOf(kind), payload)
	if err != nil {
		return mint{}, err
	}
	kept := Token{
		ID: uuid.New(), JTI: c.ID, Kind: kind, UserID: user.ID, SessionID: session.ID, Hash: claimsHash(text), KeyID: key.id, KeyKept: key.isManaged(),
		CreatedAt: now, ExpiresAt: time.Unix(int64(expires), 0), ClientAddress: addressText(from), UserAgent: from.UserAgent,
	}
	if l.cfg.RefreshGrace > 0 {
		kept.Claims = payload
	}
	return mint{text: text, kept: kept}, nil
}

// again mints a token anew from what was kept of it.
func (l *Logins) again(kept Token) (string, error) {
	key := l.cfg.Keys.verifier(purposeOf(kept.Kind), kept.KeyID)
	if key == nil || len(kept.Claims) == 0 {
		return "", errTokenMalformed
	}
	return key.sign(typeOf(kept.Kind), kept.Claims)
}

// sign makes a token of a claims set as it stands (RFC 7515 section 3.1).
func (k *signingKey) sign(typ string, payload []byte) (string, error) {
	encode := base64.RawURLEncoding.EncodeToString
	text := k.header(typ) + "." + encode(payload)
	signature, err := k.signature(text)
	if err != nil {
		return "", err
	}
	return text + "." + encode(signature), nil
}

// header is the first segment of what the key signs.
func (k *signingKey) header(typ string) string {
	header, _ := json.Marshal(map[string]string{"alg": k.method.Alg(), "kid": k.id, "typ": typ}) // texts: this cannot fail
	return base64.RawURLEncoding.EncodeToString(header)
}

func purposeOf(kind TokenKind) KeyPurpose {
	if kind == RefreshToken {
		return SignRefresh
	}
	return SignAccess
}

func typeOf(kind TokenKind) string {
	if kind == RefreshToken {
		return refreshType
	}
	return accessType
}

// claimsHash hashes the claims segment. The signature stays out of it: some algorithms have several good ones for one text.
func claimsHash(token string) []byte {
	_, rest, _ := strings.Cut(token, ".")
	segment, _, _ := strings.Cut(rest, ".")
	sum := sha256.Sum256([]byte(segment))
	return sum[:]
}

func addressText(from Client) string {
	if !from.Address.IsValid() {
		return ""
	}
	return from.Address.String()
}
