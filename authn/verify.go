package authn

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// What is wrong with a token whose signature may be good.
var (
	errTokenMalformed = errors.New("malformed, of another kind, or badly signed")
	errTokenExpired   = errors.New("expired")
	errTokenKind      = errors.New("of another kind")
	errTokenClaims    = errors.New("claims are missing or of another issuer or audience")
)

// verified is what a token says, once it is known that Authly said it.
type verified struct {
	kind     TokenKind
	userID   uuid.UUID
	session  uuid.UUID
	jti      string
	keyID    string
	sealedBy string // the id of the key of its encrypted claims; empty: it has none
	hash     []byte
	issued   time.Time
	expires  time.Time

	username, email string // of an access token: as they were when it was issued
	roles           []string
}

// verify checks everything about a token that the store is not needed for. Key, algorithm and kind are pinned: the kid names
// a key of the purpose, the key its algorithm, and a header that says anything beside alg, kid and the right typ (such as
// crit, b64, jwk, jku, x5c) is refused. The errors are those above, and ErrUnavailable if the store would have to tell of a key
// that this replica has never seen, and does not answer.
//
// The claims are read last. Who has no key thus gets nothing read for them, and whoever sends rubbish costs no more than who
// sends a good token.
func (l *Logins) verify(kind TokenKind, text string) (verified, error) {
	content, key, err := l.cfg.Keys.signed(purposeOf(kind), typeOf(kind), text)
	if err != nil {
		return verified{}, err
	}
	var c claims
	if json.Unmarshal(content, &c) != nil {
		return verified{}, errTokenMalformed
	}
	switch err := l.validator.Validate(&c); {
	case errors.Is(err, jwt.ErrTokenExpired):
		return verified{}, errTokenExpired
	case err != nil:
		return verified{}, errTokenClaims
	}
	sealedBy, err := l.cfg.Keys.open(&c)
	if err != nil {
		return verified{}, errTokenMalformed
	}
	v, err := c.check(kind, text)
	v.keyID, v.sealedBy = key.id, sealedBy
	return v, err
}

// signed returns what a key of the purpose has signed under a typ, and that key. The errors are those of verify.
func (k *KeyRing) signed(purpose KeyPurpose, typ, text string) (content []byte, key *signingKey, err error) {
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	if key, err = k.ofHeader(purpose, typ, header); err != nil {
		return nil, nil, err
	}
	// A third dot, as in a JWE, would be in the signature, where no segment has one.
	mark, err := decodeSegment(signature)
	if err != nil || key.verify(text[:len(text)-len(signature)-len(".")], mark) != nil {
		return nil, nil, errTokenMalformed
	}
	if content, err = decodeSegment(payload); err != nil {
		return nil, nil, errTokenMalformed
	}
	return content, key, nil
}

// longestHeader is how long the header of a token may be that is not as Authly writes it, in characters. None that is good
// needs a third of that.
const longestHeader = 512

// ofHeader returns the key of the purpose that the header of a token of this type asks for, if it may. That of nearly every token is, letter
// for letter, the one that the key itself puts on what it signs; others are read.
func (k *KeyRing) ofHeader(purpose KeyPurpose, typ, segment string) (*signingKey, error) {
	if key := k.held.Load().byPurpose[purpose].byHeader[segment]; key != nil && !k.isEnded(key.id) {
		return key, nil
	}
	if len(segment) > longestHeader {
		return nil, errTokenMalformed
	}
	var header map[string]any
	content, err := decodeSegment(segment)
	if err != nil || json.Unmarshal(content, &header) != nil || header["typ"] != typ || len(header) != 3 {
		return nil, errTokenMalformed
	}
	id, _ := header["kid"].(string)
	algorithm, _ := header["alg"].(string)
	if algorithms[algorithm] == nil { // then there is no use in asking the store
		return nil, errTokenMalformed
	}
	key, err := k.lookUp(purpose, id)
	switch {
	case err != nil:
		return nil, ErrUnavailable
	case key == nil || algorithm != key.method.Alg():
		return nil, errTokenMalformed
	}
	return key, nil
}

// decodeSegment decodes a part of a compact serialization (RFC 7515 section 7.1): there is one spelling of it. Go's decoders
// pass over line breaks even when strict.
func decodeSegment(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errTokenMalformed
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

// newValidator is what holds claims against the configuration.
func newValidator(cfg LoginsConfig) *jwt.Validator {
	return jwt.NewValidator(
		jwt.WithIssuer(cfg.Issuer), jwt.WithAudience(cfg.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(cfg.Leeway), jwt.WithTimeFunc(cfg.Now),
	)
}

// check reads the claims that the library does not: all are there, of the right shape and kind.
func (c *claims) check(kind TokenKind, text string) (verified, error) {
	userID, userErr := uuid.Parse(c.Subject)
	session, sessionErr := uuid.Parse(c.SessionID)
	rightType := c.Type == "" && kind == AccessToken || c.Type == string(RefreshToken) && kind == RefreshToken
	wellFormedJTI := len(c.ID) == 64 && strings.Trim(c.ID, "0123456789abcdef") == ""
	if userErr != nil || sessionErr != nil || c.IssuedAt == nil || c.ExpiresAt == nil || *c.ExpiresAt <= 0 ||
		!wellFormedJTI || userID.String() != c.Subject {
		return verified{}, errTokenClaims
	}
	if !rightType {
		return verified{}, errTokenKind
	}
	return verified{
		kind: kind, userID: userID, session: session, jti: c.ID, hash: claimsHash(text),
		issued: time.Unix(int64(*c.IssuedAt), 0), expires: time.Unix(int64(*c.ExpiresAt), 0),
		username: c.Username, email: c.Email, roles: c.Roles,
	}, nil
}
