package storetest

import (
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

func updateCases() []promise {
	return []promise{
		{"update/each field", "a change must change what it names, and nothing else", updateEachField},
		{"update/nothing", "a change of no field only moves the time of the last change", updateNothing},
		{"update/own name again", "who keeps their name must not be told that it is taken", updateOwnName},
		{"update/if password hash", "a hash that is upgraded at login must not undo a password change made meanwhile",
			updateIfPasswordHash},
		{"update/different fields at once", "an administrator who edits roles must not undo a verification of that moment",
			updateDifferentFields},
		{"update/one name for two", "two users who want one name at once: one gets it", updateRace},
	}
}

// fieldChange is a change of one field and what the user is after it.
type fieldChange struct {
	name   string
	change authn.UserChange
	apply  func(*authn.User)
}

func fieldChanges() []fieldChange {
	name, email, key, other := "renamed", "New@Example.org", "new@example.org", "$2b$10$other"
	again := "again@example.org"
	yes, no, roles, none, login := true, false, []string{"a", "b"}, []string{}, now.Add(-time.Hour)
	return []fieldChange{
		{"username", authn.UserChange{Username: &name}, func(u *authn.User) { u.Username = name }},
		{"email", authn.UserChange{Email: &email, EmailKey: &key}, func(u *authn.User) {
			u.Email, u.EmailKey, u.Verified = email, key, false // nobody has verified the new address
		}},
		{"email and verified", authn.UserChange{Email: &again, EmailKey: &again, Verified: &yes}, func(u *authn.User) {
			u.Email, u.EmailKey, u.Verified = again, again, true
		}},
		{"password", authn.UserChange{PasswordHash: &other}, func(u *authn.User) { u.PasswordHash = other }},
		{"inactive", authn.UserChange{Active: &no}, func(u *authn.User) { u.Active = false }},
		{"active", authn.UserChange{Active: &yes}, func(u *authn.User) { u.Active = true }},
		{"unverified", authn.UserChange{Verified: &no}, func(u *authn.User) { u.Verified = false }},
		{"verified", authn.UserChange{Verified: &yes}, func(u *authn.User) { u.Verified = true }},
		{"admin", authn.UserChange{Admin: &yes}, func(u *authn.User) { u.Admin = true }},
		{"no admin", authn.UserChange{Admin: &no}, func(u *authn.User) { u.Admin = false }},
		{"roles", authn.UserChange{Roles: &roles}, func(u *authn.User) { u.Roles = roles }},
		{"no roles", authn.UserChange{Roles: &none}, func(u *authn.User) { u.Roles = none }},
		{"last login", authn.UserChange{LastLogin: &login}, func(u *authn.User) { u.LastLogin = login }},
	}
}

func updateEachField(t *testing.T, db Database) {
	s := db.open(t)
	add(t, s, administrator("root")) // so that others may stop being one
	bystander := add(t, s, person("bystander"))
	u := add(t, s, person("alice"))
	for i, f := range fieldChanges() {
		f.change.Act = By(now.Add(time.Duration(i+1) * time.Minute))
		f.apply(&u)
		u.UpdatedAt = f.change.Act.At
		got, err := s.UpdateUser(t.Context(), u.ID, f.change)
		must(t, err)
		equal(t, "the answer to the change of "+f.name, got, u)
		stored(t, s, u)
	}
	stored(t, s, bystander)
}

func updateNothing(t *testing.T, db Database) {
	s := db.open(t)
	u := person("alice")
	u.LastLogin = now.Add(-time.Hour)
	add(t, s, u)
	u.UpdatedAt = now.Add(1500 * time.Nanosecond).Truncate(time.Microsecond)
	got, err := s.UpdateUser(t.Context(), u.ID, authn.UserChange{Act: By(now.Add(1500 * time.Nanosecond))})
	must(t, err)
	equal(t, "the answer", got, u)
	stored(t, s, u)
}

func updateOwnName(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	_, err := s.UpdateUser(t.Context(), u.ID,
		authn.UserChange{Username: &u.Username, Email: &u.Email, EmailKey: &u.EmailKey, Act: By(now)})
	must(t, err)
	stored(t, s, u)
}

func updateIfPasswordHash(t *testing.T, db Database) {
	s := db.open(t)
	u := add(t, s, person("alice"))
	access, _ := login(t, s, u)
	u.LastLogin = now
	wrong, next, upgraded := "$2b$12$stale", "$2b$13$next", "$2b$14$upgraded"
	_, err := s.UpdateUser(t.Context(), u.ID, authn.UserChange{PasswordHash: &upgraded, IfPasswordHash: &wrong, EndSessions: true, Act: By(now)})
	want(t, "a change on a stale hash", err, authn.ErrStale)
	stored(t, s, u)
	must(t, liveness(t, s, access, now))
	u.PasswordHash = next
	got, err := s.UpdateUser(t.Context(), u.ID, authn.UserChange{PasswordHash: &next, IfPasswordHash: ptr(hash), Act: By(now)})
	must(t, err)
	equal(t, "the answer", got, u)
}

func ptr[T any](v T) *T { return &v }

func updateDifferentFields(t *testing.T, db Database) {
	stores := db.replicas(t)
	u := person("alice")
	u.Verified = false
	add(t, stores[0], u)
	changes := []authn.UserChange{
		{Verified: ptr(true), Act: By(now)}, {Roles: &[]string{"owner"}, Act: By(now)}, {Admin: ptr(true), Act: By(now)},
		{PasswordHash: ptr("$2b$12$new"), Act: By(now)}, {Username: ptr("alicia"), Act: By(now)}, {LastLogin: &now, Act: By(now)},
	}
	errs := atOnce(len(changes), func(i int) error {
		_, err := stores[i%2].UpdateUser(t.Context(), u.ID, changes[i])
		return err
	})
	equal(t, "the number of changes that succeeded", tally(t, errs), len(changes))
	u.Verified, u.Roles, u.Admin = true, []string{"owner"}, true
	u.PasswordHash, u.Username, u.LastLogin = "$2b$12$new", "alicia", now
	stored(t, stores[0], u)
}

func updateRace(t *testing.T, db Database) {
	stores := db.replicas(t)
	var users []authn.User
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		users = append(users, add(t, stores[0], person(name)))
	}
	errs := atOnce(len(users), func(i int) error {
		_, err := stores[i%2].UpdateUser(t.Context(), users[i].ID, authn.UserChange{Username: ptr("wanted"), Act: By(now)})
		return err
	})
	equal(t, "the number of users who got the name", tally(t, errs, authn.ErrUsernameTaken), 1)
}
