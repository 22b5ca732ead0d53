package secret

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/descoped/authly/authn"
)

// Replaced says what ReplaceMaster has done.
type Replaced struct {
	Before, After string // the names of the master keys; the same if there was nothing to do
	DataKeys      int    // that were wrapped anew
	File          string // the key file that was replaced by another one; empty: none was
}

// ErrSameMaster means that the configuration names no other master key than the one that is in use.
var ErrSameMaster = errors.New("the database is sealed with the master key that is configured already")

// ReplaceMaster wraps all data keys with another master key, in one transaction, and adds a data key that the one of before has never
// wrapped: what is sealed anew is out of its reach. Which master key that is, the configuration says; or where it is in a file, and
// is the one in use, another one is made in the place of that file.
//
// It may be killed at any time and called again. Others go on sealing and opening with the data keys that they hold. ErrSameMaster,
// ErrNoMasterKey if the one in use is not at hand.
func (s *Sealer) ReplaceMaster(ctx context.Context, act authn.Act) (Replaced, error) {
	if s.cfg.Current == nil && s.cfg.File != nil { // of those who replace a file at once each replaces that of the one before
		unlock, err := lockFolder(filepath.Dir(s.cfg.File.path))
		if err != nil {
			return Replaced{}, fmt.Errorf("the key file: %w", err)
		}
		defer unlock()
	}
	if err := s.Load(ctx); err != nil {
		return Replaced{}, err
	}
	for {
		done, err := s.tryReplace(ctx, act)
		if errors.Is(err, authn.ErrStale) { // somebody has added a data key, or has done the same
			continue
		}
		if err != nil {
			return Replaced{}, err
		}
		return done, s.Load(ctx)
	}
}

func (s *Sealer) tryReplace(ctx context.Context, act authn.Act) (Replaced, error) {
	stored, err := s.cfg.Keys.ListDataKeys(ctx)
	if err != nil {
		return Replaced{}, err
	}
	inUse := stored[len(stored)-1].Master
	master, file, err := s.successor(inUse)
	if err != nil {
		return Replaced{}, err
	}
	done := Replaced{Before: inUse, After: master.Name()}
	if inUse != master.Name() {
		if err := s.rewrap(ctx, stored, master, act); err != nil {
			return Replaced{}, err
		}
		done.DataKeys = len(stored)
	}
	if file {
		done.File = s.cfg.File.path
		return done, s.cfg.File.settle()
	}
	return done, nil
}

// successor returns the master key that is to take the place of the one in use, and whether it is in the next key file.
func (s *Sealer) successor(inUse string) (master Wrapper, file bool, err error) {
	if s.cfg.Current != nil {
		if s.cfg.Current.Name() == inUse {
			return nil, false, ErrSameMaster
		}
		return s.cfg.Current, false, nil
	}
	present, next, err := s.cfg.File.read()
	switch {
	case err != nil && (next == nil || next.Name() != inUse || !errors.Is(err, fs.ErrNotExist)):
		return nil, false, err
	case next != nil:
		return next, true, nil // one that was killed has made it
	case present.Name() != inUse:
		return present, false, nil // the one in use is a previous one of the configuration
	}
	next, err = s.cfg.File.readOrMakeNext()
	return next, true, err
}

// rewrap wraps data keys with another master key.
func (s *Sealer) rewrap(ctx context.Context, stored []authn.DataKey, master Wrapper, act authn.Act) error {
	rewrapped := make([]authn.DataKey, 0, len(stored))
	for _, key := range stored {
		again, err := s.wrapAgain(ctx, key, master)
		if err != nil {
			return err
		}
		rewrapped = append(rewrapped, again)
	}
	next, err := s.newWrapped(ctx, master, act)
	if err != nil {
		return err
	}
	return s.cfg.Keys.ReplaceMaster(ctx, rewrapped, next, stored[len(stored)-1].Master, act)
}

func (s *Sealer) wrapAgain(ctx context.Context, key authn.DataKey, master Wrapper) (authn.DataKey, error) {
	plain, err := s.unwrap(ctx, key)
	if err != nil {
		return authn.DataKey{}, err
	}
	defer clear(plain)
	bound, err := s.bound(ctx, key.ID)
	if err != nil {
		return authn.DataKey{}, err
	}
	key.Master = master.Name()
	if key.Wrapped, err = master.Wrap(ctx, plain, bound); err != nil {
		return authn.DataKey{}, fmt.Errorf("wrapping a data key with %s: %w", master.Name(), err)
	}
	return key, nil
}

// TellPrevious warns if the master key in use is not the one that the configuration asks for: then another act is to follow.
func (s *Sealer) TellPrevious(ctx context.Context) error {
	stored, err := s.cfg.Keys.ListDataKeys(ctx)
	if err != nil || len(stored) == 0 {
		return err
	}
	wanted, err := s.wanted()
	if inUse := stored[len(stored)-1].Master; err == nil && wanted.Name() != inUse {
		s.cfg.Log.WarnContext(ctx, "the previous master key is still in use: when all replicas have both, run authly key rotate-master",
			"master_key", inUse, "configured", wanted.Name())
	}
	return nil
}

// Adopt has a master key of the configuration take the place of the key file that Authly has made, if that is in use: who sets one
// later need not do anything else. Before there are data keys there is nothing to do.
func (s *Sealer) Adopt(ctx context.Context) error {
	if s.cfg.Current == nil || s.cfg.File == nil {
		return nil
	}
	stored, err := s.cfg.Keys.ListDataKeys(ctx)
	if err != nil || len(stored) == 0 {
		return err
	}
	present, next, _ := s.cfg.File.read()
	inUse := stored[len(stored)-1].Master
	for _, one := range []*Master{present, next} {
		if one == nil || one.Name() != inUse || inUse == s.cfg.Current.Name() {
			continue
		}
		done, err := s.ReplaceMaster(ctx, systemAct(s.cfg.Now()))
		if err != nil {
			return err
		}
		s.cfg.Log.InfoContext(ctx, "the configured master key has taken the place of the key file", "event", "master_key_replaced",
			"master_key", done.After, "key_file", s.cfg.File.path)
		return nil
	}
	return nil
}
