package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

// filePrefix began the names of key files; now the name of a master key does not tell where it comes from.
const filePrefix = "file:"

// wanted returns the master key that the configuration asks for, after making the key file if that is it and there is none.
func (s *Sealer) wanted() (Wrapper, error) {
	switch {
	case s.cfg.Current != nil:
		return s.cfg.Current, nil
	case s.cfg.File != nil:
		return s.cfg.File.readOrMake()
	}
	return nil, fmt.Errorf("%w: keys.master_key (AUTHLY_MASTER_KEY) is not set", authn.ErrNoMasterKey)
}

// wrapper returns the master key of that name, or says what is missing.
func (s *Sealer) wrapper(name string) (Wrapper, error) {
	all, missing := s.atHand()
	for _, one := range all {
		if one.Name() == name {
			return one, nil
		}
	}
	return nil, s.lacks("the database is sealed with the master key "+name, missing)
}

// atHand returns all master keys that there are. Why the key file cannot be read is told only if none of them is the right one.
func (s *Sealer) atHand() (all []Wrapper, missing error) {
	if s.cfg.Current != nil {
		all = append(all, s.cfg.Current)
	}
	if s.cfg.File != nil {
		present, next, err := s.cfg.File.read()
		for _, one := range []*Master{present, next} {
			if one != nil {
				all = append(all, one)
			}
		}
		missing = err
	}
	return append(all, s.cfg.Previous...), missing
}

// lacks says what to do where a master key is not at hand.
func (s *Sealer) lacks(what string, missing error) error {
	const set = "keys.master_key (AUTHLY_MASTER_KEY)"
	switch {
	case s.cfg.Current != nil:
		return fmt.Errorf("%s, which %s is not, nor keys.master_key_previous: set it to the one that was used (%w)", what, set, authn.ErrNoMasterKey)
	case s.cfg.File == nil:
		return fmt.Errorf("%s, and %s is not set: set it to the one that was used (%w)", what, set, authn.ErrNoMasterKey)
	case errors.Is(missing, fs.ErrNotExist):
		return fmt.Errorf("%s, and %s is not set: %w (%w)", what, set, missing, authn.ErrNoMasterKey)
	case missing != nil:
		return fmt.Errorf("%s: %w (%w)", what, missing, authn.ErrNoMasterKey)
	}
	return fmt.Errorf("%s, and %s is not set: the key file %s is not the one, bring that one back (%w)", what, set, s.cfg.File.path, authn.ErrNoMasterKey)
}

// openDirect opens what a version before there were data keys has sealed with a master key itself.
func (s *Sealer) openDirect(sealed []byte, sealing, bound string) ([]byte, error) {
	master, err := s.direct(sealing)
	if err != nil {
		return nil, err
	}
	material, err := master.sealed.Open(nil, nil, sealed, []byte(bound))
	if err != nil {
		return nil, errDamaged
	}
	return material, nil
}

// direct returns the master key that has sealed rows itself under that name.
func (s *Sealer) direct(sealing string) (*Master, error) {
	mark, ok := strings.CutPrefix(sealing, masterPrefix)
	if !ok {
		mark, ok = strings.CutPrefix(sealing, filePrefix)
	}
	if !ok {
		return nil, errors.New("it is sealed in a way that this version does not know")
	}
	all, missing := s.atHand()
	for _, one := range all {
		if master, ok := one.(*Master); ok && master.mark == mark {
			return master, nil
		}
	}
	return nil, s.lacks("it is sealed with the master key "+masterPrefix+mark, missing)
}

// systemAct is what Authly does by itself.
func systemAct(at time.Time) authn.Act {
	return authn.Act{By: authn.Actor{Kind: authn.ActorSystem}, At: at}
}
