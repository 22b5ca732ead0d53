package authn_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/descoped/authly/authn"
)

var (
	cheapBcrypt = authn.PasswordsConfig{Algorithm: authn.Bcrypt, BcryptCost: 4, MinLength: 8}
	cheapArgon  = authn.PasswordsConfig{
		Algorithm: authn.Argon2id, MinLength: 8, Argon2id: authn.Argon2Params{Memory: 64, Iterations: 1, Parallelism: 1},
	}
)

func newPasswords(t *testing.T, cfg authn.PasswordsConfig) *authn.Passwords {
	t.Helper()
	p, err := authn.NewPasswords(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBothAlgorithmsVerifyBoth(t *testing.T) {
	both := []*authn.Passwords{newPasswords(t, cheapBcrypt), newPasswords(t, cheapArgon)}
	for i, p := range both {
		hash, err := p.Hash(t.Context(), authn.Client{}, password)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range both {
			right, err := q.Compare(t.Context(), hash, password)
			wrong, wrongErr := q.Compare(t.Context(), hash, password+"x")
			if !right || wrong || err != nil || wrongErr != nil {
				t.Errorf("%s: right %v, wrong %v, %v, %v", hash[:8], right, wrong, err, wrongErr)
			}
		}
		if p.Outdated(hash) || !both[1-i].Outdated(hash) {
			t.Errorf("%s: outdated for its own algorithm or not for the other", hash[:8])
		}
		if err := authn.CheckPasswordHash(hash); err != nil {
			t.Errorf("%s: %v", hash[:8], err)
		}
	}
}

func TestPrepareRefusesBadPasswords(t *testing.T) {
	p := newPasswords(t, cheapBcrypt)
	for _, typed := range []string{"", "short", "seven77", "nul\x00nul\x00nul", "line\nfeed\nline", "\xff\xff\xff\xff\xff\xff\xff\xff\xff", strings.Repeat("a", 73), strings.Repeat("ü", 37)} {
		_, err := p.Prepare("password", typed)
		if code(t, err) != authn.CodeInvalidRequest || err.(*authn.Error).Field != "password" {
			t.Errorf("%q: %v, want a refusal", typed, err)
		}
		if typed != "" && strings.Contains(err.Error(), typed) {
			t.Errorf("the error repeats %q", typed)
		}
	}
	for _, typed := range []string{"eight888", "with spaces in it", strings.Repeat("a", 72), strings.Repeat("ü", 36), "пароль-пароль"} {
		if _, err := p.Prepare("password", typed); err != nil {
			t.Errorf("%q: %v", typed, err)
		}
	}
	long, err := newPasswords(t, cheapArgon).Prepare("password", strings.Repeat("a", 1000))
	if err != nil || len(long) != 1000 {
		t.Errorf("argon2id takes long passwords: %v", err)
	}
}

// What follows byte 72 is not ignored: a password that agrees up to there is another one.
func TestBcryptNeverCuts(t *testing.T) {
	p := newPasswords(t, cheapBcrypt)
	hash, err := p.Hash(t.Context(), authn.Client{}, strings.Repeat("a", 72))
	if err != nil {
		t.Fatal(err)
	}
	if right, err := p.Compare(t.Context(), hash, strings.Repeat("a", 72)); !right || err != nil {
		t.Errorf("the password itself: %v, %v", right, err)
	}
	for _, typed := range []string{strings.Repeat("a", 73), strings.Repeat("a", 72) + "b", strings.Repeat("a", 100_000)} {
		if right, _ := p.Compare(t.Context(), hash, typed); right {
			t.Errorf("%d bytes match a password of 72", len(typed))
		}
	}
}

// Hashes of other programs, which name bcrypt's version otherwise.
func TestHashesMadeElsewhere(t *testing.T) {
	p := newPasswords(t, cheapBcrypt)
	htpasswd, err := exec.CommandContext(t.Context(), "htpasswd", "-nbBC", "5", "alice", password).Output()
	if err != nil {
		t.Fatalf("htpasswd (package apache2-utils): %v", err)
	}
	python, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c",
		"import bcrypt, sys; print(bcrypt.hashpw(sys.argv[1].encode(), bcrypt.gensalt(5)).decode())", password).Output()
	if err != nil {
		t.Fatalf("Python's bcrypt (package python3-bcrypt): %v", err)
	}
	for prefix, hash := range map[string]string{
		"$2y$": strings.TrimPrefix(strings.TrimSpace(string(htpasswd)), "alice:"), "$2b$": strings.TrimSpace(string(python)),
	} {
		if !strings.HasPrefix(hash, prefix) {
			t.Fatalf("%.4s is not the version under test, %s", hash, prefix)
		}
		if err := authn.CheckPasswordHash(hash); err != nil {
			t.Errorf("%s: %v", prefix, err)
		}
		right, _ := p.Compare(t.Context(), hash, password)
		wrong, _ := p.Compare(t.Context(), hash, "another password")
		if !right || wrong {
			t.Errorf("%s: right %v, wrong %v", prefix, right, wrong)
		}
	}
}

func TestCheckPasswordHashRefuses(t *testing.T) {
	good, err := newPasswords(t, cheapBcrypt).Hash(t.Context(), authn.Client{}, password)
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{
		"", password, good[:59], good + "x", "$1" + good[2:], "$2x" + good[3:], strings.Replace(good, "$04$", "$31$", 1), strings.Replace(good, "$04$", "$99$", 1),
		"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ", "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg",
		"$argon2id$v=18$m=64,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg", "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg",
		"{SSHA}abc", "plain$2a$",
	} {
		if code(t, authn.CheckPasswordHash(hash)) != authn.CodeInvalidRequest {
			t.Errorf("%q is accepted", hash)
		}
	}
	if err := authn.CheckPasswordHash("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg"); err != nil {
		t.Errorf("a good argon2id hash: %v", err)
	}
}

// A dummy hash that cannot be parsed would be compared in no time, and tell which names exist.
func TestDummyHashesDoTheWork(t *testing.T) {
	for _, scheme := range []string{"$2$04$", "$2$10$", "$argon2id$v=19$m=64,t=1,p=1$"} {
		hash := authn.DummyHash(scheme)
		if got := authn.PasswordScheme(hash); got != scheme {
			t.Errorf("dummy of %s has scheme %q", scheme, got)
		}
		if err := authn.CheckPasswordHash(hash); err != nil {
			t.Errorf("dummy of %s: %v", scheme, err)
		}
		if strings.HasPrefix(scheme, "$2$") {
			err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password))
			if !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
				t.Errorf("dummy of %s: %v, want a mismatch after the work", scheme, err)
			}
		}
	}
}

// Names that do not exist cost what names that do exist cost: schemes are drawn by their shares, each name always the same.
func TestUnknownNamesDrawSchemesByShare(t *testing.T) {
	counts := authn.SchemeDraws(map[string]int{"$2$04$": 300, "$2$10$": 100, "": 5}, 4000)
	if len(counts) != 2 || counts["$2$04$"] < 2800 || counts["$2$04$"] > 3200 {
		t.Errorf("draws from 3:1 are %v", counts)
	}
	if counts := authn.SchemeDraws(nil, 10); counts["fallback"] != 10 {
		t.Errorf("draws from nothing are %v", counts)
	}
}

func TestNewPasswordsRefusesBadConfiguration(t *testing.T) {
	for _, cfg := range []authn.PasswordsConfig{
		{}, {Algorithm: "md5"}, {Algorithm: authn.Bcrypt, BcryptCost: 3}, {Algorithm: authn.Bcrypt, BcryptCost: 32}, {Algorithm: authn.Argon2id},
	} {
		if _, err := authn.NewPasswords(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}
