package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func keyCases() []promise {
	return []promise{
		{"key/one for each purpose and algorithm", "the key that tokens were signed with must be found again", keyKept},
		{"key/many replicas start", "replicas that start at once must sign with one key, or half of all tokens are refused", keyRace},
		{"key/many replicas rotate", "of replicas that replace a key at once one must succeed, or keys pile up", keyRotationRace},
		{"key/order", "the order tells which key signs", keyOrder},
		{"key/feed", "a replica that does not hear of a new key refuses what it signs", keyAnnounced},
		{"key/revoked", "a key that was stolen must be gone, and a new one there at once", keyRevoked},
		{"key/revoked, not signing", "a key that does not sign needs no other in its place", keyRevokedIdle},
		{"key/revoked by many", "a key is replaced once, however many people see that it must be", keyRevokedRace},
		{"key/tokens of a revoked key", "what a thief has signed must not pass at a replica that has not heard", keyTokensDie},
		{"key/sealed", "material is sealed anew while others do the same, and never of another key", keySealed},
		{"key/purge", "a key must stay while something lives that it signed, and go then", keyPurged},
	}
}

func newKey(i int, purpose authn.KeyPurpose, algorithm string) authn.Key {
	at := now.Add(time.Duration(i) * time.Second)
	return authn.Key{
		ID: fmt.Sprintf("%016x", i), Purpose: purpose, Algorithm: algorithm,
		Material: []byte{0, 1, 2, 0xff, '\'', '\\', byte(i)}, Sealing: "file:0123", CreatedAt: at, ActiveFrom: at,
	}
}

// addKey keeps a key that nothing speaks against.
func addKey(t *testing.T, s Store, key authn.Key, after string) {
	t.Helper()
	got, err := s.AddKey(t.Context(), key, after, By(now))
	must(t, err)
	equal(t, "the key that was added", got, key)
}

func hasKeys(t *testing.T, s Store, keys ...authn.Key) {
	t.Helper()
	got, err := s.ListKeys(t.Context())
	must(t, err)
	equal(t, "the keys", got, append([]authn.Key{}, keys...))
}

func keyKept(t *testing.T, db Database) {
	s := db.open(t)
	hasKeys(t, s)
	keys := []authn.Key{
		newKey(1, authn.SignAccess, "EdDSA"), newKey(2, authn.SignAccess, "ES256"), newKey(3, authn.SignRefresh, "EdDSA"),
	}
	for _, key := range keys {
		addKey(t, s, key, "")
	}
	for i, key := range keys {
		got, err := s.AddKey(t.Context(), newKey(10+i, key.Purpose, key.Algorithm), "", By(now))
		must(t, err)
		equal(t, "the key that was there", got, key)
		got, err = s.AddKey(t.Context(), newKey(10+i, key.Purpose, key.Algorithm), "somebody else", By(now))
		must(t, err)
		equal(t, "the key that was there", got, key)
	}
	hasKeys(t, s, keys...)
	sameID := newKey(1, authn.SignRefresh, "ES256")
	if _, err := s.AddKey(t.Context(), sameID, "", By(now)); err == nil {
		t.Error("two keys got one id")
	}
	hasKeys(t, s, keys...)
}

func keyRace(t *testing.T, db Database) { raceForKey(t, db, "") }

func keyRotationRace(t *testing.T, db Database) {
	before := newKey(1, authn.SignAccess, "EdDSA")
	addKey(t, db.open(t), before, "")
	raceForKey(t, db, before.ID)
}

// raceForKey lets many replicas add a key at once.
func raceForKey(t *testing.T, db Database, after string) {
	stores := append(db.replicas(t), db.open(t))
	there, err := stores[0].ListKeys(t.Context())
	must(t, err)
	got := make([]authn.Key, 30)
	errs := atOnce(len(got), func(i int) (err error) {
		got[i], err = stores[i%3].AddKey(t.Context(), newKey(10+i, authn.SignAccess, "EdDSA"), after, By(now))
		return err
	})
	equal(t, "the number of calls without error", tally(t, errs), len(errs))
	for _, key := range got {
		equal(t, "the key of a replica", key, got[0])
	}
	hasKeys(t, stores[0], append(there, got[0])...)
}

func keyOrder(t *testing.T, db Database) {
	s := db.open(t)
	later, earlier := newKey(9, authn.SignAccess, "EdDSA"), newKey(1, authn.SignAccess, "ES256")
	atOnce := newKey(8, authn.SignAccess, "ES256")
	atOnce.ActiveFrom = earlier.ActiveFrom
	for key, after := range map[*authn.Key]string{&later: "", &earlier: ""} {
		addKey(t, s, *key, after)
	}
	addKey(t, s, atOnce, earlier.ID)
	hasKeys(t, s, earlier, atOnce, later)
	ahead := newKey(7, authn.SignAccess, "EdDSA")
	ahead.ActiveFrom = later.ActiveFrom.Add(-time.Minute)
	addKey(t, s, ahead, later.ID) // an earlier place is no reason to refuse it
	hasKeys(t, s, ahead, earlier, atOnce, later)
}

