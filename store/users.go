package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

const userColumns = `u.id, u.username, u.email, u.email_key, u.password_hash, u.is_active, u.is_verified, u.is_admin,
	u.roles, u.created_at, u.updated_at, u.last_login`

// userRow is where a row of userColumns is scanned to.
type userRow struct {
	user             authn.User
	roles            string
	created, updated int64
	lastLogin        sql.NullInt64
}

func (r *userRow) targets() []any {
	u := &r.user
	return []any{&u.ID, &u.Username, &u.Email, &u.EmailKey, &u.PasswordHash, &u.Active, &u.Verified, &u.Admin,
		&r.roles, &r.created, &r.updated, &r.lastLogin}
}

func (r *userRow) value() (authn.User, error) {
	roles, err := decodeRoles(r.roles)
	if err != nil {
		return authn.User{}, err
	}
	r.user.Roles = roles
	r.user.CreatedAt, r.user.UpdatedAt = fromMicros(r.created), fromMicros(r.updated)
	r.user.LastLogin = fromNullMicros(r.lastLogin)
	return r.user, nil
}

// scanUser returns authn.ErrUserNotFound if there is no row.
func scanUser(row *sql.Row) (authn.User, error) {
	var r userRow
	if err := row.Scan(r.targets()...); errors.Is(err, sql.ErrNoRows) {
		return authn.User{}, authn.ErrUserNotFound
	} else if err != nil {
		return authn.User{}, err
	}
	return r.value()
}

// checkUser refuses what one of the databases could not keep.
func checkUser(u authn.User) error {
	texts := []text{
		{"username", u.Username, keyLimit}, {"email", u.Email, keyLimit}, {"email key", u.EmailKey, keyLimit},
		{"password hash", u.PasswordHash, keyLimit},
	}
	for _, role := range u.Roles {
		texts = append(texts, text{"role", role, keyLimit})
	}
	return checkTexts(texts...)
}

// CreateUser adds u as it stands.
func (s *Store) CreateUser(ctx context.Context, u authn.User, act authn.Act) error {
	if err := checkUser(u); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q querier) error { return s.insertUser(ctx, q, u, act) })
}

// CreateFirstUser adds u if no user and no first start was before it. The row that records the first start is inserted
// before anything is looked at: of replicas that start at once, the others wait for it and then find it.
func (s *Store) CreateFirstUser(ctx context.Context, u authn.User, act authn.Act) (added bool, err error) {
	if err := checkUser(u); err != nil {
		return false, err
	}
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		added = false
		recorded, err := affected(q.ExecContext(ctx,
			`INSERT INTO guards (name, since) VALUES ('first_start', $1) ON CONFLICT (name) DO NOTHING`, micros(u.CreatedAt)))
		if err != nil || recorded == 0 {
			return err
		}
		var exists bool
		if err := q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users)`).Scan(&exists); err != nil || exists {
			return err
		}
		added = true
		return s.insertUser(ctx, q, u, act)
	})
	return added && err == nil, err
}

func (s *Store) insertUser(ctx context.Context, q querier, u authn.User, act authn.Act) error {
	roles, err := encodeRoles(u.Roles)
	if err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, `INSERT INTO users (id, username, email, email_key, password_hash, password_scheme,
			is_active, is_verified, is_admin, roles, created_at, updated_at, last_login)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		u.ID.String(), u.Username, u.Email, u.EmailKey, u.PasswordHash, authn.PasswordScheme(u.PasswordHash),
		u.Active, u.Verified, u.Admin, roles, micros(u.CreatedAt), micros(u.UpdatedAt), nullMicros(u.LastLogin))
	if err != nil {
		return err
	}
	return s.record(ctx, q, act.CreatedEvent(u))
}

// UserByID returns a user or authn.ErrUserNotFound.
func (s *Store) UserByID(ctx context.Context, id uuid.UUID) (authn.User, error) {
	return s.userBy(ctx, "id", id.String())
}

// UserByUsername returns a user or authn.ErrUserNotFound.
func (s *Store) UserByUsername(ctx context.Context, username string) (authn.User, error) {
	return s.userBy(ctx, "username", username)
}

// UserByEmailKey returns a user or authn.ErrUserNotFound.
func (s *Store) UserByEmailKey(ctx context.Context, emailKey string) (authn.User, error) {
	return s.userBy(ctx, "email_key", emailKey)
}

