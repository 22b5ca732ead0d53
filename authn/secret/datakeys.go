package secret

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/descoped/authly/authn"
)

// Load looks at the store for data keys, and makes the first one if there is none. An error means that the newest one cannot be
// used: then none is made, nothing is changed, and those that are held go on.
func (s *Sealer) Load(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	stored, err := s.cfg.Keys.ListDataKeys(ctx)
	if err != nil {
		return fmt.Errorf("data keys: %w", err)
	}
	if len(stored) == 0 {
		first, err := s.addFirst(ctx)
		if err != nil {
			return err
		}
		stored = []authn.DataKey{first}
	}
	held := map[string]*dataKey{}
	for _, key := range stored {
		if held[key.ID], err = s.unwrapped(ctx, key); err != nil {
			delete(held, key.ID)
		}
	}
	if s.hold(held, stored) {
		s.cfg.Log.InfoContext(ctx, "there is a new data key", "event", "data_key_added", "data_key", stored[len(stored)-1].ID)
	}
	return err // of the newest
}

// unwrapped returns a data key of the store ready for use. The master key is asked for new ones only.
func (s *Sealer) unwrapped(ctx context.Context, stored authn.DataKey) (*dataKey, error) {
	s.mu.RLock()
	held := s.held[stored.ID]
	s.mu.RUnlock()
	if held != nil {
		return held, nil
	}
	key, err := s.unwrap(ctx, stored)
	if err != nil {
		return nil, err
	}
	return s.newDataKey(stored.ID, key)
}

func (s *Sealer) unwrap(ctx context.Context, stored authn.DataKey) ([]byte, error) {
	master, err := s.wrapper(stored.Master)
	if err != nil {
		return nil, err
	}
	bound, err := s.bound(ctx, stored.ID)
	if err != nil {
		return nil, err
	}
	key, err := master.Unwrap(ctx, stored.Wrapped, bound)
	_, known := master.(*Master) // by its fingerprint; an HSM by a label, which another one may have
	switch {
	case known && errors.Is(err, authn.ErrNoMasterKey):
		return nil, fmt.Errorf("the data key %s: %w, or is of another database", stored.ID, errDamaged)
	case err != nil:
		return nil, fmt.Errorf("the data key %s: %w", stored.ID, err)
	case len(key) != chacha20poly1305.KeySize:
		return nil, fmt.Errorf("the data key %s: %w: it is of another length", stored.ID, errDamaged)
	}
	return key, nil
}

// bound is what a wrapped data key belongs to.
func (s *Sealer) bound(ctx context.Context, id string) (string, error) {
	installation, err := s.cfg.Keys.Installation(ctx)
	if err != nil {
		return "", fmt.Errorf("data keys: %w", err)
	}
	return "authly data key\x00" + installation + "\x00" + id, nil
}

// addFirst makes the first data key, unless there are rows that a master key has sealed which is not at hand: then the one that is
// would be wrong.
func (s *Sealer) addFirst(ctx context.Context) (authn.DataKey, error) {
	names, err := s.cfg.Keys.Sealings(ctx)
	if err != nil {
		return authn.DataKey{}, fmt.Errorf("data keys: %w", err)
	}
	for _, name := range names {
		if _, sealed := authn.DataKeyOf(name); name == "" || sealed {
			continue
		}
		if _, err := s.direct(name); err != nil {
			return authn.DataKey{}, err
		}
	}
	master, err := s.wanted()
	if err != nil {
		return authn.DataKey{}, err
	}
	return s.add(ctx, master, "", systemAct(s.cfg.Now()))
}

// add makes a data key and keeps it, unless the last one is not the one that is given: then that is returned.
func (s *Sealer) add(ctx context.Context, master Wrapper, after string, act authn.Act) (authn.DataKey, error) {
	candidate, err := s.newWrapped(ctx, master, act)
	if err != nil {
		return authn.DataKey{}, err
	}
	return s.cfg.Keys.AddDataKey(ctx, candidate, after, act)
}

// newWrapped makes a data key.
func (s *Sealer) newWrapped(ctx context.Context, master Wrapper, act authn.Act) (authn.DataKey, error) {
	id, key := make([]byte, 8), make([]byte, chacha20poly1305.KeySize)
	rand.Read(id) // never fails
	rand.Read(key)
	defer clear(key)
	made := authn.DataKey{ID: hex.EncodeToString(id), Master: master.Name(), CreatedAt: act.At}
	bound, err := s.bound(ctx, made.ID)
	if err != nil {
		return authn.DataKey{}, err
	}
	if made.Wrapped, err = master.Wrap(ctx, key, bound); err != nil {
		return authn.DataKey{}, fmt.Errorf("wrapping a data key with %s: %w", master.Name(), err)
	}
	return made, nil
}
