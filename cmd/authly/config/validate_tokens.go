package config

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

func (d *decoder) checkTokens() {
	t := &d.config.Tokens
	if t.Audience == "" {
		d.bad("tokens.audience", "is empty, expected a name such as authly")
	}
	d.checkMaterial("tokens.secret_key", t.SecretKey)
	d.checkMaterial("tokens.refresh_secret_key", t.RefreshSecretKey)
	d.checkMaterial("tokens.secret_key_previous", t.SecretKeyPrevious)
	d.checkMaterial("tokens.refresh_secret_key_previous", t.RefreshSecretKeyPrevious)
	d.checkMaterial(MasterKeyPath, d.config.Keys.MasterKey)
	d.checkMaterial(previousMasterKeyPath, d.config.Keys.MasterKeyPrevious)
	if t.RefreshTTL < t.AccessTTL {
		d.bad(d.eitherGiven("tokens.refresh_ttl", "tokens.access_ttl"),
			"access tokens would outlive refresh tokens, expected tokens.refresh_ttl to be at least tokens.access_ttl")
	}
	d.checkEncryptedClaims()
	d.checkKeys()
	d.checkHSM()
	if r := d.config.Revocation; r.MaxStaleness > 0 && r.MaxStaleness < 2*r.PollInterval {
		d.bad(d.eitherGiven("revocation.max_staleness", "revocation.poll_interval"),
			"memory would be distrusted between two looks, expected revocation.max_staleness to be 0s or at least twice revocation.poll_interval")
	}
	if idle := d.config.Sessions.IdleTimeout; idle > 0 && idle < 2*time.Minute {
		d.bad("sessions.idle_timeout", // that a session is used is noted once a minute, and written some time later
			"would end sessions that are in use, expected 0s for never, or at least 2m")
	}
	if age := d.config.Streams.MaxAge; age > 0 && age < time.Second {
		d.bad("streams.max_age", "would cut ordinary requests, expected 0s for no bound, or at least 1s")
	}
	if kept := d.config.Audit.Retention; kept > 0 && kept < time.Hour {
		d.bad("audit.retention", "would remove events before anybody can look at them, expected 0s for ever, or at least 1h")
	}
	d.checkClients()
	d.checkPasswords()
}

func (d *decoder) checkPasswords() {
	p := d.config.Passwords
	if p.Argon2id.Memory < 8*p.Argon2id.Parallelism {
		d.bad("passwords.argon2id.memory", "is too little, expected at least 8 KiB for each of passwords.argon2id.parallelism")
	}
	u, err := url.Parse(p.BreachURL)
	if p.BreachURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || !strings.HasSuffix(p.BreachURL, "/")) {
		d.bad("passwords.breach_url", "is no URL to which five digits can be added, expected one of http or https without user and password "+
			"that ends with a slash, such as https://api.pwnedpasswords.com/range/")
	}
}

// checkKeys looks at how long the keys that Authly makes sign.
func (d *decoder) checkKeys() {
	k := d.config.Keys
	switch {
	case k.MasterKey != "" && k.MasterKeyFile != "":
		d.bad("keys.master_key_file", "is given beside keys.master_key, expected only one of them")
	case k.MasterKey != "" && k.MasterKey == k.MasterKeyPrevious:
		d.bad("keys.master_key_previous", "is the same as keys.master_key, expected the one of before")
	}
	if every := k.RotateDataKeysEvery; every > 0 && every < time.Hour {
		d.bad("keys.rotate_data_keys_every", "is too short, expected 0s for never, or at least 1h")
	}
	switch {
	case k.RotateEvery == 0:
	case k.RotateEvery < time.Hour:
		d.bad("keys.rotate_every", "is too short, expected 0s for never, or at least 1h")
	case k.RotateEvery < d.config.Tokens.AccessTTL:
		d.bad(d.eitherGiven("keys.rotate_every", "tokens.access_ttl"),
			"keys would be replaced before the tokens that they sign expire, expected keys.rotate_every to be at least tokens.access_ttl")
	}
}

func (d *decoder) checkEncryptedClaims() {
	names := d.config.Tokens.EncryptedClaims
	for i, name := range names {
		switch path := at("tokens.encrypted_claims", i); {
		case !slices.Contains(authn.EncryptableClaims(), name):
			d.bad(path, "is no claim that can be encrypted, expected %s", either(authn.EncryptableClaims(), "or"))
		case slices.Contains(names[:i], name):
			d.bad(path, "is given twice, expected each claim once")
		}
	}
}

// checkClients looks at the programs that may ask about tokens.
func (d *decoder) checkClients() {
	first := map[string]string{}
	for i, c := range d.config.Clients {
		path := at("clients", i)
		d.checkName(path, "id", "client", c.ID, first)
		switch {
		case c.SecretHash == "":
			d.bad(join(path, "secret_hash"), "is missing, expected a hash as authly hash prints it")
		case authn.CheckPasswordHash(string(c.SecretHash)) != nil:
			d.bad(join(path, "secret_hash"), "is no hash, expected a bcrypt or argon2id hash as authly hash prints it")
		}
	}
}

// eitherGiven returns the first path that has a value of its own, for a mistake that lies in two values.
func (d *decoder) eitherGiven(paths ...string) string {
	for _, path := range paths {
		if _, ok := d.places[path]; ok {
			return path
		}
	}
	return paths[0]
}
