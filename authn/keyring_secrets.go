package authn

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// KeySecrets are the secrets of a configuration that sign tokens, or have signed them before, as in KeyRingConfig.
type KeySecrets struct {
	Secret, RefreshSecret                 []byte
	PreviousSecret, PreviousRefreshSecret []byte
}

// configuredSecrets are the secrets of one purpose, which may be replaced while the ring is in use.
type configuredSecrets struct {
	signs    []byte
	verifies []byte          // the previous one of the configuration
	retired  []retiredSecret // that were in use until they were replaced
}

// retiredSecret is a secret that verifies until all that it has signed has expired.
type retiredSecret struct {
	secret []byte
	until  time.Time
}

func secretsOf(uses []keyUse) map[KeyPurpose]*configuredSecrets {
	all := map[KeyPurpose]*configuredSecrets{}
	for _, use := range uses {
		all[use.purpose] = &configuredSecrets{signs: use.secret, verifies: use.previous}
	}
	return all
}

// ReplaceSecrets takes up other secrets of the configuration, without the store: from now on the new ones sign. Those of before go
// on verifying for as long as something that they have signed can live, whether the new configuration names them as previous ones or not;
// this process alone knows that. Only what there was can be replaced: with or without a secret, tokens are of other
// algorithms, and that it is gone may be a slip. Then an error says so, and nothing is changed.
func (k *KeyRing) ReplaceSecrets(s KeySecrets) error {
	if !isHMAC(k.Algorithm()) {
		s.Secret = nil // as when the ring was made
	}
	k.loadMu.Lock()
	defer k.loadMu.Unlock()
	for purpose, signs := range map[KeyPurpose][]byte{SignAccess: s.Secret, SignRefresh: s.RefreshSecret} {
		if (len(signs) > 0) != (len(k.configured[purpose].signs) > 0) {
			return fmt.Errorf("there was a secret for %s tokens and is none any more, or the reverse", purpose)
		}
	}
	k.configured[SignAccess].replace(s.Secret, s.PreviousSecret, k.now().Add(k.use(SignAccess).life))
	k.configured[SignRefresh].replace(s.RefreshSecret, s.PreviousRefreshSecret, k.now().Add(k.use(SignRefresh).life))
	next, before := k.ofConfiguration(), k.held.Load()
	next.known = before.known
	for purpose, used := range next.byPurpose {
		for _, key := range before.byPurpose[purpose].managed {
			used.managed = append(used.managed, key)
			used.add(key)
		}
	}
	k.held.Store(next)
	return nil
}

// Managed returns what looks after the keys of the ring, as the configuration is now.
func (k *KeyRing) Managed() *ManagedKeys {
	k.loadMu.Lock()
	defer k.loadMu.Unlock()
	m := &ManagedKeys{cfg: k.managed.cfg, uses: slices.Clone(k.uses), told: k.managed.told}
	for i := range m.uses {
		now := k.configured[m.uses[i].purpose]
		m.uses[i].secret, m.uses[i].previous = now.signs, now.verifies
	}
	return m
}

// replace retires what is in use and not given any more.
func (c *configuredSecrets) replace(signs, verifies []byte, until time.Time) {
	for _, old := range [][]byte{c.signs, c.verifies} {
		if len(old) > 0 && !bytes.Equal(old, signs) && !bytes.Equal(old, verifies) {
			c.retired = append(c.retired, retiredSecret{old, until})
		}
	}
	c.signs, c.verifies = signs, verifies
}

// ofConfiguration returns the keys that the secrets of the configuration make, and forgets those of which nothing is left.
func (k *KeyRing) ofConfiguration() *heldKeys {
	next := &heldKeys{byPurpose: map[KeyPurpose]*usedKeys{}, known: map[string]bool{}, closed: map[string]bool{}}
	for _, use := range k.uses {
		used := &usedKeys{use: use, verifying: map[string]*signingKey{}, byHeader: map[string]*signingKey{}}
		from := k.configured[use.purpose]
		from.retired = slices.DeleteFunc(from.retired, func(r retiredSecret) bool { return !k.now().Before(r.until) })
		for _, old := range from.retired {
			used.add(use.verifying(old.secret))
		}
		if key := use.verifying(from.verifies); key != nil {
			used.add(key)
		}
		if used.secret = use.signing(from.signs); used.secret != nil {
			used.add(used.secret)
		}
		next.byPurpose[use.purpose] = used
	}
	return next
}
