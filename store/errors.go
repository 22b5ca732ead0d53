package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"unicode/utf8"

	"github.com/descoped/authly/authn"
)

// ErrInvalidText is returned for a text that one of the databases could not keep as it is: not UTF-8, with a NUL, or too
// long. PostgreSQL would refuse it and SQLite would not; here both refuse it, before anything is asked of the database.
var ErrInvalidText = errors.New("store: a text is not valid")

// The names that the unique constraints have in the migrations of both databases.
const (
	usernameUnique = "users_username_unique"
	emailUnique    = "users_email_unique"
)

// fault turns what an act returned into what the interfaces of authn promise.
func (s *Store) fault(ctx context.Context, err error) error {
	switch {
	case err == nil || isAnswer(err):
		return err
	case s.engine.violated(err) == usernameUnique:
		return authn.ErrUsernameTaken
	case s.engine.violated(err) == emailUnique:
		return authn.ErrEmailTaken
	case ctx.Err() != nil || isDisconnect(err) || s.engine.unavailable(err) || s.engine.again(err):
		return unavailable(err)
	}
	return fmt.Errorf("store: %w", err)
}

func unavailable(cause error) error { return fmt.Errorf("%w: %w", authn.ErrUnavailable, cause) }

// isAnswer reports whether err is an outcome that authn's interfaces name rather than a fault.
func isAnswer(err error) bool {
	for _, answer := range []error{
		authn.ErrUserNotFound, authn.ErrUserInactive, authn.ErrUsernameTaken, authn.ErrEmailTaken,
		authn.ErrLastAdministrator, authn.ErrTokenNotFound, authn.ErrTokenSpent, authn.ErrStale, authn.ErrChanged,
		authn.ErrTokenReused, authn.ErrSessionNotFound, authn.ErrTooManySessions, authn.ErrFeedReset,
		authn.ErrKeyNotFound, authn.ErrKeyRevoked, authn.ErrKeySealed, authn.ErrUnavailable, ErrInvalidText,
	} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// isDisconnect reports whether err says that there is no connection, whatever the database.
func isDisconnect(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		strings.HasSuffix(err.Error(), "sql: database is closed") // database/sql keeps this error to itself
}

// A text is a value on its way into the database, with the name and the greatest length in bytes that it may have.
type text struct {
	name  string
	value string
	limit int
}

// The greatest lengths in bytes. PostgreSQL cannot index more than about 2,700.
const (
	keyLimit   = 1024
	placeLimit = 128 // of each part of a key that has several
	longLimit  = 64 << 10
)

// checkTexts returns ErrInvalidText, naming the first text that cannot be kept and never repeating it.
func checkTexts(texts ...text) error {
	for _, t := range texts {
		switch {
		case len(t.value) > t.limit:
			return fmt.Errorf("%w: %s is longer than %d bytes", ErrInvalidText, t.name, t.limit)
		case !utf8.ValidString(t.value):
			return fmt.Errorf("%w: %s is not UTF-8", ErrInvalidText, t.name)
		case strings.IndexByte(t.value, 0) >= 0:
			return fmt.Errorf("%w: %s contains NUL", ErrInvalidText, t.name)
		}
	}
	return nil
}

// storable reports whether a key could be in the database at all.
func storable(key string) bool { return checkTexts(text{"", key, keyLimit}) == nil }

// isEOF reports whether the other side closed the connection.
func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
