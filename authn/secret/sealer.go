// Package secret is where key material comes from and how it is sealed at rest: who has a copy of the database, but not the
// master key, has no signing key and no token.
//
// There are three layers. A master key, of the configuration, in a file or in an HSM, is a Wrapper. It wraps data keys, which are
// in the store and few. Data keys seal rows: signing keys, mails with tokens in them, and whatever else must be read back as it is.
// So the master key can be replaced without touching a row, an HSM is asked when a process starts and not for each row, and data
// keys are replaced by themselves.
//
// Rows are sealed with XChaCha20-Poly1305. Its nonces have 192 bits, so that replicas can draw them at random for as long as they
// like; with AES-GCM they would have to count together, and stop at 2³². What is sealed is bound to its table, column and row, and
// data keys are bound to their database and id: what is copied elsewhere does not open.
//
// What is wrapped or sealed names what it was done with, by a fingerprint that does not help to guess the key. So a wrong master
// key is told from a damaged database, and a key file that is lost from a master key that is not set, before anything is made
// anew that would log everybody out.
package secret

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/descoped/authly/authn"
)

// Config is what a Sealer needs.
type Config struct {
	Keys     authn.DataKeyStore // required
	Current  Wrapper            // the master key to use; nil: the one in File
	File     *KeyFile           // the file is made when it is first needed, if there is no Current; nil: there is none
	Previous []Wrapper          // master keys of before, which unwrap what they have wrapped
	Memory   *Memory            // where data keys lie, and the master key in File; nil: on the heap

	RotateEvery time.Duration // for so long a data key seals; 0: for ever
	Now         func() time.Time
	Log         *slog.Logger // nil: nothing is logged
}

// Sealer seals with the last data key of the store, and opens with any of them. It also opens what versions before there were data
// keys have sealed with a master key itself. It is safe for concurrent use.
type Sealer struct {
	cfg Config

	loading sync.Mutex // one look at the store at a time

	mu     sync.RWMutex
	held   map[string]*dataKey // that are unwrapped, by their ids
	active *dataKey            // seals; nil: nothing was loaded yet
	newest string              // the id of the last one in the store, which may be one that cannot be unwrapped here
	stale  bool                // there may be rows that are not sealed with the newest
	open   bool                // there were rows that were not sealed at all, and the database was not told to forget them yet
}

var _ authn.Sealer = (*Sealer)(nil)

// NewSealer returns a Sealer. Nothing is read yet.
func NewSealer(cfg Config) *Sealer {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.File != nil {
		cfg.File = cfg.File.in(cfg.Memory)
	}
	return &Sealer{cfg: cfg, held: map[string]*dataKey{}, stale: true}
}

// dataKey is a data key that is unwrapped.
type dataKey struct {
	id   string
	aead cipher.AEAD
}

// Seal encrypts with the last data key, and makes one if there is none.
func (s *Sealer) Seal(ctx context.Context, material []byte, at authn.Cell) (sealed []byte, sealing string, err error) {
	key := s.sealing()
	if key == nil {
		if err := s.Load(ctx); err != nil {
			return nil, "", err
		}
		key = s.sealing()
	}
	nonce := make([]byte, key.aead.NonceSize(), key.aead.NonceSize()+len(material)+key.aead.Overhead())
	rand.Read(nonce) // never fails
	if sealed = key.aead.Seal(nonce, nonce, material, []byte(at.Bound())); sealed == nil {
		return nil, "", ErrReleased
	}
	return sealed, authn.SealingOf(key.id), nil
}

func (s *Sealer) sealing() *dataKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.active
}

var errDamaged = errors.New("it was damaged or exchanged in the database")

// Open decrypts what Seal has made.
func (s *Sealer) Open(ctx context.Context, sealed []byte, sealing string, at authn.Cell) ([]byte, error) {
	id, ok := authn.DataKeyOf(sealing)
	if !ok {
		return s.openDirect(sealed, sealing, at.Of)
	}
	key, err := s.opening(ctx, id)
	if err != nil {
		return nil, err
	}
	size := key.aead.NonceSize()
	if len(sealed) < size {
		return nil, errDamaged
	}
	material, err := key.aead.Open(nil, sealed[:size], sealed[size:], []byte(at.Bound()))
	switch {
	case errors.Is(err, ErrReleased):
		return nil, err
	case err != nil:
		return nil, errDamaged
	}
	return material, nil
}

// opening returns a data key, after a look at the store if it is not known.
func (s *Sealer) opening(ctx context.Context, id string) (*dataKey, error) {
	find := func() *dataKey {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.held[id]
	}
	if key := find(); key != nil {
		return key, nil
	}
	err := s.Load(ctx)
	switch key := find(); {
	case key != nil:
		return key, nil
	case err != nil:
		return nil, err
	}
	return nil, fmt.Errorf("it is sealed with the data key %s, which this database does not have", id)
}

// Current reports whether Seal would use the same, or something older: a replica that cannot unwrap the newest data key leaves
// alone what others have sealed with it.
func (s *Sealer) Current(sealing string) bool {
	id, ok := authn.DataKeyOf(sealing)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return ok && s.active != nil && (id == s.active.id || id == s.newest)
}

// hold takes what a look at the store has found, and reports whether the newest data key is another one than before.
func (s *Sealer) hold(held map[string]*dataKey, stored []authn.DataKey) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	newest := stored[len(stored)-1].ID
	changed = s.newest != "" && s.newest != newest
	s.held, s.newest, s.active = held, newest, nil
	for _, key := range stored {
		if held[key.ID] != nil {
			s.active = held[key.ID]
		}
	}
	s.stale = s.stale || changed
	return changed
}

// newDataKey returns a data key ready for use, which is taken: it is zeros afterwards.
func (s *Sealer) newDataKey(id string, key []byte) (*dataKey, error) {
	aead, err := s.cfg.Memory.aead(key, xChaCha20Poly1305)
	if err != nil {
		return nil, err
	}
	return &dataKey{id: id, aead: aead}, nil
}
