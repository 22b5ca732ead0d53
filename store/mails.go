package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// decoy is the kind of what is kept to do the work and not to be sent.
const decoy = "decoy"

// waits is the condition of mails that are neither given up nor decoys.
const waits = `failed_at IS NULL AND kind <> 'decoy'`

// Post keeps mails and tokens of an act that changes nothing else.
func (s *Store) Post(ctx context.Context, posts []authn.Posting, events ...authn.Event) error {
	if err := checkPosts(posts); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error {
		for _, p := range posts {
			if err := s.checkOwner(ctx, q, p); err != nil {
				return err
			}
		}
		if err := s.record(ctx, q, events...); err != nil {
			return err
		}
		return post(ctx, q, posts)
	})
}

// checkOwner locks the user of a posting's token, and refuses one whose address has changed. For a decoy nobody is locked, by the
// same statement.
func (s *Store) checkOwner(ctx context.Context, q querier, p authn.Posting) error {
	if p.Token == nil || p.Token.UserID == uuid.Nil {
		return nil
	}
	u, err := s.lockUser(ctx, q, p.Token.UserID)
	switch {
	case p.Decoy && errors.Is(err, authn.ErrUserNotFound):
		return nil
	case err != nil:
		return err
	case p.Token.Kind != authn.MailEmailChange && u.EmailKey != p.Token.EmailKey:
		return authn.ErrStale
	}
	return nil
}

// checkPosts refuses what one of the databases could not keep.
func checkPosts(posts []authn.Posting) error {
	for _, p := range posts {
		if err := checkTexts(text{"recipient", p.Mail.To, keyLimit}); err != nil {
			return err
		}
		t := p.Token
		if t == nil {
			continue
		}
		texts := []text{{"email", t.Email, keyLimit}, {"email key", t.EmailKey, keyLimit}, {"username", t.Username, keyLimit}}
		for _, role := range t.Roles {
			texts = append(texts, text{"role", role, keyLimit})
		}
		if err := checkTexts(texts...); err != nil {
			return err
		}
	}
	return nil
}

// post keeps mails with their tokens. The users of the tokens are locked.
func post(ctx context.Context, q querier, posts []authn.Posting) error {
	for _, p := range posts {
		var hash []byte
		if p.Token != nil {
			hash = p.Token.Hash
			if err := insertMailToken(ctx, q, *p.Token, p.Decoy); err != nil {
				return err
			}
		}
		m, kind := p.Mail, string(p.Mail.Kind)
		if p.Decoy {
			kind = decoy
		}
		_, err := q.ExecContext(ctx, `INSERT INTO mails (id, kind, recipient, body, sealing, data_key, token_hash, created_at,
				expires_at, due_at, attempts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)`,
			m.ID.String(), kind, m.To, m.Body, m.Sealing, dataKeyOf(m.Sealing), nullBytes(hash), micros(m.CreatedAt), micros(m.ExpiresAt), micros(m.DueAt))
		if err != nil {
			return err
		}
	}
	return nil
}

const mailColumns = `id, kind, recipient, body, sealing, created_at, expires_at, due_at, attempts`