func keyAnnounced(t *testing.T, db Database) {
	s := db.open(t)
	first, second := newKey(1, authn.SignAccess, "EdDSA"), newKey(2, authn.SignAccess, "EdDSA")
	addKey(t, s, first, "")
	_, err := s.AddKey(t.Context(), second, "", By(now)) // changes nothing
	must(t, err)
	addKey(t, s, second, first.ID)
	changes, cursor, err := s.Changes(t.Context(), authn.Cursor{})
	must(t, err)
	equal(t, "the changes", changes, []authn.Change{
		{Kind: authn.KeyAdded, KeyID: first.ID, At: first.CreatedAt}, {Kind: authn.KeyAdded, KeyID: second.ID, At: second.CreatedAt},
	})
	third, at := newKey(3, authn.SignAccess, "EdDSA"), now.Add(3*time.Second)
	replaced, err := s.RevokeKey(t.Context(), second.ID, &third, By(at))
	must(t, err)
	equal(t, "that it was replaced", replaced, true)
	changes, _, err = s.Changes(t.Context(), cursor)
	must(t, err)
	equal(t, "the changes", changes, []authn.Change{
		{Kind: authn.KeyEnded, KeyID: second.ID, At: at}, {Kind: authn.KeyAdded, KeyID: third.ID, At: third.CreatedAt},
	})
}

func keyRevoked(t *testing.T, db Database) {
	s := db.open(t)
	retired, signing, next := newKey(1, authn.SignAccess, "EdDSA"), newKey(2, authn.SignAccess, "EdDSA"), newKey(60, authn.SignAccess, "EdDSA")
	other := newKey(3, authn.SignRefresh, "EdDSA")
	addKey(t, s, retired, "")
	addKey(t, s, signing, retired.ID)
	addKey(t, s, next, signing.ID)
	addKey(t, s, other, "")
	at := now.Add(10 * time.Second)
	successor := newKey(10, authn.SignAccess, "EdDSA")
	replaced, err := s.RevokeKey(t.Context(), signing.ID, &successor, By(at))
	must(t, err)
	equal(t, "that it was replaced", replaced, true)
	signing.Material, signing.Sealing, signing.RevokedAt = nil, "", at
	hasKeys(t, s, retired, signing, other, successor, next)

	_, err = s.RevokeKey(t.Context(), signing.ID, ptr(newKey(11, authn.SignAccess, "EdDSA")), By(at))
	want(t, "revoking it again", err, authn.ErrStale)
	_, err = s.RevokeKey(t.Context(), "0000000000000000", ptr(newKey(11, authn.SignAccess, "EdDSA")), By(at))
	want(t, "revoking a key that does not exist", err, authn.ErrKeyNotFound)
	hasKeys(t, s, retired, signing, other, successor, next)

	got, err := s.AddKey(t.Context(), newKey(90, authn.SignAccess, "EdDSA"), signing.ID, By(now))
	must(t, err)
	equal(t, "the last key", got, next)
}

func keyRevokedIdle(t *testing.T, db Database) {
	s := db.open(t)
	retired, signing, next := newKey(1, authn.SignAccess, "EdDSA"), newKey(2, authn.SignAccess, "EdDSA"), newKey(60, authn.SignAccess, "EdDSA")
	other := newKey(3, authn.SignAccess, "RS256")
	addKey(t, s, retired, "")
	addKey(t, s, signing, retired.ID)
	addKey(t, s, next, signing.ID)
	addKey(t, s, other, "")
	at := now.Add(10 * time.Second)
	for _, key := range []*authn.Key{&retired, &next, &other} {
		replaced, err := s.RevokeKey(t.Context(), key.ID, ptr(newKey(10, authn.SignAccess, "EdDSA")), By(at))
		must(t, err)
		equal(t, "that it was replaced", replaced, false)
		key.Material, key.Sealing, key.RevokedAt = nil, "", at
	}
	hasKeys(t, s, retired, signing, other, next)

	// A clock that is behind those of others has not seen the key begin: the first one signs nevertheless.
	successor := newKey(10, authn.SignAccess, "EdDSA")
	replaced, err := s.RevokeKey(t.Context(), signing.ID, &successor, By(now))
	must(t, err)
	equal(t, "that it was replaced", replaced, true)
	signing.Material, signing.Sealing, signing.RevokedAt = nil, "", now
	hasKeys(t, s, retired, signing, other, successor, next)
}

func keyRevokedRace(t *testing.T, db Database) {
	stores := db.replicas(t)
	key := newKey(1, authn.SignAccess, "EdDSA")
	addKey(t, stores[0], key, "")
	errs := atOnce(10, func(i int) error {
		_, err := stores[i%2].RevokeKey(t.Context(), key.ID, ptr(newKey(10+i, authn.SignAccess, "EdDSA")), By(now.Add(time.Minute)))
		return err
	})
	equal(t, "the number of those who revoked it", tally(t, errs, authn.ErrStale), 1)
	keys, err := stores[0].ListKeys(t.Context())
	must(t, err)
	equal(t, "the number of keys", len(keys), 2)
}

