package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func userCases() []promise {
	return []promise{
		{"user/kept as given", "a user must come back as created, whichever way they are looked up", userKept},
		{"user/absent", "a name that nobody has must be told apart from a fault, or a login of nobody is a 500", userAbsent},
		{"user/conflicts", "the right field must be named in the registration form, on both databases", userConflicts},
		{"user/names are compared as they stand", "authn maps names before; a store that folds case or trims again would " +
			"let one user shadow another", userNamesExact},
		{"user/hundred registrations", "of simultaneous registrations of one name exactly one may get the account",
			hundredRegistrations},
		{"user/hundred addresses", "the same for an email address under different names", hundredAddresses},
		{"user/list", "pages must not overlap or leave anybody out, whoever was created in the same microsecond", listUsers},
		{"user/list after", "going on from the last one must leave nobody out either, though that one was deleted", listUsersAfter},
		{"user/names", "who reads ids must be told whose they are, and of those who are gone nothing", usernames},
		{"user/password schemes", "the check of an unknown name takes its cost from these counts", passwordSchemes},
		{"user/times", "a time must survive to the microsecond, in any zone and any century", userTimes},
	}
}

func userKept(t *testing.T, db Database) {
	s := db.open(t)
	full := administrator("full")
	full.LastLogin = now.Add(time.Minute)
	full.UpdatedAt = now.Add(time.Second)
	bare := person("bare")
	bare.Active, bare.Verified, bare.Roles, bare.Email, bare.EmailKey = false, false, nil, "", ""
	for _, u := range []authn.User{full, bare} {
		add(t, s, u)
	}
	bare.Roles = []string{} // never nil when read
	for _, u := range []authn.User{full, bare} {
		stored(t, s, u)
		got, err := s.UserByUsername(t.Context(), u.Username)
		must(t, err)
		equal(t, "the user by username", got, u)
		got, err = s.UserByEmailKey(t.Context(), u.EmailKey)
		must(t, err)
		equal(t, "the user by email key", got, u)
	}
}

func userAbsent(t *testing.T, db Database) {
	s := db.open(t)
	add(t, s, person("alice"))
	_, err := s.UserByID(t.Context(), uuid.New())
	want(t, "an unknown id", err, authn.ErrUserNotFound)
	_, err = s.UserByUsername(t.Context(), "bob")
	want(t, "an unknown username", err, authn.ErrUserNotFound)
	_, err = s.UserByEmailKey(t.Context(), "alice")
	want(t, "a username as email key", err, authn.ErrUserNotFound)
	_, err = s.UpdateUser(t.Context(), uuid.New(), authn.UserChange{Act: By(now)})
	want(t, "the update of an unknown id", err, authn.ErrUserNotFound)
	want(t, "the deletion of an unknown id", s.DeleteUser(t.Context(), uuid.New(), By(now)), authn.ErrUserNotFound)
}

func userConflicts(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	sameName, sameEmail, both := person("alice"), person("bob"), person("alice")
	sameName.EmailKey = "other@example.com"
	sameEmail.EmailKey = alice.EmailKey
	want(t, "a taken username", s.CreateUser(t.Context(), sameName, By(now)), authn.ErrUsernameTaken)
	want(t, "a taken email", s.CreateUser(t.Context(), sameEmail, By(now)), authn.ErrEmailTaken)
	want(t, "both taken", s.CreateUser(t.Context(), both, By(now)), authn.ErrUsernameTaken)
	bob := add(t, s, person("bob"))
	_, err := s.UpdateUser(t.Context(), bob.ID, authn.UserChange{Username: &alice.Username, Act: By(now)})
	want(t, "an update to a taken username", err, authn.ErrUsernameTaken)
	_, err = s.UpdateUser(t.Context(), bob.ID, authn.UserChange{Email: &alice.Email, EmailKey: &alice.EmailKey, Act: By(now)})
	want(t, "an update to a taken email", err, authn.ErrEmailTaken)
	stored(t, s, bob)
	sameID := person("carol")
	sameID.ID = alice.ID
	if err := s.CreateUser(t.Context(), sameID, By(now)); err == nil {
		t.Error("a second user got the id of the first")
	}
	must(t, s.DeleteUser(t.Context(), alice.ID, By(now)))
	must(t, s.CreateUser(t.Context(), sameName, By(now))) // a name is free again when its user is gone
}

func userNamesExact(t *testing.T, db Database) {
	s := db.open(t)
	names := []string{"straße", "strasse", "STRASSE", "strasse ", " strasse", "ſtrasse", "\u00e9", "e\u0301", "i", "ı", "İ", "I"}
	for _, name := range names {
		add(t, s, person(name))
	}
	for _, name := range names {
		u, err := s.UserByUsername(t.Context(), name)
		must(t, err)
		equal(t, "the username", u.Username, name)
	}
}

