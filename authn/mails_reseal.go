package authn

import (
	"context"

	"github.com/google/uuid"
)

// resealStep is how many mails are read at once to be sealed anew.
const resealStep = 100

// Reseal seals anew the mails that wait and are not sealed as they would be now. Those that cannot be opened are left to the outbox,
// which says so.
func (m *Mails) Reseal(ctx context.Context) error {
	for after := uuid.Nil; ; {
		mails, err := m.cfg.Store.WaitingMails(ctx, after, resealStep)
		if err != nil || len(mails) == 0 {
			return err
		}
		for _, q := range mails {
			if err := m.resealOne(ctx, q); err != nil {
				return err
			}
		}
		after = mails[len(mails)-1].ID
	}
}

func (m *Mails) resealOne(ctx context.Context, q QueuedMail) error {
	if m.cfg.Sealer.Current(q.Sealing) {
		return nil
	}
	body, err := m.unseal(ctx, q)
	if err != nil {
		return nil
	}
	before := q.Sealing
	if q.Body, q.Sealing, err = m.cfg.Sealer.Seal(ctx, body, q.cell()); err != nil {
		return err
	}
	return m.cfg.Store.SealMail(ctx, q, before)
}