func keyTokensDie(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	stolen, good := newKey(1, authn.SignAccess, "EdDSA"), newKey(2, authn.SignAccess, "RS256")
	addKey(t, s, stolen, "")
	addKey(t, s, good, "")
	var tokens []authn.Token
	for _, key := range []authn.Key{stolen, good} {
		access, refresh := pair(u)
		access.KeyID, refresh.KeyID = key.ID, key.ID
		must(t, begin(t, s, access, refresh, u.PasswordHash, now))
		tokens = append(tokens, access, refresh)
	}
	for _, token := range tokens {
		must(t, liveness(t, s, token, now))
	}
	_, err := s.RevokeKey(t.Context(), stolen.ID, ptr(newKey(3, authn.SignAccess, "EdDSA")), By(now))
	must(t, err)
	_, err = s.RevokeKey(t.Context(), "0000000000000000", nil, By(now))
	want(t, "revoking a key that does not exist", err, authn.ErrKeyNotFound)
	for i, answer := range []error{authn.ErrTokenSpent, authn.ErrTokenSpent, nil, nil} {
		want(t, fmt.Sprintf("token %d", i), liveness(t, s, tokens[i], now), answer)
	}
	next, nextRefresh := pairOf(u.ID, tokens[1].SessionID)
	want(t, "a rotation", rotate(t, s, tokens[1].JTI, tokens[1].Hash, next, nextRefresh, now), authn.ErrTokenSpent)

	next, nextRefresh = pairOf(u.ID, tokens[3].SessionID)
	next.KeyID = stolen.ID
	want(t, "a rotation to a token of the revoked key", rotate(t, s, tokens[3].JTI, tokens[3].Hash, next, nextRefresh, now), authn.ErrKeyRevoked)
	access, refresh := pair(u)
	refresh.KeyID = stolen.ID
	want(t, "a login with a token of the revoked key", begin(t, s, access, refresh, u.PasswordHash, now), authn.ErrKeyRevoked)
	want(t, "that login's session", sessionLiveness(t, s, refresh), authn.ErrSessionNotFound)
	refresh.KeyID = "0000000000000000"
	must(t, begin(t, s, access, refresh, u.PasswordHash, now)) // it is a secret's
	access, refresh = pair(u)
	access.KeyID, refresh.KeyID, refresh.KeyKept = good.ID, "0000000000000000", true
	want(t, "a login with a token of a removed key", begin(t, s, access, refresh, u.PasswordHash, now), authn.ErrKeyRevoked)
	next.KeyID, next.KeyKept = good.ID, true
	must(t, rotate(t, s, tokens[3].JTI, tokens[3].Hash, next, nextRefresh, now))
}

func sessionLiveness(t *testing.T, s Store, token authn.Token) error {
	t.Helper()
	_, err := s.SessionByID(t.Context(), token.UserID, token.SessionID)
	return err
}

func keySealed(t *testing.T, db Database) {
	s := db.open(t)
	key, other := newKey(1, authn.SignAccess, "EdDSA"), newKey(2, authn.SignRefresh, "HS256")
	key.Sealing = ""
	addKey(t, s, key, "")
	addKey(t, s, other, "")
	sealed := key
	sealed.Material, sealed.Sealing = []byte{9, 0, 9}, "file:4567"
	must(t, s.SealKey(t.Context(), sealed, "", By(now)))
	hasKeys(t, s, sealed, other)
	late := key
	late.Material, late.Sealing = []byte{8}, "master:89ab"
	must(t, s.SealKey(t.Context(), late, "", By(now))) // somebody was first
	hasKeys(t, s, sealed, other)
	_, err := s.RevokeKey(t.Context(), other.ID, nil, By(now))
	must(t, err)
	must(t, s.SealKey(t.Context(), other, "", By(now)))
	other.Material, other.Sealing, other.RevokedAt = nil, "", now
	hasKeys(t, s, sealed, other)
}

func keyPurged(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	used, idle, kept := newKey(1, authn.SignAccess, "EdDSA"), newKey(2, authn.SignAccess, "RS256"), newKey(3, authn.SignRefresh, "HS256")
	for _, key := range []authn.Key{used, idle, kept} {
		addKey(t, s, key, "")
	}
	access, refresh := pairOf(u.ID, uuid.New())
	access.KeyID, refresh.KeyID = used.ID, kept.ID
	must(t, begin(t, s, access, refresh, u.PasswordHash, now))
	purge := func(after time.Time, removed int, left ...authn.Key) {
		t.Helper()
		n, err := s.PurgeKeys(t.Context(), []string{used.ID, idle.ID, "no such key"}, after)
		must(t, err)
		equal(t, "the number of keys removed", n, removed)
		hasKeys(t, s, left...)
	}
	purge(now, 1, used, kept)
	purge(access.ExpiresAt.Add(-time.Microsecond), 0, used, kept)
	purge(access.ExpiresAt, 1, kept)
	n, err := s.PurgeKeys(t.Context(), nil, now.Add(time.Hour*1000))
	must(t, err)
	equal(t, "the number of keys removed", n, 0)
	hasKeys(t, s, kept)
}
