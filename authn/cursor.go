package authn

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// A cursor is a place in a list, as a text that is opaque to clients: what it is made of may change, and so its first byte says
// which list it is of and how it is made.
const (
	eventCursor       byte = 1
	userCursor        byte = 2
	userPageCursor    byte = 3 // see cursor_pages.go
	sessionPageCursor byte = 4
)

// cursorAt returns the cursor of a place in the trail.
func cursorAt(p EventPlace) string {
	return encodeCursor(eventCursor, p.At, binary.BigEndian.AppendUint64(nil, uint64(p.ID))) // #nosec G115 -- read back as it was written
}

// parseCursor returns the place in the trail; that before the newest event for an empty cursor.
func parseCursor(cursor string) (EventPlace, error) {
	if cursor == "" {
		return EventPlace{}, nil
	}
	at, rest, ok := decodeCursor(eventCursor, cursor, 8, 8)
	if !ok {
		return EventPlace{}, RefuseField("cursor", "Invalid field: cursor must be one that a page has given")
	}
	return EventPlace{At: at, ID: int64(binary.BigEndian.Uint64(rest))}, nil // #nosec G115 -- as it was written; no event has another number
}

// UserCursor returns the cursor behind a user, for ListAfter.
func UserCursor(u User) string { return encodeCursor(userCursor, u.CreatedAt, u.ID[:]) }

func parseUserCursor(cursor string) (UserPlace, error) {
	if cursor == "" {
		return UserPlace{}, nil
	}
	at, rest, ok := decodeCursor(userCursor, cursor, idBytes, idBytes)
	if !ok {
		return UserPlace{}, RefuseField("after", "Invalid field: after must be one that a page has given")
	}
	return UserPlace{CreatedAt: at, ID: uuid.UUID(rest)}, nil
}

func encodeCursor(kind byte, at time.Time, rest []byte) string {
	bytes := binary.BigEndian.AppendUint64([]byte{kind}, uint64(at.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(bytes, rest...))
}

// decodeCursor returns what is in a cursor of the kind: a time, and from least to most bytes.
func decodeCursor(kind byte, cursor string, least, most int) (at time.Time, rest []byte, ok bool) {
	bytes, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(bytes) < 9+least || len(bytes) > 9+most || bytes[0] != kind {
		return time.Time{}, nil, false
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(bytes[1:]))).UTC(), bytes[9:], true // #nosec G115 -- as it was written; any time is a place to begin at
}
