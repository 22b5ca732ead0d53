package authn_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
)

func TestParseUsername(t *testing.T) {
	for typed, want := range map[string]string{
		"alice": "alice", "Alice": "alice", "ALICE": "alice", "ａｌｉｃｅ": "alice", "Ａlice": "alice",
		"jörg": "jörg", "JÖRG": "jörg", "jo\u0308rg": "jörg", "a.b-c_d+e": "a.b-c_d+e", strings.Repeat("ü", 50): strings.Repeat("ü", 50),
	} {
		if got, err := authn.ParseUsername(typed); err != nil || got != want {
			t.Errorf("ParseUsername(%q) = %q, %v, want %q", typed, got, err, want)
		}
	}
	for _, typed := range []string{
		"", " ", "a b", "alice@example.com", "ａ＠b", "al\u00adice", "alice\u200b", "a\x00b", "a\nb", "\xff", "a\u202eb",
		strings.Repeat("a", 51), strings.Repeat("ü", 51), "①", "ᴀ\u0000",
	} {
		got, err := authn.ParseUsername(typed)
		if code(t, err) != authn.CodeInvalidRequest || got != "" || err.(*authn.Error).Field != "username" {
			t.Errorf("ParseUsername(%q) = %q, %v, want a refusal", typed, got, err)
		}
	}
}

func TestParseEmail(t *testing.T) {
	for typed, want := range map[string]string{
		"a@example.com": "a@example.com", "A.B+c@Example.COM": "a.b+c@example.com", "admin@localhost": "admin@localhost",
		"jörg@example.com": "jörg@example.com", strings.Repeat("a", 64) + "@example.com": strings.Repeat("a", 64) + "@example.com",
	} {
		if got, err := authn.ParseEmail(typed); err != nil || got != want {
			t.Errorf("ParseEmail(%q) = %q, %v, want %q", typed, got, err, want)
		}
	}
	for _, typed := range []string{
		"", "a", "@", "a@", "@b", "a@b@c", "A <a@example.com>", "<a@example.com>", `"a b"@example.com`, "a@example.com\r\nBcc: b@example.com",
		"a@example.com, b@example.com", " a@example.com", "a@example.com ", "a@[192.0.2.7]", "a(b)@example.com", "a\x00@example.com", "\xff@example.com",
		strings.Repeat("a", 250) + "@example.com", "a\u200b@example.com",
	} {
		if got, err := authn.ParseEmail(typed); code(t, err) != authn.CodeInvalidRequest || got != "" {
			t.Errorf("ParseEmail(%q) = %q, %v, want a refusal", typed, got, err)
		}
	}
}

func TestParseRoles(t *testing.T) {
	got, err := authn.ParseRoles([]string{"staff", "admin", "staff", "team lead", "büro"})
	if diff := cmp.Diff([]string{"admin", "büro", "staff", "team lead"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := authn.ParseRoles(nil); err != nil || got == nil || len(got) != 0 {
		t.Errorf("no roles: %#v, %v", got, err)
	}
	tooMany := make([]string, 60)
	for i := range tooMany {
		tooMany[i] = strings.Repeat("r", 20)
	}
	for _, typed := range [][]string{{""}, {"a,b"}, {" a"}, {"a\r\nb"}, {"\x00"}, {"\xff"}, {strings.Repeat("a", 65)}, tooMany} {
		if got, err := authn.ParseRoles(typed); code(t, err) != authn.CodeInvalidRequest || got != nil {
			t.Errorf("ParseRoles(%q) = %q, %v, want a refusal", typed, got, err)
		}
	}
}
