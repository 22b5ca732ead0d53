package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// longestLabel is how long the label of a token can be, in bytes (PKCS #11, CK_TOKEN_INFO).
const longestLabel = 32

// checkHSM looks at the token that makes keys, and at what it is asked to sign.
func (d *decoder) checkHSM() {
	p := d.config.Keys.PKCS11
	if !d.config.HasHSM() {
		if p.TokenLabel != "" || p.PIN != "" {
			d.bad(d.eitherGiven("keys.pkcs11.token_label", "keys.pkcs11.pin"), "names a token and no keys.pkcs11.module to find it with, expected both or neither")
		}
		return
	}
	if !filepath.IsAbs(p.Module) {
		d.bad("keys.pkcs11.module", "is no whole path of a library, expected one such as /usr/lib/softhsm/libsofthsm2.so")
	}
	switch {
	case p.TokenLabel == "":
		d.bad("keys.pkcs11.token_label", "is missing, expected the label of the token to use")
	case len(p.TokenLabel) > longestLabel || strings.TrimSpace(p.TokenLabel) != p.TokenLabel:
		d.bad("keys.pkcs11.token_label", "can be no token's, expected at most 32 bytes without space at either end")
	}
	switch {
	case p.PIN == "":
		d.bad("keys.pkcs11.pin", "is missing, expected the PIN of the token's user, best given as AUTHLY_KEYS_PKCS11_PIN_FILE")
	case strings.TrimSpace(string(p.PIN)) == "":
		d.bad("keys.pkcs11.pin", "is nothing but space, expected the PIN of the token's user")
	}
	d.checkAlgorithmOfHSM()
}

// checkAlgorithmOfHSM looks whether an HSM can sign access tokens. Ed25519 is in few of them, and an HMAC is no secret of one who
// signs alone.
func (d *decoder) checkAlgorithmOfHSM() {
	const expected = "an HSM signs with ES256, RS256 or PS256, expected tokens.algorithm to be one of these"
	switch algorithm := d.config.Algorithm(); {
	case slices.Contains([]string{"ES256", "RS256", "PS256"}, algorithm):
	case d.config.Tokens.Algorithm == "":
		d.bad(d.eitherGiven("tokens.secret_key", "keys.pkcs11.module"),
			"would sign access tokens beside keys.pkcs11: "+expected+", or no tokens.secret_key")
	default:
		d.bad("tokens.algorithm", "is none that keys.pkcs11 can sign with: "+expected+", or empty for ES256")
	}
}