// ClaimMail takes the mail that is due for longest, by moving it ahead to when the lease is over. That nothing is due, which it
// finds nearly always, it finds without writing.
func (s *Store) ClaimMail(ctx context.Context, now time.Time, lease time.Duration) (claimed *authn.QueuedMail, err error) {
	due := ` FROM mails WHERE ` + waits + ` AND due_at <= $1 AND expires_at > $1`
	any := false
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1`+due+`)`, micros(now)).Scan(&any)
	})
	if err != nil || !any {
		return nil, err
	}
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		claimed = nil
		m, err := scanMail(q.QueryRowContext(ctx, `UPDATE mails SET due_at = $2, attempts = attempts + 1
			WHERE id IN (SELECT id`+due+` ORDER BY due_at, id LIMIT 1`+s.engine.skipLocked+`) RETURNING `+mailColumns,
			micros(now), micros(now.Add(lease))))
		if errors.Is(err, sql.ErrNoRows) {
			return nil // another one was quicker
		}
		claimed = &m
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// scanMail reads mailColumns.
func scanMail(row interface{ Scan(columns ...any) error }) (m authn.QueuedMail, err error) {
	var created, expires, dueAt int64
	err = row.Scan(&m.ID, &m.Kind, &m.To, &m.Body, &m.Sealing, &created, &expires, &dueAt, &m.Attempts)
	m.CreatedAt, m.ExpiresAt, m.DueAt = fromMicros(created), fromMicros(expires), fromMicros(dueAt)
	return m, err
}

// FinishMail removes a mail that was sent.
func (s *Store) FinishMail(ctx context.Context, id uuid.UUID) error {
	return s.writeOne(ctx, `DELETE FROM mails WHERE id = $1`, id.String())
}

// RetryMail has a mail sent again at due.
func (s *Store) RetryMail(ctx context.Context, id uuid.UUID, due time.Time) error {
	return s.writeOne(ctx, `UPDATE mails SET due_at = $2 WHERE id = $1 AND failed_at IS NULL`, id.String(), micros(due))
}

// BuryMail keeps that a mail was given up. It is not its token's any more, and so outlives that.
func (s *Store) BuryMail(ctx context.Context, id uuid.UUID, now time.Time) error {
	return s.writeOne(ctx, `UPDATE mails SET `+buried+` WHERE id = $1 AND failed_at IS NULL`, id.String(), micros(now))
}

const buried = `failed_at = $2, body = NULL, sealing = '', data_key = NULL, token_hash = NULL`

// writeOne runs one statement in a transaction.
func (s *Store) writeOne(ctx context.Context, statement string, args ...any) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		_, err := q.ExecContext(ctx, statement, args...)
		return err
	})
}

// WaitingMails returns mails that wait, by their ids.
func (s *Store) WaitingMails(ctx context.Context, after uuid.UUID, limit int) (mails []authn.QueuedMail, err error) {
	from := ""
	if after != uuid.Nil {
		from = after.String()
	}
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, `SELECT `+mailColumns+` FROM mails
			WHERE `+waits+` AND id > $1 ORDER BY id LIMIT $2`, from, limit)
		if err != nil {
			return err
		}
		mails, err = collect(rows, func(rows *sql.Rows) (authn.QueuedMail, error) { return scanMail(rows) })
		return err
	})
	return mails, err
}

// SealMail replaces the body of a mail.
func (s *Store) SealMail(ctx context.Context, m authn.QueuedMail, before string) error {
	return s.writeOne(ctx, `UPDATE mails SET body = $2, sealing = $3, data_key = $4 WHERE id = $1 AND sealing = $5 AND `+waits,
		m.ID.String(), m.Body, m.Sealing, dataKeyOf(m.Sealing), before)
}

// MailQueue says how the mails that wait are doing.
func (s *Store) MailQueue(ctx context.Context) (queue authn.MailQueue, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		var oldest sql.NullInt64
		err := q.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM mails WHERE `+waits+`),
			(SELECT min(created_at) FROM mails WHERE `+waits+`), (SELECT count(*) FROM mails WHERE failed_at IS NOT NULL)`).
			Scan(&queue.Waiting, &oldest, &queue.Dead)
		queue.Oldest = fromNullMicros(oldest)
		return err
	})
	return queue, err
}

// PurgeMail gives up what has expired before it removes the tokens, which would take their mails with them.
func (s *Store) PurgeMail(ctx context.Context, now, before time.Time) (expired int, err error) {
	expired, err = s.purge(ctx, `UPDATE mails SET failed_at = $1, body = NULL, sealing = '', data_key = NULL, token_hash = NULL WHERE id IN (
		SELECT id FROM mails WHERE `+waits+` AND expires_at <= $1 LIMIT $2`+s.engine.skipLocked+`)`, micros(now))
	if err != nil {
		return expired, err
	}
	_, err = s.purge(ctx, `DELETE FROM mail_tokens WHERE hash IN (
		SELECT hash FROM mail_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2`+s.engine.skipLocked+`)`, micros(now))
	if err != nil {
		return expired, err
	}
	_, err = s.purge(ctx, `DELETE FROM mails WHERE id IN (
		SELECT id FROM mails WHERE failed_at < $1 LIMIT $2`+s.engine.skipLocked+`)`, micros(before))
	return expired, err
}
