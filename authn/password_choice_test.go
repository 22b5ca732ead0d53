package authn_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/descoped/authly/authn"
)

// choosy is the configuration of a service that is particular about new passwords.
func choosy() authn.PasswordsConfig {
	cfg := cheapBcrypt
	cfg.Blocklist, cfg.ServiceNames = true, []string{"authly", "login.example.com"}
	return cfg
}

func alices(typed string) authn.NewPassword {
	return authn.NewPassword{Field: "password", Typed: typed, Username: "alice", Email: "Alice.Liddell@wonder-land.example"}
}

// Whatever is known to everybody who knows the user is no password, in whatever case and width; and what merely holds some of it is one.
func TestChosenPasswords(t *testing.T) {
	p := newPasswords(t, choosy())
	for typed, reason := range map[string]string{
		"password1": "most common", "PassWord1": "most common", "ｐａｓｓｗｏｒｄ１": "most common", "1234567890": "most common", "qwertyuiop": "most common",
		"password1 ": "most common", " PassWord1": "most common", "pass word": "most common", "１２３４\u3000５６７８９０": "most common",
		"alicealice": "made of", "Alice.Liddell": "made of", "alice2024": "made of", "2024-ALICE!": "made of", "liddell1": "made of",
		"alice.liddell@wonder-land.example": "made of", "wonder-land": "made of", "authly123": "made of",
		"login.example.com": "made of", "AuthlyAlice": "made of", "ＡＬＩＣＥ９８１２３": "made of",
		"short": "at least 8", strings.Repeat("a", 73): "at most 72 bytes",
	} {
		_, err := p.Choose(t.Context(), alices(typed))
		refusal, ok := errors.AsType[*authn.Error](err)
		if !ok || refusal.Code != authn.CodeInvalidRequest || refusal.Field != "password" || !strings.Contains(refusal.Detail, reason) {
			t.Errorf("%q: %v, want it refused as %q", typed, err, reason)
		}
		if strings.Contains(refusal.Error(), typed) {
			t.Errorf("the refusal repeats %q", typed)
		}
	}
	for _, typed := range []string{
		"alice's password", "correct horse", "in wonderland we trust", "a9b2k3d4e5", "aaaaaaaaaaaaaa7", "97531864209", "пароль алисы", "alicia2024", strings.Repeat("Nw", 36),
	} {
		if _, err := p.Choose(t.Context(), alices(typed)); err != nil {
			t.Errorf("%q: %v", typed, err)
		}
	}
	lax := newPasswords(t, cheapBcrypt)
	for _, typed := range []string{"password1", "alicealice"} {
		if _, err := lax.Choose(t.Context(), alices(typed)); err != nil {
			t.Errorf("without a blocklist, %q: %v", typed, err)
		}
	}
}

// The list is as the search in it needs it, and as long as it says.
func TestCommonPasswords(t *testing.T) {
	list := authn.CommonPasswords()
	if len(list) < 17_000 || !slices.IsSorted(list) {
		t.Errorf("%d common passwords, sorted: %v", len(list), slices.IsSorted(list))
	}
	for _, one := range list {
		if utf8.RuneCountInString(one) < 8 || authn.FoldPassword(one) != one {
			t.Errorf("%q could never be found", one)
		}
	}
}

// Leaked passwords are refused; where it cannot be found out, or is not asked, they are taken.
func TestLeakedPasswords(t *testing.T) {
	asked := 0
	cfg := choosy()
	cfg.Breached = func(_ context.Context, prepared string) (bool, error) {
		asked++
		switch prepared {
		case "known to thieves":
			return true, nil
		case "nobody knows":
			return true, errors.New("away")
		}
		return false, nil
	}
	p := newPasswords(t, cfg)
	_, err := p.Choose(t.Context(), alices("known to thieves"))
	if refusal, ok := errors.AsType[*authn.Error](err); !ok || refusal.Field != "password" || !strings.Contains(refusal.Detail, "breach") {
		t.Errorf("a leaked password: %v", err)
	}
	for _, typed := range []string{"known to alice", "nobody knows"} {
		if _, err := p.Choose(t.Context(), alices(typed)); err != nil {
			t.Errorf("%q: %v", typed, err)
		}
	}
	if _, err := p.Choose(t.Context(), alices("password1")); err == nil || asked != 3 {
		t.Errorf("asked %d times, once about what is refused anyway: %v", asked, err)
	}
}

// No way to a new password leads past the rules.
func TestEveryNewPasswordIsChecked(t *testing.T) {
	m := newMind(t, options{passwords: choosy()})
	alice := m.user(t, "alice")
	self := &authn.Identity{UserID: alice.ID, Username: "alice"}
	common, current := "password1", password
	carol := "carol"
	for way, err := range map[string]error{
		"registration": second(m.accounts.Register(t.Context(), authn.Registration{Username: "bob", Email: "bob@example.com", Password: common}, from)),
		"an administrator's new user": second(m.accounts.Create(t.Context(), authn.Operator(), authn.NewAccount{
			Registration: authn.Registration{Username: "bob", Email: "bob@example.com", Password: common}})),
		"a change":                  second(m.accounts.Update(t.Context(), self, alice.ID, authn.AccountUpdate{Password: &common, CurrentPassword: &current}, from)),
		"an administrator's change": second(m.accounts.Update(t.Context(), authn.Operator(), alice.ID, authn.AccountUpdate{Password: &common}, from)),
		"a change to the name that is taken with it": second(m.accounts.Update(t.Context(), authn.Operator(), alice.ID,
			authn.AccountUpdate{Username: &carol, Password: new("carolcarol")}, from)),
	} {
		refusal, ok := errors.AsType[*authn.Error](err)
		if !ok || refusal.Code != authn.CodeInvalidRequest || refusal.Field != "password" {
			t.Errorf("%s: %v", way, err)
		}
	}
	empty := newMind(t, options{passwords: choosy()})
	if _, _, err := empty.accounts.Bootstrap(t.Context(), "password1"); code(t, err) != authn.CodeInvalidRequest {
		t.Errorf("the first administrator: %v", err)
	}
	if created, _, err := empty.accounts.Bootstrap(t.Context(), "the first password"); err != nil || !created {
		t.Errorf("the first administrator with a good one: %v, %v", created, err)
	}
	good := "another horse"
	if _, err := m.accounts.Update(t.Context(), self, alice.ID, authn.AccountUpdate{Password: &good, CurrentPassword: &current}, from); err != nil {
		t.Errorf("a good one: %v", err)
	}
	if _, err := m.logins.Login(t.Context(), "alice", good, from); err != nil {
		t.Errorf("and its login: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