// userBy looks up by a column, which is never from outside. A value that cannot be kept cannot be found.
func (s *Store) userBy(ctx context.Context, column, value string) (u authn.User, err error) {
	if !storable(value) {
		return authn.User{}, authn.ErrUserNotFound
	}
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		u, err = scanUser(q.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users u WHERE u.`+column+` = $1`, value))
		return err
	})
	return u, err
}

// ListUsers returns a page of users in order of creation. The page is found in the index alone, so that skipping many users
// does not read them.
func (s *Store) ListUsers(ctx context.Context, skip, limit int) (users []authn.User, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		users, err = queryUsers(ctx, q, `SELECT `+userColumns+` FROM users u
			WHERE u.id IN (SELECT id FROM users ORDER BY created_at, id LIMIT $1 OFFSET $2)
			ORDER BY u.created_at, u.id`, max(limit, 0), max(skip, 0))
		return err
	})
	return users, err
}

// ListUsersAfter returns a page of users in order of creation.
func (s *Store) ListUsersAfter(ctx context.Context, after authn.UserPlace, limit int) (users []authn.User, err error) {
	at, id := int64(math.MinInt64), ""
	if after != (authn.UserPlace{}) {
		at, id = micros(after.CreatedAt), after.ID.String()
	}
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		users, err = queryUsers(ctx, q, `SELECT `+userColumns+` FROM users u
			WHERE (u.created_at, u.id) > ($1, $2) ORDER BY u.created_at, u.id LIMIT $3`, at, id, max(limit, 0))
		return err
	})
	return users, err
}

func queryUsers(ctx context.Context, q querier, query string, args ...any) ([]authn.User, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(rows *sql.Rows) (authn.User, error) {
		var r userRow
		if err := rows.Scan(r.targets()...); err != nil {
			return authn.User{}, err
		}
		return r.value()
	})
}

// UpdateUser applies c to the user, whose row is locked first.
func (s *Store) UpdateUser(ctx context.Context, id uuid.UUID, c authn.UserChange) (u authn.User, err error) {
	if err := checkChange(c); err != nil {
		return authn.User{}, err
	}
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		heeds(q)
		old, err := s.lockUser(ctx, q, id)
		if err != nil {
			return err
		}
		u, err = s.changeLocked(ctx, q, old, c)
		return err
	})
	if err != nil {
		return authn.User{}, err
	}
	return u, nil
}

// checkChange refuses what one of the databases could not keep.
func checkChange(c authn.UserChange) error {
	return errors.Join(checkUser(changeUser(authn.User{}, c)), checkPosts(c.Posts), checkAct(c.Act))
}

// changeLocked applies c to a user whose row is locked, with everything that the change brings about.
func (s *Store) changeLocked(ctx context.Context, q querier, old authn.User, c authn.UserChange) (authn.User, error) {
	if c.IfPasswordHash != nil && old.PasswordHash != *c.IfPasswordHash {
		return authn.User{}, authn.ErrStale
	}
	if !c.IfUpdatedAt.IsZero() && micros(old.UpdatedAt) != micros(c.IfUpdatedAt) {
		return authn.User{}, authn.ErrChanged
	}
	u := changeUser(old, c)
	if err := s.keepAdministrator(ctx, q, old, u.Active && u.Admin); err != nil {
		return authn.User{}, err
	}
	if err := updateUser(ctx, q, u); err != nil {
		return authn.User{}, err
	}
	var over ended
	if c.EndSessions {
		var err error
		if over, err = s.endSessions(ctx, q, old.ID, c.KeepSession, c.Act.At); err != nil {
			return authn.User{}, err
		}
	}
	moreOver, err := s.renewCookies(ctx, q, old, u, c)
	if err != nil {
		return authn.User{}, err
	}
	over.sessions, over.tokens = append(over.sessions, moreOver.sessions...), over.tokens+moreOver.tokens
	if err := outdateMail(ctx, q, old, c); err != nil {
		return authn.User{}, err
	}
	if err := post(ctx, q, c.Posts); err != nil {
		return authn.User{}, err
	}
	if err := s.recordChange(ctx, q, c, old, u, over); err != nil || !seenByOthers(old, u) {
		return u, err
	}
	return u, s.announce(ctx, q, authn.Change{Kind: authn.UserChanged, UserID: old.ID, At: c.Act.At})
}

// recordChange writes the events of a change of a user. The last of them tells how many sessions ended.
func (s *Store) recordChange(ctx context.Context, q querier, c authn.UserChange, old, u authn.User, over ended) error {
	events := c.Act.UserEvents(old, u)
	if len(events) == 0 && over.any() {
		events = append(events, c.Act.Event(authn.EventSessionRevoked, u.ID))
	}
	if last := len(events) - 1; last >= 0 {
		events[last] = events[last].Ended(len(over.sessions), over.tokens)
	}
	return s.record(ctx, q, append(events, c.Events...)...)
}

// seenByOthers reports whether a user differs in what tokens, identity headers or rules say of them.
func seenByOthers(old, u authn.User) bool {
	return old.Username != u.Username || old.Email != u.Email || old.EmailKey != u.EmailKey || old.Active != u.Active ||
		old.Verified != u.Verified || old.Admin != u.Admin || !slices.Equal(old.Roles, u.Roles)
}

// changeUser returns u with the change, with times as the database keeps them.
func changeUser(u authn.User, c authn.UserChange) authn.User {
	if c.EmailKey != nil && *c.EmailKey != u.EmailKey {
		u.Verified = false // unless c says otherwise: nobody has verified this address
	}
	set(&u.Username, c.Username)
	set(&u.Email, c.Email)
	set(&u.EmailKey, c.EmailKey)
	set(&u.PasswordHash, c.PasswordHash)
	set(&u.Active, c.Active)
	set(&u.Verified, c.Verified)
	set(&u.Admin, c.Admin)
	set(&u.LastLogin, c.LastLogin)
	if c.Roles != nil {
		u.Roles = append([]string{}, *c.Roles...)
	}
	u.UpdatedAt = fromMicros(micros(c.Act.At))
	if !u.LastLogin.IsZero() {
		u.LastLogin = fromMicros(micros(u.LastLogin))
	}
	return u
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func updateUser(ctx context.Context, q querier, u authn.User) error {
	roles, err := encodeRoles(u.Roles)
	if err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, `UPDATE users SET username = $2, email = $3, email_key = $4, password_hash = $5,
			password_scheme = $6, is_active = $7, is_verified = $8, is_admin = $9, roles = $10, updated_at = $11,
			last_login = $12 WHERE id = $1`,
		u.ID.String(), u.Username, u.Email, u.EmailKey, u.PasswordHash, authn.PasswordScheme(u.PasswordHash),
		u.Active, u.Verified, u.Admin, roles, micros(u.UpdatedAt), nullMicros(u.LastLogin))
	return err
}

// DeleteUser removes the user; sessions and tokens go with the row.
func (s *Store) DeleteUser(ctx context.Context, id uuid.UUID, act authn.Act) error {
	return s.write(ctx, func(ctx context.Context, q querier) error {
		heeds(q)
		old, err := s.lockUser(ctx, q, id)
		if err != nil {
			return err
		}
		if err := s.keepAdministrator(ctx, q, old, false); err != nil {
			return err
		}
		over, err := s.endSessions(ctx, q, id, uuid.Nil, act.At)
		if err != nil {
			return err
		}
		if _, err = q.ExecContext(ctx, `DELETE FROM users WHERE id = $1`, id.String()); err != nil {
			return err
		}
		e := act.Event(authn.EventUserDeleted, id).With(authn.DetailUsername, old.Username).Ended(len(over.sessions), over.tokens)
		if err := s.record(ctx, q, e); err != nil {
			return err
		}
		return s.announce(ctx, q, authn.Change{Kind: authn.UserChanged, UserID: id, At: act.At})
	})
}

// lockUser returns the user as committed, and keeps every other act on this user waiting until the transaction ends.
func (s *Store) lockUser(ctx context.Context, q querier, id uuid.UUID) (authn.User, error) {
	return scanUser(q.QueryRowContext(ctx,
		`SELECT `+userColumns+` FROM users u WHERE u.id = $1`+s.engine.forUpdate, id.String()))
}

// keepAdministrator returns authn.ErrLastAdministrator if old is the only active administrator and will not stay one. Two
// administrators who remove each other hold different users' rows; the guard makes the second one see what the first did.
func (s *Store) keepAdministrator(ctx context.Context, q querier, old authn.User, stays bool) error {
	if stays || !old.Admin || !old.Active {
		return nil
	}
	if err := s.lockGuard(ctx, q, "administrators"); err != nil {
		return err
	}
	var others bool
	err := q.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM users WHERE is_admin AND is_active AND id <> $1)`, old.ID.String()).Scan(&others)
	if err == nil && !others {
		err = authn.ErrLastAdministrator
	}
	return err
}

// lockGuard waits for the named guard and holds it until the transaction ends.
func (s *Store) lockGuard(ctx context.Context, q querier, name string) error {
	var since int64
	return q.QueryRowContext(ctx, `SELECT since FROM guards WHERE name = $1`+s.engine.forUpdate, name).Scan(&since)
}

// PasswordSchemes counts users by the scheme of their password. It reads a whole index: about a tenth of a second for a
// million users.
func (s *Store) PasswordSchemes(ctx context.Context) (schemes map[string]int, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, `SELECT password_scheme, count(*) FROM users GROUP BY password_scheme`)
		if err != nil {
			return err
		}
		schemes = map[string]int{}
		_, err = collect(rows, func(rows *sql.Rows) (struct{}, error) {
			var scheme string
			var count int
			err := rows.Scan(&scheme, &count)
			schemes[scheme] = count
			return struct{}{}, err
		})
		return err
	})
	return schemes, err
}
