package storetest

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
)

func usernames(t *testing.T, db Database) {
	s := db.open(t)
	names, err := s.Usernames(t.Context(), nil)
	must(t, err)
	equal(t, "the names of nobody", names, map[uuid.UUID]string{})
	asked, expected := []uuid.UUID{uuid.New()}, map[uuid.UUID]string{}
	for i := range 3 {
		u := add(t, s, person(fmt.Sprintf("user%d", i)))
		asked, expected[u.ID] = append(asked, u.ID, u.ID), u.Username
	}
	add(t, s, person("not asked for"))
	gone := add(t, s, person("gone"))
	must(t, s.DeleteUser(t.Context(), gone.ID, By(now)))
	names, err = s.Usernames(t.Context(), append(asked, gone.ID))
	must(t, err)
	equal(t, "the names", names, expected)
	many := make([]uuid.UUID, 1000)
	for i := range many {
		many[i] = uuid.New()
	}
	names, err = s.Usernames(t.Context(), append(many[1:], asked[1]))
	must(t, err)
	equal(t, "the number of names among a thousand", len(names), 1)
}
