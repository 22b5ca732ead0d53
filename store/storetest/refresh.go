package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func refreshCases() []promise {
	return []promise{
		{"refresh/rotates", "the old refresh token is spent, the old access token lives on, the new pair lives", refreshRotates},
		{"refresh/refusals", "each way in which a refresh token can be bad must be refused, and leave everything as it was",
			refreshRefused},
		{"refresh/chain on two replicas", "what one replica has rotated the other must know at once", refreshChain},
	}
}

func refreshRotates(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	access, refresh := login(t, s, u)
	next, nextRefresh := pairOf(u.ID, access.SessionID)
	must(t, rotate(t, s, refresh.JTI, refresh.Hash, next, nextRefresh, now))
	want(t, "the spent refresh token", liveness(t, s, refresh, now), authn.ErrTokenSpent)
	for _, token := range []authn.Token{access, next, nextRefresh} {
		must(t, liveness(t, s, token, now))
	}
	u.LastLogin = now
	stored(t, s, u) // a refresh is no login
}

func refreshRefused(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	disabled, deleted := add(t, s, person("disabled")), add(t, s, person("deleted"))
	access, refresh := login(t, s, alice)
	_, ofDisabled := login(t, s, disabled)
	_, ofDeleted := login(t, s, deleted)
	_, err := s.UpdateUser(t.Context(), disabled.ID, authn.UserChange{Active: ptr(false), EndSessions: true, Act: By(now)})
	must(t, err)
	must(t, s.DeleteUser(t.Context(), deleted.ID, By(now)))
	for _, c := range []struct {
		name          string
		jti           string
		hash          []byte
		user, session uuid.UUID
		at            time.Time
		answer        error
	}{
		{"unknown", uuid.NewString(), refresh.Hash, alice.ID, refresh.SessionID, now, authn.ErrTokenNotFound},
		{"another hash", refresh.JTI, access.Hash, alice.ID, refresh.SessionID, now, authn.ErrTokenNotFound},
		{"an access token", access.JTI, access.Hash, alice.ID, refresh.SessionID, now, authn.ErrTokenNotFound},
		{"successors of another user", refresh.JTI, refresh.Hash, bob.ID, refresh.SessionID, now, authn.ErrTokenNotFound},
		{"successors of nobody", refresh.JTI, refresh.Hash, uuid.New(), refresh.SessionID, now, authn.ErrTokenNotFound},
		{"successors of another session", refresh.JTI, refresh.Hash, alice.ID, uuid.New(), now, authn.ErrTokenNotFound},
		{"expired", refresh.JTI, refresh.Hash, alice.ID, refresh.SessionID, refresh.ExpiresAt, authn.ErrTokenSpent},
		{"a disabled user", ofDisabled.JTI, ofDisabled.Hash, disabled.ID, ofDisabled.SessionID, now, authn.ErrUserInactive},
		{"a deleted user", ofDeleted.JTI, ofDeleted.Hash, deleted.ID, ofDeleted.SessionID, now, authn.ErrUserNotFound},
		{"the same done rightly", refresh.JTI, refresh.Hash, alice.ID, refresh.SessionID, now, nil},
	} {
		next, nextRefresh := pairOf(c.user, c.session)
		want(t, c.name, rotate(t, s, c.jti, c.hash, next, nextRefresh, c.at), c.answer)
		if c.answer == nil {
			must(t, liveness(t, s, nextRefresh, now))
			continue
		}
		for _, token := range []authn.Token{next, nextRefresh} {
			want(t, c.name+": what it asked for", liveness(t, s, token, now), authn.ErrTokenNotFound)
		}
		must(t, liveness(t, s, refresh, now))
	}
}

func refreshChain(t *testing.T, db Database) {
	stores := db.replicas(t)
	u := add(t, stores[0], person("alice"))
	_, refresh := login(t, stores[0], u)
	for i := range 20 {
		next, nextRefresh := pairOf(u.ID, refresh.SessionID)
		must(t, rotate(t, stores[i%2], refresh.JTI, refresh.Hash, next, nextRefresh, now))
		want(t, "the spent token on the other replica", liveness(t, stores[1-i%2], refresh, now), authn.ErrTokenSpent)
		refresh = nextRefresh
	}
	must(t, liveness(t, stores[0], refresh, now))
}
