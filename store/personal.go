package store

import (
	"context"
	"database/sql"
	"math"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// PersonalSessions returns a page of a user's sessions, with what is kept of the cookie of each.
func (s *Store) PersonalSessions(ctx context.Context, userID uuid.UUID, after authn.PersonalPlace, limit int) ([]authn.PersonalSession, error) {
	at, id := personalPlace(after)
	return queryAll(ctx, s, func(rows *sql.Rows) (p authn.PersonalSession, err error) {
		var row sessionRow
		var created, expires sql.NullInt64
		err = rows.Scan(append(row.targets(), &created, &expires)...)
		p.Session, p.CookieCreatedAt, p.CookieExpiresAt = row.value(), fromNullMicros(created), fromNullMicros(expires)
		return p, err
	}, `SELECT `+sessionColumns+`, (SELECT min(created_at) FROM cookies WHERE session_id = s.id),
			(SELECT max(expires_at) FROM cookies WHERE session_id = s.id) FROM sessions s
		WHERE s.user_id = $1 AND (s.created_at, s.id) > ($2, $3) ORDER BY s.created_at, s.id LIMIT $4`, userID.String(), at, id, limit)
}

// PersonalTokens returns a page of a user's tokens.
func (s *Store) PersonalTokens(ctx context.Context, userID uuid.UUID, after authn.PersonalPlace, limit int) ([]authn.PersonalToken, error) {
	at, id := personalPlace(after)
	return queryAll(ctx, s, func(rows *sql.Rows) (authn.PersonalToken, error) {
		var t authn.PersonalToken
		var created, expires int64
		var invalidated sql.NullInt64
		var usedBy sql.NullString
		err := rows.Scan(&t.ID, &t.Kind, &t.SessionID, &created, &expires, &invalidated, &t.ClientAddress, &t.UserAgent, &usedBy)
		t.CreatedAt, t.ExpiresAt, t.InvalidatedAt = fromMicros(created), fromMicros(expires), fromNullMicros(invalidated)
		t.UsedBy = usedBy.String
		return t, err
	}, `SELECT id, kind, session_id, created_at, expires_at, invalidated_at, client_address, user_agent, rotated_by FROM tokens
		WHERE user_id = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4`, userID.String(), at, id, limit)
}

func personalPlace(p authn.PersonalPlace) (at int64, id string) {
	if p == (authn.PersonalPlace{}) {
		return math.MinInt64, ""
	}
	return micros(p.CreatedAt), p.ID.String()
}

// PersonalMails returns mails to a user, by the address that they have or by a token of theirs.
func (s *Store) PersonalMails(ctx context.Context, user authn.User, limit int) ([]authn.PersonalMail, error) {
	return queryAll(ctx, s, func(rows *sql.Rows) (authn.PersonalMail, error) {
		var m authn.PersonalMail
		var created, expires, due int64
		var failed sql.NullInt64
		err := rows.Scan(&m.Kind, &m.To, &created, &expires, &due, &m.Attempts, &failed)
		m.CreatedAt, m.ExpiresAt, m.DueAt, m.GivenUpAt = fromMicros(created), fromMicros(expires), fromMicros(due), fromNullMicros(failed)
		return m, err
	}, `SELECT kind, recipient, created_at, expires_at, due_at, attempts, failed_at FROM mails
		WHERE kind <> 'decoy' AND (recipient = $1 OR token_hash IN (SELECT hash FROM mail_tokens WHERE user_id = $2))
		ORDER BY created_at DESC, id LIMIT $3`, user.Email, user.ID.String(), limit)
}

// PersonalLinks returns tokens that were mailed to a user.
func (s *Store) PersonalLinks(ctx context.Context, userID uuid.UUID, limit int) ([]authn.PersonalLink, error) {
	return queryAll(ctx, s, func(rows *sql.Rows) (authn.PersonalLink, error) {
		var l authn.PersonalLink
		var created, expires int64
		err := rows.Scan(&l.Kind, &l.Email, &created, &expires)
		l.CreatedAt, l.ExpiresAt = fromMicros(created), fromMicros(expires)
		return l, err
	}, `SELECT kind, email, created_at, expires_at FROM mail_tokens WHERE user_id = $1 AND kind <> 'decoy'
		ORDER BY created_at DESC, hash LIMIT $2`, userID.String(), limit)
}

// PersonalClients returns from where a user has signed in. There are never many: see RememberClient.
func (s *Store) PersonalClients(ctx context.Context, userID uuid.UUID) ([]authn.PersonalClient, error) {
	return queryAll(ctx, s, func(rows *sql.Rows) (authn.PersonalClient, error) {
		var c authn.PersonalClient
		var last int64
		err := rows.Scan(&c.Network, &last)
		c.LastUsed = fromMicros(last)
		return c, err
	}, `SELECT network, last_success FROM known_clients WHERE user_id = $1 ORDER BY last_success DESC, network, agent`, userID.String())
}

// queryAll returns the rows of one query.
func queryAll[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = collect(rows, scan)
		return err
	})
	return all, err
}