func hundredRegistrations(t *testing.T, db Database) {
	stores := db.replicas(t)
	errs := atOnce(100, func(i int) error {
		u := person("alice")
		u.EmailKey = fmt.Sprintf("alice%d@example.com", i)
		return stores[i%2].CreateUser(t.Context(), u, By(now))
	})
	equal(t, "the number of registrations that succeeded", tally(t, errs, authn.ErrUsernameTaken), 1)
	users, err := stores[0].ListUsers(t.Context(), 0, 100)
	must(t, err)
	equal(t, "the number of users", len(users), 1)
}

func hundredAddresses(t *testing.T, db Database) {
	stores := db.replicas(t)
	errs := atOnce(100, func(i int) error {
		u := person(fmt.Sprintf("alice%d", i))
		u.EmailKey = "alice@example.com"
		return stores[i%2].CreateUser(t.Context(), u, By(now))
	})
	equal(t, "the number of registrations that succeeded", tally(t, errs, authn.ErrEmailTaken), 1)
}

func listUsers(t *testing.T, db Database) {
	s := db.open(t)
	empty, err := s.ListUsers(t.Context(), 0, 10)
	must(t, err)
	equal(t, "the list of nobody", len(empty), 0)
	// Later ids first, so that the order of insertion is not the order asked for; three share a microsecond.
	var all []authn.User
	for i, created := range []time.Duration{0, 1, 1, 1, 2} {
		u := person(fmt.Sprintf("user%d", i))
		u.ID = uuid.UUID{0: byte(i), 15: 1}
		u.CreatedAt = now.Add(created * time.Microsecond)
		all = append(all, u)
	}
	for i := range all {
		add(t, s, all[len(all)-1-i])
	}
	for skip := range len(all) + 2 {
		for limit := 1; limit <= len(all)+1; limit++ {
			got, err := s.ListUsers(t.Context(), skip, limit)
			must(t, err)
			from := min(skip, len(all))
			equal(t, fmt.Sprintf("skip %d limit %d", skip, limit), got, append([]authn.User{}, all[from:min(from+limit, len(all))]...))
		}
	}
}

func listUsersAfter(t *testing.T, db Database) {
	s := db.open(t)
	var all []authn.User
	for i := range 7 { // three at a time
		u := person(fmt.Sprintf("user%d", i))
		u.ID, u.CreatedAt = uuid.UUID{0: byte(9 - i), 15: 1}, now.Add(time.Duration(i/3)*time.Microsecond)
		all = append(all, add(t, s, u))
	}
	slices.SortFunc(all, func(a, b authn.User) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID.String(), b.ID.String()))
	})
	for limit := 1; limit <= len(all)+1; limit++ {
		var got []authn.User
		var place authn.UserPlace
		for range len(all) + 1 {
			page, err := s.ListUsersAfter(t.Context(), place, limit)
			must(t, err)
			for _, u := range page {
				place = authn.UserPlace{CreatedAt: u.CreatedAt, ID: u.ID}
			}
			got = append(got, page...)
		}
		equal(t, fmt.Sprintf("all in pages of %d", limit), got, all)
	}
	gone := all[2]
	must(t, s.DeleteUser(t.Context(), gone.ID, By(now)))
	rest, err := s.ListUsersAfter(t.Context(), authn.UserPlace{CreatedAt: gone.CreatedAt, ID: gone.ID}, 100)
	must(t, err)
	equal(t, "those behind one who is gone", rest, all[3:])
}

func passwordSchemes(t *testing.T, db Database) {
	s := db.open(t)
	none, err := s.PasswordSchemes(t.Context())
	must(t, err)
	equal(t, "the schemes of nobody", none, map[string]int{})
	hashes := []string{hash, hash, "$2a$10$WApznUPhDubN0oeveSXHpeFKfWv2vDlBoHXiKuBFHqe1mOq4dmWFK",
		"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0"}
	expected := map[string]int{}
	var last authn.User
	for i, h := range hashes {
		last = person(fmt.Sprintf("user%d", i))
		last.PasswordHash = h
		add(t, s, last)
		expected[authn.PasswordScheme(h)]++
	}
	got, err := s.PasswordSchemes(t.Context())
	must(t, err)
	equal(t, "the schemes", got, expected)
	upgraded := hash
	_, err = s.UpdateUser(t.Context(), last.ID, authn.UserChange{PasswordHash: &upgraded, Act: By(now)})
	must(t, err)
	got, err = s.PasswordSchemes(t.Context())
	must(t, err)
	equal(t, "the count after a hash was upgraded", got[authn.PasswordScheme(hash)], 3)
	equal(t, "the number of schemes after that", len(got), 2)
}

func userTimes(t *testing.T, db Database) {
	s := db.open(t)
	for i, at := range []time.Time{
		time.Date(1901, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Unix(0, 0),
		time.Date(2031, 10, 26, 2, 30, 0, 999_999_999, time.FixedZone("summer", 2*3600)),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		u := person(fmt.Sprintf("user%d", i))
		u.CreatedAt, u.UpdatedAt, u.LastLogin = at, at, at
		add(t, s, u)
		kept := at.Truncate(time.Microsecond).UTC()
		u.CreatedAt, u.UpdatedAt, u.LastLogin = kept, kept, kept
		stored(t, s, u)
	}
}
