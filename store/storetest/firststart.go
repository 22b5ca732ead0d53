package storetest

import (
	"fmt"
	"testing"

	"github.com/descoped/authly/authn"
)

func firstStartCases() []promise {
	return []promise{
		{"first start/once", "an administrator with a known password must not come back after all users were deleted", firstOnce},
		{"first start/not the first", "a database that has users already must not get an administrator", firstWithUsers},
		{"first start/many replicas", "of replicas that start at once one prints the password that is valid", firstRace},
	}
}

func firstOnce(t *testing.T, db Database) {
	s := db.open(t)
	u := person("admin") // not the last administrator, so that it can be deleted
	added, err := s.CreateFirstUser(t.Context(), u, By(now))
	must(t, err)
	equal(t, "added at the first start", added, true)
	stored(t, s, u)
	again, err := s.CreateFirstUser(t.Context(), administrator("second"), By(now))
	must(t, err)
	equal(t, "added at the second start", again, false)
	must(t, s.DeleteUser(t.Context(), u.ID, By(now)))
	for _, replica := range []Store{s, db.open(t)} {
		again, err = replica.CreateFirstUser(t.Context(), administrator("third"), By(now))
		must(t, err)
		equal(t, "added after all users were deleted", again, false)
	}
	users, err := s.ListUsers(t.Context(), 0, 10)
	must(t, err)
	equal(t, "the number of users", len(users), 0)
}

func firstWithUsers(t *testing.T, db Database) {
	s := db.open(t)
	alice := add(t, s, person("alice"))
	for range 2 {
		added, err := s.CreateFirstUser(t.Context(), administrator("admin"), By(now))
		must(t, err)
		equal(t, "added beside a user", added, false)
		if err := s.DeleteUser(t.Context(), alice.ID, By(now)); err != nil {
			want(t, "the second deletion", err, authn.ErrUserNotFound)
		}
	}
}

func firstRace(t *testing.T, db Database) {
	stores := append(db.replicas(t), db.open(t))
	added := make([]bool, 30)
	users := make([]authn.User, len(added))
	errs := atOnce(len(added), func(i int) (err error) {
		users[i] = administrator("admin")
		users[i].EmailKey = fmt.Sprintf("admin%d@example.com", i)
		added[i], err = stores[i%3].CreateFirstUser(t.Context(), users[i], By(now))
		return err
	})
	equal(t, "the number of calls without error", tally(t, errs), len(errs))
	count := 0
	for i, ok := range added {
		if ok {
			count++
			stored(t, stores[0], users[i]) // who is told that the user was added has the one that was
		}
	}
	equal(t, "the number of users added", count, 1)
}
