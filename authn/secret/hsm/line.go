//go:build pkcs11

package hsm

import (
	"crypto"
	"crypto/cipher"
	"errors"
	"sync"

	"github.com/ThalesGroup/crypto11"
)

// line is one connection to a token: a login, sessions, and what was found through them. Handles mean nothing on another line.
type line struct {
	context *crypto11.Context

	mu      sync.Mutex
	signers map[string]crypto11.Signer // by the id
	masters map[string]cipher.AEAD     // by the id
	master  string                     // the id of the one that wraps
}

// connect finds the token, looks whether it can do what it has to, logs in, and finds the master key. The first time that is made if
// there is none; later its lack means that somebody has put another token in the place of the first.
func connect(cfg Config, first bool) (*line, error) {
	if err := probe(cfg); err != nil {
		return nil, err
	}
	context, err := login(cfg)
	switch {
	case err == nil:
		return begin(cfg, context, first)
	case says(err, []string{"CKR_PIN_INCORRECT", "CKR_PIN_INVALID", "CKR_PIN_LEN_RANGE"}):
		return nil, refused("the token %q refuses keys.pkcs11.pin, which is not tried again, since tokens lock themselves after a few "+
			"wrong ones: correct it and start Authly anew", cfg.Label)
	case says(err, []string{"CKR_PIN_LOCKED"}):
		return nil, refused("the PIN of the token %q is locked: its security officer sets a new one", cfg.Label)
	case says(err, []string{"CKR_PIN_EXPIRED"}):
		return nil, refused("the PIN of the token %q has expired: set a new one", cfg.Label)
	}
	return nil, away("logging in to the token %q: %v", cfg.Label, err)
}

// login gives the token the PIN, and keeps no copy of it: crypto11 needs it as a text, and no longer than that.
func login(cfg Config) (context *crypto11.Context, err error) {
	to := &crypto11.Config{
		Path: cfg.Module, TokenLabel: cfg.Label, MaxSessions: sessions + 1, PoolWaitTimeout: cfg.Patience, GCMIVLength: nonceBytes,
	}
	err = cfg.PIN.Use(func(pin []byte) (err error) {
		to.Pin = string(pin)
		context, err = crypto11.Configure(to)
		to.Pin = ""
		return err
	})
	return context, err
}

// begin makes a line of a login.
func begin(cfg Config, context *crypto11.Context, first bool) (*line, error) {
	l := &line{context: context, signers: map[string]crypto11.Signer{}, masters: map[string]cipher.AEAD{}}
	err := l.takeMaster(first)
	if err == nil {
		return l, nil
	}
	_ = context.Close()
	return nil, away("the master key in the token %q: %v", cfg.Label, err)
}

// look asks something small of the token.
func (l *line) look() error {
	_, err := l.wrap(nil, "")
	return err
}

// signer returns the key with the id. One with another public half is none: somebody has exchanged it, or the token.
func (l *line) signer(id string, public crypto.PublicKey) (crypto11.Signer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.signers[id]; known != nil && isOf(known, public) {
		return known, nil
	}
	found, err := l.find(id)
	if err != nil {
		return nil, err
	}
	for _, key := range found {
		if isOf(key, public) {
			l.signers[id] = key
			return key, nil
		}
	}
	missing := away("the token has no signing key %s, or another one of that id", id)
	missing.Missing = true
	return nil, missing
}

// isOf reports whether a key has the public half.
func isOf(key crypto11.Signer, public crypto.PublicKey) bool {
	same, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && same.Equal(public)
}

// find returns the key pairs with an id. Who is no longer logged in finds nothing, without being told: then it is said here.
func (l *line) find(id string) ([]crypto11.Signer, error) {
	raw, err := idBytes(id)
	if err != nil {
		return nil, err
	}
	found, err := l.context.FindKeyPairs(raw, nil)
	if err == nil && len(found) == 0 {
		err = l.isLoggedIn()
	}
	return found, err
}

// errLoggedOut is why nothing is found that is not for everybody's eyes.
var errLoggedOut = errors.New("CKR_USER_NOT_LOGGED_IN: the master key is not to be seen")

// isLoggedIn finds out whether there is still a login, by looking for something that is there and private.
func (l *line) isLoggedIn() error {
	id, err := idBytes(l.master)
	if err != nil {
		return err
	}
	found, err := l.context.FindKeys(id, []byte(masterLabel))
	if err == nil && len(found) == 0 {
		err = errLoggedOut
	}
	return err
}

// forget drops what is known of a key.
func (l *line) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.signers, id)
}

var errNoID = errors.New("the id of a key is hexadecimal")
