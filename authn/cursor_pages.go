package authn

import (
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// What follows the time in the cursor of a page: how the list goes and on which side of the place the page lies, an id, and of
// users the name.
const (
	cursorBack     byte = 1 << iota // the page lies in front of the place
	cursorBackward                  // the list goes backward
	cursorByName                    // the list goes by names
)

const idBytes = len(uuid.UUID{})

// cursorOfUsers returns the cursor of the page behind a user, or in front of one, in a list that goes so.
func cursorOfUsers(byName, backward, back bool, u User) string {
	rest := append([]byte{flag(back, cursorBack) | flag(backward, cursorBackward) | flag(byName, cursorByName)}, u.ID[:]...)
	return encodeCursor(userPageCursor, u.CreatedAt, append(rest, u.Username...))
}

// parseCursorOfUsers refuses the cursor of a list that goes otherwise: its place would be another one there.
func parseCursorOfUsers(cursor string, byName, backward bool) (bookmark[UserPlace], error) {
	at, rest, ok := decodeCursor(userPageCursor, cursor, 1+idBytes, 1+idBytes+utf8.UTFMax*maxUsernameChars)
	how := flag(backward, cursorBackward) | flag(byName, cursorByName)
	if !ok || rest[0]&^cursorBack != how {
		return bookmark[UserPlace]{}, errCursor
	}
	name := string(rest[1+idBytes:])
	if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return bookmark[UserPlace]{}, errCursor
	}
	place := UserPlace{CreatedAt: at, ID: uuid.UUID(rest[1 : 1+idBytes]), Username: name}
	return bookmark[UserPlace]{place: &place, back: rest[0]&cursorBack != 0}, nil
}

// cursorOfSessions is the same for a list of sessions, which goes one way.
func cursorOfSessions(back bool, s Session) string {
	return encodeCursor(sessionPageCursor, s.CreatedAt, append([]byte{flag(back, cursorBack)}, s.ID[:]...))
}

func parseCursorOfSessions(cursor string) (bookmark[SessionPlace], error) {
	at, rest, ok := decodeCursor(sessionPageCursor, cursor, 1+idBytes, 1+idBytes)
	if !ok || rest[0]&^cursorBack != 0 {
		return bookmark[SessionPlace]{}, errCursor
	}
	return bookmark[SessionPlace]{
		place: &SessionPlace{CreatedAt: at, ID: uuid.UUID(rest[1:])}, back: rest[0]&cursorBack != 0,
	}, nil
}

var errCursor = RefuseField("cursor", "Invalid field: cursor must be one that a page has given")

func flag(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}
