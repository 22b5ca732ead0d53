package main_test

import (
	"net/http"
	"testing"
)

// After a backup was restored, or a database was stolen, one command ends what everybody has, cookies too.
func TestRevokeEverybody(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		cookie := g.browse(t, "alice")
		asks := func() int {
			return g.try(t, questions()[0], attempt{lines: []string{cookieLine(cookie)}}).status
		}
		if status := asks(); status != http.StatusOK {
			t.Fatalf("with a cookie: %d", status)
		}
		g.passed(t, questions()[0], attempt{lines: []string{bearerLine(g.alice.Access)}})
		if said := g.command(t, "", "session", "revoke", "--everybody"); said["users"].(float64) < 2 {
			t.Errorf("%v, want the number of users", said)
		}
		eventually(t, "the cookie is dead", func() bool { return asks() == http.StatusUnauthorized })
		for _, pair := range []tokens{g.alice, g.admin} {
			eventually(t, "a token is dead", func() bool {
				return g.try(t, questions()[0], attempt{lines: []string{bearerLine(pair.Access)}}).status == http.StatusUnauthorized
			})
		}
		g.login(t, "alice", passwordOf("alice"))
	})
}
