package config

import "testing"

// An HSM signs with what it can, without being told: ES256, unless another one of its algorithms is chosen.
func TestAlgorithmOfHSM(t *testing.T) {
	const token = "keys: {pkcs11: {module: /usr/lib/softhsm/libsofthsm2.so, token_label: authly, pin: \"1234\"}}\n"
	for text, want := range map[string]string{
		token: "ES256", token + "tokens: {algorithm: PS256}": "PS256", token + "tokens: {algorithm: RS256}": "RS256", "keys: {}": "EdDSA",
	} {
		c, err := load("config.yaml", []byte(text), true, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Algorithm(); got != want || c.HasHSM() != (want != "EdDSA") {
			t.Errorf("%s: %s", text, got)
		}
	}
	c, err := load("config.yaml", nil, true, []string{
		"AUTHLY_KEYS_PKCS11_MODULE=/lib.so", "AUTHLY_KEYS_PKCS11_TOKEN_LABEL=authly", "AUTHLY_KEYS_PKCS11_PIN=1234", "DATABASE_URL=postgres://h/d?sslmode=verify-full",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range c.Warnings() {
		if w.Key == "keys.master_key" {
			t.Errorf("a warning without a reason: %s", w)
		}
	}
}
