package store

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// ListInvitations returns invitations that live, the newest first.
func (s *Store) ListInvitations(ctx context.Context, now time.Time, skip, limit int) (tokens []authn.MailToken, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, `SELECT `+mailTokenColumns+` FROM mail_tokens WHERE kind = $1 AND expires_at > $2
			ORDER BY created_at DESC, hash LIMIT $3 OFFSET $4`, string(authn.MailInvitation), micros(now), limit, skip)
		if err != nil {
			return err
		}
		tokens, err = collect(rows, func(rows *sql.Rows) (authn.MailToken, error) { return scanMailToken(rows) })
		return err
	})
	return tokens, err
}

// WithdrawInvitation removes an invitation, with the mail that carries it and waits. Its id is how its hash begins.
func (s *Store) WithdrawInvitation(ctx context.Context, id uuid.UUID, act authn.Act) error {
	if err := checkAct(act); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		t, err := scanMailToken(q.QueryRowContext(ctx, `DELETE FROM mail_tokens WHERE hash BETWEEN $1 AND $2 AND kind = $3 AND
			expires_at > $4 RETURNING `+mailTokenColumns, beginning(id, 0), beginning(id, 0xff), string(authn.MailInvitation), micros(act.At)))
		if err != nil {
			return err
		}
		return s.record(ctx, q, act.InvitationEvent(authn.EventInvitationWithdrawn, t))
	})
}

// beginning is a hash that begins with an id and goes on with one and the same byte.
func beginning(id uuid.UUID, rest byte) []byte {
	return append(id[:], bytes.Repeat([]byte{rest}, 16)...)
}
