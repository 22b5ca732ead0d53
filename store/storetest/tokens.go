package storetest

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func tokenCases() []promise {
	return []promise{
		{"token/kept as given", "what a session is listed by must be what was kept", tokenKept},
		{"token/owner", "each way in which a token can be bad must be refused, and the same token used rightly accepted", tokenOwner},
		{"token/owner as of now", "a role taken away must be gone with the next request, not with the next login", ownerIsFresh},
		{"token/issue", "a login must not begin for a user who was deleted, disabled or changed the password meanwhile", issueRefused},
		{"token/same id again", "two tokens with one id could not be told apart when one is revoked", tokenIDsUnique},
		{"token/a pair belongs together", "a successor of another user would be a way into that account", pairsBelong},
		{"token/purge", "expired tokens must go and living ones stay", purgeTokens},
		{"token/purge many", "a purge removes everything, in however many steps", purgeMany},
	}
}

func tokenKept(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	access, refresh := pair(u)
	refresh.ClientAddress, refresh.UserAgent = "", ""
	at := now.Add(1500 * time.Nanosecond)
	must(t, begin(t, s, access, refresh, hash, at))
	u.LastLogin = at.Truncate(time.Microsecond)
	for _, token := range []authn.Token{access, refresh} {
		owner, got, err := s.TokenOwner(t.Context(), token.Kind, token.JTI, token.Hash, now)
		must(t, err)
		equal(t, "the token", got, token)
		equal(t, "its owner", owner, u)
	}
	stored(t, s, u) // the login is no change: UpdatedAt stays
}

func tokenOwner(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	access, refresh := login(t, s, u)
	_, other := login(t, s, u)
	ask := func(kind authn.TokenKind, jti string, hash []byte, at time.Time) error {
		owner, _, err := s.TokenOwner(t.Context(), kind, jti, hash, at)
		if err != nil {
			equal(t, "the owner beside an error", owner.Username, "")
		}
		return err
	}
	bad := bytes.Clone(access.Hash)
	bad[31] ^= 1
	want(t, "the access token", ask(authn.AccessToken, access.JTI, access.Hash, now), nil)
	want(t, "the refresh token", ask(authn.RefreshToken, refresh.JTI, refresh.Hash, now), nil)
	want(t, "an unknown jti", ask(authn.AccessToken, uuid.NewString(), access.Hash, now), authn.ErrTokenNotFound)
	want(t, "an empty jti", ask(authn.AccessToken, "", access.Hash, now), authn.ErrTokenNotFound)
	want(t, "an access token as refresh token", ask(authn.RefreshToken, access.JTI, access.Hash, now), authn.ErrTokenNotFound)
	want(t, "a refresh token as access token", ask(authn.AccessToken, refresh.JTI, refresh.Hash, now), authn.ErrTokenNotFound)
	want(t, "a hash with one bit flipped", ask(authn.AccessToken, access.JTI, bad, now), authn.ErrTokenNotFound)
	want(t, "the hash of another token", ask(authn.RefreshToken, refresh.JTI, other.Hash, now), authn.ErrTokenNotFound)
	want(t, "half a hash", ask(authn.AccessToken, access.JTI, access.Hash[:16], now), authn.ErrTokenNotFound)
	want(t, "no hash", ask(authn.AccessToken, access.JTI, nil, now), authn.ErrTokenNotFound)
	want(t, "the last microsecond", ask(authn.AccessToken, access.JTI, access.Hash, access.ExpiresAt.Add(-time.Microsecond)), nil)
	want(t, "the moment of expiry", ask(authn.AccessToken, access.JTI, access.Hash, access.ExpiresAt), authn.ErrTokenSpent)
	want(t, "after the expiry", ask(authn.AccessToken, access.JTI, access.Hash, access.ExpiresAt.Add(time.Hour)), authn.ErrTokenSpent)

	_, err := s.UpdateUser(t.Context(), u.ID, authn.UserChange{Active: ptr(false), Act: By(now)})
	must(t, err)
	want(t, "a token of a disabled user", ask(authn.AccessToken, access.JTI, access.Hash, now), authn.ErrUserInactive)
	_, err = s.UpdateUser(t.Context(), u.ID, authn.UserChange{Active: ptr(true), Act: By(now)})
	must(t, err)
	want(t, "the token of a user who is enabled again", ask(authn.AccessToken, access.JTI, access.Hash, now), nil)
	_, err = s.EndSessions(t.Context(), u.ID, uuid.Nil, By(now))
	must(t, err)
	want(t, "an invalidated token", ask(authn.AccessToken, access.JTI, access.Hash, now), authn.ErrTokenSpent)
	want(t, "an invalidated token, asked with an earlier time",
		ask(authn.AccessToken, access.JTI, access.Hash, now.Add(-time.Minute)), authn.ErrTokenSpent)
	must(t, s.DeleteUser(t.Context(), u.ID, By(now)))
	want(t, "a token of a deleted user", ask(authn.AccessToken, access.JTI, access.Hash, now), authn.ErrTokenNotFound)
}

