package secret_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/secret"
)

// The rules: what is no secret stops the start, what is weak is warned of, and random bytes pass whatever they look like.
func TestRules(t *testing.T) {
	const good = "0123456789abcdef0123456789abcdef"
	for _, test := range []struct {
		name   string
		secret string
		least  int
		want   secret.Flaw
	}{
		{"empty", "", 32, secret.FlawEmpty},
		{"space", " \t\r\n  ", 0, secret.FlawEmpty},
		{"words of documentation", "your-secret-key", 32, secret.FlawPublished},
		{"in another spelling", "Your_Secret Key!", 32, secret.FlawPublished},
		{"changeme", "changeme", 32, secret.FlawPublished},
		{"jwt.io", "your-256-bit-secret", 32, secret.FlawPublished},
		{"jwt.io since", "a-string-secret-at-least-256-bits-long", 32, secret.FlawPublished},
		{"FastAPI", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", 32, secret.FlawPublished},
		{"FastAPI in capitals", "09D25E094FAA6CA2556C818166B7A9563B93F7099F6F0F4CAA6CF63B88E8D3E7", 32, secret.FlawPublished},
		{"RFC 7515", "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", 32, secret.FlawPublished},
		{"Spring", "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970", 32, secret.FlawPublished},
		{"PostgREST", "reallyreallyreallyreallyverysafe", 32, secret.FlawPublished},
		{"a letter off", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e8", 32, secret.FlawNone},
		{"a placeholder", "your_jwt_secret_key_change_in_production_min32chars", 32, secret.FlawPlaceholder},
		{"another", "<REPLACE ME with 32 random bytes>", 32, secret.FlawPlaceholder},
		{"a command that nobody ran", "$(openssl rand -base64 32)", 32, secret.FlawPlaceholder},
		{"of Django", "django-insecure-k3v9x!2m@q8z#w7e$r5t%y6u&i0o", 32, secret.FlawPlaceholder},
		{"words that are no placeholder", "the change of the year is a secret key of ours", 32, secret.FlawNone},
		{"one character", strings.Repeat("a", 40), 32, secret.FlawOneByte},
		{"one byte", "a", 0, secret.FlawOneByte},
		{"31 bytes", good[:31], 32, secret.FlawShort},
		{"32 bytes", good, 32, secret.FlawNone},
		{"32 bytes for HS384", good, 48, secret.FlawShort},
		{"short and nothing asked", "x7", 0, secret.FlawNone + secret.FlawUniform},
		{"a word again and again", strings.Repeat("hunter2", 6), 32, secret.FlawRepeated},
		{"not to its end", strings.Repeat("hunter2", 5) + "hunt", 32, secret.FlawRepeated},
		{"a long piece again", good + good, 32, secret.FlawNone},
		{"two different", "abbabaababbbaabaabbabbabababaabb", 32, secret.FlawUniform},
		{"seven different", "aabcdefgagfedcbagcebdfagebcafdgc", 32, secret.FlawUniform},
		{"eight different", "aabcdefghgfedcbagcebdfagebcafdgc", 32, secret.FlawNone},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := secret.Judge([]byte(test.secret), test.least)
			if got != test.want {
				t.Fatalf("flaw %d, want %d", got, test.want)
			}
			if got.Stops() != (got.Problem() != "" && got != secret.FlawShort) {
				t.Error("what stops the start has no words, or the reverse")
			}
			if got != secret.FlawNone && !got.Stops() && !strings.HasSuffix(got.Warning(test.least), ".") {
				t.Errorf("the warning: %q", got.Warning(test.least))
			}
			if got == secret.FlawNone && got.Problem()+got.Warning(test.least) != "" {
				t.Error("something is said of a good secret")
			}
		})
	}
}

// What is made as the documentation says is never complained of.
func TestRandomSecretsAreGood(t *testing.T) {
	raw := make([]byte, 32)
	for range 2000 {
		rand.Read(raw)
		for _, text := range []string{hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw), string(raw)} {
			if flaw := secret.Judge([]byte(text), 32); flaw != secret.FlawNone {
				t.Fatalf("flaw %d of %q", flaw, text)
			}
		}
	}
}
