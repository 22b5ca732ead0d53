package storetest

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func administratorCases() []promise {
	return []promise{
		{"administrator/last one stays", "nobody could ever administer the installation again", lastAdministrator},
		{"administrator/none to begin with", "an installation without an administrator must still be able to change users",
			noAdministrator},
		{"administrator/two remove each other", "each sees the other one at the moment of the check", removeEachOther},
	}
}

// removals are the ways in which a user stops being an active administrator.
var removals = map[string]func(t *testing.T, s Store, id uuid.UUID) error{
	"delete": func(t *testing.T, s Store, id uuid.UUID) error { return s.DeleteUser(t.Context(), id, By(now)) },
	"disable": func(t *testing.T, s Store, id uuid.UUID) error {
		_, err := s.UpdateUser(t.Context(), id, authn.UserChange{Active: ptr(false), Act: By(now)})
		return err
	},
	"demote": func(t *testing.T, s Store, id uuid.UUID) error {
		_, err := s.UpdateUser(t.Context(), id, authn.UserChange{Admin: ptr(false), EndSessions: true, Act: By(now)})
		return err
	},
}

func lastAdministrator(t *testing.T, db Database) {
	s := db.open(t)
	root := add(t, s, administrator("root"))
	disabled := administrator("disabled") // is no help
	disabled.Active = false
	add(t, s, disabled)
	access, _ := login(t, s, root)
	root.LastLogin = now
	for name, remove := range removals {
		want(t, name, remove(t, s, root.ID), authn.ErrLastAdministrator)
		stored(t, s, root)
		must(t, liveness(t, s, access, now)) // nothing has changed: the session neither
	}
	for name, remove := range removals {
		second := add(t, s, administrator("second-"+name))
		want(t, name+" with another administrator", remove(t, s, second.ID), nil)
	}
	_, err := s.UpdateUser(t.Context(), root.ID, authn.UserChange{Roles: &[]string{"x"}, Active: ptr(true), Admin: ptr(true), Act: By(now)})
	want(t, "a change that leaves the last administrator one", err, nil)
	want(t, "the deletion of the disabled one", s.DeleteUser(t.Context(), disabled.ID, By(now)), nil)
}

func noAdministrator(t *testing.T, db Database) {
	s := db.open(t)
	for name, remove := range removals {
		u := add(t, s, person("user-"+name))
		want(t, name, remove(t, s, u.ID), nil)
	}
}

func removeEachOther(t *testing.T, db Database) {
	stores := db.replicas(t)
	survivor := add(t, stores[0], administrator("root"))
	for one, removeOne := range removals {
		for other, removeOther := range removals {
			for round := range 3 {
				what := fmt.Sprintf("%s against %s, round %d", one, other, round)
				rival := add(t, stores[0], administrator(what))
				errs := atOnce(2, func(i int) error {
					if i == 0 {
						return removeOne(t, stores[0], survivor.ID)
					}
					return removeOther(t, stores[1], rival.ID)
				})
				equal(t, what+": how many were removed", tally(t, errs, authn.ErrLastAdministrator), 1)
				if errs[0] == nil {
					survivor = rival
				}
				stored(t, stores[0], survivor)
			}
		}
	}
}
