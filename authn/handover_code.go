package authn

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
)

// handoverClaims are those of a statement.
type handoverClaims struct {
	Issuer    string  `json:"iss"`
	Audience  string  `json:"aud"` // the host
	ExpiresAt seconds `json:"exp"`
	ID        string  `json:"jti"`
	State     string  `json:"state"`
	To        string  `json:"to"`
}

// NewHandoverState returns a state that no browser had before: 43 characters of unpadded base64url, 256 random bits.
func NewHandoverState() string { return base64.RawURLEncoding.EncodeToString(randomBytes(32)) }

// IsHandoverState reports whether a text has the form of a state.
func IsHandoverState(text string) bool {
	state, err := decodeSegment(text)
	return err == nil && len(state) == 32
}

// StateHash is what the login page is told of the state of a browser.
func StateHash(state string) string { return hashCookie(state) }

// IsStateHash reports whether a text has the form of a StateHash.
func IsStateHash(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == 32 && hex.EncodeToString(sum) == text
}

// readHandover returns what a code says, if Authly has signed it. Whether that is still good is not looked at.
func (l *Logins) readHandover(code string) (c handoverClaims, err error) {
	content, _, err := l.cfg.Keys.signed(SignHandover, handoverType, code)
	if err != nil {
		return c, err
	}
	if json.Unmarshal(content, &c) != nil || c.Issuer != l.cfg.Issuer {
		return c, errTokenMalformed
	}
	return c, nil
}
