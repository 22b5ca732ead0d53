package authn

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// The value of a session cookie is random, and ends with a check by which one that nobody was ever given is known without asking the
// store: who sends rubbish must cost no more than who sends a token that nobody signed. The check proves nothing else. Whoever
// could read its key would make values that cost a look at the store, as all did without it, and still be nobody.
const (
	cookieBytes      = 32 // random, 256 bits
	cookieCheckBytes = 8  // of an HMAC-SHA-256: one guess in 2^64 costs a look at the store

	cookieRandom = (cookieBytes*8 + 5) / 6 // characters of unpadded base64url
	cookieLength = cookieRandom + (cookieCheckBytes*8+5)/6
)

// IsCookieValue reports whether a text has the form of the value of a cookie. Whether it is one that was given to somebody, Logins knows.
func IsCookieValue(text string) bool {
	if len(text) != cookieLength {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// NewCookieValue returns a value that no cookie had before.
func (l *Logins) NewCookieValue() string {
	value := make([]byte, cookieBytes)
	_, _ = rand.Read(value) // never fails: crypto/rand ends the program instead
	random := base64.RawURLEncoding.EncodeToString(value)
	return random + l.cookieCheck(random)
}

// madeCookie reports whether a value was made with this installation's key, by whichever replica.
func (l *Logins) madeCookie(value string) bool {
	return IsCookieValue(value) && hmac.Equal([]byte(l.cookieCheck(value[:cookieRandom])), []byte(value[cookieRandom:]))
}

func (l *Logins) cookieCheck(random string) string {
	mac := hmac.New(sha256.New, l.cfg.CookieKey)
	mac.Write([]byte(random))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:cookieCheckBytes])
}