// What is kept of users, and whether their own download of it tells them: authn.PersonalData. A test compares this list with the schema of
// both databases, so that whoever adds a column thinks of those whom it is about.
//
// Told:
//
//	users         users.id users.username users.email users.is_active users.is_verified users.is_admin users.roles users.created_at
//	              users.updated_at users.last_login
//	sessions      sessions.id sessions.created_at sessions.last_seen_at sessions.ended_at sessions.client_address sessions.user_agent
//	              sessions.country sessions.city sessions.remembered cookies.session_id cookies.created_at cookies.expires_at
//	tokens        tokens.kind tokens.session_id tokens.created_at tokens.expires_at tokens.invalidated_at tokens.client_address
//	              tokens.user_agent tokens.rotated_by
//	arrivals      sign_ins.at sign_ins.client_address sign_ins.network sign_ins.device sign_ins.country sign_ins.city sign_ins.latitude
//	              sign_ins.longitude sign_ins.accuracy sign_ins.asn known_clients.network known_clients.last_success
//	mails         mails.kind mails.recipient mails.created_at mails.expires_at mails.due_at mails.attempts mails.failed_at
//	mailed tokens mail_tokens.kind mail_tokens.email mail_tokens.created_at mail_tokens.expires_at
//	audit         audit_events.id audit_events.at audit_events.kind audit_events.outcome audit_events.reason audit_events.actor_kind
//	              audit_events.actor_id audit_events.subject audit_events.session_id audit_events.client_address audit_events.user_agent
//	              audit_events.request_id audit_events.count audit_events.details audit_events.country audit_events.city
//	failures      guesses.failures guesses.last_failure guesses.locked_until
//
// Not told, since it is a secret or the hash of one, or would be of use to whoever has stolen the download:
//
//	users.password_hash tokens.hash tokens.jti tokens.claims cookies.hash handovers.hash handovers.cookie mail_tokens.hash mails.body mails.token_hash known_clients.agent
//
// Not told, since it repeats what is told, points from row to row, or is how something is kept:
//
//	users.email_key users.password_scheme sessions.user_id sessions.expires_at cookies.domain handovers.expires_at tokens.id tokens.user_id tokens.companion tokens.successor
//	tokens.key_id sign_ins.position sign_ins.user_id sign_ins.vector known_clients.user_id mails.id mails.sealing mails.data_key
//	mail_tokens.user_id mail_tokens.email_key audit_events.client_key changes.*
//
// Not told, since it is about who has guessed and from where, which events tell, or about somebody who is not a user yet:
//
//	guesses.account guesses.place guesses.locks lockouts.* mail_tokens.username mail_tokens.roles
//
// About nobody:
//
//	keys.* data_keys.* feed.* guards.* installation.* salts.* schema_version.*
