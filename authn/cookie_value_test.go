package authn_test

import (
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

// A cookie is known on every replica, and what was made elsewhere, or changed anywhere, on none; and nobody asks the store about it.
func TestCookieValueChecksItself(t *testing.T) {
	m := newMind(t, options{login: func(c *authn.LoginsConfig) { c.CookieKey = []byte("the key of this installation") }})
	m.user(t, "alice")
	given := m.browse(t, "alice", false, "").Value
	elsewhere := m.config
	elsewhere.CookieKey = []byte("the key of another installation")
	asked := &watched{LoginStore: m.store, Feed: m.store}
	m.config.Store = asked
	replica := authn.NewLogins(m.config)
	for name, value := range map[string]string{
		"made elsewhere":           authn.NewLogins(elsewhere).NewCookieValue(),
		"made elsewhere, no key":   newMind(t, options{}).logins.NewCookieValue(),
		"without its check":        given[:43],
		"with half its check":      given[:50],
		"with another's check":     given[:43] + m.logins.NewCookieValue()[43:],
		"with its check cut in":    given[:54] + "A",
		"of the right form":        strings.Repeat("A", 54),
		"with a bit of it changed": changedAt(given, 7),
		"with its check changed":   changedAt(given, 50),
		"empty":                    "",
	} {
		if _, err := replica.Authenticate(t.Context(), cookie(value)); code(t, err) != authn.CodeInvalidCredentials {
			t.Errorf("%s: %v", name, err)
		}
	}
	asked.down.Store(true)
	if _, err := replica.Authenticate(t.Context(), cookie(strings.Repeat("A", 54))); code(t, err) != authn.CodeInvalidCredentials {
		t.Errorf("while the store is away: %v", err)
	}
	if n := asked.cookies.Load(); n != 0 {
		t.Errorf("the store was asked %d times", n)
	}
	asked.down.Store(false)
	if who, err := replica.Authenticate(t.Context(), cookie(given)); err != nil || who.Username != "alice" || asked.cookies.Load() != 1 {
		t.Errorf("%+v %v after %d looks", who, err, asked.cookies.Load())
	}
	if _, err := replica.Authenticate(t.Context(), cookie(m.logins.NewCookieValue())); code(t, err) != authn.CodeInvalidCredentials || asked.cookies.Load() != 2 {
		t.Errorf("a value that was made and given to nobody: %v after %d looks", err, asked.cookies.Load())
	}
}

// changedAt has another character at one place.
func changedAt(value string, i int) string {
	other := "A"
	if value[i] == 'A' {
		other = "B"
	}
	return value[:i] + other + value[i+1:]
}
