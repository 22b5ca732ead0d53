package secret

import (
	"context"
	"errors"

	"github.com/descoped/authly/authn"
)

// Abandon gives up what is sealed with a master key that is lost for good, or with a data key that was damaged, and begins anew with
// the master key that is wanted. Mails that
// wait are lost. It is refused with ErrKeySealed while there are signing keys that are lost and not revoked, and with ErrSameMaster if
// nothing is lost.
func (s *Sealer) Abandon(ctx context.Context, act authn.Act) error {
	stored, err := s.cfg.Keys.ListDataKeys(ctx)
	if err != nil {
		return err
	}
	lost := ""
	if len(stored) > 0 {
		lost = stored[len(stored)-1].Master
		_, err := s.unwrap(ctx, stored[len(stored)-1])
		switch {
		case err == nil:
			return ErrSameMaster
		case !errors.Is(err, authn.ErrNoMasterKey) && !errors.Is(err, errDamaged):
			return err
		}
	}
	master, err := s.wanted()
	if err != nil {
		return err
	}
	next, err := s.newWrapped(ctx, master, act)
	if err != nil {
		return err
	}
	return s.cfg.Keys.AbandonDataKeys(ctx, lost, s.opensDirectly(), next, act)
}

// opensDirectly returns the names under which the master keys at hand have sealed rows themselves.
func (s *Sealer) opensDirectly() (names []string) {
	all, _ := s.atHand()
	for _, one := range all {
		if master, ok := one.(*Master); ok {
			names = append(names, masterPrefix+master.mark, filePrefix+master.mark)
		}
	}
	return names
}
