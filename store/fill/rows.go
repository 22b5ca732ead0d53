package fill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/descoped/authly/authn"
)

// Username, UserID and SessionID are those of a number, from 0.
func Username(i int) string  { return fmt.Sprintf("user%07d", i) }
func UserID(i int) string    { return id("user", i).String() }
func SessionID(i int) string { return id("session", i).String() }

// Users adds the users 0 to n-1, active and verified. They all have the password that the hash is of, and the roles staff and
// reports; user 0 is an administrator.
func (d *Database) Users(ctx context.Context, n int, passwordHash string, created time.Time) error {
	scheme, at := authn.PasswordScheme(passwordHash), created.UnixMicro()
	return d.insert(ctx, table{
		name: "users", rows: n,
		columns: []string{"id", "username", "email", "email_key", "password_hash", "password_scheme", "is_active", "is_verified",
			"is_admin", "roles", "created_at", "updated_at"},
		row: func(i int) []any {
			email, at := Username(i)+"@example.com", at+int64(i)
			return []any{UserID(i), Username(i), email, email, passwordHash, scheme, true, true, i == 0, `["staff","reports"]`, at, at}
		},
	})
}

// Sessions adds the living sessions 0 to n-1, of the first n of so many users in turn, each with an access and a refresh token
// that nobody holds.
func (d *Database) Sessions(ctx context.Context, n, users int, created time.Time, ttl time.Duration) error {
	at, expires := created.UnixMicro(), created.Add(ttl).UnixMicro()
	err := d.insert(ctx, table{
		name: "sessions", rows: n,
		columns: []string{"id", "user_id", "created_at", "last_seen_at", "expires_at", "client_address", "user_agent"},
		row: func(i int) []any {
			return []any{SessionID(i), UserID(i % users), at + int64(i), at + int64(i), expires, "192.0.2.1", userAgent}
		},
	})
	if err != nil {
		return err
	}
	return d.insert(ctx, table{
		name: "tokens", rows: 2 * n,
		columns: []string{"id", "jti", "kind", "user_id", "session_id", "hash", "created_at", "expires_at", "client_address",
			"user_agent", "companion"},
		row: func(i int) []any {
			kind, companion := authn.AccessToken, any(nil)
			if i%2 == 1 {
				kind, companion = authn.RefreshToken, jti(i-1)
			}
			hash := sha256.Sum256([]byte(jti(i)))
			return []any{id("token", i).String(), jti(i), string(kind), UserID(i / 2 % users), SessionID(i / 2), hash[:],
				at + int64(i/2), expires, "192.0.2.1", userAgent, companion}
		},
	})
}

const userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

func jti(i int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "jti %d", i))
	return hex.EncodeToString(sum[:])
}

// Ended adds n sessions that have ended to the feed of changes: what a replica has to remember.
func (d *Database) Ended(ctx context.Context, n int, at time.Time) error {
	return d.insert(ctx, table{
		name: "changes", rows: n,
		columns: []string{"kind", "user_id", "session_id", "made_at"},
		row: func(i int) []any {
			return []any{string(authn.SessionEnded), id("gone user", i).String(), id("gone session", i).String(), at.UnixMicro()}
		},
	})
}

// Events adds n events to the audit trail, evenly over a time: of users in turn who log in, every tenth with a wrong password.
func (d *Database) Events(ctx context.Context, n, users int, since, until time.Time) error {
	return d.insert(ctx, table{
		name: "audit_events", rows: n,
		columns: []string{"at", "kind", "outcome", "reason", "actor_kind", "actor_id", "subject", "session_id", "client_address",
			"client_key", "user_agent", "request_id", "count", "details"},
		row: func(i int) []any {
			at, user := since.Add(until.Sub(since)/time.Duration(n)*time.Duration(i)).UnixMicro(), UserID(i%users)
			kind, outcome, reason, actor, id := authn.EventLogin, authn.Success, "", authn.ActorUser, user
			if i%10 == 9 {
				kind, outcome, reason = authn.EventLoginFailed, authn.Failure, string(authn.CodeInvalidGrant)
				actor, id = authn.ActorAnonymous, ""
			}
			return []any{at, string(kind), string(outcome), reason, string(actor), id, user, SessionID(i), "192.0.2.1",
				"00000000000000000000ffffc0000201", userAgent, jti(i)[:32], 1, "{}"}
		},
	})
}