func ownerIsFresh(t *testing.T, db Database) {
	stores := db.replicas(t)
	u := add(t, stores[0], person("alice"))
	access, _ := login(t, stores[0], u)
	must(t, liveness(t, stores[1], access, now))
	u, err := stores[0].UpdateUser(t.Context(), u.ID, authn.UserChange{Roles: &[]string{"none"}, Username: ptr("alicia"), Act: By(now)})
	must(t, err)
	owner, _, err := stores[1].TokenOwner(t.Context(), access.Kind, access.JTI, access.Hash, now)
	must(t, err)
	equal(t, "the owner on the other replica", owner, u)
}

func issueRefused(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	disabled := person("disabled")
	disabled.Active = false
	add(t, s, disabled)
	for _, c := range []struct {
		name   string
		user   authn.User
		hash   string
		answer error
	}{
		{"a user who is not there", person("nobody"), hash, authn.ErrUserNotFound},
		{"a disabled user", disabled, hash, authn.ErrUserInactive},
		{"a changed password", u, "$2b$12$before", authn.ErrStale},
		{"a good login", u, hash, nil},
	} {
		access, refresh := pair(c.user)
		want(t, c.name, begin(t, s, access, refresh, c.hash, now.Add(time.Hour)), c.answer)
		for _, token := range []authn.Token{access, refresh} {
			if c.answer == nil {
				must(t, liveness(t, s, token, now))
			} else {
				want(t, c.name+": its token", liveness(t, s, token, now), authn.ErrTokenNotFound)
			}
		}
		if c.answer != nil {
			stored(t, s, u) // last login included
		}
	}
}

func tokenIDsUnique(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	access, refresh := login(t, s, u)
	next, nextRefresh := pair(u)
	nextRefresh.JTI = access.JTI
	if err := begin(t, s, next, nextRefresh, hash, now); err == nil {
		t.Error("a second token got the jti of the first")
	}
	want(t, "the access token of the refused pair", liveness(t, s, next, now), authn.ErrTokenNotFound)
	if err := rotate(t, s, refresh.JTI, refresh.Hash, next, nextRefresh, now); err == nil {
		t.Error("a successor got the jti of another token")
	}
	want(t, "the refresh token of the refused rotation", liveness(t, s, refresh, now), nil)
}

func pairsBelong(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	access, refresh := pair(alice)
	foreign, foreignRefresh := pair(bob)
	for name, err := range map[string]error{
		"two users":    begin(t, s, access, foreignRefresh, hash, now),
		"two accesses": begin(t, s, access, foreign, hash, now),
		"swapped":      begin(t, s, refresh, access, hash, now),
	} {
		if err == nil {
			t.Errorf("%s were taken for a pair", name)
		}
	}
	for _, token := range []authn.Token{access, refresh, foreign, foreignRefresh} {
		want(t, "a token of no pair", liveness(t, s, token, now), authn.ErrTokenNotFound)
	}
	must(t, begin(t, s, access, refresh, hash, now))
}

func purgeTokens(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	access, refresh := login(t, s, u) // expire after an hour and a day
	purge := func(before time.Time) int {
		n, err := s.PurgeTokens(t.Context(), before)
		must(t, err)
		return n
	}
	equal(t, "purged at the moment of expiry", purge(access.ExpiresAt), 0)
	want(t, "the access token before it is purged", liveness(t, s, access, access.ExpiresAt), authn.ErrTokenSpent)
	equal(t, "purged after the expiry of one", purge(access.ExpiresAt.Add(time.Microsecond)), 1)
	want(t, "the purged token", liveness(t, s, access, access.ExpiresAt), authn.ErrTokenNotFound)
	must(t, liveness(t, s, refresh, now))
	equal(t, "purged again", purge(access.ExpiresAt.Add(time.Microsecond)), 0)
	equal(t, "purged after all have expired", purge(refresh.ExpiresAt.Add(time.Microsecond)), 1)
}

func purgeMany(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	const logins = 1050 // more than two thousand tokens
	session := uuid.New()
	access, refresh := pairOf(u.ID, session)
	must(t, begin(t, s, access, refresh, hash, now))
	for range logins - 1 {
		nextAccess, nextRefresh := pairOf(u.ID, session)
		must(t, rotate(t, s, refresh.JTI, refresh.Hash, nextAccess, nextRefresh, now))
		refresh = nextRefresh
	}
	n, err := s.PurgeTokens(t.Context(), now.Add(48*time.Hour))
	must(t, err)
	equal(t, "the number of purged tokens", n, 2*logins)
	want(t, "the last refresh token", liveness(t, s, refresh, now), authn.ErrTokenNotFound)
}
